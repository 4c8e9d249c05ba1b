package cli

import (
	"github.com/sallyport-dev/sallyport/internal/gate"
)

// records is where entries into environments are kept: the platform's own store. It
// is never named by an argument, so that nobody chooses one that lacks some.
func (r *run) records(at door) gate.Store {
	if at == nil || r.on("offline") {
		return nil
	}
	return at.evidence()
}
