package gitobject

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

const (
	maxPacks = 1000
	maxChain = 4096 // deltas on top of one object: git makes no longer chains
	maxBytes = 4 * maxObject
)

// Types of objects in a pack (gitformat-pack(5), "pack-*.pack files have the
// following format").
const (
	ofsDelta = 6
	refDelta = 7
)

var kinds = map[byte]string{1: "commit", 2: "tree", 3: "blob", 4: "tag"}

// loose reads an object that has a file of its own.
func (t Tree) loose(id string) (record, error) {
	f, err := t.Dir.Open("objects/" + id[:2] + "/" + id[2:])
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, ErrLost
	}
	if err != nil {
		return record{}, fault.Cause(err)
	}
	defer f.Close()
	z, err := zlib.NewReader(f)
	if err != nil {
		return record{}, fault.Errorf("object %s of the checkout is damaged", id)
	}
	raw, err := inflate(z, maxObject)
	if err != nil {
		return record{}, fault.Errorf("object %s of the checkout: %w", id, err)
	}
	head, body, ok := bytes.Cut(raw, []byte{0})
	kind, size, split := strings.Cut(string(head), " ")
	if !ok || !split || size != strconv.Itoa(len(body)) {
		return record{}, fault.Errorf("object %s of the checkout is damaged", id)
	}
	return record{kind: kind, body: body}, nil
}

// inflate reads at most limit bytes.
func inflate(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, fault.Errorf("it is damaged")
	case int64(len(b)) > limit:
		return nil, fault.Errorf("it has more than %d bytes: %w", limit, ErrLost)
	}
	return b, nil
}

// A place is where a record of an object is: in a pack, or wherever the object of
// that name is.
type place struct {
	id   string
	pack string
	at   int64
}

// A record is an object, or what has to be changed about another one.
type record struct {
	kind string // "": a delta
	body []byte
	base place // of a delta
}

// resolve returns the kind and the body of an object, wherever it is.
func (t Tree) resolve(id string) (string, []byte, error) {
	var deltas [][]byte
	kept, at := 0, place{id: id}
	for len(deltas) <= maxChain && kept <= maxBytes {
		r, err := t.record(at, len(id)/2)
		if err != nil {
			return "", nil, err
		}
		if r.kind != "" {
			body, err := apply(r.body, deltas)
			if err != nil {
				return "", nil, fault.Errorf("object %s of the checkout: %w", id, err)
			}
			return r.kind, body, nil
		}
		deltas, kept, at = append(deltas, r.body), kept+len(r.body), r.base
	}
	return "", nil, fault.Errorf("object %s of the checkout is put together from too many parts", id)
}

func (t Tree) record(at place, width int) (record, error) {
	if t.sent != nil {
		if r, found := t.sent[at.id]; found {
			return r, nil
		}
		return record{}, ErrLost
	}
	if at.pack == "" {
		r, err := t.loose(at.id)
		if !errors.Is(err, ErrLost) {
			return r, err
		}
		if at, err = t.find(at.id); err != nil {
			return record{}, err
		}
	}
	s, err := t.open(at.pack, width)
	if err != nil {
		return record{}, err
	}
	defer s.Close()
	return s.record(at.at)
}

// find looks for an object in every pack.
func (t Tree) find(id string) (place, error) {
	all, err := fs.Glob(t.Dir, "objects/pack/*.idx")
	if err != nil || len(all) > maxPacks {
		return place{}, fault.Errorf("the checkout has more than %d packs", maxPacks)
	}
	want, err := hex.DecodeString(id)
	if err != nil {
		return place{}, fault.Errorf("%q is not the name of an object", id)
	}
	for _, index := range all {
		at, err := t.offset(index, want)
		if errors.Is(err, ErrLost) {
			continue
		}
		return place{pack: strings.TrimSuffix(index, ".idx") + ".pack", at: at}, err
	}
	return place{}, ErrLost
}

