package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/contents"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// A Ruling says what a policy does about a change of what people install.
type Ruling string

// The rulings, from the one that stops the least. The zero is that the policy says nothing.
const (
	Unruled   Ruling = ""
	Reported  Ruling = "report"  // it is told, and stops nothing
	ByConsent Ruling = "approve" // somebody has to approve exactly this change
	Forbidden Ruling = "deny"
)

var rulings = []Ruling{Unruled, Reported, ByConsent, Forbidden}

// stricter is the one of two rulings that stops more.
func stricter(a, b Ruling) Ruling {
	if slices.Index(rulings, a) < slices.Index(rulings, b) {
		return b
	}
	return a
}

// Changes are the rulings of an environment about what people install. What is not named is not
// judged.
type Changes struct {
	Of   map[contents.What]Ruling
	Line int
}

func (c Changes) any() bool { return len(c.Of) > 0 }

// strictest is the ruling of c that stops the most.
func (c Changes) strictest() Ruling {
	out := Unruled
	for _, r := range c.Of {
		out = stricter(out, r)
	}
	return out
}

// asks reports whether c wants somebody to approve a change.
func (c Changes) asks() bool {
	for _, r := range c.Of {
		if r == ByConsent {
			return true
		}
	}
	return false
}

// changes reads the rulings about what people install.
func (r *reader) changes(e *Environment, n *yamlnode.Node) Changes {
	if n == nil {
		return Changes{}
	}
	out := Changes{Of: map[contents.What]Ruling{}, Line: line(n)}
	m := r.mapping(n, "changes", words(contents.Everything)...)
	if len(m) == 0 && n.Kind == yamlnode.Map {
		r.complain(n, "changes names nothing, want %s", strings.Join(words(contents.Everything), ", "))
	}
	for _, f := range m {
		out.Of[contents.What(f.name)] = Ruling(r.choice(f.value, f.name, words(rulings[1:])...))
	}
	if e.Record == RecordOff {
		r.complain(n, "changes are told from the entries into an environment, and record: off keeps none")
	}
	if out.asks() && !slices.ContainsFunc(e.Approvals, func(x Rule) bool { return !x.Veto }) {
		r.complain(n, "changes: approve needs approvals: who else could approve a change?")
	}
	return out
}

// changes are rulings that stop less.
func (l *loosening) changes(old, now Changes) {
	for _, w := range contents.Everything {
		if was, is := old.Of[w], now.Of[w]; stricter(was, is) != is {
			l.add("%s of changes is %s, and was %s", w, cmp.Or(string(is), "not judged"), was)
		}
	}
}

// Judges reports whether the policy judges what people install who take what enters an environment.
func (p *Policy) Judges(environment string) bool {
	e, _ := p.Environment(environment)
	return e.Changes.any()
}

// installed is what people install of a candidate, held against what entered before.
type installed struct {
	now     contents.Package
	rulings map[Ruling][]contents.Change
	number  int // of the entry that it is compared with, or 0: none has an inventory of it
}

// inventories are those of the package that x is in the newest entry that has one, and its number. A
// package is the same by its name and that of its file without the version, because a project may have
// one for each platform; else by its name alone, and else by that of its file. What is not read and may
// be a package could be every one of the artifact.
func (c Chain) inventories(artifact string, x Candidate) ([]contents.Package, int) {
	p := x.read()
	named := func(a statement.Admitted) bool {
		return p.Name != "" && a.Contents.Kind == p.Kind && a.Contents.Name == p.Name
	}
	ways := []func(statement.Admitted) bool{
		func(a statement.Admitted) bool {
			return named(a) && unversioned(a.Name, a.Contents.Version) == unversioned(x.Subject.Name, p.Version)
		},
		named,
		func(a statement.Admitted) bool { return base(a.Name) == base(x.Subject.Name) },
	}
	if p.Kind == contents.Absent || p.Kind == contents.Malformed {
		ways = append(ways, func(statement.Admitted) bool { return true })
	}
	for _, same := range ways {
		var out []contents.Package
		number := 0
		for _, e := range c.Entries {
			if e.Watched || e.State != Succeeded || e.Number < number {
				continue
			}
			for _, a := range e.Artifacts {
				if a.Artifact == artifact && a.Contents != nil && same(a) {
					out, number = append(out, *a.Contents), e.Number
				}
			}
		}
		if len(out) > 0 {
			return out, number
		}
	}
	return nil, 0
}

