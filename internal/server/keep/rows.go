package keep

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/event"
)

// A Tx is one transaction.
type Tx struct {
	ctx   context.Context
	store *Store
	tx    *sql.Tx

	leaves int64         // size of the ledger after what was appended; 0: nothing was
	added  []ledger.Leaf // what was appended
}

// Context is that of the transaction.
func (tx *Tx) Context() context.Context { return tx.ctx }

// Raw is the transaction for the queue, whose jobs are written in it.
func (tx *Tx) Raw() *sql.Tx { return tx.tx }

// Write runs f in a transaction. What f returns an error for has not happened.
func (s *Store) Write(ctx context.Context, f func(*Tx) error) error {
	if s.guard != nil {
		s.guard.again(ctx, s) // what appends is refused while this fails
	}
	raw, err := s.DB.BeginTx(ctx, nil)
	if err != nil {
		return fault.New(fault.Unavailable, fault.NotAvailable, "try again", "the database does not answer: %w", err)
	}
	defer func() { _ = raw.Rollback() }() // nothing, after the commit
	tx := &Tx{ctx: ctx, store: s, tx: raw}
	if err := f(tx); err != nil {
		return err
	}
	if err := raw.Commit(); err != nil {
		return err
	}
	if s.Committed != nil {
		s.Committed(tx.added)
	}
	if s.guard != nil && tx.leaves > 0 {
		s.guard.save(ctx, s, tx.leaves) // it is committed; where this fails, nothing more is appended
	}
	return nil
}

// Delivered notes a delivery, and reports whether it is the first of its identifier.
func (tx *Tx) Delivered(host, id, name string, at time.Time) (first bool, err error) {
	r, err := tx.tx.ExecContext(tx.ctx, `insert into delivery (host, id, at, event) values ($1, $2, $3, $4)
		on conflict (host, id) do nothing`, host, id, at.UnixMilli(), name)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n == 1, err
}

// Ask notes a deployment that waits, and reports whether it is new. What is known of one already stays.
func (tx *Tx) Ask(d event.Deployment) (first bool, err error) {
	r, err := tx.tx.ExecContext(tx.ctx, `insert into deployment (host, repository, id, owner, name, run, attempt,
		environment, installation, commit_sha, ref, asked, state, told, notes, failing)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'open', '', 0, 0)
		on conflict (host, repository, id) do nothing`,
		d.Host, d.Repository.ID, d.ID, d.Owner, d.Name, d.Run, d.Attempt, d.Environment, d.Installation,
		d.Commit, d.Ref, d.Asked.UnixMilli())
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n == 1, err
}

// A State is how far a deployment is.
type State string

// The states. Decided: an answer is kept, and has not surely arrived. Closed: the platform no longer waits for one.
const (
	IsOpen     State = "open"
	IsDecided  State = "decided"
	IsAnswered State = "answered"
	IsClosed   State = "closed"
)

// A Waiting is a deployment, and what the platform was told of it so far.
type Waiting struct {
	event.Deployment
	State   State
	Told    string    // the last status note
	Notes   int       // how many there were
	Failing time.Time // since when nothing can be found out about it; zero: it can
}

const columns = `host, repository, id, owner, name, run, attempt, environment, installation, commit_sha, ref, asked,
	state, told, notes, failing`

func scanWaiting(row row) (w Waiting, err error) {
	var asked, failing int64
	var state string
	err = row.Scan(&w.Host, &w.Repository.ID, &w.ID, &w.Owner, &w.Name, &w.Run, &w.Attempt, &w.Environment,
		&w.Installation,
		&w.Commit, &w.Ref, &asked, &state, &w.Told, &w.Notes, &failing)
	w.Asked, w.State = time.UnixMilli(asked), State(state)
	if failing != 0 {
		w.Failing = time.UnixMilli(failing)
	}
	return w, err
}

// Deployment returns one; there is false if the platform has not asked about it.
func (s *Store) Deployment(ctx context.Context, r event.Repository, id int64) (w Waiting, there bool, err error) {
	w, err = scanWaiting(s.DB.QueryRowContext(ctx, `select `+columns+` from deployment
		where host = $1 and repository = $2 and id = $3`, r.Host, r.ID, id))
	if errors.Is(err, sql.ErrNoRows) {
		return w, false, nil
	}
	return w, err == nil, err
}

