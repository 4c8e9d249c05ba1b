package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// stagedPolicy lets into production what was in staging.
const stagedPolicy = `  staging:
    requires:
      provenance: {max-age: 7d}
  production:
    requires:
      provenance: {max-age: 7d}
      entered: {environment: staging%s}
`

func stagedRules(t *testing.T, more string) *policy.Policy {
	t.Helper()
	text := strings.Replace(good, "  production:\n    requires:\n      provenance: {max-age: 7d}\n", fmt.Sprintf(stagedPolicy, more), 1)
	return read(t, text)
}

// staging is the environment that production comes after.
var staging = func() statement.Target {
	t := where
	t.Name, t.ID = "staging", "9007"
	return t
}()

// inStaging is entry n into staging, of what digest says, at a time.
func inStaging(t *testing.T, n int, digest string, age time.Duration, after []let, edits ...func(*let)) let {
	all := append([]func(*let){func(x *let) {
		x.entry.Target, x.signer.Environment = staging, "staging"
		x.entry.Artifacts[0].SHA256, x.at = digest, now.Add(-age)
	}}, edits...)
	return lets(t, n, after, all...)
}

// endsAt is what a job of x's run signs of how it ended.
func endsAt(t *testing.T, x let, outcome string, at time.Time) policy.Fact {
	t.Helper()
	e := statement.Ending{Target: x.entry.Target, Entry: statement.Link{Number: x.entry.Number, SHA256: x.fact.StatementHash.Hex()}, Outcome: outcome, Run: x.signer.Run}
	p, err := e.JSON()
	if err != nil {
		t.Fatal(err)
	}
	subjects, err := e.Subjects()
	if err != nil {
		t.Fatal(err)
	}
	payload, err := statement.New(subjects, statement.EndingV1, p)
	if err != nil {
		t.Fatal(err)
	}
	st, err := statement.Parse(payload)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Fact{Signer: x.signer, Trust: "house", Time: at, Source: "store", Statement: st, StatementHash: sum(payload)}
}

// stagedInput wants to enter production after entries into staging. ended are facts about their endings.
func stagedInput(t *testing.T, p *policy.Policy, all []let, ended ...policy.Fact) policy.Input {
	in := input(p, built(t))
	s := policy.Stage{Environment: "staging", ID: staging.ID, Entries: policy.Candidate{Subject: staging.Subject("")}}
	for _, x := range all {
		s.Entries.Facts = append(s.Entries.Facts, x.fact)
	}
	s.Entries.Facts = append(s.Entries.Facts, ended...)
	in.Stages = []policy.Stage{s}
	in.Refs = kept(in)
	return in
}

