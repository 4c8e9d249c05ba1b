package gate_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

const recorded = `version: 1
artifacts:
  app:
    subject: [dist/app]
    trust: {root: trusted_root.json, sha256: %[1]s}
    built-by:
      - {issuer: https://token.actions.githubusercontent.com, repository: acme/app, repository-id: 1001, workflow: .github/workflows/release.yml, refs: [refs/heads/main]}
environments:
  production:
    record: required
    requires: {provenance: {}}
`

// A watchman answers what a platform answers about a quiet repository, and counts what it
// is asked.
type watchman struct{ refs, runs int }

func (*watchman) EnvironmentNumber(context.Context, string) (string, error) { return "9001", nil }

func (*watchman) Environment(context.Context, string) (policy.Protection, error) {
	return policy.Protection{State: policy.Protected, ID: "77"}, nil
}

func (w *watchman) Versions(context.Context, string, string) ([]string, error) { return nil, nil }

func (w *watchman) Runs(_ context.Context, all []policy.RunQuery) ([]policy.Run, error) {
	var out []policy.Run
	for _, q := range all {
		w.runs++
		out = append(out, policy.Run{URI: q.URI, State: policy.Unfinished})
	}
	return out, nil
}

func (w *watchman) Ref(_ context.Context, q policy.RefQuery) (policy.Ref, error) {
	w.refs++
	return policy.Ref{Query: q, Protected: policy.Yes}, nil
}

func (*watchman) Placed(_ context.Context, q policy.PlaceQuery) (policy.Placed, error) {
	return policy.Placed{Query: q, Within: policy.No, Why: "it was in none"}, nil
}

func (*watchman) Build(_ context.Context, q policy.BuildQuery) (policy.Build, error) {
	return policy.Build{Query: q}, nil
}

func (*watchman) Change(context.Context, policy.ChangeQuery) (policy.Change, error) {
	return policy.Change{}, nil
}

func (*watchman) Rosters(context.Context, []policy.Member) ([]policy.Roster, error) { return nil, nil }

func (*watchman) Reviews(context.Context, string) (policy.Reviews, error) {
	return policy.Reviews{}, nil
}

func (*watchman) Head(context.Context) (repository, id, commit, ref string, err error) {
	return "https://github.com/acme/app", "1001", job.Commit, "refs/heads/main", nil
}

func (*watchman) File(context.Context, string, string) ([]byte, error) { return nil, nil }

// entryOf is the payload of an entry into production that names one before it, and what
// its bundle's claims have to be.
func entryOf(
	t testing.TB,
	number int,
	previous string,
	edit func(*statement.Entry),
) (payload string, claims map[string]any) {
	t.Helper()
	run := fmt.Sprint(2_000_000 + number)
	e := statement.Entry{
		Number: number,
		Target: statement.Target{Issuer: "https://token.actions.githubusercontent.com", Name: "production", ID: "77",
			Repository: statement.Origin{URI: "https://github.com/acme/app", ID: "1001"}},
		Artifacts: []statement.Admitted{
			{Artifact: "app", Name: "dist/app", SHA256: subject.Sum([]byte("app")).Hex(), Commit: job.Commit},
		},
		Run:      "https://github.com/acme/app/actions/runs/" + run + "/attempts/1",
		Source:   "version: 1\n",
		Input:    statement.DigestSet{SHA256: strings.Repeat("0", 64)},
		Previous: []statement.Link{{Number: number - 1, SHA256: previous}},
	}
	edit(&e)
	p, err := statement.NewSummary(e, "test", "policy.yaml", subject.Sum([]byte(e.Source)), nil, time.Now()).JSON()
	if err != nil {
		t.Fatal(err)
	}
	subjects, err := e.Subjects()
	if err != nil {
		t.Fatal(err)
	}
	b, err := statement.New(subjects, statement.SummaryV1, p)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), map[string]any{"environment": "production", "run_id": run}
}

