package attest

import (
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// Every name is recorded, and a value only where somebody asked for it.
func TestRecord_names_always_and_values_when_listed(t *testing.T) {
	in, left, err := Record(map[string]string{"version": "1.2.3", "dry_run": "true"}, []string{"version", "of another run"}, nil)
	if err != nil || len(left) > 0 || len(in) != 2 || in["dry_run"] != nil || in["version"] == nil || *in["version"] != "1.2.3" {
		t.Errorf("%v, %v, %v; want both names and the value of version", in, left, err)
	}
	if in, _, _ := Record(nil, nil, nil); in == nil || len(in) != 0 {
		t.Errorf("%v; want none, which is not unknown", in)
	}
}

// A log keeps what it was given for ever, so what looks like a secret stays out
// even if somebody lists it.
func TestF07_a_secret_is_never_recorded(t *testing.T) {
	known := []string{"correct horse battery", "short"}
	for name, value := range map[string]string{
		"deploy_token": "x", "PASSWORD": "x", "db_passwd": "x", "API_KEY": "x", "api-key": "x", "private_key": "x", "client_secret": "x", "GPG_PASSPHRASE": "x", "NPM_AUTH": "x",
		"a": "ghp_0123456789012345678901234567890123456", "b": "run with github_pat_11AAA_x", "c": "glpat-0123456789abcdefghij", "d": "-----BEGIN OPENSSH PRIVATE KEY-----\nx",
		"e": "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln", "f": "https://me:hunter2@example.com/x", "g": "AKIA0123456789ABCDEF", "h": "Authorization: Bearer abcdefgh12345",
		"i": "it is correct horse battery", "j": strings.Repeat("x", statement.MaxInputBytes+1), "k": "glrt-t1_0123456789abcdefgh", "l": "postgres://:pw123@db/x",
	} {
		in, left, err := Record(map[string]string{name: value}, []string{name}, known)
		if v, there := in[name]; err != nil || !there || v != nil || !slices.Equal(left, []string{name}) {
			t.Errorf("%s=%q: %v, left %v, %v; want the name alone", name, value, v, left, err)
		}
	}
	for name, value := range map[string]string{
		"version": "v1.2.3-rc.1+build.5", "environment": "production", "ref": "refs/heads/release/1", "keyboard": "qwerty", "url": "https://example.com/a?b=c", "author": "x", "commit": strings.Repeat("a1", 20),
		"note": "a short text", "mail": "mailto:a@example.com", "x": "gl-style", "monkey": "1",
	} {
		in, left, err := Record(map[string]string{name: value}, []string{name}, known)
		if in[name] == nil || len(left) > 0 || err != nil {
			t.Errorf("%s=%q: left out (%v, %v); want the value", name, value, left, err)
		}
	}
}

func TestO02_more_inputs_than_a_platform_allows(t *testing.T) {
	many := map[string]string{}
	for i := range statement.MaxInputs {
		many[strings.Repeat("x", i+1)] = ""
	}
	if in, _, err := Record(many, nil, nil); err != nil || len(in) != statement.MaxInputs {
		t.Errorf("at the limit: %d, %v", len(in), err)
	}
	for name, given := range map[string]map[string]string{"one more": {"y": ""}, "a long name": {strings.Repeat("y", statement.MaxInputBytes+1): ""}} {
		for k := range many {
			if name == "one more" {
				given[k] = ""
			}
		}
		if _, _, err := Record(given, nil, nil); fault.Of(err).Code != fault.Limit {
			t.Errorf("%s: %v, want E_LIMIT", name, err)
		}
	}
}
