package serve_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/digitorus/timestamp"
)

// publishes puts an artifact of files under a tag, as oras push does.
func (w *world) publishes(name, tag string, files map[string]string) {
	w.Helper()
	at := "http://" + w.lab.Registry + "/v2/" + name
	send := func(method, url, kind string, body []byte) *http.Response {
		req, err := http.NewRequest(method, url, bytes.NewReader(body))
		if err != nil {
			w.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			w.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if said, _ := io.ReadAll(resp.Body); resp.StatusCode >= http.StatusMultipleChoices {
			w.Fatalf("%s %s: %d, %s", method, url, resp.StatusCode, said)
		}
		return resp
	}
	blob := func(b []byte, title string) string {
		digest := fmt.Sprintf("sha256:%x", sha256.Sum256(b))
		begun := send(http.MethodPost, at+"/blobs/uploads/", "", nil)
		to, err := begun.Request.URL.Parse(begun.Header.Get("Location"))
		if err != nil {
			w.Fatal(err)
		}
		q := to.Query()
		q.Set("digest", digest)
		to.RawQuery = q.Encode()
		send(http.MethodPut, to.String(), "application/octet-stream", b)
		return fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":%d%s}`, digest,
			len(b),
			title)
	}
	config := strings.Replace(blob([]byte("{}"), ""), "image.layer.v1.tar", "empty.v1+json", 1)
	var layers []string
	for _, title := range slices.Sorted(maps.Keys(files)) {
		layers = append(layers, blob([]byte(files[title]),
			fmt.Sprintf(`,"annotations":{"org.opencontainers.image.title":%q}`, title)))
	}
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
		`"artifactType":"application/vnd.unknown.artifact.v1","config":%s,"layers":[%s]}`, config, strings.Join(layers, ","))
	send(http.MethodPut, at+"/manifests/"+tag, "application/vnd.oci.image.manifest.v1+json", []byte(manifest))
}

// signs signs something in a job of the repository that has the policies.
func (w *world) signs(dir, workflow string, args ...string) {
	w.Helper()
	name := w.repo + "-rules"
	ref := name + "/.github/workflows/" + workflow + "@refs/heads/main"
	args = append(append([]string{"attest"}, w.signing()...), args...)
	w.inJob(dir, 990, map[string]any{"repository": name, "repository_id": fmt.Sprint(w.id + 2_000_000),
		"workflow_ref": ref, "job_workflow_ref": ref}, args...)
}

// signature is the bundle of a policy that a workflow of that repository signs as a file of a name.
func (w *world) signature(text, workflow, name string) string {
	w.Helper()
	dir := w.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
	w.signs(dir, workflow, "--store", "dir:kept", name)
	all, err := filepath.Glob(filepath.Join(dir, ".sallyport/bundles/*.json"))
	if err != nil || len(all) != 1 {
		w.Fatalf("%d bundles, %v", len(all), err)
	}
	b, err := os.ReadFile(all[0])
	if err != nil {
		w.Fatal(err)
	}
	return string(b)
}

// signers is the policy of policies: one workflow signs them.
const signers = `version: 1
artifacts:
  policy:
    subject: [%[4]s]
    trust: {root: trusted_root.json, sha256: %[3]x}
    built-by:
      - issuer: https://token.actions.githubusercontent.com
        repository: %[1]s-rules
        repository-id: %[2]d
        workflow: .github/workflows/publish.yml
        refs: [refs/heads/main]
environments:
  policies: {requires: {provenance: {}}}
`

// hup has a server read its policies again, and waits until it says something.
func (w *world) hup(p *process, says string) {
	w.Helper()
	before := strings.Count(p.log.String(), says)
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		w.Fatal(err)
	}
	w.until("the server says "+says, func() bool { return strings.Count(p.log.String(), says) > before })
}

// enters lets a run come to production, and wants an answer.
func (w *world) enters(run int64, want string) string {
	w.Helper()
	w.run(run)
	w.attests(run, w.url, nil)
	w.lab.Waits(w, w.repo, run, "production", nil)
	return w.answered(run, want)
}