// source is a file of the checkout that is read in places.
type source struct {
	fs.File
	io.ReaderAt
	named string
	width int // bytes of an object's name
}

func (t Tree) open(called string, width int) (source, error) {
	f, err := t.Dir.Open(called)
	if err != nil {
		return source{}, fault.Cause(err)
	}
	r, ok := f.(io.ReaderAt)
	if !ok {
		_ = f.Close() // it was only read
		return source{}, fault.Errorf("%q is not a file", called)
	}
	return source{f, r, called, width}, nil
}

func (s source) damaged() error {
	return fault.Errorf("%q of the checkout is damaged", path.Base(s.named))
}

func (s source) number(at int64) (int64, error) {
	var b [4]byte
	if _, err := s.ReadAt(b[:], at); err != nil {
		return 0, s.damaged()
	}
	return int64(binary.BigEndian.Uint32(b[:])), nil
}

// offset finds an object in an index of version 2: a header of 8 bytes, 256
// counts, the names in order, a checksum and an offset of 4 bytes for each, and
// offsets of 8 bytes for those that are far behind.
func (t Tree) offset(index string, want []byte) (int64, error) {
	s, err := t.open(index, len(want))
	if err != nil {
		return 0, err
	}
	defer s.Close()
	const names = 8 + 256*4
	var head [8]byte
	if _, err := s.ReadAt(head[:], 0); err != nil || !bytes.Equal(head[:], []byte("\xfftOc\x00\x00\x00\x02")) {
		return 0, fault.Errorf("%q of the checkout is not an index of version 2", path.Base(s.named))
	}
	low := int64(0)
	if want[0] > 0 {
		if low, err = s.number(8 + 4*int64(want[0]-1)); err != nil {
			return 0, err
		}
	}
	high, err := s.number(8 + 4*int64(want[0]))
	if err != nil {
		return 0, err
	}
	total, err := s.number(8 + 4*255)
	if err != nil || high > total || low > high {
		return 0, s.damaged()
	}
	width, entry := int64(len(want)), make([]byte, len(want))
	for low < high {
		middle := (low + high) / 2
		if _, err := s.ReadAt(entry, names+middle*width); err != nil {
			return 0, s.damaged()
		}
		switch c := bytes.Compare(want, entry); {
		case c < 0:
			high = middle
		case c > 0:
			low = middle + 1
		default:
			return s.place(names+total*(width+4), middle, total)
		}
	}
	return 0, ErrLost
}

// place is the n-th offset of a table at a place. With its highest bit set, it
// counts in the table of far offsets that follows.
func (s source) place(table, n, total int64) (int64, error) {
	at, err := s.number(table + 4*n)
	if err != nil || at < 1<<31 {
		return at, err
	}
	var far [8]byte
	if _, err := s.ReadAt(far[:], table+4*total+8*(at-1<<31)); err != nil {
		return 0, s.damaged()
	}
	place := binary.BigEndian.Uint64(far[:])
	if place > 1<<62 {
		return 0, s.damaged()
	}
	return int64(place), nil
}

// record reads the record at a place of a pack: a type and a length, for a delta
// what it builds upon, and the bytes.
func (s source) record(at int64) (record, error) {
	in := bufio.NewReader(io.NewSectionReader(s, at, 1<<62))
	kind, size, err := header(in)
	if err != nil {
		return record{}, s.damaged()
	}
	if size > maxObject {
		return record{}, fault.Errorf("an object of the checkout has more than %d bytes: %w", maxObject, ErrLost)
	}
	r := record{kind: kinds[kind]}
	switch kind {
	case ofsDelta:
		back, err := distance(in)
		if err != nil || back <= 0 || back > at {
			return record{}, s.damaged()
		}
		r.base = place{pack: s.named, at: at - back}
	case refDelta:
		id := make([]byte, s.width)
		if _, err := io.ReadFull(in, id); err != nil {
			return record{}, s.damaged()
		}
		r.base = place{id: hex.EncodeToString(id)}
	default:
		if r.kind == "" {
			return record{}, s.damaged()
		}
	}
	z, err := zlib.NewReader(in)
	if err != nil {
		return record{}, s.damaged()
	}
	if r.body, err = inflate(z, size); err != nil || int64(len(r.body)) != size {
		return record{}, s.damaged()
	}
	return r, nil
}

