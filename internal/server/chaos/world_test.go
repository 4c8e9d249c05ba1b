package chaos_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/pgtest"
)

// stepped says that the server is built with a clock that a test can step. It takes minutes to build, once.
var stepped = os.Getenv("CHAOS_CLOCK") != ""

// programs is a directory of the programs that the tests run: that of SALLYPORT_PROGRAMS, or one that is made.
var programs = os.Getenv("SALLYPORT_PROGRAMS")

func TestMain(m *testing.M) {
	if made := programs == "" || stepped; made {
		var err error
		if programs, err = os.MkdirTemp("", "sallyport-chaos-"); err == nil {
			err = build()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		defer func() { _ = os.RemoveAll(programs) }()
	}
	labtest.Main(m)
}

func build() error {
	flags := map[string][]string{}
	if stepped {
		overlay, err := clock(programs)
		if err != nil {
			return err
		}
		flags["sallyport-server"] = []string{"-overlay", overlay}
	}
	for name, dir := range map[string]string{"sallyport": "../../..", "sallyport-server": "../sallyport-server"} {
		if err := labtest.Build(filepath.Join(programs, name), dir, ".", flags[name]...); err != nil {
			return err
		}
	}
	return nil
}

// A lane is a repository with runs that have signed. Seeds use it one after another: the platform forgets it between
// them, and what was signed stays.
type lane struct {
	lab  *labtest.Lab
	repo string
	id   int

	mu      sync.Mutex
	bundles map[int64]string // that were signed
}

// What the runs of a lane have signed. The others have signed nothing.
const (
	good   = 6  // runs 1 to 6: by the workflow that the policy names
	others = 8  // runs 7 and 8: by another workflow
	runs   = 10 // runs 9 and 10: nothing
)

func newLane(t testing.TB, number int) *lane {
	t.Helper()
	l := &lane{lab: labtest.Shared(t), repo: fmt.Sprintf("acme/lane%d", number), id: 880_000 + number,
		bundles: map[int64]string{}}
	l.clear(t)
	return l
}

// signed makes what the runs of a lane sign, two at a time. Without it a run signs at its first push.
func (l *lane) signed(t testing.TB) *lane {
	t.Helper()
	var all sync.WaitGroup
	places := make(chan struct{}, 2)
	for run := int64(1); run <= others; run++ {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			if _, err := l.bundle(t, run); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return l
}

// bundle is what a run has signed. The first call for a run makes it sign.
func (l *lane) bundle(t testing.TB, run int64) (string, error) {
	l.mu.Lock()
	b, is := l.bundles[run]
	l.mu.Unlock()
	if is {
		return b, nil
	}
	b, err := l.signs(t, run)
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.bundles[run] = b
	}
	return b, err
}

// clear makes the repository anew at the platform.
func (l *lane) clear(t testing.TB) {
	t.Helper()
	path := "/github/repos/" + l.repo
	l.lab.Set(t, path, map[string]any{"id": l.id, "owner_id": 4242})
	l.lab.Unset(t, path)
	l.lab.Set(t, path, map[string]any{"id": l.id, "owner_id": 4242,
		"unprotected": []string{"production"}})
	l.lab.Set(t, path+"/environments/production", map[string]any{"can_admins_bypass": false})
	l.lab.Set(t, path+"/files", map[string]any{"commit": commit,
		"files": map[string]string{".github/workflows/release.yml": labtest.Workflow}})
	for run := int64(1); run <= runs; run++ {
		l.lab.Set(t, fmt.Sprintf("%s/runs/%d", path, run),
			map[string]any{"status": "in_progress", "conclusion": nil, "head_sha": commit})
	}
}

const commit = "9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"

func (l *lane) claims(run int64) map[string]any {
	c := map[string]any{"repository": l.repo, "repository_id": strconv.Itoa(l.id),
		"run_id": strconv.FormatInt(run, 10), "run_attempt": "1"}
	if run > good {
		c["job_workflow_ref"] = l.repo + "/.github/workflows/other.yml@refs/heads/main"
	}
	return c
}

// signs makes provenance of a file in a run, by the command that jobs use.
func (l *lane) signs(t testing.TB, run int64) (string, error) {
	job := l.lab.As(t, "github", l.claims(run))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "app"), fmt.Appendf(nil, "built by run %d", run), 0o600); err != nil {
		return "", err
	}
	c := exec.Command(filepath.Join(programs, "sallyport"), "attest", "--signing-config",
		l.lab.Env["SALLYPORT_SIGNING_CONFIG"], "--trusted-root", l.lab.Env["SALLYPORT_TRUSTED_ROOT"], "--authority",
		l.lab.Env["SALLYPORT_LAB_AUTHORITY"], "--store", "dir:kept", "app")
	for _, name := range []string{"SALLYPORT_SIGNING_CONFIG", "SALLYPORT_TRUSTED_ROOT", "SALLYPORT_AUTHORITY"} {
		job[name] = ""
	}
	c.Dir, c.Env = dir, l.lab.Environ(dir, job)
	if out, err := c.CombinedOutput(); err != nil {
		_, said, _ := strings.Cut(string(out), "sallyport: ") // not the masks before it
		return "", fmt.Errorf("attest: %w\n%s", err, said)
	}
	files, _ := filepath.Glob(filepath.Join(dir, ".sallyport/bundles/*.json")) // the pattern is good
	if len(files) != 1 {
		return "", fmt.Errorf("run %d has signed %d bundles, want 1", run, len(files))
	}
	b, err := os.ReadFile(files[0])
	return string(b), err
}

