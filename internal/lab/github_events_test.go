//go:build contract

package lab

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The events that the toy sends are of the form that is published for them: the
// package @octokit/webhooks-schemas has it. Run "npm ci" in internal/lab/openapi first.
func TestEventsAreOfThePublishedForm(t *testing.T) {
	f, err := os.Open("openapi/node_modules/@octokit/webhooks-schemas/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.AssertFormat()
	// Its own check refuses GitHub's {/id}.
	c.RegisterFormat(&jsonschema.Format{Name: "uri-template", Validate: func(any) error { return nil }})
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json#/definitions/deployment_protection_rule$requested")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(body []byte) error {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		return s.Validate(v)
	}
	a := anApp(t, 7220, "appevents")
	set(t, a.repo, "/runs/7", `{"event":"push","actor":{"login":"robot[bot]","id":4001,"type":"Bot"}}`)
	a.reaches(t, 7, "")
	control(t, "PUT", "/github/users/solo", `{"id":4002}`)
	solo := &testApp{id: 7230, install: 7231, repo: "/repos/solo/appevents", key: appKey(), hook: a.hook}
	control(t, "PUT", "/github"+solo.repo, `{"visibility":"private","unprotected":["production"]}`)
	solo.number = decode[struct{ ID int64 }](t, control(t, "GET", "/github"+solo.repo, "")).ID
	solo.put(t, `{"7231":[`+strconv.FormatInt(solo.number, 10)+`]}`, `{}`)
	set(t, solo.repo, "/environments/production/app", `{"app":7230}`)
	solo.reaches(t, 8, "")
	came := a.arrivals()
	if len(came) != 2 {
		t.Fatalf("%d events, want two", len(came))
	}
	for i, x := range came {
		if err := valid(x.body); err != nil {
			t.Errorf("event %d: %v", i, err)
		}
		p := decode[object](t, x.body)
		if (p["organization"] != nil) != (i == 0) {
			t.Errorf("event %d: organization %v", i, p["organization"])
		}
		const members = "environment event deployment_callback_url deployment pull_requests installation"
		for _, name := range strings.Fields(members) {
			if p[name] == nil {
				t.Errorf("event %d has no %s", i, name)
			}
		}
	}
	a.reaches(t, 9, `,"fields":{"deployment":{"sha":null}}`)
	if bad := a.arrivals(); valid(bad[len(bad)-1].body) == nil {
		t.Error("an event whose deployment has no commit is of the published form")
	}
}
