package policy_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

var seed = flag.Uint64("seed", 0, "of the random histories; 0 is another one each time")

// dice make a world. Most of it is right, so that much of it is allowed.
type dice struct{ *rand.Rand }

func (d dice) in(n int) bool { return d.IntN(n) == 0 }

// some is a part of all that is not empty.
func some[T any](d dice, all []T) []T {
	out := slices.Clone(all)
	d.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:1+d.IntN(len(out))]
}

const humans = 5

func (d dice) world() model {
	m := model{people: !d.in(4), separate: d.in(3), asked: !d.in(3), timed: d.in(2), bound: 7 * maxAge}
	for h := range humans {
		for n := range 3 {
			x := identity{human: h, mail: n == 2, kind: policy.Human, listed: m.people && !d.in(10), agent: n < 2 && d.in(25)}
			if !x.mail && d.in(12) {
				x.kind = policy.Kind(d.IntN(5))
			}
			m.identities = append(m.identities, x)
		}
	}
	for i := range 1 + d.IntN(3) {
		m.groups = append(m.groups, d.group())
		r := policy.Rule{Group: fmt.Sprintf("g%d", i), Count: 1 + d.IntN(3)}
		if d.in(5) {
			r.Count, r.Veto = 0, true
		}
		m.rules = append(m.rules, r)
	}
	if d.in(3) {
		m.glass = &policy.Emergency{Group: m.rules[d.IntN(len(m.rules))].Group, Count: 2 + d.IntN(2), MaxAge: glassAge * 1e9}
	}
	for range d.IntN(4) {
		m.makers = append(m.makers, d.maker())
	}
	m.set = modelSet{age: 7200, left: 7200}
	if d.in(8) {
		m.set = modelSet{age: d.age(7200), left: d.left(), foreign: d.in(6), elsewhere: d.in(6), otherPolicy: d.in(6), otherEvidence: d.in(6)}
	}
	if d.in(4) {
		m.bound = 1800 + d.IntN(3) - 1
	}
	if d.in(4) {
		m.base = [...]int{baseForward, baseForward, baseBack, baseGone}[d.IntN(4)]
	}
	if d.in(2) {
		// Somebody whom a commit claims comes first, so that enough people waive them.
		claimed := d.maker()
		claimed.role = policy.ClaimedRoles[d.IntN(3)]
		m.makers = append([]modelMaker{claimed}, m.makers...)
		m.waives = &policy.Waivers{Group: m.rules[d.IntN(len(m.rules))].Group, Count: 2 + d.IntN(4)/3}
		for range d.IntN(24) {
			m.waivers = append(m.waivers, d.waiver(m))
		}
	}
	for range d.IntN(8) {
		m.votes = append(m.votes, d.vote(m))
	}
	if d.in(2) {
		m.votes = append(m.votes, d.again(m)...)
	}
	return m
}

func (d dice) group() modelGroup {
	g := modelGroup{annex: d.in(5), excludes: policy.Roles, sources: []policy.Source{policy.BySignature, policy.ByWorkflow, policy.ByReview}}
	if d.in(2) {
		g.excludes = some(d, policy.Roles)
	}
	if d.in(3) {
		g.sources = some(d, g.sources)
	}
	for i := range humans * 3 {
		if !d.in(3) {
			g.members = append(g.members, i)
		}
	}
	return g
}

func (d dice) maker() modelMaker {
	k := modelMaker{identity: -1, role: policy.Roles[d.IntN(len(policy.Roles))]}
	switch d.IntN(5) {
	case 0:
		k.mail = address(d.IntN(humans))
	case 1:
		k.mail = strings.ToUpper(address(d.IntN(humans)))
	case 2:
		if !d.in(3) {
			k.mail = [...]string{"old@acme.example", "Old@acme.example", "x@y.example"}[d.IntN(3)]
		}
	default:
		if k.identity = d.IntN(humans)*3 + d.IntN(2); d.in(3) {
			k.mail = address(d.IntN(humans))
		}
	}
	return k
}

// age is mostly usual, and else a second around a limit.
func (d dice) age(usual int) int {
	if !d.in(6) {
		return usual
	}
	return [...]int{maxAge, glassAge, -skew, 0, 7200 + skew}[d.IntN(5)] + d.IntN(3) - 1
}

func (d dice) left() int {
	if !d.in(6) {
		return 3600
	}
	return d.IntN(3) - 1
}

