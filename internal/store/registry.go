package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Media types (OCI image specification 1.1; Docker image manifest version 2).
const (
	typeIndex       = "application/vnd.oci.image.index.v1+json"
	typeManifest    = "application/vnd.oci.image.manifest.v1+json"
	typeEmpty       = "application/vnd.oci.empty.v1+json"
	typeDockerList  = "application/vnd.docker.distribution.manifest.list.v2+json"
	typeDockerImage = "application/vnd.docker.distribution.manifest.v2+json"
	bundlePrefix    = "application/vnd.dev.sigstore.bundle"
	typeBundle      = "application/vnd.dev.sigstore.bundle.v0.3+json"
	typeDSSE        = "application/vnd.dsse.envelope.v1+json"
	typeAttestation = "application/vnd.docker.attestation.manifest.v1+json"
)

const (
	maxManifest = 4 << 20  // bytes of a manifest
	maxIndex    = 16 << 20 // bytes of an index: it lists all referrers of an image
	maxPages    = 1000     // pages of one listing
	maxListed   = 100_000  // entries of one listing, whatever they are
	maxLayers   = 64       // bundles in one manifest
)

// descriptor points to content (OCI image specification, descriptor).
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Platform     json.RawMessage   `json:"platform,omitempty"`
	URLs         []string          `json:"urls,omitempty"`
}

