package cli

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	places "github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// somewhere is a platform that says how visible the repository is.
type somewhere struct {
	platform
	visibility string
}

func (s somewhere) Visibility(string) string { return s.visibility }
func (somewhere) storeName() string          { return "code" }
func (somewhere) instance(bool) string       { return "github" }

// asked is a proposal that alice and bob of group release are asked about.
func asked() proposal {
	host := "https://code.example"
	member := func(id, name string) policy.Member {
		return policy.Member{Kind: policy.MemberUser, Host: host, ID: id, Name: name}
	}
	p := &policy.Policy{
		Environments: []policy.Environment{{Name: "production", Approvals: []policy.Rule{{Group: "release", Count: 1}}, MaxAge: time.Hour}},
		Groups:       []policy.Group{{Name: "release", Members: []policy.Member{member("1", "alice"), member("2", "bob")}, Excludes: policy.Roles, Sources: []policy.Source{policy.ByWorkflow}}},
		Artifacts:    []policy.Artifact{{Name: "app", Subject: []string{"app"}, BuiltBy: []policy.Builder{{Forge: policy.Forge{Host: host, Compare: "/compare/"}, Repository: "acme/app"}}}},
	}
	return proposal{inputs: []policy.Input{{Policy: p, Environment: "production", Candidates: []policy.Candidate{{Subject: subject.Subject{Name: "app"}}},
		Changes: []policy.Change{{Repository: host + "/acme/app"}}}}}
}

func TestApprovers_are_a_digest_where_others_could_read_the_list(t *testing.T) {
	for name, c := range map[string]struct {
		visibility, store, sigstore string
		image, terminal, list       bool
	}{
		"a private repository":          {visibility: "private", store: "auto", sigstore: "github", list: true},
		"… whose store is a folder":     {visibility: "private", store: "dir:x", sigstore: "github", list: true},
		"… whose store is the platform": {visibility: "private", store: "code", sigstore: "auto", list: true},
		"… whose store is a registry":   {visibility: "private", store: "oci", sigstore: "github"},
		"… of an image":                 {visibility: "private", store: "auto", sigstore: "github", image: true},
		"… whose log is public":         {visibility: "private", store: "auto", sigstore: "public-good"},
		"a public repository":           {visibility: "public", store: "auto", sigstore: "github"},
		"an internal repository":        {visibility: "internal", store: "auto", sigstore: "github"},
		"nobody says":                   {store: "auto", sigstore: "github"},
		"at a terminal":                 {terminal: true, store: "auto", sigstore: "github"},
	} {
		r := &run{platform: somewhere{visibility: c.visibility}, in: shared{Store: []string{c.store}, Sigstore: c.sigstore, Audience: publicAudience}}
		if c.terminal {
			r.platform = nil
		}
		x := asked()
		if c.image {
			x.chosen.oci = &places.OCI{}
		}
		all, err := r.approvers(&x, "")
		if err != nil || len(all) != 1 || all[0].Environment != "production" || all[0].May != 2 {
			t.Fatalf("%s: approvers = %+v, %v, want two of production", name, all, err)
		}
		a := all[0]
		if (len(a.List) == 2) != c.list || (a.Salt == "") != c.list || (a.SHA256 == "") != c.list || (len(x.lists) == 0) != c.list {
			t.Errorf("%s: approvers = %+v beside %q, want the list: %v", name, a, x.lists, c.list)
		}
		if c.list {
			continue
		}
		salt, err := hex.DecodeString(a.Salt)
		if err != nil || len(salt) != 16 || subject.Sum(append(salt, x.lists[0]...)).Hex() != a.SHA256 {
			t.Errorf("%s: %q is not what %s is the digest of, %v", name, x.lists[0], a.SHA256, err)
		}
		var list []statement.Approver
		if err := json.Unmarshal([]byte(x.lists[0]), &list); err != nil || len(list) != 2 || list[0].ID != "1" {
			t.Errorf("%s: list = %+v, %v, want alice and bob by number", name, list, err)
		}
	}
}

