package attest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// Record makes the inputs that a provenance may name: all names of given, and
// the values of those that are listed. A value that is, or holds, something that
// looks like a secret stays out whatever is listed, because a log keeps it for
// ever; left lists the names of those, sorted. secrets are values that are known
// to be secret.
func Record(given map[string]string, listed, secrets []string) (in statement.Inputs, left []string, err error) {
	if len(given) > statement.MaxInputs {
		return nil, nil, fault.New(fault.Refused, fault.Limit, "", "the run was given %d inputs, at most %d are recorded", len(given), statement.MaxInputs)
	}
	in = statement.Inputs{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if len(name) > statement.MaxInputBytes {
			return nil, nil, fault.New(fault.Refused, fault.Limit, "", "an input has a name of %d bytes, at most %d are recorded", len(name), statement.MaxInputBytes)
		}
		in[name] = nil
		if !slices.Contains(listed, name) {
			continue
		}
		v := given[name]
		if secret(name, v, secrets) || len(v) > statement.MaxInputBytes {
			left = append(left, name)
			continue
		}
		in[name] = &v
	}
	return in, left, nil
}

// minSecret is the length from which a known secret is looked for in a value. A
// shorter one is no secret, and would be found everywhere.
const minSecret = 8

func secret(name, value string, known []string) bool {
	return secretName().MatchString(name) || secretValue().MatchString(value) ||
		slices.ContainsFunc(known, func(s string) bool { return len(s) >= minSecret && strings.Contains(value, s) })
}

var (
	secretName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(secret|passw|passphrase|credential|token|private.?key|api.?key|access.?key|signing.?key|(^|[^a-z])o?auth($|[^a-z])|cookie)`)
	})
	// The beginnings that platforms give to their tokens so that scanners find
	// them, keys in PEM, tokens of RFC 7519, and addresses with a password
	// (RFC 3986, 3.2.1).
	secretValue = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\b(gh[pousr]_|github_pat_|glpat-|gl[a-z]{2,5}-[A-Za-z0-9_-]{16}|npm_[A-Za-z0-9]{30}|pypi-[A-Za-z0-9_-]{40}|xox[abeprs]-|sk-[A-Za-z0-9_-]{16}|sk_live_|(AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30}|dckr_pat_|hvs\.|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})|-----BEGIN |://[^/\s:@]*:[^/\s@]+@|(?i:\bbearer\s+\S{8})`)
	})
)
