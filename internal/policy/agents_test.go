package policy_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// naming is the second policy with a value of agents.
func naming(t testing.TB, agents string) string {
	return replaced(t, second, "people:\n", "agents: "+agents+"\npeople:\n")
}

// on is an account of the platform whose machines the list of this program has.
func on(number, login string, k policy.Kind) policy.Account {
	return policy.Account{Host: "https://github.com", ID: number, Name: login, Kind: k}
}

// finding returns the finding of a requirement, or nothing.
func finding(v verdict.Verdict, requirement string) verdict.Finding {
	for _, f := range v.Judgements[0].Findings {
		if f.Requirement == requirement {
			return f
		}
	}
	return verdict.Finding{}
}

var trailers = []string{"noreply@anthropic.com", "223556219+Copilot@users.noreply.github.com", "codex@openai.com", "cursoragent@cursor.com", "amp@ampcode.com"}

func TestI04_five_agents_trailers_and_two_people_are_two_of_two(t *testing.T) {
	crew := func(agents string) scene {
		s := setting(t, naming(t, agents), yes(alice, bob)...)
		for _, e := range trailers {
			s.change.Makers = append(s.change.Makers, policy.Maker{Email: e, Role: policy.CoAuthor, Where: "commit 4f2a91c"}, policy.Maker{Email: strings.ToUpper(e), Role: policy.CoAuthor, Where: "commit 9f2c1e7"})
		}
		return s
	}
	v := crew("{known: true}").judge(t)
	wantAllowed(t, v)
	if f := finding(v, "approvals release"); f.Reason != "2 of 2: alice, bob; none of them made the change" {
		t.Errorf("reason = %q, want 2 of 2", f.Reason)
	}
	f := finding(v, "agents")
	if want := fmt.Sprintf("not counted as makers: 10 claimed co-authors of the known list, version %d", policy.KnownAgents().Version); f.Reason != want || f.Line != 29 || !strings.Contains(f.Found, "amp@ampcode.com, codex@openai.com") {
		t.Errorf("finding = %+v, want %q with their names", f, want)
	}
	if f := wantWaiting(t, crew(`["code:bot#5"]`).judge(t)); f.Reason != "2 of 7 approvals of group release" {
		t.Errorf("reason = %q, want 2 of 7 without the list", f.Reason)
	}
	if f := finding(setting(t, naming(t, "{known: true}"), yes(alice, bob)...).judge(t), "agents"); f.Reason != "" {
		t.Errorf("finding = %+v, want none where nobody was left out", f)
	}
}

func TestI04_an_address_removes_a_claimed_role_and_no_other(t *testing.T) {
	for _, agents := range []string{`["email:bot@bots.example"]`, `["email:*@bots.example"]`, `["email:b*t@bots.example"]`, `{known: true, also: ["email:Bot@BOTS.example"]}`} {
		for _, role := range policy.Roles {
			m := policy.Maker{Email: "bot@bots.example", Role: role, Where: "commit 4f2a91c"}
			v := made(t, naming(t, agents), m, yes(alice, bob)...).judge(t)
			if slices.Contains([]policy.Role{policy.Author, policy.Committer, policy.CoAuthor}, role) {
				wantAllowed(t, v)
				if f, want := finding(v, "agents"), "not counted as makers: 1 claimed "+string(role)+" of the policy's agents"; f.Reason != want {
					t.Errorf("%s, %s: %q, want %q", agents, role, f.Reason, want)
				}
			} else {
				wantWaiting(t, v)
			}
			m.Account = policy.Account{Host: "https://code.example", ID: "501", Name: "eve", Kind: policy.Unseen}
			wantWaiting(t, made(t, naming(t, agents), m, yes(alice, bob)...).judge(t)) // it has an account
		}
	}
	for _, role := range policy.Roles {
		v := made(t, naming(t, "{known: true}"), policy.Maker{Email: "noreply@anthropic.com", Role: role, Where: "commit 4f2a91c"}, yes(alice, bob)...).judge(t)
		if got, want := v.Outcome() == verdict.Allow, slices.Contains([]policy.Role{policy.Author, policy.Committer, policy.CoAuthor}, role); got != want {
			t.Errorf("%s: an address of the list, allowed = %v, want %v", role, got, want)
		}
	}
}

