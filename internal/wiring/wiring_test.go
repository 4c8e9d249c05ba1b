package wiring_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/wiring"
)

func TestD15_a_policy_is_pinned_by_all_of_a_commit_or_digest(t *testing.T) {
	hex := strings.Repeat("a1", 32)
	for text, want := range map[string]string{
		"p.yaml@" + hex[:40]: hex[:40], "p.yaml@" + hex: hex, "a@b/p.yaml@sha256:" + hex: "sha256:" + hex,
		"p.yaml": "", "p.yaml@main": "", "p.yaml@" + hex[:39]: "", "p.yaml@" + hex[:63]: "", "p.yaml@sha256:" + hex[:40]: "",
		"p.yaml@sha256:" + strings.ToUpper(hex): "", "@" + hex: "",
	} {
		if _, got, ok := wiring.Pin(text); got != want || ok != (want != "") {
			t.Errorf("%s is pinned by %q, want %q", text, got, want)
		}
	}
}

func TestPolicy_is_what_the_table_of_inputs_says(t *testing.T) {
	for _, c := range inputs.All() {
		if in, ok := c.Input("policy"); ok && in.Default != "" && in.Default != wiring.Policy {
			t.Errorf("%s reads %q, want %q", c.Name, in.Default, wiring.Policy)
		}
	}
}

func TestE01_a_part_of_a_folder_is_told_from_all_of_it(t *testing.T) {
	for patterns, want := range map[string][]string{
		"dist/*.tgz": {"dist"}, "./dist/app-*": {"dist"}, "dist/*": nil, "dist/*.tgz dist/*": nil, "dist/**": nil, "dist/app": nil,
		"*.tgz": nil, "$DIR/*.tgz": nil, "oci://r.example/a*": nil, "a/*.x b/c/*.y": {"a", "b/c"},
	} {
		if got := wiring.Folders(strings.Fields(patterns)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", patterns, got, want)
		}
	}
	for word, want := range map[string]string{"dist": "dist", "dist/": "dist", "./dist/*": "dist", "dist/**": "dist", "dist/.": "dist",
		"dist/*.tgz": "", "dist/a?": "", "$DIR": "", "": ""} {
		if got, ok := wiring.WholeFolder(word); ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q %t, want %q", word, got, ok, want)
		}
	}
}
