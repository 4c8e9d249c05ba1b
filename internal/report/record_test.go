package report_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

func TestRecord_is_read_as_it_was_written(t *testing.T) {
	rec := report.NewRecord("sallyport v1", verdict.Verdict{Environment: "production", Findings: []verdict.Finding{guarded},
		Judgements: []verdict.Judgement{judged(artifact, met), judged(picture, missing)}})
	input, core := subject.Sum([]byte("input")), subject.Sum([]byte("core"))
	rec.Rules, rec.Input, rec.Core = 1, &input, &core
	rec.Judgements[0].Subject.Given = true
	var b bytes.Buffer
	if err := report.JSON(&b, rec); err != nil {
		t.Fatal(err)
	}
	got, err := report.ReadRecord(b.Bytes())
	if err != nil || !reflect.DeepEqual(got, rec) {
		t.Errorf("read again (%v):\n got %+v\nwant %+v", err, got, rec)
	}
	for edit, want := range map[[2]string]string{
		{`"rules": 1`, `"later": 2, "rules": 1`}:     "", // of a later version
		{`"rules": 1`, `"rules": 1, "rules": 1`}:     "duplicate",
		{`"rules": 1`, `"Rules": 1`}:                 "only in case",
		{`"outcome": "deny"`, `"outcome": "allow!"`}: "not one of deny, wait, allow",
		{"verdict/v1", "verdict/v9"}:                 "verdict/v9",
	} {
		_, err := report.ReadRecord([]byte(strings.Replace(b.String(), edit[0], edit[1], 1)))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v, want it read", edit[1], err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || fault.Of(err).Kind != fault.Refused):
			t.Errorf("%s: %v, want %q", edit[1], err, want)
		}
	}
}
