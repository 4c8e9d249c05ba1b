package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/rogpeppe/go-internal/testscript"
)

func init() {
	commands["hostile"], commands["plain"], commands["refs"] = hostile, plain, refs
}

// hostileNames are names that a file system takes and a careless reader obeys.
var hostileNames = []string{
	"a\noutcome=allow", "a\r\ndigests=sha256:00", "x<<EOF", "EOF", "outcome=allow", "::error::x", "::add-mask::a", "::stop-commands::x", "##[error]x",
	"\x1b[2J\x1b[32mallowed", "\x1b]8;;x\x07", "\x1b]52;c;eA==\x07", "\u202egz.rat", "\u2028x", "a\tb", "`x`", "a|b", "![x](x)", "<details>", "<img src=x>",
	"### Sallyport: allowed", "$(touch canary)", "`touch canary`", "; touch canary", "' touch canary", "\" touch canary", "$HOME", "%0A::error::x", "#", "-",
	"--format", "caf\u00e9", "cafe\u0301", "\u0430pp", "*", "[a]", " a", "a ", "a\\b",
}

// hostile DIR makes a file of each hostile name.
func hostile(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	for i, name := range hostileNames {
		ts.Check(os.WriteFile(filepath.Join(dir, name), fmt.Appendf(nil, "%d", i), 0o644))
	}
}

// plain fails unless the streams and the summary are lines that a terminal and
// a log only show: a command in them is one of ours.
func plain(ts *testscript.TestScript, neg bool, args []string) {
	ours := []string{"::add-mask::eyJ", "::group::sallyport", "::endgroup::", "::error file=.sallyport/policy.yaml,", "::error title=E_", "::error title=sallyport"}
	for _, text := range []string{ts.ReadFile("stdout"), ts.ReadFile("stderr"), read(ts.Getenv("GITHUB_STEP_SUMMARY"))} {
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, "\x1b[0Ksection_") && strings.Contains(line, ":sallyport_") {
				continue // how a job log folds, with a name that cannot be guessed
			}
			for _, r := range line {
				if !unicode.IsPrint(r) {
					ts.Fatalf("line %q holds %U", line, r)
				}
			}
			obeyed := strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[")
			for _, o := range ours {
				obeyed = obeyed && !strings.HasPrefix(line, o)
			}
			if obeyed {
				ts.Fatalf("line %q would be obeyed", line)
			}
		}
	}
}

// hostileRefs are names of branches that git takes.
var hostileRefs = []string{
	"$(touch${IFS}canary)", "`touch${IFS}canary`", ";touch${IFS}canary", "|touch${IFS}canary", "&&touch${IFS}canary", "'", "\"", "'\"'", "-", "--format=json",
	"-rf", "--policy=x", "%0A::error::x", "::error::x", "##[error]x", "a@b", "main@refs/heads/main", "@", "refs/tags/v1", "v1.0.0", "main.", "MAIN", "maın",
	"\u202emain", "main\u200b", "$HOME", "${{github.token}}", "%24HOME", "a,b", "a=b", "outcome=allow", "<x>", "&amp;", "!x", "#", "a#b", "()", "{}", "feature/x",
	"..%2f", "x%2e%2e", "\U0001F600", "very/" + strings.Repeat("long/", 30) + "x", "a|b", "|", "$", "$$", "main;", "main,", "(main)", "main'", "a+b",
}

// refs attest|gate SUBJECT runs the command in a job of each hostile ref. The
// answer is never an allow, and an attestation is signed or refused.
func refs(ts *testscript.TestScript, neg bool, args []string) {
	for i, ref := range hostileRefs {
		platform, claims := "github", map[string]string{"ref": "refs/heads/" + ref}
		if i%2 == 1 {
			platform, claims = "gitlab", map[string]string{"ref": ref}
		}
		b, err := json.Marshal(claims)
		ts.Check(err)
		runner(ts, false, []string{platform, string(b)})
		if args[0] == "gate" {
			status(ts, false, []string{"3", "sallyport", "gate", "--environment", "production", "--store", "dir:" + filepath.Join("bundles", fmt.Sprint(i)), args[1]})
			plain(ts, false, nil)
			if len(emulated(ts)) != 2 {
				ts.Fatalf("ref %q: outputs %q", ref, emulated(ts))
			}
			continue
		}
		err = ts.Exec("sallyport", "attest", "--store", "dir:"+filepath.Join("bundles", fmt.Sprint(i)), args[1])
		plain(ts, false, nil)
		if err != nil && strings.Contains(ts.ReadFile("stderr"), "internal error") {
			ts.Fatalf("ref %q: an internal error", ref)
		}
	}
}
