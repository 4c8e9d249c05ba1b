//go:build linux && amd64

package record_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sallyport-dev/sallyport/internal/record"
)

func (r ran) connection(to string) *record.Connection {
	for i := range r.Connections {
		if r.Connections[i].To == to {
			return &r.Connections[i]
		}
	}
	return nil
}

func TestE16_each_address_is_recorded(t *testing.T) {
	t.Parallel()
	for how, want := range map[string]string{
		"tcp":         "tcp 192.0.2.1:443",
		"tcp6":        "tcp [2001:db8::1]:443",
		"mapped":      "tcp 192.0.2.7:80",
		"udp":         "udp 192.0.2.2:53",
		"thread":      "udp 192.0.2.9:9",
		"sendto":      "udp 192.0.2.3:123",
		"sendmsg":     "udp 192.0.2.4:123",
		"sendmmsg":    "udp 192.0.2.5:123",
		"sendmmsg-99": "udp 192.0.2.6:123",
		"stream":      "unix:/no/such/socket",
		"relative":    "unix:DIR/none",
		"abstract":    "unix:@record-test-none",
		"vm":          "family 40",
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			dir := real(t, t.TempDir())
			want := strings.Replace(want, "DIR", dir, 1)
			r := as(t, record.Options{Dir: dir}, "address", how)
			if c := r.connection(want); r.Exit != 0 || c == nil || c.By != program() || c.Count != 1 {
				t.Errorf("got %+v, want %s; exit %d, %s", r.Connections, want, r.Exit, r.out)
			}
			if r.Watch.Lost != 0 || len(r.Watch.Delegated) != 0 {
				t.Errorf("lost %d, delegated %q", r.Watch.Lost, r.Watch.Delegated)
			}
		})
	}
}

func init() { parts["address"] = address }

func address(args []string) int {
	stream := func(family int) int {
		fd, _ := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		return fd
	}
	datagram, _ := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	v4 := func(last byte, port int) *unix.SockaddrInet4 {
		return &unix.SockaddrInet4{Port: port, Addr: [4]byte{192, 0, 2, last}}
	}
	switch args[1] {
	case "tcp":
		_ = unix.Connect(stream(unix.AF_INET), v4(1, 443))
	case "tcp6":
		_ = unix.Connect(stream(unix.AF_INET6), &unix.SockaddrInet6{Port: 443, Addr: [16]byte{0x20, 1, 0xd, 0xb8, 15: 1}})
	case "mapped":
		_ = unix.Connect(stream(unix.AF_INET6), &unix.SockaddrInet6{Port: 80, Addr: [16]byte{10: 0xff, 11: 0xff, 12: 192, 13: 0, 14: 2, 15: 7}})
	case "udp":
		_ = unix.Connect(datagram, v4(2, 53))
	case "thread":
		onThread(func() { _ = unix.Connect(datagram, v4(9, 9)) })
	case "sendto":
		_ = unix.Sendto(datagram, []byte("x"), 0, v4(3, 123))
	case "sendmsg":
		_ = unix.Sendmsg(datagram, []byte("x"), nil, v4(4, 123), 0)
	case "sendmmsg":
		sendMany(datagram, 1, 5)
	case "sendmmsg-99":
		sendMany(datagram, 99, 6)
	case "stream":
		_ = unix.Connect(stream(unix.AF_UNIX), &unix.SockaddrUnix{Name: "/no/such/socket"})
	case "relative":
		_ = unix.Connect(stream(unix.AF_UNIX), &unix.SockaddrUnix{Name: "none"})
	case "abstract":
		_ = unix.Connect(stream(unix.AF_UNIX), &unix.SockaddrUnix{Name: "@record-test-none"})
	case "vm":
		_ = unix.Connect(datagram, &unix.SockaddrVM{CID: 2, Port: 1})
	}
	return 0
}

// onThread does something on a thread that is not the first one.
func onThread(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for unix.Gettid() == os.Getpid() {
			time.Sleep(time.Millisecond)
		}
		do()
	}()
	<-done
}

