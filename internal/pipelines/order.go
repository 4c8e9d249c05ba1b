package pipelines

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// A need is one job that another waits for.
type need struct {
	at        *node
	job       string
	elsewhere string // another project or pipeline, or empty
	optional  bool
	blind     bool // its artifacts are not taken
}

// needs returns the lists of needs that a job may run under: its own, and those
// that its rules put in their place. A nil list is the order of the stages.
func (j *job) needs() [][]need {
	own := j.table.Get("needs")
	lists := [][]need{readNeeds(own)}
	for _, r := range rulesOf(j.table) {
		if n := r.Get("needs"); n != nil {
			lists = append(lists, readNeeds(n))
		}
	}
	return lists
}

func readNeeds(n *node) []need {
	if n == nil {
		return nil
	}
	out := []need{}
	for _, v := range n.Flat() {
		out = append(out, readNeed(v))
	}
	return out
}

func readNeed(v *node) need {
	if v.Kind != yamlnode.Map {
		return need{at: v, job: v.Str()}
	}
	n := need{at: v, job: v.Get("job").Str()}
	n.optional = v.Get("optional") != nil && truthOf(v.Get("optional")) != no
	n.blind = v.Get("artifacts") != nil && truthOf(v.Get("artifacts")) != yes
	if e := v.Get("project"); e != nil {
		n.elsewhere = "project " + show(e)
	} else if e := v.Get("pipeline"); e != nil {
		n.elsewhere = "pipeline " + show(e)
	}
	return n
}

// follows reports whether job j cannot start unless job g has succeeded.
func (p *pipeline) follows(j, g *job, needs []need) bool {
	if needs == nil {
		s := p.stage(g)
		return s >= 0 && s < p.stage(j)
	}
	for _, n := range needs {
		if n.elsewhere != "" || n.optional {
			continue
		}
		if n.job == g.name {
			return true
		}
		between := p.named[n.job]
		if between == nil || between.heedless() != nil {
			continue
		}
		behind := p.behind[g]
		if _, known := behind[n.job]; !known {
			behind[n.job] = false // while it is looked at: a circle leads to no gate
			behind[n.job] = p.followsAlways(between, g)
		}
		if behind[n.job] {
			return true
		}
	}
	return false
}

// followsAlways is follows under each list of needs that the job may have.
func (p *pipeline) followsAlways(j, g *job) bool {
	for _, needs := range j.needs() {
		if !p.follows(j, g, needs) {
			return false
		}
	}
	return true
}

// loose returns the first list of needs under which job j starts without any of
// the gates.
func (p *pipeline) loose(j *job, gates []*job) (needs []need, is bool) {
	for _, needs := range j.needs() {
		if !slices.ContainsFunc(gates, func(g *job) bool { return p.follows(j, g, needs) }) {
			return needs, true
		}
	}
	return nil, false
}

// checkOrder finds jobs that enter a guarded environment without waiting for
// its gate.
func checkOrder(p *pipeline) {
	for _, j := range p.jobs {
		env := p.held(j)
		if env == "" {
			continue
		}
		if j.enters || j.judge && j.gates == env {
			p.afterwards(j, env)
			continue
		}
		if p.unseenEntry(j, env) {
			continue
		}
		gates := p.gatesOf(env)
		if len(gates) == 0 {
			p.missing(j, env)
			continue
		}
		if needs, is := p.loose(j, gates); is {
			p.outOfOrder(j, env, gates, needs)
			continue
		}
		p.unused(j, gates)
		p.stale(j, env)
		p.untaken(j, gates)
		p.narrower(j, gates)
	}
}

// afterwards finds a job that is its own gate, and asks when all is done.
func (p *pipeline) afterwards(j *job, env string) {
	if j.component != "" || j.genuine() || j.action() != "start" || len(j.script("script")) < 2 {
		return
	}
	for _, c := range j.calls {
		if (c.verb == "gate" || c.verb == "enter") && c.last {
			p.find(c.at, finding.Finding{
				Rule:    finding.GateNotBefore,
				Message: quote("the job %s asks its gate for %s after everything else", j.name, env),
				Found:   "the gate as the last command", Wanted: "the gate before the commands that deploy",
				Hint: "put the gate into a job of its own, and let this one need it",
			})
		}
	}
}

