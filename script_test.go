package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"

	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/messages"
)

// commands are what scenarios have besides testscript's own:
//
//	status N CMD ...      run CMD, want exit code N
//	runner NAME [CLAIMS]  become a step of a job ("github", "gitlab" or "none")
//	policy FILE           write a policy about this scene's repository
//	replace FILE OLD NEW  edit a file; OLD has to be there
//	commit NAME           commit everything with git, and set NAME to the commit
//	envfile NAME FILE     set NAME to the one line of FILE
//	pin FILE              set PIN to FILE@sha256:HEX
//	sum NAME FILE         set NAME to the digest of FILE, sha256:HEX
//	json NAME FILE        set NAME to the text of FILE as a JSON string
//	keep DIR              put bundles into the attestations of the scene's repository, as each of its workflows may
//	control METHOD PATH [JSON]  talk to the lab's control API
//	lab [ARGS]            play on in a lab of one's own
//	listen FILE           have a program outside of every build listen on a socket
//	files DIR N           make N files
//	module PROXY DIR PATH@VERSION  put DIR into a directory that go reads as a proxy of modules
//	pack FILE DIR [NAME=SIZE ...]  pack DIR as npm does, with files of that many bytes
//	unlogged FILE         write the lab's signing config without its log
//	allowed               the gate said yes, and passed on what may be deployed
//	denied CODE ...       the gate said no, with these reasons, and passed on nothing
//	entered               enter said yes; with ! and codes: no, and passed on nothing
//	undecided             there is no answer, and nothing was passed on
//	outputs NAME=VALUE ...  the step's outputs are exactly these; * is anything
//	nosecret              no token in any file or stream
//	timeless FILE ...     blank the time that a verdict or an .input.json counted ages from, and the ages
//	hostile, plain, refs, junk  play tricks (hostile_test.go)
//	cover                 lay other bytes over the bundles in a package registry
//	image, index, layout  make images
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"status": status, "runner": runner, "policy": writePolicy, "replace": replace, "commit": commit, "envfile": envFile,
	"pin": pin, "sum": sum, "keep": keepBundles, "json": asJSON, "control": control, "lab": ownLab, "listen": listen,
	"module": goModule, "files": files, "pack": pack,
	"allowed": allowed, "denied": denied, "undecided": undecided, "entered": entered, "watched": watched,
	"outputs": outputs, "nosecret": nosecret, "timeless": timeless,
	"unlogged": unlogged, "cover": cover, "image": image, "index": index, "layout": ociLayout,
}

func on(ts *testscript.TestScript) *scene { return ts.Value(sceneKey{}).(*scene) }

func status(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil || len(args) < 2 {
		ts.Fatalf("usage: status N CMD ...")
	}
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code = %d, want %d", got, want)
	}
	if args[1] == "sallyport" {
		readable(ts, args[2:])
	}
}

// readable reads everything that a command said: on its streams, in the job's summary and in the verdict file.
func readable(ts *testscript.TestScript, args []string) {
	said := map[string]string{"standard output": ts.ReadFile("stdout"), "standard error": ts.ReadFile("stderr"),
		"the summary": read(ts.Getenv("GITHUB_STEP_SUMMARY")), "the verdict file": read(ts.MkAbs(inputs.VerdictPath))}
	for where, text := range said {
		for _, c := range messages.Complaints(text) {
			ts.Fatalf("%s has %s", where, c)
		}
		for _, hint := range messages.Hints(text) {
			for _, flag := range messages.Flags(hint) {
				if !takes(args[0], flag) || slices.Contains(args, "--"+flag) && !strings.Contains(hint, "leave --"+flag) {
					ts.Fatalf("%s has the hint %q, and %v does not take --%s or was given it", where, hint, args, flag)
				}
			}
		}
	}
}

// takes reports whether a command has a flag.
func takes(command, flag string) bool {
	c, _ := inputs.Lookup(command)
	return slices.ContainsFunc(c.Inputs, func(in inputs.Input) bool { return in.Name == flag && in.Where.In(inputs.Flag) && !in.Secret })
}

var client = &http.Client{Timeout: 30 * time.Second}

