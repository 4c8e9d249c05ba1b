package policy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// earlier holds what j says of an artifact against what entered before it, where the environment asks for that.
func (in Input) earlier(env Environment, a Artifact, j verdict.Judgement) []verdict.Finding {
	var out []verdict.Finding
	if env.RunsOnce {
		out = append(out, in.reused(env, a, j))
	}
	if env.NotWeaker {
		out = append(out, in.weaker(env, a, j))
	}
	return out
}

// builtIn are the runs of the provenance that evidence tells of, each once.
func builtIn(all []verdict.Evidence) []string {
	var out []string
	for _, e := range all {
		if dialect.IsProvenance(e.PredicateType) && e.Run != "" {
			out = union(out, []string{e.Run})
		}
	}
	slices.Sort(out)
	return out
}

// reused denies where each run that built the artifact has built another one of its name that entered before: a run builds
// one version, and an attacker who takes its token later can sign another (E13).
func (in Input) reused(env Environment, a Artifact, j verdict.Judgement) verdict.Finding {
	runs := builtIn(j.Evidence)
	for _, run := range runs {
		e, used := in.usedBefore(run, a.Name, j.Subject.Name, j.Subject.Digest.Hex())
		if !used {
			return met("runs", "the run has built no other version that entered", env.Line)
		}
		if run == runs[len(runs)-1] {
			f := deny(fault.Reused, "runs", env.Line, "the run that built it has built another version, which entered before", "a run of its own for each version",
				"build this version in a run of its own; find out who signed a second version in that run")
			x, _ := e.has(a.Name)
			f.Found = bare(run) + ", entry " + strconv.Itoa(e.Number) + " of sha256:" + x.SHA256
			return f
		}
	}
	return met("runs", "no provenance counts, so no run is held against the record", env.Line)
}

// dotted is a version in the name of a file.
var dotted = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[0-9]+(?:\.[0-9]+)+`) })

// variant is the name of a file without its folder and its version: two versions of one file have the same, and files for two
// systems do not.
func variant(name string) string { return dotted().ReplaceAllString(base(name), "*") }

// usedBefore returns an entry of other bytes under the name, which a run has built.
func (in Input) usedBefore(run, artifact, name, digest string) (Entry, bool) {
	for _, e := range in.chain.Entries {
		if !e.Watched && slices.ContainsFunc(e.Artifacts, func(x statement.Admitted) bool {
			return x.Artifact == artifact && variant(x.Name) == variant(name) && x.SHA256 != digest && slices.Contains(x.Runs, run)
		}) {
			return e, true
		}
	}
	return Entry{}, false
}

// weaker denies where the artifact that is deployed had evidence of a kind that this one lacks, or was let off less.
func (in Input) weaker(env Environment, a Artifact, j verdict.Judgement) verdict.Finding {
	var had, off []string
	for _, e := range in.chain.Base(a.Name) {
		for _, x := range e.Artifacts {
			if x.Artifact == a.Name {
				had, off = union(had, x.Met), union(off, x.Accepted)
			}
		}
	}
	if len(had) == 0 {
		return met("weaker-evidence", "nothing that is deployed says which evidence it had", env.Line)
	}
	now := metBy(env, j)
	var lost []string
	for _, name := range had {
		if !slices.Contains(now, name) {
			lost = append(lost, "no "+name)
		}
	}
	for _, word := range acceptedIn(j) {
		if !slices.Contains(off, word) {
			lost = append(lost, "accepted: "+word)
		}
	}
	if len(lost) == 0 {
		return met("weaker-evidence", "no weaker than what is deployed: "+strings.Join(had, ", "), env.Line)
	}
	f := deny(fault.Weaker, "weaker-evidence", env.Line, "its evidence is weaker than that of what is deployed", strings.Join(had, ", ")+", with no more accepted than before",
		"attest what is missing; where the weaker evidence is meant, let weaker-evidence out for one release, which is a change of the policy")
	f.Found = strings.Join(lost, "; ")
	return f
}

// metBy are the requirements of evidence that a judgement meets, by name, without a warning.
func metBy(env Environment, j verdict.Judgement) []string {
	var out []string
	for _, f := range j.Findings {
		if f.Outcome == verdict.Allow && !f.Warning && slices.ContainsFunc(env.Requires, func(q Requirement) bool { return q.Name == f.Requirement }) {
			out = append(out, f.Requirement)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// acceptedIn is what the policy let the evidence of a judgement lack, each word once.
func acceptedIn(j verdict.Judgement) []string {
	var out []string
	for _, e := range j.Evidence {
		for _, w := range e.Accepted {
			head, _, _ := strings.Cut(w, ": ")
			if head == "not affected by VEX" || head == "not called" || head == "left out" {
				w = head // which findings they are changes with each release
			}
			out = union(out, []string{w})
		}
	}
	slices.Sort(out)
	return out
}