// sendMany sends messages without an address, and a last one with one.
func sendMany(fd, count int, last byte) {
	type message struct {
		header unix.Msghdr
		length uint32
		_      uint32
	}
	all := make([]message, count)
	to := unix.RawSockaddrInet4{Family: unix.AF_INET, Port: 123 << 8, Addr: [4]byte{192, 0, 2, last}}
	h := &all[count-1].header
	h.Name, h.Namelen = (*byte)(unsafe.Pointer(&to)), unix.SizeofSockaddrInet4
	_, _, _ = unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&all[0])), uintptr(count), 0, 0, 0)
}

// serving accepts at a socket of a process that is not of the command: this one.
func serving(t *testing.T, network, at string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	return l
}

func TestE16_a_socket_of_a_program_outside_is_delegated(t *testing.T) {
	t.Parallel()
	dir := real(t, t.TempDir())
	serving(t, "unix", dir+"/d.sock")
	abstract := "@record-test-" + itoa(os.Getpid())
	serving(t, "unix", abstract)
	port := serving(t, "tcp", "127.0.0.1:0").Addr().(*net.TCPAddr).Port
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = udp.Close() })
	udpPort := udp.LocalAddr().(*net.UDPAddr).Port
	if err := os.Symlink(dir+"/d.sock", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(dir+"/d.sock", dir+"/hard"); err != nil {
		t.Fatal(err)
	}
	tcp := fmt.Sprintf("tcp 127.0.0.1:%d", port)
	for _, x := range []struct {
		what string
		args []string
		want string
	}{
		{"by its path", []string{"dial", "unix", dir + "/d.sock"}, "unix:" + dir + "/d.sock"},
		{"by a relative path", []string{"dial", "unix", "d.sock"}, "unix:" + dir + "/d.sock"},
		{"by a link", []string{"dial", "unix", "link"}, "unix:" + dir + "/d.sock"},
		{"by a hard link", []string{"dial", "unix", "hard"}, "unix:" + dir + "/hard"},
		{"by a link where the command itself listened", []string{"own", "unix", "own.sock", "then", "unix", dir + "/d.sock"}, "unix:" + dir + "/d.sock"},
		{"abstract", []string{"dial", "unix", abstract}, "unix:" + abstract},
		{"loopback", []string{"dial", "tcp", fmt.Sprintf("127.0.0.1:%d", port)}, tcp},
		{"loopback, where the command listens at another address", []string{"own", "tcp", fmt.Sprintf("127.0.0.2:%d", port), "dial", "tcp", fmt.Sprintf("127.0.0.1:%d", port)}, tcp},
		{"datagrams", []string{"dial", "udp", fmt.Sprintf("127.0.0.1:%d", udpPort)}, fmt.Sprintf("udp 127.0.0.1:%d", udpPort)},
	} {
		t.Run(x.what, func(t *testing.T) {
			t.Parallel()
			r := as(t, record.Options{Dir: dir}, "sockets", x.args...)
			if r.Exit != 0 || !slices.Equal(r.Watch.Delegated, []string{x.want}) {
				t.Errorf("got %q, want %q; exit %d, %s", r.Watch.Delegated, x.want, r.Exit, r.out)
			}
		})
	}
}

func TestE16_a_pipe_that_was_there_before_the_command_is_delegated(t *testing.T) {
	t.Parallel()
	for script, delegated := range map[string]bool{
		": <> old": true, "chmod 600 old; : <> old": true, "echo x 1<> old": true,
		"ln -s old l; : <> l": true, "mv old new; : <> new": true,
		"mkfifo new; : <> new": false, "echo x | cat /dev/stdin /dev/fd/0": false, "ls old; rm old": false,
	} {
		dir := prepared(t, nil)
		if err := unix.Mkfifo(dir+"/old", 0o644); err != nil {
			t.Fatal(err)
		}
		time.Sleep(12 * time.Millisecond) // the clock by which files are born ticks up to every 10 ms
		r := shell(t, dir, script)
		want := []string{}
		if delegated {
			want = []string{"fifo:" + dir + "/old"}
			if strings.HasPrefix(script, "mv") {
				want = []string{"fifo:" + dir + "/new"}
			}
		}
		if r.Exit != 0 || !slices.Equal(r.Watch.Delegated, want) {
			t.Errorf("%s: delegated %q, want %q; exit %d, %s", script, r.Watch.Delegated, want, r.Exit, r.out)
		}
	}
}