// signedBy lets the policy be signed under signers, and returns what it is in two versions: the second one wants
// another branch.
func (w *world) signedBy(place, subject string) (first, second string) {
	w.Helper()
	w.write("signers.yaml", fmt.Sprintf(signers, w.repo, w.id+2_000_000,
		sha256.Sum256([]byte(w.read("trusted_root.json"))),
		subject))
	w.write("server.yaml", strings.Replace(w.read("server.yaml"), "{file: policy.yaml,",
		"{"+place+", signed-under: signers.yaml,", 1))
	first = w.read("policy.yaml")
	return first, strings.ReplaceAll(first, "refs: [refs/heads/main]", "refs: [refs/heads/release]")
}

const readAgain, notRead = "the policies were read again", "a new policy is not used"

func TestG04_a_policy_in_a_registry_counts_as_long_as_its_signer_signed_it_last(t *testing.T) {
	t.Parallel()
	worlds(t, "10m", func(w *world) {
		name := w.repo + "-policies"
		image := w.lab.Registry + "/" + name
		first, second := w.signedBy(fmt.Sprintf("oci: {reference: %q, path: app.yaml}", image+":app"), image)
		files := func(text string) map[string]string {
			return map[string]string{"app.yaml": text, "trusted_root.json": w.read("trusted_root.json")}
		}
		sign := func(workflow, tag string) {
			w.signs(w.TempDir(), workflow, "--store", "oci", "oci://"+image+":"+tag)
		}
		refused := func(code, text string) {
			w.Helper()
			if status, said := w.runs("sallyport-server", "--config", "server.yaml"); status == 0 ||
				!strings.Contains(said, code) || !strings.Contains(said, text) {
				w.Errorf("status %d, %s; want %s and %q", status, said, code, text)
			}
		}
		refused("E_SUBJECT", "does not exist")
		w.publishes(name, "app", map[string]string{"other.yaml": first})
		refused("E_PATH", `holds no file "app.yaml"`)
		w.publishes(name, "app", files(first))
		refused("E_EVIDENCE_MISSING", "may not count under")
		sign("other.yml", "app")
		refused("E_IDENTITY", "may not count under")
		sign("publish.yml", "app")
		// People see the same by hand.
		w.commands("sallyport", "verify", "--policy", "signers.yaml", "--for", "policies", "--store", "oci",
			"oci://"+image+":app")
		p := w.starts()
		w.enters(911, "approved")

		// What nobody has signed does not count, and neither does what another workflow has signed.
		w.publishes(name, "app", files(second))
		w.hup(p, notRead)
		sign("other.yml", "app")
		w.hup(p, notRead)
		w.enters(912, "approved")
		sign("publish.yml", "app")
		w.until("the server looks there by itself", func() bool { return strings.Contains(p.log.String(), readAgain) })
		w.enters(913, "rejected")

		// An older one was signed by the same workflow.
		w.publishes(name, "app", files(first))
		w.hup(p, notRead)
		w.enters(914, "rejected")
		sign("other.yml", "app") // somebody else's newer signature makes it no younger
		w.hup(p, notRead)
		p.kill()
		refused("E_POLICY", "when the one was signed that counts")
		sign("publish.yml", "app") // who may sign goes back to it
		p = w.starts()
		w.enters(915, "approved")
		// Who signs may change, while what is in the registry stays.
		w.write("signers.yaml", strings.Replace(w.read("signers.yaml"), "publish.yml", "third.yml", 1))
		w.hup(p, notRead)
		if text := w.export(); strings.Count(text, `"kind":"policy"`) != 5 ||
			// each that began to count, and the first and each other one in a repository
			!strings.Contains(text, "/.github/workflows/publish.yml@refs/heads/main") {
			w.Error("the ledger does not say whose signature counts")
		}
	})
}

