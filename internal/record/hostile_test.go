//go:build linux && amd64

package record_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sallyport-dev/sallyport/internal/record"
)

// Limit: a path that another thread changes between the look and the kernel. The name that is recorded may be one
// that the kernel never opened (docs/build.md, what a hostile build can hide).
func TestE16_a_path_that_a_thread_changes_is_a_limit(t *testing.T) {
	t.Parallel()
	r := run(t, record.Options{Command: []string{compiled(t, `
#include <pthread.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
static char path[64] = "/etc/hostname"; static volatile int go = 1;
static void *flip(void *a) { while (go) { memcpy(path, "/etc/hostname", 14); memcpy(path, "/etc/passwd\0\0", 13); } return 0; }
int main() { pthread_t t; pthread_create(&t, 0, flip, 0);
	for (int i = 0; i < 2000; i++) { int f = open(path, O_RDONLY); if (f >= 0) close(f); }
	go = 0; pthread_join(t, 0); return 0; }
`)}})
	if r.Exit != 0 || r.Watch.Events < 2000 || r.Watch.Lost != 0 {
		t.Errorf("exit %d, events %d, lost %d", r.Exit, r.Watch.Events, r.Watch.Lost)
	}
}

func TestE16_calls_of_32_bits_are_counted(t *testing.T) {
	t.Parallel()
	const source = `
#include <stdio.h>
static char path[64] = "/etc/hostname"; // its address is below 4 GiB
int main() { long r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(5L), "b"((long)path), "c"(0L), "d"(0L)); printf("%d\n", r > 2);
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(425L), "b"(8L), "c"((long)path), "d"(0L)); printf("%ld\n", r); return 0; }
`
	r := run(t, record.Options{Command: []string{compiled(t, source, "-no-pie", "-static")}})
	if r.out != "1\n-38\n" {
		t.Fatalf("the probe says %q: this kernel runs no calls of 32 bits", r.out)
	}
	if r.Watch.Foreign < 2 {
		t.Errorf("foreign %d", r.Watch.Foreign)
	}
}

func TestE16_io_uring_is_refused(t *testing.T) {
	t.Parallel()
	r := as(t, record.Options{}, "uring")
	if r.out != unix.ENOSYS.Error()+"\n" {
		t.Errorf("io_uring_setup: %q", r.out)
	}
}

func init() {
	parts["uring"] = func([]string) int {
		var params [120]byte
		_, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, 8, uintptr(unsafe.Pointer(&params)), 0)
		fmt.Println(e)
		return 0
	}
}

func TestE16_memory_that_cannot_be_read_is_lost(t *testing.T) {
	t.Parallel()
	o := record.Options{Command: []string{program(), "undumpable"}, Env: append(os.Environ(), part+"=undumpable")}
	if r := through(t, o, asNobody...); r.Exit != 0 || r.Watch.Lost < 3 {
		t.Errorf("an ordinary user: exit %d, lost %d, %s", r.Exit, r.Watch.Lost, r.out)
	}
	if r := run(t, o); r.Exit != 0 || r.Watch.Lost != 0 || !r.has(real(t, "/etc/hostname")) {
		t.Errorf("root: exit %d, lost %d", r.Exit, r.Watch.Lost)
	}
}

func init() {
	parts["undumpable"] = func([]string) int {
		_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
		for range 3 {
			if fd, err := unix.Open("/etc/hostname", unix.O_RDONLY, 0); err == nil {
				_ = unix.Close(fd)
			}
		}
		return 0
	}
}

func TestE16_what_the_kernel_cannot_read_either_is_not_lost(t *testing.T) {
	t.Parallel()
	r := as(t, record.Options{}, "wild")
	if r.Exit != 0 || r.Watch.Lost != 0 {
		t.Errorf("exit %d, lost %d: %s", r.Exit, r.Watch.Lost, r.out)
	}
}

