package subject

import (
	"bytes"
	"io"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Limits of one checksum list.
const (
	MaxChecksumBytes = 4 << 20
	MaxChecksumLines = 100_000
)

// Checksums reads what sha256sum writes, and nothing that it would not: on each
// line 64 lower-case digits, a space, a space or "*", and a name. A backslash
// before the digits says that the name has escapes, of which "\\" and "\n" are
// known. The last line may lack its end. The result is sorted by name; a line
// that is there twice counts once.
func Checksums(r io.Reader) ([]Subject, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxChecksumBytes+1))
	if err != nil {
		return nil, fault.New(fault.Refused, fault.Malformed, "", "reading checksums: %w", err)
	}
	if len(b) > MaxChecksumBytes {
		return nil, fault.New(fault.Refused, fault.Limit, "", "checksums have more than %d bytes", MaxChecksumBytes)
	}
	text := strings.TrimSuffix(string(b), "\n")
	if text == "" {
		return nil, fault.New(fault.Refused, fault.SubjectMismatch, "", "checksum list names no file")
	}
	if n := strings.Count(text, "\n") + 1; n > MaxChecksumLines {
		return nil, fault.New(fault.Refused, fault.Limit, "", "checksums have %d lines, at most %d are allowed", n, MaxChecksumLines)
	}
	var list []Subject
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		s, err := checksum(line)
		if err != nil {
			return nil, fault.New(fault.Refused, fault.Of(err).Code, "", "checksums, line %d: %w", n, err)
		}
		list = append(list, s)
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
	if strings.HasSuffix(line, "\r") {
		return Subject{}, badLine("line ends in CR LF, want LF")
	}
	if strings.HasPrefix(line, "\ufeff") {
		return Subject{}, badLine("text starts with a byte order mark")
	}
	rest, escaped := strings.CutPrefix(line, `\`)
	digits, name, ok := strings.Cut(rest, " ")
	if !ok || name == "" || name[0] != ' ' && name[0] != '*' {
		return Subject{}, badLine("found %.200q, want 64 digits, two spaces and a name", line)
	}
	d, err := ParseHex(digits)
	if err != nil {
		return Subject{}, badLine("%w", err)
	}
	name = name[1:]
	if escaped {
		name, err = unescape(name)
	}
	if err == nil && name == "" {
		err = badLine("no name follows the digest")
	}
	if err == nil {
		err = checkShown(name)
	}
	return Subject{Name: name, Digest: d}, err
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
		default:
			return "", badLine("escape in %.200q, want %q or %q", s, `\\`, `\n`)
		}
		s = rest[1:]
	}
}

func badLine(format string, args ...any) error {
	return fault.New(fault.Refused, fault.Malformed, "", format, args...)
}
