package gitlab

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"

	"github.com/xanzy/go-gitlab"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

const (
	packageName = "sallyport-attestations"
	suffix      = ".sigstore.json"
	maxPages    = 1000 // pages of one listing
)

// Packages is the project's generic package registry, as a store: one package,
// whose versions are the digests of subjects and whose files are bundles, each
// named by its own digest.
type Packages struct{ repo *Repo }

// Evidence returns the platform's own store of bundles.
func (repo *Repo) Evidence() *Packages { return &Packages{repo: repo} }

// Name returns how people call the store.
func (p *Packages) Name() string { return "GitLab packages of " + p.repo.path }

// Fetch returns the bundles that the project holds about the subjects.
func (p *Packages) Fetch(ctx context.Context, subjects []subject.Subject) (store.Found, error) {
	ctx, cancel := client.Within(ctx, p.repo.Budget)
	defer cancel()
	lists, err := p.repo.packages(client.RefuseAway)
	if err != nil {
		return store.Found{}, err
	}
	files, err := p.repo.packages(client.AnonymousAway)
	if err != nil {
		return store.Found{}, err
	}
	return store.Each(ctx, store.Unique(subjects), func(ctx context.Context, s subject.Subject) (store.Found, error) {
		return p.about(ctx, lists, files, s.Digest)
	})
}

const mayRead = "let this job's token read the package registry of the project"

// A glPackage is a package, as the API lists it.
type glPackage struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Creator int64  `json:"creator_id"`
}

// An upload is one file of a package. Several may have one name; the download
// by name gives the newest.
type upload struct {
	ID        int64  `json:"id"`
	Name      string `json:"file_name"`
	Size      int64  `json:"size"`
	SHA256    string `json:"file_sha256"` // as the registry says; empty on old instances
	Created   string `json:"created_at"`
	Pipelines []struct {
		User struct {
			Username string `json:"username"`
		} `json:"user"`
	} `json:"pipelines"`

	pkg glPackage
}

// about returns the bundles about d. Whoever may upload to the registry can put
// anything there, also under the name of a bundle that is there already; what
// is not named by its own digest is passed over.
func (p *Packages) about(ctx context.Context, lists, contents *gitlab.Client, d subject.Digest) (store.Found, error) {
	uploads, err := p.uploads(ctx, lists, d)
	if err != nil {
		return store.Found{}, err
	}
	files, passed := p.sift(uploads)
	if len(files) > store.MaxPerSubject {
		return store.Found{}, p.tooMany(d, uploads)
	}
	found, err := store.Each(ctx, files, func(ctx context.Context, f file) (store.Found, error) {
		return p.download(ctx, contents, d, f)
	})
	found.Passed = append(found.Passed, passed...)
	return found, err
}

// uploads lists all files of the packages about d: of one package, unless the
// registry says otherwise.
func (p *Packages) uploads(ctx context.Context, c *gitlab.Client, d subject.Digest) ([]upload, error) {
	filter := url.Values{"package_type": {"generic"}, "package_name": {packageName}, "package_version": {d.Hex()}}
	q := question{path: p.repo.project("/packages"), query: filter, hint: mayRead, by: c, pages: maxPages, dense: true}
	packages, err := list[glPackage](ctx, p.repo, q)
	if p.repo.outside && absent(err) {
		return nil, p.repo.unseen(err)
	}
	if err != nil {
		return nil, err
	}
	var all []upload
	for _, g := range packages {
		// The filter by name finds names that contain it, and an old server
		// does not know the filter by version.
		if g.Name != packageName || g.Version != d.Hex() {
			continue
		}
		q.path, q.query = p.repo.project(fmt.Sprintf("/packages/%d/package_files", g.ID)), nil
		files, err := list[upload](ctx, p.repo, q)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			f.pkg = g
			all = append(all, f)
		}
	}
	return all, nil
}

// unseen says that a project, or its registry, is not there or may not be seen: the API
// answers 404 for both, and whoever is in no job of it knows neither.
func (repo *Repo) unseen(err error) error {
	return fault.New(fault.Unavailable, fault.NotAvailable, fault.Of(err).Hint,
		"project %s or its package registry is not there, or may not be seen", repo.web(""))
}

// A file is a bundle that is to be read.
type file struct {
	upload
	want   subject.Digest // by its name
	newest upload         // under the same name
}

// known says whether the registry itself says that the file is what its name
// says.
func (f file) known() bool { return strings.EqualFold(f.SHA256, f.want.Hex()) }

// covered says whether something else was uploaded later under the same name.
func (f file) covered() bool { return f.newest.ID != f.ID }

// notItsDigest is what a file is passed over as, if it is not named by its own
// digest.
const notItsDigest = "file that is not named by its own digest"

