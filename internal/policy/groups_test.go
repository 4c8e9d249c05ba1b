package policy_test

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// Parts of the second policy, each of which is there once.
const (
	rule    = "      - {group: release, count: 2}"
	before  = "    approvals:\n"
	members = `["code:alice#1", "code:bob#2", "code:acme/leads#70", "email:dana@acme.example"]`
	issuer  = "    issuer: https://accounts.example\n"
	sources = "[signature, workflow, review]"
	branch  = "workflow: build/approve.yml, refs: [refs/heads/main]"
	danas   = `  dana: ["email:dana@acme.example", "code:dana#4"]`
)

// unasked are wrong in what they say about people, in a way that a schema sees.
var unasked = []wrong{
	{"empty list of approvals", rule, "      []"},
	{"approvals as a mapping", rule, "      {group: release}"},
	{"null approvals", rule, ""},
	{"a rule without a group", rule, "      - {count: 2}"},
	{"a rule as a text", rule, "      - release"},
	{"unknown key of a rule", rule, "      - {group: release, cuont: 2}"},
	{"count of nothing", "count: 2", "count: 0"},
	{"count below nothing", "count: 2", "count: -1"},
	{"count of half a person", "count: 2", "count: 1.5"},
	{"count of everybody", "count: 2", "count: all"},
	{"count of too many", "count: 2", "count: 51"},
	{"null count", "count: 2", "count: "},
	{"count as a list", "count: 2", "count: [2]"},
	{"count with a sign", "count: 2", `count: "+2"`},
	{"a veto that is neither", "count: 2", "veto: maybe"},
	{"a veto as a text", "count: 2", `veto: "true"`},
	{"a veto with a count", "count: 2", "count: 2, veto: true"},
	{"an age of approvals without a unit", before, "    approval-max-age: 24\n" + before},
	{"an age of rejections without a unit", before, "    rejection-max-age: 7\n" + before},
	{"an age of approvals of nothing", before, "    approval-max-age: 0h\n" + before},
	{"null age of approvals", before, "    approval-max-age:\n" + before},
	{"separate as a text", before, "    separate: \"yes\"\n" + before},
	{"null separate", before, "    separate:\n" + before},
	{"a short baseline", before, "    baseline: abcdef\n" + before},
	{"a branch as baseline", before, "    baseline: main\n" + before},
	{"deployed by nobody", before, "    deployed-by: []\n" + before},
	{"deployed by a text", before, "    deployed-by: deploy.yml\n" + before},
	{"deployed by a path that climbs", before, "    deployed-by: [/deploy.yml]\n" + before},
	{"an unknown protection", before, "    protection: none\n" + before},
	{"a protection that asks for nothing", before, "    protection: {}\n" + before},
	{"an unknown key of protection", before, "    protection: {reviewer: 2}\n" + before},
	{"a protection by no reviewers", before, "    protection: {reviewers: 0}\n" + before},
	{"a self-review that is neither", before, "    protection: {self-review: maybe}\n" + before},
	{"a policy of a pattern of branches", before, "    policy-ref: release-*\n" + before},
	{"a policy of a ref", before, "    policy-ref: refs/heads/main\n" + before},
	{"H14 an unknown role", before, "    pipeline-variables: reporter\n" + before},
	{"H14 no role", before, "    pipeline-variables:\n" + before},
	{"G08 a misspelled bypass", before, "    admin-bypass: acepted\n" + before},
	{"G04 a deploying job that is looked at a little", before, "    deploying-job: some\n" + before},
	{"G04 a deploying job in a file without a ref", before, "    deploying-job: {in: [acme/deploy/ci/deploy.yml]}\n" + before},
	{"G04 a deploying job in no file", before, "    deploying-job: {in: []}\n" + before},
	{"G08 a bypass as a flag", before, "    admin-bypass: true\n" + before},
	{"protection by vetoes alone", before + rule, "    protection: approvals\n" + before + "      - {group: release, veto: true}"},
	{"protection by approvals without any", before + rule, "    protection: approvals"},
	{"I12 break-glass without a group", before, "    break-glass: {count: 2}\n" + before},
	{"I12 break-glass of one", before, "    break-glass: {group: release, count: 1}\n" + before},
	{"I15 waivers without a group", before, "    waivers: {count: 2}\n" + before},
	{"I15 waivers of one", before, "    waivers: {group: release, count: 1}\n" + before},
	{"I15 waivers as a flag", before, "    waivers: true\n" + before},
	{"I15 null waivers", before, "    waivers:\n" + before},
	{"unknown key of waivers", before, "    waivers: {group: release, max-age: 1h}\n" + before},
	{"I12 break-glass as a flag", before, "    break-glass: true\n" + before},
	{"I12 null break-glass", before, "    break-glass:\n" + before},
	{"I12 break-glass of any age", before, "    break-glass: {group: release, max-age: never}\n" + before},
	{"unknown key of break-glass", before, "    break-glass: {group: release, veto: true}\n" + before},
	{"an age of rejections without approvals", before + rule, "    rejection-max-age: 1h"},
	{"an age of approvals without approvals", before + rule, "    approval-max-age: 1h"},
	{"separate without approvals", before + rule, "    separate: true"},
	{"forks without approvals", before + rule, "    forks: owner"},
	{"I03 a misspelt word for forks", before, "    forks: owners\n" + before},
	{"I03 forks as a flag", before, "    forks: true\n" + before},
	{"D15 a veto of a change of the policy", before, "    policy-change: {group: release, veto: true}\n" + before},
	{"D15 policy-change as a list", before, "    policy-change: [{group: release}]\n" + before},
	{"D15 policy-change without a group", before, "    policy-change: {count: 2}\n" + before},
	{"F10 changes of nothing", before, "    changes: {}\n" + before},
	{"F10 null changes", before, "    changes:\n" + before},
	{"F10 changes as a word", before, "    changes: deny\n" + before},
	{"F10 changes of something that there is not", before, "    changes: {install-script: deny}\n" + before},
	{"F10 a misspelt word for changes", before, "    changes: {install-scripts: approved}\n" + before},
	{"F10 no word for changes", before, "    changes: {install-scripts: }\n" + before},
	{"G11 a misspelt record", before, "    record: require\n" + before},
	{"G11 record as a flag", before, "    record: true\n" + before},
	{"G11 an empty record", before, "    record:\n" + before},
	{"G11 a record without a mode", before, "    record: {since: \"2026-11-27T09:00:00Z\"}\n" + before},
	{"G11 a record since a day", before, "    record: {mode: required, since: \"yesterday\"}\n" + before},
	{"G11 since without a record", before, "    record: {mode: off, since: \"2026-11-27T09:00:00Z\"}\n" + before},
	{"waivers without approvals", before + rule, "    waivers: {group: release}"},
	{"break-glass without approvals", before + rule, "    break-glass: {group: release}"},
	{"unknown key of a group", issuer, issuer + "    exclude: [author]\n"},
	{"a group without members", "    members: " + members + "\n", ""},
	{"a group of nobody", members, "[]"},
	{"members as a text", members, "code:alice#1"},
	{"an empty member", members, `[""]`},
	{"a null member", members, "[null]"},
	{"a member of no platform", members, `["alice#1", "code:bob#2"]`},
	{"I09 a member without a number", members, `["code:alice", "code:bob#2"]`},
	{"I09 a team without a number", members, `["code:acme/leads"]`},
	{"a member with a number of nothing", members, `["code:alice#0", "code:bob#2"]`},
	{"a member with a text as number", members, `["code:alice#x", "code:bob#2"]`},
	{"a member without a name", members, `["code:#1", "code:bob#2"]`},
	{"a member with a blank", members, `["code:al ice#1", "code:bob#2"]`},
	{"a member that is a pattern", members, `["code:*#1", "code:bob#2"]`},
	{"a team with an empty part", members, `["code:acme//leads#70"]`},
	{"an address that is none", members, `["email:dana", "code:bob#2", "code:alice#1"]`},
	{"an address with a name", members, `["email:Dana <dana@acme.example>", "code:bob#2", "code:alice#1"]`},
	{"two addresses in one", members, `["email:dana@acme.example,bob@acme.example", "code:bob#2", "code:alice#1"]`},
	{"everybody of a domain", members, `["email:@acme.example", "code:bob#2", "code:alice#1"]`},
	{"I09 a member a second time", members, `["code:alice#1", "code:bob#2", "code:alice#1"]`},
	{"an address without an issuer", issuer, ""},
	{"an issuer that is no address", issuer, "    issuer: accounts.example\n"},
	{"an issuer that is a pattern", issuer, "    issuer: https://*.example\n"},
	{"I09 inherited as a text", issuer, issuer + "    inherited: \"yes\"\n"},
	{"I09 null inherited", issuer, issuer + "    inherited:\n"},
	{"empty excludes", issuer, issuer + "    excludes: []\n"},
	{"null excludes", issuer, issuer + "    excludes:\n"},
	{"excludes nobody", issuer, issuer + "    excludes: [none]\n"},
	{"a misspelled role", issuer, issuer + "    excludes: [auther, merger]\n"},
	{"empty sources", sources, "[]"},
	{"a misspelled source", sources, "[signature, workflows]"},
	{"sources as a text", sources, "review"},
	{"a group under a trust without a pin", issuer, issuer + "    trust: {root: root.json}\n"},
	{"a group as a list", "  security:\n    members: [\"code:alice#1\", \"code:sam#7\"]\n    sources: [workflow, review]\n", "  security: [\"code:sam#7\"]\n"},
	{"a null group", "  security:\n    members: [\"code:alice#1\", \"code:sam#7\"]\n    sources: [workflow, review]\n", "  security:\n"},
	{"padded name of a group", "  security:\n", "  \"security \":\n"},
	{"a person without an identity", danas, "  dana: []"},
	{"a null person", danas, "  dana:"},
	{"a person as a text", danas, "  dana: email:dana@acme.example"},
	{"I04 a team as a person", danas, danas + "\n  leads: [\"code:acme/leads#70\"]"},
	{"I04 a role as a person", danas, danas + "\n  admins: [\"code:@admin\"]"},
	{"a person's account without a number", danas, danas + "\n  eve: [\"code:eve\"]"},
	{"an empty list of agents", "people:\n", "agents: []\npeople:\n"},
	{"an agent that is nothing", "people:\n", "agents: [renovate]\npeople:\n"},
	{"an agent's address that is none", "people:\n", "agents: [\"email:bot\"]\npeople:\n"},
	{"I04 every address as an agent", "people:\n", "agents: [\"email:*\"]\npeople:\n"},
	{"I04 a pattern with two stars", "people:\n", "agents: [\"email:*bot*@acme.example\"]\npeople:\n"},
	{"I04 a pattern of domains", "people:\n", "agents: [\"email:bot@*.example\"]\npeople:\n"},
	{"I04 a pattern under a domain without a dot", "people:\n", "agents: [\"email:*@localhost\"]\npeople:\n"},
	{"agents as a text", "people:\n", "agents: known\npeople:\n"},
	{"agents as an empty mapping", "people:\n", "agents: {}\npeople:\n"},
	{"agents that are only not known", "people:\n", "agents: {known: false}\npeople:\n"},
	{"null known", "people:\n", "agents: {known:}\npeople:\n"},
	{"known as a text", "people:\n", "agents: {known: \"yes\"}\npeople:\n"},
	{"also as an empty list", "people:\n", "agents: {known: true, also: []}\npeople:\n"},
	{"unknown key of agents", "people:\n", "agents: {knwon: true, also: [\"code:bot#5\"]}\npeople:\n"},
	{"I04 a pattern as a person", danas, danas + "\n  eve: [\"email:*@acme.example\"]"},
	{"I04 a pattern as a member", members, `["email:*@acme.example", "code:bob#2", "code:alice#1"]`},
	{"I05 a team as an agent", "people:\n", "agents: [\"code:acme/bots#9\"]\npeople:\n"},
	{"an empty list of approve-in", "approve-in:\n  - {issuer: https://ci.example, repository: acme/app, repository-id: 1001, " + branch + "}", "approve-in: []"},
	{"approve-in without a number", "repository: acme/app, repository-id: 1001, workflow: build/approve.yml", "repository: acme/app, workflow: build/approve.yml"},
	{"approve-in on a tag", branch, `workflow: build/approve.yml, refs: [refs/heads/main, "refs/tags/v*"]`},
	{"unknown key of approve-in", branch, branch + ", event: manual"},
	{"branch as a ref with a pattern", branch, branch + `, branch: "refs/heads/release/*"`},
	{"jobs as a text", "{max-age: 7d}", "{max-age: 7d, jobs: build}"},
	{"empty jobs", "{max-age: 7d}", "{max-age: 7d, jobs: []}"},
	{"an empty job", "{max-age: 7d}", `{max-age: 7d, jobs: [""]}`},
}

