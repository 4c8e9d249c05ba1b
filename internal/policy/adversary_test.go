package policy_test

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// filled returns parts, numbered, until they have n bytes.
func filled(n int, head, part, tail string) string {
	var b strings.Builder
	b.WriteString(head)
	for i := 0; b.Len()+len(part)+len(tail)+16 < n; i++ {
		if strings.Contains(part, "%") {
			b.WriteString(strings.ReplaceAll(part, "%d", fmt.Sprint(i)))
			continue
		}
		b.WriteString(part)
	}
	b.WriteString(tail)
	return b.String()
}

const soundHead = `version: 1
artifacts:
  app:
    subject: ["dist/*"]
    trust: house
    built-by:
      - {issuer: https://ci.example, repository: acme/app, repository-id: 1001, workflow: build/release.yml, refs: [refs/heads/main]}
`

// adversaries are texts of n bytes that readers of YAML, or of policies, have
// taken too long for, and some that people write.
var adversaries = map[string]func(n int) string{
	"brackets":            func(n int) string { return filled(n, "", "[", "") },
	"brackets closed":     func(n int) string { return filled(n/2, "", "[", "") + filled(n/2, "", "]", "") },
	"flow list":           func(n int) string { return filled(n, "[", "a,", "]") },
	"flow map, no values": func(n int) string { return filled(n, "{", "k%d, ", "}") },
	"flow map, null":      func(n int) string { return filled(n, "{", "k%d: , ", "}") },
	"keys":                func(n int) string { return filled(n, "", "k%d: v\n", "") },
	"keys without values": func(n int) string { return filled(n, "", "k%d:\n", "") },
	"known key":           func(n int) string { return filled(n, "", "version: 1\n", "") },
	"nested keys":         func(n int) string { return filled(n, "", "a:\n  b:\n    c: d\n", "") },
	"staircase": func(n int) string {
		var b strings.Builder
		for i := 0; b.Len()+i < n; i++ {
			b.WriteString(strings.Repeat(" ", i%100) + "k:\n")
		}
		return b.String()
	},
	"dashes":               func(n int) string { return filled(n, "", "- ", "") },
	"empty list entries":   func(n int) string { return filled(n, "", "-\n", "") },
	"complex keys, null":   func(n int) string { return filled(n, "", "? k%d\n", "") },
	"colons without space": func(n int) string { return filled(n, "a", ":", "") },
	"aliases":              func(n int) string { return filled(n, "a: &a [x]\nb: [", "*a, ", "]") },
	"anchors in a row":     func(n int) string { return filled(n, "a: ", "&a ", "b") },
	"laughs":               func(n int) string { return filled(n, "a0: &a0 [x]\n", "a%d: &a%d [*a0, *a0, *a0]\n", "") },
	"tags":                 func(n int) string { return filled(n, "a: ", "!x ", "b") },
	"long tag":             func(n int) string { return filled(n, "a: !", "x", "") },
	"merges":               func(n int) string { return filled(n, "a: &a {b: c}\n", "k%d: {<<: *a}\n", "") },
	"merge signs":          func(n int) string { return filled(n, "", "<", "") },
	"merge signs, spaced":  func(n int) string { return filled(n, "", "<< ", "") },
	"directives":           func(n int) string { return filled(n, "", "%YAML 1.2\n", "") },
	"documents":            func(n int) string { return filled(n, "", "--- a\n", "") },
	"empty documents":      func(n int) string { return filled(n, "", "---\n", "") },
	"minus":                func(n int) string { return filled(n, "", "-", "") },
	"one scalar":           func(n int) string { return filled(n, "version: ", "x", "") },
	"one name":             func(n int) string { return filled(n, "", "x", ": 1\n") },
	"one quoted scalar":    func(n int) string { return filled(n, `version: "`, "x", `"`) },
	"one block":            func(n int) string { return filled(n, "version: |\n", "  x\n", "") },
	"quoted lines":         func(n int) string { return filled(n, `version: "x`, "\n  y", `"`) },
	"block, many ends": func(n int) string {
		return filled(n/2, "version: |\n", "  x\n", "") + strings.Repeat("\n", n/2) + "a: b\n"
	},
	"blocks, many ends":    func(n int) string { return filled(n, "", "k%d: |\n  x\n\n\n\n\n\n\n\n", "") },
	"quoted tabs":          func(n int) string { return filled(n, `version: "`, "\t", `x"`) },
	"quoted tabs on lines": func(n int) string { return filled(n, `version: "x`, "\n \tx\t", `"`) },
	"open quote":           func(n int) string { return filled(n, `a: "`, "x y ", "") },
	"comments":             func(n int) string { return filled(n, "", "# x\n", "version: 1\n") },
	"at signs":             func(n int) string { return filled(n, "", "@", "") },
	"bars in a row":        func(n int) string { return filled(n, "a: ", "|", "") },
	"binary":               func(n int) string { return filled(n, "", "\x00\xff\x1f", "") },
	"not UTF-8 at the end": func(n int) string { return filled(n, "", "a: b\n", "\xff") },
	"wide characters":      func(n int) string { return filled(n, "version: ", "\U0001F600", "") },
	"long key, children":   func(n int) string { return filled(n, strings.Repeat("k", n/2)+":\n", "  c%d: v\n", "") },
	"long key, list":       func(n int) string { return filled(n, strings.Repeat("k", n/2)+":\n", "- v\n", "") },
	"long keys nested": func(n int) string {
		k := strings.Repeat("k", n/16)
		return filled(n, k+":\n "+k+":\n  "+k+":\n   "+k+":\n", "    c%d: v\n", "")
	},
	"unknown keys": func(n int) string { return filled(n, "", "versoin%d: 1\n", "") },
	"environments, null": func(n int) string {
		return filled(n, soundHead+"environments:\n", "  e%d:\n    requires:\n      provenance:\n", "")
	},
	"wrong environments": func(n int) string {
		return filled(n, soundHead+"environments:\n", "  e%d: {require: {provenence: {}}}\n", "")
	},
	"patterns": func(n int) string {
		return filled(n, "version: 1\nartifacts:\n  a:\n    subject:\n", "      - \"[a][b]*d%d/**\"\n", "")
	},
	"one pattern": func(n int) string {
		return filled(n, "version: 1\nartifacts:\n  a:\n    subject: [\"", "[a]",
			"\"]\n")
	},
	"refs": func(n int) string {
		return filled(n, "version: 1\nartifacts:\n  a:\n    built-by:\n    - refs:\n", "      - refs/tags/v%d*\n", "")
	},
	"members":    func(n int) string { return filled(n, soundHead+peopleHead, "      - code:user%d#%d\n", "") },
	"one member": func(n int) string { return filled(n, soundHead+peopleHead, "      - code:user#1\n", "") },
	"groups": func(n int) string {
		return filled(n, soundHead+envHead+"groups:\n", "  g%d: {members: [code:u%d#%d]}\n", "")
	},
	"people": func(n int) string {
		return filled(n, soundHead+peopleHead+"      - code:user1#1\npeople:\n", "  p%d: [code:user%d#%d]\n", "")
	},
	"people and members": func(n int) string {
		return filled(n/2, soundHead+peopleHead, "      - code:user%d#%d\n", "") +
			filled(n/2, "people:\n", "  p%d: [code:user%d#%d]\n", "")
	},
	"rules": func(n int) string {
		return filled(n/2, soundHead+"groups:\n  g:\n    members:\n", "      - code:user%d#%d\n", "") +
			filled(n/2, ruleHead, "      - {group: g, count: 1}\n", "")
	},
	"rules of no group": func(n int) string {
		return filled(n/2, soundHead+"groups:\n", "  g%d: {members: [code:u%d#%d]}\n", "") +
			filled(n/2, ruleHead, "      - {group: h%d, count: 1}\n", "")
	},
	"addresses": func(n int) string {
		return filled(n/2, soundHead+mailHead, "      - email:user%d@example.com\n", "") +
			filled(n/2, "people:\n", "  p%d: [email:user%d@example.com]\n", "")
	},
	"agents": func(n int) string {
		return filled(n, soundHead+peopleHead+"      - code:user1#1\nagents:\n", "  - code:bot%d#%d\n", "")
	},
	"JSON": func(n int) string {
		return filled(n, `{"version": 1, "environments": {`, `"e%d": {"requires": {"provenance": {}}}, `, `"e": {}}}`)
	},
}

