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
	x.Since, x.Until = r.day(m.get("since"), "since"), r.day(m.get("until"), "until")
	switch {
	case x.Since.IsZero() || x.Until.IsZero():
	case !x.Until.After(x.Since):
		r.complain(m.get("until"), "until of %s is not after since", what)
	case x.Until.Sub(x.Since) > MaxLenience:
		r.complain(m.get("until"), "until of %s is %d days after since, want at most %d; move both dates later, which is a change that is counted",
			what, days(x.Until.Sub(x.Since)), days(MaxLenience))
	}
	return x
}

// day reads a day, which begins at midnight in UTC, or a time.
func (r *reader) day(n *yamlnode.Node, what string) time.Time {
	if n == nil {
		return time.Time{}
	}
	s := r.text(n, what)
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	r.complain(n, "%s %q, want a day such as \"2026-11-27\", or a time", what, scalar(n))
	return time.Time{}
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

// Modes is what the policy at UsualPath of the default branch says of the modes of an
// environment. Its zero is that nothing is known, so that everything is enforced.
type Modes struct {
	Environment  Mode            `json:"environment"`
	Requirements map[string]Mode `json:"requirements,omitempty"` // those that are not enforced, by name
	Why          string          `json:"why"`                    // why nothing is known, in words
	Need         string          `json:"need"`                   // the next step then
	// Begun is when the first of the modes without an interruption began, and Moved how often
	// their dates were moved since; Partly says that older versions of the file were not seen,
	// Unseen why none was.
	Begun  time.Time `json:"begun"`
	Moved  int       `json:"moved"`
	Partly bool      `json:"partly"`
	Unseen string    `json:"unseen"`
}

// ModesOf returns what p, the policy of the default branch, says of the modes of an
// environment.
func ModesOf(p *Policy, environment string) Modes {
	e, known := p.Environment(environment)
	if !known {
		return Modes{Why: fmt.Sprintf("the policy of the default branch has no environment %q", environment),
			Need: "merge the policy into the default branch first"}
	}
	m := Modes{Environment: e.Mode, Begun: e.Mode.Since}
	for _, q := range e.Requires {
		if q.Mode.Level != Enforce {
			if m.Requirements == nil {
				m.Requirements = map[string]Mode{}
			}
			m.Requirements[q.Name] = q.Mode
		}
	}
	return m
}

// LookBack counts how often the dates of m were moved. older is what the versions of the file
// before said of the environment, the newest first.
func (m *Modes) LookBack(older []Mode) {
	now := m.Environment
	for _, x := range older {
		if x.Level == Enforce {
			return
		}
		if !x.Since.Equal(now.Since) || !x.Until.Equal(now.Until) {
			m.Moved++
		}
		if now = x; x.Since.Before(m.Begun) {
			m.Begun = x.Since
		}
	}
}

// utc returns m with every time in UTC.
func (m Modes) utc() Modes {
	m.Begun, m.Environment = m.Begun.UTC(), m.Environment.utc()
	m.Requirements = maps.Clone(m.Requirements)
	for name, x := range m.Requirements {
		m.Requirements[name] = x.utc()
	}
	return m
}

func (m Mode) utc() Mode {
	m.Since, m.Until = m.Since.UTC(), m.Until.UTC()
	return m
}
