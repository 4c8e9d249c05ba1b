package keep

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
)

// queries is a transaction, or the database outside of one.
type queries interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}

// hashes reads the stored hashes of the tree. Single look-ups are faster than one statement with many parameters.
type hashes struct {
	ctx  context.Context
	q    queries
	made map[int64]tlog.Hash // in this transaction
}

func (r hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for k, i := range indexes {
		if h, is := r.made[i]; is {
			out[k] = h
			continue
		}
		var b []byte
		if err := r.q.QueryRowContext(r.ctx, `select h from hash where i = $1`, i).Scan(&b); err != nil {
			return nil, fault.Errorf("hash %d of the ledger: %w", i, err)
		}
		if len(b) != len(out[k]) {
			return nil, fault.New(fault.Internal, fault.InternalError, "", "hash %d of the ledger has %d bytes", i,
				len(b))
		}
		copy(out[k][:], b)
	}
	return out, nil
}

// head locks the row of the head, which orders those who append, and returns the size of the ledger.
func (tx *Tx) head() (size int64, err error) {
	lock := ""
	if tx.store.PostgreSQL() {
		lock = " for update"
	}
	if err := tx.tx.QueryRowContext(tx.ctx, `select size from head where one = 1`+lock).Scan(&size); err != nil {
		return 0, fault.Errorf("the head of the ledger: %w", err)
	}
	return size, nil
}

// Append writes leaves at the end of the ledger, and returns the place of the first.
func (tx *Tx) Append(leaves ...ledger.Leaf) (first int64, err error) {
	size, err := tx.head()
	if err != nil {
		return 0, err
	}
	first = size
	r := hashes{tx.ctx, tx.tx, map[int64]tlog.Hash{}}
	for _, l := range leaves {
		salt := make([]byte, 16)
		_, _ = rand.Read(salt) // it never fails (crypto/rand)
		body, err := l.Bytes(salt)
		if err != nil {
			return 0, err
		}
		made, err := tlog.StoredHashes(size, body, r)
		if err != nil {
			return 0, err
		}
		at := tlog.StoredHashIndex(0, size)
		for j, h := range made {
			i := at + int64(j)
			r.made[i] = h
			if _, err := tx.tx.ExecContext(tx.ctx, `insert into hash (i, h) values ($1, $2)`, i, h[:]); err != nil {
				return 0, fault.Errorf("a hash of the ledger: %w", err)
			}
		}
		if _, err := tx.tx.ExecContext(tx.ctx, `insert into leaf (n, body) values ($1, $2)`, size, body); err != nil {
			return 0, fault.Errorf("a leaf of the ledger: %w", err)
		}
		size++
	}
	_, err = tx.tx.ExecContext(tx.ctx, `update head set size = $1`, size)
	return first, err
}

// Checkpoint signs what is committed, and keeps that.
func (s *Store) Checkpoint(ctx context.Context, by note.Signer) (string, error) {
	var size int64
	if err := s.DB.QueryRowContext(ctx, `select size from head where one = 1`).Scan(&size); err != nil {
		return "", fault.Errorf("the head of the ledger: %w", err)
	}
	var text string
	err := s.DB.QueryRowContext(ctx, `select note from checkpoint where size = $1`, size).Scan(&text)
	if err == nil || !errors.Is(err, sql.ErrNoRows) {
		return text, err
	}
	root, err := tlog.TreeHash(size, hashes{ctx, s.DB, nil})
	if err != nil {
		return "", err
	}
	if text, err = (ledger.Checkpoint{Size: size, Root: root}).Sign(by); err != nil {
		return "", err
	}
	_, err = s.DB.ExecContext(ctx, `insert into checkpoint (size, note) values ($1, $2) on conflict (size) do nothing`, size, text)
	return text, err
}

// Newest is the newest checkpoint that was signed; "" is none.
func (s *Store) Newest(ctx context.Context) (string, error) {
	var text string
	err := s.DB.QueryRowContext(ctx, `select note from checkpoint order by size desc limit 1`).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return text, err
}

// Holds reports whether the ledger still begins with what a checkpoint is of. That a database was put back shows in
// this.
func (s *Store) Holds(ctx context.Context, c ledger.Checkpoint) (bool, error) {
	var size int64
	if err := s.DB.QueryRowContext(ctx, `select size from head where one = 1`).Scan(&size); err != nil {
		return false, fault.Errorf("the head of the ledger: %w", err)
	}
	if size < c.Size {
		return false, nil
	}
	root, err := tlog.TreeHash(c.Size, hashes{ctx, s.DB, nil})
	return root == c.Root, err
}

// Leaves hands over the exact bytes of the leaves from one place up to another, in pages, so that memory stays flat.
func (s *Store) Leaves(ctx context.Context, from, to int64, each func(n int64, body []byte) error) error {
	const page = 1000
	for at := from; at < to; at += page {
		if err := s.page(ctx, at, min(at+page, to), each); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) page(ctx context.Context, from, to int64, each func(n int64, body []byte) error) error {
	rows, err := s.DB.QueryContext(ctx, `select n, body from leaf where n >= $1 and n < $2 order by n`, from, to)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	want := from
	for rows.Next() {
		var n int64
		var body []byte
		if err := rows.Scan(&n, &body); err != nil {
			return err
		}
		if n != want {
			return fault.New(fault.Refused, fault.Ledger, "restore the database from a backup",
				"leaf %d of the ledger is missing", want)
		}
		if err := each(n, body); err != nil {
			return err
		}
		want++
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if want != to {
		return fault.New(fault.Refused, fault.Ledger, "restore the database from a backup",
			"leaf %d of the ledger is missing", want)
	}
	return nil
}
