package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	verdictFile   = ".sallyport/verdict.json"
	checksumsFile = ".sallyport/checksums.txt"
)

// verdictRead is what the oracle reads of a verdict.
type verdictRead struct {
	Outcome  string
	Findings []struct{ Code, Outcome string }
	Subjects []struct {
		Findings []struct{ Code, Outcome string }
	}
}

// codes returns the reasons against, sorted, each once.
func (r verdictRead) codes() []string {
	all := slices.Clone(r.Findings)
	for _, s := range r.Subjects {
		all = append(all, s.Findings...)
	}
	var out []string
	for _, f := range all {
		if f.Outcome != "allow" {
			out = append(out, f.Code)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var schema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	return jsonschema.NewCompiler().Compile("shared/verdict.schema.json")
})

// verdictOf reads the verdict of a file, which has to be as its schema says.
func verdictOf(ts *testscript.TestScript, path string) verdictRead {
	b, err := os.ReadFile(ts.MkAbs(path))
	ts.Check(err)
	s, err := schema()
	ts.Check(err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	ts.Check(err)
	ts.Check(s.Validate(doc))
	var r verdictRead
	ts.Check(json.Unmarshal(b, &r))
	return r
}

func absent(ts *testscript.TestScript, path string) {
	if _, err := os.Lstat(ts.MkAbs(path)); !os.IsNotExist(err) {
		ts.Fatalf("%s is there (%v), want nothing", path, err)
	}
}

// key is the name of an output of the gate on this scene's platform.
func key(ts *testscript.TestScript, github, gitlab string) string {
	if ts.Getenv("GITLAB_CI") == "true" {
		return gitlab
	}
	return github
}

func allowed(ts *testscript.TestScript, neg bool, args []string) {
	r := verdictOf(ts, verdictFile)
	if r.Outcome != "allow" || len(r.codes()) > 0 {
		ts.Fatalf("outcome = %s with %q, want allow", r.Outcome, r.codes())
	}
	out := emulated(ts)
	lines := strings.Count(read(ts.MkAbs(checksumsFile)), "\n")
	if lines != len(r.Subjects) || out["outcome"] != "allow" || out["digests"] == "" || out[key(ts, "checksums", "allowed_checksums")] != checksumsFile {
		ts.Fatalf("%d checksums of %d artifacts, outputs %q", lines, len(r.Subjects), out)
	}
	nosecret(ts, false, nil)
}

// denied is the oracle of every refusal: the reasons are those and no others,
// and nobody can read from anything what could be deployed.
func denied(ts *testscript.TestScript, neg bool, args []string) {
	r := verdictOf(ts, verdictFile)
	slices.Sort(args)
	if r.Outcome != "deny" || !slices.Equal(r.codes(), args) {
		ts.Fatalf("outcome = %s with %q, want deny with %q", r.Outcome, r.codes(), args)
	}
	absent(ts, checksumsFile)
	outputs(ts, false, []string{"outcome=deny", key(ts, "verdict", "verdict_path") + "=" + verdictFile})
	nosecret(ts, false, nil)
}

// watched is the oracle of an environment that is watched: what would become of it is said,
// nothing is passed on, and no word stands anywhere that a step could take for a yes.
func watched(ts *testscript.TestScript, neg bool, args []string) {
	want := "watch: would " + args[0]
	if r := verdictOf(ts, verdictFile); r.Outcome != want {
		ts.Fatalf("outcome = %s with %q, want %s", r.Outcome, r.codes(), want)
	}
	absent(ts, checksumsFile)
	outputs(ts, false, []string{"outcome=" + want, key(ts, "verdict", "verdict_path") + "=" + verdictFile})
	nosecret(ts, false, nil)
}

// entered is the oracle of a job that deploys: it may, or it has nothing that says
// so. Then the arguments are the codes of the verdict, and none for a fault.
func entered(ts *testscript.TestScript, neg bool, args []string) {
	const verdictFile, list = ".sallyport/entered.json", ".sallyport/entered.txt"
	out := emulated(ts)
	if !neg {
		r := verdictOf(ts, verdictFile)
		if lines := strings.Count(read(ts.MkAbs(list)), "\n"); r.Outcome != "allow" || lines != len(r.Subjects) ||
			out[key(ts, "outcome", "entered_outcome")] != "allow" || out[key(ts, "digests", "entered_digests")] == "" {
			ts.Fatalf("outcome = %s with %q, %d lines for %d artifacts, outputs %q", r.Outcome, r.codes(), lines, len(r.Subjects), out)
		}
		nosecret(ts, false, nil)
		return
	}
	absent(ts, list)
	slices.Sort(args)
	if len(args) == 0 {
		absent(ts, verdictFile)
	} else if r := verdictOf(ts, verdictFile); r.Outcome == "allow" || !slices.Equal(r.codes(), args) {
		ts.Fatalf("outcome = %s with %q, want %q", r.Outcome, r.codes(), args)
	}
	for name, value := range out {
		if strings.Contains(value, "sha256:") || value == "allow" {
			ts.Fatalf("output %s = %q", name, value)
		}
	}
	nosecret(ts, false, nil)
}

// undecided is the oracle of every fault: there is no answer to misread.
func undecided(ts *testscript.TestScript, neg bool, args []string) {
	absent(ts, verdictFile)
	absent(ts, checksumsFile)
	outputs(ts, false, nil)
	nosecret(ts, false, nil)
}

var clock = regexp.MustCompile(`"at": "[^"]*"|[0-9]+ (s|min) (old|ago)|"(input|core)": "sha256:[0-9a-f]*"`)

// moment is the time in the input of a verdict.
var moment = regexp.MustCompile(`"now":"[^"]*"`)

func timeless(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		path := ts.MkAbs(name)
		if strings.HasSuffix(name, ".input.json") {
			ts.Check(os.WriteFile(path, moment.ReplaceAll([]byte(read(path)), []byte("then")), 0o644))
			continue
		}
		verdictOf(ts, path)
		ts.Check(os.WriteFile(path, clock.ReplaceAll([]byte(read(path)), []byte("then")), 0o644))
	}
}

// image NAME:TAG VAR pushes an image; VAR is its digest.
func image(ts *testscript.TestScript, neg bool, args []string) {
	ref, err := name.ParseReference(args[0])
	ts.Check(err)
	img, err := random.Image(64, 1)
	ts.Check(err)
	ts.Check(remote.Write(ref, img))
	d, err := img.Digest()
	ts.Check(err)
	ts.Setenv(args[1], d.String())
}

// index NAME:TAG VAR pushes an index of two images; VAR, VAR0 and VAR1 are the
// digests of it and of them.
func index(ts *testscript.TestScript, neg bool, args []string) {
	ref, err := name.ParseReference(args[0])
	ts.Check(err)
	idx, err := random.Index(64, 1, 2)
	ts.Check(err)
	ts.Check(remote.WriteIndex(ref, idx))
	d, err := idx.Digest()
	ts.Check(err)
	ts.Setenv(args[1], d.String())
	m, err := idx.IndexManifest()
	ts.Check(err)
	for i, x := range m.Manifests {
		ts.Setenv(fmt.Sprint(args[1], i), x.Digest.String())
	}
}

// layout DIR makes an OCI layout of one image.
func ociLayout(ts *testscript.TestScript, neg bool, args []string) {
	img, err := random.Image(64, 1)
	ts.Check(err)
	p, err := layout.Write(ts.MkAbs(args[0]), empty.Index)
	ts.Check(err)
	ts.Check(p.AppendImage(img))
}
