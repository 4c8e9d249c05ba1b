package subject

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// Limits of one image layout.
const (
	maxManifest    = 4 << 20 // bytes of an index or manifest, as registries have it
	maxDescriptors = 10_000  // descriptors in all
	maxIndexDepth  = 8       // indexes in indexes
	maxJSONDepth   = 100     // objects and arrays of a manifest
)

// refName is the annotation that names an image in a layout
// (OCI Image Specification, annotations).
const refName = "org.opencontainers.image.ref.name"

// Media types whose blobs refer to other blobs, in both dialects.
const (
	ociIndex       = "application/vnd.oci.image.index.v1+json"
	ociManifest    = "application/vnd.oci.image.manifest.v1+json"
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
)

// Layout returns one subject for each image of the OCI image layout in dir, named
// dir or, if the image has a reference name, dir:NAME. It reads every blob that
// the images need and wants it to be there, of the stated size and digest: an
// image with a part missing or altered is none.
func Layout(dir string) ([]Subject, error) {
	root, err := file.OpenDir(dir)
	if err != nil {
		return nil, badLayout(dir, "opening it: %w", err)
	}
	defer root.Close()
	l := layout{dir: dir, root: root, done: map[descriptorKey]bool{}, buf: make([]byte, bufferSize)}
	if err := l.version(); err != nil {
		return nil, err
	}
	b, err := l.small("index.json", maxManifest)
	if err != nil {
		return nil, err
	}
	index, err := l.manifest("index.json", b)
	if err != nil {
		return nil, err
	}
	if len(index.Manifests) == 0 {
		return nil, badLayout(dir, "it holds no image")
	}
	var subjects []Subject
	for _, d := range index.Manifests {
		s, err := l.subject(d)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, s)
	}
	return Merge(subjects)
}

// A layout is an image layout that is being read.
type layout struct {
	dir  string
	root *os.Root
	done map[descriptorKey]bool // blobs that are as stated
	seen int                    // descriptors
	buf  []byte
}

// A descriptorKey is what a blob was checked against. The media type belongs to
// it: read as something else, the same bytes refer to other blobs.
type descriptorKey struct {
	digest    Digest
	size      int64
	mediaType string
}

type ociDescriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations"`
	Platform    *ociPlatform      `json:"platform,omitempty"`
}

// ociDocument is an index or a manifest (OCI image specification).
type ociDocument struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     string          `json:"mediaType"`
	Manifests     []ociDescriptor `json:"manifests"`
	Config        *ociDescriptor  `json:"config"`
	Layers        []ociDescriptor `json:"layers"`
	Subject       *ociDescriptor  `json:"subject"`
}

func (l *layout) version() error {
	b, err := l.small("oci-layout", 4096)
	if err != nil {
		return err
	}
	var v struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := strictjson.Decode(b, maxJSONDepth, "oci-layout", &v); err != nil {
		return badLayout(l.dir, "%w", err)
	}
	if v.Version != "1.0.0" {
		return badLayout(l.dir, "version is %q, want %q", v.Version, "1.0.0")
	}
	return nil
}

func (l *layout) subject(d ociDescriptor) (Subject, error) {
	digest, err := l.check(d, 0)
	if err != nil {
		return Subject{}, err
	}
	name := l.dir
	if ref := d.Annotations[refName]; ref != "" {
		name += ":" + ref
	}
	return Subject{Name: name, Digest: digest}, checkShown(name)
}

// check wants the blob of d, and all that it refers to, to be as stated.
func (l *layout) check(d ociDescriptor, depth int) (Digest, error) {
	digest, err := ParseDigest(d.Digest)
	if err != nil {
		return Digest{}, badLayout(l.dir, "descriptor: %w", err)
	}
	if l.seen++; l.seen > maxDescriptors || depth > maxIndexDepth {
		return Digest{}, fault.New(fault.Refused, fault.Limit, "", "image layout %q: more than %d blobs or %d nested indexes", l.dir, maxDescriptors, maxIndexDepth)
	}
	key := descriptorKey{digest, d.Size, d.MediaType}
	if l.done[key] {
		return digest, nil
	}
	if err := l.blob(d, digest, depth); err != nil {
		return Digest{}, err
	}
	l.done[key] = true
	return digest, nil
}