func TestShown_accounts_are_told_from_names_that_were_only_typed(t *testing.T) {
	host := "https://code.example"
	alice := policy.Account{Host: host, ID: "1", Name: "alice", Kind: policy.Human}
	c := policy.Change{Repository: host + "/acme/app", Base: "aaaa", Head: "bbbb", Makers: []policy.Maker{
		{Email: "dana@acme.example", Role: policy.CoAuthor, Where: "commit 1"}, {Account: alice, Email: "a@acme.example", Role: policy.Author, Where: "commit 1"},
		{Account: alice, Email: "a@acme.example", Role: policy.Author, Where: "commit 2"}, {Account: alice, Role: policy.Merger, Where: "request 3"},
		{Role: policy.Pusher, Where: "commit 2"}, {Email: "Dana@acme.example", Role: policy.CoAuthor, Where: "commit 2"},
	}}
	for i := range 2 * shownRequests {
		c.Requests = append(c.Requests, policy.Request{Number: int64(i), Title: "work", URL: host + "/r"})
	}
	var b strings.Builder
	showRequests(&b, c)
	showMakers(&b, c)
	for _, want := range []string{
		"  requests     20\n", "    0  work\n        https://code.example/r\n", "    and 10 more requests, which --format json shows\n",
		"  makers       1\n    alice wrote commit 1, merged request 3 and 1 more\n", "  only typed   1\n    dana@acme.example co-wrote commit 1 and 1 more\n", "  not named    1\n    somebody unknown pushed commit 2\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("shown:\n%swant %q", b.String(), want)
		}
	}
	p := asked().inputs[0].Policy
	if got := compared(p, c); got != "https://code.example/acme/app/compare/aaaa...bbbb" {
		t.Errorf("compare link = %q", got)
	}
	c.Base = ""
	if got := compared(p, c); got != "" {
		t.Errorf("without a base: compare link = %q, want none", got)
	}
}

// Forty artifacts and two hundred commits do not push what matters off the screen.
func TestShown_a_large_release_stays_readable(t *testing.T) {
	x := asked()
	for range 40 {
		x.chosen.list = append(x.chosen.list, subject.Subject{Name: "dist/x"})
	}
	for range 200 {
		x.inputs[0].Changes[0].Commits = append(x.inputs[0].Changes[0].Commits, policy.Commit{ID: strings.Repeat("a", 40), Title: "work", Author: "mia"})
		x.inputs[0].Changes[0].Makers = append(x.inputs[0].Changes[0].Makers, policy.Maker{Email: strings.Repeat("b", len(x.inputs[0].Changes[0].Makers)) + "@x.example", Role: policy.CoAuthor, Where: "commit 1"})
	}
	x.counts = []time.Time{x.expires}
	var b strings.Builder
	r := &run{Command: Command{Stdout: &b}}
	if err := r.showProposal(x); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if len(lines) > 160 || !slices.ContainsFunc(lines, func(l string) bool { return l == "  and 30 more artifacts, which --format json shows" }) ||
		!slices.ContainsFunc(lines, func(l string) bool { return l == "    and 180 more commits, which --format json shows" }) {
		t.Errorf("%d lines, want at most 160 and what is left out:\n%s", len(lines), b.String())
	}
	b.Reset()
	r.in.Format = "json"
	if err := r.showProposal(x); err != nil || strings.Count(b.String(), `"dist/x"`) != 40 || strings.Count(b.String(), `"title": "work"`) != 200 {
		t.Errorf("as JSON, %v: not all of it:\n%.2000s", err, b.String())
	}
}

func TestDoctor_names_the_way_that_a_waiver_is_where_enough_may_give_it(t *testing.T) {
	w := policy.Waivable{Claim: statement.Claim{Role: "co-author", Commit: strings.Repeat("4f", 20), Email: "dana@acme.example"}, By: []string{"bob", "carol"}, Need: 2}
	if got := freed([]policy.Waivable{w}); !strings.Contains(got, "2 of these can waive what commit 4f4f4f4f4f4f claims of dana@acme.example (co-author), once there is a release: bob, carol") {
		t.Errorf("hint = %q, want who can waive what", got)
	}
	w.Need = 3
	if got := freed([]policy.Waivable{w}); got != "" {
		t.Errorf("hint = %q, want none where too few may", got)
	}
}

func TestI15_what_cannot_be_waived_is_told_with_what_is_missing(t *testing.T) {
	commit := strings.Repeat("4f2a91c0", 5)
	r, told := &run{}, approveInputs{Waive: "co-author:" + commit + ":bob"}
	x := asked()
	x.told = told
	if err := r.claimed(&x); fault.Of(err).Code != fault.Duties || !strings.Contains(err.Error(), "the policy lets nobody waive a role") {
		t.Errorf("without waivers in the policy: %v, want that it lets nobody", err)
	}
	x = asked()
	x.told = told
	x.inputs[0].Policy.Environments[0].Waivers = &policy.Waivers{Group: "release", Count: 2}
	x.counts = []time.Time{{}}
	if err := r.claimed(&x); fault.Of(err).Code != fault.Duties || !strings.Contains(err.Error(), "no commit that release") {
		t.Errorf("without such a claim: %v, want that no commit claims it", err)
	}
}
