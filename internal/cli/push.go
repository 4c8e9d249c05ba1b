package cli

import (
	"context"
	"fmt"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/report"
	places "github.com/sallyport-dev/sallyport/internal/store"
)

// push hands the bundles that this job has to the server that an argument names. One that does not arrive fails
// nothing: the next step pushes it again, and without it the server waits.
func (r *run) push() {
	if r.in.Server == "" || r.platform == nil {
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
		r.platform.Annotate("warning", "", 0, "sallyport "+string(f.Code), report.Plain(text))
		return
	}
	fmt.Fprintf(r.Stdout, "pushed    %s to %s, %d of them new\n", plural(n, "bundle"), report.Plain(r.in.Server), fresh)
}

func (r *run) pushed() (n, fresh int, err error) {
	token := func(ctx context.Context) (string, error) { return r.platform.IDToken(ctx, r.in.Server) }
	s, err := places.NewServer(r.in.Server, token)
	if err != nil {
		return 0, 0, err
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
