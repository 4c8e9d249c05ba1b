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
		in.stance = &stance{why: why, hint: "attest what enters, and let them approve it as a change of the policy"}
		if why == unknownForce {
			in.stance.hint = "mend what is said of the record; where an entry was signed on a ref that nobody protects now, protect it again"
		}
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
	s.level = same("", env.Mode, there.Environment.Mode)
	for _, q := range env.Requires {
		if q.Mode.Level == Enforce {
			continue
		}
		if l := same(" of "+q.Name, q.Mode, there.Requirements[q.Name].Mode); l.below(s.level) {
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
	if len(slices.Concat(in.foreign(env), in.unreadable(env), in.unread(env))) > 0 || in.chain.Unguarded > 0 {
		return unknownForce
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

// unknownForce says that nobody knows whom to ask.
const unknownForce = "which policy is in force is not known"

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

// agree reports whether all whom a policy in force asks have agreed to the one at hand, for each
// thing that wants to enter. What nobody was asked about nobody has agreed to: an artifact without
// evidence has no approvals.
func (in Input) agree(env Environment, f InForce) bool {
	for _, w := range in.wishes(env) {
		if w.of == f.Entry.SHA256 && in.notMerged(w) != nil {
			return false
		}
	}
	_, old, _ := in.under(f)
	if old.Record == RecordOff || len(old.Approvals) == 0 {
		return true
	}
	return !slices.ContainsFunc(in.Candidates, func(c Candidate) bool {
		a, m := in.artifact(c)
		return m != nil || !in.agreedTo(env, a, c, f)
	})
}

// agreedTo reports whether every rule of a policy in force is met for one candidate.
func (in Input) agreedTo(env Environment, a Artifact, c Candidate, f InForce) bool {
	all := in.sides(env, a, c, meeting(in, env, a, c.indexed(), possible))[1:]
	i := slices.IndexFunc(all, func(s side) bool { return s.force.Entry == f.Entry })
	if i < 0 {
		return false
	}
	met := map[string]bool{}
	for _, x := range all[i].approvals() {
		if x.Outcome != verdict.Allow {
			return false
		}
		met[x.Requirement] = true
	}
	return !slices.ContainsFunc(all[i].env.Approvals, func(r Rule) bool { return !r.Veto && !met["approvals "+r.Group] })
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

// NoticeBefore is how long before the end of a mode each verdict says what to change.
const NoticeBefore = 14 * 24 * time.Hour

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
	x := in.Merged.Modes
	if s.level != Enforce {
		out.Notes = append(out.Notes, x.notes(in.Now, "mode: "+s.level.String(), x.Environment, env.Mode)...)
		if s.level == Watch && in.left(x.Environment, env.Mode) <= NoticeBefore {
			out.Notes = append(out.Notes, "before that day, remove the line that lets the gate's job fail, and deploy the digests that "+
				"the gate passes on: sallyport doctor shows the lines")
		}
	}
	for _, q := range env.Requires {
		if l, lower := s.of[q.Name]; lower {
			out.Notes = append(out.Notes, x.notes(in.Now, fmt.Sprintf("mode: %s of %s", l, q.Name), x.Requirements[q.Name], q.Mode)...)
		}
	}
	if len(out.Notes) > 0 {
		out.Branch, out.Commit = in.Merged.Branch, in.Merged.Commit
	}
	return out
}

// left is how long a mode still holds, here and on the default branch.
func (in Input) left(there Lenience, here Mode) time.Duration {
	return min(there.Mode.Until.Sub(in.Now), here.Until.Sub(in.Now))
}

// notes says since when something is not enforced, and until when.
func (m Modes) notes(now time.Time, what string, there Lenience, here Mode) []string {
	until := here.Until
	if there.Mode.Until.Before(until) {
		until = there.Mode.Until
	}
	end := fmt.Sprintf("enforced from %s on, in %s", Day(until), Age(until.Sub(now)))
	if left := until.Sub(now); left <= NoticeBefore {
		end += ": that is soon"
	}
	return []string{what + " " + m.Told(there, now), end}
}

// Told says since when something is not enforced, and how often the dates of that were moved.
func (m Modes) Told(l Lenience, now time.Time) string {
	least := ""
	if m.Partly {
		least = "at least "
	}
	return fmt.Sprintf("since %s, for %s%s; %s", Day(l.Begun), least, amount(days(now.Sub(l.Begun)), "day"), m.moves(l))
}

// moves says how often dates were moved.
func (m Modes) moves(l Lenience) string {
	switch {
	case m.Unseen != "":
		return "how often its dates were moved is not known: " + m.Unseen
	case m.Partly:
		return "its dates were moved at least " + amount(l.Moved, "time")
	case l.Moved == 0:
		return "its dates were never moved"
	}
	return "its dates were moved " + amount(l.Moved, "time")
}

// amount is a number with a noun.
func amount(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
