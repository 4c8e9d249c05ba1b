package labtest

import "os"

// Open starts a lab outside of any test, for a test binary that hands it to
// other processes. The returned function stops it, and Clean forgets the
// binary.
func Open(args ...string) (*Lab, func() error, error) {
	l, err := start(args...)
	if err != nil {
		return nil, nil, err
	}
	return l, l.stop, nil
}

// Clean removes the lab's binary if this process has built it. No lab can be
// started after.
func Clean() {
	if binaryDir != "" {
		_ = os.RemoveAll(binaryDir)
	}
}

// Parse reads the answer of the control API's /env: NAME=value lines whose
// values are quoted for a shell.
func Parse(s string) map[string]string { return parse(s) }
