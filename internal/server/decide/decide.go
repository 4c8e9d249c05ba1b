// Package decide answers the platform: a deployment that waits → what its run has attested → a verdict → a decision
// that is kept → an answer that is sent → that it arrived.
//
// Only a verdict makes an answer. It refuses to approve because of time, of an error or of a restart: what is not
// decided waits, and what never can be is rejected.
package decide

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// A Rule is the policy of a repository, as the server's configuration names it.
type Rule struct {
	*policy.Policy
	Source []byte
	File   string            // where it is from, for people
	Files  map[string][]byte // that it names: trusted roots and keys
}

// Beside is a file that the policy names.
func (r *Rule) Beside(name string, most int64) ([]byte, error) {
	raw, is := r.Files[path.Clean(name)]
	if !is || int64(len(raw)) > most {
		return nil, fault.New(fault.Refused, fault.Path, "", "%q is no file that was read with the policy", name)
	}
	return raw, nil
}

// Platform is a run that waits at an environment.
type Platform interface {
	gate.Guard
	gate.RecordHome
	forges.Ran
	Evidence() gate.Store
	Attempt() int
	Commit(ctx context.Context) (commit string, done bool, err error)
	Still(ctx context.Context) (bool, error)
	// Waits reports whether a deployment itself waits, or has begun. Still is about its whole environment in the run.
	Waits(ctx context.Context, deployment int64) (waits, began bool, err error)
	Tenant(ctx context.Context) (string, error)
	// Answer tells the platform; state is approved, rejected, or empty for a note. taken is false where nothing waits
	// any more.
	Answer(ctx context.Context, state, comment string) (taken bool, err error)
}

// A Decider decides. Its fields are set once.
type Decider struct {
	Keep     *keep.Store
	Rule     func(r event.Repository) (*Rule, error) // nil: none names the repository
	Open     func(ctx context.Context, d event.Deployment) (Platform, error)
	Trust    func(ctx context.Context, r *Rule) *gate.Trust
	Now      func() time.Time
	Log      *slog.Logger
	Program  string        // and its version
	URL      string        // of the server, for links
	Missing  time.Duration // how long evidence may be missing, or the platform out, before the answer is no
	Approval time.Duration // how long an approval may
	Workers  int
}

// Times between two looks at a deployment that waits, which grow with it: what is pushed here, and what the platform
// tells, wakes it (queue.Wake). Looks find what comes elsewhere, and each costs some of the platform's limit.
const (
	soon  = 5 * time.Second
	often = time.Minute // at most between two looks for evidence
	later = 15 * time.Second
	rare  = 2 * time.Minute // at most between two looks for an approval
)

// pace is a part of an age, and within two bounds.
func pace(age time.Duration, part int, least, most time.Duration) time.Duration {
	return min(max(age/time.Duration(part), least), most)
}

// Decide looks at one deployment. It returns when to look again, 0: never.
func (d *Decider) Decide(ctx context.Context, r event.Repository, id int64) (time.Duration, error) {
	w, there, err := d.Keep.Deployment(ctx, r, id)
	if err != nil || !there || w.State == keep.IsAnswered || w.State == keep.IsClosed {
		return 0, err
	}
	if w, err = d.timed(ctx, w); err != nil {
		return 0, err
	}
	log := d.Log.With("host", w.Host, "repository", w.Repository.ID, "run", w.Run, "deployment", w.ID)
	after, err := d.look(ctx, w, log)
	if err == nil {
		return after, d.failing(ctx, w, time.Time{})
	}
	f := fault.Of(err)
	log.Warn("a deployment was not decided", "code", f.Code, "reason", fault.Bound(f.Error()))
	if gone := (absence{}); errors.As(err, &gone) {
		return 0, d.absent(ctx, w, err)
	}
	if old, kept, _ := d.Keep.Decision(ctx, w); kept && old.Answer == event.Rejected {
		return 0, err // it stands, and is sent again
	}
	if f.Kind == fault.Refused || f.Kind == fault.Usage { // asking again would give the same
		return 0, d.refuse(ctx, w, string(f.Code), f.Error(), log)
	}
	// The time counts from the first failure: a deployment may have waited for people before.
	if w.Failing.IsZero() {
		return 0, errors.Join(err, d.failing(ctx, w, d.Now()))
	}
	if d.Now().Sub(w.Failing) < d.Missing {
		return 0, err // the queue asks again
	}
	reason := fmt.Sprintf("nothing could be decided for %s: %s", policy.Age(d.Missing), f.Error())
	return 0, d.refuse(ctx, w, string(f.Code), reason, log)
}

