package inputs

// All returns every component, in the order in which a person meets them.
func All() []Component {
	return []Component{
		gate(), enter(), entered(), failed(), attest(), release(), approve(), reject(), verify(), doctor(), settings(),
		initialise(), remove(), policyNumbers(), setup(), trust(), explain(), history(), try(), recorded(), manifest(),
		rebuild(), ledger(),
	}
}

func gate() Component {
	return Component{
		Name:    "gate",
		Title:   "Sallyport gate",
		Summary: "Let an artifact into an environment only if the policy, the evidence and the environment's protection say so.",
		Where:   Everywhere,
		Stage:   "deploy",
		Needs:   []string{"build", "attest"},
		Inputs: []Input{
			subject("what wants to enter"),
			checksums,
			{Name: "environment", Usage: "the environment to enter, as the policy and the platform name it", Required: true, Where: Everywhere,
				Pattern: `^[A-Za-z0-9][A-Za-z0-9 ._/-]*$`},
			policyFile,
			policyRef,
			bundle,
			store("auto"),
			{Name: "verdict", Usage: "the file to write the verdict to", Default: VerdictPath, Kind: Path, Made: true, Where: Everywhere},
			keepInput,
			keepEvidence,
			wait,
			workers,
			hubOnly(signWith),
			hubOnly(signingConfig),
			hubOnly(audience),
			hubOnly(authority),
			hubOnly(trustedRoot),
			hubOnly(logPrivate),
			hubOnly(bundleDir),
			pushTo,
			network,
			format,
			quiet,
			token,
		},
		Outputs: []Output{
			{Name: "outcome", Usage: "allow, deny or wait; or, where the environment is only watched, watch: would allow, deny or wait", Where: GitHub | GitLab},
			{Name: "digests", Usage: "the digests that may be deployed, sha256:HEX separated by spaces; empty unless allowed", Where: GitHub | GitLab},
			{Name: "images", Usage: "the images that may be deployed, name@sha256:HEX separated by spaces; empty unless allowed", Where: GitHub | GitLab},
			{Name: "checksums", Usage: "the path of a sha256sum file of what may be deployed; empty unless allowed", Where: GitHub | GitLab, Later: "allowed-checksums"},
			{Name: "environment", Usage: "the environment that the digests may enter; empty unless allowed", Where: GitHub | GitLab, Later: "allowed-environment"},
			{Name: "verdict", Usage: "the path of the verdict file", Where: GitHub | GitLab, Later: "verdict-path"},
			{Name: "verdict-digest", Usage: "the digest of the verdict file, sha256:HEX; empty unless allowed", Where: GitHub | GitLab},
		},
	}
}

// enter is the gate again, as a part of the job that deploys.
func enter() Component {
	g := gate()
	c := Component{
		Name:     "enter",
		Title:    "Sallyport enter",
		Summary:  "Judge again, in the job that deploys, what the gate has passed on; the environment is the one that the job's own token names.",
		Where:    Everywhere,
		Within:   true,
		Identity: Signs,
		Stage:    "deploy",
		Inputs: []Input{
			{Name: "checksums", Usage: "the file that the gate has passed on", Default: ChecksumsPath, Kind: Path, Where: Everywhere},
			{Name: "passed", Usage: "what the gate has passed on: file, the one that checksums names; or its output digests, sha256:HEX separated by spaces",
				Default: "file", Empty: true, Where: GitHub | Flag},
			subject("what this job deploys, if only a part, or under other names"),
			policyFile,
			policyRef,
			bundle,
			store("auto"),
			{Name: "verdict", Usage: "the file to write the verdict to", Default: EnteredPath, Kind: Path, Where: Everywhere},
			keepInput,
			keepEvidence,
			wait,
			workers,
			signWith,
			signingConfig,
			audience,
			authority,
			trustedRoot,
			logPrivate,
			bundleDir,
			pushTo,
			network,
			format,
			quiet,
			token,
		},
	}
	for _, o := range g.Outputs {
		if o.Where.In(GitLab) {
			o.Later = "entered-" + o.Name
		}
		c.Outputs = append(c.Outputs, o)
	}
	return c
}

// entered says, in the job that deploys, that the deployment succeeded.
func entered() Component {
	return ending("entered", "Sign, in the job that deploys, that the deployment of what entered succeeded.")
}

// failed says that it did not.
func failed() Component {
	return ending("failed", "Sign, in the job that deploys, that the deployment of what entered failed; it takes back what entered has said.")
}

// ending is what entered and failed have in common.
func ending(name, summary string) Component {
	return Component{
		Name:     name,
		Title:    "Sallyport " + name,
		Summary:  summary,
		Where:    GitHub | Flag,
		Identity: Signs,
		Inputs: []Input{
			{Name: "of", Usage: "whose entries it is about: those that this job has signed, or all that its run has signed for this environment",
				Default: "job", Kind: Choice, Choices: []string{"job", "run"}, Where: GitHub | Flag},
			hubOnly(policyFile),
			hubOnly(policyRef),
			hubOnly(signWith),
			hubOnly(signingConfig),
			hubOnly(audience),
			hubOnly(authority),
			hubOnly(trustedRoot),
			hubOnly(logPrivate),
			hubOnly(bundleDir),
			pushTo,
			flagOnly(network),
			token,
		},
	}
}

