package pipelines

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// judgement is the command that decides, at the beginning of a line or of a
// part of it; what stands behind it on the line is its tail.
var (
	judgement = lazy(`^(?:\w+=\S*\s+)*["']?(?:\$\{?sallyport\}?|(?:[\w./~-]*/)?sallyport)["']?\s+(gate|enter|attest|approve|verify|run)\b(.*)$`)
	named     = lazy(`(?:^|\s)--?environment[= ]\s*["']?([^\s"']+)`)
	handed    = lazy(`(?:^|\s)--with\s+'environment=([^']*)'`)
	input     = lazy(`^  --with '[a-z-]+=[^']*'$`)
	verbatim  = lazy(`'[^']*'`)
	branching = lazy(`^(?:if|for|while|until|case|elif|else|function)\b|^[\w-]+\s*\(\)|^[{(]|^!`)
	helps     = lazy(`(?:^|\s)(?:--?h(?:elp)?|help)\b`)
	indirect  = lazy(`\$\{?sallyport\b`)
	careless  = lazy(`(?:^|[\s;&|])(?:set\s+\+e|set\s+\+o\s+errexit|exit(?:\s+0)?\s*(?:$|[;&|)}])|trap\b)`)
)

const (
	installer = "sallyport_install()"
	loosened  = "an earlier line loosens the shell or ends the job"
)

// maxLine is how long a line may be that calls sallyport.
const maxLine = 32 << 10

// A command is one call of sallyport in a job's script.
type command struct {
	verb    string
	line    string
	tail    string
	at      *node
	last    bool   // nothing is run after it
	blunted string // why its status does not count, or empty
}

// body returns the lines that run in one shell, one after the other.
func (j *job) body() []*node { return slices.Concat(j.script("before_script"), j.script("script")) }

// read returns what a job asks of sallyport, in order.
func (j *job) read() []command {
	var out []command
	loose := ""
	items := j.body()
	for i, item := range items {
		calls, loosens := readScript(item, loose)
		for k := range calls {
			calls[k].last = calls[k].last && i == len(items)-1
			if strings.Contains(calls[k].line, "&&") && !calls[k].last && calls[k].blunted == "" {
				calls[k].blunted = "a list with && does not stop the script"
			}
			if indirect().MatchString(calls[k].line) && !slices.ContainsFunc(items[:i+1], installs) {
				calls[k].blunted = "what $sallyport holds is not to be seen"
			}
		}
		out = append(out, calls...)
		if loosens {
			loose = loosened
		}
	}
	return out
}

// readScript returns the calls in one entry of a script, and whether it loosens
// the shell for the next ones.
func readScript(item *node, loose string) (out []command, loosens bool) {
	inner := loose
	lines := strings.Split(strings.ReplaceAll(strings.TrimRight(item.Text, "\n"), "\\\n", " "), "\n")
	for k, line := range lines {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || len(line) > maxLine {
			continue
		}
		if c, is := call(line); is {
			c.at, c.last = item, k == len(lines)-1
			c.blunted = blunt(c, inner)
			out = append(out, c)
		}
		if opens(line) && inner == "" {
			inner = "it stands in a branch, a function or a text"
		}
		// Our installer is a function in a shell of its own.
		if !strings.Contains(item.Text, installer) && careless().MatchString(line) {
			inner, loosens = loosened, true
		}
	}
	return out, loosens
}

// opens reports whether what follows a line may not be run, or not as a command
// of its own: a branch, a here-document, a text over several lines.
func opens(line string) bool {
	return branching().MatchString(line) || strings.Contains(line, "<<") || strings.Count(line, `"`)%2 == 1 || strings.Count(line, "'")%2 == 1
}

func call(line string) (command, bool) {
	rest := line
	for {
		if m := judgement().FindStringSubmatch(strings.TrimSpace(rest)); m != nil {
			return command{verb: m[1], line: line, tail: m[2]}, true
		}
		i := strings.Index(rest, "&&")
		if s := strings.IndexByte(rest, ';'); s >= 0 && (i < 0 || s < i) {
			rest = rest[s+1:]
			continue
		}
		if i < 0 {
			return command{}, false
		}
		rest = rest[i+2:]
	}
}

// blunt says why the status of a command does not stop the job.
func blunt(c command, inner string) string {
	tail := strings.ReplaceAll(strings.ReplaceAll(verbatim().ReplaceAllString(c.tail, ""), "2>&1", ""), "&>", "")
	first := strings.TrimSpace(strings.SplitN(c.line, "sallyport", 2)[0])
	switch {
	case inner != "":
		return inner
	case branching().MatchString(first):
		return "it stands in a branch"
	case strings.Contains(tail, "||"):
		return "what follows || takes its place"
	case strings.Contains(strings.ReplaceAll(tail, "&&", ""), "&"):
		return "it runs in the background"
	case strings.Contains(tail, "|"):
		return "the status of a pipe may be that of its last command"
	case helps().MatchString(tail):
		return "it only asks for help"
	}
	return ""
}

