//go:build load

package chaos_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/server/pgtest"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
)

// A table is what was measured, line by line.
type table struct{ lines [][4]string }

func (x *table) add(what, measured, against, aim string) {
	x.lines = append(x.lines, [4]string{what, measured, against, aim})
}

// print writes the table for people, and for docs/server-capacity.md.
func (x *table) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\tmeasured\tagainst, in the same run\taim")
	for _, l := range x.lines {
		fmt.Fprintln(t, strings.Join(l[:], "\t"))
	}
	_ = t.Flush() // it writes to the test's output
}

// An echo answers for the platform from what the lab's toy has answered before, after a while that a test sets. The
// toy itself would be what is measured.
type echo struct {
	to      string
	pause   atomic.Int64 // nanoseconds
	answers atomic.Int64 // that were taken
	asked   atomic.Int64

	mu   sync.Mutex
	said map[string]saved
}

type saved struct {
	status int
	header http.Header
	body   []byte
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.asked.Add(1)
	time.Sleep(time.Duration(e.pause.Load()))
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if strings.HasSuffix(r.URL.Path, "/deployment_protection_rule") {
		if bytes.Contains(body, []byte(`"state"`)) {
			e.answers.Add(1)
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	key := r.Method + " " + r.URL.RequestURI()
	e.mu.Lock()
	x, is := e.said[key]
	e.mu.Unlock()
	if !is {
		req, err := http.NewRequest(r.Method, e.to+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			return
		}
		req.Header = r.Header.Clone()
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			return
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			return
		}
		x = saved{resp.StatusCode, resp.Header, b}
		x.header.Del("Content-Length")
		e.mu.Lock()
		e.said[key] = x
		e.mu.Unlock()
	}
	for name, values := range x.header {
		w.Header()[name] = values
	}
	w.WriteHeader(x.status)
	_, _ = w.Write(x.body) // the client may be gone
}

// A yard is a world whose platform is an echo.
type yard struct {
	*world
	echo *echo
	ids  atomic.Int64
}

func newYard(t *testing.T, l *lane, pg *pgtest.Server, servers int) *yard {
	t.Helper()
	w := newWorld(t, l, pg, servers, 10*time.Minute)
	y := &yard{world: w, echo: &echo{to: l.lab.GitHub, said: map[string]saved{}}}
	y.ids.Store(1_000_000)
	w.api.Config.Handler = y.echo
	w.start()
	w.mustPush(1)
	w.reaches(1, "once")
	w.until(bound, "the first one is decided", func() bool { return y.echo.answers.Load() == 1 })
	y.echo.answers.Store(0)
	y.echo.asked.Store(0)
	return y
}

var fast = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}

// delivers hands one event to a server, and returns how long that took.
func (y *yard) delivers(server int, event, body string) time.Duration {
	m := hmac.New(sha256.New, []byte(y.app.Secret))
	m.Write([]byte(body))
	address := "http://127.0.0.1:" + y.servers[server].port + "/hooks/github"
	req, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		y.Error(err)
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", event)
	req.Header.Set("X-GitHub-Delivery", fmt.Sprintf("load-%d", y.ids.Add(1)))
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(m.Sum(nil)))
	began := time.Now()
	resp, err := fast.Do(req)
	if err != nil {
		y.Error(err)
		return 0
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		y.Errorf("a delivery: %s", resp.Status)
	}
	return time.Since(began)
}

func (y *yard) asks(server int) time.Duration {
	const event = "deployment_protection_rule"
	return y.delivers(server, event, fmt.Sprintf(`{"action":"requested","environment":"production",`+
		`"deployment_callback_url":"%s/api/v3/repos/%s/actions/runs/1/deployment_protection_rule",`+
		`"deployment":{"id":%d,"sha":%q,"ref":"main"},"installation":{"id":%d},`+
		`"repository":{"id":%d,"full_name":%q,"owner":{"id":4242}},"more":%q}`, y.api.URL, y.repo, y.ids.Add(1), commit,
		y.app.Installation, y.id, y.repo, strings.Repeat("x", 7000)))
}

