//go:build e2e

package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/labtest"
)

// A run is one scenario on one client, in a repository of its own.
type run struct {
	*suite
	lab      *labtest.Lab
	scenario scenario
	variant  variant

	name string // of the repository and of the run
	id   int    // of the repository
	root string // holds everything of the run
	dir  string // the working tree
	sha  string // its commit

	vars  map[string]string // variables of the repository
	tools string            // a folder of programs that jobs find first

	release string // the digest of what is named for release
	settled bool   // the platform knows its environments
}

var lastID atomic.Int64

// newRun makes the repository: the sample, with its own name and number, the
// lab's trusted root pinned in the policy, and our actions pinned by commit.
func newRun(t *testing.T, name string, sc scenario, v variant) *run {
	t.Helper()
	s, lab := shared(t), labtest.Shared(t)
	if sc.down {
		lab = labtest.Start(t) // its own: platforms have stores that repositories share
	}
	r := &run{
		suite: s, lab: lab, scenario: sc, variant: v, root: t.TempDir(),
		name: name, id: int(5000 + lastID.Add(1)),
	}
	r.dir = filepath.Join(r.root, "repository")
	must(t, copyTree("sample", r.dir))
	if sc.over != "" {
		must(t, copyTree(sc.over, r.dir))
	}
	must(t, copyTree(filepath.Join(r.lab.Dir, "trusted_root.json"), filepath.Join(r.dir, ".sallyport/trust/trusted_root.json")))
	must(t, copyTree(filepath.Join(r.lab.Dir, "signing_config.json"), filepath.Join(r.dir, ".sallyport/trust/signing_config.json")))
	files := []string{".sallyport/policy.yaml", ".github/workflows/release.yml", ".gitlab-ci.yml"}
	switch sc.over {
	case "people":
		files = append(files, ".github/workflows/approve.yml", ".gitlab/release.yml")
	case "rebuild":
		files = append(files, ".github/workflows/rebuild.yml")
	}
	for _, file := range files {
		r.edit(t, file, append(r.names(), "acme/hello", "acme/"+r.name, "repository-id: 1000", "repository-id: "+strconv.Itoa(r.id),
			strings.Repeat("0", 64), r.rootDigest(t), strings.Repeat("0", 40), s.release,
			"registry.example", r.lab.Registry)...)
	}
	if sc.elsewhere {
		must(t, copyTree(filepath.Join(r.dir, ".github/workflows/release.yml"), filepath.Join(r.dir, ".github/workflows/nightly.yml")))
		must(t, copyTree(filepath.Join(r.dir, ".gitlab-ci.yml"), filepath.Join(r.dir, "nightly.yml")))
	}
	var err error
	r.sha, err = commit(r.dir, "sample")
	must(t, err)
	if tag, isTag := strings.CutPrefix(v.ref, "refs/tags/"); isTag {
		_, err = command(r.dir, "git", "tag", tag)
		must(t, err)
	}
	return r
}

func (r *run) rootDigest(t *testing.T) string {
	b, err := os.ReadFile(filepath.Join(r.lab.Dir, "trusted_root.json"))
	must(t, err)
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

// edit replaces pairs of strings in a file.
func (r *run) edit(t *testing.T, name string, pairs ...string) {
	t.Helper()
	path := filepath.Join(r.dir, name)
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, write(path, strings.NewReplacer(pairs...).Replace(string(b))))
}

// origin sets the address that clients take the repository's name from.
func (r *run) origin(t *testing.T, server string) {
	t.Helper()
	remote(t, r.dir, server+"/acme/"+r.name+".git")
}

// remote makes the commit of a folder the one of its repository at an address.
func remote(t *testing.T, dir, address string) {
	t.Helper()
	for _, args := range [][]string{
		{"remote", "add", "origin", address},
		{"update-ref", "refs/remotes/origin/main", "HEAD"},
		{"symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"},
	} {
		_, err := command(dir, append([]string{"git"}, args...)...)
		must(t, err)
	}
}

// environ is all that a client inherits from this process: where programs are, and
// where Go keeps what it has compiled. The sample's build uses the latter, which
// else compiles the standard library in every run. No installer does.
func (r *run) environ(t *testing.T, more ...string) []string {
	t.Helper()
	home := filepath.Join(r.root, "home")
	must(t, os.MkdirAll(filepath.Join(home, "tmp"), 0o755))
	env := []string{"PATH=" + r.path(), "HOME=" + home, "TMPDIR=" + filepath.Join(home, "tmp"), "LANG=C.UTF-8"}
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
		value, err := command("", "go", "env", name)
		must(t, err)
		env = append(env, name+"="+value)
	}
	return append(env, more...)
}

// path is where clients find programs.
func (r *run) path() string { return strings.TrimPrefix(r.tools+":"+os.Getenv("PATH"), ":") }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// post tells the lab something.
func (r *run) post(t *testing.T, path string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	resp, err := http.Post(r.lab.Control+path, "application/json", bytes.NewReader(b))
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode >= 300 {
		t.Fatalf("the lab refuses %s: %s", path, resp.Status)
	}
}

// personToken is what a person gets who has signed in.
func (r *run) personToken(t *testing.T, who person) string {
	t.Helper()
	resp, err := http.Get(r.lab.Control + "/accounts/idtoken?email=" + url.QueryEscape(who.email))
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.StatusCode >= 300 {
		t.Fatalf("the lab signs nobody in: %s", resp.Status)
	}
	return strings.TrimSpace(string(b))
}
