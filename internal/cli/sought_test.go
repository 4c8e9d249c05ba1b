package cli

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

func TestRepository_is_read_as_people_type_it(t *testing.T) {
	for typed, want := range map[string]string{
		"github.com/acme/app":             "https://github.com/acme/app",
		"https://github.com/acme/app":     "https://github.com/acme/app",
		"https://GitHub.com/acme/app.git": "https://github.com/acme/app",
		"git@github.com:acme/app.git":     "https://github.com/acme/app",
		"gitlab.com/a/b/c":                "https://gitlab.com/a/b/c",
		"code.example:8443/acme/app":      "https://code.example:8443/acme/app",
	} {
		if got, err := address(typed); err != nil || got.URI() != want {
			t.Errorf("%s: %v, %v, want %s", typed, got, err, want)
		}
	}
	for _, typed := range []string{"acme/app", "a/b/c", "http://github.com/acme/app", "github.com/acme", "app", "", "https://a:s3cret@github.com/acme"} {
		r := &run{}
		r.in.Repository = typed
		_, err := address(typed)
		if _, _, outer := r.addresses(""); err == nil || typed != "" && (outer == nil || strings.Contains(outer.Error(), "s3cret")) {
			t.Errorf("%q: %v, %v, want an error without a password", typed, err, outer)
		}
	}
}

func TestOwner_takes_the_host_of_the_repository(t *testing.T) {
	for _, x := range []struct{ repository, owner, host, want string }{
		{"", "github.com/acme", "github.com", "acme"},
		{"", "https://gitlab.com/a/b", "gitlab.com", "a/b"},
		{"github.com/acme/app", "acme", "github.com", "acme"},
		{"github.com/acme/app", "github.com/acme", "github.com", "acme"},
		{"gitlab.com/a/b/c", "a/b", "gitlab.com", "a/b"},
	} {
		r := &run{}
		r.in.Repository = x.repository
		if at, owner, err := r.addresses(x.owner); err != nil || at.Host != x.host || owner != x.want {
			t.Errorf("%s, %s: %s %s %v", x.repository, x.owner, at.Host, owner, err)
		}
	}
	for _, owner := range []string{"acme", "acme/x", "github.com/", "github.com//acme"} {
		if _, got, err := (&run{}).addresses(owner); fault.Of(err).Kind != fault.Usage {
			t.Errorf("%q: %q, %v, want a usage fault", owner, got, err)
		}
	}
}
