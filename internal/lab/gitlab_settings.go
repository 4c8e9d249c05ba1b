package lab

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// settable are the settings that matter here, each with what it may be.
var settable = map[string][]any{
	"allow_pipeline_trigger_approve_deployment":   {true, false},
	"restrict_user_defined_variables":             {true, false},
	"ci_pipeline_variables_minimum_override_role": {"no_one_allowed", "owner", "maintainer", "developer"},
}

// editProject changes settings.
func (g *gitlab) editProject(w http.ResponseWriter, r *http.Request, p *project) {
	given, err := parameters(r)
	if err != nil {
		gitLabError(w, http.StatusBadRequest, err.Error())
		return
	}
	for name, v := range given {
		if !slices.Contains(settable[name], v) {
			writeJSON(w, http.StatusBadRequest, object{"error": name + " does not have a valid value"})
			return
		}
	}
	if len(given) == 0 {
		writeJSON(w, http.StatusBadRequest, object{"error": "allow_pipeline_trigger_approve_deployment is missing, at least one parameter must be provided"})
		return
	}
	maps.Copy(p.shape, given)
	writeJSON(w, http.StatusOK, p.shape)
}

func (g *gitlab) listProtectedBranches(w http.ResponseWriter, r *http.Request, p *project) {
	writeJSON(w, http.StatusOK, g.page(w, r, p.branches))
}

func (g *gitlab) getProtectedBranch(w http.ResponseWriter, r *http.Request, p *project) {
	found(w, named(p.branches, r.PathValue("name")), "")
}

func (g *gitlab) listProtectedTags(w http.ResponseWriter, r *http.Request, p *project) {
	writeJSON(w, http.StatusOK, g.page(w, r, p.tags))
}

func (g *gitlab) getProtectedTag(w http.ResponseWriter, r *http.Request, p *project) {
	found(w, named(p.tags, r.PathValue("name")), "")
}

func (g *gitlab) listVariables(w http.ResponseWriter, r *http.Request, p *project) {
	writeJSON(w, http.StatusOK, g.page(w, r, p.variables))
}

func (g *gitlab) getLint(w http.ResponseWriter, _ *http.Request, p *project) {
	writeJSON(w, http.StatusOK, p.lint)
}

func (g *gitlab) getProjectJob(w http.ResponseWriter, r *http.Request, p *project) {
	found(w, p.jobs[pathID(r, "job")], "")
}

func (g *gitlab) getPipeline(w http.ResponseWriter, r *http.Request, p *project) {
	found(w, p.pipelines[pathID(r, "pipeline")], "")
}

// retryPipeline starts the failed jobs of a pipeline again.
func (g *gitlab) retryPipeline(w http.ResponseWriter, r *http.Request, p *project) {
	pipeline := p.pipelines[pathID(r, "pipeline")]
	if pipeline == nil {
		found(w, nil, "")
		return
	}
	pipeline["status"] = "running"
	writeJSON(w, http.StatusCreated, pipeline)
}

// listJobs answers a pipeline's jobs, newest first, of the states that the
// query names; jobs that were run again are left out unless asked for.
func (g *gitlab) listJobs(w http.ResponseWriter, r *http.Request, p *project) {
	id, q := pathID(r, "pipeline"), r.URL.Query()
	if p.pipelines[id] == nil {
		found(w, nil, "")
		return
	}
	all := []object{}
	for _, job := range slices.Backward(sortedIDs(p.jobs)) {
		j := p.jobs[job]
		switch {
		case idIn(j["pipeline"]) != id:
		case len(q["scope[]"]) > 0 && !slices.Contains(q["scope[]"], text(j["status"])):
		case q.Get("include_retried") != "true" && p.retried(j):
		default:
			all = append(all, j)
		}
	}
	writeJSON(w, http.StatusOK, g.page(w, r, all))
}

// retried reports whether a later job of the same name is in the pipeline.
func (p *project) retried(j object) bool {
	for id, other := range p.jobs {
		if id > number(j["id"]) && other["name"] == j["name"] && idIn(other["pipeline"]) == idIn(j["pipeline"]) {
			return true
		}
	}
	return false
}

func (g *gitlab) listBridges(w http.ResponseWriter, r *http.Request, p *project) {
	id := pathID(r, "pipeline")
	if p.pipelines[id] == nil {
		found(w, nil, "")
		return
	}
	writeJSON(w, http.StatusOK, g.page(w, r, p.bridges[id]))
}

// listPipelineVariables answers what a pipeline was started with. It has no
// pages.
func (g *gitlab) listPipelineVariables(w http.ResponseWriter, r *http.Request, p *project) {
	id := pathID(r, "pipeline")
	if p.pipelines[id] == nil {
		found(w, nil, "")
		return
	}
	all := []object{}
	for _, v := range p.given[id] {
		all = append(all, with(object{"variable_type": "env_var", "value": "", "raw": false}, v))
	}
	writeJSON(w, http.StatusOK, all)
}

// protects reports whether a list of protected names has one, by itself or by
// a pattern with stars.
func protects(all []object, name string) bool {
	return slices.ContainsFunc(all, func(o object) bool { return matches(text(o["name"]), name) })
}

func matches(pattern, name string) bool {
	before, after, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	if !strings.HasPrefix(name, before) {
		return false
	}
	for rest := name[len(before):]; ; rest = rest[1:] {
		if matches(after, rest) {
			return true
		}
		if rest == "" {
			return false
		}
	}
}

// sortedIDs returns the keys of a map in their order.
func sortedIDs[V any](m map[int64]V) []int64 {
	ids := make([]int64, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, cmp.Compare[int64])
	return ids
}
