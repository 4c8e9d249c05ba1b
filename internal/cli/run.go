package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/build"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/record"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// runInputs is what run alone is told.
type runInputs struct {
	Words     []string `input:"command"`
	NoNetwork bool     `input:"no-network"`
	Record    string   `input:"record"`
	Products  []string `input:"products"`
	KeepEnv   []string `input:"keep-env"`
}

// The exit statuses of run besides those of the command: as env(1), nohup(1) and shells have them (POSIX.1-2024, XCU
// 2.8.2).
const (
	statusNotRun      = 125
	statusNotExecuted = 126
	statusNotFound    = 127
	statusSignal      = 128 // and the number of the signal
)

// notRun is the answer where the command did not run to its end.
var notRun = answer{ran: true, status: statusNotRun}

// runCommand runs a build and writes down what it used. Its exit status is the command's.
func runCommand(r *run, in runInputs) (answer, error) {
	failed := notRun
	if err := r.vacateOutputs(); err != nil {
		return failed, err
	}
	if err := keepable(in.KeepEnv); err != nil {
		return failed, err
	}
	out, err := openRecord(in.Record)
	if err != nil {
		return failed, err
	}
	written := false
	defer func() {
		if out.close(); !written {
			out.discard()
		}
	}()
	dir, err := os.Getwd()
	if err != nil {
		return failed, fault.Errorf("finding the working directory: %w", fault.Cause(err))
	}
	began := r.begins(dir)
	env, taken := r.stripped(in.KeepEnv)
	r.forewarn(taken)
	stdin, _ := r.Stdin.(*os.File)
	stdout, _ := raw(r.Stdout).(*os.File)
	stderr, _ := r.Stderr.(*os.File)
	result, err := record.Run(record.Options{Command: in.Words, Dir: dir, Env: env, Cut: in.NoNetwork,
		Stdin: orNull(stdin), Stdout: orNull(stdout), Stderr: orNull(stderr)})
	if err != nil {
		return failed, fault.New(fault.Unavailable, fault.NotAvailable,
			notRunHint(err, "leave out --no-network and let the policy ask for less"),
			"the command was not run to its end: %w", err)
	}
	if result.NotStarted != "" {
		if failed.status = statusNotExecuted; result.Missing {
			failed.status = statusNotFound
		}
		return failed, fault.New(fault.Usage, fault.Config, "", "the command was not executed: %s",
			fault.Scrub(result.NotStarted, r.allSecrets(env)...))
	}
	m, log, err := build.Manifest(r.built(in, result, began, env))
	if err == nil {
		err = out.write(&m, log)
	}
	if err != nil {
		return failed, err
	}
	written = true
	r.summarised(&m, in)
	return ended(result), nil
}

// ended is the answer of a command that ran.
func ended(result *record.Result) answer {
	if result.Signal != 0 {
		return answer{ran: true, status: statusSignal + result.Signal}
	}
	return answer{ran: true, status: result.Exit}
}

// notRunHint is what to do where record.Run returned an error. connected is what leaves the network as it is.
func notRunHint(err error, connected string) string {
	switch {
	case errors.Is(err, record.ErrUncut) && runtime.GOOS == "linux":
		return "allow user namespaces or seccomp filters on this runner, or " + connected
	case errors.Is(err, record.ErrUncut):
		return "build on Linux, or " + connected
	case errors.Is(err, record.ErrEnded):
		return "run it again; if it ends again, look for what ends processes on this runner, such as too little memory"
	}
	return ""
}

// raw is the stream behind what notes that something was written.
func raw(w any) any {
	if s, ok := w.(*stdout); ok {
		return s.Writer
	}
	return w
}

func orNull(f *os.File) *os.File {
	if f != nil {
		return f
	}
	null, _ := os.OpenFile(os.DevNull, os.O_RDWR, 0) // a nil file is no stream, and the command is given none
	return null
}

// stripped is the environment of the command: that of this process, without tokens. taken are the names of those.
func (r *run) stripped(keep []string) (env, taken []string) {
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		if signs(name) && !slices.Contains(keep, name) {
			if value != "" {
				taken = append(taken, name)
			}
			continue
		}
		env = append(env, v)
	}
	return env, taken
}

// signs reports whether a variable is one with which a job signs or that is a token of ours.
func signs(name string) bool {
	return slices.Contains(signingVariables, name) ||
		strings.HasPrefix(name, "SALLYPORT_") && strings.HasSuffix(name, "TOKEN")
}

// keepable refuses names of variables that a command keeps anyway.
func keepable(names []string) error {
	for _, n := range names {
		if !signs(n) {
			return fault.New(fault.Usage, fault.Config,
				"leave --keep-env out: it is for the variables of tokens, which run takes away",
				"--keep-env %q names a variable that the command keeps anyway", n)
		}
	}
	return nil
}

