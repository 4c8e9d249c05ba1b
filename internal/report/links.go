package report

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// A Site is where repositories are, and how pages of them are addressed there. Doors know it.
type Site struct {
	Host    string // base address of repositories: https://git.example
	Mark    string // between a repository and a path in the name of a workflow: "/" or "//"
	Folder  string // that such a path begins with, or ""
	Between string // between a repository and its pages: "/" or "/-/"
}

// site is the one of a repository, run or workflow, by its address.
func (r Record) site(address string) (Site, bool) {
	for _, s := range r.Sites {
		if strings.HasPrefix(address, s.Host+"/") {
			return s, true
		}
	}
	return Site{}, false
}

// repository divides the name of a workflow, or the address of a run, at the end of its
// repository.
func (s Site) repository(address string) (repository, rest string, ok bool) {
	in := strings.TrimPrefix(address, s.Host+"/")
	for _, mark := range []string{s.Mark + s.Folder, "/-/", "/actions/"} {
		if a, b, found := strings.Cut(in, mark); found && mark != "/" && strings.Contains(a, "/") {
			return s.Host + "/" + a, b, true
		}
	}
	return "", "", false
}

// at is a line of the policy that judged, which leads to it where the commit of the file is known;
// 0 is the file.
func (r Record) at(line int) string {
	name, anchor := r.Policy.File, ""
	if line > 0 {
		name, anchor = fmt.Sprintf("%s:%d", r.Policy.File, line), fmt.Sprintf("#L%d", line)
	}
	s, known := r.site(r.Home)
	if r.Policy.Commit == "" || !known || strings.Contains(r.Policy.File, "@") {
		return Code(name)
	}
	return Link(name, r.Home+s.Between+"blob/"+r.Policy.Commit+"/"+(&url.URL{Path: r.Policy.File}).EscapedPath()+anchor)
}

// Source leads to the file of a workflow, which a certificate names with its ref.
func (r Record) Source(san string) string {
	s, known := r.site(san)
	file, ref, ok := strings.Cut(san, "@refs/")
	_, name, ok2 := strings.Cut(ref, "/") // heads/… or tags/…
	repository, path, ok3 := s.repository(file)
	if !known || !ok || !ok2 || !ok3 {
		return Code(san)
	}
	return Link(strings.TrimPrefix(san, "https://"), repository+s.Between+"blob/"+name+"/"+s.Folder+path)
}

// commit leads to the commit that evidence is about.
func (r Record) commit(e verdict.Evidence) string {
	if e.Commit == "" {
		return ""
	}
	short := e.Commit[:min(12, len(e.Commit))]
	s, known := r.site(e.Signer)
	if repository, _, ok := s.repository(e.Signer); known && ok {
		return Link(short, repository+s.Between+"commit/"+e.Commit)
	}
	return Code(short)
}

// run leads to a run.
func (r Record) run(address string) string {
	s, known := r.site(address)
	if address == "" || !known {
		return Code(address)
	}
	_, rest, ok := s.repository(address)
	if !ok {
		return Code(address)
	}
	return Link(rest, address)
}

// text is a phrase whose addresses on known sites, and on our own pages, lead there. All others
// stay what they are: a stranger may have written them.
func (p *page) text(s string) string {
	var out, plain []string
	flush := func() {
		if len(plain) > 0 {
			out, plain = append(out, Code(strings.Join(plain, " "))), nil
		}
	}
	for _, word := range strings.Fields(s) {
		address := strings.Trim(word, "(),;")
		_, known := p.r.site(address)
		link := Link(address, address)
		if (known || strings.HasPrefix(address, ours)) && strings.HasPrefix(link, "[") {
			flush()
			out = append(out, link)
			continue
		}
		plain = append(plain, word)
	}
	flush()
	return strings.Join(out, " ")
}

// ours begins the addresses of our own pages.
const ours = "https://github.com/sallyport-dev/sallyport/"