func init() {
	parts["wild"] = func([]string) int {
		long := pointer(strings.Repeat("x", 5000))
		for i, c := range [][7]uintptr{
			{unix.SYS_OPENAT, 3, 0, 0}, {unix.SYS_OPENAT, 3, 1 << 62, 0}, {unix.SYS_OPENAT, 3, long, 0}, {unix.SYS_EXECVE, 8, 8, 8}, {unix.SYS_CONNECT, 0, 8, 16},
			{unix.SYS_OPENAT2, 3, long, 8, 24}, {unix.SYS_SENDMSG, 0, 8, 0}, {unix.SYS_SENDMMSG, 0, 8, 1 << 31, 0}, {unix.SYS_CONNECT, 0, long, 1 << 20},
			{unix.SYS_SENDTO, 0, 0, 0, 0, 8, 16}, {unix.SYS_RENAMEAT2, 3, 8, 3, 8, 0}, {unix.SYS_OPENAT, 3, pointer(""), 0}, {unix.SYS_OPENAT, 999, pointer("x"), 0},
			{unix.SYS_EXECVEAT, 999, pointer(""), 0, 0, unix.AT_EMPTY_PATH},
		} {
			if _, _, e := unix.Syscall6(c[0], c[1], c[2], c[3], c[4], c[5], c[6]); e == 0 {
				fmt.Println("call", i, "did something")
				return 1
			}
		}
		return 0
	}
}

func TestRecord_10000_processes(t *testing.T) {
	began := time.Now()
	r := run(t, record.Options{Command: []string{compiled(t, `
#include <fcntl.h>
#include <unistd.h>
#include <sys/wait.h>
int main() { for (int i = 0; i < 100; i++) { for (int k = 0; k < 100; k++) { if (!vfork()) { open("/etc/hostname", O_RDONLY); _exit(0); } }
	while (wait(0) > 0); } return 0; }
`)}})
	t.Logf("10,000 processes: %v", time.Since(began))
	r.clean(t)
	if r.Exit != 0 || r.Watch.Events < 10_000 {
		t.Errorf("exit %d, events %d", r.Exit, r.Watch.Events)
	}
}

// Each process of the storm ends by itself after 10 seconds, and there are at most 200 at once.
func TestRecord_a_storm_of_forks_that_outlives_the_command_is_ended(t *testing.T) {
	mark := "storm." + itoa(os.Getpid())
	r := run(t, record.Options{Command: []string{compiled(t, `
#include <signal.h>
#include <unistd.h>
#include <sys/mman.h>
static int *count;
static int forks(void) { // 0 in a new process, which has an alarm; none is made where there are too many
	if (__sync_add_and_fetch(count, 1) > 200) { __sync_sub_and_fetch(count, 1); return 1; }
	int p = fork(); if (!p) alarm(10);
	return p;
}
static void ends(void) { __sync_sub_and_fetch(count, 1); _exit(0); }
int main() {
	alarm(10); signal(SIGTERM, SIG_IGN); signal(SIGCHLD, SIG_IGN);
	count = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0); if (count == MAP_FAILED) return 1;
	if (forks()) { usleep(100000); return 0; }
	setsid();
	for (int i = 0; i < 200; i++) {
		if (!forks()) { for (int k = 0; k < 100; k++) { if (!forks()) { usleep(20000); ends(); } usleep(5000); } ends(); }
		usleep(50000);
	}
	return 0;
}`), mark}})
	if r.Exit != 0 || len(r.Watch.Outlived) != 1 || !strings.HasSuffix(r.Watch.Outlived[0], "/probe") {
		t.Errorf("exit %d, outlived %q", r.Exit, r.Watch.Outlived)
	}
	if since := time.Since(r.Ended); since > 8*time.Second {
		t.Errorf("the storm was ended after %v, as it ends by itself", since)
	}
	leaves(t, mark)
}

