package report_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/report"
)

// spans are code, in which nothing is a link.
var spans = regexp.MustCompile("`[^`]*`")

// A summary leads to the run, the commit, the workflow, the policy's line and our own pages. An
// address that a stranger may have written leads nowhere.
func TestMarkdown_leads_to_what_it_names(t *testing.T) {
	for platform, x := range map[string]struct {
		run, signer string
		site        report.Site
		want        []string
	}{
		"github": {"https://github.com/acme/app/actions/runs/7/attempts/1", "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1",
			report.Site{Host: "https://github.com", Mark: "/", Folder: ".github/workflows/", Between: "/"}, []string{
				"](https://github.com/acme/app/actions/runs/7/attempts/1)", "](https://github.com/acme/app/commit/9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605)",
				"](https://github.com/acme/app/blob/v1/.github/workflows/release.yml)", "](https://github.com/acme/app/blob/1234567890123456789012345678901234567890/.sallyport/policy.yaml#L7)",
				"fix: `set it:` [`https://github.com/acme/app/settings/environments`](https://github.com/acme/app/settings/environments)", "codes.md#e_identity)"}},
		"gitlab": {"https://gitlab.com/acme/app/-/jobs/7", "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main",
			report.Site{Host: "https://gitlab.com", Mark: "//", Between: "/-/"}, []string{
				"](https://gitlab.com/acme/app/-/jobs/7)", "](https://gitlab.com/acme/app/-/commit/9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605)",
				"](https://gitlab.com/acme/app/-/blob/main/.gitlab-ci.yml)", "](https://gitlab.com/acme/app/-/blob/1234567890123456789012345678901234567890/.sallyport/policy.yaml#L7)"}},
	} {
		host := strings.Join(strings.SplitN(x.run, "/", 4)[:3], "/")
		f := stranger
		f.Hint = "set it: " + host + "/acme/app/settings/environments"
		f.Found = "https://evil.example/login [a](https://evil.example) " + host + ".evil.example/x"
		j := judged(artifact, f)
		e := evidence
		e.Run, e.Signer, e.Commit = x.run, x.signer, "9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"
		j.Evidence = append(j.Evidence[:0:0], e)
		r := into(guarded, j)
		r.Home = host + "/acme/app"
		r.Sites = []report.Site{x.site}
		r.Policy.Commit = "1234567890123456789012345678901234567890"
		var b bytes.Buffer
		if err := report.Markdown(&b, r); err != nil {
			t.Fatal(err)
		}
		for _, s := range x.want {
			if !strings.Contains(b.String(), s) {
				t.Errorf("%s: no %q in\n%s", platform, s, b.String())
			}
		}
		if outside := spans.ReplaceAllString(b.String(), ""); strings.Contains(outside, "evil") {
			t.Errorf("%s: an address of a stranger is a link:\n%s", platform, b.String())
		}
	}
	for _, address := range []string{"http://a.example", "javascript:alert(1)", "https://a.example/)[x](https://b", "https://u:p@a.example/", "https://a.example/a b", "https://a.example/<b>", "", "https://a.example/\n"} {
		if got := report.Link("x", address); got != "`x`" {
			t.Errorf("Link(%q) = %s, want no link", address, got)
		}
	}
}
