package report

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

func TestK02_no_text_begins_a_command(t *testing.T) {
	for _, s := range []string{"::error::x", "  ::add-mask::a", ":", ":error::x", "a##[error]x", "##", "#", "#[x", "\r::warning::x", "a\n::error::x"} {
		got := Plain(s)
		if strings.HasPrefix(strings.TrimSpace(got), ":") || strings.Contains(got, "##") || strings.Contains(got, "#[") || strings.ContainsAny(got, "\r\n") {
			t.Errorf("Plain(%q) = %q, want no command in it", s, got)
		}
	}
}

func TestK02_no_word_begins_a_command_when_it_is_wrapped_to_a_line_of_its_own(t *testing.T) {
	for _, s := range []string{"aaaaaaaaaaaa ::error::x", "aaaaaaaaaaaa :", "aaaaaaaaaaaa  ::set-output name=a::b"} {
		for _, l := range Wrap(Plain(s), 12) {
			if strings.HasPrefix(l, ":") {
				t.Errorf("a line of %q = %q, want no command at its start", s, l)
			}
		}
	}
}

// JSON is read by programs, and shown on terminals all the same.
func TestK04_JSON_holds_nothing_that_a_terminal_acts_on(t *testing.T) {
	in := map[string]string{"a": "x\x1b[2J\u009b2J\x7f\u202ey\u2028\u200b\U000e0041 Größe 😀 \xff\"\\"}
	var b strings.Builder
	if err := Document(&b, in); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && !shown(r) }) {
		t.Errorf("JSON = %q, want printable text alone", b.String())
	}
	var out map[string]string
	if err := json.Unmarshal([]byte(b.String()), &out); err != nil || out["a"] != strings.ToValidUTF8(in["a"], "\ufffd") {
		t.Errorf("read again = %q, %v; want %q", out["a"], err, in["a"])
	}
}

func TestPlain_keeps_printable_text(t *testing.T) {
	for _, s := range []string{"dist/app.tar.gz", "ghcr.io/acme/app:v1@sha256:ab", "see #12", "Größe 5 µm", "https://x.example/a::b", "std::vector and a :colon"} {
		if got := Plain(s); got != s {
			t.Errorf("Plain(%q) = %q, want it unchanged", s, got)
		}
	}
}

func TestK05_text_cannot_leave_a_code_span(t *testing.T) {
	for _, s := range []string{"a`b", "```", "a|b", "![x](http://e.example)", "<details>", "a\nb"} {
		got := Code(s)
		if inner := got[1 : len(got)-1]; strings.ContainsAny(inner, "`|\n") {
			t.Errorf("Code(%q) = %q, want one code span", s, got)
		}
	}
}

func FuzzK04_plain_text_is_printable(f *testing.F) {
	for _, s := range []string{"", "a", "\x1b]8;;x\a", "\u202e", "\x7f", "\xff", "\u0085", "e\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range Plain(s) {
			if !unicode.IsPrint(r) {
				t.Fatalf("Plain(%q) has %U", s, r)
			}
		}
	})
}

// A line of a policy that looks like the end of a block is only a line.
func TestK05_a_line_cannot_end_a_block(t *testing.T) {
	got := Block([]string{" ```", "+ ![x](https://evil.example)", "- a\x1b[2J"})
	want := "```diff\n \\u{60}\\u{60}\\u{60}\n+ ![x](https://evil.example)\n- a\\u{1b}[2J\n```"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
