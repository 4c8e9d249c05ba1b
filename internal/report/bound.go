package report

import (
	"slices"

	"github.com/sallyport-dev/sallyport/internal/doctor"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Whatever strangers wrote may be of any length. The rooms that quote it cut it;
// here, where every channel takes its words from, it is made sure of. Names of
// artifacts stay whole: they are what the caller asked about, and have a limit
// of their own.

// bounded returns v with no foreign value of more than fault.MaxQuoted bytes in
// what explains it.
func bounded(v verdict.Verdict) verdict.Verdict {
	v.Findings = findings(v.Findings)
	v.Judgements = slices.Clone(v.Judgements)
	for i, j := range v.Judgements {
		j.Findings = findings(j.Findings)
		j.Evidence, j.Rejections = slices.Clone(j.Evidence), slices.Clone(j.Rejections)
		for k, e := range j.Evidence {
			for _, s := range []*string{&e.PredicateType, &e.Signer, &e.Run, &e.Commit, &e.Source} {
				*s = fault.Cut(*s)
			}
			e.Via = fault.Bound(e.Via)
			j.Evidence[k] = e
		}
		for k, x := range j.Rejections {
			j.Rejections[k].Reason, j.Rejections[k].Source = fault.Bound(x.Reason), fault.Cut(x.Source)
		}
		v.Judgements[i] = j
	}
	return v
}

func findings(list []verdict.Finding) []verdict.Finding {
	list = slices.Clone(list)
	for i, f := range list {
		f.Requirement, f.Reason, f.Hint = fault.Cut(f.Requirement), fault.Bound(f.Reason), fault.Bound(f.Hint)
		f.Found, f.Wanted = fault.BoundAll(f.Found), fault.BoundAll(f.Wanted)
		f.People, f.Eligible = slices.Clone(f.People), slices.Clone(f.Eligible)
		for k, x := range f.People {
			for _, s := range []*string{&x.Name, &x.Identity, &x.Comment, &x.Word} {
				*s = fault.Cut(*s)
			}
			x.Reason = fault.Bound(x.Reason)
			f.People[k] = x
		}
		for k, s := range f.Eligible {
			f.Eligible[k] = fault.Cut(s)
		}
		list[i] = f
	}
	return list
}

// mistakes returns what doctor found, in order, each bounded as a finding is.
func mistakes(all []finding.Finding) []finding.Finding {
	all = finding.Sort(all)
	for i, f := range all {
		all[i].Message, all[i].Hint = fault.Bound(f.Message), fault.Bound(f.Hint)
		all[i].Found, all[i].Wanted = fault.BoundAll(f.Found), fault.BoundAll(f.Wanted)
	}
	return all
}

// bounds returns a plan whose texts are bounded.
func bounds(p doctor.Plan) doctor.Plan {
	p.Environment = fault.Cut(p.Environment)
	p.Changes, p.Cannot = append([]doctor.Change{}, p.Changes...), slices.Clone(p.Cannot)
	for i, c := range p.Changes {
		p.Changes[i] = doctor.Change{Setting: fault.Bound(c.Setting), Now: fault.BoundAll(c.Now),
			Want: fault.BoundAll(c.Want)}
	}
	for i, s := range p.Cannot {
		p.Cannot[i] = fault.Bound(s)
	}
	return p
}
