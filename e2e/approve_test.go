//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An answer is what a gate is to say, and what becomes of its environment.
type answer struct {
	exit int    // of the product; 0 is that everything is deployed
	code string // why not
}

var (
	enters  = answer{}
	missing = answer{4, "E_APPROVAL_MISSING"}
)

// An attack is one thing that is changed once everybody has approved. What it
// leaves alone is its twin, which enters in the same run; and before the first
// attack and after the last one both environments are entered.
type attack struct {
	name   string
	state  string            // what the platform says then; nothing if empty
	on     string            // the only client that has it; both if empty
	want   map[string]answer // by environment
	reason string            // what the reader of the log is told besides the code
}

var attacks = []attack{
	{name: "F13_failed_build_run", state: "F13", want: map[string]answer{"staging": {3, "E_BUILD_STATE"}, "production": {3, "E_BUILD_STATE"}}},
	{name: "G08_administrators_may_pass_by", state: "G08 admins", on: "github", want: map[string]answer{"staging": {3, "E_BYPASS"}, "production": enters}},
	{name: "G08_entered_without_a_review", state: "G08 entered", want: map[string]answer{"staging": {3, "E_BYPASS"}, "production": enters}},
	{name: "G12_wait_timer_alone", state: "G12", on: "github", want: map[string]answer{"staging": {3, "E_ENV_UNPROTECTED"}, "production": enters}},
	{name: "G16_older_after_a_newer", state: "G16", want: map[string]answer{"staging": {3, "E_ROLLBACK"}, "production": enters}},
	{name: "I01_author_approves_alone", state: "I01", want: map[string]answer{"staging": {3, "E_SOD"}, "production": missing}, reason: "wrote commit "},
	{name: "I03_unknown_author_raises_the_need", state: "I03", want: map[string]answer{"staging": missing, "production": missing}, reason: "1 of 2 approvals"},
	{name: "I05_bot_account", state: "I05", want: map[string]answer{"staging": {3, "E_SOD"}, "production": missing}, reason: "only people count"},
	{name: "I09_approver_left_the_team", state: "I09", want: map[string]answer{"staging": {3, "E_SOD"}, "production": missing}, reason: "is not in group release"},
}

// A release waits, is approved by a person in a run and by a person at a
// terminal, and enters; nobody else's word, and no other bytes, let it in.
func TestApprovals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		town func(*run) town
	}{
		{"github", func(r *run) town { return onGitHub{r} }},
		{"gitlab", func(r *run) town { return onGitLab{r} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, c.name+"-approvals", scenario{over: "people"}, variants[0])
			s := &story{T: t, r: r, town: c.town(r), client: c.name}
			s.told()
		})
	}
}

// A story is one release on one client, from the build to the rejection.
type story struct {
	*testing.T
	r        *run
	town     town
	client   string
	attested []string
}

// told tells the story in its order. A step that fails ends it: what comes
// after would fail for that alone.
func (s *story) told() {
	s.step("waits", s.waits)
	s.step("I01_author_is_refused_before_signing", s.author)
	s.step("G02_H01_H02_gate_skipped_or_soft", s.soft)
	if s.client == "gitlab" {
		s.step("H03_manual_job_is_no_approval", s.manual)
	}
	s.step("approved_in_a_run", s.inRun)
	s.step("one_of_two", s.half)
	s.step("approved_at_a_terminal", s.atTerminal)
	s.step("enters", s.enters)
	for _, a := range attacks {
		if a.on == "" || a.on == s.client {
			s.step(a.name, func(t *testing.T) { s.attacked(t, a) })
		}
	}
	s.step("I06_one_byte_changed_after_approval", s.changed)
	s.step("H08_I01_self_review", s.selfReview)
	s.step("review_of_another", s.review)
	s.step("enters_after_all_attacks", s.enters)
	s.step("I01_rejection_wins", s.rejected)
	s.r.lab.Contract(s.T)
}

// step begins with everything as it is when all is well.
func (s *story) step(name string, f func(*testing.T)) {
	if s.Failed() {
		return
	}
	s.Run(name, func(t *testing.T) {
		s.town.settle(t)
		f(t)
	})
}

// at is where a step deploys to.
func (s *story) at(t *testing.T) string {
	return s.r.name + "-" + strings.ToLower(filepath.Base(t.Name()))
}

// waits runs everything. Nobody has approved, so every gate waits.
func (s *story) waits(t *testing.T) {
	got := s.town.build(t, s.at(t))
	s.attested, s.r.release = strings.Fields(got.outputs["attested"]), got.outputs["release"]
	slices.Sort(s.attested)
	if len(s.attested) != 2 || s.r.release == "" {
		t.Fatalf("attested %q, release %q; want two digests and one\n%s", s.attested, s.r.release, got.log)
	}
	s.judge(t, got, map[string]answer{"staging": missing, "production": missing, "canary": missing}, "0 of 1 approvals")
}

