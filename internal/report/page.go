package report

import (
	_ "embed"
	"fmt"
	"html"
	"io"
	"strings"
)

// pageStyle is the whole style of a page that stands alone: no script, no font and no picture.
//
//go:embed page.css
var pageStyle string

// A sheet is a page that is written. Templates of the library would have the linker keep every method of every type,
// a third of the binary, so what strangers chose is escaped here, by tell alone.
type sheet struct{ strings.Builder }

// put writes text of ours, with values of strangers in it: each is escaped.
func (s *sheet) put(format string, values ...any) {
	for i, v := range values {
		if text, ok := v.(string); ok {
			values[i] = html.EscapeString(Plain(text))
		}
	}
	fmt.Fprintf(s, format, values...)
}

// standalone writes one page.
func standalone(w io.Writer, title string, body func(s *sheet)) error {
	var s sheet
	s.WriteString(
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n" +
			"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" +
			"<meta name=\"color-scheme\" content=\"light dark\">\n" +
			"<meta http-equiv=\"Content-Security-Policy\" " +
			"content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
	)
	s.WriteString(PageMark + "\n")
	s.put("<title>%s</title>\n", title)
	s.WriteString("<style>\n" + pageStyle + "</style>\n</head>\n<body>\n<main>\n")
	body(&s)
	s.WriteString("</main>\n</body>\n</html>\n")
	_, err := io.WriteString(w, s.String())
	return err
}

// facts is a table of names and what they are.
func (s *sheet) facts(rows [][]string) {
	s.put("<table class=\"facts\">\n")
	for _, row := range rows {
		s.put("<tr><th>%s</th><td>", row[0])
		for i, text := range row[1:] {
			if i > 0 {
				s.put("<br>")
			}
			s.put("%s", text)
		}
		s.put("</td></tr>\n")
	}
	s.put("</table>\n")
}

// folded is a table under a heading, closed until somebody opens it.
func (s *sheet) folded(title string, heads []string, n int, row func(i int) []string) {
	if n == 0 {
		return
	}
	s.put("<details><summary>%s <span class=\"soft\">%d</span></summary>\n"+
		"<div class=\"scroll\"><table class=\"facts\">\n<tr>", title, n)
	for _, h := range heads {
		s.put("<th>%s</th>", h)
	}
	s.put("</tr>\n")
	for i := range n {
		s.put("<tr>")
		for _, cell := range row(i) {
			s.put("<td>%s</td>", cell)
		}
		s.put("</tr>\n")
	}
	s.put("</table></div>\n</details>\n")
}

// PageMark stands in the head of each page, so that a page of ours is known from other files.
const PageMark = `<meta name="generator" content="Sallyport">`
