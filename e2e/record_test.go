//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A keeper is a platform on which what enters is on record.
type keeper interface {
	desk
	// opens makes the repository and its people.
	opens(t *testing.T)
	// knows makes the platform know the commits of main, of which all but the last
	// one are deployed, and one more deployment if somebody has made it up.
	knows(t *testing.T, main []pushed, madeUp bool)
	// deploys has the client run the last of the commits. The first attempt is the
	// whole pipeline, and later ones are what has failed of it.
	deploys(t *testing.T, main []pushed) result
	// gate is the job whose gate says no.
	gate() string
}

// A pushed commit is one of main, and how often its deployment was tried.
type pushed struct {
	sha     string
	attempt int
	stopped bool // it was not deployed
}

// What entered is known from what the jobs sign in which a real client deploys: a
// deployment that somebody has made up is told and moves nothing, and who weakens
// the policy needs those that the policy in force asks for.
func TestG11_record(t *testing.T) {
	t.Parallel()
	for name, platform := range map[string]func(*run) keeper{
		"github": func(r *run) keeper { return recordOnGitHub{onGitHub{r}} },
		"gitlab": func(r *run) keeper { return recordOnGitLab{onGitLab{r}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, name+"-record", scenario{over: "record"}, variants[0])
			l := &ledger{T: t, r: r, keeper: platform(r), main: []pushed{{sha: r.sha}}}
			l.opens(t)
			l.step("first_deployment_signs_entry_1", l.first)
			l.step("D15_weakened_policy_needs_that_in_force", l.weakened)
			l.step("made_up_deployment_is_told", l.madeUp)
			l.step("second_deployment_signs_entry_2", l.second)
			r.lab.Contract(t)
		})
	}
}

// A ledger is the record of one repository, in the order in which it is written.
type ledger struct {
	*testing.T
	keeper

	r        *run
	main     []pushed
	attested []string // the digests of the newest one
	arrived  int      // how much the environment has received
}

func (l *ledger) step(name string, f func(*testing.T)) {
	if !l.Failed() {
		l.Run(name, f)
	}
}

// first signs what both artifacts begin with.
func (l *ledger) first(t *testing.T) {
	l.approved(t, "carol", "dana")
	l.entered(t, l.runs(t, false), 1)
	l.history(t, 1, "", l.main[0].sha)
}

// weakened asks for one approval in place of two. It gets one, which is not enough
// before there is another.
func (l *ledger) weakened(t *testing.T) {
	l.r.edit(t, ".sallyport/policy.yaml", "{group: release, count: 2}", "{group: release, count: 1}")
	l.push(t, "main.go", "hello from", "hello again from")
	l.approved(t, "dana")
	l.kept(t, l.runs(t, false), missing, "the policy has changed since entry 1, and by its rules: 1 of 2 approvals")
	l.approve(t, "carol")
}

// madeUp has somebody tell the platform of a deployment that no gate let in.
func (l *ledger) madeUp(t *testing.T) {
	l.kept(
		t,
		l.runs(t, true),
		answer{3, "E_ENTRY_MISSING"},
		`something was deployed into "production" without an entry`,
	)
	l.history(t, 1, "")
}

// second is when the platform does not know that deployment any more.
func (l *ledger) second(t *testing.T) {
	l.entered(t, l.runs(t, false), 2)
	l.history(t, 2, "under another policy than before", l.main[1].sha, l.main[0].sha)
}

// runs has the client try the newest commit once more.
func (l *ledger) runs(t *testing.T, madeUp bool) result {
	t.Helper()
	l.main[len(l.main)-1].attempt++
	l.knows(t, l.main, madeUp)
	return l.deploys(t, l.main)
}

// approved runs the whole pipeline, whose gate waits for approvals, which people
// then give.
func (l *ledger) approved(t *testing.T, who ...string) {
	t.Helper()
	got := l.runs(t, false)
	l.attested, l.r.release = strings.Fields(got.outputs["attested"]), got.outputs["release"]
	slices.Sort(l.attested)
	if len(l.attested) != 2 || l.r.release == "" {
		t.Fatalf("attested %q, release %q; want two digests and one\n%s", l.attested, l.r.release, got.log)
	}
	l.kept(t, got, missing, "0 of ")
	for _, name := range who {
		l.approve(t, name)
	}
}

func (l *ledger) approve(t *testing.T, name string) {
	t.Helper()
	out, exit := l.r.atTerminal(t, l, l.r.person(name), "approve", "--release", l.r.release)
	if exit != 0 || jwt.MatchString(out) {
		t.Fatalf("exit code %d, want 0, and no token\n%s", exit, out)
	}
}

