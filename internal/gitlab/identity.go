package gitlab

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/idtoken"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

const (
	replaced  = "a variable of the pipeline, the project or the group has taken the place of one of GitLab's own: remove it"
	askForOne = `add "id_tokens: {SALLYPORT_ID_TOKEN: {aud: sallyport-gate}}" to the job, as the component does`
)

// Identify finds out which job this is, and where its GitLab answers, under a
// policy that names these instances. A pipeline variable can take the place of
// each variable that describes the job, so only the ID token is believed, which
// its issuer signed. Nothing that is secret is sent before it has verified, and
// after that only to the instance that the policy names. What remains is in
// docs/threat-model.md.
func (j *Job) Identify(ctx context.Context, all []policy.Instance) error {
	token := j.getenv("SALLYPORT_ID_TOKEN")
	if token == "" {
		return fault.New(fault.Usage, fault.Config, askForOne, "this job has no ID token that says which job it is")
	}
	iss, err := idtoken.Issuer(token)
	if err != nil {
		return err
	}
	i, err := policy.Pick(all, fmt.Sprintf("the ID token's issuer is %q", iss),
		func(i policy.Instance) bool { return ours(i) && i.Forge.Issuer == iss })
	if err != nil {
		return err
	}
	if err := j.checkServer(i); err != nil {
		return err
	}
	api, server, err := j.addresses(iss, i.API)
	if err != nil {
		return err
	}
	c, err := idtoken.Verify(ctx, token, idtoken.Wanted{
		Issuer: func(s string) bool { return s == iss }, Audience: idtoken.GateAudience, Now: j.Now(), Keys: api,
		Texts: texts, Numbers: numbers,
	})
	if err != nil {
		return err
	}
	if err := claimed(c); err != nil {
		return err
	}
	if err := c.Match(j.fromVariables(c)); err != nil {
		return err
	}
	j.api, j.server, j.id, j.path, j.enters = api, server, c["project_id"], c["project_path"], c["environment"]
	j.getenv = claimsFirst(c, j.getenv)
	j.asker = askerOf(j.getenv)
	if err := j.runs(ctx, c); err != nil {
		return err
	}
	j.verified = c
	return nil
}

// ours reports whether an instance is a GitLab.
func ours(i policy.Instance) bool {
	_, ok := Forge(i.Forge.Issuer)
	return ok
}

// checkServer refuses a job whose variables name another server than the policy. An
// instance that the policy gives an address of its own may call itself as it
// likes.
func (j *Job) checkServer(i policy.Instance) error {
	if i.API != "" {
		return nil
	}
	for name, want := range map[string]string{"CI_SERVER_URL": i.Forge.Issuer, "CI_API_V4_URL": i.Forge.Issuer + "/api/v4"} {
		if got := strings.TrimSuffix(j.getenv(name), "/"); got != "" && !strings.EqualFold(got, want) {
			return fault.New(fault.Refused, fault.Identity,
				replaced+"; or write api beside the issuer in the policy, if that is where this instance answers",
				"%s is %q, and issuer %q of the policy is at %q", name, got, i.Forge.Issuer, want)
		}
	}
	return nil
}

// addresses are where programs ask the instance of an issuer, and where people
// look.
func (j *Job) addresses(issuer, api string) (*url.URL, *url.URL, error) {
	if api == "" {
		api = issuer
	}
	values := map[string]string{"issuer": issuer,
		"api": strings.TrimSuffix(strings.TrimSuffix(api, "/"), "/api/v4") + "/api/v4"}
	get := func(name string) string { return values[name] }
	a, err := address(get, "api")
	if err != nil {
		return nil, nil, err
	}
	s, err := address(get, "issuer")
	return a, s, err
}

// fromVariables are the variables of the job that its token has to agree with. Those
// that are not set say nothing.
func (j *Job) fromVariables(c idtoken.Claims) []idtoken.Match {
	var all []idtoken.Match
	for _, m := range j.matches(c) {
		if m.Want != "" {
			m.Hint = replaced
			all = append(all, m)
		}
	}
	return all
}

// claimed refuses a token that leaves something out of which GitLab says it
// always, and one of a pipeline that a fork's merge request started.
func claimed(c idtoken.Claims) error {
	for _, name := range []string{"project_id", "project_path", "pipeline_id", "job_id", "ref", "sha"} {
		if c[name] == "" {
			return fault.New(fault.Refused, fault.Identity,
				"ask the administrator of the instance: GitLab writes this claim into every ID token",
				"the ID token has no claim %q", name)
		}
	}
	if in := c["job_project_id"]; in != "" && in != c["project_id"] {
		return fault.New(fault.Refused, fault.Identity, "gate in a pipeline of a branch or a tag of the project itself",
			"the job runs in project %s and its code is of project %s, as for the merge request of a fork", in, c["project_id"])
	}
	return nil
}

