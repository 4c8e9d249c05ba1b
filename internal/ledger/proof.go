package ledger

import (
	"encoding/json"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// A Proof shows that a leaf is in the ledger of a checkpoint, or that the ledger of a checkpoint begins with that of
// an older one. It needs nothing besides the server's key.
type Proof struct {
	Version    int    `json:"v"`
	Index      int64  `json:"index"`      // of the leaf
	Leaf       string `json:"leaf"`       // its exact bytes; "": of two checkpoints
	Before     string `json:"before"`     // the older checkpoint; "": of a leaf
	Checkpoint string `json:"checkpoint"` // as it was signed
	Hashes     []Hash `json:"hashes"`     // RFC 6962 sections 2.1.1 and 2.1.2
}

// Inclusion makes the proof of one leaf from an export, which is read twice.
func Inclusion(export io.ReadSeeker, keys []string, index int64) (Proof, error) {
	return prove(export, keys, func(c Checkpoint) (Proof, error) {
		if index < 0 || index >= c.Size {
			return Proof{}, fault.New(fault.Usage, fault.Config, "", "leaf %d of a ledger of %d leaves", index, c.Size)
		}
		return Proof{Index: index}, nil
	}, func(p *Proof, c Checkpoint, r tlog.HashReader) (err error) {
		p.Hashes, err = tlog.ProveRecord(c.Size, index, r)
		return err
	})
}

// Consistency makes the proof that an export begins with what an older checkpoint is of.
func Consistency(export io.ReadSeeker, keys []string, before string) (Proof, error) {
	old, err := Open(before, keys)
	if err != nil {
		return Proof{}, err
	}
	return prove(export, keys, func(c Checkpoint) (Proof, error) {
		if old.Size > c.Size || old.Size == 0 {
			return Proof{}, fault.New(fault.Refused, fault.Ledger,
				"take a checkpoint of the same ledger that is older than the export",
				"the older checkpoint is of %d leaves, and the export of %d", old.Size, c.Size)
		}
		return Proof{Before: before}, nil
	}, func(p *Proof, c Checkpoint, r tlog.HashReader) (err error) {
		p.Hashes, err = tlog.ProveTree(c.Size, old.Size, r)
		return err
	})
}

func prove(
	export io.ReadSeeker, keys []string,
	begin func(Checkpoint) (Proof, error), hashes func(*Proof, Checkpoint, tlog.HashReader) error,
) (Proof, error) {
	s, err := Verify(export, keys)
	if err != nil {
		return Proof{}, err
	}
	p, err := begin(s.Checkpoint)
	if err != nil {
		return p, err
	}
	p.Version, p.Checkpoint = Version, s.Signed
	var t Tree
	t.wanted, err = nodes(func(r tlog.HashReader) error { return hashes(&p, s.Checkpoint, r) })
	if err != nil {
		return p, fault.Errorf("planning the proof: %w", err)
	}
	if _, err := export.Seek(0, io.SeekStart); err != nil {
		return p, fault.Errorf("reading the export again: %w", fault.Cause(err))
	}
	_, err = Read(export, func(l Line) error {
		if l.Index == p.Index && p.Before == "" {
			if l.Bytes == nil {
				return fault.New(fault.Refused, fault.Ledger, "ask for an export that shows it",
					"leaf %d is not shown in this export", l.Index)
			}
			p.Leaf = string(l.Bytes)
		}
		t.Add(l.Hash)
		return nil
	})
	if err != nil {
		return p, err
	}
	if err := hashes(&p, s.Checkpoint, t.reader()); err != nil {
		return p, fault.Errorf("making the proof: %w", err)
	}
	if p.Hashes == nil {
		p.Hashes = []Hash{}
	}
	return p, p.Check(keys)
}

// Check verifies a proof.
func (p *Proof) Check(keys []string) error {
	c, err := Open(p.Checkpoint, keys)
	if err != nil {
		return err
	}
	switch {
	case (p.Leaf == "") == (p.Before == ""):
		return malformed("a proof is of a leaf or of an older checkpoint")
	case p.Leaf != "":
		if _, err := ParseLeaf([]byte(p.Leaf)); err != nil {
			return err
		}
		err = tlog.CheckRecord(tlog.RecordProof(p.Hashes), c.Size, c.Root, p.Index, tlog.RecordHash([]byte(p.Leaf)))
	default:
		var old Checkpoint
		if old, err = Open(p.Before, keys); err != nil {
			return err
		}
		if old.Origin != c.Origin {
			return malformed("the checkpoints are of %q and of %q", old.Origin, c.Origin)
		}
		err = tlog.CheckTree(tlog.TreeProof(p.Hashes), c.Size, c.Root, old.Size, old.Root)
	}
	if err != nil {
		return fault.New(fault.Refused, fault.Ledger, "compare it with an export of the ledger",
			"the proof does not hold: %w", err)
	}
	return nil
}

// Follows holds a proof of two checkpoints to one that somebody has kept, which has to be the older of the two.
func (p *Proof) Follows(kept string, keys []string) error {
	own, err := Open(kept, keys)
	if err != nil {
		return err
	}
	old, err := Open(p.Before, keys)
	if err != nil {
		return err
	}
	switch {
	case old.Origin != own.Origin || old.Size != own.Size:
		return fault.New(fault.Refused, fault.Ledger,
			"ask the server for a proof from the size of the one that was kept",
			"the proof is from %d leaves of %q, and the checkpoint that was kept is of %d leaves of %q", old.Size,
			old.Origin, own.Size, own.Origin)
	case old.Root != own.Root:
		return rewritten(own)
	}
	return nil
}

// ReadProof reads a proof, and verifies nothing.
func ReadProof(b []byte) (Proof, error) {
	const depth, most = 3, 256 << 10
	var p Proof
	if len(b) > most {
		return p, fault.New(fault.Refused, fault.Limit, "", "a proof of %d bytes, want %d at most", len(b), most)
	}
	if err := strictjson.DecodeExact(b, depth, "a proof", &p); err != nil {
		return p, err
	}
	if p.Version != Version {
		return p, malformed("version %d of a proof, want %d", p.Version, Version)
	}
	return p, nil
}

// JSON is a proof as a document.
func (p *Proof) JSON() ([]byte, error) { return json.MarshalIndent(p, "", "  ") }
