//go:build linux && amd64

package record_test

import (
	"os"
	"slices"
	"testing"
	"unsafe"

	"github.com/sallyport-dev/sallyport/internal/record"
	"golang.org/x/sys/unix"
)

// kernel records an ordinary user who makes a call.
func kernel(t *testing.T, cut bool, args ...string) ran {
	t.Helper()
	o := record.Options{Command: append([]string{program()}, args...), Env: []string{part + "=kernel"}, Cut: cut}
	return through(t, o, asNobody...)
}

// The calls of these tests are told before the kernel refuses them: nothing is mounted, loaded or written.
func TestE16_a_command_that_asks_the_kernel_to_act_out_of_sight_is_told(t *testing.T) {
	t.Parallel()
	for what, told := range map[string]string{
		"fanotify": "fanotify", "mount": "a mount in the machine's own namespace",
		"move-mount": "a mount in the machine's own namespace", "pivot": "a mount in the machine's own namespace",
		"module": "code for the kernel", "module-file": "code for the kernel", "kexec": "code for the kernel",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			for _, cut := range []bool{false, true} {
				r := kernel(t, cut, what)
				if want := []string{told + ", by " + program()}; r.Exit != 0 || !slices.Equal(r.Watch.Around, want) {
					t.Errorf("cut %v: exit %d, around %q, want %q; %s", cut, r.Exit, r.Watch.Around, want, r.out)
				}
			}
		})
	}
}

func TestE16_a_mount_in_a_namespace_of_its_own_and_where_mounts_are_passed_on_to_go_round_nothing(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"mount-own", "mount-private"} {
		r := kernel(t, false, what)
		if r.Exit != 0 || len(r.Watch.Around) != 0 {
			t.Errorf("%s: exit %d, around %q; %s", what, r.Exit, r.Watch.Around, r.out)
		}
	}
}

func TestE16_settings_of_the_kernel_are_told_when_they_are_opened_to_be_written(t *testing.T) {
	t.Parallel()
	const setting = "/proc/sys/kernel/core_pattern"
	// An ordinary user, whom the kernel refuses it.
	for what, want := range map[string][]string{
		"read": {}, "write": {"a setting of the kernel, " + setting + ", by " + program()},
		"read-write": {"a setting of the kernel, " + setting + ", by " + program()},
	} {
		r := kernel(t, false, what, setting)
		if r.Exit != 0 || r.Watch.Lost != 0 || !slices.Equal(r.Watch.Around, want) {
			t.Errorf("%s: exit %d, around %q, want %q; %s", what, r.Exit, r.Watch.Around, want, r.out)
		}
	}
	r := kernel(t, false, "read", "/dev/net/tun")
	if want := []string{"/dev/net/tun, by " + program()}; r.Exit != 0 || !slices.Equal(r.Watch.Around, want) {
		t.Errorf("exit %d, around %q, want %q; %s", r.Exit, r.Watch.Around, want, r.out)
	}
}

func init() {
	parts["kernel"] = func(args []string) int {
		if os.Geteuid() == 0 {
			return 9 // it would not be refused
		}
		open := func(flags int) {
			if fd, err := unix.Open(args[1], flags, 0); err == nil {
				_ = unix.Close(fd)
			}
		}
		none, _ := unix.BytePtrFromString("/nonexistent")
		at := uintptr(unsafe.Pointer(none))
		switch args[0] {
		case "fanotify":
			if fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF, unix.O_RDONLY); err == nil {
				_ = unix.Close(fd)
			}
		case "mount":
			_ = unix.Mount("/nonexistent", "/nonexistent", "", unix.MS_BIND, "")
		case "move-mount":
			_ = unix.MoveMount(unix.AT_FDCWD, "/nonexistent", unix.AT_FDCWD, "/nonexistent", 0)
		case "pivot":
			_ = unix.PivotRoot("/nonexistent", "/nonexistent")
		case "mount-own":
			if unix.Unshare(unix.CLONE_NEWUSER|unix.CLONE_NEWNS) != nil {
				return 0 // refused here
			}
			_ = unix.Mount("/nonexistent", "/nonexistent", "", unix.MS_BIND, "")
		case "mount-private":
			_ = unix.Mount("", "/nonexistent", "", unix.MS_PRIVATE|unix.MS_REC, "")
		case "module":
			_, _, _ = unix.Syscall(unix.SYS_INIT_MODULE, 0, 0, at)
		case "module-file":
			_, _, _ = unix.Syscall(unix.SYS_FINIT_MODULE, ^uintptr(0), at, 0)
		case "kexec":
			_, _, _ = unix.Syscall6(unix.SYS_KEXEC_LOAD, 0, 0, 0, 0, 0, 0)
		case "read":
			open(unix.O_RDONLY)
		case "write":
			open(unix.O_WRONLY)
		case "read-write":
			open(unix.O_RDONLY)
			open(unix.O_WRONLY)
		}
		return 0
	}
}
