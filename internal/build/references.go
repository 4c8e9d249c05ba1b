package build

import (
	"bytes"
	"cmp"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

const maxDescribed = 1 << 20 // bytes of a file that names images or actions

// references lists the images that Dockerfiles of the build begin with, and the actions of the workflow that started it.
func (k *maker) references() {
	for _, f := range k.Result.Files {
		rest, below := under(k.Top, f.Path)
		if !below || f.Digest == "" || !dockerfile(path.Base(rest)) {
			continue
		}
		if b, err := file.Read(f.Path, maxDescribed); err == nil {
			k.m.Images = append(k.m.Images, images(k, b, rest)...)
		}
	}
	if filepath.IsLocal(k.Workflow) {
		if b, err := file.Read(filepath.Join(k.Top, k.Workflow), maxDescribed); err == nil {
			k.m.Actions = k.pinned(actions(k, b, k.Workflow))
		}
	}
	order := func(a, b material.Reference) int {
		return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.Name, b.Name))
	}
	slices.SortFunc(k.m.Images, order)
	slices.SortFunc(k.m.Actions, order)
	k.m.Images, k.m.Actions = slices.Compact(k.m.Images), slices.Compact(k.m.Actions)
}

// pinLimits are those of a lock file of workflows.
var pinLimits = yamlnode.Limits{Bytes: maxDescribed, Depth: 16, Tokens: 1 << 18, Keys: 10_000, Nodes: 1 << 17}

// pinned adds what the lock file of workflows says: the commits of actions that the workflow names by a tag, and of those that
// they use in turn.
func (k *maker) pinned(named []material.Reference) []material.Reference {
	if !filepath.IsLocal(k.Pins) {
		return named
	}
	b, err := file.Read(filepath.Join(k.Top, k.Pins), maxDescribed)
	if err != nil {
		return named
	}
	doc, err := yamlnode.Parse(b, yamlnode.Options{Plain: true, Limits: pinLimits})
	if err != nil || len(doc.Roots) != 1 {
		return named
	}
	commits := map[string]string{}
	for _, f := range doc.Roots[0].Get("dependencies").Fields {
		if id, is := strings.CutPrefix(f.Value.Get("commit").Str(), "sha1-"); is && commit().MatchString(id) {
			commits[f.Name] = id
		}
	}
	for i, r := range named {
		// An action may lie in a folder of its repository, and the lock names the repository.
		whole, ref, _ := strings.Cut(r.Name, "@")
		parts := strings.SplitN(whole, "/", 3)
		if id := commits[r.Name]; r.Digest == "" && id != "" {
			named[i].Digest = id
		} else if r.Digest == "" && len(parts) > 2 {
			named[i].Digest = commits[parts[0]+"/"+parts[1]+"@"+ref]
		}
	}
	for name, id := range commits {
		named = append(named, material.Reference{Name: k.text(name), Digest: id, Where: k.text(k.Pins)})
	}
	return named
}

func dockerfile(base string) bool {
	lower := strings.ToLower(base)
	return lower == "dockerfile" || lower == "containerfile" || strings.HasPrefix(lower, "dockerfile.") ||
		strings.HasSuffix(lower, ".dockerfile")
}

var (
	fromLine = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?mi)^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?`)
	})
	usesLine = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?m)^[\s-]*["']?(?:uses|component)["']?\s*:\s*["']?([^\s"'#]+)`)
	})
)

// images are those of the FROM lines of a Dockerfile that are no earlier stage.
func images(k *maker, b []byte, where string) (all []material.Reference) {
	stages := map[string]bool{"scratch": true}
	for _, m := range fromLine().FindAllSubmatch(b, -1) {
		name, stage := string(m[1]), strings.ToLower(string(bytes.TrimSpace(m[2])))
		if !stages[strings.ToLower(name)] {
			_, digest, _ := strings.Cut(name, "@")
			all = append(all, material.Reference{Name: k.text(name), Digest: k.text(digest), Where: k.text(where)})
		}
		stages[stage] = true
	}
	return all
}

// actions are what the steps and jobs of a workflow use.
func actions(k *maker, b []byte, where string) (all []material.Reference) {
	for _, m := range usesLine().FindAllSubmatch(b, -1) {
		name := string(m[1])
		if strings.HasPrefix(name, "./") || strings.HasPrefix(name, "$/") {
			continue // of the commit itself
		}
		r := material.Reference{Name: k.text(name), Where: k.text(where)}
		if _, ref, _ := strings.Cut(name, "@"); commit().MatchString(ref) {
			r.Digest = ref
		}
		all = append(all, r)
	}
	return all
}

var commit = sync.OnceValue(
	func() *regexp.Regexp { return regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64}|sha256:[0-9a-f]{64})$`) },
)
