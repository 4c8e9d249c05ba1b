package serve_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/pgtest"
	"github.com/sallyport-dev/sallyport/internal/server/serve"
)

var (
	postgres *pgtest.Server
	programs = os.Getenv("SALLYPORT_PROGRAMS") // directory of the two programs, which is made where it is none
)

func TestMain(m *testing.M) {
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	labtest.Main(m)
	postgres.Stop()
	if programs != os.Getenv("SALLYPORT_PROGRAMS") {
		_ = os.RemoveAll(programs)
	}
}

func prepare() (err error) {
	if postgres, err = pgtest.Start(false); err != nil || programs != "" {
		return err
	}
	if programs, err = os.MkdirTemp("", "sallyport-programs-"); err != nil {
		return err
	}
	for name, dir := range map[string]string{"sallyport": "../../..", "sallyport-server": "../sallyport-server"} {
		if err := labtest.Build(filepath.Join(programs, name), dir, "."); err != nil {
			return err
		}
	}
	return nil
}

// A world is one repository on the lab, and the servers that answer for it.
type world struct {
	*testing.T
	lab      *labtest.Lab
	app      *labtest.App
	repo     string
	id       uint32
	dir      string // of the configuration
	url      string
	key      string // of the ledger, to verify
	database string
	port     string
	missing  string
}

var databases atomic.Int64

// worlds runs a test once on each database. missing is how long evidence may be missing.
func worlds(t *testing.T, missing string, f func(w *world)) {
	t.Helper()
	pg, err := postgres.Database("s" + strconv.FormatInt(databases.Add(1), 10))
	if err != nil {
		t.Fatal(err)
	}
	for kind, database := range map[string]string{"SQLite": "", "PostgreSQL": pg} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			f(newWorld(t, database, missing))
		})
	}
}

func newWorld(t *testing.T, database, missing string) *world {
	t.Helper()
	h := fnv.New32a()
	_, _ = h.Write([]byte(t.Name())) // it never fails
	w := &world{T: t, lab: labtest.Shared(t), repo: fmt.Sprintf("acme/w%d", h.Sum32()),
		id: h.Sum32()%1_000_000 + 1000, dir: t.TempDir(), database: database, missing: missing}
	if w.database == "" {
		w.database = "sqlite:" + filepath.Join(w.dir, "server.db")
	}
	w.lab.Set(t, "/github/repos/"+w.repo, map[string]any{"id": w.id, "owner_id": 4242,
		"protected": []string{"production", "staging"}})
	w.port = labtest.FreePort(t)
	w.url = "http://127.0.0.1:" + w.port
	w.workflow(deploying)
	w.app = w.lab.App(t, w.url+"/hooks/github", w.repo)
	w.app.Guards(t, w.repo, "production")
	w.configure()
	return w
}

func (w *world) write(name, text string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}

const deploying = labtest.Workflow

// workflow is the workflow file of the commit.
func (w *world) workflow(text string) { w.workflowAt(commit, text) }

// workflowAt is that of a commit.
func (w *world) workflowAt(sha, text string) {
	w.Helper()
	w.lab.Set(w, "/github/repos/"+w.repo+"/files", map[string]any{"commit": sha,
		"files": map[string]string{".github/workflows/release.yml": strings.ReplaceAll(text, "SERVER", w.url)}})
}

const policyText = `version: 1
artifacts:
  app:
    subject: ["app", "dist/**"]
    trust: {root: trusted_root.json, sha256: %[3]x}
    built-by:
      - issuer: https://token.actions.githubusercontent.com
        repository: %[1]s
        repository-id: %[2]d
        workflow: .github/workflows/release.yml
        refs: [refs/heads/main]
environments:
  staging:
    requires:
      provenance: {max-age: 7d}
  production:
    requires:
      provenance: {max-age: 7d}
`

