package lab

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A history is what a repository's commits, branches and changes are.
type history struct {
	Commits       []gitCommit       `json:"commits"`
	Branches      map[string]string `json:"branches"`
	DefaultBranch string            `json:"default_branch"`
	Tags          map[string]string `json:"tags"`
	Pulls         []pull            `json:"pulls"`
	Activity      []activity        `json:"activity"`

	bySHA map[string]*gitCommit
}

type gitCommit struct {
	SHA       string   `json:"sha"`
	Parents   []string `json:"parents"`
	Message   string   `json:"message"`
	Author    *person  `json:"author"`
	Committer *person  `json:"committer"`
	Date      string   `json:"date"`
	// Verification are fields of that object; without them it is unsigned.
	Verification object `json:"verification"`
}

type pull struct {
	Number         int64   `json:"number"`
	Title          string  `json:"title"`
	User           *person `json:"user"`
	MergedBy       *person `json:"merged_by"`
	MergeCommitSHA string  `json:"merge_commit_sha"`
	MergedAt       string  `json:"merged_at"`
	State          string  `json:"state"`
	Base           string  `json:"base"`
	Head           struct {
		SHA   string  `json:"sha"`
		Ref   string  `json:"ref"`
		Owner *person `json:"owner"`
		Fork  bool    `json:"fork"`
	} `json:"head"`
	// Commits are those of its head; Introduced are further ones that it put
	// on the base branch, as a rebase does.
	Commits    []string `json:"commits"`
	Introduced []string `json:"introduced"`
	CreatedAt  string   `json:"created_at"`
	UpdatedAt  string   `json:"updated_at"`
	// Elsewhere says that it goes into a fork: it is listed with its commits alone.
	Elsewhere bool `json:"elsewhere"`
	// Timeline is what happened to it, besides what its activity says.
	Timeline []timelineEvent `json:"timeline"`
	Reviews  []pullReview    `json:"reviews"`
}

// A pullReview is what somebody said of a pull request.
type pullReview struct {
	User        *person `json:"user"`
	State       string  `json:"state"` // APPROVED if it is empty
	CommitID    string  `json:"commit_id"`
	SubmittedAt string  `json:"submitted_at"`
	// Stranger says that its giver may not push to the repository.
	Stranger bool `json:"stranger"`
}

type timelineEvent struct {
	Event string  `json:"event"`
	Actor *person `json:"actor"`
	At    string  `json:"at"` // when its request was changed last if it is empty
}

type activity struct {
	ID        int64   `json:"id"`
	Before    string  `json:"before"`
	After     string  `json:"after"`
	Ref       string  `json:"ref"`
	Actor     *person `json:"actor"`
	Type      string  `json:"activity_type"`
	Timestamp string  `json:"timestamp"`
}

// noCommit is what a branch was before it was made, and is after it is gone.
const noCommit = "0000000000000000000000000000000000000000"

var isSHA = regexp.MustCompile(`^[0-9a-f]{40}$`)

// minute is the time of the i-th thing that has none.
func minute(i int) string { return made.Add(time.Duration(i) * time.Minute).Format(time.RFC3339) }

// newHistory is the one commit of the default tokens on main, which alice
// wrote and pushed.
func newHistory() *history {
	h := linear(1, &alice, &alice, "")
	h.fill()
	return h
}

// linear is n commits on main, each pushed alone; the last is the one of the
// default tokens. The others are named after the place in the line.
func linear(n int, author, pusher *person, name string) *history {
	h := &history{Branches: map[string]string{"main": commit}, DefaultBranch: "main"}
	before := ""
	for i := range n {
		sha := commit
		if i < n-1 {
			sum := sha256.Sum256(fmt.Appendf(nil, "%s:%d", name, i))
			sha = hex.EncodeToString(sum[:len(commit)/2])
		}
		c := gitCommit{SHA: sha, Message: fmt.Sprintf("change %d", i+1), Author: author, Committer: author}
		push := activity{Before: noCommit, After: sha, Actor: pusher}
		if before != "" {
			c.Parents, push.Before = []string{before}, before
		}
		h.Commits, h.Activity, before = append(h.Commits, c), append(h.Activity, push), sha
	}
	return h
}

