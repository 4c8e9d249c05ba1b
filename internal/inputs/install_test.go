package inputs

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// An installer is a way to the binary that a commit records. What one of them
// refuses, each refuses: the same tests are made of all.
type installer struct {
	name string
	// step is a step of a job that installs and, only if that went well, runs
	// what was installed. The programs that it needs are in its environment.
	step func(b *bench) *exec.Cmd
}

// installers are those that need no more than Go's tests do. install_node_test.go
// adds the actions' own, where Node has to be there.
var installers = []installer{{"sh", func(b *bench) *exec.Cmd {
	return exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c",
		`bin=$(/bin/sh "$SALLYPORT_ROOT/shared/install.sh"); "$bin" gate`)
}}}

// A bench is a commit of ours with a release record, a place that serves
// binaries, and a job that installs one and runs it. The binaries are scripts
// that leave a mark when they run.
type bench struct {
	*testing.T
	installer
	server  *httptest.Server
	serve   http.HandlerFunc
	asked   atomic.Int32
	binName string // of the binary for this platform
	dir     string
	commit  string // a tree with the installers and the record
	temp    string // the runner's directory for this job
	work    string // the workspace: the attacker's
	mark    string // exists once a binary ran
	outputs string
	env     []string
}

const version = "v1.2.3"

// each makes a test of every installer.
func each(t *testing.T, test func(b *bench)) {
	for _, i := range installers {
		t.Run(i.name, func(t *testing.T) { test(newBench(t, i)) })
	}
}

func newBench(t *testing.T, i installer) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{T: t, installer: i, binName: "sallyport_linux_amd64", dir: dir, commit: dir + "/commit", temp: dir + "/temp",
		work: dir + "/work", mark: dir + "/mark", outputs: dir + "/outputs"}
	for _, d := range []string{b.commit + "/shared", b.temp, b.work} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"shared/install.sh", "shared/install.js", "actions/gate/main.js", "actions/setup/main.js"} {
		write(t, b.commit+"/"+path, string(read(t, path)))
	}
	b.server = httptest.NewServer(http.HandlerFunc(b.answer))
	t.Cleanup(b.server.Close)
	b.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GITHUB_ACTIONS=true", "GITHUB_OUTPUT=" + b.outputs, "GITHUB_WORKSPACE=" + b.work,
		"RUNNER_TEMP=" + b.temp, "RUNNER_OS=Linux", "RUNNER_ARCH=X64", "SALLYPORT_RELEASES=" + b.server.URL, "SALLYPORT_ROOT=" + b.commit,
	}
	if i.name != "sh" {
		b.binName = "sallyport_" + runtime.GOOS + "_" + runtime.GOARCH
		b.env = append(b.env, "PATH=")
	}
	b.serves(b.binary("right"))
	b.records(b.binary("right"))
	return b
}

func (b *bench) answer(w http.ResponseWriter, r *http.Request) {
	b.asked.Add(1)
	b.serve(w, r)
}

// binary returns a program that leaves the mark and says who it is.
func (b *bench) binary(name string) string {
	return "#!/bin/sh\n: >'" + b.mark + "'\necho " + name + "\n" + strings.Repeat("# ballast\n", 1000)
}

// serves puts content up as a release does: packed, and as it is.
func (b *bench) serves(content string) {
	b.puts(map[string]string{".gz": packed(content), "": content})
}

// puts puts up files of the release, by what their names have behind the
// binary's.
func (b *bench) puts(files map[string]string) {
	b.serve = func(w http.ResponseWriter, r *http.Request) {
		suffix, ours := strings.CutPrefix(r.URL.Path, "/"+version+"/"+b.binName)
		content, there := files[suffix]
		if !ours || !there {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, content)
	}
}

func packed(content string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	fmt.Fprint(w, content)
	_ = w.Close() // into memory
	return out.String()
}

func (b *bench) records(content string) {
	other := "sallyport_darwin_arm64"
	if b.binName == other {
		other = "sallyport_linux_amd64"
	}
	write(b.T, b.commit+"/shared/release.txt", fmt.Sprintf("# a release\nversion %s\n%x  %s\n%x  %s\n",
		version, sha256.Sum256([]byte(content)), b.binName, sha256.Sum256([]byte("another")), other))
}

