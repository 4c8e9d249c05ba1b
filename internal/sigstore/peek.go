package sigstore

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A Glimpse is what can be seen of a bundle at a hundredth of the cost of
// reading it: whose certificate it carries, and whether the signature under that
// certificate holds for the payload. Nothing in it is to be believed. It serves
// to pass over the bundles of strangers, of whom anybody may send thousands.
type Glimpse struct {
	Leaf  []byte // the signing certificate, DER; nil if there is none
	Keyed bool   // the bundle names a public key in place of a certificate

	payload, payloadType, signature []byte // as they stand in the JSON
	body                            []byte // of the only log entry, as it stands in the JSON
	proof                           struct {
		index, size, root, checkpoint []byte
		hashes                        [][]byte
	}
}

// Peek looks at the members of raw that name its signer, without checking
// that raw is JSON. ok is false if they are not where a bundle has them or are
// not written as a bundle writes them; ParseBundle refuses such bytes too.
//
// A bundle whose certificate waits does not wait for is looked at no further:
// then nothing but Leaf is there.
func Peek(raw []byte, waits func(Glimpse) bool) (g Glimpse, ok bool) {
	if len(raw) > MaxBundleBytes {
		return Glimpse{}, false
	}
	s := scan{raw: raw}
	entries := 0
	for s.next() {
		switch {
		case s.at("verificationMaterial", "certificate", "rawBytes"),
			s.at("verificationMaterial", "x509CertificateChain", "certificates", "rawBytes"):
			if g.Leaf != nil {
				break
			}
			if g.Leaf, ok = leafOf(s.value); !ok {
				return Glimpse{}, false
			}
			if !waits(g) {
				return Glimpse{Leaf: g.Leaf}, true
			}
		case s.at("verificationMaterial", "tlogEntries", "canonicalizedBody"):
			entries++
			g.body = s.value
		case s.at("verificationMaterial", "tlogEntries", "inclusionProof", "logIndex"):
			g.proof.index = s.value
		case s.at("verificationMaterial", "tlogEntries", "inclusionProof", "treeSize"):
			g.proof.size = s.value
		case s.at("verificationMaterial", "tlogEntries", "inclusionProof", "rootHash"):
			g.proof.root = s.value
		case s.at("verificationMaterial", "tlogEntries", "inclusionProof", "hashes"):
			g.proof.hashes = append(g.proof.hashes, s.value)
		case s.at("verificationMaterial", "tlogEntries", "inclusionProof", "checkpoint", "envelope"):
			g.proof.checkpoint = s.value
		case s.at("dsseEnvelope", "payload"):
			g.payload = s.value
		case s.at("dsseEnvelope", "payloadType"):
			g.payloadType = s.value
		case s.at("dsseEnvelope", "signatures", "sig"):
			if g.signature == nil {
				g.signature = s.value
			}
		}
	}
	if entries > 1 {
		g.body = nil
	}
	g.Keyed = s.keyed
	return g, !s.bad && (g.Keyed || g.Leaf != nil)
}

// leafOf decodes a certificate.
func leafOf(text []byte) ([]byte, bool) {
	if len(text) > 2*MaxLeafBytes {
		return nil, false
	}
	leaf := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(leaf, text)
	return leaf[:n], err == nil && n > 0
}

// Claimed returns whom the certificate names, unverified, and false if that
// cannot be read.
func (g Glimpse) Claimed() (statement.Signer, bool) {
	leaf, err := x509.ParseCertificate(g.Leaf)
	if err != nil {
		return statement.Signer{}, false
	}
	s, err := readSigner(leaf)
	return s, err == nil
}

// Holds reports whether the certificate holds text anywhere.
func (g Glimpse) Holds(text string) bool { return bytes.Contains(g.Leaf, []byte(text)) }

// Key is the same for bundles that carry the same signature over the same
// payload under the same certificate, and for no others; it is zero where that
// cannot be seen.
func (g Glimpse) Key() subject.Digest {
	if g.Leaf == nil || g.payload == nil || g.signature == nil {
		return subject.Digest{}
	}
	h := sha256.New()
	for _, part := range [][]byte{g.Leaf, g.payloadType, g.payload, g.signature} {
		_ = binary.Write(h, binary.BigEndian, uint64(len(part)))
		h.Write(part)
	}
	return subject.SHA256([32]byte(h.Sum(nil)))
}

