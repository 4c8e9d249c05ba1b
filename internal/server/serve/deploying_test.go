package serve_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// entering is the step of the gate in the workflow of these tests.
const entering = `      - uses: sallyport-dev/sallyport@9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605
        with: {subject: app, environment: production, server: SERVER}
`

func TestG04_the_server_reads_whether_the_job_that_waits_deploys_what_was_let_in(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	w.starts()
	const called = "acme/shared/.github/workflows/deploy.yml"
	build, _, _ := strings.Cut(deploying, "  deploy:")
	caller := build + "  deploy:\n    needs: build\n    uses: " + called + "@v1\n"
	for name, more := range map[string]map[string]any{"shared": {"id": 77},
		"inside": {"id": 78, "visibility": "private"},
		"hidden": {"id": 79, "visibility": "private"}} {
		more["owner_id"] = 4242
		w.lab.Set(t, "/github/repos/acme/"+name, more)
		w.lab.Set(t, "/github/repos/acme/"+name+"/files", map[string]any{"commit": commit,
			"files": map[string]string{".github/workflows/deploy.yml": strings.ReplaceAll(strings.Replace(deploying,
				"on: {push: {branches: [main]}}", "on: workflow_call", 1), "SERVER", w.url)}})
	}
	w.app.Install(t, w.app.Installation, w.repo, "acme/inside")
	commits := w.commits(40)
	for i, x := range []struct {
		what, text string
		called     map[string]any
		state      string
		want       string
	}{
		{what: "the job enters with what enter lets in", text: deploying, state: "approved"},
		{what: "the step was deleted", text: strings.Replace(deploying, entering, "", 1), state: "rejected",
			want: "E_DEPLOYING_JOB: .github/workflows/release.yml:16: a job enters a guarded environment and no gate precedes it"},
		{what: "the step comes after the deployment", text: strings.Replace(deploying,
			entering+"      - run: ./deploy.sh app\n",
			"      - run: ./deploy.sh app\n"+entering, 1), state: "rejected", want: "E_DEPLOYING_JOB: "},
		{what: "the next step runs whatever it says", text: deploying + "        if: always()\n", state: "rejected",
			want: "E_DEPLOYING_JOB: "},
		{what: "its answer is ignored", text: strings.Replace(deploying, entering,
			entering+"        continue-on-error: true\n", 1),
			state: "rejected", want: "E_DEPLOYING_JOB: "},
		{what: "the next step runs only after its no", text: deploying + "        if: failure()\n", state: "rejected",
			want: "E_DEPLOYING_JOB: "},
		{what: "it asks another server", text: strings.Replace(deploying, "server: SERVER",
			"server: https://evil.example", 1),
			state: "rejected", want: "the gate in the job does not judge under the policy of this server; found server: https://evil.example"},
		{what: "it asks no server", text: strings.Replace(deploying, ", server: SERVER", "", 1), state: "rejected",
			want: "next: write server: http"},
		{what: "it has a policy of its own", text: strings.Replace(deploying, "server: SERVER",
			"server: SERVER, policy: evil.yaml", 1),
			state: "rejected", want: "the gate in the job is told its policy; found evil.yaml"},
		{what: "it is at a branch", text: strings.Replace(deploying,
			"sallyport@9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605\n        with: {subject: app, env",
			"sallyport@main\n        with: {subject: app, env", 1), state: "rejected", want: "E_DEPLOYING_JOB: "},
		{what: "a variable has other code run before it",
			text: strings.Replace(deploying, "    environment: production\n",
				"    environment: production\n    env: {NODE_OPTIONS: --require ./evil.js}\n", 1), state: "rejected",
			want: "a variable has other code run before the gate; found NODE_OPTIONS"},
		{what: "variables that run nothing", text: strings.Replace(deploying, "    environment: production\n",
			"    environment: production\n    env: {NODE_OPTIONS: --max-old-space-size=4096, ENV: production, JAVA_TOOL_OPTIONS: -Xmx1g}\n", 1),
			state: "approved"},
		{what: "a shell of its own runs before it", text: strings.Replace(deploying, entering,
			"      - run: echo hello\n        shell: ./evil.sh {0}\n"+entering, 1),
			state: "rejected", want: "E_DEPLOYING_JOB: "},
		{what: "such a shell is that of the job", text: strings.Replace(deploying, "    environment: production\n",
			"    environment: production\n    defaults: {run: {shell: \"bash evil.sh {0}\"}}\n", 1), state: "rejected",
			want: "a shell of its own runs before the gate"},
		{what: "the gate is in another job alone", text: gateAside(), state: "rejected", want: "E_DEPLOYING_JOB: "},
		{what: "the file calls what the platform does not list",
			text:  deploying + "  more:\n    uses: ./.github/workflows/deploy.yml\n",
			state: "rejected", want: "the platform does not say at which commit"},
		{what: "the file is not there", text: "", state: "rejected", want: "E_DEPLOYING_JOB: not seen: "},
		{what: "no job of the file enters", text: strings.Replace(deploying, "environment: production",
			"environment: staging", 1),
			state: "rejected", want: "E_DEPLOYING_JOB: not seen: "},
		{what: "another repository's workflow deploys, and can be read", text: caller, state: "approved",
			called: map[string]any{"path": called + "@refs/tags/v1", "sha": commit, "ref": "refs/tags/v1"}},
		{what: "a private repository's workflow deploys, on which the app is installed",
			text: strings.ReplaceAll(caller, "shared", "inside"), state: "approved",
			called: map[string]any{"path": strings.Replace(called, "shared", "inside", 1) + "@refs/tags/v1",
				"sha": commit}},
		{what: "another repository's workflow deploys, and cannot be read",
			text: strings.ReplaceAll(caller, "shared", "hidden"), state: "rejected",
			called: map[string]any{"path": "acme/hidden/.github/workflows/deploy.yml@refs/tags/v1", "sha": commit},
			want:   "E_DEPLOYING_JOB: not seen: "},
	} {
		run := int64(501 + i)
		w.workflowAt(commits[i], x.text)
		w.runWith(run, map[string]any{"head_sha": commits[i], "referenced_workflows": called1(x.called)})
		w.attests(run, w.url, map[string]any{"sha": commits[i]})
		w.lab.Waits(t, w.repo, run, "production", nil)
		if comment := w.answered(run, x.state); !strings.Contains(comment, x.want) {
			t.Errorf("%s: the reason is %q, want %q", x.what, comment, x.want)
		}
	}
}

