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

func mainPath(c Component) string { return "actions/" + c.Name + "/main.js" }

func (a action) Inputs() []actionInput {
	var all []actionInput
	for _, i := range on(GitHub, a.Component.Inputs) {
		all = append(all, actionInput{i})
	}
	return all
}

func (a action) Outputs() []Output { return outputsOn(GitHub, a.Component.Outputs) }

// Main is the file that the runner starts, from the action's folder.
func (a action) Main() string {
	return strings.TrimPrefix(mainPath(a.Component), strings.TrimSuffix(actionPath(a.Component), "action.yml"))
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

// Variable is the variable in which the command is told a secret, or "".
func (i actionInput) Variable() string {
	if !i.Secret {
		return ""
	}
	return i.Env()
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
