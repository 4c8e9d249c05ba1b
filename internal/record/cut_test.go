//go:build linux && amd64

package record_test

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport-dev/sallyport/internal/record"
)

// netOptions record the part "net", which says in one line what of a network works.
func netOptions(cut bool) record.Options {
	return record.Options{Command: []string{program(), "net"}, Env: append(os.Environ(), part+"=net"), Cut: cut}
}

func init() {
	parts["net"] = func([]string) int {
		says := []string{}
		for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
			says = append(says, "loopback "+works(loopback(at)))
		}
		d := net.Dialer{Timeout: time.Second}
		for _, to := range []string{"tcp 192.0.2.1:80", "udp 192.0.2.1:80", "tcp [2001:db8::1]:80"} {
			network, at, _ := strings.Cut(to, " ")
			c, err := d.Dial(network, at)
			if err == nil && network == "udp" {
				_, err = c.Write([]byte("x"))
			}
			says = append(says, "outside "+works(err))
		}
		_, err := net.LookupHost("sallyport.example")
		if says = append(says, "names fail"); err == nil {
			says[len(says)-1] = "names work"
		}
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err == nil {
			_, err = unix.Write(pair[0], []byte("x"))
		}
		says = append(says, "unix "+works(err))
		fmt.Println(strings.Join(says, ", "))
		return 0
	}
}

func works(err error) string {
	switch {
	case err == nil:
		return "works"
	case strings.Contains(err.Error(), unix.ENETUNREACH.Error()):
		return "unreachable"
	}
	return "fails"
}

func loopback(at string) error {
	l, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	go func() {
		if c, err := l.Accept(); err == nil {
			_ = c.Close()
		}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err == nil {
		_ = c.Close()
	}
	return err
}

// What the part "net" says in each kind of cut. A name is not found in any.
const (
	inNamespace = "loopback works, loopback works, outside unreachable, outside unreachable, outside unreachable, names fail, unix works\n"
	bySockets   = "loopback unreachable, loopback unreachable, outside unreachable, outside unreachable, outside unreachable, names fail, unix works\n"
)

// cutBy checks what is said of a cut, and what worked inside.
func (r ran) cutBy(t *testing.T, how, says string) {
	t.Helper()
	if r.Watch.Network != record.Cut || r.Watch.CutBy != how || r.out != says {
		t.Errorf("network %q, cut by %q, want %q, reason %q\ngot  %swant %s", r.Watch.Network, r.Watch.CutBy, how, r.Watch.Reason, r.out, says)
	}
	if r.Watch.Files != record.Observed || r.Watch.Lost != 0 {
		t.Errorf("files %q, lost %d, reason %q", r.Watch.Files, r.Watch.Lost, r.Watch.Reason)
	}
}

func TestRecord_the_network_is_cut_for_root_and_for_an_ordinary_user(t *testing.T) {
	t.Parallel()
	root := run(t, netOptions(true))
	root.cutBy(t, record.ByNamespace, inNamespace)
	root.clean(t)
	weak := through(t, netOptions(true), "setpriv", "--bounding-set=-sys_admin,-net_admin", "--inh-caps=-all")
	weak.cutBy(t, record.ByNamespace, inNamespace)
	user := through(t, netOptions(true), asNobody...)
	user.cutBy(t, record.ByNamespace, inNamespace)
	user.clean(t)
	if root.Watch.Reason != "" || user.Watch.Reason != "" {
		t.Errorf("reasons %q and %q", root.Watch.Reason, user.Watch.Reason)
	}
	if r := run(t, netOptions(false)); r.Watch.Network != record.Observed || r.Watch.CutBy != "" || strings.HasPrefix(r.out, "loopback unreachable") {
		t.Errorf("not cut: %+v, %s", r.Watch, r.out)
	}
}

func TestRecord_in_the_cut_users_keep_their_numbers_and_ordinary_ones_have_no_capability(t *testing.T) {
	t.Parallel()
	const says = "id -u; id -g; stat -c %u:%g /proc/1 .; grep CapEff /proc/self/status; touch made; stat -c %u made"
	user := through(t, record.Options{Command: []string{"/bin/sh", "-c", says}, Cut: true}, asNobody...)
	if want := "65534\n65534\n65534:65534\n65534:65534\nCapEff:\t0000000000000000\n65534\n"; !strings.HasSuffix(user.out, "CapEff:\t0000000000000000\n65534\n") || !strings.HasPrefix(user.out, "65534\n65534\n") {
		t.Errorf("got %q, want %q", user.out, want)
	}
	root := run(t, record.Options{Command: []string{"/bin/sh", "-c", "id -u; touch made; chown 65534:1000 made; " +
		"stat -c %u:%g made; setpriv --reuid=1 --regid=1 --clear-groups id -u"}, Cut: true})
	if root.out != "0\n65534:1000\n1\n" {
		t.Errorf("got %q", root.out)
	}
}

func TestE16_a_vsock_socket_cannot_be_made_in_the_cut(t *testing.T) {
	t.Parallel()
	const refused = "address family not supported by protocol\n"
	for _, by := range [][]string{nil, asNobody} {
		o := record.Options{Command: []string{program()}, Env: append(os.Environ(), part+"=vsock"), Cut: true}
		if r := through(t, o, by...); r.out != refused || r.Watch.CutBy != record.ByNamespace ||
			len(r.Watch.Around) != 0 {
			t.Errorf("%q: got %q, want %q; cut by %q, around %q", by, r.out, refused, r.Watch.CutBy, r.Watch.Around)
		}
	}
	f := newFront(t, record.Options{
		Command: []string{program()}, Env: append(os.Environ(), part+"=vsock"), Cut: true,
	}, program(), "without")
	f.Env = append(f.Env, "RECORD_TEST_WITHOUT=seccomp")
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	r, problem := f.wait(t)
	if canMakeVsock() == nil && (r.out != "" || !strings.Contains(problem, "vsock sockets lead out of the namespace")) {
		t.Errorf("without a filter: problem %q; the command said %q", problem, r.out)
	}
	if canMakeVsock() != nil && (r.out != refused || problem != "") {
		t.Errorf("without a filter, and without vsock: problem %q; the command said %q, want %q",
			problem, r.out, refused)
	}
}

func canMakeVsock() error {
	s, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0)
	if err == nil {
		_ = unix.Close(s)
	}
	return err
}