// sift finds, for each name that is a digest, the upload that has that digest.
func (p *Packages) sift(uploads []upload) (files []file, passed []store.Passed) {
	byName := map[string][]upload{}
	for _, u := range uploads {
		byName[u.Name] = append(byName[u.Name], u)
	}
	pass := func(what string, n int) {
		if n > 0 {
			passed = append(passed, store.Passed{Source: p.Name(), What: what, Count: n})
		}
	}
	for name, same := range byName {
		want, err := subject.ParseDigest("sha256:" + strings.TrimSuffix(name, suffix))
		if !strings.HasSuffix(name, suffix) {
			pass("file of another suffix", len(same))
			continue
		}
		if err != nil {
			pass(notItsDigest, len(same))
			continue
		}
		sort.Slice(same, func(a, b int) bool { return same[a].ID < same[b].ID })
		newest := same[len(same)-1]
		good := slices.DeleteFunc(slices.Clone(same), func(u upload) bool {
			return u.SHA256 != "" && !strings.EqualFold(u.SHA256, want.Hex())
		})
		pass(notItsDigest, len(same)-len(good))
		if len(good) > 0 {
			files = append(files, file{upload: good[len(good)-1], want: want, newest: newest})
		}
	}
	sort.Slice(files, func(a, b int) bool { return files[a].Name < files[b].Name })
	return files, passed
}

// download reads a bundle: by its name, and by its number where that gives
// something else, or would.
func (p *Packages) download(ctx context.Context, c *gitlab.Client, d subject.Digest, f file) (store.Found, error) {
	if f.Size > store.MaxBundleBytes {
		return p.passed(store.TooLarge), nil
	}
	if !f.covered() {
		b, found, err := p.get(ctx, c, fmt.Sprintf("/packages/generic/%s/%s/%s", packageName, d.Hex(), f.Name))
		switch {
		case errors.Is(err, client.ErrTooLarge):
			return p.passed(store.TooLarge), nil
		case err != nil:
			return store.Found{}, err
		case !found:
			return store.Found{}, fault.New(fault.Refused, fault.Malformed, "",
				"%s list %s and do not have it", p.Name(), fault.Quote(f.Name))
		case subject.Sum(b) == f.want:
			return p.bundle(f, b), nil
		}
	}
	b, found, err := p.get(ctx, c, fmt.Sprintf("/packages/%d/package_files/%d/download", f.pkg.ID, f.ID))
	switch {
	case errors.Is(err, client.ErrTooLarge):
		return p.passed(store.TooLarge), nil
	case err != nil:
		return store.Found{}, err
	case found && subject.Sum(b) == f.want:
		return p.bundle(f, b), nil
	case found && f.known():
		return store.Found{}, fault.New(fault.Refused, fault.SubjectMismatch, "",
			"%s answered with other bytes than those of file %d, which are listed as sha256:%s",
			p.Name(), f.ID, f.SHA256)
	case found, !f.known() && !f.covered():
		return p.passed(notItsDigest), nil
	}
	return store.Found{Covered: []store.Covered{{Digest: f.want, Err: p.covered(f)}}}, nil
}

func (p *Packages) passed(what string) store.Found {
	return store.Found{Passed: []store.Passed{{Source: p.Name(), What: what, Count: 1}}}
}

func (p *Packages) bundle(f file, b []byte) store.Found {
	return store.Found{Bundles: []store.Evidence{{Bundle: b, Source: p.Name() + " file " + f.Name}}}
}

// covered is the fault of a bundle that is there and that the instance does not
// hand over, because something else was uploaded under its name later.
func (p *Packages) covered(f file) error {
	page := p.repo.web(fmt.Sprintf("/-/packages/%d", f.newest.pkg.ID))
	hint := fmt.Sprintf(`give that bundle with --bundle (input "bundle"), or delete file %d at %s; `+
		`GitLab 18.4 and later hand it over in any case`, f.newest.ID, page)
	return fault.New(fault.Refused, fault.SubjectMismatch, hint,
		"bundle %s was covered: other bytes were uploaded under its name at %s%s, and this instance hands over "+
			"the newest upload only", f.Name, fault.Quote(f.newest.Created), by(f.newest))
}

// by says who uploaded something, where the registry tells.
func by(u upload) string {
	if name := uploader(u); name != "" {
		return " by " + name
	}
	return ""
}

// uploader is whoever started the pipeline that uploaded a file, or who created
// the package.
func uploader(u upload) string {
	for _, x := range u.Pipelines {
		if x.User.Username != "" {
			return "user " + fault.Quote(x.User.Username)
		}
	}
	if u.pkg.Creator > 0 {
		return fmt.Sprintf("user number %d", u.pkg.Creator)
	}
	return ""
}

// tooMany says who uploaded most of the files.
func (p *Packages) tooMany(d subject.Digest, uploads []upload) error {
	count := map[string]int{}
	for _, u := range uploads {
		count[cmp.Or(uploader(u), "somebody whom the registry does not name")]++
	}
	var names []string
	for name := range count {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), strings.Compare(a, b))
	})
	var who []string
	for _, name := range names[:min(3, len(names))] {
		who = append(who, fmt.Sprintf("%d by %s", count[name], name))
	}
	id := uploads[0].pkg.ID
	return fault.New(fault.Refused, fault.Limit,
		fmt.Sprintf(`delete the package at %s, or with "glab api -X DELETE %s", and attest again`,
			p.repo.web(fmt.Sprintf("/-/packages/%d", id)), p.repo.project(fmt.Sprintf("/packages/%d", id))),
		"%s hold more than %d bundles about %s, and no more are read; uploaded: %s",
		p.Name(), store.MaxPerSubject, d, strings.Join(who, ", "))
}

