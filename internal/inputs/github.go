package inputs

import "strings"

// action is a component as an action's file tells it.
type action struct{ Component }

func actionPath(c Component) string {
	if c.Name == "gate" {
		return "action.yml"
	}
	return "actions/" + c.Name + "/action.yml"
}

func (a action) Inputs() []actionInput {
	var all []actionInput
	for _, i := range on(GitHub, a.Component.Inputs) {
		all = append(all, actionInput{i})
	}
	return all
}

func (a action) Outputs() []Output { return outputsOn(GitHub, a.Component.Outputs) }

// Root is the expression for the directory of our commit on the runner.
func (a action) Root() string {
	return "${{ github.action_path }}" + strings.Repeat("/..", strings.Count(actionPath(a.Component), "/"))
}

// Step names the step that an output comes from.
func (a action) Step(o Output) string {
	if a.Command() == "" {
		return "install"
	}
	return a.Name
}

// Command is the one command of the binary that the action runs; setup only
// installs.
func (a action) Command() string { return command(a.Component) }

func command(c Component) string {
	if c.Name == "setup" {
		return ""
	}
	return c.Name
}

type actionInput struct{ Input }

func (i actionInput) Description() string { return describe(i.Input, "one on each line") }

func (i actionInput) Preset() string {
	if i.PlatformDefault != "" {
		return i.PlatformDefault
	}
	return i.Default
}

// describe returns the usage of i, with what a reader of YAML cannot see.
func describe(i Input, several string) string {
	d := i.Usage
	if i.Kind == Choice {
		d += ": " + strings.Join(i.Choices, ", ")
	}
	if i.List {
		d += " (" + several + ")"
	}
	return d
}
