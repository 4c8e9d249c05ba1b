package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// History is what entered one environment and what people said about it, the newest first.
type History struct {
	Environment string    `json:"environment"`
	ID          string    `json:"id"` // number of the environment
	Entries     []Entered `json:"entries"`
	Said        []Said    `json:"said"`                        // what people signed, whether anything entered or not
	Missing     []string  `json:"missing,omitempty"`           // entries that others name and that were not found
	Unheard     []string  `json:"missingStatements,omitempty"` // of people, on which entries rest, and that were not found
	Passed      []string  `json:"passedOver,omitempty"`
	// Policies are the policy files under which something entered, by their digests.
	Policies map[string]string `json:"policies,omitempty"`
	Exports  []Exported        `json:"exports,omitempty"` // that were read, and of which nothing is missing
}

// Entered is one entry, for people and for other programs.
type Entered struct {
	Number    int        `json:"number"`
	Time      string     `json:"time"`               // verified time of signing, RFC 3339, UTC
	State     string     `json:"state"`              // "confirmed", "failed", "running", "unknown" or "watched"
	Would     string     `json:"would,omitempty"`    // of what came in under watch: the outcome that nobody was held to
	Warnings  []string   `json:"warnings,omitempty"` // what was passed with a warning
	Artifacts []Artifact `json:"artifacts"`
	Approved  []string   `json:"approved,omitempty"` // who said yes, and counted
	Others    []string   `json:"others,omitempty"`   // who said something else that counted: "waive" and who
	Makers    []string   `json:"makers,omitempty"`
	Emergency bool       `json:"emergency,omitempty"`
	Run       string     `json:"run"`
	Policy    string     `json:"policy"`           // sha256:HEX
	Commit    string     `json:"commit,omitempty"` // that the policy is of
	Statement string     `json:"statement"`        // sha256:HEX of the signed payload
	Input     string     `json:"input"`            // sha256:HEX of what the verdict was reached from
	Previous  []int      `json:"previous,omitempty"`
	// Approvers says who could have said yes when it entered.
	Approvers *Approvers `json:"approvers,omitempty"`
}

// Artifact is one artifact that entered.
type Artifact struct {
	Artifact string `json:"artifact,omitempty"` // its name in the policy
	Name     string `json:"name"`
	Digest   string `json:"digest"`
	Commit   string `json:"commit,omitempty"`
	Base     string `json:"base,omitempty"`
}

// shownArtifacts is how many artifacts of one entry the text lists.
const shownArtifacts = 5

// HistoryText writes histories for a person.
func HistoryText(w io.Writer, all []History) error {
	p := &printer{w: w}
	for _, h := range all {
		p.line("%s  %s", Plain(h.Environment), h.counted())
		for i, e := range h.Entries {
			p.entered(e)
			if i+1 < len(h.Entries) && h.Entries[i+1].Policy != e.Policy {
				p.line("       under another policy than before: %s", Plain(e.Policy))
			}
		}
		for i, x := range h.Said {
			if i == 0 {
				p.line("  what people said: %s", number(len(h.Said), "statement", "statements"))
			}
			p.heard(x)
		}
		for _, x := range h.Exports {
			p.exported(x)
		}
		for _, m := range h.Missing {
			p.hanging("  missing  ", "           ", Plain(m))
		}
		if len(h.Unheard) > 0 {
			p.hanging("  missing  ", "           ", Plain(h.Lacks()))
		}
		for i, x := range h.Passed {
			if i == maxPassedOver {
				p.line("  and %d more that do not count, which --format json shows", len(h.Passed)-i)
				break
			}
			p.hanging("  does not count  ", "    ", Plain(x))
		}
	}
	return p.err
}

// counted says how many entries there are, and what came in under watch, which is none.
func (h History) counted() string {
	watched := 0
	for _, e := range h.Entries {
		if e.Would != "" {
			watched++
		}
	}
	s := number(len(h.Entries)-watched, "entry", "entries")
	if watched > 0 {
		s += fmt.Sprintf(", and %d times something came in under watch", watched)
	}
	return s
}

// kind is what e is called in a table.
func (e Entered) kind() string {
	if e.Would != "" {
		return "watched"
	}
	return "entry"
}

func (p *printer) entered(e Entered) {
	word := e.State
	if e.Would != "" {
		word += ", would " + Plain(e.Would)
	}
	if e.Emergency {
		word += ", by emergency approval"
	}
	p.line("  %-4d %s  %s", e.Number, Plain(e.Time), word)
	for i, a := range e.Artifacts {
		if i == shownArtifacts {
			p.line("       and %d more, which --format json shows", len(e.Artifacts)-i)
			break
		}
		since := ""
		if a.Base != "" {
			since = ", after " + a.Base[:min(12, len(a.Base))]
		}
		p.line("       %s  %s", Plain(a.Name), a.Digest)
		if a.Commit != "" {
			p.line("         commit %s%s", Plain(a.Commit[:min(12, len(a.Commit))]), Plain(since))
		}
	}
	if len(e.Approved) > 0 {
		p.wrapped("       approved by ", Plain(strings.Join(e.Approved, ", ")))
	}
	for _, w := range e.Warnings {
		p.wrapped("       warning ", Plain(w))
	}
	if len(e.Others) > 0 {
		p.wrapped("       and ", Plain(strings.Join(e.Others, ", ")))
	}
	if e.Approvers != nil {
		p.wrapped("       ", e.Approvers.words())
	}
	p.line("       run %s", Plain(e.Run))
}

func number(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// HistoryJSON writes histories as one document.
func HistoryJSON(w io.Writer, all []History) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if all == nil {
		all = []History{}
	}
	doc := struct {
		Schema       string    `json:"schema"`
		Environments []History `json:"environments"`
	}{HistorySchema, all}
	if err := e.Encode(doc); err != nil {
		return fmt.Errorf("writing the history: %w", err)
	}
	return nil
}

// HistorySchema names the form of HistoryJSON.
const HistorySchema = "https://sallyport.dev/schemas/history/v1"
