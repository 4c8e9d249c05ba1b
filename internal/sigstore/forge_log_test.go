package sigstore

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"time"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// A rekor is a transparency log: with an ECDSA key one of version 1, which
// promises and proves; with an Ed25519 key one of version 2, which proves.
type rekor struct {
	key    crypto.Signer
	host   string
	origin string // first line of its checkpoints
}

func newRekor1(host string) *rekor { return &rekor{newECKey(), host, host + " - 4242"} }

func newRekor2(host string) *rekor {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return &rekor{must(key, err), host, host}
}

func (r *rekor) version2() bool { _, ok := r.key.(ed25519.PrivateKey); return ok }

func (r *rekor) id() []byte {
	sum := sha256.Sum256(spki(r.key.Public()))
	return sum[:]
}

func (r *rekor) instance() *prototrustroot.TransparencyLogInstance {
	details := protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256
	if r.version2() {
		details = protocommon.PublicKeyDetails_PKIX_ED25519
	}
	return logInstance("https://"+r.host, r.key.Public(), details)
}

func logInstance(uri string, pub crypto.PublicKey, details protocommon.PublicKeyDetails) *prototrustroot.TransparencyLogInstance {
	id := sha256.Sum256(spki(pub))
	return &prototrustroot.TransparencyLogInstance{
		BaseUrl: uri, HashAlgorithm: protocommon.HashAlgorithm_SHA2_256, LogId: &protocommon.LogId{KeyId: id[:]},
		PublicKey: &protocommon.PublicKey{
			RawBytes: spki(pub), KeyDetails: details,
			ValidFor: &protocommon.TimeRange{Start: timestamppb.New(forgedAt.AddDate(-1, 0, 0))},
		},
	}
}

// A checkpoint is a signed tree head, in parts that a test can spoil.
type checkpoint struct {
	origin, size, root string
	signer             string // name on the signature line
	hint               []byte // key hint
	sig                []byte
	more               string // further signature lines
}

func (c checkpoint) body() string {
	var b bytes.Buffer
	for _, line := range []string{c.origin, c.size, c.root} {
		if line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

func (c checkpoint) String() string {
	out := c.body() + "\n"
	if c.sig != nil {
		out += fmt.Sprintf("— %s %s\n", c.signer, base64.StdEncoding.EncodeToString(append(bytes.Clone(c.hint), c.sig...)))
	}
	return out + c.more
}

// sign makes the log sign c as it is.
func (r *rekor) sign(c checkpoint) checkpoint {
	c.signer, c.sig = r.host, r.signBytes([]byte(c.body()))
	c.hint = r.id()[:4]
	if pub, ok := r.key.Public().(ed25519.PublicKey); ok {
		sum := sha256.Sum256(append([]byte(r.host+"\n\x01"), pub...))
		c.hint = sum[:4]
	}
	return c
}

func (r *rekor) signBytes(b []byte) []byte {
	if r.version2() {
		return ed25519.Sign(r.key.(ed25519.PrivateKey), b)
	}
	sum := sha256.Sum256(b)
	return must(ecdsa.SignASN1(rand.Reader, r.key.(*ecdsa.PrivateKey), sum[:]))
}

// entry is what the log answers to an upload of body: the second leaf of a tree
// of two (RFC 6962, 2.1).
func (r *rekor) entry(b logBody, at time.Time) *protorekor.TransparencyLogEntry {
	neighbour := sha256.Sum256([]byte("\x00neighbour"))
	leaf := sha256.Sum256(append([]byte{0}, b.body...))
	root := sha256.Sum256(append(append([]byte{1}, neighbour[:]...), leaf[:]...))
	c := r.sign(checkpoint{origin: r.origin, size: "2", root: base64.StdEncoding.EncodeToString(root[:])})
	e := &protorekor.TransparencyLogEntry{
		LogIndex: 1, LogId: &protocommon.LogId{KeyId: r.id()}, CanonicalizedBody: b.body,
		KindVersion: &protorekor.KindVersion{Kind: b.kind, Version: b.version},
		InclusionProof: &protorekor.InclusionProof{
			LogIndex: 1, TreeSize: 2, RootHash: root[:], Hashes: [][]byte{neighbour[:]},
			Checkpoint: &protorekor.Checkpoint{Envelope: c.String()},
		},
	}
	if !r.version2() {
		e.IntegratedTime = at.Unix()
		r.promise(e)
	}
	return e
}

// promise signs e's entry timestamp.
func (r *rekor) promise(e *protorekor.TransparencyLogEntry) {
	payload := must(json.Marshal(map[string]any{
		"body": e.GetCanonicalizedBody(), "integratedTime": e.GetIntegratedTime(),
		"logIndex": e.GetLogIndex(), "logID": hex.EncodeToString(e.GetLogId().GetKeyId()),
	}))
	e.InclusionPromise = &protorekor.InclusionPromise{SignedEntryTimestamp: r.signBytes(payload)}
}

// A logBody is a canonical entry.
type logBody struct {
	kind, version string
	body          []byte
}

// A logged is what an entry is about.
type logged struct {
	payload  []byte // of the envelope, or nil
	pae      []byte
	digest   []byte // of the signed bytes
	hash     crypto.Hash
	details  string // of the key, as a log of the second version has it; empty: ECDSA P-256
	sig      []byte
	leaf     *x509.Certificate
	keyBytes []byte // PKIX, for a signature without certificate
}

func (l logged) pem() []byte {
	if l.leaf == nil {
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: l.keyBytes})
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: l.leaf.Raw})
}

type object = map[string]any

func (l logged) hashedrekord1() logBody {
	return logBody{"hashedrekord", "0.0.1", must(json.Marshal(object{"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": object{
		"data":      object{"hash": object{"algorithm": "sha256", "value": hex.EncodeToString(l.digest)}},
		"signature": object{"content": l.sig, "publicKey": object{"content": l.pem()}},
	}}))}
}

func (l logged) dsse1() logBody {
	payload, envelope := sha256.Sum256(l.payload), sha256.Sum256(l.pae)
	return logBody{"dsse", "0.0.1", must(json.Marshal(object{"apiVersion": "0.0.1", "kind": "dsse", "spec": object{
		"envelopeHash": object{"algorithm": "sha256", "value": hex.EncodeToString(envelope[:])},
		"payloadHash":  object{"algorithm": "sha256", "value": hex.EncodeToString(payload[:])},
		"signatures":   []object{{"signature": base64.StdEncoding.EncodeToString(l.sig), "verifier": l.pem()}},
	}}))}
}

func (l logged) hashedrekord2() logBody {
	verifier := object{"keyDetails": cmp.Or(l.details, "PKIX_ECDSA_P256_SHA_256")}
	if l.leaf != nil {
		verifier["x509Certificate"] = object{"rawBytes": l.leaf.Raw}
	} else {
		verifier["publicKey"] = object{"rawBytes": l.keyBytes}
	}
	return logBody{"hashedrekord", "0.0.2", must(json.Marshal(object{"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": object{
		"hashedRekordV002": object{
			"data":      object{"algorithm": algorithm(l.hash).String(), "digest": l.digest},
			"signature": object{"content": l.sig, "verifier": verifier},
		},
	}}))}
}
