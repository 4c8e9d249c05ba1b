package attest

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// minSecret is the length from which a known secret is looked for in a value. A
// shorter one is no secret, and would be found everywhere.
const minSecret = 8

func secret(name, value string, known []string) bool {
	return secretName().MatchString(name) || secretValue().MatchString(value) ||
		slices.ContainsFunc(known, func(s string) bool { return len(s) >= minSecret && strings.Contains(value, s) })
}

// Secret reports whether a variable has the name or the value of a secret, or holds one that is known.
func Secret(name, value string, known []string) bool { return secret(name, value, known) }

// Values are the values of those variables of an environment that have the name of a secret. A path to a place of
// this machine is none: it says where a secret lies, and its parts are in every other path.
func Values(env []string) (all []string) {
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		if strings.Contains(value, "://") && !strings.Contains(value, "@") {
			_, value, _ = strings.Cut(value, "?") // an address says where, and a token stands behind it
		}
		if len(value) >= minSecret && secretName().MatchString(name) && !isPlace(value) {
			all = append(all, value)
		}
	}
	return all
}

// isPlace reports whether a text is a path whose first folder is there.
func isPlace(text string) bool {
	first, _, below := strings.Cut(strings.TrimPrefix(filepath.ToSlash(text), "/"), "/")
	if !filepath.IsAbs(text) || !below || first == "" {
		return false
	}
	info, err := os.Stat("/" + first)
	return err == nil && info.IsDir()
}

// Discloses reports whether what is to be signed holds a secret of the job, or an address with a password.
func Discloses(b []byte, known []string) bool {
	return password().Match(b) || slices.ContainsFunc(known, func(s string) bool { return len(s) >= minSecret && bytes.Contains(b, []byte(s)) })
}

// password finds an address with a name and a password (RFC 3986, 3.2.1) in JSON.
var password = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`://[^/\s:@"]*:[^/\s@"]+@`) })

var (
	secretName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(secret|passw|passphrase|credential|token|private.?key|api.?key|access.?key|signing.?key|(^|[^a-z])o?auth($|[^a-z])|authorization|cookie)`)
	})
	// The beginnings that platforms give to their tokens so that scanners find
	// them, keys in PEM, tokens of RFC 7519, and addresses with a password
	// (RFC 3986, 3.2.1).
	secretValue = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\b(gh[pousr]_|github_pat_|glpat-|gl[a-z]{2,5}-[A-Za-z0-9_-]{16}|npm_[A-Za-z0-9]{30}|pypi-[A-Za-z0-9_-]{40}|xox[abeprs]-|sk-[A-Za-z0-9_-]{16}|sk_live_|(AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30}|dckr_pat_|hvs\.|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})|-----BEGIN |://[^/\s:@]*:[^/\s@]+@|(?i:\bbearer\s+\S{8})`)
	})
)
