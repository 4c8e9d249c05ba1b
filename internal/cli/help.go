package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/codes"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
)

const usageText = "sallyport lets an artifact into an environment only if its evidence verifies and " +
	"people who did not make it have said yes, where the policy asks for that."

func help(w io.Writer) {
	paragraph(w, "", usageText)
	fmt.Fprint(w, "\nusage: sallyport COMMAND [flags] [SUBJECT...]\n\n")
	for _, c := range inputs.All() {
		if c.Where.In(inputs.Flag) {
			paragraph(w, fmt.Sprintf("  %-10s", c.Name), lower(c.Summary))
		}
	}
	paragraph(w, "  version   ", "print the version")
	paragraph(w, "  help      ", "explain a command, a code, or a rule of the doctor: sallyport help gate, help E_IDENTITY, help gate-watched")
	fmt.Fprint(w, "\nexit status\n")
	paragraph(w, "  ", "0 allowed   1 internal error   2 usage   3 denied   4 waiting   5 unavailable")
}

// paragraph writes text after a label, wrapped, with the lines that follow
// beneath it.
func paragraph(w io.Writer, label, text string) {
	for _, l := range report.Wrap(text, helpWidth(w)-len(label)) {
		fmt.Fprintf(w, "%s%s\n", label, l)
		label = strings.Repeat(" ", len(label))
	}
}

// helpWidth is how many columns help may have: those of a terminal that is narrower than usual.
func helpWidth(w io.Writer) int {
	if out, ok := w.(*stdout); ok {
		w = out.Writer
	}
	if f, ok := w.(*os.File); ok && terminal(f) {
		if n := columns(f); n > 0 {
			return min(n, report.Width)
		}
	}
	return report.Width
}

func lower(s string) string {
	return strings.ToLower(s[:1]) + strings.TrimSuffix(s[1:], ".")
}

func helpCommand(w io.Writer, args []string) error {
	if len(args) == 0 {
		help(w)
		return nil
	}
	if args[0] == "version" || args[0] == "help" {
		help(w) // all there is to say about them
		return nil
	}
	if code := fault.Code(strings.ToUpper(args[0])); strings.HasPrefix(string(code), "E_") {
		return explainCode(w, code)
	}
	for _, rule := range finding.Rules() {
		if rule.String() == args[0] {
			explainRule(w, rule)
			return nil
		}
	}
	c, ok := inputs.Lookup(args[0])
	if !ok || !c.Where.In(inputs.Flag) {
		return usage("unknown command %q%s", args[0], nearest(args[0]))
	}
	paragraph(w, "", c.Summary)
	fmt.Fprintf(w, "\nusage: sallyport %s %s\n\n", c.Name, arguments(c))
	for _, in := range c.Inputs {
		if !in.Where.In(inputs.Flag) || in.Secret {
			continue
		}
		fmt.Fprintf(w, "  --%s\n", in.Name)
		paragraph(w, "      ", in.Usage+details(in))
	}
	fmt.Fprintln(w)
	paragraph(w, "", "At a terminal every flag has an environment variable: SALLYPORT_ and its name in capitals, with _ for -. "+
		"In a job such a variable is an error. Flags stand before subjects.")
	return nil
}

// explainRule writes what the table says of a rule of the doctor.
func explainRule(w io.Writer, rule finding.Rule) {
	paragraph(w, rule.String()+": ", fmt.Sprintf("%s (%s of the doctor)", rule.Title(), rule.Severity()))
	fmt.Fprintln(w)
	paragraph(w, "", rule.Meaning())
	fmt.Fprintf(w, "\nwhat to do:\n")
	paragraph(w, "  ", rule.Step())
	fmt.Fprintf(w, "\n%s#%s\n", report.RulesPage, rule)
}

// explainCode writes the page of a code.
func explainCode(w io.Writer, code fault.Code) error {
	p, known := codes.Pages[code]
	if !known {
		var all []string
		for c := range codes.Pages {
			all = append(all, string(c))
		}
		slices.Sort(all)
		return usage("unknown code %q%s", code, policy.DidYouMean(string(code), all))
	}
	fmt.Fprintf(w, "%s: %s\n\n", code, fault.Codes[code])
	paragraph(w, "", p.Means)
	for _, x := range p.Parts() {
		fmt.Fprintf(w, "\n%s:\n", x[0])
		paragraph(w, "  ", x[1])
	}
	fmt.Fprintf(w, "\n%s\n", code.URL())
	return nil
}

func arguments(c inputs.Component) string {
	for _, i := range c.Inputs {
		switch {
		case !i.Arguments:
		case i.List:
			return "[flags] " + strings.ToUpper(i.Name) + "..."
		default:
			return cmp.Or(strings.Join(i.Choices, "|"), strings.ToUpper(i.Name)) + " [flags]"
		}
	}
	return "[flags]"
}

func details(in inputs.Input) string {
	var parts []string
	if in.Kind == inputs.Choice {
		parts = append(parts, "one of "+strings.Join(in.Choices, ", "))
	}
	if in.Default != "" {
		parts = append(parts, "default "+in.Default)
	}
	if in.Required {
		parts = append(parts, "required")
	}
	if in.List {
		parts = append(parts, "may be repeated")
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, "; ") + ")"
}

// nearest returns ", did you mean …?" for a mistyped command.
func nearest(name string) string {
	var names []string
	for n := range commands {
		names = append(names, n)
	}
	slices.Sort(names)
	return policy.DidYouMean(name, append(names, "version", "help"))
}

// nearestFlag does the same for a mistyped flag.
func nearestFlag(err error, c inputs.Component) string {
	_, name, ok := strings.Cut(err.Error(), "not defined: -")
	if !ok || errors.Unwrap(err) != nil {
		return ""
	}
	return nearestInput(name, c)
}

// nearestInput does the same for a mistyped input.
func nearestInput(name string, c inputs.Component) string {
	var names []string
	for _, i := range c.Inputs {
		names = append(names, i.Name)
	}
	return policy.DidYouMean(name, names)
}