func attest() Component {
	return Component{
		Name:     "attest",
		Title:    "Sallyport attest",
		Summary:  "Sign a statement about what this job has built, check it, and store it where the gate will look.",
		Where:    Everywhere,
		Stage:    "build",
		Needs:    []string{"build"},
		Identity: Signs,
		Inputs: []Input{
			subject("what was built"),
			checksums,
			{Name: "predicate-type", Usage: "the type of the predicate; SLSA provenance if empty", Where: Everywhere},
			{Name: "predicate", Usage: "the file that holds the predicate as JSON; with predicate-type", Kind: Path, Where: Everywhere},
			{Name: "type", Usage: "what a tool's report is about: sbom, vulnerabilities, test-results, vex or known-exploited; with report", Where: Everywhere,
				Pattern: `^(sbom|vulnerabilities|test-results|vex|known-exploited)?$`},
			{Name: "report", Usage: "the file that the tool has written; with type", Kind: Path, Where: Everywhere},
			{Name: "manifest", Usage: "the build manifest that sallyport run has written; the subjects have to be products of it", Kind: Path, Where: Everywhere},
			{Name: "reproduction", Usage: "the file that sallyport rebuild has written; the subjects have to be of it, by the digests of the first build", Kind: Path, Where: Everywhere},
			{Name: "report-inputs", Usage: "what a caller chose for the workflow that reports, NAME=VALUE; or the word none", List: true, Where: Everywhere},
			{Name: "tool", Usage: "the tool that wrote the report, NAME@VERSION, where the report does not say it", Where: Everywhere, Pattern: `^([A-Za-z0-9][A-Za-z0-9 ._/-]*@[A-Za-z0-9][A-Za-z0-9._+-]*)?$`},
			{Name: "tool-version", Usage: "the file that trivy version --format json has written: the tool's version, and how new its database was", Kind: Path, Where: Everywhere},
			{Name: "report-time", Usage: "when the tool finished (RFC 3339), where the report does not say it", Where: Everywhere, Pattern: `^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+))?$`},
			{Name: "database-time", Usage: "how new the scanner's database was (RFC 3339), where the report does not say it", Where: Everywhere, Pattern: `^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+))?$`},
			{Name: "record-inputs", Usage: "inputs of the run whose values the provenance shows, for ever; of all others it shows the names", List: true, Where: Everywhere},
			signWith,
			signingConfig,
			audience,
			authority,
			trustedRoot,
			logPrivate,
			store("auto"),
			pushTo,
			bundleDir,
			network,
			{Name: "api", Usage: "the address of the platform's API, if it is not where the issuer of the job's ID token is", Where: Everywhere, Pattern: `^(https://[^\s'\\]+)?$`},
			token,
		},
		Outputs: []Output{
			{Name: "bundle-path", Usage: "the path of the bundle file, or of the directory if there are several", Where: GitHub | GitLab},
			{Name: "attestation-id", Usage: "the attestation's id where the platform gives one", Where: GitHub | GitLab},
			{Name: "attestation-url", Usage: "the page that shows the attestation where the platform has one", Where: GitHub | GitLab},
			{Name: "digests", Usage: "the digests that were attested, sha256:HEX separated by spaces", Where: GitHub | GitLab, Later: "attested-digests"},
		},
	}
}