func TestG04_a_policy_in_a_folder_counts_if_its_signer_signed_it(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	first, second := w.signedBy("file: policy.yaml", "policy.yaml")
	sign := w.signature
	if status, said := w.runs("sallyport-server", "--config", "server.yaml"); status == 0 ||
		!strings.Contains(said, "policy.yaml.sigstore.json") {
		t.Errorf("no signature: status %d, %s", status, said)
	}
	good := sign(first, "publish.yml", "policy.yaml")
	w.write("policy.yaml.sigstore.json", sign(first, "other.yml", "policy.yaml"))
	if status, said := w.runs("sallyport-server", "--config", "server.yaml"); status == 0 ||
		!strings.Contains(said, "E_IDENTITY") {
		t.Errorf("another signer: status %d, %s", status, said)
	}
	// The workflow signs other policies as well: what it signed under another name is none for this place.
	w.write("policy.yaml.sigstore.json", sign(first, "publish.yml", "other.yaml"))
	if status, said := w.runs("sallyport-server", "--config", "server.yaml"); status == 0 ||
		!strings.Contains(said, "attested under another name") {
		t.Errorf("signed under another name: status %d, %s", status, said)
	}
	w.write("policy.yaml.sigstore.json", good)
	p := w.starts()
	w.enters(921, "approved")
	w.write("policy.yaml", second)
	w.hup(p, notRead)
	w.write("policy.yaml.sigstore.json", sign(second, "publish.yml", "policy.yaml"))
	w.hup(p, readAgain)
	w.enters(922, "rejected")
	w.write("policy.yaml", first)
	w.write("policy.yaml.sigstore.json", good)
	w.hup(p, notRead)
	w.write("policy.yaml.sigstore.json", good+"\n"+sign(first, "other.yml", "policy.yaml"))
	w.hup(p, notRead)
	w.write("policy.yaml.sigstore.json", w.restamped(good)) // anybody can have a witness see a signature again
	w.hup(p, notRead)
	w.enters(923, "rejected")
}

// restamped is a bundle with another timestamp over the same signature.
func (w *world) restamped(bundle string) string {
	w.Helper()
	var config struct {
		TSA []struct{ URL string } `json:"tsaUrls"`
	}
	raw, err := os.ReadFile(w.lab.Env["SALLYPORT_LAB_SIGNING_CONFIG"])
	if err != nil {
		w.Fatal(err)
	}
	var b map[string]any
	if err := errors.Join(json.Unmarshal(raw, &config), json.Unmarshal([]byte(bundle), &b)); err != nil {
		w.Fatal(err)
	}
	text, _ := b["dsseEnvelope"].(map[string]any)["signatures"].([]any)[0].(map[string]any)["sig"].(string)
	signature, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		w.Fatal(err)
	}
	q, err := timestamp.CreateRequest(bytes.NewReader(signature),
		&timestamp.RequestOptions{Hash: crypto.SHA256, Certificates: true})
	if err != nil {
		w.Fatal(err)
	}
	resp, err := http.Post(config.TSA[0].URL, "application/timestamp-query", bytes.NewReader(q))
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	fresh, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusMultipleChoices {
		w.Fatalf("the timestamp authority: %s, %v", resp.Status, err)
	}
	material, _ := b["verificationMaterial"].(map[string]any)
	material["timestampVerificationData"] = map[string]any{"rfc3161Timestamps": []any{
		map[string]any{"signedTimestamp": base64.StdEncoding.EncodeToString(fresh)}}}
	out, err := json.Marshal(b)
	if err != nil {
		w.Fatal(err)
	}
	return string(out)
}

// Of two servers one has read a policy that was signed later. The other one approves nothing under the one before.
func TestG04_a_server_that_has_not_read_the_newer_policy_approves_nothing(t *testing.T) {
	t.Parallel()
	url, err := postgres.Database("s" + strconv.FormatInt(databases.Add(1), 10))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, url, "2s")
	first, _ := w.signedBy("file: policy.yaml", "policy.yaml")
	sign := func(text string) string { return w.signature(text, "publish.yml", "policy.yaml") }
	w.write("policy.yaml.sigstore.json", sign(first))
	p := w.starts()
	w.enters(941, "approved")
	newer := first + "# and a word\n"
	other := *w
	other.dir = t.TempDir()
	for _, name := range []string{"trusted_root.json", "app.pem", "webhook.secret", "read.token", "ledger.key",
		"server.yaml",
		"signers.yaml"} {
		other.write(name, w.read(name))
	}
	signature := sign(newer)
	other.write("policy.yaml", newer)
	other.write("policy.yaml.sigstore.json", signature)
	other.moves()
	other.starts().kill() // it has read the newer one
	w.hup(p, notRead)
	if comment := w.enters(942, "rejected"); !strings.Contains(comment, "counts no more") {
		t.Errorf("the reason is %q", comment)
	}
	if status, said := w.get("/v1/policy", w.token(942, nil)); status != http.StatusServiceUnavailable {
		t.Errorf("the policy that counts no more is served: status %d, %s", status, said)
	}
	w.write("policy.yaml", newer)
	w.write("policy.yaml.sigstore.json", signature)
	w.hup(p, readAgain)
	w.enters(943, "approved")
}