func (s *scene) control(method, path, body string) ([]byte, error) {
	req, err := http.NewRequest(method, s.lab.Control+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, b)
	}
	return b, err
}

func control(ts *testscript.TestScript, neg bool, args []string) {
	b, err := on(ts).control(args[0], args[1], strings.Join(args[2:], " "))
	ts.Check(err)
	_, _ = ts.Stdout().Write(b) // a buffer
}

func keepBundles(ts *testscript.TestScript, neg bool, args []string) {
	s := on(ts)
	all, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*.json"))
	ts.Check(err)
	if len(all) == 0 {
		ts.Fatalf("%s has no bundle", args[0])
	}
	for _, name := range all {
		body := fmt.Sprintf(`{"bundle":%s}`, read(name))
		req, err := http.NewRequest("POST", s.lab.GitHub+"/api/v3/repos/"+s.repo+"/attestations", strings.NewReader(body))
		ts.Check(err)
		req.Header.Set("Authorization", "Bearer "+ts.Getenv("GITHUB_TOKEN"))
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		ts.Check(err)
		_ = resp.Body.Close() // it is not read
		if resp.StatusCode != http.StatusCreated {
			ts.Fatalf("keeping %s: %s", name, resp.Status)
		}
	}
}

func ownLab(ts *testscript.TestScript, neg bool, args []string) {
	lab, stop, err := labtest.Open(args...)
	ts.Check(err)
	s := on(ts)
	s.lab, s.stops = lab, append(s.stops, stop)
	ts.Check(s.open(ts.Setenv))
}

func listen(ts *testscript.TestScript, neg bool, args []string) {
	l, err := net.Listen("unix", ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() }) // the scenario has ended
}

func goModule(ts *testscript.TestScript, neg bool, args []string) {
	path, version, _ := strings.Cut(args[2], "@")
	at := filepath.Join(ts.MkAbs(args[0]), filepath.FromSlash(path), "@v", version)
	ts.Check(os.MkdirAll(filepath.Dir(at), 0o755))
	var b bytes.Buffer
	ts.Check(zip.CreateFromDir(&b, module.Version{Path: path, Version: version}, ts.MkAbs(args[1])))
	for ending, text := range map[string]string{
		".zip": b.String(), ".mod": "module " + path + "\n", ".info": fmt.Sprintf(`{"Version":%q}`, version),
	} {
		ts.Check(os.WriteFile(at+ending, []byte(text), 0o644))
	}
}

// selfClaims are the claims of a job of this scene's repository.
func (s *scene) selfClaims(platform string) map[string]any {
	if platform == "gitlab" {
		return map[string]any{"project_path": s.repo, "project_id": fmt.Sprint(s.id)}
	}
	return map[string]any{"repository": s.repo, "repository_id": fmt.Sprint(s.id)}
}

func runner(ts *testscript.TestScript, neg bool, args []string) {
	s := on(ts)
	for _, name := range []string{"GITHUB_ACTIONS", "GITLAB_CI", "SIGSTORE_ID_TOKEN", "SALLYPORT_ID_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"} {
		ts.Setenv(name, "")
	}
	// A job is told by arguments what at a terminal a variable may say.
	for _, name := range []string{"SALLYPORT_TRUSTED_ROOT", "SALLYPORT_SIGNING_CONFIG", "SALLYPORT_AUTHORITY"} {
		value := ""
		if args[0] == "none" {
			value = s.lab.Env[name]
		}
		ts.Setenv(name, value)
	}
	if args[0] == "none" {
		return
	}
	claims := s.selfClaims(args[0])
	if len(args) > 1 {
		var more map[string]any
		ts.Check(json.Unmarshal([]byte(strings.Join(args[1:], " ")), &more))
		maps.Copy(claims, more)
	}
	c, err := json.Marshal(claims)
	ts.Check(err)
	b, err := s.control("GET", "/env?"+url.Values{"as": {args[0]}, "claims": {base64.RawURLEncoding.EncodeToString(c)}}.Encode(), "")
	ts.Check(err)
	for name, value := range labtest.Parse(string(b)) {
		ts.Setenv(name, value)
	}
	reports, err := filepath.Glob(ts.MkAbs(".sallyport/*.env"))
	ts.Check(err)
	for _, r := range reports {
		ts.Check(os.Remove(r)) // of the job before
	}
	s.step++
	dir := filepath.Join(ts.Getenv("TMPDIR"), fmt.Sprintf("step%d", s.step))
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Setenv("STEP", dir)
	ts.Setenv("GITHUB_OUTPUT", filepath.Join(dir, "output"))
	ts.Setenv("GITHUB_STEP_SUMMARY", filepath.Join(dir, "summary"))
}

