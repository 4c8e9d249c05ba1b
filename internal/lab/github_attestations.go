package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/s2"
)

// An attestation is a stored bundle, and what its statement is about.
type attestation struct {
	id            int64
	bundle        json.RawMessage
	subjects      []string // sha256:hex
	predicateType string
	blob          string // the name of its compressed bundle
}

// A sigstoreBundle is as much of a bundle as the toy looks at.
type sigstoreBundle struct {
	MediaType            string                     `json:"mediaType"`
	VerificationMaterial map[string]json.RawMessage `json:"verificationMaterial"`
	DSSEEnvelope         struct {
		Payload     []byte            `json:"payload"`
		PayloadType string            `json:"payloadType"`
		Signatures  []json.RawMessage `json:"signatures"`
	} `json:"dsseEnvelope"`
}

type inTotoStatement struct {
	Subject []struct {
		Digest map[string]string `json:"digest"`
	} `json:"subject"`
	PredicateType string `json:"predicateType"`
}

// readAttestation refuses a bundle that lacks a part. It verifies nothing:
// what the toy stores is as little to be believed as what GitHub stores.
func readAttestation(raw json.RawMessage) (attestation, error) {
	var b sigstoreBundle
	if err := json.Unmarshal(raw, &b); err != nil {
		return attestation{}, fmt.Errorf("bundle: %w", err)
	}
	switch {
	case !strings.HasPrefix(b.MediaType, "application/vnd.dev.sigstore.bundle"):
		return attestation{}, fmt.Errorf("bundle has media type %q", b.MediaType)
	case len(b.VerificationMaterial) == 0:
		return attestation{}, errors.New("bundle has no verificationMaterial")
	case b.DSSEEnvelope.PayloadType != "application/vnd.in-toto+json":
		return attestation{}, fmt.Errorf("envelope has payload type %q", b.DSSEEnvelope.PayloadType)
	case len(b.DSSEEnvelope.Signatures) == 0:
		return attestation{}, errors.New("envelope has no signatures")
	}
	var s inTotoStatement
	if err := json.Unmarshal(b.DSSEEnvelope.Payload, &s); err != nil {
		return attestation{}, fmt.Errorf("statement: %w", err)
	}
	if s.PredicateType == "" {
		return attestation{}, errors.New("statement has no predicateType")
	}
	a := attestation{bundle: raw, predicateType: s.PredicateType}
	for _, subject := range s.Subject {
		if hex := subject.Digest["sha256"]; hex != "" {
			a.subjects = append(a.subjects, "sha256:"+hex)
		}
	}
	if len(a.subjects) == 0 {
		return attestation{}, errors.New("statement has no subject with a sha256 digest")
	}
	return a, nil
}

// postAttestation keeps a bundle. A repository that is not public keeps one for an
// enterprise only (docs.github.com, "Artifact attestations").
func (g *github) postAttestation(w http.ResponseWriter, req *http.Request, r *repo) {
	if r.visibility != "public" && r.settings.plan != "enterprise" {
		gitHubError(w, http.StatusNotFound, "Feature not available for the "+r.owner+" organization.")
		return
	}
	var in struct {
		Bundle json.RawMessage `json:"bundle"`
	}
	if err := readJSON(req, &in); err != nil {
		gitHubError(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	a, err := readAttestation(in.Bundle)
	if err != nil {
		gitHubError(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	a.id = g.nextID()
	a.blob = randomHex(12) + ".json.sn"
	g.blobs[a.blob] = s2.EncodeSnappy(nil, a.bundle)
	r.attestations = append(r.attestations, a)
	writeJSON(w, http.StatusCreated, object{"id": a.id})
}

// listAttestations answers the newest first, a page at a time; none at all is
// a 404, as there.
func (g *github) listAttestations(w http.ResponseWriter, req *http.Request, r *repo) {
	var found []attestation
	for _, a := range slices.Backward(r.attestations) {
		if slices.Contains(a.subjects, req.PathValue("digest")) && isOfType(a.predicateType, req.URL.Query().Get("predicate_type")) {
			found = append(found, a)
		}
	}
	if len(found) == 0 {
		gitHubNotFound(w)
		return
	}
	page, err := cursorPageOf(g, w, req, found, attestation.cursor)
	if err != nil {
		gitHubError(w, http.StatusBadRequest, err.Error())
		return
	}
	out := make([]object, 0, len(page))
	for _, a := range page {
		out = append(out, g.attestationShape(r, a))
	}
	writeJSON(w, http.StatusOK, object{"attestations": out})
}

func (g *github) attestationShape(r *repo, a attestation) object {
	out := object{
		"repository_id": r.id,
		"bundle_url":    g.base + "/blobs/" + a.blob + "?sig=" + a.blob[:8],
		"initiator":     "user",
	}
	if r.inline {
		out["bundle"] = a.bundle
	}
	return out
}

// isOfType follows the names that the API has for types; anything else is the
// whole type.
func isOfType(predicateType, filter string) bool {
	switch filter {
	case "":
		return true
	case "provenance":
		return strings.HasPrefix(predicateType, "https://slsa.dev/provenance/")
	case "sbom":
		return strings.HasPrefix(predicateType, "https://spdx.dev/Document") || strings.HasPrefix(predicateType, "https://cyclonedx.org/bom")
	case "release":
		return strings.HasPrefix(predicateType, "https://in-toto.io/attestation/release/")
	}
	return predicateType == filter
}

func (a attestation) cursor() string { return cursor("attestation:" + strconv.FormatInt(a.id, 10)) }

// getBlob serves a bundle in snappy's block format, as the store behind the
// real API does: the URL is the permission, and a request that brings another
// is refused, because it leaks that one.
func (g *github) getBlob(w http.ResponseWriter, r *http.Request) {
	if scheme, _ := credentials(r); scheme != "none" {
		http.Error(w, "this URL takes no authorization", http.StatusBadRequest)
		return
	}
	name := r.PathValue("name")
	g.mu.Lock()
	blob, ok := g.blobs[name]
	g.mu.Unlock()
	if !ok || r.URL.Query().Get("sig") != name[:8] {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/x-snappy")
	_, _ = w.Write(blob) // the client may be gone
}
