package policy

import "slices"

// A side is one policy whose people are asked about a candidate: the one at hand, or one in
// force, whose people have to agree to another one.
type side struct {
	*approvalCheck
	force *InForce // nil: the policy at hand
}

// sides are all whose people are asked about a candidate, whose evidence is all: the policy at
// hand first, and then those in force that ask somebody.
func (in Input) sides(env Environment, a Artifact, c Candidate, all []Fact) []side {
	out := []side{{newApprovalCheck(in, env, a, c, all), nil}}
	for i, f := range in.InForce {
		then, old, ok := in.under(f)
		if ok && old.Record != RecordOff && len(old.Approvals) > 0 {
			out = append(out, side{newApprovalCheck(then, old, f.before(a, c.Subject.Name), c, all), &in.InForce[i]})
		}
	}
	for i := range out {
		out[i].leave(out)
	}
	return out
}

// shown are the sides for people who decide, or look: how the runs of the evidence end is not
// asked.
func (in Input) shown(c Candidate) []side {
	env, _ := in.Policy.Environment(in.Environment)
	a, _ := in.artifact(c)
	return in.sides(env, a, c, meeting(in, env, a, c.indexed(), signs))
}

// leave drops the votes of people whom another side asks and this one does not: each is
// meant for the other one.
func (s side) leave(all []side) {
	s.votes = slices.DeleteFunc(s.votes, func(v vote) bool {
		return !s.asks(v.account) && slices.ContainsFunc(all, func(o side) bool { return o.asks(v.account) })
	})
}

// asks reports whether somebody is in a group that s asks for anything.
func (s side) asks(a Account) bool {
	groups := []string{}
	for _, r := range s.env.Approvals {
		groups = append(groups, r.Group)
	}
	if e := s.env.Emergency; e != nil {
		groups = append(groups, e.Group)
	}
	if w := s.env.Waivers; w != nil {
		groups = append(groups, w.Group)
	}
	return slices.ContainsFunc(groups, func(name string) bool {
		g, _ := s.in.Policy.Group(name)
		return s.in.belongs(g, a)
	})
}

// called is what a rule's group is called among those of every side.
func (s side) called(r Rule) string {
	if s.force != nil {
		return "policy in force: " + r.Group
	}
	return r.Group
}