const policyText = `version: 1
artifacts:
  app:
    subject: ["dist/**", "%[4]s/app", "layout", "sha256:*"]
    trust: {root: trusted_root.json, sha256: %[3]x}
    built-by:
      - issuer: https://token.actions.githubusercontent.com
        repository: %[1]s
        repository-id: %[2]d
        workflow: .github/workflows/release.yml
        refs: [refs/heads/main, "refs/tags/v*"]
      - issuer: https://gitlab.com
        repository: %[1]s
        repository-id: %[2]d
        workflow: .gitlab-ci.yml
        refs: [refs/heads/main, "refs/tags/v*"]
environments:
  production:
    requires:
      provenance: {max-age: 7d}
  open:
    requires:
      provenance:
  missing:
    requires:
      provenance:
`

func writePolicy(ts *testscript.TestScript, neg bool, args []string) {
	s := on(ts)
	root, err := os.ReadFile(filepath.Join(s.lab.Dir, "trusted_root.json"))
	ts.Check(err)
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	ts.Check(os.WriteFile(filepath.Join(filepath.Dir(path), "trusted_root.json"), root, 0o644))
	text := fmt.Sprintf(policyText, s.repo, s.id, sha256.Sum256(root), s.lab.Registry+"/"+s.repo)
	ts.Check(os.WriteFile(path, []byte(text), 0o644))
}

func unlogged(ts *testscript.TestScript, neg bool, args []string) {
	raw, err := os.ReadFile(filepath.Join(on(ts).lab.Dir, "signing_config.json"))
	ts.Check(err)
	config := map[string]json.RawMessage{}
	ts.Check(json.Unmarshal(raw, &config))
	delete(config, "rekorTlogUrls")
	delete(config, "rekorTlogConfig")
	raw, err = json.Marshal(config)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), raw, 0o644))
}

func replace(ts *testscript.TestScript, neg bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	if !bytes.Contains(b, []byte(args[1])) {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(path, bytes.Replace(b, []byte(args[1]), []byte(strings.ReplaceAll(args[2], `\n`, "\n")), 1), 0o644))
}

func commit(ts *testscript.TestScript, neg bool, args []string) {
	git := []string{"-c", "init.defaultBranch=main", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "core.autocrlf=false", "-c", "commit.gpgSign=false"}
	for _, more := range [][]string{{"init", "-q"}, {"add", "-A", "-f", "--", ".sallyport", "dist"}, {"commit", "-q", "--allow-empty", "-m", "x"}, {"rev-parse", "HEAD"}} {
		ts.Check(ts.Exec("git", append(slices.Clone(git), more...)...))
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

func envFile(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

func pin(ts *testscript.TestScript, neg bool, args []string) {
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Setenv("PIN", fmt.Sprintf("%s@sha256:%x", args[0], sha256.Sum256(b)))
}

func sum(ts *testscript.TestScript, neg bool, args []string) {
	b, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Setenv(args[0], fmt.Sprintf("sha256:%x", sha256.Sum256(b)))
}

func asJSON(ts *testscript.TestScript, neg bool, args []string) {
	b, err := json.Marshal(ts.ReadFile(args[1]))
	ts.Check(err)
	ts.Setenv(args[0], string(b))
}

// pack makes a package of a directory as npm pack does: everything below package/, with one time.
func pack(ts *testscript.TestScript, neg bool, args []string) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	add := func(name string, content []byte) {
		ts.Check(w.WriteHeader(&tar.Header{Name: "package/" + name, Size: int64(len(content)), Mode: 0o644, ModTime: time.Unix(499162500, 0)}))
		_, err := w.Write(content)
		ts.Check(err)
	}
	dir := os.DirFS(ts.MkAbs(args[1]))
	ts.Check(fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			content, err := fs.ReadFile(dir, name)
			add(name, content)
			return err
		}
		return err
	}))
	for _, x := range args[2:] {
		name, size, _ := strings.Cut(x, "=")
		n, err := strconv.Atoi(size)
		ts.Check(err)
		add(name, bytes.Repeat([]byte("x"), n))
	}
	ts.Check(errors.Join(w.Close(), z.Close()))
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	ts.Check(os.WriteFile(path, b.Bytes(), 0o644))
}