// manifest is an image manifest or an index; only one of Layers and Manifests
// is filled.
type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        *descriptor       `json:"config,omitempty"`
	Layers        []descriptor      `json:"layers,omitempty"`
	Manifests     []descriptor      `json:"manifests,omitempty"`
	Subject       *descriptor       `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// repository speaks to one repository of a registry.
type repository struct {
	host string // as people write it
	path string
	base *url.URL
	http *http.Client
}

func (r *repository) String() string { return r.host + "/" + r.path }

func (r *repository) url(format string, args ...any) string {
	return r.base.String() + "/v2/" + r.path + fmt.Sprintf(format, args...)
}

// registryURL is the address of a registry: https, and http for loopback only.
func registryURL(reg name.Registry) *url.URL {
	u := &url.URL{Scheme: "https", Host: reg.RegistryStr()}
	if client.Loopback(u.Hostname()) {
		u.Scheme = "http"
	}
	return u
}

// call is one request. A body is sent whole, so that it can be sent again.
type call struct {
	method string
	url    string
	header map[string]string
	body   []byte
}

// do sends c and returns the answer with a body that was read to its end.
func (r *repository) do(ctx context.Context, c call) (*http.Response, []byte, error) {
	var body io.Reader
	if c.body != nil {
		body = bytes.NewReader(c.body)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, c.url, body)
	if err != nil {
		return nil, nil, fault.New(fault.Refused, fault.Malformed, "", "registry %s: %w", r.host, err)
	}
	for k, v := range c.header {
		req.Header.Set(k, v)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return nil, nil, client.Unanswered("registry "+r.host, err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, client.Unanswered("registry "+r.host, err)
	}
	return resp, b, resp.Body.Close()
}

func (r *repository) wrong(resp *http.Response) error {
	return client.Status("registry "+r.host, resp.StatusCode, "log in to "+r.host)
}

// refused is wrong for a write: who may not write has to change something.
func (r *repository) refused(resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fault.New(fault.Usage, fault.Config, "log in to "+r.host+" as somebody who may push to "+r.path,
			"registry %s answered %d: not allowed to write to %s", r.host, resp.StatusCode, r.path)
	case http.StatusNotFound:
		return fault.New(fault.Usage, fault.Config, "create the repository "+r.path+" at "+r.host+", or check its name",
			"registry %s answered %d: there is no repository %s to write to", r.host, resp.StatusCode, r.path)
	case http.StatusRequestEntityTooLarge:
		return fault.New(fault.Refused, fault.Limit, "attest fewer files at once, or a smaller predicate",
			"registry %s answered %d: the bundle is larger than it takes", r.host, resp.StatusCode)
	}
	return r.wrong(resp)
}

// body is content with the digest of its bytes, taken by us.
type body struct {
	bytes     []byte
	digest    subject.Digest
	mediaType string
	etag      string
}

// manifest returns what ref, a tag or a digest, names. found is false if there
// is nothing. A body that does not have the digest that was asked for, or the
// one that the registry claims, is refused: anything may sit between.
func (r *repository) manifest(ctx context.Context, ref string) (m body, found bool, err error) {
	accept := strings.Join([]string{typeIndex, typeManifest, typeDockerList, typeDockerImage}, ", ")
	resp, b, err := r.do(ctx, call{method: http.MethodGet, url: r.url("/manifests/%s", ref),
		header: map[string]string{"Accept": accept}})
	if err != nil {
		return body{}, false, err
	}
	if resp.StatusCode == http.StatusNotFound {
		return body{}, false, nil
	}
	if resp.StatusCode != http.StatusOK {
		return body{}, false, r.wrong(resp)
	}
	m = body{bytes: b, digest: subject.Sum(b), mediaType: mediaType(resp.Header.Get("Content-Type")),
		etag: resp.Header.Get("ETag")}
	if limit := limitOf(m.mediaType); len(b) > limit {
		return body{}, false, fault.New(fault.Refused, fault.Limit, "",
			"registry %s answered with a manifest of %d bytes, at most %d are allowed: %w",
			r, len(b), limit, client.ErrTooLarge)
	}
	for _, want := range []string{ref, resp.Header.Get("Docker-Content-Digest")} {
		if strings.HasPrefix(want, "sha256:") && want != m.digest.String() {
			return body{}, false, r.otherBytes(want, m.digest)
		}
	}
	return m, true, nil
}

func (r *repository) otherBytes(want string, got subject.Digest) error {
	return fault.New(fault.Refused, fault.SubjectMismatch, "",
		"registry %s answered with bytes of %s, want %q", r.host, got, want)
}

func limitOf(mediaType string) int {
	if mediaType == typeIndex {
		return maxIndex
	}
	return maxManifest
}

func mediaType(header string) string {
	t, _, _ := strings.Cut(header, ";")
	return strings.TrimSpace(t)
}

// blob returns the bytes that d describes; what is their name for people. Everybody
// who may push a manifest can write d, so blob passes over bytes that are too large
// or missing, with the reason.
func (r *repository) blob(ctx context.Context, d descriptor, what string) (b []byte, why string, err error) {
	tooLarge := what + " of more than 16 MiB"
	want, err := subject.ParseDigest(d.Digest)
	if err != nil {
		return nil, what + " without a sha256 digest", nil
	}
	if d.Size > MaxBundleBytes {
		return nil, tooLarge, nil
	}
	resp, b, err := r.do(ctx, call{method: http.MethodGet, url: r.url("/blobs/%s", want)})
	if isLimit(err) {
		return nil, tooLarge, nil
	}
	if err != nil {
		return nil, "", err
	}
	if resp.StatusCode == http.StatusNotFound {
		return nil, what + " that is listed and missing", nil
	}
	if resp.StatusCode != http.StatusOK {
		return nil, "", r.wrong(resp)
	}
	if got := subject.Sum(b); got != want {
		return nil, "", r.otherBytes(d.Digest, got)
	}
	return b, "", nil
}

// parseManifest reads a manifest or an index of the wanted media type.
func (r *repository) parseManifest(b []byte, wanted ...string) (manifest, error) {
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return manifest{}, client.Proxied("registry "+r.String(), "with a manifest that is not JSON")
	}
	if m.SchemaVersion != 2 {
		return manifest{}, client.Proxied("registry "+r.String(),
			fmt.Sprintf("with a manifest of schema version %d, want 2", m.SchemaVersion))
	}
	for _, w := range wanted {
		if m.MediaType == w {
			return m, nil
		}
	}
	return manifest{}, client.Proxied("registry "+r.String(),
		fmt.Sprintf("with media type %s, want %q", fault.Quote(m.MediaType), wanted[0]))
}

// next returns the address of the page after resp, or "" after the last. The
// next page is on the same registry; anywhere else is not a page of it.
func (r *repository) next(resp *http.Response) (string, error) {
	for _, l := range resp.Header.Values("Link") {
		target, rest, ok := strings.Cut(l, ">")
		if !ok || !strings.Contains(strings.ReplaceAll(rest, `"`, ""), "rel=next") {
			continue
		}
		u, err := resp.Request.URL.Parse(strings.TrimPrefix(strings.TrimSpace(target), "<"))
		if err != nil || !client.SameOrigin(u, r.base) {
			return "", fault.New(fault.Refused, fault.Malformed, "",
				"registry %s names a next page that is not its own", r)
		}
		return u.String(), nil
	}
	return "", nil
}

