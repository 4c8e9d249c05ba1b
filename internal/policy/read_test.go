package policy_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/golden"
	"github.com/sallyport-dev/sallyport/internal/messages"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A wrong policy is the good one with one text replaced. Structure says that a
// schema can see what is wrong, without knowing the platforms.
type wrong struct{ name, old, new string }

const whole = "" // old: the new text is the whole file

var structural = []wrong{
	{"unknown key", "version: 1", "version: 1\nversoin: 1"},
	{"unknown key of an artifact", "    trust: house", "    trust: house\n    trsut: house"},
	{"unknown key of a builder", "        owner-id: 2002", "        onwer-id: 2002"},
	{"unknown key of an environment", "    requires:", "    require:\n    requires:"},
	{"unknown key of a requirement", "{max-age: 7d}", "{maxage: 7d}"},
	{"D12 a tool without a name", "      provenance:", "      sbom: {generator: [{min-version: 1.0.0}]}\n      provenance:"},
	{"D12 a version that is a word", "      provenance:", "      sbom: {generator: [own, {name: syft, min-version: latest}]}\n      provenance:"},
	{"D12 an unknown severity", "      provenance:", "      vulnerabilities: {scanner: own, below: bad}\n      provenance:"},
	{"D12 a vex of nobody", "      provenance:", "      vulnerabilities: {scanner: own, vex: {builder: accepted}}\n      provenance:"},
	{"D12 no tests at least", "      provenance:", "      test-results: {runner: own, at-least: 0}\n      provenance:"},
	{"D12 an unknown key of a report", "      provenance:", "      test-results: {runner: own, at-most: 1}\n      provenance:"},
	{"N02 an unknown key of materials", "      provenance:", "      materials: {netwrok: cut}\n      provenance:"},
	{"N02 a word that observed has not", "      provenance:", "      materials: {observed: maybe}\n      provenance:"},
	{"N02 a host with a name", "      provenance:", "      materials: {hosts: [proxy.golang.org]}\n      provenance:"},
	{"N02 a share without a percent sign", "      provenance:", "      materials: {explained: \"95\"}\n      provenance:"},
	{"N02 a share of nothing", "      provenance:", "      materials: {explained: 0.0%}\n      provenance:"},
	{"N02 a share that is rounded to nothing", "      provenance:", "      materials: {explained: 0.04%}\n      provenance:"},
	{"N02 a share of more than all", "      provenance:", "      materials: {explained: 100.1%}\n      provenance:"},
	{"N02 a share that is no number", "      provenance:", "      materials: {explained: NaN%}\n      provenance:"},
	{"N02 hosts of another word", "      provenance:", "      materials: {hosts: any}\n      provenance:"},
	{"N02 a toolchain with a digest that is none", "      provenance:", "      materials: {toolchains: [{name: go, sha256: abc}]}\n      provenance:"},
	{"N02 a toolchain without a name", "      provenance:", "      materials: {toolchains: [{min-version: 1.26.0}]}\n      provenance:"},
	{"N04 rebuilders of whom none is named", "      provenance:", "      reproduced: {by: 1}\n      provenance:"},
	{"N04 fewer rebuilders than none", "      provenance:", "      reproduced: {by: \"-1\", signed-by: [{email: a@b.example, issuer: https://c.example}]}\n      provenance:"},
	{"N04 a number of rebuilders that is a word", "      provenance:", "      reproduced: {by: two, signed-by: [{email: a@b.example, issuer: https://c.example}]}\n      provenance:"},
	{"N04 a number of rebuilders in another form", "      provenance:", "      reproduced: {by: \"01\", signed-by: [{email: a@b.example, issuer: https://c.example}]}\n      provenance:"},
	{"N04 too many rebuilders", "      provenance:", "      reproduced: {by: 21, signed-by: [{email: a@b.example, issuer: https://c.example}]}\n      provenance:"},
	{"D20 a summary of nobody", "      provenance:", "      summary: {verifier: https://v.example}\n      provenance:"},
	{"an entry into nothing", "      provenance:", "      entered: {for: 1d}\n      provenance:"},
	{"an API in the clear", "        workflow:", "        api: http://git.example\n        workflow:"},
	{"an API with a password", "        workflow:", "        api: https://a:b@git.example\n        workflow:"},
	{"an API with a query", "        workflow:", "        api: https://git.example/?x\n        workflow:"},
	{"a repository-id that is no number", "    requires:", "    repository-id: acme/app\n    requires:"},
	{"unknown key of a trust", "trust: house", "trust: {root: r.json, sha256: " + hex + ", url: x}"},
	{"no version", "version: 1\n", ""},
	{"version as text", "version: 1", `version: "2"`},
	{"another version", "version: 1", "version: 2"},
	{"D01 an empty mapping", whole, "{}"},
	{"D01 an empty list", whole, "[]"},
	{"D01 a text", whole, "allow"},
	{"G14 an unknown protection of refs", "        workflow:", "        ref-protection: off\n        workflow:"},
	{"G14 a protection of refs that nobody is asked about", "        workflow:", "        branch: unchecked\n        ref-protection: none\n        workflow:"},
	{"D01 no artifacts", whole, "version: 1\nartifacts: {}\nenvironments: {production: {requires: {provenance: }}}"},
	{"D01 null artifacts", whole, "version: 1\nartifacts:\nenvironments: {production: {requires: {provenance: }}}"},
	{"D01 artifacts as a list", whole, "version: 1\nartifacts: []\nenvironments: {production: {requires: {provenance: }}}"},
	{"D01 no requires", "    requires:\n      provenance: {max-age: 7d}", "    mode: enforce"},
	{"D01 empty requires", "    requires:\n      provenance: {max-age: 7d}", "    requires: {}"},
	{"D01 null requires", "    requires:\n      provenance: {max-age: 7d}", "    requires:"},
	{"D01 requires as a list", "    requires:\n      provenance: {max-age: 7d}", "    requires: []"},
	{"D01 no environments", "environments:\n  production:\n    requires:\n      provenance: {max-age: 7d}\n", "environments: {}\n"},
	{"D01 environments left out", "environments:\n  production:\n    requires:\n      provenance: {max-age: 7d}\n", ""},
	{"D01 watch without its dates", "    requires:", "    mode: watch\n    requires:"},
	{"D01 warn without its end", "    requires:", "    mode: warn\n    since: 2026-11-27\n    requires:"},
	{"D01 enforce with dates", "    requires:", "    mode: enforce\n    since: 2026-11-27\n    until: 2026-11-28\n    requires:"},
	{"D01 dates without a mode", "    requires:", "    until: 2026-11-28\n    requires:"},
	{"D01 a mode that there is not", "    requires:", "    mode: observe\n    requires:"},
	{"D01 a day that is none", "    requires:", "    mode: watch\n    since: yesterday\n    until: 2026-11-28\n    requires:"},
	{"G03 a provenance that is watched alone", "{max-age: 7d}", "{max-age: 7d, mode: watch, since: 2026-11-27, until: 2026-11-28}"},
	{"no subject", "    subject: [\"dist/*\", registry.example/acme/app]\n", ""},
	{"empty list of subjects", `["dist/*", registry.example/acme/app]`, "[]"},
	{"subject as a text", `["dist/*", registry.example/acme/app]`, "dist/*"},
	{"empty subject", `["dist/*", registry.example/acme/app]`, `[""]`},
	{"no trust", "    trust: house\n", ""},
	{"empty trust", "trust: house", `trust: ""`},
	{"null trust", "trust: house", "trust:"},
	{"trust without a pin", "trust: house", "trust: {root: root.json}"},
	{"trust without a root", "trust: house", "trust: {sha256: " + hex + "}"},
	{"trust with a short pin", "trust: house", "trust: {root: root.json, sha256: abcd}"},
	{"trust with an empty pin", "trust: house", `trust: {root: root.json, sha256: ""}`},
	{"trust with an absolute root", "trust: house", "trust: {root: /etc/root.json, sha256: " + hex + "}"},
	{"trust with a root that climbs", "trust: house", "trust: {root: ../root.json, sha256: " + hex + "}"},
	{"trust without logs, misspelled", "trust: house", "trust: {root: root.json, sha256: " + hex + ", transparency: off}"},
	{"no builder", builtBy, ""},
	{"empty list of builders", builtBy, "    built-by: []\n"},
	{"null builder", builtBy, "    built-by: [null]\n"},
	{"empty builder", builtBy, "    built-by: [{}]\n"},
	{"builder as a mapping", builtBy, "    built-by: {issuer: https://ci.example}\n"},
	{"no issuer", "      - issuer: https://ci.example\n        repository: acme/app", "      - repository: acme/app"},
	{"no repository", "        repository: acme/app\n", ""},
	{"C06 no repository-id", "        repository-id: 1001\n", ""},
	{"no workflow", "        workflow: build/release.yml\n", ""},
	{"no refs", "        refs: [refs/heads/main, \"refs/tags/v*\"]\n", ""},
	{"C02 refs: empty text", refs, `""`},
	{"C02 refs: null", refs, ""},
	{"C02 refs: empty list", refs, "[]"},
	{"C02 refs: list of nothing", refs, `[""]`},
	{"C02 refs: list of null", refs, "[null]"},
	{"C02 refs: text", refs, "refs/heads/main"},
	{"C05 short ref", refs, "[main]"},
	{"C05 ref that names nothing", refs, "[refs/heads/]"},
	{"C05 merge ref", refs, "[refs/pull/1/merge]"},
	{"C02 ref: any text", refs, `[".*"]`},
	{"C02 ref: star", refs, `["*"]`},
	{"C02 ref: stars", refs, `["**"]`},
	{"C02 ref: refs/*", refs, `["refs/*/main"]`},
	{"C02 events: empty list", "        workflow:", "        events: []\n        workflow:"},
	{"C02 events: null", "        workflow:", "        events:\n        workflow:"},
	{"C02 events: star", "        workflow:", "        events: [\"*\"]\n        workflow:"},
	{"C10 signer without its commit", "        workflow:", "        signer: acme/ci/sign.yml@refs/tags/v1\n        workflow:"},
	{"C10 signer on a branch", "        workflow:", "        signer: acme/ci/sign.yml@refs/heads/main\n        signer-digest: " + other + "\n        workflow:"},
	{"C10 signer without a ref", "        workflow:", "        signer: acme/ci/sign.yml\n        signer-digest: " + other + "\n        workflow:"},
	{"C10 signer with a short commit", "        workflow:", "        signer: acme/ci/sign.yml@refs/tags/v1\n        signer-digest: abcdef\n        workflow:"},
	{"C09 commit without a signer", "        workflow:", "        signer-digest: " + other + "\n        workflow:"},
	{"C10 signer on a pattern", "        workflow:", "        signer: acme/ci/sign.yml@refs/tags/v*\n        workflow:"},
	{"C10 signer of a short ref", "        workflow:", "        signer: acme/ci/sign.yml@v1\n        signer-digest: " + other + "\n        workflow:"},
	{"C10 signer of a short commit", "        workflow:", "        signer: acme/ci/sign.yml@abcdef\n        workflow:"},
	{"C10 signer that moves, misspelled", "        workflow:", "        signer: acme/ci/sign.yml@refs/heads/main\n        signer-moves: yes\n        workflow:"},
	{"F13 another word for the job", "        workflow:", "        signed-in: any\n        workflow:"},
	{"C09 moving without a signer", "        workflow:", "        signer-moves: accepted\n        workflow:"},
	{"C03 builder without a ref", "        workflow:", "        builder: acme/ci/builder.yml\n        workflow:"},
	{"I01 a source of nothing", "    requires:", "    source: {}\n    requires:"},
	{"I01 a source that wants nothing", "    requires:", "    source: {verified: optional}\n    requires:"},
	{"I01 a source with another key", "    requires:", "    source: {reviewed: 1, since: 2026-11-27}\n    requires:"},
	{"I01 a source that nobody reviews", "    requires:", "    source: {reviewed: 0}\n    requires:"},
	{"I01 a source that accepts a short name", "    requires:", "    source: {reviewed: 1, accepted: [9f2c1e7]}\n    requires:"},
	{"branch as a ref", "        workflow:", "        branch: refs/heads/main\n        workflow:"},
	{"instance and root", "trust: house", "trust: {instance: house, root: r.json, sha256: " + hex + "}"},
	{"log of another word", "trust: house", "trust: {instance: house, log: none}"},
	{"promise of no log", "trust: house", "trust: {root: r.json, sha256: " + hex + ", transparency: none, log: promise}"},
	{"intermediates of another word", "trust: house", "trust: {instance: house, intermediates: yes}"},
	{"content of another word", "{max-age: 7d}", "{content: ignored}"},
	{"content unchecked with inputs", "{max-age: 7d}", "{content: unchecked, inputs: [x]}"},
	{"inputs of another word", "{max-age: 7d}", "{inputs: all}"},
	{"F12 caches of another word", "{max-age: 7d}", "{caches: some}"},
	{"F12 caches that are not none", "{max-age: 7d}", "{caches: {none: false, known: [acme/build]}}"},
	{"F12 known caches without none", "{max-age: 7d}", "{caches: {known: [acme/build]}}"},
	{"F12 caches without what is known", "{max-age: 7d}", "{caches: {none: true}}"},
	{"F12 caches of nothing known", "{max-age: 7d}", "{caches: {none: true, known: []}}"},
	{"F12 a known pattern of actions", "{max-age: 7d}", `{caches: {none: true, known: ["acme/*"]}}`},
	{"C22 a builder of another word", "{max-age: 7d}", "{builder: trusted}"},
	{"C22 a builder with the keys of caches", "{max-age: 7d}", "{builder: {none: true, known: [acme/build]}}"},
	{"F12 caches of another predicate", "provenance: {max-age: 7d}", scanType + ": {caches: none}"},
	{"D12 an input that is anything", "{max-age: 7d}", `{inputs: ["*"]}`},
	{"content of another predicate", "provenance: {max-age: 7d}", scanType + ": {content: unchecked}"},
	{"signed-by nobody", "{max-age: 7d}", "{signed-by: []}"},
	{"signed-by null", "{max-age: 7d}", "{signed-by: [null]}"},
	{"signed-by a text", "{max-age: 7d}", "{signed-by: [dana@acme.example]}"},
	{"I07 an e-mail without its issuer", "{max-age: 7d}", "{signed-by: [{email: dana@acme.example}]}"},
	{"I07 an e-mail that is a pattern", "{max-age: 7d}", `{signed-by: [{email: "*@acme.example", issuer: https://accounts.example x}]}`},
	{"a key without its digest", "{max-age: 7d}", "{signed-by: [{key: scan.pub}]}"},
	{"a key that climbs", "{max-age: 7d}", "{signed-by: [{key: ../scan.pub, sha256: " + hex + "}]}"},
	{"releases without a number", "{max-age: 7d}", "{signed-by: [{releases-of: acme/app, issuer: https://ci.example, tags: [v*]}]}"},
	{"releases of any tag", "{max-age: 7d}", "{signed-by: [{releases-of: acme/app, repository-id: 1001, issuer: https://ci.example, tags: []}]}"},
	{"a signer of two kinds", "{max-age: 7d}", "{signed-by: [{email: dana@acme.example, issuer: https://accounts.example, key: scan.pub, sha256: " + hex + "}]}"},
	{"age without a unit", "{max-age: 7d}", "{max-age: 7}"},
	{"age of nothing", "{max-age: 7d}", "{max-age: 0d}"},
	{"age below nothing", "{max-age: 7d}", "{max-age: -7d}"},
	{"age of null", "{max-age: 7d}", "{max-age: }"},
	{"age of many units", "{max-age: 7d}", "{max-age: 1d12h}"},
	{"requirement of an unknown name", "provenance: {max-age: 7d}", "provenence: {max-age: 7d}"},
	{"requirement as a text", "{max-age: 7d}", "yes"},
	{"inputs of another predicate", "provenance: {max-age: 7d}", scanType + ": {inputs: [x]}"},
	{"empty inputs", "{max-age: 7d}", "{inputs: []}"},
	{"null inputs", "{max-age: 7d}", "{inputs: }"},
	{"padded name of an environment", "  production:", `  "production ":`},
	{"empty name of an artifact", "  app:", `  "":`},
}