// run makes the step and returns its status.
func (b *bench) run() (stdout, stderr string, status int) {
	b.Helper()
	step := b.step(b)
	step.Dir = b.work
	step.Env = slices.Concat(b.env, step.Env)
	var out, msg bytes.Buffer
	step.Stdout, step.Stderr = &out, &msg
	err := step.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		b.Fatal(err)
	}
	return out.String(), msg.String(), step.ProcessState.ExitCode()
}

// refuses asserts that the step ends with status, that nothing ran, that nothing
// was given to the next step, that nothing is left on the runner, and that one
// line says want.
func (b *bench) refuses(status int, want string) {
	b.Helper()
	stdout, stderr, got := b.run()
	if got != status {
		b.Errorf("the status is %d, want %d: %q", got, status, stdout)
	}
	if _, err := os.Stat(b.mark); err == nil {
		b.Error("the binary ran")
	}
	if out, err := os.ReadFile(b.outputs); err == nil {
		b.Errorf("the next step was told %q", out)
	}
	if left, _ := filepath.Glob(b.temp + "/sallyport.*"); len(left) > 0 {
		b.Errorf("left behind: %q", left)
	}
	if n := strings.Count(stderr, "::error title=sallyport::"); n != 1 || !strings.Contains(stderr, want) {
		b.Errorf("it said %q, want one error with %q", stderr, want)
	}
}

// runs asserts that the binary called name was installed and ran.
func (b *bench) runs(name string) {
	b.Helper()
	stdout, stderr, status := b.run()
	if status != 0 || strings.TrimSpace(stdout) != name {
		b.Fatalf("ran %q, status %d: %s", stdout, status, stderr)
	}
	if out, err := os.ReadFile(b.outputs); b.name == "sh" && (err != nil || !strings.Contains(string(out), "\nversion="+version+"\n")) {
		b.Errorf("the outputs are %q: %v", out, err)
	}
}

// What is served decides nothing but whether there is something to run: only
// bytes with the recorded digest do.
func TestP02_what_is_served(t *testing.T) {
	const unlike, away = "is not the recorded file", "could not be downloaded"
	whole := func(b *bench) string { return b.binary("right") }
	for name, tt := range map[string]struct {
		files  func(b *bench) map[string]string
		status int
		want   string
	}{
		"packed_and_plain": {func(b *bench) map[string]string { return map[string]string{".gz": packed(whole(b)), "": whole(b)} }, 0, ""},
		"packed":           {func(b *bench) map[string]string { return map[string]string{".gz": packed(whole(b))} }, 0, ""},
		"plain":            {func(b *bench) map[string]string { return map[string]string{"": whole(b)} }, 0, ""},
		"nothing":          {func(b *bench) map[string]string { return nil }, 5, away},
		"another":          {func(b *bench) map[string]string { return map[string]string{"": b.binary("wrong")} }, 3, unlike},
		"another_packed": {func(b *bench) map[string]string {
			return map[string]string{".gz": packed(b.binary("wrong")), "": whole(b)}
		}, 3, unlike},
		"one_byte_is_changed":  {func(b *bench) map[string]string { return map[string]string{"": changed(whole(b))} }, 3, unlike},
		"of_the_packed_binary": {func(b *bench) map[string]string { return map[string]string{".gz": packed(changed(whole(b)))} }, 3, unlike},
		"of_the_archive":       {func(b *bench) map[string]string { return map[string]string{".gz": changed(packed(whole(b)))} }, 3, unlike},
		"half":                 {func(b *bench) map[string]string { return map[string]string{"": half(whole(b))} }, 3, unlike},
		"half_of_the_archive":  {func(b *bench) map[string]string { return map[string]string{".gz": half(packed(whole(b)))} }, 3, unlike},
		"no_archive":           {func(b *bench) map[string]string { return map[string]string{".gz": whole(b)} }, 3, unlike},
		"archive_of_archive":   {func(b *bench) map[string]string { return map[string]string{".gz": packed(packed(whole(b)))} }, 3, unlike},
		"empty":                {func(b *bench) map[string]string { return map[string]string{"": "", ".gz": ""} }, 3, unlike},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(b *bench) {
				b.puts(tt.files(b))
				if tt.status == 0 {
					b.runs("right")
				} else {
					b.refuses(tt.status, tt.want)
				}
			})
		})
	}
}