// Undecided are the deployments that have no answer which has arrived, the oldest first.
func (s *Store) Undecided(ctx context.Context) ([]Waiting, error) {
	return list(ctx, s.DB, scanWaiting, `select `+columns+` from deployment where state in ('open', 'decided')
		order by asked`)
}

// Open is how many deployments have no answer that has arrived, and when the oldest of them was asked about.
func (s *Store) Open(ctx context.Context) (n int, oldest time.Time, err error) {
	var asked sql.NullInt64
	err = s.DB.QueryRowContext(ctx, `select count(*), min(asked) from deployment where state in ('open', 'decided')`).
		Scan(&n, &asked)
	return n, time.UnixMilli(asked.Int64), err
}

// Attempted moves a deployment to the attempt that the platform names for it now.
func (tx *Tx) Attempted(w Waiting, attempt int, state State) error {
	_, err := tx.tx.ExecContext(tx.ctx, `update deployment set attempt = $1, state = $2
		where host = $3 and repository = $4 and id = $5`, attempt, string(state), w.Host, w.Repository.ID, w.ID)
	return err
}

// Failing notes since when nothing can be found out about a deployment; the zero time says that it can be again.
func (tx *Tx) Failing(w Waiting, since time.Time) error {
	at := int64(0)
	if !since.IsZero() {
		at = since.UnixMilli()
	}
	_, err := tx.tx.ExecContext(tx.ctx, `update deployment set failing = $1
		where host = $2 and repository = $3 and id = $4`,
		at, w.Host, w.Repository.ID, w.ID)
	return err
}

// Now takes back times of a deployment that lie in the future: the clock that they are by was wrong.
func (tx *Tx) Now(w Waiting, now time.Time) error {
	for _, statement := range []string{
		`update deployment set asked = $1 where host = $2 and repository = $3 and id = $4 and asked > $1`,
		`update deployment set failing = $1 where host = $2 and repository = $3 and id = $4 and failing > $1`} {
		if _, err := tx.tx.ExecContext(tx.ctx, statement, now.UnixMilli(), w.Host, w.Repository.ID, w.ID); err != nil {
			return err
		}
	}
	return nil
}

// Noted keeps the last status note.
func (tx *Tx) Noted(w Waiting, text string) error {
	_, err := tx.tx.ExecContext(tx.ctx, `update deployment set told = $1, notes = notes + 1
		where host = $2 and repository = $3 and id = $4`, text, w.Host, w.Repository.ID, w.ID)
	return err
}

// Decide keeps an answer. It is refused where one has arrived, or where the one that is kept is a rejection: a
// rejection never becomes an approval. The leaf is one that this transaction has appended, which puts those who decide
// into an order.
func (tx *Tx) Decide(w Waiting, d event.Decision, leaf int64) error {
	old, there, err := decision(tx.ctx, tx.tx, w)
	if err != nil {
		return err
	}
	if there && (!old.Arrived.IsZero() || old.Answer == event.Rejected) {
		return ErrDecided
	}
	_, err = tx.tx.ExecContext(tx.ctx, `insert into decision (id, host, repository, deployment, leaf, at, answer,
		watched, code, reason, policy, input, verdict, kept, subjects, arrived)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0)`,
		d.ID, w.Host, w.Repository.ID, w.ID, leaf, d.At.UnixMilli(), string(d.Answer), number(d.Watched),
		d.Code, d.Reason, d.Policy, d.Input, d.Verdict, d.Kept, strings.Join(d.Subjects, " "))
	if err != nil {
		return err
	}
	if err := tx.release(w, d, leaf); err != nil {
		return err
	}
	return tx.Attempted(w, w.Attempt, IsDecided)
}

// ErrDecided says that a deployment has an answer that no other may follow.
var ErrDecided = errors.New("the deployment has an answer that stands")

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Decision is the newest answer of a deployment.
func (s *Store) Decision(ctx context.Context, w Waiting) (event.Decision, bool, error) {
	return decision(ctx, s.DB, w)
}

const decided = `x.id, x.at, answer, watched, x.code, x.reason, policy, input, verdict, kept, subjects, arrived,
	x.host, x.repository, d.owner from decision x join deployment d
	on d.host = x.host and d.repository = x.repository and d.id = x.deployment`

