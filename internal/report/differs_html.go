package report

import (
	"html"
	"io"

	"github.com/sallyport-dev/sallyport/internal/difference"
)

// DiffersHTML writes where two files begin to differ, as one page.
func DiffersHTML(w io.Writer, r difference.Report) error {
	return differing(w, r.Name, r.Same, func(s *sheet) {
		s.begins(r.First, r.Causes)
		s.notRead(r.NotRead, r.Omitted)
		s.files(r)
	})
}

// DiffersTreeHTML writes how two folders differ, as one page.
func DiffersTreeHTML(w io.Writer, r difference.TreeReport) error {
	return differing(w, r.Name, r.Same, func(s *sheet) {
		t := r.Totals
		s.put(
			"<ul class=\"tiles\">\n<li><b>%d</b>%s</li>\n<li><b>%d</b>%s the same</li>\n"+
				"<li><b>%d</b>in <span class=\"in-a\">A</span> alone</li>\n"+
				"<li><b>%d</b>in <span class=\"in-b\">B</span> alone</li>\n</ul>\n",
			t.Different, verb(t.Different, "differs", "differ"), t.Same, verb(t.Same, "is", "are"), t.OnlyA, t.OnlyB,
		)
		var first *difference.Step
		if len(r.Different) > 0 {
			first = r.Different[0].First
		}
		s.begins(first, r.Causes)
		s.alone("A", "in-a", r.OnlyA)
		s.alone("B", "in-b", r.OnlyB)
		var notRead []string
		omitted := r.Omitted
		for _, x := range r.Different {
			notRead, omitted = append(notRead, x.NotRead...), omitted+x.Omitted
			s.put("<details>\n<summary><b class=\"mono\">%s</b> ", x.Name)
			if x.First != nil {
				s.put(
					"<span class=\"badge kind\">%s</span> <span class=\"soft\">%s</span>",
					string(x.First.Kind),
					x.First.Says,
				)
			}
			s.put("</summary>\n")
			if x.First != nil {
				s.step(x.First)
			}
			s.causes(x.Causes)
			s.put("</details>\n")
		}
		s.notRead(notRead, omitted)
	})
}

// differing is the page about two builds.
func differing(w io.Writer, name string, same bool, rest func(s *sheet)) error {
	if same {
		return standalone(w, "Same: "+name, func(s *sheet) {
			s.put("<header>\n<h1><span class=\"badge good\">same</span>%s</h1>\n"+
				"<p class=\"soft\">Both builds gave the same bytes.</p>\n</header>\n", name)
			rest(s)
		})
	}
	return standalone(w, "Differs: "+name, func(s *sheet) {
		s.put("<header>\n<h1><span class=\"badge bad\">differs</span>%s</h1>\n"+
			"<p class=\"soft\">Two builds that should give the same bytes did not. A is the first of them, and B is the second.</p>\n</header>\n", name)
		rest(s)
	})
}

// begins shows the first difference, and all causes.
func (s *sheet) begins(first *difference.Step, causes []difference.Cause) {
	if first != nil {
		s.put("<section>\n<h2>The first difference</h2>\n")
		s.step(first)
		s.put("</section>\n")
	}
	if len(causes) > 0 {
		s.put("<section>\n<h2>Everything that differs, worst first</h2>\n")
		s.causes(causes)
		s.put("</section>\n")
	}
}

func (s *sheet) alone(side, class string, names []string) {
	if len(names) == 0 {
		return
	}
	s.put("<section><h2>In <span class=\"%s\">%s</span> alone</h2><ul class=\"plain mono\">", class, side)
	for _, n := range names {
		s.put("<li>%s</li>", n)
	}
	s.put("</ul></section>\n")
}

func (s *sheet) notRead(remarks []string, omitted int) {
	if len(remarks) == 0 && omitted == 0 {
		return
	}
	s.put("<section>\n<h2>Not looked into</h2>\n<ul class=\"plain\">")
	for _, r := range remarks {
		s.put("<li>%s</li>", r)
	}
	if omitted > 0 {
		s.put("<li>%d more differences or remarks are not listed.</li>", omitted)
	}
	s.put("</ul>\n</section>\n")
}

