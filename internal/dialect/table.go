package dialect

import "slices"

// Members of the two predicate types that every builder writes.
const (
	v1BuildType  = "buildDefinition.buildType"
	v1Builder    = "runDetails.builder.id"
	v1Invocation = "runDetails.metadata.invocationId"
	v1External   = "buildDefinition.externalParameters"
	v1Internal   = "buildDefinition.internalParameters"
	v1Sources    = "buildDefinition.resolvedDependencies"

	v02BuildType  = "buildType"
	v02Builder    = "builder.id"
	v02Config     = "invocation.configSource"
	v02Parameters = "invocation.parameters"
	v02Env        = "invocation.environment"
	v02Sources    = "materials"
)

// must is a member that has to be there and to be equal.
func must(member string, want Value) Equality { return Equality{Member: member, Want: want} }

// may is a member that has to be equal if it is there.
func may(member string, want Value) Equality {
	return Equality{Member: member, Want: want, Optional: true}
}

// number says that a JSON number is as good as its decimal text.
func (e Equality) number() Equality { e.Number = true; return e }

// or is a second value that is as good.
func (e Equality) or(v Value) Equality { e.Or = v; return e }

// config are the equalities of a v0.2 predicate that says where the build's
// configuration came from.
func config(entry Value) []Equality {
	return []Equality{must(v02Config+".uri", GitRepositoryAtRef), must(v02Config+".digest.sha1", Commit), must(v02Config+".entryPoint", entry)}
}

// runnerEnv are the variables of a GitHub runner that several builders copy.
func runnerEnv(object string) []Equality {
	in := func(name string, want Value) Equality { return may(object+"."+name, want).number() }
	return []Equality{
		in("GITHUB_EVENT_NAME", Event), in("GITHUB_REF", Ref), in("GITHUB_REF_TYPE", RefType), in("GITHUB_REPOSITORY", RepositoryName),
		in("GITHUB_REPOSITORY_ID", RepositoryID), in("GITHUB_REPOSITORY_OWNER", OwnerName), in("GITHUB_REPOSITORY_OWNER_ID", OwnerID),
		in("GITHUB_RUN_ID", RunID), in("GITHUB_RUN_ATTEMPT", Attempt), in("GITHUB_SHA", Commit),
		in("GITHUB_WORKFLOW_REF", WorkflowName), in("GITHUB_WORKFLOW_SHA", WorkflowCommit),
	}
}

// generatorEnv is the same as slsa-github-generator's own workflows write it.
func generatorEnv() []Equality {
	in := func(name string, want Value) Equality { return may(v02Env+"."+name, want).number() }
	return []Equality{
		in("github_event_name", Event), in("github_ref", Ref), in("github_ref_type", RefType), in("github_repository_id", RepositoryID),
		in("github_repository_owner", OwnerName), in("github_repository_owner_id", OwnerID), in("github_run_id", RunID),
		in("github_run_attempt", Attempt), in("github_sha1", Commit),
	}
}

// buildkitEnv is the same as Docker's action for BuildKit writes it.
func buildkitEnv(object string) []Equality {
	in := func(name string, want Value) Equality { return may(object+"."+name, want).number() }
	return []Equality{
		in("github_repository", RepositoryName), in("github_repository_id", RepositoryID), in("github_repository_owner_id", OwnerID),
		in("github_ref", Ref), in("github_event_name", Event), in("github_run_id", RunID), in("github_run_attempt", Attempt),
		in("github_runner_environment", Runner), in("github_workflow_ref", WorkflowName), in("github_workflow_sha", WorkflowCommit),
	}
}

// attest are the members that GitHub's attest action writes in all its versions.
func attest() []Equality {
	const w, g = v1External + ".workflow", v1Internal + ".github"
	return []Equality{
		must(w+".repository", Repository), must(w+".ref", Ref).or(WorkflowRef), must(w+".path", WorkflowPath), must(v1Invocation, Run),
		must(g+".event_name", Event), must(g+".repository_id", RepositoryID), must(g+".repository_owner_id", OwnerID),
	}
}

