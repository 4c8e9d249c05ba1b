// Package wiring is what the readers of both platforms' files know about the
// arguments of a gate: which policy it reads, and which files it is about.
//
// It compares text that people wrote. It refuses to open a file and to guess what
// a variable holds.
package wiring

import (
	"path"
	"regexp"
	"strings"
	"sync"
)

// Policy is the path of the policy that a command reads if nothing else is said.
const Policy = ".sallyport/policy.yaml"

var pin = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(.+)@(sha256:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{64})$`)
})

// Pin splits PATH@COMMIT or PATH@sha256:HEX. ok is false for a policy that names
// neither.
func Pin(policy string) (file, what string, ok bool) {
	m := pin().FindStringSubmatch(policy)
	if m == nil {
		return policy, "", false
	}
	return m[1], m[2], true
}

// Folders returns the folders of which patterns name some files and not all. It
// is empty if a pattern names a whole folder, and passes over what a shell or a
// registry gives a meaning to.
func Folders(patterns []string) []string {
	var out []string
	for _, p := range patterns {
		if strings.ContainsAny(p, "$!=") || strings.Contains(p, "**") || strings.Contains(p, "://") {
			continue
		}
		folder, name := path.Split(path.Clean(p))
		if folder = strings.TrimSuffix(folder, "/"); folder == "" || !strings.Contains(name, "*") {
			continue
		}
		if name == "*" {
			return nil
		}
		out = append(out, folder)
	}
	return out
}

// WholeFolder returns the folder that a word of a command names with all that is
// in it.
func WholeFolder(word string) (string, bool) {
	if word == "" || strings.Contains(word, "$") {
		return "", false
	}
	for _, all := range []string{"/**", "/*", "/."} {
		if folder, is := strings.CutSuffix(word, all); is {
			return path.Clean(folder), true
		}
	}
	return path.Clean(word), !strings.ContainsAny(word, "*?[")
}
