package signer_test

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/signer"
)

const name = "sallyport.example/ledger"

// A history is a tree of leaves, and of another text where it was rewritten from a place on.
type history struct{ stored []tlog.Hash }

func written(t *testing.T, size, from int) history {
	t.Helper()
	var h history
	for n := range size {
		leaf := "leaf " + strconv.Itoa(n)
		if n >= from {
			leaf += " of another history"
		}
		more, err := tlog.StoredHashes(int64(n), []byte(leaf), h)
		if err != nil {
			t.Fatal(err)
		}
		h.stored = append(h.stored, more...)
	}
	return h
}

func (h history) ReadHashes(indexes []int64) (all []tlog.Hash, err error) {
	for _, i := range indexes {
		all = append(all, h.stored[i])
	}
	return all, nil
}

func (h history) at(t *testing.T, size int64) ledger.Checkpoint {
	t.Helper()
	root, err := tlog.TreeHash(size, h)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Checkpoint{Origin: name, Size: size, Root: root}
}

func (h history) prove(from, size int64) ([]tlog.Hash, error) {
	if from == 0 {
		return nil, nil
	}
	return tlog.ProveTree(size, from, h)
}

// A stand is a process at a socket.
type stand struct {
	*testing.T
	private, public string
	state, socket   string
	log             strings.Builder
	end             func()
}

// stands is one with a new key, which has signed nothing.
func stands(t *testing.T) *stand {
	t.Helper()
	dir := t.TempDir()
	s := &stand{T: t, state: filepath.Join(dir, "ledger.state"), socket: filepath.Join(dir, "socket")}
	private, public, empty, err := signer.Generate(name)
	if err != nil {
		t.Fatal(err)
	}
	s.private, s.public = private, public
	s.write(empty)
	s.starts()
	return s
}

func (s *stand) write(state string) {
	s.Helper()
	if err := os.WriteFile(s.state, []byte(state), 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s *stand) starts() {
	s.Helper()
	p, err := signer.Open(s.private, s.state, slog.New(slog.NewTextHandler(&s.log, nil)))
	if err != nil {
		s.Fatal(err)
	}
	l, err := signer.Listen(s.socket)
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(ctx, l) }()
	s.end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			s.Error(err)
		}
		p.Close()
		if strings.Contains(s.log.String(), s.private[len(s.private)-20:]) {
			s.Error("the key is in the log")
		}
	})
	s.Cleanup(func() { s.end() })
}

// newest is the checkpoint in the state.
func (s *stand) newest() ledger.Checkpoint {
	s.Helper()
	b, err := os.ReadFile(s.state)
	if err != nil {
		s.Fatal(err)
	}
	c, err := ledger.Open(string(b), []string{s.public})
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// signs has a checkpoint signed by a server that has just started.
func (s *stand) signs(c ledger.Checkpoint, prove signer.Prove) error {
	s.Helper()
	text, err := signer.NewSocket(s.socket, s.public).Sign(s.Context(), c, prove)
	if err != nil {
		return err
	}
	if got, err := ledger.Open(text, []string{s.public}); err != nil || got != c {
		s.Errorf("signed %+v, %v; want %+v", got, err, c)
	}
	return nil
}

// grows has a history signed at a size.
func (s *stand) grows(h history, size int64) {
	s.Helper()
	if err := s.signs(h.at(s.T, size), h.prove); err != nil {
		s.Fatal(err)
	}
}

// refuses is a checkpoint that has to be refused, by which nothing becomes newer. The history of the stand is still
// signed.
func (s *stand) refuses(what string, c ledger.Checkpoint, prove signer.Prove, want string) {
	s.Helper()
	before := s.newest()
	err := s.signs(c, prove)
	if fault.Of(err).Code != fault.Ledger || !strings.Contains(err.Error(), want) || fault.Of(err).Hint == "" {
		s.Errorf("%s: got %v, want %q", what, err, want)
	}
	if got := s.newest(); got != before {
		s.Errorf("%s: the newest is %+v, want %+v", what, got, before)
	}
}

// says sends bytes to the socket, and returns what comes back.
func (s *stand) says(text string) string {
	s.Helper()
	c, err := net.Dial("unix", s.socket)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, text) // it may have been refused before its end
	_ = c.(*net.UnixConn).CloseWrite()
	b, _ := io.ReadAll(c) // what was read until then
	return string(b)
}

