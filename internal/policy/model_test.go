package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// A model says what should come of approvals, from what really happened and not
// from what is signed: by trying every way to count. It knows nothing of
// statements, digests and certificates; whoever builds a world from it does.
type model struct {
	identities []identity
	people     bool // the policy has a list of people; who is listed is in the identities
	groups     []modelGroup
	rules      []policy.Rule // Group is "g0", "g1", …
	makers     []modelMaker
	votes      []modelVote
	set        modelSet
	glass      *policy.Emergency
	separate   bool // the environment wants approvals of its own
	asked      bool // the platform asks somebody
	timed      bool // its reviews have times
	bound      int  // how old a no of the platform's page may be
	base       int  // how the environment has moved since the first votes
	waives     *policy.Waivers
	waivers    []modelWaiver
}

// A modelWaiver takes the role of one maker away, if it may.
type modelWaiver struct {
	maker int // among the makers
	modelVote
}

// What the environment may have done since something was shown to somebody: had
// the same commit all the time, gone on to a later one, gone back to an earlier
// one, or lost what was deployed.
const (
	baseSame = iota
	baseForward
	baseBack
	baseGone
)

// Ages and times are in seconds, from now into the past.
const maxAge, glassAge, skew = 24 * 3600, 3600, 300

type identity struct {
	human  int // who really is behind it
	mail   bool
	kind   policy.Kind
	listed bool // under their name in people
	agent  bool
}

type modelGroup struct {
	members  []int // identities
	excludes []policy.Role
	sources  []policy.Source
	annex    bool // its approvals verify under another root
}

type modelMaker struct {
	identity int // -1: none is known
	mail     string
	role     policy.Role
}

// modelSet is what is wrong with the release set.
type modelSet struct {
	age, left                                      int // since it was signed, until it expires
	foreign, elsewhere, otherPolicy, otherEvidence bool
}

type modelVote struct {
	identity  int
	no        bool
	back      bool // it takes back what was said before
	source    policy.Source
	annex     bool
	age, left int
	glass     bool // it breaks the glass
	mute      bool // and gives no reason
	anonymous int  // in one of several ways, nobody knows who signed
	// it is about something else
	artifact, environment, number, repository, policy, unseen, release, many bool
	untied, timeless                                                         bool // of a review
	now                                                                      bool // it was shown what enters now, or everything
	blank                                                                    bool // it does not say what it was shown
}

// about is whether v is about this artifact, here, now.
func (m model) about(v modelVote) bool {
	if v.artifact || v.environment || v.number || v.repository {
		return false
	}
	if v.back {
		return v.age >= -skew
	}
	if v.no {
		if m.names(v) == "the set" && !m.set.foreign && m.set.left < 0 {
			return false // it has ended with its release
		}
		return v.source != policy.ByReview && v.left >= 0 || v.source == policy.ByReview && (v.timeless || v.age <= m.bound)
	}
	if v.policy || v.unseen || v.release || v.many && m.separate {
		return false
	}
	if v.blank || !v.now && (m.base == baseBack || m.base == baseGone) {
		return false // commits enter that it was not shown
	}
	if m.set.foreign || m.set.elsewhere || m.set.otherPolicy || m.set.otherEvidence || m.set.left < 0 || m.set.age < -skew {
		return false
	}
	age, left := v.age, v.left
	if v.source == policy.ByReview {
		if left = m.set.left; v.timeless {
			age = m.set.age
		}
		byTime := m.timed && !v.timeless && v.age <= m.set.age
		if v.untied && !byTime {
			return false
		}
	}
	if age > m.set.age+skew {
		return false // before its release set
	}
	limit := maxAge
	if v.glass && m.glass != nil {
		limit = glassAge
	}
	return left >= 0 && age <= limit && age >= -skew
}

// names is the release that v is about, as far as anybody can tell.
func (m model) names(v modelVote) string {
	switch byTime := m.timed && !v.timeless && v.age <= m.set.age; {
	case v.source != policy.ByReview && v.release:
		return "another"
	case v.source != policy.ByReview, !m.set.foreign && (!v.untied || byTime):
		return "the set"
	}
	return ""
}

// ended is whether the person who said v has said something since that ends it, as far
// as it concerns g: has taken it back, or has said yes after a no.
func (m model) ended(g modelGroup, v modelVote) (ended, back bool) {
	for _, o := range m.votes {
		switch {
		case m.names(o) == "" || m.names(o) != m.names(v) || v.anonymous > 0 || m.whose(o.identity) != m.whose(v.identity):
		case !m.sure(g, o) || o.no || !o.back && !v.no || v.back:
		case v.no && (v.timeless || o.timeless || o.age >= v.age || o.source != v.source && !slices.Contains(g.sources, o.source)):
		case !v.no && o.age > m.said(v):
		default:
			ended, back = true, back || o.back
		}
	}
	return ended, back
}

