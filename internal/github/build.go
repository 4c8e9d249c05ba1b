package github

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Workflow takes the address of a workflow apart, as a certificate has it: the repository on
// this server, as owner/name, and the path of the file. A repository alone has no path.
func (repo *Repo) Workflow(uri string) (repository, path string) {
	rest, here := strings.CutPrefix(uri, repo.server.String()+"/")
	rest, _, _ = strings.Cut(rest, "@")
	parts := strings.SplitN(rest, "/", 3)
	switch {
	case !here || len(parts) < 2:
		return "", ""
	case len(parts) == 2:
		return rest, ""
	}
	return parts[0] + "/" + parts[1], parts[2]
}

// FileOf returns a file of a commit of a repository of this server, owner/name. It is asked for
// with the token that is there, which goes to the same API. One that is not there, or not
// shown, is fs.ErrNotExist, with the next step.
func (repo *Repo) FileOf(ctx context.Context, repository, commit, path string) ([]byte, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	if _, _, named := ownerAndName(repository); !named || !fullSHA().MatchString(commit) {
		return nil, fault.New(fault.Usage, fault.NotAvailable, "",
			"%q at commit %q, want owner/name and a full commit", repository, commit)
	}
	x, err := repo.content(ctx, repository, commit, path)
	if errors.Is(err, fs.ErrNotExist) {
		need := repo.hint(http.StatusNotFound, readFile)
		if !strings.EqualFold(repository, repo.owner+"/"+repo.name) {
			need = "use a token that may read " + repository
		}
		return nil, absent{fault.New(fault.Unavailable, fault.NotAvailable, need,
			"%s has no %q at commit %s, or does not show it to this token", repository, path, commit)}
	}
	if err != nil {
		return nil, err
	}
	body, ok := x.file()
	if !ok {
		return nil, fault.New(fault.Unavailable, fault.NotAvailable, "",
			"%q of %s is not a file that the API gives", path, repository)
	}
	repo.known.settle(contentsOf(repository, commit, path))
	return body, nil
}

// absent is a file that is not there, or not shown.
type absent struct{ error }

// Is says that it is one.
func (absent) Is(target error) bool { return target == fs.ErrNotExist }

// Unwrap returns the fault.
func (a absent) Unwrap() error { return a.error }

// Called returns the commit of a workflow that a run has called by a text, owner/name/path@ref,
// as the platform resolved it; "" where it does not say it. The list of runs has it, which is asked for anyway.
func (repo *Repo) Called(ctx context.Context, uri, uses string) (string, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	at, ours := repo.attempt(uri)
	if !ours {
		return "", nil
	}
	r, _, err := repo.try(ctx, at)
	if err != nil {
		return "", err
	}
	sha := ""
	for _, c := range r.Called {
		if !sameCall(c.Path, uses) {
			continue
		}
		if sha != "" && sha != c.SHA {
			return "", nil // a branch and a tag of one name
		}
		sha = c.SHA
	}
	return sha, nil
}

// sameCall reports whether the API's path of a called workflow is what a file says. A ref may be short in one and whole
// in the other.
func sameCall(path, uses string) bool {
	file, ref, _ := strings.Cut(path, "@")
	called, short, named := strings.Cut(uses, "@")
	return named && strings.EqualFold(file, called) &&
		slices.Contains([]string{short, "refs/heads/" + short, "refs/tags/" + short}, ref)
}