func decision(ctx context.Context, q queries, w Waiting) (event.Decision, bool, error) {
	return scanDecision(q.QueryRowContext(ctx, `select `+decided+`
		where x.host = $1 and x.repository = $2 and x.deployment = $3 order by x.leaf desc limit 1`, w.Host, w.Repository.ID,
		w.ID))
}

func scanDecision(row *sql.Row) (d event.Decision, there bool, err error) {
	var at, arrived int64
	var watched int
	var subjects, answer string
	err = row.Scan(&d.ID, &at, &answer, &watched, &d.Code, &d.Reason, &d.Policy, &d.Input, &d.Verdict, &d.Kept,
		&subjects, &arrived, &d.Of.Host, &d.Of.ID, &d.Of.Owner)
	if errors.Is(err, sql.ErrNoRows) {
		return d, false, nil
	}
	d.At, d.Answer, d.Watched, d.Subjects = time.UnixMilli(at), event.Answer(answer), watched == 1,
		strings.Fields(subjects)
	if arrived != 0 {
		d.Arrived = time.UnixMilli(arrived)
	}
	return d, err == nil, err
}

// Released reports whether an environment was approved in an attempt of a run. The platform then releases each
// deployment that waits there.
func (tx *Tx) Released(u event.Unit) (bool, error) {
	var n int
	err := tx.tx.QueryRowContext(tx.ctx, `select count(*) from decision x join deployment d
		on d.host = x.host and d.repository = x.repository and d.id = x.deployment
		where d.host = $1 and d.repository = $2 and d.run = $3 and lower(d.environment) = lower($4)
		and d.attempt = $5 and x.answer = 'approved'`,
		u.Host, u.ID, u.Run, u.Environment, u.Attempt).Scan(&n)
	return n > 0, err
}

// Decided returns an answer by its identifier.
func (s *Store) Decided(ctx context.Context, id string) (event.Decision, bool, error) {
	return scanDecision(s.DB.QueryRowContext(ctx, `select `+decided+` where x.id = $1`, id))
}

// Arrived notes that the platform took an answer, or that it waits for none, and reports whether that is the first of
// the deployment: two servers may have sent one.
func (tx *Tx) Arrived(w Waiting, id string, at time.Time, state State) (first bool, err error) {
	if _, err := tx.head(); err != nil { // before other rows, as where leaves are appended
		return false, err
	}
	var n int
	err = tx.tx.QueryRowContext(tx.ctx, `select count(*) from decision where host = $1 and repository = $2
		and deployment = $3 and arrived <> 0`,
		w.Host, w.Repository.ID, w.ID).Scan(&n)
	if err != nil {
		return false, err
	}
	if _, err := tx.tx.ExecContext(tx.ctx, `update decision set arrived = $1 where id = $2 and arrived = 0`,
		at.UnixMilli(), id); err != nil {
		return false, err
	}
	return n == 0, tx.Attempted(w, w.Attempt, state)
}

// Evidence is one signed bundle that was kept.
type Evidence struct {
	event.Repository
	Digest  string // sha256:HEX of the bundle
	Run     int64
	Attempt int
	Type    string // predicate type
	Signer  string
	At      time.Time // verified
	Body    []byte
	About   []Subject
	Named   bool // the policy names its signer in each respect
	// Entered and Left are the environment that it is an entry into, or says that an entry has failed in; "": it does
	// not. They are not kept.
	Entered, Left string
}

// A Subject of evidence.
type Subject struct{ Digest, Name string }

