package inputs

import (
	"strings"
)

// component is a component as a component's file tells it.
type component struct {
	Component
	script string
}

func (c component) Inputs() []componentInput {
	var all []componentInput
	for _, i := range on(GitLab, c.Component.Inputs) {
		all = append(all, componentInput{i})
	}
	return all
}

// Job is the job's name, of inputs whose shape is checked.
func (c component) Job() string {
	if _, guards := c.Input("environment"); guards {
		return "$[[ inputs.job-name ]]:$[[ inputs.environment ]]"
	}
	return "$[[ inputs.job-name ]]"
}

func (c component) JobUsage() string {
	if _, guards := c.Input("environment"); guards {
		return "the job's name, before a colon and the environment"
	}
	return "the job's name"
}

func (c component) Signs() bool { return c.Identity == Signs }

// Waits reports whether the job may wait for people, which takes as long as it is
// given.
func (c component) Waits() bool {
	_, has := c.Input("wait")
	return has
}

// Asks reports whether the job asks the platform under a policy, which it does
// only after its own token has said which job it is.
func (c component) Asks() bool {
	_, has := c.Input("policy")
	return has
}

// Paths are the files of the job that later jobs read. The policy file is not
// among them: an artifact replaces what is checked out.
func (c component) Paths() []string {
	var paths []string
	for _, i := range c.Component.Inputs {
		if i.Made && i.Where.In(GitLab) {
			paths = append(paths, "'$[[ inputs."+i.Name+" ]]'")
		}
	}
	for _, o := range c.Outputs {
		if o.Name == "checksums" {
			paths = append(paths, c.Allowed())
		}
		if _, told := c.Input("verdict"); o.Name == "verdict" && !told {
			paths = append(paths, VerdictPath)
		}
	}
	return paths
}

// Tells reports whether the job has outputs, which later jobs read from a file.
func (c component) Tells() bool { return len(outputsOn(GitLab, c.Outputs)) > 0 }

// Command is the one command of the binary that the job runs.
func (c component) Command() string { return command(c.Component) }

// Script is the installer, as deep as it stands in the file.
func (c component) Script() string {
	var out strings.Builder
	for line := range strings.Lines(c.script) {
		if line != "\n" {
			out.WriteString("      ")
		}
		out.WriteString(line)
	}
	return strings.TrimRight(out.String(), "\n")
}

type componentInput struct{ Input }

func (i componentInput) Description() string {
	return describe(i.Input, "one, or a JSON array of strings")
}

func (i componentInput) Type() string {
	if i.Kind == Bool {
		return "boolean"
	}
	return ""
}

func (i componentInput) Options() []string { return i.Choices }

// plain is the shape of a value that can stand between the single quotes of a
// script: there, everything but these is text.
const plain = `^[^'\\\r\n]*$`

// Pattern is the shape of a value: what the input says, else plain. Of two shapes
// in a list, all values of it together are one.
func (i componentInput) Pattern() string {
	switch {
	case i.Kind == Bool || i.Kind == Choice:
		return ""
	case i.Input.Pattern == "":
		return plain
	default:
		return i.Input.Pattern
	}
}

func (i componentInput) Literal() string {
	if i.Kind == Bool {
		return i.Default
	}
	return scalar(i.Default)
}
