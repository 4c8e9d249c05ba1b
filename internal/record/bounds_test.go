//go:build linux && amd64

package record

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newTested is a recorder that watches nothing.
func newTested(t *testing.T) *recorder {
	t.Helper()
	r, err := newRecorder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.Close(r.stop[0]), unix.Close(r.stop[1]) })
	return r
}

func TestRecord_names_that_are_kept_have_a_bound_in_bytes(t *testing.T) {
	t.Parallel()
	long := "/" + strings.Repeat("x", 999)
	is := &identity{ino: 1}
	for what, keep := range map[string]func(r *recorder, path string){
		"a file": func(r *recorder, path string) { r.keep(&found{path: path}, Read) },
		"a program": func(r *recorder, path string) {
			r.counted(&found{path: path}, func() Program { return Program{} })
		},
		"the arguments of a program": func(r *recorder, path string) {
			r.counted(&found{path: path[999:]}, func() Program { return Program{Args: []string{path[:999]}} })
		},
		"an abstract socket": func(r *recorder, path string) { r.listensAt(nil, "@"+path[1:]) },
	} {
		r := newTested(t)
		r.bytes = maxBytes - 1500
		keep(r, long+"1")
		keep(r, long+"1")
		if r.result.Watch.Lost != 0 {
			t.Errorf("%s: lost %d, and there is room for one", what, r.result.Watch.Lost)
		}
		keep(r, long+"2")
		if r.result.Watch.Lost != 1 || r.bytes > maxBytes {
			t.Errorf("%s: lost %d, want 1; %d bytes are kept, and %d may be",
				what, r.result.Watch.Lost, r.bytes, maxBytes)
		}
	}
	r := newTested(t)
	r.bytes = maxBytes
	if r.origin(&found{path: long, was: is}); len(r.origins) != 0 || r.result.Watch.Lost != 1 {
		t.Errorf("beyond the bound, %d origins are kept, and lost is %d", len(r.origins), r.result.Watch.Lost)
	}
	if r.remember(&question{whole: long}, &found{path: "/x"}, -1); len(r.names) != 0 {
		t.Error("a text is kept beyond the bound")
	}
}

func TestRecord_a_name_that_is_said_as_it_is_found_is_kept_once(t *testing.T) {
	t.Parallel()
	for said, times := range map[string]int{"/dir/none": 1, "/dir/./none": 2} {
		r := newTested(t)
		f := found{path: "/dir/none"}
		r.remember(&question{whole: said}, &f, r.keep(&f, Read))
		if want := times * len(said); len(r.names)+1 != times || r.bytes > want {
			t.Errorf("%s: %d bytes and %d more texts are kept, want %d bytes", said, r.bytes, len(r.names), want)
		}
	}
}

func TestRecord_a_thread_of_another_user_or_with_a_capability_may_have_more_rights(t *testing.T) {
	t.Parallel()
	other := exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	for end := time.Now().Add(10 * time.Second); !strings.HasSuffix(nameOf(other.Process.Pid), "/sleep"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("setpriv does not become sleep")
		}
	}
	if noMore(other.Process.Pid) {
		t.Error("another user has no more rights")
	}
	if noMore(os.Getpid()) {
		t.Error("root has no more rights")
	}
}
