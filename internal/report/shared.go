package report

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// A common is what people said about several artifacts at once, shown once.
type common struct {
	of       []int // judgements, by index
	findings []verdict.Finding
}

// gather divides what was found about the artifacts of r: what each has for
// itself, by index, and what people said about several, word for word.
func gather(r Record) (own [][]verdict.Finding, all []common) {
	of := map[string][]int{}
	for i, j := range r.Judgements {
		for _, f := range j.Findings {
			if k := key(f); spoken(f) && (len(of[k]) == 0 || of[k][len(of[k])-1] != i) {
				of[k] = append(of[k], i)
			}
		}
	}
	own = make([][]verdict.Finding, len(r.Judgements))
	for i, j := range r.Judgements {
		for _, f := range j.Findings {
			k := key(f)
			switch who := of[k]; {
			case len(who) < 2:
				own[i] = append(own[i], f)
			case who[0] == i:
				all = add(all, common{who, []verdict.Finding{f}})
				of[k] = append([]int{-1}, who...) // once is enough
			}
		}
	}
	return own, all
}

// key is the same for findings that a reader could not tell apart.
func key(f verdict.Finding) string {
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Sprintf("%#v", f)
	}
	return string(b)
}

// add puts c to the others that are about the same artifacts and have the same
// outcome.
func add(all []common, c common) []common {
	for i, o := range all {
		if slices.Equal(o.of, c.of) && o.findings[0].Outcome == c.findings[0].Outcome {
			all[i].findings = append(all[i].findings, c.findings...)
			return all
		}
	}
	return append(all, c)
}

// about says which artifacts c is about.
func (c common) about(r Record, show func(string) string) string {
	n := len(c.of)
	if n == len(r.Judgements) {
		return fmt.Sprintf("all %d artifacts", n)
	}
	s := fmt.Sprintf("%d of %d artifacts: ", n, len(r.Judgements))
	for i, k := range c.of {
		if i == maxNames {
			return s + fmt.Sprintf(" and %d more", n-maxNames)
		}
		if i > 0 {
			s += ", "
		}
		s += show(called(r.Judgements[k].Subject))
	}
	return s
}

// where is where something was built, as a label and a text each. What the certificate
// does not say is left out.
func where(e verdict.Evidence) [][2]string {
	repository := e.Repository
	if e.RepositoryID != "" {
		repository += ", number " + e.RepositoryID
	}
	run := e.Run
	for _, more := range []string{e.Event, e.Runner} {
		if more != "" {
			run += ", " + more
		}
	}
	commit := e.Commit
	if e.Ref != "" {
		commit += ", " + e.Ref
	}
	var out [][2]string
	for _, x := range [][2]string{{"predicate", e.PredicateType}, {"repository", repository}, {"commit", commit}, {"run", run}} {
		if x[1] != "" {
			out = append(out, x)
		}
	}
	return out
}
