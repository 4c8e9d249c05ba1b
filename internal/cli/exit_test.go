package cli

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/messages"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// The whole table of docs/exit-codes.md. Only one line of it is 0.
func TestD03_every_answer_has_its_exit_code(t *testing.T) {
	usage := fault.New(fault.Usage, fault.Config, "", "x")
	for _, x := range []struct {
		what   string
		answer answer
		err    error
		want   int
	}{
		{"allow", answer{verdict: verdict.Answer{Outcome: verdict.Allow}}, nil, 0},
		{"deny", answer{verdict: verdict.Answer{Outcome: verdict.Deny}}, nil, 3},
		{"watch, which would deny", answer{verdict: verdict.Answer{Watched: true}}, nil, 0},
		{"watch with a fault", answer{verdict: verdict.Answer{Watched: true}}, errors.New("x"), 1},
		{"wait", answer{verdict: verdict.Answer{Outcome: verdict.Wait}}, nil, 4},
		{"nothing", answer{}, nil, 3},
		{"done without a decision", done, nil, 0},
		{"done with a fault", done, errors.New("x"), 1},
		{"an outcome that does not exist", answer{verdict: verdict.Answer{Outcome: verdict.Allow + 1}}, nil, 3},
		{"an outcome below all", answer{verdict: verdict.Answer{Outcome: verdict.Deny - 1}}, nil, 3},
		{"an internal fault", answer{}, fault.New(fault.Internal, fault.InternalError, "", "x"), 1},
		{"an error that nobody classified", answer{}, errors.New("x"), 1},
		{"a kind that does not exist", answer{}, fault.New(fault.Kind(99), fault.Config, "", "x"), 1},
		{"a usage fault", answer{}, usage, 2},
		{"a wrapped usage fault", answer{}, fmt.Errorf("reading: %w", usage), 2},
		{"a usage fault among others", answer{}, errors.Join(usage, errors.New("x")), 2},
		{"a refusal", answer{}, fault.New(fault.Refused, fault.Malformed, "", "x"), 3},
		{"silence", answer{}, fault.New(fault.Unavailable, fault.NotAvailable, "", "x"), 5},
		{"allow with a fault", answer{verdict: verdict.Answer{Outcome: verdict.Allow}}, errors.New("x"), 1},
		{"allow with silence", answer{verdict: verdict.Answer{Outcome: verdict.Allow}}, fault.New(fault.Unavailable, fault.NotAvailable, "", "x"), 5},
	} {
		if got := exitCode(x.answer, x.err); got != x.want {
			t.Errorf("%s: exit code = %d, want %d", x.what, got, x.want)
		}
	}
}

// said runs a command in a world without variables.
func said(t *testing.T, getenv func(string) string, args ...string) (code int, out, err string) {
	t.Helper()
	t.Chdir(t.TempDir())
	var stdout, stderr bytes.Buffer
	code = Command{Version: "test", Getenv: getenv, Stdout: &stdout, Stderr: &stderr}.Run(t.Context(), args)
	messages.Plain(t, stdout.String(), stderr.String())
	return code, stdout.String(), stderr.String()
}

func nothing(string) string { return "" }

func TestO05_a_panic_is_an_internal_error_and_no_answer(t *testing.T) {
	for _, command := range []string{"gate", "verify", "attest", "trust"} {
		for _, format := range []string{"text", "json", "markdown"} {
			code, out, err := said(t, func(string) string { panic("boom") }, command, "--format", format, "x")
			if command == "attest" || command == "trust" {
				code, out, err = said(t, func(string) string { panic("boom") }, command)
			}
			if code != 1 || out != "" || !strings.HasPrefix(err, "sallyport: internal error: E_INTERNAL\n") {
				t.Errorf("%s: exit code %d, stdout %q, stderr %q, want 1, nothing and an internal error", command, code, out, err)
			}
		}
	}
}

func TestD03_a_fault_has_the_same_exit_code_in_every_format(t *testing.T) {
	form, err := jsonschema.NewCompiler().Compile("../../shared/fault.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		args []string
		want int
	}{
		{[]string{"verify", "--certificate-identity", "x", "--certificate-oidc-issuer", "https://ci.example", "none"}, 3},
		{[]string{"verify", "none"}, 3},
		{[]string{"verify"}, 2},
		{[]string{"verify", "--policy", "none.yaml", "sha256:" + strings.Repeat("0", 64)}, 2},
		{[]string{"gate", "--environment", "production", "none"}, 2},
		{[]string{"gate", "none"}, 2},
		{[]string{"gate", "--environment", "production", "--environment", "staging", "none"}, 2},
	} {
		for _, format := range []string{"text", "json", "markdown", "junit"} {
			code, out, err := said(t, nothing, append([]string{x.args[0], "--format", format}, x.args[1:]...)...)
			if code != x.want || out != "" && format != "json" && format != "junit" || !strings.HasPrefix(err, "sallyport: ") {
				t.Errorf("%q as %s: exit code %d, stdout %q, stderr %q, want %d and only a message", x.args, format, code, out, err, x.want)
			}
			if format == "json" {
				wantFaultDocument(t, form, out, map[int]string{2: "usage", 3: "refused"}[x.want])
			}
			if format == "junit" && (!strings.Contains(out, `tests="1" failures="1"`) || !strings.Contains(out, "<failure message=\"E_")) {
				t.Errorf("%q as junit: standard output %q, want a report with one failure", x.args, out)
			}
		}
		if code, _, _ := said(t, nothing, append([]string{x.args[0], "--format", "junk"}, x.args[1:]...)...); code != 2 {
			t.Errorf("%q as junk: exit code %d, want 2", x.args, code)
		}
	}
}

