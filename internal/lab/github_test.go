package lab

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
)

// gitHubAPICall calls the toy as a job does.
func gitHubCall(t *testing.T, method, path, body string) (reply, []byte) {
	t.Helper()
	header := map[string]string{"Authorization": "Bearer " + labUnderTest.tokens.github, "Accept": "application/vnd.github+json"}
	if body != "" {
		header["Content-Type"] = "application/json"
	}
	return do(t, call{method, labUnderTest.GitHub + "/api/v3" + path, body, header})
}

// fakeBundle has every part that the toy asks for, and no valid signature.
func fakeBundle(predicateType string) string {
	s := `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"sha256":"` + digestHex + `"}}],"predicateType":"` + predicateType + `","predicate":{}}`
	return `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"certificate":{"rawBytes":""}},` +
		`"dsseEnvelope":{"payload":"` + base64.StdEncoding.EncodeToString([]byte(s)) + `","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":""}]}}`
}

// Every answer that the toy gives by default is one that GitHub's description
// allows.
func TestGitHubDefaults(t *testing.T) {
	for path, want := range map[string]int{
		"/meta":                           200,
		"/rate_limit":                     200,
		"/repos/acme/widget":              200,
		"/repos/acme/nothing":             404,
		"/repos/acme/widget/environments": 200,
		"/repos/acme/widget/environments?per_page=1&page=2":                             200,
		"/repos/acme/widget/environments/production":                                    200,
		"/repos/acme/widget/environments/unprotected":                                   200,
		"/repos/acme/widget/environments/nowhere":                                       404,
		"/repos/acme/widget/environments/production/deployment_protection_rules":        200,
		"/repos/acme/widget/environments/production/deployment-branch-policies":         200,
		"/repos/acme/widget/actions/runs/1000001":                                       200,
		"/repos/acme/widget/actions/runs/1000001/approvals":                             200,
		"/repos/acme/widget/actions/runs/7":                                             404,
		"/repos/acme/widget/attestations/sha256:" + strings.Repeat("0", 64):             404,
		"/repos/acme/widget/attestations/sha256:" + strings.Repeat("0", 64) + "?page=2": 400,
		"/user": 400,
	} {
		if resp, b := gitHubCall(t, http.MethodGet, path, ""); resp.status != want {
			t.Errorf("%s: status %d, want %d: %s", path, resp.status, want, b)
		}
	}
}

// The protected environments say that they are, and the other that it is not.
func TestGitHubEnvironments(t *testing.T) {
	for name, want := range map[string]int{"staging": 2, "production": 2, "unprotected": 0} {
		_, b := gitHubCall(t, http.MethodGet, "/repos/acme/widget/environments/"+name, "")
		e := decode[struct {
			Rules []struct {
				PreventSelfReview bool `json:"prevent_self_review"`
			} `json:"protection_rules"`
		}](t, b)
		if len(e.Rules) != want || want > 0 && !e.Rules[0].PreventSelfReview {
			t.Errorf("%s: rules %v, want %d and no self-review", name, e.Rules, want)
		}
	}
	control(t, http.MethodPut, "/github/repos/acme/envs", `{"id":5,"owner_id":6,"visibility":"private","protected":["live"],"unprotected":["dev"]}`)
	for name, want := range map[string]bool{"live": true, "dev": false} {
		if _, b := gitHubCall(t, http.MethodGet, "/repos/acme/envs/environments/"+name, ""); strings.Contains(string(b), "required_reviewers") != want {
			t.Errorf("%s = %s, want it protected: %v", name, b, want)
		}
	}
	control(t, http.MethodPut, "/github/repos/acme/envs/environments/eu%2Fprod", `{"protection_rules":[{"id":1,"node_id":"x","type":"wait_timer","wait_timer":5}]}`)
	if resp, b := gitHubCall(t, http.MethodGet, "/repos/acme/envs/environments/eu%2Fprod", ""); resp.status != 200 || !strings.Contains(string(b), `"wait_timer":5`) {
		t.Errorf("environment with a slash: status %d: %s", resp.status, b)
	}
	control(t, http.MethodDelete, "/github/repos/acme/envs/environments/eu%2Fprod", "")
	if resp, _ := gitHubCall(t, http.MethodGet, "/repos/acme/envs/environments/eu%2Fprod", ""); resp.status != 404 {
		t.Errorf("deleted environment: status %d, want 404", resp.status)
	}
	_, b := gitHubCall(t, http.MethodGet, "/repos/acme/envs", "")
	if r := decode[object](t, b); r["id"] != 5.0 || r["private"] != true || r["owner"].(object)["id"] != 6.0 {
		t.Errorf("repository = %s, want id 5, private, owner 6", b)
	}
}

