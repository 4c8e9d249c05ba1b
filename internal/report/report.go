// Package report shows a verdict as text, JSON or Markdown, and what doctor
// found as text, JSON or SARIF.
//
// It reads answers and refuses to make or change one. Everything that came
// from outside (names, URIs, reasons that quote a bundle) is escaped before it
// is shown, so that no artifact can draw its own verdict.
package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Schema names the version of Record's JSON; shared/verdict.schema.json
// describes it.
const Schema = "https://sallyport.dev/schemas/verdict/v1"

// Record is a verdict with what it was reached under. It names the input that it is
// reached from again.
type Record struct {
	Schema       string          `json:"schema"`
	Tool         string          `json:"tool"` // name and version
	Outcome      verdict.Answer  `json:"outcome"`
	At           string          `json:"at,omitempty"`    // the time that ages were counted from, RFC 3339, UTC
	Run          string          `json:"run,omitempty"`   // the run that asked
	Proxy        string          `json:"proxy,omitempty"` // host and port of the proxy that the machine names for https
	Policy       *Policy         `json:"policy,omitempty"`
	Rules        int             `json:"rules,omitempty"`        // version of the rules that judged
	Input        *subject.Digest `json:"input,omitempty"`        // of the document of everything that was judged
	Core         *subject.Digest `json:"core,omitempty"`         // of what the verdict says without its texts
	Changed      []string        `json:"policyChange,omitempty"` // lines in which the policy differs from the one in force
	Looser       []string        `json:"policyLooser,omitempty"` // keys that ask for less than there, in words
	Entry        *Entry          `json:"entry,omitempty"`        // of an allowed one: what was signed about it
	TrustedRoots []TrustedRoot   `json:"trustedRoots"`
	Sites        []Site          `json:"-"` // whose pages a summary leads to
	Home         string          `json:"-"` // address of the repository that the policy is of, or ""
	verdict.Verdict
}

// Policy names the policy file by its digest, and says where it was taken from.
type Policy struct {
	File   string         `json:"file"`
	Digest subject.Digest `json:"digest"`
	Commit string         `json:"commit,omitempty"` // that has the file; empty if the digest was given
	Branch string         `json:"branch,omitempty"` // that was at the commit, where one was named
}

// from says where the policy was taken from, in words after its digest. how writes a
// value.
func (p Policy) from(how func(string) string) string {
	switch {
	case p.Branch != "":
		return fmt.Sprintf(" of branch %s at commit %s", how(p.Branch), how(p.Commit[:min(7, len(p.Commit))]))
	case p.Commit != "":
		return " of commit " + how(p.Commit[:min(7, len(p.Commit))])
	}
	return ""
}

// Entry is the statement of what was let in. Its zero is none.
type Entry struct {
	Number    int            `json:"number,omitempty"`
	Statement subject.Digest `json:"statement,omitzero"`
	Stored    []string       `json:"stored,omitempty"` // names of the stores
	Why       string         `json:"why,omitempty"`    // why there is none
	Watched   bool           `json:"watched,omitempty"`
	Lists     []string       `json:"-"` // of who could approve, where the entry has a digest alone
}

// told is what people read about the entry; how writes a value.
func (r Record) told(how func(string) string) string {
	switch e := r.Entry; {
	case e == nil:
		return ""
	case e.Number == 0:
		return "no entry is signed: " + how(e.Why)
	case e.Watched:
		return fmt.Sprintf("what came into %s under watch is signed, as number %d, and counts as no entry: %s",
			how(r.Environment), e.Number, how(e.Statement.String()))
	default:
		return fmt.Sprintf("entry %d into %s is signed: %s", e.Number, how(r.Environment), how(e.Statement.String()))
	}
}

// TrustedRoot names a trusted root by its digest.
type TrustedRoot struct {
	Name     string         `json:"name"`
	Digest   subject.Digest `json:"digest"`
	Snapshot string         `json:"snapshot,omitempty"` // day an embedded copy was taken
}

// NewRecord returns the record of v. Its outcome is v's own. What explains it is
// bounded.
func NewRecord(tool string, v verdict.Verdict) Record {
	return Record{Schema: Schema, Tool: tool, Outcome: v.Answer(), TrustedRoots: []TrustedRoot{}, Verdict: bounded(v)}
}

// Stamp sets the time that ages were counted from.
func (r *Record) Stamp(at time.Time) { r.At = at.UTC().Format(time.RFC3339) }

// MaxRecordBytes is the size limit of a verdict file.
const MaxRecordBytes = 256 << 20