// again asks gates and judges what they did, and that nothing was told to the
// platform.
func (s *story) again(t *testing.T, a ask, want map[string]answer, reason string) {
	t.Helper()
	for environment := range want {
		a.environments = append(a.environments, environment)
	}
	slices.Sort(a.environments)
	a.target = s.at(t)
	before := s.requests(t)
	got := s.town.again(t, a)
	s.judge(t, got, want, reason)
	s.untold(t, before)
}

// enters is the twin of every attack.
func (s *story) enters(t *testing.T) {
	s.again(t, ask{}, map[string]answer{"staging": enters, "production": enters}, "")
}

// attacked changes what the platform says, and asks both gates.
func (s *story) attacked(t *testing.T, a attack) {
	s.town.becomes(t, a.state)
	reason := a.reason
	if strings.HasSuffix(reason, "commit ") {
		reason += s.r.sha[:7]
	}
	s.again(t, ask{}, a.want, reason)
}

// author has the author start the run that approves: he is refused before
// anything is signed, and told which commit it is about.
func (s *story) author(t *testing.T) {
	before := s.requests(t)
	got := s.town.approve(t, s.r.person("alice"), s.r.release, "staging", "production")
	if got.exit == 0 || got.jobs["approve"] != "failure" || got.product["approve"] != 3 {
		t.Errorf("client exit %d, job %q with exit code %d; want failure with 3", got.exit, got.jobs["approve"], got.product["approve"])
	}
	for _, want := range []string{"E_SOD", "commit " + s.r.sha[:7]} {
		if !got.cut() && !strings.Contains(got.log, want) {
			t.Errorf("nobody is told %q", want)
		}
	}
	s.untold(t, before)
	s.ended(t, got)
}

// inRun has a person start what carries his approval.
func (s *story) inRun(t *testing.T) {
	got := s.town.approve(t, s.r.person("bob"), s.r.release, "staging", "production")
	if got.exit != 0 || got.jobs["approve"] != "success" {
		t.Errorf("client exit %d, job %q; want success", got.exit, got.jobs["approve"])
	}
	s.ended(t, got)
}

// half asks when one person has approved: that is enough for one environment.
func (s *story) half(t *testing.T) {
	s.again(t, ask{}, map[string]answer{"staging": enters, "production": missing}, "1 of 2 approvals")
}

// atTerminal has another person sign at a terminal, for one environment.
func (s *story) atTerminal(t *testing.T) {
	out, exit := s.r.atTerminal(t, s.town, s.r.person("dana"), "approve", "--release", s.r.release, "--environments", "production")
	if exit != 0 || !strings.Contains(out, "approved  v1.4.0") || jwt.MatchString(out) {
		t.Errorf("exit code %d, want 0, and no token\n%s", exit, out)
	}
}

// soft asks gates whose no is not heeded: one may fail, the other one is passed
// by. The deployments run, and have nothing to deploy.
func (s *story) soft(t *testing.T) {
	before := s.requests(t)
	got := s.town.again(t, ask{target: s.at(t), environments: []string{"production", "staging"}, attack: s.town.soften})
	if got.exit == 0 {
		t.Error("the client exits with 0")
	}
	for _, environment := range []string{"staging", "production"} {
		if got.jobs[environment] != "failure" || got.scripts[environment] != 3 {
			t.Errorf("deployment to %s: %q with exit code %d, want failure with 3", environment, got.jobs[environment], got.scripts[environment])
		}
		s.nothing(t, got, environment)
	}
	s.unlisted(t)
	s.untold(t, before)
	s.ended(t, got)
}

// manual has somebody start a job that stands for an approval by its name. It
// is nobody's yes.
func (s *story) manual(t *testing.T) {
	s.town.becomes(t, "H03")
	s.again(t, ask{}, map[string]answer{"staging": missing}, "0 of 1 approvals")
}

// changed changes the program by one byte, and with it nothing else.
func (s *story) changed(t *testing.T) {
	s.again(t, ask{attack: s.town.change}, map[string]answer{"staging": {3, "E_SUBJECT"}, "production": {3, "E_SUBJECT"}}, "dist/hello")
}

// selfReview has the author, who started the pipeline, approve on the platform's
// own page. That the platform lets him does not make it count.
func (s *story) selfReview(t *testing.T) {
	s.town.becomes(t, "self review")
	s.again(t, ask{}, map[string]answer{"canary": {3, "E_SOD"}}, "")
}

// review has somebody else approve there.
func (s *story) review(t *testing.T) {
	s.town.becomes(t, "review")
	s.again(t, ask{}, map[string]answer{"canary": enters}, "")
}

// rejected has somebody say no at a terminal. It wins over every yes.
func (s *story) rejected(t *testing.T) {
	out, exit := s.r.atTerminal(t, s.town, s.r.person("carol"), "reject", "--release", s.r.release, "--reason", "it leaks")
	if exit != 0 || !strings.Contains(out, "rejected  v1.4.0") {
		t.Fatalf("exit code %d, want 0\n%s", exit, out)
	}
	no := answer{3, "E_APPROVAL_REJECTED"}
	s.again(t, ask{}, map[string]answer{"staging": no, "production": no}, "it leaks")
}