func TestG11_entered_in_the_environment_before(t *testing.T) {
	mine, others := app().Digest.Hex(), dig(0x77)
	hours := func(n int) time.Duration { return time.Duration(n) * time.Hour }
	for _, x := range []struct {
		name  string
		rule  string
		input func(t *testing.T, p *policy.Policy) policy.Input
		code  fault.Code // empty: allowed
		words string
	}{
		{"an entry that was confirmed", "", func(t *testing.T, p *policy.Policy) policy.Input {
			e := inStaging(t, 1, mine, hours(2), nil)
			return stagedInput(t, p, []let{e}, endsAt(t, e, statement.OutcomeEntered, now.Add(-hours(1))))
		}, "", "entry 1"},
		{"nothing entered", "", func(t *testing.T, p *policy.Policy) policy.Input { return stagedInput(t, p, nil) }, fault.EntryMissing, "has not entered"},
		{"another artifact entered", "", func(t *testing.T, p *policy.Policy) policy.Input {
			e := inStaging(t, 1, others, hours(2), nil)
			return stagedInput(t, p, []let{e}, endsAt(t, e, statement.OutcomeEntered, now.Add(-hours(1))))
		}, fault.EntryMissing, "has not entered"},
		{"an entry that nobody confirmed", "", func(t *testing.T, p *policy.Policy) policy.Input {
			return stagedInput(t, p, []let{inStaging(t, 1, mine, hours(2), nil)})
		}, fault.EntryMissing, "is not confirmed"},
		{"an entry whose deployment failed", "", func(t *testing.T, p *policy.Policy) policy.Input {
			e := inStaging(t, 1, mine, hours(2), nil)
			return stagedInput(t, p, []let{e}, endsAt(t, e, statement.OutcomeEntered, now.Add(-hours(1))), endsAt(t, e, statement.OutcomeFailed, now.Add(-time.Minute)))
		}, fault.EntryMissing, "failed"},
		{"an entry that a job outside of staging signed", "", func(t *testing.T, p *policy.Policy) policy.Input {
			e := inStaging(t, 1, mine, hours(2), nil, func(x *let) { x.signer.Environment = "production" })
			return stagedInput(t, p, []let{e}, endsAt(t, e, statement.OutcomeEntered, now.Add(-hours(1))))
		}, fault.EntryMissing, "has not entered"},
		{"an entry into another environment of that name", "", func(t *testing.T, p *policy.Policy) policy.Input {
			e := inStaging(t, 1, mine, hours(2), nil, func(x *let) { x.entry.Target.ID = "9008" })
			return stagedInput(t, p, []let{e}, endsAt(t, e, statement.OutcomeEntered, now.Add(-hours(1))))
		}, fault.EntryMissing, "has not entered"},
		{"an environment without a number", "", func(t *testing.T, p *policy.Policy) policy.Input {
			in := stagedInput(t, p, nil)
			in.Stages[0] = policy.Stage{Environment: "staging"}
			return in
		}, fault.EntryMissing, "cannot be found"},
		{"there for long enough", ", for: 24h", func(t *testing.T, p *policy.Policy) policy.Input {
			e := inStaging(t, 1, mine, hours(30), nil)
			return stagedInput(t, p, []let{e}, endsAt(t, e, statement.OutcomeEntered, now.Add(-hours(24))))
		}, "", "there for 24 h"},
		{"not there for long enough", ", for: 24h", func(t *testing.T, p *policy.Policy) policy.Input {
			e := inStaging(t, 1, mine, hours(30), nil)
			return stagedInput(t, p, []let{e}, endsAt(t, e, statement.OutcomeEntered, now.Add(-hours(24)+time.Second)))
		}, fault.TooEarly, "long enough"},
		{"confirmed by the next entry only", ", for: 24h", func(t *testing.T, p *policy.Policy) policy.Input {
			a := inStaging(t, 1, mine, hours(40), nil)
			b := inStaging(t, 2, others, hours(30), []let{a}, func(x *let) {
				x.entry.Confirmed = []statement.Link{{Number: 1, SHA256: a.fact.StatementHash.Hex()}}
			})
			return stagedInput(t, p, []let{a, b})
		}, fault.TooEarly, "long enough"},
		{"replaced before the time was over", ", for: 24h", func(t *testing.T, p *policy.Policy) policy.Input {
			a := inStaging(t, 1, mine, hours(41), nil)
			b := inStaging(t, 2, others, hours(30), []let{a})
			return stagedInput(t, p, []let{a, b}, endsAt(t, a, statement.OutcomeEntered, now.Add(-hours(40))))
		}, fault.TooEarly, "long enough"},
		{"replaced after the time was over", ", for: 24h", func(t *testing.T, p *policy.Policy) policy.Input {
			a := inStaging(t, 1, mine, hours(71), nil)
			b := inStaging(t, 2, others, hours(30), []let{a})
			return stagedInput(t, p, []let{a, b}, endsAt(t, a, statement.OutcomeEntered, now.Add(-hours(70))))
		}, "", ""},
		{"deployed twice", ", for: 24h", func(t *testing.T, p *policy.Policy) policy.Input {
			a := inStaging(t, 1, mine, hours(71), nil)
			b := inStaging(t, 2, mine, hours(2), []let{a})
			return stagedInput(t, p, []let{a, b}, endsAt(t, a, statement.OutcomeEntered, now.Add(-hours(70))), endsAt(t, b, statement.OutcomeEntered, now.Add(-hours(1))))
		}, "", "there for 2 days"},
		{"a failure in between", ", for: 24h", func(t *testing.T, p *policy.Policy) policy.Input {
			a := inStaging(t, 1, mine, hours(71), nil)
			b := inStaging(t, 2, mine, hours(20), []let{a})
			c := inStaging(t, 3, mine, hours(10), []let{b})
			return stagedInput(t, p, []let{a, b, c}, endsAt(t, a, statement.OutcomeEntered, now.Add(-hours(70))),
				endsAt(t, b, statement.OutcomeFailed, now.Add(-hours(19))), endsAt(t, c, statement.OutcomeEntered, now.Add(-hours(9))))
		}, fault.TooEarly, "long enough"},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := stagedRules(t, x.rule)
			v := evaluate(x.input(t, p))
			if x.code == "" {
				wantAllowed(t, v)
				if f := v.Judgements[0].Findings[1]; !strings.Contains(f.Reason, x.words) {
					t.Errorf("reason = %q, want one that says %q", f.Reason, x.words)
				}
				return
			}
			f := wantDenied(t, v)
			if f.Code != x.code || !strings.Contains(f.Reason, x.words) || f.Found == "" || f.Wanted == "" || f.Hint == "" {
				t.Errorf("finding = %+v, want %s with %q and a next step", f, x.code, x.words)
			}
		})
	}
}

