package record_test

import (
	"os"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/record"
)

func TestMain(m *testing.M) {
	if status, is := record.Reexec(); is {
		os.Exit(status)
	}
	os.Exit(m.Run())
}
