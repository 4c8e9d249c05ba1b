package lab

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	rekorapp "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix/app"
	"github.com/sigstore/rekor-tiles/v2/pkg/note"
)

// RekorVariable tells a program that it was started to be the log, and should
// call RunRekor before anything else.
const RekorVariable = "SALLYPORT_LAB_REKOR"

// rekorOrigin names the log in its checkpoints. Clients compare it with the
// host of the log's URL in the trusted root, not with where it listens.
const rekorOrigin = "rekor.sallyport.lab"

// RunRekor is the shipped log server; it reads os.Args and returns when it has
// been stopped. It also stops when its standard input closes, which is what
// happens when the lab that started it dies without a word.
func RunRekor() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // either way the lab is gone
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the log:", err)
		}
	}()
	rekorapp.Execute()
}

// A rekor is the log, in a process of its own: the server's code is internal
// to its module, and all that can be imported is its command.
type rekor struct {
	url    string
	key    crypto.PublicKey
	id     []byte
	child  *child
	server *server
}

func (r *rekor) stop(ctx context.Context) error {
	if r == nil {
		return nil
	}
	return errors.Join(r.server.stop(ctx), r.child.stop(ctx))
}

func startRekor(ctx context.Context, scratch string, c Config, f *front) (*rekor, error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	_, id, err := note.KeyHash(rekorOrigin, pub)
	if err != nil {
		return nil, err
	}
	key, err := privateKeyPEM(priv)
	if err != nil {
		return nil, err
	}
	keyFile, dir := filepath.Join(scratch, "rekor.key"), filepath.Join(scratch, "rekor")
	if err := os.WriteFile(keyFile, key, 0o600); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	r := &rekor{key: pub, id: id}
	if r.child, err = startChild(ctx, c, keyFile, dir); err != nil {
		return nil, fmt.Errorf("starting the log: %w", err)
	}
	if r.server, err = listen(f.door("rekor", rekorHandler(r.child.url, dir))); err != nil {
		return r, err
	}
	r.url = r.server.url
	return r, nil
}

// rekorHandler passes writes on to the server and answers reads from the
// log's directory, as the shipped deployment does with a bucket.
func rekorHandler(to *url.URL, dir string) http.Handler {
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) }}
	files := http.StripPrefix("/api/v2/", http.FileServer(http.Dir(dir)))
	mux := http.NewServeMux()
	mux.Handle("GET /api/v2/checkpoint", files)
	mux.Handle("GET /api/v2/tile/", files)
	mux.Handle("/", proxy)
	return mux
}

// A child is the log's process.
type child struct {
	url      *url.URL
	cmd      *exec.Cmd
	lifeline io.Closer
	ports    *ports
	exited   chan struct{}
	err      error // of the exit; read after exited is closed
}

// startChild starts the log on free ports, and on others if somebody took one
// of them in between.
func startChild(ctx context.Context, c Config, keyFile, dir string) (*child, error) {
	var tries []error
	for range 5 {
		ch, err := tryChild(ctx, c, keyFile, dir)
		if err == nil {
			return ch, nil
		}
		tries = append(tries, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(tries...)
}

func tryChild(ctx context.Context, c Config, keyFile, dir string) (*child, error) {
	self := c.Executable
	if self == "" {
		var err error
		if self, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	p, err := reserve(3)
	if err != nil {
		return nil, err
	}
	ch := &child{ports: p, exited: make(chan struct{})}
	ch.url = &url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(p.numbers[0]))}
	ch.cmd = rekorCommand(self, p, keyFile, dir)
	ch.cmd.Stderr = c.Log
	if ch.lifeline, err = ch.cmd.StdinPipe(); err != nil {
		return nil, errors.Join(err, p.release())
	}
	if err := ch.cmd.Start(); err != nil {
		return nil, errors.Join(err, p.release())
	}
	go func() { ch.err = ch.cmd.Wait(); close(ch.exited) }()
	if err := ch.ready(ctx); err != nil {
		return nil, errors.Join(err, ch.stop(context.WithoutCancel(ctx)))
	}
	return ch, nil
}

func rekorCommand(self string, p *ports, keyFile, dir string) *exec.Cmd {
	cmd := exec.Command(self, //nolint:gosec // this program itself
		"serve", "--hostname="+rekorOrigin, "--storage-dir="+dir, "--signer-filepath="+keyFile,
		"--http-address=127.0.0.1", "--grpc-address=127.0.0.1",
		fmt.Sprintf("--http-port=%d", p.numbers[0]), fmt.Sprintf("--grpc-port=%d", p.numbers[1]), fmt.Sprintf("--http-metrics-port=%d", p.numbers[2]),
		"--checkpoint-interval=100ms", "--batch-max-age=20ms", "--batch-max-size=256", "--persistent-antispam=false", "--log-level=warn")
	cmd.Env = append(os.Environ(), RekorVariable+"=1")
	// In a process group of its own: a Ctrl-C is for the lab, which stops the
	// log when nobody needs it any more.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// ready waits until the log answers, or until it has given up.
func (c *child) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-c.exited:
			return fmt.Errorf("the log stopped at once: %w", c.err)
		case <-ctx.Done():
			return fmt.Errorf("waiting for the log: %w", ctx.Err())
		case <-tick.C:
		}
		if c.healthy(ctx) {
			return nil
		}
	}
}

func (c *child) healthy(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url.JoinPath("healthz").String(), nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}

// stop asks the log to stop and kills it when ctx ends first.
func (c *child) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have stopped by itself
	select {
	case <-c.exited:
	case <-ctx.Done():
		_ = c.cmd.Process.Kill()
		<-c.exited
	}
	_ = c.lifeline.Close() // Wait has closed it already
	return c.ports.release()
}

// ports are TCP ports that no other lab chooses. The log wants numbers, not
// open sockets, so the UDP ports of the same numbers are held as a token: two
// labs cannot hold one, and the system frees it when a lab dies.
type ports struct {
	numbers []int
	held    []net.PacketConn
}

func reserve(n int) (*ports, error) {
	p := &ports{}
	for tries := 0; len(p.numbers) < n; tries++ {
		if tries > 100 {
			return nil, errors.Join(errors.New("no free ports on loopback"), p.release())
		}
		if err := p.add(); err != nil && tries > 90 {
			return nil, errors.Join(err, p.release())
		}
	}
	return p, nil
}

func (p *ports) add() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	held, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		return errors.Join(err, l.Close())
	}
	p.numbers = append(p.numbers, l.Addr().(*net.TCPAddr).Port)
	p.held = append(p.held, held)
	return l.Close()
}

func (p *ports) release() error {
	var errs []error
	for _, h := range p.held {
		errs = append(errs, h.Close())
	}
	p.held = nil
	return errors.Join(errs...)
}
