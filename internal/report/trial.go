package report

import (
	"fmt"
	"io"

	"github.com/sallyport-dev/sallyport/internal/trial"
)

// maxMissing is how many things that a release lacks are told.
const maxMissing = 5

// TrialText writes what a gate would have said of the last releases of a repository.
func TrialText(w io.Writer, a trial.Answer) error {
	p := &printer{w: w}
	visible, asked := "public", "without a token"
	if !a.Repository.Public {
		visible = "not public"
	}
	if a.Token != "" {
		asked = "with the token in " + Plain(a.Token)
	}
	p.line("%s", Plain(a.Repository.URI))
	p.wrapped("  ", fmt.Sprintf("number %s, %s, asked %s", Plain(a.Repository.ID), visible, asked))
	for _, r := range a.Releases {
		p.line("")
		p.release(r)
	}
	if len(a.Releases) == 0 && len(a.NotLooked) == 0 {
		p.line("no release was found")
	}
	if len(a.NotLooked) > 0 {
		p.line("")
		p.line("not looked at")
		for i, x := range a.NotLooked {
			if i == 2*maxMissing {
				p.line("  %d more, in --format json", len(a.NotLooked)-i)
				break
			}
			p.hanging("  ", "    ", Plain(x))
		}
	}
	p.line("")
	p.wrapped("next  ", Plain(a.Next.Text))
	for _, l := range a.Next.Lines {
		p.line("      %s", Plain(l))
	}
	return p.err
}

func (p *printer) release(r trial.Told) {
	head := "release " + Plain(r.Name)
	if r.Time != "" {
		head += ", " + Plain(r.Time[:min(10, len(r.Time))])
	}
	p.line("%s", head)
	row := func(label, text string) { p.wrapped("  "+pad(label, 10)+" ", text) }
	row("files", fmt.Sprintf("%d, %d with a digest, %d looked at, %d with provenance, %d verified",
		len(r.Files), r.Digests, r.Looked, r.Provenance, r.Verified))
	for _, s := range r.Signers {
		row("signer", Plain(s))
	}
	if r.Looked > 0 {
		row("policy", fmt.Sprintf("a starter policy would allow %d of %d", r.Starter, r.Looked))
	}
	for i, x := range r.Missing {
		if i == maxMissing {
			row("missing", fmt.Sprintf("and %d more, in --format json", len(r.Missing)-i))
			break
		}
		row("missing", Plain(x))
	}
	if r.Immutable {
		row("immutable", "the platform attests which files the release has, and not who built them: no provenance")
	}
	for _, x := range r.Deployed {
		row("deployed", Plain(x)+" alone: a deployment names no digest")
	}
}