// attestChosen are the places where a person's choice could hide in what the
// attest action writes.
func attestChosen() []Chosen {
	return []Chosen{
		{Member: v1External, Known: []string{"workflow", "inputs"}},
		{Member: v1External + ".workflow", Known: []string{"ref", "repository", "path"}, Prefix: "workflow."},
		{Member: v1External + ".inputs", Person: true},
	}
}

// delegated are the places where a builder of slsa-github-generator's framework
// writes what it was told.
func delegated(parameters, env string) []Chosen {
	return []Chosen{
		{Member: parameters, Known: []string{"inputs", "vars"}}, {Member: parameters + ".inputs"}, {Member: parameters + ".vars", Prefix: "vars."},
		{Member: env + ".GITHUB_EVENT_PAYLOAD.inputs"}, {Member: env + ".GITHUB_EVENT_PAYLOAD.client_payload"},
	}
}

// gitlabVariables are variables among those of a job that the certificate knows.
func gitlabVariables(object string) []Equality {
	in := func(name string, want Value) Equality { return may(object+"."+name, want) }
	return []Equality{
		in("CI_PROJECT_ID", RepositoryID), in("CI_PROJECT_URL", Repository), in("CI_PROJECT_PATH", RepositoryName), in("CI_COMMIT_SHA", Commit),
		in("CI_COMMIT_REF_NAME", RefName), in("CI_COMMIT_BRANCH", RefName), in("CI_COMMIT_TAG", RefName), in("CI_JOB_URL", Run), in("CI_JOB_ID", JobID), in("CI_PIPELINE_SOURCE", Event), in("CI_SERVER_URL", Issuer),
	}
}

const generator = "https://github.com/slsa-framework/slsa-github-generator"

