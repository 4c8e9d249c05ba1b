package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/labtest"
)

// server builds the server's program as a release does.
func server(t *testing.T, version string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "sallyport-server")
	if err := labtest.Build(out, "..", "./sallyport-server", "-mod=readonly", "-buildvcs=false", "-tags=grpcnotrace",
		"-ldflags=-s -w -buildid= -X main.version="+version); err != nil {
		t.Fatal(err)
	}
	return out
}

// files are those of an archive, by name.
func files(t *testing.T, r io.Reader) (heads map[string]*tar.Header, bodies map[string][]byte) {
	t.Helper()
	heads, bodies = map[string]*tar.Header{}, map[string][]byte{}
	for x := tar.NewReader(r); ; {
		h, err := x.Next()
		if errors.Is(err, io.EOF) {
			return heads, bodies
		}
		if err != nil {
			t.Fatal(err)
		}
		if heads[h.Name], bodies[h.Name] = h, nil; h.Typeflag == tar.TypeReg {
			if bodies[h.Name], err = io.ReadAll(x); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestImage_is_the_same_from_two_builds_and_holds_the_program_alone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var digests []string
	for n := range 2 {
		program := server(t, "v1.2.3")
		digest, err := build(program, runtime.GOARCH, filepath.Join(dir, strconv.Itoa(n)))
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digest)
	}
	one, err := os.ReadFile(filepath.Join(dir, "0"))
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile(filepath.Join(dir, "1"))
	if err != nil {
		t.Fatal(err)
	}
	if digests[0] != digests[1] || !bytes.Equal(one, two) {
		t.Errorf("two builds give %v", digests)
	}
	_, all := files(t, bytes.NewReader(one))
	var index, manifest struct {
		Manifests, Layers []blob
		Config            blob
	}
	if err := json.Unmarshal(all["index.json"], &index); err != nil || index.Manifests[0].Digest != digests[0] {
		t.Fatalf("index.json: %+v, %v", index, err)
	}
	take := func(b blob) []byte {
		body := all["blobs/sha256/"+b.Digest[len("sha256:"):]]
		if fmt.Sprintf("sha256:%x", sha256.Sum256(body)) != b.Digest || len(body) != b.Size {
			t.Fatalf("%+v has %d other bytes", b, len(body))
		}
		return body
	}
	if err := json.Unmarshal(take(index.Manifests[0]), &manifest); err != nil || len(manifest.Layers) != 1 {
		t.Fatalf("%+v, %v", manifest, err)
	}
	var config struct {
		Config struct{ User string }
		Rootfs struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if err := json.Unmarshal(take(manifest.Config), &config); err != nil || config.Config.User != "65532:65532" {
		t.Errorf("%+v, %v; want a user without rights", config, err)
	}
	z, err := gzip.NewReader(bytes.NewReader(take(manifest.Layers[0])))
	if err != nil {
		t.Fatal(err)
	}
	layer, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("sha256:%x", sha256.Sum256(layer)); config.Rootfs.DiffIDs[0] != got {
		t.Errorf("the layer is %s, and the image says %s", got, config.Rootfs.DiffIDs[0])
	}
	heads, bodies := files(t, bytes.NewReader(layer))
	var names []string
	for name, h := range heads {
		names = append(names, fmt.Sprintf("%s %o %d", name, h.Mode, h.Uid))
		if !h.ModTime.IsZero() && h.ModTime.Unix() != 0 {
			t.Errorf("%s has the time %v", name, h.ModTime)
		}
	}
	slices.Sort(names)
	if want := []string{"data/ 700 65532", "sallyport-server 555 0", "tmp/ 1777 0"}; !slices.Equal(names, want) {
		t.Errorf("the image has %q, want %q", names, want)
	}
	inside := filepath.Join(dir, "sallyport-server")
	if err := os.WriteFile(inside, bodies["sallyport-server"], 0o755); err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(inside, "version").Output()
	if err != nil || string(said) != "sallyport-server v1.2.3\n" {
		t.Errorf("the program in it says %q, %v", said, err)
	}
}

func TestImage_a_program_of_another_architecture_or_with_a_loader_is_put_into_no_image(t *testing.T) {
	t.Parallel()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	for _, x := range []struct{ program, architecture, want string }{
		{own, other, "the program is for"},
		{own, "sparc", "want amd64 or arm64"},
		{"/bin/sh", runtime.GOARCH, "needs a loader"},
		{"image_test.go", runtime.GOARCH, `reading "image_test.go", want a program for Linux`},
	} {
		if _, err := build(x.program, x.architecture, out); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s for %s: %v; want %q", x.program, x.architecture, err, x.want)
		}
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was written: %v", err)
	}
}

func TestUnits_for_systemd_are_right_and_give_each_process_little(t *testing.T) {
	t.Parallel()
	for name, most := range map[string]float64{"sallyport-server": 1.5, "sallyport-signer": 1.0} {
		t.Run(name, func(t *testing.T) { exposed(t, name+".service", most) })
	}
}

// exposed has systemd look at a unit.
func exposed(t *testing.T, name string, most float64) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A program, a user and a group that this machine has.
	text := strings.Replace(string(b), "/usr/local/bin/sallyport-server", own, 1)
	text = regexp.MustCompile(`(?m)^(User|Group)=sallyport.*$`).ReplaceAllString(text, "$1=daemon")
	unit := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("systemd-analyze", "verify", unit).CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, said)
	}
	said, err := exec.Command("systemd-analyze", "security", "--offline=true", unit).CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze security: %v\n%s", err, said)
	}
	found := regexp.MustCompile(`Overall exposure level for [^:]*: ([0-9.]+)`).FindSubmatch(said)
	if found == nil {
		t.Fatalf("systemd-analyze says no level:\n%s", said)
	}
	if level, err := strconv.ParseFloat(string(found[1]), 64); err != nil || level > most {
		t.Errorf("the unit is exposed %s, want %.1f at most", found[1], most)
	}
}
