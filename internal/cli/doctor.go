package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/doctor"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/record"
	"github.com/sallyport-dev/sallyport/internal/report"
)

// doctorInputs is what doctor alone is told.
type doctorInputs struct {
	Root string `input:"root"`
}

// doctorCommand finds what makes a gate meaningless or impossible.
func doctorCommand(r *run, in doctorInputs) (answer, error) {
	p, err := r.policy()
	if err != nil {
		return answer{}, err
	}
	all, err := r.examine(in, p)
	if err != nil {
		return answer{}, err
	}
	all = finding.Sort(all)
	if err := r.diagnose(all); err != nil {
		return answer{}, err
	}
	return diagnosis(all)
}

func (r *run) examine(in doctorInputs, p *policy.Policy) ([]finding.Finding, error) {
	root, err := file.OpenDir(in.Root)
	if err != nil {
		return nil, usage("the directory of the repository, %q, cannot be opened: %w", in.Root, err)
	}
	defer root.Close()
	names := guardedBy(p, r.now)
	// ./ is our own action in one repository only, and there the policy says so.
	all, err := files(root, names, p.Artifacts[0].BuiltBy[0].Repository)
	if err != nil {
		return nil, err
	}
	all = append(all, r.foreseen(p, root)...)
	all = append(all, r.probed(p)...)
	if r.in.Offline {
		return all, nil
	}
	defer r.progress("asking the platform")()
	at, err := r.doorOf(p)
	if err != nil {
		return nil, err
	}
	found, err := at.Audit(r.ctx, wants(p))
	if err != nil {
		return nil, err
	}
	merged, err := at.merged(r.ctx, root, names)
	if err != nil {
		return nil, err
	}
	for _, f := range merged {
		known := slices.ContainsFunc(all, func(o finding.Finding) bool { return o.Rule == f.Rule && o.Found == f.Found && o.Message == f.Message })
		if !known { // else the file says it, with its line
			found = append(found, f)
		}
	}
	modes, err := r.lenience(p, r.behind(at))
	if err != nil {
		return nil, err
	}
	people, err := r.prospects(p, at)
	return slices.Concat(all, found, modes, people), err
}

// foreseen finds what a release of the files at hand would be denied for, as far as they tell it.
func (r *run) foreseen(p *policy.Policy, root *os.Root) []finding.Finding {
	var out []finding.Finding
	for _, a := range p.Artifacts {
		for _, b := range a.BuiltBy {
			x, ok := checkedOut(root, b)
			if !ok {
				continue
			}
			for _, m := range p.Foresee(b, x) {
				f := finding.Finding{
					Rule: finding.BuildCached, Code: m.Code, Severity: finding.Warning, File: b.Workflow, Line: 1, Column: 1,
					Found: m.Found, Wanted: m.Wanted, Hint: m.Hint,
					Message: fmt.Sprintf("%q will deny the next release: %s", m.Environment, m.Reason),
				}
				if m.Code == fault.Isolation {
					f.Rule = finding.BuildExposed
				}
				if f = f.By(finding.Policy); !slices.Contains(out, f) {
					out = append(out, f)
				}
			}
		}
	}
	return out
}

// probed tries in a job what its runner lets a recorder do, where the policy asks for what one writes.
func (r *run) probed(p *policy.Policy) []finding.Finding {
	if r.platform == nil {
		return nil // another machine says nothing about the runner
	}
	watched, cut := p.Records()
	if !watched && !cut {
		return nil
	}
	return unwatched(watched, cut, record.Probe(cut))
}

// unwatched is what a policy asks of a recorder that cannot be had on this runner.
func unwatched(watched, cut bool, probe record.Watch) []finding.Finding {
	f := finding.Finding{Rule: finding.BuildUnwatched, Severity: finding.Warning}
	switch {
	case watched && probe.Files != record.Observed:
		f.Found, f.Wanted = cmp.Or(probe.Reason, "not observed"), "a recorder that may watch"
	case cut && probe.Network != record.Cut:
		f.Found, f.Wanted = cmp.Or(probe.Reason, "no cut"), "a network that can be cut"
	case cut && probe.CutBy == record.BySocketFilter:
		f.Found, f.Wanted = "the network can be cut by a filter of sockets alone, which cuts loopback too: "+probe.Reason, "a user namespace"
		f.Message = "a build that listens on loopback will fail here under --no-network"
	default:
		return nil
	}
	return []finding.Finding{f.By(finding.Policy)}
}

