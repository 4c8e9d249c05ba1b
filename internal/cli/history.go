package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/statement"
	places "github.com/sallyport-dev/sallyport/internal/store"
)

// historyInputs is what history is told.
type historyInputs struct {
	Environment []string `input:"environment"`
	Export      string   `input:"export"`
	Since       string   `input:"since"`
	Until       string   `input:"until"`
}

// historyCommand shows what entered environments and what people said about it, from
// signed statements alone: those of the platform's store, or, offline, those of a folder
// or an export.
func historyCommand(r *run, in historyInputs) (answer, error) {
	if err := r.mayExport(in); err != nil {
		return answer{}, err
	}
	p, err := r.policy()
	if err != nil {
		return answer{}, err
	}
	var bounds [2]time.Time
	for i, x := range []struct{ name, text string }{{"since", in.Since}, {"until", in.Until}} {
		if bounds[i], err = day(x.name, x.text); err != nil {
			return answer{}, err
		}
	}
	if !bounds[1].IsZero() && !bounds[0].Before(bounds[1]) {
		return answer{}, usage("--since %q is not before --until %q", in.Since, in.Until)
	}
	names := in.Environment
	for _, n := range names {
		if _, ok := p.Environment(n); !ok {
			return answer{}, unknownEnvironment("environment", n, p)
		}
	}
	if len(names) == 0 {
		for _, e := range p.Environments {
			names = append(names, e.Name)
		}
	}
	g, err := r.historian(p)
	if err != nil {
		return answer{}, err
	}
	all, err := r.recall(g, names, policy.Period{Since: bounds[0], Until: bounds[1]})
	if err != nil {
		return answer{}, err
	}
	if in.Export != "" {
		if err := r.export(g, all, in.Export); err != nil {
			return answer{}, err
		}
	}
	var shown []report.History
	for _, t := range all {
		h := t.shown()
		shown = append(shown, h)
		r.holes(h)
		switch n := t.unlisted(); {
		case r.in.Offline && len(h.Exports) == 0:
			r.say("%s: no export is among the bundles, so nothing says that they are all", report.Plain(h.Environment))
		case r.in.Offline && n > 0:
			r.say(
				"%s: %s here that no export lists",
				report.Plain(h.Environment),
				number(n, "1 statement is", "%d statements are"),
			)
		}
	}
	switch r.in.Format {
	case "json":
		err = report.HistoryJSON(r.Stdout, shown)
	case "csv":
		err = report.HistoryCSV(r.Stdout, shown)
	default:
		err = report.HistoryText(r.Stdout, shown)
	}
	return done, err
}

// holes tells what is missing and what does not count, whatever the form of the answer.
func (r *run) holes(h report.History) {
	for _, m := range h.Missing {
		r.say("%s: missing: %s", report.Plain(h.Environment), report.Plain(m))
	}
	if len(h.Unheard) > 0 {
		r.say("%s: missing: %s", report.Plain(h.Environment), report.Plain(h.Lacks()))
	}
	if n := len(h.Passed); n > 0 {
		r.say(
			"%s: %s not count, the first: %s",
			report.Plain(h.Environment),
			plural(n, "statement")+map[bool]string{true: " does", false: " do"}[n == 1],
			report.Plain(h.Passed[0]),
		)
	}
}

// day reads an input that names a day or a time.
func day(name, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage("--%s %q, want a day such as 2026-11-27, or a time such as 2026-11-27T09:00:00Z", name, s)
}

// historian is the gate that reads histories: of the platform's store and of bundles, or,
// offline, of bundles alone.
func (r *run) historian(p *policy.Policy) (*gate.Gate, error) {
	trust, err := r.policyTrust(p, r.in.Policy)
	if err != nil {
		return nil, err
	}
	g := &gate.Gate{Policy: p, Verifiers: trust.verifiers, Now: r.now}
	for _, b := range r.in.Bundle {
		g.Stores = append(g.Stores, places.Dir{Path: b})
	}
	switch {
	case !r.in.Offline:
		at, err := r.doorOf(p)
		if err != nil {
			return nil, err
		}
		g.Guard, g.Home = r.doors(at, p), r.home
		kept, err := r.records(at)
		if err != nil {
			return nil, err
		}
		g.Stores = append(g.Stores, kept)
	case len(g.Stores) == 0:
		return nil, usage("--offline needs the statements: --bundle with a folder of bundles, or with an export")
	default:
		b := p.Artifacts[0].BuiltBy[0]
		g.Home = cmp.Or(strings.TrimSuffix(r.in.Repository, "/"), b.Forge.Host+"/"+b.Repository)
	}
	return g, nil
}

