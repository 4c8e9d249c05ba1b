package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

const home = "acme/app build/release.yml@refs/heads/main or refs/tags/v*"

// What is missing is said by what is there: who has attested in vain is not
// told to attest.
func TestHint_says_what_is_wrong_with_the_evidence_at_hand(t *testing.T) {
	unlogged := policy.Rejection{Code: fault.TLog, Reason: "the signature is in no log"}
	broken := policy.Rejection{Code: fault.SignatureInvalid, Reason: "the signature does not verify"}
	foreign := policy.Rejection{Code: fault.SubjectMismatch, Reason: "the evidence is not about this"}
	attested := foreign
	nine := subject.SHA256([32]byte{9})
	attested.Attested, attested.Signer = &nine, signer()
	pinned := edited(t, "trust: house", "trust: {root: roots/ours.json, sha256: "+strings.Repeat("ab", 32)+"}")
	for name, c := range map[string]struct {
		policy      string
		rejections  []policy.Rejection
		found, hint string
	}{
		"nothing":                       {good, nil, "nothing", "attest it in the workflow that builds it: " + home},
		"another artifact":              {good, []policy.Rejection{foreign}, "evidence about another artifact only", "attest this one in the workflow that builds it: " + home},
		"no log":                        {good, []policy.Rejection{unlogged}, "1 bundle that proves nothing: E_TLOG the signature is in no log", "attest it again with the Sigstore instance that trust names (house), in " + home},
		"no log of ours":                {pinned, []policy.Rejection{unlogged}, "1 bundle that proves nothing: E_TLOG the signature is in no log", "attest it again with the Sigstore instance that trust names (roots/ours.json), in " + home},
		"a broken one":                  {good, []policy.Rejection{broken}, "1 bundle that proves nothing: E_SIG_INVALID the signature does not verify", "that bundle is of no use; attest it again in " + home},
		"a broken one and another":      {good, []policy.Rejection{foreign, broken}, "2 bundles that prove nothing, first: E_SIG_INVALID the signature does not verify", "that bundle is of no use; attest it again in " + home},
		"attested under another digest": {good, []policy.Rejection{broken, attested}, app().Digest.String(), "deploy the artifact that was built, or attest this one in the workflow that builds it"},
		"many":                          {good, slices.Repeat([]policy.Rejection{broken}, 20), "10000 bundles that prove nothing, first: E_SIG_INVALID the signature does not verify", "that bundle is of no use; attest it again in " + home},
	} {
		in := input(read(t, c.policy))
		in.Candidates[0].Rejections = c.rejections
		if name == "many" {
			in.Candidates[0].More = 9980
		}
		f := wantDenied(t, evaluate(in))
		if f.Found != c.found || f.Hint != c.hint {
			t.Errorf("%s: found %q, hint %q, want %q and %q", name, f.Found, f.Hint, c.found, c.hint)
		}
	}
}

func TestHint_names_every_builder_that_may_attest_it(t *testing.T) {
	f := wantDenied(t, evaluate(input(both(t, false))))
	if want := "attest it in the workflow that builds it: " + home + ", or acme/app ci.yml@refs/heads/main"; f.Hint != want {
		t.Errorf("hint = %q, want %q", f.Hint, want)
	}
}

// A name that no artifact has gets the names there are, and no advice to make
// the policy wider.
func TestHint_for_an_unknown_name_shows_the_names_there_are(t *testing.T) {
	in := input(read(t, good), built(t))
	in.Candidates[0].Subject.Name = "other/app.tar.gz"
	f := wantDenied(t, evaluate(in))
	if want := "dist/* or registry.example/acme/app"; f.Code != fault.SubjectMismatch || f.Wanted != want {
		t.Errorf("finding = %s, wanted %q, want %s and %q", f.Code, f.Wanted, fault.SubjectMismatch, want)
	}
}

