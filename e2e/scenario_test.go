//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A scenario is what happens between a build and an environment, told once for
// every client.
type scenario struct {
	tampered  bool   // one byte of the artifact changes after it was attested
	elsewhere bool   // another workflow of the same repository builds it
	silent    bool   // nothing is attested
	other     bool   // another artifact is attested
	open      bool   // nobody protects the environments
	down      bool   // the store of the evidence does not answer
	anonymous bool   // the job may not prove who it is
	only      string // the client that has such a thing
	plain     bool   // ref and artifact make no difference: one variant on each client
	exchanged bool   // one byte of the artifact changes after the gate has let it through
	variable  string // NAME=VALUE that somebody has set for every job
	over      string // what is laid over the sample: people/, where people have to approve, or record/; nothing if empty

	failing string // the job that fails, attest's being the build; none where all is well
	exit    int    // of the product in that job
	code    string // of the finding, or of the fault
	judged  bool   // there is a verdict; without one nothing was decided
}

// The scenarios are the same on both clients. Each but the first is the first
// with one thing changed, so the first is the proof that nothing else refuses.

func TestAllowed(t *testing.T) { drive(t, scenario{}) }

func TestE01_artifact_changed_after_attest(t *testing.T) {
	drive(t, scenario{tampered: true, failing: "gate-staging", exit: 3, code: "E_SUBJECT", judged: true})
}

func TestG16_artifact_exchanged_after_the_gate(t *testing.T) {
	drive(t, scenario{exchanged: true, failing: "staging", exit: 3, code: "E_SUBJECT"})
}

func TestBuiltByAnotherWorkflow(t *testing.T) {
	drive(t, scenario{elsewhere: true, failing: "gate-staging", exit: 3, code: "E_IDENTITY", judged: true})
}

func TestBundleMissing(t *testing.T) {
	drive(t, scenario{silent: true, failing: "gate-staging", exit: 3, code: "E_EVIDENCE_MISSING", judged: true})
}

func TestBundleOfAnotherArtifact(t *testing.T) {
	drive(t, scenario{other: true, failing: "gate-staging", exit: 3, code: "E_EVIDENCE_MISSING", judged: true})
}

func TestH07_unprotected_environment(t *testing.T) {
	drive(t, scenario{open: true, plain: true, failing: "gate-staging", exit: 3, code: "E_ENV_UNPROTECTED", judged: true})
}

func TestEvidenceStoreDown(t *testing.T) {
	drive(t, scenario{down: true, plain: true, failing: "gate-staging", exit: 5, code: "E_UNAVAILABLE"})
}

func TestE13_a_variable_chooses_the_environment(t *testing.T) {
	drive(t, scenario{variable: "SALLYPORT_ENVIRONMENT=staging", only: "gitlab", failing: "build", exit: 2, code: "E_CONFIG"})
}

// An action hands on what its step says, and no variable.
func TestE13_a_variable_reaches_no_command_of_an_action(t *testing.T) {
	drive(t, scenario{variable: "SALLYPORT_ENVIRONMENT=staging", only: "github"})
}

func TestJ05_a_variable_names_another_server(t *testing.T) {
	drive(t, scenario{variable: "CI_API_V4_URL=https://evil.example/api/v4", only: "gitlab", failing: "build", exit: 3, code: "E_IDENTITY"})
}

func TestE13_a_variable_names_another_project(t *testing.T) {
	drive(t, scenario{variable: "CI_PROJECT_ID=900001", only: "gitlab", failing: "build", exit: 3, code: "E_IDENTITY"})
}

func TestNoIdentityToken(t *testing.T) {
	drive(t, scenario{anonymous: true, plain: true, failing: "build", exit: 2, code: "E_CONFIG"})
}

// A variant is which ref is pushed, and which of the two artifacts an attack is
// about.
type variant struct {
	name, ref string
}

var variants = []variant{
	{"file", "refs/heads/main"},
	{"image", "refs/tags/v1.2.3"},
}

func (v variant) refType() string {
	if strings.HasPrefix(v.ref, "refs/tags/") {
		return "tag"
	}
	return "branch"
}

func (v variant) refName() string {
	return strings.TrimPrefix(strings.TrimPrefix(v.ref, "refs/heads/"), "refs/tags/")
}

// change is the command that changes the artifact by one byte. The image is
// made again around the changed program: a layout that contradicts itself would
// be refused for that alone.
func (v variant) change() string {
	if v.name == "file" {
		return "printf x >>dist/hello"
	}
	return "cp dist/hello dist/changed && printf x >>dist/changed && go run ./cmd/image dist/changed dist/image && rm dist/changed"
}

