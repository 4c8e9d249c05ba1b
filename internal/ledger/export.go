package ledger

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"

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

// Hidden reports whether a line stands for a leaf that is not shown.
func Hidden(line []byte) bool {
	_, is := member(line, "leaf")
	return is
}

// HashOf is the hash of a leaf (RFC 6962 section 2.1).
func HashOf(leaf []byte) Hash { return tlog.RecordHash(leaf) }

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