// said is when v was said: a yes on the page without a time is no older than what
// it names.
func (m model) said(v modelVote) int {
	if v.source == policy.ByReview && v.timeless {
		return m.set.age
	}
	return v.age
}

// sure is whether it is known that a person has said v about this artifact, here.
func (m model) sure(g modelGroup, v modelVote) bool {
	x := m.identities[v.identity]
	return v.anonymous == 0 && (x.kind == policy.Human || x.mail) && !x.agent && (v.source == policy.ByReview || v.annex == g.annex) &&
		!v.artifact && !v.environment && !v.number && !v.repository && v.age >= -skew
}

// whose is who the policy takes an identity for, or the identity alone.
func (m model) whose(i int) string {
	if p := m.person(i); p != "" {
		return p
	}
	return fmt.Sprintf("identity %d", i)
}

// heard is whether the person who said v may say something in g.
func (m model) heard(g modelGroup, v modelVote) bool {
	x := m.identities[v.identity]
	return v.anonymous == 0 && slices.Contains(g.members, v.identity) && (x.kind == policy.Human || x.mail) && !x.agent &&
		(v.source == policy.ByReview || v.annex == g.annex)
}

// counts is whether v is a yes that may count in g.
func (m model) counts(g modelGroup, v modelVote, excludes []policy.Role) bool {
	ended, _ := m.ended(g, v)
	return !ended && !v.no && !v.back && m.heard(g, v) && m.about(v) && m.person(v.identity) != "" && slices.Contains(g.sources, v.source) && !m.made(v.identity, excludes)
}

// person is who the policy takes an identity for.
func (m model) person(i int) string {
	switch x := m.identities[i]; {
	case !m.people:
		return fmt.Sprintf("identity %d", i)
	case x.listed:
		return fmt.Sprintf("human %d", x.human)
	}
	return ""
}

// made is whether the person behind an identity, as far as the policy says, is
// among the makers.
func (m model) made(i int, roles []policy.Role) bool {
	for j, x := range m.identities {
		if j != i && (!m.people || !m.identities[i].listed || !x.listed || x.human != m.identities[i].human) {
			continue
		}
		if slices.ContainsFunc(m.makers, func(k modelMaker) bool {
			return slices.Contains(roles, k.role) && (k.identity == j || x.mail && strings.EqualFold(k.mail, address(x.human)))
		}) {
			return true
		}
	}
	return false
}

// is is whether a maker is the person behind an identity, as far as the policy says.
func (m model) is(i int, k modelMaker) bool {
	m.makers = []modelMaker{k}
	return m.made(i, policy.Roles)
}

// freed is m without the makers whose role enough people have waived.
func (m model) freed() model {
	out := m
	out.makers, out.waives = nil, nil
	for i, k := range m.makers {
		if !m.waived(i, k) {
			out.makers = append(out.makers, k)
		}
	}
	return out
}

// waived is whether enough people, who did nothing that the platform knows, have
// taken the role of a maker away that a commit claims.
func (m model) waived(i int, k modelMaker) bool {
	if m.waives == nil || !slices.Contains(policy.ClaimedRoles, k.role) || k.identity < 0 && k.mail == "" {
		return false
	}
	g := m.groups[slices.IndexFunc(m.rules, func(r policy.Rule) bool { return r.Group == m.waives.Group })]
	who := map[string]bool{}
	for _, w := range m.waivers {
		if w.maker == i && m.counts(g, w.modelVote, policy.KnownRoles) && !m.is(w.identity, k) {
			who[m.person(w.identity)] = true
		}
	}
	return len(who) >= m.waives.Count+m.unknown(policy.KnownRoles)
}

// unknown is how many makers nobody can name.
func (m model) unknown(roles []policy.Role) int {
	who := map[string]bool{}
	for i, k := range m.makers {
		named := slices.ContainsFunc(m.identities, func(x identity) bool {
			return m.people && x.listed && x.mail && strings.EqualFold(k.mail, address(x.human))
		})
		machine := false
		if k.identity >= 0 {
			x := m.identities[k.identity]
			machine = (x.kind == policy.Machine || x.kind == policy.Unseen) && !x.agent && !(m.people && x.listed)
		}
		if k.identity >= 0 && !machine || named || !slices.Contains(roles, k.role) {
			continue
		}
		if machine {
			who[fmt.Sprint("machine ", k.identity)] = true
			continue
		}
		if who[strings.ToLower(k.mail)] = true; k.mail == "" {
			who[fmt.Sprint(i)] = true
		}
	}
	delete(who, "")
	return len(who)
}

