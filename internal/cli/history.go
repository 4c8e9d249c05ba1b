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

// historyCommand shows what entered environments, from signed entries alone: those of
// the platform's store, or, offline, those of a folder.
func historyCommand(r *run) (answer, error) {
	p, err := r.policy()
	if err != nil {
		return answer{}, err
	}
	var period [2]time.Time
	for i, name := range []string{"since", "until"} {
		if period[i], err = r.day(name); err != nil {
			return answer{}, err
		}
	}
	names := r.list("environment")
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
	all, err := r.histories(p, names)
	if err != nil {
		return answer{}, err
	}
	for i := range all {
		all[i].Entries = slices.DeleteFunc(all[i].Entries, func(e report.Entered) bool {
			at, _ := time.Parse(time.RFC3339, e.Time)
			return at.Before(period[0]) || !period[1].IsZero() && !at.Before(period[1])
		})
	}
	for _, h := range all {
		for _, m := range h.Missing { // whatever the form of the answer, a hole in it is told
			r.say("%s: missing: %s", report.Plain(h.Environment), report.Plain(m))
		}
		if n := len(h.Passed); n > 0 {
			r.say(
				"%s: %d entries do not count, the first: %s",
				report.Plain(h.Environment),
				n,
				report.Plain(h.Passed[0]),
			)
		}
	}
	switch r.text("format") {
	case "json":
		err = report.HistoryJSON(r.Stdout, all)
	case "csv":
		err = report.HistoryCSV(r.Stdout, all)
	default:
		err = report.HistoryText(r.Stdout, all)
	}
	return done, err
}

// day reads an input that names a day or a time.
func (r *run) day(name string) (time.Time, error) {
	s := r.text(name)
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

// histories reads the entries into each environment.
func (r *run) histories(p *policy.Policy, names []string) ([]report.History, error) {
	trust, err := r.policyTrust(p, r.text("policy"))
	if err != nil {
		return nil, err
	}
	g := &gate.Gate{Policy: p, Verifiers: trust.verifiers, Now: r.now}
	for _, b := range r.list("bundle") {
		g.Stores = append(g.Stores, places.Dir{Path: b})
	}
	switch {
	case !r.on("offline"):
		at, err := r.doorOf(p)
		if err != nil {
			return nil, err
		}
		g.Guard, g.Home = doors{at, r, p, r.home}, r.home
		kept, err := r.records(at)
		if err != nil {
			return nil, err
		}
		g.Stores = append(g.Stores, kept)
	case len(g.Stores) == 0:
		return nil, usage("--offline needs the bundles of the entries: --bundle DIR")
	default:
		b := p.Artifacts[0].BuiltBy[0]
		g.Home = cmp.Or(strings.TrimSuffix(r.text("repository"), "/"), b.Forge.Host+"/"+b.Repository)
	}
	defer r.progress("collecting and verifying entries")()
	var out []report.History
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
					"make it in the settings of the repository, or read the entries of a folder with --offline --bundle DIR",
					"the platform shows no environment %q with a number, and entries are found by it",
					n,
				)
			}
		}
		all, err := g.History(r.ctx, n, id, g.Guard != nil)
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			out = append(out, report.History{Environment: n, Entries: []report.Entered{}})
		}
		for _, in := range all {
			out = append(out, historyOf(in))
		}
	}
	return out, nil
}

// historyOf shows the entries of an input.
func historyOf(in policy.Input) report.History {
	c := in.Chain()
	h := report.History{
		Environment: in.Environment,
		ID:          in.Protection.ID,
		Entries:     []report.Entered{},
		Passed:      c.Passed,
	}
	for _, l := range c.Missing {
		h.Missing = append(h.Missing, fmt.Sprintf("entry %d, sha256:%s, which a later one names", l.Number, l.SHA256))
	}
	for _, e := range c.Entries {
		x := report.Entered{
			Number: e.Number, Time: e.Time.UTC().Format(time.RFC3339), State: states[e.State], Emergency: e.Emergency, Run: e.Run,
			Policy: e.Policy.String(), Commit: e.Commit, Statement: "sha256:" + e.Link.SHA256, Input: "sha256:" + e.Input.SHA256,
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
				x.Approved = append(x.Approved, account(in.Policy, s))
				continue
			}
			x.Others = append(x.Others, s.Role+" "+account(in.Policy, s))
		}
		for _, m := range e.Makers {
			x.Makers = append(x.Makers, m.Role+" "+account(in.Policy, m))
		}
		for _, l := range e.Previous {
			x.Previous = append(x.Previous, l.Number)
		}
		h.Entries = append(h.Entries, x)
	}
	return h
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
