package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Account is one account of a platform, or one e-mail identity of an issuer.
// Host and ID are compared, byte for byte; the name is a label for people.
type Account struct {
	Host string `json:"host"` // base URL of the platform ("https://code.example"), or the OIDC issuer of an e-mail identity
	ID   string `json:"id"`   // the platform's number, or the e-mail address
	Name string `json:"name"` // login, as it is now; never compared
	Kind Kind   `json:"kind"`
}

// Same reports whether a and b are one account.
func (a Account) Same(b Account) bool { return a.ID != "" && a.Host == b.Host && a.ID == b.ID }

// Key is what two mentions of one account have in common.
func (a Account) Key() string { return a.Host + " " + a.ID }

// identity is what was compared, in a verdict.
func (a Account) identity() string {
	if a.ID == "" {
		return "unknown"
	}
	return a.Host + "#" + a.ID
}

// Label is how people are told about a.
func (a Account) Label() string {
	if a.Name != "" {
		return a.Name
	}
	return a.ID
}

// Kind says what is behind an account. Only an approval of a Human counts.
type Kind int

// The kinds of account. A door that is not certain says KindUnknown.
const (
	KindUnknown Kind = iota
	Human            // an active account of a person
	Machine          // a bot, an app, a service account, an access token's user
	Unseen           // the platform was asked and does not say
	Gone             // blocked, suspended, deactivated, deleted
)

// String returns the kind in the words of a message.
func (k Kind) String() string {
	return [...]string{"an account of unknown kind", "a person", "a bot, an app or a service account",
		"an account of which the platform does not say whether it is a person's", "blocked or gone"}[min(max(k, 0), Gone)]
}

// Role is what a maker did for a change. The values are the names in a policy
// file.
type Role string

// The roles that are excluded when a policy does not say which.
const (
	Author    Role = "author"    // of a commit
	Committer Role = "committer" // of a commit
	CoAuthor  Role = "co-author" // in a commit's trailers
	Requester Role = "requester" // opened the pull or merge request
	Pusher    Role = "pusher"    // pushed the commits
	Merger    Role = "merger"    // merged them
	Trigger   Role = "trigger"   // started or re-ran the run, pipeline or deployment
)

// Roles are all roles, in the order in which they are reported.
var Roles = []Role{Author, Committer, CoAuthor, Requester, Pusher, Merger, Trigger}

// ClaimedRoles are those that a commit claims for somebody; KnownRoles, those that the
// platform knows by account.
var (
	ClaimedRoles = []Role{Author, Committer, CoAuthor}
	KnownRoles   = []Role{Requester, Pusher, Merger, Trigger}
)

// Did returns the verb for r, in the words of a message.
func (r Role) Did() string {
	return map[Role]string{
		Author: "wrote", Committer: "committed", CoAuthor: "co-wrote", Requester: "proposed", Pusher: "pushed", Merger: "merged", Trigger: "started",
	}[r]
}

// A Maker is one part that one account or address had in a change. Account is
// zero where the platform knows no account. Then Email, if there is one, is
// looked up under people in the policy. A maker that is still unknown could be
// anybody, and raises the number of approvals.
type Maker struct {
	Account Account `json:"account"`
	Email   string  `json:"email"` // as written in a commit; everybody can write any address
	Role    Role    `json:"role"`
	Where   string  `json:"where"` // "commit 4f2a91c", "run 912, attempt 2", "request 12"
	// Commit is the full id of the commit that claims the role: of an author, a
	// committer and a co-author.
	Commit string `json:"commit"`
	// Mark tells makers apart that have neither account nor address: the full id of
	// a commit, a push or a request. It is compared; Where is for people.
	Mark string `json:"mark"`
	// Fork says that pushes to a fork could not be seen. The policy can say that its
	// owner counts for them, with forks: owner.
	Fork bool `json:"fork"`
}

// Order compares the commit that enters with the commit that is deployed.
type Order int

// The orders. OrderUnknown, Older and Diverged deny; Overtaken waits.
const (
	OrderUnknown Order = iota
	First              // nothing is deployed
	Same               // the same commit is deployed
	Newer              // what is deployed is an ancestor
	Older              // what is deployed is a descendant
	Diverged           // neither is an ancestor of the other
	Overtaken          // a descendant is on its way: it may come in, or fail
)

