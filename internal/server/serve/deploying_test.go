package serve_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// entering is the step of enter in the workflow of these tests.
const entering = `      - uses: sallyport-dev/sallyport/actions/enter@9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605
        with: {subject: app}
`

func TestG04_the_server_reads_whether_the_job_that_waits_deploys_what_was_let_in(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	w.starts()
	const called = "acme/shared/.github/workflows/deploy.yml"
	build, _, _ := strings.Cut(deploying, "  deploy:")
	caller := build + "  deploy:\n    needs: build\n    uses: " + called + "@v1\n"
	for name, more := range map[string]map[string]any{"shared": {"id": 77}, "inside": {"id": 78, "visibility": "private"},
		"hidden": {"id": 79, "visibility": "private"}} {
		more["owner_id"] = 4242
		w.lab.Set(t, "/github/repos/acme/"+name, more)
		w.lab.Set(t, "/github/repos/acme/"+name+"/files", map[string]any{"commit": commit,
			"files": map[string]string{".github/workflows/deploy.yml": strings.Replace(deploying,
				"on: {push: {branches: [main]}}", "on: workflow_call", 1)}})
	}
	w.app.Install(t, w.app.Installation, w.repo, "acme/inside")
	for i, x := range []struct {
		what, text string
		called     map[string]any
		state      string
		want       string
	}{
		{what: "the job enters with what enter lets in", text: deploying, state: "approved"},
		{what: "the step was deleted", text: strings.Replace(deploying, entering, "", 1), state: "rejected",
			want: "E_DEPLOYING_JOB: .github/workflows/release.yml:16: a job enters a guarded environment and no gate precedes it"},
		{what: "the step comes after the deployment", text: strings.Replace(deploying, entering+"      - run: ./deploy.sh app\n",
			"      - run: ./deploy.sh app\n"+entering, 1), state: "rejected", want: "E_DEPLOYING_JOB: "},
		{what: "the next step runs whatever it says", text: deploying + "        if: always()\n", state: "rejected",
			want: "E_DEPLOYING_JOB: "},
		{what: "its answer is ignored", text: strings.Replace(deploying, "        with: {subject: app}\n      - run: ./",
			"        continue-on-error: true\n        with: {subject: app}\n      - run: ./", 1), state: "rejected",
			want: "E_DEPLOYING_JOB: "},
		{what: "the file is not there", text: "", state: "rejected", want: "E_DEPLOYING_JOB: not seen: "},
		{what: "no job of the file enters", text: strings.Replace(deploying, "environment: production", "environment: staging", 1),
			state: "rejected", want: "E_DEPLOYING_JOB: not seen: "},
		{what: "another repository's workflow deploys, and can be read", text: caller, state: "approved",
			called: map[string]any{"path": called + "@refs/tags/v1", "sha": commit, "ref": "refs/tags/v1"}},
		{what: "a private repository's workflow deploys, on which the app is installed", text: caller, state: "approved",
			called: map[string]any{"path": strings.Replace(called, "shared", "inside", 1) + "@refs/tags/v1", "sha": commit}},
		{what: "another repository's workflow deploys, and cannot be read", text: caller, state: "rejected",
			called: map[string]any{"path": "acme/hidden/.github/workflows/deploy.yml@refs/tags/v1", "sha": commit},
			want:   "E_DEPLOYING_JOB: not seen: "},
	} {
		run := int64(501 + i)
		w.workflow(x.text)
		w.runWith(run, map[string]any{"referenced_workflows": called1(x.called)})
		w.attests(run, w.url, nil)
		w.lab.Waits(t, w.repo, run, "production", nil)
		if comment := w.answered(run, x.state); !strings.Contains(comment, x.want) {
			t.Errorf("%s: the reason is %q, want %q", x.what, comment, x.want)
		}
	}
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
	for i, x := range []struct{ says, workflow, state string }{
		{"", "", "rejected"},
		{"    deploying-job: unread\n", "", "approved"},
		{"    deploying-job: unread\n", strings.Replace(deploying, entering, "", 1), "rejected"},
		{"    deploying-job: any\n", strings.Replace(deploying, entering, "", 1), "approved"},
	} {
		w.write("policy.yaml", strings.Replace(string(text), "  production:\n", "  production:\n"+x.says, 1))
		p.reload(w)
		run := int64(601 + i)
		w.workflow(x.workflow)
		w.run(run)
		w.attests(run, w.url, nil)
		w.lab.Waits(t, w.repo, run, "production", nil)
		comment := w.answered(run, x.state)
		if x.says == "" {
			continue
		}
		if at := strings.Index(comment, "/v1/decisions/"); at < 0 {
			t.Errorf("no link in %q", comment)
		} else if _, said := w.get(comment[at:], ""); x.state == "approved" && !strings.Contains(said, "deploying-job: ") {
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
