package pipelines

import (
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// passedOn is the file by which a gate says what it has let in, unless the job
// that enters names another.
const passedOn = ".sallyport/checksums.txt"

// gateAudience is the audience of the ID token by which a job says which one it is.
const gateAudience = "sallyport-gate"

// checkEntering finds jobs that enter and never can, and commands that run before
// the entering, or although it said no.
func checkEntering(p *pipeline) {
	for _, j := range p.jobs {
		if j.enters && !j.judge && !p.brings(j) {
			p.unlisted(j)
		}
		if j.enters {
			p.early(j)
		}
		if j.enters || j.judge && j.component == "" {
			p.tokenless(j)
		}
		if j.enters || j.judge && p.guarded(j) == j.gates {
			p.parting(j)
		}
	}
}

// brings reports whether a job that enters has its list from somewhere else than
// the artifacts of its gate, as far as its commands show.
func (p *pipeline) brings(j *job) bool {
	c := j.judging()
	if list := j.argument("checksums"); list != "" && list != passedOn || j.argument("passed") != "" {
		return true
	}
	for _, item := range j.body() {
		text := strings.ReplaceAll(strings.ReplaceAll(item.Text, "\\\n", " "), c.line, "")
		if !installs(item) && (strings.Contains(text, "checksums") || strings.Contains(text, "artifact")) {
			return true
		}
		if item == c.at {
			return false
		}
	}
	return false
}

// unread reports whether there may be jobs that this file does not show.
func (p *pipeline) unread() bool { return p.unseen() != nil && !p.want.Merged }

// passesOn reports whether a job leaves the list of what a gate has let in. Our
// component does; another job says so in its artifacts.
func (j *job) passesOn() bool {
	if j.component == "gate" || j.judge && j.genuine() {
		return true
	}
	return slices.ContainsFunc(j.get("artifacts").Get("paths").Flat(), func(n *node) bool {
		name := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(n.Str(), "$CI_PROJECT_DIR/"),
			"${CI_PROJECT_DIR}/"), "./")
		return strings.HasPrefix(name, ".sallyport") || strings.Trim(name, "*/.") == ""
	})
}

// lists reports whether a need may bring the list. What cannot be seen may.
func (p *pipeline) lists(n need) bool {
	from, unread := p.named, p.unread()
	if n.elsewhere != "" {
		if !p.fromParent(n) {
			return !p.unsaid(n) || strings.Contains(n.elsewhere, "CI_") // the platform sets some of these
		}
		from, unread = p.parent.named, p.parent.unread()
	}
	if k := from[n.job]; k != nil {
		return k.passesOn()
	}
	return unread
}

// unlisted finds a job that enters and does not get the list of its gate, which
// then refuses whatever there is.
func (p *pipeline) unlisted(j *job) {
	if p.unread() && slices.ContainsFunc(j.table.Get("extends").Flat(),
		func(n *node) bool { return p.base.Get(n.Str()) == nil }) {
		return // its needs may stand there
	}
	f := finding.Finding{
		Rule:    finding.EnterListMissing,
		Message: quote("the job %s does not get the list of what its gate has let in, so it can never enter", j.name),
	}
	f.Wanted, f.Hint = p.listed(j)
	if d := j.table.Get("dependencies"); d != nil && !isReference(d) &&
		!slices.ContainsFunc(d.Flat(), func(n *node) bool { return p.lists(need{job: n.Str()}) }) && !p.fromAbove(j) {
		f.Found, f.Hint = "dependencies: "+show(d), "take dependencies away, or name the job of the gate there too"
		p.find(d, f)
		return
	}
	for _, needs := range j.needs() {
		if needs == nil {
			if !p.unread() && !slices.ContainsFunc(p.jobs, func(k *job) bool { return k.passesOn() && p.earlier(k, j) }) {
				f.Found = "no job with that list in a stage before " + p.stageName(j)
				p.find(j.spot("stage"), f)
				return
			}
			continue
		}
		if p.starved(j, needs, f) {
			return
		}
	}
}

// fromAbove reports whether a job takes the list from another pipeline, to which
// dependencies do not apply.
func (p *pipeline) fromAbove(j *job) bool {
	return slices.ContainsFunc(slices.Concat(j.needs()...),
		func(n need) bool { return n.elsewhere != "" && !n.blind && p.lists(n) })
}

// earlier reports whether a job may be in a stage before another's.
func (p *pipeline) earlier(k, j *job) bool {
	a, b := p.stage(k), p.stage(j)
	return a < 0 || b < 0 || a < b
}

// starved finds needs by which the list does not come, or not always.
func (p *pipeline) starved(j *job, needs []need, f finding.Finding) bool {
	at := j.spot("needs")
	f.Found = "needs: " + names(needs)
	for _, n := range needs {
		switch {
		case !p.lists(n) && p.unsaid(n):
			at, f.Found, f.Severity = n.at, show(n.at), finding.Warning
			f.Message = quote("the job %s takes the list of its gate from a pipeline whose number nobody hands down", j.name)
			f.Hint = quote("let %s say variables: {%s: $CI_PIPELINE_ID}", p.bridge.name,
				strings.Trim(strings.TrimPrefix(n.elsewhere, "pipeline $"), "{}"))
		case !p.lists(n):
		case n.blind:
			at, f.Found, f.Hint = n.at, show(n.at), "take artifacts: false away from the need"
		case n.optional:
			at, f.Found, f.Hint = n.at, show(n.at), "take optional away from the need"
			f.Severity = finding.Warning
			f.Message = quote("the job %s has no list, and cannot enter, when the gate is not in the pipeline", j.name)
		default:
			return false
		}
	}
	if at.Line == 0 {
		at = j.place
	}
	p.find(at, f)
	return true
}

// listed returns the need that brings the list, and how to get it.
func (p *pipeline) listed(j *job) (wanted, hint string) {
	name := "gate:" + j.environment().Str()
	if gates := p.gatesOf(j.environment().Str()); len(gates) > 0 {
		if !gates[0].passesOn() {
			return quote("artifacts: {paths: [.sallyport/]} in %s",
				gates[0].name), quote("let %s keep .sallyport/ as artifacts, and let %s need it", gates[0].name, j.name)
		}
		name = gates[0].name
	} else if p.parent != nil && len(p.parent.gatesOf(j.environment().Str())) > 0 {
		name = p.parent.gatesOf(j.environment().Str())[0].name
		return quote("needs: [{pipeline: $PARENT_PIPELINE_ID, job: %s}]", name),
			quote("let %s say variables: {PARENT_PIPELINE_ID: $CI_PIPELINE_ID}, and this job take the list from that pipeline's gate", p.bridge.name)
	} else {
		return quote("needs: [%s]", name), "include the component gate with that environment, and let the job need its job"
	}
	return quote("needs: [%s]", name), quote("add %s to the needs of %s", name, j.name)
}

// early finds commands that run before those of our component in the job that
// enters: a hook, or the first lines of its script.
func (p *pipeline) early(j *job) {
	f := finding.Finding{
		Rule:    finding.EnterLate,
		Message: quote("the job %s runs other commands before it enters, and these can answer for it", j.name),
	}
	if h := j.table.Get("hooks"); h != nil && whole(h) != "{}" {
		f.Found, f.Wanted, f.Hint = "hooks: "+show(h), "no hooks in a job that enters", "move the commands into script, behind the entering"
		p.find(h, f)
	}
	items := j.body()
	i := slices.IndexFunc(items, func(n *node) bool { return installs(n) || p.entry(n) })
	if i <= 0 {
		return
	}
	f.Found, f.Wanted = show(items[0]), "the entering as the first command"
	f.Hint = "put the !reference to the component's before_script first, and other commands behind it"
	p.find(items[0], f)
}

// entry reports whether a line is what our component enter begins a job with.
func (p *pipeline) entry(line *node) bool {
	return slices.ContainsFunc(p.includes, func(i include) bool {
		return i.component == "enter" && i.built != nil && i.built.Get("before_script") == line
	})
}

// tokenless finds a job that cannot say which one it is, so that its gate never
// answers.
func (p *pipeline) tokenless(j *job) {
	token := j.get("id_tokens").Get("SALLYPORT_ID_TOKEN")
	aud := token.Get("aud").Flat()
	f := finding.Finding{
		Rule:    finding.GateToken,
		Message: quote("the ID token of the job %s is for another audience, so its gate never answers", j.name),
		Found:   "SALLYPORT_ID_TOKEN: " + show(token), Wanted: "SALLYPORT_ID_TOKEN: {aud: " + gateAudience + "}",
		Hint: "give SALLYPORT_ID_TOKEN that audience and no other, and a token for somebody else a name of its own",
	}
	switch {
	case token == nil && (j.judge || p.unread()): // what a file does not show may be there
	case token == nil:
		f.Message = quote("the job %s has no ID token that says which job it is, so it can never enter", j.name)
		f.Found, f.Hint = "id_tokens: "+show(j.get("id_tokens")), "let the job extend the component enter, or add id_tokens: {SALLYPORT_ID_TOKEN: {aud: "+gateAudience+"}}"
		p.find(j.place, f)
	case isReference(token), isReference(token.Get("aud")), strings.Contains(whole(token), "$"):
	case len(aud) != 1 || aud[0].Str() != gateAudience:
		p.find(token, f)
	}
}

var (
	// launching are words by which a command says that it brings something out.
	launching = lazy(`(?i)^(?:\S*[/._:-])?(?:deploy|publish|promote|rollout|upgrade|apply|push|sync|upload)(?:[._:-]\S*)?$`)
	// data are files that a command reads.
	data = lazy(`(?i)\.(?:ya?ml|json|log|txt|env|conf)$`)
	// launchers are programs that are told by their next words what to do.
	launchers = append([]string{"make", "npm", "pnpm", "yarn", "task", "just", "bash", "sh", "python", "python3",
		"terraform", "tofu", "ansible-playbook", "pulumi"}, carriers...)
)

// parting finds a deployment in after_script, which the platform runs although
// the commands before it failed.
func (p *pipeline) parting(j *job) {
	lines := j.script("after_script")
	for _, line := range lines {
		if strings.Contains(line.Text, "CI_JOB_STATUS") {
			return // it asks how the job ended
		}
	}
	for _, line := range lines {
		if !slices.ContainsFunc(strings.FieldsFunc(line.Text,
			func(r rune) bool { return strings.ContainsRune("\n;&|", r) }), launches) {
			continue
		}
		p.find(line, finding.Finding{
			Rule:    finding.DeployAlways,
			Message: quote("the job %s deploys in after_script, which runs although it was not let in", j.name),
			Found:   show(line), Wanted: "the command in script", Hint: "move the command into script",
		})
		return
	}
}

// launches reports whether a command brings something out of the job.
func launches(command string) bool {
	words := strings.Fields(command)
	if len(words) == 0 || slices.Contains(quiet, words[0]) {
		return false
	}
	is := func(w string) bool { return launching().MatchString(w) && !data().MatchString(w) }
	if is(words[0]) {
		return words[0] != "sync" // which writes to the disk
	}
	return slices.Contains(launchers, words[0]) && slices.ContainsFunc(words[1:min(len(words), 4)], is)
}