func (d dice) waiver(m model) modelWaiver {
	w := modelWaiver{maker: d.IntN(len(m.makers))}
	if d.in(2) {
		w.maker = 0 // so that one is often waived by enough
	}
	for w.source == "" || w.source == policy.ByReview {
		w.modelVote = d.vote(m)
	}
	w.no, w.back, w.glass, w.mute, w.blank, w.now = false, false, false, false, false, true
	if !d.in(3) { // nothing is wrong with it
		i := slices.IndexFunc(m.rules, func(r policy.Rule) bool { return r.Group == m.waives.Group })
		w.modelVote = modelVote{identity: w.identity, source: w.source, annex: m.groups[i].annex, age: 1800, left: 3600, now: true}
	}
	return w
}

// again is what somebody who has spoken says later, or perhaps earlier, with one
// of their identities.
func (d dice) again(m model) []modelVote {
	var out []modelVote
	said := slices.Clone(m.votes)
	for _, w := range m.waivers {
		said = append(said, w.modelVote)
	}
	for _, v := range said {
		if !v.no && !d.in(3) || v.no && d.in(8) {
			continue
		}
		o := d.vote(m)
		o.identity, o.source, o.annex, o.release, o.anonymous = v.identity, v.source, v.annex, v.release, 0
		if o.source == policy.ByReview {
			o.glass, o.mute, o.artifact, o.repository, o.policy, o.unseen, o.release, o.blank, o.now = false, false, false, false, false, false, false, false, false
		} else {
			o.untied, o.timeless = false, false
			if h := m.identities[v.identity].human; d.in(3) {
				o.identity, o.source = h*3+2, policy.BySignature
			}
		}
		o.age, o.no = v.age+[...]int{-60, -1, 0, 1, -60}[d.IntN(5)], d.in(4)
		o.back = !o.no && o.source != policy.ByReview && d.in(2)
		if v.no && o.source != policy.ByReview && !d.in(4) { // as somebody does who has changed their mind
			o = modelVote{identity: o.identity, source: o.source, annex: v.annex, release: v.release, age: v.age - 60, left: 3600, back: d.in(2)}
		}
		out = append(out, o)
	}
	return out
}

func (d dice) vote(m model) modelVote {
	v := modelVote{identity: d.IntN(len(m.identities)), no: d.in(12), annex: d.in(6), age: d.age(1800), left: d.left()}
	switch {
	case m.identities[v.identity].mail:
		v.source = policy.BySignature
	case d.in(2):
		v.source, v.annex, v.untied, v.timeless = policy.ByReview, false, d.in(3), d.in(2)
	default:
		v.source = policy.ByWorkflow
		if d.in(12) {
			v.anonymous = 1 + d.IntN(4)
		}
	}
	v.now = v.source != policy.ByReview && d.in(3) // the page shows what the release set does
	if v.source != policy.ByReview && d.in(6) {
		v.glass, v.mute = true, d.in(5)
	}
	if !d.in(4) {
		return v
	}
	flaws := []*bool{&v.environment, &v.number, &v.many}
	if v.source != policy.ByReview {
		flaws = append(flaws, &v.artifact, &v.repository, &v.policy, &v.unseen, &v.release, &v.blank)
	}
	*flaws[d.IntN(len(flaws))] = true
	return v
}

// scene makes signed statements, runs, rosters and reviews of a model.
func (m model) scene(t testing.TB, base scene) scene {
	p := *base.policy
	env := p.Environments[0]
	env.Approvals, env.Separate, env.Emergency, env.MaxAge = m.rules, m.separate, m.glass, maxAge*1e9
	env.Waivers = m.waives
	env.RejectionAge = time.Duration(m.bound) * time.Second
	p.Environments, p.Groups, p.People, p.Agents = []policy.Environment{env}, nil, m.listed(), policy.Agents{}
	s := base
	// Somebody outside of the model has started the run: there is always one.
	starter := policy.Maker{Account: account("9999", "starter"), Role: policy.Trigger, Where: "run 7, attempt 1"}
	s.policy, s.ballots, s.rosters, s.change.Makers = &p, nil, nil, []policy.Maker{starter}
	s.protection.Asked = m.asked
	for i, x := range m.identities {
		if x.agent {
			p.Agents.Accounts = append(p.Agents.Accounts, m.account(i))
		}
	}
	for i, g := range m.groups {
		group, roster := m.group(i, g)
		p.Groups, s.rosters = append(p.Groups, group), append(s.rosters, roster)
	}
	for i, k := range m.makers {
		x := policy.Maker{Email: k.mail, Role: k.role, Where: fmt.Sprintf("commit %d", i)}
		if slices.Contains(policy.ClaimedRoles, k.role) {
			x.Commit = fmt.Sprintf("%040x", i+1)
		}
		if k.identity >= 0 {
			x.Account = m.account(k.identity)
		}
		s.change.Makers = append(s.change.Makers, x)
	}
	for _, w := range m.waivers {
		s.ballots = append(s.ballots, ballot{by: m.account(w.identity), sign: w.sign, waive: func(x *statement.Waiver) { w.write(x, s.change.Makers[1+w.maker]) }})
	}
	s.release, s.sealed = m.set.release, m.set.sealed
	s.change.Base, s.change.Commits = m.deployed()
	_, _, digest := s.set(t)
	s.reviews.Timed = m.timed
	for _, v := range m.votes {
		if v.source == policy.ByReview {
			s.reviews.List = append(s.reviews.List, m.review(v, digest, s.protection.ID))
			continue
		}
		now := s.change.Base
		s.ballots = append(s.ballots, ballot{by: m.account(v.identity), say: func(a *statement.Approval) { v.say(a); v.shown(a, now) }, sign: v.sign})
	}
	return s
}