// timed corrects times that a clock has written that was ahead: what has waited since then would wait for it.
func (d *Decider) timed(ctx context.Context, w keep.Waiting) (keep.Waiting, error) {
	now := d.Now()
	if !w.Asked.After(now) && !w.Failing.After(now) {
		return w, nil
	}
	if w.Asked.After(now) {
		w.Asked = now
	}
	if w.Failing.After(now) {
		w.Failing = now
	}
	return w, d.Keep.Write(ctx, func(tx *keep.Tx) error { return tx.Now(w, now) })
}

// An absence is that the platform does not know a run. Platforms are wrong for a moment, too.
type absence struct{ error }

// Unwrap is what the platform said.
func (a absence) Unwrap() error { return a.error }

// asked is the error of a question about a run.
func asked(err error) error {
	if err != nil && fault.Of(err).Code == fault.BuildState {
		return absence{err}
	}
	return err
}

// absent closes a deployment whose run the platform has not known for a while, and asks again before that.
func (d *Decider) absent(ctx context.Context, w keep.Waiting, err error) error {
	switch {
	case w.Failing.IsZero():
		return errors.Join(err, d.failing(ctx, w, d.Now()))
	case d.Now().Sub(w.Failing) < d.Missing:
		return err
	}
	return d.close(ctx, w, false, d.Log)
}

// unlisted closes a deployment of which the run does not say that it waits. While its own status says so, one of both is
// wrong, and it is asked about again.
func (d *Decider) unlisted(ctx context.Context, w keep.Waiting, at Platform) error {
	waits, began, err := at.Waits(ctx, w.ID)
	if err != nil || !waits {
		if err == nil {
			err = d.close(ctx, w, began, d.Log)
		}
		return err
	}
	return absence{fault.New(fault.Unavailable, fault.NotAvailable, "",
		"the run does not list the deployment, whose status says that it waits")}
}

// failing keeps since when nothing can be found out about a deployment.
func (d *Decider) failing(ctx context.Context, w keep.Waiting, since time.Time) error {
	if since.IsZero() && w.Failing.IsZero() {
		return nil
	}
	return d.Keep.Write(ctx, func(tx *keep.Tx) error { return tx.Failing(w, since) })
}

// look is one attempt at one deployment.
func (d *Decider) look(ctx context.Context, w keep.Waiting, log *slog.Logger) (time.Duration, error) {
	at, err := d.Open(ctx, w.Deployment)
	if err != nil {
		return 0, asked(err)
	}
	old, kept, err := d.Keep.Decision(ctx, w)
	if err != nil {
		return 0, err
	}
	switch commit, done, err := at.Commit(ctx); {
	case err != nil:
		return 0, asked(err)
	case done:
		return 0, d.ends(ctx, w, at, log)
	case commit != w.Commit:
		return 0, d.refuse(ctx, w, string(fault.Source),
			fmt.Sprintf("the deployment names commit %s, and the run is of %s", w.Commit, commit), log)
	}
	if waits, err := at.Still(ctx); err != nil || !waits {
		if err != nil {
			return 0, asked(err)
		}
		return 0, d.unlisted(ctx, w, at)
	}
	switch attempt := at.Attempt(); {
	case w.Attempt == 0: // no event says it
		w.Attempt = attempt
		if err := d.Keep.Write(ctx, func(tx *keep.Tx) error { return tx.Attempted(w, attempt, w.State) }); err != nil {
			return 0, err
		}
	case w.Attempt != attempt: // the run was started again, and that attempt is asked about by itself
		return 0, d.ends(ctx, w, at, log)
	}
	if w.Owner, err = at.Tenant(ctx); err != nil {
		return 0, err
	}
	if kept { // it had perhaps arrived, and what waits now is another deployment of the unit
		if waits, began, err := at.Waits(ctx, w.ID); err != nil || !waits {
			if err != nil {
				return 0, err
			}
			return 0, d.close(ctx, w, began, log)
		}
	}
	if kept && old.Answer == event.Rejected {
		return 0, d.send(ctx, w, at, old, log) // it stands
	}
	j, err := d.judge(ctx, w, at)
	if err != nil {
		return 0, err
	}
	return d.conclude(ctx, w, at, j, log)
}