func (w *world) configure() {
	w.Helper()
	root, err := os.ReadFile(filepath.Join(w.lab.Dir, "trusted_root.json"))
	if err != nil {
		w.Fatal(err)
	}
	w.write("trusted_root.json", string(root))
	w.write("policy.yaml", fmt.Sprintf(policyText, w.repo, w.id, sha256.Sum256(root)))
	w.write("app.pem", string(w.app.Key))
	w.write("webhook.secret", w.app.Secret)
	w.write("read.token", "reads-the-ledger-of-this-test")
	out, err := exec.Command(filepath.Join(programs, "sallyport-server"), "key", "--name",
		"sallyport.example/ledger", "--out", filepath.Join(w.dir, "ledger.key")).Output()
	if err != nil {
		w.Fatal(err)
	}
	w.key = strings.TrimSpace(string(out))
	w.write("server.yaml", fmt.Sprintf(`version: 1
url: %s
listen: 127.0.0.1:%s
database: %q
missing-evidence: %s
ledger: {name: sallyport.example/ledger, key: ledger.key, read-token: read.token}
platforms:
  - {host: https://github.com, api: %s/api/v3, app: %s, key: app.pem, webhook-secret: webhook.secret}
policies:
  - {file: policy.yaml, repositories: [%d]}
`, w.url, w.port, w.database, w.missing, w.lab.Env["SALLYPORT_LAB_GITHUB"], w.app.ClientID, w.id))
}

// environment is that of a program on this machine, by which it reaches the lab.
func (w *world) environment(more map[string]string) []string {
	return w.lab.Environ(w.dir, more)
}

// A process is one server.
type process struct {
	cmd *exec.Cmd
	log labtest.Log
}

