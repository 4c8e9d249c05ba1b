package forges

import (
	"context"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// A branch has one file, or answers with an error.
type oneFile struct {
	gate.Branch
	text string
	err  error
}

func (f oneFile) File(context.Context, string, string) ([]byte, error) { return []byte(f.text), f.err }

// On GitHub the workflow file says whether its jobs were in an environment. A file that is not
// there, or cannot be read, says nothing good, and a platform that does not answer is an error.
func TestG11_what_a_workflow_file_says_of_where_a_job_was(t *testing.T) {
	const good = "on: push\njobs:\n  deploy: {runs-on: x, environment: production, permissions: {id-token: write}, steps: [{run: y}]}\n"
	for name, x := range map[string]struct {
		file   oneFile
		within policy.Known
		err    fault.Code
	}{
		"the one job is in it": {oneFile{text: good}, policy.Yes, ""},
		"another job may sign": {oneFile{text: good + "  build: {runs-on: x, permissions: {id-token: write}, steps: [{run: y}]}\n"}, policy.No, ""},
		"it cannot be read":    {oneFile{text: "on: push\n"}, policy.No, ""},
		"it is not there":      {oneFile{err: fault.New(fault.Refused, fault.Policy, "", "no such file")}, policy.No, ""},
		"nobody answers":       {oneFile{err: fault.New(fault.Unavailable, fault.NotAvailable, "", "silence")}, policy.No, fault.NotAvailable},
	} {
		got, err := PlacedOnGitHub(t.Context(), x.file, policy.PlaceQuery{Environment: "production", Workflow: "w.yml"})
		if got.Within != x.within || (x.within == policy.No) != (got.Why != "") || err != nil && fault.Of(err).Code != x.err || (err == nil) != (x.err == "") {
			t.Errorf("%s: %+v, %v, want %v and %q", name, got, err, x.within, x.err)
		}
	}
}
