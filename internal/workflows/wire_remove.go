package workflows

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/starter"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// ours reports whether a step uses an action of ours.
func ours(step *yamlnode.Node, action string) bool {
	name, _, _ := strings.Cut(step.Get("uses").Str(), "@")
	return name == action || strings.HasPrefix(name, action+"/")
}

// Uses reports whether a job of the workflow uses an action of ours.
func Uses(raw []byte, action string) bool {
	d, err := yamlnode.Parse(raw, yamlnode.Options{Limits: limits})
	if err != nil || len(d.Roots) == 0 {
		return false
	}
	for _, f := range fields(d.Roots[0].Get("jobs")) {
		if slices.ContainsFunc(steps(f.Value), func(s *yamlnode.Node) bool { return ours(s, action) }) {
			return true
		}
	}
	return false
}

// Unwire takes out what Wire has put in. left says what of ours stays, because a person has
// changed it or written it.
func Unwire(file string, raw []byte, action string) (after []byte, left []string) {
	after, kept, err := starter.Unmark(raw, yamlnode.Options{Limits: limits, Plain: true})
	if err != nil {
		after = raw
	}
	if job, need := dangling(after); need != "" {
		return raw, []string{fmt.Sprintf("%s: job %s needs %s, which would be gone: take that need out first", file, job, need)}
	}
	for _, k := range kept {
		left = append(left, fmt.Sprintf("%s: what begins with %q, which somebody has changed since", file, k))
	}
	if Uses(after, action) && len(kept) == 0 {
		left = append(left, file+" has steps that use "+action+" and have no mark of init")
	}
	return after, left
}

// dangling finds a job that needs one that is not there; "" for none.
func dangling(raw []byte) (job, need string) {
	d, err := yamlnode.Parse(raw, yamlnode.Options{Limits: limits})
	if err != nil || len(d.Roots) == 0 {
		return "", ""
	}
	jobs := d.Roots[0].Get("jobs")
	for _, f := range fields(jobs) {
		for _, n := range f.Value.Get("needs").Flat() {
			if jobs.Get(n.Str()) == nil {
				return f.Name, n.Str()
			}
		}
	}
	return "", ""
}
