// Package doctor holds what a policy asks of the platform's settings, and the plans
// that would make them so.
//
// It refuses to look at the world: doors hold settings against what it says. It
// refuses to weaken: a plan that would take a protection away is an error, not a
// plan.
package doctor

import (
	"fmt"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Want is what the policy asks of an environment's settings, in words that
// every platform has something for.
type Want struct {
	Environment string
	Reviewers   []Reviewers     // who shall be asked on the platform's page; none: nobody has to be
	Eligible    []policy.Member // everybody who may approve, for platforms that need names
	Refs        []string        // patterns of the refs that may enter, fully qualified
	NoSelf      bool            // who started it may not approve
	SelfReview  bool            // who started it may be all who reviews it, by the policy's own word
	NoBypass    bool            // administrators may not pass by
	// Unguarded says that the platform protects nothing here, by the policy's own
	// word: only what concerns every run of the project is looked at.
	Unguarded bool
	Variables string // the lowest role that may give a run variables, or "unchecked"; empty: nobody
}

// Reviewers are members of whom so many have to say yes.
type Reviewers struct {
	Members []policy.Member
	Count   int
}

// A Change of one setting. Both sides are words for people.
type Change struct {
	Setting string `json:"setting"`
	Now     string `json:"now"`
	Want    string `json:"want"`
}

// A Plan is how an environment's settings would become what the policy asks.
type Plan struct {
	Environment string   `json:"environment"`
	Changes     []Change `json:"changes"`
	// Cannot is what this platform, or this plan of it, has no setting for,
	// with what to use instead.
	Cannot []string `json:"cannot,omitempty"`
}

// Text writes p for a person.
func (p Plan) Text() string {
	var b strings.Builder
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "  %s\n    now   %s\n    want  %s\n", c.Setting, c.Now, c.Want)
	}
	if len(p.Changes) == 0 {
		fmt.Fprintf(&b, "  the settings are what the policy asks\n")
	}
	for _, c := range p.Cannot {
		fmt.Fprintf(&b, "  cannot  %s\n", c)
	}
	return b.String()
}
