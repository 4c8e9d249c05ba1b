package policy_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sallyport-dev/sallyport/internal/contents"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// installing is the second policy with rulings about what people install.
func installing(t testing.TB, rulings string) string {
	return replaced(t, second, "count: 2}\n", "count: 2}\n    changes: {"+rulings+"}\n")
}

// keyv is the inventory of a package, and worm the same with a script and a payload.
func keyv(edit func(*contents.Package)) contents.Package {
	p := contents.Package{
		Kind: contents.NPM, Name: "keyv", Version: "6.0.0-rc.1", Files: 2, Bytes: 1000,
		Dependencies: []contents.Dependency{{Name: "@keyv/serialize", Spec: "^1.1.0", Group: "dependencies"}},
	}
	if edit != nil {
		edit(&p)
	}
	return p
}

func worm(p *contents.Package) {
	p.Scripts = []contents.Script{{Name: "preinstall", Text: "node setup.mjs", SHA256: strings.Repeat("a", 64)}}
	p.Largest = []contents.File{{Path: "setup.mjs", Size: 700_000, SHA256: strings.Repeat("b", 64)}}
	p.Version, p.Bytes = "6.0.0", 701_000
}

// holding gives the artifact of an entry an inventory.
func holding(p contents.Package) func(*let) {
	return func(x *let) { x.entry.Artifacts[0].Contents = &p }
}

// installs is the input of a scene where a package wants to enter after others.
func installs(t testing.TB, s scene, now *contents.Package, before ...let) policy.Input {
	t.Helper()
	in := s.input(t)
	in.Candidates[0].Package = now
	adopt(&in, entering(in.Policy, before...))
	in.Entries.Subject, in.Merged = where.Subject(""), onMain(in.Policy)
	in.Changes = slices.Clone(in.Changes)
	if len(before) > 0 {
		in.Changes[0].Start = startOf(t, in)
	}
	return in
}

// seeing are the approvals of people who were shown the changes of in.
func seeing(in policy.Input, all ...policy.Account) []ballot {
	out := yes(all...)
	for i := range out {
		out[i].say = func(a *statement.Approval) { a.Changes = policy.Changed(in) }
	}
	return out
}

// keyv, August 2026: the provenance is genuine, people have approved the release, and what people
// install runs something that it did not run before. Whoever is shown exactly that can approve it;
// who approved the release before, or another change, has not.
func TestReplay_an_install_script_that_nobody_has_seen(t *testing.T) {
	text := installing(t, "install-scripts: approve, dependencies: report")
	rc, evil := keyv(nil), keyv(worm)
	before := lets(t, 1, nil, holding(rc))
	in := installs(t, setting(t, text), &evil, before)
	if bad := refusals(evaluate(in)); len(bad) != 2 || bad[1].Code != fault.Changed || bad[1].Outcome != verdict.Wait || !bad[1].Pending ||
		bad[1].Found != "preinstall: node setup.mjs (new)" || !strings.Contains(bad[1].Reason, "1 change of what people install since entry 1") {
		t.Fatalf("nobody has said anything: %+v, want that it waits for both", bad)
	}
	blind := installs(t, setting(t, text, yes(alice, bob)...), &evil, before)
	f := wantRefused(t, evaluate(blind), string(fault.Changed))
	if !strings.Contains(f.Reason, "the approval of ") || !strings.Contains(f.Hint, "sallyport approve --release sha256:") {
		t.Errorf("finding = %+v, want whose approval does not name the changes, and the next step", f)
	}
	seen := installs(t, setting(t, text, append(yes(alice), seeing(in, bob)...)...), &evil, before)
	v := evaluate(seen)
	wantAllowed(t, v)
	said := v.Judgements[0].Findings
	if r := said[len(said)-1]; r.Requirement != "changes" || !strings.Contains(r.Reason, "approved by "+bob.Label()) {
		t.Errorf("finding = %+v, want who approved the changes", r)
	}

	later := keyv(worm)
	later.Scripts = []contents.Script{{Name: "preinstall", Text: "node setup2.mjs", SHA256: strings.Repeat("c", 64)}}
	for name, in := range map[string]policy.Input{
		"another script than was approved":   installs(t, setting(t, text, seeing(in, alice, bob)...), &later, before),
		"another state of the environment":   installs(t, setting(t, text, seeing(in, alice, bob)...), &evil, lets(t, 1, nil, holding(later))),
		"a person whom nobody asks":          installs(t, setting(t, text, append(yes(alice, bob), seeing(in, mallory)...)...), &evil, before),
		"a person who made the change":       installs(t, setting(t, text, append(yes(alice, bob), seeing(in, account("90", "mia"))...)...), &evil, before),
		"a no of who was shown it":           installs(t, setting(t, text, append(yes(alice, bob), withdrawn(in, carol)...)...), &evil, before),
		"an approval of another environment": installs(t, setting(t, text, elsewhere(in, alice, bob)...), &evil, before),
		"an approval of another artifact":    installs(t, setting(t, text, otherArtifact(in, alice, bob)...), &evil, before),
	} {
		bad := refusals(evaluate(in))
		if len(bad) == 0 || bad[len(bad)-1].Code != fault.Changed {
			t.Errorf("%s: %+v, want %s", name, bad, fault.Changed)
		}
	}
}

