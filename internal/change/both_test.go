package change_test

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/gitlab"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

func TestMain(m *testing.M) { labtest.Main(m) }

type object = map[string]any

// numbers are the people of these histories, by account; page is the platform's
// own page as a committer, and 0 is somebody whom nobody knows.
var numbers = map[string]int{"alice": 77, "bob": 88, "carol": 99, "dana": 90, "erin": 91, "eve": 666}

// A history is what happened in a repository, in words that both platforms have.
type history struct {
	commits  []commit
	pushes   []push
	requests []request
	head     string // of main; the last commit if that is empty
	forks    policy.Forks
	fork     *fork // that may be seen
	mergers  bool  // the policy lets those approve who only merged
	closed   bool  // nobody may push to main
	reviewed bool  // the policy asks how requests were reviewed, and for signatures
	unsigned string
}

type commit struct {
	name, author string
	parents      string // names
	committer    string // "" is the author
	message      string
}

// push moves a branch; from "" makes it, and to "" takes it away. It leaves commits out
// where from begins with "forced:", and is not a merge, although it looks like one, where
// from begins with "hand:".
type push struct{ who, branch, from, to string }

type request struct {
	number     int
	author     string
	merger     string
	branch     string
	into       string // "" is main
	head       string
	merge      string // the merge commit, if there is one
	squash     string // or the commit that it was squashed to
	commits    string // names
	owner      string // of the fork that it came from
	introduced string // on the cloud that rebases: what it put on the branch
	reviews    []review
	moved      int // minute at which it was pointed at main; 0 is never
}

// review is an approval: of the request's head, a while before the merge, unless it says otherwise.
type review struct {
	who   string
	of    string // commit; "" is the head
	at    int    // minute; 0 is before the merge
	state string // of GitHub; "" approves
}

type fork struct {
	owner  string
	pushes []push
}

func id(name string) string {
	if name == "" {
		return ""
	}
	h := sha1.Sum([]byte(name))
	return hex.EncodeToString(h[:])
}

func ids(names string) []string {
	out := []string{}
	for _, n := range strings.Fields(names) {
		out = append(out, id(n))
	}
	return out
}

func minute(i int) string { return fmt.Sprintf("2026-11-20T%02d:%02d:00Z", 10+i/60, i%60) }

