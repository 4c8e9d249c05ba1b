package pipelines

import (
	"path"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/wiring"
)

var (
	// argued are the arguments of a command, by our components and by people.
	argued = lazy(`(?:^|\s)(?:--with\s+'([a-z-]+)=([^']*)'|--?(policy-ref|policy|subject|checksums|passed)[= ]\s*("[^"]*"|'[^']*'|[^\s"']+))`)
	// moved is a command that puts another commit into the folder of the job.
	moved   = lazy(`(?:^|[;&|]\s*)git\s+(?:checkout|switch|reset|pull|restore|worktree)\b([^;&|]*)`)
	valueOf = lazy(`\$\{?(\w+)`)
)

// judging returns the command by which a job judges or enters, or nil.
func (j *job) judging() *command {
	for i := range j.calls {
		if v := j.calls[i].verb; v == "gate" || v == "enter" {
			return &j.calls[i]
		}
	}
	return nil
}

// argument returns an argument of a gate as it is written.
func (j *job) argument(name string) string {
	c, out := j.judging(), ""
	if c == nil {
		return ""
	}
	for _, m := range argued().FindAllStringSubmatch(c.tail, 100) {
		switch name {
		case m[1]:
			out = m[2]
		case m[3]:
			out = strings.Trim(m[4], `"'`)
		}
	}
	if name == "subject" && !strings.Contains(c.tail, "--with") {
		out += " " + c.tail // by hand, every word that is not a flag is a subject
	}
	return out
}

// pinned reports whether what other jobs leave cannot change the policy that a
// gate reads.
func (j *job) pinned() bool {
	_, _, pinned := wiring.Pin(j.argument("policy"))
	return j.argument("policy-ref") != "" || pinned
}

// checkPolicies finds gates whose policy is brought or named by others than who
// wrote the commit of the pipeline.
func checkPolicies(p *pipeline) {
	for _, g := range p.jobs {
		c := g.judging()
		if c == nil || !g.judge && !g.enters || p.chosenPolicy(g, c) || g.pinned() {
			continue
		}
		p.fedPolicy(g)
		p.chosenCheckout(g, c)
	}
}

const keepPolicy = "read the policy of the pipeline's own commit, or pin it: policy-ref: main, or @ and a full commit or sha256: digest behind its path"

func (p *pipeline) chosenPolicy(g *job, c *command) bool {
	for _, name := range []string{"policy", "policy-ref"} {
		text := g.argument(name)
		if who := p.given(g, text, strings.Contains(c.tail, "--with")); who != "" {
			p.find(c.at, finding.Finding{
				Rule: finding.PolicyChosen, Severity: finding.Warning,
				Message: quote("who starts the pipeline chooses by %s which policy %s reads", who, g.name),
				Found:   name + ": " + quote("%s", text), Wanted: "a policy that is written out",
				Hint: "write the policy out; an input may choose it from options",
			})
			return true
		}
	}
	return false
}

// given returns the input or the variable in a text by which somebody who starts
// the pipeline chooses what it is, or nothing. A component's values are in
// quotes, and no shell reads variables in them.
func (p *pipeline) given(j *job, text string, quotes bool) string {
	for _, m := range interpolation().FindAllStringSubmatch(text, 20) {
		if !p.bounded(m[1]) {
			return m[0]
		}
	}
	if quotes {
		return ""
	}
	for _, m := range valueOf().FindAllStringSubmatch(interpolation().ReplaceAllString(text, ""), 20) {
		if strings.HasPrefix(m[1], "CI_MERGE_REQUEST_SOURCE") || !strings.HasPrefix(m[1], "CI_") && !p.sets(j, m[1]) {
			return m[0]
		}
	}
	return ""
}

// sets reports whether the file gives a variable a value.
func (p *pipeline) sets(j *job, name string) bool {
	if j.table.Get("variables").Get(name) != nil {
		return true
	}
	return slices.ContainsFunc(p.variables(j), func(e entry) bool { return e.Name == name }) || assigns(j, name)
}

// assigns reports whether a command of the job gives a variable its value.
func assigns(j *job, name string) bool {
	return slices.ContainsFunc(strings.Fields(j.text), func(w string) bool { return strings.HasPrefix(w, name+"=") })
}

// fedPolicy finds jobs whose artifacts are unpacked over the policy, and a gate
// to which nothing else could bring it.
func (p *pipeline) fedPolicy(g *job) {
	name := g.argument("policy")
	if strings.Contains(name, "$") || path.IsAbs(name) {
		return
	}
	if name == "" {
		name = wiring.Policy
	}
	f := finding.Finding{Rule: finding.PolicyFed,
		Wanted: quote("%s of the pipeline's own commit", name), Hint: keepPolicy}
	strategy := g.table.Get("variables").Get("GIT_STRATEGY")
	if s := strategy; g.component == "" && s != nil && (value(s).Str() == "none" || value(s).Str() == "empty") {
		f.Message = quote("nothing is checked out for %s, so its policy is what an artifact brings", g.name)
		f.Found = "GIT_STRATEGY: " + show(s)
		p.find(s, f)
		return
	}
	for _, j := range p.jobs {
		if n := j.leaves(path.Clean(name)); n != nil && (g.enters || j.feeds() == nil) && p.fedBy(g, j) {
			f.Message = quote("what the job %s leaves is unpacked over the policy of %s", j.name, g.name)
			f.Found = "artifacts: " + show(n)
			p.find(n, f)
		}
	}
}

// leaves returns the path of a job's artifacts that a file lies under, or nil.
func (j *job) leaves(file string) *node {
	if j.component != "" || j.judge || j.genuine() {
		return nil
	}
	for _, n := range j.get("artifacts").Get("paths").Flat() {
		s := strings.TrimPrefix(strings.TrimPrefix(n.Str(), "$CI_PROJECT_DIR"), "${CI_PROJECT_DIR}")
		folder := path.Clean(strings.TrimRight(strings.TrimPrefix(s, "/"), "*/"))
		if folder == "." || folder == file || strings.HasPrefix(file, folder+"/") {
			return n
		}
	}
	return nil
}

// chosenCheckout finds a commit that somebody names and that is put into the
// folder before the gate reads its policy there.
func (p *pipeline) chosenCheckout(g *job, c *command) {
	for _, line := range g.body() {
		if line == c.at {
			return
		}
		for _, m := range moved().FindAllStringSubmatch(line.Text, 20) {
			if who := p.given(g, m[1], false); who != "" {
				p.find(line, finding.Finding{
					Rule: finding.CheckoutChosen, Severity: finding.Warning,
					Message: quote("the job %s reads its policy from the commit that %s names", g.name, who),
					Found:   show(line), Wanted: "the pipeline's own commit", Hint: keepPolicy,
				})
				return
			}
		}
	}
}
