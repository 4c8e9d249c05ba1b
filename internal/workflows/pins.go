package workflows

import (
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

var (
	fullCommit = lazy(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
	digested   = lazy(`@sha256:[0-9a-f]{64}$`)
	version    = lazy(`(?i)(?:^|[\s=@:/])(v?\d+(?:\.\d+)*(?:[-+.][0-9a-z.-]+)?)(?:$|[\s,;)])`)
)

// checkPins judges how the actions and workflows that are used are named.
func (f *flow) checkPins() {
	for _, j := range f.jobs {
		if j.WorkflowCall != nil && j.WorkflowCall.Uses != nil {
			f.checkPin(j.WorkflowCall.Uses)
		}
		for _, s := range j.Steps {
			if e, ok := exec(s).(*actionlint.ExecAction); ok && e.Uses != nil {
				f.checkPin(e.Uses)
			}
		}
	}
}

func (f *flow) checkPin(uses *actionlint.String) {
	r := parseUses(uses.Value)
	_, ours := f.ours(uses)
	switch {
	case r.local:
		return
	case r.image:
		if !digested().MatchString(r.part) {
			f.report(finding.ActionUnpinned, uses.Pos, detail{severity: finding.Note, found: uses.Value, wanted: "an image by its sha256 digest", message: "an image is not pinned by its digest", hint: "pin the image by its digest"})
		}
	case !fullCommit().MatchString(r.ref) && ours:
		f.report(finding.SallyportUnpinned, uses.Pos, detail{found: uses.Value, wanted: "40 hexadecimal digits after @"})
	case !fullCommit().MatchString(r.ref):
		f.report(finding.ActionUnpinned, uses.Pos, detail{severity: finding.Warning, found: uses.Value, wanted: "40 hexadecimal digits after @"})
	default:
		f.checkCommit(uses, r, ours)
	}
}

// checkCommit compares a pinned commit with what its repository knows of it and
// with the comment beside it.
func (f *flow) checkCommit(uses *actionlint.String, r reference, ours bool) {
	comment := f.comment(uses.Pos)
	named := version().FindStringSubmatch(comment)
	if comment != "" && named == nil && !ours {
		f.report(finding.PinUnnamed, uses.Pos, detail{severity: finding.Note, found: comment, wanted: "a version, like v1.2.3"})
	}
	if f.want.Commits == nil {
		return
	}
	c, err := f.want.Commits(r.repository, r.ref)
	switch {
	case err != nil:
		f.report(finding.PinUnchecked, uses.Pos, detail{severity: finding.Warning, found: err.Error(), wanted: "an answer about " + r.ref})
	case !c.Reachable:
		f.report(finding.PinImpostor, uses.Pos, detail{severity: otherwise(ours), found: uses.Value, wanted: "a commit of " + r.repository})
	case named != nil && len(c.Tags) > 0 && !slices.ContainsFunc(c.Tags, func(t string) bool { return sameVersion(t, named[1]) }):
		f.report(finding.PinComment, uses.Pos, detail{severity: finding.Warning, found: comment, wanted: strings.Join(c.Tags, ", ")})
	}
}

// otherwise is Error for ours and Warning for others'.
func otherwise(ours bool) finding.Severity {
	if ours {
		return finding.Error
	}
	return finding.Warning
}

// sameVersion compares a tag with what a comment says of it. A comment may be
// less exact: v4 for v4.2.1.
func sameVersion(tag, said string) bool {
	tag, said = tag[strings.LastIndex(tag, "/")+1:], strings.TrimSuffix(said, ".")
	tag, said = strings.TrimPrefix(strings.ToLower(tag), "v"), strings.TrimPrefix(strings.ToLower(said), "v")
	return tag == said || strings.HasPrefix(tag, said+".")
}

// comment returns the comment behind the value at p.
func (f *flow) comment(p *actionlint.Pos) string {
	if p == nil || p.Line < 1 || p.Line > len(f.lines) {
		return ""
	}
	r := []rune(f.lines[p.Line-1])
	if p.Col < 1 || p.Col > len(r) {
		return ""
	}
	_, c, found := strings.Cut(string(r[p.Col-1:]), " #")
	if !found {
		return ""
	}
	return strings.TrimSpace(c)
}
