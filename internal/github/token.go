package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	actions "github.com/sethvargo/go-githubactions"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/idtoken"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// tokenBudget is the time for an ID token, retries included.
const tokenBudget = time.Minute

// buildType is the build type of a workflow run
// (https://actions.github.io/buildtypes/workflow/v1).
const buildType = "https://actions.github.io/buildtypes/workflow/v1"

// IDToken asks the runner for an ID token for audience. The log masks it before
// anything else is done with it; an answer that is not the token asked for is
// refused without asking again.
func (j *Job) IDToken(ctx context.Context, audience string) (string, error) {
	j.audience = audience
	token, err := j.ask(ctx, audience)
	if err != nil {
		return "", err
	}
	if _, err := j.claims(token); err != nil {
		return "", err
	}
	return token, nil
}

// ask asks the runner for a token with an audience, and masks it.
func (j *Job) ask(ctx context.Context, audience string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenBudget)
	defer cancel()
	base, err := j.tokenAddress()
	if err != nil {
		return "", err
	}
	token, err := j.actions(client.New(client.Options{
		Base:       base,
		Credential: http.Header{"Authorization": {"Bearer " + j.getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")}},
		MaxBody:    60_000,
		Budget:     tokenBudget,
	})).GetIDToken(ctx, audience)
	if err != nil {
		return "", tokenFault(err)
	}
	if token == "" || strings.ContainsAny(token, "\r\n") {
		return "", fault.New(fault.Refused, fault.Identity, "", "the runner answered without an ID token")
	}
	j.mask(token)
	return token, nil
}

func (j *Job) tokenAddress() (*url.URL, error) {
	const hint = `add "id-token: write" to the job's permissions`
	s := j.getenv("ACTIONS_ID_TOKEN_REQUEST_URL")
	if s == "" || j.getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN") == "" {
		return nil, fault.New(fault.Usage, fault.Config, hint, "this job may not ask for an ID token")
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, fault.New(fault.Usage, fault.Config, hint, "ACTIONS_ID_TOKEN_REQUEST_URL is not a URL")
	}
	return u, nil
}

// tokenFault explains why there is no token. The body of an answer is never
// repeated: it may be the token.
func tokenFault(err error) error {
	const what = "the runner's ID token service"
	var failed *actions.RequestFailedError
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &failed) && (failed.StatusCode == http.StatusUnauthorized || failed.StatusCode == http.StatusForbidden):
		return fault.New(fault.Usage, fault.Config, `add "id-token: write" to the job's permissions`, "%s answered %d", what, failed.StatusCode)
	case errors.As(err, &failed):
		return client.Status(what, failed.StatusCode, "")
	case errors.As(err, &syntax), errors.As(err, &kind), strings.Contains(err.Error(), "as JSON"):
		return fault.New(fault.Refused, fault.Identity, "", "%s answered with something that is not a token", what)
	}
	return client.Unanswered(what, err)
}

func (j *Job) claims(token string) (idtoken.Claims, error) {
	return idtoken.Parse(token, idtoken.Wanted{Issuer: j.ours, Audience: j.audience, Now: j.Now(), Texts: texts})
}

// texts are the claims that are read here, all of them strings
// (docs.github.com/actions/reference/security/oidc, "OIDC token claims").
var texts = []string{"repository", "repository_id", "repository_owner_id", "repository_visibility", "run_id",
	"run_attempt", "sha", "ref", "event_name",
	"workflow_ref", "job_workflow_ref", "runner_environment", "environment"}

// Visibility returns what the token says about who may see the repository;
// empty if it does not say, which counts as private.
func (j *Job) Visibility(token string) string {
	c, err := j.claims(token)
	if err != nil {
		return ""
	}
	return c["repository_visibility"]
}

// Provenance returns the predicate that describes this run, made from the
// token's claims. The claims are what the certificate will say; where the
// runner's own variables say something else the token is for another job. given
// is what the run was given, as far as it may be public.
func (j *Job) Provenance(token string, given statement.Inputs) (statement.Provenance, error) {
	c, err := j.claims(token)
	if err != nil {
		return statement.Provenance{}, err
	}
	if err := c.Match(j.matches()); err != nil {
		return statement.Provenance{}, err
	}
	w, err := j.workflow(c)
	if err != nil {
		return statement.Provenance{}, err
	}
	return j.predicate(c, w, given)
}

