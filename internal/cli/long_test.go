package cli

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/messages"
)

// A desk is a directory in which commands run, with what they read.
type desk struct {
	t   *testing.T
	dir string
	key *ecdsa.PrivateKey
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t, t.TempDir(), key}
	t.Chdir(d.dir)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	d.write("key.pub", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	d.write("app", "content")
	return d
}

func (d *desk) write(name, content string) string {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return name
}

// root is a trusted root of one authority and no log. uri is the authority's
// name, and one without it is not usable.
func (d *desk) root(uri string) string {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "desk"},
		NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, d.key.Public(), d.key)
	if err != nil {
		d.t.Fatal(err)
	}
	start := `{"start":"2020-01-01T00:00:00Z"}`
	if uri != "" {
		start = "{}"
	}
	return fmt.Sprintf(`{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","certificateAuthorities":[{"uri":%q,"certChain":{"certificates":[{"rawBytes":%q}]},"validFor":%s}]}`,
		uri, base64.StdEncoding.EncodeToString(der), start)
}

// bundle signs a payload with the desk's key.
func (d *desk) bundle(payloadType, payload string) string {
	pae := fmt.Sprintf("DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
	sum := sha256.Sum256([]byte(pae))
	sig, err := ecdsa.SignASN1(rand.Reader, d.key, sum[:])
	if err != nil {
		d.t.Fatal(err)
	}
	return fmt.Sprintf(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"x"}},`+
		`"dsseEnvelope":{"payload":%q,"payloadType":%q,"signatures":[{"sig":%q}]}}`,
		base64.StdEncoding.EncodeToString([]byte(payload)), payloadType, base64.StdEncoding.EncodeToString(sig))
}

const inToto = "application/vnd.in-toto+json"

// stated is a statement about the desk's app; changes are old and new texts in turn.
func stated(changes ...string) string {
	s := fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"sha256":"%x"}}],"predicateType":"https://example.com/p/v1","predicate":{}}`,
		sha256.Sum256([]byte("content")))
	for i := 0; i < len(changes); i += 2 {
		s = strings.Replace(s, changes[i], changes[i+1], 1)
	}
	return s
}

const goodPolicy = `version: 1
artifacts:
  app:
    subject: ["app"]
    trust: public-good
    built-by:
      - {issuer: https://token.actions.githubusercontent.com, repository: acme/app, repository-id: 1, workflow: .github/workflows/release.yml, refs: [refs/heads/main]}
environments:
  production:
    requires: {provenance: {}}
`

// run runs a command on the desk, in a job if there is to be one, and returns
// everything that it said anywhere.
func (d *desk) run(job bool, args ...string) (code int, said string) {
	d.t.Helper()
	summary, output := filepath.Join(d.dir, "summary"), filepath.Join(d.dir, "output")
	verdict := filepath.Join(d.dir, ".sallyport", "verdict.json")
	for _, name := range []string{summary, output, verdict} {
		_ = os.Remove(name) // of the run before, if there was one
	}
	env := map[string]string{}
	if job {
		env = map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/app",
			"GITHUB_SERVER_URL": "https://github.com", "GITHUB_API_URL": "https://api.github.com",
			"GITHUB_REPOSITORY_ID": "1", "GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_OUTPUT": output, "GITHUB_STEP_SUMMARY": summary}
	}
	var stdout, stderr bytes.Buffer
	c := Command{Version: "test", Getenv: func(name string) string { return env[name] }, Stdout: &stdout,
		Stderr: &stderr}
	code = c.Run(d.t.Context(), args)
	messages.Plain(d.t, stdout.String(), stderr.String())
	said = stdout.String() + stderr.String()
	for _, name := range []string{summary, output, verdict} {
		b, _ := os.ReadFile(name) // what is not there says nothing
		said += string(b)
	}
	return code, said
}

// longest returns how much of a periodic value a text repeats in a row. What
// wraps lines and escapes them is undone.
func longest(text, value string) int {
	text = strings.Join(strings.Fields(strings.ReplaceAll(text, `\"`, `"`)), " ")
	value = strings.Join(strings.Fields(value), " ")
	n := 0
	for from := range 3 {
		part := value[from:]
		for i := strings.Index(text, part[:min(3, len(part))]); i >= 0; {
			k := 0
			for i+k < len(text) && k < len(part) && text[i+k] == part[k] {
				k++
			}
			n = max(n, k)
			next := strings.Index(text[i+max(k, 1):], part[:3])
			if next < 0 {
				break
			}
			i += max(k, 1) + next
		}
	}
	return n
}

// An entry is a command with a value in it or in a file that it reads. Files are
// written when it is asked for.
type entry func() []string

func args(list ...string) entry { return func() []string { return list } }

func (d *desk) verify(bundle string) entry {
	return func() []string {
		return []string{"verify", "--offline", "--key", "key.pub", "--log", "none", "--bundle",
			d.write("b.json", bundle), "app"}
	}
}

