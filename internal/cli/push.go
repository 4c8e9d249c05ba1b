package cli

import (
	"fmt"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/report"
	places "github.com/sallyport-dev/sallyport/internal/store"
)

// push hands the bundles that this job has, or what somebody says at a terminal, to the server that an argument names. One that does not arrive fails
// nothing: the next step pushes it again, and without it the server waits.
func (r *run) push() {
	if r.in.Server == "" {
		return
	}
	n, fresh, err := r.pushed()
	if err != nil {
		f := fault.Of(err)
		text := "the server has not all evidence of this run: " + f.Error()
		if f.Hint != "" {
			text += "; " + f.Hint
		}
		r.say("warning: %s", text)
		if r.platform == nil {
			return
		}
		r.platform.Annotate("warning", "", 0, "sallyport "+string(f.Code), report.Plain(text))
		return
	}
	fmt.Fprintf(r.Stdout, "pushed    %s to %s, %d of them new\n", plural(n, "bundle"), report.Plain(r.in.Server), fresh)
}

func (r *run) pushed() (n, fresh int, err error) {
	s, host, repository, err := r.server()
	if err != nil {
		return 0, 0, err
	}
	if r.platform == nil {
		fresh, err = s.Say(r.ctx, host, repository, r.saidNow)
		return len(r.saidNow), fresh, err
	}
	found, err := places.Dir{Path: r.in.BundleDir}.Fetch(r.ctx, nil)
	if err != nil {
		return 0, 0, err
	}
	var all [][]byte
	for _, b := range found.Bundles {
		all = append(all, b.Bundle)
	}
	fresh, err = s.Push(r.ctx, all)
	return len(all), fresh, err
}