const (
	envHead    = "environments: {p: {requires: {provenance: {}}}}\n"
	peopleHead = envHead + "groups:\n  g:\n    members:\n"
	mailHead   = envHead + "groups:\n  g:\n    issuer: https://login.example\n    members:\n"
	ruleHead   = "environments:\n  p:\n    requires: {provenance: {}}\n    approvals:\n"
)

// memory is how many bytes reading a text allocates.
func memory(text string) uint64 {
	var m, n runtime.MemStats
	runtime.ReadMemStats(&m)
	_, _ = policy.Read([]byte(text), "policy.yaml", words)
	runtime.ReadMemStats(&n)
	return n.TotalAlloc - m.TotalAlloc
}

// However long a file is, and whatever is in it, reading it takes an amount of
// memory that is bounded; where a reader took a square, it would be gigabytes.
// BenchmarkRead shows the time.
func TestO04_any_file_is_read_or_refused_in_bounded_memory(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(adversaries)) {
		for _, n := range []int{policy.MaxBytes / 8, policy.MaxBytes} {
			if got := memory(adversaries[name](n)); got > 400<<20 {
				t.Errorf("%s: %d MB of memory for %d bytes", name, got>>20, n)
			}
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(adversaries)) {
		b.Run(name, func(b *testing.B) {
			text := []byte(adversaries[name](policy.MaxBytes))
			for b.Loop() {
				_, _ = policy.Read(text, "policy.yaml", words)
			}
		})
	}
}

