package lab

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

func (g *github) pullRoutes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET R/pulls":                g.of(g.listPulls),
		"GET R/pulls/{id}":           g.of(g.getPull),
		"GET R/pulls/{id}/commits":   g.of(g.listPullCommits),
		"GET R/pulls/{id}/reviews":   g.of(g.listPullReviews),
		"GET R/commits/{sha}/pulls":  g.of(g.listCommitPulls),
		"GET R/issues/{id}/timeline": g.of(g.listTimeline),
	}
}

// listPulls answers the open ones unless told otherwise, newest first where
// the order is that of their making.
func (g *github) listPulls(w http.ResponseWriter, req *http.Request, r *repo) {
	q := req.URL.Query()
	state, sort := cmp.Or(q.Get("state"), "open"), cmp.Or(q.Get("sort"), "created")
	found := slices.DeleteFunc(slices.Clone(r.history.Pulls), func(p pull) bool {
		return p.Elsewhere || state != "all" && p.State != state || q.Has("base") && p.Base != q.Get("base")
	})
	slices.SortStableFunc(found, func(a, b pull) int {
		if sort == "updated" {
			return cmp.Or(strings.Compare(a.UpdatedAt, b.UpdatedAt), cmp.Compare(a.Number, b.Number))
		}
		return cmp.Or(strings.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.Number, b.Number))
	})
	if d := q.Get("direction"); d == "desc" || d == "" && sort == "created" {
		slices.Reverse(found)
	}
	g.writePulls(w, req, r, found)
}

func (g *github) writePulls(w http.ResponseWriter, req *http.Request, r *repo, pulls []pull) {
	out := []object{}
	for _, p := range pageOf(g, w, req, pulls) {
		out = append(out, g.contract.fill("pull-request-simple", g.pullShape(r, p)))
	}
	writeJSON(w, http.StatusOK, out)
}

func (r *repo) pull(number int64) *pull {
	for i := range r.history.Pulls {
		if p := r.history.Pulls[i]; p.Number == number && !p.Elsewhere {
			return &r.history.Pulls[i]
		}
	}
	return nil
}

func (g *github) getPull(w http.ResponseWriter, req *http.Request, r *repo) {
	p := r.pull(pathID(req, "id"))
	if p == nil {
		gitHubNotFound(w)
		return
	}
	writeJSON(w, http.StatusOK, g.contract.fill("pull-request", with(g.pullShape(r, *p), object{
		"merged": p.MergedAt != "", "merged_by": g.user(p.MergedBy), "commits": len(p.Commits),
	})))
}

// maxPullCommits is how many commits of a pull request can be listed at all:
// the first ones, and nothing tells that there are more.
const maxPullCommits = 250

func (g *github) listPullCommits(w http.ResponseWriter, req *http.Request, r *repo) {
	p := r.pull(pathID(req, "id"))
	if p == nil {
		gitHubNotFound(w)
		return
	}
	var all []*gitCommit
	for _, sha := range p.Commits[:min(len(p.Commits), maxPullCommits)] {
		all = append(all, r.history.bySHA[sha])
	}
	writeJSON(w, http.StatusOK, g.commitShapes(r, pageOf(g, w, req, all)))
}

// listPullReviews answers what people said of a request, oldest first.
func (g *github) listPullReviews(w http.ResponseWriter, req *http.Request, r *repo) {
	p := r.pull(pathID(req, "id"))
	if p == nil {
		gitHubNotFound(w)
		return
	}
	out := []object{}
	for i, v := range p.Reviews {
		html := fmt.Sprintf("https://github.com/%s/%s/pull/%d", r.owner, r.name, p.Number)
		url := g.api("/repos/%s/%s/pulls/%d", r.owner, r.name, p.Number)
		out = append(out, object{
			"id": i + 1, "node_id": fmt.Sprintf("PRR_%d_%d", p.Number, i+1), "user": g.user(v.User), "body": "", "state": v.State,
			"commit_id": orNull(v.CommitID), "submitted_at": v.SubmittedAt, "html_url": html + fmt.Sprintf("#pullrequestreview-%d", i+1),
			"pull_request_url": url, "author_association": "NONE",
			"_links": object{"html": object{"href": html}, "pull_request": object{"href": url}},
		})
	}
	writeJSON(w, http.StatusOK, pageOf(g, w, req, out))
}

// getPermission answers what somebody may do in the repository. Who is known to the toy and
// was not called a stranger may write.
func (g *github) getPermission(w http.ResponseWriter, req *http.Request, r *repo) {
	p := g.people.byLogin(req.PathValue("username"))
	if p == nil {
		gitHubNotFound(w)
		return
	}
	permission := "write"
	if r.stranger(p) {
		permission = "read"
	}
	shape, _ := g.user(p).(object)
	writeJSON(w, http.StatusOK, object{"permission": permission, "role_name": permission, "user": g.contract.fill("nullable-collaborator", shape)})
}

// stranger reports whether a review calls somebody one who may not push.
func (r *repo) stranger(p *person) bool {
	return slices.ContainsFunc(r.history.Pulls, func(x pull) bool {
		return slices.ContainsFunc(x.Reviews, func(v pullReview) bool { return v.Stranger && v.User != nil && v.User.ID == p.ID })
	})
}

