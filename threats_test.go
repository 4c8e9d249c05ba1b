package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/codes"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

var update = flag.Bool("update", false, "rewrite the generated parts of the documentation")

// threats are the attacks that this version answers, by id. An id without a
// test fails TestThreats; a test without an id here fails it too.
var threats = map[string]string{
	"A01": "log entry for something else",
	"A03": "no inclusion proof",
	"A04": "checkpoint not from this log",
	"A05": "certificate timestamp absent, foreign or repeated",
	"A06": "one log or authority counted twice",
	"A07": "time taken from an unsigned field",
	"A08": "timestamp over other bytes",
	"A10": "timestamp signer is no timestamping certificate",
	"A11": "any one time in validity is accepted",
	"A12": "trusted material outside its validity",
	"A13": "wrong Sigstore instance",
	"A14": "root or intermediate in the bundle",
	"A15": "key-signed bundle where an identity is required",
	"A16": "none or several certificates or signatures",
	"A17": "failed signature, signer still believed",
	"A18": "signature not over the envelope's encoding",
	"A20": "deprecated and current extensions disagree",
	"A21": "several names or a name of the wrong type",
	"A22": "bundle version and JSON dialect",
	"B01": "payload type confusion",
	"B02": "unknown or missing statement type",
	"B03": "predicate type confusion",
	"B04": "unreadable payload ignored",
	"B08": "a normalised copy is verified",
	"B09": "numbers and nesting",
	"B10": "JSON lines smuggling",
	"B11": "polyglot policy",
	"B12": "look-alike characters in names",
	"C01": "unanchored identity pattern",
	"C02": "empty matcher means anything",
	"C03": "builder prefix match",
	"C05": "branch named like a tag",
	"C06": "repository renamed or resurrected",
	"C08": "calling workflow and signing workflow",
	"C09": "trusted signer called from elsewhere",
	"C10": "signer at a ref that moves",
	"C11": "pull request or fork token",
	"C12": "environment claim taken as protection",
	"C13": "environment name case and encoding",
	"C14": "self-hosted runner",
	"C15": "look-alike issuer",
	"C16": "project path reused",
	"C20": "wrong audience or replayed token",
	"C21": "ref names as code",
	"C22": "code of the project in the job that signs",
	"C23": "source URI names another instance",
	"D15": "policy that others choose",
	"E01": "some subject matches",
	"E03": "digest algorithm confusion by length",
	"E04": "tag moved after verification",
	"E06": "registry returns other bytes",
	"E07": "index and platform manifest",
	"E09": "credential forwarded by a registry",
	"E10": "subject glob leaves the workspace",
	"E11": "archive that two readers read differently, or package swapped in a cache",
	"E12": "file changes while being hashed",
	"E13": "artifact of another run's workflow",
	"E14": "subject name spoofed",
	"E15": "subjects discovered from the environment",
	"E16": "build that hides what it used, or contradicts itself",
	"F10": "unknown action in the job that signs",
	"F12": "cache of another run in a release",
	"F13": "signed in a run that failed",
	"G01": "deploying whatever the gate said",
	"G02": "skipped gate counts as success",
	"G03": "gate that may fail",
	"G04": "gate deleted or workflow copied",
	"G05": "environment made by naming it",
	"G07": "plan without protection",
	"G08": "administrators pass by",
	"G11": "deployment made by somebody else",
	"G12": "wait timer taken for a control",
	"G14": "commit is not the run's, or on no branch",
	"G15": "matrix legs that overwrite each other",
	"G16": "older release after a newer",
	"G17": "input of an action as code",
	"G18": "exemption by actor",
	"H01": "gate that is allowed to fail",
	"H02": "job that starts before its gate",
	"H03": "manual job taken for an approval",
	"H06": "component overridden",
	"H07": "environment name from variables",
	"H08": "administrator or allowed self-approval",
	"H09": "one person for several groups",
	"H11": "child, downstream and triggered pipelines",
	"H12": "merge request pipelines of forks",
	"H13": "artifacts of another job of that name",
	"H14": "variables that somebody gives a pipeline",
	"I01": "approval of one's own change",
	"I03": "forged author",
	"I04": "two accounts of one person",
	"I05": "approval of a bot",
	"I06": "approval of another digest or commit",
	"I07": "approval of another context",
	"I09": "approver who has lost their rights",
	"I10": "expired approval",
	"I11": "one approval for several environments",
	"I12": "emergency path abused",
	"I13": "approval before the evidence",
	"I14": "rejection that somebody else ends",
	"I15": "maker's role waived by those who may not",
	"K01": "newline in an output",
	"K02": "workflow command in a name",
	"K03": "masking as denial",
	"K04": "terminal escapes",
	"K05": "Markdown in a summary",
	"J01": "forged webhook",
	"J02": "webhook that comes again",
	"J04": "address in a webhook",
	"J08": "server that dies, or starts twice",
	"J10": "webhook that is too large or too deep",
	"J11": "another event in the place of a question",
	"N02": "build that goes round its recorder",
	"N03": "build manifest that leaves an input out",
	"N04": "rebuild that is none, or whose result is not heard",
	"O01": "decompression bomb",
	"O02": "endless attestations",
	"O03": "certificate path explosion",
	"O04": "glob and policy CPU",
	"O05": "parser panic",
	"O06": "disk full",
}