func (y *yard) tells(server int) time.Duration {
	const event = "deployment_status"
	return y.delivers(server, event, fmt.Sprintf(`{"action":"created","deployment_status":{"state":"waiting"},`+
		`"deployment":{"id":%d,"sha":%q,"ref":"main","environment":"production"},`+
		`"workflow_run":{"id":1,"run_attempt":1},`+
		`"repository":{"id":%d,"full_name":%q,"owner":{"id":4242}},"more":%q}`, y.ids.Add(1), commit, y.id, y.repo,
		strings.Repeat("x", 7000)))
}

// rate does something so many times a second, whatever it takes, and returns how long each took, sorted.
func rate(each func() time.Duration, perSecond int, length time.Duration) []time.Duration {
	var mu sync.Mutex
	var all sync.WaitGroup
	var took []time.Duration
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for end := time.Now().Add(length); time.Now().Before(end); <-tick.C {
		all.Go(func() {
			x := each()
			mu.Lock()
			defer mu.Unlock()
			took = append(took, x)
		})
	}
	all.Wait()
	slices.Sort(took)
	return took
}

// decided hands over n questions to all servers at once, and returns how many a second are answered.
func (y *yard) decided(n int) float64 {
	y.echo.answers.Store(0)
	began := time.Now()
	var all sync.WaitGroup
	places := make(chan struct{}, 16)
	for i := range n {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			y.asks(i % len(y.servers))
		})
	}
	all.Wait()
	y.until(5*time.Minute, "all are answered", func() bool { return y.echo.answers.Load() >= int64(n) })
	return float64(n) / time.Since(began).Seconds()
}

func (s *server) memory() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid)) // 0 where there is none
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	kb, _ := strconv.ParseFloat(strings.Fields(rest + " 0")[0], 64)
	return kb / 1000
}

// busy is how long the server's process has had a processor.
func (s *server) busy() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid)) // 0 where there is none
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest + strings.Repeat(" 0", 13))
	user, _ := strconv.Atoi(f[11]) // proc(5): utime and stime, in ticks of a hundredth of a second
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// size is how many bytes the database has.
func (y *yard) size() float64 {
	if y.pg == nil {
		var sum int64
		for _, more := range []string{"", "-wal"} {
			if i, err := os.Stat(filepath.Join(y.dir, "server.db"+more)); err == nil {
				sum += i.Size()
			}
		}
		return float64(sum)
	}
	s, err := keep.Open(y.Context(), y.pg.URL("chaos"))
	if err != nil {
		y.Fatal(err)
	}
	defer s.Close()
	var n int64
	if err := s.DB.QueryRow("select pg_database_size('chaos')").Scan(&n); err != nil {
		y.Fatal(err)
	}
	return float64(n)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }

func load() string {
	b, _ := os.ReadFile("/proc/loadavg") // it is there on Linux
	one, _, _ := strings.Cut(string(b), " ")
	return one
}

func TestLoad(t *testing.T) {
	length := time.Minute
	if text := os.Getenv("LOAD_MINUTES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		length = time.Duration(n) * time.Minute
	}
	var x table
	before := load()
	l := newLane(t, 61).signed(t)
	servers(t, l, &x, length)
	units(t, l, &x)
	fmt.Printf("\n%s/%s, %s, %d processors, load %s before and %s after\n\n", runtime.GOOS, runtime.GOARCH,
		runtime.Version(), runtime.NumCPU(), before, load())
	x.print(os.Stdout)
}