func (p *pipeline) missing(j *job, env string) {
	f := finding.Finding{
		Rule:    finding.GateMissing,
		Message: quote("the job %s enters %s without a gate", j.name, env),
		Found:   "needs: " + show(j.table.Get("needs")), Wanted: quote("needs: [%s]", "gate:"+env),
		Hint: "include the gate component with environment: " + env + ", and let the job need gate:" + env,
	}
	if a := j.action(); a != "start" {
		f.Rule = finding.EnvironmentCredentials
		f.Message = quote("the job %s gets the credentials of %s without a gate, and without a deployment", j.name, env)
		f.Found = "action: " + a
	}
	if n, hidden := p.hiddenGate(j, env); hidden {
		f.Rule, f.Severity = finding.GateUnseen, finding.Warning
		f.Message = quote("the job %s needs %s, which this file does not have", j.name, n.job)
		f.Hint = "check the merged YAML, which has the jobs of all includes"
		p.find(n.at, f)
		return
	}
	if f.Rule == finding.GateMissing && j.later() == nil && p.gatedAbove(env) {
		f.Severity = finding.Warning
		f.Message = quote("the job %s enters %s in a pipeline below its gate, which is not asked again when the job is",
			j.name, env)
	}
	p.find(j.spot("environment"), f)
}

// hiddenGate returns a need that may be a gate which an unread include brings.
func (p *pipeline) hiddenGate(j *job, env string) (need, bool) {
	if p.unseen() == nil || p.want.Merged {
		return need{}, false
	}
	for _, n := range j.needs()[0] {
		if n.elsewhere == "" && !n.optional && p.named[n.job] == nil && strings.Contains(n.job, "gate") && strings.HasSuffix(n.job, env) {
			return n, true
		}
	}
	return need{}, false
}

func (p *pipeline) outOfOrder(j *job, env string, gates []*job, needs []need) {
	g := gates[0]
	for _, n := range needs {
		if n.optional && slices.ContainsFunc(gates, func(g *job) bool { return n.job == g.name }) {
			p.find(n.at, finding.Finding{
				Rule:    finding.NeedOptional,
				Message: quote("the job %s enters %s without the gate when the gate is not in the pipeline", j.name, env),
				Found:   show(n.at), Wanted: quote("needs: [%s]", n.job),
				Hint: "take optional away from the need",
			})
			return
		}
	}
	f := finding.Finding{
		Rule:    finding.GateNotBefore,
		Message: quote("the job %s enters %s without waiting for %s", j.name, env, g.name),
		Wanted:  quote("needs: [%s]", g.name),
		Hint:    quote("add %s to the needs of %s", g.name, j.name),
	}
	at := j.spot("needs")
	switch {
	case needs == nil:
		at = j.spot("stage")
		f.Found = fmt.Sprintf("stage %s, and the gate in stage %s", p.stageName(j), p.stageName(g))
	case len(needs) == 0:
		f.Found = "needs: []"
	default:
		f.Found = "needs: " + names(needs)
	}
	p.find(at, f)
}

func (p *pipeline) stageName(j *job) string {
	if s := j.get("stage"); s != nil {
		return quote("%s", show(s))
	}
	return `"test"`
}

