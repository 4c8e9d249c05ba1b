package cli

import (
	"path/filepath"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
)

// trustCommand writes down a trusted root, so that it can be pinned and used
// offline.
func trustCommand(r *run) (answer, error) {
	o, err := r.tuf()
	if err != nil {
		return answer{}, err
	}
	defer r.progress("fetching the trusted root over TUF")()
	raw, err := profiles()[r.text("profile")].Fetch(r.ctx, o)
	if err != nil {
		return answer{}, err
	}
	root, err := sigstore.ParseTrustedRoot(raw)
	if err != nil {
		return answer{}, err
	}
	r.say("trusted root of %s: sha256 %s", r.text("profile"), root.Digest().Hex())
	if path := r.text("output"); path != "" {
		return done, write(path, raw)
	}
	_, err = r.Stdout.Write(raw)
	return done, err
}

// tuf says how trusted roots of known instances are fetched.
func (r *run) tuf() (sigstore.TUF, error) {
	o := sigstore.TUF{Offline: r.on("offline"), Mirror: r.text("tuf-mirror"), Now: r.now, Note: func(s string) { r.say("note: %s", s) }}
	if cache := r.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(cache) {
		o.Cache = filepath.Join(cache, "sallyport", "tuf")
	} else if home := r.Getenv("HOME"); filepath.IsAbs(home) {
		o.Cache = filepath.Join(home, ".cache", "sallyport", "tuf")
	}
	if path := r.text("tuf-root"); path != "" {
		var err error
		if o.Root, err = file(path, sigstore.MaxRootBytes); err != nil {
			return o, err
		}
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

// policyTrust loads the trusted roots that a policy names, and no other.
func (r *run) policyTrust(p *policy.Policy, policyFile string) (anchors, error) {
	a := anchors{verifiers: map[string]*sigstore.Verifier{}}
	var all []policy.Trust
	for _, artifact := range p.Artifacts {
		all = append(all, artifact.Trust)
	}
	for _, g := range p.Groups {
		if g.Trust != nil {
			all = append(all, *g.Trust)
		}
	}
	for _, t := range all {
		if a.verifiers[t.Key()] != nil {
			continue
		}
		root, require, err := r.anchor(t, policyFile)
		if err != nil {
			return a, err
		}
		v, err := sigstore.NewVerifier(root, require)
		if err != nil {
			return a, err
		}
		a.verifiers[t.Key()] = v
		a.add(t, root)
	}
	return a, nil
}

func (a *anchors) add(t policy.Trust, root *sigstore.TrustedRoot) {
	name := t.Name
	if name == "" {
		name = t.Root
	}
	n := report.TrustedRoot{Name: name, Digest: root.Digest()}
	if s := root.Snapshot(); !s.IsZero() {
		n.Snapshot = s.Format(time.DateOnly)
	}
	a.named = append(a.named, n)
}

// anchor loads one trusted root. A file has to have the digest that the policy
// pins; there is no other root to fall back to.
func (r *run) anchor(t policy.Trust, policyFile string) (*sigstore.TrustedRoot, sigstore.Requirements, error) {
	if t.Root == "" {
		p := profiles()[t.Name]
		root, err := r.profileRoot(p)
		return root, p.Require, err
	}
	require := sigstore.Transparent
	if t.Unlogged {
		require = sigstore.Unlogged
	}
	path := filepath.Join(filepath.Dir(policyFile), filepath.FromSlash(t.Root))
	raw, err := file(path, sigstore.MaxRootBytes)
	if err != nil {
		return nil, require, err
	}
	root, err := sigstore.ParseTrustedRoot(raw)
	if err != nil {
		return nil, require, err
	}
	if root.Digest() != t.SHA256 {
		return nil, require, fault.New(fault.Refused, fault.TrustRoot, "find out who changed it; the pin is in "+policyFile,
			"trusted root %q has digest %s, the policy pins %s", path, root.Digest(), t.SHA256)
	}
	return root, require, nil
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
		return nil, err
	}
	if s := root.Snapshot(); !s.IsZero() {
		if age := r.now.Sub(s); age > sigstore.SnapshotWarn {
			r.say("warning: the trusted root in this binary is of %s, %s old; update sallyport", s.Format(time.DateOnly), policy.Age(age))
		}
	}
	return root, nil
}
