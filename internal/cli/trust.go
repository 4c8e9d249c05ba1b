package cli

import (
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
)

// trustInputs is what trust alone is told.
type trustInputs struct {
	Profile string `input:"profile"`
}

// trustCommand writes down a trusted root, so that it can be pinned and used
// offline.
func trustCommand(r *run, in trustInputs) (answer, error) {
	o, err := r.tuf()
	if err != nil {
		return answer{}, err
	}
	defer r.progress("fetching the trusted root over TUF")()
	raw, err := forges.Profiles()[in.Profile].Fetch(r.ctx, o)
	if err != nil {
		return answer{}, r.unfetched(err)
	}
	root, err := sigstore.ParseTrustedRoot(raw)
	if err != nil {
		return answer{}, err
	}
	r.say("trusted root of %s: sha256 %s", in.Profile, root.Digest().Hex())
	if path := r.in.Output; path != "" {
		return done, write(path, raw)
	}
	_, err = r.Stdout.Write(raw)
	return done, err
}

// tuf says how trusted roots of known instances are fetched.
func (r *run) tuf() (sigstore.TUF, error) {
	o := sigstore.TUF{Offline: r.in.Offline, Mirror: r.in.TUFMirror, Now: r.now, Note: func(s string) { r.say("note: %s", s) }}
	if cache := r.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(cache) {
		o.Cache = filepath.Join(cache, "sallyport", "tuf")
	} else if home := r.Getenv("HOME"); filepath.IsAbs(home) {
		o.Cache = filepath.Join(home, ".cache", "sallyport", "tuf")
	}
	if path := r.in.TUFRoot; path != "" {
		var err error
		if o.Root, err = content(path, sigstore.MaxRootBytes); err != nil {
			return o, err
		}
	}
	if o.Mirror != "" && len(o.Root) == 0 {
		return o, fault.New(fault.Usage, fault.Config, "give the repository's root.json with --tuf-root", "--tuf-mirror needs --tuf-root: nothing else says which root to begin with")
	}
	if o.Offline && o.Mirror != "" {
		return o, usage("--tuf-mirror needs a connection, and --offline forbids one")
	}
	return o, nil
}

// anchors are trusted roots in use, with their names.
type anchors struct {
	verifiers map[string]*sigstore.Verifier
	named     []report.TrustedRoot
}

// trust loads what policies trust, with the files beside a policy of this path.
func (r *run) trust(p *policy.Policy, file string, beside func(name string, most int64) ([]byte, error), own *sigstore.TrustedRoot) *gate.Trust {
	return &gate.Trust{File: file, Beside: beside, Keep: r.keepEvidence,
		Advise:  func(err error) error { return r.advised(err, p) },
		Require: func(name string) sigstore.Requirements { return forges.Profiles()[name].Require },
		Instance: func(name string) (*sigstore.TrustedRoot, error) {
			if own != nil {
				return own, nil
			}
			return r.profileRoot(forges.Profiles()[name])
		}}
}

// policyTrust loads the trusted roots that a policy names, and no other.
func (r *run) policyTrust(p *policy.Policy, policyFile string) (anchors, error) {
	own, err := r.ownRoot(p)
	if err != nil {
		return anchors{}, err
	}
	beside := func(name string, most int64) ([]byte, error) {
		return content(filepath.Join(filepath.Dir(policyFile), filepath.FromSlash(name)), most)
	}
	if r.ofServer != nil {
		beside = r.besideServed
	}
	verifiers, all, err := r.trust(p, policyFile, beside, own).Of(p)
	if err != nil {
		return anchors{}, err
	}
	a := anchors{verifiers: verifiers}
	for _, x := range all {
		a.add(x.Trust, x.Root)
	}
	return a, nil
}

// rootsBefore loads the trusted roots that the groups of a policy in force name and the
// policy at hand does not: of the commit that its entry says the policy was of.
func (r *run) rootsBefore(p *policy.Policy, commit string, known map[string]*sigstore.Verifier) (map[string]*sigstore.Verifier, error) {
	beside := func(name string, most int64) ([]byte, error) {
		raw, err := r.at.File(r.ctx, commit, path.Join(path.Dir(r.policyPath()), name))
		if err == nil && int64(len(raw)) > most {
			err = fault.New(fault.Refused, fault.Limit, "", "%q has %d bytes, want %d at most", name, len(raw), most)
		}
		return raw, err
	}
	if r.ofServer != nil {
		beside = r.besideServed
	}
	return r.trust(p, "the policy in force", beside, nil).Before(p, known)
}

// ownRoot is the trusted root that a person handed over for the instance that
// the policy names, or nil. It can stand for one instance only.
func (r *run) ownRoot(p *policy.Policy) (*sigstore.TrustedRoot, error) {
	path := r.in.TrustedRoot
	if path == "" || r.component.Name != "verify" {
		return nil, nil
	}
	names := map[string]bool{}
	for _, t := range p.Trusts() {
		if t.Root == "" {
			names[t.Name] = true
		}
	}
	if len(names) != 1 && !r.flagged("trusted-root") {
		return nil, nil
	}
	if len(names) != 1 {
		return nil, usage("--trusted-root stands for the instance that the policy's trust names, and this policy names %d", len(names))
	}
	raw, err := content(path, sigstore.MaxRootBytes)
	if err != nil {
		return nil, err
	}
	return sigstore.ParseTrustedRoot(raw)
}

func (a *anchors) add(t policy.Trust, root *sigstore.TrustedRoot) {
	n := report.TrustedRoot{Name: t.String(), Digest: root.Digest()}
	if s := root.Snapshot(); !s.IsZero() {
		n.Snapshot = s.Format(time.DateOnly)
	}
	if slices.Contains(a.named, n) {
		return
	}
	a.named = append(a.named, n)
}

func (r *run) profileRoot(p sigstore.Profile) (*sigstore.TrustedRoot, error) {
	o, err := r.tuf()
	if err != nil {
		return nil, err
	}
	if !o.Offline {
		defer r.progress("fetching the trusted root over TUF")()
	}
	root, err := p.TrustedRoot(r.ctx, o)
	if err != nil {
		return nil, r.unfetched(err)
	}
	if s := root.Snapshot(); !s.IsZero() {
		if age := r.now.Sub(s); age > sigstore.SnapshotWarn {
			r.say("warning: the trusted root in this binary is of %s, %s old; update sallyport", s.Format(time.DateOnly), policy.Age(age))
		}
	}
	return root, nil
}
