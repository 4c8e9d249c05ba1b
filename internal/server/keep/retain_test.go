package keep_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
)

// now is when a test deletes what is older than a year, but not what was deployed in the last 100 days.
func now() time.Time { return time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC) }

func ago(days int) time.Time { return now().AddDate(0, 0, -days) }

func retention() keep.Retention {
	return keep.Retention{Now: now(), Before: ago(365), Audit: ago(100), Every: 24 * time.Hour, Most: 1000}
}

// A past is a deployment that was decided some days ago, with its evidence.
type past struct {
	id     int64
	name   string // of its artifact
	answer event.Answer
	days   int
	open   bool // it is not answered yet
}

func digest(id int64) string   { return fmt.Sprintf("sha256:%064d", id) }
func evidence(id int64) string { return fmt.Sprintf("sha256:e%063d", id) }

func (p past) happens(t *testing.T, s *keep.Store) {
	t.Helper()
	d := waits(p.id)
	d.Run, d.Asked = p.id, ago(p.days)
	write(t, s, func(tx *keep.Tx) error {
		if _, err := tx.Ask(d); err != nil {
			return err
		}
		if _, err := tx.Keep(keep.Evidence{Repository: app(), Digest: evidence(p.id), Run: p.id, Attempt: 1, Type: "t",
			Signer: "s", At: ago(p.days), Body: []byte("{}"),
			About: []keep.Subject{{Digest: digest(p.id), Name: p.name}}}); err != nil {
			return err
		}
		_, err := tx.Append(about(ledger.Attested, p.days, ledger.About{Evidence: evidence(p.id)}))
		return err
	})
	w, _, err := s.Deployment(t.Context(), app(), p.id)
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, func(tx *keep.Tx) error {
		id := fmt.Sprint("decision-", p.id)
		n, err := tx.Append(about(ledger.Judged, p.days, ledger.About{Decision: id}))
		if err != nil {
			return err
		}
		if err := tx.Decide(w, event.Decision{ID: id, Answer: p.answer, At: ago(p.days), Verdict: []byte("v"),
			Kept: []byte("k"), Subjects: []string{digest(p.id)}}, n); err != nil || p.open {
			return err
		}
		if _, err := tx.Append(about(ledger.Answered, p.days, ledger.About{Decision: id})); err != nil {
			return err
		}
		_, err = tx.Arrived(w, id, ago(p.days), keep.IsAnswered)
		return err
	})
}

func about(kind ledger.Kind, days int, a ledger.About) ledger.Leaf {
	l := leaf(0)
	l.Kind, l.At, l.About = kind, ago(days), a
	return l
}

func TestRetention_deletes_bodies_and_never_what_is_deployed_or_was_of_late(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		x := seal(t)
		s := guarded(t, url, x)
		all := []struct {
			past
			stays bool
			why   string
		}{
			{past{1, "app-1.0.tgz", event.Approved, 900, false}, false, "another version took its place long ago"},
			{past{2, "app-1.1.tgz", event.Approved, 800, false}, true, "another version took its place 50 days ago"},
			{past{3, "worker", event.Approved, 700, false}, true,
				"it is deployed, since nothing of its name came later"},
			{past{4, "app-1.2.tgz", event.Rejected, 600, false}, false, "it was rejected"},
			{past{5, "app-1.3.tgz", event.Rejected, 500, true}, true, "it is not answered yet"},
			{past{6, "app-1.4.tgz", event.Approved, 50, false}, true, "it is young"},
			{past{7, "app-1.5.tgz", event.Rejected, 40, false}, true, "it is young"},
			{past{8, "", event.Approved, 700, false}, true, "it has no name, by which another one could follow it"},
			{past{9, "", event.Approved, 600, false}, true, "it has no name either"},
			{past{10, "app-1.6.tgz", event.Rejected, 500, true}, true, "it is looked at again"},
		}
		for _, p := range all {
			p.happens(t, s)
		}
		again, _, err := s.Deployment(t.Context(), app(), 10)
		if err != nil {
			t.Fatal(err)
		}
		write(t, s, func(tx *keep.Tx) error { return tx.Attempted(again, 1, keep.IsOpen) })
		evidenceAlone := []struct {
			run     int64
			subject string
			stays   bool
		}{{99, digest(3), true}, {3, digest(33), true}, {50, digest(50), true}, {98, digest(98), false}}
		for i, e := range evidenceAlone {
			write(t, s, func(tx *keep.Tx) error {
				w := waits(50) // it waits, and nothing is decided about it
				w.Run = 50
				if _, err := tx.Ask(w); err != nil {
					return err
				}
				if _, err := tx.Keep(keep.Evidence{Repository: app(), Digest: fmt.Sprint("alone-", i), Run: e.run,
					Attempt: 1,
					Type:    "t", Signer: "s", At: ago(900), Body: []byte("{}"),
					About: []keep.Subject{{Digest: e.subject, Name: "other"}}}); err != nil {
					return err
				}
				_, err := tx.Append(about(ledger.Attested, 900, ledger.About{Evidence: fmt.Sprint("alone-", i)}))
				return err
			})
		}
		adds(t, s, 1) // of 1970
		write(t, s, func(tx *keep.Tx) error {
			_, err := tx.Append(about(ledger.Policy, 999, ledger.About{Policy: "sha256:counts"}),
				about(ledger.Policy, 999, ledger.About{Policy: "sha256:before"}),
				about(ledger.Policy, 999, ledger.About{Policy: "sha256:read"}),
				about(ledger.Bypassed, 364, ledger.About{Run: "9"}))
			if err == nil {
				_, err = tx.Policy(app(), "sha256:counts")
				err = errors.Join(err, tx.PolicyCounts("file policy.yaml", "sha256:read", time.Time{}, now()))
			}
			return err
		})
		kept := text(t, x.File)
		d, err := s.Retain(t.Context(), retention())
		if err != nil || d != (keep.Deleted{Leaves: 9, Evidence: 3, Decisions: 2}) {
			t.Errorf("deleted %+v, %v", d, err)
		}
		for i, e := range evidenceAlone {
			found := false
			all, err := s.AboutSubject(t.Context(), app(), e.subject)
			for _, x := range all {
				found = found || x.Digest == fmt.Sprint("alone-", i)
			}
			if err != nil || found != e.stays {
				t.Errorf("evidence of run %d about %s is there: %v, %v; want %v", e.run, e.subject, found, err, e.stays)
			}
		}
		for _, p := range all {
			of, err := s.AboutSubject(t.Context(), app(), digest(p.id))
			if err != nil {
				t.Fatal(err)
			}
			id := fmt.Sprint("decision-", p.id)
			decision, there, err := s.Decided(t.Context(), id)
			if err != nil || !there {
				t.Fatalf("the row of %d: %v", p.id, err)
			}
			_, leaf, err := s.LeafOf(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(of) > 0; got != p.stays || (len(decision.Kept) > 0) != p.stays ||
				(len(decision.Verdict) > 0) != p.stays || leaf != p.stays {
				t.Errorf("%d, where %s: evidence is there: %v, input %q, verdict %q, leaf: %v; want %v", p.id, p.why,
					len(of) > 0, decision.Kept, decision.Verdict, leaf, p.stays)
			}
		}
		sum := verifies(t, s, []string{verifier(t, x, x.Name)}, kept, text(t, x.File))
		if sum.Hidden != 9 || sum.Kinds[ledger.Deleted] != 1 || sum.Kinds[ledger.Policy] != 2 ||
			sum.Kinds[ledger.Bypassed] != 1 {
			t.Errorf("the ledger has %+v", sum)
		}
		if d, err := s.Retain(t.Context(), retention()); err != nil || d != (keep.Deleted{}) {
			t.Errorf("again, on the same day: %+v, %v", d, err)
		}
		// 100 days after another version took its place, nothing is kept of the second one either.
		later := retention()
		later.Now, later.Audit, later.Before = now().AddDate(0, 0, 60), now().AddDate(0, 0, -40), ago(305)
		if d, err := s.Retain(t.Context(), later); err != nil || d.Decisions != 1 || d.Evidence != 1 {
			t.Errorf("later: %+v, %v", d, err)
		}
	})
}