// unheard are wrong in what they say about people, in a way that no schema sees.
var unheard = []wrong{
	{"a group that is not there", rule, "      - {group: relaese, count: 2}"},
	{"a group that waives and is not there", before, "    waivers: {group: secruity}\n" + before},
	{"a group that waives and is too small", before, "    waivers: {group: security, count: 3}\n" + before},
	{"a group for emergencies that is not there", before, "    break-glass: {group: secruity}\n" + before},
	{"F10 changes without approvals", before + rule, "    changes: {install-scripts: approve}"},
	{"F10 changes that a veto is asked about", rule, "      - {group: release, veto: true}\n    changes: {install-scripts: approve}"},
	{"F10 changes that only reviews could approve", rule, "      - {group: page}\n    changes: {binaries: approve}"},
	{"F10 changes without a record", before, "    changes: {install-scripts: deny}\n    record: off\n" + before},
	{"a group asked twice", rule, rule + "\n      - {group: release}"},
	{"more than a group has", rule, rule + "\n      - {group: security, count: 3}"},
	{"I04 more than a group has people", rule, rule + "\n      - {group: pair, count: 2}"},
	{"count in another base", "count: 2", "count: 0x2"},
	{"a platform that nobody knows", members, `["cloud:alice#1", "code:acme/leads#70"]`},
	{"a role that is none", members, `["code:@amdin"]`},
	{"I09 inherited by nobody", issuer, issuer + "    inherited: true\n"},
	{"a trust that nobody knows for a group", issuer, issuer + "    trust: hause\n"},
	{"I05 approve-in of a push", branch, branch + ", events: [push]"},
	{"I05 approve-in of a push too", branch, branch + ", events: [manual, push]"},
	{"no way to approve", "    sources: [workflow, review]\napprove-in:\n  - {issuer: https://ci.example, repository: acme/app, repository-id: 1001, " + branch + "}\n", "    sources: [workflow]\n"},
	{"no way to approve on a platform", "    sources: [workflow, review]", "    sources: [signature]"},
	{"no way to sign with an address", sources, "[workflow, review]"},
	{"I04 an address of nobody", danas, `  dana: ["code:dana#4"]`},
	{"I04 one account of two people", danas, danas + "\n  eve: [\"code:eve-was-bob#2\"]"},
	{"I04 one address of two people", danas, danas + "\n  eve: [\"email:Bob@acme.example\"]"},
	{"I04 members of two platforms and no people", whole, ""},
	{"people without groups", whole, good + "people:\n  bob: [\"code:bob#2\"]\n"},
	{"agents without groups", whole, good + "agents: [\"code:bob#2\"]\n"},
	{"known agents without groups", whole, good + "agents: {known: true}\n"},
	{"I04 the private address of everybody", "people:\n", "agents: [\"email:*@users.noreply.code.example\"]\npeople:\n"},
	{"a member that two keys name", "    sources: [workflow, review]", "    sources: [workflow, review]\n    sources: [review]"},
}

