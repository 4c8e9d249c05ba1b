// Package gate walks from subjects to a verdict: it collects bundles, has them
// verified, turns what verified into facts, and asks the policy.
//
// It refuses to decide. It also refuses to answer without having heard every
// store and the platform: a store that is silent is an error, and an error is
// no verdict.
package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// A Store hands over the bundles it has about subjects, unverified. A subject
// it knows nothing about is no error; a question it cannot answer is.
type Store interface {
	Name() string
	Fetch(ctx context.Context, subjects []subject.Subject) (store.Found, error)
}

// A Guard is what a platform knows and no bundle can say. What it cannot find out is an
// error; of runs and refs, whose repository may be another's, it is an answer that says why
// nothing is known.
type Guard interface {
	Environments
	Numbers
	Refs
	Places
	Branch
	Runs
	Builds
	Changes
	Rosters
	Reviews
}

// Environments knows how an environment is protected.
type Environments interface {
	Environment(ctx context.Context, name string) (policy.Protection, error)
}

// Numbers knows the number of an environment, also where the job may not ask how it is protected; "": the platform
// gives it none.
type Numbers interface {
	EnvironmentNumber(ctx context.Context, name string) (string, error)
}

// Refs knows how the refs of a build are protected.
type Refs interface {
	Ref(ctx context.Context, q policy.RefQuery) (policy.Ref, error)
}

// Runs knows how runs of one repository ended and who started them. Its answers are in the
// order of the questions.
type Runs interface {
	Runs(ctx context.Context, q []policy.RunQuery) ([]policy.Run, error)
}

// Builds knows what the jobs of a run did, as the files say it that ran.
type Builds interface {
	Build(ctx context.Context, q policy.BuildQuery) (policy.Build, error)
}

// Changes knows who made a change.
type Changes interface {
	Change(ctx context.Context, q policy.ChangeQuery) (policy.Change, error)
}

// Places knows in which environment a job was.
type Places interface {
	Placed(ctx context.Context, q policy.PlaceQuery) (policy.Placed, error)
}

// Branch knows where the default branch is, and has files of commits.
type Branch interface {
	Head(ctx context.Context) (repository, id, commit, ref string, err error)
	File(ctx context.Context, commit, path string) ([]byte, error)
	// Versions returns the commits up to one that changed a file, the newest first.
	Versions(ctx context.Context, commit, path string) ([]string, error)
}

// Rosters knows who is in teams and who has roles.
type Rosters interface {
	Rosters(ctx context.Context, m []policy.Member) ([]policy.Roster, error)
}

// Reviews knows what the platform's own page holds about the running job.
type Reviews interface {
	Reviews(ctx context.Context, environment string) (policy.Reviews, error)
}

// Gate judges subjects under a policy.
type Gate struct {
	Policy    *policy.Policy
	Stores    []Store
	Verifiers map[string]*sigstore.Verifier // by policy.Trust.ID
	Guard     Guard                         // not asked when no environment is
	Files     Files                         // to open an artifact again, or nil
	Open      Open                          // to look into an artifact, or nil
	Workers   int
	Now       time.Time
	Deciding  bool // the run that asks carries an approval
	// For names the environment whose required evidence is judged where no
	// environment is entered; empty: provenance.
	For  string
	Next Next // what to do about a bundle that does not verify
	// Records is where the entries into environments are kept: the platform's own
	// store, or the one that the policy of the default branch names. nil: they are not
	// looked for.
	Records Store
	// Before are the places where entries were kept before. They are asked where Records
	// has none that counts; nil: there are none.
	Before func() ([]Store, error)
	Read   Reader // reads the policy that an entry carries
	File   string // path of the policy in the repository; "": it is no file of one
	Roots  Roots  // of a policy in force, where they are others than those of Verifiers
	Home   string // address of the repository that the environment belongs to
	// Deploying reads the files of the run whose job waits; nil: the gate is a step of that job.
	Deploying func(context.Context, *policy.Input) (*policy.Deploying, error)
	Keep      Keep // takes the evidence that is looked at; nil: nobody keeps it
}

