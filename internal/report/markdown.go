package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// maxRows bounds the tables of a summary. The total stands above them, so that
// nothing that matters is cut.
const maxRows = 200

// Markdown writes r as a job summary: the answer first, then one row per
// artifact, then the reasons, then the evidence, folded.
func Markdown(w io.Writer, r Record) error {
	p := &printer{w: w}
	p.line("### %s", title(r))
	p.line("")
	p.line("| artifact | digest | answer |")
	p.line("|---|---|---|")
	for i, j := range r.Judgements {
		if i == maxRows {
			p.line("| %d more in the verdict file | | |", len(r.Judgements)-maxRows)
			break
		}
		p.line("| %s | %s | %s |", Code(called(j.Subject)), Code(shortDigest(j)), answer(r, j))
	}
	p.reasons(r)
	for i, x := range lacking(r) {
		if i == 0 {
			p.line("")
			p.line("Passed over:")
			p.line("")
		}
		p.line("- %s", Code(x))
	}
	for _, x := range r.Accepted {
		p.line("")
		p.line("Accepted for the environment: %s", Code(x))
	}
	for _, x := range r.NotAsked {
		p.line("")
		p.line("Not asked: %s", Code(x))
	}
	p.evidence(r)
	p.line("")
	if len(r.Changed) > 0 {
		p.line("<details><summary>the policy differs from the one in force</summary>\n")
		p.line("%s\n\n</details>\n", Block(r.Changed))
	}
	for _, l := range r.Looser {
		p.line("It asks for less: %s\n", Code(l))
	}
	if text := r.told(Code); text != "" {
		p.line("%s\n", text)
	}
	if r.Entry != nil {
		for _, list := range r.Entry.Lists {
			p.line("<details><summary>who could approve then, of which a digest is signed</summary>\n\n%s\n\n</details>\n",
				Code(list))
		}
	}
	p.line("%s", under(r))
	return p.err
}

func title(r Record) string {
	verb := verbOf(r.Outcome, r.Environment)
	if r.Environment == "" {
		return fmt.Sprintf("Sallyport: %s", verb)
	}
	rest := "– nothing may enter"
	switch r.Outcome {
	case verdict.Allow:
		rest = "into"
	case verdict.Wait:
		rest = "for approval to enter"
	}
	return fmt.Sprintf("Sallyport: %s %s %s", verb, rest, Code(r.Environment))
}

func shortDigest(j verdict.Judgement) string {
	h := j.Subject.Digest.Hex()
	return "sha256:" + h[:8] + "…" + h[len(h)-4:]
}

func answer(r Record, j verdict.Judgement) string {
	o := j.Outcome()
	if o == verdict.Allow && r.Outcome != verdict.Allow {
		return "meets the policy"
	}
	var codes []string
	for _, f := range j.Findings {
		if c := "**" + string(f.Code) + "**"; f.Code != fault.OK && !slices.Contains(codes, c) {
			codes = append(codes, c)
		}
	}
	verb := verbOf(o, r.Environment)
	if len(codes) == 0 {
		return verb
	}
	return verb + ": " + strings.Join(codes, ", ")
}

// page is a Markdown summary that is being written. Rows are bounded over all
// of it: a platform cuts what is too long, without saying what.
type page struct {
	*printer
	r      Record
	blocks int // findings that were shown
	room   int // for people who do not count
}

func (p *printer) reasons(r Record) {
	g := &page{printer: p, r: r, room: maxRows}
	g.findings(Code(r.Environment), r.Findings)
	own, all := gather(r)
	for i, j := range r.Judgements {
		g.findings(Code(called(j.Subject)), own[i])
	}
	for _, x := range all {
		g.findings(x.about(r, Code), x.findings)
	}
}

// findings writes why something is not allowed, and what people said of it.
func (p *page) findings(about string, list []verdict.Finding) {
	for _, f := range list {
		if f.Outcome == verdict.Allow && len(f.People) == 0 {
			continue
		}
		if p.blocks++; p.blocks > maxRows {
			return
		}
		p.line("")
		p.line("**%s** %s: %s", heading(f), about, Code(f.Reason))
		p.people(f)
		p.facts(f)
	}
}

