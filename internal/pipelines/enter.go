package pipelines

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/wiring"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// entryPrefix is how the hidden jobs of our component enter are called; the name of
// the environment follows.
const entryPrefix = ".enter:"

// checkEntries finds jobs that extend our component enter and replace the
// commands by which it enters.
func checkEntries(p *pipeline) {
	for _, j := range p.jobs {
		own := j.table.Raw("before_script")
		if own == nil || slices.ContainsFunc(j.calls, func(c command) bool { return c.verb == "enter" }) ||
			unresolved(own) != nil {
			continue
		}
		name := p.entryOf(j)
		if name == "" {
			continue
		}
		p.find(own, finding.Finding{
			Rule:    finding.EnterReplaced,
			Message: quote("the job %s extends %s and replaces the commands that enter", j.name, name),
			Found:   "before_script: " + show(own), Wanted: fmt.Sprintf("before_script: [!reference [%q, before_script], ...]",
				name),
			Hint: fmt.Sprintf("put !reference [%q, before_script] first into before_script, or the commands into script", name),
		})
	}
}

// entryOf returns the hidden job of our component that a job extends, at any
// distance, or nothing.
func (p *pipeline) entryOf(j *job) string {
	seen, queue := map[string]bool{}, j.table.Get("extends").Flat()
	for ; len(queue) > 0 && len(seen) < 100; queue = queue[1:] {
		name := queue[0].Str()
		if strings.HasPrefix(name, entryPrefix) {
			return name
		}
		if !seen[name] {
			seen[name] = true
			queue = append(queue, p.doc.root.Get(name).Get("extends").Flat()...)
		}
	}
	return ""
}

// unresolved returns a reference to our component's hidden job that leads
// nowhere in this file, or nil.
func unresolved(commands *node) *node {
	if isReference(commands) && len(commands.Items) > 0 && strings.HasPrefix(commands.Items[0].Str(), entryPrefix) {
		return commands
	}
	if isList(commands) {
		for _, n := range commands.Items {
			if r := unresolved(n); r != nil {
				return r
			}
		}
	}
	return nil
}

// unseenEntry reports whether a job enters by a hidden job that only an unread
// include can bring, and says so.
func (p *pipeline) unseenEntry(j *job, env string) bool {
	if p.unseen() == nil || p.want.Merged {
		return false
	}
	at := unresolved(j.table.Raw("before_script"))
	if name := p.entryOf(j); at == nil && name != "" && p.base.Get(name) == nil && j.table.Raw("before_script") == nil {
		at = j.spot("extends")
	}
	if at == nil {
		return false
	}
	p.find(at, finding.Finding{
		Rule: finding.GateUnseen, Severity: finding.Warning,
		Message: quote("the job %s enters %s by commands that this file does not have", j.name, env),
		Found:   show(at), Wanted: "the merged YAML",
		Hint: "check the merged YAML, which has the jobs of all includes",
	})
	return true
}

// stale finds a job that starts long after its gate, and so enters on an answer
// that nobody would give any more: the policy, the approvals, or what is
// deployed by now may be others.
func (p *pipeline) stale(j *job, env string) {
	if j.action() != "start" {
		return
	}
	f := finding.Finding{
		Rule: finding.GateStale, Wanted: quote("extends: %s", entryPrefix+env),
		Hint: "include the component enter with environment: " + env + ", and let the job extend " + entryPrefix + env + ", so that it asks again when it starts",
	}
	if n := j.later(); n != nil {
		f.Message = quote("the job %s enters %s whenever somebody or a timer starts it, long after its gate", j.name, env)
		f.Found = "when: " + show(n)
		p.find(n, f)
		return
	}
	if n := j.table.Get("retry"); repeats(n) {
		f.Severity = finding.Warning
		f.Message = quote("the job %s enters %s again when it fails, and its gate is not asked again", j.name, env)
		f.Found = "retry: " + show(n)
		p.find(n, f)
	}
}

// later returns the when that lets a job start long after those before it, or nil.
func (j *job) later() *node {
	for _, n := range append([]*node{j.table}, rulesOf(j.table)...) {
		if w := n.Get("when"); w.Str() == "manual" || w.Str() == "delayed" {
			return w
		}
	}
	return nil
}