// Keep takes the bytes of one piece of evidence, or of what leads from it to a
// subject. suffix says what they are, as the end of a file's name: ".sigstore.json".
type Keep func(suffix string, b []byte)

// Next returns the next step that a rejection leads to, in the words of the command at hand: a flag of it, or a line of
// its policy. It is empty where there is none.
type Next func(*sigstore.Rejection) string

// Roots loads what a policy of a commit trusts for its people, by policy.Trust.ID, and what is
// not among known.
type Roots func(
	p *policy.Policy, commit string, known map[string]*sigstore.Verifier,
) (map[string]*sigstore.Verifier, error)

// Reader reads a policy file.
type Reader func(source []byte) (*policy.Policy, error)

// Files reads the artifact behind a subject once more, for evidence that names
// it by other digests than SHA-256, and returns all digests of its bytes; nil if
// there is no file.
type Files func(subject.Subject) (*subject.Sums, error)

// Decide returns the verdict about what Look has gathered.
func Decide(in policy.Input) (verdict.Verdict, error) {
	v := policy.Evaluate(in)
	if v.Watched() {
		return v, nil // nothing rests on it
	}
	return v, undecided(v)
}

// undecided is the fault of a verdict that denies for nothing but an answer that
// did not come: with it, the policy might be met. Whatever is denied for another
// reason besides is denied.
func undecided(v verdict.Verdict) error {
	all := v.Of(verdict.Deny)
	if len(all) == 0 || slices.ContainsFunc(all, func(f verdict.Finding) bool { return f.Code != fault.NotAvailable }) {
		return nil
	}
	return fault.New(fault.Unavailable, fault.NotAvailable, all[0].Hint, "%s: %s", all[0].Reason, all[0].Found)
}

// Look gathers everything that Evaluate may look at about subjects and, if environment
// is not empty, about their entry into it.
func (g *Gate) Look(ctx context.Context, subjects []subject.Subject, environment string) (policy.Input, error) {
	in := policy.Input{Policy: g.Policy, Environment: environment, For: g.For, Now: g.Now, Deciding: g.Deciding}
	var err error
	if environment != "" {
		in.Protection, err = g.Guard.Environment(ctx, environment)
		if unknown, soft := g.unseenWall(ctx, environment, err); soft {
			in.Protection, err = unknown, nil
		}
		if err != nil {
			return in, fmt.Errorf("asking how %q is protected: %w", environment, err)
		}
	}
	before, err := g.stages(ctx, &in)
	if err != nil {
		return in, err
	}
	entries := g.entries(in)
	evidence, err := g.collect(ctx, subjects, slices.Concat(entries, before))
	if err != nil {
		return in, err
	}
	in.PassedOver = Told(evidence.Passed)
	g.keep(evidence)
	if evidence, err = g.climb(&in, evidence, subjects); err != nil {
		return in, err
	}
	var down *walk
	for _, mark := range entries {
		in.Entries.Subject = mark
		down = g.walk(mark, evidence, subjects)
		evidence = down.rest
	}
	if in.Candidates, err = g.candidates(subjects, evidence); err != nil {
		return in, err
	}
	if err := g.documents(ctx, &in); err != nil || environment == "" {
		return in, err
	}
	if err := g.lookInside(ctx, &in); err != nil {
		return in, err
	}
	if err := g.ask(ctx, &in, down); err != nil || g.Deploying == nil {
		return in, err
	}
	in.Deploying, err = g.Deploying(ctx, &in)
	return in, err
}

// unseenWall is the answer where the platform does not say how an environment is protected that the
// policy at hand watches: that is told with the rest, and stops the job only if the watch does not
// hold.
func (g *Gate) unseenWall(ctx context.Context, environment string, err error) (policy.Protection, bool) {
	env, _ := g.Policy.Environment(environment)
	f := fault.Of(err)
	if err == nil || ctx.Err() != nil || env.Mode.At(g.Now) != policy.Watch || f.Kind != fault.Unavailable && f.Kind != fault.Usage {
		return policy.Protection{}, false
	}
	// Entries are found by the number, so without it nobody knows which policy is in force.
	id, err := g.Guard.EnvironmentNumber(ctx, environment)
	if err != nil || id == "" {
		return policy.Protection{}, false
	}
	return policy.Protection{State: policy.Unknown, ID: id, Found: f.Error(), Setting: f.Hint}, true
}

