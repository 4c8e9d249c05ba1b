package cli

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/record"
	"github.com/sallyport-dev/sallyport/internal/report"
)

// A variation is how a rebuild differs from the build before it.
type variation struct {
	dir, home string
	host      string // "": as it is
	user      int    // 0: as it is
	umask     int    // -1 or 0: as it is
	env       map[string]string
	reversed  bool // the files of the source were made in another order
}

// varied is everything that can be made different without privileges.
func varied(work string) variation {
	locale := "C"
	if os.Getenv("LC_ALL") == "C" {
		locale = "C.UTF-8"
	}
	return variation{
		dir:      filepath.Join(work, "second", "another place, with a longer name"),
		home:     filepath.Join(work, "home-second"),
		host:     "rebuilder",
		user:     23456,
		umask:    0o027,
		reversed: true,
		env: map[string]string{
			"TZ":      "<+1345>-13:45",
			"LC_ALL":  locale,
			"LANG":    locale,
			"USER":    "rebuilder",
			"LOGNAME": "rebuilder",
		},
	}
}

// again builds once, in a fresh copy of the source.
func (r *run) again(p *plan, v variation, work string) (*record.Result, string, error) {
	if err := r.cloned(p, v, work); err != nil {
		return nil, "", err
	}
	env := p.env(v)
	dir := filepath.Join(v.dir, p.dir)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, "", fault.New(fault.Refused, fault.Path,
			"record the build in a directory that the commit has, and let the command make others",
			"the build ran in %q, and the commit %s has no such directory", p.dir, p.commit)
	}
	if err := r.fetched(p, dir, env); err != nil {
		return nil, "", err
	}
	p.lying(v.dir)
	null, err := os.OpenFile(os.DevNull, os.O_RDONLY, 0)
	if err != nil {
		return nil, "", fault.Cause(err)
	}
	defer func() { _ = null.Close() }()
	stderr, _ := r.Stderr.(*os.File)
	doing := "building " + report.Plain(strings.Join(p.command, " ")) + " in " + report.Plain(dir)
	r.note(fault.Scrub(doing, r.allSecrets(env)...))
	result, err := record.Run(
		record.Options{
			Command: p.command,
			Dir:     dir,
			Env:     env,
			Cut:     !p.connected,
			Host:    v.host,
			User:    v.user,
			Umask:   v.umask,
			Stdin:   null,
			Stdout:  orNull(stderr),
			Stderr:  orNull(stderr),
		},
	)
	if err != nil {
		return nil, "", fault.New(fault.Unavailable, fault.NotAvailable, notRunHint(err, "say --with-network"),
			"the build was not run: %w", err)
	}
	if result.NotStarted != "" {
		return nil, "", fault.New(
			fault.Unavailable,
			fault.NotAvailable,
			"install what builds it, in the version that the manifest names",
			"the build was not run: %s",
			result.NotStarted,
		)
	}
	if err := p.held(result, v); err != nil {
		return nil, "", err
	}
	return result, v.dir, nil
}

// cloned puts the commit into a directory of its own.
func (r *run) cloned(p *plan, v variation, work string) error {
	for _, dir := range []string{filepath.Dir(v.dir), v.home} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fault.Errorf("making %q: %w", dir, fault.Cause(err))
		}
	}
	to := v.dir
	if v.reversed {
		to = filepath.Join(work, "in order")
	}
	if _, err := r.git(".", "clone", "--quiet", "--no-checkout", "--no-hardlinks", "--", p.source, to); err != nil {
		return err
	}
	if _, err := r.git(to, "checkout", "--quiet", "--detach", p.commit); err != nil {
		return err
	}
	if !v.reversed {
		return nil
	}
	if err := backwards(to, v.dir); err != nil {
		return fault.Errorf("copying the source: %w", fault.Cause(err))
	}
	return nil
}

