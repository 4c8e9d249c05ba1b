// Command image puts one static binary into an OCI image layout. The same
// binary gives the same bytes: no time and no name of this machine goes in.
//
//	image BINARY LAYOUT
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
)

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int    `json:"size"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: image BINARY LAYOUT")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func write(binary, layout string) error {
	program, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(layout); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(layout, "blobs", "sha256"), 0o755); err != nil {
		return err
	}
	layer, err := layerOf(program)
	if err != nil {
		return err
	}
	blobs := blobs{layout: layout}
	l := blobs.add(layerType, layer)
	config := blobs.addJSON(configType, map[string]any{
		"os": runtime.GOOS, "architecture": runtime.GOARCH,
		"config": map[string]any{"Entrypoint": []string{"/hello"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{l.Digest}},
	})
	manifest := blobs.addJSON(manifestType, map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": []descriptor{l},
	})
	blobs.file("index.json", map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": []descriptor{manifest}})
	blobs.file("oci-layout", map[string]any{"imageLayoutVersion": "1.0.0"})
	return blobs.err
}

func layerOf(program []byte) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "hello", Mode: 0o755, Size: int64(len(program)), Format: tar.FormatUSTAR}); err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	err := w.Close()
	return b.Bytes(), err
}

// blobs writes the files of a layout and keeps the first error.
type blobs struct {
	layout string
	err    error
}

func (b *blobs) add(mediaType string, content []byte) descriptor {
	hex := fmt.Sprintf("%x", sha256.Sum256(content))
	b.put(filepath.Join("blobs", "sha256", hex), content)
	return descriptor{mediaType, "sha256:" + hex, len(content)}
}

func (b *blobs) addJSON(mediaType string, v any) descriptor {
	content, err := json.Marshal(v)
	b.keep(err)
	return b.add(mediaType, content)
}

func (b *blobs) file(name string, v any) {
	content, err := json.Marshal(v)
	b.keep(err)
	b.put(name, content)
}

func (b *blobs) put(name string, content []byte) {
	b.keep(os.WriteFile(filepath.Join(b.layout, name), content, 0o644))
}

func (b *blobs) keep(err error) {
	if b.err == nil {
		b.err = err
	}
}