func TestE16_a_daemon_that_outlives_the_command_is_told(t *testing.T) {
	t.Parallel()
	mark := "7413." + itoa(os.Getpid())
	const grace = 700 * time.Millisecond
	with := func(script string) ran {
		return run(t, record.Options{Command: []string{"/bin/sh", "-c", script}, Grace: grace})
	}
	r := with("(setsid sh -c 'trap : TERM; sleep " + mark + " & wait; sleep 0.05; echo x > late' & ) ; true")
	if !slices.Contains(r.Watch.Outlived, real(t, "/bin/sleep")) || r.Exit != 0 {
		t.Errorf("exit %d, outlived %q", r.Exit, r.Watch.Outlived)
	}
	if since := time.Since(r.Ended); since < grace || r.Ended.Before(r.Started) {
		t.Errorf("the command ended %v ago, with what outlived it", since)
	}
	if !slices.ContainsFunc(r.Files, func(f record.File) bool { return filepath.Base(f.Path) == "late" }) {
		t.Error("what the daemon opened after the command is not recorded")
	}
	leaves(t, mark)
	if r := with("(sleep 0.05 &)"); len(r.Watch.Outlived) != 0 {
		t.Errorf("outlived %q, and it ended by itself", r.Watch.Outlived)
	}
}

func TestRecord_a_full_disk_is_the_commands_matter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mount("full", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatalf("the test mounts a small file system, as root: %v", err)
	}
	defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }()
	r := shell(t, dir, "cat /dev/zero > big; echo y > more; exit 9")
	if r.Exit != 9 || !strings.Contains(r.out, "No space left") {
		t.Errorf("exit %d: %s", r.Exit, r.out)
	}
	if f := r.file(t, filepath.Join(dir, "big")); f.State != record.Made || f.Size != 64<<10 {
		t.Errorf("got %+v", f)
	}
	r.clean(t)
}

func TestE16_other_views_of_the_files_are_seen_through(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ what, script, path, text, state string }{
		{"chroot", "CHROOT / $D/jail in /seen", "jail/seen", "j", record.Certain},
		{"chroot, and a directory", "CHROOT / $D/jail cd /sub up ../seen", "jail/seen", "j", record.Certain},
		{"chroot, and above it", "CHROOT / $D/jail in /../../seen", "jail/seen", "j", record.Certain},
		{"chroot, and a link", "CHROOT / $D/jail in /link", "jail/seen", "j", record.Certain},
		{"a bind mount in the same view", "mount --bind $D/other $D/jail; cat jail/seen >&2; umount $D/jail", "jail/seen", "o", record.Gone},
		{"a bind mount over what was read", "cat jail/seen; mount --bind $D/other/seen $D/jail/seen; cat jail/seen; umount $D/jail/seen", "jail/seen", "j", record.Changed},
		{"mounts of its own", "unshare -m sh -c 'mount --bind $D/other/seen $D/jail/seen; cat $D/jail/seen'", "jail/seen", "o", record.Elsewhere},
		{"mounts of its own, after the other was read", "cat jail/seen; unshare -m sh -c 'mount --bind $D/other/seen $D/jail/seen; cat $D/jail/seen'", "jail/seen", "o", record.Elsewhere},
		{"a tmpfs of its own", "unshare -m sh -c 'mount -t tmpfs x $D/jail; echo -n o > $D/jail/seen; cat $D/jail/seen >&2'", "jail/seen", "o", record.Elsewhere},
		{"mounts of its own, of an ordinary user's namespace", "unshare -Urm sh -c 'mount --bind $D/other/seen $D/jail/seen; cat $D/jail/seen'", "jail/seen", "o", record.Elsewhere},
	} {
		t.Run(x.what, func(t *testing.T) {
			t.Parallel()
			dir := prepared(t, map[string]string{"jail/seen": "j", "jail/sub/x": "", "other/seen": "o"})
			if err := os.Symlink("/seen", dir+"/jail/link"); err != nil {
				t.Fatal(err)
			}
			script := strings.ReplaceAll(x.script, "$D", dir)
			var r ran
			if words := strings.Fields(script); words[0] == "CHROOT" {
				r = as(t, record.Options{Dir: dir}, "chroot", words[1:]...)
			} else {
				r = shell(t, dir, script)
			}
			if r.Exit != 0 {
				t.Fatalf("exit %d: %s", r.Exit, r.out)
			}
			i := slices.IndexFunc(r.Files, func(f record.File) bool { return f.Path == dir+"/"+x.path && f.State == x.state })
			if i < 0 && x.state == record.Gone { // what was read is no longer there, and what is there now is another
				i = slices.IndexFunc(r.Files, func(f record.File) bool { return f.Path == dir+"/"+x.path && f.State != record.Certain })
			}
			if i < 0 || x.state != record.Gone && r.Files[i].Digest != digest(x.text) {
				for _, f := range r.Files {
					if strings.HasPrefix(f.Path, dir) {
						t.Errorf("got %+v", f)
					}
				}
			}
		})
	}
}