// Table is every dialect. The first entry that has the predicate type, the
// build type and the form of the builder decides.
var Table = []Dialect{
	{
		Name: "GitHub workflow", Written: "actions/attest from 1.3.0, actions/attest-build-provenance, Sallyport", Sample: "github-workflow.json",
		Predicate: ProvenanceV1, BuildType: Match{Head: "https://actions.github.io/buildtypes/workflow/v1"}, Forge: GitHub, Builder: IsSigner,
		Equal:  append(attest(), must(v1Internal+".github.runner_environment", Runner)),
		Source: Source{List: v1Sources, URI: GitRepositoryAtRef, Digest: "gitCommit", Exactly: 1},
		Chosen: attestChosen(), Inputs: InputsMarked, Names: NamesWhatItLikes,
		Note: "The attest action does not record the inputs of a run; Sallyport's does.",
	}, {
		Name: "GitHub workflow, before 1.3", Written: "npm from July 2023, actions/attest before 1.3.0", Sample: "npm-v1.json",
		Predicate: ProvenanceV1, BuildType: Match{Head: "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1"}, Forge: GitHub, Builder: IsRunnerClass,
		Equal:  attest(),
		Source: Source{List: v1Sources, URI: GitRepositoryAtRef, Digest: "gitCommit", Exactly: 1},
		Chosen: attestChosen(), Inputs: InputsUntold, Names: NamesAPackage,
		Note: "npm names its packages by SHA-512 alone, as package URLs. The builder is the class of the runner, whatever signed.",
	}, {
		Name: "npm gha/v2", Written: "npm from March to July 2023", Sample: "npm-gha-v2.json",
		Predicate: ProvenanceV02, BuildType: Match{Head: "https://github.com/npm/cli/gha/v2"}, Forge: GitHub, Builder: IsRunner,
		Equal: slices.Concat(config(WorkflowPath),
			[]Equality{must("metadata.buildInvocationId", RunIDAttempt)}, runnerEnv(v02Env)),
		Source: Source{List: v02Sources, URI: GitRepositoryAtRef, Digest: "sha1", Exactly: 1},
		Chosen: []Chosen{{Member: v02Parameters}}, Inputs: InputsUntold, Names: NamesAPackage,
		Note: "Its log entries have a promise and no proof: see `log: promise`.",
	}, {
		Name: "npm gha@v1", Written: "npm 9.5", Predicate: ProvenanceV02, BuildType: Match{Head: "https://github.com/npm/cli/gha@v1"}, Forge: GitHub, Builder: IsNPM,
		Equal: slices.Concat(config(WorkflowNameAtRef),
			[]Equality{must("metadata.buildInvocationId", RunIDAttempt)}, runnerEnv(v02Env)),
		Source: Source{List: v02Sources, URI: GitRepository, Digest: "sha1", Exactly: 1},
		Chosen: []Chosen{{Member: v02Parameters}}, Inputs: InputsUntold, Names: NamesAPackage,
		Note: "The builder is a version of a tool.",
	}, {
		Name: "npm gha@v0", Written: "npm 9.4", Predicate: ProvenanceV02, BuildType: Match{Head: "https://github.com/npm/cli/gha@v0"}, Forge: GitHub, Builder: IsNPM,
		Equal: slices.Concat(config(WorkflowNameAtRef),
			[]Equality{must("metadata.buildInvocationId", RunIDAttempt)}, runnerEnv(v02Env)),
		Source: Source{List: v02Sources, URI: GitRepository, Digest: "sha1", Exactly: 1},
		Chosen: []Chosen{{Member: v02Parameters}}, Inputs: InputsUntold, Names: NamesAPackage,
	},
	generated("generic", "generic@v1", "slsa-generic.json", 1),
	generated("generic, 1.2.0", "slsa-github-generator@v1", "", 1),
	generated("Go", "go@v1", "slsa-go.json", 2),
	generated("Go, before 1.0", "slsa-github-generator-go@v1", "", 2),
	generated("container", "container@v1", "slsa-container.json", 1),
	{
		Name: "slsa delegated", Written: "builders of slsa-github-generator's framework: Maven, Gradle, Bazel, JReleaser and others", Sample: "slsa-delegated.json",
		Predicate: ProvenanceV1, BuildType: Match{Head: generator + "/delegator-generic@v0"}, Forge: GitHub, Builder: IsNamedByPolicy,
		Equal:  append(runnerEnv(v1Internal), must(v1Invocation, Run)),
		Source: Source{List: v1Sources, URI: GitRepositoryAtRef, Digest: "gitCommit", Exactly: 1, Other: true},
		Chosen: delegated(v1External, v1Internal), Inputs: InputsTold, Names: NamesWhatItLikes,
		Note: "The delegator signs for the builder: a policy names both, `signer` and `builder`.",
	}, {
		Name: "slsa delegated, Node.js", Written: "slsa-github-generator's Node.js builder", Sample: "slsa-delegated-nodejs.json",
		Predicate: ProvenanceV02, BuildType: Match{Head: generator + "/delegator-generic@v0"}, Forge: GitHub, Builder: IsNamedByPolicy,
		Equal: slices.Concat(config(WorkflowPath),
			[]Equality{must("metadata.buildInvocationId", RunIDAttempt)}, runnerEnv(v02Env)),
		Source: Source{List: v02Sources, URI: GitRepositoryAtRef, Digest: "sha1", Exactly: 1, Other: true},
		Chosen: delegated(v02Parameters, v02Env), Inputs: InputsTold, Names: NamesAPackage,
	}, {
		Name: "slsa container-based", Written: "slsa-github-generator's builder in a container", Sample: "slsa-container-based.json",
		Predicate: ProvenanceV1, BuildType: Match{Head: "https://slsa.dev/container-based-build/v0.1?draft"}, Forge: GitHub, Builder: IsSigner,
		Equal: append(runnerEnv(v1Internal), must(v1Invocation, Run),
			must(v1External+".source.uri", GitRepositoryAtRef), must(v1External+".source.digest.sha1", Commit)),
		Source: Source{List: v1Sources, URI: GitRepositoryAtRef, Digest: "sha1", Exactly: 2, Rest: SignerRepositoryRef},
		Chosen: []Chosen{{Member: v1External, Known: []string{"source"}}, {Member: v1Internal + ".GITHUB_EVENT_PAYLOAD.inputs"}, {Member: v1Internal + ".GITHUB_EVENT_PAYLOAD.client_payload"}},
		Inputs: InputsTold, Names: NamesWhatItLikes,
		Free: []string{"the digest of the second dependency, which is that of the builder's program"},
		Note: "What a person chose are `builderImage`, `configPath` and `buildConfig`.",
	}, {
		Name: "BuildKit", Written: "Docker's BuildKit and github-builder, signed in the job", Predicate: ProvenanceV1, Sample: "buildkit-v1.json",
		BuildType: Match{Head: "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"}, Forge: GitHub, Builder: IsRun,
		Equal:  append(buildkitEnv(v1Internal), must(v1External+".configSource.uri", GitHashCommit), must(v1External+".configSource.digest.sha1", Commit)),
		Source: Source{List: v1Sources, URI: GitHashCommit, Digest: "sha1"},
		Chosen: buildkit(v1External), Inputs: ArgsIfMax, Names: NamesAnImage, Carried: true,
		Note: "A build from a local folder names no commit and is refused. Beside an image in a registry the signed statement is about " +
			"the attestation manifest, and BuildKit's own is an unsigned layer of that: [images of Docker's builder](verify.md#images-of-dockers-builder).",
	}, {
		Name: "BuildKit v0.2", Written: "the same before 2025", Predicate: ProvenanceV02, Sample: "buildkit-v02.json",
		BuildType: Match{Head: "https://mobyproject.org/buildkit@v1"}, Forge: GitHub, Builder: IsRun,
		Equal:  append(buildkitEnv(v02Env), must(v02Config+".uri", GitHashCommit), must(v02Config+".digest.sha1", Commit)),
		Source: Source{List: v02Sources, URI: GitHashCommit, Digest: "sha1"},
		Chosen: buildkit(v02Parameters), Inputs: ArgsIfMax, Names: NamesAnImage, Carried: true,
	}, {
		Name: "GitLab job", Written: "Sallyport, GitLab's control plane (18.3)", Predicate: ProvenanceV1, Sample: "gitlab-job.json",
		BuildType: Match{Head: "https://docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1"}, Forge: GitLab, Builder: IsBelowProject,
		Equal:  append(gitlabVariables(v1External+".variables"), must(v1External+".source", Repository), must(v1Invocation, JobID).number(), may(v1Internal+".job", JobID).number()),
		Source: Source{List: v1Sources, URI: Repository, Digest: "gitCommit", Exactly: 1},
		Chosen: []Chosen{{Member: v1External, Known: []string{"source", "entryPoint", "variables", "inputs"}}, {Member: v1External + ".variables", Known: predefined, Person: true}, {Member: v1External + ".inputs", Person: true}},
		Inputs: VariablesTold, Names: NamesWhatItLikes,
		Free: []string{"the number of the runner", "`entryPoint`, the name of the job"},
		Note: "The control plane signs with the token of the job, so a certificate cannot tell its text from one that a script in the job wrote.",
	}, {
		Name: "GitLab runner v1", Written: "GitLab's runner with SLSA_PROVENANCE_SCHEMA_VERSION=v1, signed in the job that builds", Predicate: ProvenanceV1, Sample: "gitlab-runner-v1.json",
		BuildType: Match{Head: "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/", Tail: "/PROVENANCE.md", Part: "version"}, Forge: GitLab, Builder: IsBelowProject,
		Equal:  []Equality{must(v1External+".source", Repository), must(v1Invocation, JobID).number(), may(v1Internal+".job", JobID).number()},
		Source: Source{List: v1Sources, URI: Repository, Digest: "sha256", Exactly: 1},
		Chosen: []Chosen{{Member: v1External, Known: append([]string{"source", "entryPoint"}, predefined...)}},
		Inputs: InputsTold, Names: NamesAFile, Elsewhere: true,
		Note: "The runner writes the commit, 40 digits, under the key `sha256`, and the names of variables without their values. GitLab's SLSA component signs the same text in a job of its own: a policy says `signed-in: another-job`, and the job is not compared.",
	}, {
		Name: "GitLab runner", Written: "GitLab's runner, signed in the job that builds", Predicate: ProvenanceV02, Sample: "gitlab-runner-v02.json",
		BuildType: Match{Head: "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/", Tail: "/PROVENANCE.md", Part: "version"}, Forge: GitLab, Builder: IsBelowProject,
		Equal:  []Equality{must(v02Config+".uri", Repository), must(v02Config+".digest.sha256", Commit), must(v02Env+".job.id", JobID).number()},
		Source: Source{List: v02Sources, Exactly: -1},
		Chosen: []Chosen{{Member: v02Parameters, Known: predefined}}, Inputs: InputsTold, Names: NamesAFile, Elsewhere: true,
	}, {
		Name: "npm on GitLab", Written: "npm from June 2023", Predicate: ProvenanceV02, Sample: "npm-gitlab.json",
		BuildType: Match{Head: "https://github.com/npm/cli/gitlab/v0alpha1"}, Forge: GitLab, Builder: IsBelowProject,
		Equal: append(gitlabVariables(v02Parameters), must(v02Config+".uri", GitRepository), must(v02Config+".digest.sha1", Commit),
			must("metadata.buildInvocationId", Run), must(v02Env+".project", RepositoryName), must(v02Env+".server", Issuer), must(v02Env+".job.id", JobID).number()),
		Source: Source{List: v02Sources, URI: GitRepository, Digest: "sha1", Exactly: 1},
		Chosen: []Chosen{{Member: v02Parameters, Known: predefined}}, Inputs: InputsUntold, Names: NamesAPackage,
		Free: []string{"`entryPoint`, the name of the job", "the number of the pipeline"},
	},
}