func (m model) account(i int) policy.Account {
	x := m.identities[i]
	if x.mail {
		return mailbox(address(x.human))
	}
	a := account(fmt.Sprint(i+1), fmt.Sprintf("login%d", i))
	a.Kind = x.kind
	return a
}

func (m model) listed() []policy.Person {
	if !m.people {
		return nil
	}
	out := []policy.Person{{Name: "nobody else", Emails: []string{"else@acme.example"}}} // a list is never empty
	for h := range humans {
		p := policy.Person{Name: fmt.Sprintf("human %d", h)}
		for i, x := range m.identities {
			switch {
			case x.human != h || !x.listed:
			case x.mail:
				p.Emails = append(p.Emails, strings.ToUpper(address(h)[:1])+address(h)[1:])
			default:
				p.Accounts = append(p.Accounts, policy.Account{Host: m.account(i).Host, ID: m.account(i).ID})
			}
		}
		out = append(out, p)
	}
	return out
}

// group names every other account as a member, and the rest in a team.
func (m model) group(i int, g modelGroup) (policy.Group, policy.Roster) {
	team := policy.Member{Kind: policy.MemberTeam, Host: "https://code.example", Name: "acme/team", ID: fmt.Sprint(700 + i)}
	out := policy.Group{Name: fmt.Sprintf("g%d", i), Excludes: g.excludes, Sources: g.sources, Members: []policy.Member{team}}
	if g.annex {
		out.Trust = &policy.Trust{Name: "annex"}
	}
	r := policy.Roster{Member: team}
	for _, n := range g.members {
		a := m.account(n)
		switch {
		case m.identities[n].mail:
			out.Members = append(out.Members, policy.Member{Kind: policy.MemberEmail, Host: a.Host, Name: a.ID, ID: a.ID})
		case n%2 == 0:
			out.Members = append(out.Members, policy.Member{Kind: policy.MemberUser, Host: a.Host, Name: a.Name, ID: a.ID})
		default:
			r.Accounts = append(r.Accounts, a)
		}
	}
	return out, r
}

func (x modelSet) release(r *statement.Release) {
	r.Shown = []statement.Span{{Environment: "production", Commit: commit, Since: earlier}}
	r.ExpiresAt = stamp(ago(-x.left))
	if x.elsewhere {
		r.Environments = []statement.Place{{Name: "staging", ID: "9000"}}
	}
	if x.otherPolicy {
		r.Policy.SHA256 = hex
	}
	if x.otherEvidence {
		r.Evidence[0].SHA256 = hex
	}
}

func (x modelSet) sealed(f *policy.Fact) {
	f.Time = ago(x.age)
	if x.foreign {
		f.Signer.RepositoryID = "666"
	}
}

// write says in x what w waives: the role of a maker, or one that nobody can
// waive by naming a maker's.
func (w modelWaiver) write(x *statement.Waiver, of policy.Maker) {
	a := statement.Approval{Release: x.Release, Repository: x.Repository, Environments: x.Environments, Policy: x.Policy, Evidence: x.Evidence}
	w.say(&a)
	x.Release, x.Repository, x.Environments, x.Policy, x.Evidence, x.ExpiresAt = a.Release, a.Repository, a.Environments, a.Policy, a.Evidence, a.ExpiresAt
	x.Claim = statement.Claim{Role: string(of.Role), Commit: of.Commit, Email: of.Email}
	if of.Account.ID != "" {
		x.Claim.Account = &statement.Account{Host: of.Account.Host, ID: of.Account.ID}
	}
}

