package workflows

import (
	"bytes"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// builders are actions that build something, or hand on what was built.
var builders = []string{"goreleaser/goreleaser-action", "docker/build-push-action", "softprops/action-gh-release",
	"actions/upload-artifact", "actions/upload-release-asset", "pypa/gh-action-pypi-publish", "ncipollo/release-action"}

// releasing are the beginnings of commands that do.
var releasing = []string{"gh release upload", "gh release create", "goreleaser ", "npm publish", "docker push", "ko build", "ko publish"}

// Builds returns the names of the jobs of a workflow that seem to build what is released. A
// file that cannot be read has none: this is a guess, and a person looks at it.
func Builds(raw []byte) []string {
	d, err := yamlnode.Parse(bytes.TrimPrefix(raw, []byte("\ufeff")), yamlnode.Options{Limits: limits})
	if err != nil || len(d.Roots) != 1 {
		return nil
	}
	var out []string
	jobs := d.Roots[0].Get("jobs")
	if jobs == nil {
		return nil
	}
	for _, f := range jobs.Fields {
		steps := f.Value.Get("steps")
		if steps != nil && slices.ContainsFunc(steps.Items, buildStep) {
			out = append(out, f.Key.Str())
		}
	}
	return out
}

func buildStep(step *yamlnode.Node) bool {
	text := func(name string) string {
		if n := step.Get(name); n != nil {
			return n.Str()
		}
		return ""
	}
	action, _, _ := strings.Cut(text("uses"), "@")
	run := text("run")
	return slices.Contains(builders, action) ||
		slices.ContainsFunc(releasing, func(c string) bool { return strings.Contains(run, c) })
}
