package github

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/url"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// readFile is the hint for who may not read files of the repository.
const readFile permission = `add "contents: read" to the job's permissions`

// Commit is the commit of this job, in full: as its variables say, and after Identify
// as its token or the API says as well.
func (j *Job) Commit() string { return j.getenv("GITHUB_SHA") }

// Workspace is the folder of the job, as its variables say.
func (j *Job) Workspace() string { return j.getenv("GITHUB_WORKSPACE") }

// File returns a file of this repository as a commit has it, up to about a
// megabyte (https://docs.github.com/rest/repos/contents). A 404 does not say
// whether the file is absent or hidden from this token.
func (repo *Repo) File(ctx context.Context, commit, path string) ([]byte, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	x, err := repo.content(ctx, repo.owner+"/"+repo.name, commit, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Refused, fault.Policy,
			"commit the file; if the repository is not public, "+string(readFile),
			"%s has no %q at commit %s, or does not show it to this token", repo.Name(), path, commit)
	}
	if err != nil {
		return nil, err
	}
	body, ok := x.file()
	if !ok {
		return nil, fault.New(fault.Refused, fault.Policy,
			"let the policy be a file of this repository, no link and no submodule; or name another, as PATH@COMMIT or PATH@sha256:HEX",
			"%q is a %s of encoding %q at commit %s, want a file",
			path, x.Type, x.Encoding, commit)
	}
	return body, nil
}

// content is what the API says of one path of a commit.
type content struct{ Type, Encoding, Content string }

// file are the bytes of a file; ok is false for what is none, or too large to be given.
func (x content) file() (body []byte, ok bool) {
	body, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(x.Content, "\n", ""))
	return body, err == nil && x.Type == "file" && x.Encoding == "base64"
}

// content asks for a path of a repository of this server, owner/name. One that is not there, or
// not shown, is fs.ErrNotExist.
func (repo *Repo) content(ctx context.Context, repository, commit, path string) (content, error) {
	a, err := repo.once(ctx, contentsOf(repository, commit, path), readFile)
	if err != nil {
		return content{}, err
	}
	if !a.found {
		return content{}, fs.ErrNotExist
	}
	var x content
	return x, repo.read(a, &x)
}

// contentsOf is where a path of a commit is asked for.
func contentsOf(repository, commit, path string) string {
	owner, name, _ := strings.Cut(repository, "/")
	return "repos/" + escaped(owner) + "/" + escaped(name) + "/contents/" +
		strings.ReplaceAll(escaped(path), "%2F", "/") + "?ref=" + url.QueryEscape(commit)
}

// maxVersions is how many versions of a file are looked back at.
const maxVersions = 20

// Versions returns the commits before tip that changed a file, the newest first; not all of a
// file that was changed more often than maxVersions times.
func (repo *Repo) Versions(ctx context.Context, tip, path string) ([]string, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	q := inquiry{path: repo.at("commits?sha=%s&path=%s", url.QueryEscape(tip), url.QueryEscape(path)), need: readContents}
	all, _, err := list[commit](ctx, repo, q, func([]commit) bool { return true })
	var out []string
	for _, c := range all[:min(len(all), maxVersions)] {
		out = append(out, c.SHA)
	}
	return out, err
}

// Tip returns the commit that a branch of this repository is at.
func (repo *Repo) Tip(ctx context.Context, branch string) (string, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	a, err := repo.once(ctx, repo.at("branches/%s", escaped(branch)), readFile)
	if err != nil {
		return "", err
	}
	if !a.found {
		return "", fault.New(fault.Refused, fault.Policy, "name a branch that is there, without refs/heads/",
			"%s has no branch %q, or does not show it to this token", repo.Name(), branch)
	}
	var x struct {
		Name   string
		Commit struct{ SHA string }
	}
	if err := repo.read(a, &x); err != nil {
		return "", err
	}
	if x.Name != branch || !fullSHA().MatchString(x.Commit.SHA) {
		return "", fault.New(fault.Refused, fault.Malformed, "name the branch as it is called now",
			"the GitHub API answered with branch %q at %q, asked for %q", x.Name, x.Commit.SHA, branch)
	}
	return x.Commit.SHA, nil
}