func TestRetention_goes_on_where_it_ended(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		s := guarded(t, url, seal(t))
		adds(t, s, 25) // of 1970
		r := retention()
		r.Most = 10
		for i, want := range []int{10, 10, 5, 0} {
			if d, err := s.Retain(t.Context(), r); err != nil || d.Leaves != want {
				t.Errorf("call %d: %+v, %v; want %d leaves", i+1, d, err, want)
			}
		}
		adds(t, s, 1)
		for range 5 {
			if d, err := s.Retain(t.Context(), r); err != nil || d.Leaves != 0 {
				t.Errorf("on the same day: %+v, %v", d, err)
			}
		}
		r.Now = r.Now.AddDate(0, 0, 1)
		deleted := 0
		for range 5 {
			d, err := s.Retain(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			deleted += d.Leaves
		}
		if deleted != 1 {
			t.Errorf("on the next day %d bodies were deleted, want one", deleted)
		}
	})
}

func TestRetention_never_deletes_what_verifying_needs(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		old, x := restored(t, url)
		s := open(t, old)
		before := text(t, x.File)
		if _, err := s.Continue(t.Context(), x, time.Unix(9, 0)); err != nil {
			t.Fatal(err)
		}
		s.Close()
		after, first := x, x.By
		after.By = other(t)
		s = open(t, old)
		if _, err := s.Rotate(t.Context(), after, first, time.Unix(9, 0)); err != nil {
			t.Fatal(err)
		}
		s.Close()
		s = guarded(t, old, after)
		if d, err := s.Retain(t.Context(), retention()); err != nil || d.Leaves != 3 {
			t.Errorf("%+v, %v; want the three of the origin before", d, err)
		}
		sum := verifies(t, s, []string{verifier(t, x, x.Name), verifier(t, x, x.Name+"/2"),
			verifier(t, after, x.Name+"/2")}, before)
		if sum.Missing != 2 || sum.Hidden != 0 || sum.Kinds[ledger.NewKey] != 1 {
			t.Errorf("got %+v", sum)
		}
	})
}

// A database that was made before what is deployed was noted knows it from its decisions.
func TestRetention_knows_what_was_deployed_before_it_was_noted(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		s := open(t, url)
		for _, p := range []past{{1, "app", event.Approved, 900, false}, {2, "app", event.Rejected, 900, false}} {
			p.happens(t, s)
		}
		three := strings.Join([]string{digest(1), digest(8), digest(9)}, " ")
		for _, statement := range []string{`update decision set subjects = '` + three + `' where id = 'decision-1'`,
			`drop table policy_at`, `drop table released`, `drop table retention`, `drop index evidence_others`,
			`alter table evidence drop column named`, `delete from migration where n >= 3`} {
			if _, err := s.DB.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows, err := s.DB.Query(`select subject, name, environment from released where decision = 'decision-1' order by subject`)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		var got []string
		for rows.Next() {
			var subject, name, environment string
			if err := rows.Scan(&subject, &name, &environment); err != nil {
				t.Fatal(err)
			}
			got = append(got, subject+" "+name+" "+environment)
		}
		want := []string{digest(1) + " app production", digest(8) + "  production", digest(9) + "  production"}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
