package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// bury returns a folder with the bundle about one/app, or about another folder's
// file, and n pieces of junk.
func (b *bench) bury(kind string, n int, bundle string) (string, error) {
	out := b.path("buried." + kind)
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	c := exec.Command(b.bin("library"), "bury", kind, fmt.Sprint(n), bundle, out) //nolint:gosec // our own binary
	c.Stderr = os.Stderr
	return out, c.Run()
}

// buried compares the cost of evidence of strangers with the cost of reading it,
// which no check can avoid.
func (b *bench) buried() error {
	for _, x := range []struct {
		kind, what string
		limit      float64
	}{
		{"foreign", "10,000 bundles of strangers", 2},
		{"copied", "10,000 with a copied certificate", 2},
		{"spoilt", "10,000 with a copied signature", 2},
		{"unstamped", "10,000 with a copied signature and log entry", 0},
	} {
		file, err := b.bury(x.kind, 10_000, b.bundle("one"))
		if err != nil {
			return err
		}
		size, err := sizeOf(file)
		if err != nil {
			return err
		}
		var best struct{ Bundles, Read, Verify int64 }
		for range b.few() {
			out, err := exec.Command(b.bin("library"), "buried", b.path("root.json"), b.bundle("one"), file).Output() //nolint:gosec // our own binary
			if err != nil {
				return err
			}
			got := best
			if err := json.Unmarshal(out, &got); err != nil {
				return err
			}
			if best.Bundles == 0 || got.Read+got.Verify < best.Read+best.Verify {
				best = got
			}
		}
		read, verify := time.Duration(best.Read), time.Duration(best.Verify)
		if x.limit == 0 {
			b.table.fact(x.what+" beside the one, CPU", span(read+verify), fmt.Sprintf("reading %s %s; each is verified", mb(size), span(read)))
			continue
		}
		b.table.ratio(x.what+" beside the one, CPU", read+verify, read, x.limit, "reading "+mb(size))
	}
	return nil
}

// sizeOf is the number of bytes in the files of a folder.
func sizeOf(folder string) (int64, error) {
	list, err := os.ReadDir(folder)
	var n int64
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			return 0, err
		}
		n += info.Size()
	}
	return n, err
}

// longer measures what junk costs that names SHA-512, beside a large file.
func (b *bench) longer() error {
	file, err := b.bury("sha512", 200, b.bundle("longer"))
	if err != nil {
		return err
	}
	u, err := compare(b.few(), b.verify(file, "longer/app"), b.verify(b.bundle("longer"), "longer/app"))
	if err != nil {
		return err
	}
	b.table.ratio("verify 100 MiB beside 200 bundles that name SHA-512, CPU", u[0].cpu, u[1].cpu, 2, "without them")
	return nil
}

// gate measures a hundred artifacts under a policy beside the same without one.
func (b *bench) gate() error {
	root, err := os.ReadFile(b.path("root.json"))
	if err != nil {
		return err
	}
	policy := fmt.Sprintf(`version: 1
artifacts:
  app:
    subject: ["**"]
    trust: {root: root.json, sha256: %x}
    built-by:
      - {issuer: %q, repository: acme/widget, repository-id: 123456789, workflow: .github/workflows/release.yml, refs: [refs/heads/main]}
environments:
  production: {requires: {provenance: }}
`, sha256.Sum256(root), b.Issuer)
	if err := os.WriteFile(b.path("policy.yaml"), []byte(policy), 0o600); err != nil {
		return err
	}
	var files []string
	for i := range 100 {
		files = append(files, fmt.Sprintf("pairs/%04d", i))
	}
	judge := command{dir: b.dir, args: append([]string{b.bin("sallyport"), "verify", "--offline", "--policy", "policy.yaml", "--for", "production", "--bundle", "pairs.bundles"}, files...)}
	u, err := compare(b.few(), judge, b.verify("pairs.bundles", files...))
	if err != nil {
		return err
	}
	b.table.ratio("100 files under a policy, among 1,000 bundles, CPU", u[0].cpu, u[1].cpu, 1.1, "one signer, no policy")
	return nil
}