func TestG11_a_history_that_grows_is_signed_also_after_a_new_start(t *testing.T) {
	s, h := stands(t), written(t, 20, 20)
	for _, size := range []int64{0, 1, 2, 2, 7, 8, 20} {
		s.grows(h, size)
		if got := s.newest(); got != h.at(t, size) {
			t.Errorf("the state is %+v, want %d leaves", got, size)
		}
		s.end()
		s.starts()
	}
	for _, size := range []int64{0, 1, 7, 8, 19} { // a server may ask for one that others have left behind
		s.grows(h, size)
		if got := s.newest(); got.Size != 20 {
			t.Errorf("after one of %d leaves the state is of %d", size, got.Size)
		}
	}
}

func TestG11_another_history_is_not_signed_whatever_its_size(t *testing.T) {
	s, h, forged := stands(t), written(t, 20, 20), written(t, 20, 5)
	none := ledger.Checkpoint{Origin: name, Root: tlog.Hash{1}}
	s.refuses("an empty one that is not empty, at first", none, h.prove, "no proof that a ledger of 0 leaves")
	s.grows(h, 8)
	for what, size := range map[string]int64{"longer": 12, "as long": 8, "shorter": 7} {
		s.refuses(what, forged.at(t, size), forged.prove, "no proof that a ledger of")
		s.refuses(what+", with the proof of the other", forged.at(t, size), h.prove, "no proof that a ledger of")
	}
	s.refuses("an empty one that is not empty", none, h.prove,
		"no proof that a ledger of 8 leaves begins with one of 0")
	if err := s.signs(forged.at(t, 5), h.prove); err != nil { // with that both begin
		t.Error(err)
	}
	s.grows(h, 12)
}

func TestG11_a_proof_is_of_the_two_sizes_and_no_other(t *testing.T) {
	s, h := stands(t), written(t, 20, 20)
	s.grows(h, 6)
	for what, prove := range map[string]signer.Prove{
		"none":            func(int64, int64) ([]tlog.Hash, error) { return nil, nil },
		"of another size": func(_, size int64) ([]tlog.Hash, error) { return h.prove(5, size) },
		"with a hash more": func(from, size int64) ([]tlog.Hash, error) {
			p, err := h.prove(from, size)
			return append(p, tlog.Hash{}), err
		},
		"with a hash less": func(from, size int64) ([]tlog.Hash, error) {
			p, err := h.prove(from, size)
			return p[:max(0, len(p)-1)], err
		},
	} {
		s.refuses(what, h.at(t, 13), prove, "no proof that a ledger of 13 leaves begins with one of 6")
	}
	s.grows(h, 13)
}

func TestG11_a_checkpoint_of_another_ledger_is_not_signed(t *testing.T) {
	s, h := stands(t), written(t, 9, 9)
	s.grows(h, 3)
	for _, origin := range []string{name + "/2", "other.example/ledger", name + " "} {
		c := h.at(t, 5)
		c.Origin = origin
		if text := s.says("old 3\n" + proofLines(t, h, 3, 5) + "\n" + c.Text()); !strings.HasPrefix(text,
			"E_LEDGER the checkpoint is of ") {
			t.Errorf("%q: got %q", origin, text)
		}
	}
	c := h.at(t, 5)
	c.Origin = name + "/2"
	s.refuses("an origin that nobody has begun", c, h.prove,
		`the checkpoint is of "sallyport.example/ledger/2", and "sallyport.example/ledger" is signed here`)
	if text := s.says("old 3\n" + proofLines(t, h, 3, 5) + "\n" + h.at(t, 5).Text()); !strings.HasPrefix(text,
		"— "+name) {
		t.Errorf("of its own: got %q", text)
	}
}

func proofLines(t *testing.T, h history, from, size int64) (text string) {
	t.Helper()
	proof, err := h.prove(from, size)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range proof {
		text += x.String() + "\n"
	}
	return text
}

func TestG11_a_proof_from_another_size_than_the_newest_is_answered_with_the_newest(t *testing.T) {
	s, h := stands(t), written(t, 9, 9)
	s.grows(h, 4)
	for _, old := range []int64{0, 3, 5} {
		if text := s.says("old " + strconv.FormatInt(old, 10) + "\n\n" + h.at(t, 6).Text()); text != "old 4\n" {
			t.Errorf("from %d: got %q", old, text)
		}
	}
	if text := s.says("old 4\n" + proofLines(t, h, 4, 6) + "\n" + h.at(t, 6).Text()); !strings.HasPrefix(text,
		"— ") || s.newest().Size != 6 {
		t.Errorf("from 4: got %q", text)
	}
}

