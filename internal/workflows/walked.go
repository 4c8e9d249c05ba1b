package workflows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// walked is a job whose steps are gone through.
type walked struct {
	w    *reading
	part *part
	job  *RanJob
	own  bool // the file is of the repository that is built
	// sources is set once a step has laid the project's files into the workspace, or may have.
	sources bool
	// moved is set once a step has laid files of another commit there.
	moved bool
}

// surroundings judges what holds for all steps of a job.
func (s *walked) surroundings() {
	node := s.part.node
	if c := node.Get("container"); c != nil {
		s.image("the job itself runs in the image", c)
	}
	switch all := node.Get("services"); {
	case all == nil:
	case all.Kind != yamlnode.Map:
		s.code("the job has services that are not written out")
		s.job.Unknown = once(s.job.Unknown, "services that are not written out")
	default:
		for _, f := range all.Fields {
			s.image("beside the job, as service "+short(f.Name)+", runs the image", f.Value)
		}
	}
	s.variables("the job", node.Get("env"))
	s.variables("the workflow", s.part.of.root.Get("env"))
}

// image judges an image in which a job runs, or that runs beside it: what is in it is not known, and a
// directory of the machine that it is given may be older than the job.
func (s *walked) image(what string, c *yamlnode.Node) {
	image := c.Str()
	if c.Kind == yamlnode.Map {
		image = c.Get("image").Str()
	}
	s.code(what + " " + short(image))
	s.job.Unknown = once(s.job.Unknown, "docker://"+strings.TrimPrefix(image, "docker://"))
	mounts := slices.ContainsFunc(strings.Fields(c.Get("options").Str()), func(w string) bool {
		return strings.HasPrefix(w, "-v") || strings.HasPrefix(w, "--volume") || strings.HasPrefix(w, "--mount") || strings.Contains(w, "$")
	})
	if mounts || len(c.Get("volumes").Flat()) > 0 {
		s.cache(RanCache{What: what + " " + short(image) + " with volumes, whose disk may outlive the job", Off: "leave its volumes out",
			Elsewhere: true})
	}
}

// variables tells of variables that decide which program runs.
func (s *walked) variables(where string, env *yamlnode.Node) {
	if env != nil && env.Kind != yamlnode.Map {
		s.code(where + " has variables that are not written out")
	}
	for _, f := range fields(env) {
		if loads(f.Name) {
			s.code(where + " sets " + f.Name + ", which decides what programs load")
		}
	}
}

func (s *walked) code(what string) { s.job.Code = once(s.job.Code, what) }

// once is all with one more, if it is new.
func once(all []string, one string) []string {
	if slices.Contains(all, one) {
		return all
	}
	return append(all, one)
}

func (s *walked) cache(c RanCache) { s.job.Caches = append(s.job.Caches, c) }

// all goes through steps; in is the action that they are of, or empty.
func (s *walked) all(steps []*yamlnode.Node, in string, level int) error {
	if s.w.steps += len(steps); s.w.steps > maxSteps {
		return odd("the run has more than %d steps, and no more are read", maxSteps)
	}
	for i, n := range steps {
		where := fmt.Sprintf("step %d", i+1)
		if in != "" {
			where += " of " + in
		}
		s.variables(where, n.Get("env"))
		uses, run := n.Get("uses"), n.Get("run")
		switch {
		case run != nil && uses == nil:
			s.script(where, n)
		case uses != nil && run == nil:
			if err := s.action(where, n, level); err != nil {
				return err
			}
		default:
			s.unknown("a step that neither uses nor runs something")
		}
	}
	return nil
}

// unknown notes an action that is not known.
func (s *walked) unknown(name string) {
	s.job.Unknown = once(s.job.Unknown, name)
	s.job.Strange = once(s.job.Strange, name)
	s.sources = true
}

// action judges a step that uses an action.
func (s *walked) action(where string, n *yamlnode.Node, level int) error {
	uses := strings.TrimSpace(n.Get("uses").Str())
	told := where + ", " + short(uses)
	r := parseUses(uses)
	switch {
	case r.local:
		return s.local(told, uses, r, level)
	case r.image:
		s.unknown(uses)
		return nil
	case r.repository == strings.ToLower(s.w.Action):
		return nil // ours restores nothing, and runs nothing of the project
	case r.repository == strings.ToLower(s.part.of.at.Repository) && !s.own:
		// An action of those who wrote the workflow is as much theirs as its scripts are.
		s.job.Unknown = once(s.job.Unknown, uses)
		s.sources = s.sources || strings.Contains(r.part, "checkout")
		return nil
	}
	h, is := known(r)
	if !is {
		s.unknown(uses)
		return nil
	}
	switch to := given(n, "path"); r.repository {
	case "actions/checkout":
		s.checkout(n)
	case "actions/upload-artifact", "actions/upload-pages-artifact":
		s.part.gives = append(s.part.gives, handedOn(n, r))
	case "actions/download-artifact": // with run-id too: without a token it takes those of the run itself
		s.part.takes = append(s.part.takes, handedOn(n, r))
		if strings.HasPrefix(to, "/") || strings.HasPrefix(to, "~") ||
			slices.ContainsFunc([]string{"..", "${{", "\\"}, func(x string) bool { return strings.Contains(to, x) }) {
			s.code(told + " lays files outside of the workspace: " + short(to))
		}
	}
	if why, off := h.restores(r, n); why != "" {
		provider := given(n, "cache-provider") // rust-cache takes those of others, too
		s.cache(RanCache{What: told + " " + why, Off: off, Elsewhere: h.apart || provider != "" && provider != "github"})
	}
	s.buildx(told, r, n)
	s.handed(told, n)
	if h.free {
		s.job.Unknown = once(s.job.Unknown, uses)
	}
	if h.runs {
		s.code(told + " runs code of the project")
	}
	for _, name := range h.runsOn {
		if v := given(n, name); v != "" && !never(v) && !strings.EqualFold(v, "null") {
			s.code(told + " runs code of the project (" + name + ")")
		}
	}
	return nil
}

