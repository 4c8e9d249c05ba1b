package material_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/material"
)

// good is a manifest of which the tests below change one thing each.
func good() material.Manifest {
	at := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	return material.Manifest{
		Recorder:   "sallyport test",
		RecordedBy: material.ByOwnJob,
		Command:    []string{"make"},
		Directory:  ".",
		Started:    at,
		Ended:      at.Add(time.Second),
		Machine:    material.Machine{OS: "linux", Arch: "amd64"},
		Observation: material.Observed{
			Method:    "seccomp-notification",
			Files:     "observed",
			Processes: "observed",
			Network:   "cut",
			CutBy:     "namespace",
		},
		Source: material.Source{
			Commit: hexOf('c')[:40],
			Clean:  true,
		},
		Products: []material.Product{{Path: "dist/app", Digest: hexOf('a'), Size: 1}},
		Materials: []material.Material{
			{Path: "main.c", How: material.FromSource, Digest: hexOf('b'), Files: 1},
			{Path: "/usr/lib", How: material.FromSystem, Digest: hexOf('c'), Files: 3},
		},
		Explained: material.Explained{
			Count: 4,
			Files: 4,
		},
		Toolchains: []material.Toolchain{{Name: "gcc", Version: "13.2.0"}},
		Packages: []material.Package{
			{PURL: "pkg:npm/a@1.0.0", State: material.Locked},
		},
		Variables: []material.Variable{{Name: "CC", Value: "gcc"}},
	}
}

func TestD17_a_manifest_that_contradicts_itself_is_refused(t *testing.T) {
	m := good()
	b, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := material.Read(b); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for name, edit := range map[string]func(*material.Manifest){
		"a commit that is words":             func(m *material.Manifest) { m.Source.Commit = "deadbeef, unchanged" },
		"a commit that is short":             func(m *material.Manifest) { m.Source.Commit = "deadbeef" },
		"no command":                         func(m *material.Manifest) { m.Command = nil },
		"a status beyond the largest":        func(m *material.Manifest) { m.Exit = 256 },
		"a signal and a status":              func(m *material.Manifest) { m.Signal = 9 },
		"a status of a signal and no signal": func(m *material.Manifest) { m.Exit = -1 },
		"a signal below zero":                func(m *material.Manifest) { m.Signal = -9 },
		"a status below that of a signal":    func(m *material.Manifest) { m.Exit = -2 },
		"another word for who recorded":      func(m *material.Manifest) { m.RecordedBy = "the signer" },
		"an unknown word about files":        func(m *material.Manifest) { m.Observation.Files = "yes" },
		"an unknown word about programs":     func(m *material.Manifest) { m.Observation.Processes = "yes" },
		"files that were cut":                func(m *material.Manifest) { m.Observation.Files = "cut" },
		"an unknown word about the network": func(m *material.Manifest) {
			m.Observation.Network,
				m.Observation.CutBy = "off", ""
		},
		"a cut by nothing":                    func(m *material.Manifest) { m.Observation.CutBy = "" },
		"a cut of a network that is observed": func(m *material.Manifest) { m.Observation.Network = "observed" },
		"nothing observed and no reason":      func(m *material.Manifest) { m.Observation.Processes = "not-observed" },
		"fewer lost than none":                func(m *material.Manifest) { m.Observation.Lost = -1 },
		"more explained than read":            func(m *material.Manifest) { m.Explained.Count = 5 },
		"a material taken away":               func(m *material.Manifest) { m.Materials = m.Materials[1:] },
		"a material of fewer files than none": func(m *material.Manifest) { m.Materials[0].Files = -1; m.Explained.Files, m.Explained.Count = 2, 2 },
		"a material of an unknown way":        func(m *material.Manifest) { m.Materials[0].How = "good" },
		"a product without a digest":          func(m *material.Manifest) { m.Products[0].Digest = "" },
		"a product with a digest in capitals": func(m *material.Manifest) { m.Products[0].Digest = strings.ToUpper(hexOf('a')) },
		"a product twice": func(m *material.Manifest) {
			m.Products = append(m.Products,
				m.Products[0])
		},
		"a product outside of the source":    func(m *material.Manifest) { m.Products[0].Path = "../../etc/passwd" },
		"a product of fewer bytes than none": func(m *material.Manifest) { m.Products[0].Size = -1 },
		"a product without a path":           func(m *material.Manifest) { m.Products[0].Path = "" },
		"a package in an unknown state":      func(m *material.Manifest) { m.Packages[0].State = "fine" },
		"a log whose digest is no digest":    func(m *material.Manifest) { m.Log.Digest = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			m := good()
			edit(&m)
			b, err := m.JSON()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := material.Read(b); fault.Of(err).Code != fault.Malformed {
				t.Errorf("%v, want E_MALFORMED", err)
			}
		})
	}
}

