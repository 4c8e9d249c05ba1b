package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/statement"
	places "github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// mayExport refuses, before anything is asked, an export that could not be signed.
func (r *run) mayExport(in historyInputs) error {
	path := in.Export
	switch {
	case path == "":
		return nil
	case r.in.Offline:
		return usage("--export signs, which needs a connection, and --offline forbids one")
	case filepath.Ext(path) != ".jsonl":
		return usage("--export %q, want a name that ends in .jsonl: it holds a bundle on each line", path)
	case len(in.Environment) != 1:
		return usage("--export is about one environment: name it")
	case r.platform == nil:
		return fault.New(fault.Usage, fault.Config,
			"run it in a job that may sign, as docs/record.md shows; without a signature, keep the bundles",
			"an export is signed with the identity of a job, and no platform runs this")
	}
	token, err := r.identityToken()
	if err == nil {
		_, _, err = r.instance(token)
	}
	return err
}

// export writes the one file that a history rests on: a signed list, and every bundle
// that it lists.
func (r *run) export(g *gate.Gate, all []telling, path string) error {
	t := all[0] // mayExport: one environment, which has a number
	e := t.rec.Input.Exporting(t.rec.Target, t.chain, t.heard, t.period, r.Version, r.platform.Run())
	var want []gate.Signed
	for _, x := range t.chain.Entries {
		if d, err := subject.ParseHex(x.Link.SHA256); err == nil && t.period.Has(x.Time) {
			want = append(want, gate.Signed{Statement: d, Signer: x.Signer})
		}
	}
	for _, w := range t.heard.Words {
		want = append(want, gate.Signed{Statement: w.Statement, Signer: w.Signer})
	}
	for _, f := range t.rec.Input.Entries.Facts { // how deployments ended, which the list says too
		x, err := f.Statement.Ending()
		listed := slices.ContainsFunc(
			e.Entries,
			func(l statement.ListedEntry) bool { return l.SHA256 == x.Entry.SHA256 },
		)
		if is := (gate.Signed{Statement: f.StatementHash, Signer: f.Signer}); err == nil && listed &&
			!slices.Contains(want, is) {
			want = append(want, is)
		}
	}
	lines, err := g.Bundles(t.rec, want)
	if err != nil {
		return err
	}
	first, err := r.signExport(g.Policy, e)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	for _, line := range append([][]byte{first}, lines...) {
		if err := json.Compact(&file, line); err != nil {
			return fmt.Errorf("writing a bundle on one line: %w", err)
		}
		file.WriteByte('\n')
	}
	if file.Len() > places.MaxFileBytes || len(lines) >= places.MaxFiles {
		return fault.New(fault.Refused, fault.Limit, "export shorter periods, with --since and --until",
			"the export has %d bundles in %d bytes; at most %d and %d are read again", len(lines)+1, file.Len(),
			places.MaxFiles, places.MaxFileBytes)
	}
	if err := write(path, file.Bytes()); err != nil {
		return err
	}
	r.say("%s: exported to %s: %s", e.Target.Name, fault.Quote(path), plural(len(lines), "statement"))
	return nil
}

// signExport signs the list with the identity of this job.
func (r *run) signExport(p *policy.Policy, e statement.Export) ([]byte, error) {
	a, err := r.attester()
	if err != nil {
		return nil, err
	}
	a.Local, a.Check = inFile{}, func(s statement.Signer, _ statement.Statement) error {
		if why := policy.SignsExports(p, e, s); why != "" {
			return fault.New(
				fault.Refused,
				fault.Identity,
				"export in a workflow of the repository, on a branch of built-by or approve-in",
				"an export of this job would not count: %s",
				why,
			)
		}
		return nil
	}
	defer r.progress("signing the export")()
	receipt, err := r.sign(a, statement.HistoryV1, e)
	return receipt.Record.Bundle, err
}

// inFile is where an export is kept: in the file that it is written to, and in no store.
type inFile struct{}

// Name returns how people call it.
func (inFile) Name() string { return "the export" }

// Put leaves the bundle to its caller.
func (inFile) Put(context.Context, places.Record) (places.Receipt, error) {
	return places.Receipt{Store: "the export"}, nil
}