func TestI04_what_a_pattern_of_addresses_means(t *testing.T) {
	for _, c := range []struct {
		pattern, email string
		fits           bool
	}{
		{"*@bots.example", "renovate@bots.example", true}, {"*@bots.example", "Renovate@Bots.Example", true},
		{"ci-*@acme.example", "ci-7@acme.example", true}, {"ci-*@acme.example", "ci-@acme.example", true}, {"*+ci@acme.example", "x+ci@acme.example", true},
		{"*@bots.example", "renovate@evil.bots.example", false}, {"*@bots.example", "renovate@bots.example.evil.example", false}, {"*@bots.example", "@bots.example", false},
		{"*@bots.example", "mallory@evil.example, x@bots.example", false}, {"*@bots.example", "mallory@evil.example <x@bots.example", false}, {"*@bots.example", "", false},
		{"ci-*@acme.example", "xci-7@acme.example", false}, {"a*a@acme.example", "a@acme.example", false}, {"bot@acme.example", "robot@acme.example", false},
	} {
		v := made(t, naming(t, `["email:`+c.pattern+`"]`), policy.Maker{Email: c.email, Role: policy.Author, Where: "commit 4f2a91c"}, yes(alice, bob)...).judge(t)
		if got := v.Outcome() == verdict.Allow; got != c.fits {
			t.Errorf("%s and %q: allowed = %v, want %v", c.pattern, c.email, got, c.fits)
		}
	}
}

// An address under people is that person's, whatever pattern or list has it too.
func TestI04_a_person_wins_over_a_pattern(t *testing.T) {
	text := naming(t, `{known: true, also: ["email:*@acme.example"]}`)
	for _, who := range []struct {
		email string
		by    policy.Account
	}{{"alice@acme.example", alice}, {"dana@acme.example", dana}} {
		m := policy.Maker{Email: who.email, Role: policy.CoAuthor, Where: "commit 4f2a91c"}
		v := made(t, text, m, yes(bob, carol)...).judge(t)
		wantAllowed(t, v)
		if f := finding(v, "agents"); f.Reason != "" {
			t.Errorf("%s: %q, want that it is a person's", who.email, f.Reason)
		}
		f := wantWaiting(t, made(t, text, m, yes(who.by, carol)...).judge(t))
		if f.Reason != "1 of 2 approvals of group release" {
			t.Errorf("%s: %q, want that they made it", who.email, f.Reason)
		}
	}
	wantAllowed(t, setting(t, text, yes(dana, bob)...).judge(t)) // nor is their yes a machine's
	shipped := replaced(t, text, `"email:bob@acme.example"`, `"email:noreply@anthropic.com"`)
	wantWaiting(t, made(t, shipped, policy.Maker{Email: "noreply@anthropic.com", Role: policy.Author, Where: "commit 4f2a91c"}, yes(alice, bob)...).judge(t))
}

func TestI05_an_agents_address_approves_nothing(t *testing.T) {
	text := replaced(t, second, "  dana: [\"email:dana@acme.example\"", "  bot: [\"email:bot@bots.example\"]\n  dana: [\"email:dana@acme.example\"")
	text = replaced(t, text, `"code:bob#2", "code:acme/leads#70", "email:dana`, `"code:bob#2", "email:bot@bots.example", "code:acme/leads#70", "email:dana`)
	wantAllowed(t, setting(t, text, yes(alice, mailbox("bot@bots.example"))...).judge(t))
	exact := replaced(t, text, "people:\n", "agents: [\"email:BOT@bots.example\"]\npeople:\n")
	f := wantWaiting(t, setting(t, exact, yes(alice, mailbox("bot@bots.example"))...).judge(t))
	if slices.Contains(f.Eligible, "bot@bots.example") || !slices.ContainsFunc(f.People, func(p verdict.Person) bool {
		return p.Name == "bot@bots.example" && !p.Counted && p.Reason == "is marked as an agent, and only people count"
	}) {
		t.Errorf("finding = %+v, want that the agent's yes does not count", f)
	}
	// Without people, an issuer's word for an address of the list or of a pattern is no person's.
	head, _, _ := strings.Cut(replaced(t, second, `, "email:dana@acme.example"]`+"\n    issuer: https://accounts.example", "]"), "people:")
	p := read(t, head+"agents: {known: true, also: [\"email:*@bots.example\"]}\n")
	for i, e := range []string{"bot@bots.example", "noreply@anthropic.com", "eve@acme.example"} {
		s := setting(t, second, yes(alice, mailbox(e))...)
		s.policy = p
		s.policy.Groups[0].Members = append(s.policy.Groups[0].Members, policy.Member{Kind: policy.MemberEmail, Host: "https://accounts.example", ID: e, Name: e})
		if got, want := s.judge(t).Outcome() == verdict.Allow, i == 2; got != want {
			t.Errorf("%s: allowed = %v, want %v", e, got, want)
		}
	}
}