// A telling is the history of one environment in a period.
type telling struct {
	environment string
	rec         gate.Record
	period      policy.Period
	chain       policy.Chain
	heard       policy.Heard
	exports     []policy.Export
}

// recall reads the histories of environments.
func (r *run) recall(g *gate.Gate, names []string, period policy.Period) ([]telling, error) {
	defer r.progress("collecting and verifying statements")()
	var out []telling
	for _, n := range names {
		id := ""
		if g.Guard != nil {
			protection, err := g.Guard.Environment(r.ctx, n)
			if err != nil {
				return nil, err
			}
			if id = protection.ID; id == "" {
				return nil, fault.New(
					fault.Refused,
					fault.EnvUnprotected,
					"make it in the settings of the repository, or read the statements of a folder with --offline --bundle DIR",
					"the platform shows no environment %q with a number, and statements are found by it",
					n,
				)
			}
		}
		all, err := g.History(r.ctx, n, id, period)
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			all = []gate.Record{{Input: policy.Input{Policy: g.Policy, Environment: n}}}
		}
		for _, rec := range all {
			t := telling{
				environment: n,
				rec:         rec,
				period:      period,
				chain:       rec.Input.Chain(),
				heard:       rec.Input.Heard(rec.Said, period),
			}
			if t.exports, err = r.exports(rec); err != nil {
				return nil, err
			}
			out = append(out, t)
		}
	}
	return out, nil
}

// shown is what a report shows of t.
func (t telling) shown() report.History {
	in := t.rec.Input
	h := report.History{
		Environment: t.environment,
		ID:          in.Protection.ID,
		Entries:     []report.Entered{},
		Said:        []report.Said{},
		Passed:      unique(t.chain.Passed, t.heard.Passed, unverified(in.Entries), unverified(t.rec.Said)),
		Policies:    map[string]string{},
	}
	for _, l := range t.chain.Missing {
		if !t.outside(l) {
			h.Missing = append(h.Missing, fmt.Sprintf("entry %d, sha256:%s, which a later one names", l.Number, l.SHA256))
		}
	}
	for _, p := range t.chain.Unheard(t.rec.Said, t.period) {
		h.Unheard = append(h.Unheard, "sha256:"+p.Statement+" of "+account(in.Policy, p))
	}
	for _, e := range t.chain.Entries {
		if t.period.Has(e.Time) {
			h.Entries = append(h.Entries, t.entered(e))
			h.Policies[e.Policy.String()] = e.Source
		}
	}
	for _, w := range t.heard.Words {
		h.Said = append(h.Said, t.said(w))
	}
	for _, x := range t.exports {
		h.Exports = append(h.Exports, exported(x))
	}
	return h
}

// unique returns all of lists, each once.
func unique(lists ...[]string) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range slices.Concat(lists...) {
		if !seen[s] {
			out = append(out, s)
		}
		seen[s] = true
	}
	return out
}

// number is one, or more with how many.
func number(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(more, n)
}

// unverified is what claims to be about a subject and did not verify, in words.
func unverified(c policy.Candidate) []string {
	var out []string
	for _, x := range c.Rejections {
		if x.Code == fault.SubjectMismatch {
			continue // it verifies, and is about something else
		}
		out = append(out, fmt.Sprintf("a bundle of %s: %s", x.Source, x.Reason))
	}
	if c.More > 0 {
		out = append(out, fmt.Sprintf("%d more bundles that do not verify", c.More))
	}
	return out
}