// earlier is the commit that was deployed when the first votes were given, and
// when the release set was made.
const earlier = "2f2e3d4c5b6a79882f2e3d4c5b6a79882f2e3d4c"

// deployed is what is deployed now, and the commits that enter.
func (m model) deployed() (base string, entering []policy.Commit) {
	entering = []policy.Commit{{ID: commit}, {ID: other}}
	switch m.base {
	case baseForward:
		return other, entering[:1]
	case baseBack:
		return strings.Repeat("3", 40), append(entering, policy.Commit{ID: earlier})
	case baseGone:
		return "", append(entering, policy.Commit{ID: earlier}, policy.Commit{ID: strings.Repeat("3", 40)})
	}
	return earlier, entering
}

// shown says in a what v was shown.
func (v modelVote) shown(a *statement.Approval, now string) {
	a.Shown = []statement.Span{{Environment: "production", Commit: commit, Since: earlier}}
	if v.now {
		a.Shown[0].Since = now
	}
	if v.blank {
		a.Shown[0].Environment = "staging"
	}
}

func (v modelVote) say(a *statement.Approval) {
	a.ExpiresAt, a.BreakGlass = stamp(ago(-v.left)), v.glass
	a.Environments = v.places(a.Environments[0].ID)
	switch {
	case v.no:
		a.Decision = statement.Reject
	case v.back:
		a.Decision = statement.Withdraw
	}
	if v.mute {
		a.Reason = " "
	}
	if v.repository {
		a.Repository.ID = "666"
	}
	if v.policy {
		a.Policy.SHA256 = hex
	}
	if v.unseen {
		a.Evidence = nil
	}
	if v.release {
		a.Release.SHA256 = hex
	}
}

func (v modelVote) places(id string) []statement.Place {
	p := statement.Place{Name: "production", ID: "9001"}
	if v.environment {
		p.Name = "staging"
	}
	if v.number {
		p.ID = "9002"
	}
	if v.many {
		return []statement.Place{{Name: "canary", ID: id}, p}
	}
	return []statement.Place{p}
}

func (v modelVote) sign(f *policy.Fact, r *policy.Run) {
	f.Time = ago(v.age)
	if v.annex {
		f.Trust = "annex"
	}
	if v.artifact {
		f.Statement.Subject[0].Digest = map[string]string{"sha256": hex}
	}
	switch v.anonymous {
	case 1:
		r.Again = true
	case 2:
		r.By = policy.Account{}
	case 3:
		r.Commit = other
	case 4:
		f.Signer.Event = "push"
	}
}

func (m model) review(v modelVote, release subject.Digest, id string) policy.Review {
	r := policy.Review{Account: m.account(v.identity), Decision: statement.Approve, Environments: v.places(id), Comment: "as seen: " + release.String(), Run: "run 7", Time: ago(v.age)}
	if v.no {
		r.Decision = statement.Reject
	}
	if v.untied {
		r.Comment = "looks good"
	}
	if v.timeless {
		r.Time = time.Time{}
	}
	return r
}

// identity is the one that a verdict names, or -1.
func (m model) identity(named string) int {
	for i := range m.identities {
		if a := m.account(i); named == a.Host+"#"+a.ID {
			return i
		}
	}
	return -1
}

// compare says how a verdict differs from the model, or nothing.
func (m model) compare(v verdict.Verdict) string {
	want, have := m.outcome()
	m = m.freed()
	if got := v.Outcome(); got != want {
		return fmt.Sprintf("outcome = %v, want %v", got, want)
	}
	var got []int
	for _, f := range v.Judgements[0].Findings {
		name, ok := strings.CutPrefix(f.Requirement, "approvals g")
		if !ok {
			continue
		}
		n := 0
		for _, p := range f.People {
			if !p.Counted || p.Decision != statement.Approve {
				continue
			}
			n++
			i := m.identity(p.Identity)
			if g := m.groups[int(name[0]-'0')]; i < 0 || m.made(i, g.excludes) {
				return fmt.Sprintf("%s counts for %s, and made the change", p.Name, f.Requirement)
			}
		}
		got = append(got, n)
	}
	if have != nil && !slices.Equal(got, have) {
		return fmt.Sprintf("%v count, want %v", got, have)
	}
	return ""
}

