package inventory

// Severities are all severities, from the least.
func Severities() []Severity { return []Severity{None, Low, Medium, High, Critical, UnknownSeverity} }

// rank is the place of s among Severities. What is none of them is the worst.
func (s Severity) rank() int {
	all := Severities()
	for i, x := range all {
		if x == s {
			return i
		}
	}
	return len(all) - 1
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