func init() {
	parts["vsock"] = func([]string) int {
		fmt.Println(canMakeVsock())
		return 0
	}
}

func TestRecord_nobody_leaves_the_cut(t *testing.T) {
	t.Parallel()
	const script = `grep -c : /proc/self/net/dev; for p in $PPID 1; do nsenter -t $p -n true 2>&1 && echo OUT; nsenter -t $p -U -n true 2>&1 && echo OUT; done; grep -c : /proc/self/net/dev`
	for _, by := range [][]string{nil, asNobody} {
		r := through(t, record.Options{Command: []string{"/bin/sh", "-c", script}, Cut: true}, by...)
		if strings.Contains(r.out, "OUT") || !strings.HasPrefix(r.out, "1\n") || !strings.HasSuffix(r.out, "1\n") {
			t.Errorf("%q: got %q", by, r.out)
		}
	}
}

func TestE16_shared_memory_and_message_queues_are_the_commands_own_in_the_cut(t *testing.T) {
	t.Parallel()
	id, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, unix.IPC_CREAT|0o666)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil) })
	for _, by := range [][]string{nil, asNobody} {
		for cut, want := range map[bool]string{true: "fails\n", false: "works\n"} {
			o := record.Options{
				Command: []string{program(), itoa(id)}, Env: append(os.Environ(), part+"=attach"), Cut: cut,
			}
			r := through(t, o, by...)
			told := lists(r.Watch.Around, "shared memory of System V, by "+program())
			if r.out != want || told == cut || len(r.Watch.Around) > 1 {
				t.Errorf("%q, cut %v: got %q, want %q; around %q", by, cut, r.out, want, r.Watch.Around)
			}
		}
	}
}

