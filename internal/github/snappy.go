package github

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errSnappy = errors.New("bytes that are not snappy")

// unsnap decodes the block format of snappy
// (https://github.com/google/snappy/blob/main/format_description.txt), which is
// short enough to be read here. At most limit bytes come out.
func unsnap(b []byte, limit int) ([]byte, error) {
	size, n := binary.Uvarint(b)
	if n <= 0 {
		return nil, errSnappy
	}
	if size > uint64(limit) {
		return nil, fmt.Errorf("a bundle of %d bytes, at most %d are allowed", size, limit)
	}
	// The claimed size is not believed before the input is of a size that
	// could hold it: three bytes of input make at most 64 of output.
	if size > uint64(len(b))*64 {
		return nil, errSnappy
	}
	d := snapped{in: b[n:], out: make([]byte, 0, size), size: int(size)}
	for len(d.in) > 0 {
		if !d.element() {
			return nil, errSnappy
		}
	}
	if len(d.out) != d.size {
		return nil, errSnappy
	}
	return d.out, nil
}

type snapped struct {
	in, out []byte
	size    int
}

// element decodes one literal or copy and says whether it was well formed.
func (d *snapped) element() bool {
	tag := d.in[0]
	d.in = d.in[1:]
	switch tag & 3 {
	case 0:
		return d.literal(int(tag >> 2))
	case 1:
		low, ok := d.number(1)
		return ok && d.copy(int(tag>>5)<<8|low, 4+int(tag>>2&7))
	case 2:
		offset, ok := d.number(2)
		return ok && d.copy(offset, 1+int(tag>>2))
	default:
		offset, ok := d.number(4)
		return ok && d.copy(offset, 1+int(tag>>2))
	}
}

// number reads n bytes, least significant first.
func (d *snapped) number(n int) (int, bool) {
	if len(d.in) < n {
		return 0, false
	}
	v := 0
	for i := range n {
		v |= int(d.in[i]) << (8 * i)
	}
	d.in = d.in[n:]
	return v, true
}

func (d *snapped) literal(length int) bool {
	if length >= 60 {
		var ok bool
		if length, ok = d.number(length - 59); !ok {
			return false
		}
	}
	length++
	if length <= 0 || length > len(d.in) || length > d.size-len(d.out) {
		return false
	}
	d.out = append(d.out, d.in[:length]...)
	d.in = d.in[length:]
	return true
}

func (d *snapped) copy(offset, length int) bool {
	if offset <= 0 || offset > len(d.out) || length > d.size-len(d.out) {
		return false
	}
	for range length { // byte by byte: a copy may overlap what it writes
		d.out = append(d.out, d.out[len(d.out)-offset])
	}
	return true
}
