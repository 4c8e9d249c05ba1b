package policy_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

func TestE14_a_release_is_found_by_its_digest_and_only_its_builders(t *testing.T) {
	s := setting(t, second)
	set, _, d := s.set(t)
	junk := set
	junk.Statement.Predicate = []byte("{}")
	got, f, err := policy.FindRelease(s.policy, []policy.Fact{junk, s.facts[0], set}, d)
	if err != nil || got.Digest != d || got.Version != "v1.4.0" || f.StatementHash != set.StatementHash {
		t.Errorf("found %+v in %+v, %v, want the release", got, f, err)
	}
	foreign, annex, keyed := set, set, set
	foreign.Signer.RepositoryID, annex.Trust, keyed.Keyed = "666", "annex", true
	for name, x := range map[string]struct {
		facts  []policy.Fact
		digest subject.Digest
		policy string
		code   fault.Code
	}{
		"another digest":           {[]policy.Fact{set}, subject.SHA256([32]byte{1}), second, fault.EvidenceMissing},
		"nothing":                  {nil, d, second, fault.EvidenceMissing},
		"one that cannot be read":  {[]policy.Fact{junk}, d, second, fault.Predicate},
		"a stranger's":             {[]policy.Fact{foreign}, d, second, fault.Identity},
		"under another root":       {[]policy.Fact{annex}, d, second, fault.Identity},
		"by a key":                 {[]policy.Fact{keyed}, d, second, fault.Identity},
		"artifacts of nobody here": {[]policy.Fact{set}, d, replaced(t, second, `"dist/*", `, ""), fault.Identity},
	} {
		got, f, err := policy.FindRelease(read(t, x.policy), x.facts, x.digest)
		if e := fault.Of(err); e.Kind != fault.Refused || e.Code != x.code || !reflect.DeepEqual(got, statement.Set{}) || !reflect.DeepEqual(f, policy.Fact{}) {
			t.Errorf("%s: err = %v (%s), want %s and nothing found", name, err, e.Code, x.code)
		}
	}
}

func TestF13_a_preview_lets_nothing_in_and_forgives_only_what_goes_on(t *testing.T) {
	for state, want := range map[policy.RunState]verdict.Outcome{
		policy.Succeeded: verdict.Allow, policy.Unfinished: verdict.Allow, policy.Failed: verdict.Deny, policy.RunUnknown: verdict.Deny, 99: verdict.Deny,
	} {
		s := setting(t, second, yes(alice, bob)...)
		s.run = func(r *policy.Run) { r.State = state }
		in := s.input(t)
		if got := policy.Preview(in).Outcome(); got != want {
			t.Errorf("state %d: preview = %v, want %v", state, got, want)
		}
		if got := evaluate(in).Outcome(); (got == verdict.Allow) != (state == policy.Succeeded) {
			t.Errorf("state %d: outcome = %v, want that only a run that succeeded lets in", state, got)
		}
		if lacking := policy.Lacking(in); (len(lacking) == 0) != (want == verdict.Allow) {
			t.Errorf("state %d: lacking = %+v, want nothing only where the preview allows", state, lacking)
		}
	}
}

func TestLacking_names_evidence_and_never_people(t *testing.T) {
	for name, change := range map[string]func(*scene){
		"nobody has approved": func(*scene) {}, "a rejection": func(s *scene) { s.ballots = []ballot{no(alice)} }, "an approval of a maker": func(s *scene) { s.ballots = yes(account("91", "tom")) },
		"a void approval": func(s *scene) { s.ballots = yes(alice); s.now = now.Add(25 * time.Hour) },
	} {
		s := setting(t, one(t))
		change(&s)
		if got := policy.Lacking(s.input(t)); len(got) != 0 {
			t.Errorf("%s: lacking = %+v, want nothing", name, got)
		}
	}
	s := setting(t, one(t))
	s.facts[0].Signer.RepositoryID = "666"
	if got := policy.Lacking(s.input(t)); len(got) != 1 || got[0].Code != fault.Identity {
		t.Errorf("lacking = %+v, want %s", got, fault.Identity)
	}
}

func TestI13_what_was_seen_is_what_the_gate_rests_on(t *testing.T) {
	s := setting(t, second)
	stranger := built(t)
	stranger.Signer.RepositoryID = "666"
	late := built(t)
	late.Time = now.Add(-8 * 24 * time.Hour)
	s.facts = append(s.facts, hashed(stranger), hashed(late), hashed(scan(t, now)), s.facts[0])
	s.run = func(r *policy.Run) { r.State = policy.Unfinished }
	want := []statement.DigestSet{{SHA256: s.facts[0].StatementHash.Hex()}}
	if got := policy.Seen(s.input(t)); !slices.Equal(got, want) {
		t.Errorf("seen = %v, want %v", got, want)
	}
}

