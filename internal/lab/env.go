package lab

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// A Platform is a kind of CI runner.
type Platform string

// The runners that a lab can set a command's variables up as.
const (
	None   Platform = "none"
	GitHub Platform = "github"
	GitLab Platform = "gitlab"
)

// Valid returns an error if p is not one of them; empty is None.
func (p Platform) Valid() error {
	switch p {
	case None, GitHub, GitLab, "":
		return nil
	}
	return fmt.Errorf("platform %q, want none, github or gitlab", p)
}

// Env returns the lab's variables as NAME=value, with those that a runner of
// platform as sets in a job whose token has these claims.
func (l *Lab) Env(as Platform, claims Claims) ([]string, error) {
	env := []string{
		"SALLYPORT_LAB=" + l.Control,
		"SALLYPORT_LAB_TRUSTED_ROOT=" + l.TrustedRoot,
		"SALLYPORT_LAB_SIGNING_CONFIG=" + l.SigningConfig,
		"SALLYPORT_LAB_ACCOUNTS=" + l.Accounts,
		"SALLYPORT_LAB_AUTHORITY=" + l.Authority,
		"SALLYPORT_LAB_REGISTRY=" + l.Registry,
		"SALLYPORT_LAB_GITHUB=" + l.GitHub,
		"SALLYPORT_LAB_GITLAB=" + l.GitLab,
		"HTTPS_PROXY=" + l.names.proxy,
		"SSL_CERT_FILE=" + l.names.file,
	}
	always := len(env)
	var of map[string]string
	var err error
	switch as {
	case GitHub:
		of, err = l.gitHubEnv(claims)
	case GitLab:
		of, err = l.gitLabEnv(claims)
	default:
		err = as.Valid()
		// At a terminal these say which instance to use. A job takes it as arguments.
		of = map[string]string{"SALLYPORT_TRUSTED_ROOT": l.TrustedRoot, "SALLYPORT_SIGNING_CONFIG": l.SigningConfig, "SALLYPORT_AUTHORITY": l.Authority}
	}
	for name, value := range of {
		env = append(env, name+"="+value)
	}
	slices.Sort(env[always:])
	return env, err
}

// CommandEnv returns environ with the lab's variables over it. Variables of a
// runner that as does not set are taken out: a lab that runs in real CI must
// not hand the real job's identity or tokens to its command.
func (l *Lab) CommandEnv(environ []string, as Platform, claims Claims) ([]string, error) {
	env, err := l.Env(as, claims)
	if err != nil {
		return nil, err
	}
	runner := map[string]bool{"CI_COMMIT_TAG": true, "CI_COMMIT_BRANCH": true, "CI_ENVIRONMENT_NAME": true,
		"https_proxy": true, "NO_PROXY": true, "no_proxy": true}
	for _, platform := range []Platform{None, GitHub, GitLab} {
		all, err := l.Env(platform, nil)
		if err != nil {
			return nil, err
		}
		for _, e := range all {
			name, _, _ := strings.Cut(e, "=")
			runner[name] = name != "CI"
		}
	}
	kept := slices.DeleteFunc(slices.Clone(environ), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return runner[name]
	})
	return append(kept, env...), nil
}

func (l *Lab) gitHubEnv(given Claims) (map[string]string, error) {
	c := gitHubClaims(given)
	tokenURL := l.Control + "/github/idtoken?job=build"
	if len(given) > 0 {
		q, err := given.query()
		if err != nil {
			return nil, err
		}
		tokenURL += "&claims=" + q
	}
	ref := c.text("ref")
	return map[string]string{
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": l.tokens.request,
		"ACTIONS_ID_TOKEN_REQUEST_URL":   tokenURL,
		"CI":                             "true",
		"GITHUB_ACTIONS":                 "true",
		"GITHUB_ACTOR":                   c.text("actor"),
		"GITHUB_ACTOR_ID":                c.text("actor_id"),
		"GITHUB_API_URL":                 apiOfGitHub,
		"GITHUB_EVENT_NAME":              c.text("event_name"),
		"GITHUB_JOB":                     "build",
		"GITHUB_REF":                     ref,
		"GITHUB_REF_NAME":                strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/"),
		"GITHUB_REF_TYPE":                c.text("ref_type"),
		"GITHUB_REPOSITORY":              c.text("repository"),
		"GITHUB_REPOSITORY_ID":           c.text("repository_id"),
		"GITHUB_REPOSITORY_OWNER":        c.text("repository_owner"),
		"GITHUB_REPOSITORY_OWNER_ID":     c.text("repository_owner_id"),
		"GITHUB_RUN_ATTEMPT":             c.text("run_attempt"),
		"GITHUB_RUN_ID":                  c.text("run_id"),
		"GITHUB_RUN_NUMBER":              c.text("run_number"),
		"GITHUB_SERVER_URL":              "https://github.com",
		"GITHUB_SHA":                     c.text("sha"),
		"GITHUB_TOKEN":                   l.tokens.github,
		"GITHUB_WORKFLOW":                c.text("workflow"),
		"GITHUB_WORKFLOW_REF":            c.text("workflow_ref"),
		"GITHUB_WORKFLOW_SHA":            c.text("workflow_sha"),
		"RUNNER_ENVIRONMENT":             c.text("runner_environment"),
		"RUNNER_OS":                      "Linux",
	}, nil
}

