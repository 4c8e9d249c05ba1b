package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Width is how many columns text is laid out for where nothing else is known. A word
// that is longer, such as a digest or a URI, is never broken.
const Width = 80

// printer writes lines and keeps the first error, as bufio.Writer does.
type printer struct {
	w      io.Writer
	width  int // columns; 0: Width
	err    error
	linked map[fault.Code]bool // codes whose page was named
}

// lineWidth is how many columns a line may have.
func (p *printer) lineWidth() int {
	if p.width == 0 {
		return Width
	}
	return p.width
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// wrapped writes text after a label, with the lines that follow beneath it.
func (p *printer) wrapped(label, text string) {
	indent := strings.Repeat(" ", len([]rune(label)))
	for i, l := range Wrap(text, p.lineWidth()-len([]rune(label))) {
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
	first := Wrap(text, p.lineWidth()-len([]rune(label)))[0]
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

// Screen is what text is written to: the marks of the four words that carry an outcome, and
// its columns. Its zero marks nothing and has Width columns; everything reads without marks.
type Screen struct {
	Allow, Deny, Wait, Reset string
	Columns                  int
}

// Narrowest and Widest bound the columns of a line: narrower ones cannot hold the labels, and
// wider ones are hard to read.
const (
	Narrowest = 60
	Widest    = 120
)

// Colours is the screen of a terminal.
var Colours = Screen{Allow: "\x1b[1;32m", Deny: "\x1b[1;31m", Wait: "\x1b[1;33m", Reset: "\x1b[0m"}

func (p Screen) mark(o verdict.Outcome, word string) string {
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
func Text(w io.Writer, r Record, c Screen) error {
	p := &printer{w: w, width: c.Columns}
	p.mode(r, c)
	if r.Environment != "" {
		p.environment(r, c)
	}
	own, all := gather(r)
	hidden := 0
	together := caused(all)
	for i, j := range r.Judgements {
		if together[i] && len(refused(own[i])) == 0 {
			continue // it is one of those that are told together
		}
		most := maxListed
		if j.Outcome() != verdict.Allow {
			most = maxAlike
		}
		if i >= most && len(refused(own[i])) == 0 && (j.Outcome() != verdict.Deny || len(all) > 0) {
			hidden++
			continue
		}
		p.judgement(r, j, own[i], c)
	}
	if hidden > 0 {
		p.line("          %d more, with no reason of their own, are in the verdict file", hidden)
	}
	for _, x := range all {
		p.common(r, x, c)
	}
	p.passedOver(r)
	for _, x := range r.Accepted {
		p.hanging("", "  ", fmt.Sprintf("accepted for %q: %s", Plain(r.Environment), Plain(x)))
	}
	for _, x := range r.Warnings {
		p.hanging("", "  ", "warning: "+Plain(x))
	}
	for _, x := range r.NotAsked {
		p.hanging("", "  ", "not asked: "+Plain(x))
	}
	for i, l := range r.Changed {
		if i == 0 {
			p.line("the policy differs from the one in force:")
		}
		p.line("  %s", Plain(l))
	}
	for _, l := range r.Looser {
		p.hanging("  it asks for less: ", "    ", Plain(l))
	}
	if text := r.told(Plain); text != "" {
		p.hanging("", "  ", text)
	}
	if len(r.Judgements) != 1 || r.Environment != "" && j1(r) != r.Outcome.Outcome {
		p.total(r, c)
	}
	return p.err
}

// maxPassedOver is how many of the things that were passed over are told.
const maxPassedOver = 5

// passedOver tells what lay where evidence was looked for, where some evidence
// was not found: it may be the evidence, in a form that nobody reads.
func (p *printer) passedOver(r Record) {
	for i, x := range lacking(r) {
		if i == 0 {
			p.line("passed over:")
		}
		p.hanging("  ", "    ", Plain(x))
	}
}

// lacking is what is told of things that were passed over.
func lacking(r Record) []string {
	if !r.lacks() || len(r.PassedOver) == 0 {
		return nil
	}
	if n := len(r.PassedOver); n > maxPassedOver {
		return append(slices.Clone(r.PassedOver[:maxPassedOver]), fmt.Sprintf("and %d more, which are in the verdict file", n-maxPassedOver))
	}
	return r.PassedOver
}

// lacks reports whether evidence was missing.
func (r Record) lacks() bool {
	return slices.ContainsFunc(r.Judgements, func(j verdict.Judgement) bool {
		return slices.ContainsFunc(j.Findings, func(f verdict.Finding) bool { return f.Code == fault.EvidenceMissing })
	})
}

// maxListed is how many artifacts that may enter are listed; maxAlike, how many that
// may not, for a reason that they share. An artifact with a reason of its own is listed.
const (
	maxListed = 20
	maxAlike  = 3
)

// j1 is the outcome of the only judgement.
func j1(r Record) verdict.Outcome { return r.Judgements[0].Outcome() }

func (p *printer) environment(r Record, c Screen) {
	bad := refused(r.Findings)
	if len(bad) == 0 && len(r.Findings) > 0 {
		return
	}
	o, what := verdict.Deny, "nothing may enter %q"
	if allWait(bad) {
		o, what = verdict.Wait, "nothing may enter %q yet"
	}
	if r.Outcome.Watched {
		what = "nothing would be let into %q"
	}
	p.answer(o, r.verb(o), fmt.Sprintf(what, r.Environment), c)
	for _, f := range bad {
		p.finding(r, f)
	}
}

// answer writes text after the word for an outcome.
func (p *printer) answer(o verdict.Outcome, verb, text string, c Screen) {
	first, rest, _ := strings.Cut(strings.Join(Wrap(text, p.lineWidth()-9), "\n"), "\n")
	p.line("%s%s%s", c.mark(o, verb), strings.Repeat(" ", max(1, 9-len(verb))), first)
	if rest != "" {
		p.wrapped("         ", rest)
	}
}

// judgement writes what was found about one artifact. The outcome is that of
// everything; own is what the artifact has for itself.
func (p *printer) judgement(r Record, j verdict.Judgement, own []verdict.Finding, c Screen) {
	o := j.Outcome()
	verb, rest := words(o, r)
	p.answer(o, verb, Plain(called(j.Subject))+rest, c)
	if o == verdict.Allow || j.Subject.Name != j.Subject.Digest.String() {
		p.line("  %s", j.Subject.Digest)
	}
	if o == verdict.Allow {
		p.met(r, own)
		p.built(j.Evidence)
		return
	}
	for _, f := range refused(own) {
		p.finding(r, f)
	}
}

// maxBuilt is how many pieces of evidence are told about one artifact.
const maxBuilt = 3

// built writes where something was built, of evidence that says it.
func (p *printer) built(all []verdict.Evidence) {
	told := 0
	for _, e := range all {
		if e.Repository == "" {
			continue
		}
		if told++; told > maxBuilt {
			p.line("  %d more pieces of evidence are in the JSON of the answer", len(all)-maxBuilt)
			return
		}
		for _, x := range where(e) {
			p.wrapped("  "+pad(x[0], 12)+" ", Plain(x[1]))
		}
	}
}

// met writes the requirements that are met, a line or more for each.
func (p *printer) met(r Record, list []verdict.Finding) {
	width := 12
	for _, f := range list {
		if n := size(Plain(label(f.Requirement))); n <= maxLabel {
			width = max(width, n+1)
		}
	}
	for _, f := range list {
		text := Plain(f.Reason)
		if f.Code != fault.OK {
			text = string(f.Code) + "  " + text
		}
		p.wrapped("  "+pad(Plain(label(f.Requirement)), width)+" ", text)
		p.people(r, f)
	}
}

// maxLabel is the longest name of a requirement that the others line up with.
const maxLabel = 24

// common writes what people said about several artifacts.
func (p *printer) common(r Record, x common, c Screen) {
	o := x.findings[0].Outcome
	verb, _ := words(o, r)
	p.answer(o, verb, "for "+x.about(r, Plain), c)
	if o == verdict.Allow {
		p.met(r, x.findings)
		return
	}
	for _, f := range x.findings {
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
	beside := func(label string) string { return fmt.Sprintf("  %-6s ", label) }
	if len(f.People)+len(f.Eligible) > 0 {
		beside = func(label string) string { return fmt.Sprintf("    %-11s  ", label) }
		p.people(r, f)
	}
	p.facts(beside, f.Found, f.Wanted, f.Hint)
	if f.Line > 0 && r.Policy != nil {
		p.line("%s%s:%d", beside("policy"), Plain(r.Policy.File), f.Line)
	}
	p.page(beside, f.Code)
}

// page names the page of a code, where it is told for the first time.
func (p *printer) page(beside func(string) string, c fault.Code) {
	if u := c.URL(); u != "" && !p.linked[c] {
		if p.linked == nil {
			p.linked = map[fault.Code]bool{}
		}
		p.linked[c] = true
		p.line("%s%s", beside("help"), u)
	}
}

// facts writes what was found, what was wanted and the next step. A command in
// it has a line of its own, however long, because it is there to be copied.
func (p *printer) facts(beside func(string) string, found, wanted, hint string) {
	for _, x := range []struct{ label, text string }{{"found", found}, {"wanted", wanted}} {
		if x.text != "" {
			p.wrapped(beside(x.label), Plain(x.text))
		}
	}
	text, run := splitHint(hint)
	if text != "" {
		p.wrapped(beside("fix"), Plain(text))
	}
	if run != "" {
		p.line("%s%s", strings.Repeat(" ", size(beside(""))), Plain(run))
	}
}

func (p *printer) total(r Record, c Screen) {
	n, wait := 0, 0
	for _, j := range r.Judgements {
		switch j.Outcome() {
		case verdict.Allow:
			n++
		case verdict.Wait:
			wait++
		}
	}
	verb := r.verb(r.Outcome.Outcome)
	if n == len(r.Judgements) && r.Outcome.Outcome != verdict.Allow {
		p.answer(r.Outcome.Outcome, verb, "the environment does not meet the policy"+closing(r), c)
		return
	}
	text := fmt.Sprintf("%d of %d artifacts meet the policy", n, len(r.Judgements))
	if r.Environment == "" {
		text = fmt.Sprintf("%d of %d files are verified", n, len(r.Judgements))
	}
	switch denied := len(r.Judgements) - n - wait; {
	case wait > 0 && wait == len(r.Judgements):
		text = fmt.Sprintf("all %d artifacts wait for approval", wait)
		if wait == 1 {
			text = "the artifact waits for approval"
		}
	case wait > 0 && denied > 0:
		text += fmt.Sprintf(", %d wait for approval, %d denied", wait, denied)
	case wait > 0:
		text += fmt.Sprintf(", %d wait for approval", wait)
	}
	p.answer(r.Outcome.Outcome, verb, text+closing(r), c)
}

func closing(r Record) string {
	switch {
	case r.Outcome.Watched:
		return "; " + noGate
	case r.Outcome.Allows() || r.Environment == "":
		return ""
	case r.Outcome.Outcome == verdict.Wait:
		return "; nothing may be deployed yet"
	default:
		return "; nothing may be deployed"
	}
}