// What the platform alone says of the end of a job counts, with the time that it gives.
func TestG11_entered_by_the_platforms_word(t *testing.T) {
	p := stagedRules(t, ", for: 24h")
	e := inStaging(t, 1, app().Digest.Hex(), 40*time.Hour, nil)
	ended := func(at time.Time) verdict.Verdict {
		in := stagedInput(t, p, []let{e})
		in.Runs = append(in.Runs, policy.Run{URI: e.signer.Run, State: policy.Succeeded, Words: "completed, success", Entry: true, Ended: at})
		return evaluate(in)
	}
	wantAllowed(t, ended(now.Add(-30*time.Hour)))
	early := policy.Run{URI: e.signer.Run, State: policy.Succeeded, Words: "completed, success", Entry: true, Ended: now.Add(-1000 * time.Hour)}
	late := inStaging(t, 1, app().Digest.Hex(), time.Hour, nil)
	in := stagedInput(t, p, []let{late})
	in.Runs = append(in.Runs, early)
	if f := wantDenied(t, evaluate(in)); f.Code != fault.TooEarly {
		t.Errorf("a job that ended before it signed: code = %s, want %s", f.Code, fault.TooEarly)
	}
	for _, at := range []time.Time{{}, now.Add(-time.Hour)} {
		if f := wantDenied(t, ended(at)); f.Code != fault.TooEarly {
			t.Errorf("code = %s, want %s", f.Code, fault.TooEarly)
		}
	}
	q, err := policy.Ask(stagedInput(t, p, []let{e}))
	if err != nil || len(q.Runs()) != 2 {
		t.Errorf("questions about runs = %+v, %v; want those of the build and of the entry", q.Runs(), err)
	}
}

// An environment that comes after itself, or after none of the policy, is a complaint.
func TestG11_entered_in_a_circle(t *testing.T) {
	for name, x := range map[string]struct{ old, new, want string }{
		"itself":              {"environment: staging", "environment: production", "comes after itself"},
		"a circle":            {"  staging:\n    requires:\n", "  staging:\n    requires:\n      entered: {environment: production}\n", "comes after itself"},
		"nowhere":             {"environment: staging", "environment: stagin", `has no environment "stagin"`},
		"nothing":             {"entered: {environment: staging}", "entered: {for: 1h}", "needs environment"},
		"signers of an entry": {"environment: staging}", "environment: staging, signed-by: [{email: a@b.example, issuer: https://c.example}]}", "do not belong to it"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, "  production:\n    requires:\n      provenance: {max-age: 7d}\n", fmt.Sprintf(stagedPolicy, ""), 1)
			_, err := policy.Read([]byte(strings.Replace(text, x.old, x.new, 1)), "policy.yaml", words)
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("error = %v, want one that says %q", err, x.want)
			}
		})
	}
}

