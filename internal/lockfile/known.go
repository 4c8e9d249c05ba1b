package lockfile

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// A State says what Read makes of a file. The zero State is of a file that has nothing to do with locks.
type State string

// The states of files.
const (
	Unknown   State = ""
	Reads     State = "read"
	NotRead   State = "not-read"   // a lock file whose format is not read here
	NotLocked State = "not-locked" // a manifest of a tool that has no lock file
)

var read = map[string]Kind{
	"go.mod":              GoMod,
	"go.sum":              GoSum,
	"go.work.sum":         GoSum,
	"package-lock.json":   NPM,
	"npm-shrinkwrap.json": NPM,
	"pnpm-lock.yaml":      PNPM,
	"Cargo.lock":          Cargo,
	"uv.lock":             UV,
	"poetry.lock":         Poetry,
}

// unread are lock files of other tools.
var unread = []string{
	".terraform.lock.hcl", "Cartfile.resolved", "Chart.lock", "Gemfile.lock", "MODULE.bazel.lock",
	"Manifest.toml", "Package.resolved", "Pipfile.lock", "Podfile.lock", "build.sbt.lock",
	"buildscript-gradle.lockfile", "bun.lock", "bun.lockb", "cabal.project.freeze", "composer.lock", "conan.lock",
	"conda-lock.yml", "deno.lock", "flake.lock", "gems.locked", "gradle.lockfile", "mix.lock",
	"packages.lock.json", "pdm.lock", "pixi.lock", "pubspec.lock", "pylock.toml", "rebar.lock", "renv.lock",
	"shard.lock", "stack.yaml.lock", "vcpkg-lock.json", "verification-metadata.xml", "yarn.lock",
}

// without are manifests of tools that write no lock file.
var without = []string{"build.xml", "ivy.xml", "pom.xml", "setup.cfg", "setup.py"}

// Known says what a file is, by its name without folders. kind is "" where it is not read.
func Known(base string) (kind Kind, state State) {
	switch k, ok := read[base]; {
	case ok:
		return k, Reads
	case isRequirements(base):
		return Requirements, Reads
	case slices.Contains(unread, base):
		return "", NotRead
	case slices.Contains(without, base):
		return "", NotLocked
	}
	return "", Unknown
}

// isRequirements reports whether people name a requirements file of pip so.
func isRequirements(base string) bool {
	lower := strings.ToLower(base)
	return strings.HasPrefix(lower, "requirements") && strings.HasSuffix(lower, ".txt")
}

// locks are the lock files of a manifest, one of which has to be there.
var locks = map[string][]string{
	"package.json": {
		"package-lock.json",
		"npm-shrinkwrap.json",
		"pnpm-lock.yaml",
		"yarn.lock",
		"bun.lock",
		"bun.lockb",
		"deno.lock",
	},
	"pyproject.toml":   {"uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "pixi.lock"},
	"Pipfile":          {"Pipfile.lock"},
	"Cargo.toml":       {"Cargo.lock"},
	"Gemfile":          {"Gemfile.lock"},
	"composer.json":    {"composer.lock"},
	"mix.exs":          {"mix.lock"},
	"build.gradle":     {"gradle.lockfile"},
	"build.gradle.kts": {"gradle.lockfile"},
	"flake.nix":        {"flake.lock"},
	"pubspec.yaml":     {"pubspec.lock"},
}

// Unlocked returns the manifests of a tree for which no lock file is there, in the order of their paths. names are
// the paths of all its files, with slashes, from its root. The lock file of a folder is that of the folders in it
// too, as in a workspace. What package managers put into a tree is passed over.
func Unlocked(names []string) []string {
	here := map[string]bool{}
	for _, n := range names {
		here[path.Clean(n)] = true
	}
	var out []string
	for _, n := range slices.Sorted(maps.Keys(here)) {
		if isInstalled(n) {
			continue
		}
		wants, known := locks[path.Base(n)]
		_, state := Known(path.Base(n))
		if state == NotLocked || known && !isLocked(here, path.Dir(n), wants) {
			out = append(out, n)
		}
	}
	return out
}

func isLocked(here map[string]bool, dir string, wants []string) bool {
	for {
		for _, w := range wants {
			if here[path.Join(dir, w)] {
				return true
			}
		}
		if dir == "." || dir == "/" {
			return false
		}
		dir = path.Dir(dir)
	}
}

// isInstalled reports whether a file is in a folder that a package manager fills.
func isInstalled(name string) bool {
	for _, part := range strings.Split(path.Dir(name), "/") {
		if slices.Contains([]string{"node_modules", "site-packages", "vendor", ".venv", ".git", ".tox"}, part) {
			return true
		}
	}
	return false
}
