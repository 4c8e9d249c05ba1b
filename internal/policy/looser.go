package policy

import (
	"fmt"
	"slices"
	"time"
)

// Looser says, in words, which keys of an environment ask for less in now than in old. It
// knows the keys that have only two directions; of the others, such as lists of people,
// nobody but a reader can say which way they went. It decides nothing.
func Looser(old, now *Policy, environment string) []string {
	a, known := old.Environment(environment)
	b, still := now.Environment(environment)
	if !known || !still {
		return nil
	}
	var l loosening
	l.lowered("", a.Mode, b.Mode)
	l.people(a, b)
	l.evidence(a, b)
	l.changes(a.Changes, b.Changes)
	l.platform(a, b)
	for _, x := range old.Artifacts {
		i := slices.IndexFunc(now.Artifacts, func(y Artifact) bool { return y.Name == x.Name })
		if i >= 0 {
			l.artifact(x, now.Artifacts[i])
		}
	}
	return l
}

// loosening are the keys that ask for less, in words.
type loosening []string

func (l *loosening) add(format string, args ...any) { *l = append(*l, fmt.Sprintf(format, args...)) }

// count tells a number that is lower.
func (l *loosening) count(key string, old, now int) {
	if now < old {
		l.add("%s is %d, and was %d", key, now, old)
	}
}

// age tells a time that is longer; 0 is any.
func (l *loosening) age(key string, old, now time.Duration) {
	switch {
	case old == 0 || now != 0 && now <= old:
	case now == 0:
		l.add("%s is not limited, and was %s", key, Age(old))
	default:
		l.add("%s is %s, and was %s", key, Age(now), Age(old))
	}
}

// accepts tells something that is accepted now, and was not.
func (l *loosening) accepts(key string, old, now bool) {
	if now && !old {
		l.add("%s is accepted, and was not", key)
	}
}

// people are the keys about who approves.
func (l *loosening) people(old, now Environment) {
	for _, x := range old.Approvals {
		i := slices.IndexFunc(now.Approvals, func(y Rule) bool { return y.Group == x.Group && y.Veto == x.Veto })
		switch {
		case i < 0 && x.Veto:
			l.add("group %q has no veto any more", x.Group)
		case i < 0:
			l.add("group %q is not asked any more, and was asked for %d", x.Group, x.Count)
		default:
			l.count(fmt.Sprintf("count of group %q", x.Group), x.Count, now.Approvals[i].Count)
		}
	}
	l.age("approval-max-age", old.MaxAge, now.MaxAge)
	if now.RejectionAge < old.RejectionAge {
		l.add("rejection-max-age is %s, and was %s", Age(now.RejectionAge), Age(old.RejectionAge))
	}
	l.accepts("an approval that names other environments too", false, old.Separate && !now.Separate)
	if e := now.Emergency; e != nil && old.Emergency == nil {
		l.add("break-glass is there, and was not")
	} else if e != nil {
		l.count("count of break-glass", old.Emergency.Count, e.Count)
	}
	if w := now.Waivers; w != nil && old.Waivers == nil {
		l.add("waivers are there, and were not")
	} else if w != nil {
		l.count("count of waivers", old.Waivers.Count, w.Count)
	}
	switch {
	case old.PolicyChange != nil && now.PolicyChange == nil, old.PolicyMerged && !now.PolicyMerged:
		l.add("policy-change is another one, or not there any more")
	case old.PolicyChange != nil && old.PolicyChange.Group == now.PolicyChange.Group:
		l.count("count of policy-change", old.PolicyChange.Count, now.PolicyChange.Count)
	}
}

// evidence are the keys about what has to be there.
func (l *loosening) evidence(old, now Environment) {
	for _, x := range old.Requires {
		i := slices.IndexFunc(now.Requires, func(y Requirement) bool { return y.Name == x.Name })
		if i < 0 {
			l.add("%s is not required any more", x.Name)
			continue
		}
		y := now.Requires[i]
		l.lowered(" of "+x.Name, x.Mode, y.Mode)
		l.age("max-age of "+x.Name, x.MaxAge, y.MaxAge)
		y.Kind.loosened(l, x)
	}
}

// platform are the keys about the platform's own protection, and the record.
func (l *loosening) platform(old, now Environment) {
	l.accepts("an environment that the platform does not protect", old.Unguarded, now.Unguarded)
	l.accepts("a run that has built another version", !old.RunsOnce, !now.RunsOnce)
	l.accepts("weaker-evidence", !old.NotWeaker, !now.NotWeaker)
	l.accepts("admin-bypass", old.Bypassable, now.Bypassable)
	for _, w := range now.DeployingIn {
		l.accepts("a deploying job in "+w, false, len(old.DeployingIn) > 0 && !slices.Contains(old.DeployingIn, w))
	}
	l.accepts("a deploying job in any file", false, len(now.DeployingIn) == 0 && len(old.DeployingIn) > 0)
	jobs := []string{DeploysAny, DeploysUnread, DeploysGated}
	l.accepts("deploying-job", false, slices.Index(jobs, now.DeployingJob) < slices.Index(jobs, old.DeployingJob))
	reviews := []string{"on", "", "off"}
	l.accepts("self-review", false, slices.Index(reviews, now.SelfReview) < slices.Index(reviews, old.SelfReview))
	l.count("reviewers", old.Reviewers, now.Reviewers)
	order := []Recording{RecordOff, RecordOptional, RecordRequired}
	if slices.Index(order, now.Record) < slices.Index(order, old.Record) {
		l.add("record is %s, and was %s", now.Record.word(), old.Record.word())
	}
	if now.Since.After(old.Since) {
		l.add("since of record is later")
	}
	l.source(old.Source, now.Source)
	if old.Forks != ForkOwner && now.Forks == ForkOwner {
		l.add("forks is owner, and was unnamed")
	}
}

// artifact are the keys about one artifact.
func (l *loosening) artifact(old, now Artifact) {
	what := fmt.Sprintf("artifact %q: ", old.Name)
	l.accepts(what+"a trust without a log", old.Trust.Unlogged, now.Trust.Unlogged)
	l.accepts(what+"a log's promise", old.Trust.Promise, now.Trust.Promise)
	for _, x := range old.BuiltBy {
		for _, y := range now.BuiltBy {
			if x.Forge.Issuer != y.Forge.Issuer || x.RepositoryID != y.RepositoryID || x.Workflow != y.Workflow {
				continue
			}
			l.accepts(what+"a ref that nobody asks about", x.RefUnchecked, y.RefUnchecked)
			l.accepts(what+"a ref that nothing protects", x.RefOpen, y.RefOpen)
			l.accepts(what+"a signer that moves", x.SignerMoves, y.SignerMoves)
			l.accepts(what+"a provenance of another job", x.OtherJob, y.OtherJob)
		}
	}
}

// word is r as a policy writes it.
func (r Recording) word() string {
	if r == RecordOptional {
		return "optional"
	}
	return string(r)
}
