package cli

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/subject"
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
	raw, err := profiles()[in.Profile].Fetch(r.ctx, o)
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

// policyTrust loads the trusted roots that a policy names, and no other.
func (r *run) policyTrust(p *policy.Policy, policyFile string) (anchors, error) {
	a := anchors{verifiers: map[string]*sigstore.Verifier{}}
	own, err := r.ownRoot(p)
	if err != nil {
		return a, err
	}
	for _, t := range p.Trusts() {
		if t.Key != nil && t.Key.Unlogged {
			v, err := r.keyVerifier(t.Key, policyFile, nil, sigstore.Requirements{})
			if err != nil {
				return a, err
			}
			a.verifiers[t.ID()] = v
			continue
		}
		root, require, err := r.anchor(t, policyFile, own)
		if err != nil {
			return a, err
		}
		var v *sigstore.Verifier
		if t.Key != nil {
			v, err = r.keyVerifier(t.Key, policyFile, root, require)
		} else {
			v, err = sigstore.NewVerifier(root, require)
		}
		if err != nil {
			return a, r.advised(err, p)
		}
		a.verifiers[t.ID()] = v
		a.add(t, root)
		r.keepEvidence(".trusted_root.json", root.Bytes())
	}
	return a, nil
}

// rootsBefore loads the trusted roots that the groups of a policy in force name and the
// policy at hand does not: of the commit that its entry says the policy was of, held to the
// digests in it.
func (r *run) rootsBefore(p *policy.Policy, commit string, known map[string]*sigstore.Verifier) (map[string]*sigstore.Verifier, error) {
	out := map[string]*sigstore.Verifier{}
	for _, g := range p.Groups {
		if g.Trust == nil || g.Trust.Key != nil || known[g.Trust.ID()] != nil {
			continue
		}
		root, require, err := r.anchorFrom(*g.Trust, "the policy in force", nil, func(name string) ([]byte, error) {
			return r.at.File(r.ctx, commit, path.Join(path.Dir(r.policyPath()), name))
		})
		if err != nil {
			return nil, fmt.Errorf("the trusted root of group %q in the policy in force: %w", g.Name, err)
		}
		if out[g.Trust.ID()], err = sigstore.NewVerifier(root, require); err != nil {
			return nil, err
		}
		r.keepEvidence(".trusted_root.json", root.Bytes())
	}
	return out, nil
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

// keyVerifier verifies what the key in a file beside the policy signed. The file
// has to have the digest that the policy pins.
func (r *run) keyVerifier(k *policy.Key, policyFile string, root *sigstore.TrustedRoot, require sigstore.Requirements) (*sigstore.Verifier, error) {
	path := filepath.Join(filepath.Dir(policyFile), filepath.FromSlash(k.File))
	raw, err := content(path, maxKeyBytes)
	if err != nil {
		return nil, err
	}
	r.keepEvidence(".pem", raw)
	if d := subject.Sum(raw); d != k.SHA256 {
		return nil, fault.New(fault.Refused, fault.TrustRoot, "find out who changed it; the pin is in "+policyFile, "key %q has digest %s, the policy pins %s", path, d, k.SHA256)
	}
	return sigstore.NewKeyVerifier(root, raw, require)
}

// maxKeyBytes is the size limit of a public key file.
const maxKeyBytes = 1 << 16

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

// anchor loads one trusted root. A file has to have the digest that the policy
// pins; there is no other root to fall back to.
func (r *run) anchor(t policy.Trust, policyFile string, own *sigstore.TrustedRoot) (*sigstore.TrustedRoot, sigstore.Requirements, error) {
	return r.anchorFrom(t, policyFile, own, func(name string) ([]byte, error) {
		return content(filepath.Join(filepath.Dir(policyFile), filepath.FromSlash(name)), sigstore.MaxRootBytes)
	})
}

// anchorFrom is anchor with the files beside a policy that is elsewhere.
func (r *run) anchorFrom(
	t policy.Trust, policyFile string, own *sigstore.TrustedRoot, read func(name string) ([]byte, error),
) (*sigstore.TrustedRoot, sigstore.Requirements, error) {
	p := profiles()[t.Name]
	require := p.Require
	if t.Root != "" {
		require = sigstore.Transparent
	}
	if t.Unlogged {
		require = sigstore.Unlogged
	}
	require.Proofs = require.Proofs && !t.Promise
	require.Intermediates = t.Intermediates
	if t.Root == "" && own != nil {
		return own, require, nil
	}
	if t.Root == "" {
		root, err := r.profileRoot(p)
		return root, require, err
	}
	raw, err := read(t.Root)
	if err != nil {
		return nil, require, err
	}
	root, err := sigstore.ParseTrustedRoot(raw)
	if err != nil {
		return nil, require, err
	}
	if root.Digest() != t.SHA256 {
		return nil, require, fault.New(fault.Refused, fault.TrustRoot, "find out who changed it; the pin is in "+policyFile,
			"trusted root %q has digest %s, the policy pins %s", t.Root, root.Digest(), t.SHA256)
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
		return nil, r.unfetched(err)
	}
	if s := root.Snapshot(); !s.IsZero() {
		if age := r.now.Sub(s); age > sigstore.SnapshotWarn {
			r.say("warning: the trusted root in this binary is of %s, %s old; update sallyport", s.Format(time.DateOnly), policy.Age(age))
		}
	}
	return root, nil
}
