package workflows

import (
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/starter"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

var (
	buildNeeds = []starter.Option{
		{Name: "id-token", Value: "write"},
		{Name: "attestations", Value: "write"},
		{Name: "contents", Value: "read"},
	}
	gateNeeds = []starter.Option{
		{Name: "contents", Value: "read"},
		{Name: "actions", Value: "read"},
		{Name: "attestations", Value: "read"},
		{Name: "deployments", Value: "read"},
	}
)

// more is what the steps of a job seem to need besides, where nothing says which
// permissions it has.
func (x *wire) more(all []*yamlnode.Node) (out []starter.Option) {
	for _, s := range all {
		script := s.Get("run").Str()
		switch a := action(s); {
		case a == "goreleaser/goreleaser-action",
			a == "softprops/action-gh-release",
			strings.Contains(script, "gh release"),
			strings.Contains(script, "goreleaser release"):
			out = append(out, starter.Option{Name: "contents", Value: "write"})
		case a == "docker/build-push-action",
			strings.Contains(script, "docker push"),
			strings.Contains(script, "npm publish"):
			out = append(out, starter.Option{Name: "packages", Value: "write"})
		}
	}
	return out
}

// permit adds permissions to a job. One that is there with less is nothing that may be
// written over.
func (x *wire) permit(job *yamlnode.Node, want, guess []starter.Option) error {
	if x.Server {
		want = slices.DeleteFunc(slices.Clone(want), func(o starter.Option) bool { return o.Name == "attestations" })
	}
	have := job.Raw("permissions")
	if have != nil {
		return x.grant(have, want)
	}
	var all []starter.Option
	put := func(o starter.Option) {
		i := slices.IndexFunc(all, func(k starter.Option) bool { return k.Name == o.Name })
		if i < 0 {
			all = append(all, o)
		} else if o.Value == "write" {
			all[i] = o
		}
	}
	switch {
	case x.top == nil:
		had, err := x.defaults(guess)
		if err != nil {
			return err
		}
		for _, o := range had {
			put(o)
		}
	case x.top.Kind == yamlnode.Map:
		for _, f := range x.top.Fields {
			put(starter.Option{Name: f.Name, Value: f.Value.Str()})
		}
	case x.top.Str() == "write-all":
		return nil
	default:
		return starter.NoPlace("the workflow has permissions: %s", x.top.Str())
	}
	for _, o := range want {
		put(o)
	}
	text := "permissions:\n"
	for l := range strings.Lines(lines(all)) {
		text += "  " + l
	}
	return x.own(job, text)
}

func (x *wire) grant(have *yamlnode.Node, want []starter.Option) error {
	if have.Str() == "write-all" {
		return nil
	}
	var lacks []starter.Option
	for _, o := range want {
		f, ok := have.Field(o.Name)
		switch {
		case have.Kind != yamlnode.Map:
			return starter.NoPlace("a job has permissions: %s", have.Str())
		case !ok:
			lacks = append(lacks, o)
		case f.Value.Str() != "write" && f.Value.Str() != o.Value:
			return starter.NoPlace("a job has the permission %s: %s, want %s", o.Name, f.Value.Str(), o.Value)
		}
	}
	return x.Keys(have, lacks)
}

// writable are the scopes of a token that may write everything
// (https://docs.github.com/actions/security-for-github-actions/security-guides/automatic-token-authentication).
// An ID token is none of them.
var writable = []string{"actions", "attestations", "checks", "contents", "deployments", "discussions", "issues", "packages",
	"pages", "pull-requests", "security-events", "statuses"}

// defaults are the permissions that a job has for which nothing is written. A job with any
// written permission loses the others, so they are written too.
func (x *wire) defaults(guess []starter.Option) ([]starter.Option, error) {
	switch {
	case x.Default == "write":
		var all []starter.Option
		for _, scope := range writable {
			all = append(all, starter.Option{Name: scope, Value: "write"})
		}
		x.note("a job had the repository's default permissions, which may write everything: they are written out, and less would do")
		return all, nil
	case x.Default == "read":
		return []starter.Option{{Name: "contents", Value: "read"}, {Name: "packages", Value: "read"}}, nil
	case slices.Contains(x.Accepted, starter.AcceptPermissions):
		x.note("a job that had the repository's default permissions has written ones now: add what else it needs")
		return guess, nil
	}
	return nil, &starter.Ask{Word: starter.AcceptPermissions, Why: "a job has the repository's default permissions, and the platform " +
		"does not tell this token what they are: with written ones it has no others, so write its permissions first"}
}
