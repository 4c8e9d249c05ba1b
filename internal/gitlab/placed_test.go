package gitlab_test

import (
	"fmt"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Where a job was, its deployment shows, by the numbers of both. A deployment that somebody
// made with the API names no job.
func TestG11_where_a_job_was(t *testing.T) {
	s := play(t, 811)
	h := shipped(s)
	s.history(h, "s2")
	s.deployed(8110, "c2")
	s.job = s.as()
	p, err := s.job.Environment(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	run := func(id string) string { return fmt.Sprintf("%s/%s/-/jobs/%s", server, s.path, id) }
	job := fmt.Sprint(8110 + 10000)
	for name, x := range map[string]struct {
		query policy.PlaceQuery
		want  policy.Known
	}{
		"its deployment":             {policy.PlaceQuery{Run: run(job), Environment: "production", ID: p.ID}, policy.Yes},
		"another job":                {policy.PlaceQuery{Run: run("1" + job), Environment: "production", ID: p.ID}, policy.No},
		"another number of the name": {policy.PlaceQuery{Run: run(job), Environment: "production", ID: p.ID + "1"}, policy.No},
		"another environment":        {policy.PlaceQuery{Run: run(job), Environment: "staging", ID: p.ID}, policy.No},
		"a job of another project":   {policy.PlaceQuery{Run: server + "/evil/p/-/jobs/" + job, Environment: "production", ID: p.ID}, policy.No},
	} {
		got, err := s.job.Placed(t.Context(), x.query)
		if err != nil || got.Within != x.want || got.Query != x.query || (got.Why == "") != (x.want == policy.Yes) {
			t.Errorf("%s: %+v, %v, want %v", name, got, err, x.want)
		}
	}
}
