package gate

import (
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// A version of a policy that cannot be read still says where entries were kept.
func TestG11_where_entries_were_kept_before(t *testing.T) {
	r := Recorded{Read: func(string, []byte) (*policy.Policy, error) {
		return nil, fault.New(fault.Usage, fault.Policy, "", "it cannot be read")
	}}
	for text, want := range map[string]string{
		"record-store: oci://ghcr.io/acme/records\nversion: 9\n":               "ghcr.io/acme/records",
		"version: 9\nrecord-store: 'oci://ghcr.io/acme/records' # here\n":      "ghcr.io/acme/records",
		`{"version": 9, "record-store": "oci://ghcr.io/acme/records", "x": 1}`: "ghcr.io/acme/records",
		"version: 9\n":              "",
		"record-store: elsewhere\n": "",
	} {
		if got := r.storeIn([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
