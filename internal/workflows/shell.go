package workflows

import (
	"path"
	"slices"
	"strings"
)

// A command is one simple command of a script. hard says that the step ends
// there if it fails.
type command struct {
	words []string
	bare  []bool // of each word: a variable in it stands outside of quotes, and may become several words
	hard  bool
}

// verb returns the subcommand if this is our command.
func (c command) verb() string {
	for i, w := range c.words {
		if name, _, isVar := strings.Cut(w, "="); isVar && !strings.ContainsAny(name, "/-$\"") {
			continue // NAME=value before the command
		}
		if w == "exec" || w == "sudo" || w == "time" || w == "command" {
			continue
		}
		if base := path.Base(w); base != "sallyport" && base != "sallyport.exe" && w != "$SALLYPORT_BIN" && w != "${SALLYPORT_BIN}" {
			return ""
		}
		if i+1 < len(c.words) {
			return c.words[i+1]
		}
		return ""
	}
	return ""
}

// flag returns the value of a flag, written with one dash or two, or nothing.
func (c command) flag(name string) string {
	for i, w := range c.words {
		dashed := strings.TrimPrefix(w, "-")
		if dashed == w {
			continue
		}
		dashed = strings.TrimPrefix(dashed, "-")
		if v, ok := strings.CutPrefix(dashed, name+"="); ok {
			return v
		}
		if dashed == name && i+1 < len(c.words) {
			return c.words[i+1]
		}
	}
	return ""
}

// shellVariable returns the name if word is one variable and nothing else.
func shellVariable(word string) (string, bool) {
	name, ok := strings.CutPrefix(word, "$")
	if !ok || strings.HasPrefix(name, "{{") {
		return "", false
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "{"), "}")
	return name, name != "" && !strings.ContainsAny(name, "${}:/ ")
}

// An item of a script is a word or an operator.
type item struct {
	text     string
	operator bool
	bare     bool // a variable or a substitution in it stands outside of quotes
}

// commands reads a script well enough to say which commands it runs and whether
// their failure ends it. Where it is not sure, a command is not hard.
func commands(script, shell string) []command {
	var out []command
	s := scan{shell: shell, items: lex(script)}
	s.errexit, s.pipefail = shellOptions(shell)
	for s.next() {
		if len(s.words) > 0 {
			out = append(out, command{words: s.words, bare: s.bare, hard: s.isHard()})
			s.follow()
		}
	}
	return out
}

// shellOptions returns what the platform sets for a shell: -e always, pipefail
// where bash is named.
func shellOptions(shell string) (errexit, pipefail bool) {
	switch f := strings.Fields(shell); {
	case len(f) == 0 || shell == "sh":
		return true, false
	case shell == "bash":
		return true, true
	case path.Base(f[0]) == "bash" || path.Base(f[0]) == "sh":
		for _, o := range f[1:] {
			errexit = errexit || strings.HasPrefix(o, "-") && !strings.HasPrefix(o, "--") && strings.Contains(o, "e")
		}
		return errexit, strings.Contains(shell, "pipefail")
	}
	return false, false
}

// A scan walks over the simple commands of a script.
type scan struct {
	shell             string
	items             []item
	at                int
	errexit, pipefail bool
	depth             int // of if, loops, functions and brackets
	words             []string
	bare              []bool
	before, after     string // the operators around the words
	negated           bool   // by a ! before them
}

// opening and closing are the words that begin and end a compound command.
var (
	opening = []string{"if", "while", "until", "for", "case", "select", "{", "(", "function", "coproc"}
	closing = []string{"fi", "done", "esac", "}", ")"}
	between = []string{"then", "else", "elif", "do"}
)