// wants is what a policy asks of the platform's settings.
func wants(p *policy.Policy) []doctor.Want {
	var out []doctor.Want
	for _, e := range p.Environments {
		w := doctor.Want{Environment: e.Name, NoBypass: !e.Bypassable, Unguarded: e.Unguarded, Variables: e.Variables,
			NoSelf: e.SelfReview == "off", SelfReview: e.SelfReview == "on"}
		for _, a := range p.Artifacts {
			for _, b := range a.BuiltBy {
				for _, ref := range b.Refs {
					if !slices.Contains(w.Refs, ref) {
						w.Refs = append(w.Refs, ref)
					}
				}
			}
		}
		for _, x := range e.Approvals {
			g, _ := p.Group(x.Group)
			w.Eligible = append(w.Eligible, g.Members...)
			if slices.Contains(g.Sources, policy.ByReview) && x.Count > 0 {
				w.Reviewers = append(w.Reviewers, doctor.Reviewers{Members: g.Members, Count: x.Count})
				w.NoSelf = e.SelfReview != "on"
			}
		}
		out = append(out, w)
	}
	return out
}

// prospects finds rules that nobody could meet for what the default branch has
// now.
func (r *run) prospects(p *policy.Policy, at door) ([]finding.Finding, error) {
	var out []finding.Finding
	for _, e := range p.Environments {
		if len(e.Approvals) == 0 {
			continue
		}
		repository, id, head, ref, err := at.Head(r.ctx)
		if err != nil {
			return nil, err
		}
		in := policy.Input{Policy: p, Environment: e.Name, Now: r.now}
		q, err := policy.Ask(in)
		if err != nil {
			return nil, err
		}
		if in.Rosters, err = at.Rosters(r.ctx, q.Members()); err != nil {
			return nil, err
		}
		c, err := at.Change(r.ctx, change(p, e, policy.ChangeQuery{Repository: repository, ID: id, Head: head, Ref: ref}))
		if err != nil {
			return nil, err
		}
		for _, x := range policy.Prospects(in, e, c) {
			out = append(out, r.prospect(e, x)...)
		}
	}
	return out, nil
}

// change asks about what the default branch has as a gate would: what counts as
// deployed here is what the builders of this repository say.
func change(p *policy.Policy, e policy.Environment, q policy.ChangeQuery) policy.ChangeQuery {
	q.Environment, q.Start.Baseline, q.Workflows = e.Name, e.Baseline, slices.Clone(e.DeployedBy)
	q.Mergers = p.MergersMayApprove()
	for _, a := range p.Artifacts {
		for _, b := range a.BuiltBy {
			if b.Forge.Host+"/"+b.Repository != q.Repository {
				continue
			}
			q.Refs = append(q.Refs, b.Refs...)
			if len(e.DeployedBy) == 0 {
				q.Workflows = append(q.Workflows, b.Workflow)
			}
		}
	}
	return q
}

func (r *run) prospect(e policy.Environment, x policy.Prospect) []finding.Finding {
	var why []string
	for _, n := range slices.Sorted(maps.Keys(x.Excluded)) {
		why = append(why, n+" "+x.Excluded[n])
	}
	f := finding.Finding{Code: fault.ApprovalMissing, File: r.in.Policy, Line: x.Line, Column: 1, Found: strings.Join(append(x.Eligible, why...), "; ")}
	switch {
	case !x.Met:
		f.Rule = finding.ApprovalsUnsatisfiable
		f.Message = fmt.Sprintf("%q asks for %d of group %s, and %d could approve what the default branch has now", e.Name, x.Need, x.Group, len(x.Eligible))
		f.Wanted = fmt.Sprintf("%d people who did not make it, each counted once", x.Need)
		f.Hint = cmp.Or(freed(x.Waivable), "add people to the group, or let others write, merge and start")
	case x.Need > 0 && len(x.Eligible) == x.Need:
		f.Rule, f.Severity = finding.ApprovalsThin, finding.Warning
		f.Message = fmt.Sprintf("%q asks for %d of group %s, and no more than these could approve: one who is away stops the release", e.Name, x.Need, x.Group)
		f.Hint = "add people to the group"
	case x.Need > 0 && x.Advice != "":
		f.Rule, f.Severity, f.Found = finding.MakersUnnamed, finding.Warning, ""
		f.Message = fmt.Sprintf("%q asks for %d of group %s for what the default branch has now, of which %d for makers that cannot be named", e.Name, x.Need, x.Group, len(x.Unknown))
	default:
		return nil
	}
	if len(x.Unknown) > 0 {
		f.Found = strings.TrimPrefix(f.Found+"; "+strings.Join(x.Unknown, "; "), "; ")
	}
	if x.Advice != "" {
		f.Hint = strings.TrimPrefix(f.Hint+"; "+x.Advice, "; ")
	}
	return []finding.Finding{f.By(finding.Policy)}
}

