package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// showProposal shows what is decided about: artifacts, evidence, changes, and
// who may approve.
func (r *run) showProposal(x proposal) error {
	if r.in.Format == "json" {
		return report.Document(r.Stdout, x.machine())
	}
	w := r.Stdout
	fmt.Fprintf(
		w,
		"release   %s of %s, asked for by %s\n",
		report.Plain(x.set.Version),
		plural(len(x.chosen.list), "artifact"),
		report.Plain(cmp.Or(x.set.Requester, x.set.Run)),
	)
	for i, s := range x.chosen.list {
		if i == shownArtifacts {
			fmt.Fprintf(w, "  and %s, which --format json shows\n", plural(len(x.chosen.list)-i, "more artifact"))
			break
		}
		fmt.Fprintf(w, "  %s\n    %s\n", report.Plain(s.Name), s.Digest)
	}
	for i, in := range x.inputs {
		showEnvironment(w, in)
		if x.counts[i].Before(x.expires) {
			fmt.Fprintf(w, "  counts until %s\n", stamp(x.counts[i]))
		}
	}
	if x.decision == statement.Waive {
		for _, c := range x.claims[:min(len(x.claims), shownMakers)] {
			fmt.Fprintf(
				w,
				"  waives       %s %s\n               of commit %s\n",
				c.Role,
				report.Plain(policy.Who(c)),
				c.Commit,
			)
		}
		if n := len(x.claims) - shownMakers; n > 0 {
			fmt.Fprintf(w, "               and %d more\n", n)
		}
	}
	fmt.Fprintf(w, "  made by      %s\n", report.Plain(x.fact.Signer.Run))
	if x.decision != statement.Withdraw {
		fmt.Fprintf(w, "  expires      %s\n", stamp(x.expires))
	}
	return nil
}

// shownCommits bounds the list of commits on a screen.
const shownCommits = 20

// shownRunes bounds one text of a commit.
const shownRunes = 72

// cut bounds a text that others wrote, so that it does not push what matters
// off the screen.
func cut(s string) string {
	if r := []rune(s); len(r) > shownRunes {
		return string(r[:shownRunes]) + "…"
	}
	return s
}

// shortCommit is a commit as people read it.
func shortCommit(id string) string { return id[:min(12, len(id))] }

func showEnvironment(w io.Writer, in policy.Input) {
	fmt.Fprintf(w, "for %q\n", in.Environment)
	type row struct{ label, text string }
	var rows []row // what holds for several artifacts is said once
	width := len("may approve")
	for _, j := range policy.Preview(in).Judgements {
		for _, f := range j.Findings {
			x := row{report.Plain(cmp.Or(f.Requirement, string(f.Code))), report.Plain(f.Reason)}
			if !slices.Contains(rows, x) {
				rows, width = append(rows, x), max(width, len(x.label))
			}
		}
	}
	for i, x := range rows {
		if i == shownFindings {
			fmt.Fprintf(w, "  and %s, which --format json shows\n", plural(len(rows)-i, "more finding"))
			break
		}
		paragraph(w, fmt.Sprintf("  %-*s  ", width, x.label), x.text)
	}
	showInForce(w, in)
	showInstalled(w, in)
	for _, c := range in.Changes {
		since := "since the beginning: nothing is deployed"
		if c.Base != "" {
			since = "since " + shortCommit(c.Base) + ", which is deployed now"
			if strings.HasPrefix(c.Deployed, "nothing is deployed") {
				since = "since " + shortCommit(c.Base) + ", with which the policy begins: nothing is deployed"
			}
		}
		fmt.Fprintf(w, "  changes      %s %s\n", plural(len(c.Commits), "commit"), since)
		if link := compared(in.Policy, c); link != "" {
			fmt.Fprintf(w, "               %s\n", report.Plain(link))
		}
		for i, m := range c.Commits {
			if i == shownCommits {
				fmt.Fprintf(
					w,
					"    and %s, which --format json shows\n",
					plural(len(c.Commits)-shownCommits, "more commit"),
				)
				break
			}
			fmt.Fprintf(
				w,
				"    %s  %s: %s\n",
				shortCommit(m.ID),
				report.Plain(cut(m.Author)),
				report.Plain(cut(m.Title)),
			)
		}
		showRequests(w, c)
		showMakers(w, c)
	}
	showUnknown(w, in)
	may := policy.MayApprove(in)
	for _, g := range slices.Sorted(maps.Keys(may)) {
		fmt.Fprintf(
			w,
			"  may approve  %s: %s\n",
			report.Plain(g),
			report.Plain(cmp.Or(strings.Join(may[g], ", "), "nobody is left")),
		)
	}
	showExcluded(w, in)
}

// machine is the proposal for another front end.
func (x proposal) machine() any {
	type commit struct {
		ID     string `json:"id"`
		Title  string `json:"title"`
		Author string `json:"author"`
		Time   string `json:"time"`
	}
	type environment struct {
		Name     string              `json:"name"`
		Base     string              `json:"base,omitempty"`
		Compare  []string            `json:"compare,omitempty"`
		Commits  []commit            `json:"commits"`
		Requests []policy.Request    `json:"requests,omitempty"`
		Makers   []shownMaker        `json:"makers"`
		MayNot   []shownApprover     `json:"mayNotApprove,omitempty"`
		Findings []verdict.Finding   `json:"findings"`
		May      map[string][]string `json:"mayApprove"`
		Unknown  []policy.UnnamedIn  `json:"unknownMakers,omitempty"`
		Installs []policy.Difference `json:"installs,omitempty"`
	}
	var envs []environment
	for _, in := range x.inputs {
		e := environment{
			Name:     in.Environment,
			Commits:  []commit{},
			Findings: findings(in),
			May:      policy.MayApprove(in),
			Unknown:  policy.UnknownMakers(in),
			Installs: policy.Differences(in),
		}
		for _, c := range in.Changes {
			e.Base = c.Base
			if link := compared(in.Policy, c); link != "" {
				e.Compare = append(e.Compare, link)
			}
			e.Requests, e.Makers = append(e.Requests, c.Requests...), append(e.Makers, makersOf(c)...)
			for _, m := range c.Commits {
				e.Commits = append(e.Commits, commit{m.ID, m.Title, m.Author, stamp(m.Time)})
			}
		}
		e.MayNot = excluded(in)
		envs = append(envs, e)
	}
	return map[string]any{
		"release": x.set.Digest.String(), "version": x.set.Version, "repository": x.set.Repository, "requester": x.set.Requester, "run": x.set.Run,
		"policy": x.set.PolicyDigest.String(), "artifacts": x.chosen.list, "environments": envs, "expires": stamp(x.expires), "decision": x.decision,
	}
}