func names(needs []need) string {
	var out []string
	for _, n := range needs {
		out = append(out, n.job)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// unused finds a job that waits for the gate and does not take what the gate
// puts out: it deploys something that nobody judged.
func (p *pipeline) unused(j *job, gates []*job) {
	is := func(name string) bool {
		return slices.ContainsFunc(gates, func(g *job) bool { return g.name == name })
	}
	f := finding.Finding{
		Rule:    finding.GateResultUnused,
		Message: quote("the job %s does not get the digests that the gate let in", j.name),
		Hint:    "let the job take the gate's artifacts, and deploy $SALLYPORT_DIGESTS",
	}
	for _, needs := range j.needs() {
		takes := func(n need) bool { return is(n.job) && !n.blind && n.elsewhere == "" }
		if needs != nil && !slices.ContainsFunc(needs, takes) {
			f.Found, f.Wanted = "needs: "+names(needs), quote("needs: [%s] with its artifacts", gates[0].name)
			p.find(j.spot("needs"), f)
			return
		}
	}
	d := j.table.Get("dependencies")
	if d == nil || slices.ContainsFunc(d.Flat(), func(n *node) bool { return is(n.Str()) }) {
		return
	}
	f.Found, f.Wanted = "dependencies: "+show(d), quote("dependencies: [%s]", gates[0].name)
	p.find(d, f)
}

// checkDropped finds gates that rules leave out of a pipeline in which the job
// behind them stays. A job that only stands in a later stage runs without its
// gate then; with one that needs the gate, the platform makes no pipeline.
func checkDropped(p *pipeline) {
	for _, j := range p.jobs {
		env := p.held(j)
		if env == "" || j.judge || j.enters {
			continue
		}
		for _, g := range p.gatesOf(env) {
			p.dropped(j, g)
		}
	}
}

func (p *pipeline) dropped(j, g *job) {
	byStage := slices.ContainsFunc(j.needs(), func(n []need) bool { return n == nil }) && p.stage(g) < p.stage(j)
	found := ""
	switch when := g.table.Get("when").Str(); {
	case when == "on_failure" || when == "never":
		found = "when: " + when
	case !byStage:
		p.blocked(j, g)
		return
	case g.optional:
		found = "the include has rules"
	case conditions(g) != "" && conditions(g) != conditions(j):
		found = conditions(g)
	case p.idle(g) != "":
		found = "it needs " + p.idle(g) + ", which only runs after a failure"
	default:
		return
	}
	p.find(g.place, finding.Finding{
		Rule:    finding.GateDropped,
		Message: quote("there are pipelines without %s in which %s runs", g.name, j.name),
		Found:   show(&node{Kind: yamlnode.Scalar, Text: found}), Wanted: quote("%s needs [%s]", j.name, g.name),
		Hint: quote("let %s need %s", j.name, g.name),
	})
}

// blocked finds pipelines that are not made, because their job needs a gate that
// its rules leave out.
func (p *pipeline) blocked(j, g *job) {
	needs := j.needs()[0]
	if !slices.ContainsFunc(needs, func(n need) bool { return n.job == g.name && n.elsewhere == "" && !n.optional }) {
		return
	}
	for _, o := range p.occasions() {
		workflow := surely
		if w := p.resolve(p.base.Get("workflow"), 0); len(rulesOf(w)) > 0 {
			workflow = reach(rulesOf(w), o.lookup)
		}
		with, without := p.presence(j, o), p.presence(g, o)
		if workflow == never || with == never || without == surely || without == maybe &&
			(with == maybe || workflow == maybe) {
			continue
		}
		at := j.spot("needs")
		if r := g.table.Get("rules"); r != nil {
			at = r
		}
		p.find(at, finding.Finding{
			Rule: finding.GateDropped, Severity: finding.Warning,
			Message: quote("%s needs %s, and pipelines of ", j.name,
				g.name) + o.name + " may be without it: the platform does not make these",
			Found: "the gate " + word(without) + ", the job " + word(with), Wanted: quote("the rules of %s for both", j.name),
			Hint: quote("give %s the rules of %s", g.name, j.name),
		})
		return
	}
}

func word(a answer) string {
	switch a {
	case surely:
		return "is in"
	case never:
		return "is out"
	}
	return "may be in or out"
}

// presence returns whether a job is in the pipelines of an occasion.
func (p *pipeline) presence(j *job, o occasion) answer {
	out := surely
	if i := p.componentOf(j.name); i != nil && i.rules != nil {
		out = reach(i.rules.Flat(), o.lookup)
	}
	own := maybe
	switch rules := j.table.Get("rules"); {
	case rules != nil:
		own = reach(rules.Flat(), o.lookup)
	case j.table.Get("only") == nil && j.table.Get("except") == nil:
		own = surely
	}
	switch {
	case out == never || own == never:
		return never
	case out == maybe || own == maybe:
		return maybe
	}
	return surely
}

// conditions returns when a job is in a pipeline at all, as text to compare, or
// nothing if it always is.
func conditions(j *job) string {
	var b strings.Builder
	for _, r := range rulesOf(j.table) {
		if r.Kind != yamlnode.Map {
			b.WriteString("- " + whole(r) + "\n")
			continue
		}
		if r.Get("if") == nil && r.Get("changes") == nil && r.Get("exists") == nil && r.Get("when").Str() != "never" && b.Len() == 0 {
			return ""
		}
		for _, key := range []string{"if", "changes", "exists"} {
			if v := r.Get(key); v != nil {
				b.WriteString(key + " " + whole(v) + " ")
			}
		}
		b.WriteString("in ")
		if r.Get("when").Str() == "never" {
			b.WriteString("out ")
		}
		b.WriteString("\n")
	}
	for _, key := range []string{"only", "except"} {
		if v := j.table.Get(key); v != nil {
			b.WriteString(key + ": " + whole(v) + "\n")
		}
	}
	return b.String()
}

// idle returns a need of the gate that is skipped when all goes well: then the
// gate is skipped too, and a later stage does not take that for a no.
func (p *pipeline) idle(g *job) string {
	for _, needs := range g.needs() {
		for _, n := range needs {
			if between := p.named[n.job]; between != nil && between.table.Get("when").Str() == "on_failure" {
				return n.job
			}
		}
	}
	return ""
}
