package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/messages"
)

// rootAlone writes the trusted root of the public instance without the certificates between its roots and its signers,
// as a private authority has it whose bundles bring them.
func rootAlone(t *testing.T) (file, sha256hex string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(folder(), "..", "..", "..", "sigstore", "trust", "public-good.trusted_root.json"))
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(raw, &root); err != nil {
		t.Fatal(err)
	}
	for _, a := range root["certificateAuthorities"].([]any) {
		chain := a.(map[string]any)["certChain"].(map[string]any)
		certs := chain["certificates"].([]any)
		chain["certificates"] = certs[len(certs)-1:]
	}
	if raw, err = json.Marshal(root); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("root.json", raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return "root.json", fmt.Sprintf("%x", sha256.Sum256(raw))
}

// Certificates that a bundle brings count where a flag or the policy says so, and then every report shows it; by default
// they do not, and the denial says which word accepts them.
func TestA14_certificates_that_a_bundle_brings_are_accepted_by_name(t *testing.T) {
	const npm, name = "npm-gha-v2.sigstore.json", "npm-gha-v2.tgz"
	p := published{bundle: npm}
	raw, err := os.ReadFile(filepath.Join(folder(), npm))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.CopyFS(".", os.DirFS(folder())); err != nil {
		t.Fatal(err)
	}
	file, sum := rootAlone(t)
	say := func(args ...string) (int, string) {
		var out bytes.Buffer
		c := Command{Version: "test", Getenv: nothing, Stdout: &out, Stderr: &out, Now: func() time.Time { return time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC) }}
		code := c.Run(t.Context(), append([]string{"verify", "--offline", "--bundle", npm}, append(args, name)...))
		messages.Plain(t, out.String())
		return code, strings.Join(strings.Fields(out.String()), " ")
	}
	policy := func(word string) []string {
		p.trust = "{root: " + file + ", sha256: " + sum + ", log: promise" + word + "}"
		if err := os.WriteFile("policy.yaml", []byte(p.policy(t, raw)), 0o644); err != nil {
			t.Fatal(err)
		}
		return []string{"--policy", "policy.yaml", "--for", "production"}
	}
	signer := []string{"--certificate-identity", "https://github.com/laurentsimon/provenance-npm-test/.github/workflows/release.yml@refs/heads/main", "--certificate-oidc-issuer", "https://token.actions.githubusercontent.com", "--trusted-root", file, "--log", "promise"}
	for _, c := range []struct {
		name          string
		without, with func() []string
		word          string // in the denial
	}{
		{"flag", func() []string { return signer }, func() []string { return append(slices.Clone(signer), "--intermediates", "bundle") }, "--intermediates bundle takes it from the bundle"},
		{"policy", func() []string { return policy("") }, func() []string { return policy(", intermediates: bundle") }, "intermediates: bundle in the policy's trust takes it from the bundle"},
	} {
		code, said := say(c.with()...)
		if code != 0 || !strings.Contains(said, "accepted: intermediates: bundle") {
			t.Errorf("%s: exit code %d, want 0 and what was accepted; said %s", c.name, code, said)
		}
		for format, want := range map[string]string{"json": `"intermediates: bundle"`, "markdown": "accepted: `intermediates: bundle`"} {
			if _, said := say(append(c.with(), "--format", format)...); !strings.Contains(said, want) {
				t.Errorf("%s: as %s: want %s in %s", c.name, format, want, said)
			}
		}
		code, said = say(c.without()...)
		if code != 3 || !strings.Contains(said, "E_CHAIN") || !strings.Contains(said, c.word) || !strings.Contains(said, "bundle brings") {
			t.Errorf("%s: without the word: exit code %d, want 3 and %q; said %s", c.name, code, c.word, said)
		}
	}
}