// machines are reasons to retry a job that has not run.
var machines = []string{
	"runner_system_failure", "runner_unsupported", "stuck_or_timeout_failure", "stale_schedule", "scheduler_failure", "archived_failure",
	"data_integrity_failure", "unmet_prerequisites",
}

// repeats reports whether a job is run again after it ran.
func repeats(retry *node) bool {
	if retry == nil || retry.Kind != yamlnode.Map {
		return retry != nil && retry.Str() != "0" && retry.Kind == yamlnode.Scalar
	}
	when := retry.Get("when").Flat()
	onlyMachines := len(when) > 0 && !slices.ContainsFunc(when,
		func(n *node) bool { return !slices.Contains(machines, n.Str()) })
	return retry.Get("max").Str() != "0" && !onlyMachines
}

// carriers are programs that bring something out of the job; they read no
// variable of ours.
var carriers = []string{
	"aws", "az", "gcloud", "gsutil", "glab", "kubectl", "helm", "docker", "podman", "crane", "skopeo", "oras", "scp", "rsync", "rclone", "twine", "npm", "flyctl", "heroku",
}

// quiet are commands that deploy nothing.
var quiet = []string{"cd", "ls", "echo", "set", "export", "mkdir", "cp", "mv", "chmod", "apk", "apt-get", "ssh-add",
	"sleep", "cat", "date", "test"}

// untaken finds a job that says all that it does, and of what the gate puts out
// nothing. What a script of the project reads is not seen.
func (p *pipeline) untaken(j *job, gates []*job) {
	lines := j.body()
	carried := (*node)(nil)
	for _, item := range lines {
		for _, line := range strings.Split(item.Text, "\n") {
			words := strings.Fields(line)
			switch {
			case len(words) == 0 || slices.Contains(quiet, words[0]) || strings.HasPrefix(words[0], "#"):
			case slices.Contains(carriers, words[0]):
				carried = item
			default:
				return
			}
		}
	}
	text := strings.ToLower(j.text + whole(j.table.Get("variables")))
	if carried == nil || strings.Contains(text, "sallyport") || strings.Contains(text, "digest") ||
		strings.Contains(text, "sha256") {
		return
	}
	p.find(carried, finding.Finding{
		Rule: finding.GateResultIgnored, Severity: finding.Note,
		Message: quote("the job %s uses nothing of what %s puts out, so what it deploys may be something else", j.name,
			gates[0].name),
		Found: show(carried), Wanted: "$SALLYPORT_DIGESTS, $SALLYPORT_IMAGES or the file of $SALLYPORT_ALLOWED_CHECKSUMS",
		Hint: "deploy what the gate let in by its digest, or let the job extend the component enter",
	})
}

// narrower finds a job that deploys a whole folder, of which its gate judges
// some files.
func (p *pipeline) narrower(j *job, gates []*job) {
	for _, g := range gates {
		subject := g.argument("subject")
		folders := wiring.Folders(strings.FieldsFunc(subject,
			func(r rune) bool { return strings.ContainsRune(" ,\"'[]\n\t", r) }))
		if g.argument("checksums") != "" || len(folders) == 0 {
			continue
		}
		for _, line := range j.body() {
			words := strings.Fields(strings.NewReplacer(`"`, " ", `'`, " ").Replace(line.Text))
			if len(words) == 0 || !slices.Contains(carriers, words[0]) || strings.Contains(line.Text, "--exclude") ||
				strings.Contains(line.Text, "--include") {
				continue
			}
			for _, w := range words[1:] {
				if folder, is := wiring.WholeFolder(w); is && slices.Contains(folders, folder) {
					p.find(line, finding.Finding{
						Rule: finding.SubjectNarrower, Severity: finding.Warning,
						Message: quote("the job %s deploys files that %s does not judge", j.name, g.name),
						Found:   quote("%s, and the subject %s", w, subject), Wanted: "the same files for both",
						Hint: "give the gate the same files, or deploy those that the file of $SALLYPORT_ALLOWED_CHECKSUMS names",
					})
					return
				}
			}
		}
	}
}
