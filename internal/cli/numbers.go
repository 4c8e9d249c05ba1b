package cli

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/starter"
)

// policyInputs is what policy alone is told.
type policyInputs struct {
	Action string `input:"action"`
}

// policyCommand writes the numbers beside the names of a policy file. A number that
// stands there is held to what the platform says, and never written over.
func policyCommand(r *run, _ policyInputs) (answer, error) {
	if err := r.atTerminal(); err != nil {
		return answer{}, err
	}
	if err := named(r.in.Policy); err != nil {
		return answer{}, err
	}
	raw, err := r.file(r.in.Policy)
	if err != nil {
		return answer{}, err
	}
	n, err := policy.ReadNumbers(raw, r.in.Policy, policy.Words{Forge: forges.Of, Place: forges.Place})
	if err != nil {
		return answer{}, err
	}
	if v := cmp.Or(n.Version, "none"); v != policy.Version {
		return answer{}, fault.New(
			fault.Usage,
			fault.Policy,
			"write version: "+policy.Version+" at the top of the file",
			"%s says version %q, and the current one is %s",
			r.in.Policy,
			v,
			policy.Version,
		)
	}
	for _, x := range n.All {
		if strings.Trim(x.ID, "0123456789") != "" {
			return answer{}, usage("%s:%d: the number of %s %q is %q, which is none: take it out, and it is looked up", r.in.Policy, x.Line, x.Kind, x.Name, x.ID)
		}
	}
	known, lacks, err := r.numbers(n)
	if err != nil {
		return answer{}, err
	}
	after, err := n.Write(known)
	if err != nil {
		return answer{}, err
	}
	change := starter.Change{Path: r.in.Policy, Before: raw, After: after}
	if change.Same() && len(lacks) == 0 {
		r.say("version %s is the current one, and every number agrees with its name: nothing to write", policy.Version)
	}
	if err := r.settleFiles([]starter.Change{change}); err != nil {
		return answer{}, err
	}
	if len(lacks) > 0 {
		hint := "name the platform with --repository, with a token that may see them, or write the numbers by hand"
		if r.in.Repository != "" {
			hint = "give a token that may see them, or write the numbers by hand"
		}
		return answer{}, fault.New(fault.Unavailable, fault.NotAvailable, hint,
			"nothing is known of %s", strings.Join(lacks, "; of "))
	}
	return done, nil
}

// numbers asks the platforms about every name, each once, in the order of n. lacks are
// those of which nothing was found, with why.
func (r *run) numbers(n *policy.Numbers) (known []policy.Number, lacks []string, err error) {
	defer r.progress("asking for numbers")()
	type key struct {
		kind       policy.NamedKind
		host, name string
	}
	type reply struct {
		policy.Number
		err error
	}
	doors := r.registries(n)
	asked := map[key]reply{}
	var wrong []string
	for _, x := range n.All {
		k := key{x.Kind, x.Host, strings.ToLower(x.Name)}
		a, seen := asked[k]
		if !seen {
			a.Number, a.err = doors.number(r.ctx, x)
			asked[k] = a
		}
		if r.ctx.Err() != nil {
			return nil, nil, a.err
		}
		switch w := disagrees(x, a.Number); {
		case a.err == nil && a.Found && w != "":
			wrong = append(wrong, w)
		case a.err != nil || !a.Found:
			f := fault.Of(cmp.Or(a.err, errNotThere))
			lacks = append(lacks, fmt.Sprintf("%s %q (line %d): %s", x.Kind, x.Name, x.Line, f.Error()))
		}
		known = append(known, a.Number)
	}
	if len(wrong) > 0 {
		return nil, nil, fault.New(
			fault.Refused,
			fault.Policy,
			"find out who has the name now, and correct the policy by hand: nothing was written",
			"%s",
			strings.Join(wrong, "\n"),
		)
	}
	return known, lacks, nil
}

var errNotThere = fault.New(fault.Unavailable, fault.NotAvailable, "", "it is not there, or may not be seen")

// disagrees says how the platform's answer differs from what the policy says; "" where it
// does not. A name that leads to another one was renamed.
func disagrees(n policy.Named, now policy.Number) string {
	at := fmt.Sprintf("line %d: %s %q", n.Line, n.Kind, n.Name)
	switch {
	case n.ID != "" && n.ID != now.ID:
		return fault.Text(
			"%s is number %s there: found %s, wanted %s; the name belongs to something else now",
			at,
			now.ID,
			now.ID,
			n.ID,
		)
	case n.Owner != "" && now.Owner != "" && n.Owner != now.Owner:
		return fault.Text("%s belongs to owner %s: found %s, wanted %s", at, now.Owner, now.Owner, n.Owner)
	case !strings.EqualFold(n.Name, now.Name):
		return fault.Text("%s is called %q now: found %q, wanted %q", at, now.Name, now.Name, n.Name)
	}
	return ""
}

// settleFiles shows what would change, asks, and writes.
func (r *run) settleFiles(all []starter.Change) error {
	if err := r.showFiles(all); err != nil {
		return err
	}
	for _, c := range all {
		if c.Same() {
			continue
		}
		if err := write(c.Path, c.After); err != nil {
			return err
		}
	}
	return nil
}

// showFiles shows what would change, and is content with a yes.
func (r *run) showFiles(all []starter.Change) error {
	changed := false
	for _, c := range all {
		if d := c.Diff(); d != "" {
			changed = true
			if _, err := io.WriteString(r.Stdout, report.PlainLines(d)); err != nil {
				return err
			}
		}
	}
	if !changed || r.in.Yes {
		return nil
	}
	fmt.Fprint(r.Stderr, "\nWrite this? [y/N] ")
	line, _ := bufio.NewReader(io.LimitReader(r.stdin(), 1024)).ReadString('\n') // no answer is no yes
	if a := strings.ToLower(strings.TrimSpace(line)); a != "y" && a != "yes" {
		return usage("nothing was written; --yes writes without asking")
	}
	return nil
}

// atTerminal refuses a job: what writes files of a repository is for a person, who reads
// the difference and commits it.
func (r *run) atTerminal() error {
	if r.platform != nil {
		return usage("%s writes files that a person commits: run it at a terminal, not in a job", r.component.Name)
	}
	return nil
}
