// Command image puts the server's program into an image, as an archive in OCI's layout. It needs no engine, no base and
// no network: the program links nothing, so the image has nothing else.
//
// The same program gives the same bytes: no time, name or number of the machine is in them. It refuses a program that
// would need a library, because the image has none.
//
//	image PROGRAM ARCHITECTURE OUT
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

func main() {
	const args = 4
	if len(os.Args) != args {
		fmt.Fprintln(os.Stderr, "usage: image PROGRAM ARCHITECTURE OUT")
		os.Exit(2) //nolint:mnd // that of a mistake in the arguments
	}
	digest, err := build(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
	fmt.Println(digest)
}

// user is the number of the program's user in the image. It has no rights anywhere.
const user = 65532

// A blob is a file that is named by its digest.
type blob struct {
	Type   string `json:"mediaType"`
	Digest string `json:"digest"`
	Size   int    `json:"size"`

	body []byte
}

func newBlob(kind string, body []byte) blob {
	return blob{"application/vnd.oci.image." + kind, fmt.Sprintf("sha256:%x", sha256.Sum256(body)), len(body), body}
}

// build writes the archive, and returns the digest of the image.
func build(program, architecture, out string) (digest string, err error) {
	if err := alone(program, architecture); err != nil {
		return "", err
	}
	b, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	files, err := archive([]entry{
		{tar.Header{Name: "data/", Typeflag: tar.TypeDir, Mode: 0o700, Uid: user, Gid: user}, nil},
		{tar.Header{Name: "sallyport-server", Mode: 0o555}, b},
		{tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, nil},
	})
	if err != nil {
		return "", err
	}
	packed, err := pack(files)
	if err != nil {
		return "", err
	}
	layer := newBlob("layer.v1.tar+gzip", packed)
	who := fmt.Sprintf("%d:%d", user, user)
	config, err := json.Marshal(map[string]any{
		"architecture": architecture, "os": "linux", "created": time.Unix(0, 0).UTC(),
		"config": map[string]any{"User": who, "WorkingDir": "/data", "Entrypoint": []string{"/sallyport-server"},
			"Cmd":          []string{"--config", "/etc/sallyport/server.yaml"},
			"ExposedPorts": map[string]any{"8787/tcp": struct{}{}}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{newBlob("", files).Digest}},
	})
	if err != nil {
		return "", err
	}
	settings := newBlob("config.v1+json", config)
	text, err := json.Marshal(map[string]any{"schemaVersion": 2,
		"mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config":    settings, "layers": []blob{layer}})
	if err != nil {
		return "", err
	}
	manifest := newBlob("manifest.v1+json", text)
	whole, err := layout(manifest, settings, layer)
	if err != nil {
		return "", err
	}
	return manifest.Digest, os.WriteFile(out, whole, 0o644) //nolint:gosec // an image is public
}

// layout is an archive of OCI's layout with one image (image-spec v1.1, "OCI Image Layout Specification").
func layout(manifest blob, others ...blob) ([]byte, error) {
	index, err := json.Marshal(map[string]any{"schemaVersion": 2,
		"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []blob{manifest}})
	if err != nil {
		return nil, err
	}
	all := []entry{
		{tar.Header{Name: "oci-layout", Mode: 0o444}, []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{tar.Header{Name: "index.json", Mode: 0o444}, index},
	}
	for _, x := range append(others, manifest) {
		all = append(all, entry{tar.Header{Name: "blobs/sha256/" + x.Digest[len("sha256:"):], Mode: 0o444}, x.body})
	}
	return archive(all)
}

// alone refuses a program that is not for the architecture, or that needs a loader.
func alone(program, architecture string) error {
	f, err := elf.Open(program)
	if err != nil {
		return fmt.Errorf("reading %q, want a program for Linux (GOOS=linux go build): %w", program, err)
	}
	defer func() { _ = f.Close() }() // it was read
	want, known := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[architecture]
	if !known || f.Machine != want {
		return fmt.Errorf("the program is for %v, and the image for %q, want amd64 or arm64", f.Machine, architecture)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("the program needs a loader, and the image has none: build it with CGO_ENABLED=0")
		}
	}
	return nil
}

type entry struct {
	head tar.Header
	body []byte
}

// archive writes entries with the time 0.
func archive(all []entry) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range all {
		e.head.Size, e.head.ModTime, e.head.Format = int64(len(e.body)), time.Unix(0, 0), tar.FormatUSTAR
		if err := w.WriteHeader(&e.head); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.body); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

func pack(body []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}
