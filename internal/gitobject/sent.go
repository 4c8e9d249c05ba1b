package gitobject

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// maxSent bounds the objects of a pack that a server has sent.
const maxSent = 200_000

// ErrPack says that what a server has sent is no pack that is read.
var ErrPack = errors.New("the pack that was sent is damaged")

// Sent returns a tree of the objects in packs that a server has sent, each of which is whole: it
// builds on nothing outside. width is the length of the names of objects in bytes. Nothing is
// believed about the objects: each is held to its name when it is read.
func Sent(width int, packs ...[]byte) (Tree, error) {
	t := Tree{sent: map[string]record{}}
	for _, p := range packs {
		if err := t.take(p, width); err != nil {
			return Tree{}, err
		}
	}
	return t, nil
}

// take reads the objects of a pack one after the other: it has no index.
func (t Tree) take(pack []byte, width int) error {
	const head = 12
	if len(pack) < head+width || string(pack[:4]) != "PACK" || binary.BigEndian.Uint32(pack[4:8]) != 2 {
		return ErrPack
	}
	n := binary.BigEndian.Uint32(pack[8:12])
	if n > maxSent {
		return fault.Errorf("a pack with %d objects was sent, at most %d are read: %w", n, maxSent, ErrLost)
	}
	in := bytes.NewReader(pack[head : len(pack)-width])
	at := map[int64]record{} // whole objects, by where they begin
	work := int64(0)
	for range n {
		begin := int64(head) + in.Size() - int64(in.Len())
		kind, size, err := header(in)
		if work += size; err != nil || size > maxObject || work > maxWork {
			return ErrPack
		}
		base, err := t.baseOf(in, kind, begin, width, at)
		if err != nil {
			return err
		}
		z, err := zlib.NewReader(in)
		if err != nil {
			return ErrPack
		}
		r := record{kind: kinds[kind]}
		if r.body, err = inflate(z, size); err != nil || int64(len(r.body)) != size {
			return ErrPack
		}
		if r.kind == "" {
			r.kind = base.kind
			if r.body, err = patch(base.body, r.body); err != nil {
				return ErrPack
			}
		}
		if work += int64(len(r.body)); work > maxWork {
			return ErrPack
		}
		at[begin] = r
		t.sent[nameOf(r, width)] = r
	}
	return nil
}

// baseOf is what a delta builds on; of a whole object, nothing.
func (t Tree) baseOf(in *bytes.Reader, kind byte, begin int64, width int, at map[int64]record) (record, error) {
	var base record
	switch kind {
	case ofsDelta:
		back, err := distance(in)
		if err != nil {
			return base, ErrPack
		}
		base = at[begin-back]
	case refDelta:
		id := make([]byte, width)
		if _, err := io.ReadFull(in, id); err != nil {
			return base, ErrPack
		}
		base = t.sent[hex.EncodeToString(id)]
	default:
		if kinds[kind] == "" {
			return base, ErrPack
		}
		return base, nil
	}
	if base.kind == "" {
		return base, ErrPack // it stands behind, or outside
	}
	return base, nil
}

// nameOf is what an object is called.
func nameOf(r record, width int) string {
	return sum(string(make([]byte, 2*width)), r.kind, r.body)
}