func changed(s string) string { return s[:len(s)/2] + string(s[len(s)/2]^1) + s[len(s)/2+1:] }
func half(s string) string    { return s[:len(s)/2] }

func TestP02_older_version_is_served(t *testing.T) {
	each(t, func(b *bench) {
		b.records(b.binary("newer"))
		b.refuses(3, "is not the recorded file")
		b.records(b.binary("right"))
		b.runs("right")
	})
}

// An archive that would fill the disk ends at 200 MiB, and were it recorded. What
// has exactly so many bytes is the last that is taken.
func TestP02_archive_is_a_bomb(t *testing.T) {
	const limit = 200 << 20
	each(t, func(b *bench) {
		program := b.binary("right") + "exit 0\n"
		most := program + strings.Repeat("\x00", limit-len(program))
		b.becomes(most + "\x00")
		b.puts(map[string]string{".gz": packed(most + "\x00")})
		b.refuses(3, "is not the recorded file")
		b.becomes(most)
		b.puts(map[string]string{".gz": packed(most)})
		b.runs("right")
	})
}

// becomes records and serves another program.
func (b *bench) becomes(program string) {
	b.records(program)
	b.serves(program)
}

// Until its bytes have been compared, nobody can start the file.
func TestScriptMakesNothingExecutableThatIsNotTheRecordedFile(t *testing.T) {
	b := newBench(t, installers[0])
	dir := b.tools("curl", "gzip", "head", "mktemp", "rm", "sha256sum", "tr")
	chmod, err := exec.LookPath("chmod")
	if err != nil {
		t.Fatal(err)
	}
	b.program(dir+"/chmod", `exec `+chmod+` "$@"`+"\n")
	b.serves(b.binary("wrong"))
	b.refuses(3, "is not the recorded file")
	b.unmarked()
	b.serves(b.binary("right"))
	b.runs("right")
	if _, err := os.Stat(b.dir + "/foreign"); err != nil {
		t.Errorf("the test does not see what makes files executable: %v", err)
	}
}

func TestP02_download_does_not_end(t *testing.T) {
	each(t, func(b *bench) {
		var sent atomic.Int64
		b.serve = func(w http.ResponseWriter, r *http.Request) {
			for part := make([]byte, 1<<20); ; sent.Add(1) {
				if _, err := w.Write(part); err != nil {
					return
				}
			}
		}
		b.refuses(5, "could not be downloaded")
		if n := sent.Load(); n < 150 || n > 2*260 { // once as an archive, and once as it is
			b.Errorf("took %d MiB, want no more than 200 of a file", n)
		}
	})
}

func TestP02_connection_breaks(t *testing.T) {
	each(t, func(b *bench) {
		b.serve = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			fmt.Fprint(w, b.binary("right"))
		}
		b.refuses(5, "could not be downloaded")
	})
}

// The line names the address and the way to another, and no password.
func TestP02_nothing_answers(t *testing.T) {
	each(t, func(b *bench) {
		b.server.Close()
		host := strings.TrimPrefix(b.server.URL, "http://")
		b.env = append(b.env, "SALLYPORT_RELEASES=http://somebody:hunter2@"+host)
		b.refuses(5, "could not be downloaded from http://"+host+"/"+version+"/"+b.binName)
		if _, stderr, _ := b.run(); !strings.Contains(stderr, "SALLYPORT_RELEASES names a mirror") || strings.Contains(stderr, "hunter2") {
			b.Errorf("it said %q", stderr)
		}
	})
}

func TestP02_redirects(t *testing.T) {
	for name, tt := range map[string]struct {
		hops    int
		content string
		status  int
		want    string
	}{
		"one":              {1, "right", 0, ""},
		"five":             {5, "right", 0, ""},
		"six":              {6, "right", 5, "could not be downloaded"},
		"to_other_content": {1, "wrong", 3, "is not the recorded file"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(b *bench) {
				b.serve = func(w http.ResponseWriter, r *http.Request) {
					n, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/hop/")) // the first has none
					if n == tt.hops {
						fmt.Fprint(w, packed(b.binary(tt.content)))
						return
					}
					http.Redirect(w, r, "/hop/"+strconv.Itoa(n+1), http.StatusFound)
				}
				if tt.status == 0 {
					b.runs("right")
				} else {
					b.refuses(tt.status, tt.want)
				}
			})
		})
	}
}

