package keep

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

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

// hashes reads the stored hashes of the tree. Over a wire one question asks for all of them; in a file, single look-ups
// are faster.
type hashes struct {
	ctx    context.Context
	q      queries
	wire   bool
	before int64               // hashes of origins that have ended
	made   map[int64]tlog.Hash // in this transaction
}

// tree reads the hashes of an origin.
func (s *Store) tree(ctx context.Context, q queries, before int64) hashes {
	return hashes{ctx, q, s.PostgreSQL(), before, map[int64]tlog.Hash{}}
}

func (r hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	known := r.made
	if missing := r.missing(indexes); r.wire && len(missing) > 1 {
		var err error
		if known, err = r.several(missing); err != nil {
			return nil, err
		}
	}
	out := make([]tlog.Hash, len(indexes))
	for k, i := range indexes {
		h, is := r.made[i]
		if !is {
			h, is = known[i]
		}
		if !is {
			var b []byte
			err := r.q.QueryRowContext(r.ctx, `select h from hash where i = $1`, r.before+i).Scan(&b)
			if err == nil {
				h, err = hashOf(i, b)
			}
			if err != nil {
				return nil, fault.Errorf("hash %d of the ledger: %w", i, err)
			}
		}
		out[k] = h
	}
	return out, nil
}

// missing are those that this transaction has not made.
func (r hashes) missing(indexes []int64) (all []int64) {
	for _, i := range indexes {
		if _, is := r.made[i]; !is {
			all = append(all, i)
		}
	}
	return all
}

// several asks for some at once. One that is not there is left out.
func (r hashes) several(indexes []int64) (map[int64]tlog.Hash, error) {
	text := make([]string, len(indexes))
	for k, i := range indexes {
		text[k] = strconv.FormatInt(r.before+i, 10)
	}
	out := map[int64]tlog.Hash{}
	_, err := list(r.ctx, r.q, func(x row) (none struct{}, err error) {
		var i int64
		var b []byte
		if err = x.Scan(&i, &b); err == nil {
			out[i-r.before], err = hashOf(i-r.before, b)
		}
		return none, err
	}, `select i, h from hash where i = any($1::bigint[])`, "{"+strings.Join(text, ",")+"}")
	if err != nil {
		return nil, fault.Errorf("hashes of the ledger: %w", err)
	}
	return out, nil
}

func hashOf(i int64, b []byte) (h tlog.Hash, err error) {
	if len(b) != len(h) {
		return h, fault.New(fault.Internal, fault.InternalError, "", "hash %d of the ledger has %d bytes", i, len(b))
	}
	copy(h[:], b)
	return h, nil
}

// A head is the row that orders those who append.
type head struct {
	size   int64 // leaves of all origins
	origin int64 // number
	base   int64 // leaves of the origins before
	hashes int64 // hashes of the origins before
	key    string
}

// leaves is the size of the tree.
func (h *head) leaves() int64 { return h.size - h.base }

func readHead(ctx context.Context, q queries, lock string) (h head, err error) {
	err = q.QueryRowContext(ctx, `select size, origin, base, hashes, key from head where one = 1`+lock).
		Scan(&h.size, &h.origin, &h.base, &h.hashes, &h.key)
	if err != nil {
		err = fault.Errorf("the head of the ledger: %w", err)
	}
	return h, err
}

// head locks the row of the head until the transaction ends.
func (tx *Tx) head() (head, error) {
	lock := ""
	if tx.store.PostgreSQL() {
		lock = " for update"
	}
	return readHead(tx.ctx, tx.tx, lock)
}

// Append writes leaves at the end of the ledger, and returns the place of the first among all leaves of the database.
// The row of the head is locked, which orders those who append. Nothing is appended to a database that is behind what
// this server knows of it.
func (tx *Tx) Append(leaves ...ledger.Leaf) (first int64, err error) {
	h, err := tx.head()
	if err != nil {
		return 0, err
	}
	if g := tx.store.guard; g != nil {
		if err := g.fits(tx.ctx, tx.tx, &h, g.known()); err != nil {
			return 0, err
		}
	}
	return tx.append(&h, leaves)
}

