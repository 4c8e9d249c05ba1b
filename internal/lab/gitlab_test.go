package lab

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// gitLabCall calls the toy with the token of a header's name.
func gitLabCall(t *testing.T, method, path, body, header string) (reply, []byte) {
	t.Helper()
	tokens := map[string]string{"JOB-TOKEN": labUnderTest.tokens.job, "PRIVATE-TOKEN": labUnderTest.tokens.gitlab}
	return do(t, call{method, labUnderTest.GitLab + "/api/v4" + path, body, map[string]string{header: tokens[header]}})
}

// A job's token opens what GitLab lets it open, and no settings.
func TestGitLabAccess(t *testing.T) {
	for path, want := range map[string][3]int{ // job, person, nobody
		"/job":                                {200, 401, 401},
		"/projects/20":                        {401, 200, 200},
		"/projects/acme%2Fwidget":             {401, 200, 200},
		"/projects/21":                        {401, 404, 404},
		"/projects/20/protected_environments": {401, 200, 401},
		"/projects/20/protected_environments/production":     {401, 200, 401},
		"/projects/20/protected_environments/unprotected":    {401, 404, 401},
		"/projects/20/environments?name=unprotected":         {200, 200, 200},
		"/projects/20/deployments/7700":                      {200, 200, 401},
		"/projects/20/packages?package_type=generic":         {200, 200, 200},
		"/projects/20/packages/generic/nothing/1/nothing.js": {404, 404, 404},
		"/projects/20/merge_requests":                        {401, 200, 401},
		"/projects/20/deployments":                           {200, 200, 200},
		"/projects/20/deployments/7700/merge_requests":       {200, 200, 401},
		"/projects/20/jobs/302":                              {401, 200, 401},
		"/projects/20/pipelines/574":                         {401, 200, 401},
		"/projects/20/pipelines/574/jobs":                    {401, 200, 401},
		"/projects/20/pipelines/574/variables":               {401, 200, 401},
		"/projects/20/pipelines/575/variables":               {401, 404, 401},
		"/projects/20/repository/commits":                    {401, 200, 401},
		"/projects/20/variables":                             {401, 200, 401},
		"/projects/20/members/all/88":                        {401, 200, 401},
		"/projects/20/members/all/1000":                      {401, 404, 401},
		"/projects/20/repository/branches/main":              {401, 200, 401},
		"/projects/20/repository/branches/none":              {401, 404, 401},
		"/projects/20/repository/commits/none":               {401, 404, 401},
		"/projects/20/ci/lint":                               {401, 200, 401},
		"/projects/20/protected_branches/main":               {401, 200, 401},
		"/projects/20/protected_tags":                        {401, 200, 401},
		"/projects/20/environments/1":                        {404, 404, 401},
		"/projects/20/events?action=pushed":                  {401, 200, 401},
		"/groups/acme":                                       {401, 200, 401},
		"/groups/4242/protected_environments":                {401, 200, 401},
		"/groups/4242/protected_environments/production":     {401, 404, 401},
		"/groups/99":          {401, 404, 401},
		"/users/88":           {401, 200, 401},
		"/users/88888":        {401, 404, 401},
		"/projects/20/issues": {404, 404, 404},
	} {
		for i, header := range []string{"JOB-TOKEN", "PRIVATE-TOKEN", "X-Nothing"} {
			if resp, b := gitLabCall(t, http.MethodGet, path, "", header); resp.status != want[i] {
				t.Errorf("%s with %s: status %d, want %d: %s", path, header, resp.status, want[i], b)
			}
		}
	}
}

// To strangers a project that is not public is none, and so is a registry that is switched off.
func TestGitLabStrangers(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/projects/41", `{"path":"acme/hidden","visibility":"private"}`)
	control(t, http.MethodPut, "/gitlab/projects/42", `{"path":"acme/closed","fields":{"packages_enabled":false}}`)
	control(t, http.MethodPut, "/gitlab/projects/42/releases", `[{"tag":"v1","links":[{"name":"app","url":"https://x.example/app"}]}]`)
	for path, want := range map[string]int{
		"/projects/41": 404, "/projects/41/packages": 404, "/projects/42": 200, "/projects/42/packages": 403, "/projects/42/releases": 200,
		"/projects/42/jobs/302": 401, "/metadata": 401,
	} {
		if resp, b := gitLabCall(t, http.MethodGet, path, "", "X-Nothing"); resp.status != want {
			t.Errorf("%s: status %d, want %d: %s", path, resp.status, want, b)
		}
	}
	if resp, _ := gitLabCall(t, http.MethodGet, "/metadata", "", "PRIVATE-TOKEN"); resp.status != 200 {
		t.Errorf("metadata: status %d, want 200", resp.status)
	}
}