// header reads a type of three bits and a length, lowest bits first.
func header(in io.ByteReader) (kind byte, size int64, err error) {
	b, err := in.ReadByte()
	kind, size = b>>4&7, int64(b&15)
	for shift := 4; err == nil && b&0x80 != 0; shift += 7 {
		if shift > 46 {
			return 0, 0, io.ErrUnexpectedEOF
		}
		b, err = in.ReadByte()
		size |= int64(b&0x7f) << shift
	}
	return kind, size, err
}

// distance reads how far before a delta its base begins, highest bits first, with
// one added for each byte but the last.
func distance(in io.ByteReader) (int64, error) {
	b, err := in.ReadByte()
	n := int64(b & 0x7f)
	for err == nil && b&0x80 != 0 {
		if n > 1<<50 {
			return 0, io.ErrUnexpectedEOF
		}
		b, err = in.ReadByte()
		n = (n+1)<<7 | int64(b&0x7f)
	}
	return n, err
}

// apply puts deltas on an object, the last one first.
func apply(body []byte, deltas [][]byte) ([]byte, error) {
	work := 0
	for i := len(deltas) - 1; i >= 0; i-- {
		if work += len(body); work > maxWork {
			return nil, fault.Errorf("it is put together from more than %d bytes", maxWork)
		}
		var err error
		if body, err = patch(body, deltas[i]); err != nil {
			return nil, err
		}
	}
	return body, nil
}

// patch is one delta: the two lengths, and then parts that are copied from base
// or stand in the delta itself (gitformat-pack(5), "Deltified representation").
func patch(base, delta []byte) ([]byte, error) {
	bad := fault.Errorf("it is damaged")
	in := bytes.NewReader(delta)
	from, err := length(in)
	if err != nil || from != int64(len(base)) {
		return nil, bad
	}
	size, err := length(in)
	if err != nil || size > maxObject {
		return nil, bad
	}
	out := make([]byte, 0, size)
	for in.Len() > 0 {
		op, _ := in.ReadByte() // there is one
		var part []byte
		if op&0x80 != 0 {
			at, n, err := span(in, op)
			if err != nil || at+n > int64(len(base)) {
				return nil, bad
			}
			part = base[at : at+n]
		} else if part = make([]byte, op); op == 0 {
			return nil, bad
		} else if _, err := io.ReadFull(in, part); err != nil {
			return nil, bad
		}
		if out = append(out, part...); int64(len(out)) > size {
			return nil, bad
		}
	}
	if int64(len(out)) != size {
		return nil, bad
	}
	return out, nil
}

// length reads a number, lowest bits first.
func length(in io.ByteReader) (n int64, err error) {
	for shift := 0; shift < 50; shift += 7 {
		b, err := in.ReadByte()
		if err != nil {
			return 0, err //nolint:wrapcheck // its caller says what is damaged
		}
		n |= int64(b&0x7f) << shift
		if b&0x80 == 0 {
			return n, nil
		}
	}
	return 0, io.ErrUnexpectedEOF
}

// span is what a copy says: each bit of op announces one byte of the offset (four)
// or of the length (three). Length 0 is 64 KiB.
func span(in io.ByteReader, op byte) (at, n int64, err error) {
	for i := range 7 {
		if op>>i&1 == 0 {
			continue
		}
		b, err := in.ReadByte()
		if err != nil {
			return 0, 0, err //nolint:wrapcheck // its caller says what is damaged
		}
		if i < 4 {
			at |= int64(b) << (8 * i)
		} else {
			n |= int64(b) << (8 * (i - 4))
		}
	}
	if n == 0 {
		n = 0x10000
	}
	return at, n, nil
}
