package ledger

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// An export is a text of lines. Each leaf is its exact bytes; of a leaf that belongs to somebody else, or whose body
// was deleted, there is {"leaf":"HASH"}. The last line is {"checkpoint":"NOTE"}.

// HiddenLine stands for a leaf that is not shown.
func HiddenLine(h Hash) []byte {
	b, _ := json.Marshal(map[string]string{"leaf": base64.StdEncoding.EncodeToString(h[:])}) // two strings
	return b
}

// LastLine ends an export.
func LastLine(checkpoint string) []byte {
	b, _ := json.Marshal(map[string]string{"checkpoint": checkpoint}) // two strings
	return b
}

// A Line is one leaf of an export, as it is read.
type Line struct {
	Index int64
	Bytes []byte // nil: it is not shown
	Hash  Hash
}

// Read goes through an export, and hands over each leaf in its order. It returns the signed checkpoint, which is the
// last line.
func Read(r io.Reader, each func(Line) error) (checkpoint string, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), MaxLeaf+1)
	for n := int64(0); lines.Scan(); n++ {
		line := lines.Bytes()
		if checkpoint != "" {
			return "", malformed("line %d comes after the checkpoint, which ends an export", n+1)
		}
		if text, is := member(line, "checkpoint"); is {
			if !bytes.Equal(LastLine(text), line) {
				return "", malformed("line %d: a checkpoint in another form than its own", n+1)
			}
			checkpoint = text
			continue
		}
		l := Line{Index: n}
		if text, is := member(line, "leaf"); is {
			if l.Hash, err = tlog.ParseHash(text); err != nil || !bytes.Equal(HiddenLine(l.Hash), line) {
				return "", malformed("line %d: a hash in another form than its own", n+1)
			}
		} else {
			l.Bytes, l.Hash = line, tlog.RecordHash(line)
		}
		if err := each(l); err != nil {
			return "", err
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return "", malformed("a line of more than %d bytes", MaxLeaf)
	} else if err != nil {
		return "", fault.Errorf("reading the export: %w", fault.Cause(err))
	}
	if checkpoint == "" {
		return "", fault.New(fault.Refused, fault.Ledger, "ask the server for the export again",
			"the export ends without a checkpoint: something is missing of it")
	}
	return checkpoint, nil
}

// A Summary is what an export holds.
type Summary struct {
	Checkpoint Checkpoint
	Signed     string         // the checkpoint as it was signed
	Kinds      map[Kind]int64 // of the leaves that are shown
	Hidden     int64          // leaves that are not shown
	First      time.Time      // of the leaves that are shown
	Last       time.Time
}

// Verify holds an export to its checkpoint, and to older checkpoints that somebody has kept. It reads each byte once
// and holds one hash for each bit of the size.
func Verify(r io.Reader, keys []string, kept ...string) (Summary, error) {
	s := Summary{Kinds: map[Kind]int64{}}
	var old []Checkpoint
	for _, k := range kept {
		c, err := Open(k, keys)
		if err != nil {
			return s, err
		}
		old = append(old, c)
	}
	var t Tree
	seen := make([]bool, len(old))
	agree := func() error {
		for i, c := range old {
			if c.Size != t.Size() {
				continue
			}
			seen[i] = true
			if c.Root != t.Root() {
				return rewritten(c)
			}
		}
		return nil
	}
	if err := agree(); err != nil {
		return s, err
	}
	signed, err := Read(r, func(l Line) error {
		if l.Bytes == nil {
			s.Hidden++
		} else {
			leaf, err := ParseLeaf(l.Bytes)
			if err != nil {
				return fault.Errorf("leaf %d: %w", l.Index, err)
			}
			s.Kinds[leaf.Kind]++
			if s.First.IsZero() {
				s.First = leaf.At
			}
			s.Last = leaf.At
		}
		t.Add(l.Hash)
		return agree()
	})
	if err != nil {
		return s, err
	}
	if s.Checkpoint, err = Open(signed, keys); err != nil {
		return s, err
	}
	s.Signed = signed
	switch {
	case t.Size() != s.Checkpoint.Size:
		return s, fault.New(fault.Refused, fault.Ledger, "ask the server for the export again",
			"the export has %d leaves, and its checkpoint is of %d", t.Size(), s.Checkpoint.Size)
	case t.Root() != s.Checkpoint.Root:
		return s, fault.New(fault.Refused, fault.Ledger,
			"compare it with another export: a leaf of this one was changed, left out or put in",
			"the leaves have the root %s, and the checkpoint says %s", t.Root(), s.Checkpoint.Root)
	}
	for i, c := range old {
		if c.Origin != s.Checkpoint.Origin {
			return s, fault.New(fault.Refused, fault.Ledger, "compare checkpoints of one server",
				"the checkpoint that was kept is of %q, and the export of %q", c.Origin, s.Checkpoint.Origin)
		}
		if !seen[i] {
			return s, fault.New(fault.Refused, fault.Ledger, "find out who cut it: somebody has seen a longer ledger",
				"the checkpoint that was kept is of %d leaves, and the export has %d", c.Size, t.Size())
		}
	}
	return s, nil
}

func rewritten(c Checkpoint) error {
	return fault.New(fault.Refused, fault.Ledger, "find out who rewrote it: keep both, they are the proof",
		"the first %d leaves are not those of the checkpoint that was kept: its root is %s", c.Size, c.Root)
}