// The same name can be uploaded twice; the newest is served, both are listed.
func TestGitLabPackages(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/projects/31", `{"path":"acme/packages"}`)
	control(t, http.MethodDelete, "/gitlab/projects/31/packages", "")
	const p = "/projects/acme%2Fpackages/packages"
	for _, body := range []string{"one", "two", "three"} {
		resp, b := gitLabCall(t, http.MethodPut, p+"/generic/attestations/sha256-aa/x.json?select=package_file", body, "JOB-TOKEN")
		if resp.status != 201 || !strings.Contains(string(b), "file_sha256") {
			t.Fatalf("upload of %q: status %d: %s", body, resp.status, b)
		}
	}
	if _, b := gitLabCall(t, http.MethodGet, p+"/generic/attestations/sha256-aa/x.json", "", "JOB-TOKEN"); string(b) != "three" {
		t.Errorf("file = %q, want the newest", b)
	}
	if resp, _ := gitLabCall(t, http.MethodPut, p+"/generic/att%20estations/1/x.json", "x", "JOB-TOKEN"); resp.status != 400 {
		t.Errorf("name with a space: status %d, want 400", resp.status)
	}
	gitLabCall(t, http.MethodPut, p+"/generic/attestations-of-others/sha256-aa/x.json", "x", "JOB-TOKEN")
	gitLabCall(t, http.MethodPut, p+"/generic/hidden/sha256-aa/x.json?status=hidden", "x", "JOB-TOKEN")
	_, b := gitLabCall(t, http.MethodGet, p+"?package_type=generic&package_name=attestations&package_version=sha256-aa", "", "JOB-TOKEN")
	found := decode[[]struct{ ID int }](t, b)
	if len(found) != 2 {
		t.Fatalf("%d packages, want 2, because names match loosely: %s", len(found), b)
	}
	resp, b := gitLabCall(t, http.MethodGet, p+"/"+strconv.Itoa(found[0].ID)+"/package_files?per_page=2", "", "JOB-TOKEN")
	if got := len(decode[[]object](t, b)); got != 2 || resp.header.Get("X-Next-Page") != "2" {
		t.Errorf("first page has %d files and next page %q, want 2 and 2", got, resp.header.Get("X-Next-Page"))
	}
	resp, b = gitLabCall(t, http.MethodGet, p+"/"+strconv.Itoa(found[0].ID)+"/package_files?per_page=2&page=2", "", "JOB-TOKEN")
	if got := len(decode[[]object](t, b)); got != 1 || resp.header.Get("X-Next-Page") != "" {
		t.Errorf("second page has %d files and next page %q, want 1 and none", got, resp.header.Get("X-Next-Page"))
	}
	// By its number, each upload is served, also those that another lies over;
	// and each says who uploaded it.
	_, b = gitLabCall(t, http.MethodGet, p+"/"+strconv.Itoa(found[0].ID)+"/package_files", "", "JOB-TOKEN")
	for i, f := range decode[[]object](t, b) {
		at := p + "/" + strconv.Itoa(found[0].ID) + "/package_files/" + strconv.FormatInt(number(f["id"]), 10) + "/download"
		if _, b := gitLabCall(t, http.MethodGet, at, "", "JOB-TOKEN"); string(b) != []string{"one", "two", "three"}[i] {
			t.Errorf("upload %d = %q, want the bytes of that upload", i, b)
		}
		pipelines, _ := f["pipelines"].([]any)
		if len(pipelines) != 1 || !strings.Contains(string(b), `"username"`) {
			t.Errorf("upload %d is of pipelines %v, want that of the job", i, pipelines)
		}
	}
	if resp, _ := gitLabCall(t, http.MethodGet, p+"/"+strconv.Itoa(found[0].ID)+"/package_files/1/download", "", "JOB-TOKEN"); resp.status != 404 {
		t.Errorf("a number of no upload: status %d, want 404", resp.status)
	}
}

// The control API changes what a project's environments answer.
func TestGitLabEnvironments(t *testing.T) {
	control(t, http.MethodPut, "/gitlab/projects/32", `{"path":"acme/envs"}`)
	control(t, http.MethodPut, "/gitlab/projects/32/environments/eu%2Fprod", `{"tier":"production"}`)
	if _, b := gitLabCall(t, http.MethodGet, "/projects/32/environments?name=eu%2Fprod", "", "JOB-TOKEN"); len(decode[[]object](t, b)) != 1 {
		t.Errorf("environments = %s, want one", b)
	}
	for _, c := range []struct {
		method, body string
		want         int
	}{{http.MethodPut, `{"approval_rules":[]}`, 200}, {http.MethodDelete, "", 404}} {
		control(t, c.method, "/gitlab/projects/32/protected_environments/eu%2Fprod", c.body)
		if resp, b := gitLabCall(t, http.MethodGet, "/projects/32/protected_environments/eu%2Fprod", "", "PRIVATE-TOKEN"); resp.status != c.want {
			t.Errorf("after %s: status %d, want %d: %s", c.method, resp.status, c.want, b)
		}
	}
	control(t, http.MethodPut, "/gitlab/projects/32/deployments/9", `{"status":"blocked"}`)
	if _, b := gitLabCall(t, http.MethodGet, "/projects/32/deployments/9", "", "JOB-TOKEN"); decode[object](t, b)["status"] != "blocked" {
		t.Errorf("deployment = %s, want blocked", b)
	}
}
