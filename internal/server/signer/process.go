package signer

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/ledger"
)

// A Process holds the key, and the newest checkpoint that it has signed.
type Process struct {
	log   *slog.Logger
	by    note.Signer
	state string   // file of the newest
	lock  *os.File // of the state, for the life of the process

	mu     sync.Mutex
	newest ledger.Checkpoint
}

// Generate makes a key of a ledger, and the state with which a process begins that has it: a checkpoint of no leaf.
func Generate(name string) (private, public, state string, err error) {
	if strings.ContainsAny(name, "+ \t\r\n") {
		err = errors.New("it has a space or a plus")
	}
	if err == nil {
		private, public, err = note.GenerateKey(rand.Reader, name)
	}
	if err != nil {
		return "", "", "", fault.New(fault.Usage, fault.Config, "name it without a space and a plus",
			"the name %q cannot be one of a ledger", fault.Cut(name))
	}
	by, err := note.NewSigner(private)
	if err == nil {
		state, err = ledger.Checkpoint{Root: (&ledger.Tree{}).Root()}.Sign(by)
	}
	return private, public, state, err
}

// Open reads the state. It has to be signed by the key, for the origin that is signed from here on. There is no start
// without one: a process that has forgotten what it has signed would sign another history.
func Open(private, state string, log *slog.Logger) (*Process, error) {
	p := &Process{log: log, state: state}
	var err error
	if p.lock, err = os.OpenFile(state+".lock", os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, fault.New(fault.Usage, fault.Config,
			"let --state name a file in a directory that the signer may write",
			"the signer's state: %w", fault.Cause(err))
	}
	if err := syscall.Flock(int(p.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = p.lock.Close()
		return nil, fault.New(fault.Usage, fault.Config, "stop the other signer", "another signer has %q", state)
	}
	if err := p.read(private); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Process) read(private string) error {
	b, err := file.Read(p.state, maxRequest)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Usage, fault.Config, "put back the one that was there; of a ledger that a server has signed "+
			"until now, copy the server's newest checkpoint; a new one is made with the key: sallyport-server key --state",
			"there is no state %q", p.state)
	}
	if err != nil {
		return fault.New(fault.Usage, fault.Config, "let --state name a file that the signer may read",
			"the signer's state: %w", fault.Cause(err))
	}
	c, err := ledger.Parse(string(b))
	if err == nil {
		var key string
		if p.by, key, err = ledger.Named(private, c.Origin); err == nil {
			c, err = ledger.Open(string(b), []string{key})
		}
	}
	if err != nil {
		return fault.New(fault.Refused, fault.Ledger, "let --state name what this key has signed",
			"the signer's state %q: %w", p.state, err)
	}
	p.newest = c
	return nil
}

// Close lets another process have the state.
func (p *Process) Close() { _ = p.lock.Close() }

// Listen makes the socket. Its mode is 0600, or 0660 where the umask leaves the group its rights, and never open to
// others. One that a killed process has left is removed; one that answers is not.
func Listen(path string) (net.Listener, error) {
	taken := func(err error) error {
		return fault.New(fault.Usage, fault.Config, "let --socket name a free path of 100 bytes at most, in a directory that the signer may write",
			"the signer's socket %q: %w", path, fault.Cause(err))
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
			_ = c.Close()
			return nil, taken(errors.New("another process listens there"))
		}
		if err := os.Remove(path); err != nil {
			return nil, taken(err)
		}
	}
	before := syscall.Umask(0o177)
	syscall.Umask(before | 0o117)
	l, err := net.Listen("unix", path)
	syscall.Umask(before)
	if err != nil {
		return nil, taken(err)
	}
	return l, nil
}

// What requests cost at most.
const (
	atOnce  = 256 // each has 8 KiB
	perCall = 2 * time.Second
)

// Serve answers servers until ctx ends, and lets what was asked before get its answer.
func (p *Process) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	p.log.Info("signing", "origin", p.newest.Origin, "size", p.newest.Size, "socket", l.Addr().String())
	places := make(chan struct{}, atOnce) // others wait until they are accepted
	for {
		places <- struct{}{}
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fault.Errorf("the signer's socket: %w", fault.Cause(err))
		}
		all.Go(func() {
			defer func() { <-places }()
			p.answer(c)
		})
	}
}

// answer reads one request, and says the signature, the size of the newest, or why not.
func (p *Process) answer(c net.Conn) {
	defer func() { _ = c.Close() }() // who asked may be gone
	if err := c.SetDeadline(time.Now().Add(perCall)); err != nil {
		return
	}
	b, err := io.ReadAll(io.LimitReader(c, maxRequest+1))
	if err != nil {
		p.log.Warn("a request did not arrive", "reason", fault.Bound(err.Error()))
		return
	}
	answer, err := p.said(string(b))
	if err != nil {
		f := fault.Of(err)
		reason := fault.Bound(f.Error())
		p.log.Warn("a checkpoint was not signed", "code", f.Code, "reason", reason)
		answer = string(f.Code) + " " + strings.ReplaceAll(reason, "\n", " ") + "\n"
	}
	_, _ = io.WriteString(c, answer) // who asked may be gone
}

func (p *Process) said(text string) (string, error) {
	if len(text) > maxRequest {
		return "", fault.New(fault.Refused, fault.Limit, "", "a request of more than %d bytes", maxRequest)
	}
	q, err := readRequest(text)
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sign(q)
}

// sign signs a checkpoint of the origin whose history is that of the newest. A longer one becomes the newest, which is
// on
// the disk before anybody has the signature.
func (p *Process) sign(q request) (string, error) {
	c := q.checkpoint
	if c.Origin != p.newest.Origin {
		return "", fault.New(fault.Refused, fault.Ledger, "", "the checkpoint is of %q, and %q is signed here",
			fault.Cut(c.Origin), p.newest.Origin)
	}
	if q.old != p.newest.Size {
		return oldLine(p.newest.Size), nil
	}
	small, large := p.newest, c
	if c.Size < p.newest.Size {
		small, large = c, p.newest
	}
	if !begins(large, small, q.proof) {
		return "", fault.New(fault.Refused, fault.Ledger, "",
			"no proof that a ledger of %d leaves begins with one of %d: the newest that was signed is of %d", large.Size,
			small.Size, p.newest.Size)
	}
	signed, err := c.Sign(p.by)
	if err != nil {
		return "", fault.Errorf("signing: %w", err)
	}
	if c.Size > p.newest.Size {
		if err := keep(p.state, signed); err != nil {
			return "", fault.New(fault.Unavailable, fault.NotAvailable, "", "the state was not kept: %w",
				fault.Cause(err))
		}
		p.newest = c
	}
	_, signature, _ := strings.Cut(signed, "\n\n")
	return signature, nil
}

// begins reports whether a proof shows that one ledger begins with another (RFC 6962 section 2.1.2).
func begins(large, small ledger.Checkpoint, proof []ledger.Hash) bool {
	if small.Size == 0 {
		return small.Root == (&ledger.Tree{}).Root() && (large.Size > 0 || large.Root == small.Root)
	}
	return tlog.CheckTree(proof, large.Size, large.Root, small.Size, small.Root) == nil
}

// keep writes the state: whole or not at all, and there after a power cut.
func keep(path, text string) error {
	if err := file.Replace(path, []byte(text)); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
