package report

import (
	"fmt"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Said is what a person signed about a release: for people and for other programs.
type Said struct {
	Time     string `json:"time"`     // verified time of signing, RFC 3339, UTC
	Decision string `json:"decision"` // "approve", "reject", "withdraw", "waive", or "emergency" for an emergency approval
	Who      string `json:"who,omitempty"`
	// By is what says who it was: "entry", "certificate", "platform", "export", which had asked the
	// platform, or "statement", which is a claim that nobody has confirmed; absent: nothing says it.
	By           string     `json:"by,omitempty"`
	Environments []string   `json:"environments"`
	Release      string     `json:"release"` // sha256:HEX
	Version      string     `json:"version"`
	Artifacts    []Artifact `json:"artifacts"`
	Waives       string     `json:"waives,omitempty"` // of a waiver: whose role, in which commit
	Reason       string     `json:"reason,omitempty"` // as they wrote it
	Counted      []int      `json:"counted"`          // numbers of the entries that rest on it
	Approvers    *Approvers `json:"approvers,omitempty"`
	Signer       string     `json:"signer"`    // the run, or the address, that the certificate names
	Policy       string     `json:"policy"`    // sha256:HEX of the policy that they saw
	Expires      string     `json:"expires"`   // until when they meant it
	Statement    string     `json:"statement"` // sha256:HEX of the signed payload
}

// Approvers says who could have said yes, or how many, with a digest of the list.
type Approvers struct {
	May    int        `json:"may"`
	MayNot int        `json:"mayNot"`
	List   []Approver `json:"list,omitempty"`
	Salt   string     `json:"salt,omitempty"`   // hex
	SHA256 string     `json:"sha256,omitempty"` // hex: of the salt's bytes and the list as JSON
}

// Approver is one who could have said yes, or not, and why.
type Approver struct {
	Group  string `json:"group"`
	Who    string `json:"who"`
	Reason string `json:"reason,omitempty"` // absent: they could
}

// Exported is an export that was read.
type Exported struct {
	Time      string `json:"time"` // verified time of signing, RFC 3339, UTC
	Signer    string `json:"signer"`
	Run       string `json:"run"`
	Since     string `json:"since,omitempty"`
	Until     string `json:"until,omitempty"`
	Entries   int    `json:"entries"`
	Said      int    `json:"said"`
	Missing   int    `json:"missing,omitempty"` // entries that the job did not find
	Policy    string `json:"policy"`            // sha256:HEX
	Version   string `json:"version"`
	Statement string `json:"statement"` // sha256:HEX of the signed payload
}

// spokenAs are the words for what people said, about a release.
var spokenAs = map[string]string{
	"approve": "yes to", "reject": "no to", "withdraw": "takes back what was said about", "waive": "waiver for",
	"emergency": "emergency yes to",
}

// heard writes what one person said.
func (p *printer) heard(x Said) {
	p.wrapped("  ", fmt.Sprintf("%s %s %s", x.Time, spokenAs[x.Decision], Plain(fault.Cut(x.Version))))
	p.wrapped("       by ", x.by())
	if x.Waives != "" {
		p.wrapped("       waives ", Plain(x.Waives))
	}
	if x.Reason != "" {
		p.wrapped("       ", Plain(fault.Quote(x.Reason)))
	}
	if len(x.Environments) > 1 {
		p.wrapped("       for ", Plain(strings.Join(x.Environments, ", ")))
	}
	p.line("       release %s", x.Release)
	p.line("       %s", x.counted())
	if x.Approvers != nil && len(x.Counted) == 0 && x.Decision != "withdraw" { // entries say it themselves
		p.wrapped("       ", x.Approvers.words())
	}
	p.line("       statement %s", x.Statement)
}

// by says who it was, and what a claim is.
func (x Said) by() string {
	switch x.By {
	case "":
		return "whoever started " + Plain(x.Signer)
	case "statement":
		return Plain(x.Who) + ", as the statement claims"
	case "export":
		return Plain(x.Who) + ", as the platform told the export"
	}
	return Plain(x.Who)
}

func (x Said) counted() string {
	if len(x.Counted) == 0 {
		return "no entry rests on it"
	}
	var all []string
	for _, n := range x.Counted {
		all = append(all, fmt.Sprint(n))
	}
	if len(all) == 1 {
		return "entry " + all[0] + " rests on it"
	}
	return "entries " + strings.Join(all, ", ") + " rest on it"
}

// words says who could have said yes.
func (a Approvers) words() string {
	if len(a.List) == 0 {
		out := fmt.Sprintf("could have said yes: %d, and not: %d", a.May, a.MayNot)
		if a.SHA256 != "" {
			out += "; their list is the one with the digest " + a.SHA256
		}
		return Plain(out)
	}
	var may, not []string
	for _, x := range a.List {
		if x.Reason == "" {
			may = append(may, x.Who)
		} else {
			not = append(not, x.Who+" ("+fault.Cut(x.Reason)+")")
		}
	}
	out := "could have said yes: " + strings.Join(may, ", ")
	if len(may) == 0 {
		out = "nobody could have said yes"
	}
	if len(not) > 0 {
		out += "; not: " + strings.Join(not, ", ")
	}
	return Plain(out)
}

// cell is what stands in a table.
func (a *Approvers) cell() string {
	if a == nil {
		return ""
	}
	return a.words()
}

// exported writes whose list the history was held against.
func (p *printer) exported(x Exported) {
	when := "from the beginning"
	if x.Since != "" {
		when = "since " + x.Since
	}
	if x.Until != "" {
		when += " until " + x.Until
	}
	p.line("  exported %s", x.Time)
	p.wrapped("       signed by ", Plain(x.Signer))
	p.line("       run %s", Plain(x.Run))
	p.line("       %s", when)
	p.line("       it lists %s and %s, and all are here", number(x.Entries, "entry", "entries"),
		number(x.Said, "statement of a person", "statements of people"))
}

// Lacks says which statements of people were not found, on which entries rest.
func (h History) Lacks() string {
	n := len(h.Unheard)
	return fmt.Sprintf(
		"%s on which entries rest, the first: %s",
		number(n, "statement of a person", "statements of people"),
		h.Unheard[0],
	)
}
