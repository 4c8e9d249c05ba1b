package policy_test

import (
	"encoding/json"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// valid says whether the schema in shared takes a policy file.
func valid(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		return err // some of what is wrong is not even YAML to everybody
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

func policySchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("../../shared/policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchema_takes_every_policy_that_is_read(t *testing.T) {
	s := policySchema(t)
	for _, x := range accepted {
		if err := valid(t, s, x.text(t)); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}

func TestSchema_refuses_every_policy_that_is_wrong_in_structure(t *testing.T) {
	s := policySchema(t)
	for _, x := range append(identities(), structural...) {
		if valid(t, s, x.text(t)) == nil {
			t.Errorf("%s: the schema takes it, want a refusal", x.name)
		}
	}
}
