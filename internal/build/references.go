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

	"github.com/sallyport-dev/sallyport/internal/material"
)

const maxDescribed = 1 << 20 // bytes of a file that names images or actions

// references lists the images that Dockerfiles of the build begin with, and the actions of the workflow that started it.
func (k *maker) references() {
	for _, f := range k.Result.Files {
		rest, below := under(k.Top, f.Path)
		if !below || f.Digest == "" || !dockerfile(path.Base(rest)) {
			continue
		}
		if b, err := small(f.Path, maxDescribed); err == nil {
			k.m.Images = append(k.m.Images, images(k, b, rest)...)
		}
	}
	if k.Workflow != "" && filepath.IsLocal(k.Workflow) {
		if b, err := small(filepath.Join(k.Top, k.Workflow), maxDescribed); err == nil {
			k.m.Actions = actions(k, b, k.Workflow)
		}
	}
	order := func(a, b material.Reference) int {
		return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.Name, b.Name))
	}
	slices.SortFunc(k.m.Images, order)
	slices.SortFunc(k.m.Actions, order)
	k.m.Images, k.m.Actions = slices.Compact(k.m.Images), slices.Compact(k.m.Actions)
}

func dockerfile(base string) bool {
	lower := strings.ToLower(base)
	return lower == "dockerfile" || lower == "containerfile" || strings.HasPrefix(lower, "dockerfile.") || strings.HasSuffix(lower, ".dockerfile")
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
		if stage != "" {
			stages[stage] = true
		}
	}
	return all
}

// actions are what the steps and jobs of a workflow use.
func actions(k *maker, b []byte, where string) (all []material.Reference) {
	for _, m := range usesLine().FindAllSubmatch(b, -1) {
		name := string(m[1])
		if strings.HasPrefix(name, "./") {
			continue // of the commit itself
		}
		r := material.Reference{Name: k.text(name), Where: k.text(where)}
		if _, ref, ok := strings.Cut(name, "@"); ok && commit().MatchString(ref) {
			r.Digest = ref
		}
		all = append(all, r)
	}
	return all
}

var commit = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64}|sha256:[0-9a-f]{64})$`) })
