package gitlab_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// What is answered has to be the file, at the commit that was asked for.
func TestD15_a_policy_is_a_file_of_the_commit(t *testing.T) {
	for body, good := range map[string]bool{
		`{"encoding":"base64","content":"YWJj","commit_id":"` + sha("one") + `"}`: true,
		`{"encoding":"base64","content":"YWJj","commit_id":"` + sha("two") + `"}`: false,
		`{"encoding":"text","content":"YWJj","commit_id":"` + sha("one") + `"}`:   false,
		`{"encoding":"base64","content":"!","commit_id":"` + sha("one") + `"}`:    false,
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.EscapedPath(), "/repository/files/a%2Fb%20c%2Eyaml") || r.URL.Query().Get("ref") != sha("one") {
				t.Errorf("asked for %s", r.URL)
			}
			fmt.Fprint(w, body)
		}))
		defer s.Close()
		j, _ := job(t, map[string]string{"CI_PROJECT_ID": "1", "CI_PROJECT_PATH": "a/b", "CI_SERVER_URL": s.URL, "CI_API_V4_URL": s.URL + "/api/v4", "CI_JOB_TOKEN": "t"})
		got, err := j.File(context.Background(), sha("one"), "a/b c.yaml")
		if good && (err != nil || string(got) != "abc") {
			t.Errorf("%s: %q, %v", body, got, err)
		}
		if !good {
			wantFault(t, err, fault.Refused, fault.Malformed)
		}
	}
}