// heading is the code of a finding, and the requirement where it is met.
func heading(f verdict.Finding) string {
	if f.Code == fault.OK {
		return "approved"
	}
	return string(f.Code)
}

func (p *page) facts(f verdict.Finding) {
	var out []string
	item := func(label, text string) {
		if text != "" {
			out = append(out, fmt.Sprintf("- %s: %s", label, text))
		}
	}
	if len(f.Eligible) > 0 && f.Pending {
		item("may approve", Code(names(f.Eligible)))
	}
	text, run := splitHint(f.Hint)
	for _, x := range [][2]string{{"found", f.Found}, {"wanted", f.Wanted}, {"fix", text}} {
		if x[1] != "" {
			item(x[0], Code(x[1]))
		}
	}
	if run != "" {
		out = append(out, "", "  ```", "  "+Plain(run), "  ```", "")
	}
	if f.Line > 0 && p.r.Policy != nil && f.Outcome != verdict.Allow {
		item("policy", Code(fmt.Sprintf("%s:%d", p.r.Policy.File, f.Line)))
	}
	if len(out) > 0 {
		p.line("")
	}
	for _, l := range out {
		p.line("%s", l)
	}
}

// people writes a table of everybody who spoke.
func (p *page) people(f verdict.Finding) {
	if len(f.People) == 0 {
		return
	}
	shown, left := heard(f, min(p.room, maxStrangers))
	p.line("")
	p.line("| who | said | counts | whose word | when |")
	p.line("|---|---|---|---|---|")
	for _, x := range shown {
		counts := "yes"
		if said(x) == "not counted" {
			p.room--
			counts = "no: " + strings.TrimPrefix(fmt.Sprintf("**%s** ", x.Code), "**** ") + Code(x.Reason)
		}
		name := Code(named(x.Name))
		if doubtful(x, f.People) {
			name += ", account " + Code(x.Identity)
		}
		p.line("| %s | %s | %s | %s | %s |", name, decided(x), counts, Code(x.Word), when(p.r, x))
	}
	if left > 0 {
		p.line("| %d more, who do not count, are in the verdict file | | | | |", left)
	}
}

func decided(x verdict.Person) string {
	s := Code(x.Decision)
	if x.Decision == "approve" || x.Decision == "reject" {
		s = x.Decision
	}
	if x.Comment != "" {
		s += ": " + Code(clip(x.Comment, maxComment))
	}
	return s
}

func when(r Record, x verdict.Person) string {
	if x.Time == "" {
		return ""
	}
	s := Code(x.Time)
	if a := ago(r.At, x.Time); a != Plain(x.Time) {
		s += ", " + a
	}
	return s
}

func (p *printer) evidence(r Record) {
	var rows []string
	for _, j := range r.Judgements {
		for _, e := range j.Evidence {
			rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |", Code(called(j.Subject)), Code(label(e.PredicateType)), Code(e.Signer)+besides(e), Code(e.Time)))
		}
	}
	if len(rows) == 0 {
		return
	}
	p.line("")
	p.line("<details><summary>evidence</summary>")
	p.line("")
	p.line("| artifact | kind | signed by | at |")
	p.line("|---|---|---|---|")
	for i, row := range rows {
		if i == maxRows {
			p.line("| %d more in the verdict file | | | |", len(rows)-maxRows)
			break
		}
		p.line("%s", row)
	}
	p.line("")
	p.line("</details>")
}

// besides is by way of what the evidence was signed, and what it may lack, for a
// reader who takes it for whole.
func besides(e verdict.Evidence) string {
	out := ""
	if e.Via != "" {
		out = ", via " + Code(e.Via)
	}
	for _, x := range e.Accepted {
		out += "; accepted: " + Code(x)
	}
	if e.Repository == "" {
		return out
	}
	for _, x := range where(e) {
		out += "<br>" + x[0] + ": " + Code(x[1])
	}
	return out
}

func under(r Record) string {
	s := r.Tool
	if r.Policy != nil {
		s += fmt.Sprintf(" · policy %s %s", Code(r.Policy.File),
			Code(r.Policy.Digest.String()[:19]+"…")) + r.Policy.from(Code)
	}
	return s
}