// files are the digests and sizes of a pair.
func (s *sheet) files(r difference.Report) {
	s.put("<section>\n<h2>The files</h2>\n<dl class=\"small\">\n"+
		"<dt class=\"in-a\">A</dt><dd><code>sha256:%s</code>, %s</dd>\n", r.A.Digest, bytesOf(r.A.Size))
	if !r.Same {
		s.put("<dt class=\"in-b\">B</dt><dd><code>sha256:%s</code>, %s</dd>\n"+
			"<dt class=\"soft\">from byte</dt><dd>%d</dd>\n", r.B.Digest, bytesOf(r.B.Size), r.Offset)
	}
	s.put("</dl>\n</section>\n")
}

// step shows one difference: where it is, what stands on both sides, and what mends it.
func (s *sheet) step(x *difference.Step) {
	s.put("<ol class=\"path mono\">")
	for _, p := range x.Path {
		s.put("<li>%s</li>", p)
	}
	s.put("</ol>\n<p><span class=\"badge kind\">%s</span> %s", string(x.Kind), x.Says)
	if !x.Certain {
		s.put(" <span class=\"soft\">(a guess)</span>")
	}
	s.put("</p>\n<div class=\"sides\">\n")
	s.side("A", "a", x.A, x.B)
	s.side("B", "b", x.B, x.A)
	s.put("</div>\n")
	if x.Fix != "" {
		s.put("<div class=\"mend\"><p><b>What mends it.</b> %s</p>", x.Fix)
		s.try(x.Try)
		s.put("</div>\n")
	}
}

func (s *sheet) try(all []string) {
	if len(all) == 0 {
		return
	}
	s.put("<ul class=\"try\">")
	for _, t := range all {
		s.put("<li><code>%s</code></li>", t)
	}
	s.put("</ul>")
}

func (s *sheet) side(name, class string, e, other difference.Evidence) {
	s.put("<div class=\"side %s\"><h3>%s</h3>", class, name)
	if e.Value != "" {
		s.put("<p class=\"value mono\">%s</p>", e.Value)
	}
	s.dump(e, other)
	if e.Offset >= 0 {
		s.put("<p class=\"soft small\">byte %d, and what stands around it</p>", e.Offset)
	}
	s.put("</div>\n")
}

// dump shows bytes of one side in lines, and marks those that are others on the other side.
func (s *sheet) dump(e, other difference.Evidence) {
	if len(e.Hex) < 2 {
		return
	}
	s.put("<table class=\"dump mono\">")
	for at := 0; at+2 <= len(e.Hex); at += 2 * dumpWidth {
		end := min(at+2*dumpWidth, len(e.Hex)/2*2)
		var text sheet
		s.put("<tr>")
		for i := at; i < end; i += 2 {
			open, shut := "", ""
			if i+2 > len(other.Hex) || other.Hex[i:i+2] != e.Hex[i:i+2] {
				open, shut = "<mark>", "</mark>"
			}
			s.put("<td>"+open+"%s"+shut+"</td>", e.Hex[i:i+2])
			if i/2 < len(e.Text) {
				text.WriteString(open + letter(e.Text[i/2]) + shut)
			}
		}
		s.WriteString("<td class=\"text\">" + text.String() + "</td></tr>")
	}
	s.put("</table>")
}

// letter is one byte of a dump on a page, where a colon by itself is no command of a log.
func letter(c byte) string {
	switch {
	case c == ' ':
		return "&nbsp;"
	case c < ' ' || c > '~':
		return "."
	}
	return html.EscapeString(string(rune(c)))
}

// causes is a table of everything that differs.
func (s *sheet) causes(all []difference.Cause) {
	s.put("<div class=\"scroll\"><table class=\"causes\">\n<thead><tr><th class=\"count\">count</th>" +
		"<th>kind</th><th>what</th><th>what mends it</th></tr></thead>\n<tbody>\n")
	for _, c := range all {
		if c.Follows {
			s.put("<tr class=\"follows\">")
		} else {
			s.put("<tr>")
		}
		s.put(
			"<td class=\"count\">%d</td><td><span class=\"badge kind\">%s</span></td><td class=\"what\">%s",
			c.Count,
			string(c.Kind),
			c.Says,
		)
		if c.Follows {
			s.put(" <span class=\"small\">(most often follows from the others)</span>")
		}
		for _, w := range c.Where {
			s.put("<br><span class=\"soft small mono\">%s</span>", w)
		}
		s.put("</td><td>%s", c.Fix)
		s.try(c.Try)
		s.put("</td></tr>\n")
	}
	s.put("</tbody></table></div>\n")
}
