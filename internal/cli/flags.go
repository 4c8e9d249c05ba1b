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

	"golang.org/x/term"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	places "github.com/sallyport-dev/sallyport/internal/store"
)

// run is one command with its inputs, read once: a flag wins over an
// environment variable, which wins over the default. In a job no variable is
// read: a person who starts a pipeline, and every step and job before, may set one.
type run struct {
	Command
	ctx       context.Context // one command, one context; it is passed on first
	in        shared          // what it is told, once the call was read
	component inputs.Component
	values    map[string][]string
	platform  platform // nil on a laptop
	at        door     // where the repository is; the platform in a job
	home      string   // its address
	now       time.Time
	helped    bool
	ofServer  *places.Served    // the policy that a server has, once it was asked
	saidNow   [][]byte          // the bundles with what a person says in this call
	recordsAt store             // where entries are kept, once it was asked
	from      *source           // where the policy is, once the call was read
	unproven  bool              // it is not known whether the policy is of the commit
	passed    []string          // names of outputs that were set
	flags     map[string]*value // what this very call has said
	judged    policy.Input      // last
	document  []byte            // of what was judged last, if it is kept
	reported  []string          // what was read of a tool's report, in words
	evidence  map[string][]byte // that the same was judged by, by names of files, if it is kept
	looking   map[string][]byte // what is being looked at
	named     []string          // inputs that were handed on with names of variables in them, and wait for expand
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
	asked := args
	if name == "policy" && len(args) == 2 && args[1] == "fix" { // the flags come first by now
		asked = args[:1]
	}
	if p, err := choosePlatform(c, component); err == nil && p == nil && len(asked) == 1 && isHelp(asked[0]) {
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
	handed := &value{}
	set.Var(handed, handOn, "an input as the wiring of a job hands it on")
	rest, err := parse(set, args)
	if errors.Is(err, flag.ErrHelp) {
		err = errors.New("help is for people at a terminal, and asks for nothing else")
	}
	if err != nil {
		if other := notOurs(name, err, args); other != nil {
			return r, other
		}
		return r, fault.New(fault.Usage, fault.Config, "sallyport help "+name+" lists the flags", "%w%s", fault.Brief(err), nearestFlag(err, component))
	}
	if r.platform, err = choosePlatform(c, component); err != nil {
		return r, err
	}
	if r.platform != nil {
		repository, _ := r.platform.Origin()
		r.at, r.home = r.platform, repository.URI
	}
	if len(rest) > 0 && !slices.ContainsFunc(component.Inputs, func(in inputs.Input) bool { return in.Arguments }) {
		return r, fault.New(fault.Usage, fault.Config, "sallyport help "+name+" lists the flags", "%s takes no argument, found %.200q", name, rest[0])
	}
	if err := r.hand(handed.list); err != nil {
		return r, err
	}
	if err := r.variables(); err != nil {
		return r, err
	}
	for _, in := range component.Inputs {
		if err := r.read(in, rest); err != nil {
			return r, err
		}
	}
	r.fill(&r.in)
	if err := r.inherited(); err != nil {
		return r, err
	}
	for _, name := range expandable {
		if r.platform != nil && handed.names(name) && slices.ContainsFunc(r.list(name), r.platform.Mentions) {
			r.named = append(r.named, name)
		}
	}
	return r, r.guardTargets()
}

// handOn is the flag by which an action or a component hands an input on, as
// --with NAME=VALUE. Unlike a flag that a person types, an empty value is none,
// and a list has one value on each line or is a JSON array of strings.
const handOn = "with"

// hand puts what was handed on where the flags of its names are.
func (r *run) hand(handed []string) error {
	for _, h := range handed {
		name, text, ok := strings.Cut(h, "=")
		in, known := r.component.Input(name)
		if !ok || !known || in.Secret {
			return usage("--%s %q is not NAME=VALUE of an input of %s%s", handOn, h, r.component.Name,
				nearestInput(name, r.component))
		}
		if r.flags[name] == nil {
			r.flags[name] = &value{}
		}
		if len(r.flags[name].list) > 0 {
			return usage("input %s is given twice", name)
		}
		if in.List {
			r.flags[name].list = inputs.Values(text)
		} else if text != "" || in.Empty {
			r.flags[name].list = []string{text}
		}
	}
	return nil
}

// variables refuses a job in which a variable says what an argument has to say.
// A process cannot know who set a variable; where pipelines take variables, everybody
// who may start one can.
func (r *run) variables() error {
	if r.platform == nil {
		return nil
	}
	var found []string
	for _, name := range inputs.Variables() {
		if r.Getenv(name) != "" && !slices.ContainsFunc(r.component.Inputs, func(in inputs.Input) bool { return in.Env() == name && r.started(in) }) {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		return nil
	}
	hint := "remove it: " + r.component.Name + " has no such input"
	if _, own := r.component.Input(inputs.Flagged(found[0])); own {
		hint = "hand it over as an input of the action or component, or as a flag: --" + inputs.Flagged(found[0])
	}
	return fault.New(fault.Usage, fault.Config, hint,
		"in a job, a variable is set that only an argument may say: %s", strings.Join(found, ", "))
}

// steering are variables by which libraries of this program choose the certificates
// that they believe, the credentials that they send and the files that they read.
var steering = []string{"SSL_CERT_FILE", "SSL_CERT_DIR", "GODEBUG", "DOCKER_CONFIG",
	"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_DATA_DIRS", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"}

// inherited refuses a job in which such a variable is set and the wiring does not
// say that it is the machine's own, where people who start a pipeline may set one. That
// a command is no component changes nothing: a job of somebody's own may run it.
func (r *run) inherited() error {
	_, ok := r.component.Input("network")
	gate, _ := inputs.Lookup("gate")
	in, _ := gate.Input("network")
	if !ok || r.platform == nil || !in.Where.In(r.platform.place()) || r.in.Network == "inherit" {
		return nil
	}
	for _, name := range steering {
		if r.Getenv(name) != "" {
			return fault.New(fault.Usage, fault.Config,
				"if the image or the runner sets it, and strangers cannot set variables, say network: inherit",
				"in a job, %s is set, which chooses what is believed or sent", name)
		}
	}
	return nil
}

// started reports whether in is what the person says who starts a pipeline by
// hand, where the instance has no inputs for pipelines.
func (r *run) started(in inputs.Input) bool {
	return r.platform != nil && in.Started.In(r.platform.place())
}

func isHelp(s string) bool { return s == "-h" || s == "-help" || s == "--help" }

// names reports whether an input of that name was handed on.
func (v *value) names(input string) bool {
	return slices.ContainsFunc(v.list, func(s string) bool { return strings.HasPrefix(s, input+"=") })
}

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
	if slices.Contains(list, "") && !in.Empty {
		return usage("--%s is empty", in.Name)
	}
	if said := r.variable(in); len(list) == 0 || len(said) > 0 && r.started(in) {
		list = said
		if len(said) > 0 && r.started(in) {
			r.platform.Annotate("warning", "", 0, "sallyport: a variable of the pipeline is read",
				in.Env()+" says what the input "+in.Name+" can say: give the pipeline inputs (spec: inputs), so that it needs no variables")
		}
	}
	if len(list) == 0 && in.Default != "" {
		list = []string{in.Default}
	}
	if len(list) == 0 && in.Required {
		name := "--" + in.Name
		if in.Arguments && len(in.Choices) > 0 {
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

// variable reads an input from its variable, outside of a job.
func (r *run) variable(in inputs.Input) []string {
	if r.platform != nil && !in.Secret && !r.started(in) {
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
	s := r.in.Workers
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 1024 {
		return 0, usage("--workers %q, want a number from 1 to 1024", s)
	}
	return n, nil
}

// screen is what standard output is: a terminal with its columns and, unless somebody asked for
// none, its colours; or anything else.
func (r *run) screen() report.Screen {
	out := r.Stdout
	if s, ok := out.(*stdout); ok {
		out = s.Writer
	}
	f, ok := out.(*os.File)
	if !ok || !terminal(f) {
		return report.Screen{}
	}
	s := report.Colours
	if r.Getenv("NO_COLOR") != "" || r.Getenv("TERM") == "dumb" {
		s = report.Screen{}
	}
	s.Columns = columns(f)
	return s
}

// columns are those that a line may have at a terminal; 0: nobody knows.
func columns(f *os.File) int {
	if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
		return min(max(n-1, report.Narrowest), report.Widest)
	}
	return 0
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
