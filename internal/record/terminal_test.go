//go:build linux && amd64

package record_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport-dev/sallyport/internal/record"
)

// A terminal has a shell with job control, and what was written on it.
type terminal struct {
	master *os.File
	shell  *exec.Cmd
	mu     sync.Mutex
	said   strings.Builder
	asked  int // how much of it was looked at
}

func newTerminal(t *testing.T, env []string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{master: master, shell: exec.Command("bash", "--norc", "--noprofile", "--noediting", "-i")}
	term.shell.Stdin, term.shell.Stdout, term.shell.Stderr = slave, slave, slave
	term.shell.Env = slices.Concat(env, []string{"PS1=$ ", "HISTFILE=", "TERM=dumb"})
	term.shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := term.shell.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := master.Read(b)
			term.mu.Lock()
			term.said.Write(b[:n])
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = term.shell.Process.Kill()
		_ = term.shell.Wait()
		_ = master.Close()
	})
	return term
}

func (x *terminal) types(text string) { _, _ = x.master.WriteString(text) }

// says waits until a text has been written behind the last one.
func (x *terminal) says(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		x.mu.Lock()
		said := x.said.String()
		x.mu.Unlock()
		if i := strings.Index(said[x.asked:], text); i >= 0 {
			x.asked += i + len(text)
			return
		}
	}
	t.Fatalf("the terminal does not say %q behind %d of %q", text, x.asked, x.said.String())
}

// onTerminal is a shell on a terminal, in which "$FRONT" records a script.
func onTerminal(t *testing.T, script string) *terminal {
	t.Helper()
	f := newFront(t, record.Options{Command: []string{"/bin/bash", "-c", script}})
	return newTerminal(t, append(f.Env, "FRONT="+program()+" front"))
}

func TestRecord_an_interrupt_of_the_terminal_reaches_the_command_once(t *testing.T) {
	t.Parallel()
	x := onTerminal(t, `n=0; trap 'n=$((n+1))' INT; echo is-ready; for i in 1 2 3 4 5 6 7 8; do sleep 0.05; done; echo "interrupted=$n"; tty; exit 5`)
	x.types("$FRONT\n")
	x.says(t, "is-ready")
	x.types("\x03")
	x.says(t, "interrupted=1")
	x.says(t, "/dev/pts/")
	x.says(t, "$ ") // the front has ended
}

func TestRecord_an_interrupt_that_ends_the_command(t *testing.T) {
	t.Parallel()
	x := onTerminal(t, `echo is-ready; sleep 60`)
	x.types("$FRONT; echo status=$?\n")
	x.says(t, "is-ready")
	x.types("\x03")
	x.says(t, "status=0") // of the front, which has an answer
}

func TestRecord_a_command_on_a_terminal_stops_and_goes_on(t *testing.T) {
	t.Parallel()
	x := onTerminal(t, `echo is-ready; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.05; cat /etc/hostname > /dev/null; done; echo "it-is-done"`)
	x.types("$FRONT\n")
	x.says(t, "is-ready")
	x.types("\x1a")
	x.says(t, "Stopped")
	x.says(t, "$ ")
	x.types("jobs\n")
	x.says(t, "Stopped")
	x.types("bg\n")
	x.says(t, "$ ")
	x.types("fg\n")
	x.says(t, "it-is-done")
	x.says(t, "$ ")
}

func TestRecord_a_shell_with_jobs_of_its_own_has_the_terminal(t *testing.T) {
	t.Parallel()
	x := onTerminal(t, `export PS1="inner> "; exec bash --norc --noprofile --noediting -i`)
	x.types("$FRONT\n")
	x.says(t, "inner> ")
	x.types(`sh -c "echo job-\$((1+1)); exec sleep 60"` + "\n")
	x.says(t, "job-2")
	x.types("\x03")
	x.says(t, "inner> ")
	x.types("echo still-$((1+1))\n")
	x.says(t, "still-2")
	x.types("exit 3\n")
	x.says(t, "\n$ ")
}
