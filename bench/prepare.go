package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// times are what the commands took that ran in the lab.
type times struct{ One, Many time.Duration }

const (
	count     = 1000    // artifacts, bundles and subjects
	largeSize = 1 << 30 // bytes of a large file
)

// prepare makes the files, and has the lab sign them, unless an earlier run
// left them. Nothing of the lab runs while verification is measured.
func (b *bench) prepare() error {
	if _, err := os.Stat(b.path("times.json")); err != nil {
		if err := b.files(); err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "bench: signing in the lab")
		lab := exec.Command(b.bin("sallyport-lab"), "--as", "github", "--", b.bin("bench"), "--dir", b.dir, "--in-lab") //nolint:gosec // our own binaries
		lab.Stderr = os.Stderr
		if err := lab.Run(); err != nil {
			return fmt.Errorf("signing in the lab: %w", err)
		}
	}
	raw, err := os.ReadFile(b.path("times.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &b.taken); err != nil {
		return err
	}
	out, err := exec.Command(b.bin("library"), "signer", b.path("root.json"), b.bundle("one")).Output() //nolint:gosec // our own binary
	if err != nil {
		return err
	}
	return json.Unmarshal(out, &b.identity)
}

func (b *bench) files() error {
	fmt.Fprintln(os.Stderr, "bench: writing files")
	for _, dir := range []string{"one", "pairs", "many", "longer", "large"} {
		if err := os.MkdirAll(b.path(dir), 0o750); err != nil {
			return err
		}
	}
	if err := write(b.path("one/app"), 0, 1<<10); err != nil {
		return err
	}
	for i := range count {
		name := fmt.Sprintf("%04d", i)
		if err := write(b.path("pairs/"+name), i, 1<<10); err != nil {
			return err
		}
		if err := write(b.path("many/"+name), count+i, 1<<10); err != nil {
			return err
		}
	}
	if err := write(b.path("longer/app"), 7, 100<<20); err != nil {
		return err
	}
	for i, name := range []string{"large/a", "large/b"} {
		if err := write(b.path(name), i, largeSize); err != nil {
			return err
		}
	}
	return nil
}

// write writes size bytes that differ from those of any other seed.
func write(name string, seed, size int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	block := make([]byte, min(size, 1<<20))
	for i := range block {
		block[i] = byte(i * 7)
	}
	for n := 0; n < size; n += len(block) {
		binary.LittleEndian.PutUint64(block, uint64(seed)<<32|uint64(n))
		if _, err := f.Write(block); err != nil {
			return err
		}
	}
	return f.Close()
}

// sign runs inside the lab: it times attest and makes every bundle.
func (b *bench) sign() error {
	root, err := os.ReadFile(os.Getenv("SALLYPORT_LAB_TRUSTED_ROOT"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.path("root.json"), root, 0o600); err != nil {
		return err
	}
	var t times
	if t.One, err = b.attest("one", 5); err != nil {
		return err
	}
	if t.Many, err = b.attest("many", 5); err != nil {
		return err
	}
	for _, dir := range []string{"large", "longer"} {
		if _, err = b.attest(dir, 1); err != nil {
			return err
		}
	}
	pairs := command{dir: b.dir, env: os.Environ(), args: []string{b.bin("library"), "sign", b.bundle("one"), "pairs", "pairs.bundles"}}
	if _, err := pairs.measure(); err != nil {
		return err
	}
	raw, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return os.WriteFile(b.path("times.json"), raw, 0o600)
}

// attest returns what attesting the files of dir takes, and leaves one bundle.
func (b *bench) attest(dir string, n int) (time.Duration, error) {
	c := command{dir: b.dir, env: os.Environ(), args: []string{b.bin("sallyport"), "attest", "--bundle-dir", dir + ".bundles", dir}}
	var all []usage
	for range n {
		if err := os.RemoveAll(b.path(dir + ".bundles")); err != nil {
			return 0, err
		}
		u, err := c.measure()
		if err != nil {
			return 0, err
		}
		all = append(all, u)
	}
	return median(all).wall, nil
}

// bundle returns the one bundle that attest left about dir.
func (b *bench) bundle(dir string) string {
	found, err := filepath.Glob(b.path(dir + ".bundles/*.json"))
	if err != nil || len(found) == 0 {
		return b.path(dir + ".bundles")
	}
	return found[0]
}
