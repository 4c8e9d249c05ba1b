package pipelines

import (
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// A Release is a job that signed: what the pipeline's configuration was, as the platform
// puts it together, and what the platform says of its jobs.
type Release struct {
	Merged  []byte
	Job     string            // the job that signed, as the configuration calls it
	Project string            // path of the project, which says whose an image is
	Runners map[string]string // by job: what it ran on, where that may keep its disk
	// Moving are included files that can be others now than when the pipeline ran.
	Moving []string
}

// A Ran is what a configuration says of the job that signed, and of all that it waits for.
type Ran struct {
	Jobs []RanJob
	// Unread says why the configuration cannot be judged; "": it can.
	Unread string
}

// A RanJob is one job.
type RanJob struct {
	Name    string
	Signs   bool
	Caches  []RanCache
	Unknown []string // files that may bring anything
	Code    []string // what runs, or may run, the project's code, in words
	Runner  string   // what it ran on, where that may keep its disk
}

// A RanCache is what has a job restore a cache.
type RanCache struct {
	What      string
	Off       string // what switches it off, as an imperative
	Elsewhere bool   // it is not the platform's
}

// Ran reads the configuration of a pipeline that signed.
func (r Release) Ran() (out Ran, err error) {
	defer fault.Recover(&err, "reading a pipeline")
	d, err := read("merged pipeline", r.Merged)
	if err != nil {
		return Ran{Unread: fault.Text("the configuration cannot be judged: %v", err)}, nil
	}
	left := 0
	p := &pipeline{doc: d, want: Want{Merged: true}, left: &left}
	p.load()
	signs := p.named[r.Job]
	switch {
	case p.failed != nil || d.Spent() || len(d.Twice) > 0:
		return Ran{Unread: "the configuration cannot be judged: it is too large, or a key stands twice in it"}, nil
	case signs == nil:
		return Ran{Unread: fault.Text(
			"the configuration has no job %q: it is of a pipeline below, or the configuration has changed", r.Job)}, nil
	}
	for i, j := range p.led(signs) {
		x := RanJob{Name: "job " + j.name, Runner: r.Runners[j.name], Caches: p.restored(j)}
		if i == 0 {
			x.Signs, x.Unknown, x.Code = true, r.Moving, p.foreign(j, r.Project)
		}
		out.Jobs = append(out.Jobs, x)
	}
	return out, nil
}

// led are a job and all that ends before it may begin, under each list of needs that it may have.
func (p *pipeline) led(j *job) []*job {
	out, in := []*job{j}, map[*job]bool{j: true}
	for i := 0; i < len(out); i++ {
		for _, needs := range out[i].needs() {
			for _, k := range p.waited(out[i], needs) {
				if !in[k] {
					in[k] = true
					out = append(out, k)
				}
			}
		}
	}
	return out
}

// waited are the jobs that j waits for under a list of needs. A stage that is not known may be any.
func (p *pipeline) waited(j *job, needs []need) []*job {
	var out []*job
	for _, n := range needs {
		if k := p.named[n.job]; k != nil && n.elsewhere == "" {
			out = append(out, k)
		}
	}
	if needs == nil {
		s := p.stage(j)
		out = slices.DeleteFunc(slices.Clone(p.jobs), func(k *job) bool { return s >= 0 && p.stage(k) >= s })
	}
	return out
}

// restored are the caches that a job restores (docs.gitlab.com, "CI/CD YAML syntax reference", cache).
func (p *pipeline) restored(j *job) []RanCache {
	var out []RanCache
	cache := j.table.Get("cache")
	if cache == nil {
		cache = j.defaults.Get("cache")
	}
	for _, c := range cache.Flat() {
		if c.Kind == yamlnode.Map && (len(c.Fields) == 0 || c.Get("policy").Str() == "push") {
			continue
		}
		out = append(out, RanCache{What: "it has a cache: " + show(c),
			Off: "write cache: [] for the job, or policy: push for each of its caches"})
	}
	for _, needs := range j.needs() {
		for _, n := range needs {
			if n.elsewhere != "" && !n.blind {
				out = append(out, RanCache{What: "it takes files of " + n.elsewhere,
					Off: "build them in this pipeline", Elsewhere: true})
			}
		}
	}
	if strings.Contains(j.text, "cache-from") {
		out = append(out, RanCache{What: "its script imports a cache (cache-from)",
			Off: "leave it out", Elsewhere: true})
	}
	return out
}

// foreign tells of what in a job that signs is not our component's.
func (p *pipeline) foreign(j *job, project string) []string {
	var out []string
	if !j.genuine() {
		out = append(out, "its script is not that of a component of Sallyport")
	}
	for _, key := range []string{"before_script", "after_script", "hooks", "run"} {
		if v := j.get(key); v != nil && len(v.Flat()) > 0 {
			out = append(out, "it has "+key)
		}
	}
	if t := j.table.Get("variables"); t != nil && t.Kind == yamlnode.Map {
		for _, e := range t.Fields {
			if dangerous(e) {
				out = append(out, "its variable "+e.Name+" decides what runs")
			}
		}
	}
	for _, e := range p.variables(j) {
		if dangerous(e) {
			out = append(out, "the global variable "+e.Name+" decides what runs")
		}
	}
	image := j.get("image")
	name := image.Str()
	if image != nil && image.Kind == yamlnode.Map {
		name = image.Get("name").Str()
	}
	own := name == "" || strings.Contains(name, "$") || strings.Contains(strings.ToLower(name), strings.ToLower(project))
	if image != nil && own {
		out = append(out, "it runs in an image of the project: "+show(image))
	}
	for _, needs := range j.needs() {
		needs = slices.DeleteFunc(needs, func(n need) bool { return n.blind })
		for _, k := range p.waited(j, needs) {
			if k != j && k.get("artifacts").Get("reports").Get("dotenv") != nil {
				out = append(out, "job "+k.name+" hands it variables (dotenv)")
			}
		}
	}
	return out
}