// of are policies that differ from the second in one place.
func of(t testing.TB, all []wrong) []wrong {
	var out []wrong
	for _, x := range all {
		switch {
		case x.name == "I04 members of two platforms and no people":
			head, _, _ := strings.Cut(second, "people:")
			x.new = strings.Replace(head, `"code:sam#7"`, `"jobs:sam#7"`, 1)
			x.new = strings.Replace(strings.Replace(x.new, `, "email:dana@acme.example"`, "", 1), issuer, "", 1)
		case x.old != whole:
			x.new = replaced(t, second, x.old, x.new)
		}
		x.old = whole
		if strings.Contains(x.name, "more than a group has people") {
			x.new = strings.Replace(x.new, "  security:\n", "  pair:\n    members: [\"code:alice#1\", \"code:alice-admin#11\"]\n  security:\n", 1)
		}
		if strings.Contains(x.name, "only reviews could approve") {
			x.new = strings.Replace(x.new, "  security:\n", "  page:\n    members: [\"code:alice#1\"]\n    sources: [review]\n  security:\n", 1)
		}
		out = append(out, x)
	}
	return out
}

func TestD01_what_is_wrong_about_people_is_a_complaint_with_its_place(t *testing.T) {
	var b bytes.Buffer
	for _, x := range of(t, append(unasked, unheard...)) {
		said := complaints(t, x)
		if len(said) > 2000 {
			t.Errorf("%s: a complaint of %d bytes", x.name, len(said))
		}
		for _, l := range strings.Split(said, "\n") {
			if !strings.HasPrefix(l, "policy.yaml:") || strings.HasPrefix(l, "policy.yaml: ") {
				t.Errorf("%s: complaint = %q, want it with a line", x.name, l)
			}
		}
		fmt.Fprintf(&b, "-- %s\n%s\n", x.name, said)
	}
	asKept(t, "people.txt", b.Bytes())
}

