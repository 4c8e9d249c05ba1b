package subject

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

func TestParse_sorts_arguments_by_form(t *testing.T) {
	a := Sum([]byte("a"))
	got, err := Parse([]string{
		"dist/*", "./app", "a b", "user@host", "x:y", "shared:1", "dist/*",
		"sha256:" + hexA, "sha256:" + hexA,
		"ghcr.io/acme/app@sha256:" + hexA,
		"oci://ghcr.io/acme/app:v1", "oci://localhost:5000/a/b_c/d.e/f--g:V1@sha256:" + hexA,
		"oci-layout://build/image", "oci-layout://build/image",
	})
	want := Selection{
		Patterns: []string{"dist/*", "./app", "a b", "user@host", "x:y", "shared:1"},
		Digests:  []Subject{{Name: "sha256:" + hexA, Digest: a}},
		Images: []Image{
			{Repository: "ghcr.io/acme/app", Digest: &a},
			{Repository: "ghcr.io/acme/app", Tag: "v1"},
			{Repository: "localhost:5000/a/b_c/d.e/f--g", Tag: "V1", Digest: &a},
		},
		Layouts: []string{"build/image"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if s := got.Images[2].String(); s != "localhost:5000/a/b_c/d.e/f--g:V1@sha256:"+hexA {
		t.Errorf("String() = %q", s)
	}
}

func TestE03_digests_of_other_lengths_and_algorithms(t *testing.T) {
	for _, prefix := range []string{"", "ghcr.io/acme/app@", "oci://ghcr.io/acme/app@"} {
		for _, digest := range []string{
			"sha256:" + hexA[:40], "sha256:" + hexA + hexA, "sha512:" + hexA, "sha384:" + hexA, "sha1:" + hexA[:40],
			"SHA256:" + hexA, "sha256:" + strings.ToUpper(hexA), "sha256:", "sha256:" + hexA + " ", "sha3-256:" + hexA, "md5:" + hexA[:32],
		} {
			got, err := Parse([]string{prefix + digest})
			if f := fault.Of(err); err == nil || f.Kind != fault.Usage {
				t.Errorf("Parse(%q) = %+v, %v, want a usage fault", prefix+digest, got, err)
			}
		}
		// Images are known by SHA-256; an artifact may be known by a longer digest alone.
		if _, err := Parse([]string{prefix + "sha512:" + hexA + hexA}); (err == nil) != (prefix == "") {
			t.Errorf("Parse(%q) = %v, want it without an image alone", prefix+"sha512:…", err)
		}
		if _, err := Parse([]string{prefix + "sha256:" + hexA}); err != nil {
			t.Errorf("Parse(%q) = %v, want nil", prefix+"sha256:…", err)
		}
	}
}

func TestParse_references_that_leave_something_to_guess(t *testing.T) {
	d := "@sha256:" + hexA
	for _, arg := range []string{
		"", "oci-layout://", "oci://", "docker://ghcr.io/a/b:1", "https://example.com/app", "file://dist/app",
		"oci://app:v1", "oci://acme/app:v1", "app" + d, "acme/app" + d, "oci://ghcr.io/acme/app", "oci://ghcr.io:v1",
		"GHCR.io/acme/app" + d, "ghcr.io/Acme/app" + d, "ghcr.io//app" + d, "ghcr.io/acme/" + d, "ghcr.io/../app" + d, "ghcr.io/./app" + d,
		"ghcr.io/a___b" + d, "ghcr.io/a..b" + d, "ghcr.io/a-" + d, "ghcr.io/-a" + d, "ghcr.io/a._b" + d, "ghcr.io/caf\u00e9" + d,
		"-x.io/a" + d, "x-.io/a" + d, "x..io/a" + d, "x.io:/a" + d, "x.io:0/a" + d, "x.io:080/a" + d, "x.io:99999/a" + d, "x.io:1:2/a" + d, "user:pw@x.io/a" + d,
		"oci://ghcr.io/a:" + strings.Repeat("t", maxTag+1), "oci://ghcr.io/a:.t", "oci://ghcr.io/a:-t", "oci://ghcr.io/a:t/", "oci://ghcr.io/a:\u212a", "oci://ghcr.io/a:",
		"ghcr.io/a" + d + d, "ghcr.io/" + strings.Repeat("a", maxRepository) + d, "ghcr.io/a?x=1" + d, "ghcr.io/a b" + d,
	} {
		got, err := Parse([]string{arg})
		if f := fault.Of(err); err == nil || f.Kind != fault.Usage || !reflect.DeepEqual(got, Selection{}) {
			t.Errorf("Parse(%q) = %+v, %v, want a usage fault", arg, got, err)
		}
	}
	if _, err := Parse(nil); fault.Of(err).Kind != fault.Usage {
		t.Errorf("Parse(nil) = %v, want a usage fault", err)
	}
}

func FuzzParseImage(f *testing.F) {
	for _, s := range []string{"ghcr.io/acme/app:v1", "localhost/a@sha256:" + hexA, "x.io:5000/a_b/c.d:V1@sha256:" + hexA, "a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		img, err := ParseImage(ref)
		if err == nil && img.String() != ref {
			t.Errorf("ParseImage(%q).String() = %q, want the same", ref, img.String())
		}
	})
}
