package main

import (
	"debug/buildinfo"
	"debug/elf"
	"debug/gosym"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// forbidden are parts of modules that a program would link by accident: the
// servers of the lab, the key services of clouds, what reads configuration from
// wherever it finds it, and what looks up methods by names that templates have:
// beside it, the linker keeps every method of every type.
var forbidden = []string{
	"github.com/spf13/viper.",
	"github.com/spf13/viper/",
	"github.com/sigstore/fulcio/pkg/server",
	"github.com/sigstore/fulcio/pkg/ca",
	"github.com/sigstore/rekor-tiles/v2/internal/server",
	"github.com/sigstore/rekor-tiles/v2/internal/tessera",
	"github.com/sigstore/rekor-tiles/v2/cmd/",
	"github.com/sigstore/timestamp-authority/v2/pkg/api",
	"github.com/sigstore/timestamp-authority/v2/pkg/server",
	"github.com/sigstore/timestamp-authority/v2/pkg/signer",
	"github.com/transparency-dev/tessera",
	"github.com/transparency-dev/tesseract",
	"github.com/google/go-containerregistry/pkg/registry",
	"github.com/sigstore/sigstore/pkg/signature/kms",
	"github.com/aws/aws-sdk-go",
	"github.com/Azure/azure-sdk-for-go",
	"github.com/AzureAD/",
	"cloud.google.com/go/kms",
	"github.com/hashicorp/vault",
	"github.com/sallyport-dev/sallyport/internal/lab",
	"text/template.(*state)",
}

func TestBinary_links_no_server_no_kms_no_viper(t *testing.T) {
	bin := production(t)
	names := functions(t, bin)
	for _, name := range names {
		for _, prefix := range forbidden {
			if strings.HasPrefix(name, prefix) {
				t.Errorf("the binary links %s", name)
			}
		}
	}
	modules(t, bin)
	// The twin: what the binary does link is found by the same reading.
	for _, prefix := range []string{"main.main", "github.com/sigstore/sigstore-go/pkg/verify.", "github.com/sallyport-dev/sallyport/internal/cli."} {
		if !found(names, prefix) {
			t.Errorf("no function of %s among the %d of the binary; the test reads them wrongly", prefix, len(names))
		}
	}
}

// maxBinary bounds what an action downloads at every job, before it is compressed.
const maxBinary = 29 << 20

func TestBinary_is_at_most_29_MiB(t *testing.T) {
	info, err := os.Stat(production(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Size(); got > maxBinary {
		t.Errorf("the stripped binary has %d bytes, want at most %d", got, maxBinary)
	}
}

// Whoever builds the binary builds the same one: what is released, what is built
// where there is no release, what is measured, and what the page shows.
func TestBinary_is_built_with_the_same_flags_everywhere(t *testing.T) {
	for _, name := range []string{
		".ci/build.sh", "Makefile", "bench/run.sh", "docs/install.md", "shared/install.sh", "shared/install.js", "e2e/suite_test.go",
	} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		flags := strings.NewReplacer("'", "", `"`, "", ",", "").Replace(string(b))
		if !strings.Contains(flags, "-buildvcs=false -tags=grpcnotrace -ldflags=-s -w -buildid=") {
			t.Errorf("%s builds the binary with other flags", name)
		}
	}
}

// modules checks what go install needs: a module that is replaced here would
// be another one there.
func modules(t *testing.T, path string) {
	t.Helper()
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Deps) < 20 {
		t.Errorf("the binary names %d modules, want all of them", len(info.Deps))
	}
	for _, d := range info.Deps {
		if d.Replace != nil {
			t.Errorf("module %s is replaced by %s", d.Path, d.Replace.Path)
		}
		for _, prefix := range forbidden {
			if strings.HasPrefix(d.Path+"/", prefix) {
				t.Errorf("the binary is built from module %s", d.Path)
			}
		}
	}
}

// production builds the binary as a release does, for linux, whose format the
// standard library reads on every platform.
func production(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "sallyport")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags=grpcnotrace", "-ldflags=-s -w -buildid=", "-o", out, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the binary: %v\n%s", err, b)
	}
	return out
}

// functions returns the names of all functions in a binary, with their
// packages, from the table that the runtime itself needs, so that stripping
// does not hide them.
func functions(t *testing.T, path string) []string {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, text := f.Section(".gopclntab"), f.Section(".text")
	if table == nil || text == nil {
		t.Fatalf("%s has no table of functions", path)
	}
	b, err := table.Data()
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := gosym.NewTable(nil, gosym.NewLineTable(b, text.Addr))
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(symbols.Funcs))
	for _, fn := range symbols.Funcs {
		names = append(names, fn.Name)
	}
	return names
}

func found(names []string, prefix string) bool {
	for _, n := range names {
		if strings.HasPrefix(n, prefix) {
			return true
		}
	}
	return false
}
