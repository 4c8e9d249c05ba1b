package raised

import (
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// A test that believes everything looks the same as a table that is right.
func TestComplaints_are_about_what_the_table_does_not_say(t *testing.T) {
	for _, c := range []struct {
		rule     finding.Rule
		threat   string
		severity finding.Severity
		by       finding.Reader
		want     string
	}{
		{finding.NoGate, "G04", finding.Error, finding.Workflows, ""},
		{finding.NoGate, "G04", finding.Error, finding.Pipelines, "for threat \"G04\""},
		{finding.NoGate, "H01", finding.Error, finding.Workflows, "for threat \"H01\""},
		{finding.NoGate, "G04", finding.Warning, finding.Workflows, "as warning at worst"},
		{finding.PinUnnamed, "P01", finding.Error, finding.Workflows, "as error at worst"},
		{finding.GateUnseen, "G04", finding.Note, finding.Workflows, ""},
		{finding.ActionsUnpinned, "", finding.Note, finding.Settings, ""},
		{finding.ActionsUnpinned, "", finding.Note, finding.Workflows, "for threat \"\""},
	} {
		all := []finding.Finding{{Rule: c.rule, Threat: c.threat, Severity: c.severity}}
		said := strings.Join(complaints(c.rule, all, c.by), "; ")
		if (said == "") != (c.want == "") || !strings.Contains(said, c.want) {
			t.Errorf("%s, %s, %v by %s: %q, want %q", c.rule, c.threat, c.severity, c.by, said, c.want)
		}
	}
}

func TestNamed_are_the_rules_of_the_code_alone(t *testing.T) {
	named, err := Named("../pipelines")
	if err != nil || !slices.Contains(named, finding.GateSoft) || slices.Contains(named, finding.NoGate) {
		t.Errorf("named %v, %v; want those of pipelines", named, err)
	}
	if named, err := Named("../finding"); err != nil || len(named) != 0 {
		t.Errorf("named %v, %v; want none, where only tests name them", named, err)
	}
}
