package store

import (
	"context"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Artifact is what a reference names, as a list of files: each layer of its manifest is one, and its title is the
// file's
// name (OCI image specification, annotation org.opencontainers.image.title). oras push makes them.
type Artifact struct {
	Subject subject.Subject // the manifest, which fixes all files

	repository *repository
	files      []descriptor
	budget     time.Duration
}

// annotationTitle names the file that a layer is.
const annotationTitle = "org.opencontainers.image.title"

// Artifact looks up a reference once. Bundles about what it names are found by Fetch from then on.
func (s *OCI) Artifact(ctx context.Context, ref string) (*Artifact, error) {
	ctx, cancel := client.Within(ctx, s.o.Budget)
	defer cancel()
	return s.look(ctx, ref)
}

// File returns the bytes of one file, of which there may be most.
func (a *Artifact) File(ctx context.Context, name string, most int64) ([]byte, error) {
	ctx, cancel := client.Within(ctx, a.budget)
	defer cancel()
	var at *descriptor
	for i, d := range a.files {
		if d.Annotations[annotationTitle] != name {
			continue
		}
		if at != nil {
			return nil, fault.New(fault.Refused, fault.Malformed, "push it with each file once",
				"%s holds %q twice", a.Subject.Name, name)
		}
		at = &a.files[i]
	}
	if at == nil {
		return nil, fault.New(fault.Refused, fault.Path, "push it with that file, under that name",
			"%s holds no file %q among %d", a.Subject.Name, name, len(a.files))
	}
	b, why, err := a.repository.blob(ctx, *at, "file")
	switch {
	case err != nil:
		return nil, err
	case why != "":
		return nil, fault.New(fault.Refused, fault.Malformed, "push it again", "%s, %q: %s", a.Subject.Name, name, why)
	case int64(len(b)) > most:
		return nil, fault.New(fault.Refused, fault.Limit, "", "%q has %d bytes, want %d at most", name, len(b), most)
	}
	return b, nil
}

// IsReference reports whether a text names an artifact of a registry in full: with the registry, and a tag or a digest.
func IsReference(ref string) bool {
	parsed, err := name.ParseReference(ref, name.StrictValidation)
	return err == nil && strings.HasPrefix(ref, parsed.Context().RegistryStr()+"/") && !strings.Contains(ref, "://")
}
