package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// second is the policy of the second door: two of three people, one of whom
// signs with an address.
const second = good + `    approvals:
      - {group: release, count: 2}
groups:
  release:
    members: ["code:alice#1", "code:bob#2", "code:acme/leads#70", "email:dana@acme.example"]
    issuer: https://accounts.example
    sources: [signature, workflow, review]
  security:
    members: ["code:alice#1", "code:sam#7"]
    sources: [workflow, review]
approve-in:
  - {issuer: https://ci.example, repository: acme/app, repository-id: 1001, workflow: build/approve.yml, refs: [refs/heads/main]}
people:
  alice: ["code:alice#1", "code:alice-admin#11", "email:alice@acme.example"]
  bob: ["code:bob#2", "email:bob@acme.example"]
  carol: ["code:carol#3", "email:carol@acme.example"]
  dana: ["email:dana@acme.example", "code:dana#4"]
  sam: ["code:sam#7"]
`

// account is an account of the platform, person's.
func account(id, name string) policy.Account {
	return policy.Account{Host: "https://code.example", ID: id, Name: name, Kind: policy.Human}
}

// mailbox is an e-mail identity.
func mailbox(address string) policy.Account {
	return policy.Account{Host: "https://accounts.example", ID: address, Name: address, Kind: policy.Human}
}

// The people of the second policy; carol is one of the leads, mallory nobody.
var (
	alice, bob, carol, sam, mallory = account("1", "alice"), account("2", "bob"), account("3", "carol"), account("7", "sam"), account("666", "mallory")
	dana                            = mailbox("dana@acme.example")
	leads                           = policy.Member{Kind: policy.MemberTeam, Host: "https://code.example", Name: "acme/leads", ID: "70"}
)

// A ballot is one signed yes or no. say changes what is written in it, sign how
// it is signed, or who the platform says started the run.
type ballot struct {
	by    policy.Account
	say   func(*statement.Approval)
	sign  func(*policy.Fact, *policy.Run)
	waive func(*statement.Waiver) // then it is a waiver, and no ballot
}

// yes are the honest approvals of all.
func yes(all ...policy.Account) []ballot {
	var out []ballot
	for _, a := range all {
		out = append(out, ballot{by: a})
	}
	return out
}

// no is a rejection.
func no(a policy.Account) ballot {
	return ballot{by: a, say: func(x *statement.Approval) { x.Decision = statement.Reject }}
}

// A scene is everything that a verdict about approvals rests on. The good one
// allows with two honest ballots; a test spoils one thing of it.
type scene struct {
	policy     *policy.Policy
	protection policy.Protection
	facts      []policy.Fact // the evidence
	change     policy.Change
	rosters    []policy.Roster
	reviews    policy.Reviews
	ballots    []ballot
	release    func(*statement.Release)
	sealed     func(*policy.Fact) // of the release set
	now        time.Time
	run        func(*policy.Run) // of the evidence
}

func setting(t testing.TB, text string, ballots ...ballot) scene {
	t.Helper()
	return scene{
		policy: read(t, text), protection: guarded, facts: []policy.Fact{hashed(built(t))}, ballots: ballots, now: now,
		change: policy.Change{
			Repository: "https://code.example/acme/app", Head: commit, Base: other, Order: policy.Newer, Deployed: "deployment 8", Branch: "main", Reachable: true,
			Makers: []policy.Maker{{Account: account("90", "mia"), Role: policy.Author, Where: "commit 9f2c1e7"}, {Account: account("91", "tom"), Role: policy.Trigger, Where: "run 7, attempt 1"}},
		},
		rosters: []policy.Roster{{Member: leads, Accounts: []policy.Account{carol}}},
	}
}

// replaced is text with one part of it replaced, which has to be there.
func replaced(t testing.TB, text, old, new string) string {
	t.Helper()
	if strings.Count(text, old) != 1 {
		t.Fatalf("%q is not once in the policy", old)
	}
	return strings.Replace(text, old, new, 1)
}

// hashed gives a fact a digest of its own.
func hashed(f policy.Fact) policy.Fact {
	f.StatementHash = subject.Sum(fmt.Appendf(nil, "%s %s %s %v", f.Statement.Predicate, f.Signer.Run, f.Time, f.Statement.Subject))
	return f
}