func TestG11_what_could_not_be_kept_is_not_signed(t *testing.T) {
	s, h := stands(t), written(t, 9, 9)
	s.grows(h, 2)
	kept, err := os.ReadFile(s.state)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []func(string) error{os.Remove, func(path string) error { return os.Mkdir(path, 0o700) }} {
		if err := f(s.state); err != nil {
			t.Fatal(err)
		}
	}
	err = s.signs(h.at(t, 5), h.prove)
	if f := fault.Of(err); f.Code != fault.NotAvailable || f.Kind != fault.Unavailable ||
		!strings.Contains(err.Error(), "the state was not kept") {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(s.state); err != nil {
		t.Fatal(err)
	}
	s.write(string(kept))
	s.grows(h, 5)
}

func TestG11_a_signer_that_has_forgotten_what_it_signed_does_not_start(t *testing.T) {
	s, h := stands(t), written(t, 9, 9)
	s.grows(h, 2)
	s.end()
	good, err := os.ReadFile(s.state)
	if err != nil {
		t.Fatal(err)
	}
	stranger := stands(t)
	stranger.grows(h, 3)
	foreign, err := os.ReadFile(stranger.state)
	if err != nil {
		t.Fatal(err)
	}
	opens := func() error {
		p, err := signer.Open(s.private, s.state, slog.New(slog.DiscardHandler))
		if err == nil {
			p.Close()
		}
		return err
	}
	for what, x := range map[string]struct {
		state string
		want  fault.Code
	}{
		"it is empty": {"", fault.Ledger}, "another key has signed it": {string(foreign), fault.Ledger},
		"it was changed": {strings.Replace(string(good), "\n2\n", "\n1\n", 1),
			fault.Ledger}, "it is unsigned": {h.at(t, 1).Text() + "\n", fault.Ledger},
		"it is too long": {strings.Repeat(string(good), 100), fault.Config},
	} {
		s.write(x.state)
		if err := opens(); fault.Of(err).Code != x.want || fault.Of(err).Hint == "" {
			t.Errorf("%s: got %v, want %s", what, err, x.want)
		}
	}
	if err := os.Remove(s.state); err != nil {
		t.Fatal(err)
	}
	if err := opens(); fault.Of(err).Code != fault.Config || !strings.Contains(err.Error(), "there is no state") {
		t.Errorf("without one: got %v", err)
	}
	s.write(string(good))
	if err := opens(); err != nil {
		t.Errorf("with its own: %v", err)
	}
}

func TestG11_a_state_is_of_one_signer_at_a_time(t *testing.T) {
	s := stands(t)
	_, err := signer.Open(s.private, s.state, slog.New(slog.DiscardHandler))
	if fault.Of(err).Code != fault.Config || !strings.Contains(err.Error(), "another signer has") {
		t.Errorf("got %v", err)
	}
	s.end()
	s.starts()
}

func TestG11_an_answer_that_the_public_key_does_not_verify_is_none(t *testing.T) {
	s, stranger, h := stands(t), stands(t), written(t, 9, 9)
	c := h.at(t, 3)
	_, err := signer.NewSocket(stranger.socket, s.public).Sign(t.Context(), c, h.prove)
	if fault.Of(err).Code != fault.Ledger || !strings.Contains(err.Error(), "signed by none of the keys") {
		t.Errorf("of another key: got %v", err)
	}
	if _, err := signer.NewSocket(s.socket, s.public).Sign(t.Context(), c, h.prove); err != nil {
		t.Errorf("of its own: %v", err)
	}
	for answer, want := range map[string]fault.Code{"": fault.NotAvailable, "yes\n": fault.InternalError,
		"old 0\n": fault.InternalError, "old -1\n": fault.InternalError, "— \n": fault.Ledger,
		"E_MALFORMED x\n": fault.InternalError, "E_LEDGER x\n": fault.Ledger} {
		path := filepath.Join(t.TempDir(), "socket")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, c)
				_, _ = io.WriteString(c, answer)
				_ = c.Close()
			}
		}()
		if _, err := signer.NewSocket(path, s.public).Sign(t.Context(), c, h.prove); fault.Of(err).Code != want {
			t.Errorf("%q: got %v, want %s", answer, err, want)
		}
		_ = l.Close()
	}
	if _, err := signer.NewSocket(filepath.Join(t.TempDir(), "none"), s.public).Sign(t.Context(), c,
		h.prove); fault.Of(err).Kind != fault.Unavailable {
		t.Errorf("nobody listens: got %v", err)
	}
}