// checkout notes whose files a checkout lays into the workspace.
func (s *walked) checkout(n *yamlnode.Node) {
	repository := given(n, "repository")
	if repository == "" || strings.Contains(repository, "${{") || strings.EqualFold(repository, s.w.Repository) {
		s.sources = true
	}
	if repository != "" || given(n, "ref") != "" || given(n, "path") != "" {
		s.moved = true
	}
}

// handed tells of inputs that reach an action as variables, and not by with:, where they are looked for.
func (s *walked) handed(told string, n *yamlnode.Node) {
	for _, env := range []*yamlnode.Node{n.Get("env"), s.part.node.Get("env"), s.part.of.root.Get("env")} {
		for _, f := range fields(env) {
			if strings.HasPrefix(strings.ToLower(f.Name), "input_") {
				s.code(told + " is handed an input as a variable, " + f.Name)
				s.cache(RanCache{What: told + " is handed an input as a variable, " + f.Name, Off: "write its inputs under with", Elsewhere: true})
			}
		}
	}
}

// builder tells of a builder of images that is not made in the job, and keeps what others built.
func (s *walked) builder(told string, n *yamlnode.Node) {
	driver := given(n, "driver")
	for _, name := range []string{"endpoint", "append"} {
		if v := given(n, name); v != "" || name == "append" && n.Get("with").Get(name) != nil {
			s.cache(RanCache{What: told + " builds elsewhere (" + name + ")", Off: "leave out its input " + name, Elsewhere: true})
		}
	}
	if driver != "" && driver != "docker" && driver != "docker-container" {
		s.cache(RanCache{What: told + " builds elsewhere (driver: " + short(driver) + ")", Off: "leave out its input driver", Elsewhere: true})
	}
	if v := given(n, "driver-opts"); strings.Contains(v, "image") || strings.Contains(v, "$") {
		s.code(told + " runs an image of one's own (driver-opts)")
	}
}

// buildx tells of the caches that a build of an image imports.
func (s *walked) buildx(told string, r reference, n *yamlnode.Node) {
	if r.repository == "docker/setup-buildx-action" {
		s.builder(told, n)
	}
	if strings.EqualFold(given(n, "no-cache"), "true") {
		return
	}
	switch r.repository {
	case "docker/build-push-action":
		for _, from := range imported(given(n, "cache-from")) {
			s.cache(RanCache{What: told + " imports " + short(from), Off: "leave out its input cache-from",
				Elsewhere: !service(from)})
		}
	case "docker/bake-action":
		s.cache(RanCache{What: told + " builds what a file describes, which may import a cache",
			Off: "say no-cache: true", Elsewhere: true})
	}
}

// local judges an action of the workspace. Its file is read as the commit has it; a workspace
// of other files has another one.
func (s *walked) local(told, uses string, r reference, level int) error {
	s.code(told + " is an action of the project")
	s.sources = true
	at, ok := s.w.local(r.part)
	if !ok || s.moved || level >= maxLevel {
		s.job.Unknown = once(s.job.Unknown, uses)
		return nil
	}
	root, err := s.w.action(at)
	if err != nil {
		return err
	}
	runs := root.Get("runs")
	if runs.Get("using").Str() != "composite" {
		s.job.Unknown = once(s.job.Unknown, uses)
		return nil
	}
	return s.all(steps(runs), told, level+1)
}

// script judges a step that runs a script.
func (s *walked) script(where string, n *yamlnode.Node) {
	text := n.Get("run").Str()
	s.fetched(where, text)
	shell := n.Get("shell")
	for _, of := range []*yamlnode.Node{s.part.node, s.part.of.root} {
		if shell == nil {
			shell = of.Get("defaults").Get("run").Get("shell")
		}
	}
	if why := s.harmful(text, shell.Str()); why != "" {
		s.code(where + " runs a script: " + why)
	}
}

