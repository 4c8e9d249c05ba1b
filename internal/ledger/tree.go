package ledger

import (
	"golang.org/x/mod/sumdb/tlog"
)

// A Hash is that of a node of the tree (RFC 6962 section 2.1).
type Hash = tlog.Hash

// A Tree is built from its leaves in their order, and holds one hash for each bit of its size.
type Tree struct {
	size   int64
	stack  []Hash // roots of the complete subtrees, the largest first
	wanted map[int64]Hash
}

// AddLeaf adds the bytes of a leaf.
func (t *Tree) AddLeaf(b []byte) { t.Add(tlog.RecordHash(b)) }

// Add adds the hash of a leaf, where its bytes are not known.
func (t *Tree) Add(h Hash) {
	t.found(0, t.size, h)
	level := 0
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.stack) - 1
		h, t.stack = tlog.NodeHash(t.stack[last], h), t.stack[:last]
		level++
		t.found(level, n>>1, h)
	}
	t.stack = append(t.stack, h)
	t.size++
}

// found keeps a complete node that a proof needs.
func (t *Tree) found(level int, n int64, h Hash) {
	if len(t.wanted) == 0 {
		return
	}
	if at := tlog.StoredHashIndex(level, n); has(t.wanted, at) {
		t.wanted[at] = h
	}
}

func has(m map[int64]Hash, at int64) bool { _, ok := m[at]; return ok }

// Size is how many leaves there are.
func (t *Tree) Size() int64 { return t.size }

// Root is the hash of the tree.
func (t *Tree) Root() Hash {
	if t.size == 0 {
		h, _ := tlog.TreeHash(0, nil) // of nothing, which needs no reader
		return h
	}
	h := t.stack[len(t.stack)-1]
	for i := len(t.stack) - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.stack[i], h)
	}
	return h
}

// nodes are the stored hashes that a proof reads, found by asking it with a reader that knows none.
func nodes(ask func(tlog.HashReader) error) (map[int64]Hash, error) {
	wanted := map[int64]Hash{}
	err := ask(tlog.HashReaderFunc(func(indexes []int64) ([]Hash, error) {
		for _, i := range indexes {
			wanted[i] = Hash{}
		}
		return make([]Hash, len(indexes)), nil
	}))
	return wanted, err
}

// reader reads the hashes that a tree has kept.
func (t *Tree) reader() tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]Hash, error) {
		out := make([]Hash, len(indexes))
		for k, i := range indexes {
			out[k] = t.wanted[i]
		}
		return out, nil
	})
}
