package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/report"
)

// say writes one line about what is going on to standard error.
func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.Stderr, "sallyport: %s\n", report.Plain(fault.Bound(fmt.Sprintf(format, args...))))
}

// patience is how long something may take before a person is told what it is.
const patience = time.Second

// progress says what is being done if it takes longer than a person waits for
// without wondering. The returned function ends it, and is called once.
func (r *run) progress(what string) func() {
	if r.in.Quiet {
		return func() {}
	}
	said := make(chan struct{})
	t := time.AfterFunc(patience, func() {
		defer close(said)
		r.say("%s …", what)
	})
	return func() {
		if !t.Stop() {
			<-said
		}
	}
}

// output passes one value on to the steps or jobs after this one, under the
// name that the table of inputs gives it there.
func (r *run) output(name, value string) error {
	if r.platform == nil {
		return nil
	}
	for _, o := range r.component.Outputs {
		if o.Name != name {
			continue
		}
		err := r.platform.Output(o.Key(r.platform.place()), value)
		if err == nil {
			r.passed = append(r.passed, name)
		}
		return err
	}
	return fault.New(fault.Internal, fault.InternalError, "", "%q is not among the outputs of %s", name, r.component.Name)
}

// withdraw takes back the values that were passed on, because the rest of the
// answer could not be: a part of an answer is none.
func (r *run) withdraw() (err error) {
	for _, name := range r.passed {
		err = errors.Join(err, r.output(name, ""))
	}
	return err
}

// longOutput passes on a value that may be more than a platform takes. It is
// passed on whole or not at all, and the log says where the whole of it is.
func (r *run) longOutput(name, value string) error {
	err := r.output(name, value)
	if fault.Of(err).Code != fault.Limit {
		return err
	}
	r.say("output %s is left out: %v; the verdict file names every artifact", name, err)
	return nil
}
