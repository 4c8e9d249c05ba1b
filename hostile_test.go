package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sync/errgroup"

	"github.com/sallyport-dev/sallyport/internal/labtest"
)

func init() {
	commands["hostile"], commands["plain"], commands["refs"], commands["junk"] = hostile, plain, refs, junk
}

// hostileNames are names that a file system takes and a careless reader obeys.
var hostileNames = []string{
	"a\noutcome=allow", "a\r\ndigests=sha256:00", "x<<EOF", "EOF", "outcome=allow", "::error::x", "::add-mask::a", "::stop-commands::x", "##[error]x",
	"\x1b[2J\x1b[32mallowed", "\x1b]8;;x\x07", "\x1b]52;c;eA==\x07", "\u202egz.rat", "\u2028x", "a\tb", "`x`", "a|b", "![x](x)", "<details>", "<img src=x>",
	"### Sallyport: allowed", "$(touch canary)", "`touch canary`", "; touch canary", "' touch canary", "\" touch canary", "$HOME", "%0A::error::x", "#", "-",
	"--format", "caf\u00e9", "cafe\u0301", "\u0430pp", "*", "[a]", " a", "a ", "a\\b",
}

// hostile DIR makes a file of each hostile name that can be seen. With -unseen
// it makes the others, one after the other, and wants each refused.
func hostile(ts *testscript.TestScript, neg bool, args []string) {
	unseen := args[0] == "-unseen"
	dir := ts.MkAbs(args[len(args)-1])
	for i, name := range hostileNames {
		if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) != unseen {
			continue
		}
		if unseen {
			ts.Check(os.RemoveAll(dir))
		}
		ts.Check(os.MkdirAll(dir, 0o755))
		ts.Check(os.WriteFile(filepath.Join(dir, name), fmt.Appendf(nil, "%d", i), 0o644))
		if unseen {
			status(ts, false, []string{"3", "sallyport", "gate", "--environment", "production", args[len(args)-1]})
			plain(ts, false, nil)
			undecided(ts, false, nil)
		}
	}
}

// junk DIR N makes a file of N bundles that are none.
func junk(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o755))
	var lines []byte
	for i := range n {
		lines = fmt.Appendf(lines, `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","n":%d}`+"\n", i)
	}
	ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), "junk.jsonl"), lines, 0o644))
}

// plain fails unless the streams and the summary are lines that a terminal and
// a log only show.
func plain(ts *testscript.TestScript, neg bool, args []string) {
	for _, text := range []string{ts.ReadFile("stdout"), ts.ReadFile("stderr"), read(ts.Getenv("GITHUB_STEP_SUMMARY"))} {
		ts.Check(obeyed(text))
	}
}

// ours are the commands that the program itself gives.
var ours = []string{"::add-mask::eyJ", "::group::sallyport", "::endgroup::", "::error file=.sallyport/policy.yaml,", "::error title=E_", "::error title=sallyport"}

// obeyed returns the first line of a text that is more than text.
func obeyed(text string) error {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "\x1b[0Ksection_") && strings.Contains(line, ":sallyport_") {
			continue // how a job log folds, with a name that cannot be guessed
		}
		for _, r := range line {
			if !unicode.IsPrint(r) {
				return fmt.Errorf("line %q holds %U", line, r)
			}
		}
		begins := func(o string) bool { return strings.HasPrefix(line, o) }
		if (strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[")) && !slices.ContainsFunc(ours, begins) {
			return fmt.Errorf("line %q would be obeyed", line)
		}
	}
	return nil
}

// hostileRefs are names of branches that git takes.
var hostileRefs = []string{
	"$(touch${IFS}canary)", "`touch${IFS}canary`", ";touch${IFS}canary", "|touch${IFS}canary", "&&touch${IFS}canary", "'", "\"", "'\"'", "-", "--format=json",
	"-rf", "--policy=x", "%0A::error::x", "::error::x", "##[error]x", "a@b", "main@refs/heads/main", "@", "refs/tags/v1", "v1.0.0", "main.", "MAIN", "maın",
	"\u202emain", "main\u200b", "$HOME", "${{github.token}}", "%24HOME", "a,b", "a=b", "outcome=allow", "<x>", "&amp;", "!x", "#", "a#b", "()", "{}", "feature/x",
	"..%2f", "x%2e%2e", "\U0001F600", "very/" + strings.Repeat("long/", 30) + "x", "a|b", "|", "$", "$$", "main;", "main,", "(main)", "main'", "a+b",
}

// refs attest|gate SUBJECT runs the command in a job of each hostile ref. An
// attestation is signed or refused, a gate denies, and nothing is obeyed.
func refs(ts *testscript.TestScript, neg bool, args []string) {
	var g errgroup.Group
	g.SetLimit(16) // the log answers a batch as fast as a single entry
	for i, ref := range hostileRefs {
		platform, claims := "github", map[string]any{"ref": "refs/heads/" + ref}
		if i%2 == 1 {
			platform, claims = "gitlab", map[string]any{"ref": ref}
		}
		maps.Copy(claims, on(ts).selfClaims(platform))
		dir := filepath.Join(ts.Getenv("TMPDIR"), args[0], fmt.Sprint(i))
		g.Go(func() error {
			if err := hostileRef(on(ts), platform, claims, ts.MkAbs("."), dir, args); err != nil {
				return fmt.Errorf("ref %q: %w", ref, err)
			}
			return nil
		})
	}
	ts.Check(g.Wait())
}

func hostileRef(s *scene, platform string, claims map[string]any, work, dir string, args []string) error {
	if err := os.MkdirAll(filepath.Join(dir, "bundles"), 0o755); err != nil {
		return err
	}
	c, err := json.Marshal(claims)
	if err != nil {
		return err
	}
	b, err := s.control("GET", "/env?"+url.Values{"as": {platform}, "claims": {base64.RawURLEncoding.EncodeToString(c)}}.Encode(), "")
	if err != nil {
		return err
	}
	store := "dir:" + filepath.Join(dir, "bundles")
	command := exec.Command("sallyport", "attest", "--store", store, "--bundle-dir", filepath.Join(dir, "bundles"), args[1])
	if args[0] == "gate" {
		command = exec.Command("sallyport", "gate", "--environment", "production", "--store", store, "--verdict", filepath.Join(dir, "verdict"), args[1])
	}
	command.Dir = work
	command.Env = []string{"HOME=/no-home", "GITHUB_OUTPUT=" + dir + "/output", "GITHUB_STEP_SUMMARY=" + dir + "/summary", "SALLYPORT_DOTENV=" + dir + "/dotenv"}
	for name, value := range labtest.Parse(string(b)) {
		command.Env = append(command.Env, name+"="+value)
	}
	said, _ := command.CombinedOutput() // the exit code is looked at below
	code := command.ProcessState.ExitCode()
	if err := obeyed(string(said) + read(dir+"/summary")); err != nil {
		return err
	}
	set := read(dir+"/output") + read(dir+"/dotenv")
	switch {
	case args[0] == "gate" && (code != 3 || strings.Contains(set, "allow") || strings.Contains(set, "sha256:")):
		return fmt.Errorf("exit code %d, outputs %q, want a denial\n%s", code, set, said)
	case args[0] == "attest" && code != 0 && code != 3:
		return fmt.Errorf("exit code %d, want an attestation or a refusal\n%s", code, said)
	}
	return nil
}
