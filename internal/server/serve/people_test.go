package serve_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/store"
)

// approvals are what the policy of these tests asks for besides provenance.
const approvals = `    approvals:
      - {group: release}
groups:
  release:
    members: ["email:dana@acme.example"]
    issuer: %s
people:
  dana: ["github:dana#90", "email:dana@acme.example"]
`

// asksPeople lets production ask for an approval, and gives tenants a token that reads.
func (w *world) asksPeople() {
	w.Helper()
	for name, more := range map[string]string{
		"policy.yaml": fmt.Sprintf(approvals, w.lab.Env["SALLYPORT_LAB_ACCOUNTS"]),
		"server.yaml": "tenants:\n  - {owner: 4242, read-token: tenant.token}\n",
	} {
		b, err := os.ReadFile(filepath.Join(w.dir, name))
		if err != nil {
			w.Fatal(err)
		}
		w.write(name, string(b)+more)
	}
	w.write("tenant.token", tenantToken)
}

const tenantToken = "reads-what-is-of-this-tenant"

// terminal runs a command as somebody with an e-mail address does, outside of any job.
func (w *world) terminal(dir, email string, more map[string]string, args ...string) (string, error) {
	w.Helper()
	job := w.lab.As(w, "github", nil)
	env := map[string]string{"GITHUB_API_URL": job["GITHUB_API_URL"], "SALLYPORT_TOKEN": job["GITHUB_TOKEN"],
		"SALLYPORT_SERVER_TOKEN": tenantToken, "SALLYPORT_IDENTITY_TOKEN": w.lab.PersonToken(w, email)}
	for _, name := range []string{"SALLYPORT_SIGNING_CONFIG", "SALLYPORT_TRUSTED_ROOT", "SALLYPORT_AUTHORITY"} {
		env[name] = ""
	}
	maps.Copy(env, more)
	args = slices.Insert(slices.Clone(args), 1, "--server", w.url, "--repository", "https://github.com/"+w.repo)
	if args[0] == "approve" {
		args = slices.Insert(args, 1, w.signing()...)
		args = slices.Insert(args, 1, "--yes", "--store", "dir:kept", "--bundle-dir", w.TempDir())
	}
	c := exec.Command(filepath.Join(programs, "sallyport"), args...)
	c.Dir, c.Env = dir, w.environment(env)
	out, err := c.CombinedOutput()
	return string(out), err
}

func TestG04_one_policy_is_approved_and_judged_and_nobody_needs_a_file_of_it(t *testing.T) {
	t.Parallel()
	worlds(t, "10m", func(w *world) {
		w.asksPeople()
		w.starts()
		w.run(801)
		dir := w.TempDir()
		w.job(dir, 801, w.url, nil, "attest", "app")
		// A file of the repository under the usual name says something else, and does not count.
		if err := os.MkdirAll(filepath.Join(dir, ".sallyport"), 0o755); err != nil {
			w.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, ".sallyport/policy.yaml"), []byte("version: 7\n"),
			0o600); err != nil {
			w.Fatal(err)
		}
		said := w.job(dir, 801, w.url, nil, "release", "--version", "v1", "--environments", "production", "app")
		set := regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(said)
		if set == "" || !strings.Contains(said, "pushed    2 bundles to "+w.url+", 1 of them new") {
			w.Fatalf("release says\n%s", said)
		}
		w.lab.Waits(w, w.repo, 801, "production", nil)
		w.until("the page says who is waited for", func() bool {
			all := w.lab.Answers(w, w.repo, 801)
			return len(all) > 0 && all[0].State == "" && strings.Contains(all[0].Comment, "E_APPROVAL_MISSING") &&
				strings.Contains(all[0].Comment, "sallyport approve --server "+w.url+" --release "+set)
		})
		if out, err := w.terminal(dir, "eve@acme.example", nil, "approve", "--release", set); err == nil {
			w.Errorf("somebody whom the policy does not name approves: %s", out)
		}
		if out, err := w.terminal(dir, "dana@acme.example", map[string]string{"SALLYPORT_SERVER_TOKEN": "guessed"},
			"approve", "--release", set); err == nil ||
			!strings.Contains(out, "shows no policy for this repository to this token") {
			w.Errorf("with a token that was guessed: %v, %s", err, out)
		}
		// The doctor holds the files of a repository to the same policy.
		seen := w.TempDir()
		if err := os.MkdirAll(filepath.Join(seen, ".github/workflows"), 0o755); err != nil {
			w.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(seen, ".github/workflows/release.yml"),
			[]byte(strings.Replace(deploying, entering, "", 1)), 0o600); err != nil {
			w.Fatal(err)
		}
		if out, _ := w.terminal(seen, "dana@acme.example", nil, "doctor"); !strings.Contains(out,
			"no gate precedes it") ||
			!strings.Contains(out, "release.yml:16") {
			w.Errorf("the doctor says %s", out)
		}
		out, err := w.terminal(dir, "dana@acme.example", nil, "approve", "--release", set)
		if err != nil || !strings.Contains(out, "pushed    1 bundle to "+w.url+", 1 of them new") {
			w.Fatalf("approve: %v\n%s", err, out)
		}
		w.answered(801, "approved")
		if s := w.ledger(); s.Kinds[ledger.Approved] != 1 || s.Kinds[ledger.Attested] != 2 {
			w.Errorf("the ledger has %v", s.Kinds)
		}
	})
}