// installs reports whether a line holds our installer.
func installs(line *node) bool { return strings.Contains(line.Text, installer) }

// recognise finds out whether a job is a gate, and of which environment.
func (p *pipeline) recognise(j *job) {
	j.enters = slices.ContainsFunc(j.calls, func(c command) bool { return c.verb == "enter" && c.blunted == "" })
	for _, c := range j.calls {
		if c.verb == "gate" {
			j.judge, j.gates = true, j.gated(c)
			return
		}
	}
	// A job that carries a gate's name is held to it, so that what is wrong
	// with it is said at its own place.
	if j.component == "gate" {
		c := p.componentOf(j.name)
		j.judge, j.gates = true, c.input("environment", "")
	}
	if env, is := strings.CutPrefix(j.name, "gate:"); is && j.component == "" && slices.Contains(p.want.Environments, env) && j.get("script") != nil {
		j.judge, j.gates, j.component = true, env, "gate"
	}
}

// gated returns the environment that a gate's command names. A job takes it from
// an argument alone.
func (j *job) gated(c command) string {
	env := ""
	if m := handed().FindStringSubmatch(c.tail); m != nil {
		env = m[1]
	}
	if m := named().FindAllStringSubmatch(c.tail, -1); m != nil {
		env = m[len(m)-1][1]
	}
	switch env {
	case "$CI_ENVIRONMENT_NAME", "${CI_ENVIRONMENT_NAME}":
		env = j.environment().Str()
	}
	return env
}

// value returns the value of a variable, which may have a description beside it.
func value(n *node) *node {
	if n.Kind == yamlnode.Map {
		return n.Get("value")
	}
	return n
}

// genuine reports whether the job runs what our component put into it: the
// installer, and one command.
func (j *job) genuine() bool {
	lines := j.script("script")
	return len(lines) == 2 && strings.Contains(lines[0].Text, installer) && ends(lines[1].Text, j.component)
}

// opened reports whether the job enters by what our component put into it: the
// installer, and the command right behind it.
func (j *job) opened() bool {
	items := j.body()
	i := slices.IndexFunc(items, installs)
	return i >= 0 && i+1 < len(items) && ends(items[i+1].Text, "enter")
}

// ends reports whether an entry is the one command of a component, or of any of
// ours if it is not known which: the command and the inputs that it is handed.
func ends(entry, component string) bool {
	lines := strings.Split(strings.TrimRight(entry, "\n"), "\n")
	for i, line := range lines[:len(lines)-1] {
		var continued bool
		if lines[i], continued = strings.CutSuffix(line, " \\"); !continued {
			return false
		}
	}
	verb, is := strings.CutPrefix(lines[0], `"$sallyport" `)
	_, known := ours[verb]
	return is && known && (component == "" || component == verb) &&
		!slices.ContainsFunc(lines[1:], func(line string) bool { return !input().MatchString(line) })
}

// checkGates finds gates whose no is not heard.
func checkGates(p *pipeline) {
	for _, j := range p.jobs {
		if j.judge {
			p.soft(j)
		} else if a := j.get("allow_failure"); j.enters && truthOf(a) == yes {
			p.softened(j, a, "allow_failure: "+show(a))
		}
		p.ignored(j)
	}
}

func (p *pipeline) soft(j *job) {
	a := j.get("allow_failure")
	if w, is := p.want.Watched[j.gates]; is {
		p.watched(j, a, w)
		return
	}
	if a != nil && truthOf(a) != no {
		p.softened(j, a, "allow_failure: "+show(a))
		return
	}
	rules := rulesOf(j.table)
	if a == nil && len(rules) == 0 && j.get("when").Str() == "manual" {
		p.softened(j, j.spot("when"), "when: manual, which may fail unless allow_failure is false")
		return
	}
	for _, r := range rules {
		if a := r.Get("allow_failure"); a != nil && truthOf(a) != no {
			p.softened(j, a, "allow_failure: "+show(a))
			return
		}
	}
}

// watched says what to change on the day from which a gate is enforced. Until then the gate may
// fail without stopping anything: only so no outage and no mistake in a policy stops a release.
func (p *pipeline) watched(j *job, a *node, w finding.Watch) {
	f := finding.Finding{
		Rule: finding.GateWatched, Severity: w.Severity,
		Message: quote("the policy watches %s until %s, so the gate %s stops nothing", j.gates, w.Until, j.name),
		Found:   "a gate that may not fail",
		Wanted:  "from " + w.Until + " on, a gate that stops the pipeline, and a deployment of what it passes on",
		Hint: "until that day, add allow_failure: true to " + j.name + ", so that an outage stops no release; " +
			"on that day, let the job that deploys extend " + entryPrefix + j.gates,
	}
	at := j.place
	if a != nil && truthOf(a) == yes {
		at, f.Found = a, "allow_failure: "+show(a)
		f.Hint = fmt.Sprintf("on that day, take line %d out (allow_failure), and let the job that deploys extend %s", a.Line, entryPrefix+j.gates)
	}
	p.find(at, f)
}