func TestRecord_the_commands_own_sockets_are_not_delegated(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"own", "unix", "own.sock", "dial", "unix", "own.sock"},
		{"own", "unix", "@record-own-" + itoa(os.Getpid()), "dial", "unix", "@record-own-" + itoa(os.Getpid())},
		{"own", "tcp", "127.0.0.1:0", "again"},
		{"own", "tcp", "[::1]:0", "again"},
		{"own", "udp", "127.0.0.1:0", "again"},
		{"thread", "tcp", "127.0.0.1:0", "again"},
	} {
		r := as(t, record.Options{}, "sockets", args...)
		if r.Exit != 0 || len(r.Watch.Delegated) != 0 || len(r.Connections) == 0 {
			t.Errorf("%q: delegated %q, connections %+v; exit %d, %s", args, r.Watch.Delegated, r.Connections, r.Exit, r.out)
		}
	}
}

func TestRecord_a_resolver_of_the_machine_is_not_delegated(t *testing.T) {
	t.Parallel()
	p, err := net.ListenPacket("udp", "127.0.0.77:53")
	if err != nil {
		t.Fatalf("the test listens at port 53, as root: %v", err)
	}
	defer func() { _ = p.Close() }()
	r := as(t, record.Options{}, "sockets", "dial", "udp", "127.0.0.77:53")
	if c := r.connection("udp 127.0.0.77:53"); c == nil || len(r.Watch.Delegated) != 0 {
		t.Errorf("connections %+v, delegated %q", r.Connections, r.Watch.Delegated)
	}
}

func init() { parts["sockets"] = sockets }

// sockets listens and connects: "own NETWORK ADDRESS", "dial NETWORK ADDRESS", "again" to the last address, and "then
// NETWORK ADDRESS" by a link that takes the place of the last one.
func sockets(args []string) int {
	last := []string{}
	for args = args[1:]; len(args) > 0; {
		do, network, at := args[0], "", ""
		if do == "again" {
			network, at, args = last[0], last[1], args[1:]
		} else {
			network, at, args = args[1], args[2], args[3:]
		}
		var err error
		switch do {
		case "own":
			last, err = listenHere(network, at)
		case "thread":
			onThread(func() { last, err = listenHere(network, at) })
		case "then":
			_ = os.Remove(last[1])
			if err = os.Symlink(at, last[1]); err == nil {
				_, err = net.Dial(network, last[1])
			}
		default:
			_, err = net.Dial(network, at)
		}
		if err != nil {
			fmt.Println(do, network, at, err)
			return 1
		}
	}
	return 0
}

// kept are sockets that stay open to the end.
var kept []any

func listenHere(network, at string) ([]string, error) {
	if network == "udp" {
		p, err := net.ListenPacket(network, at)
		if err != nil {
			return nil, err
		}
		kept = append(kept, p)
		return []string{network, p.LocalAddr().String()}, nil
	}
	l, err := net.Listen(network, at)
	if err != nil {
		return nil, err
	}
	kept = append(kept, l)
	return []string{network, l.Addr().String()}, nil
}

func TestE16_where_datagrams_are_received_is_told(t *testing.T) {
	t.Parallel()
	dir := real(t, t.TempDir())
	if err := os.Symlink(dir, dir+"/link"); err != nil {
		t.Fatal(err)
	}
	abstract := "@record-bound-" + itoa(os.Getpid())
	for _, x := range []struct {
		how, at    string
		told, ofIt string // outside of the cut, and in it
	}{
		{"unixgram", "path", "unix:" + dir + "/path", "unix:" + dir + "/path"},
		{"unixgram", "link/other", "unix:" + dir + "/other", "unix:" + dir + "/other"},
		{"unixgram", abstract, "unix:" + abstract, ""},
		{"unixgram", "", "unix:@", ""},
		{"udp", "127.0.0.1", "udp 127.0.0.1:0", ""},
		{"udp6", "", "udp [::1]:0", ""},
		{"nofamily", "", "udp", ""},
		{"unix", "stream", "", ""},
		{"tcp", "", "", ""},
		{"netlink", "", "", ""},
	} {
		for cut, want := range map[bool]string{false: x.told, true: x.ofIt} {
			_ = os.Remove(dir + "/" + x.at)
			r := as(t, record.Options{Dir: dir, Cut: cut}, "binds", x.how, x.at)
			all := []string{}
			if want != "" {
				all = append(all, "receives at "+want+", by "+program())
			}
			if r.Exit != 0 || r.Watch.Lost != 0 || !slices.Equal(r.Watch.Around, all) {
				t.Errorf("%s %q, cut %v: around %q, want %q; exit %d, lost %d, %s",
					x.how, x.at, cut, r.Watch.Around, all, r.Exit, r.Watch.Lost, r.out)
			}
		}
	}
}

