package workflows

import (
	"slices"
	"strings"

	"github.com/rhysd/actionlint"
)

// people are the names by which an expression asks who did something.
var people = [][]string{
	{"github", "actor"}, {"github", "actor_id"}, {"github", "triggering_actor"},
	{"github", "event", "sender"}, {"github", "event", "pusher"},
	{"github", "event", "head_commit", "author"}, {"github", "event", "head_commit", "committer"},
	{"github", "event", "commits", "*", "author"}, {"github", "event", "commits", "*", "committer"},
	{"github", "event", "pull_request", "user"}, {"github", "event", "issue", "user"}, {"github", "event", "comment", "user"},
	{"github", "event", "workflow_run", "actor"}, {"github", "event", "workflow_run", "triggering_actor"},
}

// byActor reports whether a condition asks who started the run, directly or
// through a variable of the workflow.
func (f *flow) byActor(j *job, s *actionlint.Step, cond *actionlint.String) bool {
	return cond != nil && f.asksWho(j, s, parseCondition(cond.Value), 0)
}

func (f *flow) asksWho(j *job, s *actionlint.Step, c condition, depth int) bool {
	return slices.ContainsFunc(c.paths(), func(p []string) bool {
		if slices.ContainsFunc(people, func(who []string) bool { return overlap(p, who) }) {
			return true
		}
		if len(p) != 2 || p[0] != "env" || depth > 3 {
			return false
		}
		v := f.variable(j, s, p[1])
		return strings.Contains(v, "${{") && f.asksWho(j, s, parseCondition(v), depth+1)
	})
}

// overlap reports whether a path may reach what who names: it goes as far, or
// it stops above and takes everything below along.
func overlap(p, who []string) bool {
	for i := range min(len(p), len(who)) {
		if p[i] != who[i] && p[i] != "*" && who[i] != "*" {
			return false
		}
	}
	return len(p) > 0
}
