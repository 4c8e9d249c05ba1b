// Package inputs holds every component of Sallyport with every input and
// output it has, once. The binary's flags, the actions of one platform, the
// components of the other and the page docs/inputs.md are all written from
// this table, so that a name means the same thing wherever it is typed.
//
// It refuses to do anything: it reads no environment, opens no file and knows
// no value. It also refuses to write a script that holds a value: a value
// travels in an environment variable, and the only command is one of the
// binary's own.
package inputs

import (
	"encoding/json"
	"slices"
	"strings"
)

// Kind says what the text of an input stands for.
type Kind int

// The kinds of input. String is the zero value.
const (
	String Kind = iota // any text
	Bool               // true or false
	Path               // a file or a directory
	Choice             // one of Choices
)

// Where says where an input or a component appears. Its zero is nowhere.
type Where int

// The places an input can appear in; they combine.
const (
	Flag   Where = 1 << iota // a flag of the command
	GitHub                   // an input of the action
	GitLab                   // an input of the component
)

// Everywhere is all three places.
const Everywhere = Flag | GitHub | GitLab

// In reports whether w includes all of place.
func (w Where) In(place Where) bool { return place != 0 && w&place == place }

// Input is one thing that a component can be told.
type Input struct {
	Name    string // the name in YAML, and of the flag
	Usage   string // one sentence, lower case, no period
	Default string // what it is when nobody says; "" is nothing
	// Required says that the component refuses to run without a value.
	Required bool
	// Secret says that the value is a credential: never a flag, because other
	// users of the machine can read flags, and never shown.
	Secret bool
	// List says that there may be several values: one on each line in YAML and
	// in the environment, and a flag that may be repeated.
	List bool
	// Arguments says that the command's arguments are values of this input.
	Arguments bool
	Kind      Kind
	Choices   []string // of a Choice; empty for the other kinds
	Where     Where
	// Empty says that an empty value is one: it is what an expression makes of a name
	// that nobody has set.
	Empty bool
	// Pattern is the whole shape of a value (RE2, anchored) where one platform
	// can refuse others before anything runs; "" is no such check.
	Pattern string
	// Started is where the person who starts a pipeline by hand may say it in a
	// variable of the pipeline.
	Started Where
	// Made says that the job makes this file or directory, and that later jobs read it.
	Made bool
	// PlatformDefault is the expression that is the default where an action
	// fills the input in; it is never evaluated by the binary.
	PlatformDefault string
}

// Env returns the name of the environment variable that carries i.
func (i Input) Env() string { return env(i.Name) }

// Output is one thing that a component says to the steps and jobs after it.
type Output struct {
	Name  string // the name of the step output
	Usage string // one sentence, lower case, no period
	Where Where
	// Later is the name that later jobs know it by, where Name is taken: the
	// variables of earlier jobs win over those that a component sets for its
	// inputs, and what was only attested must not pass for allowed.
	Later string
}

// Key returns the name of o in the file that place reads outputs from.
func (o Output) Key(place Where) string {
	if place == GitLab && o.Later != "" {
		return o.Later
	}
	return o.Name
}

// Env returns the name of the variable under which later jobs see o.
func (o Output) Env() string { return env(o.Key(GitLab)) }

// Component is one command of the binary and what the platforms make of it.
type Component struct {
	Name    string // the command, the action's folder and the component's folder
	Title   string // for a marketplace: a few words
	Summary string // one sentence
	Inputs  []Input
	Outputs []Output
	Where   Where
	// Stage and Needs are where the component's job stands in a pipeline when
	// nobody says otherwise.
	Stage string
	Needs []string
	// Within says that the component is the beginning of a job of its user's, and
	// no job of its own.
	Within bool
	// Identity says that the job asks for an ID token to sign with. A component
	// that does not sign is never given one.
	Identity Identity
	// Started says that the job runs only when a person starts a pipeline by
	// hand: their identity is what it is about.
	Started bool
}

// Identity says whether a component's job may prove who it is.
type Identity int

// NoIdentity is the zero value: nothing is signed.
const (
	NoIdentity Identity = iota
	Signs
)

// Variables returns the names of all variables that carry an input which is no
// secret, of any component, in alphabetical order.
func Variables() []string {
	var names []string
	for _, c := range All() {
		for _, i := range c.Inputs {
			if !i.Secret && !slices.Contains(names, i.Env()) {
				names = append(names, i.Env())
			}
		}
	}
	slices.Sort(names)
	return names
}

// Flagged returns the name of the input that the variable called name carries.
func Flagged(name string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "SALLYPORT_"), "_", "-"))
}

// Paths, in the directory the command runs in, that no input moves.
const (
	VerdictPath   = ".sallyport/verdict.json"  // the verdict, where nothing else is said
	EnteredPath   = ".sallyport/entered.json"  // the verdict of enter
	ChecksumsPath = ".sallyport/checksums.txt" // what a gate has allowed, as sha256sum writes it
)

// InputName is the name of the document of an input, where explain looks for it.
const InputName = "input.json"

// Dotenv returns the path of the file that carries c's outputs to later jobs,
// where a platform reads such files.
func (c Component) Dotenv() string { return ".sallyport/" + c.Name + ".env" }

// Tests returns the path of the file in which a job's verdict is a report of tests (JUnit), or ""
// for a component without a verdict.
func (c Component) Tests() string {
	if !slices.ContainsFunc(c.Outputs, func(o Output) bool { return o.Name == "verdict" }) {
		return ""
	}
	return ".sallyport/" + c.Name + ".junit.xml"
}

// Allowed returns the path of the list of what c has allowed, as sha256sum writes
// it, or "" for a component that lets nothing in.
func (c Component) Allowed() string {
	switch c.Name {
	case "gate":
		return ChecksumsPath
	case "enter":
		return ".sallyport/entered.txt" // the gate's list is in the same job
	}
	return ""
}

// Input returns the input called name.
func (c Component) Input(name string) (Input, bool) {
	for _, i := range c.Inputs {
		if i.Name == name {
			return i, true
		}
	}
	return Input{}, false
}

// Wiring returns the inputs of c's component that say where its job stands and what
// it is called. The command is told none of them.
func (c Component) Wiring() []string {
	if c.Within {
		return []string{"environment", "gate", "job-name", "stage"}
	}
	if _, waits := c.Input("wait"); waits {
		return []string{"job-name", "stage", "timeout", "needs"}
	}
	return []string{"job-name", "stage", "needs"}
}

// Lookup returns the component called name.
func Lookup(name string) (Component, bool) {
	for _, c := range All() {
		if c.Name == name {
			return c, true
		}
	}
	return Component{}, false
}

// Values splits the text of a list, one value to a line. Blank lines are
// nothing; the spaces around a value are not part of it. A place that folds
// lines can write the list as a JSON array of strings instead.
func Values(text string) []string {
	var values []string
	if json.Unmarshal([]byte(text), &values) == nil {
		return values
	}
	values = nil
	for line := range strings.Lines(text) {
		if v := strings.TrimSpace(line); v != "" {
			values = append(values, v)
		}
	}
	return values
}

func env(name string) string {
	return "SALLYPORT_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}
