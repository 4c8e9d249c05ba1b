package starter

import (
	"bytes"
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A Job is a job of a workflow or pipeline, as far as it matters here.
type Job struct {
	File string
	Name string
	Why  string // what says that it builds something; "" for a job that does not

	Environment string   // that it enters; "" for none
	Refs        []string // that its runs are for, fully qualified; none where nobody can know
	Runner      string   // the class of a runner that is not the platform's own; ""
	Subject     []string // what it seems to build; none where that cannot be seen
	Image       string   // the repository of the image that it seems to push; ""
	Reference   string   // the image as a job of a pipeline names it; ""
}

// Wiring is what a workflow or pipeline shall do more.
type Wiring struct {
	Action      string // where our actions and components are
	Use         string // their commit
	Environment string
	Job         string   // that builds
	Deploy      string   // that deploys; "" for none, and then the gate stands alone
	Subject     []string // patterns of files; none where Image is
	Image       string
	Reference   string   // the image as a job of a pipeline names it
	Attest      []Option // more inputs of attest
	Machine     []Option // more inputs of attest and the gate, about the machine that a job is on
	// HandOver says that no store keeps bundles, so the job that builds hands them to the gate.
	HandOver bool
	// Default is what the token of a job may do for which nothing is written: "read" or "write"; ""
	// where nobody says so.
	Default string
	// Server says that the platform is a server of somebody's own, which has neither a store of
	// attestations nor artifacts of the current version.
	Server   bool
	Accepted []string // words of questions that a person said yes to
}

// An Ask is what a person has to accept before a file is wired: it could change what the
// file does.
type Ask struct{ Word, Why string }

// Error is the reason.
func (a *Ask) Error() string { return a.Why }

// What a person may accept about a file.
const (
	AcceptArtifact    = "artifact"
	AcceptPermissions = "permissions"
)

// An Option is an input with its value.
type Option struct{ Name, Value string }

// YAML returns the input as a line; true and false are no texts.
func (o Option) YAML() string {
	if o.Value == "true" || o.Value == "false" {
		return o.Name + ": " + o.Value
	}
	return o.Name + ": " + Word(o.Value)
}

// Wired is a file with what it does more.
type Wired struct {
	After  []byte
	Notes  []string // what a person should know who reads the difference
	ByHand []string // lines that a person has to write, each with where; none if all is done
	Ask    *Ask     // what has to be accepted first; then nothing is wired
}

// Bundles is the folder that attest writes bundles to.
const Bundles = ".sallyport/bundles"

// Watches is the comment beside what keeps a no from stopping anything.
const Watches = "it watches, and stops nothing"

// plainWord is a text that needs no quotes in YAML.
var plainWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./*-]*$`) })

// numeral is a text that some reader of YAML takes for a number or a date.
var numeral = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[.0-9][0-9A-Fa-fxoXO._-]*$`) })

// Word writes a text as a scalar of YAML.
func Word(s string) string {
	if plainWord().MatchString(s) &&
		!slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n", ".inf", ".nan"}, strings.ToLower(s)) &&
		!numeral().MatchString(s) {
		return s
	}
	return Quoted(s)
}

// Quoted is a text in quotes as JSON has it, which YAML reads too.
func Quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""` // no text is one that cannot be written
	}
	return strings.TrimSpace(b.String())
}

// Words writes a list of them in brackets.
func Words(all []string) string {
	var out []string
	for _, s := range all {
		out = append(out, Word(s))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// Root is the folder in which all of some patterns begin, or "." .
func Root(patterns []string) string {
	root := ""
	for i, p := range patterns {
		dir := path.Dir(p)
		for strings.ContainsAny(dir, "*?[") {
			dir = path.Dir(dir)
		}
		if i == 0 {
			root = dir
		}
		for root != "." && root != dir && !strings.HasPrefix(dir, root+"/") {
			root = path.Dir(root)
		}
	}
	if root == "" {
		return "."
	}
	return root
}

// Moved are patterns as they are below another folder.
func Moved(patterns []string, from, to string) []string {
	var out []string
	for _, p := range patterns {
		if from != "." {
			p = strings.TrimPrefix(p, from+"/")
		}
		out = append(out, path.Join(to, p))
	}
	return out
}
