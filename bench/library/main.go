// Command library calls the rooms of sallyport directly, for the benchmarks:
// it signs many statements at once in the lab, hashes files, and counts what
// one verification allocates.
//
// It refuses to time whole commands; that is done from outside, by a small
// process, because a child starts with the peak memory of its parent.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "library:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 4 && args[0] == "sign":
		return sign(args[1], args[2], args[3])
	case len(args) > 2 && args[0] == "hash":
		return hash(args[1], args[2:])
	case len(args) == 3 && args[0] == "count":
		return count(args[1], args[2])
	case len(args) == 3 && args[0] == "signer":
		return signer(args[1], args[2])
	case len(args) == 5 && args[0] == "bury":
		return bury(args[1], args[2], args[3], args[4])
	case len(args) == 4 && args[0] == "buried":
		return buried(args[1], args[2], args[3])
	}
	return fmt.Errorf("usage: library sign MODEL ARTIFACTS BUNDLES | hash WORKERS FILE... | count ROOT BUNDLES | signer ROOT BUNDLE | bury KIND COUNT BUNDLE OUT | buried ROOT BUNDLE FILE")
}

// inFlight is how many statements are signed at once. The log answers a batch
// once a second, however large it is.
const inFlight = 125

// sign makes one bundle for each artifact, with the predicate of the bundle in
// the file model. It runs in a job of the lab.
func sign(model, artifacts, bundles string) error {
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Minute)
	defer stop()
	s, err := newSigner(ctx, model)
	if err != nil {
		return err
	}
	list, err := subject.Files(ctx, artifacts, []string{"."}, 2)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(bundles, 0o750); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(inFlight)
	for _, x := range list {
		g.Go(func() error { return s.sign(ctx, x, filepath.Join(bundles, filepath.Base(x.Name)+".sigstore.json")) })
	}
	return g.Wait()
}

type signing struct {
	config    *sigstore.SigningConfig
	token     string
	predicate []byte
}

func newSigner(ctx context.Context, model string) (s signing, err error) {
	v, err := verified(os.Getenv("SALLYPORT_LAB_TRUSTED_ROOT"), model)
	if err != nil {
		return s, err
	}
	st, _ := v.Statement()
	s.predicate = st.Predicate
	raw, err := os.ReadFile(os.Getenv("SALLYPORT_LAB_SIGNING_CONFIG"))
	if err != nil {
		return s, err
	}
	if s.config, err = sigstore.ParseSigningConfig(raw); err != nil {
		return s, err
	}
	job, err := github.FromEnv(os.Getenv)
	if err != nil {
		return s, err
	}
	s.token, err = job.IDToken(ctx, "sigstore")
	return s, err
}

func (s signing) sign(ctx context.Context, x subject.Subject, out string) error {
	payload, err := statement.New([]subject.Subject{x}, statement.ProvenanceV1, s.predicate)
	if err != nil {
		return err
	}
	b, err := sigstore.Sign(ctx, s.config, payload, s.token)
	if err != nil {
		return err
	}
	return os.WriteFile(out, b, 0o600)
}

// hash does what a command does with the files it is given, and nothing else.
func hash(workers string, files []string) error {
	n, err := strconv.Atoi(workers)
	if err != nil {
		return err
	}
	list, err := subject.Files(context.Background(), ".", files, n)
	for _, s := range list {
		fmt.Println(s.Digest.Hex(), s.Name)
	}
	return err
}

// signer prints who signed a bundle and which issuer says so.
func signer(rootFile, bundleFile string) error {
	v, err := verified(rootFile, bundleFile)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]string{"identity": v.Signer().SAN, "issuer": v.Signer().Issuer})
}

func verified(rootFile, bundleFile string) (sigstore.Verified, error) {
	v, err := verifier(rootFile)
	if err != nil {
		return sigstore.Verified{}, err
	}
	raw, err := os.ReadFile(bundleFile)
	if err != nil {
		return sigstore.Verified{}, err
	}
	return verify(v, raw)
}

func verifier(rootFile string) (*sigstore.Verifier, error) {
	raw, err := os.ReadFile(rootFile)
	if err != nil {
		return nil, err
	}
	root, err := sigstore.ParseTrustedRoot(raw)
	if err != nil {
		return nil, err
	}
	return sigstore.NewVerifier(root, sigstore.Transparent)
}

// verify reads a bundle and verifies it for the first artifact it names: what
// is measured here, not whether it is the right one.
func verify(v *sigstore.Verifier, raw []byte) (sigstore.Verified, error) {
	b, err := sigstore.ParseBundle(raw)
	if err != nil {
		return sigstore.Verified{}, err
	}
	return v.Verify(b)
}

// count prints what reading and verifying one bundle costs in a process that
// is warm, on one processor.
func count(rootFile, bundles string) error {
	runtime.GOMAXPROCS(1)
	v, err := verifier(rootFile)
	if err != nil {
		return err
	}
	names, err := filepath.Glob(filepath.Join(bundles, "*.json"))
	if err != nil || len(names) == 0 {
		return fmt.Errorf("no bundles in %q", bundles)
	}
	raws, digests, err := load(names)
	if err != nil {
		return err
	}
	if err := each(v, raws, digests); err != nil { // warm
		return err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	if err := each(v, raws, digests); err != nil {
		return err
	}
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	n := uint64(len(raws))
	return json.NewEncoder(os.Stdout).Encode(map[string]uint64{
		"allocations": (after.Mallocs - before.Mallocs) / n, "bytes": (after.TotalAlloc - before.TotalAlloc) / n, "ns": uint64(took) / n,
	})
}

func load(names []string) (raws [][]byte, digests []subject.Digest, err error) {
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, err
		}
		b, err := sigstore.ParseBundle(bytes.Clone(raw))
		if err != nil {
			return nil, nil, err
		}
		st, err := statement.Parse(b.Payload())
		if err != nil {
			return nil, nil, err
		}
		d, err := subject.ParseHex(st.Subject[0].Digest["sha256"])
		if err != nil {
			return nil, nil, err
		}
		raws, digests = append(raws, raw), append(digests, d)
	}
	return raws, digests, nil
}

func each(v *sigstore.Verifier, raws [][]byte, digests []subject.Digest) error {
	for i, raw := range raws {
		b, err := sigstore.ParseBundle(raw)
		if err != nil {
			return err
		}
		got, err := v.Verify(b)
		if err != nil {
			return err
		}
		if !got.Covers(digests[i]) {
			return fmt.Errorf("bundle %d does not cover its subject", i)
		}
	}
	return nil
}