func init() {
	parts["binds"] = func(args []string) int {
		of := func(family, kind int) int {
			fd, _ := unix.Socket(family, kind, 0)
			return fd
		}
		var err error
		switch args[1] {
		case "unixgram":
			err = unix.Bind(of(unix.AF_UNIX, unix.SOCK_DGRAM), &unix.SockaddrUnix{Name: args[2]})
			if args[2] == "" {
				_, _, e := unix.Syscall(unix.SYS_BIND, uintptr(of(unix.AF_UNIX, unix.SOCK_DGRAM)),
					uintptr(unsafe.Pointer(&[2]byte{unix.AF_UNIX})), 2)
				err = errOf(e)
			}
		case "unix":
			err = unix.Bind(of(unix.AF_UNIX, unix.SOCK_STREAM), &unix.SockaddrUnix{Name: args[2]})
		case "udp":
			err = unix.Bind(of(unix.AF_INET, unix.SOCK_DGRAM), &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
		case "udp6":
			err = unix.Bind(of(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK),
				&unix.SockaddrInet6{Addr: [16]byte{15: 1}})
		case "nofamily":
			_, _, e := unix.Syscall(unix.SYS_BIND, uintptr(of(unix.AF_INET, unix.SOCK_DGRAM)),
				uintptr(unsafe.Pointer(&[16]byte{})), 16)
			err = errOf(e)
		case "tcp":
			err = unix.Bind(of(unix.AF_INET, unix.SOCK_STREAM), &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
		case "netlink":
			err = unix.Bind(of(unix.AF_NETLINK, unix.SOCK_DGRAM), &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		}
		if err != nil {
			fmt.Println(err)
			return 1
		}
		return 0
	}
}

func TestE16_a_descriptor_that_came_by_a_socket_leaves_its_sender(t *testing.T) {
	t.Parallel()
	dir := real(t, t.TempDir())
	secret := filepath.Join(dir, "secret")
	write(t, secret, "secret")
	l := serving2(t, dir+"/pass", secret)
	defer func() { _ = l.Close() }()
	r := as(t, record.Options{Dir: dir}, "take", "pass")
	if r.Exit != 0 || r.out != "secret\n" {
		t.Fatalf("exit %d: %q", r.Exit, r.out)
	}
	// What the sender opened is not seen, and that there was a sender is.
	if r.has(secret) || !slices.Equal(r.Watch.Delegated, []string{"unix:" + dir + "/pass"}) {
		t.Errorf("delegated %q", r.Watch.Delegated)
	}
	// Opened again by its descriptor, it is seen.
	if r := as(t, record.Options{Dir: dir}, "take", "pass", "reopen"); !r.has(secret) {
		t.Error("the file that was opened again is not recorded")
	}
}

// serving2 hands an open file to whoever connects.
func serving2(t *testing.T, at, file string) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f, err := os.Open(file)
			if err == nil {
				_, _, _ = c.(*net.UnixConn).WriteMsgUnix([]byte("x"), unix.UnixRights(int(f.Fd())), nil)
				_ = f.Close()
			}
			_ = c.Close()
		}
	}()
	return l
}

func init() {
	parts["take"] = func(args []string) int {
		c, err := net.Dial("unix", args[1])
		if err != nil {
			return 1
		}
		b, rights := make([]byte, 64), make([]byte, 64)
		_, n, _, _, err := c.(*net.UnixConn).ReadMsgUnix(b, rights)
		if err != nil {
			return 2
		}
		messages, _ := unix.ParseSocketControlMessage(rights[:n])
		fds, _ := unix.ParseUnixRights(&messages[0])
		file := fmt.Sprintf("/proc/self/fd/%d", fds[0])
		if len(args) > 2 {
			_, err = os.ReadFile(file)
			return len(fmt.Sprint(err)) - len("<nil>")
		}
		n, err = unix.Pread(fds[0], b, 0)
		fmt.Println(string(b[:n]))
		return len(fmt.Sprint(err)) - len("<nil>")
	}
}
