package workflows

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

const folder = ".github/workflows"

// Files returns the paths of the workflows of the repository at root, sorted.
// A repository without workflows has none; one with more or larger ones than
// are read is an error, because an unread file may be the one that deploys.
func Files(root fs.FS) ([]string, error) {
	info, err := fs.Stat(root, folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !info.IsDir() { // to list it could be to wait for it
		return nil, fault.New(fault.Usage, fault.Path, "", "%s is not a directory", folder)
	}
	entries, err := fs.ReadDir(root, folder)
	if err != nil {
		return nil, fault.New(fault.Usage, fault.Config, "", "reading %s: %w", folder, fault.Cause(err))
	}
	var out []string
	for _, e := range entries {
		if ext := path.Ext(e.Name()); ext != ".yml" && ext != ".yaml" {
			continue
		}
		name := path.Join(folder, e.Name())
		if err := readable(root, name); err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	if len(out) > MaxFiles {
		return nil, fault.New(fault.Usage, fault.Limit, "", "%s has %d workflows, at most %d are allowed", folder, len(out), MaxFiles)
	}
	slices.Sort(out)
	return out, nil
}

func readable(root fs.FS, name string) error {
	info, err := fs.Lstat(root, name)
	if err != nil {
		return fault.New(fault.Usage, fault.Config, "", "reading %s: %w", name, fault.Cause(err))
	}
	if !info.Mode().IsRegular() {
		return fault.New(fault.Usage, fault.Path, "", "%s is not a regular file", name)
	}
	if info.Size() > MaxBytes {
		return fault.New(fault.Usage, fault.Limit, "", "%s has %d bytes, at most %d are allowed", name, info.Size(), MaxBytes)
	}
	return nil
}

// limits of the YAML of a workflow. Its values are counted after aliases are
// followed: the parser of workflows replaces these before anyone can count.
var limits = yamlnode.Limits{Bytes: MaxBytes, Depth: 100, Tokens: 200_000, Keys: 5000, Nodes: 200_000}

// plain refuses what the parser of workflows would not survive or not see:
// aliases within aliases that multiply, and a second document, which it drops.
func plain(name string, raw []byte) error {
	d, err := yamlnode.Parse(bytes.TrimPrefix(raw, []byte("\ufeff")), yamlnode.Options{Limits: limits})
	var bad *yamlnode.Error
	switch {
	case errors.As(err, &bad) && bad.Limit:
		return fault.New(fault.Usage, fault.Limit, "write the steps out, or use a reusable workflow", "%s%s: %w",
			name, place(bad.Line, bad.Column), bad)
	case errors.As(err, &bad):
		return fault.New(fault.Usage, fault.Lint, correct, "%s%s: not YAML: %w", name, place(bad.Line, bad.Column), bad)
	case len(d.Roots) > 1:
		return fault.New(fault.Usage, fault.Lint, "keep one workflow in a file", "%s:%d: a second document", name,
			d.Roots[1].Line)
	}
	return nil
}

// place is a line and a column as a name of a file is followed by them.
func place(line, column int) string {
	if line == 0 {
		return ""
	}
	return fmt.Sprintf(":%d:%d", line, column)
}