func verify() Component {
	return Component{
		Name:    "verify",
		Title:   "Sallyport verify",
		Summary: "Check who built an artifact, against a policy, a repository or one signer identity.",
		Where:   Everywhere,
		Stage:   "test",
		Needs:   []string{"build", "attest"},
		Inputs: []Input{
			subject("what to verify"),
			{Name: "policy", Usage: "the policy file; without one, say whose signature to accept", Kind: Path, Where: Everywhere},
			bundle,
			{Name: "repository", Usage: "the repository that built it, HOST/OWNER/NAME such as github.com/acme/app; its evidence is fetched from there. " +
				"With policy or key, where evidence is", Where: Everywhere},
			{Name: "repository-id", Usage: "the number of that repository, which is another one when its name is used again", Where: Everywhere, Pattern: `^([1-9][0-9]*)?$`},
			{Name: "owner", Usage: "the owner of the repository that built it, HOST/OWNER, or OWNER with repository", Where: Everywhere},
			{Name: "workflow", Usage: "with repository: the path in it of the workflow that built it", Where: Everywhere},
			{Name: "signer", Usage: "with repository: the workflow that signed, OWNER/NAME/PATH, and @REF for one ref alone; " +
				"if empty, one of the repository itself", Where: Everywhere},
			{Name: "predicate-type", Usage: "with repository: the type of the evidence; SLSA provenance if empty", Where: Everywhere},
			{Name: "entered", Usage: "with repository: the environment that it has to have entered; the evidence is the entry that the job there has signed", Where: Everywhere,
				Pattern: `^([A-Za-z0-9][A-Za-z0-9 ._/-]*)?$`},
			{Name: "certificate-identity", Usage: "the signer's identity, exactly", Where: Everywhere},
			{Name: "certificate-identity-pattern", Usage: "an anchored pattern (RE2) that the whole signer identity matches", Where: Everywhere},
			{Name: "certificate-oidc-issuer", Usage: "the issuer of the signer's identity, exactly", Where: Everywhere},
			{Name: "sigstore", Usage: "the Sigstore instance to trust", Default: "public-good", Kind: Choice,
				Choices: []string{"public-good", "github", "custom"}, Where: Everywhere},
			trustedRoot,
			{Name: "key", Usage: "the public key file to accept instead of a certificate", Kind: Path, Where: Everywhere},
			{Name: "log", Usage: "how a log has to vouch for the signature: proof; promise, for old bundles without one; none, for what was never logged", Default: "proof", Kind: Choice,
				Choices: []string{"proof", "promise", "none"}, Where: Everywhere},
			{Name: "intermediates", Usage: "where certificates between the root and the signer come from: root, the trusted root alone; bundle, the bundle as well", Default: "root",
				Kind: Choice, Choices: []string{"root", "bundle"}, Where: Everywhere},
			{Name: "for", Usage: "with policy: judge the evidence that this environment requires; provenance alone if empty", Where: Everywhere,
				Pattern: `^([A-Za-z0-9][A-Za-z0-9 ._/-]*)?$`},
			tufMirror,
			tufRoot,
			offline,
			keepInput,
			keepEvidence,
			workers,
			network,
			format,
			quiet,
			saying(store(""), "; if empty, the bundles that are named, or else auto"),
			token,
		},
		Outputs: []Output{
			{Name: "outcome", Usage: "allow, deny or wait", Where: GitHub | GitLab, Later: "verify-outcome"},
			{Name: "verdict", Usage: "the path of the verdict file", Where: GitHub | GitLab, Later: "verify-verdict-path"},
		},
	}
}

func setup() Component {
	return Component{
		Name:    "setup",
		Title:   "Sallyport setup",
		Summary: "Put the sallyport binary of this commit on the PATH of the steps that follow.",
		Where:   GitHub,
		Outputs: []Output{
			{Name: "bin", Usage: "the absolute path of the binary", Where: GitHub},
			{Name: "version", Usage: "the version of the binary, or source if it was built from this commit", Where: GitHub},
		},
	}
}

func trust() Component {
	return Component{
		Name:    "trust",
		Title:   "Sallyport trust",
		Summary: "Write the trusted root of a Sigstore instance, for offline use and for pinning.",
		Where:   Flag,
		Inputs: []Input{
			{Name: "profile", Usage: "the Sigstore instance", Default: "public-good", Kind: Choice, Choices: []string{"public-good", "github"}, Where: Flag},
			{Name: "output", Usage: "the file to write; standard output if empty", Kind: Path, Where: Flag},
			flagOnly(tufMirror),
			flagOnly(tufRoot),
		},
	}
}

func release() Component {
	return Component{
		Name:     "release",
		Title:    "Sallyport release",
		Summary:  "Name what is released together, so that one approval counts for all of it.",
		Where:    Everywhere,
		Stage:    "test",
		Needs:    []string{"build", "attest"},
		Identity: Signs,
		Inputs: []Input{
			subject("what is released"),
			checksums,
			{Name: "version", Usage: "what people call the release", Required: true, Where: Everywhere, Pattern: `^[A-Za-z0-9][A-Za-z0-9._+/-]*$`},
			{Name: "environments", Usage: "the environments that it shall enter", Required: true, List: true, Where: Everywhere},
			{Name: "policy", Usage: "the policy file", Default: ".sallyport/policy.yaml", Kind: Path, Where: Everywhere},
			{Name: "expires", Usage: "how long the release can be approved and deployed, as 90m, 24h or 7d", Default: "7d", Where: Everywhere, Pattern: `^[1-9][0-9]*[dhm]$`},
			bundle,
			signWith,
			signingConfig,
			audience,
			authority,
			trustedRoot,
			logPrivate,
			store("auto"),
			bundleDir,
			pushTo,
			network,
			token,
		},
		Outputs: []Output{
			{Name: "release", Usage: "the digest that the release is approved by, sha256:HEX", Where: GitHub | GitLab, Later: "release-digest"},
			{Name: "bundle-path", Usage: "the path of the bundle file", Where: GitHub | GitLab, Later: "release-bundle-path"},
		},
	}
}

