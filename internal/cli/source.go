package cli

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gitobject"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/wiring"
)

// A source is where the policy of a decision comes from. What lies in the working
// directory is a claim by every step and artifact before: it counts as the file
// of a commit, or as the one that has a digest which the call names.
type source struct {
	path   string
	digest string // sha256:HEX that the call names, or ""
	commit string // that the call names, or ""
	branch string // that the call or the policy names, or ""
}

// source reads what the call says about the policy: PATH, PATH@COMMIT or
// PATH@sha256:HEX, and perhaps a branch. The input is the path from then on.
func (r *run) source() (source, error) {
	if r.from != nil {
		return *r.from, nil
	}
	s := source{path: r.in.Policy, branch: r.in.PolicyRef}
	file, pin, ok := wiring.Pin(s.path)
	if at := strings.LastIndexByte(s.path, '@'); !ok && at > 0 && yaml(s.path[:at]) {
		return s, fault.New(fault.Usage, fault.Policy,
			"name all 40 or 64 digits of the commit, or sha256: and 64 digits in lower case; for a branch there is --policy-ref",
			"policy %q, want PATH, PATH@COMMIT or PATH@sha256:HEX", s.path)
	}
	if ok {
		s.path = file
		if strings.HasPrefix(pin, "sha256:") {
			s.digest = pin
		} else {
			s.commit = pin
		}
		r.values["policy"], r.in.Policy = []string{s.path}, s.path
	}
	if s.branch != "" && s.digest+s.commit != "" {
		return s, usage("--policy names what the policy has to be, and --policy-ref a branch: say one of them")
	}
	if strings.HasPrefix(s.branch, "refs/") {
		return s, usage("--policy-ref %q, want the name of a branch, such as main", s.branch)
	}
	r.from = &s
	return s, named(s.path)
}

// sourced reads the policy that decides about an environment, and finds out which
// job this is; environment is called after that, and its answer returned.
func (r *run) sourced(environment func() (string, error)) (p *policy.Policy, from report.Policy, env string, err error) {
	if r.in.Server != "" {
		return r.sourcedByServer(environment)
	}
	s, err := r.source()
	if err != nil {
		return nil, from, "", err
	}
	if _, err := os.Lstat(s.path); s.branch == "" || !errors.Is(err, fs.ErrNotExist) {
		p, err = r.ofCommit(s)
		if err != nil {
			return nil, from, "", err
		}
	} else if err := r.identify(forges.Everybodys()); err != nil {
		return nil, from, "", err
	}
	env, err = environment()
	if err != nil {
		return nil, from, "", err
	}
	if s.branch == "" && s.digest+s.commit == "" {
		e, _ := p.Environment(env)
		s.branch = e.PolicyRef
	}
	if s.branch != "" {
		p, from, err = r.atBranch(s, env)
		return p, from, env, err
	}
	from = report.Policy{File: s.path, Digest: p.Digest}
	if s.digest == "" {
		from.Commit = cmp.Or(s.commit, r.platform.Commit())
	}
	return p, from, env, nil
}

// ofCommit reads the policy in the working directory and holds it to its commit
// or digest: before anything is asked, if the checkout shows it. Else nothing
// secret is sent because of it, but to where such a platform always is.
func (r *run) ofCommit(s source) (*policy.Policy, error) {
	raw, err := r.file(s.path)
	if err != nil {
		return nil, err
	}
	raw, proven, err := r.proven(s, raw)
	if err != nil {
		return nil, err
	}
	p, err := r.parsed(s.path, raw)
	if err != nil {
		return nil, err
	}
	r.unproven = !proven
	if err := r.identify(p.Instances()); err != nil || proven {
		return p, err
	}
	if raw, err = r.askedFor(s, raw); err != nil {
		return nil, err
	}
	r.unproven = false
	return r.parsed(s.path, raw)
}

// policy reads the policy file of a command that decides nothing about an
// environment.
func (r *run) policy() (*policy.Policy, error) {
	if r.in.Server != "" {
		return r.served()
	}
	s, err := r.source()
	if err != nil {
		return nil, err
	}
	raw, err := r.file(s.path)
	if err != nil {
		return nil, err
	}
	return r.asked(s, raw)
}

// asked is the policy of a command that takes the file as it lies there, unless the
// call names which it has to be. In a job it may still send no token to where only a
// policy of unknown origin says.
func (r *run) asked(s source, raw []byte) (*policy.Policy, error) {
	named := s.digest+s.commit != ""
	if r.platform == nil && !named {
		return r.parsed(s.path, raw)
	}
	of, proven, err := r.proven(s, raw)
	if named && err != nil {
		return nil, err
	}
	if named && !proven {
		return nil, s.lost()
	}
	if proven {
		raw = of
	}
	r.unproven = !proven
	return r.parsed(s.path, raw)
}

func named(path string) error {
	if !yaml(path) {
		return fault.New(fault.Usage, fault.Policy, "", "policy file %q is not called .yaml or .yml", path)
	}
	return nil
}

// file reads the policy file.
func (r *run) file(path string) ([]byte, error) {
	raw, err := content(path, policy.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		hint := "write one with sallyport init, or as docs/start.md shows; a deploy job has to check the repository out"
		if !r.flagged("policy") {
			hint = "write one with sallyport init, or as docs/start.md shows, or name another with --policy; a deploy job has to check the repository out"
		}
		return nil, fault.New(fault.Usage, fault.Policy, hint, "there is no policy file %q", path)
	}
	return raw, err
}