// unseen are wrong in a way that a schema cannot see.
// another is the head of a builder in another repository.
const another = "      - issuer: https://ci.example\n        repository: acme/lib\n        repository-id: 3003\n"

var unseen = []wrong{
	{"I01 a source of tags without a branch", "    requires:", "    source: {reviewed: 1}\n    requires:"},
	{"I01 a source of a ref that nobody asks about", "        workflow: build/release.yml\n        refs: [refs/heads/main, \"refs/tags/v*\"]\nenvironments:\n  production:\n", "        workflow: build/release.yml\n        branch: unchecked\n        refs: [refs/heads/main]\nenvironments:\n  production:\n    source: {reviewed: 1}\n"},
	{"I01 a source of a ref that nothing protects", "        workflow: build/release.yml\n        refs: [refs/heads/main, \"refs/tags/v*\"]\nenvironments:\n  production:\n", "        workflow: build/release.yml\n        ref-protection: none\n        refs: [refs/heads/main]\nenvironments:\n  production:\n    source: {reviewed: 1}\n"},
	{"D01 a mode for more than ninety days", "    requires:", "    mode: watch\n    since: 2026-11-27\n    until: 2027-02-26\n    requires:"},
	{"D01 a mode since the first day of all", "    requires:", "    mode: watch\n    since: 0001-01-01\n    until: 2027-01-01\n    requires:"},
	{"D01 a mode until the first day of all", "    requires:", "    mode: watch\n    since: 2026-11-27\n    until: 0001-01-01\n    requires:"},
	{"D04 a policy of which everything is only watched", "      provenance: {max-age: 7d}", "      https://in-toto.io/attestation/vulns/v0.1: {mode: watch, since: 2026-11-27, until: 2026-11-28}"},
	{"D01 a mode that ends before it begins", "    requires:", "    mode: watch\n    since: 2026-11-27\n    until: 2026-11-27\n    requires:"},
	{"D01 a day that is in no month", "    requires:", "    mode: watch\n    since: 2026-11-31\n    until: 2026-12-02\n    requires:"},
	{"G03 evidence of any kind that is watched alone", "      provenance:", "      https://scan.example/x/v1: {mode: warn, since: 2026-11-27, until: 2026-11-28}\n      provenance:"},
	{"two addresses of one API", "        workflow:", "        api: https://a.example\n        workflow: a.yml\n        refs: [refs/heads/main]\n      - issuer: https://ci.example\n        api: https://b.example\n        repository: acme/app\n        repository-id: 1001\n        workflow:"},
	{"two repositories, and none is named", "        workflow:", "        workflow: a.yml\n        refs: [refs/heads/main]\n" + another + "        workflow:"},
	{"an issuer that nobody knows", "https://ci.example", "https://evil.example"},
	{"C09 a signer of another repository without a ref", "        workflow:", "        signer: acme/ci/sign.yml\n        workflow:"},
	{"C10 a signer by commit with another digest", "        workflow:", "        signer: acme/ci/sign.yml@" + other + "\n        signer-digest: " + commit + "\n        workflow:"},
	{"C10 a signer by commit that moves", "        workflow:", "        signer: acme/ci/sign.yml@" + other + "\n        signer-moves: accepted\n        workflow:"},
	{"another job where every builder signs in its own", "        workflow:", "        signed-in: another-job\n        workflow:"},
	{"releases of a platform that signs none", "{max-age: 7d}", "{signed-by: [{releases-of: a/b, repository-id: 1, issuer: https://jobs.example, tags: [v*]}]}"},
	{"C15 an issuer with a slash", "issuer: https://ci.example", "issuer: https://ci.example/"},
	{"a trust that nobody knows", "trust: house", "trust: hause"},
	{"C14 no runner where none is usual", builtBy, "    built-by: [{issuer: https://jobs.example, repository: a/b, repository-id: 1, workflow: ci.yml, refs: [refs/heads/main]}]\n"},
	{"a key a second time", "    trust: house", "    trust: house\n    trust: annex"},
	{"a builder's key a second time", "        owner-id: 2002", "        owner-id: 2002\n        repository-id: 6666"},
	{"an environment a second time", "environments:\n", "environments:\n  production: {requires: {provenance: }}\n"},
	{"B11 an anchor", "trust: house", "trust: &t house"},
	{"B11 an alias", "[refs/heads/main, \"refs/tags/v*\"]", "[&r refs/heads/main, *r]"},
	{"B11 a merge key", "      - issuer: https://ci.example", "      - <<: {issuer: https://evil.example}\n        issuer: https://ci.example"},
	{"B11 a tag", "repository-id: 1001", "repository-id: !!str 1001"},
	{"B11 a directive", "version: 1", "%YAML 1.1\n---\nversion: 1"},
	{"B11 a second document", "environments:\n  production:", "---\nenvironments:\n  production:"},
	{"B11 a complex key", "  production:", "  ? [production]\n  :"},
	{"B11 a number as a key", "  production:", "  1:"},
	{"B11 a boolean as a key", "  production:", "  true:"},
	{"CRLF line ends", "version: 1\n", "version: 1\r\n"},
	{"K04 a byte of zero", "version: 1", "version: 1\x00"},
	{"B11 a byte order mark", "version: 1", "\ufeffversion: 1"},
	{"B12 a direction character", "  production:", "  pro\u202eduction:"},
	{"K04 an escape character", "  production:", "  pro\x1bduction:"},
	{"not UTF-8", "  production:", "  pro\xffduction:"},
	{"UTF-16", whole, "v\x00e\x00r\x00"},
	{"nothing", whole, ""},
	{"only a comment", whole, "# allow\n"},
	{"not YAML", whole, "version: [\n"},
	{"a tab as indent", "    trust: house", "\ttrust: house"},
	{"deep brackets", whole, "a: " + strings.Repeat("[", 40) + strings.Repeat("]", 40)},
	{"deep indents", whole, strings.Repeat(" ", 400) + "a: 1"},
	{"too large", whole, "# " + strings.Repeat("x", policy.MaxBytes)},
	{"a subject that climbs", `"dist/*"`, `"../dist/*"`},
	{"a ref with a class", refs, `["refs/heads/[a-"]`},
}