// onGitHub plays h there, over the commit "base", which is deployed.
func onGitHub(t *testing.T, name string, number int, h history) policy.Change {
	t.Helper()
	l := labtest.Shared(t)
	repo := "/github/repos/acme/" + name
	l.Set(t, repo, object{"id": number})
	for name, n := range numbers {
		l.Set(t, "/github/users/"+name, object{"login": name, "id": n, "email": name + "@acme.example"})
	}
	who := func(name string) any {
		switch {
		case name == "":
			return nil
		case name == "page":
			return object{"login": "web-flow", "id": 19864447, "email": "noreply@github.com"}
		case numbers[name] == 0 && name != "ghost":
			return object{"login": name, "email": name}
		case name == "ghost":
			return nil
		}
		return object{"login": name, "id": numbers[name], "email": name + "@acme.example"}
	}
	commits := []object{{"sha": id("base"), "author": who("erin"), "message": "base", "parents": []string{},
		"date": minute(0)}}
	for i, c := range h.commits {
		o := object{"sha": id(c.name), "author": who(c.author),
			"message": c.name + "\n\n" + mentioned(c.message,
				"%d+%s@users.noreply.github.com"), "parents": ids(c.parents), "date": minute(i + 1)}
		if c.committer != "" {
			o["committer"] = who(c.committer)
		}
		if h.signs(c.name) {
			o["verification"] = object{"verified": true, "reason": "valid"}
		}
		commits = append(commits, o)
	}
	acts := func(all []push) []object {
		out := []object{}
		for i, p := range all {
			kind, before := "push", id(p.from)
			if p.from == "" {
				kind, before = "branch_creation", strings.Repeat("0", 40)
			}
			for _, r := range h.requests {
				if p.branch == h.into(r) && (p.to == r.merge || p.to == r.squash) {
					kind = "pr_merge"
				}
			}
			if from, ok := strings.CutPrefix(p.from, "forced:"); ok {
				kind, before = "force_push", id(from)
			}
			if from, ok := strings.CutPrefix(p.from, "hand:"); ok {
				kind, before = "push", id(from)
			}
			if p.to == "" {
				kind = "branch_deletion"
			}
			out = append(out, object{"before": before, "after": cmp.Or(id(p.to), strings.Repeat("0", 40)), "ref": "refs/heads/" + p.branch, "actor": who(p.who),
				"activity_type": kind, "timestamp": minute(100 + i)})
		}
		return out
	}
	pulls := []object{}
	for i, r := range h.requests {
		merge := r.merge + r.squash
		p := object{"number": r.number, "user": who(r.author), "merged_by": who(r.merger), "merge_commit_sha": id(merge),
			"merged_at": minute(300 + i), "created_at": minute(i + 1),
			"base": h.into(r), "head": object{"sha": id(r.head),
				"ref": r.branch}, "commits": ids(r.commits), "introduced": ids(r.introduced)}
		var said []object
		for _, v := range r.reviews {
			of, at := cmp.Or(v.of, r.head), cmp.Or(v.at, 250)
			by := who(v.who)
			if strings.HasSuffix(v.who, "[bot]") {
				by = object{"login": v.who, "id": 4100, "type": "Bot"}
			}
			said = append(said, object{"user": by, "state": cmp.Or(v.state, "APPROVED"), "commit_id": id(of), "submitted_at": minute(at),
				"stranger": v.who == "eve"})
		}
		p["reviews"] = said
		if r.moved > 0 {
			p["timeline"] = []object{{"event": "base_ref_changed", "actor": who(r.author), "at": minute(r.moved)}}
		}
		if r.owner != "" {
			p["head"] = object{"sha": id(r.head), "ref": r.branch, "owner": who(r.owner), "fork": true}
		}
		pulls = append(pulls, p)
	}
	l.Set(t, repo+"/history", object{"commits": commits, "branches": object{"main": id(h.tip())}, "pulls": pulls,
		"activity": acts(h.pushes)})
	if f := h.fork; f != nil {
		there := "/github/repos/" + f.owner + "/" + name
		l.Set(t, there, object{"id": number + 1})
		l.Set(t, there+"/history", object{"commits": commits, "branches": object{"main": id("base")}, "pulls": []object{},
			"activity": acts(f.pushes)})
	}
	run := object{"path": ".github/workflows/release.yml", "status": "completed", "conclusion": "success",
		"head_sha": id("base")}
	l.Set(t, repo+"/runs/500", run)
	robot := object{"login": "github-actions[bot]", "id": 41898282, "type": "Bot"}
	l.Set(t, repo+"/deployments",
		[]object{{"id": 8, "sha": id("base"), "ref": "main", "environment": "production", "task": "deploy",
			"creator": robot, "created_at": minute(50),
			"statuses": []object{{"state": "success", "creator": robot,
				"log_url": "https://github.com/acme/" + name + "/actions/runs/500/job/5"}}}})
	env := maps.Clone(l.As(t, "github", nil))
	env["GITHUB_REPOSITORY"], env["GITHUB_REPOSITORY_ID"] = "acme/"+name, fmt.Sprint(number)
	j, err := github.FromEnv(func(k string) string { return env[k] })
	if err == nil {
		j.Out = io.Discard
		err = j.Reach("https://token.actions.githubusercontent.com", env["SALLYPORT_LAB_GITHUB"]+"/api/v3")
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := j.Change(context.Background(), policy.ChangeQuery{
		Environment: "production", Repository: "https://github.com/acme/" + name, ID: fmt.Sprint(number), Head: id(h.tip()), Ref: "refs/heads/main", Forks: h.forks, Mergers: h.mergers || h.reviewed,
		Reviews: h.reviewed, Signatures: h.reviewed,
	})
	if err != nil {
		t.Fatalf("on GitHub: %v", err)
	}
	l.Contract(t)
	return c
}

// onGitLab plays h there.
func onGitLab(t *testing.T, number int, h history) policy.Change {
	t.Helper()
	l := labtest.Shared(t)
	path := fmt.Sprint("acme/both", number)
	project := fmt.Sprint("/gitlab/projects/", number)
	l.Set(t, project, object{"path": path, "namespace_id": 4242, "protected": []string{"production"}})
	who := func(name string) any {
		if name == "" {
			return nil
		}
		if name == "ghost" {
			return object{"id": 4711, "username": "ghost"} // the account of those who are gone
		}
		return object{"id": numbers[name], "username": name}
	}
	for name, n := range numbers {
		l.Set(t, fmt.Sprint("/gitlab/users/", n), object{"username": name, "public_email": name + "@acme.example"})
	}
	email := func(name string) string {
		switch {
		case name == "page":
			return "noreply@gitlab.com"
		case numbers[name] == 0:
			return name
		}
		return name + "@acme.example"
	}
	base := object{"id": id("base"), "parent_ids": []string{}, "message": "base", "author_email": email("erin"),
		"committer_email": email("erin"), "committed_date": minute(0)}
	commits := []object{base}
	for i, c := range h.commits {
		committer := c.committer
		if committer == "" {
			committer = c.author
		}
		signature := ""
		if h.signs(c.name) {
			signature = "verified"
		}
		commits = append(commits, object{"id": id(c.name), "parent_ids": ids(c.parents), "signature": signature,
			"message":     c.name + "\n\n" + mentioned(c.message, "%d-%s@users.noreply.gitlab.com"),
			"author_name": c.author, "author_email": email(c.author), "committer_email": email(committer), "committed_date": minute(i + 1)})
	}
	events := func(all []push) []object {
		out := []object{}
		for i, p := range all {
			action, from := "pushed", strings.TrimPrefix(strings.TrimPrefix(p.from, "forced:"), "hand:")
			data := object{"ref": p.branch, "ref_type": "branch", "commit_to": id(p.to), "commit_count": 99}
			if p.to == "" {
				action, data["commit_to"] = "removed", nil
			}
			if from == "" {
				action = "created"
			} else {
				data["commit_from"] = id(from)
			}
			data["action"] = action
			e := object{"push_data": data, "created_at": minute(100 + i), "author": who(p.who)}
			if p.who == "" {
				continue // of a push by nobody there is no event
			}
			out = append(out, e)
		}
		return out
	}
	requests := []object{}
	for i, r := range h.requests {
		q := object{"iid": r.number, "author": who(r.author), "merge_user": who(r.merger), "sha": id(r.head),
			"source_branch": r.branch, "target_branch": h.into(r),
			"source_project_id": number, "target_project_id": number, "commits": ids(r.commits), "merged_at": minute(300 +
				i), "updated_at": minute(300 + i), "created_at": minute(i + 1), "state": "merged"}
		if r.merge != "" && r.introduced == "" {
			q["merge_commit_sha"] = id(r.merge)
		}
		if r.squash != "" {
			q["squash_commit_sha"], q["squash"] = id(r.squash), true
		}
		if r.introduced != "" { // rebased by the page, then fast-forwarded
			q["sha"], q["commits"] = id(r.merge), ids(r.introduced)
		}
		if r.owner != "" {
			q["source_project_id"] = number + 1
		}
		// Each push to its branch is a version; GitLab lists who approves it now.
		versions := []object{}
		for i, p := range h.pushes {
			if p.branch == r.branch && p.to != "" {
				versions = append(versions, object{"head_commit_sha": id(p.to), "created_at": minute(100 + i)})
			}
		}
		if r.introduced != "" { // rebased on the page, and reviewed after that
			versions = append(versions, object{"head_commit_sha": id(r.merge), "created_at": minute(200)})
		}
		if r.moved > 0 {
			versions = append(versions, object{"head_commit_sha": id(r.head), "created_at": minute(r.moved)})
		}
		approved := []object{}
		for _, v := range r.reviews {
			at := cmp.Or(v.at, 250)
			for i, p := range h.pushes { // what was reviewed tells the time
				if v.of != "" && p.branch == r.branch && p.to == v.of {
					at = 100 + i
				}
			}
			by := who(v.who)
			if strings.HasSuffix(v.who, "[bot]") {
				by = object{"id": 4100, "username": v.who, "bot": true}
				l.Set(t, "/gitlab/users/4100", object{"username": "reviewer-bot", "bot": true})
			}
			if v.state == "" && v.who != "eve" { // others cannot approve there
				approved = append(approved, object{"user": by, "approved_at": minute(at)})
			}
		}
		last := map[string]int{}
		for i, v := range r.reviews {
			last[v.who] = i
		}
		approved = slices.DeleteFunc(approved, func(a object) bool { // taken back
			for who, i := range last {
				if r.reviews[i].state != "" && fmt.Sprint(a["user"].(object)["id"]) == fmt.Sprint(numbers[who]) {
					return true
				}
			}
			return false
		})
		q["approved_by"], q["versions"] = approved, versions
		requests = append(requests, q)
	}
	pushes := slices.Clone(h.pushes)
	for _, r := range h.requests {
		if r.introduced != "" { // the page rebases on the branch of the request
			pushes = slices.Insert(pushes, len(pushes)-1, push{r.merger, r.branch, "forced:" + r.head, r.merge})
		}
	}
	l.Set(t, project+"/history", object{"commits": commits, "branches": object{"main": id(h.tip())},
		"events": events(pushes), "merge_requests": requests})
	if f := h.fork; f != nil {
		there := fmt.Sprint("/gitlab/projects/", number+1)
		l.Set(t, there, object{"path": f.owner + "/fork", "fields": object{"owner": who(f.owner)}})
		l.Set(t, there+"/history", object{"commits": commits, "branches": object{}, "events": events(f.pushes),
			"merge_requests": []object{}})
	}
	if h.closed {
		l.Set(t, project+"/protected_branches", []object{{"name": "mai*", "push_access_levels": []object{{"access_level": 0}}}})
	}
	l.Set(t, fmt.Sprint(project, "/deployments/", number),
		object{"environment": "production", "status": "success", "sha": id("base"), "ref": "main", "created_at": minute(50),
			"deployable": object{"id": number + 10000, "status": "success", "ref": "main", "commit": object{"id": id("base")},
				"pipeline": object{"id": number + 20000, "project_id": number, "sha": id("base")}}})
	env := maps.Clone(l.As(t, "gitlab", nil))
	env["CI_PROJECT_ID"], env["CI_PROJECT_PATH"] = fmt.Sprint(number), path
	j, err := gitlab.FromEnv(func(k string) string { return env[k] })
	if err == nil {
		j.Out = io.Discard
		err = j.Reach(env["CI_SERVER_URL"], env["SALLYPORT_LAB_GITLAB"]+"/api/v4")
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := j.Change(context.Background(), policy.ChangeQuery{
		Environment: "production", Repository: "https://gitlab.com/" + path, ID: fmt.Sprint(number), Head: id(h.tip()), Ref: "refs/heads/main", Forks: h.forks, Mergers: h.mergers || h.reviewed,
		Reviews: h.reviewed, Signatures: h.reviewed,
	})
	if err != nil {
		t.Fatalf("on GitLab: %v", err)
	}
	return c
}

// signs reports whether the platform verified the signature of a commit.
func (h history) signs(name string) bool {
	return h.reviewed && !slices.Contains(strings.Fields(h.unsigned), name)
}

func (h history) tip() string {
	if h.head != "" {
		return h.head
	}
	return h.commits[len(h.commits)-1].name
}

func (h history) into(r request) string {
	if r.into != "" {
		return r.into
	}
	return "main"
}

// mentioned writes "@bob" as the address that a platform gives bob.
func mentioned(message, form string) string {
	for name, n := range numbers {
		message = strings.ReplaceAll(message, "@"+name+"@", fmt.Sprintf(form, n, name))
	}
	return message
}

// made is the makers in words that both platforms have: role, account or typed
// address, and where, with names of commits for their ids.
func made(c policy.Change, h history) []string {
	var out []string
	for _, m := range c.Makers {
		who := "?" + m.Email
		if m.Account.ID != "" {
			who = m.Account.ID
			for name, n := range numbers {
				if who == fmt.Sprint(n) {
					who = name
				}
			}
		}
		where := strings.ReplaceAll(m.Where, "request !", "request ")
		for _, x := range h.commits {
			where = strings.ReplaceAll(where, id(x.name)[:7], x.name)
		}
		if line := fmt.Sprintf("%s %s: %s", m.Role, who, where); !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}
