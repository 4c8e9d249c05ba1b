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

// ofRunner is a variable of the runner that is one word: git and the platform allow no space and no pattern in the names
// of refs and of repositories.
var ofRunner = lazy(`\$(?:GITHUB_` + oneWord + `\b|\{GITHUB_` + oneWord + `\})`)

const oneWord = `(?:SHA|RUN_ID|RUN_NUMBER|RUN_ATTEMPT|REF|REF_NAME|REPOSITORY|REPOSITORY_ID|REPOSITORY_OWNER)`

// ofRef is an expression that is the name of the ref, whose files the run has anyway.
var ofRef = lazy(`^\s*github\.ref(?:_name)?\s*$`)

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
		if why, off := c.fetches(strings.Contains(text, "IFS")); why != "" {
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

// fetches says what a command takes from earlier runs, and what stops that; "" where nothing is known of. cut says
// that the script may choose where words end.
func (c command) fetches(cut bool) (why, off string) {
	for _, w := range c.words {
		if !c.shows() && sharing().MatchString(w) {
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
	return c.builds(i, cut)
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
func (c command) builds(i int, cut bool) (why, off string) {
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
		said, pasted := writtenOut(w)
		if !cut {
			said = ofRunner().ReplaceAllString(said, "")
		}
		name, _, _ := strings.Cut(w, "=")
		option := strings.HasPrefix(w, "-") && made(name) || strings.IndexAny(w, "$`") == 0 && !valued(rest, k)
		if pasted || option || c.bare[i+1+k] && made(said) {
			return "builds an image with words that a variable makes (" + short(w) + "), which may import a cache",
				"write the options out, and variables in quotes behind them"
		}
	}
	return "", ""
}

// made reports whether something in a text is known only once the script runs.
func made(text string) bool { return strings.ContainsAny(text, "$`") }

// writtenOut is a word without its expressions. pasted says that one of them may be more than a word: the shell reads
// its value as if the script said it, also within quotes.
func writtenOut(word string) (text string, pasted bool) {
	for _, p := range split(word) {
		if !p.expression {
			text += p.text
		} else if !said().MatchString(p.text) && !ofRef().MatchString(p.text) {
			pasted = true
		}
	}
	return text, pasted
}

// valued reports whether the word at k is the value of the option before it.
func valued(words []string, k int) bool {
	return k > 0 && slices.Contains([]string{"-t", "--tag", "-f", "--file", "--build-arg", "--label", "--platform", "--target",
		"--secret", "--output", "-o", "--iidfile", "--metadata-file", "--build-context", "--annotation", "--cache-to"}, words[k-1])
}
