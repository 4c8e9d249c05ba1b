package report

import (
	"fmt"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// folded is a finding with the other places of the same mistake.
type folded struct {
	finding.Finding
	Count int     `json:"count,omitempty"` // how many places there are, if more than one
	More  []Place `json:"more,omitempty"`  // all but the first
}

// Place is where a mistake is once more, and what was found there.
type Place struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Found  string `json:"found,omitempty"`
}

// fold puts findings together that differ in nothing but their place and in what was found
// there, if there are more than maxAlike of them. The first stays where it is.
func fold(all []finding.Finding) []folded {
	key := func(f finding.Finding) string {
		return fmt.Sprintf("%d %d %q %q %q %q %q", f.Rule, f.Severity, f.Threat, f.Code, f.Message, f.Wanted, f.Hint)
	}
	of := map[string][]int{}
	for i, f := range all {
		of[key(f)] = append(of[key(f)], i)
	}
	out := []folded{}
	for i, f := range all {
		x := folded{Finding: f}
		if like := of[key(f)]; len(like) > maxAlike {
			if like[0] != i {
				continue
			}
			x.Count = len(like)
			for _, k := range like[1:] {
				x.More = append(x.More, Place{all[k].File, all[k].Line, all[k].Column, all[k].Found})
			}
		}
		out = append(out, x)
	}
	return out
}

// others tells the other places of a mistake, the first few by name.
func (f folded) others() string {
	if f.Count == 0 {
		return ""
	}
	s := ""
	for i, p := range f.More {
		if i == maxNames {
			return s + fmt.Sprintf(" and %d more", len(f.More)-maxNames)
		}
		if i > 0 {
			s += ", "
		}
		s += place(finding.Finding{File: p.File, Line: p.Line})
	}
	return s
}
