package workflows

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/starter"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// hand adds the upload behind the last step of a job, so that nothing of it waits for that. A
// job that takes every artifact would take this one too.
func (x *wire) hand(job, list *yamlnode.Node) error {
	if x.Server {
		return starter.NoPlace("a GitHub Enterprise Server has no artifacts of version 4, which would hand files to the gate")
	}
	for _, f := range fields(x.Root.Get("jobs")) {
		if why := takes(f.Value); why != "" && !slices.Contains(x.Accepted, starter.AcceptArtifact) {
			return &starter.Ask{Word: starter.AcceptArtifact, Why: fmt.Sprintf(
				"what is handed to the gate is an artifact called %s, and job %s %s: it could be released with the rest",
				artifact, f.Name, why)}
		}
		for _, s := range steps(f.Value) {
			if action(s) == "actions/upload-artifact" && s.Get("with").Get("name").Str() == artifact {
				return starter.NoPlace("job %s uploads an artifact that is called %s already", f.Name, artifact)
			}
		}
	}
	x.legs = matrix(job)
	return x.Element(list, len(list.Items), x.handOver())
}

// takes says how a job could get an artifact that it does not name; "" where it cannot.
func takes(job *yamlnode.Node) string {
	if job.Get("uses") != nil {
		return "is a reusable workflow, which may take every artifact of the run"
	}
	for _, s := range steps(job) {
		a, with := action(s), s.Get("with")
		name, pattern := with.Get("name").Str(), with.Get("pattern").Str()
		script := s.Get("run").Str()
		switch {
		case strings.HasSuffix(a, "/download-artifact") && name == "" && with.Get("artifact-ids").Str() == "" && fits(pattern),
			strings.HasSuffix(a, "/action-download-artifact") && name == "",
			strings.HasSuffix(a, "/upload-artifact/merge") && fits(pattern):
			return "takes every artifact of the run, or those of a pattern that this one fits"
		case strings.HasSuffix(a, "/download-artifact") && strings.Contains(name, "${{"):
			return "takes an artifact whose name is an expression"
		case strings.Contains(script, "gh run download"):
			return "runs gh run download"
		}
	}
	return ""
}

// fits reports whether our artifacts could be of a pattern; "" is of all.
func fits(pattern string) bool {
	if pattern == "" || strings.ContainsAny(pattern, "${[?(!") {
		return true
	}
	first, _, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == artifact
	}
	whole := artifact + "-"
	return strings.HasPrefix(whole, first) || strings.HasPrefix(first, whole[:len(artifact)])
}

// handOver is the step that hands on what was built, and the bundles where no store has them.
func (x *wire) handOver() string {
	x.upload = handed{artifact, starter.Root(x.Subject)}
	paths, hidden := x.Subject, ""
	if x.HandOver {
		paths, hidden = append(slices.Clone(paths), starter.Bundles), "    include-hidden-files: true\n"
		x.upload.root = starter.Root(paths)
	}
	name := artifact
	if x.legs {
		name += "-${{ strategy.job-index }}" // two jobs of a matrix cannot upload one
	}
	return "- uses: " + uploadAction + "\n" + stopsNothing + "  with:\n    name: " + name + "\n    path: " + written(
		paths,
		"      ",
	) + hidden
}

// handsOn finds the upload of a folder or a pattern that all subjects lie in.
func handsOn(all []*yamlnode.Node, subject []string) handed {
	for _, s := range all {
		if action(s) != "actions/upload-artifact" {
			continue
		}
		with := s.Get("with")
		own := patterns(with.Get("path").Str())
		name := with.Get("name").Str()
		if len(own) != 1 || name == "" || strings.Contains(name, "${{") {
			continue
		}
		root := starter.Root(own)
		if root == starter.Root(subject) && (path.Base(own[0]) == "*" || slices.Equal(own, subject)) {
			return handed{name, root}
		}
	}
	return handed{}
}
