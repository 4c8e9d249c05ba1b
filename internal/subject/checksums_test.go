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

func TestChecksums_what_sha256sum_writes(t *testing.T) {
	a, b := Sum([]byte("a")), Sum([]byte("b"))
	for text, want := range map[string][]Subject{
		hexA + "  a\n":                          {{Name: "a", Digest: a}},
		hexA + "  a":                            {{Name: "a", Digest: a}},
		hexA + " *a\n":                          {{Name: "a", Digest: a}},
		hexB + "  b\n" + hexA + "  a\n":         {{Name: "a", Digest: a}, {Name: "b", Digest: b}},
		hexA + "  a\n" + hexA + " *a\n":         {{Name: "a", Digest: a}},
		hexA + "  dist/my app *1\n":             {{Name: "dist/my app *1", Digest: a}},
		hexA + "   a\n":                         {{Name: " a", Digest: a}},
		hexA + ` *C:\x` + "\n":                  {{Name: `C:\x`, Digest: a}},
		`\` + hexA + `  a\\b` + "\n":            {{Name: `a\b`, Digest: a}},
		hexA + "  ./a\n" + hexB + "  ../up/b\n": {{Name: "../up/b", Digest: b}, {Name: "./a", Digest: a}},
	} {
		got, err := Checksums(strings.NewReader(text))
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
	}{
		"SHA-1":            {hexA[:40] + "  a", fault.Malformed},
		"SHA-512":          {hexA + hexA + "  a", fault.Malformed},
		"upper case":       {strings.ToUpper(hexA) + "  a", fault.Malformed},
		"not hexadecimal":  {"g" + hexA[1:] + "  a", fault.Malformed},
		"BSD":              {"SHA256 (a) = " + hexA, fault.Malformed},
		"one space":        {hexA + " a", fault.Malformed},
		"tab":              {hexA + "\ta", fault.Malformed},
		"no name":          {hexA, fault.Malformed},
		"empty name":       {hexA + "  ", fault.Malformed},
		"empty line":       {"", fault.Malformed},
		"blank in front":   {" " + hexA + "  a", fault.Malformed},
		"comment":          {"# sums", fault.Malformed},
		"CR LF":            {hexA + "  a\r", fault.Malformed},
		"byte order mark":  {"\ufeff" + hexA + "  a", fault.Malformed},
		"unknown escape":   {`\` + hexA + `  a\tb`, fault.Malformed},
		"open escape":      {`\` + hexA + `  a\`, fault.Malformed},
		"line break":       {`\` + hexA + `  a\nb`, fault.Path},
		"terminal escape":  {hexA + "  a\x1b[2J", fault.Path},
		"right to left":    {hexA + "  a\u202egpj.exe", fault.Path},
		"not UTF-8":        {hexA + "  a\xff", fault.Path},
		"zero byte":        {hexA + "  a\x00", fault.Path},
		"carriage in name": {hexA + "  a\rb", fault.Path},
	} {
		got, err := Checksums(strings.NewReader(good + c.line + "\n" + hexA + "  c\n"))
		f := fault.Of(err)
		if err == nil || f.Code != c.code || f.Kind != fault.Refused || !strings.Contains(err.Error(), "line 2") || got != nil {
			t.Errorf("%s: got %v, %v (%s), want %s on line 2", name, got, err, f.Code, c.code)
		}
	}
	if _, err := Checksums(strings.NewReader(good + hexA + "  a\n" + hexA + "  c\n")); err != nil {
		t.Errorf("the same list with a good line: got %v, want nil", err)
	}
}

func TestE16_checksums_that_name_no_file(t *testing.T) {
	for _, text := range []string{"", "\n"} {
		if got, err := Checksums(strings.NewReader(text)); fault.Of(err).Code != fault.SubjectMismatch || got != nil {
			t.Errorf("Checksums(%q) = %v, %v, want %s", text, got, err, fault.SubjectMismatch)
		}
	}
}

func TestE01_checksums_name_one_file_twice(t *testing.T) {
	got, err := Checksums(strings.NewReader(hexA + "  a\n" + hexB + "  a\n"))
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
		{strings.Repeat("\n", MaxChecksumLines), fault.Malformed},
		{long, ""},
		{long + "\n", fault.Limit},
	} {
		_, err := Checksums(strings.NewReader(c.text))
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
	for _, s := range []string{hexA + "  a\n", hexA + " *a", `\` + hexA + `  a\\b` + "\n" + hexB + "  b\n", hexA + "  a\n" + hexB + "  a\n", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Checksums(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, s := range list {
			if !strings.Contains(text, s.Digest.Hex()) {
				t.Errorf("digest %s is not in %q", s.Digest, text)
			}
		}
		again, err := Checksums(strings.NewReader(FormatChecksums(list)))
		if err != nil || !reflect.DeepEqual(again, list) {
			t.Errorf("%q read again: got %v, %v, want %v", text, again, err, list)
		}
	})
}
