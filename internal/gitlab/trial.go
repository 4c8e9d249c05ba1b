package gitlab

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/trial"
)

// Self says what the project is.
func (repo *Repo) Self(ctx context.Context) (trial.Home, error) {
	h, err := one[struct {
		ID         int64  `json:"id"`
		Path       string `json:"path_with_namespace"`
		Default    string `json:"default_branch"`
		Visibility string `json:"visibility"`
	}](ctx, repo, question{path: repo.project("")})
	switch {
	case absent(err):
		return trial.Home{}, fault.New(fault.Unavailable, fault.NotAvailable, fault.Of(err).Hint,
			"project %s is not there, or may not be seen", repo.web(""))
	case err != nil:
		return trial.Home{}, err
	case h.ID <= 0 || !strings.EqualFold(h.Path, repo.path):
		return trial.Home{}, fault.New(fault.Refused, fault.Malformed, "name the project as it is called now, if it has moved",
			"asked for %s, the GitLab API answered with %q",
			repo.path, h.Path)
	}
	return trial.Home{URI: repo.web(""), ID: itoa(h.ID), Branch: h.Default, Public: h.Visibility == "public"}, nil
}

// glRelease is what the API lists of a release (docs.gitlab.com/api/releases): links, and no digest.
type glRelease struct {
	Tag      string    `json:"tag_name"`
	Released time.Time `json:"released_at"`
	Commit   struct {
		ID string `json:"id"`
	} `json:"commit"`
	Assets struct {
		Links []struct {
			Name string `json:"name"`
			URL  string `json:"url"`
		} `json:"links"`
	} `json:"assets"`
}

// maxPackages is how many of the newest packages are looked through.
const maxPackages = 20

// LastReleases returns the newest releases. Their files are those of the generic packages with
// the version of the tag, whose digests the registry knows; without releases, the newest
// packages stand for them.
func (repo *Repo) LastReleases(ctx context.Context, n int) (out []trial.Release, unseen []string, err error) {
	all, err := firstOf[glRelease](ctx, repo, "/releases", url.Values{"per_page": {strconv.Itoa(n)}})
	if err != nil {
		return nil, nil, err
	}
	packages, err := firstOf[glPackage](ctx, repo, "/packages", url.Values{"package_type": {"generic"},
		"order_by": {"created_at"}, "sort": {"desc"}, "per_page": {strconv.Itoa(maxPackages)}})
	if err != nil {
		unseen = append(unseen, "packages: "+words(err))
	}
	for _, r := range all {
		x := trial.Release{Name: r.Tag, Tag: r.Tag, Time: r.Released, Commit: r.Commit.ID}
		for _, g := range packages {
			if g.Name != packageName && (g.Version == r.Tag || "v"+g.Version == r.Tag) {
				x.Files, unseen = repo.packaged(ctx, g, x.Files, unseen)
			}
		}
		for _, l := range r.Assets.Links {
			if base := l.URL[strings.LastIndexByte(l.URL, '/')+1:]; !named(x.Files, base) && !named(x.Files, l.Name) {
				x.Files = append(x.Files, trial.File{Name: l.Name, Kind: "file"})
			}
		}
		out = append(out, x)
	}
	for _, g := range packages {
		if len(all) > 0 || len(out) == n {
			break
		}
		if g.Name == packageName {
			continue
		}
		x := trial.Release{Name: g.Name + " " + g.Version}
		x.Files, unseen = repo.packaged(ctx, g, nil, unseen)
		out = append(out, x)
	}
	return out, unseen, nil
}

// packaged adds the files of a package.
func (repo *Repo) packaged(ctx context.Context, g glPackage, files []trial.File, unseen []string) ([]trial.File, []string) {
	all, err := firstOf[upload](ctx, repo, fmt.Sprintf("/packages/%d/package_files", g.ID), url.Values{"per_page": {strconv.Itoa(perPage)}})
	if err != nil {
		return files, append(unseen, "files of package "+g.Name+": "+words(err))
	}
	for _, u := range all {
		f := trial.File{Name: u.Name, Kind: "package"}
		if u.SHA256 != "" {
			f.Digest = "sha256:" + strings.ToLower(u.SHA256)
		}
		files = append(files, f)
	}
	return files, unseen
}

func named(files []trial.File, name string) bool {
	for _, f := range files {
		if f.Name == name {
			return true
		}
	}
	return false
}

// LastDeployments returns the newest deployments, of whatever state.
func (repo *Repo) LastDeployments(ctx context.Context, n int) (out []trial.Deployment, err error) {
	all, err := firstOf[struct {
		SHA         string `json:"sha"`
		Ref         string `json:"ref"`
		Environment struct {
			Name string `json:"name"`
		} `json:"environment"`
	}](ctx, repo, "/deployments", url.Values{"order_by": {"created_at"}, "sort": {"desc"}, "per_page": {strconv.Itoa(n)}})
	for _, d := range all {
		out = append(out, trial.Deployment{Environment: d.Environment.Name, Commit: d.SHA, Ref: d.Ref})
	}
	return out, err
}

// firstOf asks for the first page of a list, and for no other. What may not be seen is not
// known.
func firstOf[T any](ctx context.Context, repo *Repo, path string, query url.Values) ([]T, error) {
	r, err := repo.ask(ctx, question{path: repo.project(path), query: query})
	if refusedAs(err, http.StatusNotFound) {
		return nil, fault.New(fault.Unavailable, fault.NotAvailable, fault.Of(err).Hint, "%s does not show %q", repo.Name(), path)
	}
	if err != nil {
		return nil, err
	}
	var items []T
	return items, decode(r.body, '[', &items)
}

func words(err error) string {
	f := fault.Of(err)
	return f.Error()
}

// Quota is what the last answer said that is left (docs.gitlab.com, "Rate limits", "Response headers").
func (repo *Repo) Quota() trial.Quota {
	if q := repo.left.Load(); q != nil {
		return *q
	}
	return trial.Quota{}
}

// count remembers what an answer says that is left.
func (repo *Repo) count(h http.Header) {
	n, err := strconv.Atoi(h.Get("RateLimit-Remaining"))
	if err != nil {
		return
	}
	q := trial.Quota{Known: true, Left: n}
	if s, err := strconv.ParseInt(h.Get("RateLimit-Reset"), 10, 64); err == nil {
		q.Until = time.Unix(s, 0)
	}
	repo.left.Store(&q)
}

// TokenFrom is the variable that the token was taken from, or "".
func (repo *Repo) TokenFrom() string { return repo.tokenFrom }

// Public lets questions be asked without a token, which only what is public answers.
func (repo *Repo) Public() { repo.public = true }
