package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// A common is what people said about several artifacts at once, shown once.
type common struct {
	of       []int // judgements, by index
	findings []verdict.Finding
}

// gather divides what was found about the artifacts of r: what each has for
// itself, by index, what people said about several, word for word, and what stops
// more than maxAlike of them for one cause.
func gather(r Record) (own [][]verdict.Finding, all []common) {
	of := map[string][]int{}
	for i, j := range r.Judgements {
		for _, f := range j.Findings {
			k := key(Cause(j, f))
			if (spoken(f) || f.Outcome != verdict.Allow) && (len(of[k]) == 0 || of[k][len(of[k])-1] != i) {
				of[k] = append(of[k], i)
			}
		}
	}
	own = make([][]verdict.Finding, len(r.Judgements))
	told := map[string]bool{}
	for i, j := range r.Judgements {
		for _, f := range j.Findings {
			g := Cause(j, f)
			k := key(g)
			least := 2
			if !spoken(f) {
				least = maxAlike + 1
			}
			switch who := of[k]; {
			case len(who) < least:
				own[i] = append(own[i], f)
			case !told[k]:
				all, told[k] = add(all, common{who, []verdict.Finding{g}}), true
			}
		}
	}
	return own, all
}

// Cause returns f without what only one artifact has: its digest and its name.
func Cause(j verdict.Judgement, f verdict.Finding) verdict.Finding {
	if spoken(f) || f.Outcome == verdict.Allow {
		return f
	}
	general := strings.NewReplacer(j.Subject.Digest.String(), "this digest", j.Subject.Name, "this artifact")
	f.Reason, f.Found, f.Wanted, f.Hint = general.Replace(f.Reason), general.Replace(f.Found), general.Replace(f.Wanted), general.Replace(f.Hint)
	return f
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

// caused are the artifacts, by number, that are stopped for a cause which is told of many.
func caused(all []common) map[int]bool {
	out := map[int]bool{}
	for _, c := range all {
		for _, k := range c.of {
			out[k] = out[k] || c.findings[0].Outcome != verdict.Allow && !spoken(c.findings[0])
		}
	}
	return out
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
	for _, x := range [][2]string{{"predicate", e.PredicateType}, {"entered", e.Says}, {"repository", repository}, {"commit", commit}, {"run", run}} {
		if x[1] != "" {
			out = append(out, x)
		}
	}
	return out
}
