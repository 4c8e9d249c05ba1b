package statement

// Inputs are what a person, or another system, gave a run before it began, by
// name: inputs of a dispatch, variables of a pipeline. A value is there only if
// somebody said that it may be public for ever. Nil Inputs are unknown; empty
// ones are none.
type Inputs map[string]*string

// Limits of what is recorded of inputs.
const (
	MaxInputs     = 1000 // names; both platforms allow fewer
	MaxInputBytes = 1024 // of one value, and of one name
)
