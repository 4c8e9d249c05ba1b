package sigstore

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// mirror is a TUF repository with one target, trusted_root.json, on loopback.
type mirror struct {
	*httptest.Server
	root     []byte
	requests atomic.Int64

	t       *testing.T
	dir     string
	signer  signature.Signer
	target  []byte
	expires time.Time
}

func newMirror(t *testing.T, target []byte, expires time.Time) *mirror {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m := &mirror{t: t, dir: t.TempDir(), target: target, expires: expires}
	if m.signer, err = signature.LoadSigner(key, crypto.Hash(0)); err != nil {
		t.Fatal(err)
	}
	tufKey, err := metadata.KeyFromPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	root := metadata.Root(expires)
	for _, role := range []string{"root", "targets", "snapshot", "timestamp"} {
		if err := root.Signed.AddKey(tufKey, role); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := root.Sign(m.signer); err != nil {
		t.Fatal(err)
	}
	m.root = m.write("1.root.json")(bytesOf(nil, root.ToBytes))
	m.publish(1)
	files := http.FileServer(http.Dir(m.dir))
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.requests.Add(1)
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(m.Close)
	return m
}

// write returns a function that writes what it is given, and returns it.
func (m *mirror) write(name string) func([]byte, error) []byte {
	return func(b []byte, err error) []byte {
		m.t.Helper()
		p := filepath.Join(m.dir, name)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(p), 0o755)
		}
		if err == nil {
			err = os.WriteFile(p, b, 0o600)
		}
		if err != nil {
			m.t.Fatal(err)
		}
		return b
	}
}

// publish makes the mirror one of a version.
func (m *mirror) publish(version int64) {
	m.t.Helper()
	targets, snapshot, timestamp := metadata.Targets(m.expires), metadata.Snapshot(m.expires), metadata.Timestamp(m.expires)
	m.write("target")(m.target, nil)
	info, err := metadata.TargetFile().FromFile(filepath.Join(m.dir, "target"), "sha256")
	if err != nil {
		m.t.Fatal(err)
	}
	targets.Signed.Targets["trusted_root.json"] = info
	targets.Signed.Version, snapshot.Signed.Version, timestamp.Signed.Version = version, version, version
	snapshot.Signed.Meta["targets.json"] = metadata.MetaFile(version)
	timestamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(version)
	sum := sha256.Sum256(m.target)
	m.write("targets/"+hex.EncodeToString(sum[:])+".trusted_root.json")(m.target, nil)
	_, err = targets.Sign(m.signer)
	m.write(fmt.Sprintf("%d.targets.json", version))(bytesOf(err, targets.ToBytes))
	_, err = snapshot.Sign(m.signer)
	m.write(fmt.Sprintf("%d.snapshot.json", version))(bytesOf(err, snapshot.ToBytes))
	_, err = timestamp.Sign(m.signer)
	m.write("timestamp.json")(bytesOf(err, timestamp.ToBytes))
}

func bytesOf(err error, f func(bool) ([]byte, error)) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return f(false)
}

