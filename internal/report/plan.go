package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/doctor"
)

// The columns of a plan: the setting, what it is now, what the policy asks.
const (
	settingWidth = 22
	valueWidth   = (Width - 2 - settingWidth - 2 - 2) / 2
)

// PlanText writes a plan: what each setting is now, and beside it what it would
// be.
func PlanText(w io.Writer, plan doctor.Plan) error {
	plan = bounds(plan)
	p := &printer{w: w}
	switch n := len(plan.Changes); n {
	case 0:
		p.line("environment %s: the settings are what the policy asks", named(plan.Environment))
	case 1:
		p.line("environment %s: 1 change", named(plan.Environment))
	default:
		p.line("environment %s: %d changes", named(plan.Environment), n)
	}
	if len(plan.Changes) > 0 {
		p.beside("setting", "now", "want")
	}
	for _, c := range plan.Changes {
		p.change(Plain(c.Setting), orNothing(c.Now), orNothing(c.Want))
	}
	for _, s := range plan.Cannot {
		p.wrapped("  cannot  ", Plain(s))
	}
	return p.err
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return Plain(s)
}

// change writes both sides beside each other or, where a word is wider than its
// column, beneath.
func (p *printer) change(setting, now, want string) {
	if longest(setting) <= settingWidth && longest(now) <= valueWidth && longest(want) <= valueWidth {
		p.beside(setting, now, want)
		return
	}
	p.wrapped("  ", setting)
	p.wrapped("    now   ", now)
	p.wrapped("    want  ", want)
}

func (p *printer) beside(setting, now, want string) {
	a, b, c := Wrap(setting, settingWidth), Wrap(now, valueWidth), Wrap(want, valueWidth)
	cell := func(lines []string, i int) string {
		if i < len(lines) {
			return lines[i]
		}
		return ""
	}
	for i := range max(len(a), len(b), len(c)) {
		line := fmt.Sprintf("  %s  %s  %s", pad(cell(a, i), settingWidth), pad(cell(b, i), valueWidth), cell(c, i))
		p.line("%s", strings.TrimRight(line, " "))
	}
}

// PlanSchema names the version of PlanJSON's document;
// shared/plan.schema.json describes it.
const PlanSchema = "https://sallyport.dev/schemas/plan/v1"

// PlanJSON writes a plan as one indented JSON document.
func PlanJSON(w io.Writer, tool string, plan doctor.Plan) error {
	plan = bounds(plan)
	return Document(w, struct {
		Schema string `json:"schema"`
		Tool   string `json:"tool"`
		doctor.Plan
	}{PlanSchema, tool, plan})
}
