package cli

import (
	"regexp"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// shaped refuses what no certificate can hold, because a person who mistypes a flag would take
// the denial for an answer about the file. at is the repository that is named, or "".
func (in verifyInputs) shaped(f policy.Forge, at string) error {
	host := strings.TrimPrefix(f.Host, "https://")
	say := func(hint, format string, args ...any) error {
		return fault.New(fault.Usage, fault.Config, hint, format, args...)
	}
	if in.RepositoryID != "" && !numbers().MatchString(in.RepositoryID) {
		return say("write the number alone, such as 123456789",
			"--repository-id %q is no number of a repository", in.RepositoryID)
	}
	path, ref, pinned := strings.Cut(in.Workflow, "@")
	switch {
	case pinned:
		return say("leave the ref out: "+path+"; a policy asks for refs (docs/policy.md)",
			"--workflow %q has a ref (%q) behind the path, and the flag is compared with the path alone", in.Workflow, ref)
	case strings.Contains(path, "://"), strings.HasPrefix(path, "/"), strings.HasPrefix(path, "./"),
		at != "" && strings.HasPrefix(path, at+f.Mark), strings.HasPrefix(path, host+"/"):
		return say("write the path in the repository, such as "+f.Folder+"release.yml",
			"--workflow %q is not the path of a file in the repository", in.Workflow)
	}
	return in.signerShaped(f, host)
}

// signerShaped refuses a signer that names no workflow of the platform.
func (in verifyInputs) signerShaped(f policy.Forge, host string) error {
	const form = "OWNER/NAME/PATH, such as acme/ci/.github/workflows/release.yml"
	if in.Signer == "" {
		return nil
	}
	bare, ref, pinned := strings.Cut(in.Signer, "@")
	repository, path, ok := strings.Cut(bare, f.Mark)
	if f.Mark == "/" { // the path is what stands behind owner and name
		parts := strings.SplitN(bare, "/", 3)
		repository, path, ok = strings.Join(parts[:min(2, len(parts))], "/"), parts[len(parts)-1], len(parts) == 3
	}
	hint := "name the workflow by its path on " + host + ": " + form
	if f.Mark != "/" {
		hint = "name the configuration by its path on " + host + ": GROUP/NAME//PATH, such as acme/ci//.gitlab-ci.yml"
	}
	if !ok || path == "" || wrongPath(f, repository) != "" || strings.Contains(bare, "://") {
		return fault.New(fault.Usage, fault.Config, hint, "--signer %q names no workflow of %s", in.Signer, host)
	}
	if pinned && !strings.HasPrefix(ref, "refs/") && !wholeCommits().MatchString(ref) {
		return fault.New(fault.Usage, fault.Config, "write the whole ref, such as @refs/heads/main or @refs/tags/v1, or leave it out",
			"--signer %q ends in no whole ref", in.Signer)
	}
	return nil
}

// wrongPath says what a path of a repository on a platform is instead, or "".
func wrongPath(f policy.Forge, path string) string {
	if f.Mark == "/" {
		if !ownerAndName().MatchString(path) {
			return "an owner and a name, and nothing behind them"
		}
		return ""
	}
	if !groupsAndName().MatchString(path) {
		return "groups and a name, and nothing behind them"
	}
	return ""
}

var (
	numbers       = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[1-9][0-9]{0,18}$`) })
	wholeCommits  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`) })
	ownerAndName  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9_.-]+$`) })
	groupsAndName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$`)
	})
)

// predicateOf is the URI of a type of predicate that is named as other tools name it. What is
// neither a short name nor a URI is a usage fault.
func predicateOf(typed string) (string, error) {
	if uri := types[typed]; uri != "" {
		return uri, nil
	}
	if typed != "" && !strings.ContainsAny(typed, ":/") {
		return "", fault.New(fault.Usage, fault.Config, "write the URI that the statement has, such as https://slsa.dev/provenance/v1",
			"--predicate-type %q is not a URI, and no short name of one", typed)
	}
	return typed, nil
}
