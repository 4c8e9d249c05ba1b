package gate

import (
	"context"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Served is the source of a policy that a server has for a repository. It stands where the policy of the default branch
// stands otherwise: the repository's own file does not count.
type Served []byte

// File is a file of a commit, or the policy under its usual path.
func (s Served) File(ctx context.Context, at Branch, commit, path string) ([]byte, error) {
	if path == policy.UsualPath {
		return s, nil
	}
	return at.File(ctx, commit, path)
}

// Versions are the commits that changed a file. The policy has one version.
func (s Served) Versions(ctx context.Context, at Branch, commit, path string) ([]string, error) {
	if path == policy.UsualPath {
		return []string{commit}, nil
	}
	return at.Versions(ctx, commit, path)
}

// Asking lets the commands that a verdict shows to people name the server that has the policy.
func Asking(v verdict.Verdict, server string) verdict.Verdict {
	const command = "sallyport approve --release"
	name := func(all []verdict.Finding) []verdict.Finding {
		all = slices.Clone(all)
		for i := range all {
			all[i].Hint = strings.ReplaceAll(all[i].Hint, command, "sallyport approve --server "+server+" --release")
		}
		return all
	}
	v.Findings, v.Judgements = name(v.Findings), slices.Clone(v.Judgements)
	for i := range v.Judgements {
		v.Judgements[i].Findings = name(v.Judgements[i].Findings)
	}
	return v
}
