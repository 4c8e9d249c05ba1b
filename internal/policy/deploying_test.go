package policy_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

func TestG04_the_job_that_waits_is_judged_where_a_server_read_its_files(t *testing.T) {
	way := policy.Way{At: "deploy.yml:9", Says: "a job enters and no gate precedes it", Found: "environment production", Hint: "add it"}
	for _, x := range []struct {
		what, says string
		read       *policy.Deploying
		denied     string // in the reason; "": it is allowed
		accepted   string
	}{
		{"nobody read them: the gate asks", "", nil, "", ""},
		{"it deploys what is let in", "", &policy.Deploying{Files: []string{"deploy.yml"}}, "", ""},
		{"there is a way around", "", &policy.Deploying{Ways: []policy.Way{way, way}}, "deploy.yml:9: a job enters and no gate precedes it, and 1 more", ""},
		{"a file cannot be read", "", &policy.Deploying{Unread: "it is private"}, "not seen: ", ""},
		{"a file cannot be read, which is accepted", "deploying-job: unread", &policy.Deploying{Unread: "it is private"}, "",
			"deploying-job: unread (it is private)"},
		{"another file has a way around", "deploying-job: unread", &policy.Deploying{Unread: "it is private", Ways: []policy.Way{way}},
			"deploy.yml:9: ", "deploying-job: unread (it is private)"},
		{"whatever it is", "deploying-job: any", &policy.Deploying{Ways: []policy.Way{way}}, "", "deploying-job: any"},
		{"as usual, in words", "deploying-job: gated", &policy.Deploying{Ways: []policy.Way{way}}, "deploy.yml:9: ", ""},
	} {
		text := edited(t, "    requires:", "    "+x.says+"\n    requires:")
		in := input(read(t, text), built(t))
		in.Deploying = x.read
		v := evaluate(in)
		if got := strings.Join(v.Accepted, ", "); !strings.Contains(got, x.accepted) || x.accepted == "" && strings.Contains(got, "deploying") {
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
