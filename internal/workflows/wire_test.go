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
		"a dash on a line of its own": {"      - run: |\n          npm ci", "      -\n        run: |\n          npm ci"},
		"a permission that is less":   {"permissions: {contents: read}", "permissions: {contents: read, attestations: read}"},
		"permissions: read-all":       {"permissions: {contents: read}", "permissions: read-all"},
		"a comment behind brackets":   {"permissions: {contents: read}", "permissions: {contents: read} # least"},
		"a megabyte":                  {"name: publish", "name: publish\n" + strings.Repeat("# "+strings.Repeat("x", 97)+"\n", 11_000)},
		"no such job":                 {"  build:", "  built:"},
	} {
		raw := strings.ReplaceAll(plain, change[0], change[1])
		w := Wire("w.yml", []byte(raw), wiring)
		if string(w.After) != raw || len(w.ByHand) != 5 || w.Ask != nil || !strings.Contains(w.ByHand[0], map[string]string{
			"an anchor": "anchors", "CR LF": "CR LF", "a byte order mark": "byte order mark", "no such job": `no job "build"`,
			"permissions: read-all": "read-all", "a permission that is less": "attestations: read"}[name]) ||
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
	if next := strings.Split(string(w.After), "\n")[at+2]; next != "      - name: Sallyport attest # sallyport d5dc14ba" {
		t.Errorf("behind the script stands %q", next)
	}
}