func (j *Job) matches() []idtoken.Match {
	var all []idtoken.Match
	for _, m := range [][2]string{
		{"repository", "GITHUB_REPOSITORY"},
		{"repository_id", "GITHUB_REPOSITORY_ID"},
		{"repository_owner_id", "GITHUB_REPOSITORY_OWNER_ID"},
		{"run_id", "GITHUB_RUN_ID"},
		{"run_attempt", "GITHUB_RUN_ATTEMPT"},
		{"sha", "GITHUB_SHA"},
		{"ref", "GITHUB_REF"},
		{"event_name", "GITHUB_EVENT_NAME"},
		{"workflow_ref", "GITHUB_WORKFLOW_REF"},
	} {
		all = append(all, idtoken.Match{Claim: m[0], Variable: m[1], Want: j.getenv(m[1])})
	}
	return all
}

// workflow is the top-level workflow file of a run.
type workflow struct {
	Ref        string `json:"ref"`
	Repository string `json:"repository"`
	Path       string `json:"path"`
}

// workflow takes workflow_ref apart: OWNER/REPO/PATH@REF.
func (j *Job) workflow(c idtoken.Claims) (workflow, error) {
	name, ref, ok := strings.Cut(c["workflow_ref"], "@")
	path, inside := strings.CutPrefix(name, c["repository"]+"/")
	if !ok || !inside || path == "" || ref == "" || strings.Contains(ref, "@") && !strings.HasPrefix(ref, "refs/") {
		return workflow{}, fault.New(fault.Refused, fault.Identity, "", "the ID token's workflow_ref is %q, want %s/PATH@REF", c["workflow_ref"], c["repository"])
	}
	return workflow{Ref: ref, Repository: j.server.String() + "/" + c["repository"], Path: path}, nil
}

// external are the parameters that came from outside of the build platform.
type external struct {
	Workflow workflow         `json:"workflow"`
	Inputs   statement.Inputs `json:"inputs,omitzero"`
}

func (j *Job) predicate(c idtoken.Claims, w workflow, given statement.Inputs) (statement.Provenance, error) {
	for _, name := range []string{"job_workflow_ref", "runner_environment", "sha", "ref"} {
		if c[name] == "" {
			return statement.Provenance{}, fault.New(fault.Refused, fault.Identity, "", "the ID token has no claim %q", name)
		}
	}
	external, err := json.Marshal(external{Workflow: w, Inputs: given})
	if err != nil {
		return statement.Provenance{}, fmt.Errorf("encoding provenance: %w", err)
	}
	internal, err := json.Marshal(map[string]map[string]string{"github": {
		"event_name":          c["event_name"],
		"repository_id":       c["repository_id"],
		"repository_owner_id": c["repository_owner_id"],
		"runner_environment":  c["runner_environment"],
	}})
	if err != nil {
		return statement.Provenance{}, fmt.Errorf("encoding provenance: %w", err)
	}
	run, err := json.Marshal(w.Repository + "/actions/runs/" + c["run_id"] + "/attempts/" + c["run_attempt"])
	if err != nil {
		return statement.Provenance{}, fmt.Errorf("encoding provenance: %w", err)
	}
	return statement.Provenance{
		BuildDefinition: statement.BuildDefinition{
			BuildType:            buildType,
			ExternalParameters:   external,
			InternalParameters:   internal,
			ResolvedDependencies: []statement.Resource{{URI: "git+" + w.Repository + "@" + c["ref"], Digest: map[string]string{"gitCommit": c["sha"]}}},
		},
		RunDetails: statement.RunDetails{
			Builder:  statement.Builder{ID: j.server.String() + "/" + c["job_workflow_ref"]},
			Metadata: statement.BuildMetadata{InvocationID: run},
		},
	}, nil
}
