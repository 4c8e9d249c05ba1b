package policy_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

func TestG04_the_job_that_waits_is_judged_where_a_server_read_its_files(t *testing.T) {
	way := policy.Way{At: "deploy.yml:9", Says: "a job enters and no gate precedes it",
		Found: "environment production", Hint: "add it"}
	for _, x := range []struct {
		what, says string
		read       *policy.Deploying
		denied     string // in the reason; "": it is allowed
		accepted   string
	}{
		{"nobody read them: the gate asks", "", nil, "", ""},
		{"it deploys what is let in", "", &policy.Deploying{Files: []string{"deploy.yml"}}, "", ""},
		{"there is a way around", "", &policy.Deploying{Ways: []policy.Way{way, way}},
			"deploy.yml:9: a job enters and no gate precedes it, and 1 more", ""},
		{"a file cannot be read", "", &policy.Deploying{Unread: "it is private"}, "not seen: ", ""},
		{"a file cannot be read, which is accepted", "deploying-job: unread",
			&policy.Deploying{Unread: "it is private"}, "",
			"deploying-job: unread (it is private)"},
		{"another file has a way around", "deploying-job: unread",
			&policy.Deploying{Unread: "it is private", Ways: []policy.Way{way}},
			"deploy.yml:9: ", "deploying-job: unread (it is private)"},
		{"whatever it is", "deploying-job: any", &policy.Deploying{Ways: []policy.Way{way}}, "", "deploying-job: any"},
		{"as usual, in words", "deploying-job: gated", &policy.Deploying{Ways: []policy.Way{way}}, "deploy.yml:9: ",
			""},
	} {
		text := edited(t, "    requires:", "    "+x.says+"\n    requires:")
		in := input(read(t, text), built(t))
		in.Deploying = x.read
		v := evaluate(in)
		if got := strings.Join(v.Accepted, ", "); !strings.Contains(got, x.accepted) || x.accepted == "" &&
			strings.Contains(got, "deploying") {
			t.Errorf("%s: accepted %q, want %q", x.what, got, x.accepted)
		}
		if x.denied == "" {
			wantAllowed(t, v)
			continue
		}
		if f := wantDenied(t, v); f.Code != fault.DeployingJob || !strings.Contains(f.Reason, x.denied) {
			t.Errorf("%s: %s %q, want %q", x.what, f.Code, f.Reason, x.denied)
		}
	}
}

func TestG04_the_run_that_waits_is_of_a_workflow_and_a_ref_that_deploy(t *testing.T) {
	const of = "    deployed-by: [build/deploy.yml]"
	const in = "    deploying-job: {in: [acme/deploy/ci/deploy.yml@refs/heads/main]}"
	seen := func(workflow, ref string, jobs ...policy.JobPlace) *policy.Deploying {
		return &policy.Deploying{Workflow: workflow, Ref: ref, Issuer: "https://ci.example", RepositoryID: "1001",
			Jobs: jobs}
	}
	ours := policy.JobPlace{File: "acme/app/build/release.yml", Commit: commit}
	for _, x := range []struct {
		what, says string
		read       *policy.Deploying
		denied     string // in the reason; "": it is allowed
	}{
		{"the one that builds", "", seen("build/release.yml", "refs/heads/main"), ""},
		{"a tag", "", seen("build/release.yml", "refs/tags/v1"), ""},
		{"another file", "", seen("build/evil.yml", "refs/heads/main"), "a workflow that does not deploy"},
		{"another branch", "", seen("build/release.yml", "refs/heads/x"), "a ref from which nothing is deployed"},
		{"one that deploys", of, seen("build/deploy.yml", "refs/heads/main"), ""},
		{"one that builds, where another one deploys", of, seen("build/release.yml", "refs/heads/main"),
			"a workflow that does not deploy"},
		{"another file, whatever its job is", "    deploying-job: any", seen("build/evil.yml", "refs/heads/main"),
			"a workflow that does not deploy"},
		{"a run that nobody knows, whatever its job is", "    deploying-job: any",
			&policy.Deploying{Unread: "nobody signed"}, "not seen: which workflow"},
		{"a job in the file that is named", in, seen("build/release.yml", "refs/heads/main",
			policy.JobPlace{File: "Acme/deploy/ci/deploy.yml", Ref: "refs/heads/main", Commit: commit}), ""},
		{"a job in that file of another branch", in, seen("build/release.yml", "refs/heads/main",
			policy.JobPlace{File: "acme/deploy/ci/deploy.yml", Ref: "refs/heads/x",
				Commit: commit}), "another file than the policy names"},
		{"a job of its own", in, seen("build/release.yml", "refs/heads/main", ours),
			"another file than the policy names"},
		{"a job in a file of a commit", strings.Replace(in, "refs/heads/main", commit, 1),
			seen("build/release.yml", "refs/heads/main",
				policy.JobPlace{File: "acme/deploy/ci/deploy.yml", Ref: "refs/heads/x", Commit: commit}), ""},
	} {
		in := input(read(t, edited(t, "    requires:", x.says+"\n    requires:")), built(t))
		in.Deploying = x.read
		v := evaluate(in)
		if x.denied == "" {
			wantAllowed(t, v)
			continue
		}
		if f := wantDenied(t, v); f.Code != fault.DeployingJob || !strings.Contains(f.Reason, x.denied) {
			t.Errorf("%s: %s %q, want %q", x.what, f.Code, f.Reason, x.denied)
		}
	}
}