func approve() Component {
	c := decide("approve", "Say yes to a release: to exactly these digests, for these environments, under this policy, on this evidence.")
	c.Title, c.Where, c.Stage, c.Needs, c.Started = "Sallyport approve", Everywhere, "deploy", []string{}, true
	c.Inputs = append([]Input{
		c.Inputs[0],
		{Name: "waive", Usage: "in place of a decision: take a role away from somebody that a commit alone claims for them, as ROLE:COMMIT:WHO, as a waiting gate prints it, or for WHO everybody, all whom the commit claims; with reason", Where: Everywhere, Started: GitLab,
			Pattern: `^((author|committer|co-author):[0-9a-f]{40,64}:.+)?$`},
		{Name: "changes", Usage: "changes of what people install that are approved with it: their digests as a waiting gate prints them, sha256:HEX separated by spaces; at a terminal, those that are shown, if empty", Where: Everywhere, Started: GitLab,
			Pattern: `^(sha256:[0-9a-f]{64}( sha256:[0-9a-f]{64})*)?$`},
		{Name: "decision", Usage: "yes, no, or withdraw, which takes back what you have said about the release before", Default: "approve", Kind: Choice,
			Choices: []string{"approve", "reject", "withdraw"}, Where: Everywhere, Started: GitLab},
		{Name: "resume", Usage: "when nobody else has to approve, start the failed jobs of the run that made the release again, with a token that may", Default: "false", Kind: Bool, Where: Everywhere},
	}, c.Inputs[1:]...)
	return c
}

func reject() Component {
	c := decide("reject", "Say no to a release. A rejection wins over every approval, until the person who gave it takes it back or it ends.")
	c.Where, c.Outputs = Flag, nil
	var flags []Input
	for _, i := range c.Inputs {
		if !i.Secret && i.Name != "break-glass" { // a rejection is never an emergency
			flags = append(flags, flagOnly(i))
		}
	}
	c.Inputs = flags
	return c
}

// decide is what approve and reject have in common.
func decide(name, summary string) Component {
	return Component{
		Name:     name,
		Summary:  summary,
		Identity: Signs,
		Inputs: []Input{
			// Not required of the input: whoever starts a pipeline by hand sets
			// the variable of this name.
			{Name: "release", Usage: "the digest of the release, sha256:HEX, as sallyport release and a waiting gate print it", Where: Everywhere, Pattern: `^(sha256:[0-9a-f]{64})?$`, Started: GitLab},
			{Name: "subject", Usage: "decide about these artifacts of the release alone: names as in the release, or files; all of them if empty", List: true, Arguments: true, Where: Everywhere},
			{Name: "environments", Usage: "decide for these environments of the release alone; all of them if empty", List: true, Where: Everywhere},
			{Name: "reason", Usage: "why, for people who read the approval later", Where: Everywhere, Started: GitLab},
			{Name: "expires", Usage: "how long the decision counts, as 90m or 24h, never longer than the release, and a yes no longer than the policy allows; if empty, a yes 24h, and a no as long as the policy's rejection-max-age", Where: Everywhere, Pattern: `^([1-9][0-9]*[dhm])?$`},
			pushTo,
			{Name: "break-glass", Usage: "approve without the approvals that are usual, with a second person and a reason", Default: "false", Kind: Bool, Where: Everywhere},
			{Name: "policy", Usage: "the policy file", Default: ".sallyport/policy.yaml", Kind: Path, Where: Everywhere},
			bundle,
			{Name: "repository", Usage: "the address of the repository that is released; that of the policy if empty", Where: Flag},
			{Name: "login", Usage: "how to sign in", Default: "auto", Kind: Choice, Choices: []string{"auto", "browser", "device"}, Where: Flag},
			{Name: "yes", Usage: "do not ask before signing", Default: "false", Kind: Bool, Where: Flag},
			signWith,
			signingConfig,
			audience,
			authority,
			trustedRoot,
			logPrivate,
			store("auto"),
			bundleDir,
			network,
			{Name: "format", Usage: "the form of what is shown before", Default: "text", Kind: Choice, Choices: []string{"text", "json"}, Where: Everywhere},
			token,
		},
		Outputs: []Output{
			{Name: "bundle-path", Usage: "the path of the bundle file", Where: GitHub | GitLab, Later: "approval-bundle-path"},
		},
	}
}

func doctor() Component {
	return Component{
		Name:    "doctor",
		Title:   "Sallyport doctor",
		Summary: "Find what makes a gate meaningless or impossible, before release day.",
		Where:   Flag,
		Inputs: []Input{
			{Name: "policy", Usage: "the policy file", Default: ".sallyport/policy.yaml", Kind: Path, Where: Flag},
			{Name: "server", Usage: "the address of a sallyport-server, whose policy counts in the place of a file", Where: Flag, Pattern: pushTo.Pattern},
			rootDir,
			{Name: "repository", Usage: "the address of the repository; that of the policy if empty", Where: Flag},
			{Name: "offline", Usage: "look at the files alone; open no connection", Default: "false", Kind: Bool, Where: Flag},
			{Name: "format", Usage: "the form of the answer on standard output", Default: "text", Kind: Choice, Choices: []string{"text", "json", "sarif", "junit"}, Where: Flag},
			quiet,
			{Name: "output", Usage: "the file to write the answer to instead", Kind: Path, Where: Flag},
		},
	}
}

