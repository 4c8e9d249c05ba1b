package policy

import (
	"fmt"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Variables says who may give a run variables of their own. A variable is code
// in a job: some are read by the shell before the first line of a script, others
// name the commit, the job and the server. So nothing inside the job can stand in
// for this setting of the platform. The zero is that nobody knows.
type Variables struct {
	Nobody  bool   `json:"nobody"`  // nobody may, or the platform knows no such variables
	Least   string `json:"least"`   // the lowest role that may; "" where nobody knows
	Found   string `json:"found"`   // what was seen, in words
	Setting string `json:"setting"` // the setting to change, and where
	Need    string `json:"need"`    // the permission that is needed to see it, as a next step
}

// variableRoles are the roles that a policy may accept, lowest first.
var variableRoles = []string{"developer", "maintainer", "owner"}

// variables wants nobody to be able to give a run variables, or nobody below the
// role that the policy accepts.
func variables(v Variables, env Environment) []verdict.Finding {
	least, accepted := slices.Index(variableRoles, v.Least), slices.Index(variableRoles, env.Variables)
	m := &miss{code: fault.Bypass, line: env.Line, found: v.Found, wanted: "a setting by which nobody may",
		hint: "set it: " + v.Setting}
	switch {
	case v.Nobody, least >= 0 && accepted >= 0 && least >= accepted, least < 0 && env.Variables == "unchecked":
		return nil
	case least < 0:
		m.reason = "it is not known who may give a run variables, and a variable is code in its jobs"
		m.hint = "where the instance has no such setting, or no token here may see it, say pipeline-variables: unchecked in the environment"
		if v.Setting != "" {
			m.hint = fmt.Sprintf("%s; look at %s; %s", v.Need, v.Setting, m.hint)
		}
	case accepted >= 0:
		m.reason = fmt.Sprintf("who has the role %s may give a run variables, and a variable is code in its jobs", v.Least)
		m.wanted = "no role below " + env.Variables
	default:
		m.reason = fmt.Sprintf("who has the role %s may give a run variables, and a variable is code in its jobs", v.Least)
		m.hint += "; where people of that role may deploy whatever they like anyway, say pipeline-variables: " + v.Least + " in the environment"
	}
	return []verdict.Finding{m.finding("pipeline variables")}
}

// accepted is what the policy lets the environment lack, in words, for every
// verdict.
func (e Environment) accepted(p Protection) []string {
	var out []string
	if e.Variables != "" {
		out = append(out, "pipeline-variables: "+e.Variables)
	}
	if e.Forks == ForkOwner {
		out = append(out, "forks: owner")
	}
	if e.Unguarded {
		return out
	}
	if e.SelfReview == "on" {
		out = append(out, "self-review: on")
	}
	for _, t := range p.Unseen {
		out = append(out, fmt.Sprintf("team %s counts whole: its members may not be seen here", t))
	}
	return out
}
