package gitlab

import (
	"bytes"
	"context"
	"net/http"
	"sort"
	"strings"

	"github.com/xanzy/go-gitlab"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

const (
	packageName = "sallyport-attestations"
	suffix      = ".sigstore.json"
	maxPages    = 100
)

// Packages is the project's generic package registry, as a store: one package,
// whose versions are the digests of subjects and whose files are bundles, each
// named by its own digest.
type Packages struct{ job *Job }

// Evidence returns the platform's own store of bundles.
func (j *Job) Evidence() *Packages { return &Packages{job: j} }

// Name returns how people call the store.
func (p *Packages) Name() string { return "GitLab packages of " + p.job.path }

// Fetch returns the bundles that the project holds about the subjects.
func (p *Packages) Fetch(ctx context.Context, subjects []subject.Subject) (store.Found, error) {
	ctx, cancel := store.Within(ctx, p.job.Budget)
	defer cancel()
	c, err := p.job.packages()
	if err != nil {
		return store.Found{}, err
	}
	return store.Each(ctx, subjects, func(ctx context.Context, s subject.Subject) ([]store.Evidence, error) {
		return p.about(ctx, c, s.Digest)
	})
}

func (p *Packages) about(ctx context.Context, c *gitlab.Client, d subject.Digest) ([]store.Evidence, error) {
	names, err := p.names(ctx, c, d)
	if err != nil {
		return nil, err
	}
	var all []store.Evidence
	for _, n := range names {
		b, resp, err := c.GenericPackages.DownloadPackageFile(p.job.id, packageName, d.Hex(), n, gitlab.WithContext(ctx))
		if err != nil && status(resp, err) == http.StatusNotFound {
			return nil, fault.New(fault.Refused, fault.Malformed, "", "%s list %q and do not have it", p.Name(), n)
		}
		if err != nil {
			return nil, answer(resp, err, mayRead)
		}
		if len(b) > store.MaxBundleBytes {
			return nil, fault.New(fault.Refused, fault.Limit, "", "%s hold a bundle of %d bytes, at most %d are allowed", p.Name(), len(b), store.MaxBundleBytes)
		}
		all = append(all, store.Evidence{Bundle: b, Source: p.Name() + " file " + n})
	}
	return all, nil
}

const mayRead = "let this job's token read the package registry of the project"

// names lists the bundle files about d. The same name may have been uploaded
// more than once; the registry answers with the newest then.
func (p *Packages) names(ctx context.Context, c *gitlab.Client, d subject.Digest) ([]string, error) {
	ids, err := p.packages(ctx, c, d)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, id := range ids {
		err := pages(func(page int) (*gitlab.Response, error) {
			files, resp, err := c.Packages.ListPackageFiles(p.job.id, id, &gitlab.ListPackageFilesOptions{Page: page, PerPage: 100}, gitlab.WithContext(ctx))
			for _, f := range files {
				if strings.HasSuffix(f.FileName, suffix) && !strings.ContainsAny(f.FileName, "/\\") {
					seen[f.FileName] = true
				}
			}
			if len(seen) > store.MaxPerSubject {
				return nil, fault.New(fault.Refused, fault.Limit, "", "%s hold more than %d bundles about %s", p.Name(), store.MaxPerSubject, d)
			}
			return resp, err
		})
		if err != nil {
			return nil, err
		}
	}
	names := make([]string, 0, len(seen))
	for n := range seen {
		names = append(names, n)
	}
	sort.Strings(names)
	return names, nil
}

// packages lists the packages about d; there is at most one, unless the
// registry says otherwise.
func (p *Packages) packages(ctx context.Context, c *gitlab.Client, d subject.Digest) ([]int, error) {
	kind, name, version := "generic", packageName, d.Hex()
	var ids []int
	err := pages(func(page int) (*gitlab.Response, error) {
		list, resp, err := c.Packages.ListProjectPackages(p.job.id, &gitlab.ListProjectPackagesOptions{
			ListOptions:    gitlab.ListOptions{Page: page, PerPage: 100},
			PackageType:    &kind,
			PackageName:    &name,
			PackageVersion: &version,
		}, gitlab.WithContext(ctx))
		for _, f := range list {
			// The filter by name finds names that contain it, and an old
			// server does not know the filter by version.
			if f.Name == name && f.Version == version {
				ids = append(ids, f.ID)
			}
		}
		return resp, err
	})
	return ids, err
}

// pages calls get for every page until there is no next one.
func pages(get func(page int) (*gitlab.Response, error)) error {
	for page := 1; ; {
		resp, err := get(page)
		if isType[*fault.Fault](err) && status(resp, err) == 0 {
			return err
		}
		if err != nil && status(resp, err) == http.StatusNotFound && page > 1 {
			return fault.New(fault.Refused, fault.Malformed, "", "the GitLab API lost page %d of a list", page)
		}
		if err != nil {
			return answer(resp, err, mayRead)
		}
		if resp.NextPage == 0 {
			return nil
		}
		if resp.NextPage <= page || resp.NextPage > maxPages {
			return fault.New(fault.Refused, fault.Limit, "", "the GitLab API answered page %d with next page %d, at most %d are read", page, resp.NextPage, maxPages)
		}
		page = resp.NextPage
	}
}

// Put uploads the bundle once for each subject.
func (p *Packages) Put(ctx context.Context, r store.Record) (store.Receipt, error) {
	ctx, cancel := store.Within(ctx, p.job.Budget)
	defer cancel()
	c, err := p.job.packages()
	if err != nil {
		return store.Receipt{}, err
	}
	if len(r.Bundle) > store.MaxBundleBytes {
		return store.Receipt{}, fault.New(fault.Refused, fault.Limit, "", "a bundle of %d bytes, at most %d are allowed", len(r.Bundle), store.MaxBundleBytes)
	}
	digest := subject.Sum(r.Bundle).Hex()
	_, err = store.Each(ctx, r.Subjects, func(ctx context.Context, s subject.Subject) ([]store.Evidence, error) {
		return nil, p.upload(ctx, c, s.Digest, digest, r.Bundle)
	})
	if err != nil {
		return store.Receipt{}, err
	}
	return store.Receipt{Store: p.Name(), ID: digest, URL: p.job.web("/-/packages?search[]=" + packageName)}, nil
}

// upload asks for the record of the file, which says what was kept.
func (p *Packages) upload(ctx context.Context, c *gitlab.Client, d subject.Digest, digest string, b []byte) error {
	record := gitlab.SelectPackageFile
	f, resp, err := c.GenericPackages.PublishPackageFile(p.job.id, packageName, d.Hex(), digest+suffix, bytes.NewReader(b),
		&gitlab.PublishPackageFileOptions{Select: &record}, gitlab.WithContext(ctx))
	switch s := status(resp, err); {
	case s == http.StatusUnauthorized, s == http.StatusForbidden, s == http.StatusNotFound:
		return fault.New(fault.Usage, fault.Config, "let this job's token write to the package registry of the project, and switch the registry on", "GitLab does not let this job keep a bundle: it answered %d", s)
	case err != nil:
		return answer(resp, err, "")
	case f.FileSHA256 != "" && f.FileSHA256 != digest:
		return fault.New(fault.Refused, fault.SubjectMismatch, "", "GitLab kept a file of sha256:%s, want sha256:%s", f.FileSHA256, digest)
	}
	return nil
}