// servers are what they do, on each database.
func servers(t *testing.T, l *lane, x *table, length time.Duration) {
	for _, kind := range []string{"SQLite", "PostgreSQL"} {
		var pg *pgtest.Server
		if kind == "PostgreSQL" {
			var err error
			if pg, err = pgtest.Start(true); err != nil {
				t.Fatal(err)
			}
		}
		func() {
			y := newYard(t, l, pg, 1)
			if pg != nil {
				defer pg.Stop()
			}
			defer y.servers[0].kill()
			const perSecond, calm = 200, 10 * time.Second
			rate(func() time.Duration { return y.tells(0) }, perSecond, time.Second) // connections
			told := rate(func() time.Duration { return y.tells(0) }, perSecond, calm)
			x.add(kind+": webhooks at 200/s that ask nothing, accepted", "p50 "+ms(told[len(told)/2])+", p99 "+
				ms(told[len(told)*99/100]), fmt.Sprintf("%d of them", len(told)), "p99 <= 50 ms")
			was := y.size()
			const n = 500
			y.echo.asked.Store(0)
			worked := y.servers[0].busy()
			perSec := y.decided(n)
			each := (y.servers[0].busy() - worked) / n
			x.add(kind+": decisions with cached evidence", fmt.Sprintf("%.0f/s", perSec),
				fmt.Sprintf("%.1f questions to the platform each", float64(y.echo.asked.Load())/n), ">= 100/s")
			x.add(kind+": processor time of the server for a decision", ms(each),
				fmt.Sprintf("%.0f/s on one processor", 1/each.Seconds()), "-")
			x.add(kind+": bytes of a decision, with its job, event and leaves",
				fmt.Sprintf("%.1f kB", (y.size()-was)/n/1000), "-", "-")
			y.echo.asked.Store(0)
			y.reaches(9, "once") // it has no evidence
			const minute = 4     // of a quarter
			time.Sleep(time.Minute / minute)
			x.add(kind+": questions a minute about one deployment that waits for evidence", strconv.FormatInt(
				y.echo.asked.Load()*minute, 10), "-", "-")
			slow := perSec / 2
			asked := rate(func() time.Duration { return y.asks(0) }, max(1, int(slow)), calm)
			x.add(kind+": webhooks that ask, at half that rate, accepted", "p50 "+ms(asked[len(asked)/2])+
				", p99 "+ms(asked[len(asked)*99/100]), fmt.Sprintf("%d/s, decided at once", int(slow)), "-")
			first := y.servers[0].memory()
			rate(func() time.Duration { return y.tells(0) }, perSecond, length/2)
			middle := y.servers[0].memory()
			rate(func() time.Duration { return y.tells(0) }, perSecond, length/2)
			x.add(kind+": memory of the server under 200 webhooks/s", fmt.Sprintf("%.0f MB", y.servers[0].memory()),
				fmt.Sprintf("%.0f MB at the start, %.0f MB after %v", first, middle, length/2), "flat")
		}()
	}
	var one float64
	for n := 1; n <= 2; n++ {
		pg, err := pgtest.Start(true)
		if err != nil {
			t.Fatal(err)
		}
		func() {
			y := newYard(t, l, pg, n)
			defer pg.Stop()
			defer func() {
				for _, s := range y.servers {
					s.kill()
				}
			}()
			y.decided(2 * n) // tokens
			y.echo.pause.Store(int64(200 * time.Millisecond))
			got := y.decided(150)
			if n == 1 {
				one = got
				return
			}
			x.add("PostgreSQL: two servers against one, platform answers after 200 ms", fmt.Sprintf("%.1f/s", got),
				fmt.Sprintf("one %.1f/s, ratio %.2f", one, got/one), ">= 1.8")
		}()
	}
}

