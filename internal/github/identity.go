package github

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/idtoken"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

const notItself = "something sets variables of the runner: run sallyport in a job of GitHub Actions, with the variables that its runner sets"

// Identify finds out which job this is, and where its GitHub answers, under a
// policy that names these instances. A job that may ask for an ID token is the
// one that the token names; of another one the API has to say the same as its
// variables, by number. Where the API is follows from the policy's issuer, and
// the job's token goes there alone.
func (j *Job) Identify(ctx context.Context, all []policy.Instance) error {
	if j.getenv("ACTIONS_ID_TOKEN_REQUEST_URL") != "" && j.getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN") != "" {
		return j.byToken(ctx, all)
	}
	i, err := policy.Pick(all, fmt.Sprintf("the server of this job is %q", j.server), func(i policy.Instance) bool {
		return ours(i) && strings.EqualFold(i.Forge.Host, j.server.String())
	})
	if err != nil {
		return err
	}
	if err := j.reachable(i.Forge.Host, i.API); err != nil {
		return err
	}
	return j.byNumber(ctx)
}

// byToken believes the claims of a token that an issuer of the policy signed.
func (j *Job) byToken(ctx context.Context, all []policy.Instance) error {
	token, err := j.ask(ctx, idtoken.GateAudience)
	if err != nil {
		return err
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
	if !strings.EqualFold(i.Forge.Host, j.server.String()) {
		return fault.New(fault.Refused, fault.Identity, notItself,
			"GITHUB_SERVER_URL is %q, and issuer %q is of %q", j.server.String(), iss, i.Forge.Host)
	}
	if err := j.reachable(i.Forge.Host, i.API); err != nil {
		return err
	}
	rows := j.matches()
	for k := range rows {
		rows[k].Hint = notItself
	}
	c, err := idtoken.Verify(ctx, token, idtoken.Wanted{
		Issuer: func(s string) bool { return s == iss }, Audience: idtoken.GateAudience, Now: j.Now(), Keys: j.api, Claims: rows, Texts: texts,
	})
	j.self = c
	return err
}

// ours reports whether an instance is a GitHub.
func ours(i policy.Instance) bool {
	_, ok := Forge(i.Forge.Issuer)
	return ok
}

// reachable sets where the API is: where the policy or an argument says, or where that
// of the server always is.
func (repo *Repo) reachable(host, api string) error {
	server, err := url.Parse(host)
	if err != nil {
		return fault.New(fault.Usage, fault.Config, "", "server %q, want a URL", host)
	}
	if api == "" {
		api = usualAPI(server)
	}
	if repo.api, err = parseAddress("api", api); err != nil {
		return err
	}
	repo.server, repo.gh = server, sync.OnceValue(repo.client)
	return nil
}

// byNumber asks the API about the repository and the run that the variables
// name.
func (j *Job) byNumber(ctx context.Context) error {
	ctx, cancel := j.within(ctx)
	defer cancel()
	r, err := j.repository(ctx)
	if err != nil {
		return err
	}
	a, err := j.fresh(ctx, j.at("actions/runs/%s", url.PathEscape(j.getenv("GITHUB_RUN_ID"))), readActions)
	if err != nil {
		return err
	}
	var x struct {
		ID         int64  `json:"id"`
		Attempt    int    `json:"run_attempt"`
		SHA        string `json:"head_sha"`
		Branch     string `json:"head_branch"`
		Event      string `json:"event"`
		Repository struct {
			ID int64 `json:"id"`
		} `json:"repository"`
	}
	if !a.found {
		return fault.New(fault.Refused, fault.Identity, notItself,
			"%s has no run %q, which GITHUB_RUN_ID names", j.Name(), j.getenv("GITHUB_RUN_ID"))
	}
	if err := json.Unmarshal(a.body, &x); err != nil {
		return client.Proxied("the GitHub API", "with something that is not the JSON of its documentation")
	}
	ref, sha := ofBranch(x.Branch, j.getenv("GITHUB_REF")), x.SHA
	const hint = notItself + `; or add "id-token: write" to its permissions, and the token says it`
	for _, y := range []struct{ variable, got, want string }{
		{"GITHUB_REPOSITORY_ID", j.getenv("GITHUB_REPOSITORY_ID"), strconv.FormatInt(r.ID, 10)},
		{"GITHUB_REPOSITORY_ID", j.getenv("GITHUB_REPOSITORY_ID"), strconv.FormatInt(x.Repository.ID, 10)},
		{"GITHUB_RUN_ID", j.getenv("GITHUB_RUN_ID"), strconv.FormatInt(x.ID, 10)},
		{"GITHUB_RUN_ATTEMPT", j.getenv("GITHUB_RUN_ATTEMPT"), strconv.Itoa(x.Attempt)},
		{"GITHUB_EVENT_NAME", j.getenv("GITHUB_EVENT_NAME"), x.Event},
		{"GITHUB_REF", j.getenv("GITHUB_REF"), ref},
		{"GITHUB_SHA", j.getenv("GITHUB_SHA"), sha},
	} {
		if y.got != y.want {
			return fault.New(fault.Refused, fault.Identity, hint, "%s is %q, and the GitHub API says %q",
				y.variable, y.got, y.want)
		}
	}
	return nil
}

// ofBranch is the full ref of a run, of whose branch or tag the API says only
// the name.
func ofBranch(name, ref string) string {
	if strings.HasPrefix(ref, "refs/tags/") {
		return "refs/tags/" + name
	}
	return "refs/heads/" + name
}

// Reach says where GitHub is asked, for a job without a policy: the server of an
// issuer that a certificate authority has verified, or the API at api, where an
// argument names that.
func (j *Job) Reach(issuer, api string) error {
	f, ok := Forge(issuer)
	if !ok {
		return fault.New(fault.Refused, fault.Identity, notItself,
			"the certificate names issuer %q, which is none of GitHub's", issuer)
	}
	return j.reachable(f.Host, api)
}

// Run is the address of this run.
func (j *Job) Run() string {
	return j.web("/actions/runs/" + j.getenv("GITHUB_RUN_ID") + "/attempts/" + j.getenv("GITHUB_RUN_ATTEMPT"))
}

// Origin names the repository of this job, as a certificate does, and the person who
// started it.
func (j *Job) Origin() (statement.Origin, string) {
	return statement.Origin{URI: j.web(""), ID: j.getenv("GITHUB_REPOSITORY_ID")}, j.getenv("GITHUB_ACTOR")
}

// Home is the server and the number of this job's repository.
func (j *Job) Home() (host, id string) { return j.server.String(), j.getenv("GITHUB_REPOSITORY_ID") }

// Number is the number of this job in its run, as its ID token has it, or "".
func (j *Job) Number() string { return j.self["check_run_id"] }

// Within is the environment of this job, or ""; known is false where the job has no ID
// token, which alone says it.
func (j *Job) Within() (environment string, known bool) { return j.self["environment"], j.self != nil }

// Enters is the environment of this job, as its ID token names it
// (docs.github.com/actions/reference/security/oidc, "OIDC token claims").
func (j *Job) Enters() (string, error) {
	switch {
	case j.self == nil:
		return "", fault.New(fault.Usage, fault.Config,
			`add "id-token: write" to the job's permissions; or put the gate itself into the job that deploys, which needs no token`,
			"this job has no ID token, which alone says what environment it is in")
	case j.self["environment"] == "":
		return "", fault.New(fault.Usage, fault.Config, `add "environment: NAME" to the job that deploys`,
			"the ID token names no environment, so this job deploys to none that GitHub knows")
	}
	return j.self["environment"], nil
}
