package workflows

import (
	"slices"
	"strings"
)

// plainVariable is a use of a variable that shows its value and evaluates nothing: $X, ${X}, ${#X}, and
// ${X:-word}, ${X:+word}, ${X:?word}, ${X#word} and ${X%word} with a word that is plain itself. Any other
// form may evaluate what the variable holds: ${X@P}, ${!X}, ${A[$X]}, ${A:X}.
var plainVariable = lazy(`^\$(?:[A-Za-z_][A-Za-z0-9_]*|[0-9?#@*!$_-]|\{#?[A-Za-z_][A-Za-z0-9_]*\}|` +
	`\{[A-Za-z_][A-Za-z0-9_]*(?::?[-+?]|##?|%%?)(?:[A-Za-z0-9_./:@+=,*^~ -]|` +
	`\$[A-Za-z_][A-Za-z0-9_]*|\$\{[A-Za-z_][A-Za-z0-9_]*\})*\})`)

// evaluates returns the first use of a variable in a script that is not a plain one; "" where all are.
func evaluates(text string) string {
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 {
			return ""
		}
		text = text[i:]
		switch {
		case strings.HasPrefix(text, "${{"):
			text = strings.TrimPrefix(text[3+closes(text[3:]):], "}}")
		case plainVariable().MatchString(text):
			text = text[len(plainVariable().FindString(text)):]
		case len(text) > 1 && (text[1] == '{' || text[1] == '['):
			end := strings.IndexAny(text, "\n}")
			if end < 0 {
				end = len(text) - 1
			}
			return strings.TrimSpace(text[:end+1])
		default: // a dollar that stands for itself
			text = text[1:]
		}
	}
}

// settings are what a script may set: anything else (-k, an option that a variable names) changes what a command is.
var settings = lazy(`^(?:[-+][Cefnuvx]+|[-+][Cefnuvx]*o|errexit|nounset|pipefail|xtrace|noglob|noclobber)$`)

// computed reports whether a word is known only once the script runs: a variable, or a pattern that
// files of any name may match.
func computed(w string) bool {
	return strings.Contains(w, "$") || several(w)
}

// several reports whether a word may become others without a variable: a pattern from its first letter on, or a
// list in braces.
func several(w string) bool {
	return strings.HasPrefix(w, "*") || strings.HasPrefix(w, "?") || strings.HasPrefix(w, "[") ||
		strings.Contains(strings.ReplaceAll(w, "${", ""), "{")
}

// testBetween are the operators of test that stand between two words, and testBefore those that stand before one.
// -v and -R are none of them: they evaluate the subscript in the name that they are given.
var (
	testBetween = []string{"=", "==", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"}
	testBefore  = lazy(`^-[a-hknprstuwxzGLNOS]$`)
)

// tests says why test or [ may evaluate what it is given; "" where it only compares.
func (c command) tests() string {
	args := c.words[1:]
	if c.words[0] == "[" && len(args) > 0 && args[len(args)-1] == "]" {
		args = args[:len(args)-1]
	}
	evaluating := "it has test with a variable where an operator may stand"
	if slices.Contains(args, "-v") || slices.Contains(args, "-R") {
		return "it has test -v, which evaluates the name that it is given"
	}
	if !slices.ContainsFunc(args, computed) {
		return ""
	}
	if slices.Contains(c.bare, true) {
		return "it has test with a variable outside of quotes"
	}
	if slices.ContainsFunc(args, several) {
		return evaluating
	}
	if args[0] == "!" {
		args = args[1:]
	}
	switch {
	case len(args) < 2, len(args) == 2 && testBefore().MatchString(args[0]),
		len(args) == 3 && slices.Contains(testBetween, args[1]):
		return ""
	}
	return evaluating
}

// evaluates says why a command that is harmless by its name is not, given its words.
func (c command) evaluates() string {
	args := c.words[1:]
	for _, w := range c.words {
		if strings.HasPrefix(w, "{") && strings.ContainsAny(w, "<>") {
			return "it has " + short(w) + ", which evaluates a name"
		}
	}
	switch c.words[0] {
	case "test", "[":
		return c.tests()
	case "printf":
		if len(args) > 0 && args[0] != "--" && (computed(args[0]) && !strings.HasPrefix(args[0], "[") || strings.HasPrefix(args[0], "-")) {
			return "it runs printf with " + short(args[0]) + ", which may be an option"
		}
	case "set":
		for _, w := range args {
			if !settings().MatchString(w) {
				return "it runs set with " + short(w)
			}
		}
	case "cosign":
		if slices.ContainsFunc(args, func(w string) bool { return strings.Contains(w, "pkcs11:") }) {
			return "it has cosign load a library (pkcs11)"
		}
	}
	return ""
}

// Variables that have a program load what they name, or run it: all of a kind, and single ones. A list of them is never
// whole. What is on it is what the programs read that a signing job has: the shell, git, gh, docker,
// the actions' node, the linker, perl, and the runner itself.
var (
	loadingKinds = []string{"ld_", "dyld_", "gconv", "openssl_", "ssl_", "node_", "npm_config_", "python", "perl5", "perllib", "ruby",
		"bash_", "xdg_", "gh_", "java_tool", "git_config", "git_ssh", "git_exec", "git_external", "git_askpass", "git_proxy", "git_pager",
		"git_editor", "git_sequence", "git_template", "git_dir", "git_work_tree", "git_common", "git_object", "git_alternate",
		"actions_", "dotnet_startup", "coreclr_", "cor_", "aws_config_file", "aws_shared_credentials_file", "github_env", "github_path",
		"github_output", "github_state", "github_step_summary", "github_action", "runner_", "cosign_pkcs11"}
	loading = []string{"path", "pathext", "comspec", "home", "userprofile", "env", "ps0", "ps1", "ps2", "ps4", "prompt_command", "shellopts",
		"bashopts", "ifs", "cdpath", "pager", "manpager", "lessopen", "lessclose", "editor", "visual", "browser", "ssh_askpass", "sudo_askpass",
		"_java_options", "jdk_java_options", "classpath", "docker_config", "kubeconfig", "curl_home", "locpath", "nlspath", "phprc",
		"php_ini_scan_dir", "lua_init", "google_external_account_allow_executables", "sallyport_bin"}
	// loadsNot are of such a kind by their names, and load nothing.
	loadsNot = []string{"ssl_cert_file", "ssl_cert_dir", "node_env", "node_auth_token", "node_version", "node_extra_ca_certs",
		"npm_config_provenance", "npm_config_registry", "python_version", "pythonunbuffered", "pythondontwritebytecode",
		"pythonioencoding", "pythonutf8", "pythonhashseed", "ruby_version", "gh_token", "gh_enterprise_token", "gh_repo", "gh_host",
		"gh_debug", "gh_prompt_disabled", "gh_no_update_notifier", "actions_step_debug", "actions_runner_debug", "runner_debug"}
)

// loads reports whether a variable decides what a program loads or runs.
func loads(variable string) bool {
	name := strings.ToLower(variable)
	if slices.Contains(loadsNot, name) {
		return false
	}
	return slices.Contains(loading, name) ||
		slices.ContainsFunc(loadingKinds, func(kind string) bool { return strings.HasPrefix(name, kind) })
}