// secure serves the release by https, and lets the installer trust that server.
func (b *bench) secure(serve http.HandlerFunc) *httptest.Server {
	s := httptest.NewTLSServer(serve)
	b.Cleanup(s.Close)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	ca := b.dir + "/ca.pem"
	write(b.T, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	b.env = append(b.env, "SALLYPORT_RELEASES="+s.URL, "CURL_CA_BUNDLE="+ca, "NODE_EXTRA_CA_CERTS="+ca)
	return s
}

func TestP02_redirect_away_from_https(t *testing.T) {
	each(t, func(b *bench) {
		b.secure(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, b.server.URL+r.URL.Path, http.StatusFound)
		})
		b.refuses(5, "could not be downloaded")
		if n := b.asked.Load(); n != 0 {
			b.Errorf("asked without https %d times", n)
		}
		other := b.secure(b.answer)
		b.secure(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+r.URL.Path, http.StatusFound)
		})
		b.runs("right")
	})
}

// A proxy carries the bytes, and is not trusted with more.
func TestP02_through_a_proxy(t *testing.T) {
	each(t, func(b *bench) {
		s := b.secure(b.answer)
		var tunnels atomic.Int32
		open := true
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			tunnels.Add(1)
			if who, word, _ := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth(); !open || who != "a" || word != "b c" {
				http.Error(w, "no", http.StatusForbidden)
				return
			}
			tunnel(w, r)
		}))
		b.Cleanup(proxy.Close)
		b.env = append(b.env, "HTTPS_PROXY=http://a:b%20c@"+strings.TrimPrefix(proxy.URL, "http://"))
		b.runs("right")
		if tunnels.Load() != 1 || b.asked.Load() != 1 {
			b.Errorf("%d tunnels and %d downloads, want one of each", tunnels.Load(), b.asked.Load())
		}
		b.again()
		open = false
		b.refuses(5, "could not be downloaded")
		b.env = append(b.env, "NO_PROXY=example.com,127.0.0.1", "SALLYPORT_RELEASES="+s.URL)
		b.runs("right")
	})
}

// tunnel connects who asks with where it wants to go.
func tunnel(w http.ResponseWriter, r *http.Request) {
	far, err := net.Dial("tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer far.Close()
	near, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer near.Close()
	fmt.Fprint(near, "HTTP/1.1 200 OK\r\n\r\n")
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(far, near) // either end may hang up
		_ = far.Close()
		close(done)
	}()
	_, _ = io.Copy(near, far)
	_ = near.Close()
	<-done
}

// again forgets what ran.
func (b *bench) again() {
	b.Helper()
	left, _ := filepath.Glob(b.temp + "/sallyport.*")
	for _, name := range append(left, b.mark, b.outputs) {
		if err := os.RemoveAll(name); err != nil {
			b.Fatal(err)
		}
	}
}

func TestP02_temporary_directory_is_relative(t *testing.T) {
	each(t, func(b *bench) {
		b.env = append(b.env, "RUNNER_TEMP=temp")
		b.refuses(2, "is not an absolute path")
	})
}

func TestP02_broken_record(t *testing.T) {
	digest := strings.Repeat("0", 64)
	for name, tt := range map[string]struct{ record, want string }{
		"no_digest_for_this_platform": {"version v1.2.3\n" + digest + "  sallyport_plan9_amd64\n", "has no digest"},
		"no_version":                  {digest + "  NAME\n", "has no version"},
		"version_walks_up":            {"version v1/../../evil\n" + digest + "  NAME\n", "malformed version"},
		"two_digests":                 {"version v1.2.3\n" + digest + "  NAME\n" + digest + "  NAME\n", "twice"},
		"short_digest":                {"version v1.2.3\n" + digest[:63] + "  NAME\n", "malformed digest"},
		"digest_is_a_pattern":         {"version v1.2.3\n" + strings.Repeat("?", 64) + "  NAME\n", "malformed digest"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(b *bench) {
				write(t, b.commit+"/shared/release.txt", strings.ReplaceAll(tt.record, "NAME", b.binName))
				b.refuses(2, tt.want)
				if n := b.asked.Load(); n != 0 {
					t.Errorf("asked the network %d times for a broken record", n)
				}
			})
		})
	}
}

