package gitlab

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/idtoken"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// buildType is the build type of a CI/CD job.
const buildType = "https://docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1"

// IDToken returns the token that the job was started with, for audience and no
// other. The runner masks it in the log.
func (j *Job) IDToken(_ context.Context, audience string) (string, error) {
	j.audience = audience
	token := j.getenv("SIGSTORE_ID_TOKEN")
	if token == "" {
		return "", fault.New(fault.Usage, fault.Config,
			fmt.Sprintf("add \"id_tokens: {SIGSTORE_ID_TOKEN: {aud: %s}}\" to the job", audience), "this job has no ID token")
	}
	if _, err := j.claims(token); err != nil {
		return "", err
	}
	return token, nil
}

func (j *Job) claims(token string) (idtoken.Claims, error) {
	return idtoken.Parse(token, idtoken.Wanted{Issuer: j.ours, Audience: j.audience, Now: j.Now(), Texts: texts,
		Numbers: numbers})
}

// The claims that are read here, and how GitLab writes them
// (docs.gitlab.com/ci/secrets/id_token_authentication, "Token payload").
var (
	texts = []string{"project_id", "project_path", "project_visibility", "pipeline_id", "pipeline_source", "job_id",
		"sha", "ref", "ref_type", "ref_path",
		"user_id", "user_login", "environment"}
	numbers = []string{"runner_id", "job_project_id"}
)

// Visibility returns what the token says about who may see the project; empty
// if it does not say, which counts as private.
func (j *Job) Visibility(token string) string {
	c, err := j.claims(token)
	if err != nil {
		return ""
	}
	return c["project_visibility"]
}

// Provenance returns the predicate that describes this job, made from the
// token's claims. The claims are what the certificate will say; where the
// runner's own variables say something else the token is for another job. given
// is what the pipeline was given, as far as it may be public.
func (j *Job) Provenance(token string, given statement.Inputs) (statement.Provenance, error) {
	c, err := j.claims(token)
	if err != nil {
		return statement.Provenance{}, err
	}
	if err := c.Match(j.matches(c)); err != nil {
		return statement.Provenance{}, err
	}
	return j.predicate(c, given)
}

func (j *Job) matches(c idtoken.Claims) []idtoken.Match {
	pairs := [][2]string{
		{"project_id", "CI_PROJECT_ID"},
		{"project_path", "CI_PROJECT_PATH"},
		{"pipeline_id", "CI_PIPELINE_ID"},
		{"pipeline_source", "CI_PIPELINE_SOURCE"},
		{"job_id", "CI_JOB_ID"},
		{"sha", "CI_COMMIT_SHA"},
		{"ref", "CI_COMMIT_REF_NAME"},
	}
	// Older instances do not say which project the job runs in; a newer one
	// says it, and in a merge request of a fork it is not the one of the code.
	if _, ok := c["job_project_id"]; ok {
		pairs = append(pairs, [2]string{"job_project_id", "CI_PROJECT_ID"})
	}
	if _, ok := c["runner_id"]; ok {
		pairs = append(pairs, [2]string{"runner_id", "CI_RUNNER_ID"})
	}
	var all []idtoken.Match
	for _, p := range pairs {
		all = append(all, idtoken.Match{Claim: p[0], Variable: p[1], Want: j.getenv(p[1])})
	}
	return all
}

// external are the parameters that came from outside of the build platform. A
// job has hundreds of variables, and some are secrets; those that a person gave
// the pipeline are the ones that change what it does.
type external struct {
	Source     string           `json:"source"`
	EntryPoint string           `json:"entryPoint"`
	Inputs     statement.Inputs `json:"inputs,omitzero"`
}

// internal are the parameters that the build platform set.
type internal struct {
	Name         string `json:"name,omitempty"`
	Executor     string `json:"executor,omitempty"`
	Architecture string `json:"architecture,omitempty"`
	Job          int64  `json:"job"`
}

func (j *Job) predicate(c idtoken.Claims, given statement.Inputs) (statement.Provenance, error) {
	job, err := strconv.ParseInt(c["job_id"], 10, 64)
	if err != nil || job <= 0 {
		return statement.Provenance{}, fault.New(fault.Refused, fault.Identity, "", "the ID token's job_id is %q, want a number", c["job_id"])
	}
	if c["sha"] == "" {
		return statement.Provenance{}, fault.New(fault.Refused, fault.Identity, "", "the ID token's sha is empty")
	}
	source := j.web("")
	out, err := json.Marshal(external{Source: source, EntryPoint: j.getenv("CI_JOB_NAME"), Inputs: given})
	if err != nil {
		return statement.Provenance{}, fmt.Errorf("encoding provenance: %w", err)
	}
	in, err := json.Marshal(internal{
		Name:         j.getenv("CI_RUNNER_DESCRIPTION"),
		Executor:     j.getenv("CI_RUNNER_EXECUTOR"),
		Architecture: j.getenv("CI_RUNNER_EXECUTABLE_ARCH"),
		Job:          job,
	})
	if err != nil {
		return statement.Provenance{}, fmt.Errorf("encoding provenance: %w", err)
	}
	return statement.Provenance{
		BuildDefinition: statement.BuildDefinition{
			BuildType:            buildType,
			ExternalParameters:   out,
			InternalParameters:   in,
			ResolvedDependencies: []statement.Resource{{URI: source, Digest: map[string]string{"gitCommit": c["sha"]}}},
		},
		RunDetails: statement.RunDetails{Builder: j.builder(), Metadata: j.metadata(job)},
	}, nil
}

func (j *Job) builder() statement.Builder {
	b := statement.Builder{ID: j.web("/-/runners/" + j.getenv("CI_RUNNER_ID"))}
	if v := j.getenv("CI_RUNNER_VERSION"); v != "" {
		b.Version = map[string]string{"gitlab-runner": v}
	}
	return b
}

func (j *Job) metadata(job int64) statement.BuildMetadata {
	m := statement.BuildMetadata{InvocationID: json.RawMessage(strconv.FormatInt(job, 10))}
	if t, err := time.Parse(time.RFC3339, j.getenv("CI_JOB_STARTED_AT")); err == nil {
		m.StartedOn = t.UTC().Format(time.RFC3339)
	}
	return m
}

func garbage(err error) bool {
	return isType[*json.SyntaxError](err) || isType[*json.UnmarshalTypeError](err)
}