// summaryPolicy wants a summary of another verifier.
const summaryPolicy = `provenance: {max-age: 7d}
      summary:
        signed-by: [{email: verifier@acme.example, issuer: https://login.example}]
        verifier: https://verifier.example/v1
        policies: [%s]
        resource: pkg:generic/app
        levels: [SLSA_BUILD_LEVEL_2]
        max-age: 24h
`

// Each of these is the only thing that is wrong with a summary (SLSA v1.2, how to verify).
func TestD20_summaries_of_other_verifiers(t *testing.T) {
	p := read(t, strings.Replace(good, "provenance: {max-age: 7d}\n", fmt.Sprintf(summaryPolicy, dig(0x33)), 1))
	verifier := statement.Signer{Issuer: "https://login.example", SAN: "verifier@acme.example", SANKind: "email"}
	type object = map[string]any
	vsa := func() object {
		return object{"verifier": object{"id": "https://verifier.example/v1", "version": object{"x": "1"}}, "timeVerified": now.Add(-2 * time.Hour).Format(time.RFC3339),
			"resourceUri": "pkg:generic/app", "policy": object{"uri": "p", "digest": object{"sha256": dig(0x33)}},
			"verificationResult": "PASSED", "verifiedLevels": []string{"SLSA_BUILD_LEVEL_3", "SLSA_SOURCE_LEVEL_1"}, "somethingNew": 1}
	}
	svr := func() object {
		return object{"verifier": object{"id": "https://verifier.example/v1", "policy": object{"digest": object{"sha256": dig(0x33)}}},
			"timeCreated": now.Add(-2 * time.Hour).Format(time.RFC3339), "properties": []string{"SLSA_BUILD_LEVEL_2", "OTHER"}}
	}
	fact := func(s statement.Signer, kind string, predicate object) policy.Fact {
		b := jsonOf(t, predicate)
		return policy.Fact{Signer: s, Trust: "house", Time: now.Add(-time.Hour), Source: "store", StatementHash: sum(b),
			Statement: statement.Statement{Type: statement.TypeV1, PredicateType: kind, Predicate: b}}
	}
	wantAllowed(t, evaluate(input(p, built(t), fact(verifier, statement.SummaryV1, vsa()))))
	for _, kind := range []string{statement.ResultV01, statement.ResultV02} {
		wantAllowed(t, evaluate(input(p, built(t), fact(verifier, kind, svr()))))
	}
	for name, change := range map[string]func(o object, s *statement.Signer){
		"another verifier":         func(o object, _ *statement.Signer) { o["verifier"] = object{"id": "https://verifier.example/v2"} },
		"no verifier":              func(o object, _ *statement.Signer) { delete(o, "verifier") },
		"another signer":           func(_ object, s *statement.Signer) { s.SAN = "somebody@acme.example" },
		"another resource":         func(o object, _ *statement.Signer) { o["resourceUri"] = "pkg:generic/other" },
		"no resource":              func(o object, _ *statement.Signer) { delete(o, "resourceUri") },
		"failed":                   func(o object, _ *statement.Signer) { o["verificationResult"] = "FAILED" },
		"no result":                func(o object, _ *statement.Signer) { delete(o, "verificationResult") },
		"a result in another case": func(o object, _ *statement.Signer) { o["verificationResult"] = "passed" },
		"a lower level":            func(o object, _ *statement.Signer) { o["verifiedLevels"] = []string{"SLSA_BUILD_LEVEL_1"} },
		"a level of another track": func(o object, _ *statement.Signer) { o["verifiedLevels"] = []string{"SLSA_SOURCE_LEVEL_4"} },
		"two levels of one track": func(o object, _ *statement.Signer) {
			o["verifiedLevels"] = []string{"SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_0"}
		},
		"no levels":      func(o object, _ *statement.Signer) { delete(o, "verifiedLevels") },
		"another policy": func(o object, _ *statement.Signer) { o["policy"] = object{"digest": object{"sha256": dig(0x34)}} },
		"no policy":      func(o object, _ *statement.Signer) { delete(o, "policy") },
		"an old time":    func(o object, _ *statement.Signer) { o["timeVerified"] = now.Add(-25 * time.Hour).Format(time.RFC3339) },
		"no time":        func(o object, _ *statement.Signer) { delete(o, "timeVerified") },
		"a time after its own hour": func(o object, _ *statement.Signer) {
			o["timeVerified"] = now.Add(-30 * time.Minute).Format(time.RFC3339)
		},
		"an entry of ours": func(o object, _ *statement.Signer) { o["verifier"] = object{"id": statement.EntryVerifier} },
	} {
		t.Run(name, func(t *testing.T) {
			o, s := vsa(), verifier
			change(o, &s)
			f := wantDenied(t, evaluate(input(p, built(t), fact(s, statement.SummaryV1, o))))
			if f.Requirement != "summary" || f.Found == "" {
				t.Errorf("finding = %+v, want one about the summary that says what was found", f)
			}
		})
	}
	for name, change := range map[string]func(o object){
		"without the property": func(o object) { o["properties"] = []string{"OTHER"} },
		"without a time":       func(o object) { delete(o, "timeCreated") },
		"without a policy":     func(o object) { o["verifier"] = object{"id": "https://verifier.example/v1"} },
	} {
		t.Run("a result "+name, func(t *testing.T) {
			o := svr()
			change(o)
			wantDenied(t, evaluate(input(p, built(t), fact(verifier, statement.ResultV01, o))))
		})
	}
	for _, key := range []string{"signed-by", "verifier", "policies", "levels"} {
		text := strings.Replace(good, "provenance: {max-age: 7d}\n", fmt.Sprintf(summaryPolicy, dig(0x33)), 1)
		lines := strings.SplitAfter(text, "\n")
		var kept []string
		for _, l := range lines {
			if !strings.HasPrefix(strings.TrimSpace(l), key+":") {
				kept = append(kept, l)
			}
		}
		if _, err := policy.Read([]byte(strings.Join(kept, "")), "policy.yaml", words); err == nil || !strings.Contains(err.Error(), "summary needs "+key) {
			t.Errorf("without %s: error = %v, want one that says so", key, err)
		}
	}
}

