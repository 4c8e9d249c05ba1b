package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// approves returns which changes of what people install a yes covers: those whose digests the call
// names, and at a terminal, where a person has been shown them, all that were. What a job prints
// is not read by a person before it signs.
func (r *run) approves(x proposal, in policy.Input) []statement.Changed {
	if x.decision != statement.Approve {
		return nil
	}
	shown, typed := policy.Changed(in), strings.Fields(x.told.Changes)
	if len(typed) == 0 {
		if r.platform != nil {
			return nil
		}
		return shown
	}
	var out []statement.Changed
	for _, d := range typed {
		hex := strings.TrimPrefix(d, "sha256:")
		for _, c := range in.Candidates {
			named := statement.Changed{Environment: in.Environment, Artifact: c.Subject.Digest.Hex(), SHA256: hex}
			unseen := c.Package == nil && in.Policy.Judges(in.Environment) // who names them was shown them by a gate
			if (unseen || slices.Contains(shown, named)) && !slices.Contains(out, named) {
				out = append(out, named)
			}
		}
	}
	return out
}

// named refuses digests that name none of the changes that are here.
func (x proposal) named(all []statement.Changed) error {
	for _, d := range strings.Fields(x.told.Changes) {
		hex := strings.TrimPrefix(d, "sha256:")
		if !slices.ContainsFunc(all, func(c statement.Changed) bool { return c.SHA256 == hex }) {
			return fault.New(fault.Refused, fault.Changed, "run the gate again, and look at what it shows now",
				"no artifact of this release has changes %s: what it is compared with may be another entry since", d)
		}
	}
	return nil
}

// shownChanges bounds the list of changes of one artifact on a screen.
const shownChanges = 40

// showInstalled shows how what people install has changed, first what an approval is asked for.
func showInstalled(w io.Writer, in policy.Input) {
	for _, d := range policy.Differences(in) {
		since := fmt.Sprintf("since entry %d", d.Entry)
		if d.Entry == 0 {
			since = "against nothing: no entry has an inventory of it"
		}
		fmt.Fprintf(w, "  installs     %s: %s %s\n", report.Plain(cut(d.Subject.Name)),
			plural(len(d.Changes), "change"), since)
		for i, c := range d.Changes {
			if i == shownChanges {
				fmt.Fprintf(w, "    and %s, which --format json shows\n", plural(len(d.Changes)-i, "more change"))
				break
			}
			word := string(c.Ruling)
			if word == "" {
				word = "not judged"
			}
			fmt.Fprintf(w, "    %-10s  %s: %s\n", word, c.Of, report.Plain(c.String()))
		}
		if d.Digest != "" {
			fmt.Fprintf(w, "    to approve  %s\n", d.Digest)
		}
	}
}