// push commits a change, as another version.
func (l *ledger) push(t *testing.T, file, from, to string) {
	t.Helper()
	l.r.edit(t, file, from, to)
	for _, pipeline := range []string{releaseFile, ".gitlab-ci.yml"} {
		l.r.edit(
			t,
			pipeline,
			fmt.Sprintf("version: v1.%d.0", len(l.main)-1),
			fmt.Sprintf("version: v1.%d.0", len(l.main)),
		)
	}
	_, err := command(l.r.dir, "git", "commit", "--quiet", "--all", "-m", "change "+file)
	must(t, err)
	sha, err := command(l.r.dir, "git", "rev-parse", "HEAD")
	must(t, err)
	l.main = append(l.main, pushed{sha: sha})
}

// entered asserts that both artifacts have arrived, and that the job which deployed
// them has signed that it let them in and that they are there.
func (l *ledger) entered(t *testing.T, got result, number int) {
	t.Helper()
	if got.exit != 0 || got.jobs["production"] != "success" {
		t.Errorf("the client exits with %d, jobs %v; want success", got.exit, got.jobs)
	}
	if news := slices.Sorted(slices.Values(l.news())); !slices.Equal(news, l.attested) {
		t.Errorf("production received %q, want %q", news, l.attested)
	}
	for _, want := range []string{"entry %d into production is signed", "entry %d into production: its deployment succeeded"} {
		if want = fmt.Sprintf(want, number); !strings.Contains(got.log, want) {
			t.Errorf("nobody says %q", want)
		}
	}
	l.ended(t, got)
}

// kept asserts that the gate says no for one reason alone, and nothing has arrived.
func (l *ledger) kept(t *testing.T, got result, a answer, reason string) {
	t.Helper()
	if got.exit == 0 || got.jobs[l.gate()] != "failure" || got.product[l.gate()] != a.exit {
		t.Errorf(
			"the client exits with %d, jobs %v with exit codes %v; want %s to fail with %d",
			got.exit,
			got.jobs,
			got.product,
			l.gate(),
			a.exit,
		)
	}
	if news := l.news(); len(news) != 0 {
		t.Errorf("production received %q, want nothing", news)
	}
	codes := slices.Compact(slices.Sorted(slices.Values(got.verdict(t, "production").refusals())))
	if !slices.Equal(codes, []string{a.code}) {
		t.Errorf("refused for %q, want %s alone", codes, a.code)
	}
	if !got.cut() && !strings.Contains(strings.Join(strings.Fields(got.log), " "), reason) {
		t.Errorf("nobody is told that %s", reason)
	}
	l.ended(t, got)
}

// news is what has arrived since it was asked for.
func (l *ledger) news() []string {
	all := l.r.arrived(l.r.name, "production")
	news := all[l.arrived:]
	l.arrived = len(all)
	return news
}

