package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Question is one thing that a platform is asked before Evaluate can answer. It is one of
// RefQuery, PlaceQuery, MergedQuery, RunQuery, BuildQuery, ChangeQuery, RosterQuery and ReviewsQuery.
type Question interface {
	// Key says what the question is about. Two questions with one key are one question.
	Key() QuestionKey
	// with returns the question that asks what both ask; o has the same key.
	with(o Question) Question
}

// QuestionKey says what a question is about. Answers can be kept by it.
type QuestionKey struct {
	Topic       Topic
	Repository  string // address of the repository that is asked; "": that of the running job
	Environment string // or ""
	About       string // which ref, run, change or member
}

// Topic says what sort of thing a question is about.
type Topic int

// The topics, in the order in which they are asked.
const (
	AboutRef     Topic = iota // how a ref is protected
	AboutPlace                // in which environment a job was
	AboutMerged               // which policy the default branch has
	AboutRun                  // how a run ended, and who started it
	AboutEntry                // how the job ended that signed an entry
	AboutBuild                // what the jobs of a run did, as their files say it
	AboutChange               // who made a change
	AboutMember               // who is in a team, or has a role
	AboutReviews              // who has approved on the platform's own page
)

// wave says when a topic is asked. Which entries count depends on refs and on where jobs
// were, and where a change begins depends on runs.
func (t Topic) wave() int {
	switch t {
	case AboutRef, AboutPlace:
		return 0
	case AboutMerged, AboutRun, AboutEntry, AboutBuild:
		return 1
	default:
		return 2
	}
}

// MergedQuery asks which policy the default branch has.
type MergedQuery struct{}

// RosterQuery asks who is in a team or has a role.
type RosterQuery struct{ Member Member }

// ReviewsQuery asks what the platform's own page holds about the entry into an environment.
type ReviewsQuery struct{ Environment string }

// Key says what q is about.
func (q RefQuery) Key() QuestionKey {
	return QuestionKey{AboutRef, q.Repository, "", fmt.Sprintf("%s %s %q %q %t", q.ID, q.Head, q.Ref, q.Branch, q.Open)}
}

// Key says what q is about.
func (q PlaceQuery) Key() QuestionKey {
	return QuestionKey{AboutPlace, "", q.Environment, fmt.Sprintf("%s %s %q %s", q.Run, q.ID, q.Workflow, q.Commit)}
}

// Key says what q is about.
func (q MergedQuery) Key() QuestionKey { return QuestionKey{AboutMerged, "", "", ""} }

// Key says what q is about: the run, or the job of it, and not what is asked of it.
func (q RunQuery) Key() QuestionKey {
	if q.Entry {
		return QuestionKey{AboutEntry, q.Repository, "", q.URI + " " + q.Job}
	}
	return QuestionKey{AboutRun, q.Repository, "", q.URI}
}

// Key says what q is about.
func (q BuildQuery) Key() QuestionKey {
	return QuestionKey{AboutBuild, q.Repository, "", fmt.Sprintf("%s %s %q %s %q %s %q %q",
		q.Run, q.Commit, q.Config, q.ConfigCommit, q.Signer, q.SignerCommit, q.Environment, q.Subject)}
}

// Key says what q is about: a commit, and where its change begins.
func (q ChangeQuery) Key() QuestionKey {
	return QuestionKey{AboutChange, q.Repository, q.Environment, fmt.Sprintf("%s %+v", q.Head, q.Start)}
}

// Key says what q is about.
func (q RosterQuery) Key() QuestionKey {
	m := q.Member
	return QuestionKey{AboutMember, "", "", fmt.Sprintf("%d %q %q %q %q", m.Kind, m.Host, m.ID, m.Name, m.Reach)}
}

// Key says what q is about.
func (q ReviewsQuery) Key() QuestionKey { return QuestionKey{AboutReviews, "", q.Environment, ""} }

func (q RefQuery) with(Question) Question     { return q }
func (q PlaceQuery) with(Question) Question   { return q }
func (q MergedQuery) with(Question) Question  { return q }
func (q BuildQuery) with(Question) Question   { return q }
func (q RosterQuery) with(Question) Question  { return q }
func (q ReviewsQuery) with(Question) Question { return q }

// with asks of one run what both ask. Who names no jobs means the whole run, which is more
// than any of its jobs.
func (q RunQuery) with(o Question) Question {
	x := o.(RunQuery)
	switch {
	case !x.Outcome:
	case !q.Outcome:
		q.Jobs, q.Outcome = x.Jobs, true
	case len(q.Jobs) == 0 || len(x.Jobs) == 0:
		q.Jobs = nil
	default:
		q.Jobs = joined(q.Jobs, x.Jobs)
	}
	return q
}

