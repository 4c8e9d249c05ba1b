package report

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// A home is the address of a repository and what stands between it and what it has, as a run of it
// says: GitHub's runs are below /actions/, GitLab's jobs below /-/.
type home struct{ repository, between string }

// homeOf returns the repository of a run, or nothing.
func homeOf(run string) home {
	for _, x := range []struct{ mark, between string }{{"/-/", "/-/"}, {"/actions/runs/", "/"}} {
		if repository, _, ok := strings.Cut(run, x.mark); ok && strings.HasPrefix(run, "https://") {
			return home{repository, x.between}
		}
	}
	return home{}
}

// page is the address of something that the repository has, or "".
func (h home) page(path string) string {
	if h.repository == "" {
		return ""
	}
	return h.repository + h.between + path
}

// at is a line of the policy that judged, which leads to it where the commit of the file is known;
// 0 is the file.
func (r Record) at(line int) string {
	name, anchor := r.Policy.File, ""
	if line > 0 {
		name, anchor = fmt.Sprintf("%s:%d", r.Policy.File, line), fmt.Sprintf("#L%d", line)
	}
	if h := homeOf(r.Run); r.Policy.Commit != "" && h.repository != "" && !strings.Contains(r.Policy.File, "@") {
		return Link(name, h.page("blob/"+r.Policy.Commit+"/"+(&url.URL{Path: r.Policy.File}).EscapedPath()+anchor))
	}
	return Code(name)
}

// commitLink leads to the commit that evidence is about.
func commitLink(e verdict.Evidence) string {
	if e.Commit == "" {
		return ""
	}
	short := e.Commit[:min(12, len(e.Commit))]
	if at := homeOf(e.Run).page("commit/" + e.Commit); at != "" {
		return Link(short, at)
	}
	return Code(short)
}

// runLink leads to a run.
func runLink(run string) string {
	if run == "" {
		return ""
	}
	h := homeOf(run)
	if h.repository == "" {
		return Code(run)
	}
	return Link(strings.TrimPrefix(strings.TrimPrefix(run, h.repository), h.between), run)
}

// text is a phrase whose addresses on the platform that runs this, and on our own pages, lead there. All
// others stay what they are: a stranger may have written them.
func (p *page) text(s string) string {
	host := ""
	if u, err := url.Parse(p.r.Run); err == nil && u.Scheme == "https" {
		host = "https://" + u.Host + "/"
	}
	var out []string
	var plain []string
	flush := func() {
		if len(plain) > 0 {
			out, plain = append(out, Code(strings.Join(plain, " "))), nil
		}
	}
	for _, word := range strings.Fields(s) {
		address := strings.Trim(word, "(),;")
		known := host != "" && strings.HasPrefix(address, host) || strings.HasPrefix(address, "https://github.com/sallyport-dev/sallyport/")
		if link := Link(address, address); known && strings.HasPrefix(link, "[") {
			flush()
			out = append(out, link)
			continue
		}
		plain = append(plain, word)
	}
	flush()
	return strings.Join(out, " ")
}