// A Filter tells the certificates that somebody waits for from those of
// strangers, by what they hold. A match proves nothing.
type Filter struct {
	needles [][]byte
}

// NewFilter returns a filter for certificates one of whose extensions is one of
// values (as Fulcio writes extensions 8 to 24: a UTF8String), or whose
// alternative name holds one of names.
func NewFilter(values, names []string) Filter {
	var f Filter
	for _, v := range values {
		if der, err := asn1.MarshalWithParams(v, "utf8"); err == nil {
			f.needles = append(f.needles, der)
		}
	}
	for _, n := range names {
		f.needles = append(f.needles, []byte(n))
	}
	return f
}

// Match reports whether g's certificate is one that is waited for.
func (f Filter) Match(g Glimpse) bool {
	return slices.ContainsFunc(f.needles, func(n []byte) bool { return bytes.Contains(g.Leaf, n) })
}

// A Leaf is the key of a signing certificate, read once for all bundles that
// carry it.
type Leaf struct{ key crypto.PublicKey }

// ReadLeaf reads the key of g's certificate. It is the zero Leaf if there is
// none, or one that a full verification refuses.
func (g Glimpse) ReadLeaf() Leaf {
	c, err := x509.ParseCertificate(g.Leaf)
	if err != nil || checkKey("signing key", c.PublicKey) != nil {
		return Leaf{}
	}
	return Leaf{c.PublicKey}
}

// Forged reports whether the signature does not hold for the payload under the
// certificate that leaf was read from: somebody copied the certificate of another
// bundle. It is false where only a full verification can tell.
func (g Glimpse) Forged(leaf Leaf) bool {
	if leaf.key == nil || g.payload == nil || g.signature == nil {
		return false
	}
	pae, ok := g.signed()
	sig, err := base64.StdEncoding.AppendDecode(nil, g.signature)
	if err != nil || !ok {
		return false
	}
	_, holds := over(leaf.key, pae, sig)
	return !holds
}

// A LogClaim says how the log entry of a bundle looks before a key of a log is
// used, in the order in which bundles are worth a try.
type LogClaim int

// The claims of log entries.
const (
	LogFits    LogClaim = iota // the entry is of this signature, and its proof leads to its checkpoint
	LogUnseen                  // only a full verification can tell
	LogMisfit                  // the proof leads elsewhere
	LogForeign                 // the entry is of another signature
)

// Log compares the only log entry of a bundle with what is signed, and its proof
// with its checkpoint. It costs a tenth of a signature check.
func (g Glimpse) Log() LogClaim {
	body, err := base64.StdEncoding.AppendDecode(nil, g.body)
	switch {
	case err != nil || g.body == nil || g.payload == nil || g.signature == nil:
		return LogUnseen
	case g.foreignEntry(body):
		return LogForeign
	case g.proof.root == nil:
		return LogUnseen
	case !g.proofFits(body):
		return LogMisfit
	default:
		return LogFits
	}
}

// proofFits reports whether the inclusion proof leads from the entry to its
// checkpoint (RFC 6962, section 2.1.1; C2SP tlog-checkpoint).
func (g Glimpse) proofFits(body []byte) bool {
	index, err1 := strconv.ParseUint(string(g.proof.index), 10, 63)
	size, err2 := strconv.ParseUint(string(g.proof.size), 10, 63)
	root, err3 := base64.StdEncoding.AppendDecode(nil, g.proof.root)
	checkpoint, err4 := strictjson.Unquote(g.proof.checkpoint)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return false
	}
	var hashes [][]byte
	for _, text := range g.proof.hashes {
		h, err := base64.StdEncoding.AppendDecode(nil, text)
		if err != nil {
			return false
		}
		hashes = append(hashes, h)
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(body)
	head := strings.SplitN(string(checkpoint), "\n", 4) // origin, size, root
	return len(head) == 4 && head[1] == string(g.proof.size) && head[2] == string(g.proof.root) &&
		proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, leaf, hashes, root) == nil
}

