package pipelines

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// neutral variables move bytes about and decide nothing: what is downloaded is
// held against the component's own digest.
var neutral = []string{"SALLYPORT_RELEASES", "GIT_DEPTH", "GIT_FETCH_EXTRA_FLAGS", "GET_SOURCES_ATTEMPTS", "ARTIFACT_DOWNLOAD_ATTEMPTS", "TRANSFER_METER_FREQUENCY"}

// families of variables that choose what a shell or our binary runs, trusts or
// asks. The platform's own come last: a pipeline's variable hides them.
var families = []string{
	"SALLYPORT_", "SIGSTORE_", "TUF_", "LD_", "DYLD_", "BASH_", "GIT_CONFIG", "GIT_SSH", "GIT_EXEC", "GITHUB_", "GITLAB_", "RUNNER_", "CI_",
}

var single = []string{
	"PATH", "ENV", "SHELLOPTS", "BASHOPTS", "IFS", "PS4", "CDPATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "GODEBUG", "GOFLAGS", "CURL_HOME", "WGETRC", "CI",
}

// dangerous reports whether a variable changes what a gate does.
func dangerous(e entry) bool {
	if slices.Contains(neutral, e.Name) {
		return false
	}
	switch v := value(e.Value).Str(); e.Name {
	case "GIT_STRATEGY":
		// Without a checkout the policy is a file of another job.
		return v != "clone" && v != "fetch"
	case "GIT_CHECKOUT":
		return truthOf(value(e.Value)) != yes && v != "true"
	}
	return slices.Contains(single, e.Name) || slices.ContainsFunc(families, func(f string) bool { return strings.HasPrefix(e.Name, f) })
}

// checkInherited finds what reaches our components' jobs from the top of the
// file: commands that run in the same shell, an image, variables.
func checkInherited(p *pipeline) {
	seen := map[*node]bool{}
	for _, j := range p.jobs {
		if j.component == "" && !j.judge && !j.enters && !strings.Contains(j.text, installer) {
			continue
		}
		switch {
		case j.component != "" || j.genuine():
			p.inheritedCommands(j, seen, "before_script", "after_script", "hooks")
		case j.enters:
			p.inheritedCommands(j, seen, "hooks")
		}
		p.inheritedVariables(j, seen)
	}
}

func (p *pipeline) inheritedCommands(j *job, seen map[*node]bool, keys ...string) {
	for _, key := range keys {
		v := j.defaults.Get(key)
		if v == nil || j.table.Raw(key) != nil || len(v.Flat()) == 0 || seen[v] {
			continue
		}
		seen[v] = true
		p.find(v, finding.Finding{
			Rule:    finding.GateInherits,
			Message: quote("the default %s runs in the job %s too, and can end or answer for it", key, j.name),
			Found:   key + ": " + show(v), Wanted: "no commands but the component's",
			Hint: fmt.Sprintf("give %q the key inherit: {default: false}, or move the commands to the jobs that need them", j.name),
		})
	}
	if v := j.defaults.Get("image"); v != nil && j.table.Raw("image") == nil && !seen[v] {
		seen[v] = true
		p.image(j, v, finding.Warning)
	}
}

func (p *pipeline) inheritedVariables(j *job, seen map[*node]bool) {
	for _, e := range p.variables(j) {
		if !dangerous(e) || seen[e.Key] || e.Name == "GIT_STRATEGY" && j.enters && j.pinned() {
			continue
		}
		seen[e.Key] = true
		p.find(e.Key, finding.Finding{
			Rule:    finding.GateVariables,
			Message: quote("the global variable %s reaches the job %s", e.Name, j.name),
			Found:   e.Name + ": " + show(e.Value), Wanted: "set only in the jobs that need it",
			Hint: "move the variable to the jobs that need it",
		})
	}
}

// checkFed finds jobs whose results outrank what a gate is told: the variables
// of a dotenv report do, and so does a file in the place of a checked out one.
func checkFed(p *pipeline) {
	seen := map[*node]bool{}
	for _, g := range p.jobs {
		if !g.judge && !g.enters && g.component == "" {
			continue
		}
		for _, j := range p.jobs {
			n := j.feeds()
			if n == nil || seen[n] || g.enters && !g.judge && !holdsGit(n) { // what else enters is checkPolicies'
				continue
			}
			if !g.unmoved(j, n) && p.fedBy(g, j) {
				seen[n] = true
				p.fed(g, j, n)
			}
		}
	}
}

// feeds returns what a job leaves that outranks a gate's own, or nil.
func (j *job) feeds() *node {
	if j.component != "" || j.judge || j.signs() {
		return nil
	}
	artifacts := j.get("artifacts")
	if d := artifacts.Get("reports").Get("dotenv"); d != nil {
		return d
	}
	for _, n := range artifacts.Get("paths").Flat() {
		switch strings.TrimRight(strings.TrimPrefix(n.Str(), "./"), "/*") {
		case "", ".", ".sallyport", "$CI_PROJECT_DIR", "${CI_PROJECT_DIR}":
			return n
		}
		if strings.HasPrefix(strings.TrimPrefix(n.Str(), "./"), ".sallyport/policy") || holdsGit(n) {
			return n
		}
	}
	return nil
}

// unmoved reports whether what a job leaves does not matter to a gate: a file, and
// the gate's policy is pinned, or it is a signer that reads none.
func (j *job) unmoved(by *job, n *node) bool {
	if n == by.get("artifacts").Get("reports").Get("dotenv") {
		return false
	}
	return (j.judge || j.enters) && j.pinned() || j.component == "attest" &&
		(strings.Contains(n.Str(), ".sallyport/policy") || holdsGit(n))
}

// holdsGit reports whether a path of artifacts reaches into a folder .git: in one
// of those, the commit lies that a gate reads its policy from.
func holdsGit(n *node) bool {
	return slices.ContainsFunc(strings.Split(n.Str(), "/"), func(s string) bool {
		is, _ := path.Match(s, ".git")
		return is && strings.Trim(s, "*?") != ""
	})
}

// fedBy reports whether job g gets the artifacts of job j.
func (p *pipeline) fedBy(g, j *job) bool {
	for _, needs := range g.needs() {
		if needs == nil {
			s := p.stage(j)
			return s >= 0 && s < p.stage(g) && g.table.Get("dependencies") == nil
		}
		if slices.ContainsFunc(needs, func(n need) bool { return n.job == j.name && n.elsewhere == "" && !n.blind }) {
			return true
		}
	}
	return slices.ContainsFunc(g.table.Get("dependencies").Flat(), func(n *node) bool { return n.Str() == j.name })
}

func (p *pipeline) fed(g, j *job, n *node) {
	f := finding.Finding{
		Rule:    finding.GateFed,
		Message: quote("what the job %s leaves outranks what %s is told", j.name, g.name),
		Found:   show(n), Wanted: "artifacts with the folders of what was built, one by one",
		Hint: "leave variables to a job that the gate does not need, and list the folders of the artifacts",
	}
	if holdsGit(n) {
		f.Message = quote("what the job %s leaves is unpacked over the commit that %s reads its policy from", j.name, g.name)
		f.Wanted, f.Hint = "artifacts without .git", "take .git out of the paths: nothing of it belongs into an artifact"
	}
	p.find(n, f)
}