// Change says who made the commits between the deployed commit and the one that
// enters. All of it comes from the platform. A door that cannot read all of it
// returns an error instead.
type Change struct {
	Repository string    `json:"repository"`        // address, as in a certificate
	Head       string    `json:"head"`              // the commit that was built
	Start      Start     `json:"start"`             // where it was asked to begin
	Base       string    `json:"base"`              // the commit deployed now; "" is nothing: everything since the beginning
	Order      Order     `json:"order"`             //
	Deployed   string    `json:"deployed"`          // what Head was compared with, in words: "deployment 8 of commit 4f2a91c"
	Branch     string    `json:"branch"`            // the protected branch on which Head was looked for
	Reachable  bool      `json:"reachable"`         // Head is on Branch now
	Commits    []Commit  `json:"commits,omitempty"` // newest first
	Requests   []Request `json:"requests,omitempty"`
	Makers     []Maker   `json:"makers,omitempty"`
	Again      []Maker   `json:"again,omitempty"` // only started an attempt again, of a run whose first starter is a maker
	Notes      []string  `json:"notes,omitempty"` // what was not seen, or was taken instead, in words
	Listed     Listed    `json:"listed"`          // the newest deployment that the platform lists and that counts
}

// Listed is a deployment that the platform lists. Its zero is none.
type Listed struct {
	ID   int64     `json:"id"`
	Run  string    `json:"run"` // address of the run that made it, without an attempt, or of the job
	Time time.Time `json:"time"`
}

func (l Listed) String() string { return fmt.Sprintf("deployment %d of run %s", l.ID, bare(l.Run)) }

// Request is a pull or merge request that brought commits. Everything below URL is
// there where reviews were asked for, and the request was merged into the branch.
type Request struct {
	Number  int64           `json:"number"`
	Title   string          `json:"title"`
	URL     string          `json:"url,omitempty"`
	Head    string          `json:"head"`             // its last commit when it was merged
	Merged  time.Time       `json:"merged"`           //
	Moved   time.Time       `json:"moved"`            // when it was pointed at another branch last, which shows reviewers something else; or zero
	Makers  []Maker         `json:"makers,omitempty"` // who had a part in what it brought
	Reviews []RequestReview `json:"reviews,omitempty"`
	Unseen  string          `json:"unseen"` // why its reviews are not known, in words; then there are none
	Need    string          `json:"need"`   // the next step for Unseen, or empty
}

// RequestReview is what somebody said of a request on the platform's page. A comment
// that decides nothing is none.
type RequestReview struct {
	Account Account     `json:"account"`
	State   ReviewState `json:"state"`
	Writes  Known       `json:"writes"` // its giver may write to the repository: also others may review
	Commit  string      `json:"commit"` // that the request ended with then; "" where the platform does not say
	Time    time.Time   `json:"time"`
}

// ReviewState is what a review says.
type ReviewState string

// The states. All but ReviewApproved take back what the same person approved before.
const (
	ReviewApproved  ReviewState = "approved"
	ReviewRefused   ReviewState = "changes-requested"
	ReviewDismissed ReviewState = "dismissed" // it was an approval or a refusal, and counts for nothing now
)

// Commit is one commit that wants to enter.
type Commit struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	Author   string    `json:"author"` // as the commit says it, which anybody can type
	Time     time.Time `json:"time"`
	Account  Account   `json:"account"`            // that the platform finds behind the author, or zero
	Verified Known     `json:"verified"`           // it carries a signature that the platform verified
	Words    string    `json:"words"`              // what the platform says of the signature, if it is not good
	Requests []int64   `json:"requests,omitempty"` // that brought it onto the branch
	Pushers  []Account `json:"pushers,omitempty"`  // who pushed it, where that is known
	Merges   int64     `json:"merges"`             // the request that it looks like the merge of, where nothing shows that the platform made it, or 0
}

