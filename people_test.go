package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Commands of scenarios in which people decide:
//
//	approvals FILE [one]  give production two approvals of group release
//	person EMAIL|none     somebody at a terminal, signed in; or nobody
//	dispatch LOGIN ID RUN [ATTEMPT [WORKFLOW]] become a run of the approve workflow that somebody started
//	webjob NAME ID JOB    the same where pipelines are started on a page
//	waiting CODE ...      the gate waits, for these reasons, and passed on nothing
//	history N             N commits since what is deployed, in two merged requests
//	calls COLD WARM       the gate in the background has looked three times, with at most so many calls each
//	findings FILE THREAT:LINE ...  the doctor found exactly these
//	cut FILE TO LINE [signature]  copy FILE without a line, or with another signature in it
//	listed SUMMARY        the history on standard output has the digest of the list that a job's summary shows
//	entrytime NAME N      set NAME to the time of entry N in the history on standard output
//	pretend FILE TO LINE NUMBER   write a bundle as in FILE, about an environment of that number; its signature does not hold
//	releaseid             set RELEASE to the digest that the last command printed
func init() {
	commands["approvals"], commands["person"], commands["dispatch"], commands["webjob"], commands["waiting"], commands["releaseid"], commands["findings"], commands["history"], commands["calls"], commands["requests"] = writeApprovals, person, dispatch, webJob, waitingFor, releaseID, findings, history, calls, countRequests
	commands["cut"], commands["pretend"], commands["listed"], commands["entrytime"] = cut, pretend, listed, entryTime
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
	if len(args) > 1 { // one platform and one environment alone
		tail = ""
		before, after, _ := strings.Cut(head, "      - issuer: https://gitlab.com\n")
		_, after, _ = strings.Cut(after, "environments:\n")
		head = before + "environments:\n" + after
		groups = strings.ReplaceAll(groups, `"gitlab:bob#88", `, "")
		groups, _, _ = strings.Cut(groups, "  - issuer: https://gitlab.com\n")
	}
	if len(args) > 1 && args[1] == "two" { // artifacts of one build
		_, app, _ := strings.Cut(head, "  app:\n")
		app, _, _ = strings.Cut(app, "environments:\n")
		_, app, _ = strings.Cut(app, "\n") // the subject
		head = strings.Replace(head, "environments:\n", "  worker:\n    subject: [worker]\n"+app+"environments:\n", 1)
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
	for _, name := range []string{"GITHUB_ACTIONS", "GITLAB_CI", "SIGSTORE_ID_TOKEN", "SALLYPORT_ID_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_REPOSITORY", "GITHUB_OUTPUT", "SALLYPORT_IDENTITY_TOKEN"} {
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
	login, run, attempt, workflow := args[0], args[2], 1, "approve.yml"
	if len(args) > 3 {
		n, err := strconv.Atoi(args[3])
		ts.Check(err)
		attempt = n
	}
	if len(args) > 4 {
		workflow = args[4]
	}
	id, err := strconv.Atoi(args[1])
	ts.Check(err)
	who := map[string]any{"login": login, "id": id, "type": "User"}
	shape, err := json.Marshal(map[string]any{"event": "workflow_dispatch", "path": ".github/workflows/" + workflow, "name": "approve", "run_attempt": attempt, "actor": who, "triggering_actor": who, "head_branch": "main"})
	ts.Check(err)
	_, err = s.control("PUT", "/github/repos/"+s.repo+"/runs/"+run, string(shape))
	ts.Check(err)
	ref := s.repo + "/.github/workflows/" + workflow + "@refs/heads/main"
	claims, err := json.Marshal(map[string]any{
		"event_name": "workflow_dispatch", "actor": login, "actor_id": args[1], "run_id": run, "run_attempt": strconv.Itoa(attempt), "workflow": "approve", "workflow_ref": ref, "job_workflow_ref": ref,
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
			Threat string
			Line   int
		}
	}
	ts.Check(json.Unmarshal([]byte(read(ts.MkAbs(args[0]))), &doc))
	var got []string
	for _, f := range doc.Findings {
		got = append(got, fmt.Sprintf("%s:%d", f.Threat, f.Line))
	}
	want := slices.Clone(args[1:])
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		ts.Fatalf("findings = %q, want %q\n%s", got, want, read(ts.MkAbs(args[0])))
	}
}

// head is the commit of the lab's default tokens.
const head = "9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"

func history(ts *testscript.TestScript, neg bool, args []string) {
	s := on(ts)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	type object = map[string]any
	alice, erin := object{"login": "alice", "id": 77, "type": "User", "email": "alice@example.com"}, object{"login": "erin", "id": 91, "type": "User", "email": "erin@example.com"}
	name := func(i int) string { return fmt.Sprintf("%040x", i+1) }
	base := name(0)
	commits, activity, pulls, main := []object{{"sha": base, "message": "base", "author": alice, "committer": alice}}, []object{}, []object{}, base
	push := func(before, after, ref, kind string, who object) {
		activity = append(activity, object{"before": before, "after": after, "ref": "refs/heads/" + ref, "actor": who, "activity_type": kind})
	}
	push(strings.Repeat("0", 40), base, "main", "push", alice)
	for p := range 2 {
		var mine []string
		parent, ref := main, fmt.Sprintf("topic%d", p)
		for i := range n/2 - 1 {
			sha := name(1 + p*n + i)
			commits = append(commits, object{"sha": sha, "parents": []string{parent}, "message": "work", "author": alice, "committer": alice})
			mine, parent = append(mine, sha), sha
		}
		push(strings.Repeat("0", 40), parent, ref, "branch_creation", alice)
		merge := head
		if p == 0 {
			merge = name(1 + n - 1)
		}
		commits = append(commits, object{"sha": merge, "parents": []string{main, parent}, "message": "merge", "author": erin,
			"committer": object{"login": "web-flow", "id": 19864447, "type": "User", "name": "GitHub", "email": "noreply@github.com"}})
		push(main, merge, "main", "pr_merge", erin)
		pulls = append(pulls, object{"number": p + 1, "user": alice, "merged_by": erin, "merge_commit_sha": merge, "state": "closed", "base": "main", "merged_at": "2026-01-06T08:00:00Z",
			"head": object{"sha": parent, "ref": ref, "owner": alice}, "commits": mine})
		main = merge
	}
	put := func(path string, v any) {
		b, err := json.Marshal(v)
		ts.Check(err)
		_, err = s.control("PUT", "/github/repos/"+s.repo+path, string(b))
		ts.Check(err)
	}
	put("/history", object{"commits": commits, "branches": object{"main": main}, "pulls": pulls, "activity": activity})
	put("/runs/900", object{"head_sha": base, "status": "completed", "conclusion": "success", "path": ".github/workflows/release.yml"})
	bot := object{"login": "github-actions[bot]", "id": 41898282, "type": "Bot"}
	put("/deployments", []object{{"id": 8000, "sha": base, "ref": "main", "environment": "production", "task": "deploy", "creator": bot,
		"statuses": []object{{"state": "success", "log_url": "https://github.com/" + s.repo + "/actions/runs/900/job/1", "creator": bot}}}})
}

func calls(ts *testscript.TestScript, neg bool, args []string) {
	s := on(ts)
	cold, err := strconv.Atoi(args[0])
	ts.Check(err)
	warm, err := strconv.Atoi(args[1])
	ts.Check(err)
	for range 300 {
		b, err := s.control("GET", "/requests", "")
		ts.Check(err)
		var all []struct {
			Target, Method, Path, Query string
			Status                      int
		}
		ts.Check(json.Unmarshal(b, &all))
		var looks [][]string
		for _, r := range all {
			if r.Target != "github" {
				continue
			}
			if strings.HasSuffix(r.Path, "/attestations/bulk-list") {
				looks = append(looks, nil)
			}
			if n := len(looks); n > 0 {
				looks[n-1] = append(looks[n-1], fmt.Sprintf("%s %s %d", r.Method, r.Path, r.Status))
			}
		}
		if len(looks) < 3 {
			time.Sleep(100 * time.Millisecond) // the gate pauses between its looks
			continue
		}
		ts.Logf("cold %d calls:\n%s\nwarm %d calls:\n%s", len(looks[0]), strings.Join(looks[0], "\n"), len(looks[1]), strings.Join(looks[1], "\n"))
		if len(looks[0]) > cold || len(looks[1]) > warm {
			ts.Fatalf("%d and %d calls, want at most %d and %d", len(looks[0]), len(looks[1]), cold, warm)
		}
		return
	}
	ts.Fatalf("the gate did not look three times")
}

// countRequests VAR sets VAR to how many requests a platform has had since they were last forgotten.
func countRequests(ts *testscript.TestScript, _ bool, args []string) {
	b, err := on(ts).control("GET", "/requests", "")
	ts.Check(err)
	var all []struct{ Target, Method, Path string }
	ts.Check(json.Unmarshal(b, &all))
	n := 0
	for _, r := range all {
		if r.Target == "github" || r.Target == "gitlab" {
			n++
			ts.Logf("%s %s", r.Method, r.Path)
		}
	}
	ts.Setenv(args[0], strconv.Itoa(n))
}

func cut(ts *testscript.TestScript, neg bool, args []string) {
	lines := strings.SplitAfter(ts.ReadFile(args[0]), "\n")
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	switch line := lines[n-1]; {
	case len(args) == 3:
		lines = slices.Delete(lines, n-1, n)
	case strings.Contains(line, `"sig":"MEU`):
		lines[n-1] = strings.Replace(line, `"sig":"MEU`, `"sig":"MEQ`, 1)
	default:
		lines[n-1] = strings.Replace(line, `"sig":"ME`, `"sig":"MF`, 1)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(lines, "")), 0o644))
}

