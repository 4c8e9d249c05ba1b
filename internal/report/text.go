package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Width is how many columns text is laid out for. A word that is longer, such
// as a digest or a URI, is never broken.
const Width = 80

// printer writes lines and keeps the first error, as bufio.Writer does.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// wrapped writes text after a label, with the lines that follow beneath it.
func (p *printer) wrapped(label, text string) {
	indent := strings.Repeat(" ", len([]rune(label)))
	for i, l := range Wrap(text, Width-len([]rune(label))) {
		if i == 0 {
			p.line("%s%s", label, l)
			continue
		}
		p.line("%s%s", indent, l)
	}
}

// hanging writes text after a label, with the lines that follow at an indent of
// their own.
func (p *printer) hanging(label, indent, text string) {
	first := Wrap(text, Width-len([]rune(label)))[0]
	p.line("%s%s", label, first)
	if rest := strings.TrimSpace(strings.TrimPrefix(strings.Join(strings.Fields(text), " "), first)); rest != "" {
		p.wrapped(indent, rest)
	}
}

func lines(s string) []string { return strings.Split(strings.TrimRight(s, "\n"), "\n") }

// Wrap breaks text into lines of at most width characters, between words.
func Wrap(text string, width int) []string {
	var out []string
	cur := ""
	for _, word := range strings.Fields(text) {
		if cur != "" && len([]rune(cur))+1+len([]rune(word)) > width {
			out = append(out, cur)
			cur = word
			continue
		}
		cur = strings.TrimPrefix(cur+" "+word, " ")
	}
	return append(out, cur)
}

// Palette marks the four words that carry an outcome. Its zero marks nothing;
// everything reads without it.
type Palette struct{ Allow, Deny, Wait, Reset string }

// Colours is the palette for a terminal.
var Colours = Palette{Allow: "\x1b[1;32m", Deny: "\x1b[1;31m", Wait: "\x1b[1;33m", Reset: "\x1b[0m"}

func (p Palette) mark(o verdict.Outcome, word string) string {
	switch o {
	case verdict.Allow:
		return p.Allow + word + p.Reset
	case verdict.Wait:
		return p.Wait + word + p.Reset
	default:
		return p.Deny + word + p.Reset
	}
}

// Text writes r for a person at a terminal.
func Text(w io.Writer, r Record, c Palette) error {
	p := &printer{w: w}
	if r.Environment != "" {
		p.environment(r, c)
	}
	for i, j := range r.Judgements {
		if i < maxListed || j.Outcome() != verdict.Allow {
			p.judgement(r, j, c)
		}
	}
	if n := len(r.Judgements); n > maxListed {
		p.line("          beyond the first %d only artifacts that are not allowed are listed", maxListed)
	}
	if len(r.Judgements) != 1 || r.Environment != "" && j1(r) != r.Outcome {
		p.total(r, c)
	}
	return p.err
}

// maxListed is how many artifacts are listed whatever their outcome. The
// verdict file has all of them.
const maxListed = 20

// j1 is the outcome of the only judgement.
func j1(r Record) verdict.Outcome { return r.Judgements[0].Outcome() }

func (p *printer) environment(r Record, c Palette) {
	bad := refused(r.Findings)
	if len(bad) == 0 && len(r.Findings) > 0 {
		return
	}
	verb, _ := words(verdict.Deny, r.Environment)
	p.line("%s   nothing may enter %q", c.mark(verdict.Deny, verb), r.Environment)
	for _, f := range bad {
		p.finding(r, f)
	}
}

func (p *printer) judgement(r Record, j verdict.Judgement, c Palette) {
	o := j.Outcome()
	verb, rest := words(o, r.Environment)
	if r.Environment != "" && rest != "" {
		rest += fmt.Sprintf("%q", r.Environment)
	}
	if o == verdict.Allow && r.Outcome != verdict.Allow && r.Environment != "" {
		verb, rest = "met", " meets the policy for "+fmt.Sprintf("%q", r.Environment)
	}
	p.line("%s%s%s%s", c.mark(o, verb), strings.Repeat(" ", max(1, 9-len(verb))), Plain(called(j.Subject)), rest)
	if o == verdict.Allow {
		p.line("  %s", j.Subject.Digest)
		for _, f := range j.Findings {
			p.wrapped(fmt.Sprintf("  %-12s ", Plain(label(f.Requirement))), Plain(f.Reason))
		}
		return
	}
	if j.Subject.Name != j.Subject.Digest.String() {
		p.line("  %s", j.Subject.Digest)
	}
	for _, f := range refused(j.Findings) {
		p.finding(r, f)
	}
}

// called is the name of a subject without its digest, which has its own line.
func called(s subject.Subject) string { return strings.TrimSuffix(s.Name, "@"+s.Digest.String()) }

// label shortens a predicate type to its last part that is not a version.
func label(requirement string) string {
	_, path, ok := strings.Cut(requirement, "://")
	if !ok {
		return requirement
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i := len(parts) - 1; i > 0; i-- {
		if p := parts[i]; len(p) < 2 || p[0] != 'v' || p[1] < '0' || p[1] > '9' {
			return p
		}
	}
	return path
}

func (p *printer) finding(r Record, f verdict.Finding) {
	p.hanging("  "+string(f.Code)+"  ", "    ", Plain(f.Reason))
	for _, x := range []struct{ label, text string }{{"found", f.Found}, {"wanted", f.Wanted}, {"fix", f.Hint}} {
		if x.text != "" {
			p.wrapped(fmt.Sprintf("  %-6s ", x.label), Plain(x.text))
		}
	}
	if f.Line > 0 && r.Policy != nil {
		p.line("  %-6s %s:%d", "policy", Plain(r.Policy.File), f.Line)
	}
}

func (p *printer) total(r Record, c Palette) {
	n := 0
	for _, j := range r.Judgements {
		if j.Outcome() == verdict.Allow {
			n++
		}
	}
	verb, _ := words(r.Outcome, r.Environment)
	if n == len(r.Judgements) && r.Outcome != verdict.Allow {
		p.line("%s%sthe environment does not meet the policy%s", c.mark(r.Outcome, verb), strings.Repeat(" ", max(1, 9-len(verb))), closing(r))
		return
	}
	p.line("%s%s%d of %d artifacts meet the policy%s", c.mark(r.Outcome, verb), strings.Repeat(" ", max(1, 9-len(verb))), n, len(r.Judgements), closing(r))
}

func closing(r Record) string {
	if r.Outcome != verdict.Allow && r.Environment != "" {
		return "; nothing may be deployed"
	}
	return ""
}