func files(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	for i := range n {
		ts.Check(os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%04d", i)), fmt.Appendf(nil, "%s %d", args[0], i), 0o644))
	}
}

// emulated reads the outputs of this step as the runner would: the file of one
// platform, or the dotenv report of the other.
func emulated(ts *testscript.TestScript) map[string]string {
	out := map[string]string{}
	if ts.Getenv("GITLAB_CI") == "true" {
		for line := range strings.Lines(dotenv(ts.MkAbs("."))) {
			name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			if !ok || !strings.HasPrefix(name, "SALLYPORT_") {
				ts.Fatalf("dotenv line %q", line)
			}
			out[strings.ToLower(strings.TrimPrefix(name, "SALLYPORT_"))] = value
		}
		return out
	}
	lines := strings.Split(read(ts.Getenv("GITHUB_OUTPUT")), "\n")
	for i := 0; i < len(lines); i++ {
		if name, end, ok := strings.Cut(lines[i], "<<"); ok && !strings.Contains(name, "=") {
			from := i + 1
			for i++; i < len(lines) && strings.TrimRight(lines[i], "\r") != end; i++ {
			}
			out[name] = strings.Join(lines[from:i], "\n")
		} else if name, value, ok := strings.Cut(lines[i], "="); ok {
			out[name] = value
		} else if lines[i] != "" {
			ts.Fatalf("output line %q", lines[i])
		}
	}
	return out
}

// dotenv returns the reports that the commands of this step have written.
func dotenv(work string) string {
	reports, _ := filepath.Glob(filepath.Join(work, ".sallyport", "*.env"))
	var all strings.Builder
	for _, r := range reports {
		all.WriteString(read(r))
	}
	return all.String()
}

// read returns a file's text, and nothing if there is no file.
func read(path string) string {
	b, _ := os.ReadFile(path)
	return string(b)
}

func outputs(ts *testscript.TestScript, neg bool, args []string) {
	got := emulated(ts)
	var want []string
	for _, a := range args {
		name, value, _ := strings.Cut(a, "=")
		want = append(want, name)
		if v, ok := got[name]; !ok || value == "*" && v == "" || value != "*" && value != v {
			ts.Fatalf("output %s = %q, want %q", name, v, value)
		}
	}
	slices.Sort(want)
	// An output that is empty is none, unless it is asked for.
	maps.DeleteFunc(got, func(name, value string) bool { return value == "" && !slices.Contains(want, name) })
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
		ts.Fatalf("outputs = %q, want %q", names, want)
	}
}

// tokens are JSON web tokens, and the variables that hold other secrets.
var tokens = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.`)
var secrets = []string{"GITHUB_TOKEN", "GITLAB_TOKEN", "CI_JOB_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SIGSTORE_ID_TOKEN", "SALLYPORT_ID_TOKEN", "SALLYPORT_TOKEN"}

func nosecret(ts *testscript.TestScript, neg bool, args []string) {
	texts := map[string]string{}
	for _, stream := range []string{"stdout", "stderr"} {
		for line := range strings.Lines(ts.ReadFile(stream)) {
			if !strings.HasPrefix(line, "::add-mask::") { // how a runner is told to hide it
				texts[stream] += line
			}
		}
	}
	ts.Check(filepath.WalkDir(ts.Getenv("WORK"), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			texts[path] = read(path)
		}
		return err
	}))
	for where, text := range texts {
		if tokens.MatchString(text) {
			ts.Fatalf("%s holds a token", where)
		}
		for _, name := range secrets {
			if v := ts.Getenv(name); v != "" && strings.Contains(text, v) {
				ts.Fatalf("%s holds %s", where, name)
			}
		}
	}
}
