package subject

import (
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A file of /proc is written while it is read: its size is not that of its bytes.
func TestE12_file_without_a_size(t *testing.T) {
	wantRefused(t, "/proc", "version", fault.TOCTOU, `"version"`)
}
