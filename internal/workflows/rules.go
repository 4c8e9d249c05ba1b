package workflows

// A Rule is one kind of mistake. Its ID is stable: it stands in reports and is
// never renamed.
type Rule struct {
	ID     string
	Threat string
	Text   string // the mistake, as a phrase
	Hint   string // the next step
}

// The rules. Each says what is wrong in its text and what to do in its hint.
var (
	// Nobody decides whether this job may enter.
	noGate = Rule{"no-gate", "G04", "a job enters a guarded environment and no gate precedes it",
		"add the gate as the job's first step after checkout and download"}
	// Something happens first, and the gate judges what is already done.
	gateLate = Rule{"gate-late", "G04", "a step runs in a guarded environment before the gate",
		"move the gate before the step"}
	// The gate exists beside the deployment, which does not wait for it.
	gateParallel = Rule{"gate-not-needed", "G04", "a job enters a guarded environment beside its gate, not after it",
		"name the gate's job in needs"}
	// An expression about a job that needs does not name is empty.
	outputsUnneeded = Rule{"outputs-not-needed", "G02", "a job uses the outputs of a gate that its needs does not name, so they are empty",
		"name the gate's job in needs"}
	// What enters has to know what was let in.
	passedEmpty = Rule{"passed-empty", "G02", "what the gate has passed on is empty where the job enters, so it can never enter",
		"hand over needs.JOB.outputs.NAME of a job that needs names, and that declares the output"}
	// To run a job again is to run it behind the answer of the first time.
	gateReused = Rule{"gate-reused", "G16", "a job is run again without its gate, which is in another job and gave its answer once",
		"move the gate into the job, or add the step actions/enter as its first after checkout and download"}
	// What the gate let in has a name, and this job deploys by another.
	outputsIgnored = Rule{"outputs-ignored", "G02", "a job behind a gate uses nothing of what the gate puts out, so what it deploys may be something else",
		"deploy what the gate's outputs digests, images or checksums name"}
	// One file is judged and its neighbours are deployed.
	subjectNarrower = Rule{"subject-narrower", "E01", "the gate judges fewer files than the job deploys",
		"give the gate the same files, or deploy the files that its output checksums names"}
	// A yes for one environment is not a yes for another.
	gateElsewhere = Rule{"gate-other-environment", "G04", "the gate before a guarded environment judges another one",
		"give the gate the environment that the job enters"}
	// What another file does is not in this one.
	gateUnseen = Rule{"gate-unseen", "G04", "whether a gate precedes this environment is decided in a called workflow, which cannot be seen from here",
		"check the called workflow as well, and pin it by commit"}
	// The job's gate is for an environment that none of its jobs name.
	environmentUnnamed = Rule{"environment-unnamed", "G04", "a job acts on the answer of a gate, but no job names the environment, so nothing of the platform guards it",
		"name the environment in the job that deploys"}

	// The job or step runs after a no.
	runsAnyway = Rule{"runs-anyway", "G01", "this condition holds although the gate did not pass",
		"drop the condition, or compare with the one good value: == 'success'"}
	// Text around an expression makes it a string, and a string is true.
	ifAlwaysTrue = Rule{"if-always-true", "G01", "this condition is always true, whatever it seems to say",
		"write one expression and nothing around it, on one line"}
	// What cannot be read cannot be trusted.
	ifUnreadable = Rule{"if-unreadable", "G01", "this condition cannot be read", "correct the expression"}
	// Skipped counts as success.
	gateSkipped = Rule{"gate-skipped", "G02", "the gate may be skipped, and what follows runs all the same",
		"drop the condition of the gate, or let what follows ask for the gate's outputs"}
	// Green although it said no.
	gateSoft = Rule{"gate-soft", "G03", "the gate's no does not stop the job",
		"remove continue-on-error from the gate and its job"}
	// The same, within a script.
	gateSwallowed = Rule{"gate-swallowed", "G03", "the script goes on after the gate's no",
		"give the gate a step of its own, with nothing else in its script"}

	// The platform ends the job before its gate stops waiting.
	waitTooLong = Rule{"wait-too-long", "G12", "the gate waits longer than its job may run, so the platform ends the job without a verdict",
		"wait less and have the run started again with sallyport approve --resume, or raise timeout-minutes on a runner of your own"}

	// A name that is worked out when it runs.
	environmentExpression = Rule{"environment-expression", "G05", "the environment's name is known only when the job runs",
		"name the environment, or choose it from a list: a matrix, or an input of type choice"}
	// Naming an environment creates it, unprotected.
	environmentUnknown = Rule{"environment-unknown", "G05", "the policy does not know this environment; naming it creates it without protection",
		"use an environment that the policy names, or add this one to the policy and protect it"}
	// The deployment's events are not sent.
	deploymentOff = Rule{"deployment-off", "G05", "the job enters a guarded environment without a deployment, so whoever watches deployments does not see it",
		"leave deployment at true"}

	// The last leg to finish wins.
	matrixOutput = Rule{"matrix-output", "G15", "each leg of the matrix writes the same output; a later job sees the one that finished last",
		"write one file for each leg, or one job for each environment"}
	// Text of strangers becomes a command.
	scriptInjection = Rule{"script-injection", "G17", "a value that others choose is pasted into a script",
		"pass it through env, and quote the variable in the script"}
	// A name is not a proof.
	actorExemption = Rule{"actor-exemption", "G18", "who started the run decides whether the gate counts",
		"drop the condition; who may approve is the policy's to say"}

	// Who fills the folder writes the policy.
	policyDownloaded = Rule{"policy-downloaded", "D15", "the gate reads a policy that an earlier step may have put there",
		"download or check out into a folder of its own, or pin the policy: policy-ref: main, or @ and a full commit or sha256: digest behind its path"}
	// Who names the policy decides what it asks.
	policyChosen = Rule{"policy-chosen", "D15", "which policy the gate reads is chosen by somebody who gives the run a value",
		"write the policy out, with policy-ref: main, or with @ and a full commit or sha256: digest behind its path"}
	// The policy lies in what was checked out.
	checkoutChosen = Rule{"checkout-chosen", "D15", "the gate reads its policy from a ref that somebody names who gives the run a value",
		"check out the ref of the run, or pin the policy: policy-ref: main, or @ and a full commit or sha256: digest behind its path"}

	// Every permission there is.
	writeAll = Rule{"permissions-write-all", "P04", "the token may write everything", "list the permissions that are needed"}
	// The repository's settings decide, and the old default is to write.
	permissionsMissing = Rule{"permissions-missing", "P04", "no permissions are set, so the repository's default decides",
		"set permissions: {} for the workflow, and list what the job needs"}
	// Every job can sign as the workflow.
	idTokenWide = Rule{"id-token-workflow", "P04", "every job of the workflow may sign in its name", "give id-token: write to the signing job only"}
	// A job can sign and has no reason to.
	idTokenUnused = Rule{"id-token-unused", "P04", "the job may sign in the workflow's name, and signs nothing", "remove id-token: write"}
	// It will end in an error.
	idTokenMissing = Rule{"id-token-missing", "P04", "the job signs or enters, but may not ask for the token that says who it is", "add id-token: write to the job's permissions"}
	// Secrets of everything, for a file that is not here.
	secretsInherit = Rule{"secrets-inherit", "P04", "every secret is handed to the called workflow", "hand over the secrets it needs, by name"}

	// A change of a stranger runs with the rights of the branch it wants to enter.
	pullRequestTarget = Rule{"pull-request-target", "C11", "changes that nobody has reviewed start a workflow that signs or deploys", "move it to a workflow that push or workflow_dispatch starts"}
	// Whoever causes the event would be the approver.
	approveTrigger = Rule{"approve-trigger", "C11", "an approval is given by something else than a person's dispatch", "approve in a workflow whose only trigger is workflow_dispatch"}

	// Ours can be moved under you.
	gateUnpinned = Rule{"sallyport-unpinned", "P01", "Sallyport is not pinned by a full commit", "pin it by the full commit of a release"}
	// So can anyone's.
	actionUnpinned = Rule{"action-unpinned", "P01", "an action is not pinned by a full commit", "pin it by a full commit and name the version in a comment"}
	// A commit that only a fork has.
	pinImpostor = Rule{"pin-impostor", "P01", "the pinned commit is on no branch or tag of the action's repository", "pin a commit of a release"}
	// The comment says one thing, the commit another.
	pinComment = Rule{"pin-comment", "P01", "the comment names another version than the pinned commit", "correct the comment or the commit"}
	// The comment says nothing about the version.
	pinUnnamed = Rule{"pin-unnamed", "P01", "the comment beside the pinned commit names no version", "name the version"}
	// Nobody could be asked.
	pinUnchecked = Rule{"pin-unchecked", "P01", "the pinned commit could not be looked up", "try again"}

	// What the parser did not understand is not judged.
	syntax = Rule{"syntax", "G04", "a part of the workflow is not understood, so it is not judged", "correct it"}
)

// Rules returns every rule, in a fixed order.
func Rules() []Rule {
	return []Rule{noGate, gateLate, gateParallel, outputsUnneeded, passedEmpty, gateReused, outputsIgnored, subjectNarrower, gateElsewhere, gateUnseen, environmentUnnamed,
		runsAnyway, ifAlwaysTrue, ifUnreadable, gateSkipped, gateSoft, gateSwallowed, waitTooLong,
		environmentExpression, environmentUnknown, deploymentOff, matrixOutput, scriptInjection, actorExemption,
		policyDownloaded, policyChosen, checkoutChosen,
		writeAll, permissionsMissing, idTokenWide, idTokenUnused, idTokenMissing, secretsInherit,
		pullRequestTarget, approveTrigger,
		gateUnpinned, actionUnpinned, pinImpostor, pinComment, pinUnnamed, pinUnchecked, syntax}
}