// A judgement is a verdict, and what it rests on.
type judgement struct {
	verdict  verdict.Verdict
	policy   string
	input    subject.Digest
	kept     []byte
	record   []byte
	subjects []string
	missing  bool // evidence is missing, which may still come
}

// judge asks the gate about everything that the run has attested; nil: it has attested nothing.
func (d *Decider) judge(ctx context.Context, w keep.Waiting, at Platform) (*judgement, error) {
	rule, err := d.Rule(w.Repository)
	if err != nil {
		return nil, err
	}
	if rule == nil {
		return nil, fault.New(fault.Refused, fault.Policy,
			"name a policy for the repository in the server's configuration",
			"the server has no policy for repository %s (%s)", w.Repository.ID, w.Name)
	}
	if _, known := rule.Environment(w.Environment); !known {
		return nil, fault.New(fault.Refused, fault.Policy, "let the policy say what this environment requires",
			"the server's policy has no environment %q", w.Environment)
	}
	trust := d.Trust(ctx, rule)
	verifiers, anchors, err := trust.Of(rule.Policy)
	if err != nil {
		return nil, err
	}
	subjects, err := d.subjects(ctx, w, rule, verifiers)
	if err != nil {
		return nil, err
	}
	if len(subjects) == 0 {
		return nil, nil //nolint:nilnil // there is nothing to judge, which is no verdict
	}
	guard := served{Platform: at, rule: rule}
	kept, before, err := d.records(ctx, w.Repository, guard)
	if err != nil {
		return nil, err
	}
	now := d.Now().UTC().Truncate(time.Second)
	g := &gate.Gate{
		Policy: rule.Policy, Stores: []gate.Store{d.pushed(w.Repository), at.Evidence()},
		Verifiers: verifiers, Workers: d.Workers, Now: now,
		Guard: gate.Doors{Guard: guard, Policy: rule.Policy, Home: w.Host + "/" + w.Name, Elsewhere: elsewhere,
			Need: func(policy.Forge, string) string { return "" }},
		Home: w.Host + "/" + w.Name, File: policy.UsualPath, Next: func(x *sigstore.Rejection) string { return x.Hint },
		Read: func(source []byte) (*policy.Policy, error) { return policy.Read(source, "the policy", forges.Words()) },
		Roots: func(
			p *policy.Policy, _ string, known map[string]*sigstore.Verifier,
		) (map[string]*sigstore.Verifier, error) {
			return trust.Before(p, known)
		},
		Records: kept, Before: before,
		Deploying: func(ctx context.Context, in *policy.Input) (*policy.Deploying, error) {
			return forges.DeployingOnGitHub(ctx, at, in, fmt.Sprintf("%s/%s/actions/runs/%d", w.Host, w.Name, w.Run), d.URL)
		},
	}
	in, err := g.Look(ctx, subjects, w.Environment)
	if err != nil {
		return nil, err
	}
	v, err := gate.Decide(in)
	if err != nil {
		return nil, err
	}
	return d.recorded(w, rule, anchors, &in, v)
}

// records is where entries into environments are kept, now and before: as for the gate, and what was pushed besides.
func (d *Decider) records(
	ctx context.Context, r event.Repository, at served,
) (gate.Store, func() ([]gate.Store, error), error) {
	where := gate.Recorded{At: at, Paths: []string{policy.UsualPath},
		Read: func(name string, source []byte) (*policy.Policy, error) {
			return policy.Read(source, name, forges.Words())
		}}
	name, err := where.Now(ctx)
	if err != nil {
		return nil, nil, err
	}
	own := at.Evidence()
	if name != "" {
		if own, err = store.NewRecords(name, store.OCIOptions{}); err != nil {
			return nil, nil, err
		}
	}
	before := func() (all []gate.Store, err error) {
		names, err := where.Before(ctx)
		for _, n := range names {
			if s, bad := store.NewRecords(n, store.OCIOptions{}); bad == nil && s.Name() != own.Name() {
				all = append(all, s)
			}
		}
		return all, err
	}
	return both{d.pushed(r), own}, before, nil
}

