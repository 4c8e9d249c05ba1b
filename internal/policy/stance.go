package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// A stance is what the modes of a policy come to, at one time and after all who have to agree
// were heard. Its zero enforces everything.
type stance struct {
	level Level            // of the environment
	of    map[string]Level // of requirements, by name, that stop less than the environment
	why   string           // why something is enforced of which the policy says another mode, in words
	hint  string           // the next step then
}

// stanced returns in with its stance, which is found once.
func (in Input) stanced() Input {
	env, known := in.Policy.Environment(in.Environment)
	if in.stance != nil || !known || !env.Lenient() {
		return in
	}
	in = in.chained()
	s := in.both(env)
	in.stance = &s
	if s.level == Enforce && len(s.of) == 0 {
		return in
	}
	if why := in.disagreed(env); why != "" {
		in.stance = &stance{why: why, hint: "let them approve the change, as any change of the policy"}
	}
	return in
}

// both are the modes that hold now under the policy at hand and on the default branch: nobody
// chooses one by choosing a policy.
func (in Input) both(env Environment) stance {
	there := in.Merged.Modes
	if why := there.Why; why != "" || in.Merged.Branch == "" {
		return stance{why: orAbsent(why), hint: there.Need}
	}
	var s stance
	same := func(what string, here, there Mode) Level {
		l, o := here.At(in.Now), there.At(in.Now)
		switch {
		case here.Level == Enforce || l == o && l != Enforce:
			return l
		case in.Now.Before(here.Since):
			s.why = fmt.Sprintf("mode: %s%s begins on %s", here.Level, what, Day(here.Since))
		case l == Enforce:
			s.why = fmt.Sprintf("mode: %s%s ended on %s", here.Level, what, Day(here.Until))
		default:
			s.why = fmt.Sprintf("the policy says mode: %s%s, and that of branch %q says %s", here.Level, what, in.Merged.Branch, o)
			s.hint = "a mode holds where the policy of the default branch has it too: merge it there, or judge by the policy there"
		}
		return Enforce
	}
	s.level = same("", env.Mode, there.Environment)
	for _, q := range env.Requires {
		if q.Mode.Level == Enforce {
			continue
		}
		if l := same(" of "+q.Name, q.Mode, there.Requirements[q.Name]); l.below(s.level) {
			if s.of == nil {
				s.of = map[string]Level{}
			}
			s.of[q.Name] = l
		}
	}
	return s
}

// disagreed says why a policy in force, which stops more, does not let the modes hold; or
// nothing. A step down is a change of the policy: whom that asks has to agree, and what is in
// force has to be known.
func (in Input) disagreed(env Environment) string {
	if len(slices.Concat(in.foreign(env), in.unreadable(env), in.unread(env))) > 0 {
		return "which policy is in force is not known"
	}
	for _, f := range in.InForce {
		old, known := f.Policy.Environment(in.Environment)
		if known && !in.stepsDown(env, old) {
			continue
		}
		_, _, ok := in.under(f)
		if !ok || !in.agree(env, f) {
			return fmt.Sprintf("the policy of entry %d, which is in force, stops more, and those whom it asks have not agreed to this one",
				f.Entry.Number)
		}
	}
	return ""
}

// stepsDown reports whether the stance stops less than a policy in force does now.
func (in Input) stepsDown(env, old Environment) bool {
	was := old.Mode.At(in.Now)
	if in.stance.level.below(was) {
		return true
	}
	return slices.ContainsFunc(old.Requires, func(q Requirement) bool {
		then := lower(q.Mode.At(in.Now), was)
		return slices.ContainsFunc(env.Requires, func(now Requirement) bool { return now.Name == q.Name }) &&
			in.levelOf(q.Name).below(then)
	})
}

// lower is the level of two that stops less.
func lower(a, b Level) Level {
	if a.below(b) {
		return a
	}
	return b
}