func init() {
	// chroot goes into another root, after it has opened the file there by the path of the old one.
	parts["chroot"] = func(args []string) int {
		_, _ = unix.Open(args[2]+"/none", unix.O_RDONLY, 0)
		if err := unix.Chroot(args[2]); err != nil {
			fmt.Println(err)
			return 1
		}
		_ = unix.Chdir("/")
		for i := 3; i+1 < len(args); i += 2 {
			if args[i] == "cd" {
				_ = unix.Chdir(args[i+1])
				continue
			}
			if _, err := unix.Open(args[i+1], unix.O_RDONLY, 0); err != nil {
				fmt.Println(err)
				return 2
			}
		}
		return 0
	}
}

func TestE16_programs_in_another_root_are_told(t *testing.T) {
	t.Parallel()
	dir := prepared(t, map[string]string{"etc/hostname": "inside"})
	probe := compiled(t, `#include <fcntl.h>
int main() { return open("/etc/hostname", O_RDONLY) < 0; }`, "-static")
	if err := os.Rename(probe, dir+"/probe"); err != nil {
		t.Fatal(err)
	}
	for _, pivot := range []string{"cat /etc/hostname; chroot . /probe", "cat /etc/hostname; unshare -m sh -c 'mount --bind . . && cd . && cd " + dir + " && mkdir -p old && pivot_root . old && exec /probe'"} {
		r := shell(t, dir, pivot)
		if r.Exit != 0 {
			t.Errorf("%s: exit %d, %s", pivot, r.Exit, r.out)
		}
		if !slices.ContainsFunc(r.Files, func(f record.File) bool { return f.Digest == digest("inside") }) {
			t.Errorf("%s: the file of the other root is not recorded", pivot)
		}
		if !slices.ContainsFunc(r.Programs, func(p record.Program) bool { return strings.HasSuffix(p.Path, "/probe") }) {
			t.Errorf("%s: programs %+v", pivot, r.Programs)
		}
	}
}

func TestE16_what_goes_round_the_recorder_is_told(t *testing.T) {
	t.Parallel()
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	pid := itoa(other.Process.Pid)
	for _, x := range []struct{ how, want string }{
		{"listen-tcp", "listen on the network"},
		{"listen-unix", "listen on unix:/"},
		{"listen-abstract", "listen on unix:@record-test"},
		{"packet", "a packet socket"},
		{"old-packet", "a raw socket"},
		{"raw", "a raw socket"},
		{"vsock", "a vsock socket"},
		{"handle", "open_by_handle_at"},
		{"getfd", "pidfd_getfd"},
		{"bpf", "bpf"},
		{"attach", "ptrace of a process outside"},
		{"seize", "ptrace of a process outside"},
		{"readv", "memory of a process outside"},
		{"writev", "memory of a process outside"},
		{"/proc/" + pid + "/environ", "/proc/PID/environ of a process outside"},
		{"/proc//" + pid + "/./environ", "/proc/PID/environ of a process outside"},
		{"/proc/self/../" + pid + "/environ", "/proc/PID/environ of a process outside"},
		{"/proc/" + pid + "/task/" + pid + "/environ", "/proc/PID/environ of a process outside"},
		{"/proc/" + pid + "/root/etc/hostname", "/proc/PID/root of a process outside"},
		{"/proc/" + pid + "/cwd/record.go", "/proc/PID/cwd of a process outside"},
		{"/proc/" + pid + "/mem", "/proc/PID/mem of a process outside"},
		{"/proc/" + pid + "/fd/0", "/proc/PID/fd of a process outside"},
		{"/proc/" + pid + "/exe", "/proc/PID/exe of a process outside"},
		{"shmget", "shared memory of System V"},
		{"shmat", "shared memory of System V"},
		{"semget", "a semaphore of System V"},
		{"semop", "a semaphore of System V"},
		{"semctl", "a semaphore of System V"},
		{"msgget", "a message queue of System V"},
		{"msgsnd", "a message queue of System V"},
		{"msgrcv", "a message queue of System V"},
		{"mq_open", "a message queue"},
		{"add_key", "a key of the kernel's"},
		{"request_key", "a key of the kernel's"},
		{"keyctl", "a key of the kernel's"},
		{"link", "/proc/PID/environ of a process outside"},
		{"mounted", "/proc/PID/environ of a process outside"},
	} {
		t.Run(strings.ReplaceAll(x.how, pid, "PID"), func(t *testing.T) {
			t.Parallel()
			r := as(t, record.Options{}, "round", x.how, pid)
			told := slices.DeleteFunc(r.Watch.Around, func(s string) bool {
				return x.how == "mounted" && strings.HasPrefix(s, "a mount in the machine's own namespace, by ")
			})
			if want := x.want; len(told) != 1 || !strings.HasPrefix(told[0], want) ||
				!strings.HasSuffix(told[0], ", by "+program()) {
				t.Errorf("got %q, want %q; exit %d, %s", r.Watch.Around, want, r.Exit, r.out)
			}
			if r.Exit != 0 || r.Watch.Lost != 0 {
				t.Errorf("exit %d, lost %d", r.Exit, r.Watch.Lost)
			}
		})
	}
}