// unversioned is the name of a file without the version of the package that it is.
func unversioned(name, version string) string {
	if version == "" {
		return base(name)
	}
	return strings.ReplaceAll(base(name), version, "*")
}

// lacksInventory reports whether an older entry might have an inventory of the package that x is, and
// none of those at hand has.
func (c Chain) lacksInventory(artifact string, x Candidate) bool {
	if x.read().Kind == contents.NotRead {
		return false
	}
	all, _ := c.inventories(artifact, x)
	return len(all) == 0
}

// read is the inventory of c, or why there is none.
func (c Candidate) read() contents.Package {
	switch {
	case c.Package != nil:
		return *c.Package
	case repository(c.Subject.Name) != "":
		return contents.Package{Kind: contents.NotRead, Why: "an image"}
	}
	return contents.Package{Kind: contents.Absent, Why: "its file is not here"}
}

// installed compares what people install of c.
func (in Input) installed(env Environment, a Artifact, c Candidate) installed {
	x := installed{now: c.read(), rulings: map[Ruling][]contents.Change{}}
	before, number := in.chained().chain.inventories(a.Name, c)
	x.number = number
	var all []contents.Change
	for i := range before {
		all = append(all, contents.Compare(&before[i], x.now)...)
	}
	if len(before) == 0 {
		all = contents.Compare(nil, x.now)
	}
	for i, ch := range all {
		if slices.Contains(all[:i], ch) {
			continue // two entries of one number may have the same
		}
		r := env.Changes.Of[ch.Of]
		if ch.Of == contents.Unreadable {
			r = env.Changes.unread(x.now.Kind, number > 0)
		}
		x.rulings[r] = append(x.rulings[r], ch)
	}
	return x
}

// unread is the ruling about something that is not read. What could be a package, or was one, would
// pass every other ruling by: so it is held to the strictest of them.
func (c Changes) unread(k contents.Kind, was bool) Ruling {
	named, known := c.Of[contents.Unreadable]
	switch {
	case was, k == contents.Malformed, k == contents.Absent && !known:
		return stricter(named, c.strictest())
	case !known:
		return Reported
	}
	return named
}

// Changed names the changes of what people install that in's policy wants somebody to approve, of each
// candidate that has some: what an approval says that was shown.
func Changed(in Input) []statement.Changed {
	in = in.chained()
	env, _ := in.Policy.Environment(in.Environment)
	var out []statement.Changed
	for _, c := range in.Candidates {
		a, m := in.artifact(c)
		if m != nil || c.Package == nil || !env.Changes.any() {
			continue
		}
		if all := in.installed(env, a, c).rulings[ByConsent]; len(all) > 0 {
			out = append(out, in.naming(c, all))
		}
	}
	return out
}

// A Difference is what people install of one artifact, against what entered before.
type Difference struct {
	Subject subject.Subject `json:"subject"`
	Entry   int             `json:"entry"` // with whose inventory it is compared; 0: none has one
	Changes []Ruled         `json:"changes"`
	// Digest names those that the policy wants somebody to approve; "": there are none.
	Digest string `json:"digest,omitempty"`
}

// Ruled is a change with what the policy does about it.
type Ruled struct {
	contents.Change
	Ruling Ruling `json:"ruling,omitempty"` // absent: nothing
}

// Differences returns how what people install of each of in's candidates has changed, for people who
// decide: of those of which a file is here, and where the policy judges it.
func Differences(in Input) []Difference {
	in = in.chained()
	env, _ := in.Policy.Environment(in.Environment)
	var out []Difference
	for _, c := range in.Candidates {
		a, m := in.artifact(c)
		if m != nil || c.Package == nil || !env.Changes.any() {
			continue
		}
		x := in.installed(env, a, c)
		d := Difference{Subject: c.Subject, Entry: x.number}
		for _, r := range slices.Backward(rulings) {
			for _, ch := range x.rulings[r] {
				d.Changes = append(d.Changes, Ruled{ch, r})
			}
		}
		if all := x.rulings[ByConsent]; len(all) > 0 {
			d.Digest = "sha256:" + contents.Digest(all)
		}
		out = append(out, d)
	}
	return out
}

// naming names changes of c.
func (in Input) naming(c Candidate, all []contents.Change) statement.Changed {
	return statement.Changed{
		Environment: in.Environment, Artifact: c.Subject.Digest.Hex(), SHA256: contents.Digest(all),
	}
}

