package report

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Limits of what is shown of people. The verdict file has all of it.
const (
	maxStrangers = 20  // who do not count: anybody may sign an approval
	maxNames     = 12  // in a list of names
	maxName      = 40  // characters
	maxComment   = 200 // characters
)

// Waiting is one line about whom a verdict waits for, or nothing if it waits
// for nobody.
func Waiting(r Record) string {
	var out []string
	seen := map[string]bool{}
	for _, list := range every(r) {
		for _, f := range list {
			s := Plain(f.Reason)
			if len(f.Eligible) > 0 {
				s += "; may approve: " + names(f.Eligible)
			}
			if f.Pending && !seen[s] {
				seen[s] = true
				out = append(out, s)
			}
		}
	}
	if n := len(out) - 3; n > 0 {
		out = append(out[:3], fmt.Sprintf("%d more in the verdict file", n))
	}
	return strings.Join(out, " · ")
}

func every(r Record) [][]verdict.Finding {
	all := [][]verdict.Finding{r.Findings}
	for _, j := range r.Judgements {
		all = append(all, j.Findings)
	}
	return all
}

// spoken reports whether f tells what people said, or who may still speak.
func spoken(f verdict.Finding) bool {
	return len(f.People) > 0 || len(f.Eligible) > 0 || f.Pending || strings.HasPrefix(f.Requirement, "approvals ")
}

// said is what a person did and what it came to. What is neither a yes nor a no
// that counts is "not counted".
func said(x verdict.Person) string {
	switch {
	case x.Counted && x.Decision == "approve":
		return "approved"
	case x.Counted && x.Decision == "reject":
		return "rejected"
	case x.Counted && x.Decision == "withdraw":
		return "withdrew"
	case x.Counted && x.Decision == "waive":
		return "waived"
	default:
		return "not counted"
	}
}

// simple is a name that is what it seems to be.
var simple = regexp.MustCompile(`^[A-Za-z0-9.][A-Za-z0-9._@+/-]*$`)

// named shows a name. What could be read as several names, as words of ours or
// as the name of another is quoted.
func named(s string) string {
	switch {
	case s == "":
		return "somebody"
	case size(s) <= maxName && simple.MatchString(s):
		return s
	}
	return `"` + strings.ReplaceAll(clip(Plain(s), maxName), `"`, `\u{22}`) + `"`
}

func names(all []string) string {
	var out []string
	for i, s := range all {
		if i == maxNames {
			out = append(out, fmt.Sprintf("and %d more", len(all)-maxNames))
			break
		}
		out = append(out, named(s))
	}
	return strings.Join(out, ", ")
}

// doubtful reports whether x's name alone does not say who it is: another has
// it too, or it is not what it seems to be.
func doubtful(x verdict.Person, among []verdict.Person) bool {
	for _, o := range among {
		if o.Name == x.Name && o.Identity != x.Identity {
			return true
		}
	}
	return x.Name != "" && named(x.Name) != x.Name
}

// heard returns the people to show: everybody who counts, and of the others as
// many as fit, with how many are left out.
func heard(f verdict.Finding, room int) (shown []verdict.Person, left int) {
	for _, x := range f.People {
		if said(x) == "not counted" {
			if room--; room < 0 {
				left++
				continue
			}
		}
		shown = append(shown, x)
	}
	return shown, left
}

// people writes a line for everybody who spoke, and one for those who may.
func (p *printer) people(r Record, f verdict.Finding) {
	all, left := heard(f, maxStrangers)
	rows := make([]row, len(all))
	for i, x := range all {
		rows[i] = row{said(x), named(x.Name), ago(r.At, x.Time), told(x, f.People)}
	}
	p.columns(rows)
	if left > 0 {
		p.line("    %d more, who do not count, are in the verdict file", left)
	}
	if len(f.Eligible) > 0 && f.Pending {
		p.wrapped("    may approve  ", names(f.Eligible))
	}
}

// uncounted is what somebody did, where it does not count and is not an approval.
var uncounted = map[string]string{"reject": "rejected it", "withdraw": "withdrew", "waive": "waived a role"}

// told is why somebody does not count, whose word it is, and what they wrote.
// Their identity, which is what was compared, comes first where the name leaves a
// doubt.
func told(x verdict.Person, among []verdict.Person) string {
	var parts []string
	if doubtful(x, among) {
		parts = append(parts, "account "+Plain(x.Identity))
	}
	if said(x) == "not counted" {
		if did, ok := uncounted[x.Decision]; ok {
			parts = append(parts, did)
		}
		parts = append(parts, Plain(x.Reason))
	}
	if x.Word != "" {
		parts = append(parts, Plain(x.Word))
	}
	if x.Comment != "" {
		parts = append(parts, `says "`+Plain(clip(x.Comment, maxComment))+`"`)
	}
	return strings.Join(parts, "; ")
}

func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

type row struct{ said, who, when, told string }

// columns writes rows beneath each other. Where what is told does not fit
// beside the times, it stands below, in every row.
func (p *printer) columns(rows []row) {
	name, when, word := 0, 0, 0
	for _, x := range rows {
		name, when, word = max(name, size(x.who)), max(when, size(x.when)), max(word, longest(x.told))
	}
	below := len("    not counted  ")+name+2+when+2+max(word, 24) > p.lineWidth()
	for _, x := range rows {
		head := fmt.Sprintf("    %-11s  %s  %s", x.said, pad(x.who, name), pad(x.when, when))
		switch {
		case x.told == "":
			p.line("%s", strings.TrimRight(head, " "))
		case below:
			p.line("%s", strings.TrimRight(head, " "))
			p.wrapped(strings.Repeat(" ", 17), x.told)
		default:
			p.wrapped(head+"  ", x.told)
		}
	}
}

func size(s string) int { return len([]rune(s)) }

func pad(s string, width int) string { return s + strings.Repeat(" ", max(0, width-size(s))) }

func longest(s string) int {
	n := 0
	for _, w := range strings.Fields(s) {
		n = max(n, size(w))
	}
	return n
}

// ago says how long before at a time was. A time that cannot be compared is
// shown as it is.
func ago(at, t string) string {
	now, err := time.Parse(time.RFC3339, at)
	then, err2 := time.Parse(time.RFC3339, t)
	if err != nil || err2 != nil {
		return Plain(t)
	}
	d := now.Sub(then)
	switch {
	case d < 0:
		return "in the future"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
}

// copied is what may be shown as a command to copy: words of ours, a path or a
// digest, and nothing that a shell acts on.
var copied = regexp.MustCompile(`^sallyport( [A-Za-z0-9._/:@=-]+)+$`)

// splitHint splits a hint that ends in a command, so that the command can be
// copied.
func splitHint(hint string) (text, run string) {
	i := strings.LastIndex(hint, ": sallyport ")
	if i < 0 || !copied.MatchString(hint[i+2:]) {
		return hint, ""
	}
	return hint[:i+1], hint[i+2:]
}
