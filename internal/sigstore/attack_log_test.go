package sigstore

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/messages"
)

// A log entry counts only if it records this payload, this signature and this
// certificate. Each hybrid is genuinely logged, promised and proven.
func TestA01_rekor_entry_for_something_else(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Interoperable)
	logs := map[string]struct {
		log  *rekor
		body func(logged) logBody
		file bool
	}{
		"hashedrekord 1": {f.rekor1, logged.hashedrekord1, true},
		"dsse 1":         {f.rekor1, logged.dsse1, false},
		"hashedrekord 2": {f.rekor2, logged.hashedrekord2, false},
	}
	for name, c := range logs {
		o := f.control()
		o.media, o.logs = media2, []*rekor{c.log}
		if c.file {
			o.payload = nil
		}
		twin := o // the same signer signs something else
		twin.payload = []byte(strings.ReplaceAll(string(provenance()), "app.tar.gz", "other"))
		b, other := o.make(), twin.signature()
		o.template = leafTemplate()
		reissued := o.signature() // the same key and bytes, certified and signed again
		swap := func(l logged) forged {
			return b.with(func(b *protobundle.Bundle) {
				b.VerificationMaterial.TlogEntries = []*protorekor.TransparencyLogEntry{c.log.entry(c.body(l), forgedAt)}
			})
		}
		otherSig, otherCert := b.logged, b.logged
		otherSig.sig = reissued.sig
		otherCert.leaf = reissued.leaf
		t.Run(name, func(t *testing.T) {
			accepts(t, v, swap(b.logged).json())
			t.Run("other artifact", func(t *testing.T) { refuses(t, v, swap(other).json(), fault.TLog) })
			t.Run("same digest, other signature", func(t *testing.T) { refuses(t, v, swap(otherSig).json(), fault.TLog) })
			t.Run("same signature, other certificate", func(t *testing.T) { refuses(t, v, swap(otherCert).json(), fault.TLog) })
			t.Run("same everything, other kind claimed", func(t *testing.T) {
				refuses(t, v, b.with(func(b *protobundle.Bundle) {
					b.VerificationMaterial.TlogEntries[0].KindVersion = &protorekor.KindVersion{Kind: "intoto", Version: "0.0.2"}
				}).json(), fault.TLog)
			})
		})
	}
}

func TestA01_entry_of_the_other_kind(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Interoperable)
	b := f.control1(media2).make()
	accepts(t, v, b.json())
	refuses(t, v, b.with(func(x *protobundle.Bundle) {
		x.VerificationMaterial.TlogEntries = []*protorekor.TransparencyLogEntry{f.rekor1.entry(b.hashedrekord1(), forgedAt)}
	}).json(), fault.TLog)

	// An entry of the second version is bound to the bundle by its hash, which
	// a checkpoint of the first version's form does not lead to.
	c, other := f.control(), f.control()
	first, second := c.make(), other.make()
	swap := func(l logged) []byte {
		return first.with(func(x *protobundle.Bundle) {
			e := f.rekor1.entry(l.hashedrekord2(), forgedAt)
			e.InclusionPromise, e.IntegratedTime = nil, 0
			x.VerificationMaterial.TlogEntries = []*protorekor.TransparencyLogEntry{e}
		}).json()
	}
	refuses(t, v, swap(second.logged), fault.TLog)
	refuses(t, v, swap(first.logged), fault.TLog)
	accepts(t, v, first.json())
}

// brokenTransport stands where the network would be.
type brokenTransport struct{ asked []string }

func (b *brokenTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	b.asked = append(b.asked, r.URL.String())
	return nil, errors.New("no network in this test")
}