// What is told of a file that is wrong everywhere is what a person can read.
func TestO02_complaints_are_bounded(t *testing.T) {
	for name, n := range map[string]int{"unknown keys": 100_000, "one member": 500_000, "wrong environments": 100_000} {
		_, err := policy.Read([]byte(adversaries[name](n)), "policy.yaml", words)
		if err == nil {
			t.Fatalf("%s: no complaint", name)
		}
		lines := strings.Split(err.Error(), "\n")
		last := lines[len(lines)-1]
		if len(lines) != 51 || !strings.HasPrefix(last, "policy.yaml: and ") || !strings.HasSuffix(last, " more") ||
			len(err.Error()) > 51*1000 {
			t.Errorf("%s: %d complaints, the last %q; want fifty and how many more", name, len(lines), last)
		}
	}
	_, err := policy.Read([]byte(strings.ReplaceAll(soundHead, "house", strings.Repeat("h", 10_000))),
		strings.Repeat("f", 10_000)+".yaml", words)
	if err == nil || strings.Contains(err.Error(), strings.Repeat("h", 300)) ||
		strings.Contains(err.Error(), strings.Repeat("f", 300)) {
		t.Errorf("a complaint repeats all of a value: %.300v", err)
	}
}

// People who are many are read, and told apart as few are.
func TestControl_a_large_policy_is_read(t *testing.T) {
	var members, people strings.Builder
	for i := 1; i <= 3000; i++ {
		fmt.Fprintf(&members, "      - code:user%d#%d\n", i, i)
		fmt.Fprintf(&people, "  person %d: [code:user%d#%d, email:user%d@example.com]\n", i, i, i, i)
	}
	text := soundHead + strings.ReplaceAll(peopleHead, "    members:", "    sources: [review]\n    members:") +
		members.String() + "people:\n" + people.String()
	p, err := policy.Read([]byte(text), "policy.yaml", words)
	if err != nil || len(p.People) != 3000 || len(p.Groups[0].Members) != 3000 {
		t.Fatalf("%.500v", err)
	}
	again := strings.Replace(text, "person 2: [", "person 2: [code:user1#1, ", 1)
	if _, err := policy.Read([]byte(again), "policy.yaml", words); err == nil ||
		!strings.Contains(err.Error(), "person 1 and person 2") {
		t.Errorf("one account of two people: %v", err)
	}
}
