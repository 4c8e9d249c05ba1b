package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sync/errgroup"

	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/labtest"
)

func init() {
	commands["hostile"], commands["plain"], commands["refs"], commands["junk"], commands["special"] = hostile, plain, refs, junk, special
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

// special runs every command once for each of its inputs that is a file, with a
// named pipe, a socket, a device and a directory in the place of the file, and
// wants each refused at once and named for what it is. An input of a new name
// has to be sorted here.
func special(ts *testscript.TestScript, neg bool, args []string) {
	dir, err := os.MkdirTemp("", "special-") // outside of the workspace, which a link may not leave
	ts.Check(err)
	defer os.RemoveAll(dir)
	ts.Check(os.Mkdir(filepath.Join(dir, "directory.yaml"), 0o755))
	ts.Check(syscall.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600))
	ts.Check(os.Symlink("/dev/zero", filepath.Join(dir, "device.yaml")))
	l, err := net.Listen("unix", filepath.Join(dir, "socket.yaml"))
	ts.Check(err)
	defer l.Close()
	vars := strings.NewReplacer("$RELEASE", ts.Getenv("RELEASE"), "$REPO", ts.Getenv("REPO"), "$SIGNING",
		filepath.Join(on(ts).lab.Dir, "signing_config.json"), "$TRUSTED", on(ts).lab.Env["SALLYPORT_TRUSTED_ROOT"])
	for _, c := range inputs.All() {
		for _, in := range c.Inputs {
			if in.Kind != inputs.Path || !in.Where.In(inputs.Flag) ||
				slices.Contains([]string{"verdict", "input", "keep-evidence", "output", "export", "bundle-dir", "root"}, in.Name) && c.Name != "explain" ||
				slices.Contains([]string{"run record", "run products", "rebuild source", "rebuild original", "rebuild products", "rebuild reproduction", "rebuild html", "manifest html"}, c.Name+" "+in.Name) {
				continue // written to, or a directory
			}
			command, known := readers[c.Name+" "+in.Name]
			if !known {
				ts.Fatalf("input %s of %s is a file, and nothing here names a command that reads it", in.Name, c.Name)
			}
			for _, what := range []string{"named pipe", "socket", "device", "directory"} {
				path := filepath.Join(dir, what[strings.LastIndexByte(what, ' ')+1:]+".yaml")
				if what == "directory" && in.Name == "bundle" {
					continue // of bundles
				}
				special1(ts, strings.Fields(strings.ReplaceAll(vars.Replace(command), "SPECIAL", path)), what)
			}
		}
	}
}