func TestA03_no_inclusion_proof(t *testing.T) {
	network, usual := &brokenTransport{}, http.DefaultTransport
	http.DefaultTransport = network
	defer func() { http.DefaultTransport = usual }()

	f := newForge()
	entry := func(change func(*protorekor.TransparencyLogEntry)) func(*protobundle.Bundle) {
		return func(b *protobundle.Bundle) { change(b.VerificationMaterial.TlogEntries[0]) }
	}
	for name, o := range map[string]order{"first log": f.control1(media3), "second log": f.control()} {
		v, b := verifier(t, f.trust(), Transparent), o.make()
		accepts(t, v, b.json())
		attacks := map[string]func(*protorekor.TransparencyLogEntry){
			"no proof":          func(e *protorekor.TransparencyLogEntry) { e.InclusionProof = nil },
			"no checkpoint":     func(e *protorekor.TransparencyLogEntry) { e.InclusionProof.Checkpoint = nil },
			"empty checkpoint":  func(e *protorekor.TransparencyLogEntry) { e.InclusionProof.Checkpoint.Envelope = "" },
			"no hashes":         func(e *protorekor.TransparencyLogEntry) { e.InclusionProof.Hashes = nil },
			"short hash":        func(e *protorekor.TransparencyLogEntry) { e.InclusionProof.Hashes[0] = e.InclusionProof.Hashes[0][:31] },
			"flipped bit":       func(e *protorekor.TransparencyLogEntry) { e.InclusionProof.Hashes[0][7] ^= 1 },
			"index -1":          func(e *protorekor.TransparencyLogEntry) { e.LogIndex = -1 },
			"index of the size": func(e *protorekor.TransparencyLogEntry) { e.LogIndex = 2 },
			"proof index -1":    func(e *protorekor.TransparencyLogEntry) { e.InclusionProof.LogIndex = -1 },
			"proof index of the size": func(e *protorekor.TransparencyLogEntry) {
				e.InclusionProof.LogIndex = e.InclusionProof.TreeSize
			},
			"no body": func(e *protorekor.TransparencyLogEntry) { e.CanonicalizedBody = nil },
			"no log":  func(e *protorekor.TransparencyLogEntry) { e.LogId = nil },
		}
		for attack, change := range attacks {
			t.Run(name+", "+attack, func(t *testing.T) { refuses(t, v, b.with(entry(change)).json(), fault.TLog) })
		}
		t.Run(name+", no entry", func(t *testing.T) {
			o := f.control()
			o.logs = nil
			refuses(t, v, o.make().json(), fault.TLog)
		})
		t.Run(name+", proof of one entry only", func(t *testing.T) {
			o := f.control()
			o.logs = []*rekor{f.rekor1, f.rekor2}
			accepts(t, v, o.make().json())
			refuses(t, v, o.make().with(entry(func(e *protorekor.TransparencyLogEntry) { e.InclusionProof = nil })).json(), fault.TLog)
		})
	}
	if len(network.asked) > 0 {
		t.Errorf("verifying asked %q, want no connection", network.asked)
	}
}

func TestA04_checkpoint_not_from_this_log(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Interoperable)
	foreign := map[string]*rekor{"first log": newRekor1("rekor.test"), "second log": newRekor2("log.test")}
	for name, log := range map[string]*rekor{"first log": f.rekor1, "second log": f.rekor2} {
		o := f.control()
		o.media, o.logs = media2, []*rekor{log}
		b := o.make()
		good := checkpoint{origin: log.origin, size: "2",
			root: base64.StdEncoding.EncodeToString(b.VerificationMaterial.TlogEntries[0].InclusionProof.RootHash)}
		signed := log.sign(good)
		edit := func(change func(*checkpoint)) checkpoint { c := good; change(&c); return c }
		after := func(change func(*checkpoint)) checkpoint {
			c := signed
			c.hint, c.sig = bytes.Clone(c.hint), bytes.Clone(c.sig)
			change(&c)
			return c
		}
		witness := foreign[name].sign(good)
		witness.signer = "witness.test"
		cosigned := strings.SplitN(witness.String(), "\n\n", 2)[1]
		attacks := map[string]checkpoint{
			"other root hash":  log.sign(edit(func(c *checkpoint) { c.root = base64.StdEncoding.EncodeToString(make([]byte, 32)) })),
			"no root hash":     log.sign(edit(func(c *checkpoint) { c.root = "" })),
			"no size":          log.sign(edit(func(c *checkpoint) { c.size = "" })),
			"no origin":        log.sign(edit(func(c *checkpoint) { c.origin = "" })),
			"no signature":     after(func(c *checkpoint) { c.sig = nil }),
			"flipped bit":      after(func(c *checkpoint) { c.sig[len(c.sig)-1] ^= 1 }),
			"other key hint":   after(func(c *checkpoint) { c.hint[0] ^= 1 }),
			"foreign key":      foreign[name].sign(good),
			"cosignature only": after(func(c *checkpoint) { c.sig, c.more = nil, cosigned }),
			"size changed after signing": after(func(c *checkpoint) {
				c.size = "3"
			}),
		}
		if log.version2() {
			attacks["other origin"] = log.sign(edit(func(c *checkpoint) { c.origin = "evil.test" }))
		}
		set := func(c checkpoint) []byte {
			return b.with(func(b *protobundle.Bundle) {
				b.VerificationMaterial.TlogEntries[0].InclusionProof.Checkpoint.Envelope = c.String()
			}).json()
		}
		t.Run(name, func(t *testing.T) {
			accepts(t, v, set(signed))
			for attack, c := range attacks {
				t.Run(attack, func(t *testing.T) { refuses(t, v, set(c), fault.TLog) })
			}
		})
	}
}