// threatTests finds the tests that carry a threat's id in their name.
func threatTests(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	function := regexp.MustCompile(`(?m)^func (Test|Fuzz)([A-Q]\d\d)_(\w+)\(`)
	var files []string
	for _, g := range []string{"*_test.go", "internal/*/*_test.go", "internal/server/*/*_test.go", "e2e/*_test.go"} {
		m, err := filepath.Glob(g)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, m...)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range function.FindAllStringSubmatch(string(b), -1) {
			found[m[2]] = append(found[m[2]], fmt.Sprintf("%s `%s%s_%s`", filepath.Dir(f), m[1], m[2], m[3]))
		}
	}
	scripts, err := filepath.Glob("testdata/script/[A-Q][0-9][0-9]_*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts {
		name := filepath.Base(s)
		found[name[:3]] = append(found[name[:3]], "scenario `"+strings.TrimSuffix(name, ".txtar")+"`")
	}
	return found
}

func TestThreats_every_row_has_a_test_and_the_page_says_which(t *testing.T) {
	found := threatTests(t)
	var b strings.Builder
	b.WriteString("| id | attack | tests |\n|---|---|---|\n")
	for _, id := range slices.Sorted(maps.Keys(threats)) {
		tests := found[id]
		if len(tests) == 0 {
			t.Errorf("threat %s (%s) has no test", id, threats[id])
			continue
		}
		slices.Sort(tests)
		fmt.Fprintf(&b, "| %s | %s | %s |\n", id, threats[id], strings.Join(tests, "<br>"))
	}
	var more []string
	for _, id := range slices.Sorted(maps.Keys(found)) {
		if threats[id] == "" {
			more = append(more, id)
		}
	}
	if len(more) > 0 {
		fmt.Fprintf(&b, "\nPartly covered, by tests of the same naming: %s.\n", strings.Join(more, ", "))
	}
	generated(t, "docs/threat-model.md", b.String())
}

func TestCodes_page_lists_every_code(t *testing.T) {
	var b strings.Builder
	b.WriteString("| code | what it says |\n|---|---|\n")
	for _, c := range slices.Sorted(maps.Keys(fault.Codes)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", c, fault.Codes[c])
	}
	for _, c := range slices.Sorted(maps.Keys(fault.Codes)) {
		p, known := codes.Pages[c]
		if known == (c == fault.OK) {
			t.Errorf("code %s: has a page: %v", c, known)
		}
		if !known {
			continue
		}
		if p.Means == "" || len(p.Causes) == 0 || p.Never == "" || p.Mend == "" && (p.GitHub == "" || p.GitLab == "") {
			t.Errorf("code %s: page %+v says too little", c, p)
		}
		if !strings.HasSuffix(c.URL(), "/docs/codes.md#"+strings.ToLower(string(c))) {
			t.Errorf("code %s: page is at %q", c, c.URL())
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", c, p.Means)
		for _, x := range p.Parts() {
			fmt.Fprintf(&b, "- **%s:** %s\n", x[0], strings.NewReplacer("*", `\*`, "<", "&lt;").Replace(x[1]))
		}
	}
	generated(t, "docs/codes.md", b.String())
}

// generated checks that the part of a page between its two markers is want,
// and rewrites it under -update.
func generated(t *testing.T, page, want string) {
	t.Helper()
	const begin, end = "<!-- generated: go test . -update -->\n", "<!-- end of generated -->\n"
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(b), begin)
	got, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no markers", page)
	}
	if got == want {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the tests say; run go test . -update", page)
	}
	if err := os.WriteFile(page, []byte(head+begin+want+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}
