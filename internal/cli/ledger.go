package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/report"
	places "github.com/sallyport-dev/sallyport/internal/store"
)

// ledgerInputs is what ledger alone is told.
type ledgerInputs struct {
	Of   []string `input:"of"`
	Keys []string `input:"key"`
	Kept []string `input:"kept"`
	Leaf string   `input:"leaf"`
	Read string   `input:"read-token"`
}

// ledgerCommand reads an export of a server's ledger, or a proof from one, without the server; or it fetches an export.
func ledgerCommand(r *run, in ledgerInputs) (answer, error) {
	action, files := in.Of[len(in.Of)-1], in.Of[:len(in.Of)-1]
	if known := []string{"verify", "prove", "show", "export"}; !slices.Contains(known, action) {
		action, files = in.Of[0], in.Of[1:]
	}
	if len(files) != 1 {
		return answer{}, usage("want: sallyport ledger verify FILE, sallyport ledger show FILE, " +
			"sallyport ledger prove --leaf N FILE, or sallyport ledger export URL")
	}
	var kept []string
	for _, path := range in.Kept {
		const most = 16 << 10
		b, err := content(path, most)
		if err != nil {
			return answer{}, err
		}
		kept = append(kept, string(b))
	}
	if action == "export" {
		return done, r.exportLedger(files[0], in, kept)
	}
	f, err := file.Open(files[0])
	if err != nil {
		return answer{}, fault.New(fault.Usage, fault.Path, "", "opening the export %q: %w", files[0], fault.Cause(err))
	}
	defer func() { _ = f.Close() }() // it was read
	switch action {
	case "verify":
		return done, r.verifyLedger(f, in.Keys, kept)
	case "show":
		return done, r.showLedger(f, in.Keys, kept)
	case "prove":
		return done, r.prove(f, in, kept)
	}
	return answer{}, usage("ledger %q, want verify, show, prove or export", action)
}

// proofIn reads a proof; is says that the file holds one and no export.
func proofIn(f *os.File) (p ledger.Proof, is bool, err error) {
	const most = 512 << 10
	b := make([]byte, most)
	n, err := f.ReadAt(b, 0)
	if !errors.Is(err, io.EOF) { // it is longer than a proof, or cannot be read, which reading it as an export tells
		return p, false, nil
	}
	b = b[:n]
	if !bytes.Contains(b, []byte(`"hashes"`)) || bytes.Contains(b, []byte("}\n{")) {
		return p, false, nil
	}
	p, err = ledger.ReadProof(bytes.TrimSpace(b))
	return p, true, err
}

func (r *run) verifyLedger(f *os.File, keys, kept []string) error {
	p, is, err := proofIn(f)
	if err != nil {
		return err
	}
	if is {
		return r.verifyProof(&p, keys, kept)
	}
	s, err := ledger.Verify(f, keys, kept...)
	if err != nil {
		return err
	}
	if r.in.Format == "json" {
		return report.Document(r.Stdout, map[string]any{
			"origin": s.Checkpoint.Origin, "size": s.Checkpoint.Size, "root": s.Checkpoint.Root,
			"kinds": s.Kinds, "hidden": s.Hidden, "kept": len(kept) - s.Apart, "apart": s.Apart,
			"continues": s.Before, "missing": s.Missing})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "ledger    %s\nleaves    %d, root %s\n", report.Plain(s.Checkpoint.Origin), s.Checkpoint.Size,
		s.Checkpoint.Root)
	for _, k := range slices.Sorted(maps.Keys(s.Kinds)) {
		fmt.Fprintf(&b, "          %d %s\n", s.Kinds[k], k)
	}
	if s.Hidden > 0 {
		fmt.Fprintf(&b, "          %d are not shown in this export\n", s.Hidden)
	}
	if !s.Last.IsZero() {
		fmt.Fprintf(&b, "from      %s to %s\n", s.First.Format(time.RFC3339), s.Last.Format(time.RFC3339))
	}
	if s.Before != nil {
		fmt.Fprintf(&b, "continues %s of %d leaves, of which %d are lost\n", report.Plain(s.Before.Origin),
			s.Before.Size, s.Missing)
	}
	if n := len(kept) - s.Apart; n > 0 {
		fmt.Fprintf(&b, "kept      %s agree\n", plural(n, "checkpoint"))
	}
	if s.Apart > 0 {
		fmt.Fprintf(&b, "          %s of the ledger before: verify its own export with them\n",
			plural(s.Apart, "checkpoint"))
	}
	b.WriteString("verified\n")
	_, err = r.Stdout.Write([]byte(b.String()))
	return err
}

