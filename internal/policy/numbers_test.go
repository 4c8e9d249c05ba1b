package policy_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

func numbersWords() policy.Words {
	return policy.Words{
		Forge: func(issuer string) (policy.Forge, bool) {
			return policy.Forge{Issuer: issuer, Host: "https://git.example"}, issuer == "https://ids.example"
		},
		Place: func(name string) (policy.Place, bool) {
			return policy.Place{Host: "https://git.example"}, name == "git"
		},
	}
}

// written puts 7 beside every repository, with 8 for its owner, and 9 beside everybody else.
func written(t *testing.T, raw string) (string, error) {
	t.Helper()
	n, err := policy.ReadNumbers([]byte(raw), "p.yaml", numbersWords())
	if err != nil {
		return "", err
	}
	var known []policy.Number
	for _, x := range n.All {
		k := policy.Number{Found: true, ID: "9", Name: x.Name}
		if x.Kind == policy.NamedRepository {
			k.ID, k.Owner = "7", "8"
		}
		known = append(known, k)
	}
	out, err := n.Write(known)
	return string(out), err
}

func TestNumbers_are_written_beside_names_wherever_these_stand(t *testing.T) {
	const head = "artifacts: {a: {built-by: "
	for name, c := range map[string][2]string{
		"on a line": {
			"artifacts:\n  é:\n    built-by:\n    - issuer: https://ids.example\n      repository: a/b # c\n\n      refs: [x]\n",
			"artifacts:\n  é:\n    built-by:\n    - issuer: https://ids.example\n      repository: a/b # c\n      repository-id: 7\n      owner-id: 8\n\n      refs: [x]\n",
		},
		"first of its list": {
			"artifacts:\n  a:\n    built-by:\n      - repository: a/b\n        issuer: https://ids.example",
			"artifacts:\n  a:\n    built-by:\n      - repository: a/b\n        repository-id: 7\n        owner-id: 8\n        issuer: https://ids.example",
		},
		"at the end of a file without a line end": {
			"artifacts:\n  a:\n    built-by:\n      - issuer: https://ids.example\n        repository: a/b",
			"artifacts:\n  a:\n    built-by:\n      - issuer: https://ids.example\n        repository: a/b\n        repository-id: 7\n        owner-id: 8",
		},
		"in brackets": {
			head + "[{repository: 'a/b', issuer: https://ids.example}]}} # é",
			head + "[{repository: 'a/b', repository-id: 7, owner-id: 8, issuer: https://ids.example}]}} # é",
		},
		"in brackets over lines": {
			head + "[{\n  repository: a/b,\n  issuer: https://ids.example\n}]}}\n",
			head + "[{\n  repository: a/b, repository-id: 7, owner-id: 8,\n  issuer: https://ids.example\n}]}}\n",
		},
		"a number that is there": {
			head + "[{repository: a/b, repository-id: 5, issuer: https://ids.example}]}}\n",
			head + "[{repository: a/b, repository-id: 5, issuer: https://ids.example}]}}\n",
		},
		"another platform": {
			head + "[{repository: a/b, issuer: https://other.example}]}}\ngroups: {g: {members: [other:x, email:a@b.example]}}\n",
			head + "[{repository: a/b, issuer: https://other.example}]}}\ngroups: {g: {members: [other:x, email:a@b.example]}}\n",
		},
		"members": {
			"groups:\n  é:\n    members: [git:é, git:b, \"git:c\", 'git:d/e', \"git:@admin\", git:f#1]\npeople:\n  x: [git:g]\nagents:\n  known: true\n  also:\n  - git:h # i\n",
			"groups:\n  é:\n    members: [git:é, git:b#9, \"git:c#9\", 'git:d/e#9', \"git:@admin\", git:f#1]\npeople:\n  x: [git:g#9]\nagents:\n  known: true\n  also:\n  - git:h#9 # i\n",
		},
		"releases have no owner": {
			"environments:\n  p:\n    requires:\n      https://x.example/v1:\n        signed-by: [{releases-of: a/b, issuer: https://ids.example}]\n",
			"environments:\n  p:\n    requires:\n      https://x.example/v1:\n        signed-by: [{releases-of: a/b, repository-id: 7, issuer: https://ids.example}]\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := written(t, c[0])
			if err != nil || got != c[1] {
				t.Fatalf("got %q, %v, want %q", got, err, c[1])
			}
			if again, err := written(t, got); err != nil || again != got {
				t.Errorf("the second time it gives %q, %v", again, err)
			}
		})
	}
}

func TestNumbers_are_not_written_where_the_text_would_mean_something_else(t *testing.T) {
	for name, c := range map[string][2]string{
		"carriage returns":  {"artifacts: {}\r\ngroups: {g: {members: [git:a]}}\r\n", "text eol=lf"},
		"an anchor":         {"x: &a 1\ngroups: {g: {members: [git:a]}}\n", "anchor"},
		"a name over lines": {"artifacts:\n  a:\n    built-by:\n      - issuer: https://ids.example\n        repository: >-\n          a/b\n", "cannot be found"},
		"an escape":         {"groups: {g: {members: [\"git:\\x61b\"]}}\n", "cannot be found"},
		"a tab":             {"groups:\n\tg: 1\n", "tab"},
		"a newer version":   {"version: 2\ngroups: {g: {members: [git:a]}}\n", "update sallyport"},
	} {
		if got, err := written(t, c[0]); err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: got %q, %v, want an error about %q", name, got, err, c[1])
		}
	}
}

func FuzzNumbers(f *testing.F) {
	f.Add("groups: {g: {members: [git:b, \"git:c\"]}}\nartifacts:\n  a:\n    built-by:\n      - issuer: https://ids.example\n        repository: a/b\n")
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := written(t, raw)
		if err != nil {
			return
		}
		if again, err := written(t, got); err != nil || again != got {
			t.Errorf("%q becomes %q and then %q, %v", raw, got, again, err)
		}
		rest := got
		for _, c := range []byte(raw) { // every byte stays, in its order
			i := strings.IndexByte(rest, c)
			if i < 0 {
				t.Fatalf("%q became %q", raw, got)
			}
			rest = rest[i+1:]
		}
	})
}
