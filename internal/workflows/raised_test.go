package workflows_test

import (
	"os"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/raised"
)

// TestMain runs the tests, which have to raise each rule that this room names.
func TestMain(m *testing.M) {
	m.Run()
	if !raised.All(finding.Workflows) {
		os.Exit(1)
	}
}
