package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// decideInputs is what approve and reject are told.
type decideInputs struct {
	Release string `input:"release"`
	Reason  string `input:"reason"`
	Login   string `input:"login"`
}

// approveInputs is what approve alone is told, besides.
type approveInputs struct {
	decideInputs
	Waive      string `input:"waive"`
	Changes    string `input:"changes"`
	Decision   string `input:"decision"`
	Resume     bool   `input:"resume"`
	BreakGlass bool   `input:"break-glass"`
}

func approveCommand(r *run, in approveInputs) (answer, error) {
	decision := cmp.Or(in.Decision, statement.Approve)
	if in.Waive == "" {
		return r.decide(in, decision)
	}
	if decision != statement.Approve || in.BreakGlass {
		return answer{}, usage("--waive is a word of its own: leave out the decision and break-glass, which another call gives")
	}
	if strings.TrimSpace(in.Reason) == "" {
		return answer{}, usage("--waive needs --reason")
	}
	return r.decide(in, statement.Waive)
}

func rejectCommand(r *run, in decideInputs) (answer, error) {
	if r.platform != nil {
		return answer{}, fault.New(fault.Usage, fault.Config, "in a job, say no with approve and decision: reject", "reject is for a terminal: its inputs are flags, and a job's come from its wiring")
	}
	return r.decide(approveInputs{decideInputs: in}, statement.Reject)
}

// A proposal is a release as somebody sees it before they decide.
type proposal struct {
	told     approveInputs
	set      statement.Set
	fact     policy.Fact
	chosen   chosen
	inputs   []policy.Input // one for each environment
	counts   []time.Time    // until when its gate counts the decision
	decision string
	claims   []statement.Claim // that are waived, with the decision waive
	lists    []string          // of approvers, as JSON, where their digests alone are signed
	expires  time.Time
	by       *statement.Account // who started the run, as the platform says; nil at a terminal
	targets  []statement.Target // that what is signed is found by
	kept     []attest.Sink      // where it is kept besides, to be found by them
}

// decide shows a release, asks, and signs the answer.
func (r *run) decide(in approveInputs, decision string) (answer, error) {
	p, err := r.policy()
	if err != nil {
		return answer{}, err
	}
	if in.Release == "" {
		return answer{}, fault.New(fault.Usage, fault.Config, "sallyport release and a waiting gate print it", "--release is missing: which release is it about?")
	}
	if in.BreakGlass && strings.TrimSpace(in.Reason) == "" {
		return answer{}, usage("--break-glass needs --reason")
	}
	if r.at, err = r.doorOf(p); err != nil {
		return answer{}, err
	}
	x, err := r.propose(in, p, decision)
	if err != nil {
		return answer{}, err
	}
	if err := r.showProposal(x); err != nil {
		return answer{}, err
	}
	if r.platform == nil && !r.in.Yes {
		if r.in.Format == "json" {
			return done, nil // another front end asks
		}
		if err := r.confirm(x); err != nil {
			return answer{}, err
		}
	}
	if err := r.sayIt(x); err != nil {
		return done, err
	}
	r.push()
	if !in.Resume {
		return done, nil
	}
	return done, r.resume(p, x)
}

// propose finds the release set and everything that is known about it.
func (r *run) propose(told approveInputs, p *policy.Policy, decision string) (proposal, error) {
	x := proposal{told: told, decision: decision}
	digest, err := subject.ParseDigest(told.Release)
	if err != nil {
		return x, usage("--release: %v", err)
	}
	named := chosen{list: []subject.Subject{{Name: "release", Digest: digest}}, files: map[subject.Digest]string{}}
	g, _, err := r.gate(p, named, r.at)
	if err != nil {
		return x, err
	}
	if x.set, x.fact, err = r.findRelease(g, p, digest); err != nil {
		return x, err
	}
	if err := r.current(x.set, p, decision); err != nil {
		return x, err
	}
	if x.chosen, err = r.pick(x.set, slices.ContainsFunc(x.set.Environments, func(e statement.Place) bool { return p.Judges(e.Name) })); err != nil {
		return x, err
	}
	if g, _, err = r.gate(p, x.chosen, r.at); err != nil {
		return x, err
	}
	g.Deciding = true
	if err := r.until(&x); err != nil {
		return x, err
	}
	if err := r.lookInto(&x, g, p); err != nil || decision != statement.Waive {
		return x, err
	}
	return x, r.claimed(&x)
}