const noRelease = "# no release yet\n"

// A commit without a release builds only its own source, and a workspace that
// looks like ours is not our source.
func TestP02_no_release_and_not_our_source(t *testing.T) {
	each(t, func(b *bench) {
		write(t, b.commit+"/shared/release.txt", noRelease)
		write(t, b.work+"/go.mod", "module github.com/sallyport-dev/sallyport\n")
		write(t, b.work+"/main.go", "package main\n")
		b.env = append(b.env, "PATH="+os.Getenv("PATH"))
		b.refuses(2, "records no release and cannot be built here")
	})
}

func TestP02_no_release_and_another_module(t *testing.T) {
	each(t, func(b *bench) {
		b.source("module github.com/sallyport-dev/sallyport-fork\n", "package main\n\nfunc main() {}\n")
		b.refuses(2, "records no release and cannot be built here")
	})
}

func TestP02_no_release_and_no_go(t *testing.T) {
	each(t, func(b *bench) {
		b.source("module github.com/sallyport-dev/sallyport\n", "package main\n\nfunc main() {}\n")
		b.program(b.work+"/bin/go", "")
		b.env = append(b.env, "PATH=/usr/bin:/bin:"+b.work+"/bin:bin")
		if _, err := os.Stat("/usr/bin/go"); err == nil {
			t.Fatal("this machine has Go where the test wants none: /usr/bin/go")
		}
		b.refuses(2, "records no release and cannot be built here")
		b.unmarked()
	})
}

// source makes a commit without a release, and lets the job find Go.
func (b *bench) source(module, program string) {
	b.Helper()
	write(b.T, b.commit+"/shared/release.txt", noRelease)
	write(b.T, b.commit+"/go.mod", module+"\ngo 1.26\n")
	write(b.T, b.commit+"/main.go", program)
	b.env = append(b.env, "PATH="+os.Getenv("PATH"))
}

// program makes a foreign program that leaves its name, and then does what it
// stands in for.
func (b *bench) program(path, really string) {
	b.Helper()
	write(b.T, path, "#!/bin/sh\necho \"$0\" >>'"+b.dir+"/foreign'\n"+really)
	if err := os.Chmod(path, 0o755); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) unmarked() {
	b.Helper()
	if ran, err := os.ReadFile(b.dir + "/foreign"); err == nil {
		b.Errorf("foreign programs ran: %s", ran)
	}
}

// Whatever a job's environment says about Go, this commit's source is compiled
// by the Go that is there and by nothing else.
func TestP03_source_is_built_in_an_environment_made_from_nothing(t *testing.T) {
	each(t, func(b *bench) {
		b.source("module github.com/sallyport-dev/sallyport\n", "package main\n\nfunc main() { println(\"built\") }\n")
		path := os.Getenv("PATH")
		for dir, entry := range map[string]string{b.work: b.work, b.work + "/bin": "bin", b.dir + "/beside": "../beside"} {
			b.program(dir+"/go", "")
			path = entry + ":" + path
		}
		foreign := b.foreignRoot()
		settings := "GOROOT=" + foreign + "\nGOFLAGS=-toolexec=" + b.dir + "/toolexec\n"
		write(t, b.dir+"/goenv", settings)
		write(t, b.dir+"/config/go/env", settings)
		b.program(b.dir+"/toolexec", `exec "$@"`)
		b.program(b.dir+"/tools/go1.99.0", `exec go "$@"`)
		b.program(b.dir+"/cacheprog", "exit 1\n")
		b.env = append(b.env, "PATH="+path+":"+b.dir+"/tools", "RUNNER_OS=", "RUNNER_ARCH=", "GOROOT="+foreign, "GOENV="+b.dir+"/goenv",
			"XDG_CONFIG_HOME="+b.dir+"/config", "GOTOOLCHAIN=go1.99.0", "GOPROXY=file://"+b.work, "GOSUMDB=off", "GONOSUMDB=*", "GOPRIVATE=*",
			"GOFLAGS=-toolexec="+b.dir+"/toolexec", "GOCACHEPROG="+b.dir+"/cacheprog", "GOCACHE="+b.work, "GOMODCACHE="+b.work, "GOTMPDIR="+b.temp,
			"GOOS=plan9", "GOARCH=386", "GOEXPERIMENT=none", "GO111MODULE=off")
		_, stderr, status := b.run()
		if status != 0 || !strings.HasSuffix(strings.TrimSpace(stderr), "built") {
			b.Errorf("status %d: %s", status, stderr)
		}
		b.unmarked()
		if out, _ := os.ReadFile(b.outputs); b.name == "sh" && !strings.Contains(string(out), "\nversion=source\n") {
			b.Errorf("the outputs are %q", out)
		}
		left, _ := filepath.Glob(b.temp + "/sallyport.*/*")
		if len(left) != 1 {
			b.Errorf("left on the runner: %q, want the binary alone", left)
		}
	})
}