// What somebody is told before they sign is what the gate says after it.
func TestI01_who_may_approve_is_told_as_the_gate_judges(t *testing.T) {
	base, may, mayNot := setting(t, second), 0, 0
	for n := range uint64(300) {
		m := dice{rand.New(rand.NewPCG(11, n))}.world()
		m.set, m.votes, m.glass, m.base, m.waives, m.waivers = modelSet{age: 7200, left: 7200}, nil, nil, baseSame, nil, nil
		in := m.scene(t, base).input(t)
		for i, x := range m.identities {
			source := policy.ByWorkflow
			if x.mail {
				source = policy.BySignature
			}
			for k, s := range policy.Stand(in, in.Candidates[0], m.account(i), source) {
				v := modelVote{identity: i, source: source, annex: m.groups[k].annex, age: 60, left: 60}
				want := m.counts(m.groups[k], v, m.groups[k].excludes)
				if (s.Code == "") != want || (s.Reason == "") != want || s.Group != m.rules[k].Group || s.Member != slices.Contains(m.groups[k].members, i) {
					t.Fatalf("case %d: %v stands %+v in %+v, want that it counts: %v", n, x, s, m.groups[k], want)
				}
				if want {
					may++
				} else {
					mayNot++
				}
			}
		}
	}
	if may < 1000 || mayNot < 1000 {
		t.Errorf("%d may and %d may not, which is too few to prove anything", may, mayNot)
	}
}

// A rule that could be met is met when everybody who may says yes, and the
// other way round.
func TestProspects_come_true_when_everybody_says_yes(t *testing.T) {
	base, met := setting(t, second), 0
	const cases = 500
	for n := range uint64(cases) {
		d := dice{rand.New(rand.NewPCG(13, n))}
		m := d.world()
		m.set, m.votes, m.glass, m.base, m.waives, m.waivers = modelSet{age: 7200, left: 7200}, nil, nil, baseSame, nil, nil
		for i := range m.identities {
			m.identities[i].kind = policy.Human
		}
		for i := range m.groups {
			m.groups[i].annex, m.groups[i].sources = false, []policy.Source{policy.BySignature, policy.ByWorkflow}
		}
		in := m.scene(t, base).input(t)
		all := true
		for i, p := range policy.Prospects(in, in.Policy.Environments[0], in.Changes[0]) {
			all = all && p.Met
			if want := m.needs()[i]; p.Need != want || p.Group != m.rules[i].Group {
				t.Fatalf("case %d: %s needs %d, want %d", n, p.Group, p.Need, want)
			}
		}
		for i, x := range m.identities {
			v := modelVote{identity: i, source: policy.ByWorkflow, age: 60, left: 3600}
			if x.mail {
				v.source = policy.BySignature
			}
			m.votes = append(m.votes, v)
		}
		if v := m.scene(t, base).judge(t); (v.Outcome() == verdict.Allow) != all {
			t.Fatalf("case %d: outcome = %v, want what the prospects say: %v", n, v.Outcome(), all)
		}
		if all {
			met++
		}
	}
	if met < cases/10 || met > cases*9/10 {
		t.Errorf("%d of %d could be met, which proves too little", met, cases)
	}
}

func TestProspects_say_who_may_not_and_why(t *testing.T) {
	s := setting(t, second)
	s.change.Makers = append(s.change.Makers, policy.Maker{Account: account("11", "alice-admin"), Role: policy.Merger, Where: "request 12"})
	s.rosters[0].Accounts = append(s.rosters[0].Accounts, policy.Account{Host: "https://code.example", ID: "12", Name: "renovate", Kind: policy.Machine})
	in := s.input(t)
	p := policy.Prospects(in, in.Policy.Environments[0], in.Changes[0])
	if len(p) != 1 || !p[0].Met || p[0].Need != 2 || !slices.Equal(p[0].Eligible, []string{"bob", "carol", "dana@acme.example"}) ||
		!reflect.DeepEqual(p[0].Excluded, map[string]string{"alice": "merged request 12, which is part of this release"}) {
		t.Errorf("prospects = %+v, want three and why not alice", p)
	}
	if got := policy.MayApprove(in); !slices.Equal(got["release"], p[0].Eligible) {
		t.Errorf("may approve = %v, want %v", got, p[0].Eligible)
	}
}

// rebuilt is evidence of the same bytes from another run.
func rebuilt(t *testing.T, commit, run string, at time.Time) policy.Fact {
	s := signer()
	s.Commit, s.ConfigDigest, s.SignerDigest, s.Run = commit, commit, commit, run
	f := stated(t, s, provenance(s))
	f.Time = at
	return hashed(f)
}