// unattacked is the subject that other attests in place of the two.
func (v variant) unattacked() string {
	if v.name == "file" {
		return "oci-layout://dist/image"
	}
	return "dist/hello"
}

// A result is what a run left behind.
type result struct {
	exit     int               // of the client
	jobs     map[string]string // success or failure, of the jobs that ran
	product  map[string]int    // exit code of a job's command that failed
	scripts  map[string]int    // the same of what the job itself runs
	outputs  map[string]string // what gates passed on
	log      string            // what a person reads
	verdicts []verdictFile
	secrets  []string // what nobody may read
}

// cut reports whether the log lacks the end of what one of the refusals says. act closes
// the terminal of a step that failed, read or not (exec in its
// host_environment.go), so now and then its log lacks the last lines of one; the
// verdict file, which is held to the same code, lacks nothing.
func (g result) cut() bool {
	ends := strings.Count(g.log, "nothing may be deployed") + strings.Count(g.log, "sallyport: hint:")
	refusals := 0
	for _, exit := range g.product {
		if exit != 0 {
			refusals++
		}
	}
	return ends < max(1, refusals)
}

// A verdictFile is what the gate writes down about its decision.
type verdictFile struct {
	Environment string    `json:"environment"`
	Outcome     string    `json:"outcome"`
	Findings    []finding `json:"findings"`
	Subjects    []struct {
		Subject  struct{ Digest string } `json:"subject"`
		Artifact string                  `json:"artifact"` // its name in the policy
		Findings []finding               `json:"findings"`
	} `json:"subjects"`
}

type finding struct{ Code, Outcome string }

// A client runs the pipeline of r.
type client struct {
	name string
	run  func(t *testing.T, r *run) result
}

var clients = []client{
	{"github", runAct},
	{"gitlab", runPipeline},
}

// drive runs a scenario on each client in both variants, or in one each.
func drive(t *testing.T, sc scenario) {
	t.Parallel()
	name := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(t.Name(), "Test"), "_", "-"))
	for i, c := range clients {
		for j, v := range variants {
			if sc.plain && i != j || sc.only != "" && (sc.only != c.name || j != 0) {
				continue
			}
			t.Run(c.name+"/"+v.name, func(t *testing.T) {
				t.Parallel()
				r := newRun(t, c.name+"-"+v.name+"-"+name, sc, v)
				got := c.run(t, r)
				switch {
				case sc.failing == "":
					allowed(t, r, got)
				case sc.exchanged:
					keptOut(t, r, got)
				default:
					denied(t, r, got)
				}
				quiet(t, r, got)
				r.lab.Contract(t)
				if t.Failed() {
					t.Logf("%s", got.log)
				}
			})
		}
	}
}

// allowed asserts that exactly what was attested has reached both environments.
func allowed(t *testing.T, r *run, got result) {
	if got.exit != 0 {
		t.Errorf("the client exits with %d, want 0", got.exit)
	}
	if r.downloads(r.name) == 0 {
		t.Error("nobody has downloaded the binary")
	}
	attested := strings.Fields(got.outputs["attested"])
	if len(attested) != 2 {
		t.Fatalf("attested %q, want a file and an image", attested)
	}
	slices.Sort(attested)
	for _, environment := range []string{"staging", "production"} {
		arrived := slices.Clone(r.arrived(r.name, environment))
		slices.Sort(arrived)
		if !slices.Equal(arrived, attested) {
			t.Errorf("%s received %q, want %q", environment, arrived, attested)
		}
		if got.jobs["gate-"+environment] != "success" || got.jobs[environment] != "success" {
			t.Errorf("jobs of %s: %v", environment, got.jobs)
		}
		passed := strings.Fields(got.outputs[environment])
		slices.Sort(passed)
		if !slices.Equal(passed, attested) {
			t.Errorf("the gate of %s passed on %q, want %q", environment, passed, attested)
		}
		if signed := "entry 1 into " + environment + " is signed"; strings.HasPrefix(r.name, "gitlab") && !strings.Contains(got.log, signed) {
			t.Errorf("nobody says %q", signed)
		}
	}
}

// keptOut asserts that the gate let the artifacts through, and that the job which
// deploys saw others and stopped.
func keptOut(t *testing.T, r *run, got result) {
	if got.exit == 0 || got.jobs["gate-staging"] != "success" || got.jobs["staging"] != "failure" {
		t.Errorf("the client exits with %d, jobs %v; want the gate to pass and the deploy job to fail", got.exit, got.jobs)
	}
	if arrived := r.arrived(r.name, "staging"); len(arrived) != 0 {
		t.Errorf("staging received %q, want nothing", arrived)
	}
	if !got.cut() && !strings.Contains(got.log, r.scenario.code) {
		t.Errorf("nobody is told %s", r.scenario.code)
	}
}