func TestSchema_refuses_what_is_wrong_about_people_in_structure(t *testing.T) {
	s := policySchema(t)
	for _, x := range of(t, unasked) {
		if valid(t, s, x.text(t)) == nil {
			t.Errorf("%s: the schema takes it, want a refusal", x.name)
		}
	}
}

// heard are policies that differ from the second one and are good.
var heard = []wrong{
	{"the second", "version: 1", "version: 1"},
	{"everything about an environment", before, "    approval-max-age: 90m\n    rejection-max-age: 2d\n    separate: true\n    baseline: " + commit + "\n    deployed-by: [build/deploy.yml]\n    protection: approvals\n" +
		"    admin-bypass: accepted\n    break-glass: {group: release, count: 3, max-age: 30m}\n    waivers: {group: release, count: 4}\n" + before},
	{"where a server wants the job that waits", before, "    deploying-job: {in: [acme/deploy/ci/deploy.yml@refs/heads/main]}\n" + before},
	{"what a server wants of the job that waits", before, "    deploying-job: unread\n" + before},
	{"the usual, spelled out", before, "    deploying-job: gated\n    separate: false\n    protection: platform\n    admin-bypass: refused\n" + before},
	{"a rule that says no more than its group", "{group: release, count: 2}", "{group: release}"},
	{"changes", before, "    changes: {install-scripts: approve, build-scripts: report, binaries: deny, entry-points: report, dependencies: report, outside-dependencies: deny, sizes: report, not-read: report}\n" + before},
	{"changes that are only told", before + rule, "    changes: {install-scripts: report, binaries: deny}"},
	{"a veto", rule, rule + "\n      - {group: security, veto: true}"},
	{"no veto", rule, rule + "\n      - {group: security, veto: false}"},
	{"vetoes alone", rule, "      - {group: release, veto: true}"},
	{"a count as text", "count: 2", `count: "2"`},
	{"a role", members, `["code:@admin", "email:dana@acme.example"]`},
	{"a top-level group of a platform", members, `["code:acme/#5", "email:dana@acme.example"]`},
	{"excludes and trust", issuer, issuer + "    excludes: [author, committer]\n    trust: annex\n"},
	{"a group under a pinned root", issuer, issuer + "    trust: {root: people.json, sha256: " + hex + ", transparency: none}\n"},
	{"approve-in by hand", branch, branch + ", events: [manual]"},
	{"agents", "people:\n", "agents: [\"code:renovate[bot]#29139614\"]\npeople:\n"},
	{"addresses of agents", "people:\n", "agents: [\"email:bot@acme.example\", \"email:*@bots.example\", \"email:ci-*@acme.example\", \"email:*+ci@acme.example\"]\npeople:\n"},
	{"known agents", "people:\n", "agents: {known: true}\npeople:\n"},
	{"known agents and more", "people:\n", "agents:\n  known: true\n  also: [\"code:bot#5\", \"email:*@bots.example\"]\npeople:\n"},
	{"agents as a mapping without the list", "people:\n", "agents: {known: false, also: [\"code:bot#5\"]}\npeople:\n"},
	{"a branch", branch, branch + ", branch: release/1"},
	{"jobs", "{max-age: 7d}", "{max-age: 7d, jobs: [build, \"test (linux, amd64)\"]}\n      " + scanType + ": {jobs: [scan]}"},
	{"I09 inherited members", `"code:sam#7"]` + "\n    sources", `"jobs:acme/leads#7"]` + "\n    inherited: true\n    sources"},
	{"I09 direct members", `"code:sam#7"]` + "\n    sources", `"jobs:@owner"]` + "\n    inherited: false\n    sources"},
	{"I04 two platforms with people", `"code:sam#7"]` + "\n    sources", `"jobs:sam#7"]` + "\n    sources"},
}

