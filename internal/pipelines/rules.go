package pipelines

// A Rule is one kind of mistake. Its ID is stable: it stands in reports and is
// never renamed.
type Rule struct {
	ID     string
	Threat string
	Text   string // the mistake, as a phrase
	Hint   string // the next step
}

// Rules returns every rule, in a fixed order.
func Rules() []Rule {
	return []Rule{
		{"gate-missing", "G04", "a job enters a guarded environment without a gate", "include the gate component, and let the job need its job"},
		{"gate-unseen", "G04", "a job needs a gate that only an unread include can bring", "check the merged YAML"},
		{"gate-soft", "H01", "the pipeline goes on when the gate says no", "take allow_failure off the gate"},
		{"gate-ignored", "H01", "the script goes on when the gate says no", "put the command on a line of its own"},
		{"gate-not-before", "H02", "a job enters a guarded environment without waiting for the gate", "let the job need the gate"},
		{"need-optional", "H02", "a job needs the gate only if there is one", "take optional away from the need"},
		{"deploy-always", "H02", "a job enters a guarded environment although the gate said no", "take when away from the job, and what deploys out of after_script"},
		{"gate-dropped", "H02", "there are pipelines with the job behind the gate and without the gate", "let the job need the gate"},
		{"gate-result-unused", "H02", "a job behind the gate does not get the digests that the gate let in", "let the job take the gate's artifacts"},
		{"gate-stale", "G16", "a job enters a guarded environment long after its gate", "let the job extend .enter: and the environment, of the component enter"},
		{"gate-result-ignored", "H02", "a job behind the gate uses nothing of what the gate puts out", "deploy $SALLYPORT_DIGESTS or $SALLYPORT_IMAGES"},
		{"subject-narrower", "E01", "the gate judges fewer files than the job deploys", "give the gate the same files"},
		{"enter-replaced", "H06", "a job extends the component enter and replaces the commands that enter", "put !reference [.enter:ENVIRONMENT, before_script] first into before_script"},
		{"enter-list-missing", "H02", "a job that enters does not get the list of what its gate has let in, so it can never enter", "let the job take the gate's artifacts"},
		{"enter-late", "H06", "other commands run before those that enter", "put !reference [.enter:ENVIRONMENT, before_script] first, and other commands behind it"},
		{"gate-token", "C20", "a job that judges or enters has no ID token for the audience sallyport-gate, so it never gets an answer", "add id_tokens: {SALLYPORT_ID_TOKEN: {aud: sallyport-gate}}"},
		{"policy-fed", "D15", "the policy of a gate may come from another job's artifacts", "keep the policy out of artifacts, or pin it"},
		{"policy-chosen", "D15", "which policy a gate reads is chosen by who starts the pipeline", "write the policy out"},
		{"checkout-chosen", "D15", "a gate reads its policy from a ref that somebody names who starts the pipeline", "read the policy of the pipeline's own commit, or pin it"},
		{"manual-approval", "H03", "a manual job is pressed as an approval", "name the approvers in the policy"},
		{"component-overridden", "H06", "a job of our component runs something else, or with other values", "take the keys away; what a component offers is among its inputs"},
		{"component-unpinned", "H06", "our component is named by something that moves", "write the full commit SHA"},
		{"include-unpinned", "H06", "an include is named by something that moves", "write the full commit SHA, or an integrity"},
		{"include-unseen", "H06", "the jobs of an include were not read", "check the merged YAML"},
		{"gate-inherits", "H06", "a default command runs in the gate's shell", "move the commands to the jobs that need them"},
		{"gate-image", "H06", "the gate's shell comes from an image that moves", "name the image by its digest"},
		{"gate-variables", "H06", "a global variable changes what the gate does", "move the variable to the jobs that need it"},
		{"gate-fed", "H06", "what another job leaves outranks what the gate is told", "list the folders of the artifacts one by one, without a dotenv report"},
		{"key-twice", "H06", "a key stands twice, and only the last one counts", "take one of them out"},
		{"extends-endless", "H06", "extends does not end", "take the job out of its own ancestors"},
		{"environment-computed", "H07", "which environment a job enters is decided when it runs", "write one job for each environment, with its name"},
		{"environment-unknown", "H07", "a job enters an environment that the policy does not guard", "name the environment in the policy"},
		{"environment-tier", "H07", "a guarded environment is put into another tier", "take deployment_tier out"},
		{"environment-credentials", "H07", "a job gets the credentials of a guarded environment without a gate", "let the job need the gate"},
		{"downstream-deploys", "H11", "a pipeline is started for a guarded environment, in which no gate of this one holds", "deploy in this pipeline"},
		{"downstream-detached", "H11", "a job succeeds before the pipeline that it starts has done anything", "add strategy: depend to the trigger"},
		{"downstream-unseen", "H11", "a pipeline is started that was not read", "check that pipeline's file too"},
		{"merge-request-deploys", "H12", "a merge request brings a job into a guarded environment", "let only pipelines of branches or tags have the job"},
		{"artifacts-elsewhere", "H13", "a gate, or a job behind it, takes artifacts of another pipeline", "build and attest in this pipeline"},
		{"token-unused", "P04", "a job could sign evidence, and signs nothing", "take id_tokens away from the job"},
		{"input-in-script", "G17", "an input becomes part of a command", "hand the input over in a variable"},
	}
}
