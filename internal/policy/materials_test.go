package policy_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// strictMaterials asks for everything that a manifest can be asked for.
const strictMaterials = `      materials:
        observed: required
        network: cut
        source: clean
        dependencies: compared
        toolchains: [{name: go, min-version: 1.26.0, below: 1.27.0}, {name: gcc}]
        hosts: none
        references: pinned
        outside: refused
        explained: 99.5%
      provenance:`

func manifest() material.Manifest {
	return material.Manifest{
		Recorder: "sallyport test", RecordedBy: material.ByOwnJob, Command: []string{"make"}, Directory: ".",
		Started: now.Add(-2 * time.Hour), Ended: now.Add(-time.Hour),
		Observation: material.Observed{Method: "seccomp-notification", Files: "observed", Processes: "observed",
			Network: "cut", CutBy: "namespace"},
		Source:   material.Source{Commit: commit, Tree: other, Clean: true},
		Products: []material.Product{{Path: "dist/app", Digest: app().Digest.Hex(), Size: 3}},
		Materials: []material.Material{{Path: "main.go", How: material.FromSource, Digest: strings.Repeat("a", 64),
			Files: 1000}},
		Explained: material.Explained{Count: 1000, Files: 1000},
		Toolchains: []material.Toolchain{{Name: "go", Version: "1.26.8", Path: "/usr/local/go/bin/go",
			Digest: strings.Repeat("b", 64), Said: "build information"}},
		Locks: []material.Lock{{Path: "go.sum", Kind: "go.sum", State: material.LockRead,
			Digest: strings.Repeat("c", 64), Entries: 2}},
		Packages: []material.Package{{PURL: "pkg:golang/x@v1.0.0", State: material.Locked, Lock: "go.sum",
			Files: 3}},
		Actions: []material.Reference{{Name: "actions/checkout@" + commit, Digest: commit,
			Where: "build/release.yml"}},
		Log: material.Log{Digest: strings.Repeat("d", 64), Size: 10},
	}
}

// states is a fact of a predicate that a signer has signed about the artifact.
func states(t testing.TB, s statement.Signer, kind string, predicate []byte) policy.Fact {
	t.Helper()
	f := stated(t, s, provenance(s))
	f.Statement = about(t, kind, predicate, app())
	f.Time = now.Add(-time.Hour)
	return hashed(f)
}

func manifested(t testing.TB, m material.Manifest) policy.Fact {
	t.Helper()
	b, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return states(t, signer(), material.Type, b)
}

func TestMaterials_that_are_as_the_policy_wants(t *testing.T) {
	p := read(t, edited(t, "      provenance:", strictMaterials))
	wantAllowed(t, evaluate(input(p, built(t), manifested(t, manifest()))))
}

