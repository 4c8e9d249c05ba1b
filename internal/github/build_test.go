package github_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A file of another repository is asked for on the same API, and what the API does not show is
// not there, with the next step.
func TestF12_files_of_a_run(t *testing.T) {
	var asked []string
	j := at(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.URL.Query().Get("ref"))
		switch {
		case strings.Contains(r.URL.Path, "/acme/ci/contents/.github/workflows/sign.yml"):
			fmt.Fprint(w, `{"type":"file","encoding":"base64","content":"YWJj"}`)
		case strings.HasSuffix(r.URL.Path, "/large.yml"):
			fmt.Fprint(w, `{"type":"file","encoding":"none","content":""}`)
		case strings.HasSuffix(r.URL.Path, "/secret.yml"):
			w.WriteHeader(http.StatusForbidden)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	ctx := context.Background()
	for range 2 {
		if got, err := j.FileOf(ctx, "acme/ci", sha(1), ".github/workflows/sign.yml"); err != nil || string(got) != "abc" {
			t.Errorf("%q, %v", got, err)
		}
	}
	// A file of a commit is what it is, also when the gate looks again.
	if _, err := j.Environment(ctx, "production"); err != nil {
		t.Error(err)
	}
	asked = asked[:1]
	if _, err := j.FileOf(ctx, "acme/ci", sha(1), ".github/workflows/sign.yml"); err != nil {
		t.Error(err)
	}
	if len(asked) != 1 || !strings.HasSuffix(asked[0], "/repos/acme/ci/contents/.github/workflows/sign.yml "+sha(1)) {
		t.Errorf("asked %q, want the file once", asked)
	}
	_, err := j.FileOf(ctx, "acme/ci", sha(1), "none.yml")
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
	if !errors.Is(err, fs.ErrNotExist) || fault.Of(err).Hint != "use a token that may read acme/ci" {
		t.Errorf("error = %v, hint %q, want that it is not there, and what to do", err, fault.Of(err).Hint)
	}
	for _, name := range []string{"large.yml", "secret.yml"} {
		_, err := j.FileOf(ctx, "acme/ci", sha(1), name)
		wantFault(t, err, fault.Unavailable, fault.NotAvailable)
		if errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want a file that is there", name, err)
		}
	}
	before := len(asked)
	for _, x := range [][2]string{{"acme", sha(1)}, {"acme/ci/..", sha(1)}, {"../x", sha(1)}, {"acme/ci", "main"}} {
		if _, err := j.FileOf(ctx, x[0], x[1], "a.yml"); err == nil {
			t.Errorf("%v: no error", x)
		}
	}
	if len(asked) != before {
		t.Errorf("asked %q for what is no repository or no commit", asked[before:])
	}
}

func TestF12_which_commit_a_run_has_called(t *testing.T) {
	w := newWorld(t, "called")
	w.set("/runs/1000001", object{"referenced_workflows": []object{
		{"path": "acme/ci/.github/workflows/sign.yml@v1", "sha": sha(5), "ref": "refs/tags/v1"},
		{"path": "acme/ci/.github/workflows/whole.yml@refs/tags/v1", "sha": sha(6)},
		{"path": "acme/ci/.github/workflows/two.yml@refs/tags/v1", "sha": sha(7)},
		{"path": "acme/ci/.github/workflows/two.yml@refs/heads/v1", "sha": sha(8)}}})
	run := address + "called/actions/runs/1000001/attempts/1"
	from := len(settled(t, w.lab))
	for uses, want := range map[string]string{
		"acme/ci/.github/workflows/sign.yml@v1": sha(5), "Acme/CI/.github/workflows/sign.yml@v1": sha(5),
		"acme/ci/.github/workflows/whole.yml@v1": sha(6), "acme/ci/.github/workflows/two.yml@v1": "",
		"acme/ci/.github/workflows/two.yml@refs/heads/v1": sha(8),
		"acme/ci/.github/workflows/sign.yml@v2":           "", "acme/ci/.github/workflows/sign.yml": "",
	} {
		if got, err := w.job.Called(context.Background(), run, uses); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", uses, got, err, want)
		}
	}
	if got := w.calls(from); len(got) != 1 {
		t.Errorf("calls = %q, want the list of runs, once", got)
	}
	if got, err := w.job.Called(context.Background(), address+"other/actions/runs/1/attempts/1", "x"); err != nil || got != "" {
		t.Errorf("another repository's run: %q, %v, want nothing", got, err)
	}
}

func TestF12_addresses_of_workflows(t *testing.T) {
	w := newWorld(t, "addresses")
	for uri, want := range map[string][2]string{
		address + "app/.github/workflows/a.yml@refs/heads/x@y": {"acme/app", ".github/workflows/a.yml"},
		address + "app":                   {"acme/app", ""},
		"https://evil.example/acme/app/a": {"", ""},
		"https://github.com.evil/acme/a":  {"", ""},
		"":                                {"", ""},
	} {
		if repository, path := w.job.Workflow(uri); repository != want[0] || path != want[1] {
			t.Errorf("%q: %q, %q, want %q", uri, repository, path, want)
		}
	}
}
