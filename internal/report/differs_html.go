package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/difference"
)

// differsPage is one page that needs nothing else: no script, no font and no picture. html/template escapes what
// stands in it, and Plain takes out what a browser would act on in a text, such as what turns its direction.
//
//go:embed differs.html
var differsPage string

var differsTemplate = template.Must(template.New("differs").Funcs(template.FuncMap{
	"plain": Plain, "dump": htmlDump, "bytes": bytesOf,
}).Parse(differsPage))

// differsData is what the page shows: one pair of files, or a folder of them.
type differsData struct {
	Name    string
	Same    bool
	Totals  *difference.Totals
	Causes  []difference.Cause
	First   *difference.Step
	One     *difference.Report // a pair of files alone
	Files   []difference.Report
	OnlyA   []string
	OnlyB   []string
	NotRead []string
	Omitted int
}

// DiffersHTML writes where two files begin to differ, as one page.
func DiffersHTML(w io.Writer, r difference.Report) error {
	return differsTemplate.Execute(w, differsData{Name: r.Name, Same: r.Same, Causes: r.Causes, First: r.First, One: &r,
		NotRead: r.NotRead, Omitted: r.Omitted})
}

// DiffersTreeHTML writes how two folders differ, as one page.
func DiffersTreeHTML(w io.Writer, r difference.TreeReport) error {
	d := differsData{Name: r.Name, Same: r.Same, Totals: &r.Totals, Causes: r.Causes, Files: r.Different, OnlyA: r.OnlyA,
		OnlyB: r.OnlyB, Omitted: r.Omitted}
	if len(r.Different) > 0 {
		d.First = r.Different[0].First
	}
	for _, x := range r.Different {
		d.NotRead = append(d.NotRead, x.NotRead...)
		d.Omitted += x.Omitted
	}
	return differsTemplate.Execute(w, d)
}

// A htmlByte is one byte of a dump, and whether the other side has another one there.
type htmlByte struct {
	Hex, Text string
	Differs   bool
}

// htmlDump is the dump of one side beside the other, in lines.
func htmlDump(e, other difference.Evidence) (out [][]htmlByte) {
	var line []htmlByte
	for i := 0; i+2 <= len(e.Hex); i += 2 {
		x := htmlByte{Hex: e.Hex[i : i+2], Differs: i+2 > len(other.Hex) || other.Hex[i:i+2] != e.Hex[i:i+2]}
		if i/2 < len(e.Text) {
			x.Text = strings.ReplaceAll(fmt.Sprintf("%c", e.Text[i/2]), " ", "\u00a0")
		}
		if line = append(line, x); len(line) == dumpWidth {
			out, line = append(out, line), nil
		}
	}
	if len(line) > 0 {
		out = append(out, line)
	}
	return out
}
