package policy

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// Agents says which accounts and addresses act for nobody (the policy key agents).
type Agents struct {
	Accounts []Account // in every role, compared by number
	Emails   []string  // addresses, and patterns of addresses with one *; they remove claimed roles only
	Known    bool      // the list of this program (KnownAgents) counts too
	Version  int       // of that list, if it counts: what is in it since a later one counts for nothing
	Line     int

	written []string // the entries as the policy has them
}

// AgentList is a list of machines that act for nobody.
type AgentList struct {
	Version int     `json:"version"`
	Agents  []Agent `json:"agents"`
	// Never are accounts that may be in no list: everybody who may write can act
	// in their name.
	Never []Shared `json:"never"`
}

// An Agent is one machine of a list.
type Agent struct {
	Name      string         `json:"name"`
	Kind      AgentKind      `json:"kind"`
	Addresses []string       `json:"addresses"`
	Accounts  []AgentAccount `json:"accounts"`
	Source    string         `json:"source"` // where the addresses and numbers are from
	Since     int            `json:"since"`  // version of the list that has it first
}

// An AgentAccount is the account of a machine on one platform.
type AgentAccount struct {
	Host   string `json:"host"`
	Number string `json:"number"`
	Login  string `json:"login"` // for people; never compared
}

// AgentKind says what a machine does.
type AgentKind string

// The kinds of a list. Dependency bots and the platform's own merge queue act for
// nobody in every role, merge bots where they merge. The others do what somebody told
// them, and so does a merge bot that proposes or pushes, because a comment may have
// asked for it: they are only left out where a commit merely claims them.
const (
	CodingAgent   AgentKind = "coding agent"
	CodeReviewer  AgentKind = "reviewer" // co-author by a suggestion that somebody took over
	CodeFixer     AgentKind = "fixer"    // commits what a configuration in the repository says
	DependencyBot AgentKind = "dependency bot"
	MergeQueue    AgentKind = "merge queue" // of the platform itself, which shows who queued
	MergeBot      AgentKind = "merge bot"
)

// Shared is an account that everybody who may write can use. Login is a regular
// expression (RE2) for the account's name, where its number differs from one
// instance to another.
type Shared struct {
	Name   string `json:"name"`
	Host   string `json:"host"`
	Number string `json:"number"`
	Login  string `json:"login"`
	Why    string `json:"why"`
	Step   string `json:"step"` // the next step instead
}

//go:embed agents.json
var agentsJSON []byte

// KnownAgents returns the list of this program. It is part of the program and not
// of a policy: the digest of a policy does not cover it, and its version does.
// A list that cannot be read is empty, which leaves nobody out.
var KnownAgents = sync.OnceValue(func() AgentList {
	var l AgentList
	if err := json.Unmarshal(agentsJSON, &l); err != nil {
		return AgentList{}
	}
	return l
})

// lookup is the list of this program by what is looked up in it.
type lookup struct {
	address map[string]Agent // of foldAddress
	account map[string]Agent
	never   []*regexp.Regexp // of Never, in its order
}

var shipped = sync.OnceValue(func() lookup {
	l := KnownAgents()
	k := lookup{address: map[string]Agent{}, account: map[string]Agent{}}
	for _, a := range l.Agents {
		for _, e := range a.Addresses {
			k.address[foldAddress(e)] = a
		}
		for _, x := range a.Accounts {
			k.account[Account{Host: x.Host, ID: x.Number}.Key()] = a
		}
	}
	for _, s := range l.Never {
		k.never = append(k.never, regexp.MustCompile(s.Login))
	}
	return k
})

// sharedBy returns what m is, if it is an account that everybody who may write can
// use. The name of a machine, and one in an address, decide about a message only.
func sharedBy(m Maker) (Shared, bool) {
	a, name := m.Account, ""
	switch {
	case a.Kind == Machine:
		name = a.Name
	case a.ID == "":
		name, _, _ = strings.Cut(m.Email, "@")
		name = strings.TrimLeft(name, "0123456789+-")
	}
	for i, s := range KnownAgents().Never {
		if s.Number != "" && a.Host == s.Host && a.ID == s.Number || name != "" && shipped().never[i].MatchString(name) {
			return s, true
		}
	}
	return Shared{}, false
}

// actsForNobody reports whether an agent of this kind acts for nobody in a role.
func (k AgentKind) actsForNobody(r Role) bool {
	return k == DependencyBot || k == MergeQueue || k == MergeBot && r == Merger || r.claimed()
}

// claimed reports whether r is known only from the text of a commit, where
// everybody can write any name and address.
func (r Role) claimed() bool { return slices.Contains(ClaimedRoles, r) }

// none reports whether the policy says nothing about agents.
func (a Agents) none() bool { return len(a.written) == 0 && !a.Known }