// forewarn says, before the command, what would puzzle people later.
func (r *run) forewarn(taken []string) {
	if slices.ContainsFunc(taken, func(n string) bool { return strings.Contains(n, "ID_TOKEN") }) {
		r.note("this job can sign, and a build can read the environment of the processes above it: build in a job " +
			"without id-token, and sign in another one")
	}
	if runtime.GOOS == "linux" && os.Geteuid() != 0 {
		r.note("sudo and other setuid programs have no effect in the command, because it is watched")
	}
}

// note says something that changes no answer, where the command's own errors are.
func (r *run) note(text string) {
	if !r.in.Quiet {
		fmt.Fprintf(r.Stderr, "sallyport: %s\n", report.Plain(text))
	}
}

// start is where a build began. The build can move the commit of its checkout.
type start struct{ dir, top, commit string }

// built is what the manifest is made of.
func (r *run) built(in runInputs, result *record.Result, began start, env []string) build.Run {
	known := r.allSecrets(env)
	b := build.Run{
		Recorder: "sallyport " + r.Version, Result: result, Command: in.Words, Dir: resolved(began.dir), Env: env,
		Home:    resolved(r.Getenv("HOME")),
		Machine: machine(),
		Hidden:  func(name, value string) bool { return attest.Secret(name, value, known) },
		Scrub:   fault.Scrubber(known...),
		Version: func(path string, args ...string) string { return r.versionOf(env, path, args) },
	}
	for _, p := range in.Products {
		if abs, err := filepath.Abs(p); err == nil {
			b.Out = append(b.Out, resolved(abs))
		}
	}
	b.Top, b.Commit = began.top, began.commit
	if r.platform != nil {
		b.Commit = cmp.Or(r.platform.Commit(), began.commit)
	}
	b.Workflow, b.Pins, b.Tools, b.Variables = workflowFile(r.Getenv), workflowPins, keptTools(r.Getenv), shownVariables
	return b
}

// allSecrets are those of the job: those that a platform gives it, and what variables with the names of secrets have.
func (r *run) allSecrets(env []string) []string {
	return append(secrets(r.Getenv), attest.Values(slices.Concat(os.Environ(), env))...)
}

// begins is where a build begins. In a job, an earlier step may have left a .git anywhere below the folder that the
// platform gave it, so the outermost one counts; at a terminal, the nearest.
func (r *run) begins(dir string) start {
	top := checkoutOf(resolved(dir))
	if top != "" && r.platform != nil {
		top = r.checkout(filepath.Join(resolved(dir), "x")).top
	}
	return start{dir, top, build.Head(top)}
}

// checkoutOf is the checkout that a directory lies in; "" if it lies in none.
func checkoutOf(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			return ""
		}
	}
}

// resolved is a path as the recorder has it, without links.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// versionOf asks a tool for its version, after the build. It may be a program that the build has changed, so it runs as
// the build did: watched, ended with all that it started, and without a network.
func (r *run) versionOf(env []string, path string, args []string) string {
	out, err := os.CreateTemp("", "sallyport-version-")
	if err != nil {
		return ""
	}
	defer func() { _, _ = out.Close(), os.Remove(out.Name()) }() // it is the machine's to clear up
	null := orNull(nil)
	defer func() { _ = null.Close() }()
	result, err := record.Run(
		record.Options{Command: append([]string{path}, args...), Env: env, Cut: true, Patience: toAnswer,
			MaxFile: 1, // what it reads is written down nowhere, so nothing is hashed
			Stdin:   null, Stdout: out, Stderr: out},
	)
	if err != nil || result.Exit != 0 {
		return ""
	}
	said := make([]byte, mostSaid)
	n, _ := out.ReadAt(said, 0) // it may say less
	return string(said[:n])
}

const (
	toAnswer = 5 * time.Second // with a tool that is asked for its version
	mostSaid = 4096            // bytes of what it says
)

// recordFiles are where a manifest and its log will be, opened before the command runs, which does not inherit them.
type recordFiles struct {
	manifest, log *os.File
	dir           string // in which they are, without links
}

// openRecord makes both files anew: what an earlier step has left under their names, such as a link to another file, is
// never written through.
func openRecord(path string) (f recordFiles, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return f, unwritten(path, err)
	}
	if f.dir, err = realDir(path); err != nil {
		return f, unwritten(path, err)
	}
	if f.manifest, err = fresh(path); err != nil {
		return f, err
	}
	if f.log, err = fresh(path + ".log"); err != nil {
		f.close()
		return f, errors.Join(err, remove(path))
	}
	return f, nil
}

