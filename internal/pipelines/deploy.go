package pipelines

import (
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// environment returns the name of the environment that a job enters, or nil.
func (j *job) environment() *node {
	e := j.table.Get("environment")
	if e != nil && e.Kind == yamlnode.Map {
		return e.Get("name")
	}
	return e
}

// action returns what the job does there; to start is what happens unless the
// file says otherwise.
func (j *job) action() string {
	if a := j.table.Get("environment").Get("action"); a != nil {
		return a.Str()
	}
	return "start"
}

// guarded returns the guarded environment that a job enters, or nothing. A job
// that stops one takes nothing in.
func (p *pipeline) guarded(j *job) string {
	name := j.environment().Str()
	if j.action() == "stop" || !slices.Contains(p.want.Environments, name) {
		return ""
	}
	return name
}

// held returns the guarded environment that a job enters and that is not watched, or nothing:
// one that is watched has a gate that stops nothing, so nothing has to wait for it.
func (p *pipeline) held(j *job) string {
	env := p.guarded(j)
	if _, is := p.want.Watched[env]; is && len(p.gatesOf(env)) > 0 {
		return ""
	}
	return env
}

// enters returns the guarded environments that a job may enter, also under a
// name that is made when it runs.
func (p *pipeline) enters(j *job) []string {
	name := j.environment()
	if name == nil || j.action() == "stop" {
		return nil
	}
	var out []string
	for _, e := range p.want.Environments {
		if name.Kind != yamlnode.Scalar || pattern(name.Text).MatchString(e) {
			out = append(out, e)
		}
	}
	return out
}

var placeholder = lazy(`\$\[\[.*?\]\]|\$\{\w+\}|\$\w+|%\w+%`)

// pattern matches what a text with variables in it may become.
func pattern(s string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`^`)
	end := 0
	for _, m := range placeholder().FindAllStringIndex(s, 100) {
		b.WriteString(regexp.QuoteMeta(s[end:m[0]]) + `.*`)
		end = m[1]
	}
	b.WriteString(regexp.QuoteMeta(s[end:]) + `$`)
	r, err := regexp.Compile(b.String())
	if err != nil {
		return everything()
	}
	return r
}

var everything = lazy(``)

func computed(n *node) bool {
	return n.Kind != yamlnode.Scalar || placeholder().MatchString(n.Text)
}

func (p *pipeline) deploys() bool {
	return slices.ContainsFunc(p.jobs, func(j *job) bool { return len(p.enters(j)) > 0 })
}

// maxGates are looked at for one environment; more of them are nobody's wish.
const maxGates = 20

// gatesOf returns the gates of an environment.
func (p *pipeline) gatesOf(env string) []*job {
	var out []*job
	for _, j := range p.jobs {
		if j.judge && j.gates == env && len(out) < maxGates {
			out = append(out, j)
		}
	}
	return out
}

// checkEnvironments finds environments that the policy does not know by the
// name that the job gives them.
func checkEnvironments(p *pipeline) {
	if len(p.want.Environments) == 0 {
		return
	}
	for _, j := range p.jobs {
		name := j.environment()
		switch {
		case name == nil || j.judge && j.gates == name.Str() || j.action() == "stop":
		case computed(name):
			p.computed(j, name)
		case !slices.Contains(p.want.Environments, name.Str()):
			p.unknownEnvironment(j, name)
		default:
			p.tier(j, name)
		}
	}
}

func (p *pipeline) computed(j *job, name *node) {
	f := finding.Finding{
		Rule:    finding.EnvironmentComputed,
		Message: quote("which environment the job %s enters is decided when it runs, and may be a guarded one", j.name),
		Found:   "environment " + show(name), Wanted: "a name written out",
		Hint: "write one job for each environment, with its name",
	}
	if len(p.enters(j)) == 0 {
		f.Severity = finding.Warning
		f.Message = quote("the job %s enters environments that the policy does not guard", j.name)
		f.Hint = "name the environment in the policy, or use action: access if nothing is deployed"
	}
	p.find(name, f)
}

func (p *pipeline) unknownEnvironment(j *job, name *node) {
	f := finding.Finding{
		Rule: finding.EnvironmentUnknown, Severity: finding.Warning,
		Message: quote("the job %s enters %s, which the policy does not guard", j.name, name.Str()),
		Found:   quote("environment %s", name.Str()), Wanted: quoted(p.want.Environments),
		Hint: "name the environment in the policy",
	}
	for _, e := range p.want.Environments {
		if strings.EqualFold(strings.Trim(name.Str(), " /"), e) {
			f.Severity, f.Hint = finding.Error, "write the name as the policy does"
		}
	}
	p.find(name, f)
}

func quoted(names []string) string {
	var out []string
	for _, n := range names {
		out = append(out, quote("%s", n))
	}
	return strings.Join(out, " or ")
}

// tiers are what the platform makes of an environment's name, in its order. A
// group protects tiers, not names.
var tiers = []struct {
	is   func() *regexp.Regexp
	tier string
}{
	{lazy(`(?i)dev|review|trunk`), "development"},
	{lazy(`(?i)test|tst|int|ac(ce|)pt|qa|qc|control|quality`), "testing"},
	{lazy(`(?i)st(a|)g|mod(e|)l|pre|demo|non`), "staging"},
	{lazy(`(?i)pr(o|)d|live`), "production"},
}

func (p *pipeline) tier(j *job, name *node) {
	set := j.table.Get("environment").Get("deployment_tier")
	if set == nil {
		return
	}
	wanted := ""
	for _, t := range tiers {
		if t.is().MatchString(name.Str()) {
			wanted = t.tier
			break
		}
	}
	if wanted == "" || set.Str() == wanted {
		return
	}
	p.find(set, finding.Finding{
		Rule:    finding.EnvironmentTier,
		Message: quote("%s is put into another tier, and leaves what a group protects", name.Str()),
		Found:   quote("deployment_tier: %s", set.Str()), Wanted: quote("%s", wanted),
		Hint: "take deployment_tier out, or write the tier of the name",
	})
}

// always are the values of when that do not wait for a success.
func waits(when *node) bool {
	switch when.Str() {
	case "on_success", "manual", "delayed", "never":
		return true
	}
	return when == nil
}

// checkWhen finds jobs that enter whatever the gate said.
func checkWhen(p *pipeline) {
	for _, j := range p.jobs {
		env := p.held(j)
		if env == "" || j.judge || j.enters {
			continue
		}
		if n := j.heedless(); n != nil {
			p.find(n, finding.Finding{
				Rule:    finding.DeployAlways,
				Message: quote("the job %s runs although the gate of %s said no", j.name, env),
				Found:   "when: " + show(n), Wanted: "when: on_success",
				Hint: "take when away from the job, and let it need the gate",
			})
		}
	}
}

// heedless returns the when that makes a job run after a failure, or nil.
func (j *job) heedless() *node {
	rules := rulesOf(j.table)
	if w := j.table.Get("when"); !waits(w) {
		return w
	}
	for _, r := range rules {
		if w := r.Get("when"); !waits(w) {
			return w
		}
	}
	return nil
}