func TestTUF_a_mirror_gives_the_trusted_root(t *testing.T) {
	m := newMirror(t, publicGoodRoot, time.Now().Add(time.Hour))
	cache := t.TempDir()
	o := TUF{Mirror: m.URL, Root: m.root, Cache: cache, Now: time.Now()}
	r, err := PublicGood().TrustedRoot(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.Digest().Hex(), fmt.Sprintf("%x", sha256.Sum256(publicGoodRoot)); got != want {
		t.Errorf("digest = %s, want %s", got, want)
	}
	if !r.Snapshot().IsZero() {
		t.Errorf("a root from a mirror is called a snapshot of %v", r.Snapshot())
	}
	before := m.requests.Load()
	if _, err := PublicGood().TrustedRoot(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if n := m.requests.Load() - before; n != 0 {
		t.Errorf("a fresh cache was refreshed with %d requests, want none", n)
	}
}

func TestL02_expired_metadata_is_not_used(t *testing.T) {
	m := newMirror(t, publicGoodRoot, time.Now().Add(-time.Hour))
	_, err := PublicGood().TrustedRoot(t.Context(), TUF{Mirror: m.URL, Root: m.root, Now: time.Now()})
	if got := fault.Of(err); err == nil || got.Code != fault.TrustRoot || got.Kind != fault.Refused {
		t.Errorf("error = %v, %s of kind %v, want %s refused", err, got.Code, got.Kind, fault.TrustRoot)
	}
}

func TestL09_a_mirror_needs_a_root_to_begin_with(t *testing.T) {
	m := newMirror(t, publicGoodRoot, time.Now().Add(time.Hour))
	_, err := PublicGood().TrustedRoot(t.Context(), TUF{Mirror: m.URL, Now: time.Now()})
	if got := fault.Of(err).Kind; err == nil || got != fault.Usage {
		t.Errorf("error = %v, kind %v, want a usage fault", err, got)
	}
	other := newMirror(t, publicGoodRoot, time.Now().Add(time.Hour))
	_, err = PublicGood().TrustedRoot(t.Context(), TUF{Mirror: m.URL, Root: other.root, Now: time.Now()})
	if err == nil {
		t.Error("a mirror was believed under another repository's root")
	}
}

func TestL09_a_mirror_in_the_clear_is_not_asked(t *testing.T) {
	m := newMirror(t, publicGoodRoot, time.Now().Add(time.Hour))
	for _, address := range []string{"http://tuf.example", "http://10.0.0.1", "ftp://tuf.example", "tuf.example", "https://u:p@tuf.example"} {
		_, err := PublicGood().TrustedRoot(t.Context(), TUF{Mirror: address, Root: m.root, Now: time.Now()})
		if got := fault.Of(err); err == nil || got.Kind != fault.Usage || got.Code != fault.Config {
			t.Errorf("%s: error = %v, kind %v, want a usage fault", address, err, got.Kind)
		}
	}
}

func TestTUF_a_copy_that_cannot_be_kept_is_done_without(t *testing.T) {
	m := newMirror(t, publicGoodRoot, time.Now().Add(time.Hour))
	full := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(full, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := TUF{Mirror: m.URL, Root: m.root, Cache: filepath.Join(full, "cache"), Now: time.Now()}
	if _, err := PublicGood().TrustedRoot(t.Context(), o); err != nil {
		t.Errorf("no directory for the copy: %v", err)
	}
	o.Root = newMirror(t, publicGoodRoot, time.Now().Add(time.Hour)).root
	if _, err := PublicGood().TrustedRoot(t.Context(), o); err == nil {
		t.Error("without a copy, a mirror was believed under another repository's root")
	}
}

func TestTUF_half_an_answer_is_unavailable(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("{"))
	}))
	defer s.Close()
	root := newMirror(t, publicGoodRoot, time.Now().Add(time.Hour)).root
	_, err := PublicGood().TrustedRoot(t.Context(), TUF{Mirror: s.URL, Root: root, Now: time.Now()})
	if got := fault.Of(err).Kind; err == nil || got != fault.Unavailable {
		t.Errorf("error = %v, kind %v, want unavailable", err, got)
	}
}

func TestTUF_a_mirror_that_is_down_is_unavailable(t *testing.T) {
	m := newMirror(t, publicGoodRoot, time.Now().Add(time.Hour))
	m.Close()
	_, err := PublicGood().TrustedRoot(t.Context(), TUF{Mirror: m.URL, Root: m.root, Now: time.Now()})
	if got := fault.Of(err).Kind; err == nil || got != fault.Unavailable {

		t.Errorf("error = %v, kind %v, want unavailable", err, got)
	}
}

func TestL02_an_embedded_snapshot_ages(t *testing.T) {
	for _, c := range []struct {
		age  time.Duration
		want bool
	}{{0, true}, {SnapshotMax, true}, {SnapshotMax + time.Second, false}} {
		_, err := PublicGood().TrustedRoot(t.Context(), TUF{Offline: true, Now: snapshotDate.Add(c.age)})
		if (err == nil) != c.want {
			t.Errorf("snapshot of age %v: error = %v, want accepted %t", c.age, err, c.want)
		}
	}
}

func TestA13_an_instance_without_a_snapshot_says_how_to_get_one(t *testing.T) {
	p := NewUnlogged("github", "https://tuf.example", Endpoints{})
	_, err := p.TrustedRoot(t.Context(), TUF{Offline: true, Now: snapshotDate})
	var f *fault.Fault
	if !errors.As(err, &f) || f.Kind != fault.Usage || f.Hint == "" {
		t.Errorf("error = %v, want a usage fault with a hint, and no other root", err)
	}
}