func settings() Component {
	return Component{
		Name:    "settings",
		Title:   "Sallyport settings",
		Summary: "Show, or make, the settings of the platform that the policy asks for.",
		Where:   Flag,
		Inputs: []Input{
			{Name: "action", Usage: "plan shows the difference, apply shows and makes it", Required: true, Arguments: true, Kind: Choice, Choices: []string{"plan", "apply"}, Where: Flag},
			{Name: "environment", Usage: "the environment; all of the policy if empty", List: true, Where: Flag},
			{Name: "policy", Usage: "the policy file", Default: ".sallyport/policy.yaml", Kind: Path, Where: Flag},
			{Name: "repository", Usage: "the address of the repository; that of the policy if empty", Where: Flag},
			{Name: "yes", Usage: "apply without asking", Default: "false", Kind: Bool, Where: Flag},
			{Name: "format", Usage: "the form of the answer on standard output", Default: "text", Kind: Choice, Choices: []string{"text", "json"}, Where: Flag},
		},
	}
}

// initialise writes what a repository needs so that a gate watches it.
func initialise() Component {
	return Component{
		Name:    "init",
		Title:   "Sallyport init",
		Summary: "Write a policy that watches, the steps or components, and two lines for git, from what the repository and the platform say; show the difference before, and change no line that is there.",
		Where:   Flag,
		Inputs: []Input{
			rootDir,
			{Name: "repository", Usage: "the address of the repository; that of the clone's remote if empty", Where: Flag},
			{Name: "platform", Usage: "the kind of the server, if it is neither of the two that everybody knows", Default: "auto", Kind: Choice, Choices: []string{"auto", "github", "gitlab"}, Where: Flag},
			{Name: "job", Usage: "the job that builds what is released, or FILE/JOB", Where: Flag},
			{Name: "subject", Usage: "what it builds: patterns of files, or oci://NAME:TAG for a pipeline", List: true, Where: Flag},
			{Name: "environment", Usage: "the environment to watch", Where: Flag, Pattern: `^([A-Za-z0-9][A-Za-z0-9 ._/-]*)?$`},
			{Name: "use", Usage: "the full commit id of the release of sallyport that the steps shall use", Where: Flag},
			{Name: "accept", Usage: "what shall be written although it weakens the gate: self-hosted, foreign-owner, unprotected-ref, public-log; or could change what a workflow does: artifact, permissions", List: true, Where: Flag},
			{Name: "from-run", Usage: "the address of a run that is known to be good: its workflow, ref and repository are written", Where: Flag},
			{Name: "from-bundle", Usage: "the bundle of such a run: the exact identity in its certificate is written", Kind: Path, Where: Flag},
			flagOnly(signWith),
			flagOnly(signingConfig),
			flagOnly(audience),
			flagOnly(authority),
			flagOnly(trustedRoot),
			flagOnly(network),
			{Name: "yes", Usage: "write without asking", Default: "false", Kind: Bool, Where: Flag},
		},
	}
}

// remove takes out what init has written.
func remove() Component {
	return Component{
		Name:    "remove",
		Title:   "Sallyport remove",
		Summary: "Take out what init has written, and nothing else; show the difference before.",
		Where:   Flag,
		Inputs: []Input{
			rootDir,
			{Name: "yes", Usage: "write without asking", Default: "false", Kind: Bool, Where: Flag},
		},
	}
}

var rootDir = Input{Name: "root", Usage: "the directory of the repository", Default: ".", Kind: Path, Where: Flag}

// policyNumbers writes the numbers beside the names of a policy.
func policyNumbers() Component {
	return Component{
		Name:    "policy",
		Title:   "Sallyport policy",
		Summary: "Look up the numbers that names of the policy file lack, and write them beside the names; every other byte stays.",
		Where:   Flag,
		Inputs: []Input{
			{Name: "action", Usage: "fix looks up, shows the difference, asks, and writes", Required: true, Arguments: true, Kind: Choice, Choices: []string{"fix"}, Where: Flag},
			{Name: "policy", Usage: "the policy file", Default: ".sallyport/policy.yaml", Kind: Path, Where: Flag},
			{Name: "repository", Usage: "the address of a repository on the platform to ask, where the policy names several or one of its own", Where: Flag},
			{Name: "yes", Usage: "write without asking", Default: "false", Kind: Bool, Where: Flag},
		},
	}
}