// foreignRoot is the root of this Go with another linker.
func (b *bench) foreignRoot() string {
	b.Helper()
	real := goEnv(b.T, "GOROOT")
	tools := "/pkg/tool/" + runtime.GOOS + "_" + runtime.GOARCH
	foreign := b.dir + "/goroot"
	for _, dir := range []string{"", "/pkg", tools} {
		entries, err := os.ReadDir(real + dir)
		if err != nil {
			b.Fatal(err)
		}
		if err := os.MkdirAll(foreign+dir, 0o755); err != nil {
			b.Fatal(err)
		}
		for _, e := range entries {
			path := dir + "/" + e.Name()
			if strings.HasPrefix(tools, path) || path == tools+"/link" {
				continue
			}
			if err := os.Symlink(real+path, foreign+path); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.program(foreign+tools+"/link", "exec "+real+tools+"/link \"$@\"\n")
	return foreign
}

// Modules that somebody else has put into a cache are not built, and a module
// that go.sum does not know is refused.
func TestP03_modules_of_others_are_not_built(t *testing.T) {
	each(t, func(b *bench) {
		cache := b.dir + "/modules"
		write(t, cache+"/example.com/dep@v1.0.0/go.mod", "module example.com/dep\n")
		write(t, cache+"/example.com/dep@v1.0.0/dep.go", "package dep\n\nfunc init() { println(\"foreign\") }\n")
		write(t, cache+"/cache/download/example.com/dep/@v/v1.0.0.mod", "module example.com/dep\n")
		write(t, cache+"/cache/download/example.com/dep/@v/v1.0.0.info", `{"Version":"v1.0.0"}`)
		b.source("module github.com/sallyport-dev/sallyport\n\nrequire example.com/dep v1.0.0\n", "package main\n\nimport _ \"example.com/dep\"\n\nfunc main() {}\n")
		b.env = append(b.env, "GOMODCACHE="+cache, "GOFLAGS=-mod=mod", "GOPROXY=off", "GOSUMDB=off", "GOCACHE="+goEnv(t, "GOCACHE"))
		b.refuses(2, "could not be built")
	})
}

// A verified copy that an earlier step of this job left is used again after it
// is hashed again.
func TestP02_copy_of_this_job_is_used_again(t *testing.T) {
	each(t, func(b *bench) {
		b.runs("right")
		b.runs("right")
		if n := b.asked.Load(); n != 1 {
			b.Errorf("downloaded %d times, want 1", n)
		}
	})
}

func TestP02_tampered_copy_is_not_used(t *testing.T) {
	each(t, func(b *bench) {
		b.runs("right")
		copies, _ := filepath.Glob(b.temp + "/sallyport.*/sallyport")
		if len(copies) != 1 {
			b.Fatalf("copies: %q", copies)
		}
		write(t, copies[0], b.binary("wrong"))
		b.runs("right")
		if n := b.asked.Load(); n != 2 {
			b.Errorf("downloaded %d times, want 2", n)
		}
	})
}

// A link can be turned after what it leads to was hashed.
func TestP02_linked_copy_is_not_used(t *testing.T) {
	for name, link := range map[string][2]string{"file": {"right", "sallyport.planted/sallyport"}, "directory": {"", "sallyport.planted"}} {
		t.Run(name, func(t *testing.T) {
			each(t, func(b *bench) {
				for _, file := range []string{"/right", "/sallyport"} {
					write(t, b.work+file, b.binary("right"))
					if err := os.Chmod(b.work+file, 0o755); err != nil {
						b.Fatal(err)
					}
				}
				path := b.temp + "/" + link[1]
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					b.Fatal(err)
				}
				if err := os.Symlink(b.work+"/"+link[0], path); err != nil {
					b.Fatal(err)
				}
				b.runs("right")
				if n := b.asked.Load(); n != 1 {
					b.Errorf("downloaded %d times, want 1", n)
				}
			})
		})
	}
}

// Programs in the workspace do not run, however the PATH leads there.
func TestP03_programs_are_planted(t *testing.T) {
	for name, entry := range map[string]string{
		"workspace": "%s", "folder_of_it": "%s/bin", "relative": "bin", "here": ".", "empty": "", "around_a_corner": "%s/../work/bin", "link": "%s/../link",
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(b *bench) {
				if err := os.Symlink(b.work+"/bin", b.dir+"/link"); err != nil {
					b.Fatal(err)
				}
				entry := strings.ReplaceAll(entry, "%s", b.work)
				for _, dir := range []string{b.work, b.work + "/bin"} {
					for _, tool := range []string{"uname", "sha256sum", "shasum", "curl", "wget", "mktemp", "chmod", "rm", "tr", "gzip", "head", "mkdir", "env", "go", "git"} {
						b.program(dir+"/"+tool, "exec /usr/bin/"+tool+" \"$@\"\n")
					}
				}
				b.env = append(b.env, "PATH="+entry+":"+os.Getenv("PATH"))
				b.runs("right")
				b.unmarked()
			})
		})
	}
}