// realDir is the directory of a path, absolute and without links.
func realDir(path string) (string, error) {
	abs, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return "", err //nolint:wrapcheck // its caller says of what
	}
	return filepath.EvalSymlinks(abs)
}

// fresh makes a file under a name that nothing or a regular file may have.
func fresh(path string) (*os.File, error) {
	if err := remove(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, unwritten(path, err)
	}
	return f, nil
}

func (f *recordFiles) close() {
	for _, one := range []*os.File{f.manifest, f.log} {
		if one != nil {
			_ = one.Close() // what was written was synced
		}
	}
}

// discard removes both where nothing was recorded: an empty file is no record.
func (f *recordFiles) discard() {
	for _, one := range []*os.File{f.manifest, f.log} {
		if info, err := os.Lstat(one.Name()); err == nil && info.Mode().IsRegular() && info.Size() == 0 {
			_ = os.Remove(one.Name()) // an empty one has no reader
		}
	}
}

// write writes both, and finds out whether they are still where they were opened. What the command has only removed,
// as a build that empties its checkout does, is made again.
func (f *recordFiles) write(m *material.Manifest, log []byte) error {
	b, err := m.JSON()
	if err != nil {
		return err
	}
	if _, err := material.Read(b); err != nil {
		return fault.New(fault.Refused, fault.Of(err).Code,
			"name what the build makes with --products, so that the manifest lists less",
			"what was recorded makes no build manifest: %w", err)
	}
	for _, one := range []struct {
		to *(*os.File)
		b  []byte
	}{{&f.log, log}, {&f.manifest, append(b, '\n')}} {
		if err := f.again(one.to); err != nil {
			return err
		}
		to := *one.to
		_, err := to.WriteAt(one.b, 0)
		if err == nil {
			err = to.Truncate(int64(len(one.b)))
		}
		if err == nil {
			err = to.Sync()
		}
		if err != nil {
			return fault.New(fault.Unavailable, fault.NotAvailable, "make room, and build again",
				"writing the record %q: %w", to.Name(), fault.Cause(err))
		}
		opened, err1 := to.Stat()
		there, err2 := os.Lstat(to.Name())
		dir, err3 := realDir(to.Name())
		if err := errors.Join(err1, err2, err3); err != nil || dir != f.dir || !os.SameFile(opened, there) {
			return replaced(to.Name())
		}
	}
	return nil
}

// again makes a file of the record once more, if nothing is in its place.
func (f *recordFiles) again(of **os.File) error {
	path := (*of).Name()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil // what is there is looked at after the writing
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return replaced(path)
	}
	if dir, err := realDir(path); err != nil || dir != f.dir {
		return replaced(path)
	}
	made, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return replaced(path)
	}
	_ = (*of).Close() // nothing was written to it
	*of = made
	return nil
}

func replaced(path string) error {
	return fault.New(fault.Refused, fault.Path,
		"name a file with --record that the build leaves alone; another sallyport run inside needs one of its own",
		"the command has put something else in the place of the record %q", path)
}

// summarised says in a few lines what the manifest has.
func (r *run) summarised(m *material.Manifest, in runInputs) {
	if r.in.Quiet {
		return
	}
	o := m.Observation
	switch {
	case o.Reason == "":
	case o.CutBy == record.BySocketFilter && o.Files == record.Observed:
		r.note("the network is cut by a filter of sockets, so loopback is cut too: " + o.Reason)
	default:
		r.note("not all was watched: " + o.Reason)
	}
	for _, p := range in.Products {
		if !r.madeAt(m, p) {
			r.note(fmt.Sprintf("--products %q: the build made nothing there", p))
		}
	}
	for _, line := range report.ManifestLines(m) {
		r.note(line)
	}
	b, err := m.JSON()
	if err != nil {
		return
	}
	r.note(fmt.Sprintf("build manifest %s, %s", in.Record, subject.Sum(append(b, '\n'))))
}

// madeAt reports whether a product of a manifest is the file that --products names, or lies below it.
func (r *run) madeAt(m *material.Manifest, named string) bool {
	abs, err := filepath.Abs(named)
	if err != nil {
		return false
	}
	at := resolved(abs)
	if dir, err := os.Getwd(); err == nil {
		top := r.begins(dir).top
		if rel, err := filepath.Rel(top, at); top != "" && err == nil && filepath.IsLocal(rel) {
			at = rel
		}
	}
	return at == "." || slices.ContainsFunc(m.Products, func(p material.Product) bool {
		return p.Path == at || strings.HasPrefix(p.Path, at+"/") || strings.Contains(p.Path, fault.Hidden)
	})
}