func TestG11_what_is_no_request_is_refused_and_holds_nobody_up(t *testing.T) {
	s, h := stands(t), written(t, 9, 9)
	c := h.at(t, 3).Text()
	hash := proofLines(t, h, 3, 4)
	hash = hash[:strings.Index(hash, "\n")+1]
	for text, want := range map[string]string{
		"":                         "E_MALFORMED a request without an empty line",
		"old 0\n":                  "E_MALFORMED a request without an empty line",
		"\n\n" + c:                 "E_MALFORMED a request that begins with",
		"old 00\n\n" + c:           "E_MALFORMED a request that begins with",
		"old -1\n\n" + c:           "E_MALFORMED a request that begins with",
		"old 0\nxyz\n\n" + c:       "E_MALFORMED a hash",
		"old 0\n\n":                "E_MALFORMED a request about no checkpoint",
		"old 0\n\n" + c + "more\n": "E_MALFORMED a request about no checkpoint",
		"old 0\n\n" + name + "\n9223372036854775807\n" + hash: "E_MALFORMED a request about no checkpoint",
		"old 0\n" + strings.Repeat(hash, 64) + "\n" + c:       "E_MALFORMED a proof of 64 hashes, want 63 at most",
		"old 0\n" + strings.Repeat(hash, 1000) + "\n" + c:     "E_LIMIT a request of more than 8192 bytes",
	} {
		if got := s.says(text); !strings.HasPrefix(got, want) {
			t.Errorf("%q: got %q, want %q", text[:min(len(text), 80)], got, want)
		}
	}
	for range 16 { // they say nothing, and take all places
		c, err := net.Dial("unix", s.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
	}
	begun := time.Now()
	s.grows(h, 3)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// Two servers that know nothing of each other ask at once, at sizes that go up and down.
func TestG11_servers_that_ask_at_once_all_get_what_they_ask_for(t *testing.T) {
	s, h := stands(t), written(t, 200, 200)
	var all sync.WaitGroup
	for range 4 {
		server := signer.NewSocket(s.socket, s.public)
		all.Go(func() {
			for range 60 {
				size := rand.Int64N(201)
				text, err := server.Sign(context.Background(), h.at(t, size), h.prove)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := ledger.Open(text, []string{s.public}); err != nil || got.Size != size {
					t.Errorf("got %+v, %v; want %d leaves", got, err, size)
				}
			}
		})
	}
	all.Wait()
}

func TestG11_the_socket_is_open_to_its_user_and_to_the_group_that_the_umask_leaves(t *testing.T) {
	dir := t.TempDir()
	for mask, want := range map[int]os.FileMode{0o022: 0o640, 0o077: 0o600, 0o007: 0o660, 0: 0o660} {
		path := filepath.Join(dir, strconv.Itoa(mask))
		before := syscall.Umask(mask)
		l, err := signer.Listen(path)
		if now := syscall.Umask(before); now != mask {
			t.Errorf("the umask is %o, want %o", now, mask)
		}
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("umask %o: the socket is %v, %v; want %o", mask, info.Mode(), err, want)
		}
		if _, err := signer.Listen(path); err == nil ||
			!strings.Contains(err.Error(), "another process listens there") {
			t.Errorf("a second one: got %v", err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false) // as after a power cut
		_ = l.Close()
		if l, err = signer.Listen(path); err != nil {
			t.Fatalf("after one that was killed: %v", err)
		}
		_ = l.Close()
	}
	plain := filepath.Join(dir, "file")
	if err := os.WriteFile(plain, []byte("of somebody"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Listen(plain); err == nil {
		t.Error("a file was taken for a socket that is left")
	}
	if b, err := os.ReadFile(plain); err != nil || string(b) != "of somebody" {
		t.Errorf("it holds %q, %v", b, err)
	}
}

// A server alone is never told another size, and asks once.
func TestG11_a_checkpoint_costs_one_request(t *testing.T) {
	s, h := stands(t), written(t, 50, 50)
	path := filepath.Join(t.TempDir(), "between")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var asked atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			text, _ := io.ReadAll(c) // what there is
			_, _ = io.WriteString(c, s.says(string(text)))
			_ = c.Close()
		}
	}()
	server := signer.NewSocket(path, s.public)
	for size := int64(1); size <= 50; size++ {
		if _, err := server.Sign(t.Context(), h.at(t, size), h.prove); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n != 50 {
		t.Errorf("50 checkpoints took %d requests", n)
	}
}
