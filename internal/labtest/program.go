package labtest

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
)

// Build builds a program of this repository. dir is a directory in the module of the program, and name its package
// as seen from there.
func Build(out, dir, name string, flags ...string) error {
	c := exec.Command("go", append(append([]string{"build", "-trimpath", "-o", out}, flags...), name)...)
	c.Dir, c.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if said, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s in %s: %w\n%s", name, dir, err, said)
	}
	return nil
}

// Environ is the environment by which a program on this machine reaches the lab. Where more names a variable too, that
// value counts.
func (l *Lab) Environ(home string, more map[string]string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + os.TempDir()}
	all := maps.Clone(l.Env)
	maps.Copy(all, more)
	for name, value := range all {
		env = append(env, name+"="+value)
	}
	return env
}

// A Log keeps what a program writes. It can be read while the program runs.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds to it.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// String is what was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// FreePort returns a port on which a server of a test can listen, also after it was killed and started again. The port
// is below those that the system gives to connections and to other tests (ip_local_port_range of Linux).
func FreePort(t testing.TB) string {
	t.Helper()
	const first, ports, tries = 10_000, 20_000, 100
	var err error
	for range tries {
		port := strconv.Itoa(first + rand.IntN(ports)) //nolint:gosec // a port is no secret
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatalf("of %d ports tried from %d on, none is free: %v", tries, first, err)
	return ""
}