// recorded runs a build and writes down what it used.
func recorded() Component {
	return Component{
		Name:    "run",
		Title:   "Sallyport run",
		Summary: "Run a build command, watch what it opens, executes and connects to, and write that down as a build manifest.",
		Where:   Flag,
		Inputs: []Input{
			{Name: "command", Usage: "the command and its arguments, behind --", Required: true, List: true, Arguments: true, Empty: true, Where: Flag},
			{Name: "no-network", Usage: "cut the network; where it cannot be cut, nothing is run", Default: "false", Kind: Bool, Where: Flag},
			{Name: "record", Usage: "the file to write the build manifest to; the log of all that was seen is written beside it, with .log behind its name",
				Default: ManifestPath, Kind: Path, Where: Flag},
			{Name: "products", Usage: "a file or directory that the build makes; all that it makes in the checkout if empty", List: true, Kind: Path, Where: Flag},
			{Name: "keep-env", Usage: "the name of a token's variable that the command needs all the same", List: true, Where: Flag, Pattern: `^[A-Za-z_][A-Za-z0-9_]*$`},
			{Name: "quiet", Usage: "say nothing about what was recorded", Default: "false", Kind: Bool, Where: Flag},
		},
	}
}

// ManifestPath is where a build manifest is written if nobody says otherwise.
const ManifestPath = ".sallyport/build-manifest.json"

// manifest shows what was recorded.
func manifest() Component {
	return Component{
		Name:    "manifest",
		Title:   "Sallyport manifest",
		Summary: "Show a build manifest to people, or what differs between the inputs of two builds.",
		Where:   Flag,
		Inputs: []Input{
			{Name: "of", Usage: "show and one manifest, or diff and two", Required: true, List: true, Arguments: true, Where: Flag},
			{Name: "html", Usage: "the file to write a page to", Kind: Path, Where: Flag},
			{Name: "format", Usage: "the form of the answer on standard output", Default: "text", Kind: Choice, Choices: []string{"text", "json"}, Where: Flag},
		},
	}
}

// ledger reads a server's record without the server.
func ledger() Component {
	return Component{
		Name:    "ledger",
		Title:   "Sallyport ledger",
		Summary: "Verify, show or prove from an export of a server's ledger, and open no connection; or export it from the server.",
		Where:   Flag,
		Inputs: []Input{
			{Name: "of", Usage: "verify, prove or show, and the file of an export; or verify and the file of a proof; or export and the server's address",
				Required: true, List: true, Arguments: true, Where: Flag},
			{Name: "key", Usage: "the server's public key, NAME+HASH+KEY; several, where it has changed", Required: true, List: true, Where: Flag},
			{Name: "kept", Usage: "a file with a checkpoint that was kept: what came before it has to be the same", List: true, Kind: Path, Where: Flag},
			{Name: "leaf", Usage: "with prove: the place of the leaf, from 0", Where: Flag, Pattern: `^([0-9]{1,18})?$`},
			{Name: "output", Usage: "with prove: the file to write the proof to; empty: standard output. With export: the file to write it to", Kind: Path, Where: Flag},
			{Name: "read-token", Usage: "with export: a file with the token that the server's operator has given you; a job needs none for its own repository's leaves", Kind: Path, Where: Flag},
			{Name: "format", Usage: "the form of the answer on standard output", Default: "text", Kind: Choice, Choices: []string{"text", "json"}, Where: Flag},
		},
	}
}

// ReproductionPath is where a rebuild is written if nobody says otherwise.
const ReproductionPath = ".sallyport/reproduction.json"

// RebuildPage is where the page of a rebuild is written if nobody says otherwise.
const RebuildPage = ".sallyport/rebuild.html"

// rebuild builds again and compares.
func rebuild() Component {
	return Component{
		Name:    "rebuild",
		Title:   "Sallyport rebuild",
		Summary: "Build again from a build manifest, in another place and under other circumstances, and say whether the same bytes come out, or where they differ first and what mends it.",
		Where:   Everywhere,
		Stage:   "test",
		Needs:   []string{"build"},
		Inputs: []Input{
			{Name: "manifest", Usage: "the build manifest that sallyport run has written; it says which command is run", Kind: Path, Where: Everywhere},
			{Name: "accept-difference", Usage: "with a manifest: succeed where other bytes came out, so that the reproduction is signed and the gate decides", Default: "false", Kind: Bool, Where: Everywhere},
			{Name: "check", Usage: "without a manifest: build the commit twice with command, and compare; for pull requests", Default: "false", Kind: Bool, Where: Everywhere},
			{Name: "command", Usage: "with check: the command that builds, and its arguments, each a value of its own; at a terminal behind --", List: true, Arguments: true, Where: Everywhere},
			{Name: "source", Usage: "the checkout that has the commit", Default: ".", Kind: Path, Where: Everywhere},
			{Name: "original", Usage: "the directory in which the first build's products lie under their paths, to show where others differ; that of source if empty", Kind: Path, Where: Everywhere},
			{Name: "fetch", Usage: "a shell command that fetches what the build needs, before its network is cut; that of the lock file that is there if empty", List: true, Where: Everywhere},
			{Name: "with-network", Usage: "do not cut the network of the build", Default: "false", Kind: Bool, Where: Everywhere},
			{Name: "products", Usage: "with check: a file or directory that the build makes; all that it makes if empty", List: true, Kind: Path, Where: Everywhere},
			{Name: "reproduction", Usage: "the file to write what came out to, for attest with reproduction", Default: ReproductionPath, Kind: Path, Made: true, Where: Everywhere},
			{Name: "html", Usage: "the file to write a page to that shows where the builds differ", Default: RebuildPage, Kind: Path, Made: true, Where: Everywhere},
			{Name: "format", Usage: "the form of the answer on standard output", Default: "text", Kind: Choice, Choices: []string{"text", "json"}, Where: Everywhere},
			{Name: "quiet", Usage: "say nothing about what is being done", Default: "false", Kind: Bool, Where: Flag},
		},
	}
}