// lessStrict is strictMaterials with other words.
func lessStrict(t *testing.T, pairs []string) string {
	t.Helper()
	if pairs[0] == whole {
		return "      " + pairs[1] + "\n      provenance:"
	}
	text := strictMaterials
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the rules have no %q", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func TestMaterials(t *testing.T) {
	for name, x := range map[string]struct {
		edit func(*material.Manifest)
		want string
		less []string // what the policy says instead, to accept the same manifest: pairs of old and new; nil: nothing accepts it
	}{
		"N02 a command that failed": {func(m *material.Manifest) { m.Exit = 1 }, "command failed", nil},
		"N02 a command that a signal ended": {func(m *material.Manifest) { m.Exit, m.Signal = -1, 9 },
			"command failed", nil},
		"N02 a network": {func(m *material.Manifest) {
			m.Observation.Network,
				m.Observation.CutBy = "observed", ""
		}, "not cut", []string{"network: cut", "network: any"}},
		"N02 files that nobody watched": {func(m *material.Manifest) {
			m.Observation.Files,
				m.Observation.Reason = "not-observed", "macOS"
		}, "not watched", []string{whole,
			"materials: {observed: any}"}},
		"N02 programs that nobody watched": {func(m *material.Manifest) {
			m.Observation.Processes,
				m.Observation.Reason = "not-observed", "macOS"
		}, "not watched", []string{"observed: required", "observed: any",
			"toolchains: [{name: go, min-version: 1.26.0, below: 1.27.0}, {name: gcc}]", ""}},
		"N02 a call that was lost": {func(m *material.Manifest) { m.Observation.Lost = 1 }, "lost",
			[]string{"observed: required", "observed: any"}},
		"N02 a call of another ABI": {func(m *material.Manifest) { m.Observation.Foreign = 1 },
			"another ABI", []string{"observed: required", "observed: any"}},
		"N02 a daemon":    {func(m *material.Manifest) { m.Observation.Delegated = []string{"unix:/run/docker.sock"} }, "worked for the build", []string{"observed: required", "observed: any"}},
		"N02 a way round": {func(m *material.Manifest) { m.Observation.Around = []string{"bpf, by /x"} }, "round the recorder", []string{"observed: required", "observed: any"}},
		"N03 no source":   {func(m *material.Manifest) { m.Source = material.Source{Reason: "no checkout"} }, "source of the build is not known", []string{"source: clean", "source: any"}},
		"N03 a source of which a part is missing": {func(m *material.Manifest) { m.Source.Reason = "partial" },
			"source of the build is not known", []string{"source: clean", "source: any"}},
		"N03 a changed file": {func(m *material.Manifest) {
			m.Source.Clean,
				m.Source.Dirty = false, []string{"main.go"}
		}, "not the commit's", []string{"source: clean",
			"source: any"}},
		"E11 a package with other bytes": {func(m *material.Manifest) { m.Packages[0].State = material.OtherDigest }, "other bytes than its lock", nil},
		"E11 a package in no lock": {func(m *material.Manifest) {
			m.Packages[0].State,
				m.Packages[0].Lock = material.NotLocked, ""
		}, "in no lock", []string{"dependencies: compared",
			"dependencies: any"}},
		"E11 a lock that is not read":         {func(m *material.Manifest) { m.Locks[0].State = material.LockNotRead }, "in no lock", []string{"dependencies: compared", "dependencies: any"}},
		"E11 a package that was not compared": {func(m *material.Manifest) { m.Packages[0].State = material.Named }, "could not be compared", []string{"dependencies: compared", "dependencies: locked"}},
		"N04 no toolchain": {func(m *material.Manifest) { m.Toolchains = nil }, "no toolchain",
			[]string{"toolchains: [{name: go, min-version: 1.26.0, below: 1.27.0}, {name: gcc}]", ""}},
		"N04 an old toolchain": {func(m *material.Manifest) { m.Toolchains[0].Version = "1.25.9" },
			"toolchain is not one",
			[]string{"toolchains: [{name: go, min-version: 1.26.0, below: 1.27.0}, {name: gcc}]",
				"toolchains: [{name: go, below: 1.27.0}]"}},
		"N04 a toolchain that is too new": {func(m *material.Manifest) { m.Toolchains[0].Version = "1.27.0" },
			"toolchain is not one",
			[]string{"toolchains: [{name: go, min-version: 1.26.0, below: 1.27.0}, {name: gcc}]",
				"toolchains: [{name: go, min-version: 1.26.0}]"}},
		"N04 a toolchain that says no version": {func(m *material.Manifest) { m.Toolchains[0].Version = "" },
			"toolchain is not one",
			[]string{"toolchains: [{name: go, min-version: 1.26.0, below: 1.27.0}, {name: gcc}]",
				"toolchains: [{name: go}]"}},
		"N04 another toolchain": {func(m *material.Manifest) { m.Toolchains[0].Name = "tinygo" },
			"toolchain is not one",
			[]string{"toolchains: [{name: go, min-version: 1.26.0, below: 1.27.0}, {name: gcc}]",
				"toolchains: [{name: tinygo}]"}},
		"C21 an action that can move": {func(m *material.Manifest) { m.Actions[0].Digest = "" },
			"can move", []string{"references: pinned", "references: any"}},
		"C21 an image that can move": {func(m *material.Manifest) {
			m.Images = []material.Reference{{Name: "golang:1.26", Where: "Dockerfile"}}
		}, "can move", []string{"references: pinned", ""}},
		"N02 a network that nobody watched": {func(m *material.Manifest) {
			m.Observation.Network, m.Observation.CutBy, m.Observation.Reason = "not-observed", "", "macOS"
		}, "not cut", []string{"observed: required", "observed: any", "network: cut", "network: any", "hosts: none",
			""}},
		"N03 a file from outside":        {func(m *material.Manifest) { m.Materials[0].How = material.FromOutside }, "material from outside", []string{"outside: refused", "outside: accepted"}},
		"N03 a file that is not tracked": {func(m *material.Manifest) { m.Materials[0].How = material.Untracked }, "material from outside", []string{"outside: refused", "outside: accepted"}},
		"N03 a file of an earlier build": {func(m *material.Manifest) { m.Materials[0].How = material.FromCache }, "material from outside", []string{"outside: refused", "outside: accepted"}},
		"N03 too little that is explained": {func(m *material.Manifest) { m.Explained.Count = 994 },
			"less of what the build read", []string{"explained: 99.5%", "explained: 99.4%"}},
		"N03 nothing that was read": {func(m *material.Manifest) {
			m.Explained,
				m.Materials = material.Explained{}, nil
		}, "less of what the build read", []string{"explained: 99.5%", ""}},
		"D02 a manifest that does not list the artifact": {func(m *material.Manifest) { m.Products[0].Digest = strings.Repeat("0", 64) }, "among its products", nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := read(t, edited(t, "      provenance:", strictMaterials))
			m := manifest()
			x.edit(&m)
			f := wantDenied(t, evaluate(input(p, built(t), manifested(t, m))))
			if f.Code != fault.Materials && f.Code != fault.SubjectMismatch || !strings.Contains(f.Reason, x.want) ||
				f.Hint == "" || f.Wanted == "" {
				t.Errorf("finding = %+v, want E_MATERIALS with %q and a next step", f, x.want)
			}
			if x.less != nil {
				wantAllowed(t, evaluate(input(read(t, edited(t, "      provenance:", lessStrict(t, x.less))),
					built(t), manifested(t, m))))
			}
		})
	}
}