// generated is an entry of slsa-github-generator's own workflows.
func generated(what, buildType, sample string, materials int) Dialect {
	head := generator + "/" + buildType
	if buildType != "generic@v1" && buildType != "go@v1" && buildType != "container@v1" {
		head = "https://github.com/slsa-framework/" + buildType
	}
	d := Dialect{
		Name: "slsa " + what, Written: "slsa-github-generator", Sample: sample,
		Predicate: ProvenanceV02, BuildType: Match{Head: head}, Forge: GitHub, Builder: IsSigner,
		Equal: slices.Concat(config(WorkflowPath),
			[]Equality{must("metadata.buildInvocationID", RunIDAttempt)}, generatorEnv()),
		Source: Source{List: v02Sources, URI: GitRepositoryAtRef, Digest: "sha1", Exactly: materials},
		Chosen: []Chosen{
			{Member: v02Parameters, Known: []string{"event_inputs", "vars"}}, {Member: v02Parameters + ".event_inputs"}, {Member: v02Parameters + ".vars", Prefix: "vars."},
			{Member: v02Env + ".github_event_payload.inputs"}, {Member: v02Env + ".github_event_payload.client_payload"},
		},
		Inputs: InputsTold, Names: NamesWhatItLikes,
		Free: []string{"`buildConfig`", "actor, base and head ref, number of the run"},
	}
	if materials == 2 {
		d.Free = append(d.Free, "the second material, an image of the runner without a digest")
	}
	return d
}

// buildkit are the places where BuildKit writes what it was told.
func buildkit(parameters string) []Chosen {
	request := parameters
	if parameters == v1External {
		request += ".request"
	}
	return []Chosen{
		{Member: request + ".args", Known: []string{"vcs:*", "label:*"}, Prefix: "args."}, {Member: request + ".secrets", Prefix: "secrets."}, {Member: request + ".ssh", Prefix: "ssh."},
	}
}