const signersPolicy = `provenance: {max-age: 7d}
      ` + scanType + `:
        max-age: 24h
        trust: {instance: annex, log: promise}
        signed-by:
          - {issuer: https://ci.example, repository: acme/scans, repository-id: 7, workflow: scan.yml, refs: [refs/heads/main], signer: acme/ci/scan.yml@` + other + `}
          - {email: dana@acme.example, issuer: https://accounts.example}
          - {key: keys/scan.pub, sha256: ` + hex + `, log: none}
          - {releases-of: acme/app, repository-id: 1001, issuer: https://ci.example, tags: ["v*"]}`

const (
	hex     = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	refs    = `[refs/heads/main, "refs/tags/v*"]`
	builtBy = "    built-by:\n      - issuer: https://ci.example\n        repository: acme/app\n        repository-id: 1001\n        owner-id: 2002\n" +
		"        workflow: build/release.yml\n        refs: [refs/heads/main, \"refs/tags/v*\"]\n"
)

// identities are the exact fields of a builder, with what C02 says that none of
// them may hold.
func identities() []wrong {
	var out []wrong
	for name, old := range map[string]string{
		"issuer": "issuer: https://ci.example", "repository": "repository: acme/app", "repository-id": "repository-id: 1001",
		"owner-id": "owner-id: 2002", "workflow": "workflow: build/release.yml",
	} {
		for _, v := range []string{`""`, ``, `null`, `~`, `" "`, `.*`, `"*"`, `[]`, `{}`, `" x "`, `true`, `1.5`, `"acme/*"`, `"a|b"`, "\"x\\n\"", "${X}", "`x`"} {
			out = append(out, wrong{"C02 " + name + ": " + v, old, name + ": " + v})
		}
	}
	return out
}

