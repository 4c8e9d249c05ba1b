package subject

import (
	"bytes"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Limits of one checksum list.
const (
	MaxChecksumBytes = 4 << 20
	MaxChecksumLines = 100_000
)

// Checksums reads a list of SHA-256 digests and names, as these tools write it:
//
//	HEX  NAME           sha256sum; a "*" may stand for the second space
//	HEX NAME            lists that other tools write
//	SHA256 (NAME) = HEX sha256sum --tag, BSD; OpenSSL without the outer spaces
//
// A backslash before the line says that the name has escapes, of which "\\",
// "\n" and "\r" are known. Line ends of any kind and a byte order mark are
// nothing, and so are empty lines and those that begin with "#". What it does
// not read it refuses, with the line and what stands there; so it does with a
// name that begins with a space, in front of which two readers would see another
// number of spaces. file is the name of the list, for messages.
//
// The result is sorted by name; a line that is there twice counts once.
func Checksums(b []byte, file string) ([]Subject, error) {
	file = fault.Cut(file)
	if len(b) > MaxChecksumBytes {
		return nil, fault.New(fault.Refused, fault.Limit, "", "%s has more than %d bytes", file, MaxChecksumBytes)
	}
	text := strings.TrimSuffix(strings.TrimPrefix(string(b), "\ufeff"), "\n")
	if n := strings.Count(text, "\n") + 1; n > MaxChecksumLines {
		return nil, fault.New(fault.Refused, fault.Limit, "", "%s has %d lines, at most %d are allowed", file, n,
			MaxChecksumLines)
	}
	var list []Subject
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		line = strings.TrimSuffix(line, "\r")
		if strings.Trim(line, " \t") == "" || strings.HasPrefix(line, "#") {
			continue
		}
		s, err := checksum(line)
		if err != nil {
			f := fault.Of(err)
			return nil, fault.New(fault.Refused, f.Code, f.Hint, "line %d of %s: %w", n, file, err)
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		return nil, fault.New(fault.Refused, fault.SubjectMismatch, "", "%s names no file", file)
	}
	return Merge(list)
}

// FormatChecksums writes subjects as Checksums reads them.
func FormatChecksums(subjects []Subject) string {
	var out bytes.Buffer
	for _, s := range subjects {
		escaped := escapes.Replace(s.Name)
		if escaped != s.Name {
			out.WriteByte('\\')
		}
		out.WriteString(s.Digest.Hex() + "  " + escaped + "\n")
	}
	return out.String()
}

var escapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`)

func checksum(line string) (Subject, error) {
	rest, escaped := strings.CutPrefix(line, `\`)
	digits, name, err := split(rest)
	if err != nil {
		return Subject{}, err
	}
	d, err := checksumDigest(digits)
	if err != nil {
		return Subject{}, err
	}
	if escaped {
		name, err = unescape(name)
	}
	switch {
	case err != nil:
	case name == "":
		err = badLine("", "no name follows the digest")
	case name[0] == ' ':
		err = badLine("give the file another name", "the name %q begins with a space", name)
	default:
		err = checkShown(name)
	}
	return Subject{Name: name, Digest: d}, err
}

// split returns the digits and the name of a line in any of the forms.
func split(line string) (digits, name string, err error) {
	if algorithm, rest, ok := tagged(line); ok {
		return splitTagged(algorithm, rest)
	}
	end := strings.IndexAny(line, " \t")
	if end < 0 {
		return "", "", notALine(line, line)
	}
	digits, name = line[:end], line[end:]
	if strings.Trim(digits, hexDigits) != "" || digits == "" {
		return "", "", notALine(line, digits)
	}
	if name[0] == '\t' {
		return "", "", badLine("write the list with sha256sum", "a tab between digest and name, want two spaces")
	}
	name = name[1:]
	if name != "" && (name[0] == ' ' || name[0] == '*') {
		name = name[1:]
	}
	return digits, name, nil
}

const (
	hexDigits = "0123456789abcdefABCDEF"
	letters   = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// tagged splits the form that names its algorithm: "SHA256 (NAME) = HEX", or
// "SHA256(NAME)= HEX" as OpenSSL writes it.
func tagged(line string) (algorithm, rest string, ok bool) {
	algorithm, rest, ok = strings.Cut(line, "(")
	algorithm = strings.TrimSuffix(algorithm, " ")
	isDigest := len(algorithm) >= 32 && strings.Trim(algorithm, hexDigits) == "" // and what follows is a name
	return algorithm, rest, ok && algorithm != "" && !isDigest && strings.Trim(algorithm, letters+"0123456789-/") == ""
}

func splitTagged(algorithm, rest string) (digits, name string, err error) {
	at := strings.LastIndex(rest, ")")
	if at < 0 {
		return "", "", badLine("", "%q without %q after the name", "(", ")")
	}
	name, digits = rest[:at], strings.TrimPrefix(rest[at+1:], " ")
	digits, ok := strings.CutPrefix(digits, "= ")
	if !ok || digits == "" {
		return "", "", badLine("", "no digest follows the name %q, want \") = \" and the digits", name)
	}
	if algorithm != "SHA256" && algorithm != "SHA2-256" {
		return "", "", otherAlgorithm("a " + fault.Text("%q", algorithm) + " digest")
	}
	return digits, name, nil
}

// checksumDigest reads the digits, and says whose they are if not SHA-256's.
func checksumDigest(digits string) (Digest, error) {
	if len(digits) != 64 && strings.Trim(digits, hexDigits) == "" {
		if name := lengths[len(digits)]; name != "" {
			return Digest{}, otherAlgorithm(fault.Text("%s digest, %d digits", name, len(digits)))
		}
		return Digest{}, badLine("", "a digest of %d digits, want 64: a checksum list has SHA-256", len(digits))
	}
	if strings.ToLower(digits) != digits && strings.Trim(digits, hexDigits) == "" {
		return Digest{}, badLine("write the digits in lower case", "a digest in upper case, %q, want lower case",
			digits)
	}
	d, err := ParseHex(digits)
	if err != nil {
		return d, badLine("", "%w", err)
	}
	return d, nil
}

// lengths are the digests that are as long as their names say, by their digits.
var lengths = map[int]string{32: "an MD5", 40: "a SHA-1", 56: "a SHA-224", 96: "a SHA-384", 128: "a SHA-512"}

func otherAlgorithm(found string) error {
	return badLine("write the list with sha256sum", "%s; a checksum list has SHA-256", found)
}

// notALine says what a line is that begins with no digest.
func notALine(line, begin string) error {
	switch {
	case strings.HasPrefix(line, "-----BEGIN PGP"):
		return badLine("name the list itself, without its PGP signature", "a PGP message")
	case strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"):
		return badLine("", "white space before the digest")
	case strings.Trim(begin, hexDigits) == "":
		return badLine("", "%q alone, want 64 digits, two spaces and a name", begin)
	case strings.HasPrefix(begin, "sha256:"):
		return badLine("", "%q, want the 64 digits without %q", begin, "sha256:")
	}
	return badLine("", "found %q, want 64 digits, two spaces and a name", line)
}

func unescape(s string) (string, error) {
	var out strings.Builder
	for {
		plain, rest, found := strings.Cut(s, `\`)
		out.WriteString(plain)
		if !found {
			return out.String(), nil
		}
		switch {
		case strings.HasPrefix(rest, `\`):
			out.WriteByte('\\')
		case strings.HasPrefix(rest, "n"):
			out.WriteByte('\n')
		case strings.HasPrefix(rest, "r"):
			out.WriteByte('\r')
		default:
			return "", badLine("", "escape in %q, want %q, %q or %q", s, `\\`, `\n`, `\r`)
		}
		s = rest[1:]
	}
}

func badLine(hint, format string, args ...any) error {
	return fault.New(fault.Refused, fault.Malformed, hint, format, args...)
}