func (*run) parsed(path string, raw []byte) (*policy.Policy, error) {
	return policy.Read(raw, path, forges.Words())
}

// proven holds the file of the working directory to what the call names, or to the
// job's commit, without asking anybody. It returns the policy as it was
// committed: a checkout may have other ends of lines.
func (r *run) proven(s source, raw []byte) ([]byte, bool, error) {
	if s.digest != "" {
		if got := subject.Sum(raw).String(); got != s.digest {
			return nil, false, differs(s, "has digest "+got, s.digest)
		}
		return raw, true, nil
	}
	if s.commit != "" {
		return r.pinned(s, raw)
	}
	commit := r.platform.Commit()
	if !gitobject.IsCommit(commit) {
		return raw, false, nil
	}
	body, blob, err := r.checkout(s.path).hold(commit, raw)
	switch {
	case blob != "" && !bytes.Equal(body, unixLines(raw)) && !bytes.Equal(body, raw):
		return nil, false, differs(s, "has digest "+subject.Sum(raw).String(), "git object "+blob+" of commit "+commit)
	case errors.Is(err, gitobject.ErrLost):
		return raw, false, nil
	}
	return body, err == nil, err
}

// pinned reads the policy of the commit that the call names, out of the first
// checkout that has this commit.
func (r *run) pinned(s source, raw []byte) ([]byte, bool, error) {
	all := r.checkouts(s.path)
	for _, c := range all {
		body, _, err := c.hold(s.commit, raw)
		if !errors.Is(err, gitobject.ErrLost) {
			return body, err == nil, err
		}
	}
	if len(all) > 1 {
		return nil, false, s.lost()
	}
	return raw, false, nil
}

// lost is the fault of a commit that the call names and no checkout has.
func (s source) lost() error {
	return fault.New(fault.Refused, fault.Policy,
		"check that repository out with this commit, or name the file's digest: PATH@sha256:HEX",
		"no checkout around %q has commit %s", s.path, s.commit)
}

// askedFor is the policy of the commit, as the platform has it. Without a commit in
// the call, the file of the working directory has to be the same.
func (r *run) askedFor(s source, raw []byte) ([]byte, error) {
	commit := cmp.Or(s.commit, r.platform.Commit())
	path := r.checkout(s.path).inside
	if !filepath.IsLocal(path) {
		return nil, fault.New(fault.Refused, fault.Policy, nameOne, "policy file %q lies outside of the repository", path)
	}
	asked, err := r.platform.File(r.ctx, commit, path)
	if err != nil {
		return nil, err
	}
	if s.commit == "" && !bytes.Equal(asked, raw) && !bytes.Equal(asked, unixLines(raw)) {
		return nil, differs(s, "has digest "+subject.Sum(raw).String(), subject.Sum(asked).String()+" of commit "+commit)
	}
	return asked, nil
}

// policyPath is the policy's path in its repository, or "" where it is in none.
func (r *run) policyPath() string {
	if r.ofServer != nil {
		return policy.UsualPath
	}
	if path := r.checkout(r.in.Policy).inside; filepath.IsLocal(path) {
		return path
	}
	return ""
}

// atBranch reads the policy at the tip of a branch. The job has to be one of a
// platform that this policy names, too.
func (r *run) atBranch(s source, env string) (*policy.Policy, report.Policy, error) {
	commit, err := r.platform.Tip(r.ctx, s.branch)
	if err != nil {
		return nil, report.Policy{}, err
	}
	s.commit = commit
	raw, err := r.askedFor(s, nil)
	if err != nil {
		return nil, report.Policy{}, err
	}
	r.unproven = false
	p, err := r.parsed(s.path, raw)
	if err != nil {
		return nil, report.Policy{}, err
	}
	if e, _ := p.Environment(env); e.PolicyRef != "" && e.PolicyRef != s.branch {
		return nil, report.Policy{}, fault.New(fault.Refused, fault.Policy,
			"name "+e.PolicyRef+", or change the policy there",
			"the policy on branch %q says that environment %q is judged by the one on branch %q", s.branch, env, e.PolicyRef)
	}
	return p, report.Policy{File: s.path, Digest: p.Digest, Commit: commit, Branch: s.branch}, r.identify(p.Instances())
}

const nameOne = "name the one that is meant, as PATH@COMMIT or PATH@sha256:HEX"

// differs is the fault of a policy file that somebody else than the commit wrote.
func differs(s source, found, wanted string) error {
	if s.digest != "" || s.commit != "" {
		return fault.New(fault.Refused, fault.Policy, "find out what wrote the file, or name what it has to be now",
			"policy file %q %s, and --policy names %s", s.path, found, wanted)
	}
	return fault.New(fault.Refused, fault.Policy,
		"let no step and no artifact before the gate write it; or "+nameOne,
		"policy file %q %s, want %s, which this job runs", s.path, found, wanted)
}

// usual refuses to go to an address that only a policy of unknown origin names.
func usual(all []policy.Instance) error {
	for _, i := range all {
		if i.API != "" || !forges.WellKnown(i.Forge.Host) {
			return fault.New(fault.Refused, fault.Policy,
				"let the file be the one of the job's commit, in a checkout that has this commit; or "+nameOne,
				"the policy names the server %s, and nothing here shows that it is the policy of the commit: no token is sent there",
				cmp.Or(i.API, i.Forge.Host))
		}
	}
	return nil
}

func yaml(path string) bool {
	return strings.HasSuffix(path, ".yaml") || strings.HasSuffix(path, ".yml")
}

func unixLines(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }
