package lab

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A deployment is newer the larger its time is, and then its id.
type deployment struct {
	shape    object
	created  string
	statuses []object // oldest first
}

func (g *github) deploymentRoutes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET R/deployments":               g.of(g.listDeployments),
		"GET R/deployments/{id}":          g.of(g.getDeployment),
		"GET R/deployments/{id}/statuses": g.of(g.listStatuses),
	}
}

func (g *github) listDeployments(w http.ResponseWriter, req *http.Request, r *repo) {
	found := []object{}
	for _, d := range slices.Backward(r.deployments) {
		if d.matches(req) {
			found = append(found, d.shape)
		}
	}
	writeJSON(w, http.StatusOK, g.page(w, req, found))
}

// matches applies the list's filters, for which "none" is none.
func (d *deployment) matches(req *http.Request) bool {
	for _, field := range []string{"sha", "ref", "task", "environment"} {
		want := req.URL.Query().Get(field)
		got, _ := d.shape[field].(string)
		if want != "" && want != "none" && got != want {
			return false
		}
	}
	return true
}

func (r *repo) deployment(id int64) *deployment {
	for _, d := range r.deployments {
		if idOf(d.shape) == id {
			return d
		}
	}
	return nil
}

func (g *github) getDeployment(w http.ResponseWriter, req *http.Request, r *repo) {
	d := r.deployment(pathID(req, "id"))
	if d == nil {
		gitHubNotFound(w)
		return
	}
	writeJSON(w, http.StatusOK, d.shape)
}

func (g *github) listStatuses(w http.ResponseWriter, req *http.Request, r *repo) {
	d := r.deployment(pathID(req, "id"))
	if d == nil {
		gitHubNotFound(w)
		return
	}
	newest := slices.Clone(d.statuses)
	slices.Reverse(newest)
	writeJSON(w, http.StatusOK, g.page(w, req, newest))
}

// putDeployments replaces the list. Deployments and statuses take the fields
// that the API shall return; a user is one as everywhere here.
func (g *github) putDeployments(r *repo, req *http.Request) error {
	var in []object
	if err := readJSON(req, &in); err != nil {
		return err
	}
	all := make([]*deployment, 0, len(in))
	for i, fields := range in {
		statuses := objects(fields["statuses"])
		delete(fields, "statuses")
		if fields["created_at"] == nil {
			fields["created_at"] = made.Add(time.Duration(i) * time.Minute).Format(time.RFC3339)
		}
		if err := g.readUser(fields, "creator"); err != nil {
			return err
		}
		d := g.newDeployment(r, fields)
		for _, s := range statuses {
			if err := g.readUser(s, "creator"); err != nil {
				return err
			}
			d.statuses = append(d.statuses, g.statusShape(r, d, s))
		}
		all = append(all, d)
	}
	slices.SortStableFunc(all, func(a, b *deployment) int {
		return cmp.Or(strings.Compare(a.created, b.created), cmp.Compare(idOf(a.shape), idOf(b.shape)))
	})
	r.deployments = all
	return nil
}

func (g *github) newDeployment(r *repo, fields object) *deployment {
	id := idOf(fields)
	if id == 0 {
		id = g.nextID()
	}
	api := g.api("/repos/%s/%s", r.owner, r.name)
	url := fmt.Sprintf("%s/deployments/%d", api, id)
	shape := with(object{
		"id": id, "node_id": nodeID("DE", r, id), "url": url, "statuses_url": url + "/statuses", "repository_url": api,
		"sha": commit, "ref": "main", "task": "deploy", "payload": object{}, "environment": "production", "description": nil,
		"creator": g.user(&alice), "created_at": made.Format(time.RFC3339), "transient_environment": false, "production_environment": false,
	}, fields)
	for field, same := range map[string]string{"original_environment": "environment", "updated_at": "created_at"} {
		if shape[field] == nil {
			shape[field] = shape[same]
		}
	}
	created, _ := shape["created_at"].(string)
	return &deployment{shape: g.contract.fill("deployment", shape), created: created, statuses: []object{}}
}

func (g *github) statusShape(r *repo, d *deployment, fields object) object {
	id := idOf(fields)
	if id == 0 {
		id = g.nextID()
	}
	url := d.shape["url"].(string)
	shape := with(object{
		"id": id, "node_id": "DES_" + strconv.FormatInt(id, 10), "url": fmt.Sprintf("%s/statuses/%d", url, id),
		"deployment_url": url, "repository_url": g.api("/repos/%s/%s", r.owner, r.name), "state": "success", "description": "",
		"environment": d.shape["environment"], "creator": d.shape["creator"], "created_at": d.shape["created_at"],
		"target_url": "https://github.com", "log_url": "https://github.com",
	}, fields)
	if shape["updated_at"] == nil {
		shape["updated_at"] = shape["created_at"]
	}
	return g.contract.fill("deployment-status", shape)
}
