package gitlab

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A wide pattern covers a narrow one if it matches whatever that matches.
func TestCovers(t *testing.T) {
	for _, c := range []struct {
		wide, narrow string
		want         bool
	}{
		{"main", "main", true}, {"main", "main2", false}, {"*", "main", true}, {"*", "", true}, {"", "", true}, {"", "x", false}, {"v*", "v1", true}, {"v*", "v", true},
		{"v*", "v1.*", true}, {"v1.*", "v*", false}, {"*-stable", "1-stable", true}, {"*-stable", "1-stable-2", false}, {"a*b*c", "axbyc", true}, {"a*b*c", "acb", false}, {"v1", "v*", false},
		{"r*/*", "release/*", true}, {"Main", "main", false},
	} {
		if got := covers(c.wide, c.narrow); got != c.want {
			t.Errorf("covers(%q, %q) = %v, want %v", c.wide, c.narrow, got, c.want)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	text := func(letters string) string {
		var b strings.Builder
		for range r.IntN(7) {
			b.WriteByte(letters[r.IntN(len(letters))])
		}
		return b.String()
	}
	for range 20_000 {
		wide, name := text("ab*"), text("ab")
		want := regexp.MustCompile("^" + strings.ReplaceAll(wide, "*", ".*") + "$").MatchString(name)
		if got := covers(wide, name); got != want {
			t.Fatalf("covers(%q, %q) = %v, want %v", wide, name, got, want)
		}
	}
}

// A listing with a commit lost, added or told twice is not whole.
func TestG14_listing_is_one_piece(t *testing.T) {
	line := []commit{{ID: "c", Parents: []string{"b"}}, {ID: "b", Parents: []string{"a"}}, {ID: "a"}}
	if edge, err := whole("c", line); err != nil || len(edge) > 0 {
		t.Errorf("edge %q, %v; want a whole list", edge, err)
	}
	for name, all := range map[string][]commit{
		"one lost in the middle": {line[0], line[2]},
		"the newest lost":        line[1:],
		"told twice":             append(slices.Clone(line), line[1]),
		"a stranger":             append(slices.Clone(line), commit{ID: "x"}),
	} {
		if edge, err := whole("c", all); err == nil && len(edge) == 0 {
			t.Errorf("%s: no error", name)
		}
	}
}
