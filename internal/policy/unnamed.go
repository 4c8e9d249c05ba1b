package policy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// An unnamed maker has no known person: it could be any of the approvers.
type unnamed struct {
	Maker
	claimed bool   // every role of it is claimed
	why     string // why no person is known
	told    string // who, what and why, in words
}

// An aside is a maker that is not counted, because it acts for nobody.
type aside struct {
	what  string // "claimed co-author", "account"
	who   string
	known bool // by the list of this program; else by the policy
}

// A sorting are the makers of some roles without a known person, each once.
type sorting struct {
	unknown []unnamed
	asides  []aside
}

// unknown sorts the makers of the given roles that have no known person. A machine
// does what a person told it. Unless the policy lists it under agents or people, that
// person could be any of the approvers (I04). The same holds for an account whose kind
// the platform does not say, and for an address without an account.
func (k *approvalCheck) unknown(roles []Role) sorting {
	var out sorting
	at, told := map[string]int{}, map[aside]bool{}
	for _, m := range k.makers {
		if !slices.Contains(roles, m.Role) || m.Email != "" && k.in.Policy.ownsAddress(m.Email) {
			continue
		}
		why, left := k.in.Policy.unnamed(m)
		if left != (aside{}) && !told[left] {
			told[left], out.asides = true, append(out.asides, left)
		}
		if why == "" {
			continue
		}
		key := m.key()
		if i, ok := at[key]; ok {
			out.unknown[i].claimed = out.unknown[i].claimed && m.Role.claimed()
			continue
		}
		at[key] = len(out.unknown)
		out.unknown = append(out.unknown, unnamed{m, m.Role.claimed(), why, fmt.Sprintf("%s %s %s and %s", m.who(), m.Role.Did(), m.Where, why)})
	}
	sort.SliceStable(out.unknown, func(a, b int) bool { return out.unknown[a].told < out.unknown[b].told })
	return out
}

// unnamed says why no person is known for a maker, or that it acts for nobody; or
// neither, if a person is known. An address removes a claimed role of a maker
// without an account, and nothing else: everybody can write any address into a
// commit. An account is removed by its number.
func (p *Policy) unnamed(m Maker) (why string, left aside) {
	a := m.Account
	if a.ID == "" {
		switch {
		case m.Role.claimed() && p.Agents.listsAddress(m.Email):
			return "", aside{what: "claimed " + string(m.Role), who: m.Email}
		case m.Role.claimed() && p.Agents.knowsAddress(m.Email):
			return "", aside{what: "claimed " + string(m.Role), who: m.Email, known: true}
		}
		return "has no account that is known", aside{}
	}
	agent, listed := shipped().account[a.Key()]
	listed = listed && p.Agents.uses(agent)
	machine := a.Kind == Machine || a.Kind == Unseen || listed
	shared, isShared := sharedBy(m)
	switch {
	case !machine || slices.ContainsFunc(p.People, func(x Person) bool { return x.has(a) }):
		return "", aside{}
	case p.Agents.lists(a):
		return "", aside{what: "account", who: a.Label()}
	case listed && agent.Kind.actsForNobody(m.Role):
		return "", aside{what: "account", who: a.Label(), known: true}
	case listed:
		return fmt.Sprintf("is a %s, which acts for somebody", agent.Kind), aside{}
	case isShared:
		return fmt.Sprintf("is %s: %s", a.Kind, shared.Why), aside{}
	case a.Kind == Unseen:
		return "is " + Unseen.String() + ", and stands neither under agents nor under people", aside{}
	default:
		return "is " + a.Kind.String() + " that agents does not name", aside{}
	}
}

// key is what two mentions of one unnamed maker have in common.
func (m Maker) key() string {
	switch {
	case m.Account.ID != "":
		return m.Account.Key()
	case m.Email != "":
		return strings.ToLower(m.Email)
	}
	return "?" + string(m.Role) + cmp.Or(m.Mark, m.Where)
}

// who names an unnamed maker.
func (m Maker) who() string {
	switch {
	case m.Account.ID != "":
		return m.Account.Label()
	case m.Email != "":
		return fmt.Sprintf("%q", m.Email)
	}
	return "somebody"
}

// told are the unnamed makers, each in words.
func told(all []unnamed) []string {
	var out []string
	for _, u := range all {
		out = append(out, u.told)
	}
	return out
}

// maxTold bounds how many unnamed makers a finding tells; approve --format json has all.
const maxTold = 10

// someOf tells the first of all.
func someOf(all []string) string {
	text := strings.Join(all[:min(len(all), maxTold)], "; ")
	if n := len(all) - maxTold; n > 0 {
		text += fmt.Sprintf("; and %d more", n)
	}
	return text
}

// maxEntries bounds how many entries one line of advice has.
const maxEntries = 8