func TestControl_good_policies_about_people_are_read_and_taken_by_the_schema(t *testing.T) {
	s := policySchema(t)
	for _, x := range of(t, heard) {
		p, err := policy.Read([]byte(x.text(t)), "policy.yaml", words)
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
			continue
		}
		sound(t, p)
		if err := valid(t, s, x.text(t)); err != nil {
			t.Errorf("%s: the schema: %v", x.name, err)
		}
	}
}

func TestGroups_are_read_as_they_are_written(t *testing.T) {
	p := read(t, of(t, heard)[1].new)
	const code = "https://code.example"
	want := policy.Group{Name: "release", Line: 20, Excludes: policy.Roles, Sources: []policy.Source{policy.BySignature, policy.ByWorkflow, policy.ByReview}, Members: []policy.Member{
		{Kind: policy.MemberUser, Host: code, Name: "alice", ID: "1"}, {Kind: policy.MemberUser, Host: code, Name: "bob", ID: "2"},
		{Kind: policy.MemberTeam, Host: code, Name: "acme/leads", ID: "70"}, {Kind: policy.MemberEmail, Host: "https://accounts.example", Name: "dana@acme.example", ID: "dana@acme.example"},
	}}
	got := p.Groups[0]
	for i := range got.Members {
		if got.Members[i].Line == 0 {
			t.Errorf("member %v has no line", got.Members[i])
		}
		got.Members[i].Line = 0
	}
	got.Line = want.Line
	if !reflect.DeepEqual(got, want) {
		t.Errorf("group = %+v, want %+v", got, want)
	}
	e := p.Environments[0]
	if e.MaxAge != 90*time.Minute || e.RejectionAge != 48*time.Hour || !e.Separate || e.Baseline != commit || !reflect.DeepEqual(e.DeployedBy, []string{"build/deploy.yml"}) || !e.Unguarded || !e.Bypassable {
		t.Errorf("environment = %+v, want what it says", e)
	}
	if b := e.Emergency; b == nil || b.Group != "release" || b.Count != 3 || b.MaxAge != 30*time.Minute {
		t.Errorf("break-glass = %+v, want three of release within 30 minutes", b)
	}
	if w := e.Waivers; w == nil || w.Group != "release" || w.Count != 4 || w.Line == 0 {
		t.Errorf("waivers = %+v, want four of release", w)
	}
	if e.Approvals[0] != (policy.Rule{Group: "release", Count: 2, Line: e.Approvals[0].Line}) || e.Approvals[0].Line == 0 {
		t.Errorf("rule = %+v, want two of release", e.Approvals[0])
	}
}