// text returns the file that x is.
func (x wrong) text(t testing.TB) string {
	if x.old == whole {
		return x.new
	}
	return edited(t, x.old, x.new)
}

var located = regexp.MustCompile(`^policy\.yaml(:[1-9][0-9]*(:[1-9][0-9]*)?)?: [^\n]+$`)

func complaints(t *testing.T, x wrong) string {
	t.Helper()
	p, err := policy.Read([]byte(x.text(t)), "policy.yaml", words)
	if err == nil || p != nil {
		t.Errorf("%s: policy = %+v, want a complaint", x.name, p)
		return ""
	}
	if f := fault.Of(err); f.Kind != fault.Usage || f.Code != fault.Policy && f.Code != fault.PolicyVacuous {
		t.Errorf("%s: fault = %v %s, want a usage fault of the policy", x.name, f.Kind, f.Code)
	}
	for _, l := range strings.Split(err.Error(), "\n") {
		if !located.MatchString(l) {
			t.Errorf("%s: complaint = %q, want it with its place", x.name, l)
		}
	}
	return err.Error()
}

func TestC02_no_exact_field_takes_anything_that_could_mean_anything(t *testing.T) {
	for _, x := range identities() {
		complaints(t, x)
	}
}

func TestB11_what_two_readers_could_read_differently_is_refused(t *testing.T) {
	for _, x := range unseen {
		if strings.HasPrefix(x.name, "B11") {
			complaints(t, x)
		}
	}
}

