package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sync/errgroup"

	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

func init() {
	commands["buildkit"], commands["cosign"], commands["dockerpolicy"] = buildkit, cosign, dockerPolicy
}

// dockerPolicy FILE is policy FILE with what docs/verify.md says about images of
// Docker's builder: the page's own text, about this scene's repository, registry
// and trusted root.
func dockerPolicy(ts *testscript.TestScript, neg bool, args []string) {
	writePolicy(ts, neg, args)
	s := on(ts)
	root, err := os.ReadFile(filepath.Join(s.lab.Dir, "trusted_root.json"))
	ts.Check(err)
	page, err := os.ReadFile(filepath.Join(filepath.Dir(ts.Getenv("FIXTURE")), "..", "docs", "verify.md"))
	ts.Check(err)
	text := string(page)
	for _, r := range []struct{ from, to string }{
		{"ghcr.io/acme/app", s.lab.Registry + "/" + s.repo + "/app"}, {"acme/app\n", s.repo + "\n"}, {"123456789", fmt.Sprint(s.id)},
		{"trust: public-good", fmt.Sprintf("trust: {root: trusted_root.json, sha256: %x}", sha256.Sum256(root))},
	} {
		if !strings.Contains(text, r.from) {
			ts.Fatalf("docs/verify.md has no %q", r.from)
		}
		text = strings.ReplaceAll(text, r.from, r.to)
	}
	_, text, _ = strings.Cut(text, "## Images of Docker's builder")
	block := fence.FindStringSubmatch(text)
	if block == nil {
		ts.Fatalf("docs/verify.md shows no policy about Docker's builder")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(block[1]), 0o644))
}

// repository is a repository of the lab's registry, for a client that writes what
// no image library writes.
type repository struct {
	ts   *testscript.TestScript
	base string // address of its API
}

func repositoryOf(ts *testscript.TestScript, image string) (repository, string) {
	host, path, _ := strings.Cut(image, "/")
	path, ref, ok := strings.Cut(path, "@")
	if !ok {
		path, ref, _ = strings.Cut(path, ":")
	}
	return repository{ts, "http://" + host + "/v2/" + path}, ref
}