func (l *layout) blob(d ociDescriptor, digest Digest, depth int) error {
	name := path.Join("blobs", "sha256", digest.Hex())
	switch d.MediaType {
	case "":
		return badLayout(l.dir, "the descriptor of %s has no media type", digest)
	case ociIndex, ociManifest, dockerIndex, dockerManifest:
		return l.document(d, name, digest, depth)
	}
	got, size, err := l.hash(name)
	if err != nil {
		return err
	}
	return l.compare(d, digest, got, size)
}

// document checks an index or manifest, hashing the very bytes that it reads.
func (l *layout) document(d ociDescriptor, name string, digest Digest, depth int) error {
	b, err := l.small(name, maxManifest)
	if err != nil {
		return err
	}
	if err := l.compare(d, digest, Sum(b), int64(len(b))); err != nil {
		return err
	}
	doc, err := l.manifest(name, b)
	if err != nil {
		return err
	}
	if doc.MediaType != "" && doc.MediaType != d.MediaType {
		return badLayout(l.dir, "blob %s has media type %q, its descriptor %q", digest, doc.MediaType, d.MediaType)
	}
	if err := l.checkShape(d, doc, digest); err != nil {
		return err
	}
	parts := slices.Concat(doc.Manifests, doc.Layers)
	if doc.Config != nil {
		parts = append(parts, *doc.Config)
	}
	for _, part := range parts {
		if _, err := l.check(part, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// checkShape refuses a document that is an index to one reader and a manifest
// to another.
func (l *layout) checkShape(d ociDescriptor, doc ociDocument, digest Digest) error {
	index := d.MediaType == ociIndex || d.MediaType == dockerIndex
	if index && (doc.Config != nil || doc.Layers != nil) {
		return badLayout(l.dir, "index %s has the fields of a manifest", digest)
	}
	if !index && doc.Manifests != nil {
		return badLayout(l.dir, "manifest %s has the fields of an index", digest)
	}
	if !index && doc.Config == nil {
		return badLayout(l.dir, "manifest %s has no config", digest)
	}
	return nil
}

func (l *layout) compare(d ociDescriptor, want, got Digest, size int64) error {
	if got != want {
		return badLayout(l.dir, "blob %s has digest %s", want, got)
	}
	if size != d.Size {
		return badLayout(l.dir, "blob %s has %d bytes, its descriptor says %d", want, size, d.Size)
	}
	return nil
}

func (l *layout) manifest(name string, b []byte) (ociDocument, error) {
	var doc ociDocument
	if err := strictjson.Decode(b, maxJSONDepth, name, &doc); err != nil {
		return ociDocument{}, badLayout(l.dir, "%w", err)
	}
	if doc.SchemaVersion != 2 {
		return ociDocument{}, badLayout(l.dir, "%s has schemaVersion %d, want 2", name, doc.SchemaVersion)
	}
	return doc, nil
}

func (l *layout) hash(name string) (Digest, int64, error) {
	f, err := l.open(name)
	if err != nil {
		return Digest{}, 0, err
	}
	defer f.Close()
	d, n, err := hash(context.Background(), f, l.buf)
	if err != nil {
		return Digest{}, 0, badLayout(l.dir, "reading %s: %w", name, fault.Cause(err))
	}
	return d, n, nil
}

// small returns the bytes of the file name, which may have at most limit.
func (l *layout) small(name string, limit int64) ([]byte, error) {
	f, err := l.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, badLayout(l.dir, "reading %s: %w", name, fault.Cause(err))
	}
	if int64(len(b)) > limit {
		return nil, fault.New(fault.Refused, fault.Limit, "", "image layout %q: %s has more than %d bytes", l.dir, name, limit)
	}
	return b, nil
}

func (l *layout) open(name string) (*os.File, error) {
	f, err := file.OpenIn(l.root, name)
	if errors.Is(err, file.ErrIrregular) {
		return nil, badPath("%w", err)
	}
	if err != nil {
		return nil, badLayout(l.dir, "%w", err)
	}
	return f, nil
}

func badLayout(dir, format string, args ...any) error {
	return fault.New(fault.Refused, fault.SubjectMismatch, "", "image layout %q: "+format, append([]any{dir}, args...)...)
}
