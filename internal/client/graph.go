package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// graphWait is the time for one answer of a GraphQL API. The platforms themselves
// give up after ten seconds and after thirty.
const graphWait = 15 * time.Second

// A Reply says what became of a question to a GraphQL API.
type Reply int

// What may become of a question.
const (
	Refused  Reply = iota // it is not there, or not for this token
	Partial               // not all of it was answered, and a part is no answer
	Slow                  // it was too much at once, or took too long
	Answered              // all of it
)

// Graph sends one question to the GraphQL API at address and decodes what is
// answered into data. An error says that ctx has ended, and nothing else: for
// whatever does not come, there is another way to ask.
func Graph(ctx context.Context, c *http.Client, address, query string, variables map[string]any, data any) (Reply, error) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return Refused, fmt.Errorf("writing a question: %w", err)
	}
	within, cancel := context.WithTimeout(ctx, graphWait)
	defer cancel()
	req, err := http.NewRequestWithContext(within, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return Refused, fmt.Errorf("writing a question: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	switch {
	case ctx.Err() != nil:
		return Refused, context.Cause(ctx)
	case err != nil && (within.Err() != nil || late(err)):
		return Slow, nil
	case err != nil:
		return Refused, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	switch {
	case resp.StatusCode >= http.StatusInternalServerError:
		return Slow, nil
	case err != nil || resp.StatusCode != http.StatusOK:
		return Refused, nil
	}
	return graphed(b, data), nil
}

func late(err error) bool {
	var l slow
	var s silence
	return errors.As(err, &l) || errors.As(err, &s)
}

// graphed reads an answer, whose errors come with status 200. One about the
// question has a type or extensions; one about time or size has only a message.
func graphed(b []byte, data any) Reply {
	var a struct {
		Data   json.RawMessage `json:"data"`
		Errors []struct {
			Type       string          `json:"type"`
			Extensions json.RawMessage `json:"extensions"`
		} `json:"errors"`
	}
	if json.Unmarshal(b, &a) != nil {
		return Refused
	}
	none := len(a.Data) == 0 || string(a.Data) == "null"
	switch {
	case len(a.Errors) > 0 && !none:
		return Partial
	case len(a.Errors) > 0 && a.Errors[0].Type == "" && len(a.Errors[0].Extensions) == 0:
		return Slow
	case none, json.Unmarshal(a.Data, data) != nil:
		return Refused
	}
	return Answered
}

// A Batch is how many things a GraphQL API is asked for at once. It remembers
// what was too much, and that nothing is answered.
type Batch struct {
	mu          sync.Mutex
	most, least int
}

// NewBatch begins with most things at once; fewer than least save nothing.
func NewBatch(most, least int) *Batch { return &Batch{most: most, least: least} }

// Size returns how many things may be asked for at once; 0 is none.
func (b *Batch) Size() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.most
}

// Bound says that more than most things at once are not answered.
func (b *Batch) Bound(most int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.most = min(b.most, most); b.most < b.least {
		b.most = 0
	}
}

// Each asks for n things in parts, from one to another of them, and again for
// half as many where that was too much. It ends where nothing is answered.
func (b *Batch) Each(n int, ask func(from, to int) (Reply, error)) error {
	for from := 0; from < n; {
		most := b.Size()
		if most == 0 {
			return nil
		}
		to := min(from+most, n)
		r, err := ask(from, to)
		switch {
		case err != nil:
			return err
		case r == Slow:
			b.Bound((to - from) / 2)
			continue
		case r == Refused:
			b.Bound(0)
		}
		from = to
	}
	return nil
}