func TestJ07_the_policy_is_shown_to_a_job_of_its_repository_and_to_its_owner(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	w.asksPeople()
	w.starts()
	id := fmt.Sprint(w.id)
	ask := func(token, query string) (int, store.Served) {
		status, said := w.get("/v1/policy"+query, token)
		var out store.Served
		if err := json.Unmarshal([]byte(said), &out); err != nil && status == http.StatusOK {
			t.Fatal(err)
		}
		return status, out
	}
	if status, _ := ask(tenantToken, "?host=https://github.com&repository="+id); status != http.StatusNotFound {
		t.Errorf("a repository that the server knows nothing of: status %d", status)
	}
	w.run(811)
	w.attests(811, w.url, nil)
	status, whole := ask(w.token(811, nil), "")
	if status != http.StatusOK || len(whole.Files["trusted_root.json"]) == 0 ||
		!strings.Contains(string(whole.Source), "environments:") {
		t.Fatalf("its own job: status %d, %d files", status, len(whole.Files))
	}
	for _, x := range []struct {
		what, token, query string
		status             int
	}{
		{"its own job, by number", w.token(811, nil), "?host=https://github.com&repository=" + id, http.StatusOK},
		{"its own job, and the digest", w.token(811, nil), "?digest=" + whole.Digest, http.StatusOK},
		{"another digest", w.token(811, nil), "?digest=sha256:" + strings.Repeat("0", 64), http.StatusNotFound},
		{"its owner", tenantToken, "?host=https://github.com&repository=" + id, http.StatusOK},
		{"who reads the whole ledger", "reads-the-ledger-of-this-test", "?host=https://github.com&repository=" + id,
			http.StatusOK},
		{"its owner, about another number", tenantToken, "?host=https://github.com&repository=1", http.StatusNotFound},
		{"its owner, on another host", tenantToken, "?host=https://example.com&repository=" + id, http.StatusNotFound},
		{"its own job, about another number", w.token(811, nil), "?repository=1", http.StatusNotFound},
		{"its own job, on another host", w.token(811, nil), "?host=https://example.com", http.StatusNotFound},
		{"a job of another repository", w.token(811, map[string]any{"repository_id": "1"}), "", http.StatusNotFound},
		{"a token for somebody else", w.lab.GitHubToken(t, "sigstore", nil), "", http.StatusNotFound},
		{"nobody", "", "", http.StatusNotFound},
		{"a guess", "guessed", "?host=https://github.com&repository=" + id, http.StatusNotFound},
	} {
		if status, _ := ask(x.token, x.query); status != x.status {
			t.Errorf("%s: status %d, want %d", x.what, status, x.status)
		}
	}
}

func TestG04_what_another_run_has_built_is_judged_by_a_release_set_of_this_one(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	w.starts()
	dir := t.TempDir()
	w.run(820)
	w.job(dir, 820, w.url, nil, "attest", "app")
	w.runWith(820, map[string]any{"status": "completed", "conclusion": "success"})
	for run, x := range map[int64]struct{ environments, answer string }{
		821: {"production", "approved"},
		822: {"staging", ""}, // it says nothing about production
	} {
		w.run(run)
		if said := w.job(dir, run, w.url, nil, "release", "--version", "v1", "--environments", x.environments,
			"app"); strings.Contains(said, "warning") {
			t.Errorf("what another run has built is warned about:\n%s", said)
		}
		w.lab.Waits(t, w.repo, run, "production", nil)
		if x.answer != "" {
			w.answered(run, x.answer)
			continue
		}
		w.until("it waits for evidence", func() bool {
			all := w.lab.Answers(t, w.repo, run)
			return len(all) > 0 && strings.Contains(all[0].Comment,
				"E_EVIDENCE_MISSING: the run has pushed no evidence")
		})
	}
	// One of an earlier attempt is not one of this attempt.
	w.runWith(821, map[string]any{"run_attempt": 2})
	w.lab.Waits(t, w.repo, 821, "production", nil)
	w.until("the second attempt waits for evidence", func() bool {
		all := w.lab.Answers(t, w.repo, 821)
		return strings.Contains(all[len(all)-1].Comment, "E_EVIDENCE_MISSING: the run has pushed no evidence")
	})
}

func TestG11_what_enters_and_what_fails_there_are_leaves_of_their_own(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	w.starts()
	w.run(831)
	dir := t.TempDir()
	inside := map[string]any{"environment": "production"}
	w.job(dir, 831, w.url, nil, "attest", "app")
	w.job(dir, 831, w.url, inside, "gate", "--environment", "production", "app")
	w.job(dir, 831, w.url, inside, "failed")
	s := w.ledger()
	if s.Kinds[ledger.Attested] != 1 || s.Kinds[ledger.Entered] != 1 || s.Kinds[ledger.Left] != 1 {
		t.Errorf("the ledger has %v", s.Kinds)
	}
}