// lists reports whether the policy itself names the account.
func (a Agents) lists(x Account) bool { return slices.ContainsFunc(a.Accounts, x.Same) }

// listsAddress reports whether the policy itself names the address, or a pattern
// that fits it.
func (a Agents) listsAddress(email string) bool {
	return emailAddress.MatchString(email) && slices.ContainsFunc(a.Emails, func(p string) bool { return fitsAddress(p, email) })
}

// knowsAddress reports whether the list of this program has the address, and the
// policy uses that list.
func (a Agents) knowsAddress(email string) bool {
	x, ok := shipped().address[foldAddress(email)]
	return ok && a.uses(x)
}

// uses reports whether x, of the list of this program, counts here.
func (a Agents) uses(x Agent) bool { return a.Known && x.Since <= a.Version }

// fitsAddress compares an address with an address or a pattern of addresses. The
// one * of a pattern stands for any text; it cannot reach over the @, of which an
// address has one and a pattern ends in one with a domain.
func fitsAddress(pattern, email string) bool {
	head, tail, star := strings.Cut(foldAddress(pattern), "*")
	email = foldAddress(email)
	if !star {
		return email == head
	}
	return len(email) >= len(head)+len(tail) && strings.HasPrefix(email, head) && strings.HasSuffix(email, tail)
}

// agent reports whether a, or the e-mail identity that a is, may never approve.
// An address that people gives to a person is one of a machine only if agents
// names exactly this address.
func (p *Policy) agent(a Account) bool {
	x, listed := shipped().account[a.Key()]
	switch email := a.ID; {
	case p.Agents.lists(a) || listed && p.Agents.uses(x):
		return true
	case !strings.Contains(email, "@"):
		return false
	case slices.ContainsFunc(p.Agents.Emails, func(e string) bool { return equalAddress(e, email) }):
		return true
	case p.ownsAddress(email):
		return false
	default:
		return p.Agents.listsAddress(email) || p.Agents.knowsAddress(email)
	}
}

// ownsAddress reports whether people gives an address to a person.
func (p *Policy) ownsAddress(email string) bool {
	return slices.ContainsFunc(p.People, func(x Person) bool {
		return slices.ContainsFunc(x.Emails, func(e string) bool { return equalAddress(e, email) })
	})
}

// agents reads who acts for nobody: a list, or a mapping that can add the list of
// this program.
func (r *reader) agents(n *yamlnode.Node) Agents {
	if n == nil {
		return Agents{}
	}
	a := Agents{Line: line(n)}
	list, what := n, "agents"
	if n.Kind == yamlnode.Map {
		before := len(r.complaints)
		m := r.mapping(n, "agents", "known", "also")
		a.Known = r.flag(m.get("known"), "known")
		if a.Known {
			a.Version = cmp.Or(r.words.Agents, KnownAgents().Version)
			r.used.Agents = a.Version
		}
		list, what = m.get("also"), "also"
		if list == nil && !a.Known && len(r.complaints) == before {
			r.complain(n, "agents names nobody, want known: true, or accounts and addresses under also")
		}
	}
	for _, x := range r.list(list, what) {
		r.agent(&a, x)
	}
	return a
}

// agent reads one account, address or pattern.
func (r *reader) agent(a *Agents, n *yamlnode.Node) {
	if rest, ok := strings.CutPrefix(n.Text, "email:"); ok && strings.Contains(rest, "*") {
		r.addresses(n, rest)
		a.Emails, a.written = append(a.Emails, rest), append(a.written, n.Text)
		return
	}
	switch x := r.member(n, "agents", ""); x.Kind {
	case 0:
		return
	case MemberUser:
		a.Accounts = append(a.Accounts, Account{Host: x.Host, ID: x.ID, Name: x.Name})
	case MemberEmail:
		a.Emails = append(a.Emails, x.ID)
	case MemberTeam, MemberRole:
		r.complain(n, "agent %q does not name a single account, want PLACE:NAME#NUMBER, email:ADDRESS or a pattern such as email:*@bots.example", scalar(n))
	}
	a.written = append(a.written, n.Text)
}

// addresses complains about a pattern of addresses that could mean people.
func (r *reader) addresses(n *yamlnode.Node, s string) {
	local, domain, _ := strings.Cut(s, "@")
	switch {
	case !emailAddress.MatchString(s) || strings.Count(local, "*") != 1 || !strings.Contains(domain, "."):
		r.complain(n, "agent %q, want one * before the @, and a domain without * and with a dot, such as email:*@bots.example", scalar(n))
	case local == "*" && strings.HasPrefix(strings.ToLower(domain), "users.noreply."):
		r.complain(n, "agent %q fits the private address of every account there: name the addresses", scalar(n))
	}
}
