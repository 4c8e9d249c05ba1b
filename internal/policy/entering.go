package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/contents"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Signing is the job that signs an entry: its run, and its number in the run where that
// does not name it.
type Signing struct{ Run, Job string }

// Entering returns the next entry: what v, the verdict of in, lets into in's
// environment, or what came in there while it was watched. digest is that of in, and commit
// the one that the policy file is of. Who could have approved is left out. The error is a
// fault, where one statement cannot hold all artifacts or the environment cannot be found by
// anything.
func Entering(
	in Input,
	v verdict.Verdict,
	home string,
	by Signing,
	digest subject.Digest,
	commit string,
) (statement.Entry, error) {
	in = in.chained().stanced()
	env, _ := in.Policy.Environment(in.Environment)
	target, ok := in.Policy.Target(env, home, in.Protection.ID)
	if !ok {
		return statement.Entry{}, fault.New(
			fault.Usage,
			fault.Config,
			"make the environment in the settings of the repository",
			"the platform gives environment %q no number, and entries are found by it",
			in.Environment,
		)
	}
	e := statement.Entry{
		Number: 1,
		Target: target,
		Run:    by.Run,
		Job:    by.Job,
		Input:  statement.DigestSet{SHA256: digest.Hex()},
		Commit: commit,
	}
	for _, x := range in.chain.Newest() {
		e.Previous, e.Number = append(e.Previous, x.Link), max(e.Number, x.Number+1)
	}
	e.Confirmed, e.Failed = in.chain.found()
	for i, c := range in.Candidates {
		a, unnamed := in.artifact(c)
		if unnamed != nil {
			continue // it came in under watch, and the policy has no name for it
		}
		k := in.check(c)
		x := statement.Admitted{Artifact: a.Name, Name: v.Judgements[i].Subject.Name, SHA256: c.Subject.Digest.Hex()}
		x.Runs, x.Met, x.Accepted = builtIn(v.Judgements[i].Evidence), metBy(env, v.Judgements[i]), acceptedIn(v.Judgements[i])
		if c.Package != nil && c.Package.IsRead() {
			kept := c.Package.Kept(min(contents.MaxKept, maxInventories/len(in.Candidates)))
			x.Contents = &kept
		}
		if len(k.used) > 0 {
			x.Commit = k.used[0].Signer.Commit
		}
		for _, ch := range k.changes {
			x.Base = ch.Base
			e.Deployment = max(e.Deployment, ch.Listed.ID)
		}
		e.Artifacts = append(e.Artifacts, x)
		e.Makers = union(e.Makers, parts(k.makers))
		for _, f := range v.Judgements[i].Findings {
			e.Approvals = union(e.Approvals, counted(f))
			e.Emergency = e.Emergency || f.Requirement == "break-glass" && f.Outcome == verdict.Allow
			if f.Warning {
				e.Warnings = union(e.Warnings, []string{fmt.Sprintf("%s %s of %s", f.Code, f.Requirement, a.Name)})
			}
		}
	}
	if len(e.Artifacts) == 0 {
		return e, fault.New(fault.Refused, fault.SubjectMismatch, "", "the policy has no name for anything that came in")
	}
	if e.Source = string(in.Policy.Source); len(e.Source) > statement.MaxPolicy {
		return e, fault.New(
			fault.Refused,
			fault.Limit,
			"make the policy file smaller, before something enters under it",
			"the policy file has %d bytes, and an entry carries at most %d: under a larger one no later policy could be held against it",
			len(e.Source),
			statement.MaxPolicy,
		)
	}
	if all, err := e.Subjects(); err != nil || len(all) > statement.MaxSubjects {
		return e, fault.New(
			fault.Refused,
			fault.Limit,
			"let them in with several gates",
			"%d artifacts are more than one entry can hold",
			len(e.Artifacts),
		)
	}
	return e, nil
}

// maxInventories bounds all inventories of one entry together, in bytes. Of what is more, an entry has
// the digests.
const maxInventories = 1 << 20

// Agreed reports whether in's policy may be put into force by what comes in under watch: another
// one is in force, and whom it asks has agreed to this one.
func (in Input) Agreed() bool {
	in = in.chained().stanced()
	env, known := in.Policy.Environment(in.Environment)
	if !known || len(in.InForce) == 0 {
		return false
	}
	return !slices.ContainsFunc(in.InForce, func(f InForce) bool {
		_, _, ok := in.under(f)
		return !ok || !in.agree(env, f)
	})
}

// found returns what is known now about how earlier entries ended, and no entry says
// yet.
func (c Chain) found() (confirmed, failed []statement.Link) {
	said := c.written()
	for _, e := range c.Entries {
		switch {
		case said[e.Link].state == e.State:
		case e.State == Succeeded:
			confirmed = append(confirmed, e.Link)
		case e.State == Failed:
			failed = append(failed, e.Link)
		}
	}
	return confirmed, failed
}

// parts are the makers of a change, each once. An address that somebody typed is not
// among them: an entry stays for ever.
func parts(makers []Maker) []statement.Part {
	var out []statement.Part
	for _, m := range makers {
		p := statement.Part{Role: string(m.Role), Host: m.Account.Host, ID: m.Account.ID}
		out = union(out, []statement.Part{p})
	}
	return out
}

// counted is what people said that counted for a finding.
func counted(f verdict.Finding) []statement.Part {
	var out []statement.Part
	for _, p := range f.People {
		if host, id, ok := strings.Cut(p.Identity, "#"); ok && p.Counted {
			_, digest, _ := strings.Cut(p.Statement, ":")
			out = append(out, statement.Part{Role: p.Decision, Host: host, ID: id, Statement: digest})
		}
	}
	return out
}

func union[T comparable](a, b []T) []T {
	for _, x := range b {
		if !slices.Contains(a, x) {
			a = append(a, x)
		}
	}
	return a
}
