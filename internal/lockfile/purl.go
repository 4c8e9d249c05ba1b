package lockfile

import "strings"

// PURL is the package URL of a package (github.com/package-url/purl-spec, types golang, npm, cargo and pypi).
// version may be "".
func PURL(k Kind, name, version string) string {
	var typ string
	switch k {
	case GoMod, GoSum:
		typ, name = "golang", strings.ToLower(name)
	case NPM, PNPM:
		typ = "npm"
	case Cargo:
		typ = "cargo"
	case UV, Poetry, Requirements:
		typ, name = "pypi", normalized(name)
	default:
		return ""
	}
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = escaped(p)
	}
	out := "pkg:" + typ + "/" + strings.Join(parts, "/")
	if version != "" {
		out += "@" + escaped(version)
	}
	return out
}

// escaped writes all but letters, digits and ".-_~:" as percent and two digits (purl-spec, "Character encoding").
func escaped(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(".-_~:", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

// normalized is a name of PyPI as every tool compares it (PEP 503).
func normalized(name string) string {
	parts := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '-' || r == '_' || r == '.' })
	return strings.Join(parts, "-")
}