// A world is a platform, servers, and what lies between them.
type world struct {
	testing.TB
	*lane
	app     *labtest.App
	dir     string
	api     *front // between the servers and the platform
	door    *front // between the platform, and those who push, and the servers
	pg      *pgtest.Server
	servers []*server
	key     string // of the ledger, to verify
	turn    atomic.Int64
}

const (
	reader     = "reads-the-ledger-of-this-test"
	policyText = `version: 1
artifacts:
  app:
    subject: ["app"]
    trust: {root: trusted_root.json, sha256: %[3]x}
    built-by:
      - issuer: https://token.actions.githubusercontent.com
        repository: %[1]s
        repository-id: %[2]d
        workflow: .github/workflows/release.yml
        refs: [refs/heads/main]
environments:
  production:
    requires:
      provenance: {max-age: 7d}
`
)

// newWorld makes servers, and starts none. Without a PostgreSQL there is one, with a file of its own.
func newWorld(t testing.TB, l *lane, pg *pgtest.Server, servers int, missing time.Duration) *world {
	t.Helper()
	l.clear(t)
	w := &world{TB: t, lane: l, dir: t.TempDir(), pg: pg}
	w.api = newFront(t, func() string { return l.lab.GitHub })
	w.door = newFront(t, w.someServer)
	w.app = l.lab.App(t, w.door.URL+"/hooks/github", l.repo)
	w.app.Guards(t, l.repo, "production")
	root, err := os.ReadFile(filepath.Join(l.lab.Dir, "trusted_root.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"trusted_root.json": string(root), "app.pem": string(w.app.Key),
		"webhook.secret": w.app.Secret, "read.token": reader,
		"policy.yaml": fmt.Sprintf(policyText, l.repo, l.id, sha256.Sum256(root))} {
		w.write(name, text)
	}
	out, err := exec.Command(filepath.Join(programs, "sallyport-server"), "key", "--name",
		"sallyport.example/ledger", "--out", filepath.Join(w.dir, "ledger.key")).Output()
	if err != nil {
		t.Fatal(err)
	}
	w.key = strings.TrimSpace(string(out))
	database := "sqlite:" + filepath.Join(w.dir, "server.db")
	if pg != nil {
		if _, err := pg.Database("chaos"); err != nil {
			t.Fatal(err)
		}
	}
	l.lab.Set(t, "/github/repos/"+l.repo+"/files", map[string]any{"commit": commit, "files": map[string]string{
		".github/workflows/release.yml": strings.ReplaceAll(labtest.Workflow, "SERVER", w.door.URL)}})
	for n := range servers {
		s := &server{world: w, number: n, port: labtest.FreePort(t)}
		if pg != nil {
			s.wire = newWire(t, filepath.Join(pg.Dir, ".s.PGSQL.5432"))
			database = s.wire.url("chaos")
		}
		w.write(s.config(), fmt.Sprintf(`version: 1
url: %s
listen: 127.0.0.1:%s
database: %q
missing-evidence: %s
ledger: {name: sallyport.example/ledger, key: ledger.key, read-token: read.token}
platforms:
  - {host: https://github.com, api: %s/api/v3, app: %s, key: app.pem, webhook-secret: webhook.secret}
policies:
  - {file: policy.yaml, repositories: [%d]}
`, w.door.URL, s.port, database, missing, w.api.URL, w.app.ClientID, l.id))
		w.servers = append(w.servers, s)
	}
	return w
}

func (w *world) write(name, text string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}

// someServer is the address of each server in turn, whether it is up or not: that is what balancers do at first.
func (w *world) someServer() string {
	n := int(w.turn.Add(1)) % len(w.servers)
	return "http://127.0.0.1:" + w.servers[n].port
}

// A server is one process, which is started again when it ends by itself.
type server struct {
	*world
	number int
	port   string
	wire   *wire // nil: the database is a file
	log    labtest.Log

	mu   sync.Mutex
	up   bool // it is meant to be
	cmd  *exec.Cmd
	ends sync.WaitGroup
}

func (s *server) config() string { return fmt.Sprintf("server%d.yaml", s.number) }

// step is the file that says how far the clock of this server is off.
func (s *server) step() string { return filepath.Join(s.dir, fmt.Sprintf("step%d", s.number)) }

// starts runs the process, and runs it again whenever it ends by itself, as a service manager does.
func (s *server) starts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.up {
		return
	}
	s.up = true
	s.ends.Go(func() {
		runtime.LockOSThread() // the processes end with the thread that started them
		for s.once() {
			time.Sleep(200 * time.Millisecond)
		}
	})
}