func TestI04_a_coding_agent_that_pushed_stays_one_maker(t *testing.T) {
	text := naming(t, "{known: true}")
	for _, role := range policy.Roles {
		for _, k := range []policy.Kind{policy.Machine, policy.Unseen, policy.Human, policy.KindUnknown} {
			v := made(t, text, policy.Maker{Account: on("198982749", "Copilot", k), Role: role, Where: "commit 4f2a91c"}, yes(alice, bob)...).judge(t)
			if slices.Contains([]policy.Role{policy.Author, policy.Committer, policy.CoAuthor}, role) {
				wantAllowed(t, v)
				continue
			}
			f := wantWaiting(t, v)
			if want := "Copilot " + did[role] + " commit 4f2a91c and is a coding agent, which acts for somebody"; f.Found != want || strings.Contains(f.Hint, "agents:") {
				t.Errorf("%s: found %q, hint %q; want %q, and no line to add", role, f.Found, f.Hint, want)
			}
			wantAllowed(t, made(t, text, policy.Maker{Account: on("49699333", "dependabot[bot]", k), Role: role, Where: "commit 4f2a91c"}, yes(alice, bob)...).judge(t))
			wantAllowed(t, made(t, text, policy.Maker{Account: on("118344674", "github-merge-queue[bot]", k), Role: role, Where: "commit 4f2a91c"}, yes(alice, bob)...).judge(t))
			mergify := made(t, text, policy.Maker{Account: on("37929162", "mergify[bot]", k), Role: role, Where: "commit 4f2a91c"}, yes(alice, bob)...).judge(t)
			if role == policy.Merger {
				wantAllowed(t, mergify)
			} else {
				wantWaiting(t, mergify) // anybody may ask it for a copy of their commit
			}
		}
		// The number alone is nothing: not of another host, and not a name.
		for _, a := range []policy.Account{{Host: "https://github.example", ID: "49699333", Name: "dependabot[bot]", Kind: policy.Machine}, on("5", "dependabot[bot]", policy.Machine)} {
			wantWaiting(t, made(t, text, policy.Maker{Account: a, Role: role, Where: "commit 4f2a91c"}, yes(alice, bob)...).judge(t))
		}
	}
	off := made(t, second, policy.Maker{Account: on("49699333", "dependabot[bot]", policy.Machine), Role: policy.Pusher, Where: "commit 4f2a91c"}, yes(alice, bob)...)
	wantWaiting(t, off.judge(t)) // the list is opt-in
}