func (tx *Tx) append(h *head, leaves []ledger.Leaf) (first int64, err error) {
	first = h.size
	r := tx.store.tree(tx.ctx, tx.tx, h.hashes)
	for _, l := range leaves {
		salt := make([]byte, 16)
		_, _ = rand.Read(salt) // it never fails (crypto/rand)
		body, err := l.Bytes(salt)
		if err != nil {
			return 0, err
		}
		if err := tx.put(h, r, body, tlog.RecordHash(body)); err != nil {
			return 0, err
		}
	}
	tx.leaves, tx.added = h.leaves(), append(tx.added, leaves...)
	return first, nil
}

// put writes one leaf and the hashes of the tree that it completes.
func (tx *Tx) put(h *head, r hashes, body []byte, hash tlog.Hash) error {
	made, err := tlog.StoredHashesForRecordHash(h.leaves(), hash, r)
	if err != nil {
		return err
	}
	at := tlog.StoredHashIndex(0, h.leaves())
	var rows []string
	var values []any
	for j, x := range made {
		i := at + int64(j)
		r.made[i] = x
		rows = append(rows, "(?, ?)")
		values = append(values, r.before+i, x[:])
	}
	err = tx.together(statement{`insert into hash (i, h) values ` + strings.Join(rows, ", "), values},
		statement{`insert into leaf (n, body) values (?, ?)`, []any{h.size, body}},
		statement{`update head set size = ?`, []any{h.size + 1}})
	if err != nil {
		return fault.Errorf("a leaf of the ledger: %w", err)
	}
	h.size++
	return nil
}

// A statement has a question mark for each of its arguments.
type statement struct {
	text string
	args []any
}

// numbered is a statement whose arguments have numbers from n on.
func (s statement) numbered(n int) string {
	parts := strings.Split(s.text, "?")
	out := parts[0]
	for i, p := range parts[1:] {
		out += "$" + strconv.Itoa(n+i) + p
	}
	return out
}

// together runs statements, none of which reads what another one writes. Over a wire they are one, for others wait for
// the head meanwhile.
func (tx *Tx) together(all ...statement) error {
	if !tx.store.PostgreSQL() {
		for _, s := range all {
			if _, err := tx.tx.ExecContext(tx.ctx, s.numbered(1), s.args...); err != nil {
				return err
			}
		}
		return nil
	}
	var parts []string
	var args []any
	for i, s := range all {
		text := s.numbered(len(args) + 1)
		if i < len(all)-1 {
			text = fmt.Sprintf("w%d as (%s)", i, text)
		}
		parts, args = append(parts, text), append(args, s.args...)
	}
	last := len(parts) - 1
	text := "with " + strings.Join(parts[:last], ", ") + " " + parts[last] //nolint:gosec // statements of this room
	_, err := tx.tx.ExecContext(tx.ctx, text, args...)
	return err
}

// Checkpoint is the newest signed state of what is committed. What anybody is shown is in the file before.
func (s *Store) Checkpoint(ctx context.Context) (string, error) {
	h, err := s.fit(ctx)
	if err != nil {
		return "", err
	}
	k := s.guard.save(ctx, s, h.leaves())
	if k.failed != nil {
		return "", k.failed
	}
	var before string
	err = s.DB.QueryRowContext(ctx, `select note from signed where origin = $1 and size = $2`, h.origin, k.last.Size).
		Scan(&before)
	if err == nil || !errors.Is(err, sql.ErrNoRows) {
		return before, err
	}
	return k.signed, shown(ctx, s.DB, h.origin, k.last.Size, k.signed)
}

// shown keeps a checkpoint, for it is shown to others.
func shown(ctx context.Context, q queries, origin, size int64, signed string) error {
	_, err := q.ExecContext(ctx, `insert into signed (origin, size, note) values ($1, $2, $3)
		on conflict (origin, size) do nothing`, origin, size, signed)
	return err
}

// sign signs what the ledger of a head is, or was at a smaller size.
func (s Seal) sign(
	ctx context.Context, of *Store, q queries, h *head, size int64,
) (c ledger.Checkpoint, signed string, err error) {
	r := of.tree(ctx, q, h.hashes)
	c = ledger.Checkpoint{Origin: s.origin(h.origin), Size: size}
	if c.Root, err = tlog.TreeHash(size, r); err != nil {
		return c, "", err
	}
	signed, err = s.By.Sign(ctx, c, func(from, size int64) ([]tlog.Hash, error) {
		now, err := readHead(ctx, q, "") // another server may have appended
		switch {
		case err != nil:
			return nil, err
		case size > now.leaves():
			return nil, fault.New(fault.Refused, fault.Ledger, "stop every server; let the state of the signer be the "+
				"file that ledger: checkpoint names, and begin a new origin: sallyport-server ledger continue",
				"the database is behind: its ledger has %d leaves, and the signer has signed one of %d", now.leaves(), size)
		case from == 0:
			return nil, nil // every ledger begins with nothing
		}
		return tlog.ProveTree(size, from, r)
	})
	return c, signed, err
}

