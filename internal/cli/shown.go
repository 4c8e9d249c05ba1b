package cli

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Bounds of what an approver is shown at once; --format json has all of it.
const (
	shownArtifacts = 10
	shownFindings  = 20
	shownRequests  = 10
	shownMakers    = 12
	shownExcluded  = 12
)

// compared returns the address of the page that shows a change, or "".
func compared(p *policy.Policy, c policy.Change) string {
	for _, a := range p.Artifacts {
		for _, b := range a.BuiltBy {
			if c.Base != "" && c.Base != c.Head && b.Forge.Compare != "" && b.Forge.Host+"/"+b.Repository == c.Repository {
				return c.Repository + b.Forge.Compare + c.Base + "..." + c.Head
			}
		}
	}
	return ""
}

func showRequests(w io.Writer, c policy.Change) {
	if len(c.Requests) == 0 {
		return
	}
	fmt.Fprintf(w, "  requests     %d\n", len(c.Requests))
	for i, x := range c.Requests {
		if i == shownRequests {
			fmt.Fprintf(w, "    and %s, which --format json shows\n", plural(len(c.Requests)-i, "more request"))
			break
		}
		fmt.Fprintf(w, "    %d  %s\n", x.Number, report.Plain(cut(x.Title)))
		if x.URL != "" {
			fmt.Fprintf(w, "        %s\n", report.Plain(x.URL))
		}
	}
}

// A shownMaker is one account, or one address that somebody typed into a commit,
// with everything that it did.
type shownMaker struct {
	Name     string   `json:"name"`
	Identity string   `json:"identity,omitempty"` // of an account that the platform knows: host#number
	Typed    bool     `json:"typed,omitempty"`    // an address in a commit, which anybody can write
	Did      []string `json:"did"`                // each role once, with the first place
	places   int
}

// makersOf groups the makers of a change, in the order in which they are found.
func makersOf(c policy.Change) []shownMaker {
	out, at := []shownMaker{}, map[string]int{}
	roles := map[string]bool{}
	for _, m := range c.Makers {
		x := shownMaker{Name: m.Email, Typed: true}
		if m.Account.ID != "" {
			x = shownMaker{Name: m.Account.Label(), Identity: m.Account.Host + "#" + m.Account.ID}
		} else if m.Email == "" {
			x.Name, x.Typed = "somebody unknown", false
		}
		key := x.Identity + " " + strings.ToLower(x.Name)
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key], out = i, append(out, x)
		}
		out[i].places++
		if role := key + " " + string(m.Role); !roles[role] {
			roles[role] = true
			out[i].Did = append(out[i].Did, m.Role.Did()+" "+m.Where)
		}
	}
	return out
}

func rank(m shownMaker) int {
	switch {
	case m.Identity != "":
		return 0
	case m.Typed:
		return 1
	}
	return 2
}

// showMakers tells accounts from names that were only typed.
func showMakers(w io.Writer, c policy.Change) {
	labels := []string{"  makers       ", "  only typed   ", "  not named    "}
	var rows [3][]string
	for _, m := range makersOf(c) {
		text := m.Name + " " + strings.Join(m.Did, ", ")
		if n := m.places - len(m.Did); n > 0 {
			text += fmt.Sprintf(" and %d more", n)
		}
		rows[rank(m)] = append(rows[rank(m)], text)
	}
	for i, all := range rows {
		if len(all) == 0 {
			continue
		}
		fmt.Fprintf(w, "%s%d\n", labels[i], len(all))
		for _, text := range all[:min(len(all), shownMakers)] {
			paragraph(w, "    ", report.Plain(text))
		}
		if n := len(all) - shownMakers; n > 0 {
			fmt.Fprintf(w, "    and %d more, which --format json shows\n", n)
		}
	}
}

// A shownApprover is a member of a group who may not approve, and why.
type shownApprover struct {
	Group    string `json:"group"`
	Name     string `json:"name"`
	Identity string `json:"identity"`
	Reason   string `json:"reason"`
}

// excluded are the members of groups who may not approve, and why.
func excluded(in policy.Input) []shownApprover {
	var out []shownApprover
	for _, a := range policy.Approvers(in) {
		if a.Reason != "" {
			out = append(out, shownApprover{a.Group, a.Account.Label(), a.Account.Host + "#" + a.Account.ID, a.Reason})
		}
	}
	return out
}

func showExcluded(w io.Writer, in policy.Input) {
	all := excluded(in)
	for i, a := range all {
		if i == shownExcluded {
			fmt.Fprintf(w, "  and %d more who may not, which --format json shows\n", len(all)-i)
			break
		}
		paragraph(w, "  may not      ", report.Plain(fmt.Sprintf("%s: %s %s", a.Group, a.Name, a.Reason)))
	}
}

// showInForce shows in what the policy differs from those in force, whose people are
// asked too.
func showInForce(w io.Writer, in policy.Input) {
	for _, f := range in.InForce {
		fmt.Fprintf(w, "  policy       the policy in force, of entry %d, is another one:\n", f.Entry.Number)
		lines, cut := report.Difference(f.Policy.Source, in.Policy.Source)
		for _, l := range lines {
			fmt.Fprintf(w, "    %s\n", l)
		}
		if cut > 0 {
			fmt.Fprintf(w, "    and %s\n", plural(cut, "more line"))
		}
		for _, l := range policy.Looser(f.Policy, in.Policy, in.Environment) {
			paragraph(w, "  asks less    ", report.Plain(l))
		}
	}
}

// shownUnknown bounds the makers without a known person on a screen.
const shownUnknown = 5

// showUnknown shows the makers that raise the number of approvals because no
// person is known for them, and the line of the policy that names them.
func showUnknown(w io.Writer, in policy.Input) {
	for _, u := range policy.UnknownMakers(in) {
		text := strings.Join(u.Makers[:min(len(u.Makers), shownUnknown)], "; ")
		if n := len(u.Makers) - shownUnknown; n > 0 {
			text += fmt.Sprintf("; and %d more", n)
		}
		paragraph(w, "  unknown      ", report.Plain(u.Group+": "+text))
		if u.Advice != "" {
			paragraph(w, "  next step    ", report.Plain(u.Advice))
		}
	}
}

// findings are those of everything that in judges if the unfinished runs succeed, each once.
func findings(in policy.Input) []verdict.Finding {
	var out []verdict.Finding
	for _, j := range policy.Preview(in).Judgements {
		for _, f := range j.Findings {
			if !slices.ContainsFunc(out, func(x verdict.Finding) bool { return reflect.DeepEqual(x, f) }) {
				out = append(out, f)
			}
		}
	}
	return out
}
