package lab

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"
)

// putHistory replaces what a project's repository holds. Commits come oldest
// first.
func (g *gitlab) putHistory(p *project, r *http.Request) error {
	var s struct {
		Commits  []object          `json:"commits"`
		Branches map[string]string `json:"branches"`
		Tags     map[string]string `json:"tags"`
		Requests []object          `json:"merge_requests"`
		Events   []object          `json:"events"`
	}
	if err := readJSON(r, &s); err != nil {
		return err
	}
	h := &glHistory{branches: s.Branches, tags: s.Tags, signed: map[string]string{}}
	for _, given := range s.Commits {
		if status := text(given["signature"]); status != "" {
			h.signed[text(given["id"])] = status
		}
		delete(given, "signature")
		c, err := commitFrom(p.path, given)
		if err != nil {
			return err
		}
		h.add(c)
	}
	for _, refs := range []map[string]string{s.Branches, s.Tags} {
		for name, sha := range refs {
			if h.commit(sha) == nil {
				return fmt.Errorf("ref %q is at %q, want a commit that is given", name, sha)
			}
		}
	}
	merged := made.Format(time.RFC3339) // after all that was pushed, unless a request says when
	for _, e := range s.Events {
		merged = max(merged, text(e["created_at"]))
	}
	for _, given := range s.Requests {
		mr, err := g.requestFrom(p, given, merged)
		if err != nil {
			return err
		}
		h.requests = append(h.requests, mr)
	}
	for _, given := range s.Events {
		e, err := g.eventFrom(p, h, given)
		if err != nil {
			return err
		}
		h.events = append(h.events, e)
	}
	p.history = h
	return nil
}

func commitFrom(full string, given object) (object, error) {
	id := text(given["id"])
	if len(id) < 7 {
		return nil, fmt.Errorf("commit %q, want an id of seven letters or more", id)
	}
	c := commitShape(full, id)
	if message := text(given["message"]); message != "" {
		c["title"], _, _ = strings.Cut(message, "\n")
	} else if title := text(given["title"]); title != "" {
		c["message"] = title
	}
	if date, ok := given["committed_date"]; ok {
		c["authored_date"], c["created_at"] = date, date
	}
	return over(c, given)
}

// requestFrom makes a merge request, which is merged if anything of a merge
// is given.
func (g *gitlab) requestFrom(p *project, given object, merged string) (glRequest, error) {
	var mr glRequest
	fields := maps.Clone(given)
	delete(fields, "commits")
	delete(fields, "participants")
	mr.commits = texts(given["commits"])
	mr.notes = objects(given["notes"])
	delete(fields, "notes")
	mr.approvedBy, mr.versions = objects(given["approved_by"]), objects(given["versions"])
	delete(fields, "approved_by")
	delete(fields, "versions")
	mr.shape = mergeRequestShape(g.nextID(), number(given["iid"]), p)
	if len(mr.commits) > 0 {
		mr.shape["sha"] = mr.commits[len(mr.commits)-1]
	}
	for _, name := range []string{"author", "merge_user", "merged_by"} {
		if fields[name] == nil {
			continue
		}
		u, err := g.user(fields[name])
		if err != nil {
			return mr, err
		}
		fields[name] = u
		mr.participants = append(mr.participants, u)
	}
	if given["merged_at"] != nil || given["merge_user"] != nil || given["merge_commit_sha"] != nil {
		at := cmp.Or(text(given["merged_at"]), merged)
		mr.shape["state"], mr.shape["merged_at"], mr.shape["updated_at"] = "merged", at, at
		mr.shape["merged_by"] = fields["merge_user"]
	}
	for _, v := range objects(given["participants"]) {
		u, err := g.user(v)
		if err != nil {
			return mr, err
		}
		mr.participants = append(mr.participants, u)
	}
	mr.participants = highest(mr.participants)
	var err error
	mr.shape, err = over(mr.shape, fields)
	if len(mr.versions) == 0 {
		mr.versions = []object{{"head_commit_sha": mr.shape["sha"], "created_at": mr.shape["created_at"]}}
	}
	return mr, err
}

func (g *gitlab) eventFrom(p *project, h *glHistory, given object) (object, error) {
	author, err := g.user(given["author"])
	if err != nil {
		return nil, err
	}
	data, _ := given["push_data"].(object)
	c := orElse(h.commit(text(data["commit_to"])), object{"id": nil, "title": nil})
	push, err := over(pushShape(c), data)
	if err != nil {
		return nil, err
	}
	fields := maps.Clone(given)
	delete(fields, "author")
	delete(fields, "push_data")
	return over(eventShape(g.nextID(), p.id, author, push), fields)
}
