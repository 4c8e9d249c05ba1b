// Package cli wires the rooms together for one command: flags and environment
// in, one answer out.
//
// It refuses to think: what is right is decided in policy, what is genuine in
// sigstore. It is the only place that prints errors, and one function in it
// turns an answer into an exit code, whatever the format of the output.
package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Command is the program as a value: the world is handed to it.
type Command struct {
	Version        string
	Getenv         func(string) string
	Stdin          io.Reader // nil: nobody answers
	Stdout, Stderr io.Writer
	Now            func() time.Time // nil is time.Now
}

// commands are the subcommands, by name.
var commands = map[string]command{
	"attest":   told(attestCommand),
	"release":  told(releaseCommand),
	"approve":  told(approveCommand),
	"reject":   told(rejectCommand),
	"gate":     told(gateCommand),
	"enter":    told(enterCommand),
	"entered":  told(enteredCommand),
	"failed":   told(failedCommand),
	"verify":   told(verifyCommand),
	"doctor":   told(doctorCommand),
	"settings": told(settingsCommand),
	"policy":   told(policyCommand),
	"init":     told(initCommand),
	"remove":   told(removeCommand),
	"trust":    told(trustCommand),
	"explain":  told(explainCommand),
	"history":  told(historyCommand),
	"try":      told(tryCommand),
	"run":      told(runCommand),
	"manifest": told(manifestCommand),
	"ledger":   told(ledgerCommand),
	"rebuild":  told(rebuildCommand),
}

// An answer is what a command that did not fault came to. Its zero denies.
type answer struct {
	verdict verdict.Answer
	done    bool // the command decides nothing, and did what it was asked to do
	ran     bool // it ran another program, whose exit status is the answer
	status  int
}

var done = answer{done: true}

// Run runs one command and returns its exit code (docs/exit-codes.md).
func (c Command) Run(ctx context.Context, args []string) (code int) {
	defer func() {
		if p := recover(); p != nil {
			c.tell(args, fault.Fault{Err: fmt.Errorf("panic: %v", p), Code: fault.InternalError, Hint: "please report this: https://github.com/sallyport-dev/sallyport/issues"})
			code = exitCode(answer{}, fmt.Errorf("panic"))
		}
	}()
	if c.Now == nil {
		c.Now = time.Now
	}
	out := &stdout{Writer: c.Stdout}
	c.Stdout = out
	a, err := c.dispatch(ctx, args)
	if err == nil {
		err = out.err
	}
	if err = fault.ScrubFault(fullDisk(err), secrets(c.Getenv)...); err != nil {
		f := fault.Of(err)
		if !out.wrote { // standard error says it as well
			switch wanted(args) {
			case "json":
				_ = report.FaultJSON(out, "sallyport "+c.Version, f)
			case "junit":
				_ = report.FaultJUnit(out, args[0], f)
			}
		}
		c.tell(args, f)
	}
	return exitCode(a, err)
}

// tell says a fault wherever people look: on standard error, and in a job on its page too.
func (c Command) tell(args []string, f fault.Fault) {
	f = wired(args, f)
	report.Fault(c.Stderr, f, undecided(args))
	defer func() { _ = recover() }() // it was said; a page that cannot be written changes no exit code
	p, err := choosePlatform(c, inputs.Component{})
	if err != nil || p == nil {
		return
	}
	p.Annotate("error", "", 0, "sallyport: "+string(f.Code), strings.ReplaceAll(fault.Bound(f.Error()), "\n", "; "))
	var page bytes.Buffer
	if report.FaultMarkdown(&page, f, undecided(args)) == nil {
		_ = p.Summary(page.String(), "") // standard error says it as well
	}
}

// undecided is what does not happen where the command of a call has no answer, in words; "" where
// nobody waits for its answer before a deployment.
func undecided(args []string) string {
	if len(args) == 0 {
		return ""
	}
	switch args[0] {
	case "gate", "enter", "release", "attest":
		return "nothing may be deployed"
	case "verify":
		return "nothing is verified"
	}
	return ""
}

// wired speaks of inputs where the wiring of an action or component called: nobody there has typed
// a flag. Commands that a hint shows keep theirs.
func wired(args []string, f fault.Fault) fault.Fault {
	handed := map[string]bool{}
	for i, a := range args {
		if i > 0 && strings.TrimLeft(args[i-1], "-") == handOn {
			name, _, _ := strings.Cut(a, "=")
			handed[name] = true
		}
	}
	if len(handed) == 0 {
		return f
	}
	said := func(text string) string {
		if strings.Contains(text, "sallyport ") {
			return text
		}
		return flagNames().ReplaceAllStringFunc(text, func(flag string) string {
			name := strings.TrimPrefix(flag, "--")
			if !handed[name] {
				return flag
			}
			return "input " + name
		})
	}
	return fault.Fault{Kind: f.Kind, Code: f.Code, Hint: said(f.Hint), Err: errors.New(said(f.Error()))}
}

// flagNames are names of flags in a text.
var flagNames = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`--[a-z][a-z-]*[a-z]`) })

// wanted is the format that a call asks for, even if it is wrong in another place; or "".
func wanted(args []string) string {
	for i, a := range args {
		name, value, given := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if name != "format" || !strings.HasPrefix(a, "-") {
			continue
		}
		if !given && i+1 < len(args) {
			value = args[i+1]
		}
		return value
	}
	return ""
}

// subcommands take their first argument before their flags.
var subcommands = []string{"settings", "policy", "explain", "history", "manifest", "ledger"}

func (c Command) dispatch(ctx context.Context, args []string) (answer, error) {
	if len(args) == 0 {
		help(c.Stderr)
		return answer{}, fault.New(fault.Usage, fault.Config, "name a command: sallyport help lists them", "no command is named")
	}
	name := args[0]
	switch name {
	case "version", "--version", "-version":
		fmt.Fprintf(c.Stdout, "sallyport %s\nknown agents: version %d\n", c.Version, policy.KnownAgents().Version)
		return done, nil
	case "help", "--help", "-help", "-h":
		return done, helpCommand(c.Stdout, args[1:])
	}
	if slices.Contains(subcommands, name) && len(args) > 2 && !strings.HasPrefix(args[1], "-") {
		// "settings plan --flag" reads better than the rule that flags come first.
		args = append(append([]string{name}, args[2:]...), args[1])
	}
	todo, ok := commands[name]
	if !ok {
		return answer{}, fault.New(fault.Usage, fault.Config, "sallyport help lists the commands", "unknown command %q%s", name, nearest(name))
	}
	r, err := c.newRun(ctx, name, args[1:])
	if err != nil {
		if r.component.Allowed() != "" {
			err = errors.Join(err, r.forget())
		}
		err = errors.Join(err, r.vacateOutputs())
		if name == "run" { // its other statuses are those of the command
			return notRun, err
		}
		return answer{}, err
	}
	if r.helped {
		return done, nil
	}
	return todo.do(r)
}

// exitCode is the one place where an answer becomes a number.
func exitCode(a answer, err error) int {
	if a.ran {
		return a.status
	}
	if err != nil {
		switch fault.Of(err).Kind {
		case fault.Usage:
			return 2
		case fault.Refused:
			return 3
		case fault.Unavailable:
			return 5
		default:
			return 1
		}
	}
	switch {
	case a.done || a.verdict.Watched || a.verdict.Allows():
		return 0
	case a.verdict.Outcome == verdict.Wait:
		return 4
	default:
		return 3
	}
}
