package cli

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// vacate makes room for what is kept of a decision: what an earlier run has kept in
// the same file goes, and the directory for evidence has to be a new one, so that
// nothing in it is of another decision.
func (r *run) vacate() error {
	if path := r.in.Input; path != "" {
		if err := replaceable(path, "input", policy.InputHead); err != nil {
			return err
		}
		if err := remove(path); err != nil {
			return err
		}
	}
	dir := r.in.KeepEvidence
	if dir == "" {
		return nil
	}
	d, err := file.OpenDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.New(fault.Usage, fault.Path, "name a new directory", "--keep-evidence: %w", err)
	}
	defer d.Close()
	if all, err := fs.ReadDir(file.FS(d), "."); err != nil || len(all) > 0 {
		return fault.New(fault.Usage, fault.Path, "name a new directory, or empty this one",
			"--keep-evidence %q holds something already", dir)
	}
	return nil
}

// names lets rec name what it was reached from, and keeps the document of that if
// it is asked for.
func (r *run) names(rec *report.Record, in *policy.Input, v verdict.Verdict) error {
	raw, err := in.JSON()
	if err != nil {
		return err
	}
	input := subject.Sum(raw)
	c := policy.NewCore(in, v, input)
	core, err := c.Digest()
	if err != nil {
		return err
	}
	rec.Rules, rec.Input, rec.Core = policy.Rules, &input, &core
	if r.in.Input != "" {
		r.document = raw
	}
	r.evidence = r.looking
	return nil
}

// keepEvidence is gate.Keep: a file is named by the digest of its bytes.
func (r *run) keepEvidence(suffix string, b []byte) {
	if r.in.KeepEvidence != "" {
		r.looking[subject.Sum(b).Hex()+suffix] = b
	}
}

// keepJudged writes what is kept of the decision, before anything says how it ended.
func (r *run) keepJudged() error {
	if path := r.in.Input; path != "" {
		if err := write(path, r.document); err != nil {
			return err
		}
	}
	dir := r.in.KeepEvidence
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return usage("making %q: %w", dir, fault.Cause(err))
	}
	for _, name := range slices.Sorted(maps.Keys(r.evidence)) {
		if err := write(filepath.Join(dir, name), r.evidence[name]); err != nil {
			return err
		}
	}
	return nil
}