// ReadRecord reads a verdict file. Members that are not known are passed over: a
// later version may have more.
func ReadRecord(raw []byte) (Record, error) {
	var r Record
	if err := strictjson.Decode(raw, maxRecordDepth, "the verdict", &r); err != nil {
		return Record{}, err
	}
	if r.Schema != Schema {
		return Record{}, fault.New(fault.Refused, fault.Malformed, "", "the verdict has schema %q, want %q", r.Schema, Schema)
	}
	return r, nil
}

const maxRecordDepth = 16

// JSON writes r as one indented JSON document with a final newline. The same
// record gives the same bytes.
func JSON(w io.Writer, r Record) error { return Document(w, r) }

// Document writes any value as JSON writes a record.
func Document(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(true)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(inert(b.Bytes()))
	return err
}

// inert escapes what a terminal acts on and JSON leaves alone, such as the
// controls above ASCII and what turns the direction of text. It stands nowhere
// but inside of texts, so the document means the same.
func inert(b []byte) []byte {
	var out []byte
	for _, r := range string(b) {
		switch {
		case r < utf8.RuneSelf && r != 0x7f || shown(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// verb is the word for an outcome. Under watch it is none of those that people know of a gate.
func (r Record) verb(o verdict.Outcome) string {
	switch environment := r.Environment; {
	case r.Outcome.Watched:
		return "watch"
	case o == verdict.Allow && environment == "":
		return "verified"
	case o == verdict.Allow:
		return "allowed"
	case o == verdict.Wait:
		return "waiting"
	default:
		return "denied"
	}
}

// words are what a person reads about one artifact of r: the word for its
// outcome, and what stands after its name.
func words(o verdict.Outcome, r Record) (verb, rest string) {
	env := fmt.Sprintf("%q", r.Environment)
	verb = r.verb(o)
	switch {
	case r.Outcome.Watched:
		return verb, would(o, env)
	case r.Environment == "" && o == verdict.Allow:
		return verb, ""
	case r.Environment == "":
		return verb, " is not verified"
	case o == verdict.Allow && !r.Outcome.Allows():
		return "met", " meets the policy for " + env
	case o == verdict.Allow:
		return verb, " may enter " + env
	case o == verdict.Wait:
		return verb, " may not enter " + env + " yet"
	default:
		return verb, " may not enter " + env
	}
}

// allWait reports whether list holds something, and nothing but waiting.
func allWait(list []verdict.Finding) bool {
	for _, f := range list {
		if f.Outcome != verdict.Wait {
			return false
		}
	}
	return len(list) > 0
}

// refused returns the findings that do not allow.
func refused(list []verdict.Finding) []verdict.Finding {
	var out []verdict.Finding
	for _, f := range list {
		if f.Outcome != verdict.Allow {
			out = append(out, f)
		}
	}
	return out
}

// FaultSchema names the form of FaultJSON (shared/fault.schema.json).
const FaultSchema = "https://sallyport.dev/schemas/fault/v1"

// kinds are the words for kinds of faults.
var kinds = map[fault.Kind]string{fault.Usage: "usage", fault.Refused: "refused", fault.Unavailable: "unavailable",
	fault.Internal: "internal error"}

// FaultJSON writes a fault as one document, for who has asked for JSON and gets no answer.
func FaultJSON(w io.Writer, tool string, f fault.Fault) error {
	return Document(w, struct {
		Schema string     `json:"schema"`
		Tool   string     `json:"tool"`
		Kind   string     `json:"kind"` // "usage", "refused", "unavailable" or "internal error"
		Code   fault.Code `json:"code"`
		Reason string     `json:"reason"`
		Hint   string     `json:"hint,omitempty"`
		Help   string     `json:"help,omitempty"` // the page of the code
	}{FaultSchema, tool, kinds[f.Kind], f.Code, fault.Bound(f.Error()), fault.Bound(f.Hint), f.Code.URL()})
}

// Fault writes a fault in the form of every message of this program: what, why
// and what next. lacks is what a command leaves undone that decides something, in words; "" for
// one that decides nothing.
func Fault(w io.Writer, f fault.Fault, lacks string) {
	p := printer{w: w}
	p.line("sallyport: %s: %s", kinds[f.Kind], f.Code)
	for _, l := range lines(f.Error()) {
		p.line("sallyport: reason: %s", Plain(fault.Bound(l)))
	}
	if f.Hint != "" {
		p.line("sallyport: hint: %s", Plain(fault.Bound(f.Hint)))
	}
	if u := f.Code.URL(); u != "" {
		p.line("sallyport: help: %s", u)
	}
	if f.Kind == fault.Unavailable && lacks != "" {
		p.line("sallyport: nothing was decided; %s", lacks)
	}
}