// The toy knows one token.
func TestGitHubToken(t *testing.T) {
	for header, want := range map[string]int{
		"Bearer " + labUnderTest.tokens.github: 200,
		"token " + labUnderTest.tokens.github:  200,
		"Bearer wrong":                         401,
		"Basic " + labUnderTest.tokens.github:  401,
		"":                                     200, // of what is public
	} {
		resp, _ := do(t, call{url: labUnderTest.GitHub + "/api/v3/repos/acme/widget", header: map[string]string{"Authorization": header}})
		if resp.status != want {
			t.Errorf("authorization %q: status %d, want %d", header, resp.status, want)
		}
	}
}

// Who shows no token sees what is public, a limited number of times, and nothing else.
func TestGitHubStrangers(t *testing.T) {
	control(t, http.MethodPut, "/github/repos/acme/strangers", `{}`)
	control(t, http.MethodPut, "/github/repos/acme/strangers/strangers", `{"remaining":2}`)
	control(t, http.MethodPut, "/github/repos/acme/hidden", `{"visibility":"private"}`)
	for i, x := range []struct {
		path   string
		status int
		left   string
	}{
		{"/repos/acme/strangers/branches", 401, ""},
		{"/repos/acme/hidden", 404, ""},
		{"/repos/acme/none", 404, ""},
		{"/repos/acme/strangers/releases", 200, "1"},
		{"/repos/acme/strangers", 200, "0"},
		{"/repos/acme/strangers", 403, "0"},
	} {
		resp, b := do(t, call{url: labUnderTest.GitHub + "/api/v3" + x.path})
		if resp.status != x.status || resp.header.Get("X-RateLimit-Remaining") != x.left {
			t.Errorf("%d: %s: status %d, %q left, want %d, %q: %s", i, x.path, resp.status, resp.header.Get("X-RateLimit-Remaining"), x.status, x.left, b)
		}
	}
}

// Releases have files with digests, and drafts are not for strangers.
func TestGitHubReleases(t *testing.T) {
	control(t, http.MethodPut, "/github/repos/acme/releases", `{}`)
	control(t, http.MethodPut, "/github/repos/acme/releases/releases", `[{"tag":"v2","draft":true},{"tag":"v1","immutable":true,
		"assets":[{"name":"app","digest":"sha256:`+digestHex+`","size":7},{"name":"old","digest":null}]}]`)
	if _, b := gitHubCall(t, http.MethodGet, "/repos/acme/releases/releases", ""); len(decode[[]object](t, b)) != 2 {
		t.Errorf("releases = %s, want both", b)
	}
	_, b := do(t, call{url: labUnderTest.GitHub + "/api/v3/repos/acme/releases/releases"})
	all := decode[[]object](t, b)
	if len(all) != 1 || all[0]["immutable"] != true || len(all[0]["assets"].([]any)) != 2 {
		t.Errorf("releases = %s, want the one that is out", b)
	}
}

// Attestations come newest first, a page at a time, by type, and behind a URL
// when the repository is told so.
func TestGitHubAttestations(t *testing.T) {
	const repo = "/repos/acme/store"
	const list = repo + "/attestations/sha256:" + digestHex
	control(t, http.MethodPut, "/github/repos/acme/store", `{}`)
	control(t, http.MethodDelete, "/github/repos/acme/store/attestations", "")
	for i, kind := range []string{"https://slsa.dev/provenance/v1", "https://spdx.dev/Document/v2.3", "https://slsa.dev/provenance/v1"} {
		if resp, b := gitHubCall(t, http.MethodPost, repo+"/attestations", `{"bundle":`+fakeBundle(kind)+`}`); resp.status != 201 {
			t.Fatalf("upload %d: status %d: %s", i, resp.status, b)
		}
	}
	type answer struct {
		Attestations []struct {
			Bundle    *object `json:"bundle"`
			BundleURL string  `json:"bundle_url"`
		} `json:"attestations"`
	}
	resp, b := gitHubCall(t, http.MethodGet, list+"?per_page=2", "")
	if got := len(decode[answer](t, b).Attestations); got != 2 {
		t.Fatalf("first page has %d attestations, want 2", got)
	}
	next := linkTo(resp, "next")
	resp, b = gitHubCall(t, http.MethodGet, strings.TrimPrefix(next, labUnderTest.GitHub+"/api/v3"), "")
	if got := len(decode[answer](t, b).Attestations); got != 1 || linkTo(resp, "next") != "" {
		t.Errorf("second page has %d attestations and next %q, want 1 and none", got, linkTo(resp, "next"))
	}
	for filter, want := range map[string]int{"provenance": 2, "sbom": 1, "https://spdx.dev/Document/v2.3": 1} {
		_, b := gitHubCall(t, http.MethodGet, list+"?predicate_type="+filter, "")
		if got := len(decode[answer](t, b).Attestations); got != want {
			t.Errorf("predicate_type %q: %d attestations, want %d", filter, got, want)
		}
	}
	control(t, http.MethodPut, "/github/repos/acme/store", `{"inline_bundles":false}`)
	_, b = gitHubCall(t, http.MethodGet, list, "")
	a := decode[answer](t, b).Attestations[0]
	if a.Bundle != nil {
		t.Errorf("bundle = %v, want none but a URL", *a.Bundle)
	}
	resp, b = do(t, call{url: a.BundleURL})
	if raw, err := s2.Decode(nil, b); err != nil || string(raw) != fakeBundle("https://slsa.dev/provenance/v1") {
		t.Errorf("bundle behind the URL: status %d, error %v, body %q", resp.status, err, raw)
	}
	if resp, _ := do(t, call{url: a.BundleURL, header: map[string]string{"Authorization": "Bearer x"}}); resp.status != 400 {
		t.Errorf("bundle URL with a token: status %d, want 400", resp.status)
	}
}