func TestUnwire_what_a_person_took_over_stays(t *testing.T) {
	raw := sample(t, "node.yml")
	w := Wire("w.yml", raw, wiringOf(t, raw))
	mine := bytes.Replace(w.After, []byte("continue-on-error: true # it watches, and stops nothing\n    permissions:"), []byte("permissions:"), 1)
	back, left := Unwire("w.yml", mine, "sallyport-dev/sallyport")
	if len(left) != 1 || !strings.Contains(left[0], "sallyport:") || !bytes.Contains(back, []byte("uses: sallyport-dev/sallyport@")) ||
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

// Each change is of a person's own in a block that init wrote, and each stays.
func TestUnwire_takes_no_line_of_a_person(t *testing.T) {
	raw := sample(t, "node.yml")
	w := Wire("w.yml", raw, wiringOf(t, raw))
	for name, change := range map[string][2]string{
		"a step in the gate's job": {"      - name: Sallyport gate\n", "      - run: mine\n      - name: Sallyport gate\n"},
		"an input of attest":       {"subject: dist/*.tgz\n      # what", "subject: dist/*.tgz\n          offline: mine\n      # what"},
		"a comment like our mark":  {"- run: npm publish pkg/*.tgz", "- run: npm publish pkg/*.tgz mine # sallyport"},
	} {
		mine := bytes.Replace(w.After, []byte(change[0]), []byte(change[1]), 1)
		back, left := Unwire("w.yml", mine, "sallyport-dev/sallyport")
		if !bytes.Contains(back, []byte("mine")) || (len(left) == 0) != (name == "a comment like our mark") {
			t.Errorf("%s: left %q of\n%s", name, left, back)
		}
	}
	needs := bytes.Replace(w.After, []byte("    needs: build\n"), []byte("    needs: [build, sallyport]\n"), 1)
	back, left := Unwire("w.yml", needs, "sallyport-dev/sallyport")
	if !bytes.Equal(back, needs) || len(left) != 1 || !strings.Contains(left[0], "job production needs sallyport") {
		t.Errorf("with a job that needs the gate's: left %q of\n%s", left, back)
	}
}

const tagged = "on: {push: {tags: ['v*']}}\npermissions: {contents: read}\njobs:\n  build:\n    runs-on: ubuntu-latest\n    steps:\n" +
	"      - run: make dist\n      - run: echo last\n"

func wiredJob(text string, accepted ...string) starter.Wired {
	return Wire("w.yml", []byte(text), starter.Wiring{Action: "sallyport-dev/sallyport", Use: wiredCommit, Environment: "production",
		Job: "build", Subject: []string{"dist/*"}, Accepted: accepted})
}

// What init adds stands behind the steps of the job, and each step of it may fail.
func TestWire_nothing_that_is_added_stops_a_job(t *testing.T) {
	w := wiredJob(tagged)
	text := string(w.After)
	if steps, soft := strings.Count(text, "uses: "), strings.Count(text, "continue-on-error: true"); steps != 5 || soft != steps+1 {
		t.Errorf("%d steps and the gate's job are added, and %d may fail:\n%s", steps, soft, text)
	}
	if strings.Index(text, "upload-artifact") < strings.Index(text, "echo last") {
		t.Errorf("the upload stands before the last step:\n%s", text)
	}
	legs := string(wiredJob(strings.Replace(tagged, "    steps", "    strategy: {matrix: {os: [a, b]}}\n    steps", 1)).After)
	if !strings.Contains(legs, "name: sallyport-${{ strategy.job-index }}") || !strings.Contains(legs, `pattern: "sallyport-*"`) {
		t.Errorf("the jobs of a matrix upload one artifact:\n%s", legs)
	}
}

// Each job but those marked false could get what is handed to the gate.
func TestWire_asks_where_a_job_takes_every_artifact(t *testing.T) {
	for step, asks := range map[string]bool{
		"steps: [{uses: actions/download-artifact@v4}]":                                 true,
		"steps: [{uses: actions/download-artifact@v4, with: {pattern: 's*'}}]":          true,
		"steps: [{uses: actions/download-artifact@v4, with: {name: '${{ x }}'}}]":       true,
		"steps: [{run: gh run download}]":                                               true,
		"uses: ./.github/workflows/release.yml":                                         true,
		"steps: [{uses: actions/download-artifact@v4, with: {pattern: 'dist-*'}}]":      false,
		"steps: [{uses: actions/download-artifact@v4, with: {name: dist, path: dist}}]": false,
	} {
		text := tagged + "  release:\n    needs: build\n    " + step + "\n"
		w := wiredJob(text)
		if (w.Ask != nil) != asks || asks && (w.Ask.Word != starter.AcceptArtifact || string(w.After) != text) {
			t.Errorf("%s: it asks %v, by hand %q", step, w.Ask, w.ByHand)
		}
		if w = wiredJob(text, starter.AcceptArtifact); w.Ask != nil || len(w.ByHand) > 0 {
			t.Errorf("%s, accepted: it asks %v, by hand %q", step, w.Ask, w.ByHand)
		}
	}
}

// A job with any written permission has no others: those that it had are written, or a person says so.
func TestWire_takes_no_permission_away(t *testing.T) {
	text := strings.Replace(tagged, "permissions: {contents: read}\n", "", 1)
	wiring := starter.Wiring{Action: "sallyport-dev/sallyport", Use: wiredCommit, Environment: "production",
		Job: "build", Subject: []string{"dist/*"}}
	if w := Wire("w.yml", []byte(text), wiring); w.Ask == nil || w.Ask.Word != starter.AcceptPermissions || string(w.After) != text {
		t.Errorf("where nobody says what it had, it asks %v and writes\n%s", w.Ask, w.After)
	}
	for had, want := range map[string]string{"write": "issues: write", "read": "packages: read"} {
		wiring.Default = had
		if w := Wire("w.yml", []byte(text), wiring); w.Ask != nil || !strings.Contains(string(w.After), want) {
			t.Errorf("of %s it writes\n%s", had, w.After)
		}
	}
}

// A GitHub Enterprise Server has no attestations, and no artifacts of the current version.
func TestWire_of_a_server_of_ones_own(t *testing.T) {
	raw := sample(t, "image.yml")
	wiring := wiringOf(t, raw)
	wiring.Server = true
	if w := Wire("w.yml", raw, wiring); len(w.ByHand) > 0 || strings.Contains(string(w.After), "attestations:") || strings.Count(string(w.After), "store: oci") != 2 {
		t.Errorf("by hand %q, and the file is\n%s", w.ByHand, w.After)
	}
	w := Wire("w.yml", []byte(tagged), starter.Wiring{Action: "sallyport-dev/sallyport", Use: wiredCommit, Environment: "production",
		Job: "build", Subject: []string{"dist/*"}, Server: true})
	if len(w.ByHand) == 0 || !strings.Contains(w.ByHand[0], "no artifacts of version 4") {
		t.Errorf("by hand %q", w.ByHand)
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
			if strings.Contains(l, "{") {
				continue // keys may have been put into it
			}
			_, after, ok := strings.Cut(rest, l)
			if !ok {
				t.Fatalf("%q became %q", text, w.After)
			}
			rest = after
		}
	})
}