func TestHelp_is_no_answer_about_an_artifact(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"--help"}, {"help", "gate"}, {"gate", "--help"}, {"version"}} {
		if code, out, _ := said(t, nothing, args...); code != 0 || out == "" || strings.HasPrefix(out, "allowed") {
			t.Errorf("%q: exit code %d, stdout %q", args, code, out)
		}
	}
	for _, args := range [][]string{{}, {"gaet"}, {"help", "gaet"}, {""}} {
		if code, out, _ := said(t, nothing, args...); code != 2 || out != "" {
			t.Errorf("%q: exit code %d, stdout %q, want 2 and nothing", args, code, out)
		}
	}
}

func TestK01_an_artifact_called_help_is_not_let_in_by_its_name(t *testing.T) {
	job := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/app"}
	for _, name := range []string{"-h", "-help", "--help"} {
		for _, command := range []string{"gate", "verify", "attest"} {
			if code, out, _ := said(t, nothing, command, "app", name); code != 2 || out != "" {
				t.Errorf("%s app %s: exit code %d, stdout %q, want 2 and nothing", command, name, code, out)
			}
			if code, out, _ := said(t, func(n string) string { return job[n] }, command, name); code != 2 || out != "" {
				t.Errorf("%s %s in a job: exit code %d, stdout %q, want 2 and nothing", command, name, code, out)
			}
		}
	}
}

func TestC21_a_file_name_does_not_become_a_flag(t *testing.T) {
	identity := []string{"verify", "--certificate-identity", "x", "--certificate-oidc-issuer", "https://ci.example"}
	for _, x := range []struct {
		args []string
		want string
	}{
		{[]string{"dist", "--policy=evil.yaml"}, "stands after a subject"},
		{[]string{"dist", "-h"}, "stands after a subject"},
		{[]string{"--", "--policy=evil.yaml"}, `"--policy=evil.yaml"`}, // a file, which is not there
	} {
		code, out, err := said(t, nothing, append(identity, x.args...)...)
		if code == 0 || out != "" || !strings.Contains(err, x.want) {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q, want a refusal that says %q", x.args, code, out, err, x.want)
		}
	}
}

func TestC02_a_missing_policy_says_what_to_do(t *testing.T) {
	code, out, err := said(t, nothing, "verify", "--policy", "none.yaml", "sha256:"+strings.Repeat("0", 64))
	if code != 2 || out != "" || !strings.Contains(err, "E_POLICY") || !strings.Contains(err, `there is no policy file "none.yaml"`) || !strings.Contains(err, "hint: write one with sallyport init") {
		t.Errorf("exit code %d, stdout %q, stderr %q, want 2 and how to get one", code, out, err)
	}
}

// What a job was given to prove who it is stands in no message, however somebody repeats it.
func TestE09_a_credential_of_the_job_is_in_no_message(t *testing.T) {
	const token = "ghs_0123456789abcdefghijABCDEFGHIJ"
	for name, echo := range map[string]string{
		"as it is": token, "over lines": token[:9] + "\n" + token[9:20] + "\n" + token[20:], "percent-encoded": strings.ReplaceAll(token, "_", "%5f"),
		"base64": base64.StdEncoding.EncodeToString([]byte("x:" + token)), "nothing of it": "another-word",
	} {
		getenv := func(name string) string { return map[string]string{"GITHUB_TOKEN": token}[name] }
		_, out, err := said(t, getenv, "command-"+echo)
		if hidden := strings.Contains(err, fault.Hidden); out != "" || hidden == (name == "nothing of it") || hidden && strings.Contains(err, "0123") {
			t.Errorf("%s: said %q", name, err)
		}
		if _, _, err = said(t, nothing, "command-"+echo); strings.Contains(err, fault.Hidden) {
			t.Errorf("%s: without a credential: said %q", name, err)
		}
	}
}

// wantFaultDocument fails t unless out is one document that the schema takes, of a kind of fault.
func wantFaultDocument(t *testing.T, s *jsonschema.Schema, out, kind string) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
	if err != nil || s.Validate(doc) != nil || !strings.Contains(out, `"kind": "`+kind+`"`) {
		t.Errorf("standard output = %q, %v, want a fault of kind %s", out, err, kind)
	}
}