func TestD01_every_wrong_policy_is_a_complaint_with_its_place(t *testing.T) {
	var b bytes.Buffer
	for _, x := range append(structural, unseen...) {
		said := complaints(t, x)
		if len(said) > 2000 {
			t.Errorf("%s: a complaint of %d bytes", x.name, len(said))
		}
		fmt.Fprintf(&b, "-- %s\n%s\n", x.name, said)
	}
	asKept(t, "complaints.txt", b.Bytes())
}

func asKept(t *testing.T, name string, got []byte) {
	t.Helper()
	messages.Plain(t, strings.Split(string(got), "\n")...)
	golden.File(t, filepath.Join("testdata", name), got, *update, "go test ./internal/policy -run D01 -update")
}

func TestD01_a_vacuous_policy_has_a_code_of_its_own(t *testing.T) {
	for _, requires := range []string{"{}", "", "null"} {
		_, err := policy.Read([]byte(edited(t, "\n      provenance: {max-age: 7d}", " "+requires)), "policy.yaml", words)
		if f := fault.Of(err); f.Code != fault.PolicyVacuous {
			t.Errorf("requires: %s: code = %s, want %s", requires, f.Code, fault.PolicyVacuous)
		}
	}
}

// accepted are policies that differ from the good one and are good.
var accepted = []wrong{
	{"good", "version: 1", "version: 1"},
	{"a comment and a document start", "version: 1", "# ours\n---\nversion: 1"},
	{"watch for ninety days", "    requires:", "    mode: watch\n    since: 2026-11-27\n    until: \"2027-02-25\"\n    requires:"},
	{"warn until an hour", "    requires:", "    mode: warn\n    since: \"2026-11-27T09:00:00Z\"\n    until: \"2026-11-27T11:00:00+01:00\"\n    requires:"},
	{"a scan that is watched alone", "      provenance:", "      https://in-toto.io/attestation/vulns/v0.1: {mode: watch, since: 2026-11-27, until: 2026-11-28}\n      provenance:"},
	{"an SBOM of the own workflow", "      provenance:", "      sbom: {generator: own}\n      provenance:"},
	{"an SBOM of tools", "      provenance:", "      sbom: {generator: [own, {name: syft, min-version: 1.0.0}], completeness: stated, asserted: refused}\n      provenance:"},
	{"a scan by somebody", "      provenance:", "      vulnerabilities: {signed-by: [{email: a@b.example, issuer: https://c.example}], below: high, max-age: 24h, database-max-age: 2d, coverage: unknown, exclusions: refused, not-called: accepted, known-exploited: {signed-by: [{email: a@b.example, issuer: https://c.example}], max-age: 3d}, vex: {signed-by: [{email: a@b.example, issuer: https://c.example}], builder: accepted}}\n      provenance:"},
	{"tests of the own workflow", "      provenance:", "      test-results: {runner: own, at-least: 20, suites: [unit]}\n      provenance:"},
	{"materials", "      provenance:", "      materials: {observed: any, network: cut, source: clean, dependencies: locked, toolchains: [{name: go, min-version: 1.26.0, below: 1.27.0, sha256: 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a}], hosts: [192.0.2.0/24], references: pinned, outside: refused, explained: 99.5%}\n      provenance:"},
	{"rebuilders", "      provenance:", "      reproduced: {by: 1, independent: true, max-age: 7d, signed-by: [{email: a@b.example, issuer: https://c.example}]}\n      provenance:"},
	{"a summary", "      provenance:", "      summary: {signed-by: [{email: a@b.example, issuer: https://c.example}], verifier: https://v.example, policies: [0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a], levels: [SLSA_BUILD_LEVEL_3], resource: pkg:generic/app, max-age: 1d}\n      provenance:"},
	{"a source that is reviewed", "        workflow: build/release.yml\n        refs: [refs/heads/main, \"refs/tags/v*\"]\nenvironments:\n  production:\n", "        workflow: build/release.yml\n        branch: main\n        refs: [refs/heads/main, \"refs/tags/v*\"]\nenvironments:\n  production:\n    source: {verified: required, reviewed: 2, accepted: [" + other + "]}\n    forks: owner\n"},
	{"people who review", "        workflow: build/release.yml\n        refs: [refs/heads/main, \"refs/tags/v*\"]\nenvironments:\n  production:\n", "        workflow: build/release.yml\n        refs: [refs/heads/main]\npeople:\n  alice: [\"code:alice#1\", \"code:alice-admin#11\"]\nagents: {known: true}\nenvironments:\n  production:\n    source: {reviewed: 1}\n"},
	{"runs that build once", "    requires:", "    runs: once\n    weaker-evidence: refused\n    requires:"},
	{"an environment after another one", "  production:\n", "  staging:\n    requires: {provenance: }\n  production:\n"},
	{"owner-id left out", "        owner-id: 2002\n", ""},
	{"an instance whose API is elsewhere", "        workflow:", "        api: https://git.example:8443/git/api/v4/\n        workflow:"},
	{"an environment of a repository that builds nothing", "    requires:", "    repository-id: 77\n    requires:"},
	{"ids as text", "repository-id: 1001", `repository-id: "1001"`},
	{"events and runner", "        workflow:", "        events: [push, schedule]\n        runner: self-hosted\n        workflow:"},
	{"a signer with its commit", "workflow: build/release.yml", reusablePolicy},
	{"a signer by commit", "        workflow:", "        signer: acme/ci/sign.yml@" + other + "\n        workflow:"},
	{"a signer by commit, said twice", "        workflow:", "        signer: acme/ci/sign.yml@" + other + "\n        signer-digest: " + other + "\n        workflow:"},
	{"a builder whose text another job signs", "issuer: https://ci.example", "issuer: https://jobs.example\n        signed-in: another-job\n        runner: shared"},
	{"a signer by a tag that may move", "        workflow:", "        signer: acme/ci/sign.yml@refs/tags/v1\n        signer-moves: accepted\n        workflow:"},
	{"a signer by a pattern of tags", "        workflow:", "        signer: acme/ci/sign.yml@refs/tags/v1.*\n        signer-moves: accepted\n        workflow:"},
	{"a signer on a branch", "        workflow:", "        signer: acme/ci/sign.yml@refs/heads/main\n        signer-moves: accepted\n        workflow:"},
	{"a signer on a branch with its commit", "        workflow:", "        signer: acme/ci/sign.yml@refs/heads/main\n        signer-moves: accepted\n        signer-digest: " + other + "\n        workflow:"},
	{"a signer of the same repository", "        workflow:", "        signer: acme/app/build/sign.yml\n        workflow:"},
	{"a signer of the same repository, by its path alone", "        workflow:", "        signer: ./build/sign.yml\n        workflow:"},
	{"a delegated builder", "        workflow:", "        builder: acme/ci/builder_maven.yml@refs/tags/v2.1.0\n        workflow:"},
	{"a delegated builder by its address", "        workflow:", "        builder: https://code.example/acme/ci/builder_maven.yml@refs/tags/v2.1.0\n        workflow:"},
	{"a pattern of branches", "        workflow:", "        branch: release-*\n        workflow:"},
	{"refs that nobody may ask about", "        workflow:", "        branch: unchecked\n        ref-protection: required\n        workflow:"},
	{"refs that the plan does not protect", "        workflow:", "        branch: main\n        ref-protection: none\n        workflow:"},
	{"what the platform asks for", "    requires:", "    protection: {reviewers: 2, self-review: off}\n    pipeline-variables: maintainer\n    requires:"},
	{"the policy of a branch", "    requires:", "    policy-ref: main\n    requires:"},
	{"one's own review", "    requires:", "    protection: {self-review: on}\n    pipeline-variables: unchecked\n    requires:"},
	{"a known instance with promises", "trust: house", "trust: {instance: house, log: promise}"},
	{"a private authority whose bundles carry intermediates", "trust: house", "trust: {root: root.json, sha256: " + hex + ", intermediates: bundle, log: proof}"},
	{"inputs that may be chosen", "{max-age: 7d}", `{inputs: [debug, "args.label:*"]}`},
	{"no inputs at all", "{max-age: 7d}", "{inputs: none}"},
	{"no caches", "{max-age: 7d}", "{caches: none, builder: isolated}"},
	{"no caches but of what is known", "{max-age: 7d}", `{caches: {none: true, known: [acme/build@v3, acme/ci/sign, ./tools/pack, "docker://alpine:3"]}}`},
	{"an isolated builder with what is known", "{max-age: 7d}", "{builder: {isolated: true, known: [acme/build@v3]}}"},
	{"content unchecked", "{max-age: 7d}", "{content: unchecked}"},
	{"signers of every kind", "provenance: {max-age: 7d}", signersPolicy},
	{"a trust of its own", "provenance: {max-age: 7d}", "provenance: {trust: annex}"},
	{"a pinned root", "trust: house", "trust: {root: trust/root.json, sha256: " + hex + "}"},
	{"a pinned root without logs", "trust: house", "trust: {root: root.json, sha256: " + hex + ", transparency: none}"},
	{"mode enforce", "    requires:", "    mode: enforce\n    requires:"},
	{"provenance of any age", "provenance: {max-age: 7d}", "provenance:"},
	{"another predicate", "provenance: {max-age: 7d}", "provenance: {max-age: 90m, inputs: [inputs]}\n      " + scanType + ": {max-age: 24h}"},
	{"several environments", "environments:\n", "environments:\n  staging/eu-1: {requires: {provenance: {}}}\n"},
	{"JSON, which is YAML", whole, `{"version": 1, "artifacts": {"app": {"subject": ["dist/*"], "trust": "house", "built-by": [{"issuer": "https://ci.example",
  "repository": "acme/app", "repository-id": "1001", "workflow": "ci.yml", "refs": ["refs/heads/main"]}]}}, "environments": {"p": {"requires": {"provenance": {}}}}}`},
}

