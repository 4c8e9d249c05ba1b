package gitlab_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

func TestF12_the_configuration_of_a_job_that_signed(t *testing.T) {
	lint := `{"valid":true,"merged_yaml":"a: {script: x}","includes":[` +
		`{"type":"local","location":"a.yml"},{"type":"file","location":"/b.yml","extra":{"project":"acme/ci","ref":"main"}},` +
		`{"type":"file","location":"c.yml","extra":{"project":"acme/ci","ref":"` + sha("one") + `"}},` +
		`{"type":"component","location":"gitlab.example/acme/x/attest@` + sha("one") + `"},{"type":"component","location":"gitlab.example/acme/x/attest@1.0"},` +
		`{"type":"template","location":"Jobs/SAST.gitlab-ci.yml"},{"type":"remote","location":"https://x.example/a.yml"}]}`
	answers := map[string]string{
		"/jobs/7":           `{"id":7,"name":"attest 1/2","status":"success","pipeline":{"id":9},"commit":{"id":"` + sha("one") + `"}}`,
		"/pipelines/9":      `{"id":9,"project_id":1,"sha":"` + sha("one") + `"}`,
		"/pipelines/9/jobs": `[{"name":"attest 1/2","runner":{"runner_type":"instance_type"}},{"name":"build: [x, y]","runner":{"runner_type":"project_type"}},{"name":"late","runner":null}]`,
		"":                  `{"id":1,"path_with_namespace":"a/b","ci_config_path":"ci/main.yml"}`,
		"/ci/lint":          lint,
	}
	calls := 0
	j, address := at(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		_, path, _ := strings.Cut(r.URL.Path, "/projects/1")
		body, ok := answers[path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if path == "/ci/lint" && r.URL.Query().Get("content_ref") != sha("one") {
			t.Errorf("asked for %s, want the commit", r.URL)
		}
		fmt.Fprint(w, body)
	}), "CI_PROJECT_ID", "1", "CI_PROJECT_PATH", "a/b")
	run := address + "/a/b/-/jobs/7"
	got, err := j.Configured(t.Context(), run, sha("one"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Job != "attest" || got.Path != "ci/main.yml" || got.Project != "a/b" || string(got.Merged) != "a: {script: x}" || calls != 5 {
		t.Errorf("%+v in %d calls", got, calls)
	}
	want := []string{"acme/ci/b.yml@main", "gitlab.example/acme/x/attest@1.0", "template/Jobs/SAST.gitlab-ci.yml", "https://x.example/a.yml"}
	if !slices.Equal(got.Moving, want) {
		t.Errorf("moving %q, want %q", got.Moving, want)
	}
	if len(got.Runners) != 2 || !strings.Contains(got.Runners["build"], "project_type") || got.Runners["late"] == "" {
		t.Errorf("runners %q, want those that are not everybody's", got.Runners)
	}
	for _, bad := range [][2]string{{address + "/a/other/-/jobs/7", sha("one")}, {run, "main"}} {
		if _, err := j.Configured(t.Context(), bad[0], bad[1]); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
	answers["/ci/lint"] = `{"valid":false,"errors":["x"]}`
	j, address = at(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, path, _ := strings.Cut(r.URL.Path, "/projects/1")
		if body, ok := answers[path]; ok {
			fmt.Fprint(w, body)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}), "CI_PROJECT_ID", "1", "CI_PROJECT_PATH", "a/b")
	_, err = j.Configured(t.Context(), address+"/a/b/-/jobs/7", sha("one"))
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
	_, err = j.Configured(t.Context(), address+"/a/b/-/jobs/8", sha("one"))
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
}
