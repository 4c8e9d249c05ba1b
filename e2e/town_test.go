//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// A person is somebody with an account on the platform and an address.
type person struct {
	login string
	id    int
	email string
}

// people have numbers in the sample's policy, and numbers of their own in each
// run: the lab's accounts are those of all repositories.
var people = []string{"alice", "bob", "carol", "dana"}

func (r *run) person(name string) person {
	id := r.id*10 + 1 + slices.Index(people, name)
	return person{fmt.Sprintf("%s-%d", name, id), id, name + "@" + r.mail()}
}

func (r *run) mail() string { return fmt.Sprintf("n%d.example", r.id) }

// leads is the team whose members may approve.
func (r *run) leads() (string, int) { return fmt.Sprint("leads-", r.id), r.id * 10 }

// names are the pairs that make the sample's people those of this run.
func (r *run) names() []string {
	leads, number := r.leads()
	var pairs []string
	pairs = append(pairs, "acme/leads#170", fmt.Sprintf("acme/%s#%d", leads, number), "acme.example", r.mail(), "https://accounts.example", r.lab.Env["SALLYPORT_LAB_ACCOUNTS"])
	pairs = append(pairs, "https://authority.example", r.lab.Env["SALLYPORT_LAB_AUTHORITY"])
	for i, name := range people {
		p := r.person(name)
		pairs = append(pairs, fmt.Sprintf("%s#%d", name, 101+i), fmt.Sprintf("%s#%d", p.login, p.id))
	}
	return pairs
}

// A town is a repository in which people decide, on one platform.
type town interface {
	desk
	// settle makes everything as it is when all is well, and mends what an
	// attack has changed.
	settle(t *testing.T)
	// build runs the whole pipeline: it builds, attests, and names the release.
	build(t *testing.T, target string) result
	// again runs gates and deployments again, as somebody does once others have
	// approved.
	again(t *testing.T, a ask) result
	// approve has a person start what carries an approval.
	approve(t *testing.T, who person, release string, environments ...string) result
	// soften and change are what is done to the jobs: one gate's failure is
	// not heeded and the other one is passed by; the program is changed by one
	// byte before every gate.
	soften(jobs object)
	change(jobs object)
	// becomes makes the platform say what it says under an attack.
	becomes(t *testing.T, state string)
}

// An ask is about which gates are run again.
type ask struct {
	target       string // where they deploy to
	environments []string
	attack       func(jobs object) // what is done to the jobs; nothing if nil
}

// A desk is what a person at a terminal has: the address of the repository, and
// the variables of a session.
type desk interface {
	terminal(t *testing.T) (repository string, env []string)
}

// atTerminal runs the released binary as a person does, outside of any client.
func (r *run) atTerminal(t *testing.T, in desk, who person, args ...string) (string, int) {
	t.Helper()
	r.lab.Set(t, "/accounts/people/"+who.email, object{})
	args = append(args, "--yes",
		"--signing-config", ".sallyport/trust/signing_config.json", "--trusted-root", ".sallyport/trust/trusted_root.json",
		"--authority", r.lab.Env["SALLYPORT_LAB_AUTHORITY"])
	repository, env := in.terminal(t)
	return r.released(t, append(env, "SALLYPORT_IDENTITY_TOKEN="+r.personToken(t, who)), append(args, "--repository", repository)...)
}

// released runs the released binary.
func (r *run) released(t *testing.T, env []string, args ...string) (string, int) {
	t.Helper()
	binary := filepath.Join(r.suite.dir, "releases", version, fmt.Sprintf("sallyport_%s_%s", runtime.GOOS, runtime.GOARCH))
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir = r.dir
	cmd.Env = r.environ(t, env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// newer is a commit that was made after the run's.
func (r *run) newer() string { return strings.Repeat("7", 40) }

// only keeps the jobs of some environments, of a run that has built already.
func only(jobs object, a ask, gate string) {
	for name, j := range jobs {
		job, isJob := j.(object)
		if !isJob || job["steps"] == nil && job["script"] == nil {
			continue
		}
		environment := strings.TrimPrefix(strings.TrimPrefix(name, gate), "deploy:")
		if !slices.Contains(a.environments, environment) {
			delete(jobs, name)
		}
	}
	if a.attack != nil {
		a.attack(jobs)
	}
}
