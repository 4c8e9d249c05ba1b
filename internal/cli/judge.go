package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// gateInputs is what gate alone is told.
type gateInputs struct {
	Environment string `input:"environment"`
}

// gateCommand judges whether subjects may enter an environment.
func gateCommand(r *run, in gateInputs) (answer, error) {
	if err := errors.Join(r.forget(), r.vacate()); err != nil {
		return answer{}, err
	}
	if r.platform == nil {
		return answer{}, fault.New(fault.Usage, fault.Config, "to judge evidence alone, use sallyport verify --policy",
			"a gate has to ask the platform how the environment is protected, and no platform runs this")
	}
	return r.admit("environment", func() (string, error) { return in.Environment, nil },
		func() (chosen, error) { return r.subjects(workspace) })
}

// admit judges whether something may enter an environment, and gives the
// answer. environment says which, once it is known which job this is, and input how
// people call the place that says so; subjects come last.
func (r *run) admit(input string, environment func() (string, error), subjects func() (chosen, error)) (answer, error) {
	p, from, env, err := r.sourced(environment)
	if err != nil {
		return answer{}, err
	}
	if _, ok := p.Environment(env); !ok {
		return answer{}, unknownEnvironment(input, env, p)
	}
	if err := r.belongs(p, env); err != nil {
		return answer{}, err
	}
	c, err := subjects()
	if err == nil {
		err = within(c.list)
	}
	if err != nil {
		return answer{}, err
	}
	signs, why, err := r.signs(p, env)
	if err != nil {
		return answer{}, err
	}
	rec, err := r.waitFor(func() (report.Record, error) { return r.judge(p, from, c, env, "") })
	if err != nil {
		return answer{}, err
	}
	if err := r.keepJudged(); err != nil {
		return answer{}, err
	}
	if err := r.enters(p, &rec, signs, why); err != nil {
		return answer{}, err
	}
	if err := r.tell(rec, env, c); err != nil {
		return answer{}, errors.Join(err, r.withdraw(), r.forget())
	}
	if signs {
		r.push()
	}
	return answer{verdict: rec.Outcome}, nil
}

// unknownEnvironment is the fault of naming an environment that the policy does
// not have. It is a mistake in the call, and nothing was judged.
func unknownEnvironment(input, name string, p *policy.Policy) error {
	var all []string
	for _, e := range p.Environments {
		all = append(all, e.Name)
	}
	return fault.New(fault.Usage, fault.Config, "names of environments are compared byte for byte; the policy has "+strings.Join(all, ", "),
		"the policy has no environment %q, which %s names%s", name, input, policy.DidYouMean(name, all))
}

// tell gives the answer everywhere it belongs: in the files and outputs that later
// steps act on, then to people. So nothing says that the artifact may enter before
// everything is there that the answer needs. The caller takes outputs and files
// back if a part of it fails.
func (r *run) tell(rec report.Record, env string, c chosen) error {
	path := r.in.Verdict
	digest, err := keep(rec, path)
	if err == nil {
		err = r.keepTests(rec)
	}
	if err != nil {
		return err
	}
	err = r.output("verdict", path)
	if err == nil && rec.Outcome.Allows() {
		if err = write(r.component.Allowed(), []byte(subject.FormatChecksums(c.list))); err == nil {
			err = errors.Join(r.output("environment", env),
				r.output("verdict-digest", digest), r.release(c))
		}
	}
	if err == nil {
		err = r.output("outcome", rec.Outcome.String())
	}
	if err != nil {
		return err
	}
	return r.publish(rec)
}

// keepTests writes the verdict as a report of tests, which some platforms show beside a pipeline.
func (r *run) keepTests(rec report.Record) error {
	var b bytes.Buffer
	if err := report.JUnit(&b, rec); err != nil {
		return err
	}
	return write(r.component.Tests(), b.Bytes())
}

// keep writes the verdict file and returns its digest, sha256:HEX.
func keep(rec report.Record, path string) (string, error) {
	var b bytes.Buffer
	if err := report.JSON(&b, rec); err != nil {
		return "", err
	}
	return subject.Sum(b.Bytes()).String(), write(path, b.Bytes())
}

// judge collects, verifies and asks the policy. With an empty environment only
// the evidence is judged: that which the environment called evidence requires.
func (r *run) judge(p *policy.Policy, from report.Policy, c chosen, env, evidence string) (report.Record, error) {
	r.looking = map[string][]byte{}
	g, roots, err := r.gate(p, c, r.at)
	if err != nil {
		return report.Record{}, err
	}
	if env != "" {
		if err := r.looksIntoRecord(g, r.at); err != nil {
			return report.Record{}, err
		}
	}
	defer r.progress("collecting and verifying the evidence of " + plural(len(c.list), "artifact"))()
	g.For = evidence
	if r.in.KeepEvidence != "" {
		g.Keep = r.keepEvidence
	}
	in, err := g.Look(r.ctx, c.list, env)
	if err != nil {
		return report.Record{}, err
	}
	v, err := gate.Decide(in)
	if err != nil {
		return report.Record{}, err
	}
	if r.ofServer != nil {
		v = gate.Asking(v, r.in.Policy)
	}
	rec := r.record(v, roots)
	rec.Policy = &from
	for _, x := range p.Instances() {
		rec.Sites = append(rec.Sites, siteOf(x.Forge))
	}
	rec.Stamp(r.now)
	r.judged = in
	for _, f := range in.InForce {
		lines, _ := report.Difference(f.Policy.Source, in.Policy.Source)
		rec.Changed = append(rec.Changed, lines...)
		rec.Looser = append(rec.Looser, policy.Looser(f.Policy, in.Policy, env)...)
	}
	return rec, r.names(&rec, &in, v)
}

