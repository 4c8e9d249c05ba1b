package workflows

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
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
		return nil, fault.New(fault.Usage, fault.Config, "", "reading %s: %w", folder, err)
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
		return fault.New(fault.Usage, fault.Config, "", "reading %s: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return fault.New(fault.Usage, fault.Path, "", "%s is not a regular file", name)
	}
	if info.Size() > MaxBytes {
		return fault.New(fault.Usage, fault.Limit, "", "%s has %d bytes, at most %d are allowed", name, info.Size(), MaxBytes)
	}
	return nil
}

var (
	anchor = lazy(`(?:^|[\s\[{,:-])&([^\s\[\]{},&*]+)`)
	alias  = lazy(`(?:^|[\s\[{,:-])\*([^\s\[\]{},&*]+)`)
)

// plain refuses what the parser would not survive or not see: a second
// document, which it drops, and aliases within aliases that multiply, which it
// replaces before anyone can count.
func plain(name string, raw []byte) error {
	lines := strings.Split(string(raw), "\n")
	begun := false
	for i, l := range lines {
		l = strings.TrimRight(l, " \t\r")
		if begun && (l == "---" || l == "..." || strings.HasPrefix(l, "--- ")) && content(lines[i+1:]) {
			return fault.New(fault.Usage, fault.Lint, "keep one workflow in a file", "%s:%d: a second document", name, i+1)
		}
		begun = begun || l != "" && l != "---" && !strings.HasPrefix(l, "#") && !strings.HasPrefix(l, "%")
	}
	if w := weigh(lines); w > maxWeigh {
		return fault.New(fault.Usage, fault.Limit, "write the steps out, or use a reusable workflow", "%s: its aliases stand for more than %d lines", name, maxWeigh)
	}
	return nil
}

func content(lines []string) bool {
	return slices.ContainsFunc(lines, func(l string) bool {
		l = strings.TrimSpace(l)
		return l != "" && l != "..." && !strings.HasPrefix(l, "#")
	})
}

// weigh counts the lines that a file's aliases stand for. An anchor holds its
// own line and those below that are indented further; an alias in it weighs
// what its anchor weighs. That is never less than the truth for block style. In
// flow style indentation says nothing, so there an anchor holds the rest.
func weigh(lines []string) int {
	weight, sum := map[string]int{}, 0
	for i, l := range lines {
		for _, m := range anchor().FindAllStringSubmatch(l, -1) {
			weight[m[1]] = held(lines, i, weight)
		}
		for _, m := range alias().FindAllStringSubmatch(l, -1) {
			if sum += weight[m[1]]; sum > maxWeigh {
				return sum
			}
		}
	}
	return sum
}

// held weighs the anchor on line i.
func held(lines []string, i int, weight map[string]int) int {
	depth, flow, sum := indent(lines[i]), strings.ContainsAny(lines[i], "{["), 0
	for n, l := range lines[i:] {
		if n > 0 && !flow && strings.TrimSpace(l) != "" && indent(l) < depth+1 && !strings.HasPrefix(strings.TrimSpace(l), "-") {
			break
		}
		sum++
		for _, m := range alias().FindAllStringSubmatch(l, -1) {
			sum += weight[m[1]]
		}
		if sum > maxWeigh {
			break
		}
	}
	return sum
}

func indent(l string) int { return len(l) - len(strings.TrimLeft(l, " ")) }