func (p *pipeline) softened(j *job, at *node, found string) {
	p.find(at, finding.Finding{
		Rule:    finding.GateSoft,
		Message: quote("the pipeline goes on when %s says no", j.name),
		Found:   found, Wanted: "allow_failure: false",
		Hint: "take allow_failure off the gate",
	})
}

func (p *pipeline) ignored(j *job) {
	for _, c := range j.calls {
		if c.verb != "gate" && c.verb != "enter" || c.blunted == "" {
			continue
		}
		p.find(c.at, finding.Finding{
			Rule:    finding.GateIgnored,
			Message: quote("the job %s does not stop when its gate says no: ", j.name) + c.blunted,
			Found:   c.line, Wanted: "sallyport " + c.verb + " as a line of its own",
			Hint: "put the command on a line of its own",
		})
	}
}

// may are the keys that a file may set beside an include of our component: none
// of them changes what the job runs, or with which values.
var may = []string{
	"stage", "needs", "dependencies", "tags", "rules", "only", "except", "when", "start_in", "timeout", "interruptible",
	"retry", "resource_group", "allow_failure", "environment", "inherit", "image", "extends",
}

// checkOverrides finds jobs of our components whose commands or values this
// file replaces.
func checkOverrides(p *pipeline) {
	for _, j := range p.jobs {
		switch {
		case j.component == "":
			p.tampered(j)
		case p.componentOf(j.name) != nil:
			p.overridden(j)
		default:
			p.overriddenMerged(j)
		}
		p.ruleVariables(j)
	}
}

func (p *pipeline) overridden(j *job) {
	component := p.componentOf(j.name).built
	for _, e := range j.table.Fields {
		own := component.Raw(e.Name)
		switch {
		case slices.Contains(may, e.Name), own != nil && whole(own) == whole(e.Value):
		case e.Name == "variables" && harmless(e.Value, own):
		default:
			p.override(j, e.Key, e.Name, e.Value)
		}
	}
	p.image(j, j.table.Get("image"), finding.Error)
}

// harmless reports whether variables are only those that are the machine's
// business, or that the component itself set.
func harmless(n, component *node) bool {
	for _, e := range n.Fields {
		own := component.Raw(e.Name)
		if !slices.Contains(neutral, e.Name) && (own == nil || whole(own) != whole(e.Value)) {
			return false
		}
	}
	return n.Kind == yamlnode.Map
}

// overriddenMerged looks at a job of the merged YAML, where what the component
// said is no longer told apart from what the file says.
func (p *pipeline) overriddenMerged(j *job) {
	if !j.genuine() {
		p.override(j, j.spot("script"), "script", j.get("script"))
	}
	for _, key := range []string{"before_script", "after_script", "hooks", "run", "services", "secrets"} {
		if v := j.table.Get(key); v != nil {
			p.override(j, v, key, v)
		}
	}
	if v := j.table.Get("variables"); v != nil {
		for _, e := range v.Fields {
			if dangerous(e) {
				p.override(j, e.Key, "variables", e.Value)
			}
		}
	}
	p.image(j, j.table.Get("image"), finding.Error)
}

// tampered finds, in the merged YAML, jobs with our installer and other
// commands around it. A job that enters has commands of its own behind it.
func (p *pipeline) tampered(j *job) {
	if !strings.Contains(j.text, installer) || j.opened() {
		return
	}
	p.overriddenMerged(j)
}

func (p *pipeline) override(j *job, at *node, key string, v *node) {
	p.find(at, finding.Finding{
		Rule:    finding.ComponentOverridden,
		Message: quote("the job %s of our component does not run as the component has it: %s is replaced", j.name, key),
		Found:   key + ": " + show(v), Wanted: "the component's own",
		Hint: "take " + key + " away from this job; what the component offers is among its inputs",
	})
}

func (p *pipeline) image(j *job, image *node, s finding.Severity) {
	if image == nil {
		return
	}
	name := image.Str()
	if image.Kind == yamlnode.Map {
		name = image.Get("name").Str()
		if e := image.Get("entrypoint"); e != nil && len(e.Flat()) > 0 && show(e) != "[]" {
			p.override(j, e, "entrypoint", e)
		}
	}
	if imageDigest().MatchString(name) {
		return
	}
	p.find(image, finding.Finding{
		Rule: finding.GateImage, Severity: s,
		Message: quote("the shell that runs %s comes from an image that moves", j.name),
		Found:   fmt.Sprintf("image %q", name), Wanted: "an image named by @sha256",
		Hint: "name the image by its digest",
	})
}

func (p *pipeline) ruleVariables(j *job) {
	if j.component == "" && !j.judge {
		return
	}
	for _, r := range rulesOf(j.table) {
		if v := r.Get("variables"); v != nil && !harmless(v, nil) {
			p.override(j, v, "variables", v)
		}
	}
}
