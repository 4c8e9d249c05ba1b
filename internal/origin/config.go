package origin

import (
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// MaxBytes is how much of a file of Git's configuration is read.
const MaxBytes = 1 << 20

// A Remote is one that a clone has. Err says why its address is no repository of a
// platform.
type Remote struct {
	Name string
	Repository
	Err error
}

// Remotes returns the remotes of a clone, in the order in which they are written.
// configs are files of git-config(1), those of the person first and that of the clone
// last; what they include is not read. A short form of an address (insteadOf) is
// written out.
func Remotes(configs ...[]byte) ([]Remote, error) {
	var all []setting
	for _, c := range configs {
		found, err := parse(string(c))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	var out []Remote
	seen := map[string]bool{}
	for _, s := range all {
		if s.section != "remote" || s.key != "url" || seen[s.sub] {
			continue // Git fetches from the first address of several
		}
		seen[s.sub] = true
		r := Remote{Name: s.sub}
		r.Repository, r.Err = Parse(whole(s.value, all))
		out = append(out, r)
	}
	return out, nil
}

// Usual returns the remote called origin, or the only one. The error is a usage fault
// that says what there is instead.
func Usual(all []Remote) (Remote, error) {
	var names []string
	for _, r := range all {
		if r.Name == "origin" || len(all) == 1 {
			return r, r.Err
		}
		names = append(names, r.Name)
	}
	if len(names) == 0 {
		return Remote{}, wrong("this clone has no remote")
	}
	return Remote{}, fault.New(
		fault.Usage,
		fault.Config,
		name,
		"this clone has %d remotes and none is called origin: %q",
		len(names),
		names,
	)
}

// whole writes out the longest short form that address begins with
// (git-config(1), "url.<base>.insteadOf").
func whole(address string, all []setting) string {
	short, base := "", ""
	for _, s := range all {
		if s.section == "url" && s.key == "insteadof" && strings.HasPrefix(address, s.value) &&
			len(s.value) > len(short) {
			short, base = s.value, s.sub
		}
	}
	return base + address[len(short):]
}

// A setting is one line of git-config(1): [section "sub"] key = value.
type setting struct{ section, sub, key, value string }

// parse reads a file of git-config(1), "Configuration File", "Syntax".
func parse(text string) ([]setting, error) {
	if len(text) > MaxBytes {
		return nil, wrong("the configuration of Git is larger than 1 MiB")
	}
	var out []setting
	var at setting
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
	for text != "" {
		text = strings.TrimLeft(text, " \t\n")
		switch {
		case text == "":
		case text[0] == '#' || text[0] == ';':
			_, text, _ = strings.Cut(text, "\n")
		case text[0] == '[':
			var ok bool
			if at, text, ok = heading(text[1:]); !ok {
				return nil, wrong("a heading of the configuration of Git cannot be read")
			}
		default:
			end := strings.IndexAny(text, "=\n#;")
			if end < 0 {
				end = len(text)
			}
			at.key, text = strings.ToLower(strings.TrimSpace(text[:end])), text[end:]
			at.value = "true" // a key alone
			if strings.HasPrefix(text, "=") {
				at.value, text = value(text[1:])
			}
			out = append(out, at)
		}
	}
	return out, nil
}

// heading reads what stands behind "[": a section, and perhaps a name in quotes.
func heading(text string) (at setting, rest string, ok bool) {
	end := strings.IndexAny(text, "]\"\n")
	if end < 0 || text[end] == '\n' {
		return at, "", false
	}
	at.section = strings.ToLower(strings.TrimSpace(text[:end]))
	if text[end] == ']' {
		at.section, at.sub, _ = strings.Cut(at.section, ".")
		return at, text[end+1:], true
	}
	var sub strings.Builder
	for i := end + 1; i < len(text) && text[i] != '\n'; i++ {
		switch text[i] {
		case '"':
			at.sub = sub.String()
			rest, ok = strings.CutPrefix(strings.TrimLeft(text[i+1:], " \t"), "]")
			return at, rest, ok
		case '\\':
			if i++; i == len(text) {
				return at, "", false
			}
		}
		sub.WriteByte(text[i])
	}
	return at, "", false
}

// value reads what stands behind "=" up to the end of the line: without the spaces
// around it, with quotes taken off, and over several lines where one ends in "\".
func value(text string) (v, rest string) {
	var out strings.Builder
	quoted, kept := false, 0 // kept: what spaces at the end may not be taken from
	text = strings.TrimLeft(text, " \t")
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\n', !quoted && (c == '#' || c == ';'):
			_, rest, _ = strings.Cut(text[i:], "\n")
			return trimmed(out.String(), kept), rest
		case c == '"':
			quoted = !quoted
			kept = out.Len()
			continue
		case c == '\\' && i+1 < len(text):
			i++
			if text[i] == '\n' {
				continue
			}
			out.WriteString(strings.NewReplacer("n", "\n", "t", "\t", "b", "\b").Replace(text[i : i+1]))
			kept = out.Len()
			continue
		}
		out.WriteByte(c)
		if quoted {
			kept = out.Len()
		}
	}
	return trimmed(out.String(), kept), ""
}

func trimmed(s string, kept int) string { return s[:kept] + strings.TrimRight(s[kept:], " \t") }
