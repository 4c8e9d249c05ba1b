package subject

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

const (
	hexA = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" // SHA-256 of "a"
	hexB = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d" // SHA-256 of "b"
)

func TestChecksums_what_tools_write(t *testing.T) {
	a, b := Sum([]byte("a")), Sum([]byte("b"))
	for text, want := range map[string][]Subject{
		hexA + "  a\n":                                {{Name: "a", Digest: a}},
		hexA + "  a":                                  {{Name: "a", Digest: a}},
		hexA + " *a\n":                                {{Name: "a", Digest: a}},
		hexA + "  *a\n":                               {{Name: "*a", Digest: a}},
		hexB + "  b\n" + hexA + "  a\n":               {{Name: "a", Digest: a}, {Name: "b", Digest: b}},
		hexA + "  a\n" + hexA + " *a\n":               {{Name: "a", Digest: a}},
		hexA + "  dist/my app *1\n":                   {{Name: "dist/my app *1", Digest: a}},
		hexA + ` *C:\x` + "\n":                        {{Name: `C:\x`, Digest: a}},
		`\` + hexA + `  a\\b` + "\n":                  {{Name: `a\b`, Digest: a}},
		hexA + "  ./a\n" + hexB + "  ../up/b\n":       {{Name: "../up/b", Digest: b}, {Name: "./a", Digest: a}},
		hexA + " a\n":                                 {{Name: "a", Digest: a}},
		hexA + " my app\n" + hexB + "  b\n":           {{Name: "b", Digest: b}, {Name: "my app", Digest: a}},
		hexA + " (1)\n":                               {{Name: "(1)", Digest: a}},
		hexA + "  a (1) = b\n":                        {{Name: "a (1) = b", Digest: a}},
		"SHA256 (a) = " + hexA + "\n":                 {{Name: "a", Digest: a}},
		"SHA256 (a (1)) = " + hexA + "\n":             {{Name: "a (1)", Digest: a}},
		"SHA256 (a) = b) = " + hexA + "\n":            {{Name: "a) = b", Digest: a}},
		"SHA256(a)= " + hexA + "\n":                   {{Name: "a", Digest: a}},
		"SHA2-256(a)= " + hexA + "\n":                 {{Name: "a", Digest: a}},
		`\SHA256 (a\\b) = ` + hexA + "\n":             {{Name: `a\b`, Digest: a}},
		"# made by a tool\n" + hexA + "  a\n":         {{Name: "a", Digest: a}},
		hexA + "  a\r\n\r\n" + hexB + "  b\r\n":       {{Name: "a", Digest: a}, {Name: "b", Digest: b}},
		"\ufeff" + hexA + "  a\n \t\n" + hexB + " b":  {{Name: "a", Digest: a}, {Name: "b", Digest: b}},
		"\n\n" + hexA + "  a\n#\n# " + hexB + "  b\n": {{Name: "a", Digest: a}},
	} {
		got, err := Checksums([]byte(text), "SUMS")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Checksums(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestE03_checksums_that_are_not_sha256(t *testing.T) {
	good := hexB + "  b\n"
	for name, c := range map[string]struct {
		line string
		code fault.Code
		says string
	}{
		"MD5":   {hexA[:32] + "  a", fault.Malformed, "an MD5 digest, 32 digits"},
		"SHA-1": {hexA[:40] + "  a", fault.Malformed, "a SHA-1 digest, 40 digits"},
		"SHA-512": {hexA + hexA + "  a", fault.Malformed,
			"a SHA-512 digest, 128 digits; a checksum list has SHA-256"},
		"SHA-384":         {hexA + hexA[:32] + " a", fault.Malformed, "a SHA-384 digest"},
		"63 digits":       {hexA[1:] + "  a", fault.Malformed, "a digest of 63 digits"},
		"upper case":      {strings.ToUpper(hexA) + "  a", fault.Malformed, "a digest in upper case"},
		"not hexadecimal": {"g" + hexA[1:] + "  a", fault.Malformed, "want 64 digits, two spaces and a name"},
		"BSD SHA-512": {"SHA512 (a) = " + hexA + hexA, fault.Malformed,
			`a "SHA512" digest; a checksum list has SHA-256`},
		"BSD MD5":          {"MD5 (a) = " + hexA[:32], fault.Malformed, `a "MD5" digest`},
		"BSD of 63":        {"SHA256 (a) = " + hexA[1:], fault.Malformed, "a digest of 63 digits"},
		"BSD, not hex":     {"SHA256 (a) = g" + hexA[1:], fault.Malformed, "no hexadecimal digit"},
		"BSD upper case":   {"SHA256 (a) = " + strings.ToUpper(hexA), fault.Malformed, "upper case"},
		"BSD no digest":    {"SHA256 (a) = ", fault.Malformed, "no digest follows the name"},
		"BSD no end":       {"SHA256 (a = " + hexA, fault.Malformed, `without ")"`},
		"BSD no name":      {"SHA256 () = " + hexA, fault.Malformed, "no name"},
		"BSD space":        {"SHA256 ( a) = " + hexA, fault.Malformed, "begins with a space"},
		"three spaces":     {hexA + "   a", fault.Malformed, `the name " a" begins with a space`},
		"star and space":   {hexA + " * a", fault.Malformed, `the name " a" begins with a space`},
		"tab":              {hexA + "\ta", fault.Malformed, "a tab between digest and name"},
		"no name":          {hexA, fault.Malformed, "alone, want 64 digits, two spaces and a name"},
		"empty name":       {hexA + "  ", fault.Malformed, "no name follows"},
		"blank name":       {hexA + " ", fault.Malformed, "no name follows"},
		"blank in front":   {" " + hexA + "  a", fault.Malformed, "white space before the digest"},
		"comment behind":   {"x # sums", fault.Malformed, "found"},
		"prefix":           {"sha256:" + hexA + "  a", fault.Malformed, `without "sha256:"`},
		"signature":        {"-----BEGIN PGP SIGNED MESSAGE-----", fault.Malformed, "a PGP message"},
		"unknown escape":   {`\` + hexA + `  a\tb`, fault.Malformed, "escape"},
		"open escape":      {`\` + hexA + `  a\`, fault.Malformed, "escape"},
		"line break":       {`\` + hexA + `  a\nb`, fault.Path, ""},
		"escaped return":   {`\` + hexA + `  a\rb`, fault.Path, ""},
		"terminal escape":  {hexA + "  a\x1b[2J", fault.Path, ""},
		"right to left":    {hexA + "  a\u202egpj.exe", fault.Path, ""},
		"not UTF-8":        {hexA + "  a\xff", fault.Path, ""},
		"zero byte":        {hexA + "  a\x00", fault.Path, ""},
		"carriage in name": {hexA + "  a\rb", fault.Path, ""},
		"mark in the text": {"\ufeff" + hexA + "  a", fault.Malformed, ""},
	} {
		got, err := Checksums([]byte(good+c.line+"\n"+hexA+"  c\n"), "dist/SUMS")
		f := fault.Of(err)
		if err == nil || f.Code != c.code || f.Kind != fault.Refused ||
			!strings.Contains(err.Error(), "line 2 of dist/SUMS: ") || got != nil {
			t.Errorf("%s: got %v, %v (%s), want %s on line 2", name, got, err, f.Code, c.code)
		}
		if err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want it to say %q", name, err, c.says)
		}
	}
	if _, err := Checksums([]byte(good+hexA+"  a\n"+hexA+"  c\n"), "SUMS"); err != nil {
		t.Errorf("the same list with a good line: got %v, want nil", err)
	}
}

func TestE16_checksums_that_name_no_file(t *testing.T) {
	for _, text := range []string{"", "\n", "\ufeff", "# nothing\n \r\n"} {
		if got, err := Checksums([]byte(text), "SUMS"); fault.Of(err).Code != fault.SubjectMismatch || got != nil {
			t.Errorf("Checksums(%q) = %v, %v, want %s", text, got, err, fault.SubjectMismatch)
		}
	}
}

func TestE01_checksums_name_one_file_twice(t *testing.T) {
	got, err := Checksums([]byte(hexA+"  a\n"+hexB+"  a\n"), "SUMS")
	if fault.Of(err).Code != fault.SubjectMismatch || !strings.Contains(fmt.Sprint(err), `"a"`) || got != nil {
		t.Errorf("got %v, %v, want %s", got, err, fault.SubjectMismatch)
	}
}

func TestO02_checksums_have_limits(t *testing.T) {
	line := hexA + "  a\n"
	long := hexA + "  " + strings.Repeat("a", MaxChecksumBytes-len(line)+1) + "\n"
	for _, c := range []struct {
		text string
		want fault.Code
	}{
		{strings.Repeat(line, 50_000), ""},
		{strings.Repeat("\n", MaxChecksumLines+1), fault.Limit},
		{strings.Repeat("\n", MaxChecksumLines), fault.SubjectMismatch},
		{long, ""},
		{long + "\n", fault.Limit},
	} {
		_, err := Checksums([]byte(c.text), "SUMS")
		if c.want == "" && err != nil || c.want != "" && fault.Of(err).Code != c.want {
			t.Errorf("%d bytes: got %.100v, want %q", len(c.text), err, c.want)
		}
	}
}

func TestFormatChecksums_escapes(t *testing.T) {
	got := FormatChecksums([]Subject{{Name: `a\b` + "\n", Digest: Sum([]byte("a"))}, {Name: "b", Digest: Sum([]byte("b"))}})
	if want := `\` + hexA + `  a\\b\n` + "\n" + hexB + "  b\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzChecksums(f *testing.F) {
	for _, s := range []string{hexA + "  a\n", hexA + " *a", `\` + hexA + `  a\\b` + "\n" + hexB + "  b\n", hexA +
		"  a\n" + hexB + "  a\n", "", "SHA256 (a) = " + hexA + "\r\n#\n", hexA + " a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Checksums([]byte(text), "SUMS")
		if err != nil {
			return
		}
		for _, s := range list {
			if !strings.Contains(text, s.Digest.Hex()) {
				t.Errorf("digest %s is not in %q", s.Digest, text)
			}
		}
		again, err := Checksums([]byte(FormatChecksums(list)), "SUMS")
		if err != nil || !reflect.DeepEqual(again, list) {
			t.Errorf("%q read again: got %v, %v, want %v", text, again, err, list)
		}
	})
}
