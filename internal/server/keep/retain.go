package keep

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/event"
)

// A Retention says which bodies are kept.
type Retention struct {
	Now    time.Time
	Before time.Time // what is older than this may be deleted
	Audit  time.Time // but not what was deployed after this
	Every  time.Duration
	Most   int // leaves that are looked at in one call
}

// Deleted counts bodies.
type Deleted struct{ Leaves, Evidence, Decisions int }

// Retain deletes bodies that are older than is kept, and leaves their hashes, so that the ledger verifies as before.
// Bodies of what is deployed, or was within the time for audits, stay. It does a part of the work at a time.
func (s *Store) Retain(ctx context.Context, r Retention) (d Deleted, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		d = Deleted{}
		next, done, err := tx.retained()
		if err != nil || next == 0 && r.Now.Sub(done) < r.Every {
			return err
		}
		if _, err := tx.head(); err != nil { // before other rows, as those do who append
			return err
		}
		rows, err := tx.someLeaves(next, r.Most)
		if err != nil {
			return err
		}
		for _, x := range rows {
			if err := tx.expire(r, x, &d); err != nil {
				return err
			}
		}
		if len(rows) < r.Most {
			next, done = 0, r.Now
		} else {
			next = rows[len(rows)-1].n + 1
		}
		if _, err := tx.tx.ExecContext(tx.ctx, `update retention set next = $1, done = $2`, next,
			done.UnixMilli()); err != nil || d == (Deleted{}) {
			return err
		}
		_, err = tx.Append(ledger.Leaf{Kind: ledger.Deleted, At: r.Now, About: ledger.About{Reason: fmt.Sprintf(
			"bodies from before %s: %d leaves, %d of evidence, %d decisions",
			r.Before.UTC().Format(time.DateOnly), d.Leaves, d.Evidence, d.Decisions)}})
		return err
	})
	return d, err
}

// retained is where to go on, and when everything was looked at the last time. Its row orders the servers.
func (tx *Tx) retained() (next int64, done time.Time, err error) {
	lock := ""
	if tx.store.PostgreSQL() {
		lock = " for update"
	}
	var at int64
	err = tx.tx.QueryRowContext(tx.ctx, `select next, done from retention where one = 1`+lock).Scan(&next, &at)
	return next, time.UnixMilli(at), err
}

type storedLeaf struct {
	n    int64
	body []byte
}

func readLeaf(r row) (x storedLeaf, err error) {
	err = r.Scan(&x.n, &x.body)
	return x, err
}

func (tx *Tx) someLeaves(from int64, most int) ([]storedLeaf, error) {
	return list(tx.ctx, tx.tx, readLeaf, `select n, body from leaf where n >= $1 order by n limit $2`, from, most)
}

// expire deletes the body of one leaf, and of what it is about, if nothing speaks against it.
func (tx *Tx) expire(r Retention, x storedLeaf, d *Deleted) error {
	if ledger.Hidden(x.body) {
		return nil
	}
	l, err := ledger.ParseLeaf(x.body)
	if err != nil {
		return fault.Errorf("leaf %d of the database: %w", x.n, err)
	}
	if !l.At.Before(r.Before) {
		return nil
	}
	switch l.Kind {
	case ledger.NewKey, ledger.Continued, ledger.Deleted: // without them no one can verify, or see what is missing
		return nil
	case ledger.Attested, ledger.Approved, ledger.Entered, ledger.Left:
		if stays, err := tx.evidenceStays(l.About.Evidence, r); err != nil || stays {
			return err
		}
		n, err := tx.changes(`delete from evidence where digest = $1`, l.About.Evidence)
		if err != nil {
			return err
		}
		d.Evidence += n
		if _, err := tx.changes(`delete from about where digest = $1`, l.About.Evidence); err != nil {
			return err
		}
	case ledger.Judged, ledger.WouldJudge, ledger.Answered:
		if stays, err := tx.stays(l.About.Decision, r); err != nil || stays {
			return err
		}
		if l.Kind == ledger.Answered {
			break // the leaf of the decision has it
		}
		n, err := tx.changes(`update decision set verdict = $1, kept = $1 where id = $2`, []byte{}, l.About.Decision)
		if err != nil {
			return err
		}
		d.Decisions += n
	case ledger.Policy:
		n, err := tx.count(`select (select count(*) from policy where digest = $1)
			+ (select count(*) from policy_at where digest = $1)`, l.About.Policy)
		if err != nil || n > 0 {
			return err // it counts
		}
	}
	d.Leaves++
	_, err = tx.changes(`update leaf set body = $1 where n = $2`, ledger.HiddenLine(ledger.HashOf(x.body)), x.n)
	return err
}

