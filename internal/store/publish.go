package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// emptyConfig is the content of a config that says nothing
// (OCI image specification 1.1, empty descriptor).
var emptyConfig = []byte("{}")

// Put pushes the bundle as a referrer of every subject that the store knows a
// repository for, and returns the digests of what it pushed.
func (s *OCI) Put(ctx context.Context, rec Record) (Receipt, error) {
	ctx, cancel := client.Within(ctx, s.o.Budget)
	defer cancel()
	if len(rec.Bundle) > MaxBundleBytes {
		return Receipt{}, fault.New(fault.Refused, fault.Limit, "",
			"a bundle of %d bytes, at most %d are allowed", len(rec.Bundle), MaxBundleBytes)
	}
	var ids []string
	for _, sub := range Unique(rec.Subjects) {
		where := s.where(sub.Digest)
		if where == "" {
			continue
		}
		id, err := s.push(ctx, where, sub.Digest, rec)
		if err != nil {
			return Receipt{}, err
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return Receipt{}, fault.New(fault.Usage, fault.Config,
			"attest an image by its name to keep the bundle beside it", "no subject is an image in a registry")
	}
	return Receipt{Store: s.Name(), ID: strings.Join(ids, " ")}, nil
}

func (s *OCI) push(ctx context.Context, where string, d subject.Digest, rec Record) (string, error) {
	r, err := s.repository(where)
	if err != nil {
		return "", err
	}
	m, err := s.manifestFor(ctx, r, d, rec)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("encoding a manifest: %w", err)
	}
	digest := subject.Sum(b)
	resp, changed, err := r.putManifest(ctx, digest.String(), typeManifest, b, nil)
	if err != nil {
		return "", err
	}
	if changed {
		return "", r.refused(resp)
	}
	entry := descriptor{MediaType: typeManifest, ArtifactType: m.ArtifactType, Digest: digest.String(),
		Size: int64(len(b)), Annotations: m.Annotations}
	if resp.Header.Get("OCI-Subject") != d.String() {
		if err := r.list(ctx, d, entry, b); err != nil {
			return "", err
		}
	}
	return r.String() + "@" + digest.String(), nil
}

// manifestFor uploads the contents and returns the manifest that joins them to
// the subject.
func (s *OCI) manifestFor(ctx context.Context, r *repository, d subject.Digest, rec Record) (manifest, error) {
	sub, found, err := r.manifest(ctx, d.String())
	if err != nil {
		return manifest{}, err
	}
	if !found {
		return manifest{}, fault.New(fault.Refused, fault.SubjectMismatch, "push the image before attesting it",
			"image %s@%s does not exist", r, d)
	}
	var self manifest
	if err := json.Unmarshal(sub.bytes, &self); err == nil && self.MediaType != "" {
		sub.mediaType = self.MediaType
	}
	config, err := r.putBlob(ctx, emptyConfig)
	if err != nil {
		return manifest{}, err
	}
	layer, err := r.putBlob(ctx, rec.Bundle)
	if err != nil {
		return manifest{}, err
	}
	layers := []descriptor{{MediaType: typeBundle, Digest: layer.String(), Size: int64(len(rec.Bundle))}}
	if rec.Document != nil {
		document, err := r.putBlob(ctx, rec.Document)
		if err != nil {
			return manifest{}, err
		}
		layers = append(layers, descriptor{MediaType: typeDocument, Digest: document.String(), Size: int64(len(rec.Document))})
	}
	return manifest{
		SchemaVersion: 2,
		MediaType:     typeManifest,
		ArtifactType:  typeBundle,
		Config:        &descriptor{MediaType: typeEmpty, Digest: config.String(), Size: int64(len(emptyConfig))},
		Layers:        layers,
		Subject:       &descriptor{MediaType: sub.mediaType, Digest: d.String(), Size: int64(len(sub.bytes))},
		Annotations: map[string]string{
			"org.opencontainers.image.created":  s.o.Now().UTC().Format(time.RFC3339),
			"dev.sigstore.bundle.content":       "dsse-envelope",
			"dev.sigstore.bundle.predicateType": rec.PredicateType,
		},
	}, nil
}

// typeDocument is the media type of a document that a bundle's statement summarises.
const typeDocument = "application/vnd.sallyport.document"

// Document reports whether the repository of a subject has a document.
func (s *OCI) Document(ctx context.Context, about []subject.Subject, want Document) (bool, error) {
	ctx, cancel := client.Within(ctx, s.o.Budget)
	defer cancel()
	asked := map[string]bool{}
	for _, sub := range about {
		where := s.where(sub.Digest)
		if where == "" || asked[where] {
			continue
		}
		asked[where] = true
		r, err := s.repository(where)
		if err != nil {
			return false, err
		}
		// A registry has a blob by its digest or has none; what it holds is not needed here.
		resp, _, err := r.do(ctx, call{method: http.MethodHead, url: r.url("/blobs/%s", want.Digest)})
		switch {
		case err != nil:
			return false, err
		case resp.StatusCode == http.StatusOK && resp.ContentLength == want.Bytes:
			return true, nil
		case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNotFound:
			return false, r.wrong(resp)
		}
	}
	return false, nil
}

