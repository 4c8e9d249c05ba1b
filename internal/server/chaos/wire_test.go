package chaos_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// A wire lies between one server and PostgreSQL. It can lose what is asked, what is answered, or one commit.
type wire struct {
	l  net.Listener
	to string // socket of PostgreSQL

	mu    sync.Mutex
	fate  fate
	ends  map[net.Conn]bool // of both sides
	next  fate              // of the next commit whose transaction holds what
	what  string
	ended chan struct{} // closed when that commit came
}

func newWire(t testing.TB, socket string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{l: l, to: socket, fate: passes, ends: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { w.joins(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		w.becomes(lost)
		all.Wait()
	})
	return w
}

// url is the database, as a server reaches it over the wire.
func (w *wire) url(database string) string {
	_, port, _ := net.SplitHostPort(w.l.Addr().String())
	return "host=127.0.0.1 port=" + port + " user=sallyport dbname=" + database + " sslmode=disable"
}

// becomes changes what the wire does. A connection that has lost bytes is of no use, so all are cut.
func (w *wire) becomes(f fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fate = f
	if f == passes || f == lost {
		for c := range w.ends {
			_ = c.Close()
		}
	}
}

// arm says what happens to the next commit of a transaction in which a statement holds a text. The channel is closed
// when that commit came.
func (w *wire) arm(f fate, statement string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next, w.what, w.ended = f, statement, make(chan struct{})
	return w.ended
}

// commits says what becomes of a commit after these statements.
func (w *wire) commits(statements string) fate {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == "" || !strings.Contains(statements, w.what) {
		return passes
	}
	f := w.next
	w.next = ""
	close(w.ended)
	return f
}

func (w *wire) is() fate {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fate
}

func (w *wire) holds(c net.Conn, held bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if held {
		w.ends[c] = true
	} else {
		delete(w.ends, c)
	}
}

func (w *wire) joins(client net.Conn) {
	defer func() { _ = client.Close() }()
	if w.is() == lost {
		return
	}
	server, err := net.Dial("unix", w.to)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	for _, c := range []net.Conn{client, server} {
		w.holds(c, true)
		defer w.holds(c, false)
	}
	x := &talk{wire: w, client: client, server: server, sql: map[string]string{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		x.answers()
		_ = client.Close()
	}()
	x.asks()
	_ = server.Close()
	<-done
}

// A talk is one connection: what the client has asked since its transaction began.
type talk struct {
	*wire
	client, server net.Conn
	sql            map[string]string // of prepared statements, by name
	since          strings.Builder

	swallow sync.Mutex
	no      bool // no answer comes any more
}

// answers carries what PostgreSQL answers.
func (x *talk) answers() {
	b := make([]byte, 64<<10)
	for {
		n, err := x.server.Read(b)
		x.swallow.Lock()
		no := x.no
		x.swallow.Unlock()
		if err != nil || no {
			return // where the answer to a commit is lost, it was committed
		}
		if x.is() == unanswered {
			continue
		}
		if _, err := x.client.Write(b[:n]); err != nil {
			return
		}
	}
}

// asks carries what the client asks, message by message
// (PostgreSQL, "Frontend/Backend Protocol", "Message Formats").
func (x *talk) asks() {
	const head, kind = 4, 1
	r := bufio.NewReader(x.client)
	for first := true; ; first = false {
		front := kind
		if first {
			front = 0 // the first message has no kind
		}
		m, err := r.Peek(front + head)
		if err != nil {
			return
		}
		m = make([]byte, front+int(binary.BigEndian.Uint32(m[front:])))
		if _, err := io.ReadFull(r, m); err != nil {
			return
		}
		if x.is() == slow { // here: it is never carried
			continue
		}
		f := passes
		if !first {
			f = x.reads(m[0], m[front+head:])
		}
		if f == lost {
			return
		}
		if f == unanswered {
			x.swallow.Lock()
			x.no = true
			x.swallow.Unlock()
		}
		if _, err := x.server.Write(m); err != nil {
			return
		}
	}
}

// reads notes which statements are run, and says what becomes of a commit.
func (x *talk) reads(kind byte, m []byte) fate {
	texts := bytes.Split(m, []byte{0})
	switch kind {
	case 'P':
		x.sql[string(texts[0])] = string(texts[1])
	case 'B':
		x.since.WriteString(x.sql[string(texts[1])] + "\n")
	case 'Q':
		text := string(texts[0])
		if strings.HasPrefix(text, "begin") {
			x.since.Reset()
		}
		if text == "commit" {
			return x.commits(x.since.String())
		}
	}
	return passes
}