// putHistory replaces a repository's history by one that holds together.
func (g *github) putHistory(r *repo, h *history) error {
	h.fill()
	if err := h.check(); err != nil {
		return err
	}
	g.knowAll(h)
	r.history = h
	return nil
}

// fill sets what may be left out.
func (h *history) fill() {
	h.bySHA = map[string]*gitCommit{}
	for i := range h.Commits {
		c := &h.Commits[i]
		if c.Date == "" {
			c.Date = minute(i)
		}
		if c.Committer == nil {
			c.Committer = c.Author
		}
		h.bySHA[c.SHA] = c
	}
	if h.DefaultBranch == "" {
		h.DefaultBranch = "main"
	}
	for i := range h.Pulls {
		h.Pulls[i].fill(i, len(h.Activity), h.DefaultBranch)
	}
	for i := range h.Activity {
		a := &h.Activity[i]
		if a.ID == 0 {
			a.ID = int64(i) + 1
		}
		if a.Ref == "" {
			a.Ref = "refs/heads/" + h.DefaultBranch
		}
		if a.Type == "" {
			a.Type = "push"
		}
		if a.Timestamp == "" {
			a.Timestamp = minute(i)
		}
	}
}

// fill sets what may be left out of the i-th request, which is merged after all
// that was pushed unless it says when.
func (p *pull) fill(i, pushes int, base string) {
	if p.User == nil {
		p.User = &ghost
	}
	if p.MergedBy != nil && p.MergedAt == "" {
		p.MergedAt = minute(pushes + i)
	}
	if p.State == "" {
		p.State = "open"
		if p.MergedAt != "" {
			p.State = "closed"
		}
	}
	if p.Base == "" {
		p.Base = base
	}
	if p.Head.Owner == nil {
		p.Head.Owner = p.User
	}
	if p.Head.Ref == "" {
		p.Head.Ref = fmt.Sprintf("change-%d", p.Number)
	}
	if p.Head.SHA == "" && len(p.Commits) > 0 {
		p.Head.SHA = p.Commits[len(p.Commits)-1]
	}
	if p.CreatedAt == "" {
		p.CreatedAt = minute(i)
	}
	if p.UpdatedAt == "" {
		p.UpdatedAt = max(p.CreatedAt, p.MergedAt)
	}
	for i := range p.Reviews {
		r := &p.Reviews[i]
		r.State = cmp.Or(r.State, "APPROVED")
		r.CommitID = cmp.Or(r.CommitID, p.Head.SHA)
		r.SubmittedAt = cmp.Or(r.SubmittedAt, p.CreatedAt)
	}
}

// check refuses a history that names a commit that it does not have: the
// test that wrote it would not test what it says.
func (h *history) check() error {
	if len(h.bySHA) != len(h.Commits) {
		return fmt.Errorf("%d commits have %d names", len(h.Commits), len(h.bySHA))
	}
	for _, c := range h.Commits {
		if !isSHA.MatchString(c.SHA) {
			return fmt.Errorf("commit %q, want 40 hexadecimal digits", c.SHA)
		}
	}
	if err := h.checkOrder(); err != nil {
		return err
	}
	for _, refs := range []map[string]string{h.Branches, h.Tags} {
		for name, sha := range refs {
			if h.bySHA[sha] == nil {
				return fmt.Errorf("%q is at %q, which is no commit here", name, sha)
			}
		}
	}
	for _, p := range h.Pulls {
		if p.Number < 1 {
			return fmt.Errorf("pull has number %d, want 1 or more", p.Number)
		}
		for _, sha := range slices.Concat(p.Commits, p.Introduced) {
			if h.bySHA[sha] == nil {
				return fmt.Errorf("pull %d has %q, which is no commit here", p.Number, sha)
			}
		}
	}
	return nil
}