// commits makes a history of the default branch.
func (w *world) commits(n int) (all []string) {
	w.Helper()
	var shapes []map[string]any
	for i := range n {
		one := map[string]any{"sha": fmt.Sprintf("%040x", 0xc0_0000+i),
			"author": map[string]any{"name": "Alice", "email": "alice@acme.example"}}
		if i > 0 {
			one["parents"] = []string{all[i-1]}
		}
		all, shapes = append(all, one["sha"].(string)), append(shapes, one)
	}
	w.lab.Set(w, "/github/repos/"+w.repo+"/history", map[string]any{"commits": shapes,
		"branches": map[string]string{"main": all[n-1]}})
	return all
}

// gateAside has the gate in a job before the one that deploys, which takes nothing of it.
func gateAside() string {
	text := strings.Replace(deploying, entering, "", 1)
	return strings.Replace(text, "  deploy:\n    needs: build\n", `  gate:
    needs: build
    runs-on: ubuntu-24.04
    permissions: {contents: read, id-token: write, actions: read, deployments: read, attestations: read}
    outputs: {digests: evil}
    steps:
`+entering+`  deploy:
    needs: gate
`, 1) + "        env: {DIGESTS: \"${{ needs.gate.outputs.digests }}\"}\n"
}

// called1 is the list of one called workflow, or of none.
func called1(one map[string]any) []map[string]any {
	if one == nil {
		return []map[string]any{}
	}
	return []map[string]any{one}
}

func TestG04_a_policy_may_accept_by_name_what_cannot_be_read_of_the_job_that_waits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	text, err := os.ReadFile(filepath.Join(w.dir, "policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p := w.starts()
	commits := w.commits(10)
	for i, x := range []struct{ says, workflow, state string }{
		{"", "", "rejected"},
		{"    deploying-job: unread\n", "", "approved"},
		{"    deploying-job: unread\n", strings.Replace(deploying, entering, "", 1), "rejected"},
		{"    deploying-job: any\n", strings.Replace(deploying, entering, "", 1), "approved"},
		{"    deployed-by: [.github/workflows/deploy.yml]\n    deploying-job: any\n", deploying, "rejected"},
		{"    deployed-by: [.github/workflows/deploy.yml, .github/workflows/release.yml]\n", deploying, "approved"},
		{"    deploying-job: {in: [acme/shared/.github/workflows/deploy.yml@refs/tags/v1]}\n", deploying, "rejected"},
	} {
		w.write("policy.yaml", strings.Replace(string(text), "  production:\n", "  production:\n"+x.says, 1))
		p.reload(w)
		run := int64(601 + i)
		w.workflowAt(commits[i], x.workflow)
		w.runWith(run, map[string]any{"head_sha": commits[i]})
		w.attests(run, w.url, map[string]any{"sha": commits[i]})
		w.lab.Waits(t, w.repo, run, "production", nil)
		comment := w.answered(run, x.state)
		if x.says == "" {
			continue
		}
		if at := strings.Index(comment, "/v1/decisions/"); at < 0 {
			t.Errorf("no link in %q", comment)
		} else if _, said := w.get(comment[at:], ""); x.state == "approved" &&
			strings.Contains(x.says, "deploying-job: ") && !strings.Contains(said, "deploying-job: ") {
			t.Errorf("the verdict does not show what %q accepts: %s", x.says, said)
		}
	}
}

// reload has a server read its policies again.
func (p *process) reload(w *world) {
	w.Helper()
	said := func() int { return strings.Count(p.log.text(), "the policies were read again") }
	before := said()
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		w.Fatal(err)
	}
	w.until("the policies are read again", func() bool { return said() > before })
}