// inForce reads the policies of the newest entries, where they are others than the one
// at hand.
func (g *Gate) inForce(in *policy.Input) error {
	if g.Read == nil {
		return nil // what entered is shown, and nothing is let in
	}
	for _, e := range in.Sources() {
		p, err := g.Read([]byte(e.Source))
		if err != nil {
			return fault.New(fault.Usage, fault.Policy, "use a version of sallyport that reads it: "+e.Version,
				"the policy of entry %d, which is in force, cannot be read: %w", e.Number, err)
		}
		in.InForce = append(in.InForce, policy.InForce{Entry: e.Link, Policy: p})
	}
	return nil
}

// merged asks which policy the default branch has now. What the platform does not show
// is an answer that says why.
func (g *Gate) merged(ctx context.Context, environment string) (policy.Merged, error) {
	repository, id, commit, ref, err := g.Guard.Head(ctx)
	m := policy.Merged{Repository: repository, ID: id, Commit: commit, Branch: strings.TrimPrefix(ref, "refs/heads/")}
	if err != nil {
		return unseen(ctx, m, err)
	}
	m.Absent, m.Why = true, "the policy is no file of this repository"
	m.Need = "let the policy be a file of it, with policy-ref if the job runs elsewhere"
	m.Modes = elsewhere()
	// A policy under another path is held to the one under the usual path, too.
	for _, path := range slices.Compact([]string{g.File, policy.UsualPath}) {
		if path == "" || !m.Absent {
			continue
		}
		raw, err := g.Guard.File(ctx, commit, path)
		switch f := fault.Of(err); {
		case err != nil && f.Code == fault.Policy:
			if path == g.File {
				m.Why, m.Need = f.Error(), f.Hint
			}
			continue
		case err != nil:
			return unseen(ctx, m, err)
		case path == g.File:
			m.Absent, m.Why, m.Need, m.Digest = false, "", "", subject.Sum(raw)
		}
		m.Strict = true
		p, err := g.Read(raw)
		if err == nil {
			e, known := p.Environment(environment)
			m.Strict = known && e.Strict()
		}
		if usual := g.File == policy.UsualPath; usual && path == g.File {
			m.Modes = modes(ctx, g.Guard, g.Read, p, err, place{repository, id, commit, environment})
		}
	}
	return m, nil
}

// unseen is the answer of a platform that does not show the default branch.
func unseen(ctx context.Context, m policy.Merged, err error) (policy.Merged, error) {
	f := fault.Of(err)
	if ctx.Err() != nil || f.Kind != fault.Unavailable && f.Kind != fault.Usage {
		return m, fmt.Errorf("asking which policy the default branch has: %w", err)
	}
	m.Absent, m.Why, m.Need = false, f.Error(), f.Hint
	m.Modes = hidden(err)
	return m, nil
}

// entries is the subject under which the entries into in's environment are found, or
// none where they are not looked for.
func (g *Gate) entries(in policy.Input) []subject.Subject {
	env, known := g.Policy.Environment(in.Environment)
	if g.Records == nil || !known {
		return nil
	}
	t, ok := g.Policy.Target(env, g.Home, in.Protection.ID)
	if !ok {
		return nil
	}
	return []subject.Subject{t.Subject("")}
}

// collect asks every store about the subjects and the entries, and the one that keeps
// entries, where it is none of them, about these alone.
func (g *Gate) collect(ctx context.Context, subjects, entries []subject.Subject) (Evidence, error) {
	out, err := Collect(ctx, g.Stores, subjects, entries...)
	apart := len(entries) > 0 && !slices.ContainsFunc(g.Stores, func(s Store) bool { return s.Name() == g.Records.Name() })
	if err != nil || !apart {
		return out, err
	}
	kept, err := Collect(ctx, []Store{g.Records}, entries)
	out.Items, out.Chains = append(out.Items, kept.Items...), append(out.Chains, kept.Chains...)
	out.Passed = store.Sum(append(out.Passed, kept.Passed...))
	return out, err
}

