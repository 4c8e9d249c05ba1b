package policy

import (
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// proven is what q came to where facts meet it: one, or one about each image of
// an index. Of several, the newest is told.
func proven(in Input, a Artifact, q Requirement, c indexed, whole []int) (verdict.Finding, []verdict.Evidence) {
	all := make([]Fact, 0, len(whole))
	for _, i := range whole {
		all = append(all, c.Facts[i])
	}
	var told []Fact
	for _, f := range newest(all) {
		if !slices.ContainsFunc(told, func(t Fact) bool { return t.image() == f.image() }) {
			told = append(told, f)
		}
	}
	if !c.partial(told[0]) {
		told = told[:1]
	}
	sort.SliceStable(told, func(x, y int) bool { return c.place(told[x]) < c.place(told[y]) })
	var used []verdict.Evidence
	for _, f := range told {
		s, _ := check(in, a, c, q, f)
		e := evidence(f)
		e.Accepted = accepted(look{in, a, c, q, s, f})
		used = append(used, e)
	}
	f := met(q.Name, summaries(in.Now, told, used), q.Line)
	if k, ok := q.Kind.(reports); ok {
		if r, err := in.report(k.reads(), told[0]); err == nil {
			f.Reason = k.says(r) + "; " + f.Reason
		}
	}
	if k, ok := q.Kind.(Materials); ok {
		f.Reason = k.tells(told[0]) + "; " + f.Reason
	}
	for _, x := range told {
		if m := tooOld(in.Now, q, x); m != nil {
			return warned(m.finding(q.Name), "mode: warn lets it pass: "+f.Reason+": "), used
		}
	}
	return f, used
}

// newest keeps, of each kind of evidence, what is of the commit that was built
// last: the same bytes may come of an older commit too, which wants nothing now
// (G16). Each image of an index may have been built of another commit. Where
// there is evidence about the subject itself, that by way of attestation
// manifests is not needed.
func newest(all []Fact) []Fact {
	type what struct {
		kind  string
		image subject.Digest
	}
	last := map[what]int{}
	for i := range all {
		f := &all[i]
		w := what{f.kind(), f.image()}
		if l, ok := last[w]; !ok || f.Time.After(all[l].Time) {
			last[w] = i
		}
	}
	out := make([]Fact, 0, len(all))
	for i := range all {
		f := &all[i]
		_, direct := last[what{kind: f.kind()}]
		if f.Signer.Commit == all[last[what{f.kind(), f.image()}]].Signer.Commit && (f.Via == nil || !direct) {
			out = append(out, *f)
		}
	}
	return out
}

// kind is what f is evidence of: the versions of a predicate are one kind.
func (f *Fact) kind() string {
	if dialect.IsProvenance(f.Statement.PredicateType) {
		return "provenance"
	}
	return f.Statement.PredicateType
}

func summary(now time.Time, f Fact, accepted []string) string {
	s := f.Signer
	who := bare(s.SAN)
	if f.Keyed {
		who = "a key"
	}
	out := who
	if s.Commit != "" {
		out += ", commit " + short(s.Commit)
	}
	if !f.Time.IsZero() {
		out += ", signed " + Age(now.Sub(f.Time)) + " ago"
	}
	if s.Run != "" {
		out += ", run " + bare(s.Run)
	}
	for _, x := range accepted {
		out += ", accepted: " + x
	}
	return out
}

// bare leaves the scheme out of a URI, for a line that people read.
func bare(uri string) string { return strings.TrimPrefix(uri, "https://") }

func short(commit string) string {
	if len(commit) > 12 {
		return commit[:12]
	}
	return commit
}

// requiring is the first environment that requires one of kinds, where none was
// asked about: then the call may have meant it.
func (in Input) requiring(kinds []string) string {
	if in.Environment != "" || in.For != "" {
		return ""
	}
	for _, e := range in.Policy.Environments {
		if slices.ContainsFunc(e.Requires, func(q Requirement) bool { return slices.ContainsFunc(kinds, q.wants) }) {
			return e.Name
		}
	}
	return ""
}
