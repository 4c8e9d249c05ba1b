package store

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// typeRecord is the artifact type of the manifest that bundles about a subject refer to
// where the subject itself is nothing that a registry has.
const typeRecord = "application/vnd.sallyport.record.v1"

// Records keeps bundles about subjects that are no images in one OCI repository, for a
// platform without a store of its own. For each subject there is one small manifest, whose
// bytes follow from the subject's digest alone, and the bundles are referrers of it.
type Records struct {
	repository string
	oci        *OCI

	mu     sync.Mutex
	pushed map[subject.Digest]bool // manifests that are known to be there
}

// NewRecords returns the store of repository, such as "ghcr.io/acme/records". The error is
// a fault of kind Usage.
func NewRecords(repository string, o OCIOptions) (*Records, error) {
	r, err := name.NewRepository(repository, name.StrictValidation)
	if err != nil {
		return nil, fault.New(
			fault.Usage,
			fault.Config,
			"write it as HOST/PATH",
			"repository %q is not a name of one",
			repository,
		)
	}
	return &Records{repository: r.Name(), oci: NewOCI(nil, o), pushed: map[subject.Digest]bool{}}, nil
}

// Name returns how people call the store.
func (s *Records) Name() string { return "registry " + s.repository }

// Fetch returns the bundles about the subjects.
func (s *Records) Fetch(ctx context.Context, subjects []subject.Subject) (Found, error) {
	var all []subject.Subject
	for _, x := range Unique(subjects) {
		m, err := s.anchor(x.Digest)
		if err != nil {
			return Found{}, err
		}
		all = append(all, m.subject)
	}
	return s.oci.Fetch(ctx, all)
}

// Put keeps the bundle for the last of its subjects, under which records are looked for.
func (s *Records) Put(ctx context.Context, rec Record) (Receipt, error) {
	if len(rec.Subjects) == 0 {
		return Receipt{}, fault.New(fault.Usage, fault.Config, "", "a record without a subject is kept nowhere")
	}
	m, err := s.anchor(rec.Subjects[len(rec.Subjects)-1].Digest)
	if err == nil {
		err = s.push(ctx, m)
	}
	if err != nil {
		return Receipt{}, err
	}
	rec.Subjects = []subject.Subject{m.subject}
	receipt, err := s.oci.Put(ctx, rec)
	receipt.Store = s.Name()
	return receipt, err
}

// An anchor is the manifest that bundles about one subject refer to.
type anchor struct {
	subject subject.Subject
	bytes   []byte
	tag     string // keeps it from registries that delete what has none
}

// anchor returns the manifest of a subject, and tells the store where it lives.
func (s *Records) anchor(d subject.Digest) (anchor, error) {
	empty := descriptor{MediaType: typeEmpty, Digest: subject.Sum(emptyConfig).String(), Size: int64(len(emptyConfig))}
	b, err := json.Marshal(manifest{SchemaVersion: 2, MediaType: typeManifest, ArtifactType: typeRecord,
		Config: &empty, Layers: []descriptor{empty}, Annotations: map[string]string{"dev.sallyport.subject": d.String()}})
	if err != nil {
		return anchor{}, fmt.Errorf("encoding a manifest: %w", err)
	}
	a := anchor{subject.Subject{Name: d.String(), Digest: subject.Sum(b)}, b, "record-" + d.Hex()[:16]}
	s.oci.mu.Lock()
	defer s.oci.mu.Unlock()
	s.oci.images[a.subject.Digest], s.oci.indexes[a.subject.Digest] = s.repository, nil
	return a, nil
}

// push makes sure that the registry has the manifest.
func (s *Records) push(ctx context.Context, a anchor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pushed[a.subject.Digest] {
		return nil
	}
	ctx, cancel := client.Within(ctx, s.oci.o.Budget)
	defer cancel()
	r, err := s.oci.repository(s.repository)
	if err != nil {
		return err
	}
	_, found, err := r.manifest(ctx, a.subject.Digest.String())
	if err == nil && !found {
		if _, err = r.putBlob(ctx, emptyConfig); err == nil {
			var changed bool
			_, changed, err = r.putManifest(ctx, a.tag, typeManifest, a.bytes, nil)
			if err == nil && changed {
				err = fault.New(
					fault.Unavailable,
					fault.NotAvailable,
					"try again",
					"registry %s has changed meanwhile",
					r,
				)
			}
		}
	}
	s.pushed[a.subject.Digest] = err == nil
	return err
}