// ChangeQuery asks a door for a change.
type ChangeQuery struct {
	Environment string
	Repository  string   // address, as in a certificate
	ID          string   // the repository's number
	Head        string   // commit
	Ref         string   // ref that Head was built on, fully qualified
	Branch      string   // branch or pattern that Head has to be on; "": Ref, or the default branch if Ref is a tag
	Start       Start    // where the change begins
	Workflows   []string // paths of the workflows whose runs deploy; a deployment of another moves nothing
	Refs        []string // patterns of the refs that such a run was on

	Forks Forks // who counts as the pusher of a fork whose pushes cannot be seen
	// Mergers wants to know whether who merged also pushed what the merge put on the
	// branch: some group leaves the merger out of those whose approval does not count.
	Mergers bool
	// Reviews wants to know how the requests were reviewed that brought commits, and which
	// did; Signatures, of which commits the platform verified the signature.
	Reviews, Signatures bool
	Runs                []string // addresses of runs; the accounts that started them are makers too
	Self                bool     // the run that asks deploys; the accounts that started it are makers too
}

// Start says where a change begins: what of an artifact is in the environment.
type Start struct {
	Baseline string  `json:"baseline"`          // commit to begin with where nothing entered before, or ""
	Entered  []Point `json:"entered,omitempty"` // what the newest confirmed entries say is in; none: no entry does
	Coming   []Point `json:"coming,omitempty"`  // of newer entries whose deployments have not ended
	Signed   bool    `json:"signed"`            // entries alone count; a deployment that the platform lists moves nothing
}

// A Point is a commit that an entry let in.
type Point struct {
	Commit string    `json:"commit"`
	Entry  int       `json:"entry"` // its number
	Time   time.Time `json:"time"`
}

func (s Start) same(o Start) bool {
	return s.Baseline == o.Baseline && s.Signed == o.Signed && slices.Equal(s.Entered, o.Entered) && slices.Equal(s.Coming, o.Coming)
}

// Forks says who counts as the pusher of a request from a fork whose pushes
// cannot be seen.
type Forks string

// The answers. Unnamed is the zero value: one maker who cannot be named, for
// each request.
const (
	Unnamed   Forks = ""
	ForkOwner Forks = "owner" // the fork's owner, and the accounts that the platform shows
)

// Named returns the branch that the commit has to be on, if q itself says which:
// by its name, or because Ref fits the pattern. ok is false where the platform
// has to be asked for the default branch, or for branches that have the commit.
func (q ChangeQuery) Named() (branch string, ok bool) {
	own, isBranch := strings.CutPrefix(q.Ref, "refs/heads/")
	switch {
	case q.Branch == "":
		return own, isBranch
	case subject.Literal(q.Branch) == q.Branch:
		return q.Branch, true
	}
	return own, isBranch && subject.Match(q.Branch, own)
}

// Run is what the platform says about the run, attempt or job that a certificate
// names.
type Run struct {
	URI       string    `json:"uri"` // as in the certificate
	State     RunState  `json:"state"`
	Words     string    `json:"words"`  // "run 912, attempt 1: completed, failure", or which job it was
	Why       string    `json:"why"`    // why there is no answer, in words; then State is RunUnknown. Empty: there is one
	Need      string    `json:"need"`   // the next step for Why, or empty
	Commit    string    `json:"commit"` // that the platform says it ran on
	Path      string    `json:"path"`   // of its workflow, or ""
	Event     string    `json:"event"`
	Ref       string    `json:"ref"` // fully qualified, or "" where the platform does not say
	By        Account   `json:"by"`
	Again     bool      `json:"again"` // a re-run: maybe by another account, with the inputs of the first start
	Own       bool      `json:"own"`   // it is the run that asks
	Pipeline  string    `json:"pipeline"`
	CreatedAt time.Time `json:"createdAt"`
	Ended     time.Time `json:"ended"` // of the job that signed an entry, where the platform says it
	Entry     bool      `json:"entry"` // it is about the job that signed an entry
	Job       string    `json:"job"`   // … with this number, where the run's address does not name it
}

// RunState says how a run ended. Only Succeeded is enough.
type RunState int

// The states of a run.
const (
	RunUnknown RunState = iota
	Unfinished
	Failed
	Succeeded
)

// Review is an approval or rejection on the platform's own page. It is about an
// environment, not about a digest.
type Review struct {
	Account      Account           `json:"account"`
	Decision     string            `json:"decision"` // statement.Approve or statement.Reject
	Environments []statement.Place `json:"environments,omitempty"`
	Comment      string            `json:"comment"`
	Time         time.Time         `json:"time"` // zero where the platform keeps no time
	Run          string            `json:"run"`  // the run that it was given for, in words
	As           string            `json:"as"`   // the group or role it was given for, where the platform says
}

