package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

func TestOf_finds_the_fault_in_a_chain_and_nothing_is_internal_by_accident(t *testing.T) {
	root := errors.New("connection refused")
	f := fault.New(fault.Unavailable, fault.NotAvailable, "try again", "asking the store: %w", root)
	wrapped := fmt.Errorf("collecting: %w", f)
	got := fault.Of(wrapped)
	if got.Kind != fault.Unavailable || got.Code != fault.NotAvailable || got.Hint != "try again" || got.Error() != wrapped.Error() || !errors.Is(wrapped, root) {
		t.Errorf("fault = %+v, want the one in the chain with the whole message", got)
	}
	outer := fault.New(fault.Usage, fault.Config, "", "reading: %w", f)
	if got := fault.Of(outer); got.Kind != fault.Usage {
		t.Errorf("kind = %v, want that of the outermost fault", got.Kind)
	}
	if got := fault.Of(root); got.Kind != fault.Internal || got.Code != fault.InternalError {
		t.Errorf("fault = %+v, want an internal error", got)
	}
	var zero fault.Kind
	if zero != fault.Internal {
		t.Errorf("the zero kind = %v, want internal", zero)
	}
}