// A maker that nobody knows raises the count, and the next step says which line
// of the policy names it.
func TestI04_the_next_step_is_the_line_that_names_a_machine(t *testing.T) {
	robot := policy.Account{Host: "https://code.example", ID: "500", Name: "runner[bot]", Kind: policy.Machine}
	at := func(r policy.Role, a policy.Account, e string) policy.Maker {
		return policy.Maker{Account: a, Email: e, Role: r, Where: "commit 4f2a91c"}
	}
	none := policy.Account{}
	for name, c := range map[string]struct {
		agents string
		makers []policy.Maker
		want   string
		not    string
	}{
		"a machine":              {"", []policy.Maker{at(policy.Pusher, robot, "")}, `if it acts for nobody, write agents: ["code:runner[bot]#500"]; if it belongs to a person, write people: {NAME: ["code:runner[bot]#500"]}; or ask`, "known"},
		"a machine of elsewhere": {"", []policy.Maker{at(policy.Pusher, policy.Account{Host: "https://git.example", ID: "7", Name: "bot", Kind: policy.Machine}, "")}, `agents: ["git.example:bot#7"]`, "known"},
		"a machine more":         {`["code:bot#5"]`, []policy.Maker{at(policy.Pusher, robot, "")}, `agents: ["code:bot#5", "code:runner[bot]#500"]`, "known"},
		"a machine beside the list": {`{known: true, also: ["code:bot#5"]}`, []policy.Maker{at(policy.Pusher, robot, "")},
			`agents: {known: true, also: ["code:bot#5", "code:runner[bot]#500"]}`, "acts for somebody"},
		"an address":     {"", []policy.Maker{at(policy.Author, none, "bot@acme.example")}, `agents: ["email:bot@acme.example"]; if it belongs to a person, write people: {NAME: ["email:bot@acme.example"]}`, "known"},
		"two of them":    {"", []policy.Maker{at(policy.Author, none, "bot@acme.example"), at(policy.CoAuthor, none, "dana@old.example")}, `if they act for nobody, write agents: ["email:bot@acme.example", "email:dana@old.example"]; if they belong to a person, write people: {NAME`, "known"},
		"a known one":    {"", []policy.Maker{at(policy.CoAuthor, none, "noreply@anthropic.com")}, `if it acts for nobody, write agents: {known: true}; or ask`, "people:"},
		"known and more": {`["code:bot#5"]`, []policy.Maker{at(policy.CoAuthor, none, "noreply@anthropic.com"), at(policy.Pusher, on("49699333", "dependabot[bot]", policy.Machine), "")}, `agents: {known: true, also: ["code:bot#5"]}`, "people:"},
		"a push by a known agent": {"", []policy.Maker{at(policy.Pusher, on("198982749", "Copilot", policy.Machine), "")},
			"Copilot acts for somebody: let that person push and propose it, or have one more person approve; or ask", "agents:"},
		"an address that pushed": {"", []policy.Maker{at(policy.Pusher, none, "dana@old.example")}, `if it belongs to a person, write people: {NAME: ["email:dana@old.example"]}`, "agents:"},
		"an address of both":     {"", []policy.Maker{at(policy.Author, none, "dana@old.example"), at(policy.Pusher, none, "dana@old.example")}, `people: {NAME: ["email:dana@old.example"]}`, "agents:"},
		"a workflow": {"", []policy.Maker{at(policy.Pusher, on("41898282", "github-actions[bot]", policy.Machine), "")},
			"github-actions[bot] may not be listed: let a person push", "agents:"},
		"a workflow of an instance": {"", []policy.Maker{at(policy.Pusher, policy.Account{Host: "https://code.example", ID: "12", Name: "github-actions[bot]", Kind: policy.Machine}, "")}, "may not be listed", "agents:"},
		"a workflow's address":      {"", []policy.Maker{at(policy.Author, none, "41898282+github-actions[bot]@users.noreply.github.com")}, "may not be listed", "agents:"},
		"a token of a project":      {"", []policy.Maker{at(policy.Pusher, policy.Account{Host: "https://code.example", ID: "12", Name: "project_20_bot_0a1b", Kind: policy.Machine}, "")}, "may not be listed", "agents:"},
		"a push of nobody":          {"", []policy.Maker{at(policy.Pusher, none, "")}, "such as one with a deploy key, can be listed nowhere", "agents:"},
		"a star":                    {"", []policy.Maker{at(policy.Author, none, "*@acme.example")}, "ask", "agents:"},
		"quotes":                    {"", []policy.Maker{at(policy.Author, none, "a\"]\u202e@acme.example")}, "ask", "agents:"},
		"no address":                {"", []policy.Maker{at(policy.CoAuthor, none, "Claude Code (Sonnet 4)")}, "ask", "agents:"},
	} {
		text := second
		if c.agents != "" {
			text = naming(t, c.agents)
		}
		s := setting(t, text, yes(alice)...)
		s.change.Makers = append(s.change.Makers, c.makers...)
		f := wantWaiting(t, s.judge(t))
		if !strings.Contains(f.Hint, c.want) || strings.Contains(f.Hint, c.not) {
			t.Errorf("%s: hint = %q, want %q and not %q", name, f.Hint, c.want, c.not)
		}
		line := regexp.MustCompile(`agents: (\[[^;]*\]|\{.*?\})(;|$)`).FindStringSubmatch(f.Hint)
		if line == nil || strings.Contains(line[1], "git.example") { // a platform that these tests do not know
			continue
		}
		// With the line written, two people are enough again.
		s = setting(t, naming(t, line[1]), yes(alice, bob)...)
		s.change.Makers = append(s.change.Makers, c.makers...)
		wantAllowed(t, s.judge(t))
	}
}