// maxRounds bounds how often answers may raise questions. Refs, the refs of policies in force,
// runs and everything else are one round each, and a long record is walked down in steps
// that double.
const maxRounds = 64

// ask asks the platform what the verified evidence raises questions about, until its answers
// raise no more. No question is asked twice. down verifies more entries, as far as they
// matter; nil: all that there are have been verified.
func (g *Gate) ask(ctx context.Context, in *policy.Input, down *walk) error {
	asked := map[policy.QuestionKey]bool{}
	read, again := false, down
	for range maxRounds {
		all, err := policy.Ask(*in)
		if err != nil {
			return err
		}
		open := all.Open(asked)
		signed := len(open.Refs())+len(open.Places()) == 0 // it is known which of the entries count
		switch {
		case signed && down != nil && !in.Settled():
			more, err := down.more(in)
			if err != nil {
				return err
			}
			if !more {
				down = nil
			}
			continue
		case signed && !read && again != nil && !again.older && in.First():
			if down, err = again.before(ctx); err != nil {
				return err
			}
			continue
		case signed && !read:
			if err := g.inForce(in); err != nil {
				return err
			}
			if err := again.hear(in); err != nil {
				return err
			}
			read, down = true, nil
			continue
		case len(open) == 0:
			return nil
		}
		if err := g.answer(ctx, in, open); err != nil {
			return err
		}
		for _, q := range open {
			asked[q.Key()] = true
		}
	}
	return fault.New(fault.Refused, fault.Limit, "",
		"the platform's answers raise new questions after %d rounds", maxRounds)
}

// answer puts the platform's answers to open into in.
func (g *Gate) answer(ctx context.Context, in *policy.Input, open policy.Questions) error {
	for _, q := range open.Refs() {
		answer, err := g.Guard.Ref(ctx, q)
		if err != nil {
			return fmt.Errorf("asking how %s is protected: %w", q.Ref, err)
		}
		in.Refs = append(in.Refs, answer)
	}
	for _, q := range open.Places() {
		answer, err := g.Guard.Placed(ctx, q)
		if err != nil {
			return fmt.Errorf("asking in which environment job %s was: %w", q.Run, err)
		}
		in.Places = append(in.Places, answer)
	}
	if len(open.Merged()) > 0 {
		var err error
		if in.Merged, err = g.merged(ctx, in.Environment); err != nil {
			return err
		}
	}
	runs, err := g.runs(ctx, open)
	if err != nil {
		return fmt.Errorf("asking how the runs ended: %w", err)
	}
	in.Runs = append(in.Runs, runs...)
	for _, q := range open.Builds() {
		answer, err := g.Guard.Build(ctx, q)
		if err != nil {
			return fmt.Errorf("asking what the jobs of %s did: %w", q.Run, err)
		}
		in.Builds = append(in.Builds, answer)
	}
	for _, q := range open.Changes() {
		answer, err := g.Guard.Change(ctx, q)
		if err != nil {
			return fmt.Errorf("asking who made commit %s: %w", q.Head, err)
		}
		in.Changes = append(in.Changes, answer)
	}
	if members := open.Members(); len(members) > 0 {
		rosters, err := g.Guard.Rosters(ctx, members)
		if err != nil {
			return fmt.Errorf("asking who may approve: %w", err)
		}
		in.Rosters = append(in.Rosters, rosters...)
	}
	for _, q := range open.Reviews() {
		if in.Reviews, err = g.Guard.Reviews(ctx, q.Environment); err != nil {
			return fmt.Errorf("asking who has approved on the platform: %w", err)
		}
	}
	return nil
}

