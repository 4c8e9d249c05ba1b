package keep

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/ledger"
)

// A Seal is how a server signs its ledger, and where it keeps the newest checkpoint outside of the database. A database
// that was put back, or that another took over without the last transactions, is behind that file, and shows it.
type Seal struct {
	Name string // of the ledger; one that continues it has a number besides
	By   Signer
	File string // the newest checkpoint
}

// A Signer signs checkpoints, each in the name of its origin: with a key in memory, or by asking a process that has it.
type Signer interface {
	// Key is the verifier of what it signs for an origin.
	Key(origin string) (string, error)
	// Sign takes a function that proves that the ledger of a size begins with what it was at a smaller size.
	Sign(ctx context.Context, c ledger.Checkpoint, prove func(from, size int64) ([]tlog.Hash, error)) (string, error)
}

// origin is the name of an origin by its number.
func (s Seal) origin(n int64) string {
	if n <= 1 {
		return s.Name
	}
	return fmt.Sprintf("%s/%d", s.Name, n)
}

// A guard is a seal at work.
type guard struct {
	Seal
	key    string // verifier of the signer
	number int64  // of the origin

	saving sync.Mutex // held while the file is written, and never waited for inside of a transaction
	mu     sync.Mutex // of what is kept
	kept   kept
}

// What is kept outside of the database.
type kept struct {
	last   ledger.Checkpoint // the newest that is in the file
	signed string            // the same as it was signed
	leaf   tlog.Hash         // of its last leaf, whose random bits no other history has
	failed error             // a newer one could not be signed, or the file not be written
}

func (g *guard) known() kept {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.kept
}

// Guard seals the ledger of a store from here on, after it has held the database to the file.
func (s *Store) Guard(ctx context.Context, seal Seal) error {
	g := &guard{Seal: seal}
	err := s.Write(ctx, func(tx *Tx) error {
		h, err := tx.head()
		if err != nil {
			return err
		}
		g.number = h.origin
		if g.key, err = seal.By.Key(seal.origin(h.origin)); err != nil {
			return err
		}
		text, c, err := tx.outside(seal, &h)
		if err != nil {
			return err
		}
		if text != "" {
			if err := tx.agrees(&h, c); err != nil {
				return err
			}
		}
		return tx.signs(&h, g.key)
	})
	if err != nil {
		return err
	}
	s.guard = g
	h, err := readHead(ctx, s.DB, "")
	if err != nil {
		return err
	}
	return g.save(ctx, s, h.leaves()).failed
}

// signs holds a key to the one that signs the ledger. The first that does so counts.
func (tx *Tx) signs(h *head, key string) error {
	switch h.key {
	case key:
		return nil
	case "":
		return tx.signedBy(key)
	}
	return fault.New(fault.Refused, fault.Ledger,
		"change the key with sallyport-server ledger rotate --config FILE --before OLDKEY; where the old one is lost: "+
			"sallyport-server ledger continue --config FILE",
		"the ledger is signed by the key %s, and the configuration has %s", h.key, key)
}

// signedBy lets a key count from here on.
func (tx *Tx) signedBy(key string) error {
	if _, err := tx.tx.ExecContext(tx.ctx, `insert into signer (key) values ($1) on conflict (key) do nothing`,
		key); err != nil {
		return err
	}
	_, err := tx.tx.ExecContext(tx.ctx, `update head set key = $1`, key)
	return err
}

// ahead is how many origins a database that was put back may not know of.
const ahead = 3

// maxNote is how large the file is at most.
const maxNote = 16 << 10

// outside reads the file, and verifies it by a key that has signed this ledger, or that is to. "" is none.
func (tx *Tx) outside(seal Seal, h *head) (text string, c ledger.Checkpoint, err error) {
	b, err := file.Read(seal.File, maxNote)
	if errors.Is(err, fs.ErrNotExist) {
		return "", c, nil
	}
	if err != nil {
		return "", c, fault.New(fault.Usage, fault.Config,
			"let ledger: checkpoint name a file that the server may write",
			"the checkpoint outside of the database: %w", fault.Cause(err))
	}
	keys, err := tx.keys()
	if err != nil {
		return "", c, err
	}
	for n := range h.origin + ahead {
		if key, err := seal.By.Key(seal.origin(n + 1)); err == nil {
			keys = append(keys, key)
		}
	}
	if c, err = ledger.Open(string(b), keys); err != nil {
		return "", c, fault.New(fault.Refused, fault.Ledger,
			"let ledger: checkpoint name the file of this ledger; it is the proof of what was there",
			"the checkpoint in %q: %w", seal.File, err)
	}
	return string(b), c, nil
}

func (tx *Tx) keys() ([]string, error) {
	return list(tx.ctx, tx.tx, column[string], `select key from signer order by key`)
}

