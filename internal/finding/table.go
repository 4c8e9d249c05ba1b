package finding

// The rules. The name of each is its id, without the hyphens.
const (
	// Is there a gate, and does the job wait for it?
	NoGate Rule = iota + 1
	GateMissing
	GateLate
	GateNotNeeded
	GateNotBefore
	NeedOptional
	GateDropped
	GateOtherEnvironment
	GateUnseen
	EnvironmentUnnamed

	// Does its no count?
	RunsAnyway
	IfAlwaysTrue
	IfUnreadable
	GateSkipped
	GateSoft
	GateWatched
	ModeLenient
	GateSwallowed
	GateIgnored
	DeployAlways
	ManualApproval
	WaitTooLong
	MatrixOutput
	ActorExemption

	// Is its answer still the answer?
	GateReused
	GateStale
	EnterReplaced
	EnterLate
	EnterListMissing
	PassedEmpty
	GateToken

	// Is what was judged what is deployed?
	OutputsIgnored
	OutputsNotNeeded
	GateResultUnused
	GateResultIgnored
	SubjectNarrower
	ArtifactsElsewhere

	// Whose policy is it?
	PolicyDownloaded
	PolicyFed
	PolicyChosen
	CheckoutChosen

	// Does something else change what the gate does?
	ComponentOverridden
	GateInherits
	GateImage
	GateVariables
	GateFed
	KeyTwice
	ExtendsEndless
	Syntax
	IncludeUnseen
	ScriptInjection
	InputInScript

	// Which environment is it?
	EnvironmentExpression
	EnvironmentComputed
	EnvironmentUnknown
	EnvironmentTier
	EnvironmentCredentials
	DeploymentOff

	// Who starts it, and what follows?
	PullRequestTarget
	ApproveTrigger
	MergeRequestDeploys
	DownstreamDeploys
	DownstreamDetached
	DownstreamUnseen

	// What may the token do?
	PermissionsWriteAll
	PermissionsMissing
	IDTokenWorkflow
	IDTokenUnused
	IDTokenMissing
	TokenUnused
	SecretsInherit

	// What can be moved under you?
	SallyportUnpinned
	ComponentUnpinned
	ActionUnpinned
	IncludeUnpinned
	PinImpostor
	PinComment
	PinUnnamed
	PinUnchecked

	// How is the environment protected?
	EnvironmentMissing
	EnvironmentUnprotected
	EnvironmentWildcard
	EnvironmentWaitOnly
	EnvironmentSelfReview
	SelfApproval
	EnvironmentBypass
	EnvironmentBranches
	EnvironmentReviewers
	ApprovalRules
	PlanWithoutProtection

	// What passes it by?
	PipelineVariables
	SecretsEverywhere
	VariablesUnprotected
	BranchUnprotected
	RefUnprotected
	TokenWrite
	ActionsUnpinned
	CannotSee

	// Will the next release be what the policy asks for?
	BuildCached
	BuildExposed
	BuildSigns
	BuildUnwatched

	// Are there people left?
	ApprovalsUnsatisfiable
	ApprovalsThin
	MakersUnnamed
)