// withdrawn are approvals of the changes that their givers have taken back.
func withdrawn(in policy.Input, a policy.Account) []ballot {
	back := ballot{by: a, say: func(x *statement.Approval) { x.Decision = statement.Withdraw }}
	return append(seeing(in, a), back)
}

func elsewhere(in policy.Input, all ...policy.Account) []ballot {
	return whoName(in, func(c *statement.Changed) { c.Environment = "staging" }, all...)
}

func otherArtifact(in policy.Input, all ...policy.Account) []ballot {
	return whoName(in, func(c *statement.Changed) { c.Artifact = strings.Repeat("0", 64) }, all...)
}

// whoName are approvals that name the changes of in, after an edit.
func whoName(in policy.Input, edit func(*statement.Changed), all ...policy.Account) []ballot {
	out := yes(all...)
	for i := range out {
		out[i].say = func(a *statement.Approval) {
			a.Changes = policy.Changed(in)
			for k := range a.Changes {
				edit(&a.Changes[k])
			}
		}
	}
	return out
}

// A review on the platform's page says nothing about changes, so it approves none.
func TestI06_a_review_names_no_changes(t *testing.T) {
	text := installing(t, "install-scripts: approve")
	before, evil := lets(t, 1, nil, holding(keyv(nil))), keyv(worm)
	s := setting(t, text)
	_, _, digest := s.set(t)
	s.reviews = policy.Reviews{Asked: true, Timed: true, List: []policy.Review{
		{Account: alice, Decision: statement.Approve, Time: now, Environments: []statement.Place{{Name: "production", ID: "9001"}}, Comment: digest.String()},
		{Account: bob, Decision: statement.Approve, Time: now, Environments: []statement.Place{{Name: "production", ID: "9001"}}, Comment: digest.String()},
	}}
	good := keyv(nil)
	wantAllowed(t, evaluate(installs(t, s, &good, before)))
	wantRefused(t, evaluate(installs(t, s, &evil, before)), string(fault.Changed))
}

// Each ruling is about its own kind, and what is not named is not judged.
func TestF10_what_a_policy_says_of_each_change(t *testing.T) {
	changed := keyv(func(p *contents.Package) {
		worm(p)
		p.Build = []contents.Script{{Name: "build", Text: "tsc", SHA256: strings.Repeat("d", 64)}}
		p.Executables = []contents.File{{Path: "x", Size: 4, SHA256: strings.Repeat("e", 64), Why: "ELF"}}
		p.EntryPoints = []contents.EntryPoint{{Name: "main", Target: "x.js"}}
		p.Dependencies = append(p.Dependencies, contents.Dependency{Name: "a", Spec: "1", Group: "dependencies"},
			contents.Dependency{Name: "b", Spec: "github:x/y", Group: "optionalDependencies", Outside: true})
	})
	before := lets(t, 1, nil, holding(keyv(nil)))
	for _, w := range contents.Everything[:len(contents.Everything)-1] {
		for ruling, want := range map[string]verdict.Outcome{"report": verdict.Allow, "approve": verdict.Deny, "deny": verdict.Deny} {
			v := evaluate(installs(t, setting(t, installing(t, string(w)+": "+ruling), yes(alice, bob)...), &changed, before))
			if v.Outcome() != want {
				t.Errorf("%s: %s: %v (%+v), want %v", w, ruling, v.Outcome(), refusals(v), want)
			}
			same := keyv(nil)
			wantAllowed(t, evaluate(installs(t, setting(t, installing(t, string(w)+": "+ruling), yes(alice, bob)...), &same, before)))
		}
	}
	f := wantDenied(t, evaluate(installs(t, setting(t, installing(t, "binaries: deny"), yes(alice, bob)...), &changed, before)))
	if f.Code != fault.Changed || f.Pending || f.Found != "x: ELF, 4 bytes (new)" {
		t.Errorf("finding = %+v, want the binary alone", f)
	}
	v := evaluate(installs(t, setting(t, installing(t, "dependencies: report, outside-dependencies: report"), yes(alice, bob)...), &changed, before))
	if said := v.Judgements[0].Findings; !strings.Contains(said[len(said)-1].Reason, "reported: a of dependencies: 1 (new); b of optionalDependencies: github:x/y (new)") {
		t.Errorf("findings = %+v, want what is reported", said)
	}
}

