package lab

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

func (g *github) historyRoutes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET R/compare/{basehead}":      g.of(g.compare),
		"GET R/contents/{path}":         g.of(g.getContents),
		"GET R/commits":                 g.of(g.listCommits),
		"GET R/commits/{ref}":           g.of(g.getCommit),
		"GET R/activity":                g.of(g.listActivity),
		"GET R/branches/{name}":         g.of(g.getBranch),
		"GET R/git/ref/{ref}":           g.of(g.getRef),
		"GET R/git/matching-refs/{ref}": g.of(g.listMatchingRefs),
	}
}

// listCommits answers the newest first, in the order of the graph and not of
// dates, which anybody can write.
func (g *github) listCommits(w http.ResponseWriter, req *http.Request, r *repo) {
	tip := r.history.resolve(cmp.Or(req.URL.Query().Get("sha"), r.history.DefaultBranch))
	if tip == nil {
		gitHubNotFound(w)
		return
	}
	newest := r.history.reach(tip.SHA, map[string]struct{}{})
	slices.Reverse(newest)
	if path := req.URL.Query().Get("path"); path != "" { // of commits that are said to have files, those that have this one
		newest = slices.DeleteFunc(newest, func(c *gitCommit) bool { return r.files[commitFile{c.SHA, path}] == "" })
	}
	writeJSON(w, http.StatusOK, g.commitShapes(r, pageOf(g, w, req, newest)))
}

func (g *github) getCommit(w http.ResponseWriter, req *http.Request, r *repo) {
	c := r.history.resolve(req.PathValue("ref"))
	if c == nil {
		gitHubError(w, http.StatusUnprocessableEntity, "No commit found for SHA: "+req.PathValue("ref"))
		return
	}
	writeJSON(w, http.StatusOK, g.commitShape(r, c))
}

// maxCompared is how many commits a comparison without paging shows: the
// newest ones, so that a client that does not page misses the oldest.
const maxCompared = 250

// compare answers what head has and base lacks, oldest first.
func (g *github) compare(w http.ResponseWriter, req *http.Request, r *repo) {
	from, to, ok := strings.Cut(req.PathValue("basehead"), "...")
	base, head := r.history.resolve(from), r.history.resolve(to)
	if !ok || base == nil || head == nil {
		gitHubNotFound(w)
		return
	}
	merge := r.history.mergeBase(base.SHA, head.SHA)
	if merge == nil {
		gitHubError(w, http.StatusNotFound, "No common ancestor between "+from+" and "+to+".")
		return
	}
	ahead, behind := r.history.since(base, head), r.history.since(head, base)
	link := "https://github.com/" + r.owner + "/" + r.name + "/compare/" + url.PathEscape(from+"..."+to)
	writeJSON(w, http.StatusOK, g.contract.fill("commit-comparison", object{
		"url":      g.api("/repos/%s/%s/compare/%s", r.owner, r.name, url.PathEscape(from+"..."+to)),
		"html_url": link, "permalink_url": link, "diff_url": link + ".diff", "patch_url": link + ".patch",
		"base_commit": g.commitShape(r, base), "merge_base_commit": g.commitShape(r, merge),
		"status": standing(len(ahead), len(behind)), "ahead_by": len(ahead), "behind_by": len(behind),
		"total_commits": len(ahead), "commits": g.commitShapes(r, compared(g, w, req, ahead)), "files": []object{},
	}))
}

// since returns what head has and base lacks, parents first.
func (h *history) since(base, head *gitCommit) []*gitCommit {
	seen := map[string]struct{}{}
	h.reach(base.SHA, seen)
	return h.reach(head.SHA, seen)
}

func standing(ahead, behind int) string {
	switch {
	case ahead > 0 && behind > 0:
		return "diverged"
	case ahead > 0:
		return "ahead"
	case behind > 0:
		return "behind"
	}
	return "identical"
}

func compared(g *github, w http.ResponseWriter, req *http.Request, all []*gitCommit) []*gitCommit {
	q := req.URL.Query()
	if q.Has("page") || q.Has("per_page") {
		return pageOf(g, w, req, all)
	}
	return all[max(0, len(all)-maxCompared):]
}

func (g *github) commitShapes(r *repo, commits []*gitCommit) []object {
	out := make([]object, 0, len(commits))
	for _, c := range commits {
		out = append(out, g.commitShape(r, c))
	}
	return out
}

func (g *github) commitShape(r *repo, c *gitCommit) object {
	api, html := g.api("/repos/%s/%s", r.owner, r.name), "https://github.com/"+r.owner+"/"+r.name+"/commit/"
	parents := []object{}
	for _, p := range c.Parents {
		parents = append(parents, object{"sha": p, "url": api + "/commits/" + p, "html_url": html + p})
	}
	tree := noCommit
	return object{
		"sha": c.SHA, "node_id": nodeID("C", r, c.SHA), "url": api + "/commits/" + c.SHA, "html_url": html + c.SHA,
		"comments_url": api + "/commits/" + c.SHA + "/comments", "parents": parents,
		"author": g.user(c.Author), "committer": g.user(c.Committer),
		"commit": object{
			"url": api + "/git/commits/" + c.SHA, "message": c.Message, "comment_count": 0,
			"author": c.Author.signature(c.Date), "committer": c.Committer.signature(c.Date),
			"tree":         object{"sha": tree, "url": api + "/git/trees/" + tree},
			"verification": with(object{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil}, c.Verification),
		},
	}
}

// signature is what a commit itself says of a person, which proves nothing.
func (p *person) signature(date string) any {
	if p == nil {
		return nil
	}
	return object{"name": cmp.Or(p.Name, p.Login), "email": cmp.Or(p.Email, p.Login+"@example.com"), "date": date}
}

// getRef answers branches and tags, and nothing else that is a ref there.
func (g *github) getRef(w http.ResponseWriter, req *http.Request, r *repo) {
	ref := req.PathValue("ref")
	sha := ""
	if name, ok := strings.CutPrefix(ref, "heads/"); ok {
		sha = r.history.Branches[name]
	}
	if name, ok := strings.CutPrefix(ref, "tags/"); ok {
		sha = r.history.Tags[name]
	}
	if sha == "" {
		gitHubNotFound(w)
		return
	}
	writeJSON(w, http.StatusOK, g.refShape(r, "refs/"+ref, sha))
}

// listMatchingRefs answers the refs that begin with a text, all at once.
func (g *github) listMatchingRefs(w http.ResponseWriter, req *http.Request, r *repo) {
	all := []object{}
	for kind, refs := range map[string]map[string]string{"heads/": r.history.Branches, "tags/": r.history.Tags} {
		for name, sha := range refs {
			if strings.HasPrefix(kind+name, req.PathValue("ref")) {
				all = append(all, g.refShape(r, "refs/"+kind+name, sha))
			}
		}
	}
	slices.SortFunc(all, func(a, b object) int { return strings.Compare(text(a["ref"]), text(b["ref"])) })
	writeJSON(w, http.StatusOK, all)
}

func (g *github) refShape(r *repo, ref, sha string) object {
	api := g.api("/repos/%s/%s/git", r.owner, r.name)
	return object{
		"ref": ref, "node_id": "REF_" + ref, "url": api + "/" + ref,
		"object": object{"type": "commit", "sha": sha, "url": api + "/commits/" + sha},
	}
}
