package gitlab

import (
	"context"
	"encoding/base64"
	"net/url"

	"github.com/xanzy/go-gitlab"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

const readFile = "give SALLYPORT_TOKEN scope read_api and at least role Reporter in this project"

// Commit is the commit of this job, in full: as its variables say, and after Identify
// as its ID token says.
func (j *Job) Commit() string { return j.getenv("CI_COMMIT_SHA") }

// Workspace is the folder of the job, as its variables say.
func (j *Job) Workspace() string { return j.getenv("CI_PROJECT_DIR") }

// File returns a file of this project as a commit has it
// (https://docs.gitlab.com/api/repository_files). A 404 does not say whether the
// file is absent or hidden from this token.
func (repo *Repo) File(ctx context.Context, commit, path string) ([]byte, error) {
	x, err := one[struct {
		Encoding string `json:"encoding"`
		Content  string `json:"content"`
		Commit   string `json:"commit_id"`
	}](ctx, repo, question{path: repo.project("/repository/files/" +
		gitlab.PathEscape(path)), query: url.Values{"ref": {commit}},
		fixed: true, hint: readFile})
	if absent(err) {
		return nil, fault.New(fault.Refused, fault.Policy, "commit the file; or "+readFile,
			"%s has no %q at commit %s, or does not show it to this token", repo.Name(), path, commit)
	}
	if err != nil {
		return nil, err
	}
	body, err := base64.StdEncoding.DecodeString(x.Content)
	if err != nil || x.Encoding != "base64" || x.Commit != commit {
		return nil, fault.New(fault.Refused, fault.Malformed, "",
			"the GitLab API answered with a file of encoding %q at commit %q, asked for commit %s",
			x.Encoding, x.Commit, commit)
	}
	return body, nil
}

// KeepsBundles reports whether GitLab keeps bundles of this project: as packages, on every
// plan.
func (*Repo) KeepsBundles(context.Context) (bool, error) { return true, nil }

// maxVersions is how many versions of a file are looked back at.
const maxVersions = 20

// Versions returns the commits up to tip that changed a file, the newest first, and at most
// maxVersions of them (https://docs.gitlab.com/api/commits).
func (repo *Repo) Versions(ctx context.Context, tip, path string) ([]string, error) {
	var out []string
	err := each(ctx, repo, question{path: repo.project("/repository/commits"), query: url.Values{
		"ref_name": {tip}, "path": {path}}, fixed: true, hint: readFile},
		func(page []struct{ ID string }) (bool, error) {
			for _, c := range page[:min(len(page), maxVersions-len(out))] {
				out = append(out, c.ID)
			}
			return len(out) < maxVersions, nil
		})
	return out, err
}

// Tip returns the commit that a branch of this project is at.
func (repo *Repo) Tip(ctx context.Context, branch string) (string, error) {
	t, err := repo.branch(ctx, branch)
	if absent(err) {
		return "", fault.New(fault.Refused, fault.Policy, "name a branch that is there, without refs/heads/; or "+readFile,
			"%s has no branch %q, or does not show it to this token", repo.Name(), branch)
	}
	return t.Commit.ID, err
}
