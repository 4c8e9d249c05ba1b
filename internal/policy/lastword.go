package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// DefaultRejectionAge is how long a rejection without an expiry counts where a
// policy does not say.
const DefaultRejectionAge = 7 * 24 * time.Hour

// ended says why a signed rejection bars nothing any more; or nil. It names one
// release, and also bars every other release of the same bytes; when the release
// that it names has expired, it has ended too.
func (k *approvalCheck) ended(s statement.Said) *miss {
	if m := k.expired(s.Expires); m != nil {
		return m
	}
	return k.outlived(s.Release)
}

// outlived says that a release has expired; or nil. A release that is not here
// may go on.
func (k *approvalCheck) outlived(release subject.Digest) *miss {
	i := slices.IndexFunc(k.sets, func(x *set) bool { return x.Digest == release })
	if i < 0 || k.expired(k.sets[i].Expires) == nil {
		return nil
	}
	return stale("until "+k.sets[i].ExpiresAt, "", "the release that it names has expired")
}

// rejectedOnPage says why a rejection on the platform's page bars nothing; or
// nil. It has no expiry: where the platform keeps its time, the policy bounds it;
// elsewhere it ends with the run that it was given for.
func (k *approvalCheck) rejectedOnPage(r Review, v vote) *miss {
	switch age := k.in.Now.Sub(r.Time); {
	case !v.covers:
		return stale(names(r.Environments), "", elsewhereMeant)
	case !v.untimed && k.env.RejectionAge > 0 && age > k.env.RejectionAge:
		return stale(Age(age), "at most "+Age(k.env.RejectionAge), "it is too old")
	}
	return k.outlived(v.release)
}

// hear judges a vote in a group, together with what the same person has said
// since.
func (k *approvalCheck) hear(g Group, v vote, excludes []Role) judgedVote {
	x := k.judge(g, v, excludes)
	switch {
	case x.why != nil:
	case v.decision == statement.Withdraw:
		takesBack := func(o vote) bool { return o.decision != v.decision && k.ends(g, v, o) }
		if !slices.ContainsFunc(k.votes, takesBack) && !slices.ContainsFunc(k.waivers, takesBack) {
			x.why = stale("", "", "takes nothing back: they have said nothing about this release before")
		}
	default:
		i := slices.IndexFunc(k.votes, func(o vote) bool { return k.ends(g, o, v) })
		if i < 0 {
			break
		}
		end := k.votes[i]
		x.back = end.decision == statement.Withdraw
		x.why = stale(end.decision, "", "they took it back at "+end.time.UTC().Format(time.RFC3339))
		if !x.back {
			x.why.reason = "they said yes after it, at " + end.time.UTC().Format(time.RFC3339)
		}
	}
	return x
}

// ends reports whether the person who gave old has ended it with later: with a
// withdrawal, or a no with a yes, about the same release. Nobody else can. It may
// be said with any of their accounts, and has to be as sure as an approval: of a
// person, under the trust of the group, and, to end a no, in a way that the group
// counts or that the no itself was given in.
func (k *approvalCheck) ends(g Group, later, old vote) bool {
	who := k.whose(later.account)
	if who == "" || who != k.whose(old.account) || later.release != old.release || later.release == (subject.Digest{}) ||
		later.decision != statement.Withdraw && (later.decision != statement.Approve || old.decision != statement.Reject) {
		return false
	}
	if !later.covers || later.account.Kind != Human || k.in.Policy.agent(later.account) || k.early(later.time) != nil ||
		later.source != ByReview && later.trust != k.trust(g) {
		return false
	}
	if old.decision == statement.Reject {
		// What cannot be told to be later ends no rejection.
		return !old.untimed && !later.untimed && old.time.Before(later.time) && (later.source == old.source || slices.Contains(g.Sources, later.source))
	}
	return old.decision != statement.Withdraw && !later.time.Before(old.time)
}

// whose returns who an account is, also where a policy with people does not know
// it: then the account speaks for itself.
func (k *approvalCheck) whose(a Account) string {
	if p := k.in.Policy.person(a); p != "" || a.ID == "" {
		return p
	}
	return a.Key()
}

// mightEnd reports whether a platform that has not answered keeps it open who has
// said something after a rejection about the same release.
func mightEnd(no vote, votes []judgedVote) bool {
	return slices.ContainsFunc(votes, func(o judgedVote) bool {
		return o.unanswered && o.covers && o.decision != statement.Reject && o.release == no.release && no.time.Before(o.time)
	})
}

// TakesBack reports whether a withdrawal of now by an account would take anything
// back that the same person has said about a release of a subject.
func TakesBack(in Input, c Candidate, a Account, release subject.Digest) bool {
	k := in.check(c)
	theirs := func(v vote) bool {
		return v.covers && v.anonymous == nil && v.release == release && v.decision != statement.Withdraw &&
			k.whose(v.account) == k.whose(a) && a.ID != ""
	}
	return slices.ContainsFunc(k.votes, theirs) || slices.ContainsFunc(k.waivers, theirs)
}

// settle is the next step where somebody has rejected.
func (k *approvalCheck) settle(no vote) string {
	who := no.account.Label()
	switch {
	case no.payload != "":
		return fmt.Sprintf("settle it with %s, whose word alone ends it, before it ends with its release: sallyport approve --decision withdraw --release %s", who, no.release)
	case no.untimed:
		return "settle it with " + who + "; the rejection ends with the run that it was given for"
	}
	return fmt.Sprintf("settle it with %s; the rejection ends %s after it was given", who, Age(k.env.RejectionAge))
}
