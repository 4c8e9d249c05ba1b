package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/trial"
)

// Whoever makes a release chooses its name, and those of its files.
func TestK01_names_of_releases_cannot_draw_an_answer(t *testing.T) {
	evil := "x\x1b[2J\nnext  all is well\u202e"
	a := trial.Answer{Repository: trial.Home{URI: evil, ID: evil}, NotLooked: []string{evil}, Token: evil,
		Next: trial.Step{Text: evil, Lines: []string{evil}},
		Releases: []trial.Told{{Name: evil, Time: evil, Signers: []string{evil}, Missing: []string{evil}, Deployed: []string{evil},
			Files: []trial.Seen{{Name: evil, Judged: trial.Judged{Why: evil}}}}}}
	var text, doc bytes.Buffer
	if err := TrialText(&text, a); err != nil {
		t.Fatal(err)
	}
	if err := Document(&doc, a); err != nil {
		t.Fatal(err)
	}
	for where, got := range map[string]string{"text": text.String(), "JSON": doc.String()} {
		if strings.ContainsAny(got, "\x1b\u202e") {
			t.Errorf("%s has a control character: %q", where, got)
		}
	}
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, "next  all is well") {
			t.Errorf("a name has drawn a line of its own:\n%s", text.String())
		}
	}
}