// subjects are the artifacts that the run has attested under names of the policy, and those of the release sets that an
// earlier job of this attempt has signed for the environment: artifacts that were built elsewhere. What an earlier
// attempt attested counts too: the jobs that made it did not run again.
func (d *Decider) subjects(
	ctx context.Context, w keep.Waiting, rule *Rule, verifiers map[string]*sigstore.Verifier,
) ([]subject.Subject, error) {
	all, err := d.Keep.OfRun(ctx, w.Repository, w.Run)
	if err != nil {
		return nil, err
	}
	var out []subject.Subject
	add := func(s subject.Subject) {
		same := func(x subject.Subject) bool { return x.Name == s.Name && x.Digest == s.Digest }
		if !slices.ContainsFunc(out, same) {
			out = append(out, s)
		}
	}
	for _, e := range all {
		switch {
		case e.Attempt > w.Attempt:
		case e.Type == statement.ReleaseV1 && e.Attempt == w.Attempt:
			set, err := releaseSet(verifiers, e.Body)
			if err != nil {
				return nil, err
			}
			here := func(p statement.Place) bool { return p.Name == w.Environment }
			if slices.ContainsFunc(set.Environments, here) {
				for _, a := range set.Artifacts {
					add(a)
				}
			}
		case dialect.IsProvenance(e.Type):
			for _, a := range e.About {
				if digest, err := subject.ParseDigest(a.Digest); err == nil && rule.Fits(a.Name) {
					add(subject.Subject{Name: a.Name, Digest: digest})
				}
			}
		}
	}
	return out, nil
}

// releaseSet is the release set that a bundle holds, verified under the policy that counts now.
func releaseSet(verifiers map[string]*sigstore.Verifier, raw []byte) (statement.Set, error) {
	v, err := gate.Verified(verifiers, raw)
	if err != nil {
		return statement.Set{}, fault.Errorf("a release set of the run: %w", err)
	}
	st, _ := v.Statement()
	set, err := st.Set()
	if err != nil {
		return set, fault.Errorf("a release set of the run: %w", err)
	}
	return set, nil
}

// recorded writes down what a verdict rests on.
func (d *Decider) recorded(
	w keep.Waiting, rule *Rule, anchors []gate.Anchor, in *policy.Input, v verdict.Verdict,
) (*judgement, error) {
	j := &judgement{verdict: gate.Asking(v, d.URL), policy: rule.Digest.String(), missing: lacks(v)}
	var err error
	if j.kept, err = in.JSON(); err != nil {
		return nil, err
	}
	j.input = subject.Sum(j.kept)
	core := policy.NewCore(in, v, j.input)
	digest, err := core.Digest()
	if err != nil {
		return nil, err
	}
	rec := report.NewRecord(d.Program, gate.Asking(v, d.URL))
	rec.Policy = &report.Policy{File: rule.File, Digest: rule.Digest}
	rec.Rules, rec.Input, rec.Core = policy.Rules, &j.input, &digest
	rec.Home = w.Host + "/" + w.Name
	rec.Run = fmt.Sprintf("%s/actions/runs/%d/attempts/%d", rec.Home, w.Run, w.Attempt)
	for _, a := range anchors {
		rec.TrustedRoots = append(rec.TrustedRoots, report.TrustedRoot{Name: a.Trust.String(), Digest: a.Root.Digest()})
	}
	rec.Stamp(in.Now)
	var b bytes.Buffer
	if err := report.JSON(&b, rec); err != nil {
		return nil, err
	}
	j.record = b.Bytes()
	for _, c := range in.Candidates {
		if s := c.Subject.Digest.String(); !slices.Contains(j.subjects, s) {
			j.subjects = append(j.subjects, s)
		}
	}
	return j, nil
}

// lacks reports whether a verdict denies for nothing but evidence that is not there yet.
func lacks(v verdict.Verdict) bool {
	all := slices.Clone(v.Findings)
	for _, j := range v.Judgements {
		all = append(all, j.Findings...)
	}
	denies := slices.DeleteFunc(all, func(f verdict.Finding) bool { return f.Outcome != verdict.Deny })
	other := func(f verdict.Finding) bool { return f.Code != fault.EvidenceMissing }
	return len(denies) > 0 && !slices.ContainsFunc(denies, other)
}