func TestI09_members_are_direct_unless_a_policy_says_inherited(t *testing.T) {
	text := replaced(t, second, `"code:alice#1", "code:sam#7"]`, `"jobs:acme/leads#7", "jobs:@owner", "jobs:sam#7"]`)
	for _, c := range []struct {
		key  string
		want policy.Reach
	}{{"", policy.Direct}, {"    inherited: false\n", policy.Direct}, {"    inherited: true\n", policy.Inherited}} {
		p := read(t, replaced(t, text, "    sources: [workflow, review]\n", c.key+"    sources: [workflow, review]\n"))
		for _, m := range p.Groups[1].Members {
			want := c.want
			if m.Kind == policy.MemberUser {
				want = ""
			}
			if m.Reach != want {
				t.Errorf("%q: the %s members of %s, want %s", c.key, m.Reach, m, want)
			}
		}
	}
	if leads := read(t, second).Groups[0].Members[2]; leads.Kind != policy.MemberTeam || leads.Reach != "" {
		t.Errorf("%+v, want a team of a platform that makes no such difference", leads)
	}
}

func TestGroups_are_strict_where_nothing_is_said(t *testing.T) {
	p := read(t, replaced(t, second, "    sources: [workflow, review]\n", ""))
	e, g := p.Environments[0], p.Groups[1]
	if e.MaxAge != policy.DefaultMaxAge || e.Separate || e.Unguarded || e.Bypassable || e.Emergency != nil {
		t.Errorf("environment = %+v, want a day, the platform's protection and no way by it", e)
	}
	if !reflect.DeepEqual(g.Excludes, policy.Roles) || !reflect.DeepEqual(g.Sources, []policy.Source{policy.BySignature, policy.ByWorkflow}) || g.Trust != nil {
		t.Errorf("group = %+v, want every role excluded and signatures alone", g)
	}
	if b := p.ApproveIn[0]; !reflect.DeepEqual(b.Events, []string{"manual"}) || b.Runner != "hosted" {
		t.Errorf("approve-in = %+v, want runs that a person starts, on the platform's runners", b)
	}
	p = read(t, replaced(t, second, before, "    break-glass: {group: release}\n"+before))
	if b := p.Environments[0].Emergency; b.Count != 2 || b.MaxAge != time.Hour {
		t.Errorf("break-glass = %+v, want two within an hour", b)
	}
}

