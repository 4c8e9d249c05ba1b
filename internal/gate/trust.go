package gate

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Trust loads the trusted roots that policies name, and no other.
type Trust struct {
	File     string                                           // path of the policy, for people
	Beside   func(name string, most int64) ([]byte, error)    // a file beside the policy
	Instance func(name string) (*sigstore.TrustedRoot, error) // of a Sigstore instance that is known by name
	Require  func(name string) sigstore.Requirements          // what evidence of that instance has to have
	Advise   func(err error) error                            // adds the next step to a fault; nil: none
	Keep     Keep                                             // takes what is trusted; nil: it is not kept
}

// An Anchor is a trusted root in use.
type Anchor struct {
	Trust policy.Trust
	Root  *sigstore.TrustedRoot
}

// MaxKeyBytes is the size limit of a public key file.
const MaxKeyBytes = 1 << 16

func (t *Trust) keep(suffix string, b []byte) {
	if t.Keep != nil {
		t.Keep(suffix, b)
	}
}

// Of returns the verifiers of a policy by policy.Trust.ID, and the trusted roots behind them.
func (t *Trust) Of(p *policy.Policy) (map[string]*sigstore.Verifier, []Anchor, error) {
	verifiers, anchors := map[string]*sigstore.Verifier{}, []Anchor(nil)
	for _, x := range p.Trusts() {
		if x.Key != nil && x.Key.Unlogged {
			v, err := t.key(x.Key, nil, sigstore.Requirements{})
			if err != nil {
				return nil, nil, err
			}
			verifiers[x.ID()] = v
			continue
		}
		root, require, err := t.anchor(x)
		if err != nil {
			return nil, nil, err
		}
		var v *sigstore.Verifier
		if x.Key != nil {
			v, err = t.key(x.Key, root, require)
		} else {
			v, err = sigstore.NewVerifier(root, require)
		}
		if err != nil && t.Advise != nil {
			err = t.Advise(err)
		}
		if err != nil {
			return nil, nil, err
		}
		verifiers[x.ID()] = v
		anchors = append(anchors, Anchor{x, root})
		t.keep(".trusted_root.json", root.Bytes())
	}
	return verifiers, anchors, nil
}

// Before loads the trusted roots that the groups of a policy in force name and the policy at hand does not: of the
// commit that its entry says the policy was of, held to the digests in it.
func (t *Trust) Before(p *policy.Policy, known map[string]*sigstore.Verifier) (map[string]*sigstore.Verifier, error) {
	out := map[string]*sigstore.Verifier{}
	for _, g := range p.Groups {
		if g.Trust == nil || g.Trust.Key != nil || known[g.Trust.ID()] != nil {
			continue
		}
		root, require, err := t.anchor(*g.Trust)
		if err != nil {
			return nil, fmt.Errorf("the trusted root of group %q in the policy in force: %w", g.Name, err)
		}
		if out[g.Trust.ID()], err = sigstore.NewVerifier(root, require); err != nil {
			return nil, err
		}
		t.keep(".trusted_root.json", root.Bytes())
	}
	return out, nil
}

// key verifies what the key in a file beside the policy signed. The file has to have the digest that the policy pins.
func (t *Trust) key(
	k *policy.Key, root *sigstore.TrustedRoot, require sigstore.Requirements,
) (*sigstore.Verifier, error) {
	raw, err := t.Beside(k.File, MaxKeyBytes)
	if err != nil {
		return nil, err
	}
	t.keep(".pem", raw)
	if d := subject.Sum(raw); d != k.SHA256 {
		return nil, fault.New(fault.Refused, fault.TrustRoot, "find out who changed it; the pin is in "+t.File,
			"key %q has digest %s, the policy pins %s", path.Join(path.Dir(t.File), k.File), d, k.SHA256)
	}
	return sigstore.NewKeyVerifier(root, raw, require)
}

// anchor loads one trusted root. A file has to have the digest that the policy pins; if it differs, no other root is
// taken.
func (t *Trust) anchor(x policy.Trust) (*sigstore.TrustedRoot, sigstore.Requirements, error) {
	require := t.Require(x.Name)
	if x.Root != "" {
		require = sigstore.Transparent
	}
	if x.Unlogged {
		require = sigstore.Unlogged
	}
	require.Proofs = require.Proofs && !x.Promise
	require.Intermediates = x.Intermediates
	if x.Root == "" {
		root, err := t.Instance(x.Name)
		return root, require, err
	}
	raw, err := t.Beside(x.Root, sigstore.MaxRootBytes)
	if err != nil {
		return nil, require, err
	}
	root, err := sigstore.ParseTrustedRoot(raw)
	if err != nil {
		return nil, require, err
	}
	if root.Digest() != x.SHA256 {
		return nil, require, fault.New(fault.Refused, fault.TrustRoot, "find out who changed it; the pin is in "+t.File,
			"trusted root %q has digest %s, the policy pins %s", x.Root, root.Digest(), x.SHA256)
	}
	return root, require, nil
}

// Verified verifies a bundle under one of the instances that a policy trusts for certificates.
func Verified(verifiers map[string]*sigstore.Verifier, raw []byte) (v sigstore.Verified, err error) {
	b, err := sigstore.ParseBundle(raw)
	if err != nil {
		return v, err
	}
	err = fault.New(fault.Refused, fault.TrustRoot, "", "the policy trusts no instance")
	for _, id := range slices.Sorted(maps.Keys(verifiers)) {
		x := verifiers[id]
		if x.Keyed() {
			continue
		}
		if v, err = x.Verify(b); err == nil {
			return v, nil
		}
	}
	var no *sigstore.Rejection
	if errors.As(err, &no) {
		err = fault.New(fault.Refused, no.Code, no.Hint, "%w", fault.Cause(err))
	}
	return v, err
}
