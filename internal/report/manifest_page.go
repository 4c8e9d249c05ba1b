package report

import (
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/material"
)

// pageStyle is the whole style of a page that stands alone.
const pageStyle = `:root{color-scheme:light dark;--line:#d0d7de;--soft:#57606a;--bad:#b35900;--good:#1a7f37}
@media(prefers-color-scheme:dark){:root{--line:#3d444d;--soft:#9198a1;--bad:#e3963e;--good:#3fb950}}
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{font-weight:600;color:var(--soft);white-space:nowrap;width:1%}code{font:13px ui-monospace,monospace}
.bad{color:var(--bad)}.good{color:var(--good)}.soft{color:var(--soft)}li{overflow-wrap:anywhere}`

// text is what a stranger chose, for a page.
func escaped(s string) string { return html.EscapeString(Plain(s)) }

func standalone(w io.Writer, title string, body func(b *strings.Builder)) error {
	var b strings.Builder
	fmt.Fprintf(&b, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n"+
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>%s</title>\n<style>%s</style>\n<h1>%s</h1>\n",
		escaped(title), pageStyle, escaped(title))
	body(&b)
	_, err := io.WriteString(w, b.String()+"</html>\n")
	return err
}

// ManifestHTML writes a build manifest as one page, which needs no other file.
func ManifestHTML(w io.Writer, m *material.Manifest) error {
	return standalone(w, "Build manifest", func(b *strings.Builder) {
		concerns := m.Concerns()
		if len(concerns) == 0 {
			b.WriteString("<p class=\"good\">Nothing to look at: every file that was read is explained.</p>\n")
		} else {
			fmt.Fprintf(b, "<h2>%s to look at</h2>\n<ul>\n", counted(len(concerns), "thing"))
			for _, c := range concerns {
				fmt.Fprintf(b, "<li class=\"bad\">%s</li>\n", escaped(c))
			}
			b.WriteString("</ul>\n")
		}
		b.WriteString("<h2>The build</h2>\n<table>\n")
		for _, row := range manifestRows(m) {
			fmt.Fprintf(b, "<tr><th>%s</th><td>", escaped(row[0]))
			for i, text := range row[1:] {
				if i > 0 {
					b.WriteString("<br>")
				}
				b.WriteString(escaped(text))
			}
			b.WriteString("</td></tr>\n")
		}
		b.WriteString("</table>\n")
		section(b, "Packages", []string{"package", "state", "lock", "digest"}, len(m.Packages), func(i int) []string {
			p := m.Packages[i]
			return []string{p.PURL, p.State, p.Lock, p.Digest}
		})
		section(b, "Materials", []string{"path", "how it came", "files", "digest"}, len(m.Materials), func(i int) []string {
			x := m.Materials[i]
			return []string{x.Path, x.How, fmt.Sprint(x.Files), x.Digest}
		})
		section(b, "Programs", []string{"program", "times", "first command"}, len(m.Programs), func(i int) []string {
			p := m.Programs[i]
			return []string{p.Path, fmt.Sprint(p.Count), strings.Join(p.Command, " ")}
		})
		section(b, "Variables", []string{"name", "value"}, len(m.Variables), func(i int) []string {
			return []string{m.Variables[i].Name, m.Variables[i].Value}
		})
		fmt.Fprintf(b, "<p class=\"soft\">%d more variables are withheld. The log of all that was seen has sha256:<code>%s</code>.</p>\n", m.Withheld, escaped(m.Log.Digest))
	})
}

// section is a table under a heading, closed until somebody opens it.
func section(b *strings.Builder, title string, heads []string, n int, row func(i int) []string) {
	if n == 0 {
		return
	}
	fmt.Fprintf(b, "<details><summary>%s: %d</summary>\n<table>\n<tr>", escaped(title), n)
	for _, h := range heads {
		fmt.Fprintf(b, "<th>%s</th>", escaped(h))
	}
	b.WriteString("</tr>\n")
	for i := range n {
		b.WriteString("<tr>")
		for _, cell := range row(i) {
			fmt.Fprintf(b, "<td>%s</td>", escaped(cell))
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</table>\n</details>\n")
}

// ManifestDiffHTML writes what differs between two builds as one page.
func ManifestDiffHTML(w io.Writer, a, b *material.Manifest, all []material.Change) error {
	return standalone(w, "Two builds compared", func(out *strings.Builder) {
		fmt.Fprintf(out, "<p class=\"soft\">%s<br>%s</p>\n", escaped(ending(a)+": "+strings.Join(a.Command, " ")), escaped(ending(b)+": "+strings.Join(b.Command, " ")))
		if len(all) == 0 {
			out.WriteString("<p class=\"good\">The inputs of both builds are the same, and so are their products.</p>\n")
			return
		}
		out.WriteString("<table>\n<tr><th>input</th><th>name</th><th>first build</th><th>second build</th></tr>\n")
		for _, c := range all {
			fmt.Fprintf(out, "<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n", escaped(c.What), escaped(c.Name), escaped(orAbsent(c.Was)), escaped(orAbsent(c.Is)))
		}
		out.WriteString("</table>\n")
	})
}

func orAbsent(s string) string {
	if s == "" {
		return "absent"
	}
	return s
}
