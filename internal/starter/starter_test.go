package starter

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// What a difference says is what patch(1) makes of it: git applies it.
func TestDiff_is_one_that_git_applies(t *testing.T) {
	long := strings.Repeat("same\n", 40)
	for name, c := range map[string][2]string{
		"an insertion":           {"a\nb\nc\n", "a\nx\nb\nc\n"},
		"a removal":              {"a\nb\nc\n", "a\nc\n"},
		"two places":             {"a\n" + long + "b\n", "a\nx\n" + long + "y\nb\n"},
		"no end of the last one": {"a\nb", "a\nb\nc"},
		"an end that is new":     {"a", "a\n"},
		"a file from nothing":    {"", "a\nb\n"},
		"everything else":        {"a\nb\n", "c\nd\ne\n"},
	} {
		dir := t.TempDir()
		change := Change{Path: "f", Before: []byte(c[0]), After: []byte(c[1])}
		if c[0] == "" {
			change.Before = nil
		} else if err := os.WriteFile(filepath.Join(dir, "f"), change.Before, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "git", "apply", "-")
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(change.Diff())
		cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
		out, err := cmd.CombinedOutput()
		got, _ := os.ReadFile(filepath.Join(dir, "f"))
		if err != nil || string(got) != c[1] {
			t.Errorf("%s: git makes %q of it, %v %s\n%s", name, got, err, out, change.Diff())
		}
	}
	if d := (Change{Path: "f", Before: []byte("a"), After: []byte("a")}).Diff(); d != "" {
		t.Errorf("nothing changes, and the difference is %q", d)
	}
}

func TestDiff_of_two_long_texts_ends(t *testing.T) {
	a, b := strings.Repeat("a\n", 60_000), strings.Repeat("b\n", 60_000)
	begun := time.Now()
	if d := (Change{Path: "f", Before: []byte(a), After: []byte(b)}).Diff(); strings.Count(d, "\n-a") != 60_000 || time.Since(begun) > 5*time.Second {
		t.Errorf("%d lines after %s", strings.Count(d, "\n"), time.Since(begun))
	}
}

// Each file of git becomes what it was, whatever its last line looks like.
func TestGitLines_are_added_once_and_taken_out_again(t *testing.T) {
	for _, before := range []string{"", "a\n", "a", "a\r\nb\r\n", "*.sigstore.json -text\n", "a\n\n", "# sallyport is here\n"} {
		for _, name := range []string{Attributes, Ignores} {
			raw := []byte(before)
			if before == "" {
				raw = nil
			}
			c := GitLines(name, raw)
			if !strings.HasPrefix(string(c.After), before) {
				t.Errorf("%s %q becomes %q", name, before, c.After)
			}
			if again := GitLines(name, c.After); !again.Same() {
				t.Errorf("%s %q becomes another one the second time: %q", name, before, again.After)
			}
			if back := WithoutGitLines(name, c.After); string(back.After) != before || (back.After == nil) != (raw == nil) {
				t.Errorf("%s %q comes back as %q", name, before, back.After)
			}
		}
	}
}

func TestPolicy_is_known_as_long_as_nobody_changes_it(t *testing.T) {
	s := Starter{
		Issuer: "https://ids.example", Home: Home{Repository: "acme/app", ID: "1", OwnerID: "2"}, Workflow: "w.yml", Refs: []string{"refs/heads/main"},
		Jobs: []string{"build"}, Subject: []string{"*.tgz"}, Trust: "public-good", Environment: "production", Since: time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC),
	}
	raw := s.Policy()
	if !AsWritten(raw) {
		t.Errorf("it is not known:\n%s", raw)
	}
	for _, other := range []string{string(raw) + "\n", strings.Replace(string(raw), "30d", "31d", 1), strings.Replace(string(raw), "init as", "init  as", 1), "version: 1\n", ""} {
		if AsWritten([]byte(other)) {
			t.Errorf("it is taken for what init wrote:\n%s", other)
		}
	}
	for _, want := range []string{"mode: watch", "since: 2026-11-27", "until: 2027-02-25", `subject: ["*.tgz"]`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("it lacks %q:\n%s", want, raw)
		}
	}
}

func TestOwners_are_those_of_the_last_line_about_everything(t *testing.T) {
	names, others := Owners([]byte("* @old\n/docs/ @writer\n*  @bob @acme/leads a@b.example @@maintainer @bob # all\n"))
	if !slices.Equal(names, []string{"bob", "acme/leads"}) || !slices.Equal(others, []string{"a@b.example", "@@maintainer"}) {
		t.Errorf("owners are %q and %q", names, others)
	}
	if names, _ := Owners([]byte("* " + strings.Repeat("@x ", 1) + strings.Repeat("@y", 1) + "\n")); len(names) != 2 {
		t.Errorf("owners are %q", names)
	}
}

// A line goes between others, and what is there says what it said; a place where it
// would say something else is none.
func TestSheet_a_text_that_would_say_less_is_not_written(t *testing.T) {
	o := yamlnode.Options{Limits: yamlnode.Limits{Bytes: 1 << 20, Depth: 32, Tokens: 10_000, Keys: 100, Nodes: 10_000}, Plain: true}
	for text, fits := range map[string]bool{"- b: 1\n": true, "a: [\n": false, "x\n": false} {
		s, err := NewSheet([]byte("list:\n  - a: 1\nlast: x\n"), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Element(s.Root.Get("list"), 1, text); err != nil {
			t.Fatal(err)
		}
		if out, err := s.Done(); (err == nil) != fits {
			t.Errorf("%q gives %q, %v, want it to fit: %v", text, out, err, fits)
		}
	}
}

// Each text comes back from YAML as the text that it is.
func TestWord_is_read_back_as_itself(t *testing.T) {
	for _, s := range []string{"a.yml", "re#lease.yml", "x: y", "a #b", "1e5", "0x1f", "2026-11-27", "12", "~", "no", ".nan", "*a", "- a", "'", `"`, "a\tb", "é", "@x", "!x", "{a}", "%a", "dist/*.tgz", ""} {
		d, err := yamlnode.Parse([]byte("k: "+Word(s)+"\n"), yamlnode.Options{Limits: yamlnode.Limits{Bytes: 1000, Depth: 9, Tokens: 99, Keys: 9, Nodes: 99}})
		if err != nil || len(d.Roots) != 1 {
			t.Errorf("%q is written as %s: %v", s, Word(s), err)
			continue
		}
		if got := d.Roots[0].Get("k"); got.Text != s || got.Type != yamlnode.Text && !got.Quoted {
			t.Errorf("%q is written as %s and read as %q", s, Word(s), got.Text)
		}
	}
}

func TestIgnored_says_when_a_policy_is_in_no_commit(t *testing.T) {
	for text, want := range map[string]bool{".sallyport/\n": true, "/.sallyport\n": true, ".*\n": true, ".*\n!.sallyport/\n": false, "/.sallyport/*.env\n": false, "": false} {
		if got := Ignored([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
