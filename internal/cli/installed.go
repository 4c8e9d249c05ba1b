package cli

import (
	"fmt"
	"io"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
)

// shownChanges bounds the list of changes of one artifact on a screen.
const shownChanges = 40

// showInstalled shows how what people install has changed, first what an approval is asked for.
func showInstalled(w io.Writer, in policy.Input) {
	for _, d := range policy.Differences(in) {
		since := fmt.Sprintf("since entry %d", d.Entry)
		if d.Entry == 0 {
			since = "against nothing: no entry has an inventory of it"
		}
		fmt.Fprintf(w, "  installs     %s: %s %s\n", report.Plain(cut(d.Subject.Name)), plural(len(d.Changes), "change"), since)
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
	}
}