// Whoever has one file and the trusted root has to be able to tell an entry from what a job elsewhere has written.
func TestD20_an_entry_alone_says_that_something_was_let_in(t *testing.T) {
	f, _ := forge("https://ci.example")
	want, err := policy.NewBuiltExpectation("", "", policy.Built{Forge: f, Repository: "acme/app", Predicate: statement.SummaryV1, Entered: "production"})
	if err != nil {
		t.Fatal(err)
	}
	judged := func(edit func(*let)) verdict.Verdict {
		x := lets(t, 1, nil, edit)
		return policy.EvaluateSigner(want, []policy.Candidate{{Subject: app(), Facts: []policy.Fact{x.fact}}})
	}
	if v := judged(func(*let) {}); v.Outcome() != verdict.Allow || !strings.Contains(v.Judgements[0].Evidence[0].Says, "entry 1 into production") {
		t.Fatalf("outcome = %v with %+v, want allow with what the entry says", v.Outcome(), refusals(v))
	}
	for name, edit := range map[string]func(*let){
		"a job outside of the environment": func(x *let) { x.signer.Environment = "" },
		"a job in another environment":     func(x *let) { x.signer.Environment = "staging" },
		"an entry into another one":        func(x *let) { x.entry.Target.Name = "staging" },
		"another run than its certificate": func(x *let) { x.entry.Run = run(77) },
		"another repository's environment": func(x *let) { x.entry.Target.Repository.ID = "1002" },
		"another repository's certificate": func(x *let) { x.signer.Repository = "https://code.example/acme/other" },
	} {
		if v := judged(edit); v.Outcome() != verdict.Deny {
			t.Errorf("%s: outcome = %v, want deny", name, v.Outcome())
		}
	}
}
