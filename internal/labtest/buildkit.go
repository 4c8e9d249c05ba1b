package labtest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// Media types of what BuildKit pushes.
const (
	IndexType       = "application/vnd.oci.image.index.v1+json"
	ManifestType    = "application/vnd.oci.image.manifest.v1+json"
	AttestationType = "application/vnd.docker.attestation.manifest.v1+json"
	StatementType   = "application/vnd.in-toto+json"
)

// Built is what BuildKit writes for one platform: an image, and an attestation
// manifest with its statements about the image. It is text, which a test may
// change as it likes.
type Built struct {
	Platform   string // "linux/amd64"
	Image      string // manifest
	Statements []string
	Manifest   string // attestation manifest
}

// Job is a job of GitHub's as the certificate of its token names it.
type Job struct {
	Repository string // owner/name
	Commit     string
	Run        string // number and attempt: "1000001/attempts/1"
}

// digest is the digest of b, with the algorithm.
func digest(b string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(b))) }

// Digest returns the digest of the image.
func (b Built) Digest() string { return digest(b.Image) }

// BuildKit builds an image called name (registry/repository:tag) for a platform,
// with these statements about it. Without any, there is its provenance.
func BuildKit(j Job, name, platform string, statements ...func(b Built) string) Built {
	b := Built{Platform: platform, Image: fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":`+
		`"application/vnd.oci.image.config.v1+json","digest":%q,"size":2},"layers":[],"annotations":{"for":%q}}`,
		ManifestType, digest("{}"), name+" "+platform)}
	if len(statements) == 0 {
		statements = append(statements, func(b Built) string { return b.Provenance(j, name) })
	}
	for _, s := range statements {
		b.Statements = append(b.Statements, s(b))
	}
	return b.Attest("")
}

// Attest writes the attestation manifest anew. subject is the digest of the
// image that it names itself; "" for none, as BuildKit wrote until 2025.
func (b Built) Attest(subject string) Built {
	var layers []string
	for _, s := range b.Statements {
		var st struct{ PredicateType string }
		_ = json.Unmarshal([]byte(s), &st) // what is no statement has none
		layers = append(layers, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d,"annotations":{"in-toto.io/predicate-type":%q}}`,
			StatementType, digest(s), len(s), st.PredicateType))
	}
	more := ""
	if subject != "" {
		more = fmt.Sprintf(`"artifactType":%q,"subject":{"mediaType":%q,"digest":%q,"size":%d},`,
			AttestationType, ManifestType, subject, len(b.Image))
	}
	b.Manifest = fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,%s"config":{"mediaType":"application/vnd.oci.image.config.v1+json",`+
		`"digest":%q,"size":2},"layers":[%s]}`, ManifestType, more, digest("{}"), strings.Join(layers, ","))
	return b
}

// Provenance is BuildKit's statement about the image, in the words of 2025
// (mode=max, docs/attestations/slsa-definitions.md).
func (b Built) Provenance(j Job, name string) string {
	source := fmt.Sprintf(`{"uri":"https://github.com/%s.git#%s","digest":{"sha1":%q}`, j.Repository, j.Commit, j.Commit)
	run, attempt, _ := strings.Cut(j.Run, "/attempts/")
	predicate := fmt.Sprintf(`{"buildDefinition":{"buildType":"https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",`+
		`"externalParameters":{"configSource":%s,"path":"Dockerfile"},"request":{"frontend":"dockerfile.v0","args":{"vcs:revision":%q}}},`+
		`"internalParameters":{"builderPlatform":%q,"github_repository":%q,"github_run_id":%q,"github_run_attempt":%q},`+
		`"resolvedDependencies":[{"uri":"pkg:docker/golang@1.21","digest":{"sha256":%q}},%s}]},`+
		`"runDetails":{"builder":{"id":"https://github.com/%s/actions/runs/%s"},"metadata":{"buildkit_completeness":{"request":true}}}}`,
		source, j.Commit, b.Platform, j.Repository, run, attempt, digest("golang")[len("sha256:"):], source, j.Repository, j.Run)
	return b.State(name, "https://slsa.dev/provenance/v1", predicate)
}

// State is a statement about the image, of any predicate.
func (b Built) State(name, predicateType, predicate string) string {
	i := strings.LastIndex(name, ":")
	purl := fmt.Sprintf("pkg:docker/%s@%s?platform=%s", strings.ReplaceAll(name[:i], ":", "%3A"), name[i+1:],
		url.QueryEscape(b.Platform))
	return fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v0.1","predicateType":%q,"subject":[{"name":%q,"digest":{"sha256":%q}}],"predicate":%s}`,
		predicateType, purl, b.Digest()[len("sha256:"):], predicate)
}

// Index writes an index of the images and their attestation manifests.
func Index(all ...Built) string {
	var entries []string
	for _, b := range all {
		entries = append(entries, b.Entry())
	}
	for _, b := range all {
		entries = append(entries, b.Reference(b.Digest()))
	}
	return IndexOf(entries...)
}

// IndexOf writes an index of any entries.
func IndexOf(entries ...string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, IndexType, strings.Join(entries, ","))
}

// Entry is the image in an index.
func (b Built) Entry() string {
	os, arch, _ := strings.Cut(b.Platform, "/")
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d,"platform":{"os":%q,"architecture":%q}}`,
		ManifestType, b.Digest(), len(b.Image), os, arch)
}

// Reference is the attestation manifest in an index, as that of an image.
func (b Built) Reference(image string) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d,"annotations":{"vnd.docker.reference.digest":%q,`+
		`"vnd.docker.reference.type":"attestation-manifest"},"platform":{"os":"unknown","architecture":"unknown"}}`,
		ManifestType, digest(b.Manifest), len(b.Manifest), image)
}

// SignPayload is the statement that cosign signs about the bytes of a manifest:
// that it is the signer's, and nothing of what it says.
func SignPayload(manifest string) string {
	return fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":%q}}],"predicateType":"https://sigstore.dev/cosign/sign/v1"}`,
		digest(manifest)[len("sha256:"):])
}
