package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Attestation manifests, as people call what is passed over of them.
const (
	unsignedManifest = "attestation manifest of BuildKit without a signature"
	noStatement      = "layer of an attestation manifest that is no in-toto statement"
)

// index returns the bytes of the index that the subject of v is, or nil if it is
// none. What Resolve has read is not asked for again.
func (s *OCI) index(ctx context.Context, v *visit) ([]byte, error) {
	s.mu.Lock()
	b, known := s.indexes[v.subject]
	s.mu.Unlock()
	if known {
		return b, nil
	}
	m, found, err := v.manifest(ctx, v.subject.String())
	if err != nil && !isLimit(err) {
		return nil, err
	}
	if !found {
		return nil, nil
	}
	var doc manifest
	if json.Unmarshal(m.bytes, &doc) != nil || len(doc.Manifests) == 0 {
		return nil, nil // it is judged as bytes; what it is does not matter here
	}
	return m.bytes, nil
}

// image returns what refers to the subject of v, and to each attestation
// manifest of it: those that an index names, and, of a single image, those that
// name it as their subject.
func (v *visit) image(ctx context.Context, index []byte) (Found, error) {
	if index == nil {
		return v.beside(ctx, v.subject, opener{descriptor.mayAttest, v.bundlesOrAttestation})
	}
	found, err := v.beside(ctx, v.subject, v.bundles())
	if err != nil {
		return Found{}, err
	}
	parsed, err := subject.ReadIndex(index)
	if err != nil {
		found.Passed = append(found.Passed, v.pass("index whose attestation manifests are not looked for: "+err.Error()).Passed...)
		return found, nil
	}
	var manifests []subject.Digest
	for _, a := range parsed.Attestations {
		if !slices.Contains(manifests, a.Manifest) {
			manifests = append(manifests, a.Manifest)
		}
		if len(manifests) > maxAttestations {
			return Found{}, fault.New(fault.Refused, fault.Limit, "gate its images one by one, by their digests",
				"index %s of registry %s has more than %d attestation manifests", v.subject, v, maxAttestations)
		}
	}
	more, err := Each(ctx, manifests, func(ctx context.Context, d subject.Digest) (Found, error) {
		return v.attestation(ctx, opened{digest: d}, index)
	})
	if err != nil {
		return Found{}, err
	}
	more.Bundles = append(found.Bundles, more.Bundles...)
	more.Passed = append(found.Passed, more.Passed...)
	return more, nil
}

// mayAttest reports whether a referrer of an image may be a bundle or an
// attestation manifest.
func (d descriptor) mayAttest() bool { return d.mayBeBundle() || d.ArtifactType == typeAttestation }

// bundlesOrAttestation reads a referrer of a single image.
func (v *visit) bundlesOrAttestation(ctx context.Context, o opened) (Found, error) {
	if o.ArtifactType != typeAttestation && !slices.Contains(unspecific, o.ArtifactType) {
		return v.bundlesIn(ctx, o)
	}
	c, err := subject.ReadCarrier(o.bytes)
	if err != nil || c.Subject == nil || *c.Subject != v.subject || len(c.Layers) == 0 {
		return v.bundlesIn(ctx, o)
	}
	return v.attestation(ctx, o, nil)
}

// attestation returns the bundles that refer to an attestation manifest, with
// what connects it to the subject. Where nobody has signed it, nothing more is
// asked for. index is the one that names it, or nil.
func (v *visit) attestation(ctx context.Context, o opened, index []byte) (Found, error) {
	found, err := v.beside(ctx, o.digest, v.bundles())
	if err != nil {
		return Found{}, err
	}
	pass := func(what string, n int) {
		if n > 0 {
			found.Passed = append(found.Passed, Passed{Source: v.source(), What: what, Count: n})
		}
	}
	if len(found.Bundles) == 0 {
		pass(unsignedManifest, 1)
		return found, nil
	}
	if o.bytes == nil {
		m, there, err := v.manifest(ctx, o.digest.String())
		switch {
		case isLimit(err):
			pass("attestation manifest of more bytes than a manifest may have", 1)
			return found, nil
		case err != nil:
			return Found{}, err
		case !there:
			pass("attestation manifest that is listed and missing", 1)
			return found, nil
		}
		o.bytes = m.bytes
	}
	c, err := subject.ReadCarrier(o.bytes)
	if err != nil {
		pass("attestation manifest that cannot be read: "+err.Error(), 1)
		return found, nil
	}
	if len(c.Layers) > maxStatements {
		pass(fmt.Sprintf("attestation manifest of more than %d statements", maxStatements), 1)
		return found, nil
	}
	pass(noStatement, c.Other)
	chain := Chain{Index: index, Manifest: o.bytes}
	left := int64(maxStatementBytes)
	for _, l := range c.Layers {
		if left < max(l.Size, 0) {
			pass(fmt.Sprintf("statement beyond the first %d MiB of an attestation manifest", maxStatementBytes>>20), 1)
			continue
		}
		b, why, err := v.blob(ctx, descriptor{Digest: l.Digest.String(), Size: l.Size}, "statement in an attestation manifest")
		if err != nil {
			return Found{}, err
		}
		if why != "" {
			pass(why, 1)
			continue
		}
		left -= int64(len(b)) // and not by what the manifest says of it
		chain.Layers = append(chain.Layers, b)
	}
	found.Chains = append(found.Chains, chain)
	return found, nil
}
