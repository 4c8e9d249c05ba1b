package cli

import (
	"cmp"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A foreign flag is one of another tool that verifies. What it says is said here by a flag
// of ours, if say is a command line to type, or in another way, which say tells. VALUE
// stands for what was typed behind the flag.
type foreign struct{ say, otherwise string }

// policies is the way to say what flags do not.
const policies = "a policy says it: write one, as docs/start.md shows, and give it with --policy"

// foreigners are flags of gh, cosign, slsa-verifier and glab, by their names.
var foreigners = map[string]foreign{
	"repo":                                   {say: "--repository HOST/VALUE"},
	"R":                                      {say: "--repository HOST/VALUE"},
	"source-uri":                             {say: "--repository VALUE"},
	"o":                                      {say: "--owner HOST/VALUE --bundle FILE, as an owner alone says nothing about where evidence is; or --repository HOST/VALUE/NAME"},
	"b":                                      {say: "--bundle VALUE"},
	"provenance-path":                        {say: "--bundle VALUE"},
	"attestations-path":                      {say: "--bundle VALUE"},
	"certificate":                            {otherwise: "the certificate is in the bundle: give the bundle with --bundle"},
	"signature":                              {otherwise: "the signature is in the bundle: give the bundle with --bundle"},
	"cert-identity":                          {say: "--certificate-identity VALUE"},
	"cert-identity-regex":                    {say: "--certificate-identity-pattern VALUE"},
	"i":                                      {say: "--certificate-identity-pattern VALUE"},
	"certificate-identity-regexp":            {say: "--certificate-identity-pattern VALUE"},
	"certificate-identity-regex":             {say: "--certificate-identity-pattern VALUE"},
	"environment":                            {otherwise: "--for VALUE, with --policy, judges what that environment requires; sallyport gate decides who may enter it"},
	"cert":                                   {otherwise: "the certificate is in the bundle: give the bundle with --bundle"},
	"cert-chain":                             {otherwise: "certificates are believed by a trusted root: give it with --trusted-root"},
	"private-infrastructure":                 {otherwise: "what was signed and never logged is accepted with --log none; docs/verify.md says what that gives up"},
	"package-name":                           {otherwise: "leave it out: the bytes are looked up by their digest, and NAME=PATH judges a file under another name"},
	"package-version":                        {otherwise: "leave it out: the bytes are looked up by their digest, and " + policies + " (the key refs)"},
	"policy-path":                            {say: "--policy VALUE"},
	"p":                                      {say: "--policy VALUE"},
	"r":                                      {say: "--repository HOST/VALUE"},
	"ref":                                    {otherwise: policies + " (the key refs, as refs: [VALUE])"},
	"cert-oidc-issuer":                       {say: "--certificate-oidc-issuer VALUE"},
	"certificate-oidc-issuer-regexp":         {otherwise: "an issuer is named exactly: --certificate-oidc-issuer ISSUER"},
	"signer-workflow":                        {say: "--signer VALUE"},
	"builder-id":                             {say: "--signer VALUE"},
	"signer-repo":                            {otherwise: "name the workflow that signs, and not its repository alone: --signer OWNER/NAME/PATH"},
	"signer-digest":                          {otherwise: policies + " (the key signer-digest)"},
	"source-digest":                          {otherwise: "the answer names the commit; " + policies},
	"source-ref":                             {otherwise: policies + " (the key refs, as refs: [VALUE])"},
	"source-branch":                          {otherwise: policies + " (the key refs, as refs: [refs/heads/VALUE])"},
	"source-tag":                             {otherwise: policies + " (the key refs, as refs: [refs/tags/VALUE])"},
	"source-versioned-tag":                   {otherwise: policies + ` (the key refs, as refs: ["refs/tags/VALUE*"])`},
	"build-workflow-input":                   {otherwise: policies + " (the key inputs)"},
	"deny-self-hosted-runners":               {otherwise: "the answer names the runner, and under a policy only the platform's own count unless it says otherwise; " + policies},
	"env":                                    {otherwise: "--for VALUE, with --policy, judges what that environment requires; sallyport gate decides who may enter it"},
	"custom-trusted-root":                    {say: "--trusted-root VALUE"},
	"trusted-root-path":                      {say: "--trusted-root VALUE"},
	"certificate-chain":                      {otherwise: "certificates are believed by a trusted root: give it with --trusted-root"},
	"ca-roots":                               {otherwise: "certificates are believed by a trusted root: give it with --trusted-root"},
	"no-public-good":                         {otherwise: "leave it out: with --repository, both instances of the platform are known, and --sigstore takes one alone"},
	"hostname":                               {otherwise: "the host is the beginning of the repository: --repository VALUE/OWNER/NAME"},
	"bundle-from-oci":                        {say: "--store oci"},
	"digest-alg":                             {otherwise: "leave it out: a digest names its algorithm, as sha256:HEX"},
	"d":                                      {otherwise: "leave it out: a digest names its algorithm, as sha256:HEX"},
	"jq":                                     {otherwise: "--format json writes the answer for such tools"},
	"q":                                      {otherwise: "--format json writes the answer for such tools"},
	"template":                               {otherwise: "--format json writes the answer for such tools"},
	"t":                                      {otherwise: "--format json writes the answer for such tools"},
	"print-provenance":                       {otherwise: "--format json writes the answer for such tools"},
	"limit":                                  {otherwise: "leave it out: all evidence is looked at"},
	"L":                                      {otherwise: "leave it out: all evidence is looked at"},
	"type":                                   {say: "--predicate-type VALUE"},
	"use-signed-timestamps":                  {otherwise: "leave it out: signed timestamps are read"},
	"new-bundle-format":                      {otherwise: "leave it out: bundles are read by what is in them"},
	"check-claims":                           {otherwise: "leave it out: evidence always has to be about the artifact"},
	"insecure-ignore-tlog":                   {otherwise: "no flag ignores a log; docs/verify.md says what --log is for"},
	"insecure-ignore-sct":                    {otherwise: "no flag ignores the log of certificates; a trusted root says whether there is one"},
	"rekor-url":                              {otherwise: "logs are named by a trusted root: give it with --trusted-root"},
	"certificate-github-workflow-repository": {say: "--repository HOST/VALUE"},
	"certificate-github-workflow-ref":        {otherwise: policies + " (the key refs, as refs: [VALUE])"},
	"certificate-github-workflow-name":       {otherwise: "a workflow is named by its path: --workflow PATH"},
	"certificate-github-workflow-sha":        {otherwise: "the answer names the commit; " + policies},
	"certificate-github-workflow-trigger":    {otherwise: policies + " (the key events)"},
}

// types are the short names that another tool has for types of predicates.
var types = map[string]string{
	"slsaprovenance": "https://slsa.dev/provenance/v0.2", "slsaprovenance02": "https://slsa.dev/provenance/v0.2",
	"slsaprovenance1": "https://slsa.dev/provenance/v1", "spdx": "https://spdx.dev/Document", "spdxjson": "https://spdx.dev/Document",
	"cyclonedx": "https://cyclonedx.org/bom", "vuln": "https://cosign.sigstore.dev/attestation/vuln/v1",
	"openvex": "https://openvex.dev/ns", "link": "https://in-toto.io/Link/v1",
}

// oursFor returns the next step of a person who typed a flag of another tool. err says which
// one is not defined. "" is none that is known.
func oursFor(command string, err error, args []string) string {
	_, name, ok := strings.Cut(err.Error(), "not defined: -")
	f, known := foreigners[name]
	if !ok || !known || command != "verify" {
		return ""
	}
	typed := typedBehind(name, args)
	if f.say == "" {
		return strings.ReplaceAll(f.otherwise, "VALUE", cmp.Or(typed, "NAME"))
	}
	say := f.say
	switch {
	case name == "type" && types[typed] != "":
		typed = types[typed]
	case strings.Contains(say, "HOST/") && strings.Contains(typed, "/") && strings.Contains(strings.Split(typed, "/")[0], "."):
		say = strings.ReplaceAll(say, "HOST/", "")
	case strings.HasPrefix(say, "--signer"):
		typed = workflowOf(typed)
	}
	say = strings.ReplaceAll(say, "HOST/", usualHost+"/")
	return "say " + strings.ReplaceAll(say, "VALUE", cmp.Or(typed, "…"))
}

// workflowOf is the address of a workflow without its scheme and the host that everybody
// knows.
func workflowOf(address string) string {
	address = strings.TrimPrefix(address, "https://")
	return strings.TrimPrefix(address, usualHost+"/")
}

// usualHost is where a repository is that is named without a host in the other tools.
const usualHost = "github.com"

// typedBehind returns what stands behind a flag, if it can be shown and typed again.
func typedBehind(name string, args []string) string {
	for i, a := range args {
		flag, value, ok := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if flag != name || !strings.HasPrefix(a, "-") {
			continue
		}
		if !ok && i+1 < len(args) {
			value = args[i+1]
		}
		odd := func(r rune) bool { return r <= ' ' || r > '~' || r == '\'' || r == '"' }
		if len(value) > maxTyped || strings.ContainsFunc(value, odd) || strings.HasPrefix(value, "-") || hasUser(value) {
			return ""
		}
		return value
	}
	return ""
}

const maxTyped = 300 // bytes of a value that is written back

// hasUser reports whether an address names a user, and perhaps a password.
func hasUser(address string) bool {
	_, rest, ok := strings.Cut(address, "://")
	authority, _, _ := strings.Cut(rest, "/")
	return ok && strings.Contains(authority, "@")
}

// notOurs is the fault of a flag of another tool, or nil.
func notOurs(command string, err error, args []string) error {
	hint := oursFor(command, err, args)
	if hint == "" {
		return nil
	}
	return fault.New(fault.Usage, fault.Config, hint, "%w", fault.Brief(err))
}
