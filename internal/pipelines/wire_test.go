package pipelines

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/golden"
	"github.com/sallyport-dev/sallyport/internal/starter"
)

var updateWired = flag.Bool("update", false, "rewrite testdata/wire")

const wiredCommit = "1111111111111111111111111111111111111111"

// wiringOf is what init makes of a workflow: the job that builds and the one that deploys.
func wiringOf(t *testing.T, raw []byte) starter.Wiring {
	t.Helper()
	jobs, err := Jobs(".gitlab-ci.yml", raw, "acme/widget", "main")
	if err != nil {
		t.Fatal(err)
	}
	w := starter.Wiring{Action: "sallyport-dev/sallyport", Use: wiredCommit, Environment: "production"}
	for _, j := range jobs {
		if j.Why != "" && j.Environment == "" && w.Job == "" {
			w.Job, w.Subject, w.Image, w.Reference = j.Name, j.Subject, j.Image, j.Reference
		}
		if j.Environment == "production" {
			w.Deploy = j.Name
		}
	}
	return w
}

func sample(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "wire", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestWire_three_samples_are_watched_and_become_what_they_were(t *testing.T) {
	for _, name := range []string{"go", "node", "image"} {
		t.Run(name, func(t *testing.T) {
			raw := sample(t, name+".yml")
			w := Wire(".gitlab-ci.yml", raw, wiringOf(t, raw))
			if len(w.ByHand) > 0 {
				t.Fatalf("by hand: %q", w.ByHand)
			}
			golden.File(
				t,
				filepath.Join("testdata", "wire", name+".wired.yml"),
				w.After,
				*updateWired,
				"go test ./internal/pipelines -run Wire -update",
			)
			for _, f := range checked(t, w.After) {
				if f.Severity == finding.Error {
					t.Errorf("the doctor finds %s on line %d: %s; found %s", f.Rule, f.Line, f.Message, f.Found)
				}
			}
			if again := Wire(".gitlab-ci.yml", raw, wiringOf(t, raw)); !bytes.Equal(again.After, w.After) {
				t.Errorf("a second time it is another one")
			}
			back, left := Unwire(".gitlab-ci.yml", w.After, "sallyport-dev/sallyport")
			if !bytes.Equal(back, raw) || len(left) > 0 {
				t.Errorf(
					"it becomes, with %q left,\n%s",
					left,
					starter.Change{Path: ".gitlab-ci.yml", Before: raw, After: back}.Diff(),
				)
			}
		})
	}
}

func checked(t *testing.T, raw []byte) []finding.Finding {
	t.Helper()
	found, err := Check(".gitlab-ci.yml", raw, Want{Environments: []string{"production"},
		Watched: map[string]finding.Watch{
			"production": {Until: "2027-02-25", Severity: finding.Note},
		}, Component: "sallyport-dev/sallyport"})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Each file differs from one that can be wired in one thing, for which lines cannot be put
// into it: it stays as it is, and a person is told what to write.
func TestWire_a_file_without_a_safe_place_stays_as_it_is(t *testing.T) {
	plain := string(sample(t, "node.yml"))
	wiring := wiringOf(t, []byte(plain))
	if w := Wire(".gitlab-ci.yml", []byte(plain), wiring); len(w.ByHand) > 0 {
		t.Fatalf("the file itself: %q", w.ByHand)
	}
	for name, change := range map[string][2]string{
		"CR LF":                                   {"\n", "\r\n"},
		"a byte order mark":                       {"include:", "\ufeffinclude:"},
		"includes that are no list":               {"include:\n  - local: ci/lint.yml", "include: ci/lint.yml"},
		"includes in brackets":                    {"include:\n  - local: ci/lint.yml", "include: [{local: ci/lint.yml}]"},
		"a job for some pipelines only":           {"  stage: build\n", "  stage: build\n  only: [tags]\n"},
		"a deployment that nothing makes wait":    {"  stage: deploy\n", "  stage: build\n"},
		"a megabyte":                              {"include:", strings.Repeat("# "+strings.Repeat("x", 97)+"\n", 11_000) + "include:"},
		"a gate of that name":                     {"include:", "gate:production: {script: [x]}\ninclude:"},
		"no such job":                             {"\nbuild:", "\nbuilt:"},
		"a key that stands twice":                 {"  stage: build\n", "  stage: build\n  stage: deploy\n"},
		"what the job needs is written elsewhere": {"  stage: deploy\n", "  stage: deploy\n  extends: .x\n"},
	} {
		raw := strings.ReplaceAll(plain, change[0], change[1])
		if strings.Contains(change[1], ".x") {
			raw += ".x:\n  needs: [build]\n"
		}
		w := Wire(".gitlab-ci.yml", []byte(raw), wiring)
		if string(w.After) != raw || len(w.ByHand) != 4 ||
			!strings.Contains(strings.Join(w.ByHand, "\n"), "/attest@"+wiredCommit) {
			t.Errorf("%s: by hand %q, and the file is\n%s", name, w.ByHand, w.After)
		}
	}
}

func TestUnwire_what_a_person_took_over_stays(t *testing.T) {
	raw := sample(t, "node.yml")
	w := Wire(".gitlab-ci.yml", raw, wiringOf(t, raw))
	mine := bytes.Replace(w.After, []byte("/gate@"+wiredCommit+" # sallyport"), []byte("/gate@"+wiredCommit), 1)
	back, left := Unwire(".gitlab-ci.yml", mine, "sallyport-dev/sallyport")
	if len(left) != 1 || !bytes.Contains(back, []byte("/gate@")) || bytes.Contains(back, []byte("/attest@")) {
		t.Errorf("left %q of\n%s", left, back)
	}
}

func TestWire_the_end_of_a_file_without_a_line_end(t *testing.T) {
	raw := bytes.TrimSuffix(sample(t, "go.yml"), []byte("\n"))
	w := Wire(".gitlab-ci.yml", raw, wiringOf(t, raw))
	if back, left := Unwire(".gitlab-ci.yml", w.After, "sallyport-dev/sallyport"); !bytes.Equal(back, raw) ||
		len(left) > 0 ||
		len(w.ByHand) > 0 {
		t.Errorf(
			"it becomes, with %q left,\n%s",
			left,
			starter.Change{Path: ".gitlab-ci.yml", Before: raw, After: back}.Diff(),
		)
	}
}