func TestE16_a_message_queue_that_is_opened_by_its_file_is_told(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mount("queues", dir, "mqueue", 0, ""); err != nil {
		t.Fatalf("the test mounts message queues, as root: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	name := "record-test-" + itoa(os.Getpid())
	queue, err := os.Create(dir + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	_ = queue.Close()
	t.Cleanup(func() { _ = os.Remove(dir + "/" + name) })
	for _, cut := range []bool{false, true} {
		r := run(t, record.Options{Command: []string{"/bin/cat", dir + "/" + name}, Cut: cut})
		if want := "a message queue by its file, by " + real(t, "/bin/cat"); r.Exit != 0 ||
			!slices.Equal(r.Watch.Around, []string{want}) {
			t.Errorf("cut %v: exit %d, around %q, want %q; %s", cut, r.Exit, r.Watch.Around, want, r.out)
		}
	}
}

func init() {
	// attach says whether the shared memory of a process outside can be attached.
	parts["attach"] = func(args []string) int {
		b, err := unix.SysvShmAttach(atoi(args[0]), 0, unix.SHM_RDONLY)
		if err == nil {
			_ = unix.SysvShmDetach(b)
		}
		fmt.Println(works(err))
		return 0
	}
}

func TestRecord_a_socket_that_leads_out_of_the_cut_is_delegated(t *testing.T) {
	t.Parallel()
	dir := real(t, t.TempDir())
	serving(t, "unix", dir+"/d.sock")
	r := as(t, record.Options{Dir: dir, Cut: true}, "sockets", "dial", "unix", "d.sock", "own", "unix", "own.sock", "dial", "unix", "own.sock")
	if r.Exit != 0 || !slices.Equal(r.Watch.Delegated, []string{"unix:" + dir + "/d.sock"}) {
		t.Errorf("exit %d, delegated %q, %s", r.Exit, r.Watch.Delegated, r.out)
	}
}

// The ways in which a machine refuses namespaces.
var refusals = map[string][]string{
	"no capability and none of an ordinary user": {"unshare", "-Ur", "sh", "-c", `echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"`, "sh"},
	"a filter, as in a container":                {"FILTERED"},
}

func TestRecord_where_namespaces_are_refused_no_socket_of_the_internet_can_be_made(t *testing.T) {
	t.Parallel()
	for what, by := range refusals {
		if by[0] == "FILTERED" {
			by = []string{program(), "without"}
		}
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			f := newFront(t, netOptions(true), by...)
			if by[0] == program() {
				f.Env = append(f.Env, "RECORD_TEST_WITHOUT=namespaces")
			}
			if err := f.Start(); err != nil {
				t.Fatal(err)
			}
			r, problem := f.wait(t)
			if problem != "" {
				t.Fatal(problem, r.out)
			}
			r.cutBy(t, record.BySocketFilter, bySockets)
			if !strings.HasPrefix(r.Watch.Reason, "no namespace: the kernel refuses a user namespace with a network of its own: ") {
				t.Errorf("reason %q", r.Watch.Reason)
			}
		})
	}
}

// without refuses the recorder something by a filter of its own, as a container may, and becomes the front.
func without(what string, args []string) int {
	_ = os.Unsetenv("RECORD_TEST_WITHOUT")
	if err := refuse(what); err != nil {
		fmt.Println(err)
		return 1
	}
	err := unix.Exec(args[0], args, os.Environ())
	fmt.Println(err)
	return 1
}

func TestRecord_where_the_kernel_refuses_to_be_watched_that_is_told(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		what    string
		cut     bool
		network string
		by      string
		out     string
		problem string
	}{
		{"seccomp", false, record.NotObserved, "", "", ""},
		{"seccomp-vsock", true, record.Cut, record.ByNamespace, inNamespace, ""},
		{"namespaces-seccomp", true, "", "", "", "no filter of sockets: "},
	} {
		f := newFront(t, netOptions(x.cut), program(), "without")
		f.Env = append(f.Env, "RECORD_TEST_WITHOUT="+x.what)
		if err := f.Start(); err != nil {
			t.Fatal(err)
		}
		r, problem := f.wait(t)
		if x.problem != "" {
			if !strings.HasPrefix(problem, "uncut: the network could not be cut: ") ||
				!strings.Contains(problem, x.problem) || r.out != "" {
				t.Errorf("%s: problem %q, want %q; the command said %q", x.what, problem, x.problem, r.out)
			}
			continue
		}
		w := r.Watch
		if problem != "" || w.Method != "none" || w.Files != record.NotObserved || w.Processes != record.NotObserved || w.Network != x.network || w.CutBy != x.by ||
			!strings.HasPrefix(w.Reason, "the kernel refuses a filter of seccomp: ") && !strings.HasPrefix(w.Reason, "this kernel has no notifications") {
			t.Errorf("%s, cut %v: %s, %+v", x.what, x.cut, problem, w)
		}
		if x.out != "" && r.out != x.out {
			t.Errorf("%s: got %s", x.what, r.out)
		}
		if r.Exit != 0 || len(r.Files) != 0 {
			t.Errorf("%s: exit %d, files %v", x.what, r.Exit, r.Files)
		}
	}
}

func TestRecord_a_command_that_cannot_be_executed_in_the_cut(t *testing.T) {
	t.Parallel()
	r := run(t, record.Options{Command: []string{"no-such-program"}, Cut: true})
	if !r.Missing || r.NotStarted == "" {
		t.Errorf("got %+v", r.Result)
	}
}
