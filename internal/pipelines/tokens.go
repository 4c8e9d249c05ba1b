package pipelines

import (
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/finding"
)

// signs finds commands that sign something with a token.
var signs = lazy(`\b(?:cosign|gitsign|slsa-\w+)\b|\b(?:sigstore|npm)\b.*\b(?:sign|publish)\b|--provenance`)

// checkTokens finds jobs that could sign in the pipeline's name and do not. Each
// command of such a job can make evidence that looks like the build's.
func checkTokens(p *pipeline) {
	inherited := map[*node]bool{}
	for _, j := range p.jobs {
		tokens := j.get("id_tokens")
		p.recordsAndSigns(j, tokens)
		if tokens == nil || inherited[tokens] || j.signs() {
			continue
		}
		if j.table.Raw("id_tokens") == nil {
			inherited[tokens] = true
		}
		for _, e := range tokens.Fields {
			if sigstore(e.Value.Get("aud")) {
				p.token(j, e)
			}
		}
	}
}

// recordsAndSigns finds a job that records a build and may sign.
func (p *pipeline) recordsAndSigns(j *job, tokens *node) {
	if tokens == nil || !slices.ContainsFunc(j.calls, func(c command) bool { return c.verb == "run" }) {
		return
	}
	for _, e := range tokens.Fields {
		if sigstore(e.Value.Get("aud")) {
			p.find(e.Key, finding.Finding{
				Rule: finding.BuildSigns, Severity: finding.Warning,
				Message: quote("the job %s records a build and may sign as well", j.name),
				Found:   e.Name + ": " + show(e.Value), Wanted: "the token in a job after it",
				Hint: "record in a job without id_tokens, and sign the manifest in a job after it",
			})
		}
	}
}

func (p *pipeline) token(j *job, e entry) {
	p.find(e.Key, finding.Finding{
		Rule:    finding.TokenUnused,
		Message: quote("the job %s could sign evidence, and signs nothing", j.name),
		Found:   e.Name + ": " + show(e.Value), Wanted: "the token only in the job that attests",
		Hint: "take id_tokens away from this job",
	})
}

func (j *job) signs() bool {
	if j.component == "attest" || j.component == "approve" || signs().MatchString(j.text) {
		return true
	}
	return slices.ContainsFunc(j.calls, func(c command) bool { return c.verb == "attest" || c.verb == "approve" })
}

func sigstore(aud *node) bool {
	return slices.ContainsFunc(aud.Flat(), func(n *node) bool { return n.Str() == "sigstore" })
}

// interpolation finds inputs, which are put into the text before anyone reads
// it as YAML or as a command.
var interpolation = lazy(`\$\[\[\s*inputs\.([\w-]+)[^\]]*\]\]`)

// checkInputs finds inputs inside of commands: whoever starts the pipeline
// writes the command then.
func checkInputs(p *pipeline) {
	for _, j := range p.jobs {
		for _, key := range []string{"before_script", "script", "after_script", "run"} {
			for _, line := range j.script(key) {
				if !p.builds(line) {
					p.interpolated(j, line)
				}
			}
		}
	}
}

// builds reports whether a line is one of our components', which quotes its
// inputs and checks their form; what environment it names is another matter.
func (p *pipeline) builds(line *node) bool {
	return !strings.Contains(line.Text, "environment=$[[") && slices.ContainsFunc(p.includes, func(i include) bool {
		return i.built != nil && (i.built.Get("script") == line || i.built.Get("before_script") == line)
	})
}

func (p *pipeline) interpolated(j *job, line *node) {
	for _, m := range interpolation().FindAllStringSubmatch(whole(line), 20) {
		if p.bounded(m[1]) {
			continue
		}
		f := finding.Finding{
			Rule: finding.InputInScript, Severity: finding.Warning,
			Message: quote("the input %s becomes part of a command of %s", m[1], j.name),
			Found:   m[0], Wanted: `a variable, used as "$NAME"`,
			Hint: "hand the input over in variables, and quote the variable in the command",
		}
		if j.judge || j.component != "" || j.signs() || len(p.enters(j)) > 0 {
			f.Severity = finding.Error
		}
		p.find(line, f)
		return
	}
}

// bounded reports whether an input can only have values that the file lists, or
// that are no text.
func (p *pipeline) bounded(name string) bool {
	i := p.doc.header.Get("spec").Get("inputs").Get(name)
	switch i.Get("type").Str() {
	case "number", "boolean":
		return true
	}
	if r := i.Get("regex").Str(); r != "" {
		return plain(r)
	}
	return i.Get("options") != nil
}

// plain reports whether a pattern lets nothing through that a shell reads as
// more than a word.
func plain(pattern string) bool {
	r, err := regexp.Compile(pattern)
	if err != nil {
		return false
	}
	for _, hostile := range []string{"$(x)", "`x`", "x; x", "x && x", "x\nx", "x | x", "a$(x)", "v1.0.0;x", "main $(x)", `x" x`, "x' x"} {
		if r.MatchString(hostile) {
			return false
		}
	}
	return true
}