func (r repository) send(method, path, contentType, body string) []byte {
	req, err := http.NewRequest(method, r.base+path, strings.NewReader(body))
	r.ts.Check(err)
	req.Header.Set("Content-Type", contentType)
	resp, err := client.Do(req)
	r.ts.Check(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	r.ts.Check(err)
	if resp.StatusCode >= 300 {
		r.ts.Fatalf("%s %s: %s: %s", method, req.URL, resp.Status, b)
	}
	return b
}

func (r repository) blob(b string) {
	r.send(http.MethodPost, "/blobs/uploads/?digest="+digestOf(b), "application/octet-stream", b)
}

// manifest pushes a manifest or index, under its digest if ref is "".
func (r repository) manifest(ref, b string) {
	var m struct{ MediaType string }
	r.ts.Check(json.Unmarshal([]byte(b), &m))
	if ref == "" {
		ref = digestOf(b)
	}
	r.send(http.MethodPut, "/manifests/"+ref, m.MediaType, b)
}

func digestOf(b string) string { return subject.Sum([]byte(b)).String() }

// buildkit NAME:TAG VAR [TRICK ...] pushes an index of two platforms as Docker's
// BuildKit writes it in a job of this scene's repository. VAR is the digest of
// the index, VAR0 and VAR1 those of its images, VARA0 and VARA1 those of their
// attestation manifests. The tricks:
//
//	named    each attestation manifest names its image, as since 2025
//	sbom     an inventory beside each provenance
//	lies     the provenance of the second image names another commit
//	swapped  each attestation manifest is that of the other image
//	nested   the second image is an index
//	more     a third image that nobody has built
func buildkit(ts *testscript.TestScript, neg bool, args []string) {
	s := on(ts)
	r, tag := repositoryOf(ts, args[0])
	job := labtest.Job{Repository: s.repo, Commit: "9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605", Run: "1000001/attempts/1"}
	trick := func(name string) bool { return slices.Contains(args[2:], name) }
	var built []labtest.Built
	for i, platform := range []string{"linux/amd64", "linux/arm64"} {
		j := job
		if trick("lies") && i == 1 {
			j.Commit = strings.Repeat("1", 40)
		}
		states := []func(labtest.Built) string{func(b labtest.Built) string { return b.Provenance(j, args[0]) }}
		if trick("sbom") {
			states = append(states, func(b labtest.Built) string { return b.State(args[0], "https://spdx.dev/Document", "{}") })
		}
		b := labtest.BuildKit(job, args[0], platform, states...)
		if trick("named") {
			b = b.Attest(b.Digest())
		}
		built = append(built, b)
	}
	entries := []string{built[0].Entry(), built[1].Entry(), built[0].Reference(built[0].Digest()), built[1].Reference(built[1].Digest())}
	if trick("swapped") {
		entries[2], entries[3] = built[0].Reference(built[1].Digest()), built[1].Reference(built[0].Digest())
	}
	if trick("nested") {
		entries[1] = strings.Replace(entries[1], labtest.ManifestType, labtest.IndexType, 1)
	}
	if trick("more") {
		more := labtest.BuildKit(job, args[0], "linux/s390x")
		entries = append(entries, more.Entry())
		r.manifest("", more.Image)
	}
	r.blob("{}")
	for i, b := range built {
		for _, l := range b.Statements {
			r.blob(l)
		}
		r.manifest("", b.Image)
		r.manifest("", b.Manifest)
		ts.Setenv(fmt.Sprint(args[1], i), b.Digest())
		ts.Setenv(fmt.Sprint(args[1], "A", i), digestOf(b.Manifest))
	}
	index := labtest.IndexOf(entries...)
	r.manifest(tag, index)
	ts.Setenv(args[1], digestOf(index))
}

// cosign NAME@DIGEST ... signs manifests as cosign does in this step of a job:
// that they are this job's, and nothing of what they say.
func cosign(ts *testscript.TestScript, neg bool, args []string) {
	raw, err := os.ReadFile(filepath.Join(on(ts).lab.Dir, "signing_config.json"))
	ts.Check(err)
	config, err := sigstore.ParseSigningConfig(raw)
	ts.Check(err)
	bundles, manifests := make([][]byte, len(args)), make([]string, len(args))
	var g errgroup.Group // the log answers a batch as fast as a single entry
	for i, image := range args {
		r, digest := repositoryOf(ts, image)
		manifests[i] = string(r.send(http.MethodGet, "/manifests/"+digest, "", ""))
		token := idToken(ts)
		g.Go(func() (err error) {
			bundles[i], err = sigstore.Sign(context.Background(), config, []byte(labtest.SignPayload(manifests[i])), token)
			return err
		})
	}
	ts.Check(g.Wait())
	for i, image := range args {
		r, digest := repositoryOf(ts, image)
		bundle, manifest := bundles[i], manifests[i]
		r.blob(string(bundle))
		const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"
		r.manifest("", fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"artifactType":%q,`+
			`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},`+
			`"subject":{"mediaType":%q,"digest":%q,"size":%d},"layers":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
			labtest.ManifestType, bundleType, digestOf("{}"), labtest.ManifestType, digest, len(manifest),
			bundleType, digestOf(string(bundle)), len(bundle)))
	}
}

// idToken is the token that this step would ask its runner for.
func idToken(ts *testscript.TestScript) string {
	u, err := url.Parse(ts.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL"))
	ts.Check(err)
	q := u.Query()
	q.Set("audience", "sigstore")
	u.RawQuery = q.Encode()
	req, err := http.NewRequest(http.MethodGet, u.String(), bytes.NewReader(nil))
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+ts.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
	resp, err := client.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	var answer struct{ Value string }
	ts.Check(json.NewDecoder(resp.Body).Decode(&answer))
	return answer.Value
}
