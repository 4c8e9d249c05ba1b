package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/material"
)

// ManifestHTML writes a build manifest as one page, which needs no other file.
func ManifestHTML(w io.Writer, m *material.Manifest) error {
	return standalone(w, "Build manifest", func(s *sheet) {
		concerns := m.Concerns()
		s.put("<header>\n<h1>")
		if len(concerns) == 0 {
			s.put("<span class=\"badge good\">explained</span>")
		} else {
			s.put("<span class=\"badge bad\">%s to look at</span>", counted(len(concerns), "thing"))
		}
		s.put("%s</h1>\n<p class=\"soft\">%s</p>\n</header>\n", commandLine(m), ending(m))
		if len(concerns) > 0 {
			s.put("<section>\n<h2>To look at, worst first</h2>\n<ul class=\"plain\">\n")
			for _, c := range concerns {
				s.put("<li>%s</li>\n", c)
			}
			s.put("</ul>\n</section>\n")
		}
		s.put("<section>\n<h2>The build</h2>\n")
		s.facts(manifestRows(m)[2:])
		s.put("</section>\n")
		s.folded("Packages", []string{"package", "state", "lock", "digest"}, len(m.Packages), func(i int) []string {
			p := m.Packages[i]
			return []string{p.PURL, p.State, p.Lock, p.Digest}
		})
		s.folded(
			"Materials",
			[]string{"path", "how it came", "files", "digest"},
			len(m.Materials),
			func(i int) []string {
				x := m.Materials[i]
				return []string{x.Path, x.How, fmt.Sprint(x.Files), x.Digest}
			},
		)
		s.folded("Programs", []string{"program", "times", "first command"}, len(m.Programs), func(i int) []string {
			p := m.Programs[i]
			command := strings.ReplaceAll(strings.Join(p.Command, " "), "\n", lineEnd)
			return []string{p.Path, fmt.Sprint(p.Count), command}
		})
		s.folded("Variables", []string{"name", "value"}, len(m.Variables), func(i int) []string {
			return []string{m.Variables[i].Name, m.Variables[i].Value}
		})
		s.put("<p class=\"soft small foot\">The values of %d more variables are withheld. "+
			"The log of all that was seen has the digest <code>sha256:%s</code>.</p>\n", m.Withheld, m.Log.Digest)
	})
}

// ManifestDiffHTML writes what differs between two builds as one page.
func ManifestDiffHTML(w io.Writer, a, b *material.Manifest, all []material.Change) error {
	return standalone(w, "Two builds compared", func(s *sheet) {
		s.put("<header>\n<h1>")
		if len(all) == 0 {
			s.put("<span class=\"badge good\">same</span>Two builds</h1>\n<p class=\"soft\">" +
				"The inputs of both builds are the same, and so are their products.</p>\n</header>\n")
			return
		}
		s.put("<span class=\"badge bad\">%s</span>Two builds</h1>\n</header>\n<section>\n",
			counted(len(all), "difference"))
		s.facts([][]string{{"A", commandLine(a), ending(a)}, {"B", commandLine(b), ending(b)}})
		s.put("</section>\n<section>\n<h2>What differs</h2>\n<div class=\"scroll\"><table class=\"facts\">\n" +
			"<tr><th>input</th><th>name</th><th class=\"in-a\">A</th><th class=\"in-b\">B</th></tr>\n")
		for _, c := range all {
			s.put("<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n",
				c.What, c.Name, orAbsent(c.Was), orAbsent(c.Is))
		}
		s.put("</table></div>\n</section>\n")
	})
}

// commandLine is a command in one line.
func commandLine(m *material.Manifest) string {
	return strings.ReplaceAll(strings.Join(m.Command, " "), "\n", lineEnd)
}

// lineEnd stands for the end of a line in a command.
const lineEnd = " ⏎ "

func orAbsent(s string) string {
	if s == "" {
		return "absent"
	}
	return s
}