// until says how long a decision is to count: as long as was asked for, and no
// longer than its release. A no for which nothing was asked is bounded by the
// policy; a withdrawal has no end, and names that of its release.
func (r *run) until(x *proposal) error {
	x.expires = x.set.Expires
	asked := r.in.Expires
	if x.decision == statement.Withdraw || x.decision == statement.Reject && asked == "" {
		return nil
	}
	life, err := policy.ParseAge(cmp.Or(asked, "24h"))
	if err != nil {
		return usage("--expires: %v", err)
	}
	if until := r.now.Add(life); until.Before(x.expires) {
		x.expires = until
	}
	return nil
}

// current refuses a release set that no gate would take any more. A no outlives a
// change of the policy, so it can be taken back after one.
func (r *run) current(set statement.Set, p *policy.Policy, decision string) error {
	if set.PolicyDigest != p.Digest && decision != statement.Withdraw {
		return fault.New(fault.Refused, fault.ApprovalStale, "make the release set again under this policy, or look at the policy it was made under",
			"release %q was made under policy %s, and %s is %s", set.Version, set.PolicyDigest, r.in.Policy, p.Digest)
	}
	if r.now.After(set.Expires) {
		return fault.New(fault.Refused, fault.ApprovalStale, "make the release set again", "release %q has expired at %s", set.Version, set.ExpiresAt)
	}
	return nil
}

// findRelease looks the release set up by its own digest.
func (r *run) findRelease(g *gate.Gate, p *policy.Policy, digest subject.Digest) (statement.Set, policy.Fact, error) {
	defer r.progress("looking for the release")()
	facts, err := g.About(r.ctx, subject.Subject{Name: "release", Digest: digest})
	if err != nil {
		return statement.Set{}, policy.Fact{}, err
	}
	return policy.FindRelease(p, facts, digest)
}