func TestI04_many_unknown_addresses_are_no_endless_hint(t *testing.T) {
	s := setting(t, second, yes(alice)...)
	for i := range 5000 {
		s.change.Makers = append(s.change.Makers, policy.Maker{Email: fmt.Sprintf("x%d@acme.example", i), Role: policy.CoAuthor, Where: "commit 4f2a91c"})
	}
	if f := wantWaiting(t, s.judge(t)); len(f.Hint) > 2000 || !strings.Contains(f.Hint, "4992 more can be named in the same way") {
		t.Errorf("hint of %d bytes: %.300q", len(f.Hint), f.Hint)
	}
}

// The list never has an account in whose name everybody who may write can act.
func TestI04_the_known_list_has_nothing_that_everybody_can_drive(t *testing.T) {
	l := policy.KnownAgents()
	if l.Version < 1 || len(l.Agents) < 20 || len(l.Never) != 2 {
		t.Fatalf("list = version %d with %d agents, want it read", l.Version, len(l.Agents))
	}
	never := []*regexp.Regexp{regexp.MustCompile(`(?i)github-actions`), regexp.MustCompile(`(project|group)_\d+_bot`), regexp.MustCompile(`noreply@github\.com`), regexp.MustCompile(`\*`), regexp.MustCompile(`^git@`)}
	private := regexp.MustCompile(`^(\d+)\+`)
	names, numbers, addresses := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, a := range l.Agents {
		if names[a.Name] || a.Source == "" || a.Since < 1 || a.Since > l.Version || len(a.Addresses) == 0 ||
			!slices.Contains([]policy.AgentKind{policy.CodingAgent, policy.CodeReviewer, policy.CodeFixer, policy.DependencyBot, policy.MergeQueue, policy.MergeBot}, a.Kind) {
			t.Errorf("%s: %+v, want a name of its own, a kind, a source and a version", a.Name, a)
		}
		names[a.Name] = true
		var own []string
		for _, x := range a.Accounts {
			if x.Host != "https://github.com" || x.Number == "41898282" || x.Number == "19864447" || numbers[x.Number] || x.Login == "" {
				t.Errorf("%s: account %+v, want one that is its own", a.Name, x)
			}
			numbers[x.Number], own = true, append(own, x.Number)
		}
		for _, e := range a.Addresses {
			if addresses[strings.ToLower(e)] || slices.ContainsFunc(never, func(r *regexp.Regexp) bool { return r.MatchString(e) }) {
				t.Errorf("%s: address %s, want one that is its own", a.Name, e)
			}
			addresses[strings.ToLower(e)] = true
			if m := private.FindStringSubmatch(e); m != nil && !slices.Contains(own, m[1]) {
				t.Errorf("%s: address %s has a number that no account of it has", a.Name, e)
			}
		}
	}
	// What it would do: nothing for the account of workflows, in any role.
	for _, role := range policy.Roles {
		for _, m := range []policy.Maker{{Account: on("41898282", "github-actions[bot]", policy.Machine)}, {Email: "41898282+github-actions[bot]@users.noreply.github.com"}} {
			m.Role, m.Where = role, "commit 4f2a91c"
			wantWaiting(t, made(t, naming(t, "{known: true}"), m, yes(alice, bob)...).judge(t))
		}
	}
}

func TestPolicy_of_agents_is_read_as_it_is_written(t *testing.T) {
	p := read(t, naming(t, `{known: true, also: ["code:bot#5", "email:*@bots.example"]}`))
	if a := p.Agents; !a.Known || a.Line != 29 || len(a.Accounts) != 1 || a.Accounts[0].ID != "5" || !slices.Equal(a.Emails, []string{"*@bots.example"}) {
		t.Errorf("agents = %+v, want the list, an account and a pattern", a)
	}
}
