package cli

import (
	"fmt"
	"os"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/statement"
	places "github.com/sallyport-dev/sallyport/internal/store"
)

// endingInputs is what entered and failed are told.
type endingInputs struct {
	Of string `input:"of"`
}

func enteredCommand(r *run, in endingInputs) (answer, error) {
	return r.ended(statement.OutcomeEntered, in.Of)
}

func failedCommand(r *run, in endingInputs) (answer, error) {
	return r.ended(statement.OutcomeFailed, in.Of)
}

// ended signs how the deployment of this job ended: of each entry that the job has
// signed, or, where of says so, of each that its run has signed for this environment.
func (r *run) ended(outcome, of string) (answer, error) {
	if r.platform == nil {
		return answer{}, fault.New(fault.Usage, fault.Config, "run it in the job that deploys, after the deployment",
			"%s is a part of the job that deploys, and no platform runs this", outcome)
	}
	p, _, env, err := r.sourced(r.platform.Enters)
	if err != nil {
		return answer{}, err
	}
	if _, ok := p.Environment(env); !ok {
		return answer{}, unknownEnvironment("this job's environment", env, p)
	}
	if err := r.belongs(p, env); err != nil {
		return answer{}, err
	}
	kept, err := r.records(r.at)
	if err != nil {
		return answer{}, err
	}
	a, err := r.attester(kept)
	if err != nil {
		return answer{}, err
	}
	own, err := r.ownEntries(p, env, of, kept)
	if err != nil {
		return answer{}, err
	}
	if len(own) == 0 {
		return r.nothingEntered(p, env, of)
	}
	for _, e := range own {
		if outcome == statement.OutcomeEntered && e.State == policy.Failed && e.Signed {
			return answer{}, fault.New(
				fault.Refused,
				fault.Predicate,
				"let the artifacts enter again with a gate, and deploy them",
				"this run has signed that the deployment of entry %d failed, and that stays",
				e.Number,
			)
		}
	}
	defer r.progress("signing how the deployment ended")()
	for _, e := range own {
		a.Check = r.signsFor(p, e.Target)
		ending := statement.Ending{Target: e.Target, Entry: e.Link, Outcome: outcome, Run: r.platform.Run()}
		if _, err := r.sign(a, statement.EndingV1, ending); err != nil {
			return answer{}, err
		}
		fmt.Fprintf(r.Stdout, "entry %d into %s: %s\n", e.Number, report.Plain(env), words[outcome])
	}
	r.push()
	return done, nil
}

var words = map[string]string{
	statement.OutcomeEntered: "its deployment succeeded",
	statement.OutcomeFailed:  "its deployment failed",
}

// nothingEntered is the answer where the job has signed no entry.
func (r *run) nothingEntered(p *policy.Policy, env, of string) (answer, error) {
	if e, _ := p.Environment(env); e.Record != policy.RecordRequired {
		r.say("no entry of this job into %q is there, so nothing is signed about one", env)
		return done, nil
	}
	hint := "let the gate of this job run before it, and deploy what that has let in"
	if of == "job" {
		hint += "; a job after the one that deploys says --of run"
	}
	return answer{}, fault.New(fault.Refused, fault.EntryMissing, hint, "this job has signed no entry into %q", env)
}

// ownEntries are the entries into an environment that this job, or its run, has signed.
func (r *run) ownEntries(p *policy.Policy, env, of string, kept gate.Store) ([]policy.Entry, error) {
	trust, err := r.policyTrust(p, r.in.Policy)
	if err != nil {
		return nil, err
	}
	g := &gate.Gate{
		Policy: p, Verifiers: trust.verifiers, Guard: r.doors(r.at, p), Home: r.home, Now: r.now,
		Stores: []gate.Store{kept},
	}
	if _, err := os.Stat(r.in.BundleDir); err == nil {
		g.Stores = append(g.Stores, places.Dir{Path: r.in.BundleDir}) // the platform may list it later
	}
	protection, err := g.Guard.Environment(r.ctx, env)
	if err != nil {
		return nil, err
	}
	if protection.ID == "" {
		return nil, nil
	}
	defer r.progress("looking for the entry of this job")()
	in, err := g.Entered(r.ctx, env, protection.ID)
	if err != nil {
		return nil, err
	}
	job := r.platform.Number()
	var out []policy.Entry
	for _, e := range in.Chain().Entries {
		if e.Run == r.platform.Run() && (e.Job == job || of == "run") {
			out = append(out, e)
		}
	}
	slices.Reverse(out) // the first one first
	return out, nil
}

// signsFor refuses what a job signs about an environment if no gate would count it.
func (r *run) signsFor(p *policy.Policy, t statement.Target) attest.Check {
	return func(s statement.Signer, _ statement.Statement) error {
		var places []policy.Placed
		if q, open := policy.PlaceOf(t, s); open {
			x, err := r.doors(r.at, p).Placed(r.ctx, q)
			if err != nil {
				return err
			}
			places = append(places, x)
		}
		if why := policy.SignsEntries(p, t, s, places...); why != "" {
			return fault.New(
				fault.Refused,
				fault.Identity,
				"let a workflow under deployed-by enter, on a ref of built-by",
				"an entry of this job would not count: %s",
				why,
			)
		}
		return nil
	}
}