// denied asserts the whole of a denial: the exit codes, nothing passed on,
// nothing deployed, nothing told to the platform, and the reason on record.
func denied(t *testing.T, r *run, got result) {
	if got.exit == 0 {
		t.Error("the client exits with 0")
	}
	failing := r.scenario.failing
	if got.jobs[failing] != "failure" || got.product[failing] != r.scenario.exit {
		t.Errorf("job %s: %q with exit code %d, want failure with %d", failing, got.jobs[failing], got.product[failing], r.scenario.exit)
	}
	for _, environment := range []string{"staging", "production"} {
		if got.jobs[environment] != "" {
			t.Errorf("the deploy job of %s ran: %s", environment, got.jobs[environment])
		}
		if arrived := r.arrived(r.name, environment); len(arrived) != 0 {
			t.Errorf("%s received %q, want nothing", environment, arrived)
		}
		if passed := got.outputs[environment]; passed != "" {
			t.Errorf("the gate of %s passed on %q, want nothing", environment, passed)
		}
	}
	if got.jobs["gate-production"] != "" {
		t.Errorf("the gate of production ran: %s", got.jobs["gate-production"])
	}
	if !got.cut() && !strings.Contains(got.log, r.scenario.code) {
		t.Errorf("nobody is told %s", r.scenario.code)
	}
	for name := range textFiles(t, r.root) {
		if filepath.Base(name) == "checksums.txt" {
			t.Errorf("%s says what may be deployed", name)
		}
	}
	recorded(t, r, got)
	untold(t, r)
}

// recorded asserts that the verdict names the finding, or that there is none
// where nothing was decided.
func recorded(t *testing.T, r *run, got result) {
	if !r.scenario.judged {
		if len(got.verdicts) != 0 {
			t.Errorf("there is a verdict though nothing was decided: %+v", got.verdicts)
		}
		return
	}
	if len(got.verdicts) == 0 {
		t.Error("there is no verdict file")
	}
	for _, v := range got.verdicts {
		codes := v.refusals()
		if v.Outcome != "deny" || !slices.Contains(codes, r.scenario.code) {
			t.Errorf("verdict %s for %q, want deny for %s", v.Outcome, codes, r.scenario.code)
		}
		for _, c := range codes {
			if c != r.scenario.code {
				t.Errorf("refused for %s as well: the scenario changes more than one thing", c)
			}
		}
	}
}

func (v verdictFile) refusals() []string {
	all := slices.Clone(v.Findings)
	for _, s := range v.Subjects {
		all = append(all, s.Findings...)
	}
	var codes []string
	for _, f := range all {
		if f.Outcome != "allow" {
			codes = append(codes, f.Code)
		}
	}
	return codes
}

// untold asserts that the platform was told nothing but the evidence.
func untold(t *testing.T, r *run) {
	evidence := regexp.MustCompile(`/attestations$|/packages/generic/`)
	for _, q := range r.lab.Requests(t) {
		if r.concerns(q.Path) && q.Method != "GET" && q.Method != "HEAD" && !evidence.MatchString(q.Path) {
			t.Errorf("the platform was told: %s %s", q.Method, q.Path)
		}
	}
}

// concerns says whether a path of a platform's API is about the run's repository.
func (r *run) concerns(path string) bool {
	return strings.Contains(path, "/acme/"+r.name+"/") || strings.Contains(path, fmt.Sprintf("/projects/%d/", r.id))
}

var jwt = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.`)

// quiet asserts that no credential is in the log, an output or a verdict.
func quiet(t *testing.T, r *run, got result) {
	places := map[string]string{"log": got.log}
	for name, value := range got.outputs {
		places["output "+name] = value
	}
	for _, dir := range []string{filepath.Join(r.root, "artifacts"), filepath.Join(r.dir, ".gitlab-ci-local", "artifacts")} {
		for name, content := range textFiles(t, dir) {
			places[name] = content
		}
	}
	for place, text := range places {
		if m := jwt.FindString(text); m != "" {
			t.Errorf("%s holds a token: %.20s…", place, m)
		}
		for _, secret := range got.secrets {
			if secret != "" && strings.Contains(text, secret) {
				t.Errorf("%s holds a secret that begins with %.8s", place, secret)
			}
		}
	}
}

func textFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = string(b)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	return files
}

// verdictsBelow reads every verdict file in dir.
func verdictsBelow(t *testing.T, dir string) []verdictFile {
	t.Helper()
	var all []verdictFile
	for name, content := range textFiles(t, dir) {
		if filepath.Base(name) != "verdict.json" {
			continue
		}
		var v verdictFile
		if err := json.Unmarshal([]byte(content), &v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		all = append(all, v)
	}
	return all
}
