package github_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// What is answered has to be a file, and not the directory, link or submodule of
// that name.
func TestD15_a_policy_is_a_file_of_the_commit(t *testing.T) {
	for body, code := range map[string]fault.Code{
		`{"type":"file","encoding":"base64","content":"YWJj\nZGVm\n"}`: "",
		`{"type":"symlink","target":"x","encoding":"base64"}`:          fault.Policy,
		`{"type":"submodule"}`:                              fault.Policy,
		`{"type":"file","encoding":"none","content":""}`:    fault.Policy,
		`{"type":"file","encoding":"base64","content":"!"}`: fault.Policy,
		`[{"type":"file","encoding":"base64"}]`:             fault.Malformed,
	} {
		j := at(t, func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/contents/a/b c.yaml") || r.URL.Query().Get("ref") != sha(1) {
				t.Errorf("asked for %s", r.URL)
			}
			fmt.Fprint(w, body)
		})
		got, err := j.File(context.Background(), sha(1), "a/b c.yaml")
		if code == "" && (err != nil || string(got) != "abcdef") {
			t.Errorf("%s: %q, %v", body, got, err)
		}
		if code != "" {
			wantFault(t, err, fault.Refused, code)
		}
	}
}

// A branch that was renamed answers under its old name, too.
func TestD15_a_branch_is_the_one_that_was_named(t *testing.T) {
	for body, good := range map[string]bool{
		`{"name":"main","commit":{"sha":"` + sha(1) + `"}}`:  true,
		`{"name":"trunk","commit":{"sha":"` + sha(1) + `"}}`: false,
		`{"name":"main","commit":{"sha":"main"}}`:            false,
	} {
		j := at(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
		got, err := j.Tip(context.Background(), "main")
		if good && (err != nil || got != sha(1)) {
			t.Errorf("%s: %q, %v", body, got, err)
		}
		if !good {
			wantFault(t, err, fault.Refused, fault.Malformed)
		}
	}
}
