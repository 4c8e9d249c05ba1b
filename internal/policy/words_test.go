package policy_test

import (
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Another case, or a beginning that only one word has, is a near miss.
func TestDidYouMean_another_case_and_a_beginning(t *testing.T) {
	all := []string{"production", "staging"}
	for said, want := range map[string]string{"prod": "production", "Productoin": "production", "PRODUCTION": "production", "stag": "staging", "pr": "", "prodx": "", "test": ""} {
		if want != "" {
			want = `, did you mean "` + want + `"?`
		}
		if got := policy.DidYouMean(said, all); got != want {
			t.Errorf("%s: %q, want %q", said, got, want)
		}
	}
}
