package github

import (
	"fmt"
	"testing"
	"time"
)

func TestFiles_are_bounded_in_bytes_and_in_time(t *testing.T) {
	const most, each = 100, 30
	f, now := newFiles(most), time.Unix(1_800_000_000, 0)
	name := func(n int) fileOf { return fileOf{repository: "acme/app", commit: fmt.Sprint(n), path: "a.yml"} }
	for n := range 5 {
		f.keep(name(n), make([]byte, each), now)
		if f.size > most || len(f.kept) != len(f.old) {
			t.Fatalf("%d bytes of %d files, of which %d have an age", f.size, len(f.kept), len(f.old))
		}
	}
	f.keep(name(5), make([]byte, most+1), now)
	for n, want := range []bool{false, false, true, true, true, false} {
		if _, is := f.find(name(n), now); is != want {
			t.Errorf("file %d is kept: %v, want %v", n, is, want)
		}
	}
	f.keep(name(4), make([]byte, each), now)
	if f.size != 3*each || len(f.old) != 3 {
		t.Errorf("after the same file again there are %d bytes of %d files", f.size, len(f.old))
	}
	if _, is := f.find(name(4), now.Add(fileAge)); is {
		t.Error("a file is kept for longer than a token")
	}
	body, _ := f.find(name(4), now)
	body[0] = 'x'
	if again, _ := f.find(name(4), now); again[0] != 0 {
		t.Error("who was given a file has changed the one that is kept")
	}
}
