package policy_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// jobs is what lets a build in that the policy asks about: one job that builds, and one that signs.
func jobs() []policy.BuildJob {
	return []policy.BuildJob{
		{Name: "release, job sign", Signs: true},
		{Name: "release, job build", Code: []string{"step 2 runs a script"}, Strange: []string{"acme/tool@v1"}},
	}
}

// asking is an input under a policy that has line for its provenance, with an answer about the build.
func asking(t testing.TB, line string, edit func(*policy.Build)) policy.Input {
	t.Helper()
	in := input(read(t, edited(t, "{max-age: 7d}", "{max-age: 7d, "+line+"}")), built(t))
	q, err := policy.Ask(in)
	if err != nil || len(q.Builds()) != 1 {
		t.Fatalf("questions = %+v, %v, want one about the build", q, err)
	}
	b := policy.Build{Query: q.Builds()[0], Jobs: jobs(), Off: "say no-cache"}
	if edit != nil {
		edit(&b)
	}
	in.Builds = []policy.Build{b}
	return in
}

func TestF12_a_cache_of_a_job_that_led_to_the_signature_denies(t *testing.T) {
	const line = "caches: none"
	wantAllowed(t, evaluate(asking(t, line, nil)))
	here, elsewhere := policy.Cache{What: "step 1 restores", Off: "leave it out"}, policy.Cache{What: "step 1 imports", Off: "leave it out", Elsewhere: true}
	for name, x := range map[string]struct {
		edit  func(*policy.BuildJob)
		found string
		hint  string
	}{
		"a cache":                       {func(j *policy.BuildJob) { j.Caches = []policy.Cache{here} }, "step 1 restores", "leave it out, or say no-cache, and build it again"},
		"a cache elsewhere":             {func(j *policy.BuildJob) { j.Caches = []policy.Cache{elsewhere} }, "step 1 imports", "leave it out, and build it again"},
		"a cache elsewhere, and a mode": {func(j *policy.BuildJob) { j.Caches, j.NoCache = []policy.Cache{here, elsewhere}, true }, "step 1 imports", "leave it out"},
		"an action that nobody knows":   {func(j *policy.BuildJob) { j.Unknown = []string{"acme/x@v1", "acme/y@v1"} }, "acme/x@v1, acme/y@v1", "say no-cache and build it again; or read what it does"},
		"a disk":                        {func(j *policy.BuildJob) { j.Runner = "self-hosted" }, "runs on self-hosted", "a machine that the platform makes"},
		"a disk, and a mode":            {func(j *policy.BuildJob) { j.Runner, j.NoCache = "self-hosted", true }, "runs on self-hosted", "a machine that the platform makes"},
	} {
		for i, which := range []string{"job sign", "job build"} {
			f := wantDenied(t, evaluate(asking(t, line, func(b *policy.Build) { x.edit(&b.Jobs[i]) })))
			if f.Code != fault.CacheUsed || !strings.Contains(f.Found, x.found) || !strings.Contains(f.Found, which) || !strings.Contains(f.Hint, x.hint) {
				t.Errorf("%s of %s: %s, found %q, hint %q", name, which, f.Code, f.Found, f.Hint)
			}
		}
	}
	for name, edit := range map[string]func(*policy.BuildJob){
		"a cache that the mode stops":  func(j *policy.BuildJob) { j.Caches, j.NoCache = []policy.Cache{here}, true },
		"an action that it stops, too": func(j *policy.BuildJob) { j.Unknown, j.NoCache = []string{"acme/x@v1"}, true },
	} {
		if v := evaluate(asking(t, line, func(b *policy.Build) { edit(&b.Jobs[1]) })); v.Outcome() != verdict.Allow {
			t.Errorf("%s: %+v, want allow", name, refusals(v))
		}
	}
}

func TestF12_an_action_counts_as_known_under_its_name_and_version(t *testing.T) {
	for known, want := range map[string]bool{"acme/x@v1": true, "acme/x": true, "ACME/x@v1": true, "acme/x@v2": false, "acme/xy": false, "acme/x/y": false, "acme/x@v1.2": false} {
		v := evaluate(asking(t, "caches: {none: true, known: ["+known+"]}", func(b *policy.Build) { b.Jobs[1].Unknown = []string{"acme/x@v1"} }))
		if got := v.Outcome() == verdict.Allow; got != want {
			t.Errorf("known %s: allowed is %t, want %t", known, got, want)
		}
		if e := v.Judgements[0].Evidence; want && !strings.Contains(strings.Join(e[0].Accepted, "; "), known) {
			t.Errorf("accepted = %q, want that %s is known", e[0].Accepted, known)
		}
	}
}