// foreignEntry reports whether body, which is that of the log entry, is about
// another signature than g's.
//
// The bodies of all kinds contain the signature; kind intoto contains it in base64
// a second time. Kinds dsse and intoto contain the digest of the payload, and kind
// hashedrekord the digest of the signed bytes: Rekor v1 writes it in hexadecimal,
// v2 in base64.
func (g Glimpse) foreignEntry(body []byte) bool {
	has := func(text string) bool { return bytes.Contains(body, []byte(text)) }
	signed := func() ([]byte, bool) {
		payload, err := base64.StdEncoding.AppendDecode(nil, g.payload)
		return payload, err == nil
	}
	sig := string(g.signature)
	switch {
	case has(`"kind":"dsse"`):
	case has(`"kind":"hashedrekord"`):
		signed = g.signed
	case has(`"kind":"intoto"`) && has(`"apiVersion":"0.0.2"`):
		sig = base64.StdEncoding.EncodeToString(g.signature)
	default:
		return false
	}
	if !has(sig) {
		return true
	}
	if !has(`"algorithm":"sha256"`) && !has(`"algorithm":"SHA2_256"`) {
		return false
	}
	hashed, ok := signed()
	sum := sha256.Sum256(hashed)
	return ok && !has(hex.EncodeToString(sum[:])) && !has(base64.StdEncoding.EncodeToString(sum[:]))
}

// signed returns what is signed, and false if that cannot be read.
func (g Glimpse) signed() ([]byte, bool) {
	payloadType, err := strictjson.Unquote(g.payloadType)
	if err != nil {
		return nil, false
	}
	payload, err := base64.StdEncoding.AppendDecode(nil, g.payload)
	if err != nil {
		return nil, false
	}
	return preAuth(payloadType, payload), true
}

// preAuth is the pre-authentication encoding of an envelope
// (DSSE protocol, "Signature Definition").
func preAuth(payloadType, payload []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(payload) + len(payloadType) + 64)
	b.WriteString("DSSEv1 ")
	b.WriteString(strconv.Itoa(len(payloadType)))
	b.WriteByte(' ')
	b.Write(payloadType)
	b.WriteByte(' ')
	b.WriteString(strconv.Itoa(len(payload)))
	b.WriteByte(' ')
	b.Write(payload)
	return b.Bytes()
}

// scan goes from string to string through JSON text and knows the names of the
// members around each. It checks nothing and skips what it is not asked about at
// the speed of a search for quotation marks.
type scan struct {
	raw   []byte
	pos   int
	depth int               // objects around
	lists int               // arrays around
	names [maxPeeked][]byte // of the members around, by depth
	value []byte            // the string at hand
	keyed bool              // verificationMaterial.publicKey is there
	bad   bool              // not balanced, or a name with an escape
}

// maxPeeked is how deep the members are that Peek looks for.
const maxPeeked = 5

// next goes on to the next string that is a value.
func (s *scan) next() bool {
	for s.pos < len(s.raw) {
		switch c := s.raw[s.pos]; c {
		case '{':
			s.depth++
		case '}':
			s.depth--
		case '[':
			s.lists++
		case ']':
			s.lists--
		case '"':
			text, ok := s.text()
			if !ok {
				return false
			}
			if !s.isName() {
				s.value = text
				return true
			}
			if bytes.IndexByte(text, '\\') >= 0 {
				s.bad = true
				return false
			}
			if s.depth > 0 && s.depth <= maxPeeked {
				s.names[s.depth-1] = text
				s.keyed = s.keyed || s.at("verificationMaterial", "publicKey")
			}
			continue
		}
		if s.depth < 0 || s.lists < 0 {
			s.bad = true
			return false
		}
		s.pos++
	}
	s.bad = s.bad || s.depth != 0 || s.lists != 0
	return false
}

// text returns what stands between the quotation mark at hand and the one that
// ends it, and goes on behind it.
func (s *scan) text() ([]byte, bool) {
	start := s.pos + 1
	for at := start; ; {
		i := bytes.IndexByte(s.raw[at:], '"')
		if i < 0 {
			s.bad = true
			return nil, false
		}
		at += i
		escapes := 0
		for at-escapes > start && s.raw[at-escapes-1] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			s.pos = at + 1
			return s.raw[start:at], true
		}
		at++
	}
}

// isName reports whether a colon follows.
func (s *scan) isName() bool {
	for ; s.pos < len(s.raw); s.pos++ {
		switch s.raw[s.pos] {
		case ' ', '\t', '\r', '\n':
		default:
			return s.raw[s.pos] == ':'
		}
	}
	return false
}

// at reports whether the string at hand is the member of these names.
func (s *scan) at(names ...string) bool {
	if s.depth != len(names) {
		return false
	}
	for i, n := range names {
		if string(s.names[i]) != n {
			return false
		}
	}
	return true
}
