package main

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/record"
)

func TestMain(m *testing.M) {
	if status, is := record.Reexec(); is {
		os.Exit(status)
	}
	testscript.Main(waiting{m}, map[string]func(){"sallyport": program, "dial": dial})
}

// waiting runs more tests at once than there are processors: a scenario mostly
// waits for the lab's log to close a batch.
type waiting struct{ *testing.M }

// program is the program. In a job of the lab that takes it, it is told that the
// certificates of the lab's proxy are the machine's own.
func program() {
	const at = 2
	takes := []string{"attest", "verify", "gate", "enter", "entered", "failed", "release", "approve", "history"}
	if os.Getenv("GITLAB_CI") == "true" && len(os.Args) >= at && slices.Contains(takes, os.Args[1]) {
		os.Args = slices.Insert(os.Args, at, "--network", "inherit")
	}
	// With the lab's signing config, a command that signs is told its authority too.
	if authority := os.Getenv("AUTHORITY"); authority != "" && len(os.Args) > at && slices.ContainsFunc(os.Args, signs) {
		os.Args = slices.Insert(os.Args, at, "--authority", authority)
	}
	if err := committed(); err != nil {
		fmt.Fprintln(os.Stderr, "putting the policy into the commit:", err)
		os.Exit(1)
	}
	main()
}

// dial is a program of a build that has a daemon work for it.
func dial() {
	c, err := net.Dial("unix", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = c.Close() // nothing was written
}

func signs(arg string) bool {
	return arg == "--signing-config" || strings.HasPrefix(arg, "--signing-config=")
}

// committed puts the policy that lies in the working directory, and the files of its pipelines, into the commit of
// the job, unless the scenario says UNCOMMITTED.
func committed() error {
	if len(os.Args) < 2 || !slices.Contains([]string{"gate", "enter"}, os.Args[1]) || os.Getenv("UNCOMMITTED") != "" {
		return nil
	}
	path := ".sallyport/policy.yaml"
	for i, arg := range os.Args {
		if value, ok := strings.CutPrefix(arg, "--policy="); ok {
			path = value
		} else if arg == "--policy" && i+1 < len(os.Args) {
			path = os.Args[i+1]
		}
	}
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return nil // the command itself says what is missing
	}
	text, err := os.ReadFile(path)
	commit, at := os.Getenv("GITHUB_SHA"), "/github/repos/"+os.Getenv("REPO")
	if os.Getenv("GITLAB_CI") == "true" {
		commit, at = os.Getenv("CI_COMMIT_SHA"), "/gitlab/projects/"+os.Getenv("ID")
		if parts := strings.Split(os.Getenv("SALLYPORT_ID_TOKEN"), "."); len(parts) == 3 {
			var claims struct{ SHA string }
			raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
			_ = json.Unmarshal(raw, &claims)
			commit = claims.SHA
		}
	}
	if err != nil || commit == "" || os.Getenv("REPO") == "" {
		return err
	}
	files := map[string]string{filepath.ToSlash(path): string(text)}
	pipelines(files)
	body, err := json.Marshal(map[string]any{"commit": commit, "files": files})
	if err != nil {
		return err
	}
	s := scene{lab: &labtest.Lab{Control: os.Getenv("SALLYPORT_LAB")}}
	_, err = s.control("PUT", at+"/files", string(body))
	return err
}

// pipelines adds the files to all that say what the jobs of the working directory do.
func pipelines(all map[string]string) {
	for _, root := range []string{".github", ".gitlab-ci.yml", ".gitlab"} {
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				if text, err := os.ReadFile(path); err == nil {
					all[filepath.ToSlash(path)] = string(text)
				}
			}
			return nil // what is not there is in no commit either
		})
	}
}

// Run runs the tests.
func (w waiting) Run() int {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err) // the flag is the testing package's own
	}
	return w.M.Run()
}

// TestScript runs the scenarios, each in a repository of its own of one lab.
// script_test.go explains their commands.
func TestScript(t *testing.T) {
	lab, stop, err := labtest.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
		labtest.Clean()
	})
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true, Cmds: commands,
		Setup: func(e *testscript.Env) error { return setUp(e, lab) },
	})
	lab.Contract(t)
}

// A scene is where one scenario plays.
type scene struct {
	lab   *labtest.Lab
	repo  string // acme/NAME, on both platforms
	id    uint32 // of the repository and of the project
	step  int
	stops []func() error
}

type sceneKey struct{}

func setUp(e *testscript.Env, lab *labtest.Lab) error {
	name := strings.ToLower(strings.TrimPrefix(filepath.Base(e.WorkDir), "script-"))
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	s := &scene{lab: lab, repo: "acme/" + strings.Trim(name, "_"), id: h.Sum32()%1_000_000 + 1000}
	e.Values[sceneKey{}] = s
	e.Defer(func() {
		for _, stop := range s.stops {
			_ = stop() // a lab of its own; its scenario has ended
		}
	})
	fixture, err := filepath.Abs("testdata/offline")
	if err != nil {
		return err
	}
	e.Setenv("FIXTURE", fixture)
	return s.open(e.Setenv)
}

// open makes the repository on both platforms of the scene's lab and sets the
// variables that lead there.
func (s *scene) open(set func(k, v string)) error {
	for name, value := range s.lab.Env {
		set(name, value)
	}
	set("ROOT", "--trusted-root="+s.lab.Env["SALLYPORT_TRUSTED_ROOT"])
	set("SIGN", "--signing-config="+s.lab.Env["SALLYPORT_SIGNING_CONFIG"])
	set("AUTHORITY", s.lab.Env["SALLYPORT_LAB_AUTHORITY"])
	set("NOW", time.Now().UTC().Format(time.RFC3339))
	set("REPO", s.repo)
	set("ID", fmt.Sprint(s.id))
	set("REGISTRY", s.lab.Registry+"/"+s.repo)
	settings := `"protected":["production","staging"],"unprotected":["open"]`
	if _, err := s.control("PUT", "/github/repos/"+s.repo, fmt.Sprintf(`{"id":%d,"owner_id":4242,%s}`, s.id, settings)); err != nil {
		return err
	}
	_, err := s.control("PUT", fmt.Sprintf("/gitlab/projects/%d", s.id), fmt.Sprintf(`{"path":%q,"namespace_id":4242,%s}`, s.repo, settings))
	return err
}

// TestScenarios_say_what_they_show holds every scenario to its first line.
func TestScenarios_say_what_they_show(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d scenarios (%v)", len(files), err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(b), "\n")
		if !strings.HasPrefix(first, "# ") || !strings.HasSuffix(first, ".") {
			t.Errorf("%s opens with %q, want one sentence", name, first)
		}
	}
}
