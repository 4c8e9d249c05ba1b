package cli

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
)

// refusal is why a published bundle is no evidence under the root of an instance.
func refusal(t *testing.T, bundle string, root *sigstore.TrustedRoot) *sigstore.Rejection {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(folder(), bundle))
	if err != nil {
		t.Fatal(err)
	}
	b, err := sigstore.ParseBundle(raw)
	if err != nil {
		t.Fatal(err)
	}
	v, err := sigstore.NewVerifier(root, sigstore.Interoperable)
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Verify(b)
	var x *sigstore.Rejection
	if !errors.As(err, &x) {
		t.Fatalf("%s: %v, want a rejection", bundle, err)
	}
	return x
}

// A hint names flags that the command has and that were not given, or lines of the policy; it is known which instance
// signed, where it is one that people know.
func TestHint_is_in_the_words_of_the_command(t *testing.T) {
	public, err := sigstore.PublicGood().TrustedRoot(t.Context(), sigstore.TUF{Offline: true, Now: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(folder(), "github-trusted-root.json"))
	if err != nil {
		t.Fatal(err)
	}
	private, err := sigstore.ParseTrustedRoot(raw)
	if err != nil {
		t.Fatal(err)
	}
	byGitHub, byPublic := refusal(t, "attest-before-1.3-private.sigstore.json", public), refusal(t, "npm-v1-tag.sigstore.json", private)
	nobody := &sigstore.Rejection{Remedy: sigstore.TrustIssuer}
	kind := func(r sigstore.Remedy) *sigstore.Rejection { return &sigstore.Rejection{Remedy: r} }
	under := func(trust policy.Trust) *policy.Policy {
		return &policy.Policy{Artifacts: []policy.Artifact{{Trust: trust}}}
	}
	house := under(policy.Trust{Root: "root.json"})

	for name, c := range map[string]struct {
		args   []string // of the command; the first is its name
		policy *policy.Policy
		x      *sigstore.Rejection
		want   string
	}{
		"another known one":             {[]string{"verify"}, nil, byGitHub, "the certificate is of the instance github: say --sigstore github"},
		"… offline":                     {[]string{"verify", "--offline"}, nil, byGitHub, "the certificate is of the instance github: say --sigstore github and give its trusted root with --trusted-root; sallyport trust --profile github writes it down"},
		"… with a root":                 {[]string{"verify", "--trusted-root", "r.json"}, nil, byGitHub, "the certificate is of the instance github: say --sigstore github, and leave --trusted-root out or give that instance's own"},
		"… with the wrong root":         {[]string{"verify", "--sigstore", "github", "--trusted-root", "r.json"}, nil, byGitHub, "the certificate is of the instance github: leave --trusted-root out, or give that instance's own"},
		"… the other way round":         {[]string{"verify", "--offline", "--sigstore", "github", "--trusted-root", "r.json"}, nil, byPublic, "the certificate is of the instance public-good: say --sigstore public-good, and leave --trusted-root out or give that instance's own"},
		"… whose root is older":         {[]string{"verify", "--sigstore", "github"}, nil, byGitHub, "the certificate is of the instance github, whose trusted root here is older: update sallyport"},
		"nobody known":                  {[]string{"verify"}, nil, nobody, "give the trusted root of the instance that issued the certificate with --trusted-root"},
		"nobody known, with a root":     {[]string{"verify", "--trusted-root", "r.json"}, nil, nobody, "give the trusted root of the instance that issued the certificate"},
		"gate, another known one":       {[]string{"gate", "--environment", "x"}, under(policy.Trust{Name: "public-good"}), byGitHub, "the certificate is of the instance github: attest it again with the Sigstore instance that the policy's trust names, or say there trust: github"},
		"gate, nobody known":            {[]string{"gate", "--environment", "x"}, house, nobody, "attest it again with the Sigstore instance that the policy's trust names, or name there the trusted root of the one that issued the certificate: trust: {root: FILE, sha256: HEX}"},
		"policy, with the wrong root":   {[]string{"verify", "--policy", "p.yaml", "--trusted-root", "r.json"}, under(policy.Trust{Name: "github"}), byGitHub, "the certificate is of the instance github, which the policy names: give its trusted root, or none"},
		"policy, its own instance":      {[]string{"verify", "--policy", "p.yaml"}, under(policy.Trust{Name: "github"}), byGitHub, "the certificate is of the instance github: attest it again with the Sigstore instance that the policy's trust names"},
		"a promise":                     {[]string{"verify"}, nil, kind(sigstore.AcceptPromise), "attest it again with a client that keeps the proof; --log promise accepts the log's promise"},
		"a promise, under a policy":     {[]string{"gate", "--environment", "x"}, house, kind(sigstore.AcceptPromise), "attest it again with a client that keeps the proof; log: promise in the policy's trust accepts the log's promise"},
		"no log of a key":               {[]string{"verify", "--key", "k"}, nil, kind(sigstore.AcceptUnlogged), "log it when it is signed; --log none accepts what was never logged"},
		"no log of a key, with a root":  {[]string{"verify", "--key", "k", "--trusted-root", "r.json"}, nil, kind(sigstore.AcceptUnlogged), "log it when it is signed; --log none accepts what was never logged, and needs no trusted root"},
		"no log of a key, policy":       {[]string{"gate", "--environment", "x"}, house, kind(sigstore.AcceptUnlogged), "log it when it is signed; log: none beside the key in the policy accepts what was never logged"},
		"a root without logs":           {[]string{"verify", "--trusted-root", "r.json"}, nil, kind(sigstore.ExpectNoLogs), "take the trusted root that names the instance's logs; --log none is for an instance that has none"},
		"a root without logs, policy":   {[]string{"gate", "--environment", "x"}, house, kind(sigstore.ExpectNoLogs), "take the trusted root that names the instance's logs; transparency: none in the policy's trust is for an instance that has none"},
		"intermediates":                 {[]string{"verify", "--trusted-root", "r.json"}, nil, kind(sigstore.AcceptIntermediates), "put the certificate into the trusted root; --intermediates bundle takes it from the bundle"},
		"intermediates, under a policy": {[]string{"gate", "--environment", "x"}, house, kind(sigstore.AcceptIntermediates), "put the certificate into the trusted root; intermediates: bundle in the policy's trust takes it from the bundle"},
		"the same for every command":    {[]string{"verify"}, nil, &sigstore.Rejection{Hint: "get it again"}, "get it again"},
		"none":                          {[]string{"gate", "--environment", "x"}, house, &sigstore.Rejection{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Command{Getenv: nothing, Now: time.Now}.newRun(t.Context(), c.args[0], c.args[1:])
			if err != nil {
				t.Fatal(err)
			}
			got := r.next(c.x, c.policy)
			if got != c.want {
				t.Errorf("next step = %q, want %q", got, c.want)
			}
			own, _, _ := strings.Cut(got, "sallyport trust")
			for _, flag := range regexp.MustCompile(`(leave )?--[a-z-]+( [a-z-]+)?`).FindAllString(own, -1) {
				flag, leave := strings.CutPrefix(flag, "leave ")
				flag, _, _ = strings.Cut(flag, " ")
				if !r.takes(strings.TrimPrefix(flag, "--")) || slices.Contains(c.args, flag) && !leave && !strings.Contains(got, flag+" github") && !strings.Contains(got, flag+" public-good") {
					t.Errorf("%q names %s, which %v does not take or was given", got, flag, c.args)
				}
			}
		})
	}
}