func TestN02_a_host_that_the_policy_names_may_be_connected_to(t *testing.T) {
	rule := func(hosts string) *policy.Policy {
		return read(t, edited(t, "      provenance:", "      materials: {hosts: "+hosts+"}\n      provenance:"))
	}
	m := manifest()
	m.Observation.Network, m.Observation.CutBy = "observed", ""
	m.Hosts = []material.Connection{{To: "tcp 192.0.2.7:443", Count: 1, By: "/usr/bin/curl"},
		{To: "tcp [2001:db8::1]:443", Count: 1}}
	wantAllowed(t, evaluate(input(rule(`[192.0.2.0/24, "2001:db8::1"]`), built(t), manifested(t, m))))
	for _, hosts := range []string{"none", "[192.0.2.0/24]", `[192.0.2.8, "2001:db8::1"]`} {
		if f := wantDenied(t, evaluate(input(rule(hosts), built(t), manifested(t, m)))); f.Code != fault.Materials ||
			!strings.Contains(f.Reason, "does not name") {
			t.Errorf("%s: %+v", hosts, f)
		}
	}
}

func TestN02_what_nobody_watched_is_no_empty_list(t *testing.T) {
	blind := manifest()
	blind.Observation.Files, blind.Observation.Network, blind.Observation.CutBy,
		blind.Observation.Reason = "not-observed", "not-observed", "", "macOS"
	blind.Observation.Processes = "not-observed"
	blind.Packages, blind.Hosts, blind.Actions = nil, nil, nil
	files := blind
	files.Observation.Network, files.Observation.Reason = "observed", "a part"
	for rule, want := range map[string]string{"": "", "source: any": "", "source: clean": "about files",
		"outside: refused": "about files", "references: pinned": "about files",
		"toolchains: [{name: go}]": "about toolchains",
		"dependencies: locked":     "about files", "dependencies: compared": "about files", "hosts: none": "about hosts",
		"hosts: [192.0.2.0/24]": "about hosts"} {
		p := read(t, edited(t, "      provenance:", "      materials: {observed: any, "+rule+"}\n      provenance:"))
		wantAllowed(t, evaluate(input(p, built(t), manifested(t, manifest()))))
		v := evaluate(input(p, built(t), manifested(t, blind)))
		if want == "" {
			wantAllowed(t, v)
		} else if f := wantDenied(t, v); f.Code != fault.Materials || !strings.Contains(f.Reason, want) ||
			f.Found != "macOS" {
			t.Errorf("%s: %+v, want %q", rule, f, want)
		}
		if want == "about hosts" {
			wantAllowed(t, evaluate(input(p, built(t), manifested(t, files))))
		}
	}
}

func TestN04_which_toolchains_a_range_has(t *testing.T) {
	digest := strings.Repeat("b", 64)
	for _, x := range []struct {
		rule, version string
		ok            bool
	}{
		{"{name: go}", "", true},
		{"{name: go}", "devel", true},
		{"{name: go, below: 1.27.0}", "", false},
		{"{name: go, below: 1.27.0}", "devel", false},
		{"{name: go, below: 1.27.0}", "1.26.9", true},
		{"{name: go, min-version: 1.26.0}", "devel", false},
		{"{name: go, min-version: 1.26.0}", "1.26.0", true},
		{"{name: go, sha256: " + digest + "}", "1.26.8", true},
		{"{name: go, sha256: " + strings.Repeat("c", 64) + "}", "1.26.8", false},
	} {
		p := read(t, edited(t, "      provenance:", "      materials: {toolchains: ["+x.rule+"]}\n      provenance:"))
		m := manifest()
		m.Toolchains[0].Version = x.version
		v := evaluate(input(p, built(t), manifested(t, m)))
		if x.ok {
			wantAllowed(t, v)
			continue
		}
		f := wantDenied(t, v)
		for _, word := range regexp.MustCompile(`[0-9a-f.]{3,}`).FindAllString(x.rule, -1) {
			if !strings.Contains(f.Wanted, word) {
				t.Errorf("%s: wanted %q, want it to say %s", x.rule, f.Wanted, word)
			}
		}
	}
}

func TestN02_a_host_that_is_no_address_is_named_by_nobody(t *testing.T) {
	p := read(t, edited(t, "      provenance:", "      materials: {hosts: [0.0.0.0/0, \"::/0\"]}\n      provenance:"))
	m := manifest()
	m.Observation.Network, m.Observation.CutBy = "observed", ""
	m.Hosts = []material.Connection{{To: "tcp 192.0.2.7:443", Count: 1}}
	wantAllowed(t, evaluate(input(p, built(t), manifested(t, m))))
	for _, to := range []string{"tcp", "", "netlink 16", "tcp somewhere:443"} {
		m.Hosts[0].To = to
		wantDenied(t, evaluate(input(p, built(t), manifested(t, m))))
	}
}