func TestAsk_asks_what_the_policy_and_the_evidence_raise(t *testing.T) {
	s := setting(t, second, append(yes(alice, dana), ballot{by: mallory, sign: func(f *policy.Fact, _ *policy.Run) { f.Signer.RepositoryID = "666" }})...)
	in := s.input(t)
	in.Runs, in.Changes, in.Rosters = nil, nil, nil
	q, err := policy.Ask(in)
	if err != nil {
		t.Fatal(err)
	}
	const home = "https://code.example/acme/app"
	want := policy.Questions{
		policy.RefQuery{Repository: home, ID: "1001", Ref: "refs/heads/main"},
		policy.RunQuery{Repository: home, URI: approving(100).Run},
		policy.RunQuery{Repository: home, URI: signer().Run, Outcome: true},
		policy.ChangeQuery{Environment: "production", Repository: home, ID: "1001", Head: commit, Ref: "refs/heads/main",
			Workflows: []string{"build/release.yml"}, Refs: []string{"refs/heads/main", "refs/tags/v*"},
			Runs: []string{signer().Run}, Self: true},
		policy.RosterQuery{Member: leads},
		policy.ReviewsQuery{Environment: "production"},
	}
	if !reflect.DeepEqual(q, want) {
		t.Errorf("questions = %+v, want %+v", q, want)
	}
	in.Deciding = true
	if q, err = policy.Ask(in); err != nil || q.Changes()[0].Self {
		t.Errorf("changes = %+v, %v, want that who approves is not a maker for that", q.Changes(), err)
	}
}