// A package that nobody can read would pass every ruling by, so it is held to the strictest of them.
// What is surely no package is only told, unless the policy says more.
func TestE11_what_is_not_read_passes_no_ruling_by(t *testing.T) {
	before, none := lets(t, 1, nil, holding(keyv(nil))), lets(t, 1, nil)
	image := func(in *policy.Input) { in.Candidates[0].Subject.Name = "registry.example/acme/app@sha256:" + hex }
	for name, x := range map[string]struct {
		rulings string
		now     *contents.Package
		before  let
		edit    func(*policy.Input)
		want    verdict.Outcome
	}{
		"malformed":                         {"install-scripts: deny", &contents.Package{Kind: contents.Malformed, Why: "two streams"}, none, nil, verdict.Deny},
		"malformed, and only told":          {"install-scripts: deny, not-read: report", &contents.Package{Kind: contents.Malformed, Why: "two streams"}, none, nil, verdict.Deny},
		"malformed, and nothing is stopped": {"install-scripts: report", &contents.Package{Kind: contents.Malformed, Why: "two streams"}, none, nil, verdict.Allow},
		"no file":                           {"install-scripts: approve", nil, none, nil, verdict.Deny},
		"no file, which is told":            {"install-scripts: approve, not-read: report", nil, none, nil, verdict.Allow},
		"no file of what was a package":     {"install-scripts: approve, not-read: report", nil, before, nil, verdict.Deny},
		"a text":                            {"install-scripts: deny", &contents.Package{Kind: contents.NotRead, Why: "a text"}, none, nil, verdict.Allow},
		"a text beside a package":           {"install-scripts: deny", &contents.Package{Kind: contents.NotRead, Why: "a text"}, lets(t, 1, nil, holding(keyv(nil)), func(x *let) { x.entry.Artifacts[0].Name = "dist/keyv.tgz" }), nil, verdict.Allow},
		"a text that was a package":         {"install-scripts: deny", &contents.Package{Kind: contents.NotRead, Why: "a text"}, before, nil, verdict.Deny},
		"a text, which is refused":          {"not-read: deny", &contents.Package{Kind: contents.NotRead, Why: "a text"}, none, nil, verdict.Deny},
		"an image":                          {"install-scripts: deny", nil, none, image, verdict.Allow},
	} {
		in := installs(t, setting(t, installing(t, x.rulings), yes(alice, bob)...), x.now, x.before)
		if x.edit != nil {
			x.edit(&in)
		}
		if v := evaluate(in); v.Outcome() != x.want {
			t.Errorf("%s: %v (%+v), want %v", name, v.Outcome(), refusals(v), x.want)
		}
	}
}