// next says what becomes of a database that is behind.
const next = "stop every server; restore a newer copy, or begin a new origin: " +
	"sallyport-server ledger continue --config FILE"

func behind(size, want int64) error {
	return fault.New(fault.Refused, fault.Ledger, next,
		"the database is behind: its ledger has %d leaves, and a checkpoint outside of it is of %d", size, want)
}

func forked(size int64) error {
	return fault.New(fault.Refused, fault.Ledger, next,
		"the database holds another history: its first %d leaves are not those of a checkpoint outside of it", size)
}

// An ended origin, or the one that lasts.
type origin struct {
	base, hashes, size int64
	last               *ledger.Checkpoint // the last that was known when it ended; nil: it lasts
}

// originOf is the one of a checkpoint.
func (tx *Tx) originOf(h *head, c ledger.Checkpoint) (o origin, there bool, err error) {
	var text string
	err = tx.tx.QueryRowContext(tx.ctx, `select base, hashes, size, note from origin where name = $1`, c.Origin).
		Scan(&o.base, &o.hashes, &o.size, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return origin{h.base, h.hashes, h.leaves(), nil}, false, nil
	}
	if err != nil {
		return o, false, err
	}
	last, err := ledger.Parse(text)
	o.last = &last
	return o, true, err
}

// agrees holds the database to a checkpoint.
func (tx *Tx) agrees(h *head, c ledger.Checkpoint) error {
	o, ended, err := tx.originOf(h, c)
	if err != nil {
		return err
	}
	if ended {
		switch {
		case c.Size > o.last.Size:
			return behind(o.last.Size, c.Size)
		case c.Size == o.last.Size && c.Root != o.last.Root:
			return forked(c.Size)
		case c.Size > o.size:
			return nil // those leaves are lost, which the first of the next origin says
		}
	} else if c.Size > o.size {
		return behind(o.size, c.Size)
	}
	root, err := tlog.TreeHash(c.Size, tx.store.tree(tx.ctx, tx.tx, o.hashes))
	if err == nil && root != c.Root {
		err = forked(c.Size)
	}
	return err
}

// fits says why nothing may be appended to a database: it is not the one that this server has seen before, or its
// newest
// checkpoint could not be signed or kept.
func (g *guard) fits(ctx context.Context, q queries, h *head, k kept) error {
	if err := g.stillSigns(h, k.last.Size); err != nil {
		return err
	}
	if k.failed != nil {
		return k.failed
	}
	if k.last.Size == 0 {
		return nil
	}
	got, err := hashes{ctx: ctx, q: q, before: h.hashes}.ReadHashes([]int64{tlog.StoredHashIndex(0, k.last.Size-1)})
	if err != nil {
		return err
	}
	if got[0] != k.leaf {
		return forked(k.last.Size)
	}
	return nil
}

// stillSigns says why this server signs nothing of a ledger: another origin or key counts, or the database is behind.
func (g *guard) stillSigns(h *head, least int64) error {
	switch {
	case h.origin != g.number:
		return fault.New(fault.Refused, fault.Ledger, "start the server again",
			"the ledger is continued by its origin %d, and this server signs origin %d", h.origin, g.number)
	case h.key != g.key:
		return fault.New(fault.Refused, fault.Ledger, "start the server again with the key that counts",
			"the ledger is signed by the key %s, and this server has %s", h.key, g.key)
	case h.leaves() < least:
		return behind(h.leaves(), least)
	}
	return nil
}

// Fit says why this server may not append to its database.
func (s *Store) Fit(ctx context.Context) error {
	_, err := s.fit(ctx)
	return err
}

// fit holds the database to what was known before it was read: others may append meanwhile.
func (s *Store) fit(ctx context.Context) (h head, err error) {
	if s.guard == nil {
		return readHead(ctx, s.DB, "")
	}
	s.guard.again(ctx, s)
	k := s.guard.known()
	if h, err = readHead(ctx, s.DB, ""); err != nil {
		return h, err
	}
	return h, s.guard.fits(ctx, s.DB, &h, k)
}

// save signs what is committed, and keeps it in the file. Of those who wait for it together, one does it for all.
func (g *guard) save(ctx context.Context, s *Store, size int64) kept {
	g.saving.Lock()
	defer g.saving.Unlock()
	return g.saved(ctx, s, size)
}

// again saves what could not be saved before, if nobody is at it. Whatever a server is asked tries that: one that is
// not
// ready may be asked little.
func (g *guard) again(ctx context.Context, s *Store) {
	if g.known().failed != nil && g.saving.TryLock() {
		defer g.saving.Unlock()
		g.saved(ctx, s, 0)
	}
}