// explain judges again, at a terminal, from what a gate has kept.
func explain() Component {
	return Component{
		Name:    "explain",
		Title:   "Sallyport explain",
		Summary: "Judge again, from the input that was kept, what a verdict has said; open no connection.",
		Where:   Flag,
		Inputs: []Input{
			{Name: "verdict", Usage: "the verdict file", Required: true, Arguments: true, Kind: Path, Where: Flag},
			{Name: "input", Usage: "the document that --input has kept; if empty, " + InputName + " beside the verdict", Kind: Path, Where: Flag},
			{Name: "format", Usage: "the form of the answer on standard output", Default: "text", Kind: Choice, Choices: []string{"text", "json"}, Where: Flag},
		},
	}
}

// history shows what entered environments, and what people said about it.
func history() Component {
	return Component{
		Name:    "history",
		Title:   "Sallyport history",
		Summary: "Show what entered environments and when, and who said yes or no, from signed statements alone.",
		Where:   Flag,
		Inputs: []Input{
			{Name: "environment", Usage: "the environments; all of the policy if empty", List: true, Arguments: true, Where: Flag},
			{Name: "policy", Usage: "the policy file", Default: ".sallyport/policy.yaml", Kind: Path, Where: Flag},
			{Name: "repository", Usage: "the address of the repository; that of the policy if empty", Where: Flag},
			{Name: "bundle", Usage: "a bundle file or a directory of them, besides what the platform holds", List: true, Kind: Path, Where: Flag},
			{Name: "since", Usage: "the first day, or a time", Where: Flag, Pattern: `^([0-9]{4}-[0-9]{2}-[0-9]{2}(T.*)?)?$`},
			{Name: "until", Usage: "the day, or the time, before which it ends", Where: Flag, Pattern: `^([0-9]{4}-[0-9]{2}-[0-9]{2}(T.*)?)?$`},
			{Name: "offline", Usage: "read the bundles alone; open no connection", Default: "false", Kind: Bool, Where: Flag},
			{Name: "format", Usage: "the form of the answer on standard output", Default: "text", Kind: Choice, Choices: []string{"text", "json", "csv"}, Where: Flag},
			{Name: "export", Usage: "in a job: the file to write a signed list and every statement of one environment to, " +
				"for --bundle elsewhere; its name ends in .jsonl", Kind: Path, Where: Flag},
			flagOnly(signWith), flagOnly(signingConfig), flagOnly(audience), flagOnly(authority), flagOnly(logPrivate),
			flagOnly(trustedRoot), flagOnly(network),
		},
	}
}

// try looks at what a repository has released, for somebody who has nothing yet.
func try() Component {
	return Component{
		Name:    "try",
		Title:   "Sallyport try",
		Summary: "Say what a gate would have said of the last releases of a clone's repository; change nothing, and need no token.",
		Where:   Flag,
		Inputs: []Input{
			{Name: "repository", Usage: "the repository, HOST/OWNER/NAME; that of the clone's remote if empty", Where: Flag},
			{Name: "root", Usage: "the directory of the clone", Default: ".", Kind: Path, Where: Flag},
			{Name: "last", Usage: "how many of the last releases to look at, 1 to 9", Default: "3", Where: Flag, Pattern: `^[1-9]$`},
			{Name: "image", Usage: "an image that is released with them, without its tag, such as ghcr.io/acme/app", List: true, Where: Flag},
			{Name: "certificate-oidc-issuer", Usage: "the issuer of the job tokens of a platform of one's own; it is asked which it is if empty", Where: Flag},
			flagOnly(trustedRoot), flagOnly(tufMirror), flagOnly(tufRoot),
			{Name: "format", Usage: "the form of the answer on standard output", Default: "text", Kind: Choice, Choices: []string{"text", "json"}, Where: Flag},
		},
	}
}