// list makes sure that readers find a referrer that the registry did not say it
// lists. Where the referrers API does not list it, the fallback tag does.
func (r *repository) list(ctx context.Context, d subject.Digest, e descriptor, b []byte) error {
	_, found, err := r.manifest(ctx, e.Digest)
	if err != nil {
		return err
	}
	if !found {
		return client.Proxied("registry "+r.String(), "that it keeps the manifest, and does not have it")
	}
	listed, supported, err := r.referrers(ctx, d)
	if err != nil {
		return err
	}
	if supported && slices.ContainsFunc(listed, func(l descriptor) bool { return l.Digest == e.Digest }) {
		return nil
	}
	return r.listInTag(ctx, d, e, b)
}

// maxRounds bounds the attempts to agree with other writers on the fallback
// tag. Each round somebody gets ahead, so writers are through long before.
const maxRounds = 64

// listInTag adds e to the index under the fallback tag without losing an entry
// of a concurrent writer. Registries offer no transaction, so each writer
// first publishes its entry under a tag of its own, which nobody else writes,
// and then repeats: read the index, list those tags, write the union. A writer
// leaves only after it has read an index that covers every such tag; whoever
// wrote last without having seen another's entry sees its tag and repairs it.
func (r *repository) listInTag(ctx context.Context, d subject.Digest, e descriptor, b []byte) error {
	prefix := fallbackTag(d) + "."
	own := ownTagOf(prefix, e.Digest)
	resp, changed, err := r.putManifest(ctx, own, typeManifest, b, nil)
	if err != nil {
		return err
	}
	if changed {
		return r.refused(resp)
	}
	seen := map[string]descriptor{own: e}
	var remembered []descriptor
	for round := range maxRounds {
		index, err := r.fallback(ctx, d)
		if err != nil {
			return err
		}
		if index.found && !index.isIndex {
			return fault.New(fault.Refused, fault.Malformed,
				fmt.Sprintf("delete the tag %s of %s, or ask whoever pushed it to", fallbackTag(d), r),
				"tag %s of registry %s names something else than the list of referrers of %s, and is not overwritten",
				fallbackTag(d), r, d)
		}
		// What was once in the index belongs there; a foreign writer that
		// does not publish tags of its own may have been overwritten.
		remembered = union(remembered, index.Manifests)
		if err := r.announced(ctx, prefix, remembered, seen); err != nil {
			return err
		}
		want := union(remembered, slices.Collect(maps.Values(seen)))
		if len(want) == len(union(index.Manifests, nil)) {
			return nil
		}
		if err := r.writeIndex(ctx, d, index, want); err != nil {
			return err
		}
		if round > 0 {
			// Writers that keep meeting should stop keeping step.
			most := int64(round+1) * int64(20*time.Millisecond)
			pause := time.Duration(rand.Int64N(most)) //nolint:gosec // a pause is no secret
			if err := client.Sleep(ctx, pause); err != nil {
				return client.Unanswered("registry "+r.host, err)
			}
		}
	}
	return fault.New(fault.Unavailable, fault.NotAvailable, "try again",
		"registry %s: others kept changing tag %s", r, fallbackTag(d))
}

// announced adds to seen what writers published under tags of their own, unless
// the index has it. Tags of other tools and tags that do not name what they say
// are nobody's announcement.
func (r *repository) announced(ctx context.Context, prefix string, index []descriptor,
	seen map[string]descriptor) error {
	tags, err := r.tags(ctx, prefix)
	if err != nil {
		return err
	}
	listed := map[string]bool{}
	for _, e := range index {
		listed[ownTagOf(prefix, e.Digest)] = true
	}
	if len(tags) > MaxPerSubject {
		return fault.New(fault.Refused, fault.Limit, "",
			"registry %s has %d tags that start with %q, at most %d are allowed", r, len(tags), prefix, MaxPerSubject)
	}
	for _, t := range tags {
		if _, ok := seen[t]; ok || listed[t] {
			continue
		}
		b, found, err := r.manifest(ctx, t)
		if err != nil && !isLimit(err) {
			return err
		}
		if !found || ownTagOf(prefix, b.digest.String()) != t {
			continue
		}
		m, err := r.parseManifest(b.bytes, typeManifest)
		if err != nil {
			continue
		}
		seen[t] = descriptor{MediaType: typeManifest, ArtifactType: m.ArtifactType, Digest: b.digest.String(),
			Size: int64(len(b.bytes)), Annotations: m.Annotations}
	}
	return nil
}

// ownTagOf is the tag under which a writer publishes its own entry.
func ownTagOf(prefix, digest string) string {
	hex := strings.TrimPrefix(digest, "sha256:")
	return prefix + hex[:min(16, len(hex))]
}

// writeIndex writes the index, on the condition that nobody changed it since
// where the registry knows conditions. Whether it took is seen by reading.
func (r *repository) writeIndex(ctx context.Context, d subject.Digest, old fallbackIndex, entries []descriptor) error {
	m := old.manifest
	m.SchemaVersion, m.MediaType, m.Manifests = 2, typeIndex, entries
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding an index: %w", err)
	}
	h := map[string]string{}
	if old.etag != "" {
		h["If-Match"] = old.etag
	}
	if !old.found {
		h["If-None-Match"] = "*"
	}
	_, _, err = r.putManifest(ctx, fallbackTag(d), typeIndex, b, h)
	return err
}