// get downloads a file; found is false if there is none at path.
func (p *Packages) get(ctx context.Context, c *gitlab.Client, path string) (b []byte, found bool, err error) {
	req, err := c.NewRequest(http.MethodGet, p.repo.project(path), nil,
		[]gitlab.RequestOptionFunc{gitlab.WithContext(ctx)})
	if err != nil {
		return nil, false, fmt.Errorf("asking GitLab: %w", err)
	}
	var body bytes.Buffer
	resp, err := c.Do(req, &body)
	if err != nil && status(resp, err) == http.StatusNotFound {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, answer(resp, err, mayRead)
	}
	return body.Bytes(), true, nil
}

// Put uploads the bundle once for each subject.
func (p *Packages) Put(ctx context.Context, r store.Record) (store.Receipt, error) {
	ctx, cancel := client.Within(ctx, p.repo.Budget)
	defer cancel()
	c, err := p.repo.packages(client.RefuseAway)
	if err != nil {
		return store.Receipt{}, err
	}
	if len(r.Bundle) > store.MaxBundleBytes {
		return store.Receipt{}, fault.New(fault.Refused, fault.Limit, "",
			"a bundle of %d bytes, at most %d are allowed", len(r.Bundle), store.MaxBundleBytes)
	}
	digest := subject.Sum(r.Bundle).Hex()
	upload := func(ctx context.Context, s subject.Subject) (store.Found, error) {
		return store.Found{}, p.upload(ctx, c, s.Digest, digest, r.Bundle)
	}
	_, err = store.Each(ctx, store.Unique(r.Subjects), upload)
	if err == nil && r.Document != nil {
		d := subject.Sum(r.Document)
		err = p.send(ctx, c, documentPackage, d, d.Hex(), d.Hex(), r.Document)
	}
	if err != nil {
		return store.Receipt{}, err
	}
	return store.Receipt{Store: p.Name(), ID: digest, URL: p.repo.web("/-/packages?search[]=" + packageName)}, nil
}

// upload asks for the record of the file, which says what was kept. An answer
// without a record is none: nobody knows whether anything was kept.
func (p *Packages) upload(ctx context.Context, c *gitlab.Client, d subject.Digest, digest string, b []byte) error {
	return p.send(ctx, c, packageName, d, digest+suffix, digest, b)
}

// documentPackage is the package that keeps documents which statements summarise, in a version for each.
const documentPackage = packageName + "-documents"

// Document reports whether the project keeps a document.
func (p *Packages) Document(ctx context.Context, _ []subject.Subject, want store.Document) (bool, error) {
	ctx, cancel := client.Within(ctx, p.repo.Budget)
	defer cancel()
	c, err := p.repo.packages(client.AnonymousAway)
	if err != nil {
		return false, err
	}
	hex := want.Digest.Hex()
	b, found, err := p.get(ctx, c, fmt.Sprintf("/packages/generic/%s/%s/%s", documentPackage, hex, hex))
	if err != nil || !found {
		return false, err
	}
	return subject.Sum(b) == want.Digest, nil
}

// send uploads a file of a version of a package.
func (p *Packages) send(ctx context.Context, c *gitlab.Client, name string, d subject.Digest, called, digest string, b []byte) error {
	record := gitlab.SelectPackageFile
	f, resp, err := c.GenericPackages.PublishPackageFile(p.repo.id, name, d.Hex(), called,
		bytes.NewReader(b),
		&gitlab.PublishPackageFileOptions{Select: &record}, gitlab.WithContext(ctx))
	switch s := status(resp, err); {
	case s == http.StatusUnauthorized:
		return fault.New(fault.Usage, fault.Config,
			"use the job's own token while the job runs, or give SALLYPORT_TOKEN a token that is good",
			"GitLab does not know this job's token: it answered %d", s)
	case s == http.StatusForbidden, s == http.StatusNotFound:
		return fault.New(fault.Usage, fault.Config,
			"let this job's token write to the package registry of the project, switch the registry on, "+
				"and allow duplicates of generic packages",
			"GitLab does not let this job keep a bundle: it answered %d", s)
	case s == http.StatusRequestEntityTooLarge:
		return fault.New(fault.Refused, fault.Limit,
			"raise the instance's limit for generic packages, or use another store",
			"GitLab does not take a bundle of %d bytes: it answered %d", len(b), s)
	case err != nil:
		return answer(resp, err, "")
	case f.ID <= 0 || f.FileName != called:
		return client.Proxied("the GitLab API",
			fmt.Sprintf("%d without a record of the file, so nothing is known to be kept", resp.StatusCode))
	case f.FileSHA256 != digest:
		return fault.New(fault.Refused, fault.SubjectMismatch, "",
			"GitLab kept a file of sha256:%s, want sha256:%s", fault.Quote(f.FileSHA256), digest)
	}
	return nil
}
