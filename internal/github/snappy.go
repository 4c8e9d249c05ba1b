package github

import (
	"github.com/golang/snappy"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

// unsnap decodes the block format of snappy. At most limit bytes come out, and
// the claimed size is not believed before the input is of a size that could
// hold it: three bytes of input make at most 64 of output.
func unsnap(b []byte, limit int) ([]byte, error) {
	size, err := snappy.DecodedLen(b)
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fault.New(fault.Refused, fault.Limit, "", "a bundle of %d bytes, at most %d are allowed: %w", size, limit, client.ErrTooLarge)
	}
	if size > len(b)*64 {
		return nil, snappy.ErrCorrupt
	}
	return snappy.Decode(nil, b)
}
