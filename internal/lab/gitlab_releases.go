package lab

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// A GitLabRelease is what the control API can set of a release. Releases are listed as they
// are given, the newest first.
type GitLabRelease struct {
	Tag       string `json:"tag"`
	Commit    string `json:"commit"`
	CreatedAt string `json:"created_at"`
	Links     []struct {
		Name string `json:"name"`
		URL  string `json:"url"`
	} `json:"links"`
}

func (g *gitlab) putReleases(p *project, r *http.Request) error {
	var in []GitLabRelease
	if err := readJSON(r, &in); err != nil {
		return err
	}
	p.releases = nil
	for _, s := range in {
		links := []object{}
		for _, l := range s.Links {
			links = append(links, linkShape(g.nextID(), l.Name, l.URL))
		}
		p.releases = append(p.releases, releaseShape(p.path, s, links))
	}
	return nil
}

// putPackage makes a generic package of the files that are given by name and content.
func (g *gitlab) putPackage(p *project, r *http.Request) error {
	var in map[string]string
	if err := readJSON(r, &in); err != nil {
		return err
	}
	pkg := g.ensurePackage(p, r.PathValue("name"), r.PathValue("version"), firstUser)
	for _, name := range slices.Sorted(maps.Keys(in)) {
		f := glFile{name: name, content: []byte(in[name])}
		f.shape = packageFileShape(g.nextID(), pkg.shape["id"], f)
		pkg.files = append(pkg.files, f)
	}
	return nil
}

func (g *gitlab) listReleases(w http.ResponseWriter, r *http.Request, p *project) {
	writeJSON(w, http.StatusOK, g.page(w, r, p.releases))
}

// releaseShape: api/releases, "List Releases". There are no digests in it.
func releaseShape(full string, s GitLabRelease, links []object) object {
	at := any(made)
	if s.CreatedAt != "" {
		at = s.CreatedAt
	}
	id := cmp.Or(s.Commit, commit)
	return object{
		"tag_name": s.Tag, "name": s.Tag, "description": "", "created_at": at, "released_at": at, "upcoming_release": false,
		"commit":   object{"id": id, "short_id": id[:8], "title": "release", "created_at": at},
		"tag_path": "/" + full + "/-/tags/" + s.Tag, "commit_path": "/" + full + "/-/commit/" + id,
		"assets": object{"count": len(links) + 4, "sources": []any{}, "links": links},
		"_links": object{"self": gitLabIssuer + "/" + full + "/-/releases/" + s.Tag},
	}
}

// linkShape: api/releases/links, "Get a release link".
func linkShape(id int64, name, url string) object {
	return object{"id": id, "name": name, "url": url, "direct_asset_url": url, "link_type": "other"}
}

// toAnybody are the questions that GitLab answers about a public project without a token
// (docs.gitlab.com/api/rest/authentication, and the page of each).
func (g *gitlab) toAnybody() map[string]projectHandler {
	return map[string]projectHandler{
		"GET ":          g.getProject,
		"GET /releases": g.listReleases,
		"GET /packages": g.listPackages,
		"GET /packages/generic/{name}/{version}/{file...}": g.getFile,
		"GET /packages/{pkg}/package_files":                g.listFiles,
		"GET /packages/{pkg}/{kind}/{number}/{rest...}":    g.getFileByNumber, // see there
		"GET /deployments":                                 g.listDeployments,
		"GET /environments":                                g.listEnvironments,
	}
}

// forAnybody is of for callers without a token too. To them a project that is not public
// is none, and what its own settings hide from them is not theirs to read.
func (g *gitlab) forAnybody(pattern string, h projectHandler) http.HandlerFunc {
	least := asJob
	if pattern == "GET " {
		least = asPerson
	}
	known := g.of(least, h)
	return func(w http.ResponseWriter, r *http.Request) {
		if scheme, _ := credentials(r); scheme != "none" || r.URL.Query().Has("job_token") {
			known(w, r)
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		p := g.project(r.PathValue("id"))
		switch {
		case p == nil, text(p.shape["visibility"]) != "public":
			gitLabError(w, http.StatusNotFound, "404 Project Not Found")
		case strings.Contains(pattern, "/packages") && p.shape["packages_enabled"] == false:
			gitLabError(w, http.StatusForbidden, "403 Forbidden")
		default:
			h(w, r, p)
		}
	}
}