// rests counts what a history that is allowed would not be allowed without.
func (m model) rests(count map[string]int) {
	without := m
	without.waivers = nil
	if o, _ := without.outcome(); o != verdict.Allow {
		count["a waiver"]++
	}
	without = m
	without.votes = slices.DeleteFunc(slices.Clone(m.votes), func(v modelVote) bool { return v.back })
	if o, _ := without.outcome(); o != verdict.Allow {
		count["a word that ends a no"]++
	}
	without = m
	if without.base = baseBack; m.base == baseForward {
		if o, _ := without.outcome(); o != verdict.Allow {
			count["what has gone forward"]++
		}
	}
}

func findingSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("../../shared/verdict.schema.json#/$defs/finding")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asFindings says how the findings of a verdict are not as the verdict's schema
// has them, or nothing.
func asFindings(s *jsonschema.Schema, v verdict.Verdict) string {
	for _, f := range append(slices.Clone(v.Findings), v.Judgements[0].Findings...) {
		b, err := json.Marshal(f)
		if err != nil {
			return err.Error()
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			return err.Error()
		}
		if err := s.Validate(doc); err != nil {
			return fmt.Sprintf("%s: %v", b, err)
		}
	}
	return ""
}

// Ten thousand random histories come to what the model says that they should.
func TestApprovals_count_as_a_model_that_tries_everything_says(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("go test ./internal/policy -run model -seed %d", *seed)
	base, form := setting(t, second), findingSchema(t)
	var tally [3]int
	rests := map[string]int{} // allowed, because of what
	var mu sync.Mutex
	var work sync.WaitGroup
	const workers, cases = 4, 10_000
	for w := range uint64(workers) {
		work.Go(func() {
			for n := w; n < cases; n += workers {
				m := dice{rand.New(rand.NewPCG(*seed, n))}.world()
				v := m.scene(t, base).judge(t)
				mu.Lock()
				tally[v.Outcome()]++
				if v.Outcome() == verdict.Allow {
					m.rests(rests)
				}
				wrong := m.compare(v)
				if n%50 == 0 && wrong == "" {
					wrong = asFindings(form, v)
				}
				if wrong != "" && !t.Failed() {
					t.Errorf("case %d: %s\nmodel: %+v\nverdict: %+v", n, wrong, m, v.Judgements[0].Findings)
				}
				mu.Unlock()
			}
		})
	}
	work.Wait()
	t.Logf("%d denied, %d waiting, %d allowed", tally[verdict.Deny], tally[verdict.Wait], tally[verdict.Allow])
	t.Logf("allowed because of %v", rests)
	for _, what := range []string{"a waiver", "a word that ends a no", "what has gone forward"} {
		if rests[what] < cases/2000 {
			t.Errorf("%d of %d are allowed because of %s, which is too few to prove anything", rests[what], cases, what)
		}
	}
	for o, n := range tally {
		if n < cases/20 {
			t.Errorf("%d of %d come to %v, which is too few to prove anything", n, cases, verdict.Outcome(o))
		}
	}
}

// Whatever strangers put beside the approvals of a thousand random histories
// lets nothing in, and keeps nothing out that may enter.
func TestD06_what_strangers_sign_neither_opens_nor_closes(t *testing.T) {
	base, allowed := setting(t, second), 0
	for n := range uint64(1000) {
		m := dice{rand.New(rand.NewPCG(7, n))}.world()
		s := m.scene(t, base)
		in := s.input(t)
		was := evaluate(in).Outcome()
		for i, f := range junk(t, s, in) {
			with := in
			with.Runs = append(slices.Clone(in.Runs), policy.Run{URI: f.Signer.Run, Commit: commit, By: mallory})
			with.Candidates = []policy.Candidate{{Subject: app(), Facts: append(slices.Clone(in.Candidates[0].Facts), f)}}
			if is := evaluate(with).Outcome(); (is == verdict.Allow) != (was == verdict.Allow) {
				t.Fatalf("case %d, junk %d: outcome = %v, want that it stays %v", n, i, is, was)
			}
		}
		in.Reviews.List = append(slices.Clone(in.Reviews.List), review(mallory))
		if is := evaluate(in).Outcome(); (is == verdict.Allow) != (was == verdict.Allow) {
			t.Fatalf("case %d, a review: outcome = %v, want that it stays %v", n, is, was)
		}
		if was == verdict.Allow {
			allowed++
		}
	}
	if allowed < 50 {
		t.Errorf("%d are allowed, which is too few to prove anything", allowed)
	}
}