// Without an inventory from before, everything that runs is new: of a first release, of an entry of an
// older program, of one that did not succeed, was only watched, or is of another package.
func TestF10_nothing_to_compare_with(t *testing.T) {
	text := installing(t, "install-scripts: deny")
	evil := keyv(worm)
	other := keyv(worm)
	other.Name = "cacheable"
	judged := func(now contents.Package, before ...let) verdict.Verdict {
		return evaluate(installs(t, setting(t, text, yes(alice, bob)...), &now, before...))
	}
	same := lets(t, 1, nil, holding(keyv(worm)))
	wantAllowed(t, judged(evil, same))
	failed := lets(t, 2, []let{lets(t, 1, nil)}, holding(keyv(worm)))
	failed.state = policy.Failed
	for name, before := range map[string][]let{
		"a first release":           nil,
		"an entry without one":      {lets(t, 1, nil)},
		"an entry that failed":      {lets(t, 1, nil), failed},
		"another package":           {lets(t, 1, nil, holding(other), func(x *let) { x.entry.Artifacts[0].Name = "dist/cacheable.tgz" })},
		"an entry of another thing": {lets(t, 1, nil, holding(keyv(worm)), func(x *let) { x.entry.Artifacts[0].Artifact = "web" })},
	} {
		f := wantDenied(t, judged(evil, before...))
		if f.Code != fault.Changed || !strings.Contains(f.Reason, "no inventory of it from before") {
			t.Errorf("%s: %+v, want that everything is new", name, f)
		}
	}
	// The newest entry with an inventory counts, also where one without came after it; of two that
	// entered at once, a change is one against either.
	wantAllowed(t, judged(evil, same, lets(t, 2, []let{same})))
	wantDenied(t, judged(evil, same, lets(t, 1, nil, holding(keyv(nil)), func(x *let) { x.signer.Run, x.entry.Run = run(50), run(50) })))
}

// An entry keeps the inventory of what it lets in, whatever the policy says of changes, and the next
// gate reads the same.
func TestE13_an_entry_keeps_what_people_install(t *testing.T) {
	good := keyv(worm)
	in := installs(t, setting(t, second, yes(alice, bob)...), &good)
	in.Changes[0].Start = startOf(t, in)
	v := evaluate(in)
	wantAllowed(t, v)
	e, err := policy.Entering(in, v, where.Repository.URI, policy.Signing{Run: run(1)}, app().Digest, commit)
	if err != nil || len(e.Artifacts) != 1 || !reflect.DeepEqual(e.Artifacts[0].Contents, &good) {
		t.Fatalf("entry = %+v, %v, want the inventory", e.Artifacts, err)
	}
	x := lets(t, 1, nil, func(x *let) { x.entry.Artifacts = e.Artifacts })
	got, err := x.fact.Statement.Entered()
	if err != nil || !reflect.DeepEqual(got.Artifacts, e.Artifacts) {
		t.Errorf("read again: %+v, %v, want the same", got.Artifacts, err)
	}
	for _, k := range []contents.Kind{contents.NotRead, contents.Malformed} {
		in.Candidates[0].Package = &contents.Package{Kind: k, Why: "x"}
		if e, err := policy.Entering(in, v, where.Repository.URI, policy.Signing{Run: run(1)}, app().Digest, commit); err != nil || e.Artifacts[0].Contents != nil {
			t.Errorf("%s: %+v, %v, want no inventory", k, e.Artifacts, err)
		}
	}
}

// Somebody who decides without the file is told that they are shown no changes, and names none.
func TestI06_who_is_shown_nothing_approves_nothing(t *testing.T) {
	in := installs(t, setting(t, installing(t, "install-scripts: approve, binaries: deny"), yes(alice, bob)...), nil, lets(t, 1, nil, holding(keyv(nil))))
	in.Deciding = true
	v := evaluate(in)
	wantAllowed(t, v)
	all := v.Judgements[0].Findings
	if f := all[len(all)-1]; !strings.Contains(f.Reason, "not shown") || len(policy.Lacking(in))+len(policy.LackingPeople(in)) != 0 || len(policy.Changed(in)) != 0 {
		t.Errorf("finding = %+v, lacking %+v, named %+v, want that it is not shown", f, policy.Lacking(in), policy.Changed(in))
	}
	in.Deciding = false
	if f := wantDenied(t, evaluate(in)); f.Code != fault.Changed {
		t.Errorf("finding = %+v, want that a gate denies", f)
	}
}