// runs asks each repository once about all of its runs. The answers are in the order of the
// questions.
func (g *Gate) runs(ctx context.Context, open policy.Questions) ([]policy.Run, error) {
	answers := map[policy.QuestionKey]policy.Run{}
	for _, group := range open.Groups() {
		asked := group.Runs()
		if len(asked) == 0 {
			continue
		}
		got, err := g.Guard.Runs(ctx, asked)
		if err != nil {
			return nil, err
		}
		for i, r := range got {
			r.Entry, r.Job = asked[i].Entry, asked[i].Job
			answers[asked[i].Key()] = r
		}
	}
	var out []policy.Run
	for _, q := range open.Runs() {
		out = append(out, answers[q.Key()])
	}
	return out, nil
}

// waits tells the bundles of signers whom a policy names from those of strangers.
func waits(w policy.Wanted) func(sigstore.Glimpse) bool {
	filter := sigstore.NewFilter(w.Values, w.Names)
	return func(g sigstore.Glimpse) bool { return g.Keyed && w.Keys || filter.Match(g) }
}

// candidates verifies the evidence of those whom the policy, or one in force, names.
func (g *Gate) candidates(subjects []subject.Subject, evidence Evidence, inForce ...*policy.Policy) ([]policy.Candidate, error) {
	own := func(s subject.Subject) []string {
		a, ok := g.Policy.Artifact(s.Name)
		if !ok {
			return nil
		}
		return []string{a.Trust.ID()}
	}
	out, err := Verify(subjects, evidence, Checker{Waits: waits(g.Policy.Wanted(inForce...)), Own: own,
		Verifiers: g.Verifiers, Files: g.Files, Workers: g.Workers, Next: g.Next})
	readable(out)
	return out, err
}

// readable makes UTF-8 of what strangers can write into an input: names of files,
// and names in certificates that nobody has verified. Else one of them could make
// an input that no document can hold.
func readable(all []policy.Candidate) {
	plain := func(texts ...*string) {
		for _, s := range texts {
			*s = string([]rune(*s))
		}
	}
	for i := range all {
		c := &all[i]
		plain(&c.Strangers.First)
		for k := range c.Facts {
			plain(&c.Facts[k].Source)
		}
		for k := range c.Rejections {
			r := &c.Rejections[k]
			plain(&r.Reason, &r.Hint, &r.Source)
		}
	}
}

// keep hands on what is looked at: the bundles of those who are waited for, and the
// manifests that lead to subjects.
func (g *Gate) keep(evidence Evidence) {
	if g.Keep == nil {
		return
	}
	waited := waits(g.Policy.Wanted())
	for _, i := range evidence.Items {
		if look, ok := sigstore.Peek(i.raw, waited); !ok || waited(look) {
			g.Keep(".sigstore.json", i.raw)
		}
	}
	for _, c := range evidence.Chains {
		if len(c.Index) > 0 {
			g.Keep(".index.json", c.Index)
		}
		g.Keep(".manifest.json", c.Manifest)
		for _, l := range c.Layers {
			g.Keep(".statement.json", l)
		}
	}
}

// About returns what verifies about one subject that is no artifact of the
// policy, such as a release, under any trust that the policy names.
func (g *Gate) About(ctx context.Context, s subject.Subject) ([]policy.Fact, error) {
	evidence, err := Collect(ctx, g.Stores, []subject.Subject{s})
	if err != nil {
		return nil, err
	}
	c, err := Verify([]subject.Subject{s}, evidence, Checker{Waits: waits(g.Policy.Wanted()), Verifiers: g.Verifiers, Workers: g.Workers})
	if err != nil {
		return nil, err
	}
	return c[0].Facts, nil
}

// fact is the only way from a proof to something that a policy believes. names
// are those that the statement gives to the subject.
//
// Where an attestation manifest carries a statement, work.follow puts it into the
// place of the signed one, after it has followed every arrow between the two.
func fact(v sigstore.Verified, trust, source string, names []string) policy.Fact {
	s, _ := v.Statement()
	return policy.Fact{
		Signer: v.Signer(), Keyed: v.Keyed(), Trust: trust, Time: v.Time(), Log: v.Log(), Intermediates: v.Intermediates(), Names: names,
		Statement: s, StatementHash: v.ContentDigest(), Source: source,
	}
}
