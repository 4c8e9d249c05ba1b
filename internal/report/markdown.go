package report

import (
	"fmt"
	"io"
	"strings"

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
	p.evidence(r)
	p.line("")
	p.line("%s", under(r))
	return p.err
}

func title(r Record) string {
	verb, _ := words(r.Outcome, r.Environment)
	if r.Environment == "" {
		return fmt.Sprintf("Sallyport: %s", verb)
	}
	return fmt.Sprintf("Sallyport: %s %s %s", verb, map[bool]string{true: "into", false: "– nothing may enter"}[r.Outcome == verdict.Allow], Code(r.Environment))
}

func shortDigest(j verdict.Judgement) string {
	h := j.Subject.Digest.Hex()
	return "sha256:" + h[:8] + "…" + h[len(h)-4:]
}

func answer(r Record, j verdict.Judgement) string {
	bad := refused(j.Findings)
	if len(bad) == 0 && len(j.Findings) > 0 {
		verb, _ := words(verdict.Allow, r.Environment)
		if r.Outcome != verdict.Allow {
			verb = "meets the policy"
		}
		return verb
	}
	codes := make([]string, len(bad))
	for i, f := range bad {
		codes[i] = "**" + string(f.Code) + "**"
	}
	return "denied: " + strings.Join(codes, ", ")
}

func (p *printer) reasons(r Record) {
	shown := 0
	show := func(name string, list []verdict.Finding) {
		for _, f := range refused(list) {
			if shown++; shown > maxRows {
				return
			}
			p.line("")
			p.line("**%s** %s: %s", f.Code, Code(name), Code(f.Reason))
			p.line("")
			for _, x := range []struct{ label, text string }{{"found", f.Found}, {"wanted", f.Wanted}, {"fix", f.Hint}} {
				if x.text != "" {
					p.line("- %s: %s", x.label, Code(x.text))
				}
			}
			if f.Line > 0 && r.Policy != nil {
				p.line("- policy: %s", Code(fmt.Sprintf("%s:%d", r.Policy.File, f.Line)))
			}
		}
	}
	show(r.Environment, r.Findings)
	for _, j := range r.Judgements {
		show(called(j.Subject), j.Findings)
	}
}

func (p *printer) evidence(r Record) {
	var rows []string
	for _, j := range r.Judgements {
		for _, e := range j.Evidence {
			rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |", Code(called(j.Subject)), Code(label(e.PredicateType)), Code(e.Signer), Code(e.Time)))
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

func under(r Record) string {
	s := r.Tool
	if r.Policy != nil {
		s += fmt.Sprintf(" · policy %s %s", Code(r.Policy.File), Code(r.Policy.Digest.String()[:19]+"…"))
	}
	return s
}
