package push

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/server/decide"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

func TestMain(m *testing.M) { labtest.Main(m) }

const rules = `version: 1
artifacts:
  app:
    subject: [app]
    trust: {root: trusted_root.json, sha256: %[1]s}
    built-by:
      - issuer: https://token.actions.githubusercontent.com
        repository: acme/widget
        repository-id: %[3]s
        workflow: .github/workflows/release.yml
        refs: [refs/heads/main]
environments:
  production:
    requires: {provenance: {max-age: 7d}}
    approvals: [{group: release}]
groups:
  release: {members: ["email:dana@acme.example"], issuer: %[2]s, trust: {root: trusted_root.json, sha256: %[1]s}}
people:
  dana: ["github:dana#90", "email:dana@acme.example"]
`

// A desk takes evidence, with quotas that a test can fill.
type desk struct {
	*testing.T
	*Taker
	lab   *labtest.Lab
	who   Run
	rule  *decide.Rule
	ended error   // of the run that pushes
	woke  []int64 // of each time that deployments were woken: the run
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	lab := labtest.Shared(t)
	s, err := keep.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "server.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	root, err := os.ReadFile(filepath.Join(lab.Dir, "trusted_root.json"))
	if err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprint(lab.RepositoryID(t, "acme/widget"))
	text := fmt.Sprintf(rules, subject.Sum(root).Hex(), lab.Env["SALLYPORT_LAB_ACCOUNTS"], id)
	p, err := policy.Read([]byte(text), "policy.yaml", forges.Words())
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{T: t, lab: lab, rule: &decide.Rule{Policy: p},
		who: Run{Repository: event.Repository{Host: "https://github.com", ID: id, Owner: "1", Name: "acme/widget"},
			Run: 4711, Attempt: 1, issuer: "https://token.actions.githubusercontent.com", until: time.Now().Add(time.Hour)}}
	d.Taker = &Taker{Keep: s, Now: time.Now, OfRun: 2, OfOthers: 1, OfSigner: 1,
		Wake:   func(_ *keep.Tx, _ event.Repository, run int64) error { d.woke = append(d.woke, run); return nil },
		AtWork: func(context.Context, Run) error { return d.ended },
		Rule:   func(event.Repository) (*decide.Rule, error) { return d.rule, nil },
		Trust: func(context.Context, *decide.Rule) *gate.Trust {
			return &gate.Trust{Beside: func(string, int64) ([]byte, error) { return root, nil },
				Require: func(string) sigstore.Requirements { return sigstore.Transparent }}
		}}
	return d
}

// signs signs a statement about a subject with a token. Nobody looks at what the statement says.
func (d *desk) signs(token, kind, predicate string, about subject.Subject) []byte {
	d.Helper()
	raw, err := os.ReadFile(filepath.Join(d.lab.Dir, "signing_config.json"))
	if err != nil {
		d.Fatal(err)
	}
	signing, err := sigstore.ParseSigningConfig(raw)
	if err != nil {
		d.Fatal(err)
	}
	payload, err := statement.Annotated([]subject.Subject{about}, kind, []byte(predicate), nil)
	if err != nil {
		d.Fatal(err)
	}
	bundle, err := sigstore.Sign(d.Context(), signing, payload, token)
	if err != nil {
		d.Fatal(err)
	}
	return bundle
}

// run is the token of a job of the run that pushes.
func (d *desk) run() string { return d.runOf("release.yml") }

// runOf is that of a job of a workflow.
func (d *desk) runOf(workflow string) string {
	ref := "acme/widget/.github/workflows/" + workflow + "@refs/heads/main"
	return d.lab.GitHubToken(d, "sigstore", map[string]any{"repository": "acme/widget", "repository_id": d.who.ID,
		"run_id": fmt.Sprint(d.who.Run), "run_attempt": "1", "workflow_ref": ref, "job_workflow_ref": ref})
}

func named(name string) subject.Subject {
	return subject.Subject{Name: name, Digest: subject.Sum([]byte(name))}
}

// takes hands bundles over, with a token that was not used before.
func (d *desk) takes(bundles ...[]byte) (int, error) {
	d.who.id += "x"
	return d.Take(d.Context(), d.who, bundles)
}

const kind = "https://acme.example/test/v1"

func TestJ10_a_run_fills_no_more_of_a_server_than_its_quota(t *testing.T) {
	d := newDesk(t)
	bundle := func(name string) []byte { return d.signs(d.run(), kind, `{}`, named(name)) }
	first, second, third := bundle("a"), bundle("b"), bundle("c")
	if n, err := d.takes(first, second); err != nil || n != 2 {
		t.Fatalf("as many as its quota: %d, %v", n, err)
	}
	if n, err := d.takes(first, second); err != nil || n != 0 {
		t.Errorf("the same again: %d, %v", n, err)
	}
	if n, err := d.takes(third); fault.Of(err).Code != fault.Limit {
		t.Errorf("one more: %d, %v", n, err)
	}
	d.who.Run++
	other := d.signs(d.run(), kind, `{}`, named("c"))
	if n, err := d.takes(other); err != nil || n != 1 {
		t.Errorf("another run: %d, %v", n, err)
	}
	if fmt.Sprint(d.woke) != "[4711 4712]" { // what was there already wakes nothing
		t.Errorf("deployments of the runs %v were woken", d.woke)
	}
	d.OfRun = MaxOfRun
	many := make([][]byte, MaxOfRequest+1)
	for i := range many {
		many[i] = other
	}
	if n, err := d.takes(many...); fault.Of(err).Code != fault.Limit {
		t.Errorf("too many in one request: %d, %v", n, err)
	}
	if n, err := d.takes(many[1:]...); err != nil || n != 0 {
		t.Errorf("as many as a request has at most: %d, %v", n, err)
	}
}