func pretend(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	bundle := map[string]json.RawMessage{}
	ts.Check(json.Unmarshal([]byte(strings.Split(ts.ReadFile(args[0]), "\n")[n-1]), &bundle))
	envelope := map[string]any{}
	ts.Check(json.Unmarshal(bundle["dsseEnvelope"], &envelope))
	payload, err := base64.StdEncoding.DecodeString(envelope["payload"].(string))
	ts.Check(err)
	s, err := statement.Parse(payload)
	ts.Check(err)
	said, err := s.Said()
	ts.Check(err)
	said.Targets[0].ID, said.Environments[0].ID = args[3], args[3]
	subjects := slices.Concat(said.Artifacts, []subject.Subject{
		statement.ReleaseSubject(said.Version, said.Release), said.Targets[0].Decisions(),
	})
	predicate, err := said.JSON()
	ts.Check(err)
	payload, err = statement.New(subjects, s.PredicateType, predicate)
	ts.Check(err)
	envelope["payload"] = base64.StdEncoding.EncodeToString(payload)
	bundle["dsseEnvelope"], err = json.Marshal(envelope)
	ts.Check(err)
	b, err := json.Marshal(bundle)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o644))
}

func listed(ts *testscript.TestScript, neg bool, args []string) {
	var doc struct {
		Environments []struct {
			Entries []struct {
				Approvers struct{ Salt, SHA256 string }
			}
		}
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &doc))
	a := doc.Environments[0].Entries[0].Approvers
	salt, err := hex.DecodeString(a.Salt)
	ts.Check(err)
	_, after, _ := strings.Cut(ts.ReadFile(args[0]), "of which a digest is signed</summary>\n\n`")
	list, _, _ := strings.Cut(after, "`\n\n</details>")
	if got := fmt.Sprintf("%x", sha256.Sum256(append(salt, list...))); got != a.SHA256 || list == "" {
		ts.Fatalf("the list %q has the digest %s, and the entry %s", list, got, a.SHA256)
	}
}

func entryTime(ts *testscript.TestScript, neg bool, args []string) {
	m := regexp.MustCompile(`(?m)^  ` + args[1] + ` +(\S+)  `).FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("no entry %s in %q", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], m[1])
}
