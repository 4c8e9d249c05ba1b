package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	places "github.com/sallyport-dev/sallyport/internal/store"
)

// push hands the bundles of this run, or what somebody says at a terminal, to the server that an argument names. One that
// does not arrive fails nothing: the next step pushes it again, and without it the server waits.
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
		if r.ownRun(b.Bundle) {
			all = append(all, b.Bundle)
		}
	}
	fresh, err = s.Push(r.ctx, all)
	return len(all), fresh, err
}

// ownRun reports whether the certificate of a bundle names the run of this job, in any attempt: what another run has
// signed is handed over by that run.
func (r *run) ownRun(bundle []byte) bool {
	g, _ := sigstore.Peek(bundle, func(sigstore.Glimpse) bool { return true })
	run, _, _ := strings.Cut(r.platform.Run(), "/attempts/")
	return bytes.Contains(g.Leaf, []byte(run+"/attempts/"))
}
