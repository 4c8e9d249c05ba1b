package workflows

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
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
	jobs, err := Jobs("w.yml", raw, "acme/widget", "main")
	if err != nil {
		t.Fatal(err)
	}
	w := starter.Wiring{Action: "sallyport-dev/sallyport", Use: wiredCommit, Environment: "production"}
	for _, j := range jobs {
		if j.Why != "" && j.Environment == "" && w.Job == "" {
			w.Job, w.Subject, w.Image = j.Name, j.Subject, j.Image
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
			w := Wire("w.yml", raw, wiringOf(t, raw))
			if len(w.ByHand) > 0 {
				t.Fatalf("by hand: %q", w.ByHand)
			}
			golden.File(
				t,
				filepath.Join("testdata", "wire", name+".wired.yml"),
				w.After,
				*updateWired,
				"go test ./internal/workflows -run Wire -update",
			)
			for _, f := range checked(t, w.After) {
				if f.Severity == finding.Error {
					t.Errorf("the doctor finds %s on line %d: %s; found %s", f.Rule, f.Line, f.Message, f.Found)
				}
			}
			if again := Wire("w.yml", raw, wiringOf(t, raw)); !bytes.Equal(again.After, w.After) {
				t.Errorf("a second time it is another one")
			}
			back, left := Unwire("w.yml", w.After, "sallyport-dev/sallyport")
			if !bytes.Equal(back, raw) || len(left) > 0 {
				t.Errorf(
					"it becomes, with %q left,\n%s",
					left,
					starter.Change{Path: "w.yml", Before: raw, After: back}.Diff(),
				)
			}
		})
	}
}

func checked(t *testing.T, raw []byte) []finding.Finding {
	t.Helper()
	found, err := Check("w.yml", raw, Want{Environments: []string{"production"},
		Watched: map[string]finding.Watch{
			"production": {Until: "2027-02-25", Severity: finding.Note},
		}, Action: "sallyport-dev/sallyport", Repository: "acme/widget"})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Each file differs from one that can be wired in one thing, for which lines cannot be put
// into it: it stays as it is, and a person is told what to write.
func TestWire_a_file_without_a_safe_place_stays_as_it_is(t *testing.T) {
	plain := string(sample(t, "node.yml"))
	if w := Wire("w.yml", []byte(plain), wiringOf(t, []byte(plain))); len(w.ByHand) > 0 {
		t.Fatalf("the file itself: %q", w.ByHand)
	}
	wiring := wiringOf(t, []byte(plain))
	for name, change := range map[string][2]string{
		"an anchor":                   {"runs-on: ubuntu-latest", "runs-on: &os ubuntu-latest"},
		"CR LF":                       {"\n", "\r\n"},
		"a byte order mark":           {"name: publish", "\ufeffname: publish"},
		"a tab":                       {"  build:", "\tbuild:"},
		"steps in brackets":           {"    steps:\n      - uses: actions/download-artifact@634f93cb2916e3fdff6788551b99b062d0335ce0 # v5.0.0\n        with: {name: package, path: pkg}\n      - run: npm publish pkg/*.tgz", "    steps: [{run: npm publish}]"},
		"a dash on a line of its own": {"      - run: npm publish", "      -\n        run: npm publish"},
		"a permission that is less":   {"permissions: {contents: read}", "permissions: {contents: read, attestations: read}"},
		"permissions: read-all":       {"permissions: {contents: read}", "permissions: read-all"},
		"a comment behind brackets":   {"permissions: {contents: read}", "permissions: {contents: read} # least"},
		"a megabyte":                  {"name: publish", "name: publish\n" + strings.Repeat("# "+strings.Repeat("x", 97)+"\n", 11_000)},
		"no such job":                 {"  build:", "  built:"},
	} {
		raw := strings.ReplaceAll(plain, change[0], change[1])
		w := Wire("w.yml", []byte(raw), wiring)
		if string(w.After) != raw || len(w.ByHand) != 5 ||
			!strings.Contains(strings.Join(w.ByHand, "\n"), "actions/attest@"+wiredCommit) {
			t.Errorf("%s: by hand %q, and the file is\n%s", name, w.ByHand, w.After)
		}
	}
}

// Lines of a script that look like comments or steps are no place.
func TestWire_no_line_goes_into_a_script(t *testing.T) {
	raw := sample(t, "node.yml")
	w := Wire("w.yml", raw, wiringOf(t, raw))
	at := slices.Index(strings.Split(string(w.After), "\n"), "          # the package is in dist now")
	if next := strings.Split(string(w.After), "\n")[at+2]; next != "      - name: Sallyport attest # sallyport" {
		t.Errorf("behind the script stands %q", next)
	}
}

func TestUnwire_what_a_person_took_over_stays(t *testing.T) {
	raw := sample(t, "node.yml")
	w := Wire("w.yml", raw, wiringOf(t, raw))
	mine := bytes.Replace(w.After, []byte("- name: Sallyport gate # sallyport"), []byte("- name: Sallyport gate"), 1)
	back, left := Unwire("w.yml", mine, "sallyport-dev/sallyport")
	if len(left) != 1 || !bytes.Contains(back, []byte("uses: sallyport-dev/sallyport@")) ||
		bytes.Contains(back, []byte("actions/attest")) {
		t.Errorf("left %q of\n%s", left, back)
	}
}

func TestWire_the_end_of_a_file_without_a_line_end(t *testing.T) {
	raw := bytes.TrimSuffix(sample(t, "go.yml"), []byte("\n"))
	w := Wire("w.yml", raw, wiringOf(t, raw))
	if back, left := Unwire("w.yml", w.After, "sallyport-dev/sallyport"); !bytes.Equal(back, raw) || len(left) > 0 ||
		len(w.ByHand) > 0 {
		t.Errorf("it becomes, with %q left,\n%s", left, starter.Change{Path: "w.yml", Before: raw, After: back}.Diff())
	}
}

func FuzzWire(f *testing.F) {
	for _, name := range []string{"go", "node", "image"} {
		raw, err := os.ReadFile(filepath.Join("testdata", "wire", name+".yml"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw))
	}
	f.Fuzz(func(t *testing.T, text string) {
		jobs, err := Jobs("w.yml", []byte(text), "acme/widget", "main")
		if err != nil || len(jobs) == 0 || strings.Contains(text, "sallyport") {
			return
		}
		w := Wire(
			"w.yml",
			[]byte(text),
			starter.Wiring{Action: "sallyport-dev/sallyport", Use: wiredCommit, Environment: "production",
				Job: jobs[0].Name, Deploy: jobs[len(jobs)-1].Name, Subject: []string{"dist/*"}},
		)
		rest := string(w.After)
		for _, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") { // every line stays, in its order
			_, after, ok := strings.Cut(rest, strings.TrimRight(l, "}"))
			if !ok && !strings.Contains(l, "{") {
				t.Fatalf("%q became %q", text, w.After)
			}
			if ok {
				rest = after
			}
		}
	})
}