// exports are those that are handed over and count. One of which something is missing is
// refused, and so is a file that is named by itself and begins with one that does not
// count; in a folder anybody may have put one.
func (r *run) exports(rec gate.Record) ([]policy.Export, error) {
	counts, passed := rec.Input.Exports(rec.Exported)
	for _, x := range counts {
		if p := rec.Input.Policy; x.PolicyDigest != p.Digest {
			r.say("the export of %s was made under policy %s, and %s is %s",
				x.Time.UTC().Format(time.RFC3339), x.PolicyDigest, r.in.Policy, p.Digest)
		}
		if err := rec.Input.Whole(x, rec.Said.Facts); err != nil {
			return nil, err
		}
	}
	claims := rec.Claims()
	for _, d := range slices.SortedFunc(maps.Keys(claims), subject.Digest.Compare) {
		if slices.ContainsFunc(counts, func(x policy.Export) bool { return x.Statement == d }) {
			continue
		}
		for _, source := range claims[d] {
			why := passed[d]
			for _, x := range rec.Exported.Rejections {
				if x.Source == source {
					why = x.Reason
				}
			}
			if why == "" {
				why = "it is of a signer that the policy does not name, or about another environment"
			}
			if r.byItself(source) {
				return nil, fault.New(fault.Refused, fault.EntryMissing,
					"ask who made the export for the whole of it, or have it made again",
					"the export of %s does not count: %s", source, why)
			}
			r.say("the export of %s does not count: %s", source, why)
		}
	}
	return counts, nil
}

// byItself reports whether what was found in source was in a file that the call names.
func (r *run) byItself(source string) bool {
	return slices.ContainsFunc(r.in.Bundle, func(b string) bool {
		name := places.Dir{Path: b}.Name()
		return source == name || strings.HasPrefix(source, name+", ")
	})
}

// exported shows an export.
func exported(x policy.Export) report.Exported {
	return report.Exported{
		Time: x.Time.UTC().Format(time.RFC3339), Signer: x.Signer.SAN, Run: x.Run, Since: x.Since, Until: x.Until,
		Entries: len(x.Entries), Said: len(x.Said), Missing: len(x.Missing),
		Policy: x.PolicyDigest.String(), Version: x.Version, Statement: x.Statement.String(),
	}
}

// state is how the deployment of an entry ended. What no entry at hand and no platform
// says, an export may.
func (t telling) state(e policy.Entry) string {
	if e.State == policy.RunUnknown {
		for _, x := range t.exports {
			for _, l := range x.Entries {
				if l.SHA256 == e.Link.SHA256 && l.State != "" {
					return l.State
				}
			}
		}
	}
	return states[e.State]
}

// outside reports whether an export says that an entry is there and not of its period.
func (t telling) outside(l statement.Link) bool {
	return slices.ContainsFunc(t.exports, func(x policy.Export) bool { return slices.Contains(x.Outside, l) })
}

// confirmed is who was behind a word, where its statement claims it at most and the job
// that made an export had asked the platform; or nil.
func (t telling) confirmed(w policy.Word) *statement.Account {
	if w.Known != policy.ByStatement && w.Known != policy.ByNobody {
		return nil
	}
	for _, x := range t.exports {
		for _, l := range x.Said {
			if l.SHA256 == w.Statement.Hex() && l.By != nil {
				return l.By
			}
		}
	}
	return nil
}

// unlisted is how much is shown that no export lists.
func (t telling) unlisted() int {
	n := 0
	for _, e := range t.chain.Entries {
		listed := slices.ContainsFunc(t.exports, func(x policy.Export) bool {
			return slices.ContainsFunc(
				x.Entries,
				func(l statement.ListedEntry) bool { return l.SHA256 == e.Link.SHA256 },
			)
		})
		if !listed && t.period.Has(e.Time) {
			n++
		}
	}
	for _, w := range t.heard.Words {
		if !slices.ContainsFunc(t.exports, func(x policy.Export) bool {
			return slices.ContainsFunc(
				x.Said,
				func(l statement.ListedWord) bool { return l.SHA256 == w.Statement.Hex() },
			)
		}) {
			n++
		}
	}
	return n
}