// Functions that an earlier job put into the environment do not stand in for
// the programs that check.
func TestP03_functions_are_planted(t *testing.T) {
	b := newBench(t, installers[0])
	b.serves(b.binary("wrong"))
	good := fmt.Sprintf("%x", sha256.Sum256([]byte(b.binary("right"))))
	b.env = append(b.env, "BASH_FUNC_sha256sum%%=() { echo "+good+"; }", "BASH_FUNC_gzip%%=() { echo "+good+"; }")
	b.refuses(3, "is not the recorded file")
	if out, status := b.job("bash"); status != 3 || !strings.Contains(out, "is not the recorded file") {
		t.Errorf("in a component: %d: %s", status, out)
	}
	b.serves(b.binary("right"))
	b.runs("right")
}

// tools gives the script these programs and no others.
func (b *bench) tools(names ...string) string {
	b.Helper()
	dir := b.dir + "/tools"
	for _, name := range names {
		from, err := exec.LookPath(name)
		if err != nil {
			b.Fatal(err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.Symlink(from, dir+"/"+name); err != nil {
			b.Fatal(err)
		}
	}
	const usual = "PATH=/usr/bin:/bin:/usr/sbin:/sbin${others:+:$others}"
	script := mustRead(b.T, b.commit+"/shared/install.sh")
	if strings.Count(script, usual) != 1 {
		b.Fatalf("the installer has no line %q", usual)
	}
	write(b.T, b.commit+"/shared/install.sh", strings.Replace(script, usual, "PATH="+dir, 1))
	return dir
}

// The script says in one line, before it does anything, what the machine lacks.
func TestScriptNamesWhatIsMissing(t *testing.T) {
	all := []string{"chmod", "curl", "gzip", "head", "mktemp", "rm", "sha256sum", "tr", "uname"}
	for name, tt := range map[string]struct {
		without []string
		want    string
	}{
		"nothing":    {nil, ""},
		"packing":    {[]string{"gzip", "head"}, ""},
		"gzip":       {[]string{"gzip"}, ""},
		"head":       {[]string{"head"}, ""},
		"tr":         {[]string{"tr"}, ""},
		"uname":      {[]string{"uname"}, ""}, // the runner says what it is
		"mktemp":     {[]string{"mktemp"}, "this machine lacks mktemp: "},
		"hasher":     {[]string{"sha256sum"}, "this machine lacks sha256sum or shasum: "},
		"downloader": {[]string{"curl"}, "this machine lacks curl or wget: "},
		"several":    {[]string{"curl", "mktemp", "chmod"}, "this machine lacks mktemp, chmod, curl or wget: "},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, installers[0])
			b.tools(slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(tt.without, s) })...)
			if tt.want == "" {
				b.runs("right")
				return
			}
			b.refuses(2, tt.want)
			if n := b.asked.Load(); n != 0 {
				t.Errorf("asked the network %d times", n)
			}
		})
	}
}