// freed is the next step where commits alone keep people from approving: who can
// take such a role away.
func freed(all []policy.Waivable) string {
	for _, w := range all {
		if w.Enough() {
			return fmt.Sprintf("add people to the group, or let others write, merge and start; %d of these can waive what commit %s claims of %s (%s), once there is a release: %s",
				w.Need, shortCommit(w.Claim.Commit), policy.Who(w.Claim), w.Claim.Role, strings.Join(w.By, ", "))
		}
	}
	return ""
}

// diagnose writes the findings in the form that was asked for.
func (r *run) diagnose(all []finding.Finding) error {
	var b bytes.Buffer
	var err error
	switch r.in.Format {
	case "json":
		err = report.DoctorJSON(&b, "sallyport "+r.Version, all)
	case "sarif":
		err = report.SARIF(&b, "sallyport", r.Version, all)
	case "junit":
		err = report.DoctorJUnit(&b, all)
	default:
		if r.in.Quiet && len(all) == 0 {
			break
		}
		p := r.screen()
		if r.in.Output != "" {
			p = report.Screen{}
		}
		err = report.DoctorText(&b, all, p)
	}
	if err != nil {
		return err
	}
	if path := r.in.Output; path != "" {
		return write(path, b.Bytes())
	}
	_, err = r.Stdout.Write(b.Bytes())
	return err
}

// diagnosis is 3 where a gate would not hold, 2 where only files are wrong.
func diagnosis(all []finding.Finding) (answer, error) {
	lint, worse := 0, 0
	for _, f := range all {
		switch {
		case f.Severity != finding.Error:
		case f.Code == fault.Lint:
			lint++
		default:
			worse++
		}
	}
	switch {
	case worse > 0:
		return answer{}, nil
	case lint > 0:
		return answer{}, fault.New(fault.Usage, fault.Lint, "each finding says what to change", "%s in workflow or pipeline files", plural(lint, "error"))
	}
	return done, nil
}

// settingsInputs is what settings alone is told.
type settingsInputs struct {
	Action      string   `input:"action"`
	Environment []string `input:"environment"`
}

// settingsCommand shows or makes the settings that the policy asks for.
func settingsCommand(r *run, in settingsInputs) (answer, error) {
	p, err := r.policy()
	if err != nil {
		return answer{}, err
	}
	at, err := r.doorOf(p)
	if err != nil {
		return answer{}, err
	}
	asked := in.Environment
	for _, name := range asked {
		if _, ok := p.Environment(name); !ok {
			return answer{}, usage("the policy has no environment %q", name)
		}
	}
	for _, w := range wants(p) {
		if len(asked) > 0 && !slices.Contains(asked, w.Environment) {
			continue
		}
		if err := r.settle(in.Action, at, w); err != nil {
			return answer{}, err
		}
	}
	return done, nil
}

func (r *run) settle(action string, at settings, w doctor.Want) error {
	plan, err := at.Plan(r.ctx, w)
	if err != nil {
		return err
	}
	show := report.PlanText
	if r.in.Format == "json" {
		show = func(w io.Writer, p doctor.Plan) error { return report.PlanJSON(w, "sallyport "+r.Version, p) }
	}
	if err := show(r.Stdout, plan); err != nil || action == "plan" || len(plan.Changes) == 0 {
		return err
	}
	if !r.in.Yes {
		fmt.Fprintf(r.Stderr, "\nType the environment, %s, to make these changes: ", report.Plain(w.Environment))
		line, _ := bufio.NewReader(io.LimitReader(r.stdin(), 1024)).ReadString('\n') // no answer is not the name
		if strings.TrimSpace(line) != w.Environment {
			return usage("%q is not the environment: nothing was changed", strings.TrimSpace(line))
		}
	}
	if _, err := at.Apply(r.ctx, w); err != nil {
		return err
	}
	r.say("%q is set as the policy asks, and was read again to make sure", w.Environment)
	return nil
}
