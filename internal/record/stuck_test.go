//go:build linux && amd64

package record_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport-dev/sallyport/internal/record"
)

// A page that a program itself fills (userfaultfd(2)) holds the path. The recorder waits for it as the kernel would.
func TestRecord_memory_that_is_never_filled_does_not_hang_the_recorder(t *testing.T) {
	t.Parallel()
	probe := compiled(t, `
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
int main() {
	pid_t child = fork();
	if (!child) {
		int u = syscall(SYS_userfaultfd, O_CLOEXEC); struct uffdio_api api = { .api = UFFD_API };
		char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		struct uffdio_register r = { .range = { (unsigned long)p, 4096 }, .mode = UFFDIO_REGISTER_MODE_MISSING };
		if (u < 0 || ioctl(u, UFFDIO_API, &api) || ioctl(u, UFFDIO_REGISTER, &r)) { perror("userfaultfd"); _exit(1); }
		puts("waits"); fflush(stdout); open(p, O_RDONLY); _exit(0);
	}
	usleep(200000); kill(child, SIGTERM); int s; waitpid(child, &s, 0);
	open("/etc/hostname", O_RDONLY); printf("%d\n", WIFSIGNALED(s)); return 0;
}`)
	r := run(t, record.Options{Command: []string{probe}})
	if r.out != "waits\n1\n" || r.Exit != 0 || !r.has(real(t, "/etc/hostname")) {
		t.Errorf("exit %d: %q", r.Exit, r.out)
	}
}

func TestRecord_a_command_that_stops_its_recorder_goes_on(t *testing.T) {
	t.Parallel()
	f := newFront(t, record.Options{
		Command: []string{"/bin/sh", "-c", "kill -STOP $PPID; sleep 1; kill -CONT $PPID; cat /etc/hostname"},
	})
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	recorder := below(t, f.Process.Pid, recorderName)
	late := time.AfterFunc(30*time.Second, func() { _ = unix.Kill(recorder, unix.SIGCONT) })
	r, problem := f.wait(t)
	if !late.Stop() {
		t.Error("the recorder stays stopped")
	}
	if problem != "" || r.Exit != 0 || !r.has(real(t, "/etc/hostname")) {
		t.Errorf("problem %q, exit %d: %s", problem, r.Exit, r.out)
	}
}

// A file system that the command itself serves: what it opens meanwhile waits for the recorder, which waits for it.
func TestRecord_a_file_system_of_the_commands_own_does_not_hang_the_recorder(t *testing.T) {
	t.Parallel()
	r := as(t, record.Options{}, "fuse")
	if r.Exit != 0 || !strings.Contains(r.out, "served") {
		t.Errorf("exit %d: %q", r.Exit, r.out)
	}
}

func init() {
	parts["fuse"] = func([]string) int {
		_ = os.Mkdir("mount", 0o755)
		fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Mount("x", "mount", "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd))
		}
		if err != nil {
			fmt.Println(err)
			return 1
		}
		defer func() { _ = unix.Unmount("mount", unix.MNT_DETACH) }()
		c := exec.Command("cat", "mount/file")
		if err := c.Start(); err != nil {
			return 2
		}
		done := make(chan error, 1)
		go func() { done <- c.Wait() }()
		go serveFuse(fd)
		select {
		case err := <-done:
			fmt.Println("served", err)
			return 0
		case <-time.After(20 * time.Second):
			return 3
		}
	}
}

// serveFuse answers the first question of the kernel, and each other one with "no such file", after it has opened a
// file (linux/fuse.h).
func serveFuse(fd int) {
	b := make([]byte, 1<<17)
	for {
		n, err := unix.Read(fd, b)
		if err != nil || n < 40 {
			return
		}
		const initialise, header = 26, 16
		answer := make([]byte, header)
		copy(answer[8:], b[8:16]) // the number of the question
		if binary.LittleEndian.Uint32(b[4:]) == initialise {
			answer = append(answer, make([]byte, 64)...)
			copy(answer[header:], []byte{7, 0, 0, 0, 31, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 8, 0, 0, 16, 0, 0})
		} else {
			if f, err := os.Open("/etc/hostname"); err == nil {
				_ = f.Close()
			}
			missing := -int32(unix.ENOENT)
			binary.LittleEndian.PutUint32(answer[4:], uint32(missing))
		}
		binary.LittleEndian.PutUint32(answer, uint32(len(answer)))
		_, _ = unix.Write(fd, answer)
	}
}
