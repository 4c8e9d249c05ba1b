package github

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
)

// maxEvent is the most that is read of the event that started a run; a webhook
// has at most 25 MB (docs.github.com, "Webhook events and payloads").
const maxEvent = 32 << 20

// payload is an event as far as somebody gives a run something by it.
type payload struct {
	Inputs  json.RawMessage `json:"inputs"`
	Payload json.RawMessage `json:"client_payload"`
}

// Inputs returns what the run was given by whoever started it: the inputs of a
// workflow_dispatch, and the members of a repository_dispatch's client_payload,
// under that name and a dot. unknown says why that cannot be known; it is empty
// if it is known. No other event carries inputs.
func (j *Job) Inputs(context.Context, func() error) (given map[string]string, unknown string, err error) {
	event := j.getenv("GITHUB_EVENT_NAME")
	if event != "workflow_dispatch" && event != "repository_dispatch" {
		return map[string]string{}, "", nil
	}
	path := j.getenv("GITHUB_EVENT_PATH")
	if path == "" {
		return nil, "this job has no GITHUB_EVENT_PATH", nil
	}
	raw, err := file.Read(path, maxEvent)
	if err != nil {
		return nil, "", fault.New(fault.Unavailable, fault.NotAvailable, "", "reading the event that started the run: %w", err)
	}
	var p payload
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, "", fault.New(fault.Refused, fault.Malformed, "", "the event that started the run is no JSON object")
	}
	object, prefix := p.Inputs, ""
	if event == "repository_dispatch" {
		object, prefix = p.Payload, "client_payload."
	}
	if object == nil {
		return nil, fmt.Sprintf("the event %s does not say what it carries", event), nil
	}
	var members map[string]any
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, "", fault.New(fault.Refused, fault.Malformed, "", "the inputs in the event that started the run are no JSON object")
	}
	given = map[string]string{}
	for name, v := range members {
		given[prefix+name] = scalar(v)
	}
	return given, "", nil
}

// scalar is the text of a value that has one.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool, float64:
		return fmt.Sprint(v)
	}
	return ""
}