func special1(ts *testscript.TestScript, command []string, what string) {
	who, name, _ := strings.Cut(command[0], ":")
	switch command[0] = name; who {
	case "job":
		runner(ts, false, []string{"github"})
	case "deployer":
		runner(ts, false, []string{"github", `{"environment":"production"}`})
	case "approver":
		dispatch(ts, false, []string{"bob", "88", "2001"})
	case "bare": // without what the lab says of its instance
		for _, name := range []string{"SALLYPORT_SIGSTORE", "SALLYPORT_TRUSTED_ROOT", "SALLYPORT_SIGNING_CONFIG", "SALLYPORT_AUTHORITY"} {
			defer ts.Setenv(name, ts.Getenv(name))
			ts.Setenv(name, "")
		}
		fallthrough
	default:
		person(ts, false, []string{"dana@acme.example"})
	}
	err := ts.Exec("sallyport", command...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 && exit.ExitCode() != 3 {
		ts.Fatalf("%q: %v, want it refused", command, err)
	}
	if said := ts.ReadFile("stderr"); !strings.Contains(said, "is a "+what+", want a regular file") {
		ts.Fatalf("%q: it says %q, want it named as a %s", command, said, what)
	}
}

// readers are, for each input that is a file, a command that reads it.
var readers = map[string]string{
	"history policy":         "person:history --policy SPECIAL",
	"history bundle":         "person:history --offline --repository https://github.com/$REPO --bundle SPECIAL",
	"ledger kept":            "person:ledger verify --key sallyport.example/ledger+655c09ce+AYfIvbJv+vDBfuZe/exU+5YUQ8qzwqGPnk/60WZHmZCB --kept SPECIAL ledger.jsonl",
	"ledger read-token":      "person:ledger export --key sallyport.example/ledger+655c09ce+AYfIvbJv+vDBfuZe/exU+5YUQ8qzwqGPnk/60WZHmZCB --read-token SPECIAL --output out.jsonl https://sallyport.example",
	"history signing-config": "job:history --export out.jsonl --trusted-root $TRUSTED --signing-config SPECIAL production",
	"history trusted-root":   "job:history --export out.jsonl --signing-config $SIGNING --trusted-root SPECIAL production",
	"gate signing-config":    "deployer:gate --environment production --trusted-root $TRUSTED --signing-config SPECIAL dist/app",
	"gate trusted-root":      "deployer:gate --environment production --signing-config $SIGNING --trusted-root SPECIAL dist/app",
	"enter signing-config":   "deployer:enter --checksums SUMS --trusted-root $TRUSTED --signing-config SPECIAL",
	"enter trusted-root":     "deployer:enter --checksums SUMS --signing-config $SIGNING --trusted-root SPECIAL",
	"gate checksums":         "job:gate --environment production --checksums SPECIAL",
	"gate policy":            "job:gate --environment production --policy SPECIAL dist/app",
	"gate bundle":            "job:gate --environment production --bundle SPECIAL dist/app",
	"enter checksums":        "deployer:enter --checksums SPECIAL",
	"enter policy":           "deployer:enter --checksums SUMS --policy SPECIAL",
	"enter bundle":           "deployer:enter --checksums SUMS --bundle SPECIAL",
	"entered policy":         "deployer:entered --policy SPECIAL",
	"entered signing-config": "deployer:entered --trusted-root $TRUSTED --signing-config SPECIAL",
	"entered trusted-root":   "deployer:entered --signing-config $SIGNING --trusted-root SPECIAL",
	"failed policy":          "deployer:failed --policy SPECIAL",
	"failed signing-config":  "deployer:failed --trusted-root $TRUSTED --signing-config SPECIAL",
	"failed trusted-root":    "deployer:failed --signing-config $SIGNING --trusted-root SPECIAL",
	"attest checksums":       "job:attest --checksums SPECIAL",
	"attest predicate":       "job:attest --signing-config $SIGNING --trusted-root $TRUSTED --predicate-type https://scan.example/v1 --predicate SPECIAL dist/app",
	"attest manifest":        "job:attest --signing-config $SIGNING --trusted-root $TRUSTED --manifest SPECIAL dist/app",
	"attest reproduction":    "job:attest --signing-config $SIGNING --trusted-root $TRUSTED --reproduction SPECIAL dist/app",
	"rebuild manifest":       "person:rebuild --manifest SPECIAL",
	"attest report":          "job:attest --signing-config $SIGNING --trusted-root $TRUSTED --type sbom --report SPECIAL dist/app",
	"attest tool-version":    "job:attest --signing-config $SIGNING --trusted-root $TRUSTED --type vulnerabilities --report trivy.json --tool-version SPECIAL dist/app",
	"attest signing-config":  "job:attest --sigstore custom --trusted-root .sallyport/trusted_root.json --signing-config SPECIAL dist/app",
	"attest trusted-root":    "job:attest --sigstore custom --signing-config $SIGNING --trusted-root SPECIAL dist/app",
	"release checksums":      "job:release --version 1 --environments production --checksums SPECIAL",
	"release policy":         "job:release --version 1 --environments production --policy SPECIAL dist/app",
	"release bundle":         "job:release --version 1 --environments production --bundle SPECIAL dist/app",
	"release signing-config": "job:release --version 1 --environments production --sigstore custom --trusted-root .sallyport/trusted_root.json --signing-config SPECIAL dist/app",
	"release trusted-root":   "job:release --version 1 --environments production --sigstore custom --signing-config $SIGNING --trusted-root SPECIAL dist/app",
	"approve policy":         "approver:approve --release $RELEASE --policy SPECIAL",
	"approve bundle":         "approver:approve --release $RELEASE --bundle SPECIAL",
	"approve signing-config": "approver:approve --release $RELEASE --sigstore custom --trusted-root .sallyport/trusted_root.json --signing-config SPECIAL",
	"approve trusted-root":   "approver:approve --release $RELEASE --sigstore custom --signing-config $SIGNING --trusted-root SPECIAL",
	"reject policy":          "person:reject --yes --repository https://github.com/$REPO --release $RELEASE --policy SPECIAL",
	"reject bundle":          "person:reject --yes --repository https://github.com/$REPO --release $RELEASE --bundle SPECIAL",
	"reject signing-config":  "person:reject --yes --repository https://github.com/$REPO --release $RELEASE --sigstore custom --trusted-root .sallyport/trusted_root.json --signing-config SPECIAL",
	"reject trusted-root":    "person:reject --yes --repository https://github.com/$REPO --release $RELEASE --sigstore custom --signing-config $SIGNING --trusted-root SPECIAL",
	"verify policy":          "person:verify --policy SPECIAL dist/app",
	"verify bundle":          "person:verify --offline --certificate-identity https://x.example/y --certificate-oidc-issuer https://x.example --bundle SPECIAL dist/app",
	"verify trusted-root":    "person:verify --offline --certificate-identity https://x.example/y --certificate-oidc-issuer https://x.example --trusted-root SPECIAL dist/app",
	"verify key":             "person:verify --offline --key SPECIAL dist/app",
	"verify tuf-root":        "bare:verify --certificate-identity https://x.example/y --certificate-oidc-issuer https://x.example --tuf-mirror http://127.0.0.1:1 --tuf-root SPECIAL dist/app",
	"doctor policy":          "person:doctor --offline --policy SPECIAL",
	"policy policy":          "person:policy --policy SPECIAL fix",
	"init from-bundle":       "person:init --from-bundle SPECIAL",
	"init trusted-root":      "person:init --trusted-root SPECIAL",
	"init signing-config":    "person:init --signing-config SPECIAL",
	"settings policy":        "person:settings --repository https://github.com/$REPO --policy SPECIAL plan",
	"explain verdict":        "person:explain SPECIAL",
	"explain input":          "person:explain --input SPECIAL waiting.json",
	"try trusted-root":       "person:try --repository github.com/$REPO --trusted-root SPECIAL",
	"try tuf-root":           "bare:try --repository github.com/$REPO --tuf-mirror http://127.0.0.1:1 --tuf-root SPECIAL",
	"trust tuf-root":         "bare:trust --tuf-mirror http://127.0.0.1:1 --tuf-root SPECIAL",
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
	if err := os.MkdirAll(filepath.Join(dir, "work", "bundles"), 0o755); err != nil {
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
	const store = "dir:bundles"
	command := exec.Command("sallyport", "attest", "--signing-config", s.lab.Env["SALLYPORT_SIGNING_CONFIG"], "--trusted-root", s.lab.Env["SALLYPORT_TRUSTED_ROOT"], "--authority", s.lab.Env["SALLYPORT_LAB_AUTHORITY"], "--store", store, "--bundle-dir", "bundles", args[1])
	if args[0] == "gate" {
		command = exec.Command("sallyport", "gate", "--environment", "production", "--store", store, args[1])
	}
	command.Dir = filepath.Join(dir, "work")
	for _, part := range []string{".sallyport", "dist"} {
		if err := os.CopyFS(filepath.Join(command.Dir, part), os.DirFS(filepath.Join(work, part))); err != nil {
			return err
		}
	}
	command.Env = []string{"HOME=/no-home", "REPO=" + s.repo, fmt.Sprintf("ID=%d", s.id), "GITHUB_OUTPUT=" + dir + "/output", "GITHUB_STEP_SUMMARY=" + dir + "/summary"}
	for name, value := range labtest.Parse(string(b)) {
		command.Env = append(command.Env, name+"="+value)
	}
	said, _ := command.CombinedOutput() // the exit code is looked at below
	code := command.ProcessState.ExitCode()
	if err := obeyed(string(said) + read(dir+"/summary")); err != nil {
		return err
	}
	set := read(dir+"/output") + dotenv(command.Dir)
	switch {
	case args[0] == "gate" && (code != 3 || strings.Contains(set, "allow") || strings.Contains(set, "sha256:")):
		return fmt.Errorf("exit code %d, outputs %q, want a denial\n%s", code, set, said)
	case args[0] == "attest" && code != 0 && code != 3:
		return fmt.Errorf("exit code %d, want an attestation or a refusal\n%s", code, said)
	}
	return nil
}
