package inventory

import (
	"math"
	"strconv"
	"strings"
)

// Severities are all severities, from the least.
func Severities() []Severity { return []Severity{None, Low, Medium, High, Critical, UnknownSeverity} }

// rank is the place of s among Severities. What is none of them is the worst.
func (s Severity) rank() int {
	switch s {
	case None:
		return 0
	case Low:
		return 1
	case Medium:
		return 2
	case High:
		return 3
	case Critical:
		return 4
	}
	return 5
}

// AtLeast reports whether s is at least as bad as o.
func (s Severity) AtLeast(o Severity) bool { return s.rank() >= o.rank() }

// Worse returns the worse of two.
func (s Severity) Worse(o Severity) Severity {
	if o.rank() > s.rank() {
		return o
	}
	return s
}

// Names are all ids of the vulnerability that f is of.
func (f Finding) Names() []string { return append([]string{f.ID}, f.Aliases...) }

// words are what tools call severities, in lower case. What people need not look at is low and not none: a tool that
// lists it says that it is there.
var words = map[string]Severity{
	"none":     None,
	"critical": Critical,
	"high":     High, "important": High,
	"medium": Medium, "moderate": Medium,
	"low": Low, "minor": Low, "negligible": Low, "unimportant": Low,
	"info": Low, "informational": Low, "information": Low, "note": Low,
}

// word returns the severity that a tool calls w. A word that is not known is UnknownSeverity, which is the worst.
func word(w string) Severity {
	if s, known := words[w]; known {
		return s
	}
	if s, known := words[strings.ToLower(strings.TrimSpace(w))]; known {
		return s
	}
	return UnknownSeverity
}

// A rating is what a document says about how bad one finding is, from all of its places.
type rating struct {
	own      Severity // the worst word or number of the scanner itself, "": none
	others   Severity // the same of the sources that it quotes
	score    float64
	written  string // the highest number, as it is written
	unscored bool   // a vector of which no number is known
}

// word adds the scanner's own word. An empty one says nothing.
func (r *rating) word(w string) {
	if w != "" {
		r.own = worse(r.own, word(w))
	}
}

// quoted adds the word of a source that the scanner quotes. Where the source does not know, the scanner's own word stays; an unknown
// word counts as unknown.
func (r *rating) quoted(w string) {
	switch strings.ToLower(w) {
	case "", "unknown":
	default:
		r.others = worse(r.others, word(w))
	}
}

// number adds a score as it is written. An empty one says nothing; anything but a number from 0 to 10 is unknown.
func (r *rating) number(n string) {
	if n == "" {
		return
	}
	f, ok := base(n)
	if !ok {
		r.others = UnknownSeverity
		return
	}
	r.others = worse(r.others, scored(f))
	if r.written == "" || f > r.score {
		r.score, r.written = f, n
	}
}

// vector adds a CVSS vector. Those of version 3 have a score that is computed; of another version it is known only
// if the document says it somewhere.
func (r *rating) vector(v string) {
	if v == "" {
		return
	}
	if f, ok := baseScore(v); ok {
		r.number(strconv.FormatFloat(f, 'f', 1, 64))
		return
	}
	r.unscored = true
}

// severity is the worst of all. Without any, it is unknown.
func (r *rating) severity() Severity {
	s := worse(r.own, r.others)
	if s == "" || (r.unscored && r.written == "") {
		return UnknownSeverity
	}
	return s
}

// worse is the worse of two, of which "" says nothing.
func worse(a, b Severity) Severity {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return a.Worse(b)
}

// base returns the number that a score is, from 0 to 10.
func base(n string) (float64, bool) {
	if strings.Trim(n, "0123456789.") != "" || len(n) > 20 {
		return 0, false
	}
	f, err := strconv.ParseFloat(n, 64)
	return f, err == nil && f >= 0 && f <= 10
}

// scored returns the word for a score (CVSS v3.1 specification, section 5, table 14). Version 2 has no critical ones;
// its numbers are taken for those of version 3, which is not better for anybody.
func scored(f float64) Severity {
	switch {
	case f >= 9:
		return Critical
	case f >= 7:
		return High
	case f >= 4:
		return Medium
	case f > 0:
		return Low
	}
	return None
}

// weights are those of the base metrics (CVSS v3.1 specification, section 7.4).
var weights = map[string]float64{
	"AV:N": 0.85, "AV:A": 0.62, "AV:L": 0.55, "AV:P": 0.2,
	"AC:L": 0.77, "AC:H": 0.44,
	"PR:N": 0.85, "PR:L": 0.62, "PR:H": 0.27,
	"UI:N": 0.85, "UI:R": 0.62,
	"S:U": 0, "S:C": 0,
	"C:H": 0.56, "C:L": 0.22, "C:N": 0, "I:H": 0.56, "I:L": 0.22, "I:N": 0, "A:H": 0.56, "A:L": 0.22, "A:N": 0,
}

// baseScore computes the base score of a CVSS vector of version 3.0 or 3.1 (section 7.1). ok is false for every
// other text.
func baseScore(vector string) (score float64, ok bool) {
	version, rest, _ := strings.Cut(vector, "/")
	if version != "CVSS:3.0" && version != "CVSS:3.1" || len(rest) > 200 {
		return 0, false
	}
	m := map[string]float64{}
	changed := false
	for _, metric := range strings.Split(rest, "/") {
		name, _, _ := strings.Cut(metric, ":")
		w, known := weights[metric]
		if _, twice := m[name]; twice {
			return 0, false
		}
		if known {
			m[name] = w
			changed = changed || metric == "S:C"
		}
	}
	if len(m) != 8 {
		return 0, false
	}
	if changed && m["PR"] == 0.62 {
		m["PR"] = 0.68
	}
	if changed && m["PR"] == 0.27 {
		m["PR"] = 0.5
	}
	iss := 1 - (1-m["C"])*(1-m["I"])*(1-m["A"])
	impact := 6.42 * iss
	if changed {
		impact = 7.52*(iss-0.029) - 3.25*math.Pow(iss-0.02, 15)
	}
	if impact <= 0 {
		return 0, true
	}
	sum := impact + 8.22*m["AV"]*m["AC"]*m["PR"]*m["UI"]
	if changed {
		sum *= 1.08
	}
	return roundUp(min(sum, 10)), true
}

// roundUp is that of the specification (appendix A), which does not depend on how floating numbers are held.
func roundUp(f float64) float64 {
	n := int(math.Round(f * 100000))
	if n%10000 == 0 {
		return float64(n) / 100000
	}
	return float64(n/10000+1) / 10
}