func (q ChangeQuery) with(o Question) Question {
	x := o.(ChangeQuery)
	q.Runs = joined(q.Runs, x.Runs)
	q.Mergers, q.Reviews, q.Signatures = q.Mergers || x.Mergers, q.Reviews || x.Reviews, q.Signatures || x.Signatures
	return q
}

// joined is a, and then what of b is not in it.
func joined(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Questions are questions of different keys, in the order of their topics; runs are in the
// order of their addresses, and all others in that in which the evidence raises them.
type Questions []Question

// Open returns the questions that can be asked now, without those whose keys are in asked:
// what comes later depends on the answers.
func (q Questions) Open(asked map[QuestionKey]bool) Questions {
	var out Questions
	for _, x := range q {
		k := x.Key()
		if !asked[k] && (len(out) == 0 || out[0].Key().Topic.wave() == k.Topic.wave()) {
			out = append(out, x)
		}
	}
	return out
}

// Groups returns the questions by repository and environment, in the order of both: those
// of one group can be asked together.
func (q Questions) Groups() []Questions {
	by := func(a, b Question) int {
		x, y := a.Key(), b.Key()
		return cmp.Or(strings.Compare(x.Repository, y.Repository), strings.Compare(x.Environment, y.Environment))
	}
	sorted := slices.Clone(q)
	slices.SortStableFunc(sorted, by)
	var out []Questions
	for i, x := range sorted {
		if i == 0 || by(sorted[i-1], x) != 0 {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], x)
	}
	return out
}

// Refs are the questions about refs.
func (q Questions) Refs() []RefQuery { return of[RefQuery](q) }

// Places are the questions about where jobs were.
func (q Questions) Places() []PlaceQuery { return of[PlaceQuery](q) }

// Merged are the questions about the policy of the default branch, one at most.
func (q Questions) Merged() []MergedQuery { return of[MergedQuery](q) }

// Runs are the questions about runs and about the jobs that signed entries.
func (q Questions) Runs() []RunQuery { return of[RunQuery](q) }

// Builds are the questions about what the jobs of runs did.
func (q Questions) Builds() []BuildQuery { return of[BuildQuery](q) }

// Changes are the questions about changes, those that begin furthest back first, as far as the
// numbers of entries tell: a platform can answer the others from what it read for these.
func (q Questions) Changes() []ChangeQuery {
	out := of[ChangeQuery](q)
	first := func(c ChangeQuery) int {
		n := 0
		for i, p := range c.Start.Entered {
			if i == 0 || p.Entry < n {
				n = p.Entry
			}
		}
		return n
	}
	slices.SortStableFunc(out, func(a, b ChangeQuery) int { return cmp.Compare(first(a), first(b)) })
	return out
}

// Reviews are the questions about reviews, one at most.
func (q Questions) Reviews() []ReviewsQuery { return of[ReviewsQuery](q) }

// Members are those that it is asked about who they are.
func (q Questions) Members() []Member {
	var out []Member
	for _, x := range of[RosterQuery](q) {
		out = append(out, x.Member)
	}
	return out
}

func of[T Question](q Questions) []T {
	var out []T
	for _, x := range q {
		if t, ok := x.(T); ok {
			out = append(out, t)
		}
	}
	return out
}

// asking collects questions.
type asking struct {
	policy *Policy // at hand
	all    Questions
	at     map[QuestionKey]int // where the question with a key is
}

// run adds a question about a run, with the repository that it is of, as far as the policy
// knows: that of a workflow that builds, or that carries approvals.
func (q *asking) run(r RunQuery) {
	for _, b := range q.policy.builders() {
		if home := b.Forge.Host + "/" + b.Repository; r.Repository == "" && strings.HasPrefix(r.URI, home+"/") {
			r.Repository = home
		}
	}
	q.add(r)
}

func (q *asking) add(x Question) {
	k := x.Key()
	if i, known := q.at[k]; known {
		q.all[i] = q.all[i].with(x)
		return
	}
	if q.at == nil {
		q.at = map[QuestionKey]int{}
	}
	q.at[k] = len(q.all)
	q.all = append(q.all, x)
}

// count is how many questions there are about a topic.
func (q *asking) count(t Topic) int {
	n := 0
	for k := range q.at {
		if k.Topic == t {
			n++
		}
	}
	return n
}

// heads is how many different commits it is asked who made them.
func (q *asking) heads() int {
	seen := map[string]bool{}
	for _, c := range q.all.Changes() {
		seen[c.Repository+" "+c.Head] = true
	}
	return len(seen)
}

// sorted are the questions in the order of Questions.
func (q *asking) sorted() Questions {
	slices.SortStableFunc(q.all, func(a, b Question) int {
		x, y := a.Key(), b.Key()
		if x.Topic == AboutRun && y.Topic == AboutRun {
			return strings.Compare(x.About, y.About)
		}
		return cmp.Compare(x.Topic, y.Topic)
	})
	return q.all
}
