// Package labtest runs the lab for tests: a private Sigstore, a registry and
// two toy platforms, in a process of its own.
//
// It is for tests alone, and it refuses to link the lab: the lab is built and
// run as the binary that people run, so that nothing of it can reach a test of
// the product except through its files and its addresses.
package labtest

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Lab is a running lab.
type Lab struct {
	Dir      string            // where trusted_root.json and signing_config.json are
	Env      map[string]string // the variables of lab.env
	Control  string            // address of the control API
	Registry string            // host:port
	GitHub   string            // address of the toy, without the API's path
	GitLab   string

	stop func() error
}

var shared struct {
	sync.Mutex
	lab *Lab
}

var binaryDir string

// Main runs the tests of a package and then stops the lab that they shared. It
// is what a TestMain calls; the result of m.Run reaches the exit code by itself.
func Main(m *testing.M) {
	m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.lab != nil {
		if err := shared.lab.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "labtest:", err)
		}
	}
	if binaryDir != "" {
		_ = os.RemoveAll(binaryDir)
	}
}

// Shared returns the lab that all tests of a package use, and starts it for
// the first. The package's TestMain must be Main. Tests keep apart by using
// repositories and projects of their own.
func Shared(t testing.TB) *Lab {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.lab == nil {
		l, err := start()
		if err != nil {
			t.Fatalf("starting the lab: %v", err)
		}
		shared.lab = l
	}
	return shared.lab
}

// Start starts a lab for one test, with arguments of sallyport-lab, and stops it
// after. The package's TestMain must be Main.
func Start(t testing.TB, args ...string) *Lab {
	t.Helper()
	l, err := start(args...)
	if err != nil {
		t.Fatalf("starting the lab: %v", err)
	}
	t.Cleanup(func() {
		if err := l.stop(); err != nil {
			t.Errorf("stopping the lab: %v", err)
		}
	})
	return l
}

// binary builds the lab, once in each test binary. SALLYPORT_LAB_BINARY names
// one that was built before. Of several test binaries one compiles; the others
// wait and then only link, because Go's build cache has the packages.
var binary = sync.OnceValues(func() (string, error) {
	if b := os.Getenv("SALLYPORT_LAB_BINARY"); b != "" {
		return b, nil
	}
	dir, err := source()
	if err != nil {
		return "", err
	}
	if binaryDir, err = os.MkdirTemp("", "sallyport-labtest-"); err != nil {
		return "", err
	}
	// Any file that all builds of this tree share; go.mod is locked by Go itself.
	lock, err := os.Open(filepath.Join(dir, "sallyport-lab", "main.go"))
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("waiting for other builds of the lab: %w", err)
	}
	out := filepath.Join(binaryDir, "sallyport-lab")
	return out, Build(out, dir, "./sallyport-lab")
})

// source finds the lab's module above the working directory, which for a test
// is that of its package.
func source() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		lab := filepath.Join(dir, "internal", "lab")
		if _, err := os.Stat(filepath.Join(lab, "go.mod")); err == nil {
			return lab, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no internal/lab above the working directory")
		}
	}
}

// start runs a command inside the lab that waits for the end of its input. The
// lab stops when the command has ended, so it also stops when this process is
// killed.
func start(args ...string) (*Lab, error) {
	bin, err := binary()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sallyport-labtest-")
	if err != nil {
		return nil, err
	}
	var log bytes.Buffer
	cmd := exec.Command(bin, append(append([]string{"--dir", dir}, args...), "--", "sh", "-c", "echo ready; cat")...)
	cmd.Stderr = &log
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() error {
		_ = in.Close()
		err := cmd.Wait()
		_ = os.RemoveAll(dir)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, log.Bytes())
		}
		return nil
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		return nil, fmt.Errorf("the lab did not start: %w", stop())
	}
	l, err := read(dir)
	if err != nil {
		_ = stop()
		return nil, err
	}
	l.stop = stop
	return l, nil
}

func read(dir string) (*Lab, error) {
	b, err := os.ReadFile(filepath.Join(dir, "lab.env"))
	if err != nil {
		return nil, err
	}
	env := parse(string(b))
	return &Lab{
		Dir: dir, Env: env, Control: env["SALLYPORT_LAB"], Registry: env["SALLYPORT_LAB_REGISTRY"],
		GitHub: env["SALLYPORT_LAB_GITHUB"], GitLab: env["SALLYPORT_LAB_GITLAB"],
	}, nil
}

