package inputs

// All returns every component, in the order in which a person meets them.
func All() []Component {
	return []Component{gate(), attest(), verify(), setup(), trust()}
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
			{Name: "policy", Usage: "the policy file", Default: ".sallyport/policy.yaml", Kind: Path, Where: Everywhere},
			bundle,
			store("auto"),
			{Name: "verdict", Usage: "the file to write the verdict to", Default: VerdictPath, Kind: Path, Where: Everywhere},
			workers,
			format,
			token,
		},
		Outputs: []Output{
			{Name: "outcome", Usage: "allow, deny or wait", Where: GitHub | GitLab},
			{Name: "digests", Usage: "the digests that may be deployed, sha256:HEX separated by spaces; empty unless allowed", Where: GitHub | GitLab},
			{Name: "images", Usage: "the images that may be deployed, name@sha256:HEX separated by spaces; empty unless allowed", Where: GitHub | GitLab},
			{Name: "checksums", Usage: "the path of a sha256sum file of what may be deployed; empty unless allowed", Where: GitHub | GitLab, Later: "allowed-checksums"},
			{Name: "verdict", Usage: "the path of the verdict file", Where: GitHub | GitLab, Later: "verdict-path"},
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
			{Name: "sigstore", Usage: "the Sigstore instance to sign with; auto takes the one that fits the repository", Default: "auto", Kind: Choice,
				Choices: []string{"auto", "public-good", "github", "custom"}, Where: Everywhere},
			{Name: "signing-config", Usage: "the signing config of a custom instance", Kind: Path, Where: Everywhere},
			trustedRoot,
			{Name: "log-private-repository", Usage: "accept that a public log records the names and commits of a private repository, for ever",
				Default: "false", Kind: Bool, Where: Everywhere},
			store("auto"),
			{Name: "bundle-dir", Usage: "the directory to write bundles to", Default: ".sallyport/bundles", Kind: Path, Where: Everywhere},
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
		Summary: "Check who built an artifact, against a policy or one signer identity.",
		Where:   Everywhere,
		Stage:   "test",
		Needs:   []string{"build", "attest"},
		Inputs: []Input{
			subject("what to verify"),
			{Name: "policy", Usage: "the policy file; without one, say whose signature to accept", Kind: Path, Where: Everywhere},
			bundle,
			{Name: "certificate-identity", Usage: "the signer's identity, exactly", Where: Everywhere},
			{Name: "certificate-identity-pattern", Usage: "an anchored pattern (RE2) that the whole signer identity matches", Where: Everywhere},
			{Name: "certificate-oidc-issuer", Usage: "the issuer of the signer's identity, exactly", Where: Everywhere},
			{Name: "sigstore", Usage: "the Sigstore instance to trust", Default: "public-good", Kind: Choice,
				Choices: []string{"public-good", "github", "custom"}, Where: Everywhere},
			trustedRoot,
			{Name: "key", Usage: "the public key file to accept instead of a certificate", Kind: Path, Where: Everywhere},
			tufMirror,
			tufRoot,
			offline,
			workers,
			format,
			store(""),
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

// The inputs that several components share.
var (
	checksums = Input{Name: "checksums", Usage: "a file of digests and names as sha256sum writes it; its lines are subjects", Kind: Path, Where: Everywhere}
	bundle    = Input{Name: "bundle", Usage: "a bundle file or a directory of them, besides what the stores hold", List: true, Kind: Path, Where: Everywhere}
	offline   = Input{Name: "offline", Usage: "open no connection: use only the bundles and the trusted root that are here", Default: "false", Kind: Bool, Where: Everywhere}
	workers   = Input{Name: "workers", Usage: "how many subjects to work on at once; the processors if empty", Where: Everywhere, Pattern: `^[0-9]*$`}
	format    = Input{Name: "format", Usage: "the form of the answer on standard output", Default: "text", Kind: Choice,
		Choices: []string{"text", "json", "markdown"}, Where: Everywhere}
	trustedRoot = Input{Name: "trusted-root", Usage: "the trusted root of a custom instance", Kind: Path, Where: Everywhere}
	tufMirror   = Input{Name: "tuf-mirror", Usage: "the URL of a TUF repository to take the trusted root from", Where: Everywhere}
	tufRoot     = Input{Name: "tuf-root", Usage: "the TUF root to begin with; with tuf-mirror", Kind: Path, Where: Everywhere}
	token       = Input{Name: "token", Usage: "the token for the platform's API", Secret: true, Where: GitHub, PlatformDefault: "${{ github.token }}"}
)

func subject(what string) Input {
	return Input{Name: "subject", Usage: what + ": files, directories, globs, oci://NAME:TAG, NAME@sha256:HEX, oci-layout://DIR or sha256:HEX",
		List: true, Arguments: true, Where: Everywhere}
}

func store(preset string) Input {
	return Input{Name: "store", Usage: "where bundles live: auto, github, gitlab, oci or dir:PATH", Default: preset, List: true, Where: Everywhere}
}

func flagOnly(i Input) Input {
	i.Where = Flag
	return i
}