func TestE13_nothing_is_kept_of_a_run_that_is_not_at_work(t *testing.T) {
	d := newDesk(t)
	bundle := d.signs(d.run(), kind, `{}`, named("a"))
	d.ended = fault.New(fault.Refused, fault.BuildState, "", "it has ended")
	if n, err := d.takes(bundle); n != 0 || fault.Of(err).Code != fault.BuildState {
		t.Errorf("it has ended: %d, %v", n, err)
	}
	d.ended = nil
	if n, err := d.takes(bundle); n != 1 || err != nil {
		t.Errorf("it is at work: %d, %v", n, err)
	}
}

func TestJ10_what_others_of_a_repository_sign_uses_up_nothing_of_those_whom_the_policy_names(t *testing.T) {
	d := newDesk(t)
	d.OfRun = MaxOfRun
	first, second := d.signs(d.runOf("evil.yml"), kind, `{}`, named("a")), d.signs(d.runOf("evil.yml"), kind, `{}`,
		named("b"))
	if n, err := d.takes(first); err != nil || n != 1 {
		t.Fatalf("as much as others may: %d, %v", n, err)
	}
	good := d.signs(d.run(), kind, `{}`, named("c"))
	if n, err := d.takes(second, good); n != 1 || fault.Of(err).Code != fault.Limit {
		t.Errorf("more of others beside one that the policy names: %d, %v", n, err)
	}
	if n, err := d.takes(d.signs(d.run(), kind, `{}`, named("d"))); err != nil || n != 1 {
		t.Errorf("another one that the policy names: %d, %v", n, err)
	}
	now := d.Now
	d.Now = func() time.Time { return now().Add(25 * time.Hour) }
	if n, err := d.takes(second); err != nil || n != 1 {
		t.Errorf("a day later: %d, %v", n, err)
	}
}

func TestE13_words_about_a_release_are_kept_of_those_whom_the_policy_names(t *testing.T) {
	d := newDesk(t)
	dana, eve := d.lab.PersonToken(t, "dana@acme.example"), d.lab.PersonToken(t, "eve@acme.example")
	release, other := named("release"), named("another release")
	yes := func(token, kind string, about subject.Subject) []byte { return d.signs(token, kind, `{}`, about) }
	if n, err := d.takes(d.signs(d.run(), statement.ReleaseV1, `{}`, release)); err != nil || n != 1 {
		t.Fatalf("the release: %d, %v", n, err)
	}
	said := yes(dana, statement.ApprovalV1, release)
	for _, x := range []struct {
		what   string
		bundle []byte
		code   fault.Code // "": it is kept
		fresh  bool
	}{
		{"a stranger", yes(eve, statement.ApprovalV1, release), fault.Identity, false},
		{"a stranger whose address ends like that of a member",
			yes(d.lab.PersonToken(t, "adana@acme.example"), statement.ApprovalV1, release), fault.Identity, false},
		{"no bundle", []byte(`{}`), fault.Identity, false},
		{"bytes that were changed", []byte(strings.Replace(string(said), `"payload":"e`, `"payload":"f`, 1)), "E_",
			false},
		{"a release that nobody has pushed", yes(dana, statement.ApprovalV1, other), fault.EvidenceMissing, false},
		{"something else than a word about a release", yes(dana, statement.ReleaseV1, release), fault.Predicate, false},
		{"somebody whom the policy names", said, "", true},
		{"the same again", said, "", false},
		{"more words than are kept", yes(dana, statement.WaiverV1, release), fault.Limit, false},
	} {
		fresh, err := d.Said(t.Context(), d.who.Repository, d.rule, x.bundle)
		if code := fault.Of(err).Code; fresh != x.fresh || (err == nil) != (x.code == "") ||
			err != nil && !strings.HasPrefix(string(code), string(x.code)) {
			t.Errorf("%s: fresh %v, %v (%s); want %v, %q", x.what, fresh, err, code, x.fresh, x.code)
		}
	}
	all, err := d.Keep.AboutSubject(t.Context(), d.who.Repository, release.Digest.String())
	if fmt.Sprint(d.woke) != "[4711 0]" {
		t.Errorf("the runs %v were woken, want that of the release, and then all", d.woke)
	}
	if err != nil || len(all) != 2 {
		t.Errorf("%d pieces of evidence are kept, want the release and one word; %v", len(all), err)
	}
}

func TestG11_only_a_job_in_an_environment_lets_something_into_it(t *testing.T) {
	for _, x := range []struct {
		environment, subject string
		want                 bool
	}{
		{"production", "", true},
		{"", "repo:acme/widget:environment:production", true},
		{"staging", "repo:acme/widget:environment:production", false},
		{"", "repo:acme/widget:ref:refs/heads/main", false},
		{"", "", false},
	} {
		if got := within(statement.Signer{Environment: x.environment, TokenSubject: x.subject},
			"production"); got != x.want {
			t.Errorf("%+v: %v", x, got)
		}
	}
}
