package store_test

import (
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// People who may push write titles and sizes: of two files with one name, and of one that is missing or too large, none
// is taken.
func TestE06_a_file_of_an_artifact_is_the_only_one_of_its_name(t *testing.T) {
	m := newMemory(t, true)
	s := m.store(store.OCIOptions{})
	file := func(title, text string) object {
		l := layer("application/vnd.oci.image.layer.v1.tar", m.blob(text), len(text))
		l["annotations"] = object{"org.opencontainers.image.title": title}
		return l
	}
	missing := file("missing", "x")
	missing["digest"] = subject.Sum([]byte("nobody has pushed this")).String()
	m.manifest("v1", object{"schemaVersion": 2, "mediaType": manifestType,
		"config": layer(emptyType, m.blob("{}"), len("{}")),
		"layers": []object{file("one", "first"), file("twice", "a"), file("twice", "b"), missing}})
	a, err := s.Artifact(t.Context(), m.host+"/acme/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	const most = 5
	if b, err := a.File(t.Context(), "one", most); err != nil || string(b) != "first" {
		t.Errorf("%q, %v", b, err)
	}
	for name, want := range map[string]fault.Code{
		"twice": fault.Malformed, "missing": fault.Malformed, "": fault.Path, "three": fault.Path,
	} {
		if b, err := a.File(t.Context(), name, most); fault.Of(err).Code != want || b != nil {
			t.Errorf("the file %q: %q, %v; want %s", name, b, err, want)
		}
	}
	if _, err := a.File(t.Context(), "one", most-1); fault.Of(err).Code != fault.Limit {
		t.Errorf("a file that is too large: %v", err)
	}
}

func TestE06_a_reference_names_registry_and_tag(t *testing.T) {
	for ref, want := range map[string]bool{
		"ghcr.io/acme/policies:app": true, "localhost:5000/p:1": true,
		"ghcr.io/acme/p@sha256:0000000000000000000000000000000000000000000000000000000000000000": true,
		"ghcr.io/acme/policies": false, "acme/policies:app": false, "policies:app": false, "": false, "oci://ghcr.io/a/b:c": false,
	} {
		if got := store.IsReference(ref); got != want {
			t.Errorf("%q: %v, want %v", ref, got, want)
		}
	}
}