// entered shows an entry.
func (t telling) entered(e policy.Entry) report.Entered {
	p := t.rec.Input.Policy
	x := report.Entered{
		Number: e.Number, Time: e.Time.UTC().Format(time.RFC3339), State: t.state(e), Emergency: e.Emergency, Run: e.Run,
		Policy: e.Policy.String(), Commit: e.Commit, Statement: "sha256:" + e.Link.SHA256, Input: "sha256:" + e.Input.SHA256,
		Approvers: could(p, e.Approvers, t.environment), Would: e.Would, Warnings: e.Warnings,
	}
	if e.Watched {
		x.State = "watched"
	}
	for _, a := range e.Artifacts {
		x.Artifacts = append(
			x.Artifacts,
			report.Artifact{
				Artifact: a.Artifact,
				Name:     a.Name,
				Digest:   "sha256:" + a.SHA256,
				Commit:   a.Commit,
				Base:     a.Base,
			},
		)
	}
	for _, s := range e.Approvals {
		if s.Role == statement.Approve {
			x.Approved = append(x.Approved, account(p, s))
			continue
		}
		x.Others = append(x.Others, s.Role+" "+account(p, s))
	}
	for _, m := range e.Makers {
		x.Makers = append(x.Makers, m.Role+" "+account(p, m))
	}
	for _, l := range e.Previous {
		x.Previous = append(x.Previous, l.Number)
	}
	return x
}

// said shows what a person said.
func (t telling) said(w policy.Word) report.Said {
	p := t.rec.Input.Policy
	x := report.Said{
		Time: w.Time.UTC().Format(time.RFC3339), Decision: w.Decision, By: string(w.Known),
		Release: w.Release.String(), Version: w.Version, Reason: w.Reason, Counted: w.Counted,
		Approvers: could(p, w.Approvers, t.environment), Signer: cmp.Or(w.Signer.Run, w.Signer.SAN),
		Policy: w.PolicyDigest.String(), Expires: w.ExpiresAt, Statement: w.Statement.String(),
	}
	if x.Counted == nil {
		x.Counted = []int{}
	}
	if w.Decision == statement.Approve && w.BreakGlass {
		x.Decision = "emergency"
	}
	by := w.By
	if a := t.confirmed(w); a != nil {
		by, x.By = policy.Account{Host: a.Host, ID: a.ID}, "export"
	}
	if x.By != "" {
		x.Who = account(p, statement.Part{Host: by.Host, ID: by.ID})
	}
	if c := w.Claim; c != nil {
		x.Waives = fmt.Sprintf("%s %s of commit %s", c.Role, policy.Who(*c), c.Commit)
	}
	for _, e := range w.Environments {
		x.Environments = append(x.Environments, e.Name)
	}
	for _, a := range w.Artifacts {
		x.Artifacts = append(x.Artifacts, report.Artifact{Name: a.Name, Digest: a.Digest.String()})
	}
	return x
}

// could shows who could have said yes for an environment.
func could(p *policy.Policy, all []statement.Approvers, environment string) *report.Approvers {
	i := slices.IndexFunc(all, func(a statement.Approvers) bool { return a.Environment == environment })
	if i < 0 {
		return nil
	}
	a := all[i]
	out := &report.Approvers{May: a.May, MayNot: a.MayNot, Salt: a.Salt, SHA256: a.SHA256}
	for _, x := range a.List {
		who := account(p, statement.Part{Host: x.Host, ID: x.ID})
		out.List = append(out.List, report.Approver{Group: x.Group, Who: who, Reason: x.Reason})
	}
	return out
}

// states are the words for how a deployment ended.
var states = map[policy.RunState]string{
	policy.RunUnknown: "unknown",
	policy.Unfinished: "running",
	policy.Failed:     "failed",
	policy.Succeeded:  "confirmed",
}

// account names who had a part: the person of the policy, if it knows the account.
func account(p *policy.Policy, x statement.Part) string {
	if x.ID == "" {
		return "somebody without a known account"
	}
	label := strings.TrimPrefix(x.Host, "https://") + "#" + x.ID
	if name := p.PersonOf(policy.Account{Host: x.Host, ID: x.ID}); name != "" {
		return name + " (" + label + ")"
	}
	return label
}