func (l *Lab) gitLabEnv(given Claims) (map[string]string, error) {
	c := gitLabClaims(given)
	token, err := l.GitLabToken(l.Audience, given)
	if err != nil {
		return nil, err
	}
	own, err := l.GitLabToken("sallyport-gate", given)
	if err != nil {
		return nil, err
	}
	project := "https://gitlab.com/" + c.text("project_path")
	env := map[string]string{
		"CI":                        "true",
		"CI_API_V4_URL":             gitLabIssuer + "/api/v4",
		"CI_COMMIT_REF_NAME":        c.text("ref"),
		"CI_COMMIT_REF_PROTECTED":   c.text("ref_protected"),
		"CI_COMMIT_SHA":             c.text("sha"),
		"CI_CONFIG_PATH":            ".gitlab-ci.yml",
		"CI_JOB_ID":                 c.text("job_id"),
		"CI_JOB_NAME":               "build",
		"CI_JOB_STAGE":              "build",
		"CI_JOB_TOKEN":              l.tokens.ofJob(c),
		"CI_JOB_URL":                project + "/-/jobs/" + c.text("job_id"),
		"CI_PIPELINE_ID":            c.text("pipeline_id"),
		"CI_PIPELINE_SOURCE":        c.text("pipeline_source"),
		"CI_PIPELINE_URL":           project + "/-/pipelines/" + c.text("pipeline_id"),
		"CI_PROJECT_ID":             c.text("project_id"),
		"CI_PROJECT_NAME":           path.Base(c.text("project_path")),
		"CI_PROJECT_NAMESPACE":      c.text("namespace_path"),
		"CI_PROJECT_NAMESPACE_ID":   c.text("namespace_id"),
		"CI_PROJECT_PATH":           c.text("project_path"),
		"CI_PROJECT_URL":            project,
		"CI_PROJECT_VISIBILITY":     c.text("project_visibility"),
		"CI_RUNNER_DESCRIPTION":     "sallyport lab",
		"CI_RUNNER_EXECUTABLE_ARCH": "linux/amd64",
		"CI_RUNNER_ID":              fmt.Sprint(c["runner_id"]),
		"CI_RUNNER_VERSION":         "18.7.0",
		"CI_SERVER":                 "yes",
		"CI_SERVER_HOST":            hostOf(gitLabIssuer),
		"CI_SERVER_URL":             gitLabIssuer,
		"CI_SERVER_VERSION":         "18.7.0-ee",
		"GITLAB_CI":                 "true",
		"GITLAB_TOKEN":              l.tokens.gitlab,
		"GITLAB_USER_ID":            c.text("user_id"),
		"GITLAB_USER_LOGIN":         c.text("user_login"),
		"SALLYPORT_ID_TOKEN":        own,
		"SIGSTORE_ID_TOKEN":         token,
	}
	switch c.text("ref_type") {
	case "tag":
		env["CI_COMMIT_TAG"] = c.text("ref")
	case "branch":
		env["CI_COMMIT_BRANCH"] = c.text("ref")
	}
	if name := c.text("environment"); name != "" {
		env["CI_ENVIRONMENT_NAME"] = name
	}
	return env, nil
}

// writeEnv writes the variables so that a shell reads back each value as it
// is. Only the owner may read the file: there are tokens in it.
func writeEnv(file string, env []string) error {
	return os.WriteFile(file, []byte(shellLines(env)), 0o600)
}

func shellLines(env []string) string {
	var b strings.Builder
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		fmt.Fprintf(&b, "%s=%s\n", name, shellWord(value))
	}
	return b.String()
}

// shellWord quotes a value unless every character of it is harmless.
func shellWord(s string) string {
	harmless := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._:@%+,-", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !harmless(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
