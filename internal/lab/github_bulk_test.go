package lab

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

type bulkAnswer struct {
	By map[string][]struct {
		Bundle     *object `json:"bundle"`
		BundleURL  string  `json:"bundle_url"`
		Repository int64   `json:"repository_id"`
	} `json:"attestations_subject_digests"`
	Page struct {
		Next     bool   `json:"has_next"`
		Previous bool   `json:"has_previous"`
		After    string `json:"next"`
	} `json:"page_info"`
}

// An owner is asked for the evidence of all its repositories at once, and
// each bundle says which one has it.
func TestGitHubBulkList(t *testing.T) {
	for i, name := range []string{"one", "two"} {
		control(t, http.MethodPut, "/github/repos/bulky/"+name, fmt.Sprintf(`{"id":%d}`, 31+i))
		control(t, http.MethodDelete, "/github/repos/bulky/"+name+"/attestations", "")
		gitHubStatus(t, http.MethodPost, "/repos/bulky/"+name+"/attestations", `{"bundle":`+fakeBundle("https://slsa.dev/provenance/v1")+`}`, 201)
	}
	gitHubStatus(t, http.MethodPost, "/repos/bulky/one/attestations", `{"bundle":`+fakeBundle("https://spdx.dev/Document/v2.3")+`}`, 201)
	digest, none := "sha256:"+digestHex, "sha256:"+strings.Repeat("0", 64)
	list := func(query, extra string) bulkAnswer {
		t.Helper()
		return decode[bulkAnswer](t, gitHubStatus(t, http.MethodPost, "/orgs/bulky/attestations/bulk-list"+query, fmt.Sprintf(`{"subject_digests":[%q,%q]%s}`, digest, none, extra), 200))
	}
	got := list("", "")
	if all := got.By[digest]; len(all) != 3 || all[0].Repository != 31 || all[1].Repository != 32 || all[0].Bundle == nil || got.Page.Next {
		t.Errorf("all = %+v, want three of two repositories, newest first", got)
	}
	if all, ok := got.By[none]; !ok || all != nil {
		t.Errorf("digest without evidence = %v, want null", all)
	}
	if got := list("", `,"predicate_type":"sbom"`); len(got.By[digest]) != 1 || got.By[digest][0].Repository != 31 {
		t.Errorf("sboms = %+v, want one", got)
	}
	first := list("?per_page=2", "")
	rest := list("?per_page=2&after="+first.Page.After, "")
	if len(first.By[digest]) != 2 || !first.Page.Next || len(rest.By[digest]) != 1 || rest.Page.Next || !rest.Page.Previous {
		t.Errorf("pages = %+v and %+v, want two and one", first, rest)
	}
}

// An organization and a person are asked at different places, and there is a
// limit to what one asks for.
func TestGitHubBulkListOwner(t *testing.T) {
	control(t, http.MethodPut, "/github/users/lonely", `{"id":4801}`)
	control(t, http.MethodPut, "/github/repos/lonely/thing", `{}`)
	body := `{"subject_digests":["sha256:` + digestHex + `"]}`
	for path, want := range map[string]int{
		"/orgs/acme": 200, "/users/acme": 404, "/users/lonely": 200, "/orgs/lonely": 404, "/orgs/nobody": 404, "/users/nobody": 404,
	} {
		gitHubStatus(t, http.MethodPost, path+"/attestations/bulk-list", body, want)
	}
	gitHubStatus(t, http.MethodPost, "/orgs/acme/attestations/bulk-list", `{"subject_digests":[]}`, 400)
	gitHubStatus(t, http.MethodPost, "/orgs/acme/attestations/bulk-list?after=x", body, 400)
}