func TestD15_a_weaker_rule_about_materials_or_rebuilders_is_told(t *testing.T) {
	rule := func(text string) *policy.Policy {
		return read(t, edited(t, "      provenance:", text+"\n      provenance:"))
	}
	again := "          - {issuer: https://ci.example, repository: re1/again, repository-id: 51, workflow: build/again.yml, refs: [refs/heads/main]}\n"
	both := "      reproduced:\n        by: 2\n        independent: true\n        signed-by:\n" + again + strings.ReplaceAll(again, "51", "52") + "      "
	for _, x := range [][3]string{
		{"materials: {observed: required}", "materials: {observed: any}",
			"a build that was not observed in full is accepted, and was not"},
		{"materials: {network: cut}", "materials: {network: any}", "a build with a network is accepted, and was not"},
		{"materials: {source: clean}", "materials: {source: any}",
			"a source that is not clean is accepted, and was not"},
		{"materials: {outside: refused}", "materials: {outside: accepted}",
			"material from outside is accepted, and was not"},
		{"materials: {references: pinned}", "materials: {references: any}",
			"actions and images that are not pinned is accepted, and was not"},
		{"materials: {dependencies: compared}", "materials: {dependencies: locked}",
			"dependencies: locked is accepted, and was not"},
		{"materials: {dependencies: locked}", "materials:", "dependencies: any is accepted, and was not"},
		{"materials: {explained: 99.5%}", "materials: {explained: 99.4%}",
			"explained of materials in thousandths is 994, and was 995"},
		{"materials: {hosts: none}", "materials:", "any host is accepted, and was not"},
		{"materials: {hosts: [192.0.2.1]}", "materials: {hosts: [192.0.2.1, 192.0.2.2]}",
			"host 192.0.2.2 is accepted, and was not"},
		{"materials: {toolchains: [{name: go}, {name: gcc}]}", "materials:", "toolchains of materials are others"},
		{both, strings.Replace(both, "by: 2", "by: 1", 1), "by of reproduced is 1, and was 2"},
		{both, strings.Replace(both, "independent: true", "independent: false", 1),
			"rebuilders that are not independent is accepted, and was not"},
	} {
		old, now := rule("      "+strings.TrimLeft(x[0], " ")), rule("      "+strings.TrimLeft(x[1], " "))
		if got := policy.Looser(old, now, "production"); len(got) != 1 || got[0] != x[2] {
			t.Errorf("%s to %s: %q, want %q", x[0], x[1], got, x[2])
		}
		if got := policy.Looser(now, old, "production"); len(got) != 0 {
			t.Errorf("%s to %s: %q, want nothing", x[1], x[0], got)
		}
		if got := policy.Looser(old, old, "production"); len(got) != 0 {
			t.Errorf("%s again: %q, want nothing", x[0], got)
		}
	}
}

func TestN02_what_a_policy_asks_a_runner_for(t *testing.T) {
	for rule, want := range map[string][2]bool{"materials:": {true, false}, "materials: {network: cut}": {true, true},
		"materials: {observed: any}":               {false, false},
		"materials: {observed: any, network: cut}": {false, true}, "sbom: {generator: own}": {false, false}} {
		p := read(t, edited(t, "      provenance:", "      "+rule+"\n      provenance:"))
		if watched, cut := p.Records(); [2]bool{watched, cut} != want {
			t.Errorf("%s: watched %v, cut %v, want %v", rule, watched, cut, want)
		}
	}
	// Another environment that asks for less takes nothing away.
	text := "      materials: {network: cut}\n      provenance:\n  later:\n    requires:\n      materials: {observed: any}\n      provenance:"
	if watched, cut := read(t, edited(t, "      provenance:", text)).Records(); !watched || !cut {
		t.Errorf("watched %v, cut %v, want both", watched, cut)
	}
}

func TestE11_other_bytes_than_the_lock_names_are_refused_whatever_the_policy_asks_for(t *testing.T) {
	p := read(t, edited(t, "      provenance:", "      materials: {observed: any}\n      provenance:"))
	m := manifest()
	m.Observation.Files, m.Observation.Reason = "not-observed", "macOS"
	wantAllowed(t, evaluate(input(p, built(t), manifested(t, m))))
	m.Packages[0].State = material.OtherDigest
	if f := wantDenied(t, evaluate(input(p, built(t), manifested(t, m)))); f.Code != fault.Materials {
		t.Errorf("finding = %+v", f)
	}
}

func TestE16_two_manifests_of_one_run_are_refused(t *testing.T) {
	p := read(t, edited(t, "      provenance:", "      materials:\n      provenance:"))
	wantAllowed(t, evaluate(input(p, built(t), manifested(t, manifest()), manifested(t, manifest()))))
	other := manifest()
	other.Withheld = 7
	// Another run, or another workflow of the same run, may have built it once more.
	run, flow := signer(), signer()
	run.Run = strings.Replace(run.Run, "/7/", "/8/", 1)
	renamed(&flow, "https://code.example/acme/app/build/release.yml@refs/tags/v1")
	flow.Ref = "refs/tags/v1"
	b, err := other.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []statement.Signer{run, flow} {
		wantAllowed(t, evaluate(input(p, built(t), manifested(t, manifest()), states(t, s, material.Type, b))))
	}
	if f := wantDenied(t, evaluate(input(p, built(t), manifested(t, manifest()), manifested(t,
		other)))); f.Code != fault.Conflict {
		t.Errorf("finding = %+v, want E_EVIDENCE_CONFLICT", f)
	}
}