func TestControl_good_policies_are_read(t *testing.T) {
	for _, x := range accepted {
		p, err := policy.Read([]byte(x.text(t)), "policy.yaml", words)
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
			continue
		}
		sound(t, p)
	}
}

// sound fails t if p could allow something without having asked for anything.
func sound(t *testing.T, p *policy.Policy) {
	t.Helper()
	if len(p.Artifacts) == 0 || len(p.Environments) == 0 {
		t.Fatalf("policy = %+v, want artifacts and environments", p)
	}
	for _, a := range p.Artifacts {
		if len(a.Subject) == 0 || len(a.BuiltBy) == 0 || a.Name == "" || a.Trust.Name == "" && (a.Trust.Root == "" || a.Trust.SHA256 == subject.Digest{}) {
			t.Fatalf("artifact = %+v, want a subject, a trust and a builder", a)
		}
		for _, b := range a.BuiltBy {
			if b.Forge.Issuer == "" || b.Forge.Host == "" || b.Repository == "" || b.RepositoryID == "" || b.Workflow == "" || b.Runner == "" ||
				len(b.Refs) == 0 || len(b.Events) == 0 || b.Signer == "" && (b.SignerDigest != "" || b.SignerMoves) {
				t.Fatalf("builder = %+v, want every field that says who", b)
			}
			for _, ref := range b.Refs {
				if !strings.HasPrefix(ref, "refs/heads/") && !strings.HasPrefix(ref, "refs/tags/") {
					t.Fatalf("ref = %q, want it fully qualified", ref)
				}
			}
		}
	}
	for _, e := range p.Environments {
		if e.Name == "" || len(e.Requires) == 0 {
			t.Fatalf("environment = %+v, want a requirement", e)
		}
		asksPeople(t, p, e)
		for _, q := range e.Requires {
			if q.Kind == nil || q.MaxAge < 0 {
				t.Fatalf("requirement = %+v, want a kind of evidence", q)
			}
		}
	}
}

