package verdict_test

import (
	"encoding/json"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

func findings(of ...verdict.Outcome) []verdict.Finding {
	out := []verdict.Finding{}
	for _, o := range of {
		out = append(out, verdict.Finding{Outcome: o})
	}
	return out
}

func TestD02_nothing_is_allowed_by_omission(t *testing.T) {
	var o verdict.Outcome
	if o != verdict.Deny || (verdict.Finding{}).Outcome != verdict.Deny || (verdict.Judgement{}).Outcome() != verdict.Deny || (verdict.Verdict{}).Outcome() != verdict.Deny {
		t.Error("a zero value allows, want that it denies")
	}
	good := verdict.Judgement{Findings: findings(verdict.Allow)}
	for name, v := range map[string]verdict.Verdict{
		"no subject":                      {Environment: "production", Findings: findings(verdict.Allow)},
		"a subject without a finding":     {Judgements: []verdict.Judgement{good, {}}},
		"nothing about the environment":   {Environment: "production", Judgements: []verdict.Judgement{good}},
		"an empty list about it":          {Environment: "production", Findings: findings(), Judgements: []verdict.Judgement{good}},
		"the environment denies":          {Environment: "production", Findings: findings(verdict.Allow, verdict.Deny), Judgements: []verdict.Judgement{good}},
		"the first of its reasons denies": {Environment: "production", Findings: findings(verdict.Deny, verdict.Allow), Judgements: []verdict.Judgement{good}},
	} {
		if got := v.Outcome(); got != verdict.Deny {
			t.Errorf("%s: outcome = %v, want deny", name, got)
		}
	}
	v := verdict.Verdict{Environment: "production", Findings: findings(verdict.Allow), Judgements: []verdict.Judgement{good, good}}
	if got := v.Outcome(); got != verdict.Allow {
		t.Errorf("control: outcome = %v, want allow", got)
	}
}

func TestOutcome_of_the_whole_is_the_least(t *testing.T) {
	for _, x := range []struct {
		of   []verdict.Outcome
		want verdict.Outcome
	}{
		{[]verdict.Outcome{verdict.Allow, verdict.Allow}, verdict.Allow}, {[]verdict.Outcome{verdict.Allow, verdict.Wait}, verdict.Wait},
		{[]verdict.Outcome{verdict.Wait, verdict.Allow}, verdict.Wait}, {[]verdict.Outcome{verdict.Deny, verdict.Wait, verdict.Allow}, verdict.Deny},
		{[]verdict.Outcome{verdict.Allow, verdict.Deny}, verdict.Deny},
	} {
		j := verdict.Judgement{Findings: findings(x.of...)}
		v := verdict.Verdict{}
		for _, o := range x.of {
			v.Judgements = append(v.Judgements, verdict.Judgement{Findings: findings(o)})
		}
		if a, b := j.Outcome(), v.Outcome(); a != x.want || b != x.want {
			t.Errorf("%v: outcomes = %v, %v, want %v", x.of, a, b, x.want)
		}
	}
}

func TestOutcome_is_read_back_as_it_was_written(t *testing.T) {
	for _, o := range []verdict.Outcome{verdict.Deny, verdict.Wait, verdict.Allow} {
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		var again verdict.Outcome
		if err := json.Unmarshal(b, &again); err != nil || again != o {
			t.Errorf("%s: read back = %v, %v, want %v", b, again, err, o)
		}
	}
	for _, s := range []string{`"Allow"`, `"allow "`, `""`, `"yes"`, `2`, `true`} {
		o := verdict.Allow
		if err := json.Unmarshal([]byte(s), &o); err == nil || s[0] == '"' && o != verdict.Deny {
			t.Errorf("%s: outcome = %v, %v, want an error and deny", s, o, err)
		}
	}
	if got := (verdict.Allow + 1).String(); got != "deny" {
		t.Errorf("an outcome that does not exist = %q, want deny", got)
	}
}

func TestCodes_explain_every_code_of_a_finding(t *testing.T) {
	for code, text := range fault.Codes {
		if code == "" || text == "" || text[len(text)-1] == '.' {
			t.Errorf("code %q is explained as %q", code, text)
		}
	}
}