// A busybox's wget may not know, or not survive, the limit of time.
func TestScriptGetsAlongWithWget(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		first  string
		status int
	}{"good": {"", 0}, "crashes_on_a_limit": {`[ "$2" != -T ] || kill -SEGV $$`, 0}, "fails": {"exit 1", 5}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, installers[0])
			dir := b.tools("chmod", "gzip", "head", "mktemp", "rm", "sha256sum", "tr")
			b.program(dir+"/wget", tt.first+"\n[ \"$2\" != -T ] || shift 2\nexec "+curl+" -qfs -o \"$3\" \"$5\"\n")
			if tt.status == 0 {
				b.runs("right")
			} else {
				b.refuses(tt.status, "could not be downloaded")
			}
		})
	}
}

// job runs the installer and the binary as a component's job does.
func (b *bench) job(shell string) (string, int) {
	b.Helper()
	script, err := inline(Release{Installer: read(b.T, "shared/install.sh"), Record: []byte(mustRead(b.T, b.commit+"/shared/release.txt"))})
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(shell, "-e", "-c", script+"\"$sallyport\" gate\n")
	cmd.Dir = b.work
	cmd.Env = slices.Concat(b.env, []string{"CI_PROJECT_DIR=" + b.work, "GITHUB_OUTPUT=", "GITHUB_ACTIONS=", "RUNNER_TEMP=", "TMPDIR=" + b.temp})
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		b.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestPlatforms(t *testing.T) {
	for _, tt := range []struct{ os, arch, want string }{
		{"Windows", "X64", "this runner is Windows; this script needs Linux or macOS"},
		{"MINGW64_NT-10.0", "x86_64", "this runner is Windows; this script needs Linux or macOS"},
		{"Plan9\n::set-output::", "X64", "this runner is Plan9::set-output::; this script needs"},
		{"Linux", "ARM", "this runner is ARM; sallyport needs amd64 or arm64"},
		{"macOS", "X64", "has no digest for sallyport_darwin_amd64"},
		{"Linux", "ARM64", "has no digest for sallyport_linux_arm64"},
	} {
		t.Run(tt.os+"-"+tt.arch, func(t *testing.T) {
			b := newBench(t, installers[0])
			b.env = append(b.env, "RUNNER_OS="+tt.os, "RUNNER_ARCH="+tt.arch)
			b.refuses(2, tt.want)
		})
	}
}

// The installer is the same inside a component, with the record beside it and
// no source to fall back to.
func TestP02_inside_a_component(t *testing.T) {
	b := newBench(t, installers[0])
	says := func(status int, want string) {
		t.Helper()
		for _, shell := range []string{"sh", "bash"} {
			b.again()
			if out, got := b.job(shell); got != status || !strings.Contains(out, want) {
				t.Errorf("%s: status %d, want %d: %q, want %q", shell, got, status, out, want)
			}
		}
	}
	says(0, "right\n")
	b.serves(b.binary("wrong"))
	says(3, "sallyport: sallyport_linux_amd64 v1.2.3 is not the recorded file")
	b.serve = http.NotFound
	says(5, "could not be downloaded")
	write(t, b.commit+"/shared/release.txt", noRelease)
	write(t, b.work+"/go.mod", "module github.com/sallyport-dev/sallyport\n")
	says(2, "records no release")
	if _, err := os.Stat(b.mark); err == nil {
		t.Error("a binary ran")
	}
	if _, err := inline(Release{Installer: read(t, "shared/install.sh"), Record: []byte("version v1'; evil '")}); err == nil {
		t.Error("a record leaves its quotes")
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