// stamp is a time as predicates have it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// about is a statement of ours about the artifact and a release.
func about(t testing.TB, kind string, predicate []byte, release subject.Subject) statement.Statement {
	t.Helper()
	b, err := statement.New([]subject.Subject{app(), release}, kind, predicate)
	if err != nil {
		t.Fatal(err)
	}
	s, err := statement.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// set is the release set, and the digest that it is known by.
func (s scene) set(t testing.TB) (policy.Fact, statement.Release, subject.Digest) {
	t.Helper()
	r := statement.Release{
		Version: "v1.4.0", Repository: statement.Origin{URI: "https://code.example/acme/app", ID: "1001"},
		Environments: []statement.Place{{Name: "production", ID: s.protection.ID}}, Policy: statement.DigestSet{SHA256: s.policy.Digest.Hex()},
		Run: signer().Run, IssuedAt: stamp(now.Add(-time.Hour)), ExpiresAt: stamp(now.Add(48 * time.Hour)),
	}
	r.Shown = policy.Shown(policy.Input{Environment: "production", Changes: []policy.Change{s.change}})
	for _, f := range s.facts {
		other := statement.Span{Environment: "production", Commit: f.Signer.Commit} // built of another commit, all of which is shown
		if !slices.ContainsFunc(r.Shown, func(x statement.Span) bool { return x.Commit == other.Commit }) {
			r.Shown = append(r.Shown, other)
		}
		r.Evidence = append(r.Evidence, statement.DigestSet{SHA256: f.StatementHash.Hex()})
	}
	if s.release != nil {
		s.release(&r)
	}
	b, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	d := statement.ReleaseDigest([]subject.Subject{app()}, b)
	f := hashed(policy.Fact{Signer: signer(), Trust: "house", Time: now.Add(-time.Hour), Source: "store", Statement: about(t, statement.ReleaseV1, b, statement.ReleaseSubject(r.Version, d))})
	if s.sealed != nil {
		s.sealed(&f)
	}
	return f, r, d
}

// input is what Evaluate may look at.
func (s scene) input(t testing.TB) policy.Input {
	t.Helper()
	in := policy.Input{
		Policy: s.policy, Environment: "production", Protection: s.protection, Changes: []policy.Change{s.change}, Rosters: s.rosters, Reviews: s.reviews, Now: s.now,
	}
	facts := slices.Clone(s.facts)
	for _, f := range facts {
		r := policy.Run{URI: f.Signer.Run, State: policy.Succeeded, Commit: f.Signer.Commit, By: account("91", "tom")}
		if s.run != nil {
			s.run(&r)
		}
		in.Runs = append(in.Runs, r)
	}
	set, r, d := s.set(t)
	facts = append(facts, set)
	for i, b := range s.ballots {
		f, run := s.cast(t, i, b, r, d)
		facts, in.Runs = append(facts, f), append(in.Runs, run)
	}
	in.Candidates = []policy.Candidate{{Subject: app(), Facts: facts}}
	in.Refs = kept(in)
	return in
}

// cast signs ballot number i, half an hour ago.
func (s scene) cast(t testing.TB, i int, b ballot, r statement.Release, d subject.Digest) (policy.Fact, policy.Run) {
	t.Helper()
	a := statement.Approval{
		Decision: statement.Approve, Release: statement.DigestSet{SHA256: d.Hex()}, Version: r.Version, Repository: r.Repository, Environments: slices.Clone(r.Environments),
		Policy: r.Policy, Evidence: slices.Clone(r.Evidence), Shown: slices.Clone(r.Shown), Reason: fmt.Sprintf("ballot %d", i), IssuedAt: stamp(now.Add(-30 * time.Minute)), ExpiresAt: stamp(now.Add(24 * time.Hour)),
	}
	if b.say != nil {
		b.say(&a)
	}
	kind := statement.ApprovalV1
	p, err := a.JSON()
	if b.waive != nil {
		w := statement.Waiver{Release: a.Release, Version: a.Version, Repository: a.Repository, Environments: a.Environments, Policy: a.Policy, Evidence: a.Evidence,
			Reason: "forged", IssuedAt: a.IssuedAt, ExpiresAt: a.ExpiresAt}
		b.waive(&w)
		kind, a.Release = statement.WaiverV1, w.Release
		p, err = w.JSON()
	}
	if err != nil {
		t.Fatal(err)
	}
	release, err := subject.ParseHex(a.Release.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	f := policy.Fact{Trust: "house", Time: now.Add(-30 * time.Minute), Source: "store", Statement: about(t, kind, p, statement.ReleaseSubject(a.Version, release))}
	run := policy.Run{}
	if strings.Contains(b.by.ID, "@") {
		f.Signer = statement.Signer{Issuer: b.by.Host, SAN: b.by.ID, SANKind: "email"}
	} else {
		f.Signer = approving(100 + i)
		run = policy.Run{URI: f.Signer.Run, Words: fmt.Sprintf("run %d, attempt 1", 100+i), Commit: commit, By: b.by}
	}
	if b.sign != nil {
		b.sign(&f, &run)
	}
	return hashed(f), run
}

// approving is the certificate of a run that carries an approval.
func approving(run int) statement.Signer {
	s := signer()
	renamed(&s, "https://code.example/acme/app/build/approve.yml@refs/heads/main")
	s.Event, s.Run = "manual", fmt.Sprintf("https://code.example/acme/app/runs/%d/attempts/1", run)
	return s
}

func (s scene) judge(t testing.TB) verdict.Verdict { t.Helper(); return evaluate(s.input(t)) }

// wantWaiting fails t unless v waits for people alone, for one reason, which it
// returns.
func wantWaiting(t *testing.T, v verdict.Verdict) verdict.Finding {
	t.Helper()
	bad := refusals(v)
	if v.Outcome() != verdict.Wait || len(bad) != 1 || !v.Pending() {
		t.Fatalf("outcome = %v, pending %v, with reasons %+v, want wait with one reason", v.Outcome(), v.Pending(), bad)
	}
	return bad[0]
}

// wantRefused fails t unless v denies for one reason, with the code, though
// people can still change it.
func wantRefused(t *testing.T, v verdict.Verdict, code string) verdict.Finding {
	t.Helper()
	f := wantDenied(t, v)
	if string(f.Code) != code || !v.Pending() {
		t.Fatalf("finding = %s %q, pending %v, want %s that people can change", f.Code, f.Reason, v.Pending(), code)
	}
	return f
}