// pick returns the artifacts that are decided about: those that the call names, or all. inside says
// that their files are looked into, as far as they are here.
func (r *run) pick(set statement.Set, inside bool) (chosen, error) {
	c := chosen{files: map[subject.Digest]string{}}
	want := slices.Clone(r.in.Subject)
	for i, w := range want {
		if slices.ContainsFunc(set.Artifacts, func(s subject.Subject) bool { return s.Name == w || s.Digest.String() == w }) {
			continue
		}
		s, ok := r.fileOf(set, w)
		if !ok {
			return c, usage("release %q has no artifact %q", set.Version, w)
		}
		c.files[s.Digest], want[i] = w, s.Digest.String()
	}
	for _, s := range set.Artifacts {
		if len(want) > 0 && !slices.Contains(want, s.Name) && !slices.Contains(want, s.Digest.String()) {
			continue
		}
		c.list = append(c.list, s)
		if f, ok := r.fileOf(set, s.Name); inside && ok && f.Digest == s.Digest && c.files[s.Digest] == "" {
			c.files[s.Digest] = s.Name
		}
	}
	var names []string
	for _, s := range c.list {
		if strings.Contains(s.Name, "@sha256:") {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 || r.in.Offline {
		return c, nil
	}
	sel, err := subject.Parse(names)
	if err != nil {
		return c, err
	}
	_, err = r.images(&c, sel)
	return c, err
}

// fileOf returns the artifact of a release that a file here is.
func (r *run) fileOf(set statement.Set, path string) (subject.Subject, bool) {
	how := anywhere
	if r.platform != nil {
		how = workspace
	}
	if info, err := os.Stat(filepath.FromSlash(path)); err != nil || !info.Mode().IsRegular() {
		return subject.Subject{}, false
	}
	found, err := r.files(subject.Selection{Patterns: []string{literal.Replace(path)}}, how)
	if err != nil || len(found) != 1 {
		return subject.Subject{}, false
	}
	i := slices.IndexFunc(set.Artifacts, func(s subject.Subject) bool { return s.Digest == found[0].Digest })
	if i < 0 {
		return subject.Subject{}, false
	}
	return set.Artifacts[i], true
}

// lookInto looks at every environment that is decided about.
func (r *run) lookInto(x *proposal, g *gate.Gate, p *policy.Policy) error {
	want := r.in.Environments
	for _, w := range want {
		if !slices.ContainsFunc(x.set.Environments, func(e statement.Place) bool { return e.Name == w }) {
			return usage("release %q is not for %q", x.set.Version, w)
		}
	}
	for _, e := range x.set.Environments {
		if len(want) > 0 && !slices.Contains(want, e.Name) {
			continue
		}
		in, err := r.look(g, p, x.chosen, e.Name)
		if err != nil {
			return err
		}
		if in.Protection.ID != e.ID {
			return fault.New(fault.Refused, fault.ApprovalStale, "make the release set again", "environment %q was made anew since the release set: its number is %q, not %q", e.Name, in.Protection.ID, e.ID)
		}
		if lacking := policy.Lacking(in); len(lacking) > 0 && x.decision == statement.Approve {
			return fault.New(kindOf(lacking[0]), lacking[0].Code, lacking[0].Hint,
				"there is nothing to approve: %q could not enter %q: %s", x.chosen.list[0].Name, e.Name, lacking[0].Reason)
		}
		x.inputs, x.counts = append(x.inputs, in), append(x.counts, r.counts(*x, in))
	}
	x.expires = slices.MaxFunc(x.counts, time.Time.Compare) // no longer than anybody counts it
	return nil
}

// counts returns until when the gate of an environment counts a decision of
// now. A no that somebody gave an expiry counts until then, whatever the policy
// says.
func (r *run) counts(x proposal, in policy.Input) time.Time {
	env, _ := in.Policy.Environment(in.Environment)
	life := env.MaxAge
	switch {
	case x.decision == statement.Withdraw, x.decision == statement.Reject && r.in.Expires != "":
		return x.expires
	case x.decision == statement.Reject:
		life = env.RejectionAge
	case x.told.BreakGlass && env.Emergency != nil:
		life = env.Emergency.MaxAge
	}
	if until := r.now.Add(life); until.Before(x.expires) {
		return until
	}
	return x.expires
}

// sayIt signs the decision, makes sure that the gate will count it, and stores
// it.
func (r *run) sayIt(x proposal) error {
	token, err := r.whoami(x.told.Login)
	if err != nil {
		return err
	}
	by, check, err := r.standing(x, token)
	if err != nil {
		return err
	}
	x.by, x.targets = by, r.foundBy(x)
	if x.kept, err = r.keepsDecisions(x); err != nil {
		return err
	}
	if x.decision == statement.Waive {
		return r.waive(x, token, check)
	}
	a := statement.Approval{
		Decision: x.decision, Release: statement.DigestSet{SHA256: x.set.Digest.Hex()}, Version: x.set.Version, Repository: x.set.Repository,
		Policy: x.set.Policy, Requester: x.set.Requester, Reason: x.told.Reason, BreakGlass: x.told.BreakGlass,
		IssuedAt: stamp(r.now), ExpiresAt: stamp(x.expires), Evidence: seen(x.inputs), By: x.by, Targets: x.targets,
	}
	for _, in := range x.inputs {
		a.Environments = append(a.Environments, statement.Place{Name: in.Environment, ID: in.Protection.ID})
		a.Shown, a.Entered = append(a.Shown, policy.Shown(in)...), append(a.Entered, policy.Latest(in)...)
		a.Changes = append(a.Changes, r.approves(x, in)...)
	}
	if err := x.named(a.Changes); err != nil {
		return err
	}
	if a.Approvers, err = r.approvers(&x, token); err != nil {
		return err
	}
	predicate, err := a.JSON()
	if err != nil {
		return err
	}
	receipt, err := r.signStatement(x.chosen, token, statement.ApprovalV1, predicate, x.subjects(), check, x.kept...)
	if err != nil {
		return err
	}
	return r.decided(x, receipt)
}

// whoami returns the identity token of the person who decides: in a job, that of the
// job, which names who started it; elsewhere, one of their own.
func (r *run) whoami(login string) (string, error) {
	if r.platform != nil {
		return r.identityToken()
	}
	if t := r.Getenv("SALLYPORT_IDENTITY_TOKEN"); t != "" {
		return r.forAudience(t)
	}
	name := r.in.Sigstore
	if name == "auto" {
		name = "public-good"
		if r.in.SigningConfig != "" {
			name = "custom"
		}
	}
	signing, err := r.signingConfig(name)
	if err != nil {
		return "", err
	}
	device := login == "device" || login == "auto" && !r.hasBrowser()
	l := sigstore.Login{Client: r.in.Audience, Device: device, In: os.Stdin, Out: r.Stderr}
	if b := r.Getenv("BROWSER"); b != "" {
		l.Open = func(url string) error { return exec.CommandContext(r.ctx, b, url).Start() } //nolint:gosec // the person's own browser
	}
	token, err := l.IDToken(r.ctx, signing)
	if err != nil {
		return "", err
	}
	return r.forAudience(token)
}

func (r *run) hasBrowser() bool {
	return runtime.GOOS == "darwin" || runtime.GOOS == "windows" || r.Getenv("BROWSER")+r.Getenv("DISPLAY")+r.Getenv("WAYLAND_DISPLAY") != ""
}

// emailOf returns the address in a token that is about to be used, for a
// message; nothing rests on it.
func emailOf(token string) string {
	parts := strings.Split(token, ".")
	var claims struct {
		Email string `json:"email"`
	}
	if len(parts) == 3 {
		if b, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			_ = json.Unmarshal(b, &claims) // an unreadable token has no address, and is refused later
		}
	}
	return claims.Email
}

// confirm asks at a terminal.
func (r *run) confirm(x proposal) error {
	fmt.Fprintf(r.Stderr, "\nType the version, %s, to %s it: ", report.Plain(x.set.Version), x.decision)
	line, err := bufio.NewReader(io.LimitReader(r.stdin(), 1024)).ReadString('\n')
	if f, ok := r.stdin().(*os.File); !ok || !terminal(f) {
		fmt.Fprintln(r.Stderr, report.Plain(strings.TrimSpace(line))) // what a terminal has shown
	}
	if typed := strings.TrimSpace(line); typed == x.set.Version || typed == report.Plain(x.set.Version) {
		return nil // as it is, or as it is shown
	}
	if err != nil && line == "" {
		return usage("nobody answered; --yes decides without asking")
	}
	return fault.New(fault.Usage, fault.Config, "", "%q is not the version: nothing was signed", strings.TrimSpace(line))
}

func (r *run) stdin() io.Reader {
	if r.Stdin != nil {
		return r.Stdin
	}
	return bytes.NewReader(nil)
}

func (r *run) decided(x proposal, receipt attest.Receipt) error {
	word := map[string]string{statement.Approve: "approved", statement.Reject: "rejected", statement.Withdraw: "withdrawn", statement.Waive: "waived"}[x.decision]
	until, heading := ", until "+stamp(x.expires), word
	switch x.decision {
	case statement.Withdraw:
		until, heading = ": what was said before is taken back", "a decision is withdrawn for"
	case statement.Waive:
		heading = "a role is waived for"
		who := fmt.Sprintf("%d people", len(x.claims))
		if len(x.claims) == 1 {
			who = report.Plain(policy.Who(x.claims[0]))
		}
		until = ": " + x.claims[0].Role + " " + who + " of commit " + shortCommit(x.claims[0].Commit) + until
	}
	fmt.Fprintf(r.Stdout, "%s  %s%s\n  signed as  %s\n  kept in    %s\n", word, report.Plain(x.set.Version), until, report.Plain(receipt.Signer.SAN), report.Plain(shortName(receipt.Local.ID)))
	for _, s := range receipt.Stored {
		fmt.Fprintf(r.Stdout, "  stored in  %s\n", report.Plain(s.Store))
	}
	if len(receipt.Stored) == 0 {
		r.say("the gate finds it where %s is handed to it; name a --store to keep it where the gate looks by itself", filepath.Dir(receipt.Local.ID))
	}
	if r.platform == nil {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### Sallyport: %s release %s\n\n%s\n\nsigned as %s%s\n", heading, report.Code(x.set.Version), report.Code(x.set.Digest.String()), report.Code(receipt.Signer.SAN), until)
	for _, list := range x.lists {
		fmt.Fprintf(&b, "\n<details><summary>who could approve then, of which a digest is signed</summary>\n\n%s\n\n</details>\n", report.Code(list))
	}
	if err := r.platform.Summary(b.String(), strings.Join(x.lists, "\n")); err != nil {
		return err
	}
	return r.output("bundle-path", receipt.Local.ID)
}
