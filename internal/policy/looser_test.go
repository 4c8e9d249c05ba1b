package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// What a change of the policy makes weaker is told, of each key that has two
// directions, and a stricter one is not.
func TestD15_which_keys_of_a_change_ask_for_less(t *testing.T) {
	long := replaced(t, required(t), "    record: required\n", `    record: required
    deploying-job: unread
    approval-max-age: 12h
    rejection-max-age: 48h
    separate: true
    break-glass: {group: security, count: 2, max-age: 1h}
    policy-change: {group: security, count: 2}
    protection: {reviewers: 2, self-review: off}
    changes: {install-scripts: deny, binaries: report}
`)
	for from, to := range map[string][2]string{
		"{group: release, count: 2}":                 {"{group: release, count: 1}", `count of group "release" is 1, and was 2`},
		"      - {group: release, count: 2}":         {"      - {group: security, count: 2}", `group "release" is not asked any more`},
		"approval-max-age: 12h":                      {"approval-max-age: 2d", "approval-max-age is 2 days, and was 12 h"},
		"rejection-max-age: 48h":                     {"rejection-max-age: 1h", "rejection-max-age is 60 min, and was 2 days"},
		"separate: true":                             {"separate: false", "an approval that names other environments too is accepted"},
		"policy-change: {group: security, count: 2}": {"policy-change: {group: security, count: 1}", "count of policy-change is 1, and was 2"},
		"install-scripts: deny, binaries: report":    {"install-scripts: approve, binaries: report", "install-scripts of changes is approve, and was deny"},
		", binaries: report":                         {"", "binaries of changes is not judged, and was report"},
		"reviewers: 2":                               {"reviewers: 1", "reviewers is 1, and was 2"},
		"self-review: off":                           {"self-review: on", "self-review is accepted, and was not"},
		"deploying-job: unread":                      {"deploying-job: any", "deploying-job is accepted, and was not"},
		"record: required":                           {"record: optional", "record is optional, and was required"},
		"{max-age: 7d}":                              {"{max-age: 30d}", "max-age of provenance is 30 days, and was 7 days"},
		"provenance: {max-age: 7d}":                  {"https://scan.example/result/v1: {max-age: 7d}", "provenance is not required any more"},
		"        refs: [refs/heads/main":             {"        ref-protection: none\n        refs: [refs/heads/main", `artifact "app": a ref that nothing protects is accepted`},
	} {
		old, now := read(t, long), read(t, replaced(t, long, from, to[0]))
		got := policy.Looser(old, now, "production")
		if len(got) != 1 || !strings.Contains(got[0], to[1]) {
			t.Errorf("%s: %q, want %q", to[0], got, to[1])
		}
		if got := policy.Looser(now, old, "production"); from != "      - {group: release, count: 2}" &&
			len(got) != 0 &&
			!strings.Contains(from, "provenance:") {
			t.Errorf("back to %s: %q, want nothing", from, got)
		}
	}
	at := func(files string) *policy.Policy {
		return read(t, replaced(t, required(t), "    record: required\n", "    record: required\n    deploying-job: {in: ["+files+"]}\n"))
	}
	one, two := at("acme/deploy/ci/one.yml@refs/heads/main"), at("acme/deploy/ci/one.yml@refs/heads/main, acme/deploy/ci/two.yml@refs/heads/main")
	for _, x := range []struct {
		old, now *policy.Policy
		want     string
	}{{one, two, "a deploying job in acme/deploy/ci/two.yml@refs/heads/main is accepted"}, {two, one, ""},
		{one, read(t, required(t)), "a deploying job in any file is accepted"}, {read(t, required(t)), one, ""}} {
		if got := strings.Join(policy.Looser(x.old, x.now, "production"), ", "); !strings.Contains(got, x.want) || x.want == "" && got != "" {
			t.Errorf("%q, want %q", got, x.want)
		}
	}
	plain := read(t, required(t))
	for asks, want := range map[string]string{"inputs: none": "any input of provenance", "caches: none": "caches of provenance is not asked any more",
		"builder: isolated": "builder of provenance is not asked any more", "content: unchecked": "unchecked content of provenance"} {
		other := read(t, replaced(t, required(t), "{max-age: 7d}", "{max-age: 7d, "+asks+"}"))
		got := policy.Looser(other, plain, "production")
		if asks == "content: unchecked" {
			got = policy.Looser(plain, other, "production")
		}
		if len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%s: %q, want %q", asks, got, want)
		}
	}
	strict := read(t, replaced(t, required(t), "{max-age: 7d}", "{max-age: 7d, caches: none}"))
	known := read(t, replaced(t, required(t), "{max-age: 7d}", "{max-age: 7d, caches: {none: true, known: [acme/build]}}"))
	if got := policy.Looser(strict, known, "production"); len(got) != 1 || !strings.Contains(got[0], "acme/build is known for caches of provenance") {
		t.Errorf("%q, want that one action more is known", got)
	}
	if got := policy.Looser(known, strict, "production"); len(got) != 0 {
		t.Errorf("%q, want nothing where less is known", got)
	}
	if got := policy.Looser(plain, read(t, long), "production"); !slices.Equal(
		got,
		[]string{"rejection-max-age is 2 days, and was 7 days", "break-glass is there, and was not", "deploying-job is accepted, and was not"},
	) {
		t.Errorf("%q, want that break-glass is new and a rejection ends earlier", got)
	}
}
