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
	if r.Outcome.Watched {
		p.line("> [!WARNING]\n> **%s.** The policy has `mode: watch` for this environment.\n", strings.ToUpper(noGate[:1])+noGate[1:])
	}
	said := modeLines(r, Code)
	for _, l := range said {
		p.line("- %s", l)
	}
	if len(said) > 0 {
		p.line("")
	}
	p.artifacts(r)
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
	for _, x := range r.Warnings {
		p.line("")
		p.line("⚠ Warning: %s", Code(x))
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

// maxTogether is how many artifacts with one answer have a row each.
const maxTogether = 10

// artifacts writes a row for each artifact, or one for many with the same answer, whose names are
// folded.
func (p *printer) artifacts(r Record) {
	with := map[string][]verdict.Judgement{}
	var order []string
	for _, j := range r.Judgements {
		a := answer(r, j)
		if len(with[a]) == 0 {
			order = append(order, a)
		}
		with[a] = append(with[a], j)
	}
	p.line("| artifact | digest | answer |")
	p.line("|---|---|---|")
	var folded [][]verdict.Judgement
	for _, a := range order {
		if all := with[a]; len(all) > maxTogether {
			p.line("| **%d artifacts** | | %s |", len(all), a)
			folded = append(folded, all)
			continue
		}
		for _, j := range with[a] {
			p.line("| %s | %s | %s |", Code(called(j.Subject)), Code(shortDigest(j)), a)
		}
	}
	for _, all := range folded {
		p.line("\n<details><summary>%d artifacts</summary>\n", len(all))
		for i, j := range all {
			if i == maxRows {
				p.line("- %d more in the verdict file", len(all)-maxRows)
				break
			}
			p.line("- %s %s", Code(called(j.Subject)), Code(shortDigest(j)))
		}
		p.line("\n</details>")
	}
}

// mark can be told from the others at a glance, in a light and in a dark theme.
func mark(a verdict.Answer) string {
	switch {
	case a.Watched:
		return "👀"
	case a.Outcome == verdict.Allow:
		return "✅"
	case a.Outcome == verdict.Wait:
		return "⏸️"
	default:
		return "❌"
	}
}

func title(r Record) string { return mark(r.Outcome) + " " + headline(r) }

func headline(r Record) string {
	verb := r.verb(r.Outcome.Outcome)
	if r.Environment == "" {
		return fmt.Sprintf("Sallyport: %s", verb)
	}
	rest := "– nothing may enter"
	if r.Outcome.Watched {
		return fmt.Sprintf("Sallyport watches %s: would %s", Code(r.Environment), r.Outcome.Outcome)
	}
	switch r.Outcome.Outcome {
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
	if o == verdict.Allow && !r.Outcome.Allows() {
		return "meets the policy"
	}
	var codes []string
	for _, f := range j.Findings {
		if c := coded(f.Code); f.Code != fault.OK && !slices.Contains(codes, c) {
			codes = append(codes, c)
		}
	}
	verb := mark(verdict.Answer{Outcome: o}) + " " + r.verb(o)
	if r.Outcome.Watched {
		verb = "would " + o.String()
	}
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
		if f.Outcome == verdict.Allow && len(f.People) == 0 && !f.Warning {
			continue
		}
		if p.blocks++; p.blocks > maxRows {
			return
		}
		p.line("")
		p.line("%s %s: %s", heading(f), about, Code(f.Reason))
		p.people(f)
		p.facts(f)
	}
}

// heading is the code of a finding, and the requirement where it is met.
func heading(f verdict.Finding) string {
	switch {
	case f.Code == fault.OK:
		return "**approved**"
	case f.Warning:
		return "⚠️ " + coded(f.Code)
	}
	return coded(f.Code)
}

// coded is a code that leads to its page.
func coded(c fault.Code) string {
	if c.URL() == "" {
		return "**" + string(c) + "**"
	}
	return "[**" + string(c) + "**](" + c.URL() + ")"
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
			item(x[0], p.text(x[1]))
		}
	}
	if run != "" {
		out = append(out, "", "  ```", "  "+Plain(run), "  ```", "")
	}
	if f.Line > 0 && p.r.Policy != nil && f.Outcome != verdict.Allow {
		item("policy", p.r.at(f.Line))
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
			counts = "no: " + why(x.Code) + Code(x.Reason)
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
			rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s | %s | %s |", Code(called(j.Subject)), Code(label(e.PredicateType)),
				r.Source(e.Signer)+besides(e), r.commit(e), r.run(e.Run), Code(e.Time)))
		}
	}
	if len(rows) == 0 {
		return
	}
	p.line("")
	p.line("<details><summary>evidence</summary>")
	p.line("")
	p.line("| artifact | kind | signed by | commit | run | at |")
	p.line("|---|---|---|---|---|---|")
	for i, row := range rows {
		if i == maxRows {
			p.line("| %d more in the verdict file | | | | | |", len(rows)-maxRows)
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
		s += fmt.Sprintf(" · policy %s %s", r.at(0),
			Code(r.Policy.Digest.String()[:19]+"…")) + r.Policy.from(Code)
	}
	return s
}

// FaultMarkdown writes a fault as a job summary: what went wrong, and the next step. lacks is that
// of Fault.
func FaultMarkdown(w io.Writer, f fault.Fault, lacks string) error {
	p := &printer{w: w}
	p.line("### ⛔ Sallyport: %s: %s\n", kinds[f.Kind], coded(f.Code))
	for _, l := range lines(f.Error()) {
		p.line("- reason: %s", Code(fault.Bound(l)))
	}
	if text, run := splitHint(f.Hint); text != "" || run != "" {
		if text != "" {
			p.line("- fix: %s", Code(fault.Bound(text)))
		}
		if run != "" {
			p.line("\n  ```\n  %s\n  ```", Plain(run))
		}
	}
	if lacks != "" {
		p.line("\nNothing was decided; %s.", lacks)
	}
	return p.err
}

// EvidenceText writes the evidence that an answer rests on, a paragraph for each piece.
func EvidenceText(w io.Writer, r Record) error {
	p := &printer{w: w}
	n := 0
	for _, j := range r.Judgements {
		for _, e := range j.Evidence {
			if n++; n > maxRows {
				continue
			}
			p.line("%s", Plain(called(j.Subject)))
			for _, x := range [][2]string{{"kind", e.PredicateType}, {"signer", e.Signer}, {"commit", e.Commit}, {"run", e.Run}, {"time", e.Time}} {
				if x[1] != "" {
					p.line("  %-7s %s", x[0], Plain(x[1]))
				}
			}
		}
	}
	if n > maxRows {
		p.line("%d more in the verdict file", n-maxRows)
	}
	return p.err
}

// why is a code before the reason of it, or nothing.
func why(c fault.Code) string {
	if c == "" {
		return ""
	}
	return coded(c) + " "
}
