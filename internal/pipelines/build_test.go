package pipelines_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/pipelines"
)

// component is the script of a job that signs.
const component = "  script: [\"sallyport_install() ( : )\", \"\\\"$sallyport\\\" attest\"]\n"

// pipeline is one whose job attest signs what build made.
func pipeline(build, attest, more string) string {
	return "stages: [build, sign, after]\nbuild:\n  stage: build\n  script: [make]\n" + build + "attest:\n  stage: sign\n" + component + attest + more
}

func ran(t testing.TB, text string) pipelines.Ran {
	t.Helper()
	out, err := pipelines.Release{Merged: []byte(text), Job: "attest", Project: "acme/app"}.Ran()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func caches(r pipelines.Ran) (out []string) {
	for _, j := range r.Jobs {
		for _, c := range j.Caches {
			out = append(out, j.Name+": "+c.What)
		}
	}
	return out
}

func TestF12_caches_of_the_jobs_before_the_one_that_signs(t *testing.T) {
	const cached = "  cache: {paths: [x]}\n"
	for name, x := range map[string]struct {
		text string
		want []string // parts of what is told, in order
	}{
		"none":                             {pipeline("", "", ""), nil},
		"of the build":                     {pipeline(cached, "", ""), []string{"job build: it has a cache"}},
		"of the job that signs":            {pipeline("", cached, ""), []string{"job attest: it has a cache"}},
		"of a job after it":                {pipeline("", "", "late:\n  stage: after\n  script: [x]\n"+cached), nil},
		"that is only filled":              {pipeline("  cache: {paths: [x], policy: push}\n", "", ""), nil},
		"that a variable may fill":         {pipeline("  cache: {paths: [x], policy: $P}\n", "", ""), []string{"job build"}},
		"one of two is read":               {pipeline("  cache: [{paths: [x], policy: push}, {paths: [y]}]\n", "", ""), []string{"job build"}},
		"of all jobs":                      {pipeline("", "", "default:\n"+cached), []string{"job attest", "job build"}},
		"of all jobs, in the old way":      {pipeline("", "", "cache: {paths: [x]}\n"), []string{"job attest", "job build"}},
		"of all jobs but these":            {pipeline("  cache: []\n", "  cache: {}\n", "default:\n"+cached), nil},
		"of all jobs, and a null":          {pipeline("  cache: \n", "  inherit: {default: false}\n", "default:\n"+cached), []string{"job build"}},
		"of all jobs, not inherited":       {pipeline("  inherit: {default: false}\n", "  inherit: {default: [image]}\n", "default:\n"+cached), nil},
		"of a job that it does not need":   {pipeline(cached, "  needs: []\n", ""), nil},
		"of a job that it needs by a rule": {pipeline(cached, "  needs: []\n  rules: [{if: $A, needs: [build]}]\n", ""), []string{"job build"}},
		"of a job that a needed one needs": {pipeline("  needs: [first]\n", "  needs: [build]\n", "first:\n  stage: build\n  script: [x]\n"+cached), []string{"job first"}},
		"by extends":                       {pipeline("  extends: .c\n", "", ".c:\n"+cached), []string{"job build"}},
		"files of another project":         {pipeline("", "  needs: [{project: acme/x, job: y, ref: main, artifacts: true}]\n", ""), []string{"job attest: it takes files of project acme/x"}},
		"files of another pipeline":        {pipeline("", "  needs: [{pipeline: $UP, job: y}]\n", ""), []string{"it takes files of pipeline $UP"}},
		"cache-from":                       {strings.Replace(pipeline("", "", ""), "[make]", "[docker build --cache-from x .]", 1), []string{"cache-from"}},
	} {
		out := ran(t, x.text)
		got := caches(out)
		if out.Unread != "" || len(got) != len(x.want) {
			t.Errorf("%s: %q (%s), want %q", name, got, out.Unread, x.want)
			continue
		}
		for i, w := range x.want {
			if !strings.Contains(got[i], w) {
				t.Errorf("%s: %q, want %q", name, got, x.want)
			}
		}
	}
}

func TestC22_what_in_the_job_that_signs_is_not_the_components(t *testing.T) {
	for name, x := range map[string]struct{ text, want string }{
		"nothing":                        {pipeline("", "", ""), ""},
		"another script":                 {strings.Replace(pipeline("", "", ""), component, "  script: [make, sallyport attest x]\n", 1), "its script"},
		"a line more":                    {strings.Replace(pipeline("", "", ""), `attest"]`, `attest", make]`, 1), "its script"},
		"before_script":                  {pipeline("", "  before_script: [make]\n", ""), "before_script"},
		"after_script of all":            {pipeline("", "", "default: {after_script: [make]}\n"), "after_script"},
		"a hook":                         {pipeline("", "  hooks: {pre_get_sources_script: [make]}\n", ""), "hooks"},
		"a variable":                     {pipeline("", "  variables: {LD_PRELOAD: ./x.so}\n", ""), "LD_PRELOAD"},
		"a global variable":              {pipeline("", "", "variables: {BASH_ENV: ./x}\n"), "BASH_ENV"},
		"a harmless variable":            {pipeline("", "", "variables: {COLOR: red}\n"), ""},
		"an image":                       {pipeline("", "  image: alpine:3\n", ""), ""},
		"an image of the project":        {pipeline("", "  image: registry.gitlab.com/acme/app/tools\n", ""), "image of the project"},
		"an image that is not written":   {pipeline("", "  image: {name: $TOOLS}\n", ""), "image of the project"},
		"variables of the build":         {pipeline("  artifacts: {reports: {dotenv: x.env}}\n", "", ""), "hands it variables"},
		"variables that it leaves":       {pipeline("", "  artifacts: {reports: {dotenv: x.env}}\n", ""), ""},
		"variables that it leaves there": {pipeline("  artifacts: {reports: {dotenv: x.env}}\n", "  needs: [{job: build, artifacts: false}]\n", ""), ""},
	} {
		out := ran(t, x.text)
		if out.Unread != "" || !out.Jobs[0].Signs {
			t.Errorf("%s: %+v", name, out)
			continue
		}
		if told := strings.Join(out.Jobs[0].Code, "; "); (x.want == "") != (told == "") || !strings.Contains(told, x.want) {
			t.Errorf("%s: told %q, want %q", name, told, x.want)
		}
		if slices.ContainsFunc(out.Jobs[1:], func(j pipelines.RanJob) bool { return j.Signs }) {
			t.Errorf("%s: a second job signs: %+v", name, out.Jobs)
		}
	}
}

func TestF12_configurations_that_cannot_be_judged(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "has no job",
		"a: [":                      "cannot be judged",
		"build: {script: [make]}\n": "has no job",
		pipeline("", "", "a: {script: [x]}\na: {script: [y]}\n"): "a key stands twice",
	} {
		if out := ran(t, text); !strings.Contains(out.Unread, want) {
			t.Errorf("%q: %+v, want %q", text, out, want)
		}
	}
}

func TestO02_a_large_configuration_is_read_in_time(t *testing.T) {
	var b, all strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&all, "j%d, ", i)
		fmt.Fprintf(&b, "j%d: {script: [x], needs: [", i)
		for k := range 20 {
			fmt.Fprintf(&b, "j%d, ", (i*7+k)%1500)
		}
		b.WriteString("]}\n")
	}
	started := time.Now()
	out := ran(t, pipeline("", "  needs: ["+all.String()+"]\n", b.String()))
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	if out.Unread == "" && len(out.Jobs) < 1500 {
		t.Errorf("%d jobs (%s), want all", len(out.Jobs), out.Unread)
	}
}

func FuzzRan(f *testing.F) {
	f.Add(pipeline("  cache: {paths: [x]}\n", "", ""))
	f.Add("attest: {needs: [attest], script: x, extends: attest}\n")
	f.Fuzz(func(t *testing.T, text string) {
		less := ran(t, text)
		more := ran(t, text+"\ncache: {paths: [more]}\n")
		if less.Unread == "" && more.Unread == "" && !strings.Contains(text, "cache") && len(caches(more)) < len(caches(less)) {
			t.Errorf("%q: %q, and with a cache more %q", text, caches(less), caches(more))
		}
	})
}
