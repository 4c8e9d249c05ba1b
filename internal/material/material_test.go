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
			Commit: "c1",
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
		"no command":                          func(m *material.Manifest) { m.Command = nil },
		"a status beyond the largest":         func(m *material.Manifest) { m.Exit = 256 },
		"a signal and a status":               func(m *material.Manifest) { m.Signal = 9 },
		"a status of a signal and no signal":  func(m *material.Manifest) { m.Exit = -1 },
		"a signal below zero":                 func(m *material.Manifest) { m.Exit, m.Signal = -1, -9 },
		"another word for who recorded":       func(m *material.Manifest) { m.RecordedBy = "the signer" },
		"an unknown word about files":         func(m *material.Manifest) { m.Observation.Files = "yes" },
		"files that were cut":                 func(m *material.Manifest) { m.Observation.Files = "cut" },
		"an unknown word about the network":   func(m *material.Manifest) { m.Observation.Network = "off" },
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
		"a product twice":                     func(m *material.Manifest) { m.Products = append(m.Products, m.Products[0]) },
		"a product outside of the source":     func(m *material.Manifest) { m.Products[0].Path = "../../etc/passwd" },
		"a product without a path":            func(m *material.Manifest) { m.Products[0].Path = "" },
		"a package in an unknown state":       func(m *material.Manifest) { m.Packages[0].State = "fine" },
		"a log whose digest is no digest":     func(m *material.Manifest) { m.Log.Digest = "x" },
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

func TestDiff_tells_each_input_that_differs_and_nothing_else(t *testing.T) {
	same, again := good(), good()
	again.Started, again.Ended = again.Started.Add(time.Hour), again.Ended.Add(time.Hour)
	if all := material.Diff(&same, &again); len(all) != 0 {
		t.Errorf("two builds of the same: %v", all)
	}
	for want, edit := range map[string]func(*material.Manifest){
		"source commit: c2 (was c1)":                       func(m *material.Manifest) { m.Source.Commit = "c2" },
		"source clean: false (was true)":                   func(m *material.Manifest) { m.Source.Clean = false },
		"build command: make all (was make)":               func(m *material.Manifest) { m.Command = []string{"make", "all"} },
		"build directory: sub (was .)":                     func(m *material.Manifest) { m.Directory = "sub" },
		"build network: observed (was cut)":                func(m *material.Manifest) { m.Observation.Network = "observed" },
		"toolchain gcc: 14.1.0 (was 13.2.0)":               func(m *material.Manifest) { m.Toolchains[0].Version = "14.1.0" },
		"package pkg:npm/a@1.0.0: not-locked (was locked)": func(m *material.Manifest) { m.Packages[0].State = material.NotLocked },
		"variable CC: \"clang\" (was \"gcc\")":             func(m *material.Manifest) { m.Variables[0].Value = "clang" },
		"variable CFLAGS: \"-O3\" (new)": func(m *material.Manifest) {
			m.Variables = append(m.Variables, material.Variable{Name: "CFLAGS", Value: "-O3"})
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