// harmless are commands that run no other program and write no file that one is read from.
var harmless = []string{"echo", "printf", "cat", "ls", "pwd", "cd", "true", ":", "set", "test", "[",
	"sha256sum", "shasum", "sleep", "exit", "mkdir", "wc", "cmp", "diff"}

// signers are what other tools do that sign or publish, and run nothing.
var signers = []string{"sign", "sign-blob", "attest", "attest-blob", "verify", "verify-blob", "version", "release", "attestation"}

// said are the parts of an expression that the builder cannot choose.
var said = lazy(`^\s*(?:runner\.[a-z_]+|github\.(?:sha|repository|repository_id|repository_owner|run_id|run_number|run_attempt|` +
	`server_url|api_url|workspace|workflow_sha))\s*$`)

// harmful says why a script may run code of the project; "" where it cannot. A script of a
// workflow that somebody else wrote is theirs, while it has none of the project's files.
func (s *walked) harmful(text, shell string) string {
	for _, p := range split(text) {
		if p.expression && !said().MatchString(p.text) {
			return "a value is pasted into it, ${{" + p.text + "}}"
		}
	}
	if !s.own && !s.sources {
		return ""
	}
	if !plainShell(shell) || shell == "" && s.windows() {
		return "its shell is " + cmp.Or(short(shell), "that of Windows")
	}
	if len(text) > maxScript {
		return fmt.Sprintf("it has %d bytes, and no more than %d are judged", len(text), maxScript)
	}
	joined := strings.ReplaceAll(text, "\\\n", "") // as the shell reads a line that goes on
	for _, sign := range []string{"$(", "`", "$'", "$\"", "<(", ">(", "<<", "((", "GITHUB_ENV", "GITHUB_PATH"} {
		if strings.Contains(joined, sign) {
			return "it has " + sign + ", and what that does is not judged"
		}
	}
	if use := cmp.Or(evaluates(text), evaluates(joined)); use != "" {
		return "it has " + short(use) + ", which may evaluate a value"
	}
	for _, i := range lex(text) {
		if i.text == "function" || i.text == "coproc" {
			return "it has the word " + i.text + ", and what that names is not judged"
		}
	}
	for _, c := range commands(text, shell) {
		if why := c.harmful(); why != "" {
			return why
		}
	}
	return ""
}

// maxScript is how much of a script is judged.
const maxScript = 16 << 10

// plainShell reports whether a shell runs the script, and nothing before it.
func plainShell(shell string) bool {
	for i, w := range strings.Fields(shell) {
		if i == 0 && w != "bash" && w != "sh" || i > 0 && !slices.Contains(shellWords, w) {
			return false
		}
	}
	return true
}

// shellWords are options that make a shell stricter, and the script itself.
var shellWords = []string{"-e", "-u", "-x", "-eu", "-ex", "-eux", "-euo", "-eo", "-euxo", "-o", "pipefail",
	"--noprofile", "--norc", "{0}"}

// windows reports whether the job may run where scripts are not of this shell unless they say so.
func (s *walked) windows() bool {
	on := s.part.node.Get("runs-on")
	return slices.ContainsFunc(slices.Concat(on.Flat(), on.Get("labels").Flat()), func(n *yamlnode.Node) bool {
		return slices.ContainsFunc(choices(s.part.node, n.Str()), func(l string) bool {
			return strings.Contains(strings.ToLower(l), "windows") || strings.Contains(l, "${{")
		})
	})
}

// outputs are files to which a script may write: they tell later steps values, and no more.
var outputs = []string{"$GITHUB_OUTPUT", "${GITHUB_OUTPUT}", "$GITHUB_STEP_SUMMARY", "${GITHUB_STEP_SUMMARY}",
	"/dev/null", "&1", "&2"}

// harmful says why one command may run code of the project.
func (c command) harmful() string {
	name := c.words[0]
	if variable, _, assigns := strings.Cut(name, "="); assigns && assignable().MatchString(variable) &&
		!loads(variable) {
		if len(c.words) == 1 {
			return ""
		}
		return command{words: c.words[1:], bare: c.bare[1:]}.harmful()
	}
	ours := name == "sallyport" ||
		(name == "cosign" || name == "gh") && len(c.words) > 1 && slices.Contains(signers, c.words[1])
	if !ours && !slices.Contains(harmless, name) {
		return "it runs " + short(name)
	}
	if why := c.evaluates(); why != "" {
		return why
	}
	for i, w := range c.words[1:] {
		parts := strings.Split(w, ">")[1:]
		for k, to := range parts {
			switch {
			case to == "" && k+1 < len(parts): // of >>
				continue
			case to == "" && i+2 < len(c.words):
				to = c.words[i+2]
			}
			if !slices.Contains(outputs, to) {
				return "it has a > that leads to " + cmp.Or(short(to), "nothing")
			}
		}
	}
	return ""
}

var assignable = lazy(`^[A-Za-z_][A-Za-z0-9_]*$`)
