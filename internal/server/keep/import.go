package keep

import (
	"bytes"
	"context"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
)

// Import puts an export into an empty database, whose ledger it is from there on: to move from one kind of database to
// the other. The export verifies by keys, and the key of the seal is the one that signs it.
func (s *Store) Import(ctx context.Context, seal Seal, export io.ReadSeeker, keys []string) (ledger.Summary, error) {
	const most = 100 // origins
	own := map[string]int64{}
	for n := range int64(most) {
		k, err := seal.By.Key(seal.origin(n + 1))
		if err != nil {
			return ledger.Summary{}, err
		}
		keys, own[seal.origin(n+1)] = append(keys, k), n+1
	}
	sum, err := ledger.Verify(export, keys)
	if err != nil {
		return sum, err
	}
	number, is := own[sum.Checkpoint.Origin]
	key, err := seal.By.Key(sum.Checkpoint.Origin)
	if err != nil {
		return sum, err
	}
	if _, err := ledger.Open(sum.Signed, []string{key}); err != nil || !is {
		return sum, fault.New(fault.Usage, fault.Config,
			"let ledger: name and key be those of the ledger that is imported",
			"the export of %s is not signed by the key of the configuration", sum.Checkpoint.Origin)
	}
	if _, err := export.Seek(0, io.SeekStart); err != nil {
		return sum, fault.Errorf("reading the export again: %w", fault.Cause(err))
	}
	err = s.Write(ctx, func(tx *Tx) error {
		h, err := tx.head()
		if err != nil {
			return err
		}
		if h.size > 0 || h.origin != 1 {
			return fault.New(fault.Usage, fault.Config, "name an empty database",
				"the database has a ledger of %d leaves", h.leaves())
		}
		h.origin = number
		return tx.take(&h, export, sum, key)
	})
	if err != nil {
		return sum, err
	}
	return sum, s.Guard(ctx, seal)
}

// take writes every leaf of an export, and holds the tree to its checkpoint.
func (tx *Tx) take(h *head, export io.Reader, sum ledger.Summary, key string) error {
	r := tx.store.tree(tx.ctx, tx.tx, 0)
	signed, err := ledger.Read(export, func(l ledger.Line) error {
		body := bytes.Clone(l.Bytes)
		if body == nil {
			body = ledger.HiddenLine(l.Hash)
		} else if x, err := ledger.ParseLeaf(body); err != nil {
			return err
		} else if x.Kind == ledger.NewKey {
			if _, err := tx.tx.ExecContext(tx.ctx, `insert into signer (key) values ($1) on conflict (key) do nothing`,
				x.About.Before); err != nil {
				return err
			}
		}
		const many = 1 << 16 // what was written is read again from the database
		if len(r.made) > many {
			clear(r.made)
		}
		return tx.put(h, r, body, l.Hash)
	})
	if err != nil {
		return err
	}
	root, err := tlog.TreeHash(h.leaves(), r)
	if err != nil {
		return err
	}
	if signed != sum.Signed || h.leaves() != sum.Checkpoint.Size || root != sum.Checkpoint.Root {
		return fault.New(fault.Refused, fault.Ledger, "import a file that stays as it is meanwhile",
			"the export was another one when it was read again")
	}
	if _, err := tx.tx.ExecContext(tx.ctx, `update head set size = $1, origin = $2`, h.size, h.origin); err != nil {
		return err
	}
	return tx.signedBy(key)
}
