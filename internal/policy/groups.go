package policy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// DefaultMaxAge is how long an approval counts where a policy does not say.
const DefaultMaxAge = 24 * time.Hour

// maxCount bounds how many people a rule can ask for.
const maxCount = 50

// Place is a platform as members of groups name it.
type Place struct {
	Host  string   `json:"host"`            // base URL
	Roles []string `json:"roles,omitempty"` // accesses to a repository, least first
	Above bool     `json:"above"`           // a team or role may have members that come from above it, which count if a policy says so
}

var (
	accountName = lazy(`^[A-Za-z0-9_.-]+(\[bot\])?$`)
	teamName    = lazy(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/?$`)
)

// people reads everything that says who approves.
func (r *reader) people(p *Policy, m mapping) {
	for _, f := range r.named(m.get("groups"), "groups") {
		p.Groups = append(p.Groups, r.group(f))
	}
	for _, f := range r.named(m.get("people"), "people") {
		p.People = append(p.People, r.person(f))
	}
	p.Agents = r.agents(m.get("agents"))
	p.places = r.places
	for _, n := range r.list(m.get("approve-in"), "approve-in") {
		b := r.workflow(n, "approve-in", func(f Forge) []string { return f.Started })
		if slices.ContainsFunc(b.Refs, func(ref string) bool { return strings.HasPrefix(ref, "refs/tags/") }) {
			r.complain(n, "approve-in: an approval is given on a branch, whose workflow the project controls, not on a tag")
		}
		for _, e := range b.Events {
			if !slices.Contains(b.Forge.Started, e) {
				r.complain(n, "approve-in: event %q is nothing that a person starts to approve, want %s: whoever causes it would be the approver", e, strings.Join(b.Forge.Started, " or "))
			}
		}
		p.ApproveIn = append(p.ApproveIn, b)
	}
	if len(r.complaints) == 0 { // else what is not there was perhaps misspelled
		r.whole(p)
	}
}

func (r *reader) group(f field) Group {
	what := "group " + fault.Cut(f.name)
	m := r.mapping(f.value, what, "members", "inherited", "issuer", "excludes", "sources", "trust")
	r.require(m, f.key, what, "members")
	inherited := r.flag(m.get("inherited"), "inherited")
	g := Group{Name: f.name, Line: line(f.key), Excludes: Roles, Sources: []Source{BySignature, ByWorkflow}}
	issuer := r.exact(m.get("issuer"), "issuer", issuerURL)
	seen := map[string]bool{}
	for _, n := range r.list(m.get("members"), "members") {
		x := r.member(n, "members", issuer)
		if x.Kind != 0 && seen[x.key()] {
			r.complain(n, "member %q stands here a second time", scalar(n))
		}
		seen[x.key()] = true
		if x.Reach != "" && inherited {
			x.Reach = Inherited
		}
		g.Members = append(g.Members, x)
	}
	if n := m.get("inherited"); n != nil && !slices.ContainsFunc(g.Members,
		func(x Member) bool { return x.Reach != "" || x.Kind == 0 }) {
		r.complain(n, "inherited means nothing: no member is a team or role that could have members from above it")
	}
	if n := m.get("excludes"); n != nil {
		g.Excludes = nil
		for _, x := range r.list(n, "excludes") {
			g.Excludes = append(g.Excludes, Role(r.choice(x, "excludes", words(Roles)...)))
		}
	}
	if n := m.get("sources"); n != nil {
		g.Sources = nil
		for _, x := range r.list(n, "sources") {
			g.Sources = append(g.Sources, Source(r.choice(x, "sources", string(BySignature), string(ByWorkflow), string(ByReview))))
		}
	}
	if n := m.get("trust"); n != nil {
		t := r.trust(n)
		g.Trust = &t
	}
	return g
}

// key is what two mentions of one member have in common.
func (m Member) key() string {
	if m.ID != "" {
		return fmt.Sprintf("%d %s %s", m.Kind, m.Host, m.ID)
	}
	return fmt.Sprintf("%d %s %q", m.Kind, m.Host, m.Name)
}

func words[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, x := range all {
		out[i] = string(x)
	}
	return out
}

// member reads one member: "email:ADDRESS", "PLACE:NAME#NUMBER" of an account
// or, with a slash in its name, of a team, and "PLACE:@ROLE".
func (r *reader) member(n *yamlnode.Node, what, issuer string) Member {
	s := r.text(n, what)
	place, rest, ok := strings.Cut(s, ":")
	if s == "" {
		return Member{}
	}
	x := Member{Line: line(n)}
	if !ok {
		r.complain(n, "%s %q, want PLACE:NAME#NUMBER or email:ADDRESS", what, s)
		return x
	}
	if place == "email" {
		if !emailAddress.MatchString(rest) {
			r.complain(n, "%s %q names no e-mail address", what, s)
		}
		if strings.Contains(rest, "*") {
			r.complain(n, "%s %q is a pattern, and only agents take patterns: name each address", what, s)
		}
		if issuer == "" && what == "members" {
			r.complain(n, "member %q needs the key issuer in its group: whose word it is that somebody has this address", s)
		}
		x.Kind, x.Host, x.Name, x.ID = MemberEmail, issuer, rest, rest
		return x
	}
	p, known := Place{}, false
	if r.words.Place != nil {
		p, known = r.words.Place(place)
	}
	if !known {
		r.complain(n, "%s %q: %q is no platform that is known", what, s, place)
		return x
	}
	x.Host = p.Host
	if r.places == nil {
		r.places = map[string]string{}
	}
	r.places[p.Host] = place
	r.used.Places[place] = p
	if role, ok := strings.CutPrefix(rest, "@"); ok {
		if !slices.Contains(p.Roles, role) {
			r.complain(n, "%s %q: role %q, want one of %s%s", what, s, role, strings.Join(p.Roles, ", "), suggestion{role, p.Roles})
		}
		x.Kind, x.Name = MemberRole, role
	} else {
		x = r.account(n, what, rest, x)
	}
	if p.Above && (x.Kind == MemberTeam || x.Kind == MemberRole) {
		x.Reach = Direct
	}
	return x
}

// account reads NAME#NUMBER. The number is what is compared; a name alone could
// be somebody else's tomorrow.
func (r *reader) account(n *yamlnode.Node, what, s string, x Member) Member {
	name, id, ok := strings.Cut(s, "#")
	shape := accountName()
	x.Kind = MemberUser
	if strings.Contains(name, "/") {
		x.Kind, shape = MemberTeam, teamName()
	}
	if !ok || !number.MatchString(id) {
		r.complain(n, "%s %q has no number, want NAME#NUMBER: names change hands", what, scalar(n))
	}
	if !shape.MatchString(name) {
		r.complain(n, "%s %q: %q is no name of an account or team", what, scalar(n), name)
	}
	x.Name, x.ID = strings.TrimSuffix(name, "/"), id
	return x
}

func (r *reader) person(f field) Person {
	p := Person{Name: f.name, Line: line(f.key)}
	for _, n := range r.list(f.value, "people") {
		switch x := r.member(n, "people", ""); x.Kind {
		case MemberEmail:
			p.Emails = append(p.Emails, x.ID)
		case MemberUser:
			p.Accounts = append(p.Accounts, Account{Host: x.Host, ID: x.ID, Name: x.Name})
		case MemberTeam, MemberRole:
			r.complain(n, "%q is more than one person", scalar(n))
		}
	}
	return p
}

// rules reads what an environment asks of people.
func (r *reader) rules(e *Environment, m mapping) {
	e.MaxAge = DefaultMaxAge
	for _, n := range r.list(m.get("approvals"), "approvals") {
		e.Approvals = append(e.Approvals, r.rule(n))
	}
	if n := m.get("approval-max-age"); n != nil {
		e.MaxAge = r.age(n, "approval-max-age")
	}
	e.RejectionAge = DefaultRejectionAge
	if n := m.get("rejection-max-age"); n != nil {
		e.RejectionAge = r.age(n, "rejection-max-age")
	}
	e.Separate = r.flag(m.get("separate"), "separate")
	e.Baseline = r.exact(m.get("baseline"), "baseline", commit)
	if n := m.get("forks"); n != nil {
		if r.choice(n, "forks", "unnamed", "owner") == "owner" {
			e.Forks = ForkOwner
		}
	}
	for _, n := range r.list(m.get("deployed-by"), "deployed-by") {
		e.DeployedBy = append(e.DeployedBy, r.exact(n, "deployed-by", filePath))
	}
	if n := m.get("protection"); n != nil && n.Kind == yamlnode.Map {
		r.protection(e, n)
	} else if n != nil {
		e.Unguarded = r.choice(n, "protection", "platform", "approvals") == "approvals"
		if e.Unguarded && !slices.ContainsFunc(e.Approvals, func(x Rule) bool { return x.Count > 0 }) {
			r.complain(n, "protection: approvals needs approvals: else nothing protects the environment")
		}
	}
	if n := m.get("admin-bypass"); n != nil {
		e.Bypassable = r.choice(n, "admin-bypass", "refused", "accepted") == "accepted"
	}
	if n := m.get("pipeline-variables"); n != nil {
		if e.Variables = r.choice(n, "pipeline-variables", append([]string{"nobody", "unchecked"}, variableRoles...)...); e.Variables == "nobody" {
			e.Variables = ""
		}
	}
	if n := m.get("deploying-job"); n != nil && n.Kind == yamlnode.Map {
		x := r.mapping(n, "deploying-job", "in")
		r.require(x, n, "deploying-job", "in")
		for _, w := range r.list(x.get("in"), "deploying-job: in") {
			e.DeployingIn = append(e.DeployingIn, r.exact(w, "deploying-job: in", calledFile))
		}
		if x.get("in") != nil && len(e.DeployingIn) == 0 {
			r.complain(n, "deploying-job: in names no workflow")
		}
	} else if n != nil {
		if e.DeployingJob = r.choice(n, "deploying-job", "gated", DeploysUnread, DeploysAny); e.DeployingJob == "gated" {
			e.DeployingJob = DeploysGated
		}
	}
	r.record(e, m.get("record"))
	if n := m.get("runs"); n != nil {
		e.RunsOnce = r.choice(n, "runs", "any", "once") == "once"
	}
	if n := m.get("weaker-evidence"); n != nil {
		e.NotWeaker = r.choice(n, "weaker-evidence", "accepted", "refused") == "refused"
	}
	for _, k := range []string{"runs", "weaker-evidence"} {
		if n := m.get(k); n != nil && e.Record == RecordOff {
			r.complain(n, "%s needs a record of what entered", k)
		}
	}
	e.Changes = r.changes(e, m.get("changes"))
	if n := m.get("policy-change"); n != nil && n.Kind == yamlnode.Scalar {
		e.PolicyMerged = r.choice(n, "policy-change", "merged") == "merged"
	} else if n != nil {
		x := r.rule(n)
		if x.Veto {
			r.complain(n, "policy-change asks for approvals, and a veto is none")
		}
		e.PolicyChange = &x
	}
	if n := m.get("break-glass"); n != nil {
		e.Emergency = r.emergency(n)
	}
	if n := m.get("waivers"); n != nil {
		e.Waivers = r.waivers(n)
	}
	if n := m.get("source"); n != nil {
		e.Source = r.inflow(n)
	}
	for _, k := range []string{"approval-max-age", "rejection-max-age", "separate", "forks", "break-glass", "waivers"} {
		reviewed := k == "forks" && e.Source.orNone().Reviewed > 0
		if m.get(k) != nil && len(e.Approvals) == 0 && !reviewed {
			r.complain(m.get(k), "%s means nothing without approvals", k)
		}
	}
}

// record reads whether a job in the environment signs what it lets in, and since when.
func (r *reader) record(e *Environment, n *yamlnode.Node) {
	if n == nil {
		return
	}
	mode := n
	if n.Kind == yamlnode.Map {
		m := r.mapping(n, "record", "mode", "since")
		r.require(m, n, "record", "mode")
		mode = m.get("mode")
		if x := m.get("since"); x != nil {
			since, err := time.Parse(time.RFC3339, r.text(x, "since"))
			if err != nil {
				r.complain(x, "since %q, want a time such as \"2026-11-27T09:00:00Z\"", scalar(x))
			}
			e.Since = since.UTC()
		}
	}
	if mode == nil {
		return
	}
	switch r.choice(mode, "record", "optional", "required", "off") {
	case "required":
		e.Record = RecordRequired
	case "off":
		e.Record = RecordOff
	}
	if !e.Since.IsZero() && e.Record != RecordRequired {
		r.complain(n, "since means nothing where a record is not required")
	}
}

// protection reads what the platform's own protection has to be, beyond the least
// that counts as one.
func (r *reader) protection(e *Environment, n *yamlnode.Node) {
	m := r.mapping(n, "protection", "reviewers", "self-review")
	if len(m) == 0 {
		r.complain(n, "protection asks for nothing, want reviewers, self-review, platform or approvals")
	}
	if x := m.get("reviewers"); x != nil {
		e.Reviewers = r.count(x)
	}
	if x := m.get("self-review"); x != nil {
		e.SelfReview = r.choice(x, "self-review", "off", "on")
	}
}

func (r *reader) rule(n *yamlnode.Node) Rule {
	m := r.mapping(n, "approvals", "group", "count", "veto")
	r.require(m, n, "approvals", "group")
	x := Rule{Group: r.text(m.get("group"), "group"), Line: line(n), Veto: r.flag(m.get("veto"), "veto")}
	switch {
	case x.Veto && m.get("count") != nil:
		r.complain(m.get("count"), "veto and count exclude each other: a veto asks for no yes")
	case !x.Veto:
		x.Count = 1
		if m.get("count") != nil {
			x.Count = r.count(m.get("count"))
		}
	}
	return x
}

func (r *reader) emergency(n *yamlnode.Node) *Emergency {
	m := r.mapping(n, "break-glass", "group", "count", "max-age")
	r.require(m, n, "break-glass", "group")
	b := &Emergency{Group: r.text(m.get("group"), "group"), Count: r.several(m.get("count"), "break-glass asks"), MaxAge: time.Hour, Line: line(n)}
	if x := m.get("max-age"); x != nil {
		b.MaxAge = r.age(x, "max-age")
	}
	return b
}

func (r *reader) waivers(n *yamlnode.Node) *Waivers {
	m := r.mapping(n, "waivers", "group", "count")
	r.require(m, n, "waivers", "group")
	return &Waivers{Group: r.text(m.get("group"), "group"), Count: r.several(m.get("count"), "waivers ask"), Line: line(n)}
}

// several reads how many people something takes, two at least; two without n.
func (r *reader) several(n *yamlnode.Node, ask string) int {
	if n == nil {
		return 2
	}
	c := r.count(n)
	if c < 2 {
		r.complain(n, "%s for two people at least", ask)
	}
	return c
}

func (r *reader) count(n *yamlnode.Node) int {
	s := r.text(n, "count")
	c, err := strconv.Atoi(s)
	if s != "" && (err != nil || !number.MatchString(s) || c > maxCount) {
		r.complain(n, "count %q, want a number from 1 to %d", s, maxCount)
	}
	return c
}

func (r *reader) age(n *yamlnode.Node, what string) time.Duration {
	s := r.text(n, what)
	d, err := ParseAge(s)
	if s != "" && err != nil {
		r.complain(n, "%s: %v", what, err)
	}
	return d
}

func (r *reader) flag(n *yamlnode.Node, what string) bool {
	if n == nil {
		return false
	}
	if n.Kind != yamlnode.Scalar || n.Type != yamlnode.Boolean {
		r.complain(n, "%s is neither true nor false", what)
		return false
	}
	return strings.EqualFold(n.Text, "true")
}

// whole complains about what one part of the file says and another makes
// impossible or meaningless.
func (r *reader) whole(p *Policy) {
	groups := make(map[string]Group, len(p.Groups))
	for _, g := range p.Groups {
		groups[g.Name] = g
	}
	names := slices.Sorted(maps.Keys(groups))
	r.owned(p)
	for _, e := range p.Environments {
		seen := map[string]bool{}
		for _, x := range e.Approvals {
			r.asked(groups, names, x)
			if seen[x.Group] {
				r.complainAt(x.Line, 0, "group %q is asked twice for %q", x.Group, e.Name)
			}
			seen[x.Group] = true
		}
		if c := e.PolicyChange; c != nil {
			r.asked(groups, names, *c)
		}
		if b := e.Emergency; b != nil {
			r.asked(groups, names, Rule{Group: b.Group, Count: b.Count, Line: b.Line})
		}
		if e.Changes.asks() && !slices.ContainsFunc(e.Approvals, func(x Rule) bool { return groups[x.Group].signs() && !x.Veto }) {
			r.complainAt(e.Changes.Line, 0, "changes: approve needs approvals that are signed, and sources of every group of %q have neither %s nor %s: "+
				"a review on the platform's page does not say which changes it is about", e.Name, BySignature, ByWorkflow)
		}
		if w := e.Waivers; w != nil {
			r.asked(groups, names, Rule{Group: w.Group, Line: w.Line})
			g, ok := groups[w.Group]
			if n, known := r.humans(g); ok && known && n < w.Count {
				r.complainAt(w.Line, 0, "%d of group %q have to waive, and its members are %d people: nobody could ever waive", w.Count, w.Group, n)
			}
			if ok && !g.signs() {
				r.complainAt(w.Line, 0, "a waiver is signed, and sources of group %q have neither %s nor %s", w.Group, BySignature, ByWorkflow)
			}
		}
	}
	for _, g := range p.Groups {
		r.reachable(p, g)
	}
	reviewed := slices.ContainsFunc(p.Environments, func(e Environment) bool { return e.Source.orNone().Reviewed > 0 })
	if len(p.Groups) == 0 && (len(p.ApproveIn) > 0 || !reviewed && (len(p.People) > 0 || !p.Agents.none())) {
		r.complainAt(1, 0, "people, agents and approve-in mean nothing without groups")
	}
	r.distinct(p)
}

func (r *reader) asked(groups map[string]Group, names []string, x Rule) {
	g, ok := groups[x.Group]
	if !ok {
		if x.Group != "" {
			r.complainAt(x.Line, 0, "no group is called %q%s", x.Group, suggestion{x.Group, names})
		}
		return
	}
	if n, known := r.humans(g); known && n < x.Count {
		r.complainAt(x.Line, 0, "%d of group %q are asked for, and its members are %d people: nobody could ever enter", x.Count, x.Group, n)
	}
}

// signs reports whether something that a member of g has signed may count.
func (g Group) signs() bool {
	return slices.ContainsFunc(g.Sources, func(s Source) bool { return s != ByReview })
}

// owned notes whose each account and address of the policy is.
func (r *reader) owned(p *Policy) {
	r.owners, r.crowds = map[string]string{}, map[string]int{}
	for _, x := range p.People {
		for _, a := range x.Accounts {
			r.owners[a.Key()] = x.Name
		}
		for _, e := range x.Emails {
			r.owners[foldAddress(e)] = x.Name
		}
	}
}

// humans is how many people the members of g are, if each is somebody alone: of
// a team or a role, only the platform knows.
func (r *reader) humans(g Group) (n int, known bool) {
	if slices.ContainsFunc(g.Members, func(m Member) bool { return m.Kind == MemberTeam || m.Kind == MemberRole }) {
		return 0, false
	}
	if n, done := r.crowds[g.Name]; done {
		return n, true
	}
	who := map[string]bool{}
	for _, m := range g.Members {
		switch x, owned := r.owner(m); {
		case owned:
			who[x] = true
		case len(r.owners) == 0 && m.ID != "":
			who[Account{Host: m.Host, ID: m.ID}.Key()] = true
		}
	}
	r.crowds[g.Name] = len(who)
	return len(who), true
}

// owner returns the person whose account or address m is.
func (r *reader) owner(m Member) (string, bool) {
	if x, ok := r.owners[Account{Host: m.Host, ID: m.ID}.Key()]; ok {
		return x, true
	}
	x, ok := r.owners[foldAddress(m.ID)]
	return x, ok
}

// foldAddress returns one text for all that equalAddress takes for one.
func foldAddress(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}

// reachable wants a way for every member to say yes.
func (r *reader) reachable(p *Policy, g Group) {
	hosts := map[string]bool{}
	for _, b := range p.ApproveIn {
		hosts[b.Forge.Host] = true
	}
	for _, m := range g.Members {
		switch {
		case m.Kind == 0:
		case m.Kind == MemberEmail:
			if !slices.Contains(g.Sources, BySignature) {
				r.complainAt(m.Line, 0, "%q can only sign, and sources of group %q have no %s", m, g.Name, BySignature)
			}
			if r.owners[foldAddress(m.ID)] == "" {
				r.complainAt(m.Line, 0, "%q is not listed under people, which says whose address it is; else its owner could approve a change of their own", m)
			}
		case slices.Contains(g.Sources, ByReview):
		case slices.Contains(g.Sources, ByWorkflow) && hosts[m.Host]:
		default:
			r.complainAt(m.Line, 0, "%q has no way to approve: name a workflow of %s under approve-in, or %s under sources", m, m.Host, ByReview)
		}
	}
}

// distinct wants every identity to be one person's, and people named where
// members come from more than one place.
func (r *reader) distinct(p *Policy) {
	owner := map[string]string{}
	for _, x := range p.People {
		keys := []string{}
		for _, a := range x.Accounts {
			keys = append(keys, a.Key())
		}
		for _, e := range x.Emails {
			keys = append(keys, strings.ToLower(e))
		}
		for _, k := range keys {
			if o, ok := owner[k]; ok {
				r.complainAt(x.Line, 0, "%q is %s and %s", k, fault.Cut(o), fault.Cut(x.Name))
			}
			owner[k] = x.Name
		}
	}
	hosts := map[string]bool{}
	for _, g := range p.Groups {
		for _, m := range g.Members {
			if m.Kind != 0 && m.Kind != MemberEmail {
				hosts[m.Host] = true
			}
		}
	}
	if len(hosts) > 1 && len(p.People) == 0 {
		r.complainAt(p.Groups[0].Line, 0, "members come from %d platforms; name who is who under people, else one person could count on each", len(hosts))
	}
}
