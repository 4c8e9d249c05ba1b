package lab

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A glHistory is what a project's repository holds, and how it came there.
type glHistory struct {
	commits  []object // oldest first
	byID     map[string]object
	branches map[string]string
	tags     map[string]string
	requests []glRequest
	events   []object
	signed   map[string]string // commit: the status of its signature
}

// A glRequest is a merge request.
type glRequest struct {
	shape        object
	commits      []string
	participants []object
	notes        []object
	approvedBy   []object // user and approved_at
	versions     []object // head_commit_sha and created_at, oldest first
}

// add adds a commit that came after the others.
func (h *glHistory) add(c object) {
	if h.byID == nil {
		h.byID = map[string]object{}
	}
	h.commits, h.byID[text(c["id"])] = append(h.commits, c), c
}

func (h *glHistory) commit(sha string) object { return h.byID[sha] }

// resolve finds what a name stands for: a branch, a tag, a commit, or the
// beginning of one.
func (h *glHistory) resolve(name string) object {
	for _, refs := range []map[string]string{h.branches, h.tags} {
		if sha, ok := refs[strings.TrimPrefix(strings.TrimPrefix(name, "refs/heads/"), "refs/tags/")]; ok {
			return h.commit(sha)
		}
	}
	if len(name) < 7 {
		return nil
	}
	var hit object
	for _, c := range h.commits {
		if !strings.HasPrefix(text(c["id"]), name) {
			continue
		}
		if hit != nil {
			return nil
		}
		hit = c
	}
	return hit
}

// ancestors returns a commit and all that it came from.
func (h *glHistory) ancestors(sha string) map[string]bool {
	seen := map[string]bool{}
	next := []string{sha}
	for len(next) > 0 {
		sha, next = next[len(next)-1], next[:len(next)-1]
		c := h.commit(sha)
		if c == nil || seen[sha] {
			continue
		}
		seen[sha] = true
		next = append(next, texts(c["parent_ids"])...)
	}
	return seen
}

// between returns the commits that to came from and from did not, newest
// first. A nil from came from nothing.
func (h *glHistory) between(from, to object) []object {
	in, out := h.ancestors(text(to["id"])), h.ancestors(text(from["id"]))
	all := []object{}
	for _, c := range slices.Backward(h.commits) {
		if sha := text(c["id"]); in[sha] && !out[sha] {
			all = append(all, c)
		}
	}
	return all
}

// texts returns a list of texts, whether the toy or a request made it.
func texts(v any) []string {
	if list, ok := v.([]string); ok {
		return list
	}
	var out []string
	list, _ := v.([]any)
	for _, e := range list {
		out = append(out, text(e))
	}
	return out
}

// compare answers the commits between two, oldest first, as there.
func (g *gitlab) compare(w http.ResponseWriter, r *http.Request, p *project) {
	q := r.URL.Query()
	from, to := p.history.resolve(q.Get("from")), p.history.resolve(q.Get("to"))
	switch {
	case q.Get("from") == "" || q.Get("to") == "":
		writeJSON(w, http.StatusBadRequest, object{"error": "from is missing, to is missing"})
	case from == nil || to == nil:
		found(w, nil, "Ref")
	default:
		commits := p.history.between(from, to)
		slices.Reverse(commits)
		writeJSON(w, http.StatusOK, compareShape(p.path, q.Get("from"), q.Get("to"), commits))
	}
}

// mergeBase answers the newest commit that all of the refs came from.
func (g *gitlab) mergeBase(w http.ResponseWriter, r *http.Request, p *project) {
	refs := r.URL.Query()["refs[]"]
	counts := map[string]int{}
	for _, ref := range refs {
		for sha := range p.history.ancestors(text(p.history.resolve(ref)["id"])) {
			counts[sha]++
		}
	}
	for _, c := range slices.Backward(p.history.commits) {
		if len(refs) > 1 && counts[text(c["id"])] == len(refs) {
			writeJSON(w, http.StatusOK, c)
			return
		}
	}
	found(w, nil, "Merge Base")
}

// listCommits answers what a ref came from, or what lies between two of them
// when it is named A..B.
func (g *gitlab) listCommits(w http.ResponseWriter, r *http.Request, p *project) {
	q := r.URL.Query()
	first, last, ranged := strings.Cut(cmp.Or(q.Get("ref_name"), "main"), "..")
	if !ranged {
		first, last = "", first
	}
	from, to := p.history.resolve(first), p.history.resolve(last)
	if to == nil || ranged && from == nil {
		found(w, nil, "Commit")
		return
	}
	all := slices.DeleteFunc(p.history.between(from, to), func(c object) bool {
		return !within(c["committed_date"], q.Get("since"), q.Get("until"))
	})
	if path := q.Get("path"); path != "" { // of commits that are said to have files, those that have this one
		all = slices.DeleteFunc(all, func(c object) bool { return p.files[commitFile{fmt.Sprint(c["id"]), path}] == "" })
	}
	writeJSON(w, http.StatusOK, g.page(w, r, all))
}

func (g *gitlab) getCommit(w http.ResponseWriter, r *http.Request, p *project) {
	found(w, p.history.resolve(r.PathValue("sha")), "Commit")
}

// getSignature answers the signature of a commit, if it has one.
func (g *gitlab) getSignature(w http.ResponseWriter, r *http.Request, p *project) {
	c := p.history.resolve(r.PathValue("sha"))
	status := p.history.signed[text(c["id"])]
	if c == nil || status == "" {
		found(w, nil, "Signature")
		return
	}
	writeJSON(w, http.StatusOK, object{"signature_type": "SSH", "verification_status": status, "key": nil, "commit_source": "gitaly"})
}

// getApprovals answers who approves a request.
func (g *gitlab) getApprovals(w http.ResponseWriter, r *http.Request, p *project) {
	mr, ok := p.request(w, r)
	if !ok {
		return
	}
	all := []object{}
	for _, a := range mr.approvedBy {
		u, err := g.user(a["user"])
		if err != nil {
			gitLabError(w, http.StatusInternalServerError, err.Error())
			return
		}
		x := object{"user": u}
		if a["approved_at"] != nil { // an older instance does not say it
			x["approved_at"] = a["approved_at"]
		}
		all = append(all, x)
	}
	writeJSON(w, http.StatusOK, object{"id": mr.shape["id"], "iid": mr.shape["iid"], "project_id": p.id, "title": mr.shape["title"], "state": mr.shape["state"],
		"approvals_required": 0, "approvals_left": 0, "approved": len(all) > 0, "approved_by": all, "user_has_approved": false, "user_can_approve": false})
}

// listVersions answers what a request was after each push, newest first.
func (g *gitlab) listVersions(w http.ResponseWriter, r *http.Request, p *project) {
	mr, ok := p.request(w, r)
	if !ok {
		return
	}
	all := []object{}
	for i, v := range slices.Backward(mr.versions) {
		all = append(all, object{"id": i + 1, "head_commit_sha": v["head_commit_sha"], "base_commit_sha": nil, "start_commit_sha": nil,
			"created_at": v["created_at"], "merge_request_id": mr.shape["id"], "state": "collected", "real_size": "1", "patch_id_sha": nil})
	}
	writeJSON(w, http.StatusOK, g.page(w, r, all))
}

func (g *gitlab) listCommitRefs(w http.ResponseWriter, r *http.Request, p *project) {
	c := p.history.resolve(r.PathValue("sha"))
	if c == nil {
		found(w, nil, "Commit")
		return
	}
	all := []object{}
	for kind, refs := range map[string]map[string]string{"branch": p.history.branches, "tag": p.history.tags} {
		if asked := cmp.Or(r.URL.Query().Get("type"), "all"); asked != "all" && asked != kind {
			continue
		}
		for name, sha := range refs {
			if p.history.ancestors(sha)[text(c["id"])] {
				all = append(all, object{"type": kind, "name": name})
			}
		}
	}
	slices.SortFunc(all, func(a, b object) int {
		return strings.Compare(text(a["type"])+text(a["name"]), text(b["type"])+text(b["name"]))
	})
	writeJSON(w, http.StatusOK, g.page(w, r, all))
}

func (g *gitlab) getBranch(w http.ResponseWriter, r *http.Request, p *project) {
	name := r.PathValue("name")
	c := p.history.commit(p.history.branches[name])
	if c == nil {
		found(w, nil, "Branch")
		return
	}
	writeJSON(w, http.StatusOK, branchShape(p, name, c))
}

// listCommitMergeRequests answers the requests that brought a commit: as one
// of theirs, as what they were squashed into, or as the merge itself.
func (g *gitlab) listCommitMergeRequests(w http.ResponseWriter, r *http.Request, p *project) {
	c := p.history.resolve(r.PathValue("sha"))
	if c == nil {
		found(w, nil, "Commit")
		return
	}
	sha := text(c["id"])
	all := []object{}
	for _, mr := range p.history.requests {
		if slices.Contains(mr.commits, sha) || mr.shape["merge_commit_sha"] == sha || mr.shape["squash_commit_sha"] == sha {
			all = append(all, mr.shape)
		}
	}
	writeJSON(w, http.StatusOK, g.page(w, r, all))
}

// list returns the merge requests that fit a query, newest first.
func (h *glHistory) list(q url.Values) []object {
	all := []object{}
	for _, mr := range h.requests {
		state := cmp.Or(q.Get("state"), "all")
		switch {
		case state != "all" && state != mr.shape["state"]:
		case q.Has("target_branch") && q.Get("target_branch") != mr.shape["target_branch"]:
		case q.Has("source_branch") && q.Get("source_branch") != mr.shape["source_branch"]:
		case !within(mr.shape["updated_at"], q.Get("updated_after"), q.Get("updated_before")):
		case !within(mr.shape["created_at"], q.Get("created_after"), q.Get("created_before")):
		default:
			all = append(all, mr.shape)
		}
	}
	order(all, cmp.Or(q.Get("order_by"), "created_at"), cmp.Or(q.Get("sort"), "desc"))
	return all
}

func (g *gitlab) listMergeRequests(w http.ResponseWriter, r *http.Request, p *project) {
	writeJSON(w, http.StatusOK, g.page(w, r, p.history.list(r.URL.Query())))
}

// request returns the merge request in the path, and answers if there is none.
func (p *project) request(w http.ResponseWriter, r *http.Request) (glRequest, bool) {
	i := slices.IndexFunc(p.history.requests, func(mr glRequest) bool { return number(mr.shape["iid"]) == pathID(r, "iid") })
	if i < 0 {
		found(w, nil, "Merge Request")
		return glRequest{}, false
	}
	return p.history.requests[i], true
}

func (g *gitlab) getMergeRequest(w http.ResponseWriter, r *http.Request, p *project) {
	if mr, ok := p.request(w, r); ok {
		writeJSON(w, http.StatusOK, mr.shape)
	}
}

// listMergeRequestCommits answers commits newest first; those that a squash
// left behind are still known here.
func (g *gitlab) listMergeRequestCommits(w http.ResponseWriter, r *http.Request, p *project) {
	mr, ok := p.request(w, r)
	if !ok {
		return
	}
	all := []object{}
	for _, sha := range slices.Backward(mr.commits) {
		if c := p.history.commit(sha); c != nil {
			all = append(all, c)
		}
	}
	writeJSON(w, http.StatusOK, g.page(w, r, all))
}

// listNotes answers what was written under a request, by people and by GitLab
// itself, newest first.
func (g *gitlab) listNotes(w http.ResponseWriter, r *http.Request, p *project) {
	mr, ok := p.request(w, r)
	if !ok {
		return
	}
	all := []object{}
	for i, n := range slices.Backward(mr.notes) {
		author, err := g.user(n["author"])
		if err != nil {
			gitLabError(w, http.StatusInternalServerError, err.Error())
			return
		}
		all = append(all, object{
			"id": i + 1, "type": nil, "body": text(n["body"]), "author": author, "created_at": cmp.Or(n["created_at"], any(made)), "updated_at": made, "system": n["system"] == true,
			"noteable_id": mr.shape["id"], "noteable_type": "MergeRequest", "noteable_iid": mr.shape["iid"], "project_id": p.id, "resolvable": false, //nolint:misspell // the names of the API
			"confidential": false, "internal": false, "imported": n["imported"] == true, "imported_from": "none", "commands_changes": object{},
		})
	}
	writeJSON(w, http.StatusOK, g.page(w, r, all))
}

func (g *gitlab) listParticipants(w http.ResponseWriter, r *http.Request, p *project) {
	if mr, ok := p.request(w, r); ok {
		writeJSON(w, http.StatusOK, g.page(w, r, mr.participants))
	}
}

// listEvents answers newest first. Its limits are days, and neither of them
// is itself within.
func (g *gitlab) listEvents(w http.ResponseWriter, r *http.Request, p *project) {
	q := r.URL.Query()
	all := []object{}
	for _, e := range p.history.events {
		day := moment(e["created_at"]).UTC().Truncate(24 * time.Hour)
		if strings.HasPrefix(text(e["action_name"]), q.Get("action")) && within(day, q.Get("after"), q.Get("before")) {
			all = append(all, e)
		}
	}
	order(all, "created_at", cmp.Or(q.Get("sort"), "desc"))
	writeJSON(w, http.StatusOK, g.page(w, r, all))
}
