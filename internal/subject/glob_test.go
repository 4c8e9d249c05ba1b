package subject

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// The glob dialect is this table: attest, verify and policies all use it.
var globs = []struct {
	pattern, name string
	want          bool
}{
	// Everything stands for itself.
	{"foo", "foo", true},
	{"foo", "FOO", false},
	{"foo", "foo2", false},
	{"foo", "dir/foo", false},
	{"dir/foo", "dir/foo", true},
	{"dir/foo", "foo", false},
	{"a.c", "abc", false},
	{"a+(b)$", "a+(b)$", true},
	{"caf\u00e9", "caf\u00e9", true},
	{"caf\u00e9", "cafe\u0301", false},
	// Names are paths in their shortest form, or they match nothing.
	{"foo", "./foo", false},
	{"foo", "foo/", false},
	{"foo", "dir/../foo", false},
	{"**", "dir/../foo", false},
	{"**", "../foo", false},
	{"**", "/foo", false},
	{"**", "dir//foo", false},
	{"*", "", false},
	{"*", "foo\x00", false},
	{"foo*", "foo\x00", false},
	{"foo%00", "foo%00", true},
	{"*", "foo\u202etxt.exe", false},
	{"*", "\xff", false},
	{"*", strings.Repeat("a", maxName), true},
	{"*", strings.Repeat("a", maxName+1), false},
	// "*" stays in its segment.
	{"*", "foo", true},
	{"*", ".hidden", true},
	{"*", "dir/foo", false},
	{"dist/*", "dist/app", true},
	{"dist/*", "dist/sub/app", false},
	{"dist/*", "dist", false},
	{"*.tar.gz", "app.tar.gz", true},
	{"*.tar.gz", ".tar.gz", true},
	{"*.tar.gz", "app.tar.gz.sig", false},
	{"a*b*c", "aXbXbXc", true},
	{"a*b*c", "aXbX", false},
	{"*/*", "a/b", true},
	{"*/*", "a", false},
	// "?" is one character, of any number of bytes.
	{"?", "a", true},
	{"?", "\u00e9", true},
	{"?", "ab", false},
	{"a?c", "a/c", false},
	{"a?", "a", false},
	// Sets and ranges.
	{"[abc]", "b", true},
	{"[abc]", "d", false},
	{"[!abc]", "d", true},
	{"[!abc]", "b", false},
	{"v[0-9].txt", "v7.txt", true},
	{"v[0-9].txt", "vx.txt", false},
	{"[a-]", "-", true},
	{"[-a]", "-", true},
	{"[a-c]", "-", false},
	{"[*]", "*", true},
	{"[*]", "a", false},
	{"[[]1]", "[1]", true},
	{"[\u00e0-\u00ff]", "\u00e9", true},
	{"a[!b]c", "a/c", false},
	// "**" is any number of whole segments.
	{"**", "a", true},
	{"**", "a/b/c", true},
	{"**/foo", "foo", true},
	{"**/foo", "a/b/foo", true},
	{"**/foo", "a/b/xfoo", false},
	{"dist/**", "dist/a/b", true},
	{"dist/**", "dist", false},
	{"dist/**", "distant/a", false},
	{"a/**/z", "a/z", true},
	{"a/**/z", "a/b/c/z", true},
	{"a/**/z", "a/b/c/y", false},
	{"**/**/*.so", "lib/x.so", true},
	{"**/a/**/b", "x/a/y/a/z/b", true},
	// Patterns that other dialects read otherwise match nothing.
	{"[^a]", "b", false},
	{"{a,b}", "a", false},
	{`a\*`, "a*", false},
	{"!foo", "bar", false},
	{"**foo", "afoo", false},
	{"../*", "../a", false},
	{"/etc/*", "/etc/passwd", false},
}

func TestD13_glob_table(t *testing.T) {
	for _, g := range globs {
		if got := Match(g.pattern, g.name); got != g.want {
			t.Errorf("Match(%q, %q) = %v, want %v", g.pattern, g.name, got, g.want)
		}
	}
}

func TestD13_patterns_of_other_dialects_are_refused(t *testing.T) {
	for _, p := range []string{
		"", "/", "/etc/passwd", "..", "../x", "a/../b", "**/..", "./a", "a/.", "a//b", "a/",
		"[^a]", "[]", "[!]", "[]a]", "[a", "a[", "[a/b]", "[z-a]", "[[:alpha:]]",
		"a**", "**b", "a/**b/c", "***", "{a,b}", "a}", `a\b`, `C:\x`, "!a",
		"a\nb", "a\x00", "a\u202eb", "a\u200bb", "\xff", strings.Repeat("a", maxName+1), strings.Repeat("a/", maxSegments) + "a",
	} {
		err := ValidPattern(p)
		if code := fault.Of(err).Code; err == nil || code != fault.Path && code != fault.Limit {
			t.Errorf("ValidPattern(%.80q) = %v, want %s or %s", p, err, fault.Path, fault.Limit)
		}
	}
	for _, p := range []string{"a", "a/b", "*", "**", "a/**/b", "[!a]", "[a-z]*", "a b", "]", "ghcr.io/acme/app", "~a", "a!"} {
		if err := ValidPattern(p); err != nil {
			t.Errorf("ValidPattern(%q) = %v, want nil", p, err)
		}
	}
}

// A matcher that tries every way to divide a name among the stars would not end
// before the test run does.
func TestO04_pattern_with_many_stars_ends(t *testing.T) {
	name := strings.Repeat(strings.Repeat("a", 80)+"/", 50) + "b"
	for _, p := range []string{
		strings.Repeat("**/*a*/", 29) + "c",
		"**/" + strings.Repeat("*a", 1000) + "c",
		strings.Repeat("**/", 50) + "*c",
	} {
		if Match(p, name) {
			t.Errorf("Match(%.40q, …) = true, want false", p)
		}
	}
	if !Match(strings.Repeat("**/*a*/", 20)+"b", name) {
		t.Error("a pattern with many stars does not match its name")
	}
}

func FuzzMatch(f *testing.F) {
	for _, g := range globs {
		f.Add(g.pattern, g.name)
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		got := Match(pattern, name)
		if ValidPattern(pattern) != nil {
			if got {
				t.Errorf("Match(%q, %q) = true for a pattern that is not valid", pattern, name)
			}
			return
		}
		if !strings.ContainsAny(pattern, meta) && got != (pattern == name) {
			t.Errorf("Match(%q, %q) = %v, want %v", pattern, name, got, pattern == name)
		}
		if got && checkName(name) != nil {
			t.Errorf("Match(%q, %q) = true for a name that Files refuses", pattern, name)
		}
	})
}