// judge holds every environment to what is wanted of it.
func (s *story) judge(t *testing.T, got result, want map[string]answer, reason string) {
	t.Helper()
	refusals := 0
	for environment, a := range want {
		if a == enters {
			s.entered(t, got, environment)
			continue
		}
		refusals++
		s.refused(t, got, environment, a)
		if !got.cut() && (!strings.Contains(got.log, a.code) || !strings.Contains(strings.Join(strings.Fields(got.log), " "), reason)) {
			t.Errorf("nobody is told %s, and %q", a.code, reason)
		}
	}
	if (got.exit == 0) != (refusals == 0) {
		t.Errorf("the client exits with %d", got.exit)
	}
	if refusals == len(want) {
		s.unlisted(t)
	}
	s.ended(t, got)
}

// entered asserts that exactly what was attested has arrived.
func (s *story) entered(t *testing.T, got result, environment string) {
	t.Helper()
	arrived := slices.Sorted(slices.Values(s.r.arrived(s.at(t), environment)))
	if !slices.Equal(arrived, s.attested) {
		t.Errorf("%s received %q, want %q", environment, arrived, s.attested)
	}
	if got.jobs["gate-"+environment] != "success" || got.jobs[environment] != "success" {
		t.Errorf("jobs of %s: %v", environment, got.jobs)
	}
	passed := slices.Sorted(slices.Values(strings.Fields(got.outputs[environment])))
	if !slices.Equal(passed, s.attested) {
		t.Errorf("the gate of %s passed on %q, want %q", environment, passed, s.attested)
	}
}

// refused asserts a denial, or that a gate waits, whole.
func (s *story) refused(t *testing.T, got result, environment string, a answer) {
	t.Helper()
	gate := "gate-" + environment
	if got.jobs[gate] != "failure" || got.product[gate] != a.exit {
		t.Errorf("job %s: %q with exit code %d, want failure with %d", gate, got.jobs[gate], got.product[gate], a.exit)
	}
	if got.jobs[environment] != "" {
		t.Errorf("the deploy job of %s ran: %s", environment, got.jobs[environment])
	}
	s.nothing(t, got, environment)
	outcome := map[int]string{3: "deny", 4: "wait"}[a.exit]
	v := got.verdict(t, environment)
	codes := slices.Compact(slices.Sorted(slices.Values(v.refusals())))
	if v.Outcome != outcome || !slices.Equal(codes, []string{a.code}) {
		t.Errorf("verdict of %s is %s for %q, want %s for %s alone", environment, v.Outcome, codes, outcome, a.code)
	}
}

// nothing asserts that nobody was handed anything for an environment.
func (s *story) nothing(t *testing.T, got result, environment string) {
	t.Helper()
	if arrived := s.r.arrived(s.at(t), environment); len(arrived) != 0 {
		t.Errorf("%s received %q, want nothing", environment, arrived)
	}
	for name, value := range got.outputs {
		if name == environment || strings.HasPrefix(name, environment+" ") {
			t.Errorf("the gate of %s passed on %s: %q, want nothing", environment, name, value)
		}
	}
}

// unlisted asserts that no file says what may be deployed.
func (s *story) unlisted(t *testing.T) {
	t.Helper()
	for name := range textFiles(t, s.r.root) {
		if filepath.Base(name) == "checksums.txt" {
			t.Errorf("%s says what may be deployed", name)
		}
	}
}

// verdict returns what was written down about an environment.
func (g result) verdict(t *testing.T, environment string) verdictFile {
	t.Helper()
	i := slices.IndexFunc(g.verdicts, func(v verdictFile) bool { return v.Environment == environment })
	if i < 0 {
		t.Errorf("there is no verdict about %s", environment)
		return verdictFile{}
	}
	return g.verdicts[i]
}

// ended asserts that no credential is anywhere, and clears away what the run
// wrote about its decisions.
func (s *story) ended(t *testing.T, got result) {
	t.Helper()
	quiet(t, s.r, got)
	if t.Failed() {
		t.Logf("%s", got.log)
	}
	for _, dir := range []string{"gate-staging", "gate-production", "gate-canary"} {
		state := filepath.Join(s.r.dir, ".gitlab-ci-local", "artifacts", strings.Replace(dir, "-", "Og", 1))
		must(t, os.RemoveAll(state))
	}
	for name := range textFiles(t, s.r.root) {
		if base := filepath.Base(name); base == "verdict.json" || base == "checksums.txt" || base == "gate.env" {
			must(t, os.Remove(name))
		}
	}
}

func (s *story) requests(t *testing.T) int { return len(s.r.lab.Requests(t)) }

// untold asserts that the platform was told nothing at all since.
func (s *story) untold(t *testing.T, since int) {
	t.Helper()
	for _, q := range s.r.lab.Requests(t)[since:] {
		if s.r.concerns(q.Path) && q.Method != "GET" && q.Method != "HEAD" {
			t.Errorf("the platform was told: %s %s", q.Method, q.Path)
		}
	}
}
