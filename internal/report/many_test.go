package report

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// many returns a record of n artifacts, of which the last is denied.
func many(n int) Record {
	var v verdict.Verdict
	for i := range n {
		f := verdict.Finding{Code: fault.OK, Outcome: verdict.Allow, Requirement: "signer", Reason: "signed"}
		if i == n-1 {
			f = verdict.Finding{Code: fault.EvidenceMissing, Requirement: "signer", Reason: "nothing"}
		}
		name := fmt.Sprintf("f%03d", i)
		v.Judgements = append(v.Judgements, verdict.Judgement{
			Subject: subject.Subject{Name: name, Digest: subject.Sum([]byte(name))}, Findings: []verdict.Finding{f},
		})
	}
	return NewRecord("test", v)
}

func TestText_lists_every_denial_however_many_artifacts_there_are(t *testing.T) {
	for _, c := range []struct{ artifacts, listed int }{{maxListed, maxListed}, {maxListed + 1, maxListed + 1}, {500, maxListed + 1}} {
		var b strings.Builder
		if err := Text(&b, many(c.artifacts), Screen{}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(b.String(), "sha256:"); got != c.listed {
			t.Errorf("%d artifacts: %d are listed, want %d", c.artifacts, got, c.listed)
		}
		if last := fmt.Sprintf("denied   f%03d", c.artifacts-1); !strings.Contains(b.String(), last) {
			t.Errorf("%d artifacts: the denied one is not listed", c.artifacts)
		}
	}
}

// Without an environment nothing is deployed: files are verified, and a warning is shown with them.
func TestText_of_several_files_and_a_warning(t *testing.T) {
	for environment, want := range map[string]string{"": "2 of 3 files are verified\n", "production": "2 of 3 artifacts meet the policy; nothing may be deployed"} {
		r := many(3)
		r.Environment, r.Warnings = environment, []string{"a name has 2 numbers\x1b"}
		r.Findings = []verdict.Finding{{Code: fault.OK, Outcome: verdict.Allow, Requirement: "environment"}}
		r.Outcome = r.Answer()
		var text, page, doc strings.Builder
		if err := errors.Join(Text(&text, r, Screen{}), Markdown(&page, r), JSON(&doc, r)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), want) || !strings.Contains(text.String(), "\nwarning: a name has 2 numbers") ||
			strings.Contains(text.String(), "\x1b") || !strings.Contains(page.String(), "Warning: `a name has 2 numbers") ||
			!strings.Contains(doc.String(), `"warnings": [`) {
			t.Errorf("%q: said\n%s\n%s\nwant %q and the warning", environment, text.String(), page.String(), want)
		}
	}
}