// reviewNodes are the reviews of a request in GraphQL, of the states that are asked for.
func (g *github) reviewNodes(r *repo, p pull, states any) []object {
	out := []object{}
	for i, v := range p.Reviews {
		if states != nil && !slices.Contains(listed(states), v.State) {
			continue
		}
		o := object{"__typename": "PullRequestReview", "id": fmt.Sprintf("PRR_%d_%d", p.Number, i+1), "state": v.State, "submittedAt": v.SubmittedAt,
			"author": g.actor(v.User), "commit": nil, "authorCanPushToRepository": v.User != nil && !r.stranger(v.User)}
		if c := r.history.bySHA[v.CommitID]; c != nil {
			o["commit"] = object{"__typename": "Commit", "oid": c.SHA, "id": nodeID("C", r, c.SHA)}
		}
		out = append(out, o)
	}
	return out
}

// listTimeline answers what happened to a request besides commits and comments:
// what it is given, and the forced pushes to its branch in its own repository.
func (g *github) listTimeline(w http.ResponseWriter, req *http.Request, r *repo) {
	p := r.pull(pathID(req, "id"))
	if p == nil {
		gitHubNotFound(w)
		return
	}
	out := []object{}
	for i, e := range r.eventsOf(*p) {
		url := g.api("/repos/%s/%s/issues/events/%d", r.owner, r.name, i+1)
		out = append(out, object{
			"id": i + 1, "node_id": fmt.Sprintf("EV_%d_%d", p.Number, i+1), "url": url, "actor": g.user(e.Actor), "event": e.Event,
			"commit_id": nil, "commit_url": nil, "created_at": cmp.Or(e.At, p.UpdatedAt), "performed_via_github_app": nil,
		})
	}
	writeJSON(w, http.StatusOK, pageOf(g, w, req, out))
}

func (r *repo) eventsOf(p pull) []timelineEvent {
	events := slices.Clone(p.Timeline)
	for _, a := range r.history.Activity {
		if a.Type == "force_push" && !p.Head.Fork && a.Ref == "refs/heads/"+p.Head.Ref {
			events = append(events, timelineEvent{Event: "head_ref_force_pushed", Actor: a.Actor})
		}
	}
	return events
}

// listCommitPulls answers the pull requests that a commit is in or that made
// it: the merged ones if it is on the default branch, else the open ones too.
func (g *github) listCommitPulls(w http.ResponseWriter, req *http.Request, r *repo) {
	c := r.history.resolve(req.PathValue("sha"))
	if c == nil {
		gitHubError(w, http.StatusUnprocessableEntity, "No commit found for SHA: "+req.PathValue("sha"))
		return
	}
	g.writePulls(w, req, r, r.pullsOf(c))
}

func (r *repo) pullsOf(c *gitCommit) []pull {
	h := r.history
	landed := sync.OnceValue(func() bool {
		all := map[string]struct{}{}
		if tip := h.Branches[h.DefaultBranch]; tip != "" {
			h.reach(tip, all)
		}
		_, ok := all[c.SHA]
		return ok
	})
	return slices.DeleteFunc(slices.Clone(h.Pulls), func(p pull) bool {
		has := p.MergeCommitSHA == c.SHA && p.MergedAt != "" || slices.Contains(p.Commits, c.SHA) || slices.Contains(p.Introduced, c.SHA)
		return !has || p.MergedAt == "" && (p.State != "open" || landed())
	})
}

func (g *github) pullShape(r *repo, p pull) object {
	if p.Elsewhere {
		r = r.forkOf("forker", nameID("forker"))
	}
	api := g.api("/repos/%s/%s", r.owner, r.name)
	url := fmt.Sprintf("%s/pulls/%d", api, p.Number)
	html := fmt.Sprintf("https://github.com/%s/%s/pull/%d", r.owner, r.name, p.Number)
	head := r
	if p.Head.Fork && p.Head.Owner != nil {
		head = r.forkOf(p.Head.Owner.Login, p.Head.Owner.ID)
	}
	closed := any(nil)
	if p.State == "closed" {
		closed = cmp.Or(p.MergedAt, p.UpdatedAt)
	}
	return object{
		"id": nameID(url), "node_id": nodeID("PR", r, p.Number), "number": p.Number, "url": url, "html_url": html,
		"diff_url": html + ".diff", "patch_url": html + ".patch", "commits_url": url + "/commits", "state": p.State,
		"title": cmp.Or(p.Title, "change"), "user": g.user(p.User), "body": nil, "author_association": "CONTRIBUTOR",
		"created_at": p.CreatedAt, "updated_at": p.UpdatedAt, "closed_at": closed, "merged_at": orNull(p.MergedAt),
		"merge_commit_sha": orNull(p.MergeCommitSHA),
		"head":             g.endShape(head, p.Head.Ref, p.Head.SHA),
		"base":             g.endShape(r, p.Base, r.history.Branches[p.Base]),
	}
}

// forkOf is a fork of the repository that somebody has.
func (r *repo) forkOf(owner string, id int64) *repo {
	fork := *r
	fork.owner, fork.ownerID, fork.fork = owner, id, true
	fork.id = nameID(strings.ToLower(fork.owner + "/" + fork.name))
	return &fork
}

// endShape is where a pull request comes from or goes to.
func (g *github) endShape(r *repo, ref, sha string) object {
	shape := g.repoShape(r)
	return object{"label": r.owner + ":" + ref, "ref": ref, "sha": sha, "user": shape["owner"], "repo": shape}
}