// once runs the process until it ends, and reports whether it is still meant to be up.
func (s *server) once() bool {
	c := exec.Command(filepath.Join(programs, "sallyport-server"), "--config", filepath.Join(s.dir, s.config()))
	c.Env = s.lab.Environ(s.dir, map[string]string{"CLOCK_STEP": s.step()})
	c.Stderr, c.SysProcAttr = &s.log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.mu.Lock()
	if !s.up {
		s.mu.Unlock()
		return false
	}
	err := c.Start()
	s.cmd = c
	s.mu.Unlock()
	if err == nil {
		_ = c.Wait()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up
}

// kill is a power cut of one server.
func (s *server) kill() {
	s.mu.Lock()
	s.up = false
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
	}
	s.mu.Unlock()
	s.ends.Wait()
}

// signal sends one to the process, if there is one.
func (s *server) signal(x syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(x) // it may have ended
	}
}

// disk bounds how long a file may become that the process writes: a full disk, as the process sees it.
func (s *server) disk(most uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil || s.cmd.Process == nil {
		return nil
	}
	limit := syscall.Rlimit{Cur: most, Max: ^uint64(0)}
	_, _, err := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(s.cmd.Process.Pid), syscall.RLIMIT_FSIZE,
		uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if err != 0 && err != syscall.ESRCH {
		return err
	}
	return nil
}

func (s *server) ready() bool {
	resp, err := http.Get("http://127.0.0.1:" + s.port + "/readyz")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// start starts every server, and waits until all are ready.
func (w *world) start() {
	w.Helper()
	w.Cleanup(func() {
		for _, s := range w.servers {
			s.kill()
			if w.Failed() {
				w.Logf("server %d said:\n%s", s.number, s.log.String())
			}
		}
	})
	for _, s := range w.servers {
		s.starts()
	}
	w.until(30*time.Second, "all servers are ready", func() bool {
		for _, s := range w.servers {
			if !s.ready() {
				return false
			}
		}
		return true
	})
}

// until waits for something that has to become true.
func (w *world) until(most time.Duration, what string, is func() bool) {
	w.Helper()
	for end := time.Now().Add(most); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("it does not become true in %v that %s", most, what)
		}
	}
}

// reaches lets a run come to production. The platform names the place to answer at as the servers reach it.
func (w *world) reaches(run int64, how string) labtest.Reached {
	w.Helper()
	callback := fmt.Sprintf("%s/api/v3/repos/%s/actions/runs/%d/deployment_protection_rule", w.api.URL, w.repo, run)
	return w.lab.Waits(w, w.repo, run, "production", map[string]any{"how": how, "delay_ms": 1000,
		"fields": map[string]any{"deployment_callback_url": callback}})
}

// pushes hands the bundle of a run over once, with a token of its own.
func (w *world) pushes(run int64) (status int, said string, err error) {
	w.Helper()
	return w.pushesWith(run, w.lab.GitHubToken(w, w.door.URL, w.claims(run)))
}

func (w *world) pushesWith(run int64, token string) (status int, said string, err error) {
	bundle, err := w.bundle(w, run)
	if err != nil {
		w.Fatal(err)
	}
	body := strings.NewReader(`{"bundles":[` + bundle + `]}`)
	req, err := http.NewRequest(http.MethodPost, w.door.URL+"/v1/evidence", body)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := patient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// patient asks servers that may be paused or gone.
var patient = &http.Client{Timeout: 15 * time.Second}

// answer is what the platform took of a run: approved, rejected or "", and for which deployments.
func (w *world) answers(run int64) (all []labtest.Answer) {
	w.Helper()
	for _, a := range w.lab.Answers(w, w.repo, run) {
		if a.State != "" {
			all = append(all, a)
		}
	}
	return all
}

// fetch reads one address of a server.
func (s *server) fetch(path string) (string, error) {
	req, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:"+s.port+path, http.NoBody)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+reader)
	resp, err := patient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return string(b), err
}

// leaves is the ledger, verified as anybody would, with checkpoints that were kept.
func (w *world) leaves(kept ...string) []ledger.Leaf {
	w.Helper()
	all, err := w.read(kept...)
	if err != nil {
		w.Fatal(err)
	}
	return all
}

// read is the same while something is failing.
func (w *world) read(kept ...string) (all []ledger.Leaf, err error) {
	text, err := w.servers[0].fetch("/v1/ledger/export")
	if err != nil {
		return nil, fmt.Errorf("the export: %w", err)
	}
	if _, err := ledger.Verify(strings.NewReader(text), []string{w.key}, kept...); err != nil {
		return nil, fmt.Errorf("the ledger does not verify: %w", err)
	}
	for line := range strings.Lines(text) {
		if l, err := ledger.ParseLeaf([]byte(strings.TrimSuffix(line, "\n"))); err == nil {
			all = append(all, l)
		}
	}
	return all, nil
}