// A project may have a package for each platform: each is held against its own, of whatever entry.
func TestF10_packages_of_several_platforms(t *testing.T) {
	of := func(platform, version string) contents.Package {
		return contents.Package{Kind: contents.Wheel, Name: "sample", Version: version, Files: 1,
			Executables: []contents.File{{Path: "x-" + platform + ".so", Size: 4, SHA256: strings.Repeat("e", 64), Why: "ELF"}}}
	}
	admitted := func(n byte, platform, version string) statement.Admitted {
		p := of(platform, version)
		return statement.Admitted{Artifact: "app", Name: "dist/sample-" + version + "-" + platform + ".whl", SHA256: strings.Repeat("0", 63) + string('0'+rune(n)), Contents: &p}
	}
	first := lets(t, 1, nil, func(x *let) { x.entry.Artifacts = []statement.Admitted{admitted(1, "linux", "1.0")} })
	second := lets(t, 2, []let{first}, func(x *let) {
		x.entry.Artifacts = []statement.Admitted{admitted(2, "macos", "1.0"), admitted(3, "win", "1.0")}
	})
	for platform, want := range map[string]verdict.Outcome{"linux": verdict.Allow, "macos": verdict.Allow, "win": verdict.Allow, "bsd": verdict.Deny} {
		p := of(platform, "2.0")
		in := installs(t, setting(t, installing(t, "binaries: deny"), yes(alice, bob)...), &p, first, second)
		in.Candidates[0].Subject.Name = "dist/sample-2.0-" + platform + ".whl"
		x := evaluate(in)
		if f := x.Judgements[0].Findings; f[len(f)-1].Requirement != "changes" || f[len(f)-1].Outcome != want {
			t.Errorf("%s: %+v, want %v", platform, f[len(f)-1], want)
		}
	}
}

// A record is read further down, as far as there may be an inventory of the package.
func TestF10_an_older_entry_may_have_the_inventory(t *testing.T) {
	one := lets(t, 1, nil, holding(keyv(nil)))
	two := lets(t, 2, []let{one})
	three := lets(t, 3, []let{two}, func(x *let) {
		x.entry.Confirmed = []statement.Link{{Number: 2, SHA256: two.fact.StatementHash.Hex()}, {Number: 1, SHA256: one.fact.StatementHash.Hex()}}
	})
	good := keyv(nil)
	for text, settled := range map[string]bool{second: true, installing(t, "install-scripts: deny"): false} {
		in := installs(t, setting(t, text), &good, three, two)
		if in.Settled() != settled {
			t.Errorf("without the entry that has one: settled = %v, want %v", in.Settled(), settled)
		}
		if in = installs(t, setting(t, text), &good, three, two, one); !in.Settled() {
			t.Error("with it: not settled")
		}
	}
}

// What is signed about packages is what the schemas in shared say.
func TestSchema_of_what_is_signed_about_packages(t *testing.T) {
	full := keyv(func(p *contents.Package) {
		worm(p)
		p.Scripts[0].Runs = p.Largest
		p.Build = []contents.Script{{Name: "build", Text: "tsc", SHA256: strings.Repeat("d", 64)}}
		p.Executables = []contents.File{{Path: "x", Size: 4, SHA256: strings.Repeat("e", 64), Why: "ELF"}}
		p.EntryPoints = []contents.EntryPoint{{Name: "main", Target: "x.js"}}
		p.Dependencies = append(p.Dependencies, contents.Dependency{Name: "b", Spec: "github:x/y", Group: "optionalDependencies", Outside: true})
	})
	for _, p := range []contents.Package{full, full.Kept(0), {Kind: contents.Wheel, Name: "x"}, {Kind: contents.SDist, Name: "x"}} {
		x := lets(t, 1, nil, holding(p))
		conforms(t, "entry", x.fact.Statement.Predicate)
		b, err := statement.NewWatched(x.entry, "test", subject.Sum([]byte(x.entry.Source)), "allow", false, now).JSON()
		if err != nil {
			t.Fatal(err)
		}
		conforms(t, "watched", b)
	}
	in := installs(t, setting(t, installing(t, "install-scripts: approve")), &full)
	s := setting(t, installing(t, "install-scripts: approve"), seeing(in, alice)...)
	facts := s.input(t).Candidates[0].Facts
	conforms(t, "approval", facts[len(facts)-1].Statement.Predicate)
}

// conforms fails t unless a predicate is what a schema in shared says.
func conforms(t *testing.T, name string, predicate []byte) {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("../../shared/" + name + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(predicate))
	if err == nil {
		err = s.Validate(doc)
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
}
