package workflows

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// handedOn is the name of what a step uploads or downloads; "" where that may be any.
func handedOn(n *yamlnode.Node, r reference) string {
	name := given(n, "name")
	switch {
	case strings.Contains(name, "${{"):
		return ""
	case r.repository == "actions/upload-pages-artifact":
		return cmp.Or(name, "github-pages")
	case r.part != "": // of actions/upload-artifact
		return cmp.Or(name, "merged-artifacts")
	case r.repository == "actions/upload-artifact":
		return cmp.Or(name, "artifact")
	}
	return name // none: all artifacts of the run
}

// givers adds the jobs that upload an artifact which a job of done downloads, and all that these need: such a job led to
// the signature although no job waits for it. A job that begins when the other one has ended gave it nothing.
func (w *reading) givers(top *instance) error {
	var all []*part
	for i := 0; i < len(w.done); i++ { // it grows
		taker := w.done[i]
		if _, err := w.judge(taker); err != nil {
			return err
		}
		if len(taker.takes) == 0 {
			continue
		}
		if all == nil {
			var err error
			if all, err = w.everyone(top, 0); err != nil {
				return err
			}
		}
		for _, p := range all {
			gives, err := w.gives(p, taker)
			if err != nil {
				return err
			}
			if !gives {
				continue
			}
			if err := w.closure(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// gives reports whether p, which is not among done, may upload what taker downloads.
func (w *reading) gives(p, taker *part) (bool, error) {
	if slices.Contains(w.done, p) {
		return false, nil
	}
	if _, err := w.judge(p); err != nil {
		return false, err
	}
	if !slices.ContainsFunc(p.gives, func(name string) bool {
		return slices.ContainsFunc(taker.takes, func(t string) bool { return t == "" || name == "" || strings.EqualFold(name, t) })
	}) {
		return false, nil
	}
	before := *w // what p waits for
	before.done = nil
	err := before.closure(p)
	w.calls, w.parts = before.calls, before.parts
	return !slices.Contains(before.done, taker), err
}

// everyone are the jobs of i and of all workflows that it calls.
func (w *reading) everyone(i *instance, level int) ([]*part, error) {
	if level > maxLevel {
		return nil, odd("workflows call each other more than %d levels deep", maxLevel)
	}
	out := slices.Clone(i.jobs)
	for _, p := range i.jobs {
		k, err := w.called(p)
		if err != nil {
			return nil, err
		}
		if k == nil {
			continue
		}
		below, err := w.everyone(k, level+1)
		if err != nil {
			return nil, err
		}
		out = append(out, below...)
	}
	return out, nil
}