// installed judges what people install.
func (k *approvalCheck) installed(c Candidate) []verdict.Finding {
	if !k.env.Changes.any() {
		return nil
	}
	line := k.env.Changes.Line
	if k.in.Deciding && c.read().Kind == contents.Absent { // nothing enters here, and who decides need not have it
		return []verdict.Finding{met("changes",
			"not shown, because the file is not here: an approval covers only the changes that it names", line)}
	}
	x := k.in.installed(k.env, k.artifact, c)
	if all := x.rulings[Forbidden]; len(all) > 0 {
		f := deny(fault.Changed, "changes", line,
			fmt.Sprintf("%s that the policy does not let in%s", howMany(all), x.since()), "nothing of this kind that is new",
			x.step("build it without them; or change the policy, if its approvers agree"))
		f.Found = list(all)
		return []verdict.Finding{f}
	}
	f := met("changes", "nothing that the policy wants somebody to approve has changed"+x.since(), line)
	if all := x.rulings[ByConsent]; len(all) > 0 {
		people, other := k.approved(k.in.naming(c, all))
		if len(people) == 0 {
			return []verdict.Finding{k.unapproved(c, x, all, other)}
		}
		f.People = people
		f.Reason = fmt.Sprintf("%s%s, approved by %s: %s", howMany(all), x.since(), labels(people), list(all))
	}
	if all := x.rulings[Reported]; len(all) > 0 {
		f.Reason += "; reported: " + list(all)
	}
	return []verdict.Finding{f}
}

// unapproved is the finding about changes without an approval. other is a person who has approved
// the release without them.
func (k *approvalCheck) unapproved(c Candidate, x installed, all []contents.Change, other string) verdict.Finding {
	f := deny(fault.Changed, "changes", k.env.Changes.Line, howMany(all)+x.since()+", which no approver has approved",
		"an approval that names exactly these changes, sha256:"+contents.Digest(all), "")
	f.Outcome, f.Pending, f.Found = verdict.Wait, true, list(all)
	if other != "" {
		f.Outcome, f.Reason = verdict.Deny, f.Reason+": the approval of "+other+" does not name them"
	}
	step := fmt.Sprintf("make a release set for %q with sallyport release, for people to approve", k.in.Environment)
	if i := k.good(); i >= 0 {
		step = fmt.Sprintf("with %q at hand, or in a job with this digest as changes, "+
			"let somebody who may approve look at them: sallyport approve --release %s", c.Subject.Name, k.sets[i].Digest)
	}
	f.Hint = x.step(step)
	return f
}

// step is the next step: step, or, where there is no file, to get it.
func (x installed) step(step string) string {
	if x.now.Kind == contents.Absent {
		return "hand the file over, and not its digest alone, so that it can be read; or name it under not-read of changes"
	}
	return step
}

// since says with what a package was compared.
func (x installed) since() string {
	switch {
	case x.number > 0:
		return fmt.Sprintf(" since entry %d", x.number)
	case !x.now.IsRead():
		return ""
	}
	return ", with no inventory of it from before, so that everything is new"
}

// approved returns who has approved exactly these changes, and else somebody who has approved and
// named none, or others. A review on the platform's page names none.
func (k *approvalCheck) approved(want statement.Changed) (people []verdict.Person, other string) {
	heard := map[string]bool{}
	hear := func(v judgedVote) {
		if !slices.Contains(v.changes, want) {
			other = cmp.Or(other, v.account.Label())
			return
		}
		if !heard[v.person] {
			p := v.told()
			p.Counted, heard[v.person] = true, true
			people = append(people, p)
		}
	}
	for _, r := range k.env.Approvals {
		b := k.tallyOf(r)
		for _, v := range b.judged {
			if b.counts(v) {
				hear(v)
			}
		}
	}
	if e := k.env.Emergency; e != nil {
		group, _ := k.in.Policy.Group(e.Group)
		for _, v := range k.votes {
			if !v.emergency || v.decision != statement.Approve || strings.TrimSpace(v.comment) == "" {
				continue
			}
			if x := k.hear(group, v, nil); x.why == nil {
				hear(x)
			}
		}
	}
	return people, other
}

// labels names people.
func labels(all []verdict.Person) string {
	var out []string
	for _, p := range all {
		out = append(out, p.Name)
	}
	return strings.Join(out, ", ")
}

// howMany says how many changes there are.
func howMany(all []contents.Change) string {
	return amount(len(all), "change") + " of what people install"
}

// list tells changes in words, the first of them.
func list(all []contents.Change) string {
	var out []string
	for _, c := range all {
		out = append(out, c.String())
	}
	return someOf(out)
}
