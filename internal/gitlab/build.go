package gitlab

import (
	"cmp"
	"context"
	"regexp"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Configured is a pipeline's configuration, as GitLab puts it together of a commit, and what it says of the
// jobs that ran.
type Configured struct {
	Merged  []byte
	Job     string            // that the address names, as the configuration calls it
	Project string            // path of the project
	Path    string            // of the configuration's file, as the project has it now
	Moving  []string          // included files that can be others now than when the pipeline ran
	Runners map[string]string // by job: a runner that the platform does not operate for everybody
}

// Configured returns the configuration of a commit, for a job of a pipeline that was of it. A job that is
// not there, and a configuration that is not shown, is a fault of somebody who does not answer.
func (repo *Repo) Configured(ctx context.Context, run, commit string) (Configured, error) {
	out := Configured{Project: repo.path, Runners: map[string]string{}}
	id, ours := repo.jobIn(run)
	if !ours || !wholeCommit().MatchString(commit) {
		return out, fault.New(fault.Usage, fault.NotAvailable, "gate it in a job of the project that builds it",
			"%q at commit %q is not a job of %s", run, commit, repo.web(""))
	}
	b, p, err := repo.built(ctx, id)
	if err != nil {
		return out, repo.notShown(err, "job "+id)
	}
	out.Job = base(b.Name)
	h, err := one[struct {
		Path string `json:"ci_config_path"`
	}](ctx, repo, question{path: repo.project("")})
	if err != nil {
		return out, repo.notShown(err, "settings")
	}
	out.Path = cmp.Or(h.Path, ".gitlab-ci.yml")
	all, err := list[struct {
		Name   string `json:"name"`
		Runner *struct {
			Kind string `json:"runner_type"`
		} `json:"runner"`
	}](ctx, repo, question{path: repo.project("/pipelines/" + itoa(p.ID) + "/jobs"), hint: readFacts})
	if err != nil {
		return out, repo.notShown(err, "the jobs of pipeline "+itoa(p.ID))
	}
	for _, j := range all {
		switch name := base(j.Name); {
		case j.Runner == nil:
			out.Runners[name] = "a runner that GitLab does not name"
		case j.Runner.Kind != "instance_type":
			out.Runners[name] = "a runner of a project or group (" + j.Runner.Kind + ")"
		}
	}
	l, err := one[struct {
		Valid    *bool      `json:"valid"`
		Errors   []string   `json:"errors"`
		Merged   string     `json:"merged_yaml"`
		Includes []included `json:"includes"`
	}](ctx, repo, question{path: repo.project("/ci/lint"), hint: readFacts,
		query: map[string][]string{"content_ref": {commit}}})
	switch {
	case err != nil:
		return out, repo.notShown(err, "its configuration at commit "+commit)
	case l.Valid == nil || !*l.Valid:
		return out, fault.New(fault.Unavailable, fault.NotAvailable, "",
			"%w at commit %s: %q", errInvalid, commit, l.Errors[:min(5, len(l.Errors))])
	}
	out.Merged = []byte(l.Merged)
	for _, i := range l.Includes {
		if name := i.moving(); name != "" {
			out.Moving = append(out.Moving, name)
		}
	}
	return out, nil
}

// notShown is err, and where that is a 404 the fault of something that is not shown.
func (repo *Repo) notShown(err error, what string) error {
	if !absent(err) {
		return err
	}
	return fault.New(fault.Unavailable, fault.NotAvailable, cmp.Or(repo.Need, readFacts),
		"%s has no %s, or does not show it to this token", repo.Name(), what)
}

// included is one file of a configuration (https://docs.gitlab.com/api/lint).
type included struct {
	Type     string `json:"type"`
	Location string `json:"location"`
	Extra    struct {
		Project string `json:"project"`
		Ref     string `json:"ref"`
	} `json:"extra"`
}

// moving names an include that is another file once something is pushed, or the instance is updated; "" for one that
// is not. What is local is of the commit of the file that includes it.
func (i included) moving() string {
	_, ref, _ := strings.Cut(i.Location, "@")
	switch i.Type {
	case "local":
		return ""
	case "file":
		if wholeCommit().MatchString(i.Extra.Ref) {
			return ""
		}
		return i.Extra.Project + "/" + strings.TrimPrefix(i.Location, "/") + "@" + i.Extra.Ref
	case "component":
		if wholeCommit().MatchString(ref) {
			return ""
		}
	case "template":
		return "template/" + i.Location
	}
	return i.Location
}

var wholeCommit = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`) })

// base is the name of a job in its file: one of several at once has a number or values behind it.
func base(name string) string { return parallel().ReplaceAllString(name, "") }

var parallel = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?: [0-9]+/[0-9]+|: \[.*\])$`) })
