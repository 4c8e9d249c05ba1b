package github

import (
	"cmp"
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

// maxCommits bounds a change. More is not judged in part.
const maxCommits = 5000

// commit is a commit as the API writes it: what it holds, and which accounts
// the platform finds behind its addresses.
type commit struct {
	SHA       string `json:"sha"`
	Node      string `json:"node_id"`
	Author    *user  `json:"author"`
	Committer *user  `json:"committer"`
	Commit    struct {
		Message      string    `json:"message"`
		Author       signature `json:"author"`
		Committer    signature `json:"committer"`
		Verification struct {
			Verified bool   `json:"verified"`
			Reason   string `json:"reason"`
		} `json:"verification"`
	} `json:"commit"`
	Parents []parent `json:"parents"`
}

type parent struct {
	SHA string `json:"sha"`
}

// commits hands commits on, in their order.
func (h history) commits(all []commit) []change.Commit {
	out := make([]change.Commit, len(all))
	for i, c := range all {
		h.known.learn(c.SHA, c.Node)
		x := change.Commit{ID: c.SHA, Message: c.Commit.Message, Page: h.page(c), Signature: c.signature()}
		// Only the platform can verify the address of its page (REST, "verification").
		x.Signed = x.Page && c.Committer != nil && c.Commit.Verification.Verified
		x.Author = change.Identity{Name: c.Commit.Author.Name, Email: c.Commit.Author.Email, Account: h.account(c.Author)}
		x.Committer = change.Identity{Name: c.Commit.Committer.Name, Email: c.Commit.Committer.Email,
			Account: h.account(c.Committer)}
		for _, p := range c.Parents {
			x.Parents = append(x.Parents, p.SHA)
		}
		if t, err := time.Parse(time.RFC3339, c.Commit.Committer.Date); err == nil {
			x.Time = t
		}
		out[i] = x
	}
	return out
}

// page reports whether a commit has the platform's page as its committer: its
// account on the cloud, or the address that the page of a server writes.
func (h history) page(c commit) bool {
	if c.Committer != nil {
		return c.Committer.ID == webFlow
	}
	return strings.EqualFold(c.Commit.Committer.Email, "noreply@"+h.server.Hostname())
}

var fullSHA = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`) })

// since returns what to has and from has not, newest first, all pages of it.
// What two commits have between them never changes.
func (repo *Repo) since(ctx context.Context, from, to string) (all []commit, found bool, err error) {
	q := inquiry{path: repo.at("compare/%s...%s", from, to), key: "commits", need: readContents,
		limit: maxCommits/perPage + 1}
	if from == "" {
		q = inquiry{path: repo.at("commits") + "?sha=" + to, need: readContents, limit: maxCommits/perPage + 1}
	}
	all, found, err = list(ctx, repo, q, func(all []commit) bool { return len(all) > maxCommits })
	if err != nil || !found {
		return nil, false, err
	}
	if len(all) > maxCommits {
		return nil, false, fault.New(fault.Refused, fault.Limit, change.BeginLater,
			"more than %d commits lead to %s from %s", maxCommits, short(to), cmp.Or(short(from), "the first one"))
	}
	if from == "" {
		err = whole(all, to)
	} else {
		slices.Reverse(all)
	}
	for n := range len(all)/perPage + 1 {
		repo.known.settle(q.page(n + 1))
	}
	return all, err == nil, err
}

// whole wants a history to be all of it: a list that lacks a parent is a part.
func whole(all []commit, sha string) error {
	has := map[string]bool{}
	for _, c := range all {
		has[c.SHA] = true
	}
	for _, c := range all {
		for _, p := range c.Parents {
			if !has[p.SHA] {
				return fault.New(fault.Refused, fault.Malformed, "", "the GitHub API lists commit %s without its parent %s",
					short(c.SHA), short(p.SHA))
			}
		}
	}
	if !has[sha] {
		return fault.New(fault.Refused, fault.Malformed, "", "the GitHub API lists the commits before %s without that one",
			short(sha))
	}
	return nil
}

// tip returns the commit that a branch is at; a branch that is not there has
// none. The branches API takes no tag for a branch of the same name, as other
// resources might.
func (repo *Repo) tip(ctx context.Context, branch string) (string, error) {
	a, err := repo.once(ctx, repo.at("branches/%s", escaped(branch)), readContents)
	if err != nil || !a.found {
		return "", err
	}
	var b struct {
		Name   string `json:"name"`
		Commit struct {
			SHA string `json:"sha"`
		} `json:"commit"`
	}
	if err := repo.read(a, &b); err != nil {
		return "", err
	}
	if b.Name != branch || !fullSHA().MatchString(b.Commit.SHA) {
		return "", fault.New(fault.Refused, fault.Malformed, "", "asked for branch %q, the GitHub API answered with %q at %q", branch, b.Name, b.Commit.SHA)
	}
	return b.Commit.SHA, nil
}

// tagged says whether a tag stands for a commit now, through an annotated tag's
// own object if it has one.
func (repo *Repo) tagged(ctx context.Context, tag, sha string) (bool, error) {
	path := repo.at("git/ref/tags/%s", escaped(tag))
	for range 3 {
		a, err := repo.once(ctx, path, readContents)
		if err != nil || !a.found {
			return false, err
		}
		var t struct {
			Ref    string                     `json:"ref"`
			Object struct{ Type, SHA string } `json:"object"`
		}
		if err := repo.read(a, &t); err != nil {
			return false, err
		}
		if t.Ref != "" && t.Ref != "refs/tags/"+tag || !fullSHA().MatchString(t.Object.SHA) {
			return false, fault.New(fault.Refused, fault.Malformed, "", "asked for tag %q, the GitHub API answered with %q", tag, t.Ref)
		}
		if t.Object.Type != "tag" {
			return t.Object.Type == "commit" && t.Object.SHA == sha, nil
		}
		path = repo.at("git/tags/%s", t.Object.SHA)
	}
	return false, nil
}

// notHere explains that the platform does not have a commit that must be there.
func notHere(what, sha string) error {
	return fault.New(fault.Refused, fault.Source, "", "%s %s is not in the repository, or shares no history with what it is compared to (%d)", what, short(sha), http.StatusNotFound)
}