// Holds reports whether the ledger still begins with what a checkpoint is of. That a database was put back shows in
// this.
func (s *Store) Holds(ctx context.Context, c ledger.Checkpoint) (bool, error) {
	h, err := readHead(ctx, s.DB, "")
	if err != nil || h.leaves() < c.Size {
		return false, err
	}
	root, err := tlog.TreeHash(c.Size, s.tree(ctx, s.DB, h.hashes))
	return root == c.Root, err
}

// Size is how many leaves the ledger has.
func (s *Store) Size(ctx context.Context) (int64, error) {
	h, err := readHead(ctx, s.DB, "")
	return h.leaves(), err
}

// Current is the newest checkpoint, and the place of the first leaf of its origin among all.
func (s *Store) Current(ctx context.Context) (text string, base int64, err error) {
	if text, err = s.Checkpoint(ctx); err != nil {
		return "", 0, err
	}
	h, err := readHead(ctx, s.DB, "")
	return text, h.base, err
}

// Inclusion is a leaf, and the proof that it is in the ledger of a size.
func (s *Store) Inclusion(ctx context.Context, size, n int64) (body []byte, proof []tlog.Hash, err error) {
	h, err := readHead(ctx, s.DB, "")
	if err != nil {
		return nil, nil, err
	}
	if err := s.DB.QueryRowContext(ctx, `select body from leaf where n = $1`, h.base+n).Scan(&body); err != nil {
		return nil, nil, fault.Errorf("leaf %d of the ledger: %w", n, err)
	}
	proof, err = tlog.ProveRecord(size, n, s.tree(ctx, s.DB, h.hashes))
	return body, proof, err
}

// Consistency is a checkpoint of a smaller size, and the proof that the ledger of a size begins with it.
func (s *Store) Consistency(ctx context.Context, from, size int64) (before string, proof []tlog.Hash, err error) {
	h, err := readHead(ctx, s.DB, "")
	if err != nil {
		return "", nil, err
	}
	if _, before, err = s.guard.sign(ctx, s, s.DB, &h, from); err != nil {
		return "", nil, err
	}
	proof, err = tlog.ProveTree(size, from, s.tree(ctx, s.DB, h.hashes))
	return before, proof, err
}

// Leaves hands over the exact bytes of the leaves of this origin from one place up to another, in pages, so that memory
// stays flat. Of a leaf that was deleted it is the line with its hash (ledger.HiddenLine).
func (s *Store) Leaves(ctx context.Context, from, to int64, each func(n int64, body []byte) error) error {
	h, err := readHead(ctx, s.DB, "")
	if err != nil {
		return err
	}
	return s.LeavesFrom(ctx, h.base, from, to, each)
}

// LeavesFrom hands over those of an origin whose first leaf has a place among all. No connection is held while each
// works: it may write to somebody who reads slowly.
func (s *Store) LeavesFrom(
	ctx context.Context, base, from, to int64, each func(n int64, body []byte) error,
) error {
	const page = 200
	for at := from; at < to; at += page {
		bodies, err := s.page(ctx, base+at, base+min(at+page, to))
		if err != nil {
			return err
		}
		for i, body := range bodies {
			if err := each(at+int64(i), body); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) page(ctx context.Context, from, to int64) (bodies [][]byte, err error) {
	all, err := list(ctx, s.DB, readLeaf, `select n, body from leaf where n >= $1 and n < $2 order by n`, from, to)
	if err != nil {
		return nil, err
	}
	for i := range to - from {
		if i >= int64(len(all)) || all[i].n != from+i {
			return nil, fault.New(fault.Refused, fault.Ledger, "restore the database from a backup",
				"leaf %d of the database is missing", from+i)
		}
		bodies = append(bodies, all[i].body)
	}
	return bodies, nil
}