// parse reads NAME=value lines whose values are quoted for a shell.
func parse(s string) map[string]string {
	env := map[string]string{}
	for line := range strings.Lines(s) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok {
			continue
		}
		if len(value) >= 2 && value[0] == '\'' {
			value = strings.ReplaceAll(value[1:len(value)-1], `'\''`, "'")
		}
		env[name] = value
	}
	return env
}

// As returns the variables of a job on a runner ("github" or "gitlab") whose
// token has these claims laid over the usual ones; nil deletes a claim.
func (l *Lab) As(t testing.TB, runner string, claims map[string]any) map[string]string {
	t.Helper()
	q := url.Values{"as": {runner}}
	if claims != nil {
		q.Set("claims", encode(t, claims))
	}
	return parse(string(l.get(t, "/env?"+q.Encode(), "")))
}

// GitHubToken returns an ID token for audience, as GitHub's would be.
func (l *Lab) GitHubToken(t testing.TB, audience string, claims map[string]any) string {
	t.Helper()
	secret := l.As(t, "github", nil)["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
	q := url.Values{"audience": {audience}, "claims": {encode(t, claims)}}
	var answer struct{ Value string }
	if err := json.Unmarshal(l.get(t, "/github/idtoken?"+q.Encode(), secret), &answer); err != nil {
		t.Fatalf("reading the lab's token: %v", err)
	}
	return answer.Value
}

// PersonToken returns the ID token of somebody with an e-mail address, as signing in at the lab gives it.
func (l *Lab) PersonToken(t testing.TB, email string) string {
	t.Helper()
	l.Set(t, "/accounts/people/"+email, map[string]any{})
	return strings.TrimSpace(string(l.get(t, "/accounts/idtoken?email="+url.QueryEscape(email), "")))
}

// GitLabToken returns an ID token for audience, as GitLab's would be.
func (l *Lab) GitLabToken(t testing.TB, audience string, claims map[string]any) string {
	t.Helper()
	q := url.Values{"audience": {audience}, "claims": {encode(t, claims)}}
	return string(l.get(t, "/gitlab/idtoken?"+q.Encode(), ""))
}

func encode(t testing.TB, claims map[string]any) string {
	t.Helper()
	if claims == nil {
		claims = map[string]any{}
	}
	b, err := json.Marshal(claims)
	if err != nil {
		t.Fatalf("encoding claims: %v", err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// Set puts v at a path of the control API: repositories, projects and their
// environments.
func (l *Lab) Set(t testing.TB, path string, v any) {
	t.Helper()
	l.send(t, http.MethodPut, path, v)
}

// Unset deletes what is at a path of the control API.
func (l *Lab) Unset(t testing.TB, path string) {
	t.Helper()
	l.send(t, http.MethodDelete, path, nil)
}

// Fault makes one of the lab's servers fail; the fields are those of the
// control API's faults. Faults end with the test.
func (l *Lab) Fault(t testing.TB, fields map[string]any) {
	t.Helper()
	l.send(t, http.MethodPost, "/faults", fields)
	t.Cleanup(func() { l.send(t, http.MethodDelete, "/faults", nil) })
}

// Request is a request that one of the lab's servers received.
type Request struct {
	Target, Method, Path, Query, Authorization string
	Status                                     int
}

// Requests returns what the lab's servers were asked.
func (l *Lab) Requests(t testing.TB) []Request {
	t.Helper()
	var all []Request
	if err := json.Unmarshal(l.get(t, "/requests", ""), &all); err != nil {
		t.Fatalf("reading the lab's requests: %v", err)
	}
	return all
}

// Contract fails the test if a request or an answer was not what the platform's
// API description allows.
func (l *Lab) Contract(t testing.TB) {
	t.Helper()
	var all []json.RawMessage
	if err := json.Unmarshal(l.get(t, "/contract", ""), &all); err != nil {
		t.Fatalf("reading the lab's contract: %v", err)
	}
	for _, v := range all {
		t.Errorf("against the API description: %s", v)
	}
}

var client = &http.Client{Timeout: 30 * time.Second}

func (l *Lab) get(t testing.TB, path, bearer string) []byte {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, l.Control+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	return do(t, req)
}

func (l *Lab) send(t testing.TB, method, path string, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, l.Control+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return do(t, req)
}

func do(t testing.TB, req *http.Request) []byte {
	t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("asking the lab: %v", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("asking the lab: %v", err)
	}
	if resp.StatusCode >= 300 {
		t.Fatalf("asking the lab: %s %s: %s: %s", req.Method, req.URL.Path, resp.Status, b)
	}
	return b
}
