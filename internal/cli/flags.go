package cli

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/report"
)

// run is one command with its inputs, read once: a flag wins over an
// environment variable, which wins over the default. An empty variable is an
// unset one, because that is what an unset input of an action becomes.
type run struct {
	Command
	ctx       context.Context // one command, one context; it is passed on first
	component inputs.Component
	values    map[string][]string
	platform  platform // nil on a laptop
	at        door     // where the repository is; the platform in a job
	home      string   // its address
	now       time.Time
	helped    bool
	passed    []string          // names of outputs that were set
	flags     map[string]*value // what this very call has said
}

// newRun reads what a command is told. A run that cannot be read is returned
// too, with what was read of it.
func (c Command) newRun(ctx context.Context, name string, args []string) (*run, error) {
	component, ok := inputs.Lookup(name)
	if !ok {
		return &run{}, fault.New(fault.Internal, fault.InternalError, "", "command %q has no table of inputs", name)
	}
	r := &run{Command: c, ctx: ctx, component: component, values: map[string][]string{}, flags: map[string]*value{}, now: c.Now()}
	// Help ends with 0, as an allow does. So it is given to a person who asks
	// for nothing else, and never in a job: an artifact may be called --help.
	if p, err := choosePlatform(c); err == nil && p == nil && len(args) == 1 && isHelp(args[0]) {
		r.helped = true
		return r, helpCommand(c.Stdout, []string{name})
	}
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, in := range component.Inputs {
		if in.Where.In(inputs.Flag) && !in.Secret {
			v := &value{boolean: in.Kind == inputs.Bool}
			r.flags[in.Name] = v
			set.Var(v, in.Name, in.Usage)
		}
	}
	rest, err := parse(set, args)
	if errors.Is(err, flag.ErrHelp) {
		err = errors.New("help is for people at a terminal, and asks for nothing else")
	}
	if err != nil {
		return r, fault.New(fault.Usage, fault.Config, "sallyport help "+name+" lists the flags", "%w%s", fault.Brief(err), nearestFlag(err, component))
	}
	if r.platform, err = choosePlatform(c); err != nil {
		return r, err
	}
	if r.platform != nil {
		repository, _ := r.platform.Origin()
		r.at, r.home = r.platform, repository.URI
	}
	if len(rest) > 0 && !slices.ContainsFunc(component.Inputs, func(in inputs.Input) bool { return in.Arguments }) {
		return r, fault.New(fault.Usage, fault.Config, "sallyport help "+name+" lists the flags", "%s takes no argument, found %.200q", name, rest[0])
	}
	for _, in := range component.Inputs {
		if err := r.read(in, rest); err != nil {
			return r, err
		}
	}
	return r, nil
}

func isHelp(s string) bool { return s == "-h" || s == "-help" || s == "--help" }

// parse refuses flags after arguments: what a shell makes of "*" must not
// become a flag. After "--" everything is an argument.
func parse(set *flag.FlagSet, args []string) ([]string, error) {
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	rest := set.Args()
	if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
		return rest, nil
	}
	for _, a := range rest {
		if strings.HasPrefix(a, "-") && a != "-" {
			return nil, fault.Errorf("%q stands after a subject: flags come first, and -- before a subject that begins with a dash", a)
		}
	}
	return rest, nil
}

// value collects the values of one flag.
type value struct {
	list    []string
	boolean bool
}

func (v *value) String() string     { return strings.Join(v.list, "\n") }
func (v *value) IsBoolFlag() bool   { return v.boolean }
func (v *value) Set(s string) error { v.list = append(v.list, s); return nil }

func (r *run) read(in inputs.Input, rest []string) error {
	var list []string
	if v := r.flags[in.Name]; v != nil {
		list = v.list
	}
	if in.Arguments {
		list = append(list, rest...)
	}
	if !in.List && len(list) > 1 {
		return usage("flag --%s is given %d times, want once", in.Name, len(list))
	}
	if slices.Contains(list, "") {
		return usage("--%s is empty", in.Name)
	}
	if len(list) == 0 {
		list = r.variable(in)
	}
	if len(list) == 0 && in.Default != "" {
		list = []string{in.Default}
	}
	if len(list) == 0 && in.Required {
		name := "--" + in.Name
		if in.Arguments && !in.List {
			name = strings.Join(in.Choices, " or ")
		}
		return usage("%s is missing: %s", name, in.Usage)
	}
	if in.Kind == inputs.Choice && len(list) == 1 && !slices.Contains(in.Choices, list[0]) {
		return usage("--%s %q is not one of %s", in.Name, list[0], strings.Join(in.Choices, ", "))
	}
	if in.Kind == inputs.Bool && len(list) == 1 && list[0] != "true" && list[0] != "false" {
		return usage("--%s %q is neither true nor false", in.Name, list[0])
	}
	r.values[in.Name] = list
	return nil
}

// variable reads an input from its variable. In a job only what the job's own
// wiring sets is read: what is a flag alone could be an earlier step's.
func (r *run) variable(in inputs.Input) []string {
	if r.platform != nil && in.Where == inputs.Flag {
		return nil
	}
	s := r.Getenv(in.Env())
	if in.List {
		return inputs.Values(s)
	}
	if s == "" {
		return nil
	}
	return []string{s}
}

func usage(format string, args ...any) error {
	return fault.New(fault.Usage, fault.Config, "", format, args...)
}

// text returns the value of an input, or "".
func (r *run) text(name string) string {
	if v := r.values[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (r *run) list(name string) []string { return r.values[name] }

// flagged reports whether an input was given as a flag of this very call. A
// variable may stand there for other commands.
func (r *run) flagged(name string) bool { return r.flags[name] != nil && len(r.flags[name].list) > 0 }

// said returns what a flag says in a call that cannot be read, or "".
func (r *run) said(name string) string {
	if !r.flagged(name) {
		return ""
	}
	return r.flags[name].list[0]
}

func (r *run) on(name string) bool { return r.text(name) == "true" }

// workers returns how many things to do at once; 0 lets the room choose.
func (r *run) workers() (int, error) {
	s := r.text("workers")
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 1024 {
		return 0, usage("--workers %q, want a number from 1 to 1024", s)
	}
	return n, nil
}

// palette returns colours for a terminal and none for anything else.
func (r *run) palette() report.Palette {
	f, ok := r.Stdout.(*os.File)
	if !ok || r.Getenv("NO_COLOR") != "" {
		return report.Palette{}
	}
	if !terminal(f) {
		return report.Palette{}
	}
	return report.Colours
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
