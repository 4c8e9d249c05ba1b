package starter

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
)

// Home is what a platform says of a repository.
type Home struct {
	Repository   string // owner/name, as the platform writes it
	ID, OwnerID  string
	Branch       string // the default one
	Private      bool   // not everybody may see it
	Environments []string
	NoPlan       bool // the plan has no environments, or does not show them
}

// Starter is what a starter policy says.
type Starter struct {
	Issuer      string
	Home        Home
	Workflow    string
	Refs        []string
	Jobs        []string
	Runner      string // "" for the platform's own
	Subject     []string
	Trust       string // a word, or a file with its digest in brackets
	Environment string
	Since       time.Time

	// Owners could approve where the platform protects nothing: members with numbers. Why
	// says why it protects nothing; "" where it does, or may.
	Owners []string
	Why    string
	// OpenRefs says that the refs are not protected and that a person accepts it.
	OpenRefs bool
}

// watchDays is how long a policy that init wrote watches.
const watchDays = 90

// Policy writes a policy that watches.
func (s Starter) Policy() []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("version: 1")
	line("artifacts:\n  app:")
	line("    subject: %s", Words(s.Subject))
	line("    trust: %s", s.Trust)
	line("    built-by:")
	line("      - issuer: %s", s.Issuer)
	line("        repository: %s", Word(s.Home.Repository))
	line("        repository-id: %s", s.Home.ID)
	if s.Home.OwnerID != "" {
		line("        owner-id: %s", s.Home.OwnerID)
	}
	line("        workflow: %s", Word(s.Workflow))
	line("        refs: %s", Words(s.Refs))
	if s.Runner != "" {
		line("        runner: %s # not the platform's own: who operates it can sign as this workflow", s.Runner)
	}
	if s.OpenRefs {
		line("        ref-protection: none # accepted: nobody but its author decides what comes onto these refs")
	}
	line("environments:\n  %s:", Word(s.Environment))
	for _, l := range s.mode() {
		line("    %s", l)
	}
	if s.Why != "" {
		line("    # %s.", s.Why)
		line("    # Before this enforces, have people approve (docs/approve.md), and say so:")
		line("    # protection: approvals\n    # approvals: [{group: owners, count: 1}]")
	}
	line("    requires:")
	line(
		"      provenance: {max-age: 30d, jobs: %s} # the jobs that build: a deployment that failed can be run again",
		Words(s.Jobs),
	)
	if s.Why != "" && len(s.Owners) > 0 {
		line("# groups:\n#   owners: # from CODEOWNERS\n#     members: %s", Words(s.Owners))
	}
	return append([]byte(schemaLine+written(b.Bytes())), b.Bytes()...)
}

const schemaLine = "# yaml-language-server: $schema=https://raw.githubusercontent.com/sallyport-dev/sallyport/main/shared/policy.schema.json\n"

// written is the line that says what the rest of a policy was when init wrote it.
func written(rest []byte) string {
	return fmt.Sprintf(
		"# Written by sallyport init as %x, which sallyport remove takes out as long as nobody changes it\n",
		sha256.Sum256(rest),
	)
}

// AsWritten reports whether a policy is as init wrote it.
func AsWritten(policy []byte) bool {
	rest, ok := bytes.CutPrefix(policy, []byte(schemaLine))
	_, body, more := bytes.Cut(rest, []byte("\n"))
	return ok && more && bytes.Equal(rest[:len(rest)-len(body)], []byte(written(body)))
}

// mode are the lines that say that nothing is stopped yet.
func (s Starter) mode() []string {
	return []string{"mode: watch # it says what it would have said, and stops nothing",
		"since: " + s.Since.UTC().Format(time.DateOnly),
		"until: " + s.Since.UTC().
			AddDate(0, 0, watchDays).
			Format(time.DateOnly) +
			" # from this day it denies: set mode: enforce before"}
}

// The lines that git needs. A checkout with other ends of lines has another policy; what a
// job writes below the folder of the policy is in no commit.
const (
	Attributes = ".gitattributes"
	Ignores    = ".gitignore"
)

var attributeLines = []string{".sallyport/** text eol=lf", "*.sigstore.json -text"}

var ignoreLines = []string{
	"/.sallyport/*.env", "/.sallyport/*.junit.xml", "/.sallyport/bundles/", "/.sallyport/checksums.txt", "/.sallyport/entered.*", "/.sallyport/verdict.json",
}

// heading is the line before those that were written.
const heading = "# sallyport"

// GitLines adds the lines that git needs to a file that is called name. Those that are
// there stay.
func GitLines(name string, before []byte) Change {
	c := Change{Path: name, Before: before, After: before}
	want := attributeLines
	if name == Ignores {
		want = ignoreLines
	}
	have := map[string]bool{}
	for l := range bytes.Lines(before) {
		have[strings.TrimSpace(string(l))] = true
	}
	var lacks []string
	for _, l := range want {
		if !have[l] {
			lacks = append(lacks, l)
		}
	}
	if len(lacks) == 0 {
		return c
	}
	end := "\n"
	if bytes.Contains(before, []byte("\r\n")) {
		end = "\r\n"
	}
	text := strings.Join(append([]string{heading}, lacks...), end)
	if len(before) > 0 && !bytes.HasSuffix(before, []byte("\n")) {
		text = end + text // the last line had no end, and has none
	} else {
		text += end
	}
	c.After = append(bytes.Clone(before), text...)
	return c
}

// WithoutGitLines takes them out again: those right below their heading.
func WithoutGitLines(name string, before []byte) Change {
	c := Change{Path: name, Before: before, After: before}
	ours := map[string]bool{}
	for _, l := range append(append([]string{}, attributeLines...), ignoreLines...) {
		ours[l] = true
	}
	var out []string
	within, found := false, false
	for _, l := range lines(before) {
		t := strings.TrimSpace(l)
		if within = t == heading || within && ours[t]; !within {
			out = append(out, l)
			continue
		}
		if found = true; !strings.HasSuffix(l, "\n") && len(out) > 0 {
			out[len(out)-1] = strings.TrimRight(out[len(out)-1], "\r\n")
		}
	}
	switch {
	case !found:
	case len(out) == 0:
		c.After = nil
	default:
		c.After = []byte(strings.Join(out, ""))
	}
	return c
}

// Ignored reports whether a .gitignore keeps the folder of the policy, or the policy itself, out of
// commits, as far as plain lines say so.
func Ignored(text []byte) bool {
	out := false
	for l := range strings.Lines(string(text)) {
		l = strings.TrimSpace(l)
		no := strings.HasPrefix(l, "!")
		switch strings.Trim(strings.TrimPrefix(l, "!"), "/") {
		case ".sallyport", ".sallyport/*", ".sallyport/**", ".sallyport/policy.yaml", ".*", "*":
			out = !no
		}
	}
	return out
}