// The inputs that several components share.
var (
	signWith = Input{Name: "sigstore", Usage: "the Sigstore instance to sign with; auto takes the one that fits the repository", Default: "auto", Kind: Choice,
		Choices: []string{"auto", "public-good", "github", "custom"}, Where: Everywhere}
	signingConfig = Input{Name: "signing-config", Usage: "the signing config of a custom instance", Kind: Path, Where: Everywhere}
	audience      = Input{Name: "audience", Usage: "the audience of the identity token: of a custom instance, the one that its certificate authority asks for", Default: "sigstore",
		Where: Everywhere, Pattern: `^[A-Za-z0-9][A-Za-z0-9._:/-]*$`}
	authority = Input{Name: "authority", Usage: "the address of a custom instance's certificate authority, to hold the signing config to; without it, none but the known ones is sent a token for the audience sigstore",
		Where: Everywhere, Pattern: `^(https?://[^\s'\\]+)?$`}
	logPrivate = Input{Name: "log-private-repository", Usage: "accept that a public log records the names and commits of a private repository, for ever",
		Default: "false", Kind: Bool, Where: Everywhere}
	pushTo    = Input{Name: "server", Usage: "the address of a sallyport-server: what is signed is pushed to it, and its policy counts in the place of a file", Where: GitHub | Flag, Pattern: `^(https?://[A-Za-z0-9.:-]+)?$`}
	bundleDir = Input{Name: "bundle-dir", Usage: "the directory to write bundles to", Default: ".sallyport/bundles", Kind: Path, Made: true, Where: Everywhere}
	checksums = Input{Name: "checksums", Usage: "a file of digests and names as sha256sum writes it; its lines are subjects", Kind: Path, Where: Everywhere}
	bundle    = Input{Name: "bundle", Usage: "a bundle file or a directory of them, besides what the stores hold", List: true, Kind: Path, Where: Everywhere}
	offline   = Input{Name: "offline", Usage: "open no connection: use only the bundles and the trusted root that are here", Default: "false", Kind: Bool, Where: Everywhere}
	workers   = Input{Name: "workers", Usage: "how many subjects to work on at once; the processors if empty", Where: Everywhere, Pattern: `^[0-9]*$`}
	network   = Input{Name: "network", Usage: "own, or inherit: whether variables of the machine may choose certificates and credentials (SSL_CERT_FILE, SSL_CERT_DIR, GODEBUG, DOCKER_CONFIG, XDG_*)",
		Default: "own", Kind: Choice, Choices: []string{"own", "inherit"}, Where: GitLab | Flag}
	format = Input{Name: "format", Usage: "the form of the answer on standard output", Default: "text", Kind: Choice,
		Choices: []string{"text", "json", "markdown", "junit"}, Where: Everywhere}
	quiet       = Input{Name: "quiet", Usage: "say nothing on standard output about what is met, and nothing of what takes long", Default: "false", Kind: Bool, Where: Flag}
	trustedRoot = Input{Name: "trusted-root", Usage: "the trusted root of a custom instance", Kind: Path, Where: Everywhere}
	tufMirror   = Input{Name: "tuf-mirror", Usage: "the URL of a TUF repository to take the trusted root from", Where: Everywhere}
	tufRoot     = Input{Name: "tuf-root", Usage: "the TUF root to begin with; with tuf-mirror", Kind: Path, Where: Everywhere}
	token       = Input{Name: "token", Usage: "the token for the platform's API", Secret: true, Where: GitHub, PlatformDefault: "${{ github.token }}"}
)

var (
	policyFile = Input{Name: "policy", Usage: "the policy file, as the job's commit has it; PATH@COMMIT or PATH@sha256:HEX is another one", Default: ".sallyport/policy.yaml",
		Kind: Path, Where: Everywhere}
	policyRef = Input{Name: "policy-ref", Usage: "the branch whose policy judges, read by the platform's API; that of the job's commit if empty", Where: Everywhere,
		Pattern: `^([A-Za-z0-9_][A-Za-z0-9_./+-]*)?$`}
	keepInput = Input{Name: "input", Usage: "the file to keep everything in that is judged under a policy, so that sallyport explain can judge it again; " +
		"none if empty. It names accounts, members of groups and commits, so publish it only where everybody may read them", Kind: Path, Where: Everywhere}
	keepEvidence = Input{Name: "keep-evidence", Usage: "the new directory to keep the bundles and trusted roots in that are looked at under a policy; none if empty",
		Kind: Path, Where: Everywhere}
	wait = Input{Name: "wait", Usage: "how long to wait for approvals, as 90m or 24h; if empty, a missing approval ends the job with status 4", Where: Everywhere,
		Pattern: `^([1-9][0-9]*[dhm])?$`}
)

func subject(what string) Input {
	return Input{Name: "subject", Usage: what + ": files, directories, globs, oci://NAME:TAG, NAME@sha256:HEX, oci-layout://DIR, sha256:HEX or NAME=PATH",
		List: true, Arguments: true, Where: Everywhere}
}

func store(preset string) Input {
	return Input{Name: "store", Usage: "where bundles live: auto, github, gitlab, oci or dir:PATH", Default: preset, List: true, Where: Everywhere}
}

// saying is an input of which a component has more to say.
func saying(i Input, more string) Input {
	i.Usage += more
	return i
}

// hubOnly is for what a job of the gate can do on GitHub alone: be in the environment.
func hubOnly(i Input) Input {
	i.Where = GitHub | Flag
	return i
}

func flagOnly(i Input) Input {
	i.Where = Flag
	return i
}
