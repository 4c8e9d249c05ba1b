//go:build e2e && chroot && linux

package e2e

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/labtest"
)

// A cell is a root directory that holds a busybox and nothing else: no bash, no
// Go, no curl, no certificates, no /proc.
type cell struct {
	*testing.T
	root string
}

func newCell(t *testing.T) cell {
	t.Helper()
	busybox, err := exec.LookPath("busybox")
	must(t, err)
	program, err := elf.Open(busybox)
	must(t, err)
	defer program.Close()
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			t.Fatalf("%s needs libraries: install the package busybox-static", busybox)
		}
	}
	c := cell{t, t.TempDir()}
	must(t, copyTree(busybox, filepath.Join(c.root, "bin/busybox")))
	applets, err := exec.Command(busybox, "--list").Output()
	must(t, err)
	for _, applet := range strings.Fields(string(applets)) {
		if applet != "busybox" {
			must(t, os.Symlink("busybox", filepath.Join(c.root, "bin", applet)))
		}
	}
	for _, dir := range []string{"tmp", "dev", "project"} {
		must(t, os.Mkdir(filepath.Join(c.root, dir), 0o777))
	}
	must(t, write(filepath.Join(c.root, "dev/null"), "")) // a device needs more rights than this test wants
	return c
}

// run runs a script in the cell, as a user who may do nothing outside of it.
func (c cell) run(env []string, script string) (string, int) {
	c.Helper()
	cmd := exec.Command("/bin/sh", "-e", "-c", script)
	cmd.Dir = "/project"
	cmd.Env = append([]string{"PATH=/bin", "HOME=/project"}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.root}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		c.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

func (c cell) says(env []string, script string, status int, want string) {
	c.Helper()
	out, got := c.run(env, script)
	if got != status || !strings.Contains(out, want) {
		c.Errorf("%s: status %d, want %d: %s, want %q", script, got, status, out, want)
	}
}

// mirror serves the product's binary, packed and plain, and returns the record
// of the release.
func mirror(t *testing.T) (*httptest.Server, string) {
	t.Helper()
	name := "sallyport_linux_" + runtime.GOARCH
	binary, err := os.ReadFile(filepath.Join(root(), "bin/sallyport"))
	if err != nil {
		t.Fatalf("%v: make bin/sallyport builds it", err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(binary)
	must(t, errors.Join(err, w.Close()))
	files := map[string][]byte{"/" + version + "/" + name: binary, "/" + version + "/" + name + ".gz": packed.Bytes(), "/plain/" + version + "/" + name: binary,
		"/bad/" + version + "/" + name: binary[:len(binary)-1]}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, there := files[r.URL.Path]
		if !there {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(content) // whoever hangs up has been told enough
	}))
	t.Cleanup(s.Close)
	return s, fmt.Sprintf("version %s\n%x  %s\n", version, sha256.Sum256(binary), name)
}

// The script installs and the binary verifies where there is a busybox and
// nothing else; what is not right is refused there too.
func TestChrootInstallAndVerify(t *testing.T) {
	c := newCell(t)
	releases, record := mirror(t)
	for _, name := range []string{"shared/install.sh", "testdata/offline"} {
		must(t, copyTree(filepath.Join(root(), name), filepath.Join(c.root, "sallyport", name)))
	}
	must(t, write(filepath.Join(c.root, "sallyport/shared/release.txt"), record))
	at := func(path string) []string { return []string{"SALLYPORT_RELEASES=" + releases.URL + path} }
	c.says(nil, "! command -v go && ! command -v curl && ! command -v bash", 0, "")
	install := "bin=$(/bin/sh /sallyport/shared/install.sh); "
	verify := install + `cd /sallyport/testdata/offline; "$bin" verify --offline --trusted-root trusted_root.json --bundle bundle.sigstore.json ` +
		"--certificate-identity https://github.com/acme/widget/.github/workflows/release.yml@refs/heads/main " +
		"--certificate-oidc-issuer https://token.actions.githubusercontent.com "
	for _, place := range []string{"", "/plain"} {
		c.says(at(place), verify+"artifact.txt", 0, "verified")
		c.says(at(place), "echo x >>/sallyport/testdata/offline/other.txt; "+verify+"other.txt", 3, "E_")
	}
	c.says(at("/bad"), verify+"artifact.txt", 3, "is not the recorded file")
	c.says(at("/none"), verify+"artifact.txt", 5, "could not be downloaded from "+releases.URL+"/none/"+version)
	// This busybox knows gzip even so, and cannot start it.
	must(t, os.Remove(filepath.Join(c.root, "bin/gzip")))
	c.says(at(""), verify+"artifact.txt", 0, "verified")
	must(t, write(filepath.Join(c.root, "sallyport/shared/release.txt"), "# none yet\n"))
	c.says(at(""), install, 2, "records no release and cannot be built here")
}

// The gate's component runs there as its file says: what was attested may go,
// and with one byte more it may not.
func TestChrootGate(t *testing.T) {
	c := newCell(t)
	releases, record := mirror(t)
	lab := labtest.Shared(t)
	work := filepath.Join(c.root, "project")
	env := lab.As(t, "gitlab", nil)
	trusted, err := os.ReadFile(filepath.Join(lab.Dir, "trusted_root.json"))
	must(t, err)
	must(t, write(filepath.Join(work, ".sallyport/trusted_root.json"), string(trusted)))
	policy := fmt.Sprintf(`version: 1
artifacts:
  app:
    subject: ["dist/*"]
    trust: {root: trusted_root.json, sha256: %x}
    built-by:
      - {issuer: "https://gitlab.com", repository: %s, repository-id: %s, workflow: .gitlab-ci.yml, refs: [refs/heads/main]}
environments:
  production: {requires: {provenance: }}
`, sha256.Sum256(trusted), env["CI_PROJECT_PATH"], env["CI_PROJECT_ID"])
	must(t, write(filepath.Join(work, ".sallyport/policy.yaml"), policy))
	lab.Set(t, "/gitlab/projects/"+env["CI_PROJECT_ID"]+"/files", object{"commit": env["CI_COMMIT_SHA"], "files": object{".sallyport/policy.yaml": policy}})
	must(t, write(filepath.Join(work, "dist/app"), "the artifact"))
	names, err := os.ReadFile(env["SSL_CERT_FILE"])
	must(t, err)
	must(t, write(filepath.Join(work, "names.pem"), string(names)))
	attest := exec.Command(filepath.Join(root(), "bin/sallyport"), "attest", "--network", "inherit", "--sigstore", "custom", "--trusted-root", env["SALLYPORT_LAB_TRUSTED_ROOT"],
		"--signing-config", env["SALLYPORT_LAB_SIGNING_CONFIG"], "--authority", env["SALLYPORT_LAB_AUTHORITY"], "dist/app")
	attest.Dir = work
	var vars []string
	for name, value := range env {
		if !strings.HasPrefix(name, "SALLYPORT_") {
			vars = append(vars, name+"="+value)
		}
	}
	attest.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, vars...)
	if out, err := attest.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	vars = append(vars, "CI_PROJECT_DIR=/project", "CI_JOB_NAME=gate", "SIGSTORE_ID_TOKEN=", "SALLYPORT_ID_TOKEN="+env["SALLYPORT_ID_TOKEN"], "SSL_CERT_FILE=/project/names.pem",
		"SALLYPORT_RELEASES="+releases.URL)
	script := componentScript(t, record)
	c.says(vars, script, 0, "allowed")
	if b, err := os.ReadFile(filepath.Join(work, ".sallyport/gate.env")); err != nil || !strings.Contains(string(b), fmt.Sprintf("SALLYPORT_DIGESTS=sha256:%x", sha256.Sum256([]byte("the artifact")))) {
		t.Errorf("later jobs are told %q: %v", b, err)
	}
	must(t, write(filepath.Join(work, "dist/app"), "the artifact."))
	c.says(vars, script, 3, "denied")
}

// componentScript is what the gate's component runs, of a release.
func componentScript(t *testing.T, record string) string {
	t.Helper()
	installer, err := os.ReadFile(filepath.Join(root(), "shared/install.sh"))
	must(t, err)
	files, err := inputs.Files(inputs.Release{Installer: installer, Record: []byte(record)})
	must(t, err)
	_, jobs, _ := strings.Cut(string(files["templates/gate/template.yml"]), "\n---\n")
	var parsed map[string]struct{ Script []string }
	must(t, yaml.Unmarshal([]byte(strings.ReplaceAll(jobs, "$[[ inputs.needs ]]", "[]")), &parsed))
	c, _ := inputs.Lookup("gate")
	told := map[string]string{"environment": "production", "subject": "dist/app", "bundle": ".sallyport/bundles", "network": "inherit"}
	for _, job := range parsed {
		script := strings.Join(job.Script, "\n")
		for _, i := range c.Inputs {
			script = strings.ReplaceAll(script, "$[[ inputs."+i.Name+" ]]", cmp.Or(told[i.Name], i.Default))
		}
		return script
	}
	t.Fatal("the component has no job")
	return ""
}