// sharing are calls that do nothing with the arguments that they are given here.
var sharing = map[string]uintptr{
	"shmget": unix.SYS_SHMGET, "shmat": unix.SYS_SHMAT,
	"semget": unix.SYS_SEMGET, "semop": unix.SYS_SEMOP, "semctl": unix.SYS_SEMCTL,
	"msgget": unix.SYS_MSGGET, "msgsnd": unix.SYS_MSGSND, "msgrcv": unix.SYS_MSGRCV, "mq_open": unix.SYS_MQ_OPEN,
	"add_key": unix.SYS_ADD_KEY, "request_key": unix.SYS_REQUEST_KEY, "keyctl": unix.SYS_KEYCTL,
}

func init() { parts["round"] = goRound }

func goRound(args []string) int {
	pid := atoi(args[2])
	var b [64]byte
	local := []unix.Iovec{{Base: &b[0], Len: 1}}
	remote := []unix.RemoteIovec{{Base: 0x1000, Len: 1}}
	if nr, is := sharing[args[1]]; is {
		for range 2 {
			_, _, _ = unix.Syscall6(nr, 1<<30, 0, 0, 0, 0, 0)
		}
		return 0
	}
	switch how := args[1]; how {
	case "listen-tcp":
		_, _ = net.Listen("tcp", "127.0.0.1:0")
	case "listen-unix":
		_, _ = net.Listen("unix", "socket")
	case "listen-abstract":
		_, _ = net.Listen("unix", "@record-test-"+strconv.Itoa(os.Getpid()))
	case "packet":
		_, _ = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, 0)
	case "old-packet":
		_, _ = unix.Socket(unix.AF_INET, unix.SOCK_PACKET, 0)
	case "raw":
		_, _ = unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
	case "vsock":
		_, _ = unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0)
	case "handle":
		h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, "/etc/hostname", 0)
		if err == nil {
			_, _ = unix.OpenByHandleAt(0, h, unix.O_RDONLY)
		}
	case "getfd":
		if p, err := unix.PidfdOpen(pid, 0); err == nil {
			_, _ = unix.PidfdGetfd(p, 0, 0)
		}
	case "bpf":
		_, _, _ = unix.Syscall(unix.SYS_BPF, 0, uintptr(unsafe.Pointer(&b)), 64)
	case "attach":
		if unix.PtraceAttach(pid) == nil {
			_, _ = unix.Wait4(pid, nil, 0, nil)
			_ = unix.PtraceDetach(pid)
		}
	case "seize":
		_, _, _ = unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, 1<<20, 0, 0, 0, 0)
	case "readv":
		_, _ = unix.ProcessVMReadv(pid, local, remote, 0)
	case "writev":
		_, _ = unix.ProcessVMWritev(pid, local, remote, 0)
	case "link":
		_ = os.Symlink("/proc/"+args[2], "l")
		_, _ = os.ReadFile("l/environ")
	case "mounted":
		return mounted(args[2])
	default:
		if fd, err := unix.Open(how, unix.O_RDONLY, 0); err == nil {
			_ = unix.Close(fd)
		}
	}
	return 0
}

