package cli

import (
	"cmp"
	"path/filepath"
	"strings"
)

// workflowFile is the file in the checkout that started the job, as its platform names it; or "".
func workflowFile(getenv func(string) string) string {
	if full, repository := getenv("GITHUB_WORKFLOW_REF"), getenv("GITHUB_REPOSITORY"); full != "" && repository != "" {
		path, _, _ := strings.Cut(full, "@")
		if rest, own := strings.CutPrefix(path, repository+"/"); own {
			return rest
		}
	}
	if getenv("GITLAB_CI") != "" && !strings.Contains(getenv("CI_CONFIG_PATH"), "@") {
		return cmp.Or(getenv("CI_CONFIG_PATH"), ".gitlab-ci.yml")
	}
	return ""
}

// workflowPins is the lock file of workflows, which has the commits of actions and of those that they use in turn.
const workflowPins = ".github/workflows/actions.lock"

// shownVariables are those by which platforms name a run and the image that it runs in.
var shownVariables = strings.Fields(
	`GITHUB_SHA GITHUB_REF GITHUB_REPOSITORY GITHUB_WORKFLOW_REF GITHUB_RUN_ID GITHUB_RUN_ATTEMPT GITHUB_JOB
	RUNNER_OS RUNNER_ARCH RUNNER_ENVIRONMENT ImageOS ImageVersion CI_COMMIT_SHA CI_COMMIT_REF_NAME CI_PROJECT_PATH CI_PIPELINE_ID CI_JOB_ID
	CI_JOB_IMAGE CI_RUNNER_VERSION`,
)

// keptTools are the directories in which a runner keeps toolchains.
func keptTools(getenv func(string) string) (dirs []string) {
	if dir := getenv("RUNNER_TOOL_CACHE"); filepath.IsAbs(dir) {
		dirs = append(dirs, dir)
	}
	return dirs
}

// signingVariables are those that sign, or fetch what signs. A build has no use for them.
var signingVariables = []string{
	"ACTIONS_ID_TOKEN_REQUEST_URL",
	"ACTIONS_ID_TOKEN_REQUEST_TOKEN",
	"ACTIONS_RUNTIME_TOKEN",
	"SIGSTORE_ID_TOKEN",
}

// runnersOwn are the variables by which a step speaks to its runner: what is written there acts on later steps.
var runnersOwn = []string{"GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"}

// secrets are the values of the credentials that a job has from its platform.
func secrets(getenv func(string) string) []string {
	var all []string
	for _, name := range []string{
		"SALLYPORT_TOKEN", "GITHUB_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_RUNTIME_TOKEN",
		"CI_JOB_TOKEN", "CI_DEPLOY_PASSWORD", "CI_REGISTRY_PASSWORD", "CI_DEPENDENCY_PROXY_PASSWORD", "SIGSTORE_ID_TOKEN", "SALLYPORT_ID_TOKEN", "GITLAB_TOKEN",
	} {
		if v := getenv(name); v != "" {
			all = append(all, v)
		}
	}
	return all
}