// A runner that the certificate calls one of somebody's own keeps its disk, whatever the file says.
func TestF12_the_runner_of_the_certificate_counts(t *testing.T) {
	text := strings.Replace(edited(t, "{max-age: 7d}", "{max-age: 7d, caches: none}"), "        workflow:", "        runner: own\n        workflow:", 1)
	s := signer()
	s.Runner = "own"
	in := input(read(t, text), stated(t, s, provenance(s)))
	q, err := policy.Ask(in)
	if err != nil {
		t.Fatal(err)
	}
	in.Builds = []policy.Build{{Query: q.Builds()[0], Jobs: jobs()}}
	if f := wantDenied(t, evaluate(in)); f.Code != fault.CacheUsed || f.Found != "own" {
		t.Errorf("finding = %+v, want the runner", f)
	}
	in.Policy = read(t, strings.Replace(text, "caches: none", "builder: isolated", 1))
	wantAllowed(t, evaluate(in))
}

func TestC22_code_of_the_project_in_the_job_that_signs_denies(t *testing.T) {
	const line = "builder: isolated"
	wantAllowed(t, evaluate(asking(t, line, nil)))
	f := wantDenied(t, evaluate(asking(t, line, func(b *policy.Build) { b.Jobs[0].Code = []string{"step 2 runs make", "step 3 runs npm"} })))
	if f.Code != fault.Isolation || f.Found != "release, job sign: step 2 runs make, and 1 more" {
		t.Errorf("finding = %+v", f)
	}
	// Each job that may have signed counts.
	f = wantDenied(t, evaluate(asking(t, line, func(b *policy.Build) { b.Jobs[1].Signs = true })))
	if f.Code != fault.Isolation || !strings.Contains(f.Found, "job build") {
		t.Errorf("finding = %+v, want the second job", f)
	}
	// Caches are another question.
	wantAllowed(t, evaluate(asking(t, line, func(b *policy.Build) { b.Jobs[0].Caches = []policy.Cache{{What: "x"}} })))
}

func TestF10_a_step_that_nobody_knows_in_the_job_that_signs_denies(t *testing.T) {
	strange := func(b *policy.Build) { b.Jobs[0].Strange = []string{"acme/scanner@v2"} }
	f := wantDenied(t, evaluate(asking(t, "builder: isolated", strange)))
	if f.Code != fault.Isolation || !strings.Contains(f.Found, "acme/scanner@v2") {
		t.Errorf("finding = %+v", f)
	}
	wantAllowed(t, evaluate(asking(t, "builder: {isolated: true, known: [acme/scanner@v2]}", strange)))
	if f := wantDenied(t, evaluate(asking(t, "builder: isolated, caches: {none: true, known: [acme/scanner@v2]}", strange))); f.Code != fault.Isolation {
		t.Errorf("what is known to restore no cache is not known to run no code: %+v", f)
	}
}

func TestF12_a_build_that_nobody_tells_about_does_not_count(t *testing.T) {
	for _, line := range []string{"caches: none", "builder: isolated"} {
		for name, x := range map[string]struct {
			edit func(*policy.Build)
			code fault.Code
		}{
			"nobody answers":     {func(b *policy.Build) { b.Why, b.Need, b.Jobs = "the API answered 403", "set TOKEN", nil }, fault.NotAvailable},
			"files that are odd": {func(b *policy.Build) { b.Unread, b.Jobs = "not YAML", nil }, ""},
			"no jobs":            {func(b *policy.Build) { b.Jobs = nil }, ""},
			"no job that signs":  {func(b *policy.Build) { b.Jobs = b.Jobs[1:] }, ""},
			"another build":      {func(b *policy.Build) { b.Query.SignerCommit = other }, ""},
			"another run":        {func(b *policy.Build) { b.Query.Run += "1" }, ""},
		} {
			f := wantDenied(t, evaluate(asking(t, line, x.edit)))
			want := x.code
			if want == "" {
				want = fault.CacheUsed
				if line == "builder: isolated" {
					want = fault.Isolation
				}
			}
			if f.Code != want || want == fault.NotAvailable && f.Hint != "set TOKEN" {
				t.Errorf("%s, %s: finding = %+v, want %s", line, name, f, want)
			}
		}
	}
}