func TestE16_an_artifact_that_the_manifest_leaves_out_is_refused(t *testing.T) {
	p := read(t, edited(t, "      provenance:", "      materials:\n      provenance:"))
	m := manifest()
	wantAllowed(t, evaluate(input(p, built(t), manifested(t, m))))
	m.Products[0].Digest = strings.Repeat("0", 64)
	if f := wantDenied(t, evaluate(input(p, built(t), manifested(t, m)))); f.Code != fault.SubjectMismatch {
		t.Errorf("finding = %+v, want E_SUBJECT", f)
	}
}

func TestD17_a_manifest_that_is_cut_short_is_refused(t *testing.T) {
	p := read(t, edited(t, "      provenance:", "      materials:\n      provenance:"))
	m := manifest()
	b, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	wantAllowed(t, evaluate(input(p, built(t), states(t, signer(), material.Type, b))))
	for _, x := range [][2]string{{`"lost":0,`, ``}, {`"around":[],`, ``}, {`"lost":0,`, `"lost":0.5,`}, {`"lost":0,`,
		`"lost":0,"more":1,`}, {`"the build's own job"`, `"somebody else"`}} {
		bad := strings.Replace(string(b), x[0], x[1], 1)
		if bad == string(b) {
			t.Fatalf("the manifest has no %s", x[0])
		}
		if f := wantDenied(t, evaluate(input(p, built(t), states(t, signer(), material.Type,
			[]byte(bad))))); f.Code != fault.Malformed {
			t.Errorf("%s: %+v, want E_MALFORMED", x, f)
		}
	}
}

// rebuilder is the job of somebody else who builds again.
func rebuilder(n string) statement.Signer {
	s := signer()
	s.Repository, s.RepositoryID, s.OwnerURI, s.OwnerID = "https://code.example/re"+n+"/again", "5"+n,
		"https://code.example/re"+n, "6"+n
	uri := s.Repository + "/build/again.yml@refs/heads/main"
	s.SAN, s.SignerURI, s.ConfigURI, s.Run = uri, uri, uri, s.Repository+"/runs/9/attempts/1"
	return s
}

func reproduction(t testing.TB, s statement.Signer, is string) policy.Fact {
	t.Helper()
	r := material.Reproduction{Rebuilder: "sallyport test", Commit: commit, Command: []string{"make"}, Started: now,
		Ended: now, Network: "cut",
		Artifacts: []material.Rebuilt{{Name: "dist/app", Was: app().Digest.Hex(), Is: is,
			First: map[bool]string{false: "gzip header, mtime"}[is == app().Digest.Hex()]}}}
	b, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return states(t, s, material.ReproductionType, b)
}

func reproducedBy(t testing.TB, rule string, names ...string) *policy.Policy {
	t.Helper()
	text := "      reproduced:\n        signed-by:\n"
	for _, n := range names {
		text += "          - {issuer: https://ci.example, repository: re" + n + "/again, repository-id: 5" + n +
			", owner-id: 6" + n + ", workflow: build/again.yml, refs: [refs/heads/main]}\n"
	}
	return read(t, edited(t, "      provenance:", text+"        "+rule+"\n      provenance:"))
}

func TestN04_rebuilders_who_agree(t *testing.T) {
	same := app().Digest.Hex()
	two := reproducedBy(t, "by: 2\n        independent: true", "1", "2")
	v := evaluate(input(two, built(t), reproduction(t, rebuilder("1"), same), reproduction(t, rebuilder("2"), same),
		reproduction(t, rebuilder("3"), same)))
	wantAllowed(t, v)
	if got := v.Judgements[0].Reproduced; got != 2 {
		t.Errorf("reproduced = %d, want 2", got)
	}

	for name, x := range map[string]struct {
		facts []policy.Fact
		code  fault.Code
	}{
		"nobody has built it again": {nil, fault.EvidenceMissing},
		"one of two":                {[]policy.Fact{reproduction(t, rebuilder("1"), same)}, fault.Reproduction},
		"one twice": {[]policy.Fact{reproduction(t, rebuilder("1"), same), reproduction(t,
			rebuilder("1"), same)}, fault.Reproduction},
		"one whom the policy does not name": {[]policy.Fact{reproduction(t, rebuilder("1"), same), reproduction(t,
			rebuilder("3"), same)}, fault.Reproduction},
		"two who agree and one who differs": {[]policy.Fact{reproduction(t, rebuilder("1"), same), reproduction(t,
			rebuilder("2"), strings.Repeat("9", 64))}, fault.Reproduction},
		"a rebuild that did not make it": {[]policy.Fact{reproduction(t, rebuilder("1"), same), reproduction(t,
			rebuilder("2"), "")}, fault.Reproduction},
	} {
		t.Run(name, func(t *testing.T) {
			if f := wantDenied(t, evaluate(input(two, append([]policy.Fact{built(t)},
				x.facts...)...))); f.Code != x.code || f.Hint == "" {
				t.Errorf("finding = %+v, want %s", f, x.code)
			}
		})
	}
}

func TestN04_two_rebuilders_who_need_not_be_independent(t *testing.T) {
	two := reproducedBy(t, "by: 2", "1", "2")
	same := app().Digest.Hex()
	again := rebuilder("1")
	again.OwnerID, again.OwnerURI = rebuilder("2").OwnerID, rebuilder("2").OwnerURI
	alike := read(t, edited(t, "      provenance:", "      reproduced:\n        by: 2\n        signed-by:\n"+
		"          - {issuer: https://ci.example, repository: re1/again, repository-id: 51, owner-id: 62, workflow: build/again.yml, refs: [refs/heads/main]}\n"+
		"          - {issuer: https://ci.example, repository: re2/again, repository-id: 52, owner-id: 62, workflow: build/again.yml, refs: [refs/heads/main]}\n      provenance:"))
	wantAllowed(t, evaluate(input(two, built(t), reproduction(t, rebuilder("1"), same), reproduction(t,
		rebuilder("2"), same))))
	wantAllowed(t, evaluate(input(alike, built(t), reproduction(t, again, same), reproduction(t, rebuilder("2"),
		same)))) // of one owner
	f := wantDenied(t, evaluate(input(two, built(t), reproduction(t, rebuilder("1"), same), reproduction(t,
		rebuilder("1"), same))))
	if f.Found != "1" || f.Wanted != "2" {
		t.Errorf("finding = %+v, want 1 of 2", f)
	}
	// One run's word counts where two rebuilders are asked for, and none of them is the first builder of the other.
	second := rebuilder("1")
	second.Run = second.Repository + "/runs/10/attempts/1"
	wantDenied(t, evaluate(input(two, built(t), reproduction(t, rebuilder("1"), same), reproduction(t, second, same))))
}

func TestN04_nobody_is_independent_of_an_unknown_builder(t *testing.T) {
	again := reproduction(t, rebuilder("1"), app().Digest.Hex())
	rule := func(independent string) *policy.Policy {
		return read(t, edited(t, "      provenance: {max-age: 7d}", "      reproduced:\n        independent: "+independent+"\n        signed-by:\n"+
			"          - {issuer: https://ci.example, repository: re1/again, repository-id: 51, owner-id: 61, workflow: build/again.yml, refs: [refs/heads/main]}"))
	}
	wantAllowed(t, evaluate(input(rule("false"), again)))
	wantAllowed(t, evaluate(input(rule("true"), built(t), again)))
	if f := wantDenied(t, evaluate(input(rule("true"), again))); !strings.Contains(f.Reason, "nothing says who built") {
		t.Errorf("finding = %+v", f)
	}
	// Provenance of somebody whom built-by does not name says nothing about the first builder.
	stranger := signer()
	renamed(&stranger, "https://code.example/acme/app/build/other.yml@refs/heads/main")
	wantDenied(t, evaluate(input(rule("true"), stated(t, stranger, provenance(stranger)), again)))
}

func TestN04_a_word_about_something_else_takes_no_word_back(t *testing.T) {
	p := reproducedBy(t, "by: 0", "1")
	differs := reproduction(t, rebuilder("1"), strings.Repeat("9", 64))
	differs.Time = now.Add(-2 * time.Hour)
	differs = hashed(differs)
	later := func(predicate string) policy.Fact {
		return states(t, rebuilder("1"), material.ReproductionType, []byte(predicate))
	}
	about := string(reproduction(t, rebuilder("1"), app().Digest.Hex()).Statement.Predicate)
	wantAllowed(t, evaluate(input(p, built(t), differs, later(about))))
	for name, predicate := range map[string]string{
		"another artifact":   strings.ReplaceAll(about, app().Digest.Hex(), strings.Repeat("7", 64)),
		"one that is unread": strings.Replace(about, `"command":`, `"comand":`, 1),
	} {
		if f := wantDenied(t, evaluate(input(p, built(t), differs,
			later(predicate)))); f.Code != fault.Reproduction || !strings.Contains(f.Found, "gzip header") {
			t.Errorf("%s: %+v, want the older word", name, f)
		}
	}
	// Of two words of one second, the one with other bytes counts, in whichever order they are found.
	one, other := later(about), reproduction(t, rebuilder("1"), strings.Repeat("9", 64))
	wantDenied(t, evaluate(input(p, built(t), one, other)))
	wantDenied(t, evaluate(input(p, built(t), other, one)))
}

func TestN04_a_reproduction_of_other_artifacts_or_that_is_unread_does_not_count(t *testing.T) {
	p := reproducedBy(t, "by: 1", "1")
	about := string(reproduction(t, rebuilder("1"), app().Digest.Hex()).Statement.Predicate)
	for predicate, want := range map[string]string{
		about: "",
		strings.ReplaceAll(about, app().Digest.Hex(), strings.Repeat("7",
			64)): "the reproduction is about other artifacts",
		strings.Replace(about, `"command":`, `"comand":`, 1): "the reproduction cannot be read",
	} {
		v := evaluate(input(p, built(t), states(t, rebuilder("1"), material.ReproductionType, []byte(predicate))))
		if want == "" {
			wantAllowed(t, v)
		} else if f := wantDenied(t, v); f.Reason != want || f.Hint == "" {
			t.Errorf("finding = %+v, want %q", f, want)
		}
		if n := v.Judgements[0].Reproduced; n != map[bool]int{true: 1}[want == ""] {
			t.Errorf("reproduced = %d for %q", n, want)
		}
	}
}

func TestN04_a_stranger_who_differs_is_not_obeyed(t *testing.T) {
	one := reproducedBy(t, "by: 1", "1")
	wantAllowed(t, evaluate(input(one, built(t), reproduction(t, rebuilder("1"), app().Digest.Hex()), reproduction(t,
		rebuilder("3"), strings.Repeat("9", 64)))))
}

func TestN04_a_rebuilder_of_the_same_owner_is_not_independent(t *testing.T) {
	s := rebuilder("1")
	s.OwnerID, s.OwnerURI = signer().OwnerID, signer().OwnerURI
	rule := func(independent string) *policy.Policy {
		return read(t, edited(t, "      provenance:",
			"      reproduced:\n        signed-by:\n          - {issuer: https://ci.example, repository: re1/again, repository-id: 51, owner-id: 2002, workflow: build/again.yml, refs: [refs/heads/main]}\n"+
				"        independent: "+independent+"\n      provenance:"))
	}
	wantAllowed(t, evaluate(input(rule("false"), built(t), reproduction(t, s, app().Digest.Hex()))))
	if f := wantDenied(t, evaluate(input(rule("true"), built(t), reproduction(t, s,
		app().Digest.Hex())))); !strings.Contains(f.Reason, "not independent") {
		t.Errorf("finding = %+v", f)
	}
}

func TestN04_the_first_builder_does_not_reproduce_its_own_artifact(t *testing.T) {
	p := read(t, edited(t, "      provenance:",
		"      reproduced:\n        signed-by:\n          - {issuer: https://ci.example, repository: acme/app, repository-id: 1001, owner-id: 2002, workflow: build/release.yml, refs: [refs/heads/main]}\n"+
			"          - {issuer: https://ci.example, repository: acme/app, repository-id: 1001, owner-id: 2002, workflow: build/again.yml, refs: [refs/heads/main]}\n      provenance:"))
	again := signer()
	renamed(&again, "https://code.example/acme/app/build/again.yml@refs/heads/main")
	wantAllowed(t, evaluate(input(p, built(t), reproduction(t, again, app().Digest.Hex()))))
	if f := wantDenied(t, evaluate(input(p, built(t), reproduction(t, signer(),
		app().Digest.Hex())))); !strings.Contains(f.Reason, "its own artifact") {
		t.Errorf("finding = %+v", f)
	}
}

func TestN04_a_named_rebuilder_who_differs_stops_the_artifact_in_every_environment(t *testing.T) {
	text := edited(t, "  production:\n",
		"  staging:\n    requires:\n      provenance:\n      reproduced:\n        by: 0\n        signed-by:\n          - {issuer: https://ci.example, repository: re1/again, repository-id: 51, owner-id: 61, workflow: build/again.yml, refs: [refs/heads/main]}\n  production:\n")
	p := read(t, text)
	wantAllowed(t, evaluate(input(p, built(t))))
	wantAllowed(t, evaluate(input(p, built(t), reproduction(t, rebuilder("1"), app().Digest.Hex()))))
	f := wantDenied(t, evaluate(input(p, built(t), reproduction(t, rebuilder("1"), strings.Repeat("9", 64)))))
	if f.Code != fault.Reproduction || !strings.Contains(f.Found, "gzip header") {
		t.Errorf("finding = %+v, want E_REPRODUCTION with the first difference", f)
	}
}

func TestN04_the_newest_word_of_a_rebuilder_counts(t *testing.T) {
	p := reproducedBy(t, "by: 1", "1")
	old := reproduction(t, rebuilder("1"), strings.Repeat("9", 64))
	old.Time = now.Add(-2 * time.Hour)
	wantAllowed(t, evaluate(input(p, built(t), hashed(old), reproduction(t, rebuilder("1"), app().Digest.Hex()))))
	fresh := reproduction(t, rebuilder("1"), app().Digest.Hex())
	fresh.Time = now.Add(-3 * time.Hour)
	wantDenied(t, evaluate(input(p, built(t), hashed(old), hashed(fresh))))
}