// mounted reads the environment of a process by a second /proc.
func mounted(pid string) int {
	_ = os.Mkdir("p", 0o755)
	if err := unix.Mount("proc", "p", "proc", 0, ""); err != nil {
		fmt.Println(err)
		return 1
	}
	_, _ = os.ReadFile("p/" + pid + "/environ")
	_ = unix.Unmount("p", unix.MNT_DETACH)
	return 0
}

func TestRecord_what_stays_in_the_command_goes_round_nothing(t *testing.T) {
	t.Parallel()
	r := shell(t, "", `sleep 5 & cat /proc/$!/environ /proc/$$/environ /proc/self/environ > /dev/null; ls -l /proc/$!/fd /proc/self/fd/ > /dev/null; kill $!`)
	r.clean(t)
	r = as(t, record.Options{}, "own-memory")
	if r.Exit != 0 {
		t.Errorf("exit %d: %s", r.Exit, r.out)
	}
	r.clean(t)
}

func init() {
	parts["own-memory"] = func([]string) int {
		c := exec.Command("sleep", "5")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if c.Start() != nil {
			return 1
		}
		defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
		b := make([]byte, 8)
		_, _ = unix.ProcessVMReadv(c.Process.Pid, []unix.Iovec{{Base: &b[0], Len: 8}}, []unix.RemoteIovec{{Base: 0x1000, Len: 8}}, 0)
		_, err := unix.ProcessVMReadv(os.Getpid(), []unix.Iovec{{Base: &b[0], Len: 8}}, []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&b[0])), Len: 8}}, 0)
		if err != nil {
			fmt.Println(err)
			return 2
		}
		return 0
	}
}

func TestRecord_debuggers_in_the_command_work(t *testing.T) {
	t.Parallel()
	probe := compiled(t, "int main() { return 3; }", "-g")
	r := shell(t, "", "strace -f -o trace sh -c 'cat /etc/hostname' && grep -c hostname trace && exec gdb -q -batch -ex 'break main' -ex run -ex 'info frame' -ex kill "+probe+" > debug")
	if r.Exit != 0 {
		t.Errorf("exit %d: %s", r.Exit, r.out)
	}
	if len(r.Watch.Around) != 0 || r.Watch.Lost != 0 || !r.has(real(t, "/etc/hostname")) {
		t.Errorf("around %q, lost %d", r.Watch.Around, r.Watch.Lost)
	}
}

func TestRecord_setuid_programs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for at := dir; at != os.TempDir(); at = filepath.Dir(at) {
		_ = os.Chmod(at, 0o755)
	}
	probe := compiled(t, `#include <stdio.h>
#include <unistd.h>
#include <fcntl.h>
int main() { open("/etc/hostname", O_RDONLY); printf("%d\n", geteuid()); return 0; }`)
	b, err := os.ReadFile(probe)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "setuid")
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(to, 0o4755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	// As root, new privileges are not given up, and a setuid program in the command gets them.
	r := run(t, record.Options{Command: append(slices.Clone(asNobody), to)})
	if r.out != "0\n" || r.Watch.NoNewPrivileges || r.Watch.Lost != 0 {
		t.Errorf("root: %q, %+v", r.out, r.Watch)
	}
	// An ordinary user's has no effect.
	r = through(t, record.Options{Command: []string{to}}, asNobody...)
	if r.out != "65534\n" || !r.Watch.NoNewPrivileges || r.Watch.Lost != 0 {
		t.Errorf("an ordinary user: %q, %+v", r.out, r.Watch)
	}
}