// A run that failed is a reason of its own, also where nobody tells what its jobs did.
func TestF13_a_run_that_failed_is_told_before_its_jobs(t *testing.T) {
	in := asking(t, "caches: none", func(b *policy.Build) { b.Why, b.Jobs = "403", nil })
	in.Runs[0].State = policy.Failed
	if f := wantDenied(t, evaluate(in)); f.Code != fault.BuildState {
		t.Errorf("finding = %+v, want E_BUILD_STATE", f)
	}
}

// A key cannot say which workflow it signed in.
func TestF12_a_signer_without_a_workflow_does_not_count(t *testing.T) {
	text := edited(t, "{max-age: 7d}", "{caches: none, content: unchecked, signed-by: [{email: a@acme.example, issuer: https://id.example}]}")
	f := built(t)
	f.Signer.SAN, f.Signer.SANKind, f.Signer.Issuer, f.Signer.Run = "a@acme.example", "email", "https://id.example", ""
	in := input(read(t, text), f)
	if q, _ := policy.Ask(in); len(q.Builds()) != 0 {
		t.Errorf("questions = %+v, want none about a build", q.Builds())
	}
	if f := wantDenied(t, evaluate(in)); f.Code != fault.CacheUsed || f.Found != "a@acme.example" {
		t.Errorf("finding = %+v, want who signed", f)
	}
	in.Policy = read(t, strings.Replace(text, "caches: none, ", "", 1))
	wantAllowed(t, evaluate(in))
}

func TestF12_what_is_not_asked_is_said(t *testing.T) {
	in := asking(t, "caches: none", nil)
	in.Environment, in.For, in.Builds = "", "production", nil
	v := policy.Evaluate(in)
	wantAllowed(t, v)
	if !strings.Contains(strings.Join(v.NotAsked, "; "), "restored a cache") {
		t.Errorf("not asked = %q, want the caches", v.NotAsked)
	}
}

// Whatever else a job does, more of it never lets in what less of it does not.
func TestF12_more_caches_never_allow_more(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 22))
	some := func() []string { return [][]string{nil, {"acme/x@v1"}, {"acme/y@v1"}}[r.IntN(3)] }
	for range 2000 {
		line := []string{"caches: none", "builder: isolated", "caches: none, builder: isolated", "caches: {none: true, known: [acme/x]}"}[r.IntN(4)]
		var all []policy.BuildJob
		for i := range 1 + r.IntN(3) {
			j := policy.BuildJob{Name: "j", Signs: i == 0 || r.IntN(3) == 0, NoCache: r.IntN(2) == 0, Unknown: some(), Code: some(), Strange: some()}
			if r.IntN(3) == 0 {
				j.Caches = []policy.Cache{{What: "c", Elsewhere: r.IntN(2) == 0}}
			}
			all = append(all, j)
		}
		less := asking(t, line, func(b *policy.Build) { b.Jobs = all })
		more := asking(t, line, func(b *policy.Build) {
			b.Jobs = slices.Clone(all)
			j := &b.Jobs[r.IntN(len(b.Jobs))]
			switch r.IntN(6) {
			case 0:
				j.Caches = append(slices.Clone(j.Caches), policy.Cache{What: "more", Elsewhere: r.IntN(2) == 0})
			case 1:
				j.Unknown = append(slices.Clone(j.Unknown), "acme/more@v1")
			case 2:
				j.Code = append(slices.Clone(j.Code), "more")
			case 3:
				j.Strange = append(slices.Clone(j.Strange), "acme/more@v1")
			case 4:
				j.Runner = "own"
			default:
				b.Jobs = append(b.Jobs, policy.BuildJob{Name: "more", Caches: []policy.Cache{{What: "more"}}})
			}
		})
		if policy.Evaluate(less).Outcome() != verdict.Allow && policy.Evaluate(more).Outcome() == verdict.Allow {
			t.Fatalf("%s: %+v is denied and %+v allowed", line, less.Builds, more.Builds)
		}
	}
}