// needs is how many each rule asks for.
func (m model) needs() []int {
	var out []int
	for i, r := range m.rules {
		n := 0
		if !r.Veto {
			n = r.Count + m.unknown(m.groups[i].excludes)
		}
		out = append(out, n)
	}
	return out
}

// share tries every way to let each person count for one rule or none, and
// returns the one that serves the first rule best, then the second, and so on.
func (m model) share() []int {
	may := map[string][]int{}
	for i := range m.rules {
		for _, v := range m.votes {
			if p := m.person(v.identity); !v.glass && m.counts(m.groups[i], v, m.groups[i].excludes) && !slices.Contains(may[p], i) {
				may[p] = append(may[p], i)
			}
		}
	}
	var persons []string
	for p := range may {
		persons = append(persons, p)
	}
	best, needs := make([]int, len(m.rules)), m.needs()
	var try func(k int, have []int)
	try = func(k int, have []int) {
		if k == len(persons) {
			if slices.Compare(have, best) > 0 {
				copy(best, have)
			}
			return
		}
		try(k+1, have)
		for _, i := range may[persons[k]] {
			if have[i] < needs[i] {
				have[i]++
				try(k+1, have)
				have[i]--
			}
		}
	}
	try(0, make([]int, len(m.rules)))
	return best
}

// outcome is what should come of it, and how many count for each rule; none do
// when the glass is broken.
func (m model) outcome() (verdict.Outcome, []int) {
	m = m.freed()
	have, needs := m.share(), m.needs()
	all, rejected := verdict.Allow, false
	for i := range m.rules {
		o := m.rule(i, have[i], needs[i])
		all, rejected = min(all, o), rejected || m.rejected(i)
	}
	if all == verdict.Allow || rejected || m.glass == nil {
		return all, have
	}
	switch m.broken() {
	case verdict.Allow:
		return verdict.Allow, nil
	case verdict.Deny:
		return verdict.Deny, have
	}
	return all, have
}

func (m model) rejected(i int) bool {
	return slices.ContainsFunc(m.votes, func(v modelVote) bool {
		ended, _ := m.ended(m.groups[i], v)
		return v.no && !ended && m.heard(m.groups[i], v) && m.about(v)
	})
}

func (m model) rule(i, have, need int) verdict.Outcome {
	spoke := slices.ContainsFunc(m.votes, func(v modelVote) bool {
		_, back := m.ended(m.groups[i], v)
		// Of what does not count for another reason nobody asks whether it was taken back.
		back = back && m.heard(m.groups[i], v) && m.about(v) && m.counted(i, v)
		return !v.no && !v.back && !back && !v.glass && (m.member(i, v) || !m.visitor(v))
	})
	onlyReviews := !slices.ContainsFunc(m.groups[i].sources, func(s policy.Source) bool { return s != policy.ByReview })
	switch {
	case m.rejected(i):
		return verdict.Deny
	case have >= need:
		return verdict.Allow
	case onlyReviews && !m.asked, spoke && have == 0:
		return verdict.Deny
	}
	return verdict.Wait
}

// counted is whether v would count for rule i if it was not taken back.
func (m model) counted(i int, v modelVote) bool {
	m.votes = nil
	return m.counts(m.groups[i], v, m.groups[i].excludes)
}

func (m model) member(i int, v modelVote) bool {
	return v.anonymous == 0 && slices.Contains(m.groups[i].members, v.identity)
}

// visitor is whether v is for some rule, and so not for those whose group its
// voter does not belong to.
func (m model) visitor(v modelVote) bool {
	for i := range m.rules {
		if m.member(i, v) {
			return true
		}
	}
	return false
}

// broken is Allow if enough people broke the glass, Deny if too few did, and
// Wait if nobody tried.
func (m model) broken() verdict.Outcome {
	g := m.groups[slices.IndexFunc(m.rules, func(r policy.Rule) bool { return r.Group == m.glass.Group })]
	tried, who, free := false, map[string]bool{}, map[string]bool{}
	for _, v := range m.votes {
		if !v.glass || v.no || v.back {
			continue
		}
		tried = true
		if p := m.person(v.identity); m.counts(g, v, nil) && !v.mute {
			who[p] = true
			if !m.made(v.identity, policy.Roles) {
				free[p] = true
			}
		}
	}
	switch {
	case !tried:
		return verdict.Wait
	case len(who) >= m.glass.Count && len(free) > m.unknown(policy.Roles):
		return verdict.Allow
	}
	return verdict.Deny
}

func address(human int) string { return fmt.Sprintf("p%d@acme.example", human) }

func ago(seconds int) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }
