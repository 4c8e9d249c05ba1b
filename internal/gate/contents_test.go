package gate

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/contents"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// packed is a package with one manifest.
func packed(t *testing.T, manifest string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: "package/package.json", Size: int64(len(manifest)), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	_, err := w.Write([]byte(manifest))
	if err := errors.Join(err, w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// handed is a gate that is handed files, under a policy that judges changes or does not.
func handed(rulings string, files map[string][]byte) (*Gate, *policy.Input) {
	env := policy.Environment{Name: "production"}
	if rulings != "" {
		env.Changes.Of = map[contents.What]policy.Ruling{contents.InstallScript: policy.Forbidden}
	}
	g := &Gate{Policy: &policy.Policy{Environments: []policy.Environment{env}}, Open: func(s subject.Subject) (io.ReadCloser, error) {
		b, ok := files[s.Name]
		if !ok {
			return nil, nil
		}
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
	return g, &policy.Input{Policy: g.Policy, Environment: "production"}
}

// The bytes that are looked into are those that were judged.
func TestE12_what_is_looked_into_is_what_was_judged(t *testing.T) {
	good, other := packed(t, `{"name":"keyv"}`), packed(t, `{"name":"keyv","scripts":{"install":"x"}}`)
	for name, b := range map[string][]byte{"another package": other, "a part of it": good[:len(good)-9], "no package": []byte("x"), "a broken one": append(bytes.Clone(good), 'x')} {
		g, in := handed("", map[string][]byte{"keyv.tgz": b})
		in.Candidates = []policy.Candidate{{Subject: subject.Subject{Name: "keyv.tgz", Digest: subject.Sum(good)}}}
		if err := g.lookInside(t.Context(), in); fault.Of(err).Code != fault.TOCTOU {
			t.Errorf("%s: %v, want %s", name, err, fault.TOCTOU)
		}
	}
}

// Every package is read, so that the next gate can compare; what is none is kept only where the policy
// asks. A file that cannot be read to its end is no answer.
func TestE11_what_the_gate_looks_into(t *testing.T) {
	files := map[string][]byte{"keyv.tgz": packed(t, `{"name":"keyv"}`), "text": []byte("x"), "broken": packed(t, `[]`)}
	for _, rulings := range []string{"", "install-scripts: deny"} {
		g, in := handed(rulings, files)
		for _, name := range []string{"keyv.tgz", "text", "broken", "gone"} {
			in.Candidates = append(in.Candidates, policy.Candidate{Subject: subject.Subject{Name: name, Digest: subject.Sum(files[name])}})
		}
		if err := g.lookInside(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		want := []contents.Kind{contents.NPM, "", "", ""}
		if rulings != "" {
			want = []contents.Kind{contents.NPM, contents.NotRead, contents.Malformed, ""}
		}
		for i, c := range in.Candidates {
			got := contents.Kind("")
			if c.Package != nil {
				got = c.Package.Kind
			}
			if got != want[i] {
				t.Errorf("%q: %s is %q, want %q", rulings, c.Subject.Name, got, want[i])
			}
		}
	}
	g, in := handed("", nil)
	gone := errors.New("the disk is gone")
	g.Open = func(subject.Subject) (io.ReadCloser, error) { return io.NopCloser(failing{gone}), nil }
	in.Candidates = []policy.Candidate{{}}
	if err := g.lookInside(t.Context(), in); !errors.Is(err, gone) {
		t.Errorf("err = %v, want that of the file", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := g.lookInside(ctx, in); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want that it was stopped", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
