package lab

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxTogether is how many requests with their commits one query may ask for, in
// the place of the complexity that GitLab counts.
const maxTogether = 10

// graphQL answers POST /api/graphql to a person, who is not a job: a job's token is
// not taken there (https://docs.gitlab.com/ci/jobs/ci_job_token/).
func (g *gitlab) graphQL(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.visitor(r).as != asPerson {
		writeJSON(w, http.StatusUnauthorized, object{"errors": []object{{"message": "Invalid token"}}})
		return
	}
	g.graph.serve(w, r, object{"users": resolver(g.userNodes), "project": resolver(g.projectNode)})
}

// refusedByGitLab is a query that is not valid.
func refusedByGitLab(reason string) object {
	return object{"message": reason, "extensions": object{"code": "undefinedField"}}
}

func gid(kind string, id any) string { return fmt.Sprintf("gid://gitlab/%s/%v", kind, id) }

// userNodes answers those of these numbers or names that there are, the newest
// first.
func (g *gitlab) userNodes(args map[string]any) (any, error) {
	if args["ids"] == nil && args["usernames"] == nil {
		return nil, errors.New("the toy answers users by ids or usernames only")
	}
	all := []object{}
	for _, id := range slices.Backward(sortedIDs(g.users)) {
		u := g.users[id]
		if args["ids"] != nil && slices.Contains(listed(args["ids"]), gid("User", id)) || args["usernames"] != nil && slices.Contains(listed(args["usernames"]), text(u["username"])) {
			all = append(all, g.userNode(u))
		}
	}
	return connection(all, maxNodes)(args)
}

var standIns = map[string]*regexp.Regexp{
	"GHOST": regexp.MustCompile(`^ghost\d*$`), "PLACEHOLDER": regexp.MustCompile(`_placeholder_user_\d+$`), "IMPORT_USER": regexp.MustCompile(`^import_user_namespace_\d+$`),
}

// userNode says what kind of user one is: as a test says, or else by the name
// that GitLab gives to those that stand in for others.
func (g *gitlab) userNode(u object) object {
	kind := text(u["type"])
	for k, name := range standIns {
		if kind == "" && name.MatchString(text(u["username"])) {
			kind = k
		}
	}
	switch {
	case kind != "":
	case u["bot"] == true:
		kind = "PROJECT_BOT"
	default:
		kind = "HUMAN"
	}
	return object{"__typename": "UserCore", "id": gid("User", u["id"]), "username": u["username"], "state": u["state"], "bot": u["bot"] == true, "human": kind == "HUMAN", "type": kind}
}

func (g *gitlab) projectNode(args map[string]any) (any, error) {
	for _, p := range g.projects {
		if strings.EqualFold(p.path, text(args["fullPath"])) {
			return object{"__typename": "Project", "id": gid("Project", p.id), "fullPath": p.path, "mergeRequests": resolver(func(args map[string]any) (any, error) { return g.requestNodes(p, args) })}, nil
		}
	}
	return nil, nil
}

func (g *gitlab) requestNodes(p *project, args map[string]any) (any, error) {
	if args["iids"] == nil {
		return nil, errors.New("the toy answers merge requests by iids only")
	}
	if n := len(listed(args["iids"])); n > maxTogether {
		return nil, fmt.Errorf("Query has complexity of %d, which exceeds max complexity of 250", 26*n) //nolint:staticcheck // as GitLab writes it
	}
	all := []object{}
	for _, mr := range slices.Backward(p.history.requests) {
		if slices.Contains(listed(args["iids"]), strconv.FormatInt(number(mr.shape["iid"]), 10)) {
			all = append(all, g.requestNode(p, mr))
		}
	}
	return connection(all, maxNodes)(args)
}

func (g *gitlab) requestNode(p *project, mr glRequest) object {
	all, plain := []object{}, []object{}
	for _, sha := range slices.Backward(mr.commits) {
		c := p.history.commit(sha)
		if c == nil {
			continue
		}
		node := object{"__typename": "Commit", "sha": c["id"], "message": c["message"], "authorName": c["author_name"], "authorEmail": c["author_email"],
			"committerName": c["committer_name"], "committerEmail": c["committer_email"], "committedDate": c["committed_date"]}
		all = append(all, node)
		if len(texts(c["parent_ids"])) < 2 {
			plain = append(plain, node)
		}
	}
	// Where a request parts from its target: below its first commit.
	refs := object{"baseSha": nil, "headSha": mr.shape["sha"], "startSha": mr.shape["sha"]}
	if len(mr.commits) > 0 {
		if below := texts(p.history.commit(mr.commits[0])["parent_ids"]); len(below) > 0 {
			refs["baseSha"] = below[0]
		}
	}
	notes := []object{}
	for i, n := range slices.Backward(mr.notes) {
		if _, err := g.user(n["author"]); err != nil {
			continue // as of somebody who is gone without a trace
		}
		var metadata object
		if n["system"] == true {
			action := text(n["action"])
			if action == "" && strings.HasPrefix(text(n["body"]), "added ") {
				action = "commit"
			}
			metadata = object{"action": orNull(action)}
		}
		notes = append(notes, object{"__typename": "Note", "id": gid("Note", i+1), "body": text(n["body"]), "system": n["system"] == true, "imported": n["imported"] == true,
			"systemNoteMetadata": metadata, "author": g.userNode(g.users[idIn(n["author"])])})
	}
	return object{
		"__typename": "MergeRequest", "id": gid("MergeRequest", mr.shape["id"]), "iid": strconv.FormatInt(number(mr.shape["iid"]), 10), "diffHeadSha": mr.shape["sha"], "diffRefs": refs,
		"commits": connection(all, maxNodes), "commitsWithoutMergeCommits": connection(plain, maxNodes), "notes": connection(notes, maxNodes),
	}
}
