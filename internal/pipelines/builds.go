package pipelines

import (
	"slices"
	"strings"
)

// Builds returns the names of the jobs of a pipeline file that seem to build what is released:
// those that keep artifacts, or push an image. A file that cannot be read has none: this is a
// guess, and a person looks at it.
func Builds(file string, raw []byte) []string {
	d, err := read(file, raw)
	if err != nil || d.root == nil {
		return nil
	}
	var out []string
	for _, f := range d.root.Fields {
		name := f.Key.Str()
		if strings.HasPrefix(name, ".") || slices.Contains([]string{"default", "pages", "include", "stages", "variables", "workflow"}, name) {
			continue
		}
		job := f.Value
		if a := job.Get("artifacts"); a != nil && a.Get("paths") != nil || pushes(job.Get("script")) {
			out = append(out, name)
		}
	}
	return out
}

func pushes(script *node) bool {
	if script == nil {
		return false
	}
	for _, n := range script.Flat() {
		if s := n.Str(); strings.Contains(s, "docker push") || strings.Contains(s, "goreleaser ") || strings.Contains(s, "packages/generic") {
			return true
		}
	}
	return false
}
