package policy_test

import (
	"bytes"
	"testing"
	"text/template"

	"github.com/sallyport-dev/sallyport/internal/golden"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// The page about machines says what the list says.
func TestPage_of_agents_is_written_from_the_list(t *testing.T) {
	frame, err := template.ParseFiles("testdata/agents.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	l := policy.KnownAgents()
	var want bytes.Buffer
	if err := frame.Execute(&want, map[string]any{"Version": l.Version, "Agents": l.Agents, "Never": l.Never, "Host": l.Agents[0].Accounts[0].Host}); err != nil {
		t.Fatal(err)
	}
	golden.File(t, "../../docs/agents.md", want.Bytes(), *update, "go test ./internal/policy -run Page -update")
}
