package pipelines

import (
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// checkMergeRequests finds jobs that a merge request brings into a guarded
// environment: its pipeline runs what the source of the merge request says.
func checkMergeRequests(p *pipeline) {
	workflow, limited := p.workflow()
	if workflow == never || p.parent != nil && p.parent.requests(p.bridge) == never {
		return
	}
	for _, j := range p.jobs {
		env := p.guarded(j)
		if env == "" || j.component != "" {
			continue
		}
		a, at := p.inMergeRequest(j, limited)
		if a == never {
			continue
		}
		f := finding.Finding{
			Rule:    finding.MergeRequestDeploys,
			Message: quote("the job %s is in the pipelines of merge requests, and enters %s", j.name, env),
			Found:   show(at), Wanted: `if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH`,
			Hint: "let only pipelines of branches or tags have this job; in a merge request $CI_COMMIT_BRANCH is empty",
		}
		if a == maybe || workflow == maybe {
			f.Severity = finding.Warning
			f.Message = quote("the job %s may be in the pipelines of merge requests, and enters %s", j.name, env)
		}
		p.find(at, f)
	}
}

// requests returns whether a job is in pipelines of merge requests of which there
// are any.
func (p *pipeline) requests(j *job) answer {
	workflow, limited := p.workflow()
	if workflow == never || p.parent != nil && p.parent.requests(p.bridge) == never {
		return never
	}
	a, _ := p.inMergeRequest(j, limited)
	return a
}

// request is mergeRequest, also in a pipeline that one of a merge request starts.
func (p *pipeline) request(name string) variable {
	if p.parent != nil && name == "CI_PIPELINE_SOURCE" {
		return variable{exactly, parentPipeline}
	}
	return mergeRequest(name)
}

// workflow returns whether there are pipelines of merge requests at all, and
// whether the file has rules for all pipelines.
func (p *pipeline) workflow() (a answer, limited bool) {
	if w := p.resolve(p.base.Get("workflow"), 0); len(rulesOf(w)) > 0 {
		return reach(rulesOf(w), p.request), true
	}
	for _, i := range p.includes {
		if i.kind == "template" && strings.HasPrefix(i.address, "Workflows/Branch-Pipelines") {
			return never, true
		}
		if i.kind == "template" && strings.HasPrefix(i.address, "Workflows/MergeRequest-Pipelines") {
			return surely, true
		}
	}
	return surely, false
}

// inMergeRequest returns whether a job is in pipelines of merge requests, and
// what says so. Without any rules it is only where the workflow has some.
func (p *pipeline) inMergeRequest(j *job, limited bool) (answer, *node) {
	if rules := j.table.Get("rules"); rules != nil {
		return reach(rules.Flat(), p.request), rules
	}
	only, except := j.table.Get("only"), j.table.Get("except")
	if only == nil && except == nil {
		return known(limited || p.parent != nil), j.place
	}
	if slices.Contains(refs(except), "merge_requests") {
		return never, nil
	}
	return known(slices.Contains(refs(only), "merge_requests")), only
}

func refs(n *node) []string {
	if n != nil && n.Kind == yamlnode.Map {
		n = n.Get("refs")
	}
	var out []string
	for _, r := range n.Flat() {
		out = append(out, r.Str())
	}
	return out
}

// byRef are addresses of artifacts of whatever pipeline was last.
var byRef = lazy(`jobs/artifacts/[^\s"']+/(?:download|raw)`)

// checkElsewhere finds artifacts from other pipelines in a gate, or behind one.
func checkElsewhere(p *pipeline) {
	for _, j := range p.jobs {
		if !j.judge && p.guarded(j) == "" {
			continue
		}
		f := finding.Finding{
			Rule:    finding.ArtifactsElsewhere,
			Message: quote("the job %s takes artifacts that another pipeline made", j.name),
			Wanted:  "artifacts of jobs of this pipeline",
			Hint:    "build and attest in this pipeline, or let the gate take the artifact by its digest from a registry",
		}
		for _, needs := range j.needs() {
			for _, n := range needs {
				if n.elsewhere != "" && !p.fromParent(n) && !(j.enters && p.unsaid(n)) {
					f.Found = n.elsewhere
					p.find(n.at, f)
				}
			}
		}
		if m := byRef().FindString(j.text); m != "" {
			f.Found = m
			p.find(j.spot("script"), f)
		}
	}
}

// checkDownstream finds pipelines that this one starts: no gate of this one
// holds in them.
func checkDownstream(p *pipeline) {
	if len(p.want.Environments) == 0 {
		return
	}
	for _, j := range p.jobs {
		t := j.table.Get("trigger")
		if t == nil || p.readBelow(j, t) {
			continue
		}
		if env := p.meant(j); env != "" {
			p.downstreamDeploys(j, t, env)
			continue
		}
		f := finding.Finding{
			Rule: finding.DownstreamUnseen, Severity: finding.Note,
			Message: quote("the job %s starts a pipeline that was not read, and in which no gate of this one holds", j.name),
			Found:   "trigger: " + show(t), Wanted: "a gate before each job there that enters a guarded environment",
			Hint: "check that pipeline's file too",
		}
		if slices.ContainsFunc(t.Get("include").Flat(), func(n *node) bool { return n.Get("artifact") != nil }) {
			f.Severity = finding.Warning
			f.Message = quote("the job %s starts a pipeline that another job writes, so nobody can read it before", j.name)
			f.Hint = "start a pipeline from a file of the repository"
		}
		p.find(t, f)
	}
}

func (p *pipeline) downstreamDeploys(j *job, t *node, env string) {
	gates := p.gatesOf(env)
	_, loose := p.loose(j, gates)
	f := finding.Finding{
		Rule: finding.DownstreamDeploys, Severity: finding.Warning,
		Message: quote("the job %s starts a pipeline for %s, in which no gate of this one holds", j.name, env),
		Found:   "trigger: " + show(t), Wanted: "the job that deploys in this pipeline, behind the gate",
		Hint: "deploy in this pipeline, or check that the file of the other one has its own gate",
	}
	if loose {
		f.Severity = finding.Error
		f.Message = quote("the job %s starts a pipeline for %s without a gate", j.name, env)
	}
	p.find(t, f)
	if s := t.Get("strategy").Str(); s != "depend" && s != "mirror" {
		p.find(t, finding.Finding{
			Rule: finding.DownstreamDetached, Severity: finding.Warning,
			Message: quote("the job %s succeeds before the pipeline that it starts has done anything", j.name),
			Found:   "no strategy", Wanted: "strategy: depend",
			Hint: "add strategy: depend to the trigger",
		})
	}
}

// meant returns the guarded environment that a bridge tells of: in what it
// hands down, or in its name.
func (p *pipeline) meant(j *job) string {
	told := func(s string) string {
		for _, e := range p.want.Environments {
			if s == e {
				return e
			}
		}
		return ""
	}
	if e := told(j.environment().Str()); e != "" {
		return e
	}
	for _, n := range []*node{j.table.Get("variables"), j.table.Get("trigger").Get("inputs")} {
		if n == nil {
			continue
		}
		for _, v := range n.Fields {
			if e := told(value(v.Value).Str()); e != "" {
				return e
			}
		}
	}
	for _, word := range strings.FieldsFunc(j.name, func(r rune) bool { return strings.ContainsRune(" :/_-.", r) }) {
		if e := told(word); e != "" {
			return e
		}
	}
	return ""
}

// checkManual finds jobs that somebody presses as an approval. They name no
// artifact, anyone who may run a job may press them, and outside of rules the
// pipeline does not even wait.
func checkManual(p *pipeline) {
	for _, j := range p.jobs {
		if j.get("when").Str() != "manual" || j.environment() != nil || j.judge || j.component != "" || j.table.Get("trigger") != nil {
			continue
		}
		if d := p.approves(j); d != nil {
			p.manual(j, d)
		}
	}
}

var consent = lazy(`(?i)approv|confirm|sign.?off|go.?ahead|consent|promot|release`)

// approves returns the job behind j that enters a guarded environment, if j
// looks like a yes to it.
func (p *pipeline) approves(j *job) *job {
	for _, d := range p.jobs {
		env := p.held(d)
		if env == "" || d == j {
			continue
		}
		if slices.ContainsFunc(d.needs()[0], func(n need) bool { return n.job == j.name }) {
			return d
		}
		if consent().MatchString(j.name) && p.stage(j) >= 0 && p.stage(j) <= p.stage(d) {
			return d
		}
	}
	return nil
}

func (p *pipeline) manual(j, d *job) {
	f := finding.Finding{
		Rule: finding.ManualApproval, Severity: finding.Note,
		Message: quote("to press %s is no approval: it names no digest, and whoever may run a job may press it", j.name),
		Found:   "when: manual", Wanted: quote("approvals in the policy for %s", d.environment().Str()),
		Hint: "name the approvers in the policy",
	}
	if a := j.get("allow_failure"); truthOf(a) != no && len(rulesOf(j.table)) == 0 {
		f.Severity = finding.Warning
		f.Message = quote("the pipeline does not wait for %s, and to press it would be no approval", j.name)
		f.Found = "when: manual without allow_failure: false"
	}
	p.find(j.spot("when"), f)
}