// Reviews are all reviews of the run that asks.
type Reviews struct {
	List    []Review `json:"list,omitempty"`
	Asked   bool     `json:"asked"`   // the platform asks for a review before a job enters
	Entered bool     `json:"entered"` // the run is in the environment already
	Run     string   `json:"run"`     // the run that asks, in words
	Timed   bool     `json:"timed"`   // reviews have times, and belong to this deployment alone
}

// Source says how an approval was given.
type Source string

// The sources, by their names in a policy file.
const (
	BySignature Source = "signature" // signed with an e-mail identity
	ByWorkflow  Source = "workflow"  // signed in a run that the approver started
	ByReview    Source = "review"    // given on the platform's own page
)

// MemberKind says what a member of a group is.
type MemberKind int

// The kinds of member.
const (
	MemberUser  MemberKind = iota + 1 // one account, by number
	MemberTeam                        // a team or group of the platform, by number
	MemberRole                        // all accounts with at least this access to the repository
	MemberEmail                       // an e-mail identity of an issuer
)

// Member is one member of a group as the policy names it.
type Member struct {
	Kind MemberKind `json:"kind"`
	Host string     `json:"host"` // base URL of the platform, or the issuer of an e-mail identity
	Name string     `json:"name"` // login, path of the team, name of the role, or address
	ID   string     `json:"id"`   // number, of a user or a team
	Line int        `json:"line"`

	Reach Reach `json:"reach"` // of a team or role
}

// Reach says which members of a team or role are meant. It is used on platforms
// where members can be inherited.
type Reach string

// The reaches. On a platform without inherited members it is empty.
const (
	Direct    Reach = "direct"    // members of that team or repository itself
	Inherited Reach = "inherited" // and members of the groups above it and of invited groups
)

// unlined returns m wherever it is written.
func (m Member) unlined() Member {
	m.Line = 0
	return m
}

// String returns m without its platform.
func (m Member) String() string {
	if m.ID == "" || m.Kind == MemberEmail {
		return m.Name
	}
	return m.Name + "#" + m.ID
}

// same reports whether m and o name the same people.
func (m Member) same(o Member) bool {
	return m.Kind == o.Kind && m.Host == o.Host && m.ID == o.ID && m.Name == o.Name && m.Reach == o.Reach
}

// Roster lists the accounts of a team or role at this moment.
type Roster struct {
	Member   Member    `json:"member"`
	Accounts []Account `json:"accounts,omitempty"`
}

// Group says who may approve, and which roles in a change exclude a member.
type Group struct {
	Name     string
	Members  []Member
	Excludes []Role
	Sources  []Source
	Trust    *Trust // under which approvals of this group verify; nil: that of the artifact
	Line     int
}

// Rule asks for approvals of a group.
type Rule struct {
	Group string
	Count int  // 0 with Veto
	Veto  bool // its approval is not needed; its rejection counts
	Line  int
}

// Person is one human with all identities that the policy names.
type Person struct {
	Name     string
	Accounts []Account // Kind is not set
	Emails   []string  // addresses, from any issuer
	Line     int
}

// Emergency says who may give an emergency approval (the policy key break-glass).
type Emergency struct {
	Group  string
	Count  int // at least two
	MaxAge time.Duration
	Line   int
}

// Waivers says who may take a claimed role away from somebody.
type Waivers struct {
	Group string
	Count int // at least two
	Line  int
}

// equalAddress compares e-mail addresses without regard to case, also before the
// @. Two people whose addresses differ in case only count as one person, which
// excludes more and lets nobody in.
func equalAddress(a, b string) bool { return a != "" && strings.EqualFold(a, b) }

// RunQuery asks a door about the run that a certificate names.
type RunQuery struct {
	Repository string // address of the repository that the run is of; "": of none that the policy names
	URI        string
	Jobs       []string // jobs that must have succeeded; none: the whole run
	Outcome    bool     // false: only the account that started it is asked for
	// Entry asks how the one job ended that signed an entry: the one with the number Job
	// in its run, or that the address names; where neither is known, the whole run.
	Entry bool
	Job   string
}