func TestF13_jobs_of_one_requirement_do_not_stand_for_the_whole_run_of_another(t *testing.T) {
	for requires, want := range map[string][]string{
		"provenance: {jobs: [build]}":                                               {"build"},
		"provenance: {jobs: [build]}\n      " + scanType + ":":                      nil,
		"provenance:\n      " + scanType + ": {jobs: [scan]}":                       nil,
		"provenance: {jobs: [build, x]}\n      " + scanType + ": {jobs: [x, scan]}": {"build", "x", "scan"},
	} {
		s := setting(t, replaced(t, second, "provenance: {max-age: 7d}", requires))
		s.facts = append(s.facts, scan(t, now))
		q, err := policy.Ask(s.input(t))
		if err != nil || len(q.Runs()) != 1 || !reflect.DeepEqual(q.Runs()[0].Jobs, want) {
			t.Errorf("%s: runs = %+v, %v, want jobs %q", requires, q.Runs(), err, want)
		}
	}
}

func TestO04_evidence_of_endless_commits_asks_no_endless_questions(t *testing.T) {
	s := setting(t, second)
	for i := range 11 {
		x := signer()
		x.Commit = fmt.Sprintf("%040x", i)
		s.facts = append(s.facts, stated(t, x, provenance(x)))
	}
	if _, err := policy.Ask(s.input(t)); err == nil {
		t.Error("no error, want that this is too much")
	}
	s.facts = s.facts[:10]
	if _, err := policy.Ask(s.input(t)); err != nil {
		t.Errorf("ten commits: %v", err)
	}
}

// junk is what strangers can put beside good evidence.
func junk(t testing.TB, s scene, in policy.Input) []policy.Fact {
	set, r, d := s.set(t)
	set.Signer.RepositoryID = "666"
	stranger, _ := s.cast(t, 900, ballot{by: mallory}, r, d)
	signed, _ := s.cast(t, 901, ballot{by: mailbox("mallory@evil.example"), say: func(a *statement.Approval) { a.BreakGlass = true }}, r, d)
	refusal, _ := s.cast(t, 902, no(mallory), r, d)
	posing, _ := s.cast(t, 903, ballot{by: alice, sign: func(f *policy.Fact, _ *policy.Run) { f.Trust = "evil" }}, r, d)
	keyed := stranger
	keyed.Keyed, keyed.Signer = true, statement.Signer{}
	text := stranger
	text.Statement.Predicate = []byte(`{"decision":"approve"}`)
	none := stranger
	none.Statement.Subject = nil
	return append([]policy.Fact{set, stranger, signed, refusal, posing, keyed, text, none}, in.Candidates[0].Facts[0])
}

// Which entries count depends on refs, and where a change begins depends on runs.
func TestAsk_what_depends_on_an_answer_is_asked_after_it(t *testing.T) {
	in := setting(t, second, yes(alice, dana)...).input(t)
	q, err := policy.Ask(in)
	if err != nil {
		t.Fatal(err)
	}
	asked := map[policy.QuestionKey]bool{}
	var waves [][]policy.Topic
	for open := q.Open(asked); len(open) > 0; open = q.Open(asked) {
		var wave []policy.Topic
		for _, x := range open {
			asked[x.Key()] = true
			wave = append(wave, x.Key().Topic)
		}
		waves = append(waves, slices.Compact(wave))
	}
	want := [][]policy.Topic{{policy.AboutRef}, {policy.AboutRun},
		{policy.AboutChange, policy.AboutMember, policy.AboutReviews}}
	if !reflect.DeepEqual(waves, want) {
		t.Errorf("waves = %v, want %v", waves, want)
	}
}

// Members of one name on two platforms, or with another reach, are asked about apart.
func TestAPI_members_of_one_name_are_asked_about_apart(t *testing.T) {
	one := policy.Member{Kind: policy.MemberTeam, Host: "https://code.example", ID: "170", Name: "acme/leads"}
	elsewhere, above, role := one, one, one
	elsewhere.Host, above.Reach, role.Kind = "https://jobs.example", policy.Inherited, policy.MemberRole
	for name, m := range map[string]policy.Member{"another platform": elsewhere, "another reach": above, "another kind": role} {
		if (policy.RosterQuery{Member: m}).Key() == (policy.RosterQuery{Member: one}).Key() {
			t.Errorf("%s: one question, want two", name)
		}
	}
	lined := one
	lined.Line = 9
	if (policy.RosterQuery{Member: lined}).Key() != (policy.RosterQuery{Member: one}).Key() {
		t.Error("a member on two lines is two questions, want one")
	}
}
