package ledger

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A Checkpoint says what a ledger was at one size (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	Root   Hash   `json:"root"`
}

// Text is what is signed.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// Sign returns the checkpoint as a signed note. Its origin is the name of its signer.
func (c Checkpoint) Sign(by note.Signer) (string, error) {
	c.Origin = by.Name()
	b, err := note.Sign(&note.Note{Text: c.Text()}, by)
	return string(b), err
}

// Open verifies a checkpoint by the keys of one of its signers, each in the form of a verifier of notes: NAME+HASH+KEY.
func Open(signed string, keys []string) (Checkpoint, error) {
	c, _, err := open(signed, keys)
	return c, err
}

// open also returns those of the keys that have signed.
func open(signed string, keys []string) (c Checkpoint, by []string, err error) {
	var verifiers []note.Verifier
	known := map[string]note.Verifier{}
	for _, k := range keys {
		k = strings.TrimSpace(k)
		if known[k] != nil {
			continue // one that is given twice is one
		}
		v, err := note.NewVerifier(k)
		if err != nil {
			return c, nil, fault.New(fault.Usage, fault.Config,
				"take the key from the server's operator: NAME+HASH+KEY", "the key %q cannot be read: %w", fault.Cut(k), err)
		}
		verifiers, known[k] = append(verifiers, v), v
	}
	n, err := note.Open([]byte(signed), note.VerifierList(verifiers...))
	if err != nil {
		hint := "find out who signed it: the ledger may be another server's, or forged"
		says, bad := Parse(signed)
		continues := func(v note.Verifier) bool { return strings.HasPrefix(says.Origin, v.Name()+"/") }
		if bad == nil && slices.ContainsFunc(verifiers, continues) {
			hint = "it says that it continues the ledger of the key: add the key that sallyport-server ledger continue printed"
		}
		return c, nil, fault.New(fault.Refused, fault.Ledger, hint,
			"the checkpoint is signed by none of the keys: %w", err)
	}
	if c, err = ParseText(n.Text); err != nil {
		return c, nil, err
	}
	if n.Sigs[0].Name != c.Origin {
		return c, nil, fault.New(fault.Refused, fault.Ledger, "find out who signed it",
			"the checkpoint is of %q, and signed by %q", c.Origin, n.Sigs[0].Name)
	}
	for _, sig := range n.Sigs {
		for k, v := range known {
			if v.Name() == sig.Name && v.KeyHash() == sig.Hash {
				by = append(by, k)
			}
		}
	}
	return c, by, nil
}

// maxSize is far more than any ledger has. Proofs about sizes close to the end of the numbers would never end.
const maxSize = 1 << 60

// ParseText reads what is signed. Lines after the third are extensions, of which none is known.
func ParseText(text string) (c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] == "" || lines[3] != "" {
		return c, malformed("a checkpoint of %d lines, want the origin, the size and the root", len(lines)-1)
	}
	c.Origin = lines[0]
	c.Size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || c.Size < 0 || c.Size > maxSize || strconv.FormatInt(c.Size, 10) != lines[1] {
		return c, malformed("a checkpoint of size %q, want a number from 0 to 2^60", fault.Cut(lines[1]))
	}
	if c.Root, err = tlog.ParseHash(lines[2]); err != nil {
		return c, malformed("a checkpoint whose root is %q, want 32 bytes in base64", fault.Cut(lines[2]))
	}
	return c, nil
}

// Parse reads a signed checkpoint without verifying it, where it is the reader's own.
func Parse(signed string) (Checkpoint, error) {
	text, _, _ := strings.Cut(signed, "\n\n")
	return ParseText(text + "\n")
}

// Named reads a key that signs checkpoints, as a file of one holds it, for a ledger of a name: a ledger that continues
// another has another name, and may have the same key. It also returns its verifier.
func Named(private, name string) (note.Signer, string, error) {
	bad := func() error {
		return fault.New(fault.Usage, fault.Config, "make one: sallyport-server key --name "+name,
			"the ledger's key is none that signs the ledger %q", name)
	}
	if _, err := note.NewSigner(private); err != nil {
		return nil, "", bad()
	}
	const parts = 5 // PRIVATE+KEY+NAME+HASH+KEY, where a name has no plus, and a key may have some
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(private, "+", parts)[parts-1])
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return nil, "", bad()
	}
	public, ok := ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return nil, "", bad()
	}
	verifier, err := note.NewEd25519VerifierKey(name, public)
	if err != nil {
		return nil, "", bad()
	}
	hash, _, _ := strings.Cut(strings.TrimPrefix(verifier, name+"+"), "+")
	signer, err := note.NewSigner("PRIVATE+KEY+" + name + "+" + hash + "+" + base64.StdEncoding.EncodeToString(raw))
	if err != nil {
		return nil, "", bad()
	}
	return signer, verifier, nil
}

// Under is the verifier of the same key under another name: a ledger that continues another has one.
func Under(verifier, name string) (string, error) {
	bad := func() error {
		return fault.New(fault.Usage, fault.Config, "take what sallyport-server key has printed: NAME+HASH+KEY",
			"the key %q cannot be read as one that verifies", fault.Cut(verifier))
	}
	if _, err := note.NewVerifier(verifier); err != nil {
		return "", bad()
	}
	const parts = 3 // NAME+HASH+KEY, where a name has no plus, and a key may have some
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(verifier, "+", parts)[parts-1])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize {
		return "", bad()
	}
	out, err := note.NewEd25519VerifierKey(name, raw[1:])
	if err != nil {
		return "", bad()
	}
	return out, nil
}
