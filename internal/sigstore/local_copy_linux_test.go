package sigstore

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asNobody makes the rest of the test one of a user without rights, in the one
// thread that it runs on.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread() // for ever: the thread ends with the test
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setfsuid(0); err != nil {
			t.Error(err)
		}
	})
}

// A copy that this user may not read is not used; one whose directory they may
// write to is put aside.
func TestL01_a_copy_with_wrong_permissions(t *testing.T) {
	for name, c := range map[string]struct {
		cache os.FileMode // who may write beside the copy
		said  string
	}{
		"and it can be put aside": {0o777, "it is put aside as"},
		"and it cannot":           {0o555, "cannot be put aside, so it is not used"},
	} {
		t.Run(name, func(t *testing.T) {
			x := newCopy(t)
			for path, mode := range map[string]os.FileMode{
				filepath.Dir(filepath.Dir(x.cache)): 0o755, filepath.Dir(x.cache): 0o755, x.cache: c.cache, x.dir: 0o755,
				filepath.Join(x.dir, "timestamp.json"): 0,
			} {
				if err := os.Chmod(path, mode); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.RemoveAll(x.dir + ".json"); err != nil && os.Geteuid() == 0 {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(x.cache, 0o755) })
			asNobody(t)
			r, err := PublicGood().TrustedRoot(t.Context(),
				TUF{Mirror: x.URL, Root: x.root, Cache: x.cache, Note: func(s string) { x.notes = append(x.notes, s) }})
			if err != nil || r == nil {
				t.Fatalf("%v, want the root all the same", err)
			}
			if len(x.notes) != 1 || !strings.Contains(x.notes[0], `"timestamp.json": permission denied`) ||
				!strings.Contains(x.notes[0], c.said) {
				t.Errorf("said %q, want %q", x.notes, c.said)
			}
		})
	}
}

// Where no copy can be kept, none is, and people are told what that means.
func TestL01_no_place_for_a_copy(t *testing.T) {
	m := newMirror(t, publicGoodRoot, time.Now().Add(time.Hour))
	var notes []string
	_, err := PublicGood().TrustedRoot(t.Context(), TUF{Mirror: m.URL, Root: m.root, Cache: "/proc/self/sallyport",
		Note: func(s string) { notes = append(notes, s) }})
	if err != nil {
		t.Errorf("%v, want the root all the same", err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "a repository that is rolled back is not noticed") {
		t.Errorf("said %q, want that no copy is kept", notes)
	}
}
