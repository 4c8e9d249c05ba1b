package cli

import (
	"cmp"
	"fmt"
	"path/filepath"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// explainCommand judges again what a verdict is about, from the input that was kept,
// and shows what that comes to. It asks nobody. What it shows is its own verdict and
// never the texts of the file.
func explainCommand(r *run, _ struct{}) (answer, error) {
	path := r.in.Verdict
	raw, err := content(path, report.MaxRecordBytes)
	if err != nil {
		return answer{}, err
	}
	said, err := report.ReadRecord(raw)
	if err != nil {
		return answer{}, err
	}
	if said.Rules == 0 || said.Input == nil || said.Core == nil {
		return answer{}, usage(
			"the verdict %q names no input: it is of an older version, or of a verification without a policy", path)
	}
	if err := policy.KnowsRules(said.Rules); err != nil {
		return answer{}, fmt.Errorf("the verdict %q: %w", path, err)
	}
	in, err := r.kept(*said.Input)
	if err != nil {
		return answer{}, err
	}
	claim := policy.Claim{Input: *said.Input, Core: *said.Core, Environment: said.Environment,
		Outcome: said.Outcome.String(), At: said.At, Verdict: said.Verdict}
	if said.Policy != nil {
		claim.Policy = &said.Policy.Digest
	}
	v, err := policy.Again(&in, claim)
	if err != nil {
		return answer{}, err
	}
	return done, r.explained(said, v, &in)
}

// kept reads the input that has a digest.
func (r *run) kept(digest subject.Digest) (policy.Input, error) {
	path := cmp.Or(r.in.Input, filepath.Join(filepath.Dir(r.in.Verdict), inputs.InputName))
	raw, err := content(path, policy.MaxInputBytes)
	if err != nil {
		return policy.Input{}, err
	}
	if got := subject.Sum(raw); got != digest {
		return policy.Input{}, fault.New(fault.Refused, fault.Replay, "give the input that was kept with this verdict",
			"the input %q has digest %s, and the verdict names %s", path, got, digest)
	}
	return policy.ReadInput(raw)
}

// explained shows what was judged again. The run and the trusted roots do not follow
// from the input, so they are not shown.
func (r *run) explained(said report.Record, v verdict.Verdict, in *policy.Input) error {
	rec := report.NewRecord("sallyport "+r.Version, v)
	rec.Policy = &report.Policy{Digest: in.Policy.Digest}
	if said.Policy != nil {
		rec.Policy.File = said.Policy.File
	}
	rec.Rules, rec.Input, rec.Core = said.Rules, said.Input, said.Core
	rec.Stamp(in.Now)
	if err := r.print(rec); err != nil || r.in.Format != "text" {
		return err
	}
	_, err := fmt.Fprintf(r.Stdout, "judged again: the same\n")
	return err
}