func TestD17_a_manifest_that_agrees_with_itself_is_read(t *testing.T) {
	for name, edit := range map[string]func(*material.Manifest){
		"ended by a signal":          func(m *material.Manifest) { m.Exit, m.Signal = -1, 9 },
		"the largest status":         func(m *material.Manifest) { m.Exit = 255 },
		"cut by a filter of sockets": func(m *material.Manifest) { m.Observation.CutBy = "socket-filter" },
		"a network that is observed": func(m *material.Manifest) {
			m.Observation.Network,
				m.Observation.CutBy = "observed", ""
		},
		"nothing observed, with a reason": func(m *material.Manifest) {
			m.Observation.Files,
				m.Observation.Reason = "not-observed", "macOS"
		},
		"a log with a digest":   func(m *material.Manifest) { m.Log.Digest = hexOf('f') },
		"a product of no bytes": func(m *material.Manifest) { m.Products[0].Size = 0 },
		"two products": func(m *material.Manifest) {
			m.Products = append(m.Products, material.Product{Path: "x", Digest: hexOf('f')})
		},
		"a product that was not read": func(m *material.Manifest) {
			m.Materials = append(m.Materials, material.Material{Path: "dist/large", How: material.FromBuild})
		},
	} {
		m := good()
		edit(&m)
		b, err := m.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := material.Read(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestD17_a_document_beyond_the_limit_is_not_read(t *testing.T) {
	for name, read := range map[string]func([]byte) error{
		"a manifest":     func(b []byte) error { _, err := material.Read(b); return err },
		"a reproduction": func(b []byte) error { _, err := material.ReadReproduction(b); return err },
	} {
		long := bytes.Repeat([]byte(" "), material.MaxBytes+1)
		if err := read(long); fault.Of(err).Code != fault.Limit {
			t.Errorf("%s of one byte too many: %v, want E_LIMIT", name, err)
		}
		if err := read(long[1:]); fault.Of(err).Code != fault.Malformed {
			t.Errorf("%s of as many bytes as are read: %v, want E_MALFORMED", name, err)
		}
	}
}

func TestE16_the_place_of_an_absent_member_is_shown(t *testing.T) {
	m := good()
	b, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	absent := bytes.Replace(b, []byte(`"signal":0,`), nil, 1)
	if _, err := material.Read(absent); err == nil || strings.Count(err.Error(), "signal") != 1 {
		t.Errorf("%v, want the place of signal shown in what is wanted", err)
	}
}

func TestN03_what_a_person_should_look_at_is_told_in_words(t *testing.T) {
	quiet := good()
	if all := quiet.Concerns(); len(all) != 0 {
		t.Errorf("of a good build: %q", all)
	}
	add := func(x material.Material) func(*material.Manifest) {
		return func(m *material.Manifest) { m.Materials = append(m.Materials, x) }
	}
	for want, edit := range map[string]func(*material.Manifest){
		"package pkg:npm/a@1.0.0 has other bytes than its lock names: x": func(m *material.Manifest) {
			m.Packages[0].State, m.Packages[0].Found = material.OtherDigest, "x"
		},
		"package pkg:npm/a@1.0.0 is in no lock":                               func(m *material.Manifest) { m.Packages[0].State = material.NotLocked },
		"the build went round the recorder: bpf":                              func(m *material.Manifest) { m.Observation.Around = []string{"bpf"} },
		"a program outside may have worked for the build: docker":             func(m *material.Manifest) { m.Observation.Delegated = []string{"docker"} },
		"a program outlived the command and was ended: sh":                    func(m *material.Manifest) { m.Observation.Outlived = []string{"sh"} },
		"the build ran as root, so it could have rewritten what is said here": func(m *material.Manifest) { m.Observation.SameRoot = true },
		"1 file changed while the build ran, after it was read":               func(m *material.Manifest) { m.Observation.Changed = 1 },
		"2 files changed while the build ran, after they were read":           func(m *material.Manifest) { m.Observation.Changed = 2 },
		"1 file changed while the build ran, after it was read: a.c": func(m *material.Manifest) {
			m.Observation.Changed = 1
			for _, x := range []material.Material{{Path: ".git/index", How: material.FromSource},
				{Path: "/go", How: material.FromToolchain}, {Path: "a.c", How: material.FromSource}} {
				x.Digest, x.Files, x.Changed = strings.Repeat("a", 64), 1, true
				m.Materials = append(m.Materials, x)
			}
		},
		"4 files changed while the build ran, after they were read: 1, 2, 3 and others": func(m *material.Manifest) {
			m.Observation.Changed = 4
			for _, name := range []string{"1", "2", "3", "4"} {
				m.Materials = append(m.Materials, material.Material{Path: name, How: material.FromSource,
					Digest: strings.Repeat("a", 64), Files: 1, Changed: true})
			}
		},
		"file main.c is not the commit's": func(m *material.Manifest) { m.Source.Dirty = []string{"main.c"} },
		"yarn.lock: not-read, no reader": func(m *material.Manifest) {
			m.Locks = []material.Lock{{Path: "yarn.lock", State: material.LockNotRead, Reason: "no reader"}}
		},
		"product dist/x could not be read, so nothing holds it to its bytes": add(material.Material{Path: "dist/x",
			How: material.FromBuild}),
		"untracked: key.c was read and is not there any more": add(material.Material{Path: "key.c",
			How: material.Untracked}),
		"source: key.c was read and is not there any more": add(material.Material{Path: "key.c",
			How: material.FromSource}),
		"untracked: key.c": add(material.Material{Path: "key.c", How: material.Untracked, Files: 1,
			Digest: hexOf('a')}),
		"outside: /srv/x": add(material.Material{Path: "/srv/x", How: material.FromOutside, Files: 1,
			Digest: hexOf('a')}),
		"cache: /home/me/.cache, 2 files": add(material.Material{Path: "/home/me/.cache", How: material.FromCache,
			Files: 2, Digest: hexOf('a')}),
		"the build made nothing: begin with an empty output, or name what it makes with --products": func(m *material.Manifest) { m.Products = nil },
		"action a/b@v1 is not pinned to a commit":                                                   func(m *material.Manifest) { m.Actions = []material.Reference{{Name: "a/b@v1"}} },
		"image alpine:3 is not pinned to a digest":                                                  func(m *material.Manifest) { m.Images = []material.Reference{{Name: "alpine:3"}} },
	} {
		m := good()
		edit(&m)
		if all := m.Concerns(); len(all) != 1 || all[0] != want {
			t.Errorf("%q, want %q alone", all, want)
		}
	}
	for name, edit := range map[string]func(*material.Manifest){
		"a lock that was read": func(m *material.Manifest) {
			m.Locks = []material.Lock{{Path: "go.sum",
				State: material.LockRead}}
		},
		"a product with a digest": add(material.Material{Path: "dist/x", How: material.FromBuild, Digest: hexOf('a')}),
		"an action of a commit": func(m *material.Manifest) {
			m.Actions = []material.Reference{{Name: "a/b@v1",
				Digest: "c"}}
		},
		"an image of a digest": func(m *material.Manifest) {
			m.Images = []material.Reference{{Name: "alpine:3",
				Digest: "d"}}
		},
		"a package that is named": func(m *material.Manifest) { m.Packages[0].State = material.Named },
		"more of what is no cause": add(material.Material{Path: "/opt/x", How: material.FromToolchain, Files: 2,
			Digest: hexOf('a')}),
	} {
		m := good()
		edit(&m)
		if all := m.Concerns(); len(all) != 0 {
			t.Errorf("%s: %q, want none", name, all)
		}
	}
}

func TestN03_files_and_packages_are_counted_by_how_they_came(t *testing.T) {
	m := good()
	if got := m.Counts(); got != "source 1 · system 3" {
		t.Errorf("counts = %q", got)
	}
	m.Packages = append(m.Packages, material.Package{State: material.Named},
		material.Package{State: material.OtherDigest})
	if got := m.PackageCounts(); got != "1 locked · 1 named, not compared · 0 not locked · 1 with other bytes" {
		t.Errorf("packages = %q", got)
	}
	for want, e := range map[int]material.Explained{0: {}, 1000: {Count: 3, Files: 3}, 666: {Count: 2, Files: 3}} {
		if got := e.Share(); got != want {
			t.Errorf("share of %+v is %d, want %d", e, got, want)
		}
	}
	if p, is := m.Product(hexOf('a')); !is || p.Path != "dist/app" {
		t.Errorf("product = %+v, %v", p, is)
	}
	if _, is := m.Product(hexOf('b')); is {
		t.Error("a product that the build did not make")
	}
}

func TestN04_a_reproduction_that_contradicts_itself_is_refused(t *testing.T) {
	fresh := func() material.Reproduction {
		return material.Reproduction{Network: "cut", Command: []string{"make"}, Commit: hexOf('e')[:40],
			Artifacts: []material.Rebuilt{{Name: "same", Was: hexOf('a'), Is: hexOf('a')}, {Name: "other",
				Was: hexOf('b'), Is: hexOf('c')}, {Name: "not made", Was: hexOf('d')}}}
	}
	r := fresh()
	b, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := material.ReadReproduction(b); err != nil {
		t.Errorf("the good one: %v", err)
	}
	for digest, want := range map[string][2]bool{hexOf('a'): {true, true}, hexOf('b'): {false, true},
		hexOf('c'): {false, false}, hexOf('d'): {false, true}} {
		if same, known := r.Reproduced(digest); same != want[0] || known != want[1] {
			t.Errorf("%s: same %v, known %v, want %v", digest[:1], same, known, want)
		}
	}
	r.Artifacts = append(r.Artifacts, material.Rebuilt{Name: "again", Was: hexOf('a'), Is: hexOf('b')})
	if same, known := r.Reproduced(hexOf('a')); same || !known {
		t.Errorf("what came out with other bytes under another name: same %v, known %v", same, known)
	}
	for name, edit := range map[string]func(*material.Reproduction){
		"of no artifact":                    func(r *material.Reproduction) { r.Artifacts = nil },
		"of no commit":                      func(r *material.Reproduction) { r.Commit = "" },
		"of a branch":                       func(r *material.Reproduction) { r.Commit = "main" },
		"of no command":                     func(r *material.Reproduction) { r.Command = nil },
		"of a manifest without a digest":    func(r *material.Reproduction) { r.Manifest = "x" },
		"of a network that is not told":     func(r *material.Reproduction) { r.Network = "" },
		"of an artifact without a digest":   func(r *material.Reproduction) { r.Artifacts[0].Was = "" },
		"of a result that is no digest":     func(r *material.Reproduction) { r.Artifacts[0].Is = "x" },
		"of a digest in capitals":           func(r *material.Reproduction) { r.Artifacts[1].Is = strings.ToUpper(hexOf('c')) },
		"of an artifact that has no digest": func(r *material.Reproduction) { r.Artifacts[2].Was = "x" },
	} {
		r := fresh()
		edit(&r)
		b, err := r.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := material.ReadReproduction(b); fault.Of(err).Code != fault.Malformed {
			t.Errorf("a reproduction %s: %v, want E_MALFORMED", name, err)
		}
	}
}

func TestDiff_tells_each_input_that_differs_and_nothing_else(t *testing.T) {
	same, again := good(), good()
	again.Started, again.Ended = again.Started.Add(time.Hour), again.Ended.Add(time.Hour)
	if all := material.Diff(&same, &again); len(all) != 0 {
		t.Errorf("two builds of the same: %v", all)
	}
	for want, edit := range map[string]func(*material.Manifest){
		"source commit: " + hexOf('d')[:40] + " (was " + hexOf('c')[:40] + ")": func(m *material.Manifest) { m.Source.Commit = hexOf('d')[:40] },
		"source clean: false (was true)":                                       func(m *material.Manifest) { m.Source.Clean = false },
		"build command: make all (was make)": func(m *material.Manifest) {
			m.Command = []string{"make",
				"all"}
		},
		"build directory: sub (was .)":                     func(m *material.Manifest) { m.Directory = "sub" },
		"build network: observed (was cut)":                func(m *material.Manifest) { m.Observation.Network = "observed" },
		"toolchain gcc: 14.1.0 (was 13.2.0)":               func(m *material.Manifest) { m.Toolchains[0].Version = "14.1.0" },
		"package pkg:npm/a@1.0.0: not-locked (was locked)": func(m *material.Manifest) { m.Packages[0].State = material.NotLocked },
		"variable CC: \"clang\" (was \"gcc\")":             func(m *material.Manifest) { m.Variables[0].Value = "clang" },
		"variable CFLAGS: \"-O3\" (new)": func(m *material.Manifest) {
			m.Variables = append(m.Variables, material.Variable{Name: "CFLAGS", Value: "-O3"})
		},
		"toolchain gcc: 13.2.0 14.1.0 (was 13.2.0)": func(m *material.Manifest) {
			m.Toolchains = append(m.Toolchains, material.Toolchain{Name: "gcc", Version: "14.1.0"})
		},
		"action release.yml a/b@v1: c1 (new)": func(m *material.Manifest) {
			r := material.Reference{Name: "a/b@v1", Where: "release.yml", Digest: "c1"}
			m.Actions = []material.Reference{r, r}
		},
		"image Dockerfile alpine:3: no digest (new)": func(m *material.Manifest) {
			m.Images = []material.Reference{{Name: "alpine:3", Where: "Dockerfile"}}
		},
		"generated dist/large: no digest (new)": func(m *material.Manifest) {
			m.Materials = append(m.Materials, material.Material{Path: "dist/large", How: material.FromBuild})
		},
		"machine kernel: 6.9 (new)":                         func(m *material.Manifest) { m.Machine.Kernel = "6.9" },
		"source main.c: dddddddddddd (was bbbbbbbbbbbb)":    func(m *material.Manifest) { m.Materials[0].Digest = hexOf('d') },
		"system /usr/lib: was cccccccccccc (gone)":          func(m *material.Manifest) { m.Materials = m.Materials[:1] },
		"product dist/app: eeeeeeeeeeee (was aaaaaaaaaaaa)": func(m *material.Manifest) { m.Products[0].Digest = hexOf('e') },
	} {
		a, b := good(), good()
		edit(&b)
		all := material.Diff(&a, &b)
		if len(all) != 1 || all[0].String() != want {
			t.Errorf("%v, want %q alone", all, want)
		}
	}
}

// What is read is written again with the same bytes, and nothing makes the reader panic.
func FuzzE16_manifests(f *testing.F) {
	m := good()
	b, err := m.JSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := material.Read(b)
		if err != nil {
			return
		}
		one, err := m.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := material.Read(one)
		if err != nil {
			t.Fatalf("what was written is not read: %v", err)
		}
		two, err := again.JSON()
		if err != nil || !bytes.Equal(one, two) {
			t.Errorf("%s, and then %s (%v)", one, two, err)
		}
		m.Concerns()
		if all := material.Diff(&m, &again); len(all) != 0 {
			t.Errorf("it differs from itself: %v", all)
		}
	})
}

func TestE16_names_that_a_build_chose_are_no_words_of_ours(t *testing.T) {
	for name, want := range map[string]string{
		"dist/app-1.2_x86.tar.gz": "dist/app-1.2_x86.tar.gz", "größe/[slug].js": "größe/[slug].js",
		"app, unchanged": `"app, unchanged"`, "a b": `"a b"`, "a\nsource": `"a\nsource"`, `a"b`: `"a\"b"`, "": `""`,
	} {
		if got := material.Name(name); got != want {
			t.Errorf("%q is told as %s, want %s", name, got, want)
		}
	}
}

func TestN03_what_is_worst_is_told_first_and_what_is_said_of_each_build_last(t *testing.T) {
	m := good()
	m.Products, m.Observation.SameRoot, m.Command = nil, true, []string{"sh", "-c", "x [hidden]"}
	m.Packages = []material.Package{{PURL: "pkg:npm/a@1", State: material.OtherDigest}}
	m.Materials = append(m.Materials, material.Material{Path: "/x", How: material.FromOutside, Files: 1})
	all := m.Concerns()
	for i, want := range []string{"package pkg:npm/a@1", "the build made nothing", "a part of the command is hidden", "outside: /x", "the build ran as root"} {
		if i >= len(all) || !strings.HasPrefix(all[i], want) {
			t.Errorf("%d: %q, want %q", i, all, want)
		}
	}
}

func TestN04_products_that_nobody_can_make_again_are_told_as_such(t *testing.T) {
	for path, want := range map[string]string{
		"dist/app": "", "dist/[hidden] 2": "a part of its name is hidden", `dist/bad\xff`: "no text",
		"dist/bad\ufffd": "no text",
		"/srv/app":       "outside of the checkout", `dist/a\xylophone`: "",
	} {
		if got := material.NotRebuilt(path); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	m := good()
	m.Products = append(m.Products, material.Product{Path: "/srv/a"}, material.Product{Path: "/srv/b"})
	if all := m.Concerns(); len(all) == 0 ||
		all[0] != "2 products cannot be rebuilt, such as /srv/a: it lies outside of the checkout" {
		t.Errorf("%q", all)
	}
}
