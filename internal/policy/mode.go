package policy

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// Level says what a verdict does with what is not met.
type Level string

// The levels, from the one that stops the least. Enforce is the zero value.
const (
	Watch   Level = "watch" // judges, stops nothing and lets nothing in
	Warn    Level = "warn"  // passes on with a warning what may be passed, and denies everything else
	Enforce Level = ""
)

// levels are in the order of what they stop.
var levels = []Level{Watch, Warn, Enforce}

// below reports whether l stops less than o.
func (l Level) below(o Level) bool { return slices.Index(levels, l) < slices.Index(levels, o) }

// String is l as a policy writes it.
func (l Level) String() string {
	if l == Enforce {
		return "enforce"
	}
	return string(l)
}

// MaxLenience is how long a mode that is not enforce may be meant for.
const MaxLenience = 90 * 24 * time.Hour

// Mode is a level for a time. Its zero enforces.
type Mode struct {
	Level Level     `json:"level"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"` // from then on it is enforced
}

// At is the level at a time.
func (m Mode) At(now time.Time) Level {
	if now.Before(m.Since) || !now.Before(m.Until) {
		return Enforce
	}
	return m.Level
}

// Lenient reports whether anything of e is meant to stop less than enforce does, at any
// time.
func (e Environment) Lenient() bool {
	return e.Mode.Level != Enforce ||
		slices.ContainsFunc(e.Requires, func(q Requirement) bool { return q.Mode.Level != Enforce })
}

// modeKeys are the keys of a mode.
var modeKeys = []string{"mode", "since", "until"}

// mode reads the mode of what, an environment or a requirement.
func (r *reader) mode(m mapping, what string) Mode {
	n := m.get("mode")
	var x Mode
	if n != nil {
		switch l := Level(r.choice(n, "mode", "watch", "warn", "enforce")); l {
		case Watch, Warn:
			x.Level = l
		case "enforce":
		default:
			return x // it has its complaint
		}
	}
	if x.Level == Enforce {
		for _, k := range modeKeys[1:] {
			if y := m.get(k); y != nil {
				r.complain(y, "%s of %s belongs to mode: watch or mode: warn; take it out", k, what)
			}
		}
		return x
	}
	for _, k := range modeKeys[1:] {
		if m.get(k) == nil {
			r.complain(n, "mode: %s of %s needs %s, a day such as \"2026-11-27\"", x.Level, what, k)
		}
	}
	var since, until bool
	x.Since, since = r.day(m.get("since"), "since")
	x.Until, until = r.day(m.get("until"), "until")
	switch {
	case !since || !until: // it has its complaint
	case !x.Until.After(x.Since):
		r.complain(m.get("until"), "until of %s is not after since", what)
	case x.Until.Sub(x.Since) > MaxLenience:
		r.complain(m.get("until"), "until of %s is more than %d days after since; move both dates later, which is a change that is counted",
			what, days(MaxLenience))
	}
	return x
}

// day reads a day, which begins at midnight in UTC, or a time. It is false where there is none.
func (r *reader) day(n *yamlnode.Node, what string) (time.Time, bool) {
	if n == nil {
		return time.Time{}, false
	}
	s := r.text(n, what)
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	r.complain(n, "%s %q, want a day such as \"2026-11-27\", or a time", what, scalar(n))
	return time.Time{}, false
}

// days is how many whole days are in d.
func days(d time.Duration) int { return int(d / (24 * time.Hour)) }

// mayBeLower reads the mode of a requirement of a kind, or complains where a policy may not
// let it pass.
func (r *reader) mayBeLower(m mapping, q Requirement) Mode {
	x := r.mode(m, fault.Cut(q.Name))
	if x.Level != Enforce && !q.Kind.passable() {
		r.complain(m.get("mode"), "%s may not be watched or warned about alone: only evidence about tests, scans and contents may; "+
			"set the mode of the environment", fault.Cut(q.Name))
		return Mode{}
	}
	return x
}