func (d *desk) policy(text string) entry {
	return func() []string {
		return []string{"verify", "--offline", "--policy", d.write("p.yaml", text), "--bundle",
			d.write("b.json", d.bundle(inToto, stated())), "app"}
	}
}

func (d *desk) sums(line string) entry {
	return func() []string {
		return []string{"gate", "--environment", "production", "--policy", d.write("good.yaml", goodPolicy),
			"--checksums", d.write("SUMS", line)}
	}
}

func (d *desk) trust(root string) entry {
	return func() []string {
		return []string{"verify", "--offline", "--key", "key.pub", "--trusted-root", d.write("r.json", root),
			"--bundle", "b.json", "app"}
	}
}

// doctor looks at a project whose files hold the value.
func (d *desk) doctor(format, long string) entry {
	q := quoted(long)
	return func() []string {
		d.write("project/.github/workflows/w.yml",
			"name: "+q+"\non: push\njobs:\n  a:\n    runs-on: "+q+"\n    environment: {name: production}\n    if: "+q+
				"\n    steps:\n      - {uses: "+q+", with: {x: "+q+"}}\n      - {run: "+q+"}\n")
		d.write("project/.gitlab-ci.yml",
			q+":\n  script: ["+q+"]\n  environment: production\n  needs: ["+q+"]\n  when: "+q+"\n  allow_failure: true\n  rules: [{if: "+q+"}]\n  extends: "+q+"\n  trigger: "+q+"\n")
		return []string{"doctor", "--offline", "--policy", d.write("good.yaml", goodPolicy), "--root", "project",
			"--format", format}
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // a string
	return string(b)
}

// entries are the places that a value can come in at.
func (d *desk) entries(long string) map[string]entry {
	q, hex := quoted(long), strings.Repeat("0", 64)
	good := d.bundle(inToto, stated())
	in := func(changes ...string) entry { return d.verify(d.bundle(inToto, stated(changes...))) }
	changed := func(old, new string) entry { return d.verify(strings.Replace(good, old, new, 1)) }
	edited := func(old, new string) entry { return d.policy(strings.Replace(goodPolicy, old, new, 1)) }
	all := map[string]entry{
		"command":      args(long),
		"flag":         args("verify", "--"+long, "app"),
		"flag's value": args("verify", "--sigstore", long, "app"),
		"workers": args("verify", "--offline", "--key", "key.pub", "--log", "none", "--bundle",
			"b.json", "--workers", long, "app"),
		"store": args("verify", "--offline", "--key", "key.pub", "--log", "none", "--store",
			long, "app"),
		"policy file": args("verify", "--policy", long+".yaml", "app"),
		"bundle file": args("verify", "--offline", "--key", "key.pub", "--log", "none", "--bundle",
			long, "app"),
		"key file": args("verify", "--offline", "--log", "none", "--bundle", "b.json", "--key",
			long, "app"),
		"subject":        args("verify", long),
		"digest":         args("verify", "sha256:"+long),
		"image":          args("verify", "oci://"+long),
		"image's digest": args("verify", long+"@sha256:"+hex),
		"scheme":         args("verify", long+"://x"),
		"identity": args("verify", "--offline", "--certificate-identity", long, "--certificate-oidc-issuer",
			"https://x.example", "--bundle", "b.json", "app"),
		"pattern": args("verify", "--certificate-identity-pattern", "("+long, "--certificate-oidc-issuer",
			"https://x.example", "app"),
		"issuer": args("verify", "--offline", "--certificate-identity", "https://x.example/y",
			"--certificate-oidc-issuer", "https://x.example/"+long, "--bundle", "b.json", "app"),
		"key and signer":  args("verify", "--key", "key.pub", "--certificate-identity", long, "app"),
		"second argument": args("verify", "app", "--"+long),

		"_type":                   in("https://in-toto.io/Statement/v1", long),
		"member of a statement":   in(`{"_type"`, "{"+q+`:1,"_type"`),
		"member of a subject":     in(`{"name"`, "{"+q+`:1,"name"`),
		"digest of a subject":     in(`"sha256":"`, `"sha256":"`+long),
		"algorithm":               in(`{"sha256"`, "{"+q+`:"00","SHA256":"00","sha256"`),
		"name of a bad subject":   in(`"name":"app"`, `"name":`+q, `"sha256":"`, `"sha256":"0`),
		"name of a subject":       in(`"name":"app"`, `"name":`+q),
		"name twice":              in(`{"_type"`, "{"+q+":1,"+q+`:2,"_type"`),
		"name twice in predicate": in(`"predicate":{}`, `"predicate":{`+q+":{"+q+":1,"+q+":2}}"),
		"predicate":               in(`"predicate":{}`, `"predicate":`+q),
		"predicate type":          in(`"https://example.com/p/v1"`, q),
		"payload type":            d.verify(d.bundle(long, stated())),
		"media type":              changed("bundle.v0.3+json", "bundle.v0.3+json"+long),
		"member of a bundle":      changed(`{"mediaType"`, "{"+q+`:1,"mediaType"`),
		"member of an envelope":   changed(`{"payload"`, "{"+q+`:1,"payload"`),
		"snake case":              changed(`{"mediaType"`, `{"a_`+q[1:]+`:1,"mediaType"`),
		"base64":                  changed(`"sig":"`, `"sig":"`+long),
		"number":                  changed(`"hint":"x"`, `"hint":`+strings.Repeat("1234567", 1400)),
		"no JSON":                 d.verify(long),
		"JSON text":               d.verify(q),
		"JSON object":             d.verify("{" + q + ":1}"),
		"unfinished":              d.verify("{" + q),
		"name twice in a bundle":  d.verify("{" + q + ":1," + q + ":2}"),
		"PyPI's version":          d.verify(`{"version":` + q + `,"verification_material":{},"envelope":{}}`),
		"PyPI's member": d.verify(`{` + q + `:1,"version":1,"verification_material":{` + q +
			`:1},"envelope":{}}`),
		"member of a list": d.verify(`{"attestations":[{` + q + `:1}]}`),

		"checksum line":      d.sums(long),
		"checksum's name":    d.sums(hex + "   " + long),
		"checksum's tag":     d.sums(strings.ReplaceAll(long, " ", "") + " (a) = " + hex),
		"checksum's digits":  d.sums("SHA256 (a) = " + long),
		"checksum's escape":  d.sums(`\` + hex + "  " + long + `\x`),
		"checksum's bracket": d.sums("SHA256 (" + long),
		"checksum's prefix":  d.sums("sha256:" + long + " a"),

		"policy key":            edited("version: 1\n", "version: 1\n"+q+": 1\n"),
		"policy key twice":      edited("version: 1", q+": 1\n"+q+": 2\nversion: 1"),
		"policy version":        edited("version: 1", "version: "+q),
		"artifact":              edited("  app:", "  "+q+": {x: 1}\n  app:"),
		"pattern of a subject":  edited(`["app"]`, "["+q+"]"),
		"patterns of nothing":   edited(`["app"]`, `["x", "`+strings.ReplaceAll(long, " ", "_")[:3000]+`"]`),
		"trust":                 edited("public-good", q),
		"policy issuer":         edited("https://token.actions.githubusercontent.com", q),
		"repository":            edited("acme/app", q),
		"ref":                   edited("refs/heads/main", q),
		"environment":           edited("  production:", "  "+q+": {x: 1}\n  production:"),
		"environment's key":     edited("    requires:", "    "+q+": 1\n    requires:"),
		"requirement":           edited("{provenance: {}}", "{"+q+": {}}"),
		"required type":         edited("{provenance: {}}", `{"https://`+strings.ReplaceAll(q[1:], " ", "_")+": {}}"),
		"age":                   edited("provenance: {}", "provenance: {max-age: "+q+"}"),
		"member of a group":     d.policy(goodPolicy + "groups: {g: {members: [" + q + "]}}\n"),
		"account":               d.policy(goodPolicy + "groups: {g: {members: [\"github:" + q[1:] + "]}}\n"),
		"group":                 d.policy(goodPolicy + "groups: {" + q + ": {x: 1}}\n"),
		"not YAML":              d.policy("a: |" + long),
		"key of no text":        d.policy("? [" + long + "]\n: b\n"),
		"trusted root's member": d.trust("{" + q + ":1}"),
		"trusted root's name":   d.trust(strings.Replace(d.root("x"), `"uri":"x"`, `"uri":`+q, 1)),
	}
	for _, format := range []string{"text", "json", "sarif"} {
		all["workflow and pipeline as "+format] = d.doctor(format, long)
	}
	return all
}

// No message repeats more of what somebody wrote than people can read, whatever
// it was and wherever it is shown.
func TestO02_no_message_repeats_all_of_a_value(t *testing.T) {
	d := newDesk(t)
	if code, said := d.run(false, d.verify(d.bundle(inToto, stated()))()...); code != 0 {
		t.Fatalf("control: exit code %d\n%s", code, said)
	}
	for kind, long := range map[string]string{"one word": strings.Repeat("Zq7", 3400)[:10_000],
		"words": strings.Repeat("Zq 7 ", 2000)} {
		for name, e := range d.entries(long) {
			for _, how := range [][]string{nil, {"--format", "text"}, {"--format", "json"}, {"--format", "markdown"}} {
				run := e()
				verify := run[0] == "verify"
				if how != nil {
					if !verify {
						continue
					}
					run = slices.Insert(run, 1, how...)
				}
				_, said := d.run(run[0] == "gate" || verify && how == nil, run...)
				if said == "" {
					t.Errorf("%s, %s, %v: nothing is said", name, kind, how)
				}
				if n := longest(said, long); n > 200 {
					t.Errorf("%s, %s, %v: %d bytes of it in a row:\n%.1500s", name, kind, how, n, said)
				}
			}
		}
	}
}