// agree reports whether whom a policy in force asks has agreed to the one at hand, for all that
// wants to enter.
func (in Input) agree(env Environment, f InForce) bool {
	for _, w := range in.wishes(env) {
		if w.of == f.Entry.SHA256 && in.notMerged(w) != nil {
			return false
		}
	}
	for _, c := range in.Candidates {
		a, m := in.artifact(c)
		if m != nil {
			continue // it has a reason of its own, and is not let in
		}
		for _, s := range in.sides(env, a, c, meeting(in, env, a, c.indexed(), possible))[1:] {
			if s.force.Entry == f.Entry && slices.ContainsFunc(s.agreed(), func(x verdict.Finding) bool { return x.Outcome != verdict.Allow }) {
				return false
			}
		}
	}
	return true
}

// levelOf is the level at which a requirement is judged.
func (in Input) levelOf(requirement string) Level {
	if in.stance == nil {
		return Enforce
	}
	if l, ok := in.stance.of[requirement]; ok {
		return l
	}
	return in.stance.level
}

// passesAge reports whether evidence that is too old meets q with a warning.
func (in Input) passesAge(q Requirement) bool { return in.levelOf(q.Name) == Warn }

// passed turns what q came to into a warning, where q alone is watched.
func (in Input) passed(q Requirement, f verdict.Finding) verdict.Finding {
	if in.stance == nil || in.stance.of[q.Name] != Watch || f.Outcome == verdict.Allow {
		return f
	}
	return warned(f, "mode: watch of it lets it pass: ")
}

// warned is f as a warning.
func warned(f verdict.Finding, how string) verdict.Finding {
	w := met(f.Requirement, how+f.Reason, f.Line)
	w.Code, w.Found, w.Wanted, w.Hint, w.Warning = f.Code, f.Found, f.Wanted, f.Hint, true
	return w
}

// noticeBefore is how long before the end of a mode each verdict says what to change.
const noticeBefore = 14 * 24 * time.Hour

// mode is what is told about the modes of in's environment; nil where its policy enforces
// everything.
func (in Input) mode(env Environment) *verdict.Mode {
	if !env.Lenient() {
		return nil
	}
	s := stance{}
	if in.stance != nil {
		s = *in.stance
	}
	out := &verdict.Mode{Level: s.level.String(), Says: env.Mode.Level.String(), Why: s.why, Hint: s.hint}
	if env.Mode.Level != Enforce {
		out.Since, out.Until = env.Mode.Since.Format(time.RFC3339), env.Mode.Until.Format(time.RFC3339)
	}
	if s.level == Enforce {
		return out
	}
	x := in.Merged.Modes
	out.Branch, out.Commit = in.Merged.Branch, in.Merged.Commit
	out.Notes = append(out.Notes, fmt.Sprintf("mode: %s %s", s.level, x.Told(in.Now)))
	until := env.Mode.Until
	if x.Environment.Until.Before(until) {
		until = x.Environment.Until
	}
	left := until.Sub(in.Now)
	out.Notes = append(out.Notes, fmt.Sprintf("enforced from %s on, in %s", Day(until), amount(days(left), "day")))
	if s.level == Watch && left <= noticeBefore {
		out.Notes = append(out.Notes, "before that day, take the line off with which the gate's job may fail, and deploy the digests that "+
			"the gate passes on: sallyport doctor shows the lines")
	}
	return out
}

// Told says since when the modes are what they are, and how often their dates were moved.
func (m Modes) Told(now time.Time) string {
	return fmt.Sprintf("since %s, for %s; %s", Day(m.Begun), amount(days(now.Sub(m.Begun)), "day"), m.moves())
}

// moves says how often the dates were moved.
func (m Modes) moves() string {
	switch {
	case m.Unseen != "":
		return "how often its dates were moved is not known: " + m.Unseen
	case m.Partly:
		return "its dates were moved at least " + amount(m.Moved, "time")
	case m.Moved == 0:
		return "its dates were never moved"
	}
	return "its dates were moved " + amount(m.Moved, "time")
}

// amount is a number with a noun.
func amount(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