// asksPeople fails t if somebody could let something in whom the policy cannot
// tell from its makers.
func asksPeople(t *testing.T, p *policy.Policy, e policy.Environment) {
	t.Helper()
	if e.MaxAge <= 0 || e.Unguarded && !slices.ContainsFunc(e.Approvals, func(r policy.Rule) bool { return r.Count > 0 }) {
		t.Fatalf("environment = %+v, want approvals with an age", e)
	}
	asked := slices.Clone(e.Approvals)
	if b := e.Emergency; b != nil {
		asked = append(asked, policy.Rule{Group: b.Group, Count: b.Count - 1})
		if b.MaxAge <= 0 {
			t.Fatalf("break-glass = %+v, want an age", b)
		}
	}
	for _, r := range asked {
		g, ok := p.Group(r.Group)
		if !ok || len(g.Members) == 0 || len(g.Excludes) == 0 || len(g.Sources) == 0 || r.Veto == (r.Count > 0) {
			t.Fatalf("rule %+v of group %+v, want a group with members, exclusions and sources", r, g)
		}
		for _, m := range g.Members {
			if m.Host == "" || m.Name == "" || m.Kind != policy.MemberRole && m.ID == "" {
				t.Fatalf("member = %+v, want everything that says who", m)
			}
		}
	}
}

