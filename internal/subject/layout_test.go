package subject

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/messages"
)

// An image is a layout under construction.
type image struct {
	t   *testing.T
	dir string
}

func newImage(t *testing.T) image {
	t.Helper()
	i := image{t, t.TempDir()}
	if err := os.MkdirAll(filepath.Join(i.dir, "blobs/sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	i.write("oci-layout", `{"imageLayoutVersion":"1.0.0"}`)
	return i
}

func (i image) write(name, content string) {
	i.t.Helper()
	if err := os.WriteFile(filepath.Join(i.dir, name), []byte(content), 0o644); err != nil {
		i.t.Fatal(err)
	}
}

// blob stores content and returns its descriptor.
func (i image) blob(mediaType, content string) ociDescriptor {
	i.t.Helper()
	d := Sum([]byte(content))
	i.write("blobs/sha256/"+d.Hex(), content)
	return ociDescriptor{MediaType: mediaType, Digest: d.String(), Size: int64(len(content))}
}

// manifest stores an image with one layer.
func (i image) manifest(layer string) ociDescriptor {
	return i.blob(ociManifest, fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]}`, ociManifest,
		i.json(i.blob("application/vnd.oci.image.config.v1+json", "{}")),
		i.json(i.blob("application/vnd.oci.image.layer.v1.tar", layer))))
}

func (i image) nested(parts ...ociDescriptor) ociDescriptor {
	return i.blob(ociIndex, fmt.Sprintf(`{"schemaVersion":2,"manifests":%s}`, i.json(parts)))
}

func (i image) index(parts ...ociDescriptor) {
	i.write("index.json", fmt.Sprintf(`{"schemaVersion":2,"manifests":%s}`, i.json(parts)))
}

func (i image) json(v any) string {
	i.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		i.t.Fatal(err)
	}
	return string(b)
}

func (i image) path(d ociDescriptor) string {
	return "blobs/sha256/" + strings.TrimPrefix(d.Digest, "sha256:")
}

func named(d ociDescriptor, ref string) ociDescriptor {
	d.Annotations = map[string]string{refName: ref}
	return d
}

func digestOf(t *testing.T, d ociDescriptor) Digest {
	t.Helper()
	digest, err := ParseDigest(d.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestLayout_one_subject_for_each_image(t *testing.T) {
	i := newImage(t)
	one, two, index := i.manifest("one"), i.manifest("two"), i.nested(i.manifest("amd64"), i.manifest("arm64"))
	i.index(one, named(two, "v2"), named(index, "all"))
	got, err := Layout(i.dir)
	want := []Subject{{Name: i.dir, Digest: digestOf(t, one)}, {Name: i.dir + ":all", Digest: digestOf(t, index)}, {Name: i.dir + ":v2", Digest: digestOf(t, two)}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func wantNoLayout(t *testing.T, name string, i image, code fault.Code) {
	t.Helper()
	got, err := Layout(i.dir)
	if f := fault.Of(err); err == nil || f.Code != code || f.Kind != fault.Refused || got != nil {
		t.Errorf("%s: got %v, %v (%s), want %s", name, got, err, f.Code, code)
	}
	if err != nil {
		messages.Plain(t, err.Error())
	}
}

func TestE06_layout_with_other_bytes_for_a_digest(t *testing.T) {
	for name, spoil := range map[string]func(i image, m ociDescriptor){
		"untouched":        nil,
		"layer altered":    func(i image, m ociDescriptor) { i.write(i.path(i.blob("", "layer")), "LAYER") },
		"layer missing":    func(i image, m ociDescriptor) { i.remove(i.path(i.blob("", "layer"))) },
		"layer truncated":  func(i image, m ociDescriptor) { i.write(i.path(i.blob("", "layer")), "lay") },
		"config altered":   func(i image, m ociDescriptor) { i.write(i.path(i.blob("", "{}")), "[]") },
		"config missing":   func(i image, m ociDescriptor) { i.remove(i.path(i.blob("", "{}"))) },
		"manifest altered": func(i image, m ociDescriptor) { i.write(i.path(m), "{}") },
		"manifest missing": func(i image, m ociDescriptor) { i.remove(i.path(m)) },
		"index missing":    func(i image, m ociDescriptor) { i.remove("index.json") },
		"index empty":      func(i image, m ociDescriptor) { i.index() },
		"index version":    func(i image, m ociDescriptor) { i.replace("index.json", `"schemaVersion":2`, `"schemaVersion":1`) },
		"layout missing":   func(i image, m ociDescriptor) { i.remove("oci-layout") },
		"layout version":   func(i image, m ociDescriptor) { i.write("oci-layout", `{"imageLayoutVersion":"2.0.0"}`) },
		"layout no JSON":   func(i image, m ociDescriptor) { i.write("oci-layout", `1.0.0`) },
		"size":             func(i image, m ociDescriptor) { m.Size++; i.index(m) },
		"other algorithm":  func(i image, m ociDescriptor) { m.Digest = "sha512:" + hexA + hexA; i.index(m) },
		"short digest":     func(i image, m ociDescriptor) { m.Digest = m.Digest[:40]; i.index(m) },
		"path as digest":   func(i image, m ociDescriptor) { m.Digest = "sha256:../../index.json"; i.index(m) },
		"no media type":    func(i image, m ociDescriptor) { m.MediaType = ""; i.index(m) },
		"other media type": func(i image, m ociDescriptor) { m.MediaType = dockerManifest; i.index(m) },
		"manifest as index": func(i image, m ociDescriptor) {
			c := i.json(i.blob("x", "{}"))
			i.index(i.blob(ociIndex, `{"schemaVersion":2,"config":`+c+`,"manifests":[]}`))
		},
		"layers of an index": func(i image, m ociDescriptor) {
			i.index(i.blob(ociIndex, `{"schemaVersion":2,"layers":[],"manifests":[]}`))
		},
		"index as manifest": func(i image, m ociDescriptor) {
			c := i.json(i.blob("x", "{}"))
			i.index(i.blob(ociManifest, `{"schemaVersion":2,"config":`+c+`,"manifests":[]}`))
		},
		"no config":     func(i image, m ociDescriptor) { i.index(i.blob(ociManifest, `{"schemaVersion":2,"layers":[]}`)) },
		"member twice":  func(i image, m ociDescriptor) { i.twice("manifests", m) },
		"member folded": func(i image, m ociDescriptor) { i.twice("Manifests", m) },
		"not UTF-8":     func(i image, m ociDescriptor) { i.index(named(m, "v1")); i.replace("index.json", "v1", "v\xff") },
		"trailing":      func(i image, m ociDescriptor) { i.replace("index.json", `{"schemaVersion"`, `{} {"schemaVersion"`) },
		"truncated":     func(i image, m ociDescriptor) { i.write("index.json", `{"schemaVersion":2,"manifests":[`) },
		"deep": func(i image, m ociDescriptor) {
			i.replace("index.json", "{", `{"x":`+strings.Repeat("[", maxJSONDepth)+strings.Repeat("]", maxJSONDepth)+",")
		},
		"one name": func(i image, m ociDescriptor) { i.index(m, i.manifest("other")) },
	} {
		i := newImage(t)
		m := i.manifest("layer")
		i.index(m)
		if spoil == nil {
			if _, err := Layout(i.dir); err != nil {
				t.Errorf("%s: got %v, want nil", name, err)
			}
			continue
		}
		spoil(i, m)
		wantNoLayout(t, name, i, fault.SubjectMismatch)
	}
}

func (i image) remove(name string) {
	i.t.Helper()
	if err := os.Remove(filepath.Join(i.dir, name)); err != nil {
		i.t.Fatal(err)
	}
}

func (i image) replace(name, old, new string) {
	i.t.Helper()
	b, err := os.ReadFile(filepath.Join(i.dir, name))
	if err != nil {
		i.t.Fatal(err)
	}
	i.write(name, strings.Replace(string(b), old, new, 1))
}

// twice writes an index that names two images by two members.
func (i image) twice(name string, m ociDescriptor) {
	i.write("index.json", fmt.Sprintf(`{"schemaVersion":2,"manifests":[%s],%q:[%s]}`, i.json(i.manifest("evil")), name, i.json(m)))
}

func TestE10_layout_leaves_its_directory(t *testing.T) {
	i := newImage(t)
	m := i.manifest("layer")
	i.index(m)
	layer := i.path(i.blob("", "layer"))
	outside := tree(t, "layer")
	i.remove(layer)
	link(t, filepath.Join(outside, "layer"), i.dir, layer)
	wantNoLayout(t, "link to the right bytes outside", i, fault.SubjectMismatch)
	i.remove(layer)
	if err := syscall.Mkfifo(filepath.Join(i.dir, layer), 0o600); err != nil {
		t.Fatal(err)
	}
	wantNoLayout(t, "named pipe", i, fault.Path)
	i.remove(layer)
	i.index(named(m, "v1\u202e"))
	i.blob("", "layer")
	wantNoLayout(t, "name that cannot be seen", i, fault.Path)
	i.index(named(m, "v1"))
	if _, err := Layout(i.dir); err != nil {
		t.Errorf("with the layer in place: got %v, want nil", err)
	}
}

func TestO02_layout_limits(t *testing.T) {
	i := newImage(t)
	index := i.manifest("layer")
	for range maxIndexDepth - 1 {
		index = i.nested(index)
	}
	i.index(index)
	if _, err := Layout(i.dir); err != nil {
		t.Errorf("deepest index: got %v, want nil", err)
	}
	i.index(i.nested(i.nested(index)))
	wantNoLayout(t, "index too deep", i, fault.Limit)

	empty := i.blob("x", "{}")
	many := make([]ociDescriptor, maxDescriptors+1)
	for n := range many {
		many[n] = empty
	}
	i.index(many[:maxDescriptors]...)
	if _, err := Layout(i.dir); err != nil {
		t.Errorf("%d blobs: got %v, want nil", maxDescriptors, err)
	}
	i.index(many...)
	wantNoLayout(t, "too many blobs", i, fault.Limit)
	i.write("index.json", strings.Repeat(" ", maxManifest+1))
	wantNoLayout(t, "index too large", i, fault.Limit)
}

func TestE10_layout_that_is_no_directory_is_refused_at_once(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	link := pipe + "-link"
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.Symlink(pipe, link)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{pipe, link} {
		_, err := Layout(name)
		if f := fault.Of(err); f.Code != fault.SubjectMismatch || !strings.Contains(f.Error(), "is a named pipe, want a directory") {
			t.Errorf("layout %s: %v, want it refused by what it is", name, err)
		}
		if _, err := Files(t.Context(), name, []string{"x"}, 1); fault.Of(err).Kind != fault.Usage {
			t.Errorf("tree %s: %v, want it refused", name, err)
		}
	}
}
