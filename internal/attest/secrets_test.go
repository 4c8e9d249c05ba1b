package attest_test

import (
	"slices"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/attest"
)

func TestN03_values_of_variables_with_the_names_of_secrets(t *testing.T) {
	for v, want := range map[string][]string{
		"MY_PASSWORD=plain-value":                {"plain-value"},
		"NPM_TOKEN=12345678":                     {"12345678"},
		"NPM_TOKEN=1234567":                      nil,
		"LEVEL=plain-value":                      nil,
		"TOKEN_FILE=/etc/absent/token":           nil,
		"TOKEN=/absent-0123456789/x":             {"/absent-0123456789/x"},
		"TOKEN=/etcetera":                        {"/etcetera"},
		"TOKEN_URL=https://h.example/a/long/way": nil,
		"TOKEN_URL=https://h.example/?t=0123456": {"t=0123456"},
		"TOKEN_URL=https://u:long@h.example/":    {"https://u:long@h.example/"},
		"TOKEN":                                  nil,
	} {
		if got := attest.Values([]string{"A=b", v}); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", v, got, want)
		}
	}
}