// backwards moves a directory, with the files of each directory in the other order.
func backwards(from, to string) error {
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	all, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(all) {
		a, b := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if e.IsDir() {
			err = backwards(a, b)
		} else {
			err = os.Rename(a, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// git runs git, without what a repository or a user would have it run besides.
func (r *run) git(dir string, args ...string) (string, error) {
	own := []string{"-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.ext.allow=never"}
	c := exec.CommandContext(r.ctx, "git", append(own, args...)...) //nolint:gosec // the arguments are ours
	c.Dir = dir
	var out, bad bytes.Buffer
	c.Stdout, c.Stderr = &out, &bad
	if err := c.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", fault.New(fault.Unavailable, fault.NotAvailable, "install git", "git is not here")
		}
		return "", fault.New(
			fault.Unavailable,
			fault.NotAvailable,
			"run it in a checkout that has the commit",
			"git %s: %s",
			args[0],
			fault.Cut(strings.TrimSpace(bad.String())),
		)
	}
	return out.String(), nil
}

// followed are the variables that a rebuild takes from the manifest, and from nowhere else.
var followed = strings.Fields(
	`SOURCE_DATE_EPOCH GO111MODULE GOOS GOARCH GOAMD64 GOARM GOARM64 GOFLAGS GOTOOLCHAIN GOEXPERIMENT GOWORK GODEBUG
	CGO_ENABLED CGO_CFLAGS CGO_LDFLAGS CC CXX AR LD CFLAGS CXXFLAGS CPPFLAGS LDFLAGS ARFLAGS MAKEFLAGS NODE_ENV
	NODE_OPTIONS RUSTFLAGS RUSTUP_TOOLCHAIN CARGO_BUILD_TARGET CARGO_ENCODED_RUSTFLAGS CARGO_INCREMENTAL
	PYTHONHASHSEED CI`,
)

// besideSource are variables by which tools take files from elsewhere than the source and the package caches.
var besideSource = strings.Fields(`NODE_PATH PYTHONPATH PYTHONHOME RUSTC_WRAPPER CARGO_TARGET_DIR LD_PRELOAD CLASSPATH`)

// env is the environment of one build.
func (p *plan) env(v variation) []string {
	set := map[string]string{}
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		if slices.Contains(signingVariables, name) || slices.Contains(runnersOwn, name) ||
			slices.Contains(besideSource, name) ||
			attest.Secret(name, value, nil) || p.manifest != "" && slices.Contains(followed, name) {
			continue // the command is the build job's choice, and gets nothing of this job's
		}
		set[name] = value
	}
	for _, x := range p.variables {
		if slices.Contains(followed, x.Name) {
			set[x.Name] = x.Value
		}
	}
	home := set["HOME"]
	for name, below := range map[string]string{"GOMODCACHE": "go/pkg/mod", "npm_config_cache": ".npm",
		"CARGO_HOME": ".cargo", "RUSTUP_HOME": ".rustup", "PYENV_ROOT": ".pyenv"} {
		at := filepath.Join(home, below)
		if _, err := os.Stat(at); err == nil && home != "" && set[name] == "" {
			set[name] = at // packages that are locked come from where they lie
		}
	}
	set["HOME"] = v.home
	for _, name := range []string{"GOCACHE", "XDG_CACHE_HOME", "CCACHE_DIR", "SCCACHE_DIR"} {
		delete(set, name) // what an earlier build made would pass for this one's work
	}
	for name, value := range v.env {
		set[name] = value
	}
	var env []string
	for name, value := range set {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}

// fetched fetches what the build needs, before its network is cut.
func (r *run) fetched(p *plan, dir string, env []string) error {
	var todo [][]string
	for _, f := range p.fetch {
		todo = append(todo, []string{"sh", "-c", f})
	}
	if len(todo) == 0 {
		for _, known := range []struct {
			file, not string
			command   []string
		}{
			{"go.mod", "vendor", []string{"go", "mod", "download"}},
			{"package-lock.json", "node_modules", []string{"npm", "ci", "--no-audit", "--no-fund"}},
			{"Cargo.lock", "vendor", []string{"cargo", "fetch", "--locked"}},
		} {
			_, err := os.Stat(filepath.Join(dir, known.file))
			_, there := os.Stat(filepath.Join(dir, known.not))
			if err == nil && there != nil {
				todo = append(todo, known.command)
			}
		}
	}
	for _, words := range todo {
		r.note(fault.Scrub("fetching: "+report.Plain(strings.Join(words, " ")), r.allSecrets(env)...))
		c := exec.CommandContext(r.ctx, words[0], words[1:]...) //nolint:gosec // a package manager, or --fetch
		c.Dir, c.Env, c.Stdout, c.Stderr = dir, env, r.Stderr, r.Stderr
		if err := c.Run(); err != nil {
			return fault.New(
				fault.Unavailable,
				fault.NotAvailable,
				"say with --fetch what fetches the packages that are locked",
				"fetching with %q failed: %w",
				fault.Scrub(strings.Join(words, " "), r.allSecrets(env)...),
				fault.Cause(err),
			)
		}
	}
	return nil
}

// sharedCaches says which caches of packages a rebuild has in common with the builds before it on this machine.
func sharedCaches(env []string) (all []material.NotMoved) {
	for _, name := range []string{"CARGO_HOME", "GOMODCACHE", "npm_config_cache"} {
		if slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") }) {
			all = append(all, material.NotMoved{What: "cache of packages " + name,
				Why: "packages come from where they lie on this machine; what the build opened was held to its lock"})
		}
	}
	return all
}

// forceRemove removes a directory, also where a build has taken away its own permissions.
func forceRemove(dir string) error {
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o700) //nolint:gosec // it is removed next
		}
		return nil
	})
	return os.RemoveAll(dir)
}
