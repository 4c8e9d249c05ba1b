package fault_test

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

func TestCause_is_a_reason_without_calls_paths_and_packages(t *testing.T) {
	dir := t.TempDir()
	_, missing := os.Open(filepath.Join(dir, "none"))
	_, directory := os.ReadFile(dir)
	rename := os.Rename(filepath.Join(dir, "none"), filepath.Join(dir, "other"))
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"missing": {missing, "no such file or directory"}, "directory": {directory, "is a directory"}, "rename": {rename, "no such file or directory"},
		"call":     {os.NewSyscallError("fsync", errors.New("disk full")), "disk full"},
		"package":  {errors.New("x509: malformed certificate"), "malformed certificate"},
		"packages": {errors.New("x509: bad: asn1: structure error"), "bad: structure error"},
		"dump":     {asn1.StructuralError{Msg: "tags don't match (16 vs {class:0 tag:0}) {optional:false defaultValue:<nil>}"}, "structure error"},
		"protobuf": {errors.New("proto:\u00a0(line 1:2): unknown field"), "(line 1:2): unknown field"}, "plain": {errors.New("no"), "no"}, "wrapped": {fmt.Errorf("here: %w", missing), "no such file or directory"},
	} {
		got := fault.Cause(c.err)
		if got.Error() != c.want || !errors.Is(got, c.err) {
			t.Errorf("%s: cause = %q, want %q and the error beneath", name, got, c.want)
		}
	}
	if !errors.Is(fault.Cause(missing), fs.ErrNotExist) || fault.Cause(nil) != nil {
		t.Error("the error beneath is lost, or nothing is something")
	}
	if got := fault.Cause(errors.New(strings.Repeat("a", 1000))).Error(); len(got) > fault.MaxQuoted+10 {
		t.Errorf("cause has %d bytes", len(got))
	}
}
