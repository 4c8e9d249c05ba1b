package inputs

import "strings"

// page is a component as docs/inputs.md tells it.
type page struct{ Component }

func (p page) OnGitHub() bool  { return p.Where.In(GitHub) }
func (p page) OnGitLab() bool  { return p.Where.In(GitLab) }
func (p page) Command() string { return command(p.Component) }

func (p page) Uses() string {
	if p.Name == "gate" {
		return "sallyport-dev/sallyport@SHA"
	}
	return "sallyport-dev/sallyport/actions/" + p.Name + "@SHA"
}

func (p page) JobShown() string {
	if _, guards := p.Input("environment"); guards {
		return p.Name + ":ENVIRONMENT"
	}
	return p.Name
}

func (p page) NeedsShown() string { return "`" + strings.Join(p.Needs, "` and `") + "`" }

func (p page) Inputs() []row {
	var rows []row
	for _, i := range p.Component.Inputs {
		rows = append(rows, row{i})
	}
	return rows
}

func (p page) Outputs() []outputRow {
	var rows []outputRow
	for _, o := range p.Component.Outputs {
		rows = append(rows, outputRow{o})
	}
	return rows
}

type row struct{ Input }

// Traits says in a few words what kind of input it is.
func (r row) Traits() string {
	var words []string
	if r.Required {
		words = append(words, "required")
	}
	if r.Secret {
		words = append(words, "secret")
	}
	if r.List {
		words = append(words, "list")
	}
	switch r.Kind {
	case Bool:
		words = append(words, "true or false")
	case Path:
		words = append(words, "path")
	case Choice:
		words = append(words, strings.Join(r.Choices, ", "))
	case String:
	}
	if r.Arguments {
		words = append(words, "the command's arguments")
	}
	return strings.Join(words, ", ")
}

// Shown is the default, or nothing.
func (r row) Shown() string {
	if r.PlatformDefault != "" {
		return "`" + r.PlatformDefault + "` in an action"
	}
	if r.Default == "" {
		return ""
	}
	return "`" + r.Default + "`"
}

func (r row) Sentence() string {
	if r.Where == GitHub {
		return r.Usage + "; elsewhere `" + r.Env() + "` in the environment"
	}
	return r.Usage
}

type outputRow struct{ Output }

func (r outputRow) Later() string {
	if r.Where.In(GitLab) {
		return "`" + r.Env() + "`"
	}
	return ""
}