func TestN03_a_manifest_is_of_the_commit_of_its_signer_and_of_the_provenance(t *testing.T) {
	with := func(id string) statement.Signer {
		s := signer()
		s.Commit, s.SignerDigest, s.ConfigDigest = id, id, id
		s.Run = "https://code.example/acme/app/runs/" + id[:1] + "/attempts/1"
		return s
	}
	m := manifest()
	m.Source.Commit = commit
	b, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	by := func(id string) policy.Fact { return states(t, with(id), material.Type, b) }
	from := func(id string) policy.Fact { return stated(t, with(id), provenance(with(id))) }
	for name, x := range map[string]struct {
		facts []policy.Fact
		want  string // what the finding says; "": allowed
	}{
		"one commit":                  {[]policy.Fact{from(commit), by(commit)}, ""},
		"signed for another commit":   {[]policy.Fact{from(commit), by(other)}, "than the certificate of its signer"},
		"built of another commit":     {[]policy.Fact{from(other), by(commit)}, "than the provenance of the artifact"},
		"both of another":             {[]policy.Fact{from(other), by(other)}, "than the certificate of its signer"},
		"built of both":               {[]policy.Fact{from(other), from(commit), by(commit)}, ""},
		"built of both, the other so": {[]policy.Fact{from(commit), from(other), by(commit)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			rules := map[string]bool{"source: clean": true, "source: any": false, "network: cut": false}
			for rule, held := range rules {
				p := read(t, edited(t, "      provenance:", "      materials: {"+rule+"}\n      provenance:"))
				v := evaluate(input(p, x.facts...))
				if x.want == "" || !held {
					wantAllowed(t, v)
					continue
				}
				f := wantDenied(t, v)
				if f.Code != fault.Materials || !strings.Contains(f.Reason, x.want) || f.Found != "commit "+other ||
					!strings.HasPrefix(f.Wanted, "commit "+commit) || f.Hint == "" {
					t.Errorf("%s: finding = %+v", rule, f)
				}
			}
		})
	}
}

func TestN04_a_reproduction_of_another_commit_does_not_count(t *testing.T) {
	p := reproducedBy(t, "by: 1", "1")
	same := reproduction(t, rebuilder("1"), app().Digest.Hex())
	first := built(t)
	wantAllowed(t, evaluate(input(p, first, same)))
	about := strings.Replace(string(same.Statement.Predicate), first.Signer.Commit, strings.Repeat("5", 40), 1)
	if about == string(same.Statement.Predicate) {
		t.Fatal("the reproduction is not of the provenance's commit")
	}
	f := wantDenied(t, evaluate(input(p, first, states(t, rebuilder("1"), material.ReproductionType, []byte(about)))))
	if f.Code != fault.Reproduction || f.Found != "commit "+strings.Repeat("5", 40) || f.Wanted != "commit "+first.Signer.Commit {
		t.Errorf("finding = %+v", f)
	}
}

func TestN03_a_provenance_whose_certificate_names_no_commit_says_of_none_that_it_is_the_manifests(t *testing.T) {
	p := read(t, edited(t, "      provenance: {max-age: 7d}", "      materials:"))
	signed := func(commit string) policy.Fact {
		s := signer()
		s.Commit = commit
		b, err := func() ([]byte, error) { m := manifest(); return m.JSON() }()
		if err != nil {
			t.Fatal(err)
		}
		return states(t, s, material.Type, b)
	}
	wantAllowed(t, evaluate(input(p, signed(commit))))
	unnamed := signer()
	unnamed.Commit = ""
	wantDenied(t, evaluate(input(p, stated(t, unnamed, provenance(signer())), signed(""))))
	wantDenied(t, evaluate(input(p, signed(""))))
}

func TestN04_the_same_bytes_of_another_commit_take_no_word_back(t *testing.T) {
	p := reproducedBy(t, "by: 0", "1")
	differs := reproduction(t, rebuilder("1"), strings.Repeat("9", 64))
	differs.Time = now.Add(-2 * time.Hour)
	differs = hashed(differs)
	about := string(reproduction(t, rebuilder("1"), app().Digest.Hex()).Statement.Predicate)
	later := func(id string) policy.Fact {
		text := strings.Replace(about, `"commit":"`+commit, `"commit":"`+id, 1)
		return states(t, rebuilder("1"), material.ReproductionType, []byte(text))
	}
	wantAllowed(t, evaluate(input(p, built(t), differs, later(commit))))
	f := wantDenied(t, evaluate(input(p, built(t), differs, later(other))))
	if f.Code != fault.Reproduction || !strings.Contains(f.Found, "gzip header") {
		t.Errorf("finding = %+v, want the older word", f)
	}
}

func TestN04_an_artifact_that_came_out_twice_came_out_the_same_both_times(t *testing.T) {
	p := reproducedBy(t, "by: 1", "1")
	was := app().Digest.Hex()
	twice := func(one, two string) policy.Fact {
		r := material.Reproduction{Rebuilder: "sallyport test", Commit: commit, Command: []string{"make"}, Started: now,
			Ended: now, Network: "cut", Artifacts: []material.Rebuilt{{Name: "dist/app", Was: was, Is: one},
				{Name: "dist/copy", Was: was, Is: two}}}
		b, err := r.JSON()
		if err != nil {
			t.Fatal(err)
		}
		return states(t, rebuilder("1"), material.ReproductionType, b)
	}
	wantAllowed(t, evaluate(input(p, built(t), twice(was, was))))
	other := strings.Repeat("9", 64)
	for _, x := range [][2]string{{was, other}, {other, was}} {
		f := wantDenied(t, evaluate(input(p, built(t), twice(x[0], x[1]))))
		if f.Code != fault.Reproduction || !strings.Contains(f.Found, other) {
			t.Errorf("finding = %+v", f)
		}
	}
}
