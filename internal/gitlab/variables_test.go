package gitlab_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/doctor"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/raised"
)

const role17 = "ci_pipeline_variables_minimum_override_role"

// given sets who may give a pipeline of the scene variables.
func (s scene) given(restricted, least any) {
	s.t.Helper()
	s.set("", fields{"path": s.path, "namespace_id": 4242, "fields": fields{"restrict_user_defined_variables": restricted, role17: least}})
}

// The role counts only where the restriction is on, and what the API does not
// say, or says in another word, is not known.
func TestH14_who_may_give_a_pipeline_variables(t *testing.T) {
	s := play(t, 8110)
	for _, x := range []struct {
		restricted, least any
		nobody            bool
		role              string
	}{
		{true, "no_one_allowed", true, ""}, {true, "owner", false, "owner"}, {true, "maintainer", false, "maintainer"}, {true, "developer", false, "developer"},
		{false, "no_one_allowed", false, "developer"}, {false, "owner", false, "developer"},
		{nil, "no_one_allowed", false, ""}, {true, nil, false, ""}, {nil, nil, false, ""}, {true, "guest", false, ""},
	} {
		s.given(x.restricted, x.least)
		v := s.protection("production").Variables
		if v.Nobody != x.nobody || v.Least != x.role || v.Setting == "" || v.Need == "" || !v.Nobody && v.Found == "" {
			t.Errorf("restricted %v, role %v: %+v, want nobody %v, role %q", x.restricted, x.least, v, x.nobody, x.role)
		}
	}
}

// What the policy asks of pipeline variables is planned and made, on every plan
// and whatever protects the environment; it is never made weaker.
func TestH14_settings_close_pipeline_variables(t *testing.T) {
	for i, x := range []struct {
		restricted, least any
		tier, accepted    string
		unguarded         bool
		want              string // role after; empty: no change
	}{
		{true, "developer", "premium", "", false, "no_one_allowed"},
		{false, "no_one_allowed", "premium", "", false, "no_one_allowed"},
		{true, "developer", "free", "", true, "no_one_allowed"},
		{true, "developer", "premium", "maintainer", false, "maintainer"},
		{true, "owner", "premium", "maintainer", false, ""},
		{true, "no_one_allowed", "premium", "developer", false, ""},
		{true, "developer", "premium", "unchecked", false, "no_one_allowed"},
	} {
		s := play(t, 8120+i)
		s.given(x.restricted, x.least)
		s.set("/tier", fields{"name": x.tier})
		want := doctor.Want{Environment: "production", Variables: x.accepted, Unguarded: x.unguarded}
		found, err := s.job.Audit(context.Background(), []doctor.Want{want})
		if err != nil {
			t.Fatal(err)
		}
		told := false
		for _, f := range raised.Note(found) {
			told = told || f.Rule == finding.PipelineVariables && f.Severity == finding.Error && f.Code == "E_BYPASS"
		}
		if told != (x.want != "") {
			t.Errorf("%+v: found %+v, want that the doctor says it: %v", x, found, x.want != "")
		}
		plan, err := s.job.Apply(context.Background(), want)
		if err != nil || (len(plan.Changes) == 1) != (x.want != "") {
			t.Errorf("%+v: applied %+v, %v; want a change: %v", x, plan, err, x.want != "")
			continue
		}
		v := s.protection("production").Variables
		if x.want != "" && v.Nobody != (x.want == "no_one_allowed") || x.want == "maintainer" && v.Least != x.want {
			t.Errorf("%+v: after that %+v, want %s", x, v, x.want)
		}
	}
	s := play(t, 8130)
	s.given(nil, nil)
	plan, err := s.job.Plan(context.Background(), doctor.Want{Environment: "production"})
	if err != nil || len(plan.Changes) != 0 || len(plan.Cannot) != 1 || !strings.Contains(plan.Cannot[0], "pipeline-variables: unchecked") {
		t.Errorf("plan = %+v, %v; want that it cannot be seen", plan, err)
	}
	if found, err := s.job.Audit(context.Background(), []doctor.Want{{Environment: "production"}}); err != nil || len(found) != 1 || found[0].Rule != finding.CannotSee {
		t.Errorf("found %+v, %v; want a note that it cannot be seen", found, err)
	}
}
