// Package signer signs the checkpoints of a ledger: with a key in memory, or with one that a process of its own holds.
//
// That process talks to servers over a socket of the machine. It remembers the newest checkpoint that it has signed,
// and
// refuses one of which a proof does not show that it is of the same history. It knows no database, and no leaf. It
// shows
// nobody the key.
package signer

import (
	"encoding/base64"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
)

// A request is the body of one of C2SP tlog-witness ("add-checkpoint"): the line "old SIZE", the hashes of the proof,
// an
// empty line, and the checkpoint. It differs from that in two things. Nobody has signed the checkpoint yet. And it may
// be
// smaller than the newest one, of whose history the proof then shows it to be the beginning.
type request struct {
	old        int64 // size of the newest that was signed, as who asks knows it
	proof      []ledger.Hash
	checkpoint ledger.Checkpoint
}

// What a request has at most.
const (
	maxRequest = 8 << 10
	maxHashes  = 63 // as tlog-witness says
)

func (q request) text() string {
	var b strings.Builder
	b.WriteString(oldLine(q.old))
	for _, h := range q.proof {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	return b.String() + "\n" + q.checkpoint.Text()
}

// oldLine also answers a request that names another size than that of the newest checkpoint.
func oldLine(size int64) string { return "old " + strconv.FormatInt(size, 10) + "\n" }

// readOld reads such a line.
func readOld(line string) (size int64, is bool) {
	size, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(line, "old "), "\n"), 10, 64)
	return size, err == nil && size >= 0 && oldLine(size) == line
}

func malformed(format string, args ...any) error {
	return fault.New(fault.Refused, fault.Malformed, "ask with a server of the same version", format, args...)
}

func readRequest(text string) (q request, err error) {
	head, checkpoint, is := strings.Cut(text, "\n\n")
	if !is {
		return q, malformed("a request without an empty line")
	}
	lines := strings.Split(head, "\n")
	if q.old, is = readOld(lines[0] + "\n"); !is {
		return q, malformed("a request that begins with %q, want old and a size", fault.Cut(lines[0]))
	}
	if len(lines)-1 > maxHashes {
		return q, malformed("a proof of %d hashes, want %d at most", len(lines)-1, maxHashes)
	}
	for _, line := range lines[1:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return q, malformed("a hash %q, want 32 bytes in base64", fault.Cut(line))
		}
		q.proof = append(q.proof, h)
	}
	if q.checkpoint, err = ledger.ParseText(checkpoint); err != nil {
		return q, malformed("a request about no checkpoint: %w", err)
	}
	return q, nil
}
