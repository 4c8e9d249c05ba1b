package store

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// OCIOptions are what an OCI store may be told. The zero is what production
// uses.
type OCIOptions struct {
	Keychain  Keychain          // nil reads docker's configuration
	Budget    time.Duration     // of one answer, its tries included; 0 is client.Budget
	Transport http.RoundTripper // nil is that of package client
	Now       func() time.Time  // for the creation date; nil is time.Now
}

// OCI keeps bundles beside images, as referrers of them
// (OCI distribution specification 1.1, referrers API and its fallback tag).
type OCI struct {
	o OCIOptions

	mu      sync.Mutex
	images  map[subject.Digest]string
	indexes map[subject.Digest][]byte // what Resolve has read: the bytes of an index, nil of anything else
	hosts   map[string]*http.Client
}

// NewOCI returns a store that knows where images live: digest → repository.
// Resolve adds to them. images may be nil.
func NewOCI(images map[subject.Digest]string, o OCIOptions) *OCI {
	if o.Keychain == nil {
		o.Keychain = DockerConfig(os.Getenv)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &OCI{o: o, images: map[subject.Digest]string{}, indexes: map[subject.Digest][]byte{}, hosts: map[string]*http.Client{}}
	for d, r := range images {
		s.images[d] = r
	}
	return s
}

// Name returns how people call the store.
func (s *OCI) Name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var repos []string
	for _, r := range s.images {
		repos = append(repos, r)
	}
	sort.Strings(repos)
	return strings.TrimSpace("registry " + strings.Join(slices.Compact(repos), ", "))
}

// Has says whether the store knows where the subject lives.
func (s *OCI) Has(sub subject.Subject) bool { return s.where(sub.Digest) != "" }

func (s *OCI) where(d subject.Digest) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.images[d]
}

func (s *OCI) repository(repo string) (*repository, error) {
	r, err := name.NewRepository(repo)
	if err != nil {
		return nil, fault.New(fault.Usage, fault.Config, "", "repository %q is not a name of one", repo)
	}
	base := registryURL(r.Registry)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.hosts[base.Host]
	if c == nil {
		c = s.client(base)
		s.hosts[base.Host] = c
	}
	return &repository{host: r.RegistryStr(), path: r.RepositoryStr(), base: base, http: c}, nil
}

// client returns a client of one registry: what really sends is guarded, and
// authentication sits around it, where it sees each hop of a redirect.
func (s *OCI) client(base *url.URL) *http.Client {
	o := client.Options{Base: base, Away: client.AnonymousAway, MaxBody: MaxBundleBytes, Budget: s.o.Budget, Transport: s.o.Transport}
	c := client.New(o)
	c.Transport = &auth{base: base, keychain: s.o.Keychain, next: c.Transport, options: o, header: map[string]string{}}
	return c
}

// Resolve looks up an image reference once. It returns the repository and the
// subject, whose name shows the tag, if there was one, and the digest of the
// bytes that the registry answered with. An index is judged as an index: its
// digest is what is deployed.
func (s *OCI) Resolve(ctx context.Context, ref string) (string, subject.Subject, error) {
	ctx, cancel := client.Within(ctx, s.o.Budget)
	defer cancel()
	x, err := s.look(ctx, ref)
	if err != nil {
		return "", subject.Subject{}, err
	}
	return x.repository.String(), x.Subject, nil
}

// look looks up a reference, and remembers where what it names lives.
func (s *OCI) look(ctx context.Context, ref string) (*Artifact, error) {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return nil, fault.New(fault.Usage, fault.Config, "write it as name@sha256:… or name:tag", "image %q is not a reference", ref)
	}
	r, err := s.repository(parsed.Context().Name())
	if err != nil {
		return nil, err
	}
	m, found, err := r.manifest(ctx, parsed.Identifier())
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fault.New(fault.Refused, fault.SubjectMismatch, "", "image %q does not exist", ref)
	}
	doc, err := r.parseManifest(m.bytes, typeIndex, typeManifest, typeDockerList, typeDockerImage, "")
	if err != nil {
		return nil, err
	}
	label := r.String()
	if t, ok := parsed.(name.Tag); ok {
		label += ":" + t.TagStr()
	}
	s.mu.Lock()
	s.images[m.digest] = r.String()
	s.indexes[m.digest] = nil
	if len(doc.Manifests) > 0 {
		s.indexes[m.digest] = m.bytes
	}
	s.mu.Unlock()
	return &Artifact{Subject: subject.Subject{Name: label + "@" + m.digest.String(), Digest: m.digest},
		repository: r, files: doc.Layers, budget: s.o.Budget}, nil
}