// In a job that an action or a component starts nobody has typed a flag, and the page of the job says
// what is wrong as well, also where the inputs themselves cannot be read.
func TestFault_speaks_of_inputs_and_is_on_the_page(t *testing.T) {
	page := filepath.Join(t.TempDir(), "summary.md")
	env := func(name string) string {
		return map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": page, "GITHUB_SERVER_URL": "https://github.com",
			"GITHUB_API_URL": "https://api.github.com", "GITHUB_REPOSITORY": "acme/app"}[name]
	}
	for name, x := range map[string]struct {
		args []string
		want string
	}{
		"an action":  {[]string{"gate", "--with", "subject=dist/*", "--with", "environment="}, "input environment is missing"},
		"by hand":    {[]string{"gate", "dist/app"}, "--environment is missing"},
		"a bad flag": {[]string{"gate", "--nope"}, "flag provided but not defined: -nope"},
	} {
		if err := os.WriteFile(page, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, log := said(t, env, x.args...)
		summary, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if code != 2 || !strings.Contains(log, "::error title=sallyport") || strings.Count(log, x.want) != 2 || !strings.Contains(string(summary), x.want) ||
			!strings.Contains(string(summary), "codes.md#e_config") {
			t.Errorf("%s: exit code %d, log\n%s\npage\n%s\nwant %q in each", name, code, log, summary, x.want)
		}
	}
}

// A disk without room, or a standard output that nobody takes, is the machine's turn, and says
// where.
func TestFault_of_a_full_disk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatalf("this test needs /dev/full, as Linux has it: %v", err)
	}
	defer full.Close()
	var log bytes.Buffer
	c := Command{Version: "test", Getenv: nothing, Stdout: full, Stderr: &log}
	if code := c.Run(t.Context(), []string{"version"}); code != 5 || !strings.Contains(log.String(), "standard output cannot be written: no space left") || strings.Contains(log.String(), "report this") {
		t.Errorf("exit code %d, log %q, want 5 and what is full", code, log.String())
	}
	wrapped := fmt.Errorf("keeping it: %w", &fs.PathError{Op: "write", Path: "/x/y", Err: syscall.ENOSPC})
	if f := fault.Of(fullDisk(wrapped)); f.Kind != fault.Unavailable || !strings.Contains(f.Error(), "/x/y") {
		t.Errorf("fault = %+v, want the path and kind unavailable", f)
	}
	for cause, kind := range map[error]fault.Kind{syscall.ENOSPC: fault.Unavailable, syscall.EROFS: fault.Unavailable, syscall.EACCES: fault.Usage} {
		f := fault.Of(unwritten("x/y", &fs.PathError{Op: "write", Path: "x/y", Err: cause}))
		if f.Kind != kind || !strings.Contains(f.Error(), `"x/y"`) {
			t.Errorf("%v: fault = %+v, want the path and kind %v", cause, f, kind)
		}
	}
	if f := fault.Of(fullDisk(errors.New("other"))); f.Kind != fault.Internal {
		t.Errorf("fault = %+v, want what it was", f)
	}
}

// Only a command whose answer lets something happen says what does not happen without it.
func TestFault_says_what_is_not_done_only_where_something_is_decided(t *testing.T) {
	f := fault.Fault{Kind: fault.Unavailable, Code: fault.NotAvailable, Err: errors.New("x")}
	for command, want := range map[string]string{
		"gate": "nothing may be deployed", "enter": "nothing may be deployed", "release": "nothing may be deployed",
		"attest": "nothing may be deployed", "verify": "nothing is verified", "": "",
		"try": "", "init": "", "remove": "", "policy": "", "doctor": "", "history": "", "help": "", "version": "",
	} {
		var text, page bytes.Buffer
		report.Fault(&text, f, undecided([]string{command}))
		if err := report.FaultMarkdown(&page, f, undecided([]string{command})); err != nil {
			t.Fatal(err)
		}
		decides := want != ""
		if strings.Contains(text.String(), "nothing was decided; "+want) != decides || strings.Contains(page.String(), "Nothing was decided; "+want) != decides {
			t.Errorf("%s: said %q and %q, want %q", command, text.String(), page.String(), want)
		}
	}
	if undecided(nil) != "" {
		t.Error("a call without a command decides something")
	}
}

// A rule of the doctor is explained from the table, as a code is.
func TestHelp_explains_a_rule_of_the_doctor(t *testing.T) {
	for _, rule := range finding.Rules() {
		code, out, _ := said(t, nothing, "help", rule.String())
		words := strings.Join(strings.Fields(out), " ")
		for _, want := range []string{rule.Title(), rule.Meaning(), rule.Step(), "#" + rule.String()} {
			if code != 0 || !strings.Contains(words, strings.Join(strings.Fields(want), " ")) {
				t.Errorf("%s: exit code %d, said %q, want %q", rule, code, out, want)
			}
		}
	}
	if code, out, _ := said(t, nothing, "help", "gate-watchd"); code != 2 || out != "" {
		t.Errorf("exit code %d, said %q, want a usage fault: there is no such rule", code, out)
	}
}