// Keep keeps evidence, and reports whether it is new: content is kept once.
func (tx *Tx) Keep(e Evidence) (first bool, err error) {
	r, err := tx.tx.ExecContext(tx.ctx, `insert into evidence
		(digest, host, repository, owner, run, attempt, type, signer, at, body, named)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (digest) do nothing`,
		e.Digest, e.Host, e.ID, e.Owner, e.Run, e.Attempt, e.Type, e.Signer, e.At.UnixMilli(), e.Body,
		number(e.Named))
	if err != nil {
		return false, err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	for _, a := range e.About {
		if _, err := tx.tx.ExecContext(tx.ctx, `insert into about (subject, digest, name) values ($1, $2, $3)
			on conflict (subject, digest) do nothing`, a.Digest, e.Digest, a.Name); err != nil {
			return false, err
		}
	}
	return true, nil
}

// OfRun is the evidence that was pushed by a run, the oldest first, with what it is about.
func (s *Store) OfRun(ctx context.Context, r event.Repository, run int64) ([]Evidence, error) {
	all, err := s.evidence(ctx, `select digest, run, attempt, type, signer, at, body from evidence where host = $1
		and repository = $2 and run = $3 order by at, digest`, r.Host, r.ID, run)
	for i := range all {
		if all[i].About, err = s.subjects(ctx, all[i].Digest); err != nil {
			return nil, err
		}
	}
	return all, err
}

// AboutSubject is the evidence about a digest that a repository has pushed. What else it is about is left out.
func (s *Store) AboutSubject(ctx context.Context, r event.Repository, subject string) ([]Evidence, error) {
	return s.evidence(ctx, `select e.digest, e.run, e.attempt, e.type, e.signer, e.at, e.body from evidence e
		join about a on a.digest = e.digest
		where e.host = $1 and e.repository = $2 and a.subject = $3 order by e.at, e.digest`, r.Host, r.ID, subject)
}

func (s *Store) evidence(ctx context.Context, query string, args ...any) ([]Evidence, error) {
	return list(ctx, s.DB, func(r row) (e Evidence, err error) {
		var at int64
		err = r.Scan(&e.Digest, &e.Run, &e.Attempt, &e.Type, &e.Signer, &at, &e.Body)
		e.At = time.UnixMilli(at)
		return e, err
	}, query, args...)
}

func (s *Store) subjects(ctx context.Context, digest string) ([]Subject, error) {
	return list(ctx, s.DB, func(r row) (a Subject, err error) {
		err = r.Scan(&a.Digest, &a.Name)
		return a, err
	}, `select subject, name from about where digest = $1 order by subject`, digest)
}

// Used notes the identifier of a token, and reports whether it is used the first time.
func (tx *Tx) Used(issuer, id string, until time.Time) (first bool, err error) {
	r, err := tx.tx.ExecContext(tx.ctx, `insert into token (issuer, id, until) values ($1, $2, $3)
		on conflict (issuer, id) do nothing`, issuer, id, until.UnixMilli())
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n == 1, err
}

// Policy notes which policy counts for a repository, and returns the one before; "" is none.
func (tx *Tx) Policy(r event.Repository, digest string) (before string, err error) {
	err = tx.tx.QueryRowContext(tx.ctx, `select digest from policy where host = $1 and repository = $2`, r.Host,
		r.ID).Scan(&before)
	if err != nil && !errors.Is(err, sql.ErrNoRows) || before == digest {
		return before, err
	}
	_, err = tx.tx.ExecContext(tx.ctx, `insert into policy (host, repository, digest) values ($1, $2, $3)
		on conflict (host, repository) do update set digest = excluded.digest`, r.Host, r.ID, digest)
	return before, err
}

// PolicyAt is the policy that counts at a place, and when it was signed; "": none has counted there.
func (s *Store) PolicyAt(ctx context.Context, place string) (digest string, signed time.Time, err error) {
	return policyAt(ctx, s.DB, place)
}

func policyAt(ctx context.Context, q queries, place string) (digest string, signed time.Time, err error) {
	var at int64
	err = q.QueryRowContext(ctx, `select digest, at from policy_at where place = $1`, place).Scan(&digest, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return "", signed, nil
	}
	if at != 0 {
		signed = time.UnixMilli(at)
	}
	return digest, signed, err
}

// PolicyCounts lets a policy count at a place. One that was signed is refused where another one counts that was signed
// later, or at the same time. A change is a leaf.
func (tx *Tx) PolicyCounts(place, digest string, signed, now time.Time) error {
	if _, err := tx.head(); err != nil { // before other rows, as where leaves are appended
		return err
	}
	before, last, err := policyAt(tx.ctx, tx.tx, place)
	if err != nil {
		return err
	}
	if before != digest && !last.IsZero() && !signed.After(last) {
		return fault.New(fault.Refused, fault.Policy, "find out who put it back; to go back to it, sign it again",
			"%s was signed at %s, which is not later than %s, when the one was signed that counts", digest,
			signed.UTC().Format(time.RFC3339), last.UTC().Format(time.RFC3339))
	}
	var at int64
	if !signed.IsZero() {
		at = max(signed.UnixMilli(), last.UnixMilli())
	}
	if _, err = tx.tx.ExecContext(tx.ctx, `insert into policy_at (place, digest, at) values ($1, $2, $3)
		on conflict (place) do update set digest = excluded.digest, at = excluded.at`, place, digest, at); err != nil {
		return err
	}
	if before == "" || before == digest {
		return nil
	}
	_, err = tx.Append(ledger.Leaf{Kind: ledger.Policy, At: now, About: ledger.About{Policy: digest, Before: before}})
	return err
}

// StillCounts refuses a policy in the place of which another one counts, as another server has seen.
func (tx *Tx) StillCounts(place, digest string) error {
	return counting(tx.ctx, tx.tx, place, digest)
}

// StillCounts is the same outside of a transaction.
func (s *Store) StillCounts(ctx context.Context, place, digest string) error {
	return counting(ctx, s.DB, place, digest)
}

func counting(ctx context.Context, q queries, place, digest string) error {
	now, _, err := policyAt(ctx, q, place)
	switch {
	case err != nil || now == digest:
		return err
	case now == "":
		return fault.New(fault.Unavailable, fault.NotAvailable, "let the server read its policies again: SIGHUP",
			"the database does not know the policy %s", digest)
	}
	return fault.New(fault.Unavailable, fault.NotAvailable,
		"look into the server's log, which says why it could not read the newer one",
		"the policy %s counts no more: another server has read %s, which was signed later", digest, now)
}

// Count is how many bundles a run has pushed.
func (tx *Tx) Count(r event.Repository, run int64) (n int, err error) {
	err = tx.tx.QueryRowContext(tx.ctx, `select count(*) from evidence where host = $1 and repository = $2
		and run = $3`, r.Host, r.ID, run).Scan(&n)
	return n, err
}

// Knows reports whether a repository has pushed evidence of a type about one of some subjects.
func (tx *Tx) Knows(r event.Repository, kind string, about []Subject) (bool, error) {
	return tx.any(about, `select count(*) from evidence e join about a on a.digest = e.digest
		where e.host = $1 and e.repository = $2 and e.type = $3 and e.run > 0 and a.subject = $4`, r.Host, r.ID, kind)
}

// any reports whether a query finds something about one of some subjects, which is its last argument.
func (tx *Tx) any(about []Subject, query string, args ...any) (bool, error) {
	for _, a := range about {
		var n int
		if err := tx.tx.QueryRowContext(tx.ctx, query, append(args, a.Digest)...).Scan(&n); err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// CountOf is how many words of a signer, pushed by no run, are kept about the last of some subjects: the release.
func (tx *Tx) CountOf(r event.Repository, signer string, about []Subject) (n int, err error) {
	if len(about) == 0 {
		return 0, nil
	}
	err = tx.tx.QueryRowContext(tx.ctx, `select count(*) from evidence e join about a on a.digest = e.digest
		where e.host = $1 and e.repository = $2 and e.signer = $3 and e.run = 0 and a.subject = $4`,
		r.Host, r.ID, signer, about[len(about)-1].Digest).Scan(&n)
	return n, err
}

// Owner is the number of the account that a repository belongs to, as the platform has said it in a token or an answer;
// "" is a repository that the server does not know.
func (s *Store) Owner(ctx context.Context, host, repository string) (owner string, err error) {
	err = s.DB.QueryRowContext(ctx, `select owner from evidence where host = $1 and repository = $2 and run > 0
		order by at desc limit 1`, host, repository).Scan(&owner)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return owner, err
}

// Open are the deployments of a repository that have no answer, of one run, or, with 0, of all: some of them, if there
// are very many.
func (tx *Tx) Open(r event.Repository, run int64) ([]int64, error) {
	const most = 100
	return list(tx.ctx, tx.tx, column[int64], `select id from deployment where host = $1 and repository = $2
		and (run = $3 or $3 = 0) and state in ('open', 'decided') order by asked desc limit $4`, r.Host, r.ID, run,
		most)
}

// CountOthers is how much evidence of signers whom its policy does not name a repository has pushed since a time.
func (tx *Tx) CountOthers(r event.Repository, since time.Time) (n int, err error) {
	err = tx.tx.QueryRowContext(tx.ctx, `select count(*) from evidence
		where host = $1 and repository = $2 and named = 0 and at >= $3`, r.Host, r.ID, since.UnixMilli()).Scan(&n)
	return n, err
}