// starts starts a server, and waits until it is ready.
func (w *world) starts() *process {
	w.Helper()
	p := &process{}
	p.cmd = exec.Command(filepath.Join(programs, "sallyport-server"), "--config", filepath.Join(w.dir, "server.yaml"))
	p.cmd.Env, p.cmd.Stderr = w.environment(nil), &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		p.kill()
		text := p.log.String()
		if w.Failed() {
			w.Logf("the server said:\n%s", text)
		}
		for _, secret := range []string{w.app.Secret, "reads-the-ledger", "ghs_", "PRIVATE KEY", "eyJ"} {
			if strings.Contains(text, secret) {
				w.Errorf("a secret is in the log: %q", secret)
			}
		}
	})
	w.until("the server is ready", func() bool {
		resp, err := http.Get(w.url + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

// kill is a power cut of one server.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// until waits for something that has to become true.
func (w *world) until(what string, is func() bool) {
	w.Helper()
	for end := time.Now().Add(60 * time.Second); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("it does not become true that %s", what)
		}
	}
}

// run makes a run at the platform that has not ended.
func (w *world) run(run int64) { w.runWith(run, nil) }

// runWith makes one of which more is said.
func (w *world) runWith(run int64, more map[string]any) {
	w.Helper()
	said := map[string]any{"status": "in_progress", "conclusion": nil, "head_sha": commit}
	maps.Copy(said, more)
	w.lab.Set(w, fmt.Sprintf("/github/repos/%s/runs/%d", w.repo, run), said)
}

const commit = "9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"

// attests signs provenance of a file in a run, and pushes it to a server. It returns what it printed and the bundle.
func (w *world) attests(run int64, server string, more map[string]any) (said, bundle string) {
	w.Helper()
	dir := w.TempDir()
	said = w.job(dir, run, server, more, "attest", "app")
	files, err := filepath.Glob(filepath.Join(dir, ".sallyport/bundles/*.json"))
	if err != nil || len(files) != 1 {
		w.Fatalf("%d bundles, %v", len(files), err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		w.Fatal(err)
	}
	return said, string(b)
}

// job runs a command that signs in a job of a run, which has built a file app. It returns what it printed.
func (w *world) job(dir string, run int64, server string, more map[string]any, args ...string) string {
	w.Helper()
	if app := filepath.Join(dir, "app"); !exists(app) {
		if err := os.WriteFile(app, []byte("built by run "+strconv.FormatInt(run, 10)), 0o600); err != nil {
			w.Fatal(err)
		}
	}
	args = slices.Insert(slices.Clone(args), 1, w.signing()...)
	if args[0] != "failed" {
		args = slices.Insert(args, 1, "--store", "dir:kept")
	}
	if server != "" {
		args = slices.Insert(args, 1, "--server", server)
	}
	return w.inJob(dir, run, more, args...)
}

// inJob runs a command in a job of a run.
func (w *world) inJob(dir string, run int64, more map[string]any, args ...string) string {
	w.Helper()
	claims := map[string]any{"repository": w.repo, "repository_id": fmt.Sprint(w.id),
		"run_id": strconv.FormatInt(run, 10), "run_attempt": "1"}
	maps.Copy(claims, more)
	job := w.lab.As(w, "github", claims)
	c := exec.Command(filepath.Join(programs, "sallyport"), args...)
	c.Dir = dir
	for _, name := range []string{"SALLYPORT_SIGNING_CONFIG", "SALLYPORT_TRUSTED_ROOT", "SALLYPORT_AUTHORITY"} {
		job[name] = ""
	}
	c.Env = w.environment(job)
	out, err := c.CombinedOutput()
	if err != nil {
		_, said, _ := strings.Cut(string(out), "sallyport: ") // not the masks before it
		w.Fatalf("%s: %v\n%s", args[0], err, said)
	}
	return string(out)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// signing are the arguments by which a program signs at the lab.
func (w *world) signing() []string {
	return []string{"--signing-config", w.lab.Env["SALLYPORT_SIGNING_CONFIG"], "--trusted-root",
		w.lab.Env["SALLYPORT_TRUSTED_ROOT"], "--authority", w.lab.Env["SALLYPORT_LAB_AUTHORITY"]}
}

// answer is what the platform was told of a run in the end: approved, rejected, or "".
func (w *world) answer(run int64) (state, comment string) {
	w.Helper()
	for _, a := range w.lab.Answers(w, w.repo, run) {
		if a.State != "" {
			if state != "" {
				w.Errorf("run %d was answered twice", run)
			}
			state, comment = a.State, a.Comment
		}
	}
	return state, comment
}

func (w *world) answered(run int64, want string) string {
	w.Helper()
	var state, comment string
	w.until(fmt.Sprintf("run %d is answered", run), func() bool { state, comment = w.answer(run); return state != "" })
	if state != want {
		w.Errorf("run %d is %s: %s; want %s", run, state, comment, want)
	}
	return comment
}

func (w *world) get(path, token string) (int, string) {
	w.Helper()
	return w.asks(http.MethodGet, path, token, http.NoBody)
}

// asks sends one request, and returns the status and what was said.
func (w *world) asks(method, path, token string, body io.Reader) (int, string) {
	w.Helper()
	req, err := http.NewRequest(method, w.url+path, body)
	if err != nil {
		w.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// ledger is the whole ledger, verified as anybody would.
func (w *world) ledger(kept ...string) ledger.Summary {
	w.Helper()
	status, text := w.get("/v1/ledger/export", "reads-the-ledger-of-this-test")
	if status != http.StatusOK {
		w.Fatalf("the export: status %d", status)
	}
	s, err := ledger.Verify(strings.NewReader(text), []string{w.key}, kept...)
	if err != nil {
		w.Fatal(err)
	}
	return s
}

func TestG04_the_platform_asks_and_is_answered(t *testing.T) {
	t.Parallel()
	worlds(t, "6s", func(w *world) {
		w.starts()
		w.run(11)
		w.run(12)
		if out, _ := w.attests(11, w.url, nil); !strings.Contains(out,
			"pushed    1 bundle to "+w.url+", 1 of them new") {
			w.Errorf("attest says\n%s", out)
		}
		for _, run := range []int64{11, 12} {
			if r := w.lab.Waits(w, w.repo, run, "production", nil); r.Deliveries[0].Status != http.StatusAccepted {
				w.Fatalf("run %d: the webhook answered %d", run, r.Deliveries[0].Status)
			}
		}
		comment := w.answered(11, "approved")
		at := strings.Index(comment, "/v1/decisions/")
		if at < 0 {
			w.Fatalf("no link in %q", comment)
		}
		status, verdict := w.get(comment[at:], "")
		var said struct {
			Outcome    string
			Judgements []struct{ Subject struct{ Name string } } `json:"subjects"`
		}
		if err := json.Unmarshal([]byte(verdict), &said); err != nil || status != http.StatusOK ||
			said.Outcome != "allow" || said.Judgements[0].Subject.Name != "app" {
			w.Errorf("the verdict: status %d, %+v, %v", status, said, err)
		}
		if status, _ := w.get("/v1/decisions/00000000000000000000000000000000", ""); status != http.StatusNotFound {
			w.Errorf("a decision that is not there: status %d", status)
		}
		comment = w.answered(12, "rejected") // after the time for missing evidence
		if !strings.Contains(comment, "E_EVIDENCE_MISSING: the run has pushed no evidence") ||
			!strings.Contains(comment, "server: "+w.url) {
			w.Errorf("the reason is %q", comment)
		}
		notes := slices.DeleteFunc(w.lab.Answers(w, w.repo, 12), func(a labtest.Answer) bool { return a.State != "" })
		if len(notes) != 1 || !strings.HasPrefix(notes[0].Comment, "waiting: ") {
			w.Errorf("notes %+v, want one that says what is waited for", notes)
		}
		w.until("both answers are in the ledger", func() bool { return w.ledger().Kinds[ledger.Answered] == 2 })
		s := w.ledger()
		if s.Kinds[ledger.Attested] != 1 || s.Kinds[ledger.Judged] != 2 || s.Kinds[ledger.Answered] != 2 ||
			s.Kinds[ledger.Started] != 1 {
			w.Errorf("the ledger has %v", s.Kinds)
		}
		if status, _ := w.get("/v1/ledger/export", "guessed"); status != http.StatusNotFound {
			w.Errorf("the ledger for a stranger: status %d", status)
		}
	})
}

func TestG04_evidence_that_comes_late_is_waited_for(t *testing.T) {
	t.Parallel()
	worlds(t, "10m", func(w *world) {
		w.starts()
		w.run(21)
		w.lab.Waits(w, w.repo, 21, "production", nil)
		w.until("the platform has a note", func() bool { return len(w.lab.Answers(w, w.repo, 21)) > 0 })
		w.attests(21, w.url, nil)
		w.answered(21, "approved")
	})
}

func TestJ02_a_delivery_that_comes_again_is_one_question(t *testing.T) {
	t.Parallel()
	worlds(t, "10m", func(w *world) {
		w.starts()
		w.run(31)
		w.attests(31, w.url, nil)
		w.lab.Waits(w, w.repo, 31, "production", map[string]any{"how": "twice"})
		w.answered(31, "approved")
		w.until("it is in the ledger", func() bool { return w.ledger().Kinds[ledger.Answered] == 1 })
		if s := w.ledger(); s.Kinds[ledger.Judged] != 1 {
			w.Errorf("the ledger has %v", s.Kinds)
		}
	})
}

func TestJ08_a_server_that_is_killed_loses_nothing(t *testing.T) {
	t.Parallel()
	worlds(t, "10m", func(w *world) {
		first := w.starts()
		w.run(41)
		w.attests(41, w.url, nil)
		_, kept := w.get("/v1/ledger/checkpoint", "")
		w.lab.Waits(w, w.repo, 41, "production", nil)
		first.kill() // perhaps before, perhaps after the answer
		w.starts()
		w.answered(41, "approved")
		w.until("it is in the ledger", func() bool { return w.ledger(kept).Kinds[ledger.Answered] == 1 })
	})
}

// push hands bundles over.
func (w *world) push(token string, bundles ...string) (int, string) {
	w.Helper()
	return w.asks(http.MethodPost, "/v1/evidence", token,
		strings.NewReader(`{"bundles":[`+strings.Join(bundles, ",")+`]}`))
}

// token is one of a run for the server.
func (w *world) token(run int64, more map[string]any) string {
	w.Helper()
	claims := map[string]any{"repository": w.repo, "repository_id": fmt.Sprint(w.id),
		"run_id": strconv.FormatInt(run, 10), "run_attempt": "1"}
	maps.Copy(claims, more)
	return w.lab.GitHubToken(w, w.url, claims)
}

func TestE13_a_run_pushes_what_it_signed_itself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	w.starts()
	w.run(51)
	_, bundle := w.attests(51, "", nil)
	_, later := w.attests(51, "", map[string]any{"run_attempt": "2"})
	_, named := w.attests(51, "", map[string]any{"repository_id": "1"}) // it had the name before
	once := w.token(51, nil)
	for _, x := range []struct {
		what, token, bundle string
		status              int
		want                string
	}{
		{"no token", "", bundle, http.StatusUnauthorized, "E_AUTHN"},
		{"a token for Sigstore", w.lab.GitHubToken(t, "sigstore", nil), bundle, http.StatusUnauthorized, "E_AUTHN"},
		{"a token that nobody signed", once[:len(once)-5] + "AAAAA", bundle, http.StatusUnauthorized, "E_AUTHN"},
		{"an earlier attempt", w.token(51, nil), later, http.StatusUnprocessableEntity, "E_IDENTITY"},
		{"another run", w.token(52, nil), bundle, http.StatusUnprocessableEntity, "E_IDENTITY"},
		{"another repository", w.token(51, map[string]any{"repository_id": "1", "repository": "acme/other"}),
			bundle, http.StatusUnprocessableEntity, "E_POLICY"},
		{"a repository that had the name before", w.token(51, nil), named, http.StatusUnprocessableEntity,
			"E_IDENTITY"},
		{"its own number and another name", w.token(51, map[string]any{"repository": "acme/other"}), bundle,
			http.StatusUnprocessableEntity, "E_IDENTITY"},
		{"a bundle that was changed", w.token(51, nil), strings.Replace(bundle, `"payload":"e`, `"payload":"f`, 1),
			http.StatusUnprocessableEntity, "E_"},
		{"no bundle", w.token(51, nil), "7", http.StatusUnprocessableEntity, "E_MALFORMED"},
		{"the run itself", once, bundle, http.StatusOK, `"kept":1`},
		{"the same token again", once, bundle, http.StatusUnauthorized, "E_AUTHN"},
		{"the same bundle again", w.token(51, nil), bundle, http.StatusOK, `"kept":0`},
	} {
		if status, said := w.push(x.token, x.bundle); status != x.status || !strings.Contains(said, x.want) {
			t.Errorf("%s: status %d, %s; want %d and %s", x.what, status, said, x.status, x.want)
		}
	}
	if s := w.ledger(); s.Kinds[ledger.Attested] != 1 {
		t.Errorf("the ledger has %v", s.Kinds)
	}
}

func TestJ08_of_two_servers_one_is_killed_and_the_other_answers(t *testing.T) {
	t.Parallel()
	url, err := postgres.Database("s" + strconv.FormatInt(databases.Add(1), 10))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, url, "10m")
	first := w.starts()
	other := *w
	other.dir = t.TempDir()
	for _, name := range []string{"trusted_root.json", "policy.yaml", "app.pem", "webhook.secret", "read.token",
		"ledger.key", "server.yaml"} {
		b, err := os.ReadFile(filepath.Join(w.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		other.write(name, string(b))
	}
	other.moves()
	other.starts()
	for run := int64(61); run < 65; run++ {
		w.run(run)
		w.attests(run, w.url, nil)
	}
	for run := int64(61); run < 65; run++ {
		w.lab.Waits(t, w.repo, run, "production", nil)
	}
	first.kill()
	for run := int64(61); run < 65; run++ {
		w.answered(run, "approved")
	}
	other.until("all is in the ledger", func() bool { return other.ledger().Kinds[ledger.Answered] == 4 })
	if s := other.ledger(); s.Kinds[ledger.Started] != 2 || s.Kinds[ledger.Judged] < 4 {
		t.Errorf("the ledger has %v", s.Kinds)
	}
}

// moves gives a server another port. Its address for tokens stays that of the first.
func (w *world) moves() {
	w.Helper()
	port := labtest.FreePort(w)
	b, err := os.ReadFile(filepath.Join(w.dir, "server.yaml"))
	if err != nil {
		w.Fatal(err)
	}
	w.write("server.yaml", strings.Replace(string(b), "listen: 127.0.0.1:"+w.port, "listen: 127.0.0.1:"+port, 1))
	w.port, w.url = port, "http://127.0.0.1:"+port
}

func TestJ08_a_delivery_that_was_lost_is_asked_for_again(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	w.run(71)
	if r := w.lab.Waits(t, w.repo, 71, "production", map[string]any{"how": "lost"}); len(r.Deliveries) != 1 ||
		r.Deliveries[0].Status == http.StatusAccepted {
		t.Fatalf("deliveries %+v", r.Deliveries)
	}
	w.starts() // it looks for what it missed
	w.attests(71, w.url, nil)
	w.answered(71, "approved")
}

func TestG04_a_deployment_that_began_without_an_approval_is_written_down(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	p := w.starts()
	w.run(91)
	w.attests(91, w.url, nil)
	approved := w.lab.Waits(t, w.repo, 91, "production", nil).Deployment
	w.answered(91, "approved")
	became := func(id int64, state string) map[string]any {
		return map[string]any{"id": id, "environment": "production", "sha": commit, "ref": "main",
			"statuses": []map[string]any{{"state": state}}}
	}
	w.run(92)
	w.lab.Set(t, "/github/repos/"+w.repo+"/deployments", []map[string]any{became(approved, "in_progress"),
		became(77, "in_progress"), became(79, "pending")})
	began := func(id, run int64, environment, state string) map[string]any {
		return map[string]any{"action": "created", "deployment_status": map[string]any{"state": state},
			"deployment":   map[string]any{"id": id, "sha": commit, "ref": "main", "environment": environment},
			"installation": map[string]any{"id": w.app.Installation},
			"workflow_run": map[string]any{"id": run, "run_attempt": 1},
			"repository":   map[string]any{"id": w.id, "full_name": w.repo, "owner": map[string]any{"id": 4242}}}
	}
	for _, body := range []map[string]any{
		began(approved, 91, "production", "in_progress"), // as it should be
		began(77, 92, "Production", "in_progress"),       // nobody asked
		began(77, 92, "production", "success"),           // the same
		began(78, 92, "elsewhere", "in_progress"),        // no environment of the policy
		began(79, 92, "production", "in_progress"),       // it has not begun: that is a word of the delivery alone
		began(80, 92, "production", "in_progress"),       // there is none
		began(81, 92, "production", "waiting"),           // it has not begun
	} {
		w.app.Deliver(t, "deployment_status", body, nil)
	}
	w.until("what began is in the ledger", func() bool { return w.ledger().Kinds[ledger.Bypassed] > 0 })
	w.until("the others were looked at", func() bool {
		return strings.Contains(p.log.String(), `"deployment":79,"code"`) &&
			strings.Contains(p.log.String(), `"deployment":80,"code"`)
	})
	if s := w.ledger(); s.Kinds[ledger.Bypassed] != 1 || s.Kinds[ledger.Answered] != 1 {
		t.Errorf("the ledger has %v", s.Kinds)
	}
	if !strings.Contains(p.log.String(), "a deployment began without an approval") {
		t.Error("nothing is in the log")
	}
}

func TestG04_what_no_policy_names_is_rejected_at_once(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	w.lab.Set(t, "/github/repos/"+w.repo, map[string]any{"id": w.id, "owner_id": 4242,
		"protected": []string{"production", "other"}})
	w.app.Guards(t, w.repo, "other")
	w.starts()
	w.run(95)
	w.lab.Waits(t, w.repo, 95, "other", nil)
	if comment := w.answered(95, "rejected"); !strings.Contains(comment, `no environment "other"`) {
		t.Errorf("the reason is %q", comment)
	}
}

// What an earlier run has left on a runner is pushed beside what is this run's: that is kept, and the other is refused.
func TestE13_a_bundle_of_another_run_takes_no_good_one_with_it(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	w.starts()
	_, left := w.attests(53, "", nil)
	_, own := w.attests(54, "", nil)
	w.run(54)
	status, said := w.push(w.token(54, nil), left, own)
	if status != http.StatusUnprocessableEntity || !strings.Contains(said, `"kept":1`) ||
		!strings.Contains(said, "E_IDENTITY") {
		t.Errorf("status %d, %s", status, said)
	}
	w.lab.Waits(t, w.repo, 54, "production", nil)
	w.answered(54, "approved")
}

func TestE13_a_run_that_has_ended_pushes_nothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	w.starts()
	for run, x := range map[int64]struct {
		as     map[string]any
		status int
		want   string
	}{
		56: {map[string]any{"status": "completed", "conclusion": "success"}, http.StatusUnprocessableEntity,
			"E_BUILD_STATE"},
		57: {map[string]any{"run_attempt": 2}, http.StatusUnprocessableEntity, "E_BUILD_STATE"}, // it was started again
		58: {map[string]any{"run_attempt": 1}, http.StatusOK, `"kept":1`},
		59: {map[string]any{"status": "waiting"}, http.StatusOK, `"kept":1`}, // another job of it waits
	} {
		_, bundle := w.attests(run, "", nil)
		w.runWith(run, x.as)
		if status, said := w.push(w.token(run, nil), bundle); status != x.status || !strings.Contains(said, x.want) {
			t.Errorf("run %d, %v: status %d, %s; want %d and %s", run, x.as, status, said, x.status, x.want)
		}
	}
	if s := w.ledger(); s.Kinds[ledger.Attested] != 2 {
		t.Errorf("the ledger has %v", s.Kinds)
	}
}

func TestJ10_slow_strangers_hold_nobody_up(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	w.starts()
	for range 200 {
		c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		fmt.Fprintf(c, "POST /hooks/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n"+
			"X-Hub-Signature-256: sha256=%064d\r\n\r\n{", 0)
	}
	w.run(55)
	w.attests(55, w.url, nil)
	if r := w.lab.Waits(t, w.repo, 55, "production", nil); r.Deliveries[0].Status != http.StatusAccepted {
		t.Errorf("the webhook answered %d", r.Deliveries[0].Status)
	}
	w.answered(55, "approved")
}

func TestO02_without_a_token_that_reads_it_the_ledger_is_read_by_nobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	text, err := os.ReadFile(filepath.Join(w.dir, "server.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w.write("server.yaml", strings.Replace(string(text), ", read-token: read.token", "", 1))
	w.starts()
	for _, token := range []string{"", "reads-the-ledger-of-this-test"} {
		req, err := http.NewRequest(http.MethodGet, w.url+"/v1/ledger/export", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("token %q: status %d", token, resp.StatusCode)
		}
	}
}

func TestE10_a_policy_names_no_file_outside_of_its_folder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	text, err := os.ReadFile(filepath.Join(w.dir, "policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(w.dir, "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(w.dir, "server.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w.write("below/policy.yaml", strings.Replace(string(text), "root: trusted_root.json",
		"root: ../trusted_root.json", 1))
	w.write("server.yaml", strings.Replace(string(config), "file: policy.yaml", "file: below/policy.yaml", 1))
	c := exec.Command(filepath.Join(programs, "sallyport-server"), "--config", filepath.Join(w.dir, "server.yaml"))
	c.Env = w.environment(nil)
	out, err := c.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "trusted_root.json") {
		t.Errorf("%v, %s", err, out)
	}
}

func TestG03_an_environment_that_is_watched_is_approved_and_says_what_it_would_be(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "1s")
	b, err := os.ReadFile(filepath.Join(w.dir, "policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w.write("policy.yaml", strings.Replace(string(b), "  production:\n",
		fmt.Sprintf("  production:\n    mode: watch\n    since: %s\n    until: %s\n",
			time.Now().AddDate(0, 0, -2).Format(time.DateOnly),
			time.Now().AddDate(0, 0, 20).Format(time.DateOnly)), 1)+"      sbom: {generator: own}\n")
	w.starts()
	w.run(81)
	w.run(82) // which pushes nothing, so no verdict is reached
	w.attests(81, w.url, nil)
	w.lab.Waits(t, w.repo, 81, "production", nil)
	if comment := w.answered(81, "approved"); !strings.Contains(comment, "watch: would deny: E_") {
		t.Errorf("the note is %q", comment)
	}
	w.lab.Waits(t, w.repo, 82, "production", nil)
	if comment := w.answered(82, "rejected"); !strings.Contains(comment,
		"E_EVIDENCE_MISSING: the run has pushed no evidence") {
		t.Errorf("the note is %q", comment)
	}
	w.until("it is in the ledger", func() bool { return w.ledger().Kinds[ledger.Answered] == 2 })
	if s := w.ledger(); s.Kinds[ledger.WouldJudge] != 1 || s.Kinds[ledger.Judged] != 1 || s.Kinds[ledger.Policy] != 1 {
		t.Errorf("the ledger has %v", s.Kinds)
	}
}

func TestJ08_a_configuration_that_is_wrong_serves_nothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	good, err := os.ReadFile(filepath.Join(w.dir, "server.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ from, to, want string }{
		{"version: 1", "version: 2", `server.yaml:1:10: version "2", want 1`},
		{"listen: ", "listens: ", `has no key "listens"`},
		{"repositories: [", "repositories: [acme/app, ", "want a number"},
		{"policies:", "  - {host: https://github.com, app: a, key: app.pem, webhook-secret: webhook.secret}\npolicies:", "the platform https://github.com stands in line 8 already"},
		{"file: policy.yaml", "file: none.yaml", "/none.yaml\": no such file or directory"},
		{"app.pem", "webhook.secret", "the app's key is not in PEM"},
		{"name: sallyport.example/ledger", "name: other.example/ledger", "the ledger's key is not one of"},
	} {
		text := strings.Replace(string(good), x.from, x.to, 1)
		if text == string(good) {
			t.Fatalf("the configuration has no %q", x.from)
		}
		w.write("server.yaml", text)
		c := exec.Command(filepath.Join(programs, "sallyport-server"), "--config", filepath.Join(w.dir, "server.yaml"))
		c.Env = w.environment(nil)
		out, err := c.CombinedOutput()
		var ended *exec.ExitError
		if !errors.As(err, &ended) || ended.ExitCode() != 2 || !strings.Contains(string(out), x.want) {
			t.Errorf("%s: %v, %s; want status 2 and %q", x.to, err, out, x.want)
		}
	}
	w.write("server.yaml", strings.Replace(string(good), "file: policy.yaml",
		"file: policy.yaml, sha256: "+strings.Repeat("0", 64), 1))
	c := exec.Command(filepath.Join(programs, "sallyport-server"), "--config", filepath.Join(w.dir, "server.yaml"))
	c.Env = w.environment(nil)
	out, err := c.CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != 3 ||
		!strings.Contains(string(out), "and the configuration pins 000") {
		t.Errorf("a policy of another digest: %v, %s", err, out)
	}
	w.write("server.yaml", string(good))
	if err := os.Chmod(filepath.Join(w.dir, "webhook.secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	c = exec.Command(filepath.Join(programs, "sallyport-server"), "--config", filepath.Join(w.dir, "server.yaml"))
	if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), "may be read by others") {
		t.Errorf("a secret that others may read: %v, %s", err, out)
	}
}

// The page's configuration is read as it stands, and so are its other policies in the place of those.
func TestDocs_the_configurations_that_are_shown_are_read(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/server.md")
	if err != nil {
		t.Fatal(err)
	}
	whole, read := "", 0
	for _, part := range strings.Split(string(page), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(part, "```")
		switch {
		case strings.HasPrefix(text, "# server.yaml"):
			whole = text
		case strings.HasPrefix(text, "policies:\n"):
			before, _, is := strings.Cut(whole, "policies:\n")
			if !is {
				t.Fatal("the page shows no whole configuration before")
			}
			text = before + text
		default:
			continue
		}
		read++
		path := filepath.Join(t.TempDir(), "server.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := serve.ReadConfig(path); err != nil || len(c.Policies) == 0 || c.Missing != 10*time.Minute {
			t.Errorf("%s\n%+v, %v", text, c, err)
		}
	}
	if read < 3 {
		t.Errorf("%d configurations were read, want 3 or more", read)
	}
}
