package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// Commands of scenarios in which people decide:
//
//	approvals FILE [one]  give production two approvals of group release
//	person EMAIL|none     somebody at a terminal, signed in; or nobody
//	dispatch LOGIN ID RUN become a run of the approve workflow that somebody started
//	webjob NAME ID JOB    the same where pipelines are started on a page
//	waiting CODE ...      the gate waits, for these reasons, and passed on nothing
//	findings FILE THREAT:LINE ...  the doctor found exactly these
//	releaseid             set RELEASE to the digest that the last command printed
func init() {
	commands["approvals"], commands["person"], commands["dispatch"], commands["webjob"], commands["waiting"], commands["releaseid"], commands["findings"] = writeApprovals, person, dispatch, webJob, waitingFor, releaseID, findings
}

// approvalsText is what every scenario of this kind is a variation of: on one
// platform alice (77) is the author and starts the runs.
const approvalsText = `    approvals:
      - {group: release, count: 2}
groups:
  release:
    members: ["github:alice#77", "github:bob#88", "github:carol#89", "gitlab:bob#88", "email:dana@acme.example", "email:alice@acme.example"]
    issuer: %[3]s
people:
  alice: ["github:alice#77", "email:alice@acme.example", "email:alice@example.com", "gitlab:alice#1"]
  bob: ["github:bob#88", "email:bob@acme.example", "gitlab:bob#88"]
  carol: ["github:carol#89", "email:carol@acme.example", "gitlab:carol#89"]
  dana: ["github:dana#90", "email:dana@acme.example", "gitlab:dana#90"]
approve-in:
  - issuer: https://token.actions.githubusercontent.com
    repository: %[1]s
    repository-id: %[2]d
    workflow: .github/workflows/approve.yml
    refs: [refs/heads/main]
  - issuer: https://gitlab.com
    repository: %[1]s
    repository-id: %[2]d
    workflow: .gitlab-ci.yml
    refs: [refs/heads/main]
`

func writeApprovals(ts *testscript.TestScript, neg bool, args []string) {
	s := on(ts)
	writePolicy(ts, false, args[:1])
	path := ts.MkAbs(args[0])
	text := read(path)
	const production = "      provenance: {max-age: 7d}\n"
	head, tail, ok := strings.Cut(text, production)
	if !ok {
		ts.Fatalf("the policy has no %q", production)
	}
	people := fmt.Sprintf(approvalsText, s.repo, s.id, ts.Getenv("SALLYPORT_LAB_ACCOUNTS"))
	rule, groups, _ := strings.Cut(people, "groups:\n")
	if len(args) > 1 && args[1] == "one" { // platform and environment alone
		tail = ""
		before, after, _ := strings.Cut(head, "      - issuer: https://gitlab.com\n")
		_, after, _ = strings.Cut(after, "environments:\n")
		head = before + "environments:\n" + after
		groups = strings.ReplaceAll(groups, `"gitlab:bob#88", `, "")
		groups, _, _ = strings.Cut(groups, "  - issuer: https://gitlab.com\n")
	}
	ts.Check(os.WriteFile(path, []byte(head+production+rule+tail+"groups:\n"+groups), 0o644))
}

func person(ts *testscript.TestScript, neg bool, args []string) {
	s := on(ts)
	b, err := s.control("GET", "/env?as=github", "")
	ts.Check(err)
	api, token := "", ""
	for _, line := range strings.Split(string(b), "\n") {
		name, value, _ := strings.Cut(line, "=")
		switch name {
		case "GITHUB_API_URL":
			api = strings.Trim(value, "'")
		case "GITHUB_TOKEN":
			token = strings.Trim(value, "'")
		}
	}
	for _, name := range []string{"GITHUB_ACTIONS", "GITLAB_CI", "SIGSTORE_ID_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_REPOSITORY", "GITHUB_OUTPUT", "SALLYPORT_IDENTITY_TOKEN"} {
		ts.Setenv(name, "")
	}
	ts.Setenv("GITHUB_API_URL", api)
	ts.Setenv("SALLYPORT_TOKEN", token)
	if args[0] == "none" {
		return
	}
	b, err = s.control("GET", "/accounts/idtoken?email="+args[0], "")
	ts.Check(err)
	ts.Setenv("SALLYPORT_IDENTITY_TOKEN", strings.TrimSpace(string(b)))
}

