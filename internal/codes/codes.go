// Package codes explains each code to a person whose release it has stopped: what it means, what
// usually causes it, how to mend it on each platform, and what not to do.
//
// It is one table, from which docs/codes.md and "sallyport help CODE" are written. It refuses to
// decide: no room that judges knows of it.
package codes

import (
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A Page explains one code.
type Page struct {
	Means  string   // what it says, and what it does not
	Causes []string // what it comes from as a rule, the most frequent first
	Mend   string   // what helps on both platforms; "": see the two below
	GitHub string   // what helps there besides
	GitLab string
	Never  string // what makes it go away and leaves the reason where it is
}

// Parts are what stands in a section about p after what it says: a heading and its text, in
// order.
func (p Page) Parts() [][2]string {
	out := [][2]string{{"What usually causes it", strings.Join(p.Causes, "; ")}}
	for _, x := range [][2]string{{"How to mend it", p.Mend}, {"On GitHub", p.GitHub}, {"On GitLab", p.GitLab}, {"What not to do", p.Never}} {
		if x[1] != "" {
			out = append(out, x)
		}
	}
	return out
}

// Pages has a page for each code but OK.
var Pages = map[fault.Code]Page{
	fault.ApprovalMissing: {
		Means:  "Fewer people have said yes than the policy asks for. The denial lists who has, who may, and the command that they run. With exit status 4 nothing is wrong: somebody's word is missing.",
		Causes: []string{"nobody was asked yet", "those who said yes made a part of the change, so they do not count", "a maker cannot be named, which raises the number by one", "the policy has changed, and the policy in force asks for more"},
		Mend:   "Send the command that the denial shows to one of the people it names; the gate reads the approval when it runs again, or waits for it with the input wait.",
		GitHub: "Start the approve workflow by hand (Actions > the workflow > Run workflow), or approve on the environment's page if the group has the source review.",
		GitLab: "Run the approve job of a pipeline that was started by hand, or approve on the environment's page if the group has the source review.",
		Never:  "Lower the count for one release: that is a change of the policy, and the same people are asked about it.",
	},
	fault.ApprovalRejected: {
		Means:  "Somebody who may has said no to exactly this release. A no wins over every yes until that person takes it back or it ends.",
		Causes: []string{"a real objection: the comment says which", "a no that was meant for an earlier build of the same digests"},
		Mend:   "Talk to the person whom the denial names. They take it back with sallyport approve --decision withdraw, or the release is built again with what they asked for.",
		Never:  "Build the same commit again to get other digests: who reads the record sees the no, and the new release.",
	},
	fault.ApprovalStale: {
		Means:  "An approval is there and is void: it names other digests, another policy, other evidence or other environments, or its time is over.",
		Causes: []string{"the release was built again after people had approved", "the policy file changed after they had", "it is older than approval-max-age"},
		Mend:   "Ask for the approval again, for what is there now: the denial shows what differs. Ask people after the last build of a release.",
		Never:  "Set approval-max-age to weeks: an approval is for what a person looked at.",
	},
	fault.BuildState: {
		Means:  "The run that made the evidence has not ended well, or not yet. Evidence is made in the middle of a run, and a run that fails after it may have been broken into.",
		Causes: []string{"another job of the run failed", "the deployment is a job of the same run, and it failed before", "the run is still going"},
		Mend:   "Run it again until it succeeds. Where only the build's jobs matter, name them: provenance: {jobs: [build]}; then a deployment that failed can be run again.",
		GitHub: "Re-run failed jobs is enough. The gate needs actions: read.",
		GitLab: "Retry the job. The gate needs a token with read_api.",
		Never:  "Move attest to the end of a run that fails now and then: the tests before it are what failed.",
	},
	fault.Bypass: {
		Means:  "The platform's protection of the environment can be passed by, or was. With outcome allow it says that emergency approvals let it in, as the policy provides for.",
		Causes: []string{"administrators may pass the rules by", "somebody may give the pipeline variables of their own", "the token may not see the setting"},
		GitHub: "Settings > Environments > the environment: untick Allow administrators to bypass configured protection rules.",
		GitLab: "Settings > CI/CD > Variables: the minimum role to use pipeline variables. Give the gate a token that may see it (read_api, Maintainer).",
		Mend:   "sallyport settings plan shows the setting, and settings apply changes it.",
		Never:  "Write admin-bypass: accepted because the token cannot see the setting: give the token the permission that the denial names.",
	},
	fault.CacheUsed: {
		Means:  "A job that led to the signature, or one that it needs, can restore a cache, and the policy says caches: none. A run of any other workflow of the branch can write to the cache, and could have put something into this build. The platforms do not say which run restored which cache, so the gate judges the files of the run.",
		Causes: []string{"a step of actions/cache, or the input cache of a setup action", "an action that caches unless it is told not to: setup-node from v5 on, setup-go from v4 on, setup-uv from v5 on", "an action that is named by its commit: the commit does not say which version it is, so the gate assumes the version that restores most", "an action that Sallyport does not know", "a runner of your own, whose disk outlives the job"},
		GitHub: "Write cache-mode: none for the jobs that build and sign (write-only lets them save), or give the step the input that the denial names.",
		GitLab: "Write cache: [] in the jobs that build and sign, or cache: {policy: push}.",
		Mend:   "Then build it again: a run that restored a cache cannot be mended. If the denial lists an action that Sallyport does not know, read the action, and name it under known: caches: {none: true, known: [owner/name@v1]}.",
		Never:  "Give a cache another key and call it safe: the same jobs write to it.",
	},
	fault.Chain: {
		Means:  "The certificate does not lead to the trusted root, or an approval was signed under another root than its group names.",
		Causes: []string{"the evidence is of another Sigstore instance than trust says", "the trusted root is an old copy", "an intermediate certificate is only in the bundle"},
		Mend:   "Write under trust the instance that signs: public-good, github, or a file of your own. sallyport trust writes a new copy of a root. For authorities that bring intermediates: intermediates: bundle.",
		Never:  "Put a root into the policy that came with the artifact.",
	},
	fault.Config: {
		Means:  "An argument, an input, a variable or a file of the configuration is wrong. Nothing was judged.",
		Causes: []string{"a misspelt input or flag", "a SALLYPORT_ variable in a job, where only inputs count", "a permission or token that the job lacks"},
		Mend:   "The hint names the value and what it has to be. sallyport help COMMAND lists all flags; docs/inputs.md all inputs.",
		Never:  "Export the value as a variable of the job: who can start the job could then choose it.",
	},
	fault.EntryMissing: {
		Means:  "Something entered the environment, and the signed statement about it is not there. With record: required that stops the next release.",
		Causes: []string{"something was deployed past the gate", "somebody deleted an attestation or package", "a record began after the first deployments"},
		Mend:   "Find out who deployed, or who deleted it. A bundle that somebody kept is handed over with --bundle. To begin anew, write the line that the denial prints: record: {mode: required, since: TIME}; that is a change of the policy.",
		GitHub: "A deployment that was made up can be deleted: Deployments > the deployment, or DELETE /repos/OWNER/REPO/deployments/ID.",
		GitLab: "A deployment that was made up can be deleted: DELETE /projects/ID/deployments/ID.",
		Never:  "Set record: off to get one release out: the gap stays, and nobody is told of the next one.",
	},
	fault.EnvUnprotected: {
		Means:  "Nothing but the pipeline itself decides who enters the environment, or the platform does not say that something does.",
		Causes: []string{"the environment has no rules, or rules that keep nobody out", "it does not exist: a job that names one creates it open", "the token may not see the rules", "the plan has no rules for environments"},
		GitHub: "Settings > Environments > the environment: required reviewers, a deployment branch policy, or both. The gate needs actions: read, and contents: read. On a private repository without that plan: protection: approvals.",
		GitLab: "Settings > CI/CD > Protected environments (Premium). The gate needs a token with read_api and the role Maintainer. On Free: protection: approvals.",
		Mend:   "sallyport settings plan shows what is missing, and settings apply sets it.",
		Never:  "Write protection: approvals without approvals that somebody has to give.",
	},
	fault.EvidenceMissing: {
		Means:  "No evidence that verifies is about exactly this artifact. Found says what was there instead: nothing, evidence about other bytes, or bundles that do not verify, with the code of the first.",
		Causes: []string{"attest did not run, or ran over other files", "the artifact was built or packed again after attest", "the gate looks in another store than attest wrote to", "the token may not read the store"},
		Mend:   "Compare the digest in the denial with the one in the summary of attest. Let the gate take the very files that were attested: as an artifact of the run, or by the image's digest.",
		GitHub: "attest needs attestations: write and id-token: write, the gate attestations: read. A private repository without the plan for attestations: store: oci, or a release asset.",
		GitLab: "The job of attest needs the ID token SIGSTORE_ID_TOKEN (the component asks for it); the gate needs the job token, or read_api.",
		Never:  "Attest in the job that deploys: then a signature says nothing about the build.",
	},
	fault.Changed: {
		Means:  "The package differs from the one of the last entry in what people install: something new runs on their machines, or something new comes with it. Found lists it. With changes: approve the artifact enters once one of the approvers has approved exactly these changes; with changes: deny it cannot enter. The gate does not judge whether a change does harm.",
		Causes: []string{"an install script, an executable or a dependency was added on purpose", "an attacker added it, with a stolen account or in the job that packs", "no earlier entry has an inventory of the package, so everything in it is new: the first release under the policy, or a new name", "people approved the release without naming the changes", "the gate was handed a digest and no file, or a package that installers could read in two ways"},
		Mend:   "Read what found lists. If the changes are intended, one of the approvers approves them: in a job, with the digest that the gate prints; at a terminal, with the file at hand. If the team cannot explain a change, treat the release as an attack: reject it, and look at who pushed.",
		GitHub: "Start the approve workflow with the input changes. At a terminal: gh run download, and sallyport approve --release DIGEST --subject FILE. A review on the environment's page names no changes.",
		GitLab: "Run the approve job with the input changes. At a terminal: download the job's artifact, and sallyport approve --release DIGEST --subject FILE. An approval on the environment's page names no changes.",
		Never:  "Write changes: report to get one release out: the next new script would then only be reported, too.",
	},
	fault.Conflict: {
		Means:  "One signer has reported twice about the same bytes, and the newer report lacks something that the older one has, or both are equally new. The reports do not show that the artifact is better than the older one says.",
		Causes: []string{"the newer scan was filtered, looked at fewer packages, or used an older database", "a suite of tests that had failed was left out of the newer results", "two jobs reported in the same second"},
		Mend:   "Report once more, about everything: update the scanner's database, scan without filters, and attest that. To excuse a finding that does not matter, one of the signers under vex signs a VEX.",
		Never:  "Delete the older report: the platform does not say who deleted an attestation, and the finding is still in the artifact.",
	},
	fault.Findings: {
		Means:  "The newest report of a scanner has vulnerabilities at or above the severity that below names, or that are known to be exploited. A missing severity counts as the worst. A finding that the report itself suppresses counts, too.",
		Causes: []string{"a dependency has a vulnerability that was found since", "a scanner gives no severity (govulncheck gives none)", "the scanner's file of exclusions hides a finding, which counts nevertheless", "a VEX has a signer that vex does not name, or is about another digest"},
		Mend:   "Update what is listed, build and scan again. If a finding does not affect the artifact, one of the signers under vex: {signed-by} signs an OpenVEX document about its digest, with status not_affected and a justification: attest --type vex.",
		Never:  "Raise below for one finding: every other finding of that severity would pass from then on.",
	},
	fault.Identity: {
		Means:  "The evidence is genuine, and somebody signed it whom the policy does not name: another repository, workflow, ref, event, or runner. Found and wanted show the first part that differs.",
		Causes: []string{"the build ran on a branch or tag that refs does not name", "a reusable workflow signed: signer is missing", "the repository was renamed or made again, so its number differs", "a self-hosted runner built it", "a pull request's event"},
		Mend:   "If the build is right, add its name to built-by (a change that is reviewed); docs/builders.md shows how each builder is named. If the policy is right, build it where the policy says.",
		Never:  "Write refs: [\"**\"] or name the runner of a stranger: then everybody who can push a branch can release.",
	},
	fault.Inject: {
		Means:  "A value would have been read as a command or as several lines by the platform. It was not written.",
		Causes: []string{"a file or image name with a line break", "a name that begins like a workflow command"},
		Mend:   "Name the artifact without control characters, and find out where the name came from.",
		Never:  "Escape it by hand in the workflow: the next value has another form.",
	},
	fault.InternalError: {
		Means:  "Sallyport itself went wrong. Nothing was decided, and nothing may be deployed.",
		Causes: []string{"a mistake of ours"},
		Mend:   "Run it again once. If it stays, report it at https://github.com/sallyport-dev/sallyport/issues with the line that begins with reason; leave tokens out.",
		Never:  "Skip the gate for this release without writing down why.",
	},
	fault.Isolation: {
		Means:  "A job that may have signed runs, or may run, code of the project, and the policy says builder: isolated. What runs in that job can ask for the same identity, and sign what it likes.",
		Causes: []string{"the artifact is built in the job that attests it", "a script in the job that signs, beside sallyport", "a value that is pasted into a script, as ${{ inputs.name }}", "an action in that job that Sallyport does not know", "another job of the same file also has id-token: write, and the certificate does not say which of them signed"},
		GitHub: "Build in one job, hand the files over with upload-artifact, and let a second job with id-token: write do no more than download-artifact and sallyport attest. Or name a reusable workflow with signer, which signs for others.",
		GitLab: "Let the component attest be the job that signs, without before_script and variables of its own; what it needs builds.",
		Mend:   "Then build it again. If the denial lists an action that Sallyport does not know, read the action, and name it under known: builder: {isolated: true, known: [owner/name@v1]}.",
		Never:  "Move the build into an action of the project: its steps run in the same job.",
	},
	fault.Leak: {
		Means:  "A credential would have gone to another host than the one that it belongs to. It was not sent. In a doctor's finding: a variable with a secret reaches jobs that it should not.",
		Causes: []string{"an API or registry that redirects to another host", "a token service of another domain", "a proxy that rewrites addresses", "a variable that is not protected or masked"},
		Mend:   "Name the host that really answers (api of built-by, or the registry's own name). A registry that moved is named by its new address.",
		Never:  "Put the token into the URL.",
	},
	fault.Limit: {
		Means:  "Something is larger, deeper or more than the documented limit. Limits keep a stranger's input from stopping the gate.",
		Causes: []string{"a subject pattern that fits far too many files", "a policy or predicate of megabytes", "artifacts of many different commits in one call"},
		Mend:   "Narrow the pattern, or judge in several calls; the message has the number.",
		Never:  "Raise a limit by a fork: the reader's memory is what it protects.",
	},
	fault.Lint: {
		Means:  "A workflow, pipeline or setting makes a gate meaningless, so its answer would not count. sallyport doctor found it, or a file cannot be read.",
		Causes: []string{"continue-on-error or allow_failure on a gate", "a deployment that does not need the gate's job", "an action that is not pinned by a commit"},
		Mend:   "Each finding has its line, what was wanted and the step; docs/doctor.md has a section for each rule.",
		Never:  "Exclude the file from the doctor.",
	},
	fault.Malformed: {
		Means:  "Bytes are not what they claim to be: JSON that two readers read differently, a bundle of no known form, an answer of a server that is not its documentation's.",
		Causes: []string{"a file that was cut off or edited", "a page of a proxy in place of an answer", "a tool that writes a dialect of its own"},
		Mend:   "Fetch the file again; the message names the place. If a tool wrote it, report it with the file.",
		Never:  "Correct a signed file by hand: the signature is about its bytes.",
	},
	fault.NotAvailable: {
		Means:  "Something did not answer, or this token may not ask. Nothing was decided: it is no denial, and no permission.",
		Causes: []string{"a limit on requests", "a permission that the job's token lacks", "an outage of the platform, a registry or Sigstore", "a proxy or firewall"},
		Mend:   "If the hint names a permission, add it. Otherwise run the job again; nothing has to be cleaned up.",
		GitHub: "Most often: actions: read, attestations: read, deployments: read, contents: read.",
		GitLab: "Most often: SALLYPORT_TOKEN with read_api, protected and masked, role Maintainer for protected environments.",
		Never:  "Treat exit status 5 as success.",
	},
	fault.Path: {
		Means:  "A path leads out of the job's folder, goes by a link, or is no regular file.",
		Causes: []string{"a link in the folder of artifacts", "a pattern with ..", "an output that would replace what is read"},
		Mend:   "Name a file below the folder that the job runs in. Copy what a link leads to.",
		Never:  "Follow the link by another tool and judge its target under the link's name.",
	},
	fault.Policy: {
		Means:  "The policy file is wrong, is not the one of the commit, or is not the one that has to judge.",
		Causes: []string{"a misspelt key: the line says which was meant", "CR LF line ends after a checkout on Windows", "a job changed the file after the checkout", "the first policy is not yet on the default branch"},
		Mend:   "Correct the line that is named. For line ends: .sallyport/** text eol=lf in .gitattributes. A policy of another place is named by PATH@COMMIT.",
		Never:  "Download the policy in the job that it judges.",
	},
	fault.PolicyVacuous: {
		Means:  "The policy requires nothing here, so it cannot allow anything.",
		Causes: []string{"an environment with an empty requires"},
		Mend:   "Write what the environment requires: provenance at least.",
		Never:  "Require a predicate that anybody may sign.",
	},
	fault.Predicate: {
		Means:  "The signed content is not what the policy requires: another predicate type, or provenance that says something else than its certificate.",
		Causes: []string{"evidence of another kind alone", "a person chose an input that the policy does not list", "a builder whose dialect differs: docs/builders.md"},
		Mend:   "Found and wanted name the member. Attest the kind that is asked for, or list the input under inputs.",
		Never:  "Write content: unchecked to get past a difference that nobody has explained.",
	},
	fault.Report: {
		Means:  "The report of a tool has the right signer, and the policy cannot use it: it lacks something that the policy asks for, or says itself that it is incomplete.",
		Causes: []string{"the report does not say which components were looked at", "another tool or an older version wrote it", "the workflow that reports was given an input that the policy does not list, or does not say which", "the scan did not come to its end", "the SBOM lists nothing, or does not say how complete it is"},
		Mend:   "Use a format of the tool that has it: Trivy with --list-all-pkgs, govulncheck -format json, CycloneDX with compositions. The job that attests can add what the format lacks: --tool, --report-time, --database-time, --report-inputs. Verdicts show it as asserted by the signer.",
		Never:  "Write into a report by hand what its tool did not say.",
	},
	fault.Reused: {
		Means:  "An earlier entry says that the same run has built other bytes under the same name, not counting the folder and the version in it. A run builds a version once. An attacker who takes the token of the run can sign something else with it afterwards.",
		Causes: []string{"a second artifact was signed in the run, or in a job of it that was started again", "one run builds several variants under one name, and they enter one after the other"},
		Mend:   "Build the version in a run of its own. Let variants of one run enter with one gate, or give them names of their own.",
		Never:  "Remove runs: once before you know who signed the second artifact.",
	},
	fault.Replay: {
		Means:  "A verdict is not the one that its kept input leads to.",
		Causes: []string{"somebody edited the verdict", "the input is of another verdict", "another version of the rules judged"},
		Mend:   "Find the input whose digest the verdict names. Use the version of sallyport that judged.",
		Never:  "Trust the verdict file alone: the digests are what can be checked.",
	},
	fault.Authn: {
		Means:  "A server was sent something without proof of its sender: a webhook without a good signature, or a token that is not for this server.",
		Causes: []string{"the webhook's secret differs from the server's", "something between them changes the body", "the token has another audience, or was used before"},
		Mend:   "Set the same secret on both sides, and let a proxy pass the body on as it is. Ask for a token whose audience is the server's own address.",
		Never:  "Take the check of signatures out: then everybody can ask the server.",
	},
	fault.SSRF: {
		Means:  "A message names an address that is not the platform's own, and the server calls no such address.",
		Causes: []string{"the platform's address in the server's configuration is another one than it has now", "somebody who knows the secret wants the server to call another host"},
		Mend:   "Correct the address in the server's configuration. If it is right, change the webhook's secret.",
		Never:  "Let the server call addresses out of messages.",
	},
	fault.DeployingJob: {
		Means:  "The platform asked a server whether a job may enter an environment. The workflow files of that run show a way around what is let in, or do not show which job enters. Only a server asks this: a gate is a step of the job.",
		Causes: []string{"the step of the gate, or of enter, was removed or moved behind something else", "the job fetches what it deploys by a name or a tag, and not by what the gate put out", "a step or a job runs although the gate said no", "the app may not read a workflow of another repository that the run calls"},
		Mend:   "Let the first step of the deploying job be actions/enter or the gate, and deploy what it puts out. sallyport doctor --server shows most of it before you push. Where another repository's workflow deploys, install the app there too.",
		Never:  "Write deploying-job: any to make one release pass: from then on nobody sees that the gate is gone.",
	},
	fault.Ledger: {
		Means:  "An export of a server's ledger, or a proof from it, is not what a signed checkpoint says.",
		Causes: []string{"the file was cut or edited on its way", "the ledger was rewritten or cut after somebody had kept a checkpoint", "the key is another server's"},
		Mend:   "Ask the server for the export again. If it still differs from a checkpoint that you kept, keep both: together they prove that history was rewritten.",
		Never:  "Throw the older checkpoint away: it is the only thing that shows the change.",
	},
	fault.Rollback: {
		Means:  "Something newer is in the environment, or is on its way. To go back is a release of its own.",
		Causes: []string{"an old pipeline was run again", "two releases at once, and the newer one came first", "a branch beside the one that is deployed"},
		Mend:   "Release the newest commit, or revert on the branch and release that.",
		Never:  "Delete deployments to make the newest one look older.",
	},
	fault.SCT: {
		Means:  "The certificate was not logged as the trusted root demands, so nobody would notice one that was issued by mistake.",
		Causes: []string{"an authority of your own without a certificate log", "an old bundle", "the trusted root lacks the log's key"},
		Mend:   "For an instance without logs: transparency: none in trust. Otherwise sign again, with the instance that the policy names.",
		Never:  "Take logs out of the root of a public instance.",
	},
	fault.SignatureInvalid: {
		Means:  "The signature is not of these bytes by this key.",
		Causes: []string{"a bundle or artifact that was altered", "a bundle of other bytes under the same name"},
		Mend:   "Fetch both again from where they were made. If it stays, treat the artifact as tampered with.",
		Never:  "Sign it again to make the message go away.",
	},
	fault.Duties: {
		Means:  "Somebody approved who made a part of the change, or who may not approve here.",
		Causes: []string{"the author, a pusher, or who merged it approved", "a bot approved", "the account is in no group of the policy"},
		Mend:   "Ask one of the people whom the denial lists. Who counts as a maker is in docs/approve.md; a claimed co-author can be waived by others.",
		Never:  "Let somebody approve with a second account: people lists which accounts are one person.",
	},
	fault.Source: {
		Means:  "It was built from a source, ref or commit that the policy does not allow, or nobody protects the ref that it was built on.",
		Causes: []string{"the branch or tag is not protected", "the commit is not on the branch that the policy names", "the token may not see the protection"},
		GitHub: "Settings > Rules > Rulesets: a rule for the branch, and one about who may create tags.",
		GitLab: "Settings > Repository > Protected branches, and Protected tags.",
		Mend:   "sallyport doctor names the ref and the rule. On a plan without protection of refs: ref-protection: none, which every verdict shows.",
		Never:  "Name a branch that everybody may push to.",
	},
	fault.Stale: {
		Means:  "The evidence is older than max-age, or nobody vouches for its time.",
		Causes: []string{"a release that waited for approvals longer than max-age", "a scan that runs once a month", "a signature without a timestamp"},
		Mend:   "Run the job that attests it again. For a while: mode: warn (docs/watch.md).",
		Never:  "Set the clock of a runner back.",
	},
	fault.Statement: {
		Means:  "The signed payload is no in-toto statement of a known version.",
		Causes: []string{"a blob signature (cosign sign-blob) in place of an attestation", "a tool with a payload type of its own"},
		Mend:   "Sign an attestation: sallyport attest, actions/attest, or cosign attest.",
		Never:  "Wrap a signature of somebody else into a statement of your own.",
	},
	fault.SubjectMismatch: {
		Means:  "The artifact is not the one that the evidence names: its bytes, its name, or both differ. Or the call names an artifact that is not there.",
		Causes: []string{"the file was built or packed again", "a file was renamed on its way", "no artifact of the policy fits the name", "a pattern that fits nothing"},
		Mend:   "Hand over the attested file. A renamed one is handed over as NAME=PATH. A new artifact gets a line under artifacts.",
		Never:  "Attest what a download happens to be.",
	},
	fault.Tests: {
		Means:  "The newest report about the artifact's tests has a failed test, does not show that the run ended, or has too few tests. A skipped test did not run.",
		Causes: []string{"a test failed", "the test runner was stopped, and wrote half a report", "the tests were not found, so none ran", "a suite that the policy names was not run"},
		Mend:   "Mend what failed, build again, and attest the results of that build with attest --type test-results.",
		Never:  "Lower at-least to the number that ran: find out why fewer ran.",
	},
	fault.Materials: {
		Means:  "The build manifest about the artifact says that something went into the build, or into watching it, that the policy does not accept. The manifest is the word of the build's own job.",
		Causes: []string{"a file in a package cache is not the one that the lock file names", "the build was not watched in full: a daemon worked for it, or the kernel let nobody watch", "the network was not cut", "a file that the build read is of no commit, no locked package and no system"},
		Mend:   "Look at sallyport manifest show FILE: it lists what to look at, the worst first. Mend the build, and record it again.",
		Never:  "Lower explained to what the build happens to reach, before somebody has looked at the rest.",
	},
	fault.Reproduction: {
		Means:  "The policy asks that others build the artifact again and get the same bytes. Too few of those whom it names have signed that, or one of them got other bytes.",
		Causes: []string{"the build puts a time, a path or an order into its output", "nobody has built it again yet", "the rebuilders have the same owner as the first build, and the policy asks for others", "the first build, or a rebuild, was tampered with"},
		Mend:   "Look at the report of the rebuild: it shows the first byte that differs, and the fix for each known cause. sallyport rebuild --check shows the same before a release.",
		Never:  "Take the name of the rebuilder that disagrees out of the policy.",
	},
	fault.Time: {
		Means:  "There is no time of signing that somebody vouches for, or one outside the certificate's ten minutes.",
		Causes: []string{"a bundle without a timestamp and without a log entry", "a clock that is wrong"},
		Mend:   "Sign with an instance that gives a timestamp. Look at the clock of this machine first.",
		Never:  "Accept the time that a statement gives itself.",
	},
	fault.TLog: {
		Means:  "The signature is not in the transparency log as the trusted root demands.",
		Causes: []string{"it was signed without a log", "a promise in place of a proof (npm until 2023)", "a private repository's evidence under public-good"},
		Mend:   "trust: github for GitHub's own instance, or log: promise for old evidence, which every report shows.",
		Never:  "Name a root without logs for the public instance.",
	},
	fault.TOCTOU: {
		Means:  "A file or tag changed while it was looked at, so nobody knows which bytes were judged.",
		Causes: []string{"a build that still writes", "a tag that was moved in between"},
		Mend:   "Wait until the build has ended. Name images by digest.",
		Never:  "Try until it happens to hold.",
	},
	fault.Unreviewed: {
		Means: "A commit between what is deployed and what wants to enter came onto the branch without a request, or by a request with too few approvals " +
			"when it was merged. An approval counts if it is of the request's last commit, if it was given before the merge, and if its giver had no part in what the request brought.",
		Causes: []string{"somebody pushed to the branch", "a merge was made by hand and pushed", "somebody pushed to the request after its review", "the only review is by an author, a co-author, a pusher or a bot",
			"the review was taken back or dismissed", "the maker of a commit of the request is not known, so the gate asks for one more review"},
		Mend: "Find out why it came in that way. The commits stay in the history of the branch, also after a revert. Let another person look at each of them, and name them under accepted of source: " +
			"that is a change of the policy, and the approvers of the policy in force have to agree to it. Or release from a history without them. Then switch on a rule that refuses the next one.",
		GitHub: "Settings > Rules > Rulesets: require a pull request before merging, dismiss stale approvals when new commits are pushed; no bypass.",
		GitLab: "Settings > Repository > Protected branches: Allowed to push and merge: No one. Settings > Merge requests: remove all approvals when commits are added.",
		Never:  "Approve the request after its merge: a review counts only while it can still stop the request.",
	},
	fault.Unverified: {
		Means: "A commit between what is deployed and what wants to enter has no signature, or one that the platform did not verify. The author's name in it is then only a claim. " +
			"A commit that was made on the platform's page has the platform's own signature: that counts, and says of its author only that an account did it there.",
		Causes: []string{"somebody works without a signing key, or the platform does not know the key", "the address of the committer is not one of the account's", "a bot that commits with git and does not sign", "on GitLab: the instance does not sign what its page commits"},
		Mend:   "Find out who pushed it. The commits stay in the history of the branch. Let another person look at each of them, and name them under accepted of source, by a reviewed change of the policy; or release from a history without them.",
		GitHub: "Settings > Rules > Rulesets: require signed commits. Each person: Settings > SSH and GPG keys.",
		GitLab: "Settings > Repository > Push rules: reject unsigned commits. Each person: Preferences > SSH keys, or GPG keys.",
		Never:  "Sign another person's commit again to make the message go away: that makes you answer for it.",
	},
	fault.Weaker: {
		Means:  "The artifact that is deployed entered with evidence that this one lacks, or the policy now accepts less: no proof of a log, no time, or what a signer only asserts.",
		Causes: []string{"the policy asks for less than it did when the last release entered", "a report is now of a format that says less", "a bundle has a promise of the log in place of its proof"},
		Mend:   "Attest what is missing. If the weaker evidence is intended, remove weaker-evidence for one release: that is a change of the policy, and the approvers of the policy in force have to agree to it.",
		Never:  "Delete the entries of what is deployed, so that the gate has nothing to compare with.",
	},
	fault.TooEarly: {
		Means:  "The policy asks for some time in the environment before. That time is not over, or the record does not say when it began. It begins when the deployment there is known to have succeeded, and begins again after another deployment there.",
		Causes: []string{"the time is not over", "the job that deploys does not run entered after its last step", "another version was deployed into the environment before in the meantime"},
		Mend:   "Run the gate again at the time that the denial names. If the record does not say when it began, add entered to the job that deploys.",
		Never:  "Shorten the time to get one release out: readers of the policy will take the shorter time for enough.",
	},
	fault.TrustRoot: {
		Means:  "The trusted root cannot be read, was altered, or is out of date.",
		Causes: []string{"a file that is not the one whose digest the policy has", "a copy from before the instance changed its keys", "no connection to fetch a newer one"},
		Mend:   "sallyport trust writes a new copy; put its digest into the policy, which is a change that is reviewed.",
		Never:  "Take the digest from the file without a look at what changed.",
	},
	fault.Unsupported: {
		Means:  "A kind of signature or key that is not read. Whether it is genuine is not said.",
		Causes: []string{"an unusual curve or algorithm", "a bundle of a newer version"},
		Mend:   "Sign it in the usual way of its key, or use a later version of sallyport.",
		Never:  "Take unread for genuine.",
	},
}
