package difference

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Limits of images.
const (
	maxImages   = 64 // manifests of one index
	maxLayers   = 512
	maxManifest = 4 << 20
)

// picture is a container image in an archive: an OCI image layout, or what "docker save" writes.
type picture struct {
	list  [2]map[string]member
	oci   bool
	blobs [2]map[string]bool // members that the image names
}

// imageOf reports whether both archives hold an image.
func imageOf(_ content2, list [2][]member) (picture, bool) {
	x := picture{}
	has := func(name string) bool {
		for i := range list {
			if _, there := x.list[i][name]; !there {
				return false
			}
		}
		return true
	}
	for i := range list {
		if !slices.ContainsFunc(
			list[i],
			func(m member) bool { return m.name == "oci-layout" || m.name == "manifest.json" },
		) {
			return x, false
		}
		x.list[i], x.blobs[i] = map[string]member{}, map[string]bool{}
		for _, m := range list[i] {
			x.list[i][m.name] = m
		}
	}
	x.oci = has("oci-layout") && has("index.json")
	return x, x.oci || has("manifest.json")
}

// skip reports whether a member was compared as a part of the image. Blobs have their digest for a name, so that it
// says nothing that another name is there.
func (x picture) skip(name string) bool {
	if x.oci && (strings.HasPrefix(name, "blobs/") || name == "index.json") {
		return true
	}
	return x.blobs[0][name] || x.blobs[1][name]
}

// descriptor is how one part of an image names another (OCI image-spec, descriptor.md).
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// manifest is an index or a manifest (OCI image-spec, image-index.md and manifest.md).
type manifest struct {
	Manifests []descriptor `json:"manifests"`
	Config    descriptor   `json:"config"`
	Layers    []descriptor `json:"layers"`
}

func (d descriptor) path() string {
	return "blobs/" + strings.Replace(d.Digest, ":", "/", 1)
}

// image compares an image: the manifests of the index, of each the config, and then its layers.
func (w *walk) image(p place, c content2, x picture) {
	if x.oci {
		w.index(p, c, x, [2]string{"index.json", "index.json"}, 0)
		return
	}
	w.saved(p, c, x)
}

// index compares two indexes or manifests by name of a member.
func (w *walk) index(p place, c content2, x picture, name [2]string, depth int) {
	var m [2]manifest
	if !w.decode(c, x, name, &m[0], &m[1]) || depth > 3 {
		w.blob(p, c, x, name)
		return
	}
	found := w.count()
	for k := range min(len(m[0].Manifests), len(m[1].Manifests), maxImages) {
		sub := [2]string{m[0].Manifests[k].path(), m[1].Manifests[k].path()}
		w.index(p.in(fmt.Sprintf("image manifest %d", k+1)), c, x, sub, depth+1)
	}
	w.parts(p, c, x, [2]descriptor{m[0].Config, m[1].Config}, [2][]descriptor{m[0].Layers, m[1].Layers})
	if w.count() == found || len(m[0].Manifests) != len(m[1].Manifests) || len(m[0].Layers) != len(m[1].Layers) {
		w.blob(p, c, x, name)
	}
}

// parts compares the config of an image and its layers.
func (w *walk) parts(p place, c content2, x picture, config [2]descriptor, layers [2][]descriptor) {
	if config[0].Digest != "" && config[1].Digest != "" {
		w.blob(p.in("image config"), c, x, [2]string{config[0].path(), config[1].path()})
	}
	for k := range min(len(layers[0]), len(layers[1]), maxLayers) {
		w.blob(p.in(fmt.Sprintf("layer %d", k+1)), c, x, [2]string{layers[0][k].path(), layers[1][k].path()})
	}
}

// decode reads the same member of both sides.
func (w *walk) decode(c content2, x picture, name [2]string, a, b any) bool {
	for i, into := range []any{a, b} {
		m, there := x.list[i][name[i]]
		if !there || m.size > maxManifest {
			return false
		}
		if json.Unmarshal(c[i].bytes(m.data, m.size), into) != nil {
			return false
		}
	}
	return true
}

// blob compares two parts of an image by what they hold.
func (w *walk) blob(p place, c content2, x picture, name [2]string) {
	var m [2]member
	for i := range m {
		one, there := x.list[i][name[i]]
		if !there {
			return
		}
		m[i] = one
	}
	w.dive(p, content2{c[0].part(m[0].data, m[0].size), c[1].part(m[1].data, m[1].size)})
}

// saved compares what "docker save" writes: manifest.json names a config and layers for each image.
func (w *walk) saved(p place, c content2, x picture) {
	type entry struct {
		Config string
		Layers []string
	}
	var m [2][]entry
	if !w.decode(c, x, [2]string{"manifest.json", "manifest.json"}, &m[0], &m[1]) {
		return
	}
	for k := range min(len(m[0]), len(m[1]), maxImages) {
		for i := range m {
			x.blobs[i][m[i][k].Config] = true
			for _, l := range m[i][k].Layers {
				x.blobs[i][l] = true
			}
		}
		w.blob(p.in("image config"), c, x, [2]string{m[0][k].Config, m[1][k].Config})
		for n := range min(len(m[0][k].Layers), len(m[1][k].Layers), maxLayers) {
			w.blob(p.in(fmt.Sprintf("layer %d", n+1)), c, x, [2]string{m[0][k].Layers[n], m[1][k].Layers[n]})
		}
	}
}