func TestDidYouMean_helps_with_a_slip_and_not_with_a_guess(t *testing.T) {
	of := []string{"production", "staging"}
	for s, want := range map[string]string{"prodution": "production", "stageing": "staging", "Production": "production", "qa": "", "": "", "deployment": ""} {
		got := policy.DidYouMean(s, of)
		if want == "" && got != "" || want != "" && !strings.Contains(got, `"`+want+`"`) {
			t.Errorf("DidYouMean(%q) = %q, want %q", s, got, want)
		}
	}
}

func FuzzRead_accepts_only_policies_that_ask_for_something(f *testing.F) {
	for _, list := range [][]wrong{accepted, structural, unseen, identities(), of(f, heard), of(f, unasked), of(f, unheard)} {
		for _, x := range list {
			if text := x.text(f); len(text) < 4096 {
				f.Add(text)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := policy.Read([]byte(text), "policy.yaml", words)
		if (p == nil) != (err != nil) {
			t.Fatalf("policy %v and error %v, want one of them", p, err)
		}
		if err != nil {
			if k := fault.Of(err).Kind; k != fault.Usage {
				t.Fatalf("kind = %v, want a usage fault", k)
			}
			return
		}
		sound(t, p)
		if again, err := policy.Read([]byte(text), "policy.yaml", words); err != nil || !reflect.DeepEqual(p, again) {
			t.Fatalf("read again: %+v, %v, want %+v", again, err, p)
		}
	})
}
