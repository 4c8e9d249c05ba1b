package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// Commands of scenarios about teams:
//
//	team NAME FILE    write the policy that docs/teams.md shows for a team of that size
//	busy N            N commits over what is deployed, squashed from requests of other people through the merge queue; the last brings along a request into it, the first has an agent's trailer, the eleventh comes from a fork, the hundredth has the trailer of a bot of the team's own
func init() {
	commands["team"], commands["busy"] = team, busy
}

func team(ts *testscript.TestScript, _ bool, args []string) {
	s := on(ts)
	_, text, found := strings.Cut(read("docs/teams.md"), "```yaml\n# "+args[0]+"\n")
	if !found {
		ts.Fatalf("docs/teams.md has no policy for %q", args[0])
	}
	text, _, _ = strings.Cut(text, "```\n")
	root, err := os.ReadFile(filepath.Join(s.lab.Dir, "trusted_root.json"))
	ts.Check(err)
	text = strings.ReplaceAll(strings.ReplaceAll(text, "acme/app", s.repo), "123456789", fmt.Sprint(s.id))
	text = strings.Replace(text, "trust: public-good", fmt.Sprintf("trust: {root: trusted_root.json, sha256: %x}", sha256.Sum256(root)), 1)
	path := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	ts.Check(os.WriteFile(filepath.Join(filepath.Dir(path), "trusted_root.json"), root, 0o644))
	ts.Check(os.WriteFile(path, []byte(text), 0o644))
}

func busy(ts *testscript.TestScript, _ bool, args []string) {
	s := on(ts)
	type object = map[string]any
	who := func(i int) object {
		return object{"login": fmt.Sprint("dev", i%12), "id": 7000 + i%12, "type": "User", "email": fmt.Sprintf("dev%d@acme.example", i%12)}
	}
	page := object{"login": "web-flow", "id": 19864447, "type": "User", "email": "noreply@github.com"}
	queue := object{"login": "github-merge-queue[bot]", "id": 118344674, "type": "Bot"}
	name := func(kind, i int) string { return fmt.Sprintf("%d%06x%033x", kind, i, i) }
	var n int
	_, err := fmt.Sscan(args[0], &n)
	ts.Check(err)
	base := name(0, 0)
	commits := []object{{"sha": base, "message": "base", "author": who(0)}}
	pulls, main := []object{}, base
	activity := []object{{"before": strings.Repeat("0", 40), "after": base, "ref": "refs/heads/main", "actor": who(0), "activity_type": "push"}}
	move := func(before, after, branch, kind string, by object) {
		activity = append(activity, object{"before": before, "after": after, "ref": "refs/heads/" + branch, "actor": by, "activity_type": kind})
	}
	pull := func(number, author int, merge, into, branch string, commits ...string) object {
		return object{"number": number, "user": who(author), "merged_by": queue, "merge_commit_sha": merge, "base": into, "commits": commits,
			"head": object{"sha": commits[len(commits)-1], "ref": branch}, "timeline": []object{{"event": "added_to_merge_queue", "actor": who(author + 1)}}}
	}
	none := strings.Repeat("0", 40)
	before := main
	for i := range n {
		work, landed, branch := name(1, i), name(2, i), fmt.Sprint("topic", i)
		message := "work"
		if i == 0 {
			message += "\n\nCo-authored-by: Claude <noreply@anthropic.com>"
		}
		if i == 99 {
			message += "\n\nCo-authored-by: Bot <tidy@bots.acme.example>"
		}
		commits = append(commits, object{"sha": work, "message": message, "author": who(i), "parents": []string{main}})
		mine := []string{work}
		if i == n-1 {
			landed = head
			inner, squashed := name(3, i), name(4, i)
			commits = append(commits, object{"sha": inner, "message": "inner work", "author": object{"login": "bob", "id": 88, "type": "User", "email": "bob@acme.example"}, "parents": []string{work}},
				object{"sha": squashed, "message": "inner work (#9999)", "author": who(i), "committer": page, "parents": []string{work}})
			p := pull(9999, i, squashed, branch, "inner", inner)
			p["user"], p["merged_by"] = object{"login": "bob", "id": 88, "type": "User", "email": "bob@acme.example"}, who(i)
			pulls, mine = append(pulls, p), append(mine, squashed)
			move(none, inner, "inner", "branch_creation", object{"login": "bob", "id": 88, "type": "User"})
		}
		commits = append(commits, object{"sha": landed, "message": fmt.Sprintf("work (#%d)", i+1), "author": who(i), "committer": page, "parents": []string{main}})
		p := pull(i+1, i, landed, "main", branch, mine...)
		if i == 10 {
			p["head"] = object{"sha": work, "ref": branch, "owner": who(i), "fork": true}
		} else {
			move(none, mine[0], branch, "branch_creation", who(i))
		}
		if len(mine) > 1 {
			move(mine[0], mine[1], branch, "pr_merge", who(i))
		}
		pulls, main = append(pulls, p), landed
		if i%10 == 9 || i == n-1 { // the queue merges ten at once
			move(before, main, "main", "merge_queue_merge", queue)
			before = main
		}
	}
	bot := object{"login": "github-actions[bot]", "id": 41898282, "type": "Bot"}
	log := fmt.Sprintf("https://github.com/%s/actions/runs/900/job/1", s.repo)
	for path, v := range map[string]any{
		"/history":  object{"commits": commits, "branches": object{"main": main}, "pulls": pulls, "activity": activity},
		"/runs/900": object{"head_sha": base, "status": "completed", "conclusion": "success", "path": ".github/workflows/release.yml"},
		"/deployments": []object{{"id": 8000, "sha": base, "ref": "main", "environment": "production", "task": "deploy", "creator": bot,
			"statuses": []object{{"state": "success", "log_url": log, "creator": bot}}}},
	} {
		b, err := json.Marshal(v)
		ts.Check(err)
		_, err = s.control("PUT", "/github/repos/"+s.repo+path, string(b))
		ts.Check(err)
	}
}