// tags lists the tags that start with prefix.
func (r *repository) tags(ctx context.Context, prefix string) ([]string, error) {
	var tags []string
	seen, asked := 0, map[string]bool{}
	at := r.url("/tags/list?n=1000")
	for page := 1; at != ""; page++ {
		if page > maxPages || seen > maxListed {
			return nil, fault.New(fault.Refused, fault.Limit, "", "registry %s has more than %d tags", r, seen)
		}
		asked[at] = true
		resp, b, err := r.do(ctx, call{method: http.MethodGet, url: at})
		if err != nil {
			return nil, err
		}
		if resp.StatusCode == http.StatusNotFound && page == 1 {
			return nil, nil
		}
		if resp.StatusCode == http.StatusNotFound {
			return nil, fault.New(fault.Refused, fault.Malformed, "", "registry %s lost page %d of its tags", r, page)
		}
		if resp.StatusCode != http.StatusOK {
			return nil, r.wrong(resp)
		}
		var list struct{ Tags []string }
		if err := json.Unmarshal(b, &list); err != nil {
			return nil, fault.New(fault.Refused, fault.Malformed, "",
				"registry %s answered with a list of tags that is not JSON", r)
		}
		seen += len(list.Tags)
		for _, t := range list.Tags {
			if strings.HasPrefix(t, prefix) {
				tags = append(tags, t)
			}
		}
		if at, err = r.next(resp); err != nil {
			return nil, err
		}
		if at != "" && (len(list.Tags) == 0 || asked[at]) {
			return nil, fault.New(fault.Refused, fault.Malformed, "", "registry %s lost page %d of its tags", r, page+1)
		}
	}
	return tags, nil
}

// putBlob uploads content, unless the registry has it already.
func (r *repository) putBlob(ctx context.Context, b []byte) (subject.Digest, error) {
	d := subject.Sum(b)
	resp, _, err := r.do(ctx, call{method: http.MethodHead, url: r.url("/blobs/%s", d)})
	if err != nil {
		return d, err
	}
	if resp.StatusCode == http.StatusOK {
		return d, nil
	}
	resp, _, err = r.do(ctx, call{method: http.MethodPost, url: r.url("/blobs/uploads/"), body: []byte{}})
	if err != nil {
		return d, err
	}
	if resp.StatusCode != http.StatusAccepted {
		return d, r.refused(resp)
	}
	at, err := resp.Request.URL.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return d, fault.New(fault.Refused, fault.Malformed, "", "registry %s does not say where to upload", r)
	}
	q := at.Query()
	q.Set("digest", d.String())
	at.RawQuery = q.Encode()
	resp, _, err = r.do(ctx, call{method: http.MethodPut, url: at.String(), body: b,
		header: map[string]string{"Content-Type": "application/octet-stream"}})
	if err != nil {
		return d, err
	}
	if resp.StatusCode != http.StatusCreated {
		return d, r.refused(resp)
	}
	return d, nil
}

// putManifest writes b under ref, a tag or its digest. header may hold
// conditions; changed is true if they did not hold.
func (r *repository) putManifest(ctx context.Context, ref, mediaType string, b []byte,
	header map[string]string) (resp *http.Response, changed bool, err error) {
	h := map[string]string{"Content-Type": mediaType}
	for k, v := range header {
		h[k] = v
	}
	resp, _, err = r.do(ctx, call{method: http.MethodPut, url: r.url("/manifests/%s", ref), body: b, header: h})
	if err != nil {
		return nil, false, err
	}
	switch resp.StatusCode {
	case http.StatusCreated:
		return resp, false, nil
	case http.StatusPreconditionFailed, http.StatusConflict:
		return resp, true, nil
	}
	return nil, false, r.refused(resp)
}