// Distinct authorities are counted, never entries and never tokens.
func TestA06_one_compromised_log_meets_a_threshold(t *testing.T) {
	f := newForge()
	second := newRekor2("log2.test")
	trust := f.trust()
	trust.Tlogs = append(trust.Tlogs, second.instance())
	two := Transparent
	two.Logs = 2
	v := verifier(t, trust, two)

	o := f.control()
	o.logs = []*rekor{f.rekor2, second}
	accepts(t, v, o.make().json())

	o.logs = []*rekor{f.rekor2}
	b := o.make()
	again := b.with(func(x *protobundle.Bundle) {
		e := f.rekor2.entry(b.hashedrekord2(), forgedAt)
		x.VerificationMaterial.TlogEntries = append(x.VerificationMaterial.TlogEntries, e)
	})
	refuses(t, v, again.json(), fault.TLog)

	// The same entry under another index of the same log.
	o = f.control1(media2)
	o.stamps = []time.Time{forgedAt}
	b = o.make()
	refuses(t, v, b.with(func(x *protobundle.Bundle) {
		e := f.rekor1.entry(b.dsse1(), forgedAt)
		e.LogIndex = 99 // the log's own number; the proof counts within its tree
		f.rekor1.promise(e)
		x.VerificationMaterial.TlogEntries = append(x.VerificationMaterial.TlogEntries, e)
	}).json(), fault.TLog)

}

func TestA06_one_authority_meets_a_threshold_of_timestamps(t *testing.T) {
	f := newForge()
	other := f.tsaRoot.issue(stampTemplate(true, usageStamping))
	trust := f.trust()
	trust.TimestampAuthorities = append(trust.TimestampAuthorities, other.chain("https://tsa2.test", f.tsaRoot))
	v := verifier(t, trust, Requirements{SCTs: 1, Logs: 1, Timed: true, Timestamps: 2})

	o := f.control()
	o.stamps = []time.Time{forgedAt, forgedAt.Add(time.Second)}
	refuses(t, v, o.make().json(), fault.Time)

	b := f.control().make()
	accepts(t, v, b.with(func(x *protobundle.Bundle) {
		x.VerificationMaterial.TimestampVerificationData.Rfc3161Timestamps = append(
			x.VerificationMaterial.TimestampVerificationData.Rfc3161Timestamps, token(other.stamp(stampRequest{over: b.sig, at: forgedAt})))
	}).json())

}

// refusesRoot fails the test unless the trusted root is refused whole.
func refusesRoot(t *testing.T, raw []byte) {
	t.Helper()
	r, err := ParseTrustedRoot(raw)
	if err == nil || r != nil {
		t.Fatalf("trusted root = %v, %v; want it refused", r, err)
	}
	messages.Plain(t, err.Error())
	if f := fault.Of(err); f.Code != fault.TrustRoot || f.Kind != fault.Refused {
		t.Errorf("fault = %v %v, want %v", f.Kind, f.Code, fault.TrustRoot)
	}
}

// A retired log is not excused by junk that names a current one.
func TestA12_entry_of_a_retired_log_beside_junk(t *testing.T) {
	f := newForge()
	retired := newRekor2("old.test")
	trust := f.trust()
	old := retired.instance()
	old.PublicKey.ValidFor.End = timestamppb.New(forgedAt.Add(-time.Hour))
	trust.Tlogs = append(trust.Tlogs, old)
	v := verifier(t, trust, Transparent)

	o := f.control()
	accepts(t, v, o.make().json())
	o.logs = []*rekor{retired}
	refuses(t, v, o.make().json(), fault.TrustRoot)

	two := Transparent
	two.Logs = 2
	v = verifier(t, trust, two)
	o.logs = []*rekor{retired, f.rekor1}
	b := o.make()
	refuses(t, v, b.with(func(x *protobundle.Bundle) {
		junk := f.rekor1.entry(b.dsse1(), forgedAt)
		junk.LogId.KeyId = f.rekor2.id()
		x.VerificationMaterial.TlogEntries = append(x.VerificationMaterial.TlogEntries, junk)
	}).json(), fault.TrustRoot)
}