// proxy returns host and port of the proxy that variables name for https, or "".
// A proxy may have a password, which stays out.
func proxy(getenv func(string) string) string {
	named := cmp.Or(getenv("HTTPS_PROXY"), getenv("https_proxy"))
	if !strings.Contains(named, "://") {
		named = "http://" + named
	}
	u, err := url.Parse(named)
	if err != nil {
		return "a proxy whose address is not a URL"
	}
	return u.Host
}

func (r *run) record(v verdict.Verdict, roots []report.TrustedRoot) report.Record {
	rec := report.NewRecord("sallyport "+r.Version, v)
	if !r.in.Offline {
		rec.Proxy = proxy(r.Getenv)
	}
	if r.platform != nil {
		rec.Run = r.platform.Run()
	}
	rec.Home = r.home
	rec.TrustedRoots = append(rec.TrustedRoots, roots...)
	return rec
}

// publish shows a record to people: in the job's summary, on standard output and as
// annotations.
func (r *run) publish(rec report.Record) error {
	var b bytes.Buffer
	if err := report.Markdown(&b, rec); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := report.EvidenceText(&text, rec); err != nil {
		return err
	}
	if err := r.platform.Summary(b.String(), text.String()); err != nil {
		return err
	}
	if err := r.print(rec); err != nil {
		return err
	}
	r.annotate(rec)
	return nil
}

func (r *run) print(rec report.Record) error {
	switch r.in.Format {
	case "json":
		return report.JSON(r.Stdout, rec)
	case "markdown":
		return report.Markdown(r.Stdout, rec)
	case "junit":
		return report.JUnit(r.Stdout, rec)
	default:
		if r.in.Quiet && rec.Outcome.Allows() {
			return nil
		}
		return report.Text(r.Stdout, rec, r.screen())
	}
}

// maxAnnotations is how many a platform keeps for one step.
const maxAnnotations = 10

// annotate says each finding once, however many artifacts it is about.
func (r *run) annotate(rec report.Record) {
	type note struct {
		verdict.Finding
		text  string
		about []string
	}
	var notes []note
	each := func(name string, list []verdict.Finding) {
		for _, f := range list {
			if f.Outcome == verdict.Allow && !f.Warning {
				continue
			}
			text := sentence(f)
			i := slices.IndexFunc(notes, func(n note) bool { return n.text == text && n.Code == f.Code && n.Line == f.Line })
			if i < 0 {
				i, notes = len(notes), append(notes, note{Finding: f, text: text})
			}
			notes[i].about = append(notes[i].about, name)
		}
	}
	each(rec.Environment, rec.Findings)
	for _, j := range rec.Judgements {
		list := slices.Clone(j.Findings)
		for i, f := range list {
			if len(rec.Judgements) > 1 {
				list[i] = report.Cause(j, f) // else each would be another text
			}
		}
		each(j.Subject.Name, list)
	}
	most := maxAnnotations
	if rec.Outcome.Watched {
		most-- // the first says that all others stop nothing
		r.platform.Annotate("warning", "", 0, "sallyport "+rec.Outcome.String(),
			fmt.Sprintf("%s is only watched: nothing is stopped and nothing is passed on", rec.Environment))
	}
	for _, n := range notes[:min(len(notes), most)] {
		file, level, name := "", "error", n.about[0]
		if rec.Policy != nil && n.Line > 0 {
			file = rec.Policy.File
		}
		if n.Outcome != verdict.Deny || rec.Outcome.Watched {
			level = "warning" // somebody's word is missing, or nothing is stopped
		}
		if more := len(n.about) - 1; more > 0 {
			name += fmt.Sprintf(" and %d more", more)
		}
		r.platform.Annotate(level, file, n.Line, string(n.Code), name+": "+n.text)
	}
}

func sentence(f verdict.Finding) string {
	s := f.Reason
	if f.Found != "" {
		s += "; found " + f.Found
	}
	if f.Wanted != "" {
		s += "; wanted " + f.Wanted
	}
	if f.Hint != "" {
		s += "; fix: " + f.Hint
	}
	return s
}

// release passes on what may be deployed. It is called on allow, and only on
// allow.
func (r *run) release(c chosen) error {
	return errors.Join(
		r.output("checksums", r.component.Allowed()),
		r.longOutput("digests", c.digests()),
		r.longOutput("images", strings.Join(c.imageNames(), " ")),
	)
}

// siteOf is how pages of a platform are addressed.
func siteOf(f policy.Forge) report.Site {
	return report.Site{Host: f.Host, Mark: f.Mark, Folder: f.Folder, Between: strings.TrimSuffix(f.Compare, "compare/")}
}
