package lab

import (
	"cmp"
	"net/http"
	"strconv"
)

// A ReleaseSettings is what the control API can set of a release. Releases are listed as
// they are given, the newest first.
type ReleaseSettings struct {
	Tag       string `json:"tag"`
	Target    string `json:"target"` // commit or branch; main if empty
	Immutable bool   `json:"immutable"`
	Draft     bool   `json:"draft"`
	CreatedAt string `json:"created_at"`
	Assets    []struct {
		Name   string  `json:"name"`
		Digest *string `json:"digest"` // sha256:HEX; null for what was uploaded before digests were kept
		Size   int64   `json:"size"`
	} `json:"assets"`
}

func (g *github) putReleases(r *repo, req *http.Request) error {
	var in []ReleaseSettings
	if err := readJSON(req, &in); err != nil {
		return err
	}
	r.releases = nil
	for _, s := range in {
		r.releases = append(r.releases, g.releaseShape(r, s))
	}
	return nil
}

// listReleases leaves drafts out for those who show no token.
func (g *github) listReleases(w http.ResponseWriter, req *http.Request, r *repo) {
	scheme, _ := credentials(req)
	found := []object{}
	for _, x := range r.releases {
		if draft, _ := x["draft"].(bool); !draft || scheme != "none" {
			found = append(found, x)
		}
	}
	writeJSON(w, http.StatusOK, g.page(w, req, found))
}

func (g *github) releaseShape(r *repo, s ReleaseSettings) object {
	id := g.nextID()
	at := cmp.Or(s.CreatedAt, made.Format("2006-01-02T15:04:05Z"))
	html := "https://github.com/" + r.owner + "/" + r.name
	url := g.api("/repos/%s/%s/releases/%d", r.owner, r.name, id)
	assets := []object{}
	for _, a := range s.Assets {
		n := g.nextID()
		assets = append(assets, object{
			"id": n, "node_id": "RA_" + strconv.FormatInt(n, 10), "name": a.Name, "label": nil, "state": "uploaded",
			"content_type": "application/octet-stream", "size": a.Size, "digest": a.Digest, "download_count": 0,
			"url": g.api("/repos/%s/%s/releases/assets/%d", r.owner, r.name, n), "uploader": g.userShape("alice", 77),
			"browser_download_url": html + "/releases/download/" + s.Tag + "/" + a.Name, "created_at": at, "updated_at": at,
		})
	}
	return object{
		"id": id, "node_id": "RE_" + strconv.FormatInt(id, 10), "tag_name": s.Tag, "target_commitish": cmp.Or(s.Target, "main"),
		"name": s.Tag, "body": nil, "draft": s.Draft, "prerelease": false, "immutable": s.Immutable, "created_at": at,
		"published_at": at, "author": g.userShape("alice", 77), "assets": assets, "url": url, "assets_url": url + "/assets",
		"upload_url": url + "/assets{?name,label}", "html_url": html + "/releases/tag/" + s.Tag,
		"tarball_url": url + "/tarball", "zipball_url": url + "/zipball",
	}
}