// checkOrder wants every commit after its parents in the list, which also
// keeps out rings.
func (h *history) checkOrder() error {
	before := map[string]struct{}{}
	for _, c := range h.Commits {
		for _, p := range c.Parents {
			if _, ok := before[p]; !ok {
				return fmt.Errorf("parent %q of %q is not listed before it", p, c.SHA)
			}
		}
		before[c.SHA] = struct{}{}
	}
	return nil
}

// knowAll makes accounts of those that the history names by id.
func (g *github) knowAll(h *history) {
	var named []*person
	for _, c := range h.Commits {
		named = append(named, c.Author, c.Committer)
	}
	for _, p := range h.Pulls {
		named = append(named, p.User, p.MergedBy, p.Head.Owner)
		for _, e := range p.Timeline {
			named = append(named, e.Actor)
		}
		for _, r := range p.Reviews {
			named = append(named, r.User)
		}
	}
	for _, a := range h.Activity {
		named = append(named, a.Actor)
	}
	for _, p := range named {
		if p != nil {
			g.people.know(*p)
		}
	}
}

// resolve finds the commit that a name, a ref or the beginning of a commit's
// own name stands for.
func (h *history) resolve(ref string) *gitCommit {
	if c := h.bySHA[ref]; c != nil {
		return c
	}
	short := strings.TrimPrefix(ref, "refs/")
	if sha, ok := h.Branches[strings.TrimPrefix(short, "heads/")]; ok {
		return h.bySHA[sha]
	}
	if sha, ok := h.Tags[strings.TrimPrefix(short, "tags/")]; ok {
		return h.bySHA[sha]
	}
	return h.abbreviated(ref)
}

func (h *history) abbreviated(prefix string) *gitCommit {
	var found *gitCommit
	for sha, c := range h.bySHA {
		if len(prefix) >= 7 && strings.HasPrefix(sha, prefix) {
			if found != nil {
				return nil
			}
			found = c
		}
	}
	return found
}

// reach returns a commit and all before it, parents first, without those in
// seen, to which it adds them.
func (h *history) reach(sha string, seen map[string]struct{}) []*gitCommit {
	type step struct {
		c    *gitCommit
		next int
	}
	var out []*gitCommit
	enter := func(sha string, stack []step) []step {
		if _, ok := seen[sha]; ok {
			return stack
		}
		seen[sha] = struct{}{}
		return append(stack, step{c: h.bySHA[sha]})
	}
	for stack := enter(sha, nil); len(stack) > 0; {
		top := &stack[len(stack)-1]
		if top.next == len(top.c.Parents) {
			out = append(out, top.c)
			stack = stack[:len(stack)-1]
			continue
		}
		parent := top.c.Parents[top.next]
		top.next++
		stack = enter(parent, stack)
	}
	return out
}

// mergeBase is the newest commit that both have, if they have one.
func (h *history) mergeBase(a, b string) *gitCommit {
	of := map[string]struct{}{}
	h.reach(a, of)
	common := map[string]*gitCommit{}
	var order []*gitCommit
	for _, c := range h.reach(b, map[string]struct{}{}) {
		if _, ok := of[c.SHA]; ok {
			common[c.SHA], order = c, append(order, c)
		}
	}
	for _, c := range order {
		for _, p := range c.Parents {
			delete(common, p)
		}
	}
	for _, c := range slices.Backward(order) {
		if common[c.SHA] != nil {
			return c
		}
	}
	return nil
}

func (g *github) historyControl(r *repo, req *http.Request) error {
	h := &history{}
	if err := readJSON(req, h); err != nil {
		return err
	}
	return g.putHistory(r, h)
}

func (g *github) linearControl(r *repo, req *http.Request) error {
	in := struct {
		N      int    `json:"n"`
		Author person `json:"author"`
		Pusher person `json:"pusher"`
	}{Author: alice, Pusher: alice}
	if err := readJSON(req, &in); err != nil {
		return err
	}
	if in.N < 1 {
		return fmt.Errorf("n is %d, want 1 or more", in.N)
	}
	return g.putHistory(r, linear(in.N, &in.Author, &in.Pusher, r.owner+"/"+r.name))
}
