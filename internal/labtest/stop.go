package labtest

import (
	"os"
	"sync"
)

// Open starts a lab outside of any test, for a test binary that hands it to
// other processes. The returned function stops it.
func Open(args ...string) (*Lab, func() error, error) {
	l, err := start(args...)
	if err != nil {
		return nil, nil, err
	}
	return l, sync.OnceValue(func() error {
		err := l.stop()
		if binaryDir != "" {
			_ = os.RemoveAll(binaryDir)
		}
		return err
	}), nil
}

// Parse reads the answer of the control API's /env: NAME=value lines whose
// values are quoted for a shell.
func Parse(s string) map[string]string { return parse(s) }
