package serve

import (
	"cmp"
	"context"
	"path"
	"path/filepath"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/server/decide"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A place has a policy and the files that it names, as they are at one time.
type place struct {
	name string // for people
	key  string // of what is there, which does not change; "": it may
	base string // the policy's file
	read func(ctx context.Context, name string, most int64) ([]byte, error)
	// image is the artifact that holds the files, and store has signatures of it; nil: signatures lie beside the
	// policy.
	image *store.Artifact
	store *store.OCI
}

// A look finds places, and asks about a branch or an artifact once for all policies that are there.
type look struct {
	s   *Server
	c   *Config
	oci *store.OCI

	mu       sync.Mutex // of the maps
	branches map[string]func() (branch, error)
	images   map[string]func() (*store.Artifact, error)
}

func (s *Server) looks(c *Config) *look {
	return &look{s: s, c: c, oci: store.NewOCI(nil, store.OCIOptions{}), branches: map[string]func() (branch, error){},
		images: map[string]func() (*store.Artifact, error){}}
}

// once is a question that is asked by the first who has it.
func once[T any](mu *sync.Mutex, asked map[string]func() (T, error), key string, ask func() (T, error)) (T, error) {
	mu.Lock()
	if asked[key] == nil {
		asked[key] = sync.OnceValues(ask)
	}
	f := asked[key]
	mu.Unlock()
	return f()
}

// at is where a policy is.
func (l *look) at(ctx context.Context, p Policy) (place, error) {
	switch {
	case p.Git != nil:
		key := p.Host + " " + p.Git.number() + " " + p.Git.Repository + " " + p.Git.Branch
		at, err := once(&l.mu, l.branches, key, func() (branch, error) { return l.s.branch(ctx, p) })
		if err != nil {
			return place{}, err
		}
		return at.place(p), nil
	case p.OCI != nil:
		a, err := once(&l.mu, l.images, p.OCI.Reference, func() (*store.Artifact, error) {
			return l.oci.Artifact(ctx, p.OCI.Reference)
		})
		if err != nil {
			f := fault.Of(err)
			return place{}, fault.New(f.Kind, f.Code, cmp.Or(f.Hint,
				"push the policy there, or correct oci: reference"),
				"the policy in %q: %w", p.OCI.Reference, err)
		}
		name := a.Subject.Name + " " + p.OCI.Path
		return place{name: name, key: name, base: p.OCI.Path, read: a.File, image: a, store: l.oci}, nil
	}
	return l.c.folder(p.File), nil
}

// folder is where a policy lies in a folder.
func (c *Config) folder(name string) place {
	whole := c.path(name)
	dir := filepath.Dir(whole)
	return place{name: name, base: filepath.Base(whole),
		read: func(_ context.Context, name string, most int64) ([]byte, error) {
			path := filepath.Join(dir, filepath.FromSlash(name))
			b, err := file.Read(path, most)
			if err != nil {
				return nil, fault.New(fault.Usage, fault.Config,
					"put it there, or name another one in the configuration",
					"%q: %w", path, fault.Cause(err))
			}
			return b, nil
		}}
}

// A branch is one with policies, at its tip.
type branch struct {
	repo *github.Repo
	tip  string
}

// branch asks for the tip of a branch.
func (s *Server) branch(ctx context.Context, p Policy) (at branch, err error) {
	x, err := s.door(p.Host)
	if err != nil {
		return at, err
	}
	if at.repo, err = x.app.Files(ctx, p.Git.Repository, p.Git.ID); err != nil {
		return at, err
	}
	at.tip, err = at.repo.Tip(ctx, p.Git.Branch)
	return at, err
}

// place is where a policy lies at the tip.
func (b branch) place(p Policy) place {
	g := p.Git
	name := g.Repository + "/" + g.Path + "@" + b.tip
	return place{name: name, key: p.Host + " " + g.number() + " " + name, base: path.Base(g.Path),
		read: func(ctx context.Context, name string, most int64) ([]byte, error) {
			raw, err := b.repo.FileOf(ctx, g.Repository, b.tip, path.Join(path.Dir(g.Path), name))
			if err == nil && int64(len(raw)) > most {
				err = fault.New(fault.Refused, fault.Limit, "", "%q has %d bytes, want %d at most", name, len(raw),
					most)
			}
			return raw, err
		}}
}

// rule reads a policy, and each file that it names, which has to have the digest in it.
func (l place) rule(ctx context.Context, p Policy) (*decide.Rule, error) {
	raw, err := l.read(ctx, l.base, policy.MaxBytes)
	if err != nil {
		return nil, fault.Errorf("the policy %w", err)
	}
	if got := subject.Sum(raw).Hex(); p.SHA256 != "" && p.SHA256 != got {
		return nil, fault.New(fault.Refused, fault.Policy,
			"find out who changed the policy, or name what it has to be now",
			"the policy %q has digest %s, and the configuration pins %s", l.name, got, p.SHA256)
	}
	read, err := policy.Read(raw, l.name, forges.Words())
	if err != nil {
		return nil, err
	}
	rule := &decide.Rule{Policy: read, Source: raw, File: l.name, Files: map[string][]byte{}}
	for _, t := range read.Trusts() {
		if t.Key != nil && t.Key.File != "" {
			if err := l.take(ctx, rule, t.Key.File, gate.MaxKeyBytes, t.Key.SHA256); err != nil {
				return nil, err
			}
		}
		if t.Root != "" {
			if err := l.take(ctx, rule, t.Root, sigstore.MaxRootBytes, t.SHA256); err != nil {
				return nil, err
			}
		}
	}
	return rule, nil
}

// take reads a file that a policy names.
func (l place) take(ctx context.Context, rule *decide.Rule, name string, most int64, want subject.Digest) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return fault.New(fault.Refused, fault.Path, "", "the policy names the file %q, which is not beside it", name)
	}
	raw, err := l.read(ctx, path.Clean(name), most)
	if err != nil {
		return fault.Errorf("beside the policy: %w", err)
	}
	if got := subject.Sum(raw); got != want {
		return fault.New(fault.Refused, fault.TrustRoot, "find out who changed it; the pin is in "+l.name,
			"%q beside the policy has digest %s, and the policy pins %s", name, got, want)
	}
	rule.Files[path.Clean(name)] = raw
	return nil
}

// signatures are what a policy is judged by: what is signed, which is its file, or the artifact that holds it, and the
// bundles about that.
func (l place) signatures(ctx context.Context, rule *decide.Rule) (of subject.Subject, all []store.Evidence,
	err error) {
	if l.image != nil {
		found, err := l.store.Fetch(ctx, []subject.Subject{l.image.Subject})
		return l.image.Subject, found.Bundles, err
	}
	of = subject.Subject{Name: l.base, Digest: rule.Digest}
	name := l.base + ".sigstore.json"
	raw, err := l.read(ctx, name, store.MaxBundleBytes)
	if err == nil {
		all, err = store.ReadBundles(raw, name)
	}
	if err != nil {
		f := fault.Of(err)
		return of, nil, fault.New(f.Kind, f.Code, "let attest sign the policy, and copy its bundle there from .sallyport/bundles",
			"the signature of the policy %q: %w", l.name, err)
	}
	return of, all, nil
}