// units are what one thing costs.
func units(t *testing.T, l *lane, x *table) {
	root, err := os.ReadFile(filepath.Join(l.lab.Dir, "trusted_root.json"))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Appendf(nil, policyText, l.repo, l.id, sha256.Sum256(root))
	p, err := policy.Read(text, "policy.yaml", forges.Words())
	if err != nil {
		t.Fatal(err)
	}
	trust := &gate.Trust{File: "policy.yaml", Beside: func(string, int64) ([]byte, error) { return root, nil },
		Require: func(string) sigstore.Requirements { return sigstore.Requirements{} }}
	began := time.Now()
	const bundles = 500
	for range bundles {
		verifiers, _, err := trust.Of(p)
		if err != nil {
			t.Fatal(err)
		}
		b, err := sigstore.ParseBundle([]byte(l.bundles[1]))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range verifiers {
			if _, err := v.Verify(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	each := time.Since(began) / bundles
	x.add("bytes of one bundle", fmt.Sprintf("%.1f kB", float64(len(l.bundles[1]))/1000), "kept as it is", "-")
	x.add("one bundle that is pushed, verified", ms(each), fmt.Sprintf("%.0f/s on one processor", 1/each.Seconds()),
		"-")
	const leaves, batch = 5000, 50
	for _, kind := range []string{"SQLite", "PostgreSQL"} {
		database := "sqlite:" + filepath.Join(t.TempDir(), "server.db")
		if kind == "PostgreSQL" {
			pg, err := pgtest.Start(true)
			if err != nil {
				t.Fatal(err)
			}
			defer pg.Stop()
			if database, err = pg.Database("leaves"); err != nil {
				t.Fatal(err)
			}
		}
		s, err := keep.Open(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		perSecond := func(batch, leaves int) float64 {
			began := time.Now()
			for range leaves / batch {
				err := s.Write(t.Context(), func(tx *keep.Tx) error {
					for range batch {
						if _, err := tx.Append(someLeaf(1)); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			return float64(leaves) / time.Since(began).Seconds()
		}
		many, single := perSecond(batch, leaves), perSecond(1, leaves/10)
		if s.PostgreSQL() {
			var size float64
			if err := s.DB.QueryRow("select pg_database_size('leaves')").Scan(&size); err != nil {
				t.Fatal(err)
			}
			x.add("PostgreSQL: bytes of a leaf, with its hashes", fmt.Sprintf("%.2f kB", size/(leaves+leaves/10)/1000),
				"with an empty database of 8 MB", "-")
		}
		x.add(kind+": leaves of pushes, 50 in a transaction", fmt.Sprintf("%.0f/s", many),
			fmt.Sprintf("one in a transaction %.0f/s", single), ">= 1,000/s")
		s.Close()
	}
	x.add(million(t))
}

func someLeaf(i int) ledger.Leaf {
	return ledger.Leaf{Kind: ledger.Attested, At: time.Unix(int64(i), 0), Host: "https://github.com", Owner: "1",
		Repository: strconv.Itoa(1 + i%1000), Name: "acme/app", About: ledger.About{Run: strconv.Itoa(i), Attempt: 1,
			Subjects: []string{"sha256:" + strings.Repeat("0", 64)}}}
}

// million is the offline check of an export with a million leaves.
func million(t *testing.T) (what, measured, against, aim string) {
	signing, key, err := note.GenerateKey(rand.Reader, "sallyport.example/load")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(signing)
	if err != nil {
		t.Fatal(err)
	}
	const leaves = 1_000_000
	var export bytes.Buffer
	var tree ledger.Tree
	for i := range leaves {
		line, err := someLeaf(i).Bytes(make([]byte, 16))
		if err != nil {
			t.Fatal(err)
		}
		tree.AddLeaf(line)
		export.Write(append(line, '\n'))
	}
	text, err := ledger.Checkpoint{Size: leaves, Root: tree.Root()}.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	export.Write(ledger.LastLine(text))
	size := export.Len()
	began := time.Now()
	if _, err := ledger.Verify(&export, []string{key}); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	return "a million leaves, verified offline", fmt.Sprintf("%.2f s", took.Seconds()),
		fmt.Sprintf("%.0f MB, %.0f bytes a leaf", float64(size)/1e6, float64(size)/leaves), "<= 5 s"
}