// table has a row for each rule.
var table = [...]row{
	// Is there a gate, and does the job wait for it?
	NoGate: {
		id: "no-gate", severity: Error, causes: []cause{{Workflows, "G04"}},
		title:   "a job enters a guarded environment and no gate precedes it",
		meaning: "Nobody decides whether this job may enter: whatever it has is deployed.",
		step:    "add the gate as the job's first step after checkout and download",
	},
	GateMissing: {
		id: "gate-missing", severity: Error, causes: []cause{{Pipelines, "G04"}},
		title: "a job enters a guarded environment without a gate",
		meaning: "Nobody decides whether this job may enter. It is a warning in a pipeline below a gate, which " +
			"is not asked again when the job is.",
		step: "include the gate component, and let the job need its job",
	},
	GateLate: {
		id: "gate-late", severity: Error, causes: []cause{{Workflows, "G04"}},
		title:   "a step runs in a guarded environment before the gate",
		meaning: "The step has the environment's credentials already, and the gate judges what is done.",
		step:    "move the gate before the step",
	},
	GateNotNeeded: {
		id: "gate-not-needed", severity: Error, causes: []cause{{Workflows, "G04"}},
		title: "a job enters a guarded environment beside its gate, not after it",
		meaning: "Jobs run side by side unless one names the other in needs, so this one does not wait for the " +
			"answer.",
		step: "name the gate's job in needs",
	},
	GateNotBefore: {
		id: "gate-not-before", severity: Error, causes: []cause{{Pipelines, "H02"}},
		title:   "a job enters a guarded environment without waiting for the gate",
		meaning: "The job starts whatever the gate says, or before it says anything.",
		step:    "let the job need the gate",
	},
	NeedOptional: {
		id: "need-optional", severity: Error, causes: []cause{{Pipelines, "H02"}},
		title:   "a job needs the gate only if there is one",
		meaning: "Where rules leave the gate out, the platform drops an optional need and starts the job.",
		step:    "take optional away from the need",
	},
	GateDropped: {
		id: "gate-dropped", severity: Error, causes: []cause{{Pipelines, "H02"}},
		title: "there are pipelines with the job behind the gate and without the gate",
		meaning: "Rules leave the gate out of pipelines in which the job stays. It is a warning where the job " +
			"needs the gate, because the platform then does not make such a pipeline.",
		step: "let the job need the gate",
	},
	GateOtherEnvironment: {
		id: "gate-other-environment", severity: Error, causes: []cause{{Workflows, "G04"}},
		title:   "the gate before a guarded environment judges another one",
		meaning: "A yes for one environment is not a yes for another.",
		step:    "give the gate the environment that the job enters",
	},
	GateUnseen: {
		id: "gate-unseen", severity: Warning, causes: []cause{{Workflows, "G04"}, {Pipelines, "G04"}},
		title: "whether a gate comes first is decided in a file that was not read",
		meaning: "The job may be behind a gate, and nothing that was read shows it. Silence about such a job is " +
			"no praise.",
		step: "check the file that brings the gate, and pin it by commit",
	},
	EnvironmentUnnamed: {
		id: "environment-unnamed", severity: Warning, causes: []cause{{Workflows, "G04"}},
		title: "a job acts on the answer of a gate, but no job names the environment, so nothing of the " +
			"platform guards it",
		meaning: "A workflow can be edited, and the platform's own protection is what keeps an edited one out. " +
			"It applies only to jobs that name the environment.",
		step: "name the environment in the job that deploys",
	},
	// Does its no count?
	RunsAnyway: {
		id: "runs-anyway", severity: Error, causes: []cause{{Workflows, "G01"}},
		title: "this condition holds although the gate did not pass",
		meaning: "A job or step with a condition of its own, such as always(), runs after a gate that said no or " +
			"was cancelled. It is a warning where it runs after a no alone, as a notice does.",
		step: "drop the condition, or compare with the one good value: == 'success'",
	},
	IfAlwaysTrue: {
		id: "if-always-true", severity: Error, causes: []cause{{Workflows, "G01"}},
		title:   "this condition is always true, whatever it seems to say",
		meaning: "Text around an expression makes it a string, and a string that is not empty is true.",
		step:    "write one expression and nothing around it, on one line",
	},
	IfUnreadable: {
		id: "if-unreadable", severity: Error, causes: []cause{{Workflows, "G01"}},
		title:   "this condition cannot be read",
		meaning: "What cannot be read may hold after the gate's no.",
		step:    "correct the expression",
	},
	GateSkipped: {
		id: "gate-skipped", severity: Error, causes: []cause{{Workflows, "G02"}},
		title:   "the gate may be skipped, and what follows runs all the same",
		meaning: "A skipped gate looks like one that said yes to whatever does not ask for its outputs.",
		step:    "drop the condition of the gate, or let what follows ask for the gate's outputs",
	},
	GateSoft: {
		id: "gate-soft", severity: Error, causes: []cause{{Workflows, "G03"}, {Pipelines, "H01"}},
		title:   "the gate's no does not stop the job",
		meaning: "The gate may fail and its job or pipeline goes on, so its no is a line in a log.",
		step:    "remove continue-on-error or allow_failure from the gate and its job",
	},
	GateWatched: {
		id: "gate-watched", severity: Warning, causes: []cause{{Workflows, "G03"}, {Pipelines, "H01"}},
		title:   "the policy watches this environment, so its gate stops nothing",
		meaning: "Until the day that the policy says, the gate judges and passes nothing on. From then on it is enforced, and stops nothing all the same while its job may fail or the deployment does not take its digests.",
		step:    "for that day, remove the line that lets the gate fail, and deploy the digests that the gate passes on",
	},
	ModeLenient: {
		id: "mode-lenient", severity: Warning, causes: []cause{{Policy, "D15"}},
		title:   "an environment is not enforced, for a time",
		meaning: "The policy watches it, or warns, until a day that it names; the mode holds only while the policy of the default branch has it too.",
		step:    "on that day write mode: enforce",
	},
	GateSwallowed: {
		id: "gate-swallowed", severity: Error, causes: []cause{{Workflows, "G03"}},
		title:   "the script goes on after the gate's no",
		meaning: "The shell runs the gate in a way that loses its exit code, or runs other commands after it.",
		step:    "give the gate a step of its own, with nothing else in its script",
	},
	GateIgnored: {
		id: "gate-ignored", severity: Error, causes: []cause{{Pipelines, "H01"}},
		title:   "the script goes on when the gate says no",
		meaning: "The shell runs the gate in a way that loses its exit code.",
		step:    "put the command on a line of its own",
	},
	DeployAlways: {
		id: "deploy-always", severity: Error, causes: []cause{{Pipelines, "H02"}},
		title: "a job enters a guarded environment although the gate said no",
		meaning: "The job runs after a failure, or deploys in after_script, which runs also where the job was " +
			"not let in.",
		step: "take when away from the job, and what deploys out of after_script",
	},
	ManualApproval: {
		id: "manual-approval", severity: Warning, causes: []cause{{Pipelines, "H03"}},
		title: "a manual job is pressed as an approval",
		meaning: "Everybody who may run the job may press it, also a person who made the change, and it names no digest. It is " +
			"a note where the pipeline waits for it.",
		step: "name the approvers in the policy",
	},
	WaitTooLong: {
		id: "wait-too-long", severity: Warning, causes: []cause{{Workflows, "G12"}},
		title:   "the gate waits longer than its job may run, so the platform ends the job without a verdict",
		meaning: "An approval that comes in time for the gate comes too late for the job.",
		step: "wait less and have the run started again with sallyport approve --resume, or raise " +
			"timeout-minutes on a runner of your own",
	},
	MatrixOutput: {
		id: "matrix-output", severity: Error, causes: []cause{{Workflows, "G15"}},
		title:   "each leg of the matrix writes the same output; a later job sees the one that finished last",
		meaning: "One leg's yes hides the no of another.",
		step:    "write one file for each leg, or one job for each environment",
	},
	ActorExemption: {
		id: "actor-exemption", severity: Error, causes: []cause{{Workflows, "G18"}},
		title:   "who started the run decides whether the gate counts",
		meaning: "The name of who started a run is not a proof of anything, and anybody can let a bot start one.",
		step:    "drop the condition; who may approve is the policy's to say",
	},
	// Is its answer still the answer?
	GateReused: {
		id: "gate-reused", severity: Error, causes: []cause{{Workflows, "G16"}},
		title: "a job is run again without its gate, which is in another job and gave its answer once",
		meaning: "A person who runs the deploying job again runs it alone, behind the answer of the first time. " +
			"By then something newer may have entered, or an approval may have expired.",
		step: "move the gate into the job, or add the step actions/enter as its first after checkout and " +
			"download",
	},
	GateStale: {
		id: "gate-stale", severity: Error, causes: []cause{{Pipelines, "G16"}},
		title: "a job enters a guarded environment long after its gate",
		meaning: "A manual or delayed job deploys on an old answer, perhaps over something newer. It is a " +
			"warning where only a retry of the job does.",
		step: "let the job extend .enter: and the environment, of the component enter",
	},
	EnterReplaced: {
		id: "enter-replaced", severity: Error, causes: []cause{{Pipelines, "H06"}},
		title:   "a job extends the component enter and replaces the commands that enter",
		meaning: "Its own before_script takes the place of the one that asks again, so nobody asks.",
		step:    "put !reference [.enter:ENVIRONMENT, before_script] first into before_script",
	},
	EnterLate: {
		id: "enter-late", severity: Error, causes: []cause{{Pipelines, "H06"}},
		title: "other commands run before those that enter",
		meaning: "They have the environment's credentials before anybody was asked again, and can change what is " +
			"asked.",
		step: "put !reference [.enter:ENVIRONMENT, before_script] first, and other commands behind it",
	},
	EnterListMissing: {
		id: "enter-list-missing", severity: Error, causes: []cause{{Pipelines, "H02"}},
		title: "a job that enters does not get the list of what its gate has let in, so it can never enter",
		meaning: "What enters has to be on the list of a gate, which is handed on as an artifact of the gate's " +
			"job. It is a warning where the job may get it in some pipelines.",
		step: "let the job take the gate's artifacts",
	},
	PassedEmpty: {
		id: "passed-empty", severity: Error, causes: []cause{{Workflows, "G02"}},
		title:   "what the gate has passed on is empty where the job enters, so it can never enter",
		meaning: "An output that needs does not reach, or that no job declares, is an empty text.",
		step:    "hand over needs.JOB.outputs.NAME of a job that needs names, and that declares the output",
	},
	GateToken: {
		id: "gate-token", severity: Error, causes: []cause{{Pipelines, "C20"}},
		title: "a job that judges or enters has no ID token for the audience sallyport-gate, so it never gets " +
			"an answer",
		meaning: "Which job asks is proved by the token of that job, for this audience alone.",
		step:    "add id_tokens: {SALLYPORT_ID_TOKEN: {aud: sallyport-gate}}",
	},
	// Is what was judged what is deployed?
	OutputsIgnored: {
		id: "outputs-ignored", severity: Warning, causes: []cause{{Workflows, "G02"}},
		title: "a job behind a gate uses nothing of what the gate puts out, so what it deploys may be " +
			"something else",
		meaning: "A name or a tag can be moved after the gate has looked; a digest cannot.",
		step:    "deploy what the gate's outputs digests, images or checksums name",
	},
	OutputsNotNeeded: {
		id: "outputs-not-needed", severity: Error, causes: []cause{{Workflows, "G02"}},
		title:   "a job uses the outputs of a gate that its needs does not name, so they are empty",
		meaning: "An expression about a job that needs does not name is an empty text, and no error.",
		step:    "name the gate's job in needs",
	},
	GateResultUnused: {
		id: "gate-result-unused", severity: Error, causes: []cause{{Pipelines, "H02"}},
		title:   "a job behind the gate does not get the digests that the gate let in",
		meaning: "The gate hands them on as artifacts and variables of its job, and this job takes neither.",
		step:    "let the job take the gate's artifacts",
	},
	GateResultIgnored: {
		id: "gate-result-ignored", severity: Note, causes: []cause{{Pipelines, "H02"}},
		title: "a job behind the gate uses nothing of what the gate puts out",
		meaning: "A name or a tag can be moved after the gate has looked; a digest cannot. A script of your own " +
			"may read the variables, which cannot be seen.",
		step: "deploy $SALLYPORT_DIGESTS or $SALLYPORT_IMAGES",
	},
	SubjectNarrower: {
		id: "subject-narrower", severity: Warning, causes: []cause{{Workflows, "E01"}, {Pipelines, "E01"}},
		title: "the gate judges fewer files than the job deploys",
		meaning: "The files beside the judged ones enter without evidence. Only patterns that are written out " +
			"are compared.",
		step: "give the gate the same files, or deploy the files that its output checksums names",
	},
	ArtifactsElsewhere: {
		id: "artifacts-elsewhere", severity: Error, causes: []cause{{Pipelines, "H13"}},
		title:   "a gate, or a job behind it, takes artifacts of another pipeline",
		meaning: "What another pipeline built is not what this one was asked about.",
		step:    "build and attest in this pipeline",
	},
	// Whose policy is it?
	PolicyDownloaded: {
		id: "policy-downloaded", severity: Error, causes: []cause{{Workflows, "D15"}},
		title: "the gate reads a policy that an earlier step may have put there",
		meaning: "Who fills the folder writes the policy. It is a warning where something is unpacked over all " +
			"of the workspace.",
		step: "download or check out into a folder of its own, or pin the policy: policy-ref: main, or @ and " +
			"a full commit or sha256: digest behind its path",
	},
	PolicyFed: {
		id: "policy-fed", severity: Error, causes: []cause{{Pipelines, "D15"}},
		title:   "the policy of a gate may come from another job's artifacts",
		meaning: "Who fills the artifact writes the policy.",
		step:    "keep the policy out of artifacts, or pin it",
	},
	PolicyChosen: {
		id: "policy-chosen", severity: Error, causes: []cause{{Workflows, "D15"}, {Pipelines, "D15"}},
		title: "which policy the gate reads is chosen by somebody who gives the run a value",
		meaning: "Who names the policy decides what it asks. It is a warning where only people of the project " +
			"can give the value.",
		step: "write the policy out, with policy-ref: main, or with @ and a full commit or sha256: digest " +
			"behind its path",
	},
	CheckoutChosen: {
		id: "checkout-chosen", severity: Error, causes: []cause{{Workflows, "D15"}, {Pipelines, "D15"}},
		title: "the gate reads its policy from a ref that somebody names who gives the run a value",
		meaning: "The policy lies in what was checked out, so who names the ref names the policy. It is a " +
			"warning where only people of the project can name it.",
		step: "check out the ref of the run, or pin the policy: policy-ref: main, or @ and a full commit or " +
			"sha256: digest behind its path",
	},
	// Does something else change what the gate does?
	ComponentOverridden: {
		id: "component-overridden", severity: Error, causes: []cause{{Pipelines, "H06"}},
		title: "a job of our component runs something else, or with other values",
		meaning: "Keys that are written beside a component's own replace them: its script, its image, its " +
			"variables.",
		step: "take the keys away; what a component offers is among its inputs",
	},
	GateInherits: {
		id: "gate-inherits", severity: Error, causes: []cause{{Pipelines, "H06"}},
		title: "a default command runs in the gate's shell",
		meaning: "Commands of default run in the gate's job too, and can end it or answer for it. A job keeps " +
			"them out with inherit.",
		step: "move the commands to the jobs that need them",
	},
	GateImage: {
		id: "gate-image", severity: Error, causes: []cause{{Pipelines, "H06"}},
		title: "the gate's shell comes from an image that moves",
		meaning: "Who can push the image decides what the gate's commands do. It is a warning where the image is " +
			"the default of all jobs.",
		step: "name the image by its digest",
	},
	GateVariables: {
		id: "gate-variables", severity: Error, causes: []cause{{Pipelines, "H06"}},
		title: "a global variable changes what the gate does",
		meaning: "Variables such as LD_PRELOAD, BASH_ENV or GIT_STRATEGY run code, or change what is checked " +
			"out, before the gate is asked.",
		step: "move the variable to the jobs that need it",
	},
	GateFed: {
		id: "gate-fed", severity: Error, causes: []cause{{Pipelines, "H06"}},
		title:   "what another job leaves outranks what the gate is told",
		meaning: "Artifacts are unpacked over what was checked out, and a dotenv report sets variables.",
		step:    "list the folders of the artifacts one by one, without a dotenv report",
	},
	KeyTwice: {
		id: "key-twice", severity: Error, causes: []cause{{Pipelines, "H06"}},
		title:   "a key stands twice, and only the last one counts",
		meaning: "A reader sees another value than the machine.",
		step:    "take one of them out",
	},
	ExtendsEndless: {
		id: "extends-endless", severity: Error, causes: []cause{{Pipelines, "H06"}},
		title:   "extends does not end",
		meaning: "A job that is among its own ancestors has no meaning, and nothing in it was judged.",
		step:    "take the job out of its own ancestors",
	},
	Syntax: {
		id: "syntax", severity: Error, causes: []cause{{Workflows, "G04"}},
		title: "a part of the workflow is not understood, so it is not judged",
		meaning: "The platform may read more in it than was read here. It is a warning where it is one key, or " +
			"where the file neither signs nor deploys.",
		step: "correct it",
	},
	IncludeUnseen: {
		id: "include-unseen", severity: Error, causes: []cause{{Pipelines, "H06"}},
		title: "the jobs of an include were not read",
		meaning: "An include can bring jobs that deploy, and can change those that are here. It is a note where " +
			"this file deploys, a warning where it does not, and an error in the merged YAML, which has no " +
			"includes.",
		step: "check the merged YAML",
	},
	ScriptInjection: {
		id: "script-injection", severity: Error, causes: []cause{{Workflows, "G17"}},
		title: "a value that others choose is pasted into a script",
		meaning: "A title or a branch name with a quote and a semicolon in it becomes a command with the job's " +
			"rights. It is a warning where only people who may start a run choose the value.",
		step: "pass it through env, and quote the variable in the script",
	},
	InputInScript: {
		id: "input-in-script", severity: Error, causes: []cause{{Pipelines, "G17"}},
		title: "an input becomes part of a command",
		meaning: "Who gives the input gives the command. It is a warning in a job that neither judges, signs nor " +
			"deploys.",
		step: "hand the input over in a variable",
	},
	// Which environment is it?
	EnvironmentExpression: {
		id: "environment-expression", severity: Error, causes: []cause{{Workflows, "G05"}},
		title: "the environment's name is known only when the job runs",
		meaning: "A name that nobody expected makes an environment without protection. It is a warning behind a " +
			"gate that judges the same expression, and a note where the caller of a workflow names it.",
		step: "name the environment, or choose it from a list: a matrix, or an input of type choice",
	},
	EnvironmentComputed: {
		id: "environment-computed", severity: Error, causes: []cause{{Pipelines, "H07"}},
		title: "which environment a job enters is decided when it runs",
		meaning: "A value that somebody gives the pipeline can name a guarded environment. It is a warning where " +
			"none of the guarded names fits.",
		step: "write one job for each environment, with its name",
	},
	EnvironmentUnknown: {
		id: "environment-unknown", severity: Error, causes: []cause{{Workflows, "G05"}, {Pipelines, "H07"}},
		title: "the policy does not know this environment; naming it creates it without protection",
		meaning: "A gate for such a name says no for ever, and a name that is merely misspelt is guarded by " +
			"nobody. It is a warning where the name only looks like a guarded one, or is another.",
		step: "use an environment that the policy names, or add this one to the policy and protect it",
	},
	EnvironmentTier: {
		id: "environment-tier", severity: Error, causes: []cause{{Pipelines, "H07"}, {Settings, "H07"}},
		title:   "a guarded environment is not in the tier that is protected",
		meaning: "A group protects environments by tier, so one of another tier is not protected.",
		step:    "let its job name the tier that the group protects, or none",
	},
	EnvironmentCredentials: {
		id: "environment-credentials", severity: Error, causes: []cause{{Pipelines, "H07"}},
		title: "a job gets the credentials of a guarded environment without a gate",
		meaning: "An action other than start makes no deployment, and gets the environment's variables all the " +
			"same.",
		step: "let the job need the gate",
	},
	DeploymentOff: {
		id: "deployment-off", severity: Note, causes: []cause{{Workflows, "G05"}},
		title: "the job enters a guarded environment without a deployment, so people who watch deployments do " +
			"not see it",
		meaning: "The environment's rules still hold, and its history has a gap.",
		step:    "leave deployment at true",
	},
	// Who starts it, and what follows?
	PullRequestTarget: {
		id: "pull-request-target", severity: Error, causes: []cause{{Workflows, "C11"}},
		title:   "changes that nobody has reviewed start a workflow that signs or deploys",
		meaning: "The change of a stranger runs with the rights of the branch that it wants to enter.",
		step:    "move it to a workflow that push or workflow_dispatch starts",
	},
	ApproveTrigger: {
		id: "approve-trigger", severity: Error, causes: []cause{{Workflows, "C11"}},
		title:   "an approval is given by something else than a person's dispatch",
		meaning: "The person who causes the event would be the approver, whatever they wanted.",
		step:    "approve in a workflow whose only trigger is workflow_dispatch",
	},
	MergeRequestDeploys: {
		id: "merge-request-deploys", severity: Error, causes: []cause{{Pipelines, "H12"}},
		title: "a merge request brings a job into a guarded environment",
		meaning: "The pipeline of a merge request, also of a fork, runs what nobody has reviewed. It is a " +
			"warning where a condition leaves open whether it does.",
		step: "let only pipelines of branches or tags have the job",
	},
	DownstreamDeploys: {
		id: "downstream-deploys", severity: Error, causes: []cause{{Pipelines, "H11"}},
		title: "a pipeline is started for a guarded environment, in which no gate of this one holds",
		meaning: "The other pipeline is not bound by the gate's answer. It is a warning where the job that " +
			"starts it waits for the gate.",
		step: "deploy in this pipeline",
	},
	DownstreamDetached: {
		id: "downstream-detached", severity: Warning, causes: []cause{{Pipelines, "H11"}},
		title:   "a job succeeds before the pipeline that it starts has done anything",
		meaning: "What goes wrong there is not seen here.",
		step:    "add strategy: depend to the trigger",
	},
	DownstreamUnseen: {
		id: "downstream-unseen", severity: Warning, causes: []cause{{Pipelines, "H11"}},
		title: "a pipeline is started that was not read",
		meaning: "It may deploy, and nothing that was read shows whether it does. It is a note where its file is " +
			"in another place than the repository.",
		step: "check that pipeline's file too",
	},
	// What may the token do?
	PermissionsWriteAll: {
		id: "permissions-write-all", severity: Error, causes: []cause{{Workflows, "P04"}},
		title:   "the token may write everything",
		meaning: "Every step of the job can change the repository, its releases and its packages, and can sign.",
		step:    "list the permissions that are needed",
	},
	PermissionsMissing: {
		id: "permissions-missing", severity: Warning, causes: []cause{{Workflows, "P04"}},
		title:   "no permissions are set, so the repository's default decides",
		meaning: "The old default is to write, and who administers the repository can change it back.",
		step:    "set permissions: {} for the workflow, and list what the job needs",
	},
	IDTokenWorkflow: {
		id: "id-token-workflow", severity: Error, causes: []cause{{Workflows, "P04"}},
		title: "every job of the workflow may sign in its name",
		meaning: "A signature of any of these jobs is one of the workflow, and evidence is believed by its " +
			"workflow.",
		step: "give id-token: write to the signing job only",
	},
	IDTokenUnused: {
		id: "id-token-unused", severity: Error, causes: []cause{{Workflows, "P04"}},
		title:   "the job may sign in the workflow's name, and signs nothing",
		meaning: "Whatever runs in it can sign evidence for files of its own.",
		step:    "remove id-token: write",
	},
	IDTokenMissing: {
		id: "id-token-missing", severity: Error, causes: []cause{{Workflows, "P04"}},
		title:   "the job signs or enters, but may not ask for the token that says who it is",
		meaning: "It ends in an error whenever it runs, or can never enter.",
		step:    "add id-token: write to the job's permissions",
	},
	TokenUnused: {
		id: "token-unused", severity: Error, causes: []cause{{Pipelines, "P04"}},
		title:   "a job could sign evidence, and signs nothing",
		meaning: "Whatever runs in it can sign evidence for files of its own.",
		step:    "take id_tokens away from the job",
	},
	SecretsInherit: {
		id: "secrets-inherit", severity: Warning, causes: []cause{{Workflows, "P04"}},
		title:   "every secret is handed to the called workflow",
		meaning: "The other file can use all of them, also those that are added later.",
		step:    "hand over the secrets it needs, by name",
	},
	// What can be moved under you?
	SallyportUnpinned: {
		id: "sallyport-unpinned", severity: Error, causes: []cause{{Workflows, "P01"}},
		title:   "Sallyport is not pinned by a full commit",
		meaning: "A tag or a branch can be moved to a gate that always says yes.",
		step:    "pin it by the full commit of a release",
	},
	ComponentUnpinned: {
		id: "component-unpinned", severity: Error, causes: []cause{{Pipelines, "H06"}},
		title:   "our component is named by something that moves",
		meaning: "A tag or a branch can be moved to a gate that always says yes.",
		step:    "write the full commit SHA",
	},
	ActionUnpinned: {
		id: "action-unpinned", severity: Warning, causes: []cause{{Workflows, "P01"}},
		title:   "an action is not pinned by a full commit",
		meaning: "Who can move its tag runs code beside the gate. It is a note for an image.",
		step:    "pin it by a full commit and name the version in a comment",
	},
	IncludeUnpinned: {
		id: "include-unpinned", severity: Warning, causes: []cause{{Pipelines, "H06"}},
		title:   "an include is named by something that moves",
		meaning: "Who can move it can change every job of this pipeline.",
		step:    "write the full commit SHA, or an integrity",
	},
	PinImpostor: {
		id: "pin-impostor", severity: Error, causes: []cause{{Workflows, "P01"}},
		title:   "the pinned commit is on no branch or tag of the action's repository",
		meaning: "A commit that only a fork has can be named under the original's name.",
		step:    "pin a commit of a release",
	},
	PinComment: {
		id: "pin-comment", severity: Warning, causes: []cause{{Workflows, "P01"}},
		title:   "the comment names another version than the pinned commit",
		meaning: "People read the comment, and the machine runs the commit.",
		step:    "correct the comment or the commit",
	},
	PinUnnamed: {
		id: "pin-unnamed", severity: Note, causes: []cause{{Workflows, "P01"}},
		title:   "the comment beside the pinned commit names no version",
		meaning: "Nobody can see which release is meant.",
		step:    "name the version",
	},
	PinUnchecked: {
		id: "pin-unchecked", severity: Warning, causes: []cause{{Workflows, "P01"}},
		title:   "the pinned commit could not be looked up",
		meaning: "Whether it belongs to the action's repository is not known.",
		step:    "try again",
	},
	// How is the environment protected?
	EnvironmentMissing: {
		id: "environment-missing", severity: Error, causes: []cause{{Settings, "G05"}},
		title:   "there is no such environment; the first job that names it makes it, without protection",
		meaning: "The policy guards an environment that the platform does not know.",
		step:    "make it and protect it: sallyport settings apply",
	},
	EnvironmentUnprotected: {
		id: "environment-unprotected", severity: Error, causes: []cause{{Settings, "G07"}, {Settings, "H07"}},
		title: "the environment is not protected",
		meaning: "Any workflow or pipeline of anybody who may write can deploy there, with or without a gate. It " +
			"is a note where the environment has a rule that is not known here.",
		step: "protect it with reviewers, or with the branches and tags that may enter",
	},
	EnvironmentWildcard: {
		id: "environment-wildcard", severity: Error, causes: []cause{{Settings, "H07"}},
		title:   "the environment is protected by a name with an asterisk, which is a name and not a pattern",
		meaning: "The platform compares names whole, so such a rule protects nothing.",
		step:    "protect the environment by its very name",
	},
	EnvironmentWaitOnly: {
		id: "environment-wait-only", severity: Error, causes: []cause{{Settings, "G12"}},
		title:   "the environment only waits; nobody is asked and nobody is kept out",
		meaning: "A wait delays everybody alike.",
		step:    "add required reviewers or selected branches",
	},
	EnvironmentSelfReview: {
		id: "environment-self-review", severity: Error, causes: []cause{{Settings, "I01"}},
		title:   "who starts a run may review it, and nothing else protects the environment",
		meaning: "The one protection there is can be passed by the person whom it should stop.",
		step:    "have the platform prevent reviews of one's own runs",
	},
	SelfApproval: {
		id: "self-approval", severity: Warning, causes: []cause{{Settings, "H08"}},
		title:   "who started a pipeline may approve its deployment",
		meaning: "The platform counts such an approval, and the policy wants one of somebody else.",
		step:    "switch it off for the protected environment",
	},
	EnvironmentBypass: {
		id: "environment-bypass", severity: Error, causes: []cause{{Settings, "G08"}},
		title:   "administrators may pass the rules of the environment by",
		meaning: "The policy does not allow it, and the platform does, or does not say.",
		step:    "let administrators not bypass the protection",
	},
	EnvironmentBranches: {
		id: "environment-branches", severity: Warning, causes: []cause{{Settings, "G04"}},
		title: "which branches and tags may enter is not what the policy builds from",
		meaning: "Where every branch may deploy, any of them can bring a workflow of its own without a gate. " +
			"Where a ref is missing, what is built there is kept out.",
		step: "sallyport settings apply",
	},
	EnvironmentReviewers: {
		id: "environment-reviewers", severity: Error, causes: []cause{{Settings, "I01"}},
		title: "the reviewers of the environment are not those whose reviews the policy counts",
		meaning: "A review that nobody is asked for is never given, and one that does not count helps nobody. It " +
			"is a warning where some of the right people are asked.",
		step: "sallyport settings apply",
	},
	ApprovalRules: {
		id: "approval-rules", severity: Error, causes: []cause{{Settings, "H07"}},
		title:   "the environment asks fewer approvals than the policy",
		meaning: "The platform lets a deployment go before as many people as the policy wants have said yes.",
		step:    "add the rule to the protected environment",
	},
	PlanWithoutProtection: {
		id: "plan-without-protection", severity: Error, causes: []cause{{Settings, "G07"}},
		title:   "this plan of the platform has no protected environments",
		meaning: "The platform keeps nobody out, so the gate's own answer is all there is.",
		step:    "use signed approvals (protection: approvals)",
	},
	// What passes it by?
	PipelineVariables: {
		id: "pipeline-variables", severity: Error, causes: []cause{{Settings, "H14"}},
		title: "people may give a pipeline variables, and so run what they like in the gate",
		meaning: "Variables such as LD_PRELOAD, BASH_ENV or GIT_STRATEGY are code. Nothing inside the job can " +
			"replace this setting.",
		step: "let nobody give pipelines variables: sallyport settings apply",
	},
	SecretsEverywhere: {
		id: "secrets-everywhere", severity: Warning, causes: []cause{{Settings, "G04"}},
		title:   "secrets of the repository are open to every workflow, and pass by every environment",
		meaning: "Everybody who can add a workflow can deploy with them, without the environment and its gate.",
		step:    "move what deploys into the environment",
	},
	VariablesUnprotected: {
		id: "variables-unprotected", severity: Warning, causes: []cause{{Settings, "H07"}},
		title:   "secrets are given to jobs of unprotected refs, or of every environment",
		meaning: "A job on any branch can deploy with them, without the environment and its gate.",
		step:    "protect the variables, and give each the scope of its environment",
	},
	BranchUnprotected: {
		id: "branch-unprotected", severity: Warning, causes: []cause{{Settings, "G14"}},
		title:   "a branch that the policy builds from is not protected, so what is built there is denied",
		meaning: "Anybody who may write can push to it without a review.",
		step:    "protect the branch",
	},
	RefUnprotected: {
		id: "ref-unprotected", severity: Warning, causes: []cause{{Settings, "G14"}},
		title:   "a ref may enter, and nothing protects it",
		meaning: "Anybody who may write can push to it without a review.",
		step:    "protect the ref",
	},
	TokenWrite: {
		id: "token-write", severity: Warning, causes: []cause{{Settings, "G04"}, {Settings, "I05"}},
		title: "the tokens of workflows may do more than read",
		meaning: "A workflow that says nothing gets a token that writes; one that may approve pull requests is a " +
			"reviewer that is not a person.",
		step: "set the default to read, and let workflows approve nothing",
	},
	ActionsUnpinned: {
		id: "actions-unpinned", severity: Note, causes: []cause{{Settings, ""}},
		title:   "workflows may use actions that are not pinned to a commit",
		meaning: "The platform can refuse them, and does not.",
		step:    "require pinned actions in the settings",
	},
	CannotSee: {
		id: "cannot-see", severity: Note, causes: []cause{{Settings, ""}, {Settings, "H14"}},
		title:   "a setting cannot be seen with this token",
		meaning: "What cannot be seen is not taken for good. The message says which permission the token lacks.",
		step:    "give SALLYPORT_TOKEN a token that may read the settings",
	},
	BuildCached: {
		id: "build-cached", severity: Warning, causes: []cause{{Policy, "F12"}},
		title:   "the next release will be denied: a job that leads to its signature can restore a cache",
		meaning: "The policy says caches: none. A run of another workflow can write to the cache, and so change the build.",
		step:    "write cache-mode: none for the jobs that build and sign",
	},
	BuildExposed: {
		id: "build-exposed", severity: Warning, causes: []cause{{Policy, "C22"}},
		title:   "the next release will be denied: the job that signs runs code of the project",
		meaning: "The policy says builder: isolated. What runs in that job can sign what it likes.",
		step:    "build in one job, and sign in another that runs nothing of the project",
	},
	BuildSigns: {
		id: "build-signs", severity: Warning, causes: []cause{{Workflows, "C22"}, {Pipelines, "C22"}},
		title:   "the job that records a build may sign as well",
		meaning: "A build can read the environment of the processes above it, so what runs in this job can sign what it likes, its own manifest included.",
		step:    "record in a job without id-token or id_tokens, and sign the manifest in a job after it",
	},
	BuildUnwatched: {
		id: "build-unwatched", severity: Warning, causes: []cause{{Policy, "D17"}},
		title:   "this runner does not let a build be watched as the policy asks",
		meaning: "The policy requires materials. The recorder was tried on this machine, and what it may do there is less than that.",
		step:    "build on a Linux runner that allows seccomp and user namespaces",
	},
	// Are there people left?
	ApprovalsUnsatisfiable: {
		id: "approvals-unsatisfiable", severity: Error, causes: []cause{{Policy, "I01"}},
		title: "fewer people are left to approve than the policy asks for",
		meaning: "Of what the default branch has now, too many members of the group are makers, so it could " +
			"never be approved.",
		step: "add people to the group, or let others write, merge and start",
	},
	ApprovalsThin: {
		id: "approvals-thin", severity: Warning, causes: []cause{{Policy, "I01"}},
		title:   "no more people are left to approve than the policy asks for",
		meaning: "One who is away stops the release.",
		step:    "add people to the group",
	},
	MakersUnnamed: {
		id: "makers-unnamed", severity: Warning, causes: []cause{{Policy, "I04"}},
		title: "more approvals are asked for because makers cannot be named",
		meaning: "Each machine or address that nobody knows may be one of the approvers, so it raises the count " +
			"by one.",
		step: "name them in the policy: under people, or under agents",
	},
}
