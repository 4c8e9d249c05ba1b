package report

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/difference"
)

// Limits of what is told of differences. The JSON document has more.
const (
	maxCauses  = 12
	maxOnly    = 10
	maxDiffers = 20
	dumpWidth  = 16 // bytes of one line of a dump
)

// DiffersText writes where two files begin to differ, for a person at a terminal. The two are called A and B, as in the
// JSON document, which is Document of r. Commands stand on lines of their own, up to 100 columns wide.
func DiffersText(w io.Writer, r difference.Report, c Screen) error {
	p := &printer{w: w, width: c.Columns}
	if r.Same {
		p.line("same      %s", Plain(r.Name))
		p.line("          sha256:%s, %s", r.A.Digest, bytesOf(r.A.Size))
		return p.err
	}
	p.line("differs   %s, from byte %d", Plain(r.Name), r.Offset)
	p.step(r.First)
	p.causes(r.Causes)
	p.notRead(r.NotRead, r.Omitted)
	p.line("")
	p.line("A         sha256:%s, %s", r.A.Digest, bytesOf(r.A.Size))
	p.line("B         sha256:%s, %s", r.B.Digest, bytesOf(r.B.Size))
	return p.err
}

func bytesOf(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// step writes the first difference: where, what, both sides and what mends it.
func (p *printer) step(s *difference.Step) {
	if s == nil {
		return
	}
	p.wrapped("first     ", Plain(strings.Join(s.Path, " › ")))
	guess := ""
	if !s.Certain {
		guess = " (a guess)"
	}
	p.wrapped("what      ", fmt.Sprintf("%s: %s%s", s.Kind, s.Says, guess))
	for _, side := range []struct {
		name string
		of   difference.Evidence
	}{{"A", s.A}, {"B", s.B}} {
		if side.of.Value != "" {
			p.wrapped(side.name+"         ", Plain(side.of.Value))
		}
	}
	p.mend(s.Fix, s.Try)
	p.dump("A", s.A)
	p.dump("B", s.B)
}

// mend writes what mends a difference.
func (p *printer) mend(fix string, try []string) {
	if fix == "" {
		return
	}
	p.wrapped("mend      ", fix)
	for _, t := range try {
		p.line("            %s", t)
	}
}

// dump writes bytes as dump programs do, from where they stand.
func (p *printer) dump(name string, e difference.Evidence) {
	for i, l := range dumped(e) {
		if i > 0 {
			name = " "
		}
		p.line("%s %-7s %-48s %s", name, "", l.hex, Plain(l.text))
	}
	if e.Offset >= 0 && e.Hex != "" {
		p.line("          %s", fmt.Sprintf("around byte %d of it", e.Offset))
	}
}

// verb is the form of a verb that a number asks for.
func verb(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

type dumpLine struct{ hex, text string }

func dumped(e difference.Evidence) (out []dumpLine) {
	b, err := hex.DecodeString(e.Hex)
	if err != nil {
		return nil
	}
	for at := 0; at < len(b); at += dumpWidth {
		end := min(at+dumpWidth, len(b))
		line := dumpLine{hex: fmt.Sprintf("% x", b[at:end])}
		if end <= len(e.Text) {
			line.text = e.Text[at:end]
		}
		out = append(out, line)
	}
	return out
}

// causes writes what differs, worst first.
func (p *printer) causes(all []difference.Cause) {
	if len(all) == 0 {
		return
	}
	p.line("")
	p.line("everything that differs, worst first")
	follows := false
	for i, c := range all {
		if i == maxCauses {
			p.line("  %d more, in --format json", len(all)-i)
			return
		}
		if c.Follows && !follows {
			p.line("  these most often follow from the others:")
			follows = true
		}
		p.hanging(fmt.Sprintf("  %6d  %-10s  ", c.Count, c.Kind), strings.Repeat(" ", 22), c.Says)
		if len(c.Where) > 0 {
			p.wrapped(strings.Repeat(" ", 22), "in "+Plain(c.Where[0]))
		}
		if c.Fix != "" && !c.Follows {
			p.wrapped(strings.Repeat(" ", 22), c.Fix)
			for _, t := range c.Try[:min(1, len(c.Try))] {
				p.line("          %s", t)
			}
		}
	}
}

func (p *printer) notRead(all []string, omitted int) {
	if len(all) > 0 {
		p.line("")
		p.line("not looked into")
	}
	for _, x := range all {
		p.hanging("  ", "    ", Plain(x))
	}
	if omitted > 0 {
		p.line("  %d more differences or remarks are not listed", omitted)
	}
}

// DiffersTreeText writes how two folders differ, and of the first file that differs, where.
func DiffersTreeText(w io.Writer, r difference.TreeReport, c Screen) error {
	p := &printer{w: w, width: c.Columns}
	t := r.Totals
	word := "differs"
	if r.Same {
		word = "same"
	}
	p.wrapped(pad(word, 10), fmt.Sprintf("%s: %s %s the same, %d %s, %d %s in A alone, %d in B alone",
		Plain(r.Name), counted(t.Same, "file"), verb(t.Same, "is", "are"), t.Different, verb(t.Different, "differs",
			"differ"),
		t.OnlyA, verb(t.OnlyA, "is", "are"), t.OnlyB))
	if len(r.Different) > 0 {
		p.step(r.Different[0].First)
	}
	p.causes(r.Causes)
	for _, x := range []struct {
		title string
		names []string
		all   int
	}{
		{"in A alone", r.OnlyA, t.OnlyA},
		{"in B alone", r.OnlyB, t.OnlyB},
		{"different", namesOf(r.Different), t.Different},
	} {
		p.names(x.title, x.names, x.all)
	}
	return p.err
}

func namesOf(all []difference.Report) (out []string) {
	for _, r := range all {
		out = append(out, r.Name)
	}
	return out
}

func (p *printer) names(title string, names []string, all int) {
	if all == 0 {
		return
	}
	p.line("")
	p.line("%s", title)
	for i, n := range names {
		if i == maxOnly {
			break
		}
		p.line("  %s", Plain(n))
	}
	if more := all - min(len(names), maxOnly); more > 0 {
		p.line("  and %d more", more)
	}
}