// verifyProof says what a proof shows, if it holds.
func (r *run) verifyProof(p *ledger.Proof, keys, kept []string) error {
	if len(kept) > 0 && p.Before == "" {
		return usage("a proof is of its own checkpoint: leave --kept out, or verify an export with it")
	}
	if err := p.Check(keys); err != nil {
		return err
	}
	for _, k := range kept {
		if err := p.Follows(k, keys); err != nil {
			return err
		}
	}
	of, err := ledger.Open(p.Checkpoint, keys)
	if err != nil {
		return err
	}
	what, leaf := "an older checkpoint", ""
	if p.Leaf != "" {
		x, err := ledger.ParseLeaf([]byte(p.Leaf))
		if err != nil {
			return err
		}
		what, leaf = fmt.Sprintf("leaf %d", p.Index), leafLine(p.Index, &x)+"\n"
	}
	_, err = fmt.Fprintf(r.Stdout, "the proof holds: %s is in the ledger %s of %d leaves\n%s", what,
		report.Plain(of.Origin), of.Size, leaf)
	return err
}

// leafLine is a leaf and its place, as one line for people.
func leafLine(n int64, l *ledger.Leaf) string {
	return fmt.Sprintf("%6d  %s  %-11s  %s", n, l.At.Format(time.RFC3339), l.Kind, report.Plain(leafText(l)))
}

// showLedger shows leaves to people. Nothing is shown of an export that does not verify.
func (r *run) showLedger(f *os.File, keys, kept []string) error {
	if _, err := ledger.Verify(f, keys, kept...); err != nil {
		return err
	}
	if _, err := f.Seek(0, 0); err != nil {
		return fault.Errorf("reading the export again: %w", fault.Cause(err))
	}
	_, err := ledger.Read(f, func(l ledger.Line) error {
		if r.in.Format == "json" {
			if l.Bytes == nil {
				return nil
			}
			_, err := fmt.Fprintf(r.Stdout, "%s\n", l.Bytes)
			return err
		}
		if l.Bytes == nil {
			_, err := fmt.Fprintf(r.Stdout, "%6d  not shown\n", l.Index)
			return err
		}
		x, err := ledger.ParseLeaf(l.Bytes)
		if err == nil {
			_, err = fmt.Fprintln(r.Stdout, leafLine(l.Index, &x))
		}
		return err
	})
	return err
}

// leafText is a leaf as one line.
func leafText(l *ledger.Leaf) string {
	a := &l.About
	var parts []string
	add := func(format, value string) {
		if value != "" {
			parts = append(parts, fmt.Sprintf(format, value))
		}
	}
	add("%s", l.Name)
	add("run %s", a.Run)
	add("into %s", a.Environment)
	add("%s", a.Outcome)
	add("%s", a.Code)
	add("%s", a.Type)
	add("by %s", a.Signer)
	add("policy %s", a.Policy)
	add("key %s", a.Key)
	if a.Missing > 0 {
		add("%s leaves are lost", strconv.FormatInt(a.Missing, 10))
	}
	add("%s", a.Program)
	add("%s", a.Reason)
	return strings.Join(parts, ", ")
}

func (r *run) prove(f *os.File, in ledgerInputs, kept []string) error {
	var p ledger.Proof
	var err error
	switch n, bad := strconv.ParseInt(in.Leaf, 10, 64); {
	case in.Leaf != "" && len(kept) > 0, in.Leaf == "" && len(kept) != 1:
		return usage("prove one thing: --leaf N, or one checkpoint with --kept")
	case in.Leaf == "":
		p, err = ledger.Consistency(f, in.Keys, kept[0])
	case bad != nil:
		return usage("--leaf %q, want a place from 0", in.Leaf)
	default:
		p, err = ledger.Inclusion(f, in.Keys, n)
	}
	if err != nil {
		return err
	}
	b, err := p.JSON()
	if err != nil {
		return err
	}
	if r.in.Output != "" {
		return write(r.in.Output, append(b, '\n'))
	}
	_, err = fmt.Fprintf(r.Stdout, "%s\n", b)
	return err
}

// exportLedger fetches what a server's ledger is for the owner of a token. What does not verify is not written.
func (r *run) exportLedger(address string, in ledgerInputs, kept []string) error {
	if r.in.Output == "" || in.Read == "" && r.platform == nil {
		return usage("export needs --output FILE, and outside of a job --read-token FILE")
	}
	token := func(ctx context.Context) (string, error) {
		return r.platform.IDToken(ctx, strings.TrimSuffix(address, "/"))
	}
	if in.Read != "" {
		const most = 4 << 10
		b, err := content(in.Read, most)
		if err != nil {
			return err
		}
		token = func(context.Context) (string, error) { return strings.TrimSpace(string(b)), nil }
	}
	s, err := places.NewServer(address, token)
	if err != nil {
		return err
	}
	signed, err := s.Checkpoint(r.ctx)
	if err != nil {
		return err
	}
	of, err := ledger.Open(signed, in.Keys)
	if err != nil {
		return err
	}
	part := r.in.Output + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return unwritten(part, err)
	}
	defer func() { _, _ = f.Close(), os.Remove(part) }() // it was renamed, or is of no use
	if err := s.Leaves(r.ctx, of.Size, f); err != nil {
		return err
	}
	if _, err := f.Write(append(ledger.LastLine(signed), '\n')); err != nil {
		return unwritten(part, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return unwritten(part, err)
	}
	if err := r.verifyLedger(f, in.Keys, kept); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), os.Rename(part, r.in.Output)); err != nil {
		return unwritten(r.in.Output, err)
	}
	return nil
}