// first is the finding that people are shown first.
func first(v verdict.Verdict, o verdict.Outcome) verdict.Finding {
	all := slices.Clone(v.Findings)
	for _, j := range v.Judgements {
		all = append(all, j.Findings...)
	}
	for _, f := range all {
		if f.Outcome == o {
			return f
		}
	}
	return verdict.Finding{}
}

// conclude turns a verdict into an answer, or says when to look again.
func (d *Decider) conclude(
	ctx context.Context, w keep.Waiting, at Platform, j *judgement, log *slog.Logger,
) (time.Duration, error) {
	age := d.Now().Sub(w.Asked)
	if j == nil {
		nothing := said(fault.EvidenceMissing, "the run has pushed no evidence about an artifact that the policy names", "", "let attest push it: server: "+d.URL)
		if age < d.Missing {
			return d.untilMissing(age), d.note(ctx, w, at, "waiting: "+nothing)
		}
		return 0, d.refuse(ctx, w, string(fault.EvidenceMissing), nothing, log)
	}
	f := first(j.verdict, j.verdict.Outcome())
	why := said(f.Code, f.Reason, f.Found, f.Hint)
	a := j.verdict.Answer()
	switch {
	case a.Watched:
		return 0, d.answer(ctx, w, at, j, event.Approved, f.Code, a.String()+": "+why, log)
	case a.Allows():
		return 0, d.answer(ctx, w, at, j, event.Approved, "", "allowed", log)
	case a.Outcome == verdict.Wait && age < d.Approval:
		return pace(age, 20, later, rare), d.note(ctx, w, at, "waiting: "+why)
	case j.missing && age < d.Missing:
		return d.untilMissing(age), d.note(ctx, w, at, "waiting: "+why)
	default:
		return 0, d.answer(ctx, w, at, j, event.Rejected, f.Code, why, log)
	}
}

// untilMissing is when to look for evidence again: in time for the answer no.
func (d *Decider) untilMissing(age time.Duration) time.Duration {
	return min(pace(age, 4, soon, often), d.Missing-age+time.Second)
}

// said is what was found, and the next step, as one line.
func said(code fault.Code, reason, found, hint string) string {
	text := string(code) + ": " + reason
	if found != "" {
		text += "; found " + found
	}
	if hint != "" {
		text += "; next: " + hint
	}
	return text
}

// answer keeps a decision with its leaf, and sends it.
func (d *Decider) answer(
	ctx context.Context, w keep.Waiting, at Platform, j *judgement,
	a event.Answer, code fault.Code, reason string, log *slog.Logger,
) error {
	x := event.Decision{ID: identifier(), Answer: a, At: d.Now(), Watched: j.verdict.Watched(), Code: string(code),
		Reason: reason, Policy: j.policy, Input: j.input.String(), Verdict: j.record, Kept: j.kept, Subjects: j.subjects}
	kind := ledger.Judged
	if x.Watched {
		kind = ledger.WouldJudge
	}
	if err := d.decided(ctx, w, x, kind, j.verdict.Answer().String(), subject.Sum(j.record).String()); err != nil {
		return err
	}
	return d.send(ctx, w, at, x, log)
}

// refuse keeps a rejection that no verdict led to, and sends it where the platform can be asked.
func (d *Decider) refuse(ctx context.Context, w keep.Waiting, code, reason string, log *slog.Logger) error {
	x := event.Decision{ID: identifier(), Answer: event.Rejected, At: d.Now(), Code: code, Reason: reason,
		Verdict: []byte{}, Kept: []byte{}}
	if err := d.decided(ctx, w, x, ledger.Judged, verdict.Deny.String(), ""); err != nil {
		return err
	}
	at, err := d.Open(ctx, w.Deployment)
	if err != nil {
		return err
	}
	return d.send(ctx, w, at, x, log)
}

// decided keeps a decision and its leaf together.
func (d *Decider) decided(
	ctx context.Context, w keep.Waiting, x event.Decision, kind ledger.Kind, outcome, record string,
) error {
	return d.Keep.Write(ctx, func(tx *keep.Tx) error {
		if err := d.noted(tx, w, x); err != nil {
			return err
		}
		leaf := d.leaf(w, kind, x)
		leaf.About.Outcome, leaf.About.Verdict = outcome, record
		n, err := tx.Append(leaf)
		if err != nil {
			return err
		}
		return tx.Decide(w, x, n)
	})
}