func dispatch(ts *testscript.TestScript, neg bool, args []string) {
	s := on(ts)
	login, run := args[0], args[2]
	id, err := strconv.Atoi(args[1])
	ts.Check(err)
	who := map[string]any{"login": login, "id": id, "type": "User"}
	shape, err := json.Marshal(map[string]any{"event": "workflow_dispatch", "path": ".github/workflows/approve.yml", "name": "approve", "actor": who, "triggering_actor": who, "head_branch": "main"})
	ts.Check(err)
	_, err = s.control("PUT", "/github/repos/"+s.repo+"/runs/"+run, string(shape))
	ts.Check(err)
	ref := s.repo + "/.github/workflows/approve.yml@refs/heads/main"
	claims, err := json.Marshal(map[string]any{
		"event_name": "workflow_dispatch", "actor": login, "actor_id": args[1], "run_id": run, "workflow": "approve", "workflow_ref": ref, "job_workflow_ref": ref,
	})
	ts.Check(err)
	ts.Setenv("SALLYPORT_TOKEN", "")
	ts.Setenv("SALLYPORT_IDENTITY_TOKEN", "")
	runner(ts, false, []string{"github", string(claims)})
}

func webJob(ts *testscript.TestScript, neg bool, args []string) {
	s := on(ts)
	id, err := strconv.Atoi(args[1])
	ts.Check(err)
	who := map[string]any{"id": id, "username": args[0]}
	pipeline := 10_000 + id
	shape, err := json.Marshal(map[string]any{"user": who, "source": "web"})
	ts.Check(err)
	_, err = s.control("PUT", fmt.Sprintf("/gitlab/projects/%d/pipelines/%d", s.id, pipeline), string(shape))
	ts.Check(err)
	shape, err = json.Marshal(map[string]any{"user": who, "name": "approve", "pipeline": map[string]any{"id": pipeline}})
	ts.Check(err)
	_, err = s.control("PUT", fmt.Sprintf("/gitlab/projects/%d/jobs/%s", s.id, args[2]), string(shape))
	ts.Check(err)
	claims, err := json.Marshal(map[string]any{"pipeline_source": "web", "user_login": args[0], "user_id": args[1], "job_id": args[2], "pipeline_id": fmt.Sprint(pipeline)})
	ts.Check(err)
	ts.Setenv("SALLYPORT_TOKEN", "")
	ts.Setenv("SALLYPORT_IDENTITY_TOKEN", "")
	runner(ts, false, []string{"gitlab", string(claims)})
}

// waitingFor is the oracle of a gate that lacks approvals: nobody can read from
// anything what could be deployed.
func waitingFor(ts *testscript.TestScript, neg bool, args []string) {
	r := verdictOf(ts, verdictFile)
	slices.Sort(args)
	if r.Outcome != "wait" || !slices.Equal(r.codes(), args) {
		ts.Fatalf("outcome = %s with %q, want wait with %q", r.Outcome, r.codes(), args)
	}
	absent(ts, checksumsFile)
	outputs(ts, false, []string{"outcome=wait", key(ts, "verdict", "verdict_path") + "=" + verdictFile})
	nosecret(ts, false, nil)
}

func releaseID(ts *testscript.TestScript, neg bool, args []string) {
	for _, word := range strings.Fields(ts.ReadFile("stdout")) {
		if strings.HasPrefix(word, "sha256:") {
			ts.Setenv("RELEASE", word)
			return
		}
	}
	ts.Fatalf("no digest in %q", ts.ReadFile("stdout"))
}

func findings(ts *testscript.TestScript, neg bool, args []string) {
	var doc struct {
		Findings []struct {
			Threat, Rule, Message, Severity string
			Line                            int
		}
	}
	ts.Check(json.Unmarshal([]byte(read(ts.MkAbs(args[0]))), &doc))
	var got []string
	for _, f := range doc.Findings {
		if f.Severity != "note" {
			got = append(got, fmt.Sprintf("%s:%d", f.Threat, f.Line))
		}
	}
	want := slices.Clone(args[1:])
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		ts.Fatalf("findings = %q, want %q\n%s", got, want, read(ts.MkAbs(args[0])))
	}
}