// Nobody is sent to a release set that no approval of could count for, and who
// waits for more people than there are is told so.
func TestHint_for_people_leads_to_a_yes_that_counts(t *testing.T) {
	hint := func(s scene) string { t.Helper(); return wantWaiting(t, s.judge(t)).Hint }
	if got := hint(setting(t, second)); !strings.Contains(got, "sallyport approve --release sha256:") {
		t.Errorf("hint = %q, want the release", got)
	}
	for name, spoil := range map[string]func(*statement.Release){
		"another environment": func(r *statement.Release) { r.Environments[0].Name = "staging" },
		"made anew":           func(r *statement.Release) { r.Environments[0].ID = "1" },
		"another policy":      func(r *statement.Release) { r.Policy.SHA256 = strings.Repeat("ab", 32) },
		"expired":             func(r *statement.Release) { r.ExpiresAt = stamp(now.Add(-time.Second)) },
	} {
		s := setting(t, second)
		s.release = spoil
		if got, want := hint(s), `make a release set for "production" with sallyport release, under this policy, for people to approve`; got != want {
			t.Errorf("%s: hint = %q, want %q", name, got, want)
		}
	}
	s := setting(t, second, yes(alice)...)
	for i := range 2 {
		s.change.Makers = append(s.change.Makers, policy.Maker{Email: strings.Repeat("x", i+1) + "@y.example", Role: policy.CoAuthor, Where: "commit 4f2a91c"})
	}
	if got, want := hint(s), "; or ask bob or carol or dana@acme.example to run: sallyport approve --release "; !strings.Contains(got, want) {
		t.Errorf("hint = %q, want %q", got, want)
	}
	s.change.Makers = append(s.change.Makers, policy.Maker{Account: bob, Role: policy.Author, Where: "commit 4f2a91c"})
	if got, want := hint(s), "; no more than carol and dana@acme.example may approve, and 3 are missing"; !strings.Contains(got, want) {
		t.Errorf("hint = %q, want %q", got, want)
	}
}

func TestI07_an_address_of_another_issuer_is_told_so(t *testing.T) {
	stranger := dana
	stranger.Host += "/"
	f := wantRefused(t, setting(t, second, yes(stranger)...).judge(t), "E_SOD")
	if !strings.Contains(f.Reason, `which has that address from "https://accounts.example" and not from "https://accounts.example/"`) {
		t.Errorf("reason = %q, want both issuers", f.Reason)
	}
	wantAllowed(t, setting(t, second, yes(dana, alice)...).judge(t))
}

// Of many makers without a known person the first are told, and the next step fits
// what they are: of a fork, the key that names its owner.
func TestI03_what_to_do_about_makers_without_a_known_person(t *testing.T) {
	s := setting(t, emergency(t), append(yes(carol), urgent(carol, dana)...)...)
	s.change.Makers = []policy.Maker{{Account: alice, Role: policy.Author, Where: "commit 1"}}
	for i := range 30 {
		s.change.Makers = append(s.change.Makers, policy.Maker{Role: policy.Pusher, Where: fmt.Sprint("request ", 10+i), Mark: fmt.Sprint(i), Fork: true})
	}
	asked, urgently := 0, 0
	for _, f := range s.judge(t).Judgements[0].Findings {
		switch f.Requirement {
		case "approvals release":
			asked++
			if !strings.Contains(f.Reason, "1 of 32 approvals") || !strings.Contains(f.Hint, "write forks: owner under the environment") ||
				!strings.Contains(f.Hint, "2 approvals, and one more for each of 30 makers without a known person") || strings.Contains(f.Hint, "deploy key") {
				t.Errorf("finding = %+v, want the key that names a fork's owner", f)
			}
		case "break-glass":
			urgently++
			if !strings.Contains(f.Wanted, "31 who did not make the change") || !strings.Contains(f.Hint, "forks: owner") {
				t.Errorf("finding = %+v, want why two people are too few", f)
			}
		default:
			continue
		}
		if n := strings.Count(f.Found, "somebody pushed request"); n != 10 || !strings.HasSuffix(f.Found, "; and 20 more") {
			t.Errorf("found = %q, want ten of thirty", f.Found)
		}
	}
	if asked != 1 || urgently != 1 {
		t.Errorf("%d findings about approvals and %d about an emergency, want one of each", asked, urgently)
	}
}