// noted writes a leaf where another policy counts for a repository than when it was asked about last.
func (d *Decider) noted(tx *keep.Tx, w keep.Waiting, x event.Decision) error {
	if x.Policy == "" {
		return nil
	}
	before, err := tx.Policy(w.Repository, x.Policy)
	if err != nil || before == x.Policy {
		return err
	}
	_, err = tx.Append(ledger.Leaf{Kind: ledger.Policy, At: d.Now(), Host: w.Host, Owner: w.Owner,
		Repository: w.Repository.ID, Name: w.Name, About: ledger.About{Policy: x.Policy, Before: before}})
	return err
}

func (d *Decider) leaf(w keep.Waiting, kind ledger.Kind, x event.Decision) ledger.Leaf {
	const most = 500
	return ledger.Leaf{Kind: kind, At: d.Now(), Host: w.Host, Owner: w.Owner, Repository: w.Repository.ID,
		Name: w.Name, About: ledger.About{
			Run: strconv.FormatInt(w.Run, 10), Attempt: w.Attempt, Environment: w.Environment,
			Deployment: strconv.FormatInt(w.ID, 10), Commit: w.Commit, Subjects: x.Subjects,
			Outcome: string(x.Answer), Code: x.Code, Reason: cut(x.Reason, most),
			Policy: x.Policy, Input: x.Input, Decision: x.ID}}
}

// send posts what the row says, and keeps that it arrived.
func (d *Decider) send(ctx context.Context, w keep.Waiting, at Platform, x event.Decision, log *slog.Logger) error {
	if x.Answer == event.Approved {
		if waits, err := at.Still(ctx); err != nil || !waits {
			if err == nil {
				err = d.ends(ctx, w, at, log)
			}
			return asked(err)
		}
	}
	taken, err := at.Answer(ctx, string(x.Answer), d.comment(x))
	if err != nil {
		return err
	}
	if !taken { // a platform that is wrong for a moment says that too
		waits, err := d.waits(ctx, w, at)
		if err != nil {
			return err
		}
		if waits {
			return fault.New(fault.Unavailable, fault.NotAvailable, "", "the platform took no answer about a deployment that waits")
		}
	}
	log.Info("a deployment was answered", "answer", x.Answer, "code", x.Code, "taken", taken)
	return d.arrived(ctx, w, x, taken, keep.IsAnswered)
}

// waits reports whether a deployment waits, as both the run and the deployment itself say.
func (d *Decider) waits(ctx context.Context, w keep.Waiting, at Platform) (bool, error) {
	if still, err := at.Still(ctx); err != nil || !still {
		return false, asked(err)
	}
	waits, _, err := at.Waits(ctx, w.ID)
	return waits, err
}

// arrived keeps with its leaf, once, that the platform took an answer, or that it waits for none any more.
func (d *Decider) arrived(ctx context.Context, w keep.Waiting, x event.Decision, taken bool, state keep.State) error {
	return d.Keep.Write(ctx, func(tx *keep.Tx) error {
		first, err := tx.Arrived(w, x.ID, d.Now(), state)
		if err != nil || !first {
			return err
		}
		leaf := d.leaf(w, ledger.Answered, x)
		if !taken { // an answer that was lost on its way back had arrived, or somebody cancelled the run
			leaf.About.Reason = "the platform waited for no answer any more"
		}
		_, err = tx.Append(leaf)
		return err
	})
}

// ends closes a deployment of which the platform waits for no answer any more.
func (d *Decider) ends(ctx context.Context, w keep.Waiting, at Platform, log *slog.Logger) error {
	_, began, err := at.Waits(ctx, w.ID)
	if err != nil {
		return err
	}
	return d.close(ctx, w, began, log)
}

