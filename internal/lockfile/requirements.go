package lockfile

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// requirement is one line of requirements.txt after its continuations are joined (pip, "Requirements File Format").
type requirement struct {
	line int
	text string
}

// named is what a requirement begins with (PEP 508): a name, and extras.
var named = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[A-Za-z0-9._,\s-]*\])?\s*`)
})

// exactly is a version that nothing but one version meets (PEP 440).
var exactly = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^={2,3}\s*([A-Za-z0-9][A-Za-z0-9.!+_-]*)$`)
})

// requirements reads requirements.txt. A line without --hash is an entry without digests.
func (b *building) requirements(data []byte) error {
	lines, err := joined(strings.TrimPrefix(string(data), "\ufeff"))
	if err != nil {
		return err
	}
	for _, r := range lines {
		if err := b.requirement(r.text); err != nil {
			return onLine(r.line, err)
		}
	}
	return nil
}

// joined are the lines of a text without comments, and with those joined that end in a backslash.
func joined(text string) ([]requirement, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	var out []requirement
	var open []string
	begin := 0
	for i, line := range strings.Split(text, "\n") {
		if strings.ContainsFunc(line, endsLine) {
			return nil, malformed("line %d has a character in it at which some readers begin a new one", i+1)
		}
		if len(open) == 0 {
			begin = i + 1
		}
		comment := strings.HasPrefix(strings.TrimLeft(line, " \t"), "#")
		if body, more := strings.CutSuffix(line, `\`); more && !comment {
			open = append(open, strings.TrimRight(body, `\`))
			continue
		}
		if comment {
			line = " " + line
		}
		if s := strings.TrimSpace(uncommented(strings.Join(append(open, line), ""))); s != "" {
			out = append(out, requirement{begin, s})
		}
		open = nil
	}
	if s := strings.TrimSpace(uncommented(strings.Join(open, ""))); s != "" {
		out = append(out, requirement{begin, s})
	}
	return out, nil
}

// endsLine reports whether Python's splitlines, by which pip reads, begins a new line at r.
func endsLine(r rune) bool {
	return r < ' ' && r != '\t' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029
}

// uncommented is a line to its comment: a "#" at its beginning or after a space.
func uncommented(s string) string {
	for i := range len(s) {
		if s[i] == '#' && (i == 0 || s[i-1] == ' ' || s[i-1] == '\t') {
			return s[:i]
		}
	}
	return s
}

// requirement reads one line.
func (b *building) requirement(s string) error {
	if strings.HasPrefix(s, "-") {
		return b.option(s)
	}
	body, hashes, err := hashesOf(s)
	if err != nil {
		return err
	}
	e := Entry{Digests: hashes}
	if addressed().MatchString(body) {
		body, _, _ = strings.Cut(body, " ") // a marker follows
		e.Name = lastPart(body)
		return b.from(e, body)
	}
	m := named().FindStringSubmatch(body)
	if m == nil {
		return malformed("%q begins with no name", s)
	}
	e.Name = normalized(m[1])
	rest := body[len(m[0]):]
	if to, ok := strings.CutPrefix(rest, "@"); ok {
		return b.from(e, to)
	}
	spec, _, _ := strings.Cut(rest, ";")
	if spec = strings.Trim(strings.TrimSpace(spec), "()"); !isSpecifier(spec) {
		return malformed("%q is no requirement", s)
	}
	if v := exactly().FindStringSubmatch(strings.TrimSpace(spec)); v != nil {
		e.Version = v[1]
	}
	return b.add(e)
}

// isSpecifier reports whether a text may say which versions are meant (PEP 440).
func isSpecifier(s string) bool {
	return s == "" || strings.ContainsAny(s[:1], "=<>!~") && !strings.ContainsAny(s, `#\/:"'`)
}

// hashesOf are the digests of a line, and the line before them.
func hashesOf(s string) (string, []Digest, error) {
	words := strings.Fields(s)
	at := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "--") })
	if at < 0 {
		return s, nil, nil
	}
	var out []Digest
	rest := words[at:]
	for i := 0; i < len(rest); i++ {
		text, ok := strings.CutPrefix(rest[i], "--hash=")
		if !ok && rest[i] == "--hash" && i+1 < len(rest) {
			i++
			text, ok = rest[i], true
		}
		if !ok {
			return "", nil, malformed("%q is read after no requirement", rest[i])
		}
		d, err := colon(strings.Trim(text, `"'`))
		if err != nil {
			return "", nil, err
		}
		if !slices.Contains([]string{"sha256", "sha384", "sha512"}, d.Alg) {
			return "", nil, malformed("%q is no algorithm that pip takes", d.Alg)
		}
		out = append(out, d)
	}
	return strings.Join(words[:at], " "), out, nil
}

// from adds an entry that is an address, whose last part may be a digest or a name: "#sha256=…", "#egg=…". What
// follows a space is a marker.
func (b *building) from(e Entry, to string) error {
	to, _, _ = strings.Cut(strings.TrimSpace(to), " ")
	e.URL, e.Local = address(to), strings.HasPrefix(to, "file:") || !strings.Contains(to, "://")
	_, fragment, _ := strings.Cut(to, "#")
	for _, f := range strings.Split(fragment, "&") {
		alg, sum, _ := strings.Cut(f, "=")
		if alg == "egg" && sum != "" {
			e.Name = normalized(sum)
		}
		if sizes[alg] == 0 {
			continue
		}
		d, err := colon(alg + ":" + sum)
		if err != nil {
			return err
		}
		e.Digests = append(e.Digests, d)
	}
	return b.add(e)
}

// addressed is what a line begins with that is an address or a file instead of a name.
var addressed = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(
		`^(?:[A-Za-z][A-Za-z0-9+.-]*://|file:|[./]|[^\s;@]*\.(?:whl|zip|tar\.gz|tar\.bz2|tgz)(?:\s|;|$))`,
	)
})

// lastPart is a name for an address.
func lastPart(s string) string {
	s, _, _ = strings.Cut(s, "#")
	s, _, _ = strings.Cut(s, "?")
	last := path.Base(strings.TrimSpace(s))
	if strings.Trim(last, "./") == "" {
		return s // the folder itself, or one above
	}
	return last
}

// options are those of pip whose value counts, and whether it is another file of requirements.
var options = []struct {
	name     string
	includes bool
}{{"-r", true}, {"--requirement", true}, {"-c", true}, {"--constraint", true}, {"-e", false}, {"--editable", false}}

// option reads a line that is an option of pip. All but options say where and how packages are found.
func (b *building) option(s string) error {
	if strings.HasPrefix(s, "--hash") {
		return malformed("%q is of no requirement: a line before it has to end in a backslash", s)
	}
	for _, o := range options {
		v, ok := strings.CutPrefix(s, o.name)
		if !ok || v != "" && strings.HasPrefix(o.name, "--") && !strings.ContainsAny(v[:1], " \t=") {
			continue
		}
		v = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(v), "="))
		switch {
		case v == "" || len(v) > maxText || strings.HasPrefix(v, "-"):
			return malformed("%q names no file", s)
		case o.includes:
			b.lock.Includes = append(b.lock.Includes, v)
			return nil
		}
		return b.from(Entry{Name: lastPart(v)}, v)
	}
	return nil
}
