package ledger

import (
	"io"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A Summary is what an export holds.
type Summary struct {
	Checkpoint Checkpoint
	Signed     string         // the checkpoint as it was signed
	Kinds      map[Kind]int64 // of the leaves that are shown
	Hidden     int64          // leaves that are not shown
	First      time.Time      // of the leaves that are shown
	Last       time.Time
	Before     *Checkpoint // the last that is known of the ledger that this one continues; nil: it continues none
	Missing    int64       // leaves of that ledger that are lost
	Apart      int         // checkpoints that were kept of that ledger, which its own export is compared with
}

// A signed checkpoint that somebody has kept.
type signed struct {
	Checkpoint
	by   []string // keys
	seen bool     // the export has reached its size
}

// A verification goes through an export once.
type verification struct {
	Summary
	keys    []string
	tree    Tree
	kept    []signed
	changes []change
}

// A change of the key, by the leaf at a place.
type change struct {
	at          int64
	before, key string
}

// Verify holds an export to its checkpoint, and to older checkpoints that somebody has kept. It reads each byte once
// and holds one hash for each bit of the size.
func Verify(r io.Reader, keys []string, kept ...string) (Summary, error) {
	v := verification{Summary: Summary{Kinds: map[Kind]int64{}}, keys: keys}
	for _, k := range kept {
		c, by, err := open(k, keys)
		if err != nil {
			return v.Summary, err
		}
		v.kept = append(v.kept, signed{c, by, false})
	}
	text, err := Read(r, v.leaf)
	if err != nil {
		return v.Summary, err
	}
	c, by, err := open(text, keys)
	if err != nil {
		return v.Summary, err
	}
	v.Checkpoint, v.Signed = c, text
	switch {
	case v.tree.Size() != c.Size:
		return v.Summary, fault.New(fault.Refused, fault.Ledger, "ask the server for the export again",
			"the export has %d leaves, and its checkpoint is of %d", v.tree.Size(), c.Size)
	case v.tree.Root() != c.Root:
		return v.Summary, fault.New(fault.Refused, fault.Ledger,
			"compare it with another export: a leaf of this one was changed, left out or put in",
			"the leaves have the root %s, and the checkpoint says %s", v.tree.Root(), c.Root)
	}
	if err := v.counts(c, by); err != nil {
		return v.Summary, err
	}
	for i := range v.kept {
		if err := v.agrees(&v.kept[i]); err != nil {
			return v.Summary, err
		}
	}
	return v.Summary, nil
}

// leaf takes the next one.
func (v *verification) leaf(l Line) error {
	if l.Bytes == nil {
		v.Hidden++
	} else {
		x, err := ParseLeaf(l.Bytes)
		if err == nil {
			err = v.shown(l.Index, &x)
		}
		if err != nil {
			return fault.Errorf("leaf %d: %w", l.Index, err)
		}
	}
	v.tree.Add(l.Hash)
	return v.reached()
}

func (v *verification) shown(at int64, l *Leaf) error {
	v.Kinds[l.Kind]++
	if v.First.IsZero() {
		v.First = l.At
	}
	v.Last = l.At
	switch a := l.About; l.Kind {
	case NewKey:
		if n := len(v.changes); n > 0 && v.changes[n-1].key != a.Before {
			return fault.New(fault.Refused, fault.Ledger, "find out who wrote it: keep the export, it is the proof",
				"the key changes from %s, and the one that counted is %s", a.Before, v.changes[n-1].key)
		}
		v.changes = append(v.changes, change{at, a.Before, a.Key})
	case Continued:
		if at != 0 {
			return fault.New(fault.Refused, fault.Ledger, "find out who wrote it: keep the export, it is the proof",
				"a ledger that continues another says so in its first leaf")
		}
		c, err := Open(a.Checkpoint, v.keys)
		if err != nil {
			return fault.New(fault.Refused, fault.Ledger,
				"give the key of the ledger before as well: --key says several",
				"it continues another ledger, whose last checkpoint is signed by none of the keys: %w", err)
		}
		v.Before, v.Missing = &c, a.Missing
	}
	return nil
}

// reached compares the checkpoints that are of the leaves so far.
func (v *verification) reached() error {
	for i := range v.kept {
		k := &v.kept[i]
		if v.before(k.Checkpoint) || k.Size != v.tree.Size() {
			continue
		}
		if k.seen = true; k.Root != v.tree.Root() {
			return rewritten(k.Checkpoint)
		}
	}
	return nil
}

// before reports whether a checkpoint is of the ledger that this one continues.
func (v *verification) before(c Checkpoint) bool {
	return v.Before != nil && v.Before.Origin == c.Origin
}

// counts holds a checkpoint to the key that counted when the ledger had its size: who has stolen a key that was changed
// signs nothing newer.
func (v *verification) counts(c Checkpoint, by []string) error {
	if len(v.changes) == 0 {
		return nil
	}
	key := v.changes[0].before
	for _, x := range v.changes {
		if x.at < c.Size {
			key = x.key
		}
	}
	if slices.Contains(by, key) {
		return nil
	}
	return fault.New(fault.Refused, fault.Ledger,
		"give every key with --key; where that was done, somebody has signed with a key that was changed",
		"the checkpoint of %d leaves is not signed by the key that counted then, which is %s", c.Size, key)
}

// agrees says what is wrong with a checkpoint that was kept, after all leaves were read.
func (v *verification) agrees(k *signed) error {
	switch {
	case v.before(k.Checkpoint):
		if k.Size > v.Before.Size {
			return fault.New(fault.Refused, fault.Ledger, "find out who cut it: somebody has seen a longer ledger",
				"the checkpoint that was kept is of %d leaves, and the ledger was continued as one of %d", k.Size,
				v.Before.Size)
		}
		if k.Size == v.Before.Size && k.Root != v.Before.Root {
			return rewritten(k.Checkpoint)
		}
		if k.Size < v.Before.Size {
			v.Apart++
		}
		return nil
	case k.Origin != v.Checkpoint.Origin:
		return fault.New(fault.Refused, fault.Ledger, "compare checkpoints of one server",
			"the checkpoint that was kept is of %q, and the export of %q", k.Origin, v.Checkpoint.Origin)
	case k.Size == 0:
		if k.Root != (&Tree{}).Root() {
			return rewritten(k.Checkpoint)
		}
	case !k.seen:
		return fault.New(fault.Refused, fault.Ledger, "find out who cut it: somebody has seen a longer ledger",
			"the checkpoint that was kept is of %d leaves, and the export has %d", k.Size, v.tree.Size())
	}
	return v.counts(k.Checkpoint, k.by)
}

func rewritten(c Checkpoint) error {
	return fault.New(fault.Refused, fault.Ledger, "find out who rewrote it: keep both, they are the proof",
		"the first %d leaves are not those of the checkpoint that was kept: its root is %s", c.Size, c.Root)
}
