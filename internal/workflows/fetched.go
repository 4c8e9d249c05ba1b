package workflows

import (
	"path"
	"slices"
	"strings"
)

// images are the programs that build images, by their names.
var images = []string{"docker", "docker-buildx", "docker-compose", "buildx", "podman", "podman-compose", "buildah", "nerdctl"}

// sharing are options of build tools that name a cache of others.
var sharing = lazy(`^--?(?:remote[_-]cache|build-cache)(?:=.+)?$`)

// ofRunner is a variable of the runner that is one word.
var ofRunner = lazy(`\$(?:GITHUB_(?:SHA|RUN_ID|RUN_NUMBER|RUN_ATTEMPT|REPOSITORY_ID)\b|\{GITHUB_(?:SHA|RUN_ID|RUN_NUMBER|RUN_ATTEMPT|REPOSITORY_ID)\})`)

// thisRun are the ways to name the run itself.
var thisRun = lazy(`^(?:\$GITHUB_RUN_ID|\$\{GITHUB_RUN_ID\}|\$\{\{ *github\.run_id *\}\})$`)

// fetched tells of what a script takes from earlier runs, as far as its words say it.
func (s *walked) fetched(where, text string) {
	told := func(why, off string) {
		s.cache(RanCache{What: where + " " + why, Off: off, Elsewhere: true})
	}
	list := commands(text, "")
	if strings.Contains(text, "cache-from") || slices.ContainsFunc(list, func(c command) bool {
		return slices.ContainsFunc(c.words, func(w string) bool { return strings.Contains(w, "cache-from") })
	}) {
		told("imports a cache (cache-from)", "leave it out")
	}
	for _, c := range list {
		if why, off := c.fetches(); why != "" {
			told(why, off)
		}
		if c.takesOwn() {
			s.part.takes = append(s.part.takes, "")
		}
	}
}

// program is the place of the first word that is one of names, whatever stands before it; -1: there is none.
// Words that are only shown run nothing.
func (c command) program(names ...string) int {
	if c.shows() {
		return -1
	}
	return slices.IndexFunc(c.words, func(w string) bool {
		return slices.Contains(names, strings.TrimSuffix(path.Base(strings.TrimLeft(w, "$(`")), ".exe"))
	})
}

func (c command) shows() bool { return c.words[0] == "echo" || c.words[0] == "printf" }

// fetches says what a command takes from earlier runs, and what stops that; "" where nothing is known of.
func (c command) fetches() (why, off string) {
	for i, w := range c.words {
		if i > 0 && !c.shows() && sharing().MatchString(w) {
			return "uses a cache of others (" + short(w) + ")", "leave it out"
		}
	}
	if i := c.program("gh"); i >= 0 {
		rest := c.words[i+1:]
		k := slices.Index(rest, "download")
		if k > 0 && slices.Contains(rest[:k], "run") && !c.takesOwn() ||
			slices.Contains(rest, "api") && slices.ContainsFunc(rest, func(w string) bool { return strings.Contains(w, "artifacts") }) {
			return "takes files of another run (gh)", "use actions/download-artifact"
		}
	}
	i := c.program(images...)
	if i < 0 {
		return "", ""
	}
	return c.builds(i)
}

// takesOwn reports whether a command takes files of the very run that it is in.
func (c command) takesOwn() bool {
	i := c.program("gh")
	if i < 0 {
		return false
	}
	rest := c.words[i+1:]
	k := slices.Index(rest, "download")
	return k > 0 && rest[k-1] == "run" && k+1 < len(rest) && thisRun().MatchString(rest[k+1]) &&
		!slices.ContainsFunc(rest, func(w string) bool { return strings.HasPrefix(w, "-R") || strings.HasPrefix(w, "--repo") })
}

// builds says why a build of an image, by the program at place i, may import a cache.
func (c command) builds(i int) (why, off string) {
	rest := c.words[i+1:]
	compose := strings.Contains(path.Base(c.words[i]), "compose") || slices.Contains(rest, "compose")
	building := func(verbs ...string) bool {
		return slices.ContainsFunc(rest, func(w string) bool { return slices.Contains(verbs, strings.TrimRight(w, ")`")) })
	}
	switch {
	case slices.Contains(rest, "--no-cache"):
		return "", ""
	case building("bake") || compose && building("build", "up", "run", "create"):
		return "builds what a file describes, which may import a cache", "say --no-cache"
	case !building("build", "b", "bud"):
		return "", ""
	}
	for k, w := range rest {
		name, _, _ := strings.Cut(w, "=")
		bare := len(c.bare) > i+1+k && c.bare[i+1+k] && strings.Contains(ofRunner().ReplaceAllString(w, ""), "$")
		option := strings.HasPrefix(w, "-") && strings.Contains(name, "$") || strings.HasPrefix(w, "$") && !valued(rest, k)
		if bare || option {
			return "builds an image with words that a variable makes (" + short(w) + "), which may import a cache",
				"write the options out, and variables in quotes behind them"
		}
	}
	return "", ""
}

// valued reports whether the word at k is the value of the option before it.
func valued(words []string, k int) bool {
	return k > 0 && strings.HasPrefix(words[k-1], "-") && !strings.ContainsAny(words[k-1], "=$") &&
		slices.Contains([]string{"-t", "--tag", "-f", "--file", "--build-arg", "--label", "--platform", "--target", "--secret", "--output", "-o",
			"--iidfile", "--metadata-file", "--build-context", "--annotation", "--cache-to"}, words[k-1])
}