func linkTo(r reply, rel string) string {
	for _, l := range strings.Split(r.header.Get("Link"), ", ") {
		if url, ok := strings.CutSuffix(l, fmt.Sprintf(`>; rel=%q`, rel)); ok {
			return strings.TrimPrefix(url, "<")
		}
	}
	return ""
}

// An upload without one of its parts is refused.
func TestGitHubAttestationRefused(t *testing.T) {
	control(t, http.MethodPut, "/github/repos/acme/refuse", `{}`)
	good := fakeBundle("https://slsa.dev/provenance/v1")
	for name, c := range map[string]struct {
		body string
		want int
	}{
		"whole":         {`{"bundle":` + good + `}`, 201},
		"no bundle":     {`{}`, 400},
		"no material":   {`{"bundle":` + strings.Replace(good, "verificationMaterial", "material", 1) + `}`, 422},
		"no signatures": {`{"bundle":` + strings.Replace(good, `[{"sig":""}]`, `[]`, 1) + `}`, 422},
		"no media type": {`{"bundle":` + strings.Replace(good, "mediaType", "type", 1) + `}`, 422},
		"no statement":  {`{"bundle":` + strings.Replace(good, `"payload":"`, `"payload":"AAAA`, 1) + `}`, 422},
	} {
		if resp, b := gitHubCall(t, http.MethodPost, "/repos/acme/refuse/attestations", c.body); resp.status != c.want {
			t.Errorf("%s: status %d, want %d: %s", name, resp.status, c.want, b)
		}
	}
}

// Both sides of the contract are held: a request that GitHub would not take,
// and an answer that GitHub would not give.
func TestContract(t *testing.T) {
	control(t, http.MethodDelete, "/contract", "")
	control(t, http.MethodPut, "/github/repos/acme/contract", `{}`)
	control(t, http.MethodPut, "/github/repos/acme/contract/environments/good", `{}`)
	control(t, http.MethodPut, "/github/repos/acme/contract/environments/bad", `{"protection_rules":[{"type":"wait_timer","wait_timer":"long"}]}`)
	for _, c := range []struct {
		method, path, body string
		status             int
		side               string
	}{
		{"GET", "/repos/acme/contract/environments/good", "", 200, ""},
		{"GET", "/repos/acme/contract/environments/bad", "", 500, "response"},
		{"GET", "/repos/acme/contract/environments?per_page=many", "", 400, "request"},
		{"GET", "/repos/acme/contract/environments?filter=x", "", 400, "request"},
		{"GET", "/repos/acme/contract/secrets", "", 400, "request"},
		{"POST", "/repos/acme/contract/attestations", `{"bundle":"no object"}`, 400, "request"},
	} {
		resp, b := gitHubCall(t, c.method, c.path, c.body)
		if resp.status != c.status {
			t.Errorf("%s %s: status %d, want %d: %s", c.method, c.path, resp.status, c.status, b)
		}
		found := decode[[]Violation](t, control(t, http.MethodGet, "/contract", ""))
		control(t, http.MethodDelete, "/contract", "")
		if c.side == "" && len(found) != 0 || c.side != "" && (len(found) != 1 || found[0].Side != c.side) {
			t.Errorf("%s %s: violations %v, want side %q", c.method, c.path, found, c.side)
		}
	}
}