func (g *guard) saved(ctx context.Context, s *Store, size int64) kept {
	k := g.known()
	if k.failed == nil && k.last.Size >= size && k.last.Origin != "" {
		return k
	}
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	now, err := g.write(ctx, s, k.last.Size)
	if k.failed = err; err == nil {
		k = now
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.kept = k
	return k
}

func (g *guard) write(ctx context.Context, s *Store, least int64) (k kept, err error) {
	h, err := readHead(ctx, s.DB, "")
	if err != nil {
		return k, err
	}
	if err := g.stillSigns(&h, least); err != nil {
		return k, err
	}
	if k.last, k.signed, err = g.sign(ctx, s, s.DB, &h, h.leaves()); err != nil {
		return k, err
	}
	if k.last.Size > 0 {
		all, err := s.tree(ctx, s.DB, h.hashes).ReadHashes([]int64{tlog.StoredHashIndex(0, k.last.Size-1)})
		if err != nil {
			return k, err
		}
		k.leaf = all[0]
	}
	if err := g.replace(k.last, k.signed); err != nil {
		return k, fault.New(fault.Unavailable, fault.NotAvailable,
			"let ledger: checkpoint name a file that the server may write, on a disk that has room",
			"keeping the checkpoint outside of the database: %w", fault.Cause(err))
	}
	return k, nil
}

// replace puts a checkpoint into the file, whole or not at all. Servers may share it: a newer one stays.
func (g *guard) replace(c ledger.Checkpoint, text string) error {
	lock, err := os.OpenFile(g.File+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // which lets the next one in
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	if b, err := file.Read(g.File, maxNote); err == nil {
		if old, err := ledger.Open(string(b), []string{g.key}); err == nil && old.Size > c.Size {
			return nil
		}
	}
	return replace(g.File, text)
}

func replace(path, text string) error {
	w, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = w.WriteString(text)
	if err = errors.Join(err, w.Sync(), w.Close()); err == nil {
		err = os.Rename(w.Name(), path)
	}
	if err != nil {
		_ = os.Remove(w.Name()) // what failed is told
	}
	return err
}

// Continue begins a new origin in a database that is behind the file, or whose key is lost. Its first leaf names the
// last checkpoint that is known, and how many leaves of it are missing. It returns that leaf.
func (s *Store) Continue(ctx context.Context, seal Seal, at time.Time) (ledger.Leaf, error) {
	var leaf ledger.Leaf
	err := s.Write(ctx, func(tx *Tx) error {
		h, err := tx.head()
		if err != nil {
			return err
		}
		now, err := seal.By.Key(seal.origin(h.origin))
		if err != nil {
			return err
		}
		text, c, err := tx.known(seal, &h)
		if err != nil {
			return err
		}
		bad := tx.agrees(&h, c)
		if bad == nil && (h.key == now || h.key == "") {
			return fault.New(fault.Usage, fault.Config, "start the server",
				"the database has all %d leaves of the checkpoint outside of it: there is nothing to continue", c.Size)
		}
		if bad != nil && fault.Of(bad).Code != fault.Ledger {
			return bad
		}
		if h.key == now { // what is left can still be shown, and verifies
			if err := tx.closes(&h, seal); err != nil {
				return err
			}
		}
		number := h.origin
		for n := h.origin; n < h.origin+ahead; n++ {
			if seal.origin(n) == c.Origin { // the database was put back to before that origin began
				number = n
			}
		}
		key, err := seal.By.Key(seal.origin(number + 1))
		if err != nil {
			return err
		}
		about := ledger.About{Before: h.key, Key: key, Checkpoint: text}
		o, ended, err := tx.originOf(&h, c)
		if err != nil {
			return err
		}
		switch {
		case number == h.origin && c.Size > o.size, ended && c.Size > o.size:
			about.Missing = c.Size - o.size
		case bad != nil:
			about.Reason = "the database holds another history: how many leaves are missing is not known"
		default:
			about.Reason = "the key before is lost"
		}
		leaf = ledger.Leaf{Kind: ledger.Continued, At: at, About: about}
		return tx.begin(seal, &h, number+1, text, leaf)
	})
	if err != nil {
		return leaf, err
	}
	if b, err := file.Read(seal.File, maxNote); err == nil { // it is the proof of what was there
		if err := replace(seal.File+"."+at.UTC().Format("20060102T150405Z"), string(b)); err != nil {
			return leaf, fault.Errorf("keeping the checkpoint before: %w", fault.Cause(err))
		}
	}
	return leaf, s.Guard(ctx, seal)
}

// known is the last checkpoint that is known: the file's, or the newest that was shown.
func (tx *Tx) known(seal Seal, h *head) (text string, c ledger.Checkpoint, err error) {
	if text, c, err = tx.outside(seal, h); err != nil || text != "" {
		return text, c, err
	}
	err = tx.tx.QueryRowContext(tx.ctx, `select note from signed where origin = $1 order by size desc limit 1`,
		h.origin).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return "", c, fault.New(fault.Usage, fault.Config, "put the file that ledger: checkpoint names back",
			"no checkpoint of this ledger is known")
	}
	if err == nil {
		c, err = ledger.Parse(text)
	}
	return text, c, err
}

// closes signs what is left of an origin that ends.
func (tx *Tx) closes(h *head, seal Seal) error {
	c, text, err := seal.sign(tx.ctx, tx.store, tx.tx, h, h.leaves())
	if err != nil {
		return err
	}
	return shown(tx.ctx, tx.tx, h.origin, c.Size, text)
}

// Ended is what is left of an origin that has ended: its last checkpoint that this database holds all leaves of, and
// the place of its first leaf among all. there is false where no origin of that number has ended.
func (s *Store) Ended(ctx context.Context, n int64) (text string, base int64, there bool, err error) {
	err = s.DB.QueryRowContext(ctx, `select s.note, o.base from origin o join signed s on s.origin = o.n
		where o.n = $1 and s.size <= o.size order by s.size desc limit 1`, n).Scan(&text, &base)
	if errors.Is(err, sql.ErrNoRows) {
		return "", 0, false, nil
	}
	return text, base, err == nil, err
}

// begin ends one origin and begins the next with its first leaf.
func (tx *Tx) begin(seal Seal, h *head, number int64, text string, leaf ledger.Leaf) error {
	const insert = `insert into origin (n, name, base, hashes, size, note) values ($1, $2, $3, $4, $5, $6)`
	name, last := seal.origin(h.origin), text
	if number > h.origin+1 { // nothing is left of the origin that the checkpoint is of
		_, err := tx.tx.ExecContext(tx.ctx, insert, number-1, seal.origin(number-1), h.size, 0, 0, text)
		if err != nil {
			return err
		}
		err = tx.tx.QueryRowContext(tx.ctx, `select note from signed where origin = $1 order by size desc limit 1`,
			h.origin).Scan(&last)
		if err != nil {
			return fault.Errorf("the last checkpoint of %s: %w", name, err)
		}
	}
	if _, err := tx.tx.ExecContext(tx.ctx, insert, h.origin, name, h.base, h.hashes, h.leaves(), last); err != nil {
		return err
	}
	h.hashes += tlog.StoredHashCount(h.leaves())
	h.origin, h.base = number, h.size
	if _, err := tx.tx.ExecContext(tx.ctx, `update head set origin = $1, base = $2, hashes = $3`, h.origin, h.base,
		h.hashes); err != nil {
		return err
	}
	if err := tx.signedBy(leaf.About.Key); err != nil {
		return err
	}
	_, err := tx.append(h, []ledger.Leaf{leaf})
	return err
}

// both signs with two keys, of which the first takes the place of the other.
type both struct {
	Signer
	before Signer
}

func (b both) Sign(
	ctx context.Context, c ledger.Checkpoint, prove func(from, size int64) ([]tlog.Hash, error),
) (string, error) {
	text, err := b.Signer.Sign(ctx, c, prove)
	if err != nil {
		return "", err
	}
	other, err := b.before.Sign(ctx, c, prove)
	_, signature, _ := strings.Cut(other, "\n\n")
	return text + signature, err
}

// Rotate changes the key that signs. The leaf of the change is covered by a checkpoint that both keys have signed.
func (s *Store) Rotate(ctx context.Context, seal Seal, before Signer, at time.Time) (ledger.Leaf, error) {
	old := seal
	old.By = before
	if err := s.Guard(ctx, old); err != nil {
		return ledger.Leaf{}, err
	}
	key, err := seal.By.Key(seal.origin(s.guard.number))
	if err != nil {
		return ledger.Leaf{}, err
	}
	if key == s.guard.key {
		return ledger.Leaf{}, fault.New(fault.Usage, fault.Config,
			"make a new key and let the configuration name it: sallyport-server key --name "+seal.Name+" --out FILE",
			"the key before is the one that the configuration names")
	}
	leaf := ledger.Leaf{Kind: ledger.NewKey, At: at, About: ledger.About{Before: s.guard.key, Key: key}}
	err = s.Write(ctx, func(tx *Tx) error {
		if _, err := tx.Append(leaf); err != nil {
			return err
		}
		tx.leaves = 0 // the two keys sign it below
		return tx.signedBy(key)
	})
	if err != nil {
		return leaf, err
	}
	s.guard.By, s.guard.key = both{seal.By, before}, key
	_, err = s.Checkpoint(ctx)
	return leaf, err
}