func (tx *Tx) changes(statement string, args ...any) (int, error) {
	r, err := tx.tx.ExecContext(tx.ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return int(n), err
}

func (tx *Tx) count(query string, args ...any) (n int, err error) {
	err = tx.tx.QueryRowContext(tx.ctx, query, args...).Scan(&n)
	return n, err
}

// evidenceStays reports whether evidence is about something that stays, or of a run that waits.
func (tx *Tx) evidenceStays(digest string, r Retention) (bool, error) {
	n, err := tx.count(`select count(*) from evidence e join deployment d
		on d.host = e.host and d.repository = e.repository and d.run = e.run
		where e.digest = $1 and d.state in ('open', 'decided')`, digest)
	if err != nil || n > 0 {
		return n > 0, err
	}
	// What the run itself released stays with its run: approvals and entries are about other subjects as well.
	ids, err := tx.texts(`select distinct r.decision from released r
		where r.subject in (select subject from about where digest = $1)
		union select x.id from evidence e join deployment d
		on d.host = e.host and d.repository = e.repository and d.run = e.run
		join decision x on x.host = d.host and x.repository = d.repository and x.deployment = d.id
		where e.digest = $1`, digest)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		if stays, err := tx.stays(id, r); err != nil || stays {
			return stays, err
		}
	}
	return false, nil
}

func (tx *Tx) texts(query string, args ...any) ([]string, error) {
	return list(tx.ctx, tx.tx, column[string], query, args...)
}

// A release is one artifact of an approval.
type release struct {
	host, repository, environment, name string
	leaf                                int64
}

// stays reports whether what was decided is deployed, was so within the time for audits, or is not answered yet.
func (tx *Tx) stays(id string, r Retention) (bool, error) {
	var at int64
	var state string
	err := tx.tx.QueryRowContext(tx.ctx, `select x.at, d.state from decision x join deployment d
		on d.host = x.host and d.repository = x.repository and d.id = x.deployment where x.id = $1`, id).
		Scan(&at, &state)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil // it came with an export, and nothing else is known of it
	}
	if err != nil {
		return false, err
	}
	if State(state) == IsOpen || State(state) == IsDecided || !time.UnixMilli(at).Before(r.Before) {
		return true, nil
	}
	all, err := tx.releases(id)
	if err != nil {
		return false, err
	}
	for _, x := range all {
		until, followed, err := tx.followed(x)
		if err != nil {
			return false, err
		}
		if !followed || !until.Before(r.Audit) {
			return true, nil
		}
	}
	return false, nil
}

func (tx *Tx) releases(id string) ([]release, error) {
	return list(tx.ctx, tx.tx, func(r row) (x release, err error) {
		err = r.Scan(&x.host, &x.repository, &x.environment, &x.name, &x.leaf)
		return x, err
	}, `select host, repository, environment, name, leaf from released where decision = $1`, id)
}

// digits are where names of one artifact's versions differ.
var digits = regexp.MustCompile(`[0-9]+`)

func series(name string) string { return digits.ReplaceAllString(name, "0") }

// followed says when another artifact of the same name, but for its version, took the place of one. An artifact
// without a name is followed by none.
func (tx *Tx) followed(x release) (at time.Time, is bool, err error) {
	const most = 1000 // approvals of other artifacts in between; beyond them it is kept
	rows, err := tx.tx.QueryContext(tx.ctx, `select name, at from released where host = $1 and repository = $2
		and environment = $3 and leaf > $4 order by leaf limit $5`, x.host, x.repository, x.environment, x.leaf, most)
	if err != nil {
		return at, false, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		var ms int64
		if err := rows.Scan(&name, &ms); err != nil {
			return at, false, err
		}
		if x.name != "" && series(name) == series(x.name) {
			return time.UnixMilli(ms), true, nil
		}
	}
	return at, false, rows.Err()
}

// release notes what an approval lets into an environment. A later answer about the same deployment takes its place.
func (tx *Tx) release(w Waiting, d event.Decision, leaf int64) error {
	if _, err := tx.changes(`delete from released where host = $1 and repository = $2 and deployment = $3`, w.Host,
		w.Repository.ID, w.ID); err != nil || d.Answer != event.Approved {
		return err
	}
	for _, s := range d.Subjects {
		names, err := tx.texts(`select name from about where subject = $1 order by name limit 1`, s)
		if err != nil {
			return err
		}
		if _, err := tx.changes(`insert into released (host, repository, environment, leaf, subject, name, decision,
			deployment, at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing`,
			w.Host, w.Repository.ID, w.Environment, leaf, s, strings.Join(names, ""), d.ID, w.ID,
			d.At.UnixMilli()); err != nil {
			return fault.Errorf("what is in the environment: %w", err)
		}
	}
	return nil
}