// A registry that does not answer holds back what lies on the machine for no time.
func TestJ07_a_registry_that_says_nothing_holds_back_no_policy_of_others(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	name := w.repo + "-policies"
	w.publishes(name, "app", map[string]string{"app.yaml": w.read("policy.yaml"),
		"trusted_root.json": w.read("trusted_root.json")})
	to, err := url.Parse("http://" + w.lab.Registry)
	if err != nil {
		t.Fatal(err)
	}
	var silent atomic.Bool
	proxy := httputil.NewSingleHostReverseProxy(to)
	registry := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if silent.Load() {
			<-r.Context().Done()
			return
		}
		proxy.ServeHTTP(out, r)
	}))
	defer registry.Close()
	w.write("server.yaml", strings.Replace(w.read("server.yaml"), "policies:\n", fmt.Sprintf(
		"policies:\n  - {oci: {reference: %q, path: app.yaml}, owners: [999]}\n",
		strings.TrimPrefix(registry.URL, "http://")+"/"+name+":app"), 1))
	p := w.starts()
	silent.Store(true)
	w.write("policy.yaml", strings.ReplaceAll(w.read("policy.yaml"), "refs: [refs/heads/main]",
		"refs: [refs/heads/release]"))
	w.hup(p, readAgain)
	if strings.Contains(p.log.String(), notRead) {
		t.Error("it was waited for the registry first")
	}
	w.enters(951, "rejected")
	w.until("the registry is given up", func() bool { return strings.Contains(p.log.String(), notRead) })
}

func TestG04_a_place_of_a_policy_that_is_wrong_is_told(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	good := w.read("server.yaml")
	for place, want := range map[string]string{
		`oci: {reference: "acme/policies:app", path: app.yaml}`:                                                   `oci: reference "acme/policies:app", want one with a registry`,
		`oci: {reference: "ghcr.io/acme/policies", path: app.yaml}`:                                               "and a tag or a digest",
		`oci: {reference: "ghcr.io/acme/policies:app"}`:                                                           "oci: path is missing",
		`file: policy.yaml, oci: {reference: "ghcr.io/acme/policies:app", path: a.yaml}`:                          "this one is in 2 places",
		`file: policy.yaml, signed-under: nowhere.yaml`:                                                           "nowhere.yaml",
		"file: b/policy.yaml, signed-under: s.yaml, owners: [999]}\n  - {file: policy.yaml, signed-under: s.yaml": `a policy of the name "policy.yaml" is signed under s.yaml in line`,
	} {
		w.write("server.yaml", strings.Replace(good, "{file: policy.yaml,", "{"+place+",", 1))
		if status, said := w.runs("sallyport-server", "--config", "server.yaml"); status == 0 ||
			!strings.Contains(said, want) {
			t.Errorf("%s: status %d, %s; want %q", place, status, said, want)
		}
	}
	w.write("server.yaml", strings.Replace(good, "{file: policy.yaml,",
		"{file: policy.yaml, signed-under: policy.yaml,", 1))
	if status, said := w.runs("sallyport-server", "--config", "server.yaml"); status != 2 ||
		!strings.Contains(said, "has 2 environments, or asks for approvals") {
		t.Errorf("who signs is said for two environments: status %d, %s", status, said)
	}
}

// The policies of several owners are on one server. One that is broken holds back none of the others.
func TestJ07_a_broken_policy_of_one_owner_leaves_those_of_others_as_new_as_they_are(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	w.write("other.yaml", w.read("policy.yaml"))
	w.write("server.yaml", strings.Replace(w.read("server.yaml"), "policies:\n",
		"policies:\n  - {file: other.yaml, owners: [999]}\n", 1))
	p := w.starts()
	w.enters(931, "approved")
	w.write("other.yaml", "version: 7\n")
	w.write("policy.yaml", strings.ReplaceAll(w.read("policy.yaml"), "refs: [refs/heads/main]",
		"refs: [refs/heads/release]"))
	w.hup(p, notRead)
	w.enters(932, "rejected")
}
