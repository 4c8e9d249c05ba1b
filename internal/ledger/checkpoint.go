package ledger

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A Checkpoint says what a ledger was at one size (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string
	Size   int64
	Root   Hash
}

// text is what is signed.
func (c Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// Sign returns the checkpoint as a signed note. Its origin is the name of the signer.
func (c Checkpoint) Sign(by note.Signer) (string, error) {
	c.Origin = by.Name()
	b, err := note.Sign(&note.Note{Text: c.text()}, by)
	return string(b), err
}

// Open verifies a checkpoint by the keys of one of its signers, each in the form of a verifier of notes: NAME+HASH+KEY.
func Open(signed string, keys []string) (Checkpoint, error) {
	var verifiers []note.Verifier
	for _, k := range keys {
		v, err := note.NewVerifier(strings.TrimSpace(k))
		if err != nil {
			return Checkpoint{}, fault.New(fault.Usage, fault.Config,
				"take the key from the server's operator: NAME+HASH+KEY", "the key %q is none: %w", fault.Cut(k), err)
		}
		verifiers = append(verifiers, v)
	}
	n, err := note.Open([]byte(signed), note.VerifierList(verifiers...))
	if err != nil {
		return Checkpoint{}, fault.New(fault.Refused, fault.Ledger,
			"find out who signed it: the ledger may be another server's, or forged",
			"the checkpoint is signed by none of the keys: %w", err)
	}
	c, err := parse(n.Text)
	if err != nil {
		return c, err
	}
	if n.Sigs[0].Name != c.Origin {
		return c, fault.New(fault.Refused, fault.Ledger, "find out who signed it",
			"the checkpoint is of %q, and signed by %q", c.Origin, n.Sigs[0].Name)
	}
	return c, nil
}

// parse reads what is signed. Lines after the third are extensions, of which none is known.
func parse(text string) (c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] == "" || lines[3] != "" {
		return c, malformed("a checkpoint of %d lines, want the origin, the size and the root", len(lines)-1)
	}
	c.Origin = lines[0]
	c.Size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || c.Size < 0 || strconv.FormatInt(c.Size, 10) != lines[1] {
		return c, malformed("a checkpoint of size %q, want a number", fault.Cut(lines[1]))
	}
	if c.Root, err = tlog.ParseHash(lines[2]); err != nil {
		return c, malformed("a checkpoint whose root is %q, want 32 bytes in base64", fault.Cut(lines[2]))
	}
	return c, nil
}

// Parse reads a signed checkpoint without verifying it, where it is the reader's own.
func Parse(signed string) (Checkpoint, error) {
	text, _, _ := strings.Cut(signed, "\n\n")
	return parse(text + "\n")
}