// saying is bundle with another payload: its certificate is genuine, and its signature does
// not hold.
func saying(t testing.TB, bundle []byte, payload string) []byte {
	t.Helper()
	var b map[string]any
	if err := json.Unmarshal(bundle, &b); err != nil {
		t.Fatal(err)
	}
	b["dsseEnvelope"].(map[string]any)["payload"] = base64.StdEncoding.EncodeToString([]byte(payload))
	out, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A record is what is stored about one environment: two thousand entries, of which the
// newest three are signed by the lab. Nobody looks at the others, and so they need no
// signature that holds.
type record struct {
	shop
	all [][]byte
}

func newRecord(t testing.TB) record {
	const top, whole = 3, 2000
	s := newShop(t)
	p, err := policy.Read(
		fmt.Appendf(nil, recorded, s.policy.Trusts()[0].SHA256.Hex()),
		"policy.yaml",
		policy.Words{Forge: github.Forge},
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range s.gate.Verifiers {
		s.gate.Verifiers = map[string]*sigstore.Verifier{p.Trusts()[0].ID(): v}
	}
	s.policy, s.gate.Policy, s.gate.Home = p, p, "https://github.com/acme/app"
	r := record{shop: s}
	before := strings.Repeat("a", 64)
	var payloads []string
	for n := 2; n <= whole; n++ {
		payload, claims := entryOf(t, n, before, func(e *statement.Entry) { e.Confirmed = e.Previous })
		before = subject.Sum([]byte(payload)).Hex()
		if n <= whole-top {
			payloads = append(payloads, payload)
			continue
		}
		r.all = append(r.all, r.signedBy(claims, payload))
	}
	for _, x := range payloads {
		r.all = append(r.all, saying(t, r.all[0], x))
	}
	return r
}

// signedBy is a bundle of the lab over payload, of a job with claims.
func (r record) signedBy(claims map[string]any, payload string) []byte {
	r.t.Helper()
	all := map[string]any{"repository": "acme/app", "repository_id": "1001"}
	maps.Copy(all, claims)
	b, err := sigstore.Sign(r.t.Context(), r.config, []byte(payload), r.lab.GitHubToken(r.t, "sigstore", all))
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

// look gathers everything about an entry of dist/app, with more bundles besides, in any
// order.
func (r record) look(more ...[]byte) (policy.Input, *watchman) {
	r.t.Helper()
	all := slices.Concat(more, r.all)
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var f store.Found
	for _, b := range all {
		f.Bundles = append(f.Bundles, store.Evidence{Bundle: b, Source: "store"})
	}
	w := &watchman{}
	g := r.gate
	g.Guard, g.Stores, g.Records, g.Now = w, []gate.Store{shelf{found: f}}, shelf{}, time.Now()
	in, err := g.Look(
		r.t.Context(),
		[]subject.Subject{{Name: "dist/app", Digest: subject.Sum([]byte("app"))}},
		"production",
	)
	if err != nil {
		r.t.Fatal(err)
	}
	return in, w
}

// verified is how many bundles of the record were verified, with what came of it.
func verified(in policy.Input) int {
	return len(in.Entries.Facts) + len(in.Entries.Rejections) + in.Entries.More
}

// Of two thousand entries the newest two are verified: the second is known to be deployed.
// Junk of strangers costs no signature, and each bundle that carries the certificate of a
// job that counts costs one, whatever number it claims. The order of a store is nothing
// that anything rests on.
func TestO02_a_long_record_costs_what_its_newest_entries_cost(t *testing.T) {
	r := newRecord(t)
	base := func(in policy.Input) string {
		b := in.Chain().Base("app")
		if len(b) != 1 {
			t.Fatalf("%d bases, want one; passed over %q", len(b), in.Chain().Passed)
		}
		return fmt.Sprint(b[0].Number)
	}
	in, w := r.look()
	if n := verified(in); n != 2 || base(in) != "1999" || w.runs != 1 || w.refs != 1 {
		t.Errorf(
			"%d verified, base %s, %d runs and %d refs asked about; want 2, 1999, 1 and 1",
			n,
			base(in),
			w.runs,
			w.refs,
		)
	}
	stranger := r.signedBy(map[string]any{"repository": "evil/app", "repository_id": "666"}, "{}")
	var junk [][]byte
	for n := range 1000 {
		payload, _ := entryOf(t, 5000+n, strings.Repeat("b", 64), func(*statement.Entry) {})
		junk = append(junk, saying(t, stranger, payload))
	}
	if in, _ = r.look(junk...); verified(in) != 2 || base(in) != "1999" {
		t.Errorf("with junk of strangers: %d verified, base %s, want 2 and 1999", verified(in), base(in))
	}
	junk = nil
	for n := range 4 {
		payload, _ := entryOf(t, 5000+n, strings.Repeat("b", 64), func(*statement.Entry) {})
		junk = append(junk, saying(t, r.all[0], payload))
	}
	// A build job that may sign says so, and is in no environment.
	payload, claims := entryOf(t, 9000, strings.Repeat("c", 64), func(*statement.Entry) {})
	delete(claims, "environment")
	junk = append(junk, r.signedBy(claims, payload))
	if in, _ = r.look(junk...); verified(in) > 2+len(junk) || base(in) != "1999" {
		t.Errorf(
			"with %d bundles under the certificate of a job: %d verified, base %s, want %d at most and 1999",
			len(junk),
			verified(in),
			base(in),
			2+len(junk),
		)
	}
	// What the newest entry says of itself does not end the walk: nobody has confirmed it.
	failed, claims := entryOf(t, 2001, strings.Repeat("d", 64), func(e *statement.Entry) {
		b, _ := sigstore.ParseBundle(r.all[2])
		l := statement.Link{Number: 2000, SHA256: b.ContentDigest().Hex()}
		e.Previous, e.Failed = []statement.Link{l}, []statement.Link{l}
	})
	if in, _ = r.look(r.signedBy(claims, failed)); verified(in) != 3 || base(in) != "1999" {
		t.Errorf("after an entry that failed: %d verified, base %s, want 3 and 1999", verified(in), base(in))
	}
}

// A statement of a job in the environment that cannot be read is looked at first, however many
// entries can be: it may be the newest.
func TestD15_what_cannot_be_read_is_looked_at_first(t *testing.T) {
	r := newRecord(t)
	payload, claims := entryOf(t, 2001, strings.Repeat("e", 64), func(*statement.Entry) {})
	novel := strings.Replace(payload, `"sallyport_entry":{`, `"sallyport_entry":{"novel":1,`, 1)
	if in, _ := r.look(r.signedBy(claims, novel)); len(in.Chain().Unreadable) != 1 {
		t.Errorf("unreadable = %+v, want the one that says novel", in.Chain().Unreadable)
	}
	delete(claims, "environment")
	if in, _ := r.look(r.signedBy(claims, novel)); len(in.Chain().Unreadable) != 0 || len(in.Chain().Base("app")) != 1 {
		t.Errorf("of a build job: unreadable = %+v, want that it is passed over", in.Chain().Unreadable)
	}
}

// BenchmarkRecord looks at two thousand entries and a thousand bundles of strangers, and
// says what that takes: bundles verified, bytes read.
func BenchmarkRecord(b *testing.B) {
	r := newRecord(b)
	stranger := r.signedBy(map[string]any{"repository": "evil/app", "repository_id": "666"}, "{}")
	var junk [][]byte
	for n := range 1000 {
		payload, _ := entryOf(b, 5000+n, strings.Repeat("b", 64), func(*statement.Entry) {})
		junk = append(junk, saying(b, stranger, payload))
	}
	bytes := 0
	for _, x := range append(junk, r.all...) {
		bytes += len(x)
	}
	b.ReportAllocs()
	for b.Loop() {
		in, w := r.look(junk...)
		b.ReportMetric(float64(verified(in)), "verified/op")
		b.ReportMetric(float64(w.refs+w.runs), "questions/op")
	}
	b.ReportMetric(float64(bytes), "bundle-bytes/op")
}

// mute is a platform that does not say how an environment is protected, and may say its number.
type mute struct {
	*watchman
	id string
}

func (mute) Environment(context.Context, string) (policy.Protection, error) {
	return policy.Protection{}, fault.New(fault.Usage, fault.Config, "set a token", "there is no token that may see it")
}

func (m mute) EnvironmentNumber(context.Context, string) (string, error) { return m.id, nil }

// Under watch a protection that cannot be seen is told with the rest, if the entries can be found all
// the same. Where the policy enforces, or without the number, there is no answer.
func TestG07_a_protection_that_cannot_be_seen_under_watch(t *testing.T) {
	r := newRecord(t)
	day := func(n int) time.Time { return time.Now().AddDate(0, 0, n) }
	for name, x := range map[string]struct {
		mode policy.Mode
		id   string
		soft bool
	}{
		"watch":                  {policy.Mode{Level: policy.Watch, Since: day(-1), Until: day(1)}, "9001", true},
		"watch, and no number":   {policy.Mode{Level: policy.Watch, Since: day(-1), Until: day(1)}, "", false},
		"a watch that is over":   {policy.Mode{Level: policy.Watch, Since: day(-2), Until: day(-1)}, "9001", false},
		"warn":                   {policy.Mode{Level: policy.Warn, Since: day(-1), Until: day(1)}, "9001", false},
		"enforce, with a number": {policy.Mode{}, "9001", false},
	} {
		g := r.gate
		p := *g.Policy
		p.Environments = slices.Clone(p.Environments)
		p.Environments[0].Mode = x.mode
		g.Policy, g.Guard, g.Now = &p, mute{&watchman{}, x.id}, time.Now()
		in, err := g.Look(t.Context(), nil, p.Environments[0].Name)
		if soft := err == nil; soft != x.soft {
			t.Errorf("%s: %v, want an answer: %v", name, err, x.soft)
		}
		if x.soft && (in.Protection.State != policy.Unknown || in.Protection.ID != x.id || in.Protection.Setting != "set a token") {
			t.Errorf("%s: %+v, want that nothing is known, with the number and what helps", name, in.Protection)
		}
	}
}
