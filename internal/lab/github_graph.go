package lab

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// graphQL answers POST /graphql, over what the REST shapes are made of. All
// errors come with status 200, as there.
func (g *github) graphQL(w http.ResponseWriter, req *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.graph.serve(w, req, object{"nodes": resolver(g.nodesFor(principalOf(req.Context())))})
}

// refusedByGitHub is a query that is not valid.
func refusedByGitHub(reason string) object {
	return object{"message": reason, "extensions": object{"code": "undefinedField"}}
}

// nodesFor is nodes for a principal.
func (g *github) nodesFor(who principal) func(map[string]any) (any, error) {
	return func(args map[string]any) (any, error) { return g.nodes(who, args) }
}

// nodes answers each id with its node, or with null and an error. What a principal may not see is not
// there.
func (g *github) nodes(who principal, args map[string]any) (any, error) {
	ids := listed(args["ids"])
	if len(ids) > maxNodes {
		return nil, graphError{fmt.Sprintf("You may not provide more than %d node ids; you provided %d.", maxNodes, len(ids)), object{"type": "ARGUMENT_LIMIT"}}
	}
	var missing error
	out := []object{}
	for _, id := range ids {
		n := g.node(who, id)
		if n == nil {
			missing = graphError{fmt.Sprintf("Could not resolve to a node with the global id of '%s'.", id), object{"type": "NOT_FOUND"}}
		}
		out = append(out, n)
	}
	return out, missing
}

// nodeID is how GraphQL calls a thing of a repository, and how the REST shapes
// name it.
func nodeID(kind string, r *repo, name any) string { return fmt.Sprintf("%s_%d_%v", kind, r.id, name) }

func (g *github) node(who principal, id string) object {
	part := strings.SplitN(id, "_", 3)
	if len(part) != 3 {
		return nil
	}
	for _, r := range g.repos {
		if strconv.FormatInt(r.id, 10) != part[1] {
			continue
		}
		n, _ := strconv.ParseInt(part[2], 10, 64) // of a commit it is none, and not looked at
		switch p, d := r.pull(n), r.deployment(n); {
		case part[0] == "C" && who.sees(r, "contents") && r.history.bySHA[part[2]] != nil:
			return g.commitNode(r, r.history.bySHA[part[2]])
		case part[0] == "PR" && who.sees(r, "pull_requests") && p != nil:
			return g.pullNode(r, *p)
		case part[0] == "DE" && who.sees(r, "deployments") && d != nil:
			return g.deploymentNode(d)
		}
	}
	return nil
}

// actor is an account as GraphQL shows it: bots without the end of their login,
// and somebody who never had an account here as a mannequin.
func (g *github) actor(p *person) object {
	if p == nil || p.ID == 0 {
		return nil
	}
	o := object{"__typename": cmp.Or(p.Type, "User"), "id": "U_" + p.Login, "login": p.Login, "databaseId": p.ID}
	if p.Type == "Bot" {
		o["login"] = strings.TrimSuffix(p.Login, "[bot]")
	}
	return o
}

// gitActor is what a commit says of a person. Its user is a user: a bot is null.
func (g *github) gitActor(p *person) object {
	if p == nil {
		return nil
	}
	s, _ := p.signature("").(object)
	o := object{"name": s["name"], "email": s["email"], "user": nil}
	if p.ID != 0 && cmp.Or(p.Type, "User") == "User" {
		o["user"] = g.actor(p)
	}
	return o
}

func (g *github) commitNode(r *repo, c *gitCommit) object {
	verified, _ := c.Verification["verified"].(bool)
	var signature object
	if c.Verification != nil {
		signature = object{"__typename": "GpgSignature", "isValid": verified, "wasSignedByGitHub": verified && c.Committer != nil && c.Committer.ID == webFlow.ID}
	}
	return object{
		"__typename": "Commit", "id": nodeID("C", r, c.SHA), "oid": c.SHA, "message": c.Message, "committedDate": c.Date, "signature": signature,
		"author": g.gitActor(c.Author), "committer": g.gitActor(c.Committer), "authors": connection(g.authors(c), 0),
		"parents": resolver(func(args map[string]any) (any, error) {
			all := []object{}
			for _, p := range c.Parents {
				all = append(all, g.commitNode(r, r.history.bySHA[p]))
			}
			return connection(all, 0)(args)
		}),
		"associatedPullRequests": resolver(func(args map[string]any) (any, error) {
			all := []object{}
			for _, p := range r.pullsOf(c) {
				all = append(all, g.pullNode(r, p))
			}
			return connection(all, 0)(args)
		}),
	}
}

var (
	coAuthor   = regexp.MustCompile(`(?im)^co-authored-by: *(.*?) *<([^<>]+)>\s*$`)
	withNumber = regexp.MustCompile(`^(\d+)\+[^@]*@users\.noreply\.github\.com$`)
)

// authors are a commit's author and its co-authors, each with the account that
// the platform finds behind the address.
func (g *github) authors(c *gitCommit) []object {
	all := []object{}
	if a := g.gitActor(c.Author); a != nil {
		all = append(all, a)
	}
	for _, m := range coAuthor.FindAllStringSubmatch(c.Message, -1) {
		a := object{"name": m[1], "email": m[2], "user": nil}
		if p := g.people.byEmail(m[2]); p != nil && cmp.Or(p.Type, "User") == "User" {
			a["user"] = g.actor(p)
		}
		all = append(all, a)
	}
	return all
}

// byEmail finds the account of an address, also of one that only its owner and
// the platform know.
func (p *people) byEmail(email string) *person {
	email = strings.ToLower(email)
	if m := withNumber.FindStringSubmatch(email); m != nil {
		n, _ := strconv.ParseInt(m[1], 10, 64) // no account has 0
		return p.byID(n)
	}
	for i := range p.users {
		if u := &p.users[i]; u.Email != "" && strings.ToLower(u.Email) == email {
			return u
		}
	}
	return nil
}

func (g *github) pullNode(r *repo, p pull) object {
	shape := g.pullShape(r, p)
	var merge object
	if c := r.history.bySHA[p.MergeCommitSHA]; c != nil && p.MergedAt != "" {
		merge = object{"__typename": "Commit", "oid": c.SHA, "id": nodeID("C", r, c.SHA)}
	}
	commits := []object{}
	for _, sha := range p.Commits {
		c := r.history.bySHA[sha]
		commits = append(commits, object{"id": "PRC_" + sha, "commit": object{}, "sha": c.SHA})
	}
	head, base := shape["head"].(object)["repo"].(object), shape["base"].(object)["repo"].(object)
	return object{
		"__typename": "PullRequest", "id": shape["node_id"], "number": p.Number, "title": shape["title"], "url": shape["html_url"],
		"author": g.actor(p.User), "mergedBy": g.actor(p.MergedBy), "merged": p.MergedAt != "", "mergedAt": shape["merged_at"], "createdAt": p.CreatedAt,
		"mergeCommit": merge, "baseRefName": p.Base, "headRefName": p.Head.Ref, "headRefOid": p.Head.SHA, "isCrossRepository": p.Head.Fork,
		"baseRepository": g.repoNode(base), "headRepository": g.repoNode(head),
		"commits": resolver(func(args map[string]any) (any, error) {
			v, err := connection(commits, 0)(args)
			if o, ok := v.(object); ok {
				for _, c := range o["nodes"].([]object) {
					c["commit"] = g.commitNode(r, r.history.bySHA[text(c["sha"])])
				}
			}
			return v, err
		}),
		"reviews": resolver(func(args map[string]any) (any, error) {
			return connection(g.reviewNodes(r, p, args["states"]), 0)(args)
		}),
		"timelineItems": resolver(func(args map[string]any) (any, error) {
			return connection(g.timelineNodes(r, p, args["itemTypes"]), 0)(args)
		}),
	}
}

// repoNode is a repository whose shape in REST is given.
func (g *github) repoNode(shape object) object {
	by, id := shape["owner"].(object), idOf(shape)
	owner := text(by["login"])
	return object{"__typename": "Repository", "id": "R_" + strconv.FormatInt(id, 10), "databaseId": id,
		"nameWithOwner": shape["full_name"],
		"owner": object{"__typename": cmp.Or(g.accountType(owner), "Organization"), "id": "U_" + owner, "login": owner,
			"databaseId": idOf(by)}}
}

// timelineTypes are the types of what happens to a request, by REST's name, and
// the field that says for whom it happened.
var timelineTypes = map[string][2]string{
	"added_to_merge_queue": {"AddedToMergeQueueEvent", "enqueuer"}, "auto_merge_enabled": {"AutoMergeEnabledEvent", "enabler"},
	"auto_rebase_enabled": {"AutoRebaseEnabledEvent", "enabler"}, "auto_squash_enabled": {"AutoSquashEnabledEvent", "enabler"},
	"head_ref_force_pushed": {"HeadRefForcePushedEvent", ""},
	"base_ref_changed":      {"BaseRefChangedEvent", ""}, "automatic_base_change_succeeded": {"AutomaticBaseChangeSucceededEvent", ""},
}

func (g *github) timelineNodes(r *repo, p pull, types any) []object {
	out := []object{}
	for i, e := range r.eventsOf(p) {
		name, known := timelineTypes[e.Event]
		if !known || types != nil && !slices.Contains(listed(types), strings.ToUpper(e.Event)+"_EVENT") {
			continue
		}
		o := object{"__typename": name[0], "id": fmt.Sprintf("EV_%d_%d", p.Number, i+1), "actor": g.actor(e.Actor), "createdAt": cmp.Or(e.At, p.UpdatedAt)}
		if name[1] != "" {
			o[name[1]] = nil
			if e.Actor != nil && cmp.Or(e.Actor.Type, "User") == "User" {
				o[name[1]] = g.actor(e.Actor)
			}
		}
		out = append(out, o)
	}
	return out
}

func (g *github) deploymentNode(d *deployment) object {
	var statuses []object
	for _, s := range slices.Backward(d.statuses) {
		statuses = append(statuses, object{"__typename": "DeploymentStatus", "id": s["node_id"], "state": strings.ToUpper(text(s["state"])),
			"logUrl": orNull(text(s["log_url"])), "createdAt": s["created_at"], "creator": g.shownActor(s["creator"])})
	}
	var latest object
	if len(statuses) > 0 {
		latest = statuses[0]
	}
	return object{
		"__typename": "Deployment", "id": d.shape["node_id"], "databaseId": idOf(d.shape), "commitOid": d.shape["sha"], "createdAt": d.created,
		"creator": g.shownActor(d.shape["creator"]), "environment": d.shape["environment"], "task": d.shape["task"],
		"latestStatus": latest, "statuses": connection(statuses, 0),
	}
}

// shownActor is the actor of an account as REST shows it.
func (g *github) shownActor(v any) object {
	o, _ := v.(object)
	if o == nil {
		return g.actor(&ghost)
	}
	return g.actor(&person{Login: text(o["login"]), ID: idOf(o), Type: text(o["type"])})
}
