package subject

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Digests of what BuildKit wrote for slsa-framework/example-package.
const (
	realImage       = "sha256:d1fc0de9c6a33e502c488221644de1736c53d8ddb59b0e41b4946fb26af50e69"
	realAttestation = "sha256:a79645dc6fd76a0db9c9c04f5ba722ecb7d1fa8cdfc1d848d931d884cbab02ea"
	realStatement   = "sha256:8d63b5e440cc7cfa68622b4a3cae2dbe215f8f8dcc9f2fa4ffd3078d40d61a84"
)

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func digest(t *testing.T, s string) Digest {
	t.Helper()
	d, err := ParseAnyDigest(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestReadIndex_and_ReadCarrier_of_real_bytes(t *testing.T) {
	b := testdata(t, "buildkit-index.json")
	got, err := ReadIndex(b)
	want := Index{
		Parts:        []Part{{Digest: digest(t, realImage), Platform: "linux/amd64"}},
		Attestations: []Attestation{{Manifest: digest(t, realAttestation), Image: digest(t, realImage)}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("index = %+v, %v, want %+v", got, err, want)
	}
	m := testdata(t, "buildkit-attestation.json")
	if Sum(m) != want.Attestations[0].Manifest {
		t.Fatalf("the attestation manifest has digest %s", Sum(m))
	}
	c, err := ReadCarrier(m)
	if err != nil || !reflect.DeepEqual(c, Carrier{Layers: []Layer{{digest(t, realStatement), 1664, "https://slsa.dev/provenance/v0.2"}}}) {
		t.Errorf("attestation manifest = %+v, %v", c, err)
	}
	if _, err := ReadIndex(m); err == nil {
		t.Error("a manifest was read as an index")
	}
	if _, err := ReadCarrier(b); err == nil {
		t.Error("an index was read as an attestation manifest")
	}
}

// Digests of the entries below.
var (
	amd, arm, att, far = "sha256:" + strings.Repeat("a", 64), "sha256:" + strings.Repeat("b", 64), "sha256:" + strings.Repeat("c", 64), "sha256:" + strings.Repeat("d", 64)
)

const (
	linux   = `"platform":{"os":"linux","architecture":"amd64"}`
	unknown = `"platform":{"os":"unknown","architecture":"unknown"}`
)

// entry is one of an index; more are members after its digest.
func entry(digest string, more ...string) string {
	return fmt.Sprintf(`{"mediaType":%q,"size":1,"digest":%q%s}`, ociManifest, digest, strings.Join(append([]string{""}, more...), ","))
}

// attests are the annotations of an attestation manifest of image.
func attests(image string) string {
	return fmt.Sprintf(`"annotations":{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":%q}`, image)
}

func indexOf(entries ...string) []byte {
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, ociIndex, strings.Join(entries, ","))
}

// What says that it is an attestation manifest counts as an image, and so needs
// evidence of its own, as long as anything could run it.
func TestE07_what_could_be_an_image_is_an_image(t *testing.T) {
	for name, c := range map[string]struct {
		entries      []string
		parts        []string // with their platforms
		attestations int
	}{
		"an attestation manifest":           {[]string{entry(amd, linux), entry(att, unknown, attests(amd))}, []string{amd + " linux/amd64"}, 1},
		"before its image":                  {[]string{entry(att, unknown, attests(amd)), entry(amd, linux)}, []string{amd + " linux/amd64"}, 1},
		"two of one image":                  {[]string{entry(amd, linux), entry(att, unknown, attests(amd)), entry(far, unknown, attests(amd))}, []string{amd + " linux/amd64"}, 2},
		"one of two images":                 {[]string{entry(amd, linux), entry(arm), entry(att, unknown, attests(amd)), entry(att, unknown, attests(arm))}, []string{amd + " linux/amd64", arm + " "}, 2},
		"with a platform":                   {[]string{entry(amd, linux), entry(att, linux, attests(amd))}, []string{amd + " linux/amd64", att + " linux/amd64"}, 0},
		"without a platform":                {[]string{entry(amd, linux), entry(att, attests(amd))}, []string{amd + " linux/amd64", att + " "}, 0},
		"half of a platform":                {[]string{entry(amd, linux), entry(att, `"platform":{"os":"unknown","architecture":"amd64"}`, attests(amd))}, []string{amd + " linux/amd64", att + " unknown/amd64"}, 0},
		"an unknown platform alone":         {[]string{entry(amd, linux), entry(att, unknown)}, []string{amd + " linux/amd64", att + " unknown/unknown"}, 0},
		"that refers to nothing":            {[]string{entry(amd, linux), entry(att, unknown, attests(""))}, []string{amd + " linux/amd64", att + " unknown/unknown"}, 0},
		"that refers to another index":      {[]string{entry(amd, linux), entry(att, unknown, attests(far))}, []string{amd + " linux/amd64", att + " unknown/unknown"}, 0},
		"that refers to itself":             {[]string{entry(amd, linux), entry(att, unknown, attests(att))}, []string{amd + " linux/amd64", att + " unknown/unknown"}, 0},
		"two that refer to each other":      {[]string{entry(att, unknown, attests(far)), entry(far, unknown, attests(att))}, []string{att + " unknown/unknown", far + " unknown/unknown"}, 0},
		"that is an image in another entry": {[]string{entry(amd, linux), entry(att, unknown, attests(amd)), entry(att, linux)}, []string{amd + " linux/amd64", att + " linux/amd64"}, 1},
		"an index that attests":             {[]string{entry(amd, linux), strings.Replace(entry(att, unknown, attests(amd)), ociManifest, ociIndex, 1)}, []string{amd + " linux/amd64", att + " unknown/unknown index"}, 0},
		"of another kind":                   {[]string{entry(amd, linux), entry(att, unknown, strings.Replace(attests(amd), "attestation-manifest", "x", 1))}, []string{amd + " linux/amd64", att + " unknown/unknown"}, 0},
		"by another algorithm":              {[]string{entry(amd, linux), entry("sha512:"+strings.Repeat("e", 128), unknown, attests(amd))}, []string{amd + " linux/amd64", "sha512:" + strings.Repeat("e", 128) + " unknown/unknown"}, 0},
		"an image twice":                    {[]string{entry(amd, linux), entry(amd, linux)}, []string{amd + " linux/amd64"}, 0},
		"an image, and as an index":         {[]string{entry(amd, linux), strings.Replace(entry(amd), ociManifest, dockerIndex, 1)}, []string{amd + " linux/amd64 index"}, 0},
		"a variant":                         {[]string{entry(arm, `"platform":{"os":"linux","architecture":"arm","variant":"v7"}`)}, []string{arm + " linux/arm/v7"}, 0},
		"nothing":                           {nil, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadIndex(indexOf(c.entries...))
			if err != nil {
				t.Fatal(err)
			}
			var parts []string
			for _, p := range got.Parts {
				s := p.Digest.String() + " " + p.Platform
				if p.Index {
					s += " index"
				}
				parts = append(parts, s)
			}
			if !reflect.DeepEqual(parts, c.parts) || len(got.Attestations) != c.attestations {
				t.Errorf("images = %q and %d attestation manifests, want %q and %d", parts, len(got.Attestations), c.parts, c.attestations)
			}
		})
	}
}

// Bytes that say one thing to us and another to what runs the image are refused.
func TestE07_an_index_that_two_readers_read_differently(t *testing.T) {
	good := string(indexOf(entry(amd, linux), entry(att, unknown, attests(amd))))
	if _, err := ReadIndex([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"its entries twice":              strings.Replace(good, `"manifests":`, `"manifests":[],"manifests":`, 1),
		"its entries in another case":    strings.Replace(good, `"manifests":`, `"Manifests":[],"manifests":`, 1),
		"a digest twice":                 strings.Replace(good, `"digest":`, fmt.Sprintf(`"digest":%q,"digest":`, far), 1),
		"a digest in another case":       strings.Replace(good, `"digest":`, fmt.Sprintf(`"Digest":%q,"digest":`, far), 1),
		"a platform in another case":     strings.Replace(good, `"platform":`, `"Platform":{"os":"windows"},"platform":`, 1),
		"a manifest too":                 strings.Replace(good, `"manifests":`, fmt.Sprintf(`"layers":[{"digest":%q}],"manifests":`, far), 1),
		"a manifest without layers too":  strings.Replace(good, `"manifests":`, fmt.Sprintf(`"config":{"digest":%q},"manifests":`, far), 1),
		"another version":                strings.Replace(good, `"schemaVersion":2`, `"schemaVersion":1`, 1),
		"another media type":             strings.Replace(good, ociIndex, ociManifest, 1),
		"a digest that is none":          strings.Replace(good, amd, "sha256:aa", 1),
		"a digest in upper case":         strings.Replace(good, amd, "sha256:"+strings.Repeat("A", 64), 1),
		"more after it":                  good + "{}",
		"no JSON":                        "x",
		"a list":                         "[" + good + "]",
		"a platform that is a text":      strings.Replace(good, unknown, `"platform":"unknown/unknown"`, 1),
		"annotations that are no texts":  strings.Replace(good, `"attestation-manifest"`, `["attestation-manifest"]`, 1),
		"more entries than are read":     string(indexOf(strings.Split(strings.Repeat(entry(amd)+" ", maxDescriptors+1), " ")[:maxDescriptors+1]...)),
		"nested without an end":          strings.Replace(good, `"size":1`, `"x":`+strings.Repeat("[", 200)+strings.Repeat("]", 200)+`,"size":1`, 1),
		"an annotation twice":            strings.Replace(good, `"vnd.docker.reference.digest":`, fmt.Sprintf(`"vnd.docker.reference.digest":%q,"vnd.docker.reference.digest":`, far), 1),
		"its entries as null and a list": strings.Replace(good, `"manifests":`, `"manifests":null,"manifests":`, 1),
	} {
		if bad == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if got, err := ReadIndex([]byte(bad)); err == nil || fault.Of(err).Kind != fault.Refused {
			t.Errorf("%s: %+v, %v, want it refused", name, got, err)
		}
	}
}

func TestE07_an_attestation_manifest_is_read_strictly(t *testing.T) {
	good := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"digest":%q},"subject":{"digest":%q},"layers":[{"mediaType":"application/vnd.in-toto+json","digest":%q,"size":7},{"mediaType":"x","digest":"none"}]}`,
		ociManifest, far, amd, arm)
	got, err := ReadCarrier([]byte(good))
	image := digest(t, amd)
	if want := (Carrier{Subject: &image, Layers: []Layer{{digest(t, arm), 7, ""}}, Other: 1}); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v, want %+v", got, err, want)
	}
	for name, bad := range map[string]string{
		"a layer twice":            strings.Replace(good, `"layers":`, `"layers":[],"layers":`, 1),
		"layers in another case":   strings.Replace(good, `"layers":`, `"Layers":[],"layers":`, 1),
		"an index too":             strings.Replace(good, `"layers":`, `"manifests":[],"layers":`, 1),
		"a subject that is none":   strings.Replace(good, amd, "x", 1),
		"a layer without a digest": strings.Replace(good, arm, "sha512:"+strings.Repeat("a", 128), 1),
		"another media type":       strings.Replace(good, ociManifest, ociIndex, 1),
		"another version":          strings.Replace(good, `"schemaVersion":2`, `"schemaVersion":3`, 1),
		"no JSON":                  "",
	} {
		if got, err := ReadCarrier([]byte(bad)); err == nil || fault.Of(err).Kind != fault.Refused {
			t.Errorf("%s: %+v, %v, want it refused", name, got, err)
		}
	}
}

func TestK01_a_platform_is_told_in_a_few_plain_words(t *testing.T) {
	d := digest(t, amd)
	for platform, want := range map[string]string{
		"linux/arm64": "linux/arm64", "": "the image without a platform, " + amd,
		"linux\nallowed": `the image of platform "linux\nallowed"`,
	} {
		if got := (Part{Digest: d, Platform: platform}).String(); got != want {
			t.Errorf("%q: %q, want %q", platform, got, want)
		}
	}
	if got := (Part{Platform: strings.Repeat("x", 100_000)}).String(); len(got) > 300 {
		t.Errorf("a platform of 100,000 bytes is told in %d", len(got))
	}
}

func FuzzReadIndex(f *testing.F) {
	f.Add(indexOf(entry(amd, linux), entry(att, unknown, attests(amd))))
	f.Add([]byte(`{"schemaVersion":2,"layers":[{"mediaType":"application/vnd.in-toto+json","digest":""}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		index, err := ReadIndex(b)
		_, other := ReadCarrier(b)
		if err == nil && other == nil && len(index.Parts)+len(index.Attestations) > 0 {
			t.Error("an index with entries was read as an attestation manifest")
		}
		for _, a := range index.Attestations {
			found := false
			for _, p := range index.Parts {
				found = found || p.Digest == a.Image
			}
			if !found {
				t.Errorf("attestation manifest %s is about no image of the index", a.Manifest)
			}
		}
	})
}
