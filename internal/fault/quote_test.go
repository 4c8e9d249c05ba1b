package fault_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

type label string

type place struct{ s string }

func (p place) String() string { return p.s }

// Whatever a value is, %q repeats 200 bytes of it and says how long it is.
func TestO02_a_quoted_value_is_cut(t *testing.T) {
	long := strings.Repeat("a", 10_000)
	for name, value := range map[string]any{"string": long, "bytes": []byte(long), "named string": label(long),
		"stringer": place{long}} {
		got := fault.New(fault.Refused, fault.Malformed, "", "member %q, want %q", value, "b").Error()
		want := `member "` + long[:fault.MaxQuoted] + `"… (10000 bytes), want "b"`
		if got != want {
			t.Errorf("%s: got %.300s, want %.300s", name, got, want)
		}
		if short := fault.Text("member %q", value)[:7]; short != "member " {
			t.Errorf("%s: Text = %.100s", name, short)
		}
		if err := fault.Errorf("member %q", value); len(err.Error()) > fault.MaxQuoted+50 {
			t.Errorf("%s: Errorf has %d bytes", name, len(err.Error()))
		}
	}
	list := fault.Text("want one of %q", []string{"a", long})
	if want := `want one of "a", "` + long[:fault.MaxQuoted] + `"… (10000 bytes)`; list != want {
		t.Errorf("got %.300s, want %.300s", list, want)
	}
}

// A value that is short, or is not quoted, is written as fmt writes it.
func TestQuoted_values_are_otherwise_as_fmt_writes_them(t *testing.T) {
	whole := strings.Repeat("b", fault.MaxQuoted)
	for _, c := range []struct {
		format string
		args   []any
	}{
		{"%q", []any{whole}}, {"%s and %d", []any{strings.Repeat("c", 1000), 5}}, {"%.3q|%10s|%-6q|%x|%v",
			[]any{"abcdef", "x", "y", "z", "w"}},
		{"%q", []any{'x'}}, {"%v %d", []any{fs.FileMode(0o644), fs.FileMode(0o644)}}, {"%q",
			[]any{"\x00é\"\n"}}, {"%v", []any{nil}}, {"%T", []any{7}},
		{"%q", []any{[]string{}}}, {"%+q", []any{"é"}}, {"%s", []any{place{"here"}}},
	} {
		want := fmt.Sprintf(c.format, c.args...)
		if got := fault.Text(c.format, c.args...); got != want {
			t.Errorf("%q: got %q, want %q", c.format, got, want)
		}
	}
}

// No part of a character is left behind.
func TestQuoted_values_are_cut_between_characters(t *testing.T) {
	for i := range 4 {
		s := strings.Repeat("x", i) + strings.Repeat("\U0001F600", 100)
		cut := strings.TrimSuffix(fault.Cut(s), "…")
		if !utf8.ValidString(cut) || !strings.HasPrefix(s, cut) || len(cut) > fault.MaxQuoted ||
			len(cut) < fault.MaxQuoted-4 {
			t.Errorf("cut %q has %d bytes", cut, len(cut))
		}
	}
	if got := fault.Cut("short"); got != "short" {
		t.Errorf("got %q", got)
	}
	if got := fault.Cut(strings.Repeat("\x80", 1000)); len(got) > fault.MaxQuoted+len("…") {
		t.Errorf("got %d bytes", len(got))
	}
}

// An error beneath is found, however its text was cut.
func TestBrief_keeps_the_error(t *testing.T) {
	root := errors.New(strings.Repeat("x", 5000))
	err := fault.New(fault.Refused, fault.Malformed, "", "reading %q: %w", "a", fault.Brief(root))
	if !errors.Is(err, root) || len(err.Error()) > fault.MaxQuoted+50 {
		t.Errorf("%d bytes, and the cause is found: %v", len(err.Error()), errors.Is(err, root))
	}
	short := errors.New("short")
	if got := fault.Brief(short); got.Error() != "short" || !errors.Is(got, short) || fault.Brief(nil) != nil {
		t.Error("a short error is not itself")
	}
}

// Whoever shows a phrase can be sure of its parts.
func TestO02_a_phrase_is_bounded(t *testing.T) {
	long := strings.Repeat("a", 10_000)
	spaced := strings.Repeat("a ", 5000)
	for in, want := range map[string]string{
		"found " + long + " here": "found " + long[:fault.MaxQuoted] + "… here",
		"found " + fmt.Sprintf("%q", spaced) + ".": "found " + fmt.Sprintf("%q", spaced[:fault.MaxQuoted]) +
			"… (10000 bytes).",
		`it has "` + strings.Repeat("a b ", 50) + `" in it`: `it has "` + strings.Repeat("a b ", 50) + `" in it`,
		`an open "` + long:                  `an open "` + long[:fault.MaxQuoted-1] + "…",
		strings.Repeat("short words ", 100): strings.Repeat("short words ", 100),
		"short":                             "short",
	} {
		if got := fault.Bound(in); got != want {
			t.Errorf("Bound(%.30q…) = %.300q, want %.300q", in, got, want)
		}
	}
	if got, want := fault.BoundAll("a, "+spaced+"; b"), "a, "+spaced[:fault.MaxQuoted-1]+"…; b"; got != want {
		t.Errorf("BoundAll = %.300q, want %.300q", got, want)
	}
	list := strings.Repeat("name of somebody, ", 50)
	if got := fault.BoundAll(list); got != list {
		t.Errorf("a list of short names became %.300q", got)
	}
}

// What a library says is cut between escapes, its quotes are closed, and no
// character is split where a list ends.
func TestO02_the_words_of_a_library_are_cut_between_escapes(t *testing.T) {
	for n := range 12 {
		said := fault.Cause(errors.New(strings.Repeat("x", n) + ` "` + strings.Repeat(`\x{a6}\u00a6`, 100) + `"`)).Error()
		open, closed := strings.IndexByte(said, '"'), strings.HasSuffix(said, `…"`)
		if inside := strings.TrimSuffix(said[open+1:], `…"`); !closed || strings.HasSuffix(inside, `\`) || strings.HasSuffix(inside, `\u00`) || strings.HasSuffix(inside, `\x`) {
			t.Errorf("%d: %q, want it cut between escapes and closed", n, said[len(said)-12:])
		}
	}
	if got := fault.BoundAll(strings.Repeat("a", 300) + "…"); !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
		t.Errorf("%q, want whole characters", got)
	}
}
