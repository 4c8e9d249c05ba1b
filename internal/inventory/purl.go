package inventory

import (
	"encoding/hex"
	"net/url"
	"strings"
	"time"
)

// component names one, by its package URL or else as NAME@VERSION.
func component(purl, name, version string) string {
	switch {
	case purl != "":
		return purl
	case version == "" || name == "":
		return name
	}
	return name + "@" + version
}

// digestOf returns the SHA-256 digest, in hex, that a package URL or the name of an image ends in or names in its
// qualifiers; "" if it names none (purl-spec, types oci and docker, and the qualifier checksum).
func digestOf(name string) string {
	name, _, _ = strings.Cut(name, "#")
	path, query, _ := strings.Cut(name, "?")
	if i := strings.LastIndexByte(path, '@'); i >= 0 {
		if d := sha256Hex(unescaped(path[i+1:])); d != "" {
			return d
		}
	}
	if !strings.HasPrefix(name, "pkg:") {
		return ""
	}
	for _, pair := range strings.Split(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if key != "digest" && key != "checksum" {
			continue
		}
		for _, one := range strings.Split(unescaped(value), ",") {
			if d := sha256Hex(one); d != "" {
				return d
			}
		}
	}
	return ""
}

func unescaped(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// sha256Hex returns the hex of "sha256:HEX", in lower case; "" for every other text.
func sha256Hex(s string) string {
	rest, ok := strings.CutPrefix(s, "sha256:")
	if !ok {
		return ""
	}
	return hex64(rest)
}

// hex64 returns s in lower case if it is a SHA-256 digest in hex, and else "".
func hex64(s string) string {
	if len(s) != 64 {
		return ""
	}
	s = strings.ToLower(s)
	if _, err := hex.DecodeString(s); err != nil {
		return ""
	}
	return s
}

// SameComponent reports whether two names of components mean the same one: package URLs are equal when they are
// so without their escapes, qualifiers and subpaths. Tools write the same one in several ways:
// pkg:golang/golang.org%2Fx%2Ftext@v0.3.0 is pkg:golang/golang.org/x/text@v0.3.0.
func SameComponent(a, b string) bool { return a == b || plain(a) == plain(b) }

func plain(name string) string {
	if !strings.HasPrefix(name, "pkg:") {
		return name
	}
	name, _, _ = strings.Cut(name, "#")
	name, _, _ = strings.Cut(name, "?")
	return unescaped(name)
}

// moment reads a time. One without a zone is one of UTC: GitLab's reports have none. An empty text is no time.
func moment(member, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, zoneless, "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() > 0 && t.Year() < 9999 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, malformed("member %q is %q, want a time as 2006-01-02T15:04:05Z", member, text)
}

// zoneless is a time that does not say of which place it is.
const zoneless = "2006-01-02T15:04:05.999999999"
