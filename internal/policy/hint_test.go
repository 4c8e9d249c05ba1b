package policy_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
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
	attested.Attested, attested.Signer = &subject.Digest{9}, signer()
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
	} {
		in := input(read(t, c.policy))
		in.Candidates[0].Rejections = c.rejections
		f := wantDenied(t, policy.Evaluate(in))
		if f.Found != c.found || f.Hint != c.hint {
			t.Errorf("%s: found %q, hint %q, want %q and %q", name, f.Found, f.Hint, c.found, c.hint)
		}
	}
}

// A name that no artifact has gets the names there are, and no advice to make
// the policy wider.
func TestHint_for_an_unknown_name_shows_the_names_there_are(t *testing.T) {
	in := input(read(t, good), built(t))
	in.Candidates[0].Subject.Name = "other/app.tar.gz"
	f := wantDenied(t, policy.Evaluate(in))
	if want := "dist/* or registry.example/acme/app"; f.Code != fault.SubjectMismatch || f.Wanted != want {
		t.Errorf("finding = %s, wanted %q, want %s and %q", f.Code, f.Wanted, fault.SubjectMismatch, want)
	}
}