// lowered adds to l a mode that stops less than before.
func (l *loosening) lowered(what string, old, now Mode) {
	switch {
	case now.Level.below(old.Level):
		l.add("mode%s is %s, and was %s", what, now.Level, old.Level)
	case now.Level != Enforce && now.Level == old.Level && now.Until.After(old.Until):
		l.add("until%s is %s, and was %s", what, Day(now.Until), Day(old.Until))
	}
}

// Day writes a time as a policy does.
func Day(t time.Time) string {
	if t = t.UTC(); t.Equal(t.Truncate(24 * time.Hour)) {
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339)
}

// Lenience is a mode with what the versions of its file say of it.
type Lenience struct {
	Mode  Mode      `json:"mode"`
	Begun time.Time `json:"begun"` // when the first of the modes without an interruption began
	Moved int       `json:"moved"` // how often their dates were moved since
}

// Modes is what the policy at UsualPath of the default branch says of the modes of an
// environment. Its zero is that nothing is known, so that everything is enforced.
type Modes struct {
	Environment  Lenience            `json:"environment"`
	Requirements map[string]Lenience `json:"requirements,omitempty"` // those that are not enforced, by name
	Why          string              `json:"why"`                    // why nothing is known, in words
	Need         string              `json:"need"`                   // the next step then
	// Partly says that older versions of the file were not seen, Unseen why none was.
	Partly bool   `json:"partly"`
	Unseen string `json:"unseen"`
}

// ModesOf returns what p, the policy of the default branch of a repository, says of the modes of an
// environment. home is the address of that repository and id its number: an environment of the same
// name that is another repository's says nothing about this one.
func ModesOf(p *Policy, environment, home, id string) Modes {
	e, known := p.Environment(environment)
	t, ok := p.Target(e, home, "1")
	switch {
	case !known:
		return Modes{Why: fmt.Sprintf("the policy of the default branch has no environment %q", environment),
			Need: "merge the policy into the default branch first"}
	case !ok || t.Repository.ID != id:
		return Modes{Why: fmt.Sprintf("environment %q of the default branch's policy is not this repository's", environment),
			Need: "say with repository-id whose it is"}
	}
	m := Modes{Environment: Lenience{Mode: e.Mode, Begun: e.Mode.Since}}
	for _, q := range e.Requires {
		if q.Mode.Level != Enforce {
			if m.Requirements == nil {
				m.Requirements = map[string]Lenience{}
			}
			m.Requirements[q.Name] = Lenience{Mode: q.Mode, Begun: q.Mode.Since}
		}
	}
	return m
}

// Lenient reports whether anything of m is not enforced.
func (m Modes) Lenient() bool { return m.Environment.Mode.Level != Enforce || len(m.Requirements) > 0 }

// LookBack counts how often the dates of m were moved. older is what the versions of the file before
// said of the environment, the newest first.
func (m *Modes) LookBack(older []Environment) {
	var own []Mode
	for _, e := range older {
		own = append(own, e.Mode)
	}
	m.Environment = m.Environment.back(own)
	for name, x := range m.Requirements {
		var was []Mode
		for _, e := range older {
			i := slices.IndexFunc(e.Requires, func(q Requirement) bool { return q.Name == name })
			if i < 0 {
				break
			}
			was = append(was, e.Requires[i].Mode)
		}
		m.Requirements[name] = x.back(was)
	}
}

func (l Lenience) back(older []Mode) Lenience {
	now := l.Mode
	for _, x := range older {
		if x.Level == Enforce || now.Level == Enforce {
			break
		}
		if !x.Since.Equal(now.Since) || !x.Until.Equal(now.Until) {
			l.Moved++
		}
		if now = x; x.Since.Before(l.Begun) {
			l.Begun = x.Since
		}
	}
	return l
}

// utc returns m with every time in UTC.
func (m Modes) utc() Modes {
	m.Environment = m.Environment.utc()
	m.Requirements = maps.Clone(m.Requirements)
	for name, x := range m.Requirements {
		m.Requirements[name] = x.utc()
	}
	return m
}

func (l Lenience) utc() Lenience {
	l.Begun, l.Mode.Since, l.Mode.Until = l.Begun.UTC(), l.Mode.Since.UTC(), l.Mode.Until.UTC()
	return l
}