// next collects the words up to the next operator.
func (s *scan) next() bool {
	if s.at >= len(s.items) {
		return false
	}
	s.before, s.after, s.words, s.bare, s.negated = s.after, "\n", nil, nil, false
	for ; s.at < len(s.items); s.at++ {
		i := s.items[s.at]
		if i.operator {
			s.at++
			s.bracket(i.text)
			s.after = i.text
			return true
		}
		if len(s.words) == 0 && s.keyword(i.text) {
			continue
		}
		s.words, s.bare = append(s.words, i.text), append(s.bare, i.bare)
	}
	return true
}

func (s *scan) bracket(op string) {
	switch op {
	case "(":
		s.depth++
	case ")":
		s.depth = max(0, s.depth-1)
	}
}

// keyword takes a word that is the shell's own.
func (s *scan) keyword(w string) bool {
	switch {
	case w == "!":
		s.negated = true
	case slices.Contains(opening, w):
		s.depth++
	case slices.Contains(closing, w):
		s.depth = max(0, s.depth-1)
	case !slices.Contains(between, w):
		return false
	}
	return true
}

// isHard reports whether the script ends if the command at hand fails. In a
// list of && only the last command's failure ends it, unless the list is the
// last thing there is.
func (s *scan) isHard() bool {
	if s.depth > 0 || s.negated || s.before == "||" || s.before == "&&" || s.before == ")" || s.after == "||" || s.after == "&" || s.after == "(" {
		return false
	}
	if (s.before == "|" || s.after == "|") && !s.pipefail {
		return s.before == "|" && s.last() && s.errexit
	}
	if s.after == "&&" {
		return s.tail()
	}
	return s.errexit || s.last()
}

// last reports whether nothing follows.
func (s *scan) last() bool {
	return !slices.ContainsFunc(s.items[s.at:], func(i item) bool { return !i.operator })
}

// tail reports whether nothing but commands joined by && follows.
func (s *scan) tail() bool {
	ended := false
	for _, i := range s.items[s.at:] {
		switch {
		case !i.operator && ended:
			return false
		case i.operator && i.text != "&&" && i.text != "\n" && i.text != ";":
			return false
		case i.operator:
			ended = i.text != "&&"
		}
	}
	return true
}

// follow notes what the command at hand changes for those after it.
func (s *scan) follow() {
	switch s.words[0] {
	case "trap":
		s.errexit = false
	case "set":
		s.set(s.words[1:])
	}
}

func (s *scan) set(args []string) {
	for i, a := range args {
		on := strings.HasPrefix(a, "-")
		if !on && !strings.HasPrefix(a, "+") {
			continue
		}
		if strings.Contains(a, "e") {
			s.errexit = on
		}
		if strings.HasSuffix(a, "o") && i+1 < len(args) {
			switch args[i+1] {
			case "errexit":
				s.errexit = on
			case "pipefail":
				s.pipefail = on
			}
		}
	}
}

// handy are commands that move files about within the job.
var handy = []string{"cd", "cp", "mv", "mkdir", "install", "ls", "cat", "echo", "chmod", "tar", "unzip", "gunzip", "sha256sum", "set", "test", "pwd", "true", ":"}

// preparing reports whether a script does nothing but move files about. It may
// not reach for the runner's own files, which change what later steps run.
func preparing(list []command, script string) bool {
	if strings.ContainsAny(script, "`|&;<") && !onlyJoined(script) || strings.Contains(script, "$(") || strings.Contains(script, "GITHUB_") || strings.Contains(script, "${{") {
		return false
	}
	return len(list) > 0 && !slices.ContainsFunc(list, func(c command) bool {
		return !slices.Contains(handy, c.words[0]) || c.words[0] != "sha256sum" && slices.ContainsFunc(c.words, long)
	})
}

// long reports whether a word is a long option. Some of tar's run a program.
func long(w string) bool { return strings.HasPrefix(w, "--") }

// onlyJoined reports whether && is the only operator in the script.
func onlyJoined(script string) bool {
	return !strings.ContainsAny(strings.ReplaceAll(script, "&&", ""), "`|&;<")
}