// history asserts what anybody can read of the record: so many entries, and of the
// last one that its deployment succeeded, and that each artifact that was attested
// is of a commit and came after another one.
func (l *ledger) history(t *testing.T, entries int, more string, commits ...string) {
	t.Helper()
	repository, env := l.terminal(t)
	out, exit := l.r.released(t, env, "history", "production", "--repository", repository)
	_, last, _ := strings.Cut(out, fmt.Sprintf("\n  %d    ", entries))
	last, _, _ = strings.Cut(last, fmt.Sprintf("\n  %d    ", entries-1))
	if exit != 0 || !regexp.MustCompile(fmt.Sprintf(`^production  %d entr(y|ies)\n`, entries)).MatchString(out) {
		t.Errorf("history: exit code %d; want %d entries", exit, entries)
	}
	if !regexp.MustCompile(`^\S+  confirmed\n`).MatchString(last) || !strings.Contains(last, more) {
		t.Errorf("entry %d is not confirmed, or does not say %q", entries, more)
	}
	for i, sha := range commits {
		commits[i] = sha[:12]
	}
	of := strings.Join(commits, ", after ")
	for _, artifact := range l.attested {
		if of != "" && !regexp.MustCompile(artifact+`\n +commit `+of+`\n`).MatchString(last) {
			t.Errorf("%s is not of commit %s", artifact, of)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}

// ended asserts that no credential is anywhere, and clears the verdicts away.
func (l *ledger) ended(t *testing.T, got result) {
	t.Helper()
	quiet(t, l.r, got)
	if t.Failed() {
		t.Logf("%s", got.log)
	}
	for name := range textFiles(t, l.r.root) {
		if filepath.Base(name) == "verdict.json" {
			must(t, os.Remove(name))
		}
	}
}

// committed is what the platform is asked for of a commit's files.
func (r *run) committed(t *testing.T, sha string) object {
	t.Helper()
	policy, err := command(r.dir, "git", "show", sha+":.sallyport/policy.yaml")
	must(t, err)
	return object{"commit": sha, "files": object{".sallyport/policy.yaml": policy + "\n"}}
}

// later are the commits after the first one.
func later(main []pushed) []string {
	var all []string
	for _, c := range main[1:] {
		all = append(all, c.sha)
	}
	return all
}

// On GitHub the gate is in the job that deploys.
type recordOnGitHub struct{ onGitHub }

func (recordOnGitHub) gate() string { return "production" }

func (g recordOnGitHub) opens(t *testing.T) {
	g.set(t, "", object{"id": g.id, "owner_id": 4242, "visibility": "public", "protected": []string{"production"}})
	for _, name := range people {
		p := g.person(name)
		g.lab.Set(t, "/github/users/"+p.login, p.onGitHub())
	}
	g.origin(t, "https://github.com")
}

// The run before the first one, and that of the deployment which is made up.
const noRun, madeUpRun = 1000000, 1000099

func (g recordOnGitHub) knows(t *testing.T, main []pushed, madeUp bool) {
	t.Helper()
	alice := g.person("alice")
	g.history(t, alice.onGitHub(), later(main)...)
	last := main[len(main)-1]
	g.set(t, "/files", g.committed(t, last.sha))
	deployments := []object{}
	tried := func(run int, c pushed, conclusion any) {
		for attempt := 1; attempt <= c.attempt; attempt++ {
			at, status := fmt.Sprintf("/runs/%d/attempts/%d", run, attempt), "completed"
			ended := any("failure")
			if attempt == c.attempt {
				ended = conclusion
			}
			if ended == nil {
				status = "in_progress"
			}
			g.set(
				t,
				at,
				object{
					"head_sha":         c.sha,
					"head_branch":      "main",
					"path":             releaseFile,
					"actor":            alice.onGitHub(),
					"triggering_actor": alice.onGitHub(),
					"status":           status,
					"conclusion":       ended,
				},
			)
			g.set(
				t,
				at+"/jobs",
				[]object{
					{"name": "build", "id": 10*run + 1},
					{"name": "production", "id": 10*run + 1 + attempt, "status": status, "conclusion": ended},
				},
			)
		}
		if conclusion == "success" {
			d := g.deployment(run, c.sha, "production", "success")
			d["id"] = run
			deployments = append(deployments, d)
		}
	}
	for i, c := range main[:len(main)-1] {
		if c.stopped {
			tried(noRun+1+i, c, "failure")
		} else {
			tried(noRun+1+i, c, "success")
		}
	}
	tried(noRun+len(main), last, nil)
	if madeUp {
		tried(madeUpRun, pushed{sha: main[0].sha, attempt: 1}, "success")
	}
	g.set(t, "/deployments", deployments)
}

func (g recordOnGitHub) deploys(t *testing.T, main []pushed) result {
	t.Helper()
	as, last := g.as(t, main), main[len(main)-1]
	path := g.workflow(t, releaseFile, as)
	if last.attempt > 1 {
		b, err := os.ReadFile(path)
		must(t, err)
		var w object
		must(t, yaml.Unmarshal(b, &w))
		jobs := w["jobs"].(object)
		delete(jobs, "build") // it has succeeded in the first attempt
		delete(jobs["production"].(object), "needs")
		b, err = json.MarshalIndent(w, "", " ")
		must(t, err)
		must(t, write(path, string(b)))
	}
	return g.client(t, start{event: "push", by: g.person("alice").login, workflow: path, target: g.name}, as(""))
}

// as is who the jobs of the last commit's run are.
func (g recordOnGitHub) as(t *testing.T, main []pushed) identity {
	return g.called(t, main, releaseFile)
}

// called is who they are in a workflow that the one of the run calls.
func (g recordOnGitHub) called(t *testing.T, main []pushed, file string) identity {
	alice, last := g.person("alice"), main[len(main)-1]
	return func(environment string) map[string]string {
		claims := object{
			"repository": "acme/" + g.name, "repository_id": strconv.Itoa(g.id), "ref": "refs/heads/main", "sha": last.sha,
			"run_id": strconv.Itoa(noRun + len(main)), "run_attempt": strconv.Itoa(last.attempt),
			"actor": alice.login, "actor_id": strconv.Itoa(alice.id), "workflow_ref": "acme/" + g.name + "/" + releaseFile + "@refs/heads/main",
			"job_workflow_ref": "acme/" + g.name + "/" + file + "@refs/heads/main",
		}
		if environment != "" {
			claims["environment"] = environment
		}
		return g.lab.As(t, "github", claims)
	}
}

// On GitLab the gate is in a job of its own, and the job that deploys enters.
type recordOnGitLab struct{ onGitLab }

func (recordOnGitLab) gate() string { return "gate-production" }

func (g recordOnGitLab) opens(t *testing.T) {
	g.set(t, "", object{"path": "acme/" + g.name, "protected": []string{"production"}})
	members := []object{}
	for _, name := range people {
		p := g.person(name)
		g.lab.Set(
			t,
			fmt.Sprint("/gitlab/users/", p.id),
			object{"username": p.login, "public_email": p.email, "bot": false},
		)
		members = append(members, object{"id": p.id, "access_level": 40})
	}
	g.set(t, "/members", members)
	g.origin(t, "https://gitlab.com")
	must(
		t,
		write(
			filepath.Join(g.root, "home/.gitconfig"),
			"[url \""+g.git.URL+"/\"]\n\tinsteadOf = https://gitlab.com/\n",
		),
	)
}

// The pipeline before the first one, and that of the deployment which is made up.
// The jobs of a pipeline have numbers that begin with its own.
const noPipeline, madeUpPipeline = 600, 699

func (g recordOnGitLab) knows(t *testing.T, main []pushed, madeUp bool) {
	t.Helper()
	alice := g.person("alice")
	g.history(t, alice.email, later(main)...)
	last := main[len(main)-1]
	g.set(t, "/files", g.committed(t, last.sha))
	tried := func(pipeline int, c pushed, status string) {
		g.set(
			t,
			fmt.Sprint("/pipelines/", pipeline),
			object{"sha": c.sha, "ref": "main", "status": status, "user": alice.onGitLab()},
		)
		of := func(name, status string) object {
			job := g.of(pipeline, alice, name, status)
			job["ref"], job["commit"] = "main", object{"id": c.sha}
			return job
		}
		g.set(t, fmt.Sprint("/jobs/", 10*pipeline), of("build", "success"))
		g.set(t, fmt.Sprint("/jobs/", 10*pipeline+1), of("attest", "success"))
		for attempt := 1; attempt < c.attempt; attempt++ {
			g.set(t, fmt.Sprint("/jobs/", 10*pipeline+1+attempt), of("deploy:production", "failed"))
		}
		job := 10*pipeline + 1 + c.attempt
		g.set(t, fmt.Sprint("/jobs/", job), of("deploy:production", status))
		if status != "running" { // one that runs would want a review on the platform's page
			g.set(
				t,
				fmt.Sprint("/deployments/", job),
				object{
					"environment": "production",
					"status":      status,
					"sha":         c.sha,
					"ref":         "main",
					"deployable":  object{"id": job},
					"user":        alice.onGitLab(),
				},
			)
		}
	}
	for i, c := range main[:len(main)-1] {
		if c.stopped {
			tried(noPipeline+1+i, c, "failed")
		} else {
			tried(noPipeline+1+i, c, "success")
		}
	}
	if madeUp {
		tried(madeUpPipeline, pushed{sha: main[0].sha, attempt: 1}, "success")
	} else if len(main) > 1 {
		tried(madeUpPipeline, pushed{sha: main[0].sha, attempt: 1}, "canceled")
	}
	tried(noPipeline+len(main), last, "running")
}

func (g recordOnGitLab) deploys(t *testing.T, main []pushed) result {
	t.Helper()
	last := main[len(main)-1]
	expanded := filepath.Join(g.root, "expanded.yml")
	if attest := g.as(t, main, 1); last.attempt == 1 {
		g.pipeline(t, ".gitlab-ci.yml", attest(""), attest)
		must(t, copyTree(filepath.Join(g.dir, "expanded.yml"), expanded))
		if got := g.client(t, g.name, attest(""), "build", "attest", "release"); got.exit != 0 {
			t.Fatalf("the client exits with %d\n%s", got.exit, got.log)
		}
	}
	b, err := os.ReadFile(expanded)
	must(t, err)
	var jobs object
	must(t, json.Unmarshal(b, &jobs))
	deploy := g.as(t, main, 1+last.attempt)
	identify(jobs, deploy)
	b, err = json.MarshalIndent(jobs, "", " ")
	must(t, err)
	must(t, write(filepath.Join(g.dir, "expanded.yml"), string(b)))
	return g.client(t, g.name, deploy(""), "gate:production", "deploy:production")
}

// as is who a job of the last commit's pipeline is.
func (g recordOnGitLab) as(t *testing.T, main []pushed, job int) identity {
	alice, last, pipeline := g.person("alice"), main[len(main)-1], noPipeline+len(main)
	return func(environment string) map[string]string {
		claims := object{
			"project_id": strconv.Itoa(g.id), "project_path": "acme/" + g.name, "sha": last.sha, "ci_config_sha": last.sha,
			"ref": "main", "pipeline_id": strconv.Itoa(pipeline), "job_id": strconv.Itoa(10*pipeline + job),
			"user_id": strconv.Itoa(alice.id), "user_login": alice.login, "user_email": alice.email,
			"ci_config_ref_uri": "gitlab.com/acme/" + g.name + "//.gitlab-ci.yml@refs/heads/main",
		}
		if environment != "" {
			claims["environment"] = environment
		}
		return g.lab.As(t, "gitlab", claims)
	}
}