// runs asks GitLab whether it has the job that the token is of, and whether that
// still runs: a token outlives its job (docs.gitlab.com/ci/secrets/id_token_authentication).
// The job's own token is asked for its job, so that it has to be of the same.
func (j *Job) runs(ctx context.Context, c idtoken.Claims) error {
	b, err := j.self(ctx, c["job_id"])
	if err != nil {
		return err
	}
	ref := c["ref"]
	if c["pipeline_source"] == "merge_request_event" && strings.HasPrefix(b.Ref, "refs/merge-requests/") {
		ref = b.Ref // the token has the name of the branch
	}
	for _, x := range []struct{ what, got, want string }{
		{"job", itoa(b.ID), c["job_id"]},
		{"pipeline", itoa(b.Pipeline.ID), c["pipeline_id"]},
		{"project", itoa(b.Pipeline.Project), c["project_id"]},
		{"ref", b.Ref, ref},
		{"commit", b.Commit.ID, c["sha"]},
	} {
		if x.got != x.want {
			return fault.New(fault.Refused, fault.Identity,
				"give the job its own tokens: SALLYPORT_ID_TOKEN and CI_JOB_TOKEN have to be those that GitLab made for it",
				"GitLab says %s %q of the job that asks, and the ID token says %q", x.what, x.got, x.want)
		}
	}
	if b.Status != "running" {
		return fault.New(fault.Refused, fault.Identity,
			"find out who uses the tokens of another job: they outlive their job, and this one is not running; run sallyport in the job that the tokens were made for",
			"GitLab says that this job's status is %q, want running", b.Status)
	}
	return nil
}

// self asks for the job that asks.
func (j *Job) self(ctx context.Context, id string) (build, error) {
	if j.session != "" {
		c, err := j.client(http.Header{"Job-Token": {j.session}, "Private-Token": nil}, client.RefuseAway)
		if err != nil {
			return build{}, err
		}
		return one[build](ctx, j.Repo, question{path: "job", by: c, hint: "give the job its own CI_JOB_TOKEN"})
	}
	return one[build](ctx, j.Repo, question{path: j.project("/jobs/" + id)})
}

// Reach says where GitLab is asked, for a job without a policy: the instance of
// an issuer that a certificate authority has verified, or the one at api, where
// an argument names that.
func (j *Job) Reach(issuer, api string) error {
	a, s, err := j.addresses(issuer, api)
	if err != nil {
		return err
	}
	if api == "" {
		if err := j.checkServer(policy.Instance{Forge: policy.Forge{Issuer: issuer}}); err != nil {
			return err
		}
	}
	j.api, j.server = a, s
	return nil
}

// Run is the address of this job.
func (j *Job) Run() string { return j.web("/-/jobs/" + j.getenv("CI_JOB_ID")) }

// Origin names the project of this job, as a certificate does, and the person who
// started it.
func (j *Job) Origin() (statement.Origin, string) {
	return statement.Origin{URI: j.web(""), ID: j.id}, j.getenv("GITLAB_USER_LOGIN")
}

// Home is the server and the number of this job's project.
func (j *Job) Home() (host, id string) { return j.server.String(), j.id }

// Number is "": the address of a run is that of the job.
func (*Job) Number() string { return "" }

// Within is the environment of this job, or "". Identify reads it from the job's ID
// token, without which there is no gate.
func (j *Job) Within() (environment string, known bool) { return j.enters, true }

// Enters is the environment of this job, as its ID token names it
// (docs.gitlab.com/ci/secrets/id_token_authentication, "Token payload").
func (j *Job) Enters() (string, error) {
	if j.enters == "" {
		return "", fault.New(fault.Usage, fault.Config,
			`add "environment: {name: …}" to the job that deploys, as the component does`,
			"the ID token names no environment, so this job deploys to none that GitLab knows")
	}
	return j.enters, nil
}

// variables are those that say the same as a claim.
var variables = map[string]string{
	"CI_PROJECT_ID": "project_id", "CI_PROJECT_PATH": "project_path", "CI_PIPELINE_ID": "pipeline_id", "CI_PIPELINE_SOURCE": "pipeline_source",
	"CI_JOB_ID": "job_id", "CI_COMMIT_SHA": "sha", "CI_COMMIT_REF_NAME": "ref", "GITLAB_USER_ID": "user_id", "GITLAB_USER_LOGIN": "user_login",
}

// claimsFirst returns getenv, with what verified claims say in the place of what
// variables say.
func claimsFirst(c idtoken.Claims, getenv func(string) string) func(string) string {
	return func(name string) string {
		if claim, ok := variables[name]; ok {
			return c[claim]
		}
		return getenv(name)
	}
}
