package policy_test

import (
	"bytes"
	"os"
	"testing"
	"text/template"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// The page about machines says what the list says.
func TestPage_of_agents_is_written_from_the_list(t *testing.T) {
	const page = "../../docs/agents.md"
	frame, err := template.ParseFiles("testdata/agents.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	l := policy.KnownAgents()
	var want bytes.Buffer
	if err := frame.Execute(&want, map[string]any{"Version": l.Version, "Agents": l.Agents, "Never": l.Never, "Host": l.Agents[0].Accounts[0].Host}); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(page, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is not what the list says; run go test ./internal/policy -run Page -update", page)
	}
}
