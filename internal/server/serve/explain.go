package serve

import (
	"context"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/server/decide"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
)

// Explain judges an answer again from what was kept with it. A server may be at work on the database.
func Explain(ctx context.Context, c *Config, id string) (d event.Decision, rec report.Record, err error) {
	s, err := keep.OpenToRead(ctx, c.Database)
	if err != nil {
		return d, rec, err
	}
	defer s.Close()
	d, there, err := s.Decided(ctx, id)
	if err != nil {
		return d, rec, err
	}
	if !there {
		return d, rec, fault.New(fault.Usage, fault.Config,
			"take it from the link in the answer, or from the leaf: decision",
			"the database has no answer of the identifier %q", fault.Cut(id))
	}
	leaf, there, err := s.LeafOf(ctx, id)
	if err != nil {
		return d, rec, err
	}
	if !there {
		return d, rec, fault.New(fault.Refused, fault.Replay,
			"verify an export of the ledger with the checkpoints that you keep",
			"the leaf of the answer %q is not in the database: it was deleted, or somebody changed the database",
			fault.Cut(id))
	}
	rec, err = decide.Explain(d, leaf)
	return d, rec, err
}
