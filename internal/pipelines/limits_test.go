package pipelines_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/messages"
	"github.com/sallyport-dev/sallyport/internal/pipelines"
)

func refuses(t *testing.T, name, raw string, code fault.Code) {
	t.Helper()
	found, err := pipelines.Check(".gitlab-ci.yml", []byte(raw), want)
	if err == nil || found != nil {
		t.Fatalf("%s: %d findings and no error, want it refused", name, len(found))
	}
	if f := fault.Of(err); f.Kind != fault.Usage || f.Code != code {
		t.Errorf("%s: kind %v, code %s (%v), want usage and %s", name, f.Kind, f.Code, err, code)
	}
	messages.Plain(t, err.Error(), fault.Of(err).Hint)
}

func TestO02_what_is_too_much_is_refused_and_not_cut(t *testing.T) {
	laughs := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	refuses(t, "a billion laughs", laughs, fault.Limit)
	refuses(t, "a large file", "# "+strings.Repeat("x", pipelines.MaxBytes), fault.Limit)
	refuses(t, "brackets", "a: "+strings.Repeat("[", 5000), fault.Limit)
	refuses(t, "hidden brackets", "a: "+strings.Repeat("[ # ]]]]\n  ", 5000), fault.Limit)
	refuses(t, "dashes", strings.Repeat("- ", 5000), fault.Limit)
	refuses(t, "tags", "a: "+strings.Repeat("!x ", 5000)+"1\n", fault.Limit)
	var keys strings.Builder
	for i := range pipelines.MaxKeys + 1 {
		fmt.Fprintf(&keys, "k%d: 1\n", i)
	}
	refuses(t, "keys", keys.String(), fault.Limit)
	mirrors := ".x0: {script: [x, x, x, x, x, x, x, x, x, x]}\n"
	for i := 1; i < 11; i++ {
		mirrors += fmt.Sprintf(".x%d: {script: [%s]}\n", i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("!reference [.x%d, script], ", i-1), 10), ", "))
	}
	refuses(t, "references", mirrors+"job: {script: !reference [.x10, script]}\n", fault.Limit)
}

func TestO02_what_is_not_a_pipeline_is_an_error(t *testing.T) {
	for name, raw := range map[string]string{
		"a list": "- a\n", "a text": "hello\n", "not YAML": "a: [\n", "two documents": "a: {script: x}\n---\nb: {script: x}\n",
		"not text": "a: \xff\n", "zero": "a: \x00\n", "no such anchor": "a: *b\n", "an alias in its own anchor": "a: &a [*a]\n",
	} {
		refuses(t, name, raw, fault.Lint)
	}
	passes(t, "")
	passes(t, "\ufeff"+strings.ReplaceAll(clean, "\n", "\r\n"))
	trips(t, "\ufeffdefault: {id_tokens: {T: {aud: sigstore}}}\nunit: {script: x}\n", finding.TokenUnused, finding.Error)
	passes(t, "# nothing\n")
}

func TestH06_extends_without_end(t *testing.T) {
	trips(t, ".a: {extends: .b}\n.b: {extends: .a}\njob: {extends: .a, script: x}\n", finding.ExtendsEndless, finding.Error)
	trips(t, "job: {extends: job, script: x}\n", finding.ExtendsEndless, finding.Error)
	long := ".x0: {script: x}\n"
	for i := 1; i < 15; i++ {
		long += fmt.Sprintf(".x%d: {extends: .x%d}\n", 15-i, 14-i)
	}
	trips(t, "job: {extends: .x14}\n"+long, finding.ExtendsEndless, finding.Error)
	passes(t, "job: {extends: .x9, script: x}\n"+long)
}

// The last of two equal keys is the one that the platform reads, and a merge
// below a key takes its place.
func TestH06_keys_that_stand_twice(t *testing.T) {
	trips(t, change(t, needs, needs+"  needs: [build, attest, \"gate:production\"]\n"), finding.KeyTwice, finding.Error)
	passes(t, change(t, needs, needs+needs))
	soft := ".x: &x {allow_failure: true, when: always}\n"
	found := rules(check(t, change(t, "build:\n", soft+"gate:production:\n  allow_failure: false\n  <<: *x\nbuild:\n"), want))
	if !only(found, "key-twice", "gate-soft") || len(found) != 2 {
		t.Errorf("findings = %v, want the merge to win, and to be said", found)
	}
	passes(t, change(t, "build:\n", soft+"gate:production:\n  <<: *x\n  allow_failure: false\nbuild:\n"))
}

func TestA_finding_has_the_place_of_its_cause(t *testing.T) {
	raw := change(t, "build:\n", "gate:production:\n  tags: [x]\n  allow_failure: true\nbuild:\n")
	found := check(t, raw, want)
	if len(found) != 1 || found[0].Line != 9 || found[0].Column != 18 {
		t.Errorf("findings = %+v, want one at 9:18", found)
	}
	if got := finding.Severity(0).String(); got != "error" {
		t.Errorf("the zero severity is %q, want error", got)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(clean))
	f.Add([]byte(handwritten))
	f.Add([]byte("include: {component: a/b/gate@c}\n.x: &x {rules: [{if: '$A =~ /x/ && ($B || !$C)'}]}\nj:\n  <<: [*x]\n  needs: !reference [.x, needs]\n  trigger: a/b\n"))
	f.Add([]byte("spec: {inputs: {a: {regex: '('}}}\n---\nj: {script: [\"$[[ inputs.a ]]\"], environment: {name: $X, action: access}, id_tokens: {a: {aud: sigstore}}}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		w := want
		w.Tree = func(string) ([]byte, error) { return raw, nil } // it starts itself
		found, err := pipelines.Check("x", raw, w)
		if err != nil && fault.Of(err).Kind != fault.Usage {
			t.Errorf("an error that is ours: %v", err)
		}
		for _, x := range found {
			if x.Rule == finding.None || x.Threat == "" || x.Message == "" || x.Hint == "" {
				t.Errorf("a finding says too little: %+v", x)
			}
		}
	})
}
