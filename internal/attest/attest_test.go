package attest

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// A shelf keeps what it is handed.
type shelf struct{ kept []store.Record }

func (*shelf) Name() string { return "shelf" }

func (s *shelf) Put(_ context.Context, r store.Record) (store.Receipt, error) {
	s.kept = append(s.kept, r)
	return store.Receipt{Store: "shelf", ID: "1"}, nil
}

// signer is an Attest over the lab, with shelves for stores.
func signer(t *testing.T, check Check) (a *Attest, local, other *shelf) {
	t.Helper()
	l := labtest.Shared(t)
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(l.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	signing, err := sigstore.ParseSigningConfig(read("signing_config.json"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := sigstore.ParseTrustedRoot(read("trusted_root.json"))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := sigstore.NewVerifier(root, sigstore.Transparent)
	if err != nil {
		t.Fatal(err)
	}
	local, other = &shelf{}, &shelf{}
	return &Attest{Signing: signing, Verifier: verifier, Token: l.GitHubToken(t, "sigstore", nil), Check: check, Local: local, Sinks: []Sink{other}}, local, other
}

func named(name string) subject.Subject {
	return subject.Subject{Name: name, Digest: subject.Sum([]byte(name))}
}

const test = "https://in-toto.io/attestation/test-result/v0.1"

func anything(statement.Signer, statement.Statement) error { return nil }

// What the check refuses has been signed and logged, and reaches no store.
func TestF01_a_signature_that_the_check_refuses_is_not_stored(t *testing.T) {
	a, local, other := signer(t, anything)
	if _, err := a.Sign(t.Context(), []subject.Subject{named("app")}, test, []byte(`{}`)); err != nil || len(local.kept) != 1 || len(other.kept) != 1 {
		t.Fatalf("control: %v, kept %d here and %d elsewhere", err, len(local.kept), len(other.kept))
	}
	no := fault.New(fault.Refused, fault.Predicate, "", "the statement contradicts the certificate")
	a, local, other = signer(t, func(s statement.Signer, st statement.Statement) error {
		if s.Repository == "" || len(st.Subject) != 1 {
			t.Errorf("asked about %+v and %+v", s, st)
		}
		return no
	})
	_, err := a.Sign(t.Context(), []subject.Subject{named("app")}, test, []byte(`{}`))
	if !errors.Is(err, no) || fault.Of(err).Code != fault.Predicate {
		t.Errorf("error = %v, want that of the check", err)
	}
	if len(local.kept)+len(other.kept) > 0 {
		t.Errorf("kept %d here and %d elsewhere, want nothing", len(local.kept), len(other.kept))
	}
}

// A provenance that says something else than its own certificate is refused by the one who signs it.
func TestF11_a_job_does_not_sign_a_provenance_of_another(t *testing.T) {
	forge := func(issuer string) (policy.Forge, bool) {
		return policy.Forge{Issuer: issuer, Host: "https://github.com", Mark: "/", Kind: "github"}, issuer == "https://token.actions.githubusercontent.com"
	}
	lie := []byte(`{"buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1","externalParameters":{"workflow":{"ref":"refs/heads/main","repository":"https://github.com/evil/app","path":".github/workflows/release.yml"}}},"runDetails":{"builder":{"id":"https://github.com/evil/app/.github/workflows/release.yml@refs/heads/main"}}}`)
	a, local, other := signer(t, Job(forge))
	if _, err := a.Sign(t.Context(), []subject.Subject{named("app")}, statement.ProvenanceV1, lie); fault.Of(err).Code != fault.Predicate {
		t.Errorf("error = %v, want %s", err, fault.Predicate)
	}
	if len(local.kept)+len(other.kept) > 0 {
		t.Error("it is stored")
	}
	if _, err := a.Sign(t.Context(), []subject.Subject{named("app")}, test, []byte(`{}`)); err != nil {
		t.Errorf("control: %v", err)
	}
	unknown := func(string) (policy.Forge, bool) { return policy.Forge{}, false }
	a, local, _ = signer(t, Job(unknown))
	if _, err := a.Sign(t.Context(), []subject.Subject{named("app")}, test, []byte(`{}`)); fault.Of(err).Code != fault.Identity || len(local.kept) > 0 {
		t.Errorf("issuer of no platform: %v, want %s", err, fault.Identity)
	}
}

// A release set, an approval, a waiver or an entry that no gate could read is refused before it is signed.
func TestI06_what_no_gate_can_read_is_not_signed(t *testing.T) {
	d := strings.Repeat("ab", 32)
	set := statement.Release{
		Version: "v1.4.0", Repository: statement.Origin{URI: "https://code.example/acme/app", ID: "1001"}, Environments: []statement.Place{{Name: "production", ID: "7"}},
		Policy: statement.DigestSet{SHA256: d}, Evidence: []statement.DigestSet{{SHA256: d}}, Run: "https://code.example/acme/app/runs/1",
		IssuedAt: "2026-01-02T03:04:05Z", ExpiresAt: "2026-01-03T03:04:05Z",
	}
	sign := func(commits ...string) ([]store.Record, error) {
		set.Shown = nil
		for _, c := range commits {
			set.Shown = append(set.Shown, statement.Span{Environment: "production", Commit: c})
		}
		predicate, err := set.JSON()
		if err != nil {
			t.Fatal(err)
		}
		all := []subject.Subject{named("app")}
		all = append(all, statement.ReleaseSubject(set.Version, statement.ReleaseDigest(all, predicate)))
		a, local, _ := signer(t, anything)
		_, err = a.Sign(t.Context(), all, statement.ReleaseV1, predicate)
		return local.kept, err
	}
	commit := strings.Repeat("1", 40)
	if kept, err := sign(commit); err != nil || len(kept) != 1 {
		t.Errorf("control: %v, kept %d", err, len(kept))
	}
	if kept, err := sign(commit, commit); fault.Of(err).Code != fault.Predicate || len(kept) > 0 {
		t.Errorf("one commit twice: %v, kept %d, want %s and nothing", err, len(kept), fault.Predicate)
	}
	for kind, predicate := range map[string]string{
		statement.ReleaseV1: `{}`, statement.ApprovalV1: `{}`, statement.WaiverV1: `{}`,
		statement.SummaryV1: `{"verifier":{"id":"` + statement.EntryVerifier + `"}}`,
	} {
		a, _, _ := signer(t, anything)
		if _, err := a.Sign(t.Context(), []subject.Subject{named("app")}, kind, []byte(predicate)); err == nil {
			t.Errorf("%s %s is signed, want a refusal", kind, predicate)
		}
	}
	a, _, _ := signer(t, anything)
	if _, err := a.Sign(t.Context(), []subject.Subject{named("app")}, statement.SummaryV1, []byte(`{"verifier":{"id":"https://verifier.example"}}`)); err != nil {
		t.Errorf("control: the summary of another verifier: %v", err)
	}
}

// Every subject that was to be attested is covered by what was signed; a genuine bundle about others is not stored.
func TestE01_a_signature_that_does_not_cover_a_subject_is_refused(t *testing.T) {
	a, local, _ := signer(t, anything)
	if _, err := a.Sign(t.Context(), []subject.Subject{named("app"), named("lib")}, test, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	raw := local.kept[0].Bundle
	for name, c := range map[string]struct {
		subjects []subject.Subject
		good     bool
	}{
		"both": {[]subject.Subject{named("app"), named("lib")}, true}, "one": {[]subject.Subject{named("lib")}, true},
		"another": {[]subject.Subject{named("other")}, false}, "one and another": {[]subject.Subject{named("app"), named("other")}, false},
		"another file of that name": {[]subject.Subject{{Name: "app", Digest: named("other").Digest}}, false},
	} {
		v, err := a.check(raw, c.subjects)
		if c.good && (err != nil || v.Subjects() == nil) {
			t.Errorf("%s: refused: %v", name, err)
		}
		if !c.good && (fault.Of(err).Code != fault.SubjectMismatch || v.Subjects() != nil) {
			t.Errorf("%s: %v, %v; want %s", name, v.Subjects(), err, fault.SubjectMismatch)
		}
	}
}

// A bundle that does not verify is not stored. The message tells the answer of the service, and blames the trusted root
// only for its own faults.
func TestF01_what_was_just_signed_has_to_verify(t *testing.T) {
	a, local, _ := signer(t, anything)
	if _, err := a.Sign(t.Context(), []subject.Subject{named("app")}, test, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	raw := local.kept[0].Bundle
	twin, _, _ := signer(t, anything)
	root, err := sigstore.PublicGood().TrustedRoot(t.Context(), sigstore.TUF{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	if twin.Verifier, err = sigstore.NewVerifier(root, sigstore.Transparent); err != nil {
		t.Fatal(err)
	}
	_, err = twin.check(raw, []subject.Subject{named("app")})
	if f := fault.Of(err); f.Code != fault.Chain || f.Kind != fault.Refused || f.Hint != "the trusted root and the signing config have to be of the same instance" {
		t.Errorf("another root: %v, hint %q", err, f.Hint)
	}
	b, err := sigstore.ParseBundle(raw)
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Replace(b.Payload(), []byte(`"app"`), []byte(`"bpp"`), 1)
	broken := bytes.Replace(raw, []byte(base64.StdEncoding.EncodeToString(b.Payload())), []byte(base64.StdEncoding.EncodeToString(other)), 1)
	_, err = a.check(broken, []subject.Subject{named("app")})
	if f := fault.Of(err); f.Code != fault.SignatureInvalid || strings.Contains(f.Hint+f.Error(), "trusted root") {
		t.Errorf("changed: %v, hint %q", err, f.Hint)
	}
	if _, err = a.check([]byte("{}"), nil); fault.Of(err).Code != fault.Malformed || fault.Of(err).Hint != "" {
		t.Errorf("no bundle: %v, hint %q", err, fault.Of(err).Hint)
	}
}
