package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/record"
)

func TestN02_the_next_step_differs_by_why_the_command_did_not_end(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("%w: no namespace", record.ErrUncut), "leave out --no-network"},
		{fmt.Errorf("%w: signal: killed", record.ErrEnded), "run it again"},
		{errors.New("too many open files"), ""},
	} {
		if got := notRunHint(x.err, "leave out --no-network"); !strings.Contains(got, x.want) || (got == "") != (x.want == "") {
			t.Errorf("%v: hint %q, want %q", x.err, got, x.want)
		}
	}
}