// advice returns the lines of the policy that name the unnamed makers, and the
// next step for those that no policy may name; or nothing. Whether a machine acts
// for nobody only people can say.
func (p *Policy) advice(all []unnamed) string {
	var agents, people, steps []string
	listed := 0 // makers that this program's list has
	for _, u := range all {
		entry := p.entry(u.Maker)
		agent, known := shippedFor(u.Maker)
		shared, isShared := sharedBy(u.Maker)
		switch {
		case isShared:
			steps = append(steps, fmt.Sprintf("%s may not be listed: %s", u.who(), shared.Step))
		case known && !p.Agents.Known && (u.claimed || agent.Kind.actsForNobody(u.Role)):
			listed++
		case known:
			steps = append(steps, u.who()+" acts for somebody: let that person push and propose it, or have one more person approve")
		case u.Fork:
			steps = append(steps, "pushes to a fork could not be seen: write forks: owner under the environment, and its owner counts for them; or have one more person approve")
		case u.Account.ID == "" && u.Email == "" && u.Role == Pusher:
			steps = append(steps, "a push without a known account, such as one with a deploy key, can be listed nowhere: have one more person approve")
		case entry != "":
			people = append(people, entry)
			if u.Account.ID != "" || u.claimed {
				agents = append(agents, entry)
			}
		}
	}
	var out []string
	if n := listed + len(agents); n > 0 {
		out = append(out, which(n, "it acts", "they act")+" for nobody, write "+p.Agents.line(agents, listed > 0))
	}
	if n := len(people); n > 0 {
		out = append(out, which(n, "it belongs", "they belong")+" to a person, write people: {NAME: ["+quoted(people)+"]}")
	}
	if n := len(people) - maxEntries; n > 0 {
		out = append(out, fmt.Sprintf("%d more can be named in the same way", n))
	}
	slices.Sort(steps)
	steps = slices.Compact(steps)
	return strings.Join(append(out, steps[:min(len(steps), maxEntries)]...), "; ")
}

// which begins a condition about n things.
func which(n int, one, more string) string {
	if n == 1 {
		return "if " + one
	}
	return "if " + more
}

// shippedFor returns the machine of this program's list that m is, by number or
// by address.
func shippedFor(m Maker) (Agent, bool) {
	if m.Account.ID != "" {
		a, ok := shipped().account[m.Account.Key()]
		return a, ok
	}
	a, ok := shipped().address[foldAddress(m.Email)]
	return a, ok
}

// entry is m as agents and people name it; "" where no policy could name it.
func (p *Policy) entry(m Maker) string {
	if a := m.Account; a.ID != "" {
		place, name := cmp.Or(p.places[a.Host], strings.TrimPrefix(a.Host, "https://")), a.Name
		if !accountName().MatchString(name) {
			name = a.ID
		}
		return place + ":" + name + "#" + a.ID
	}
	// A star in an address of a commit would make it a pattern here.
	if !plainAddress().MatchString(m.Email) {
		return ""
	}
	return "email:" + m.Email
}

// plainAddress is an address that can be copied into a policy as it stands.
var plainAddress = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9.!#$%&'+/=?^_{|}~\[\]-]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
})

// line is the key agents with what it has now, with more entries, and with the
// list of this program if known is set.
func (a Agents) line(more []string, known bool) string {
	more = more[:min(len(more), maxEntries)]
	if len(a.written) > maxEntries {
		var add []string
		if len(more) > 0 {
			add = append(add, quoted(more))
		}
		if known {
			add = append(add, "known: true")
		}
		return strings.Join(add, " and ") + " under agents, beside what is there"
	}
	all := quoted(slices.Concat(a.written, more))
	switch {
	case !known && !a.Known:
		return "agents: [" + all + "]"
	case all == "":
		return "agents: {known: true}"
	}
	return "agents: {known: true, also: [" + all + "]}"
}

// quoted lists entries as YAML.
func quoted(all []string) string {
	var out []string
	for _, e := range all[:min(len(all), 2*maxEntries)] {
		out = append(out, `"`+e+`"`)
	}
	return strings.Join(out, ", ")
}

// setAside tells which makers were not counted because they act for nobody, and by
// what they are known.
func (k *approvalCheck) setAside(tallies []tally) []verdict.Finding {
	var roles []Role
	for _, b := range tallies {
		if b.need > 0 {
			roles = append(roles, b.group.Excludes...)
		}
	}
	counts := map[aside]int{}
	var names []string
	for _, x := range k.unknown(roles).asides {
		counts[aside{what: x.what, known: x.known}]++
		names = append(names, x.who)
	}
	var out []string
	for _, known := range []bool{true, false} {
		var all []string
		for _, what := range []string{"account", "claimed author", "claimed committer", "claimed co-author"} {
			switch n := counts[aside{what: what, known: known}]; n {
			case 0:
			case 1:
				all = append(all, "1 "+what)
			default:
				all = append(all, fmt.Sprintf("%d %ss", n, what))
			}
		}
		switch {
		case len(all) == 0:
		case known:
			out = append(out, fmt.Sprintf("%s of the known list, version %d", strings.Join(all, ", "), KnownAgents().Version))
		default:
			out = append(out, strings.Join(all, ", ")+" of the policy's agents")
		}
	}
	if len(out) == 0 {
		return nil
	}
	f := met("agents", "not counted as makers: "+strings.Join(out, "; "), k.in.Policy.Agents.Line)
	f.Found = strings.Join(slices.Compact(slices.Sorted(slices.Values(names))), ", ")
	return []verdict.Finding{f}
}