// close notes that the platform waits for no answer any more. One that is kept had perhaps arrived. What has begun in an
// environment of a policy without an approval is written down.
func (d *Decider) close(ctx context.Context, w keep.Waiting, began bool, log *slog.Logger) error {
	x, kept, err := d.Keep.Decision(ctx, w)
	if err != nil {
		return err
	}
	if kept && x.Arrived.IsZero() && !(began && x.Answer == event.Rejected) {
		return d.arrived(ctx, w, x, false, keep.IsClosed)
	}
	return d.Keep.Write(ctx, func(tx *keep.Tx) error {
		if released, err := tx.Released(w.Unit); err != nil {
			return err
		} else if began && !released {
			log.Error("a deployment began without an approval: somebody passed the rule by, or switched it off")
			if _, err := tx.Append(d.leaf(w, ledger.Bypassed, event.Decision{})); err != nil {
				return err
			}
		}
		return tx.Attempted(w, w.Attempt, keep.IsClosed)
	})
}

// maxNotes is how many notes a deployment is given before its answer. GitHub takes ten with it.
const maxNotes = 8

// note tells people what is waited for, once for each change.
func (d *Decider) note(ctx context.Context, w keep.Waiting, at Platform, text string) error {
	if w.Told == text || w.Notes >= maxNotes {
		return nil
	}
	if _, err := at.Answer(ctx, "", comment(text)); err != nil {
		return nil //nolint:nilerr // a note that does not arrive changes nothing
	}
	return d.Keep.Write(ctx, func(tx *keep.Tx) error { return tx.Noted(w, text) })
}

func (d *Decider) comment(x event.Decision) string {
	link := ""
	if d.URL != "" && len(x.Verdict) > 0 {
		link = "\n\n" + strings.TrimSuffix(d.URL, "/") + "/v1/decisions/" + x.ID
	}
	return comment("sallyport: "+string(x.Answer)+": "+x.Reason) + link
}

// comment is a text as a platform shows it: without markup, mentions and pictures of its own, and short enough.
func comment(text string) string {
	const most = 900 // of 1,024; a link follows
	text = strings.NewReplacer("<", "‹", ">", "›", "@", "@\u200b", "[", "⟦", "]", "⟧", "`", "'", "\n", " ", "\r", " ").Replace(report.Plain(text))
	return cut(text, most)
}

// cut shortens a text to a number of bytes, at a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	text = text[:most-len("…")]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text + "…"
}

func identifier() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // it never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// served is a platform whose default branch has the server's policy: the repository's own file does not count.
type served struct {
	Platform
	rule *Rule
}

// File is that of the repository, or the policy.
func (s served) File(ctx context.Context, commit, path string) ([]byte, error) {
	return gate.Served(s.rule.Source).File(ctx, s.Platform, commit, path)
}

// Versions are those of the repository's files. Of the server's policy there is one.
func (s served) Versions(ctx context.Context, commit, path string) ([]string, error) {
	return gate.Served(s.rule.Source).Versions(ctx, s.Platform, commit, path)
}

// elsewhere refuses to ask another platform: this server has no token for it.
func elsewhere(f policy.Forge, repository string) (gate.Besides, error) {
	return nil, fault.New(fault.Unavailable, fault.NotAvailable, "judge it with the gate, in a job that may read that repository", "the server does not ask %s/%s", f.Host, repository)
}

// pushed is the evidence that a repository has pushed, as a store.
func (d *Decider) pushed(r event.Repository) gate.Store { return pushed{d.Keep, r} }

type pushed struct {
	keep *keep.Store
	of   event.Repository
}

// Name is how people call it.
func (pushed) Name() string { return "server" }

// Fetch returns what was pushed about subjects.
func (p pushed) Fetch(ctx context.Context, subjects []subject.Subject) (found store.Found, err error) {
	for _, s := range subjects {
		all, err := p.keep.AboutSubject(ctx, p.of, s.Digest.String())
		if err != nil {
			return found, err
		}
		for _, e := range all {
			found.Bundles = append(found.Bundles, store.Evidence{Bundle: e.Body, Source: "server " + e.Digest})
		}
	}
	return found, nil
}

// both is where entries are found: pushed, and in the platform's own store.
type both [2]gate.Store

// Name is how people call it.
func (b both) Name() string { return b[0].Name() + " and " + b[1].Name() }

// Fetch asks both.
func (b both) Fetch(ctx context.Context, subjects []subject.Subject) (store.Found, error) {
	one, err := b[0].Fetch(ctx, subjects)
	if err != nil {
		return one, err
	}
	other, err := b[1].Fetch(ctx, subjects)
	other.Bundles = append(one.Bundles, other.Bundles...)
	return other, err
}