// The same bytes may have been built before, from an older commit: what counts
// is the newest, wherever it stands in the list.
func TestG16_the_same_bytes_of_an_older_commit_change_nothing(t *testing.T) {
	older := rebuilt(t, other, "https://code.example/acme/app/runs/6/attempts/1", now.Add(-40*time.Hour))
	for _, first := range []bool{true, false} {
		in := setting(t, second, yes(alice, bob)...).input(t)
		in.Runs = append(in.Runs, policy.Run{URI: older.Signer.Run, State: policy.Succeeded, Commit: other})
		in.Changes = append(in.Changes, policy.Change{Repository: older.Signer.Repository, Head: other, Order: policy.Older, Reachable: true})
		put(&in, older, first)
		wantAllowed(t, evaluate(in))
		in.Changes[1].Makers = []policy.Maker{{Account: bob, Role: policy.Author, Where: "commit 1f2e3d4"}}
		wantWaiting(t, evaluate(in)) // whoever made it then has made it
	}
}

// Evidence of a newer commit is what nobody has seen, and takes its place.
func TestI13_the_same_bytes_of_a_newer_commit_void_an_approval(t *testing.T) {
	newer := rebuilt(t, other, "https://code.example/acme/app/runs/8/attempts/1", now.Add(-time.Minute))
	in := setting(t, second, yes(alice, bob)...).input(t)
	in.Runs = append(in.Runs, policy.Run{URI: newer.Signer.Run, State: policy.Succeeded, Commit: other})
	in.Changes = append(in.Changes, policy.Change{Repository: newer.Signer.Repository, Head: other, Order: policy.Newer, Reachable: true})
	put(&in, newer, false)
	wantRefused(t, evaluate(in), "E_APPROVAL_STALE")
}

// put adds a fact at one end of the list.
func put(in *policy.Input, f policy.Fact, first bool) {
	c := &in.Candidates[0]
	if c.Facts = append(c.Facts, f); first {
		c.Facts = append([]policy.Fact{f}, c.Facts[:len(c.Facts)-1]...)
	}
}

// What the same bytes were built from before counts too: where nobody says who
// made that, nobody can be told apart from them.
func TestI01_an_older_commit_whose_makers_are_not_known_denies(t *testing.T) {
	older := rebuilt(t, other, "https://code.example/acme/app/runs/6/attempts/1", now.Add(-40*time.Hour))
	in := setting(t, second, yes(alice, bob)...).input(t)
	in.Runs = append(in.Runs, policy.Run{URI: older.Signer.Run, State: policy.Succeeded, Commit: other})
	put(&in, older, true)
	if f := wantDenied(t, evaluate(in)); f.Code != fault.Duties {
		t.Errorf("finding = %+v, want %s", f, fault.Duties)
	}
	in.Changes = append(in.Changes, policy.Change{Repository: older.Signer.Repository, Head: other, Order: policy.Older, Reachable: true})
	wantAllowed(t, evaluate(in))
}

// An approval is for a whole release: a person who made one of its artifacts may not
// approve it, whichever stands first.
func TestI01_a_maker_of_the_second_artifact_may_not_approve(t *testing.T) {
	in := setting(t, second).input(t)
	old := rebuilt(t, other, "https://code.example/acme/app/runs/6/attempts/1", now.Add(-time.Hour))
	in.Candidates = append(in.Candidates, policy.Candidate{Subject: in.Candidates[0].Subject, Facts: []policy.Fact{old}})
	in.Changes = append(in.Changes, policy.Change{Repository: old.Signer.Repository, Head: other, Order: policy.Newer, Reachable: true,
		Makers: []policy.Maker{{Account: bob, Role: policy.Author, Where: "commit 1f2e3d4"},
			{Account: policy.Account{Name: "build@elsewhere.example"}, Role: policy.CoAuthor, Where: "commit 1f2e3d4"}}})
	for range 2 {
		if got := policy.MayApprove(in)["release"]; slices.Contains(got, "bob") || !slices.Contains(got, "carol") {
			t.Errorf("may approve = %v, want carol and not bob", got)
		}
		var reasons []string
		for _, a := range policy.Approvers(in) {
			if a.Account.Name == "bob" {
				reasons = append(reasons, a.Reason)
			}
		}
		if len(reasons) != 1 || !strings.Contains(reasons[0], "commit 1f2e3d4") {
			t.Errorf("reasons = %q, want one, with the commit", reasons)
		}
		if u := policy.UnknownMakers(in); len(u) != 1 || len(u[0].Makers) != 1 {
			t.Errorf("unknown makers = %+v, want one", u)
		}
		slices.Reverse(in.Candidates)
	}
}

func TestMayApprove_names_nobody_who_has_approved(t *testing.T) {
	for _, c := range []struct {
		ballots []ballot
		want    bool
	}{{nil, true}, {yes(alice), false}} {
		in := setting(t, second, c.ballots...).input(t)
		if got := policy.MayApprove(in)["release"]; slices.Contains(got, "alice") != c.want {
			t.Errorf("may approve = %v, want alice among them: %v", got, c.want)
		}
	}
}
