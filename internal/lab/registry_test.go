package lab

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A referrer is found through the API where there is one, and through the
// fallback tag where there is none.
func TestRegistryReferrers(t *testing.T) {
	for _, c := range []struct {
		name       string
		config     Config
		api        int
		tagPresent bool
	}{{"with the API", Config{}, 200, false}, {"without", Config{NoReferrers: true}, 404, true}} {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(newRegistry(c.config))
			defer s.Close()
			repo, err := name.NewRepository(strings.TrimPrefix(s.URL, "http://") + "/acme/app")
			if err != nil {
				t.Fatal(err)
			}
			subject := pushWithReferrer(t, repo)
			if resp, _ := do(t, call{url: s.URL + "/v2/acme/app/referrers/" + subject.String()}); resp.status != c.api {
				t.Errorf("referrers API: status %d, want %d", resp.status, c.api)
			}
			tag := strings.Replace(subject.String(), ":", "-", 1)
			resp, _ := do(t, call{method: http.MethodHead, url: s.URL + "/v2/acme/app/manifests/" + tag})
			if (resp.status == 200) != c.tagPresent {
				t.Errorf("fallback tag: status %d, want it present: %v", resp.status, c.tagPresent)
			}
			index, err := remote.Referrers(repo.Digest(subject.String()))
			if err != nil {
				t.Fatal(err)
			}
			if m, err := index.IndexManifest(); err != nil || len(m.Manifests) != 1 {
				t.Errorf("referrers = %v and error %v, want one", m, err)
			}
		})
	}
}

func pushWithReferrer(t *testing.T, repo name.Repository) v1.Hash {
	t.Helper()
	digest, err := empty.Image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(repo.Digest(digest.String()), empty.Image); err != nil {
		t.Fatal(err)
	}
	descriptor, err := partial.Descriptor(empty.Image)
	if err != nil {
		t.Fatal(err)
	}
	referrer := mutate.Subject(mutate.ConfigMediaType(empty.Image, types.MediaType("application/vnd.example")), *descriptor).(v1.Image)
	at, err := referrer.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(repo.Digest(at.String()), referrer); err != nil {
		t.Fatal(err)
	}
	return digest
}
