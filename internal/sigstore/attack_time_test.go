package sigstore

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"fmt"
	"math"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

func stamps(tokens ...[]byte) func(*protobundle.Bundle) {
	return func(b *protobundle.Bundle) {
		d := &protobundle.TimestampVerificationData{}
		for _, raw := range tokens {
			d.Rfc3161Timestamps = append(d.Rfc3161Timestamps, token(raw))
		}
		b.VerificationMaterial.TimestampVerificationData = d
	}
}

func TestA07_time_from_an_unsigned_field(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	for _, media := range []string{media2, media3} {
		o := f.control1(media)
		b := o.make()
		accepts(t, v, b.json())
		bare := b.with(func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries[0].InclusionPromise = nil })
		refuses(t, v, bare.json(), fault.Time)

		o.stamps = []time.Time{forgedAt.Add(time.Minute)}
		stamped := o.make().with(func(b *protobundle.Bundle) {
			e := b.VerificationMaterial.TlogEntries[0]
			e.InclusionPromise, e.IntegratedTime = nil, forgedAt.Unix()
		})
		if got := accepts(t, v, stamped.json()).Time(); !got.Equal(forgedAt.Add(time.Minute)) {
			t.Errorf("time = %v, want the stamp's and not the unsigned one", got)
		}
	}
	t.Run("statement that names a time", func(t *testing.T) {
		o := f.control()
		o.payload = bytes.Replace(provenance(), []byte(`{"buildDefinition":{}}`),
			[]byte(`{"runDetails":{"metadata":{"finishedOn":"2026-06-01T12:00:00Z"}}}`), 1)
		accepts(t, v, o.make().json())
		o.stamps = nil
		refuses(t, v, o.make().json(), fault.Time)
	})
	t.Run("second log, time of its own", func(t *testing.T) {
		b := f.control().make().with(func(b *protobundle.Bundle) {
			b.VerificationMaterial.TimestampVerificationData = nil
			b.VerificationMaterial.TlogEntries[0].IntegratedTime = forgedAt.Unix()
		})
		refuses(t, v, b.json(), fault.Time)
	})
}

// A time that no log promised is a change of the bundle: it blames no trusted root, which counts the log's key as it did.
func TestA07_altered_time_is_not_blamed_on_the_trusted_root(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Interoperable)
	promised := f.control1(media2).make()
	accepts(t, v, promised.json())
	for _, at := range []int64{1, -1, math.MaxInt64} {
		refuses(t, v, promised.with(func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries[0].IntegratedTime = at }).json(), fault.TLog)
	}
}

func TestA08_timestamp_over_other_bytes(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	one, two := f.control().make(), f.control().make()
	accepts(t, v, one.with(stamps(f.tsa.stamp(stampRequest{over: one.sig, at: forgedAt, hash: crypto.SHA512}))).json())
	attacks := map[string][]byte{
		"of another signature": f.tsa.stamp(stampRequest{over: two.sig, at: forgedAt}),
		"of the payload":       f.tsa.stamp(stampRequest{over: one.payload, at: forgedAt}),
		"SHA-1 imprint":        f.tsa.stamp(stampRequest{over: one.sig, at: forgedAt, hash: crypto.SHA1}),
		"empty":                {},
		"garbage":              []byte("0\x03\x02\x01\x00"),
	}
	for name, raw := range attacks {
		t.Run(name, func(t *testing.T) { refuses(t, v, one.with(stamps(raw)).json(), fault.Time) })
	}
	t.Run("bad stamp is not excused by a promise", func(t *testing.T) {
		b := f.control1(media2).make()
		accepts(t, v, b.json())
		refuses(t, v, b.with(stamps(attacks["of another signature"])).json(), fault.Time)
	})
}

func TestA10_tsa_signer_not_a_timestamping_certificate(t *testing.T) {
	f := newForge()
	middle := func(usages ...asn1.ObjectIdentifier) *authority {
		c := caTemplate("forge-tsa-middle")
		if len(usages) > 0 {
			c.ExtraExtensions = stampTemplate(false, usages...).ExtraExtensions
		}
		return f.tsaRoot.issue(c)
	}
	plain, server := middle(), middle(usageServer)
	signers := map[string]struct {
		signer, middle *authority
		good           bool
	}{
		"timestamping":           {plain.issue(stampTemplate(true, usageStamping)), plain, true},
		"server":                 {plain.issue(stampTemplate(true, usageServer)), plain, false},
		"two usages":             {plain.issue(stampTemplate(true, usageStamping, usageServer)), plain, false},
		"second usage unknown":   {plain.issue(stampTemplate(true, usageStamping, usageUnknown)), plain, false},
		"usage not critical":     {plain.issue(stampTemplate(false, usageStamping)), plain, false},
		"intermediate of server": {server.issue(stampTemplate(true, usageStamping)), server, false},
	}
	for name, s := range signers {
		t.Run(name, func(t *testing.T) {
			trust := f.trust() // names the authority, not its signer
			trust.TimestampAuthorities = []*prototrustroot.CertificateAuthority{s.middle.chain("https://tsa.test", f.tsaRoot)}
			b := f.control().make()
			raw := b.with(stamps(s.signer.stamp(stampRequest{over: b.sig, at: forgedAt, embeds: true}))).json()
			if s.good {
				accepts(t, verifier(t, trust, Transparent), raw)
				return
			}
			refuses(t, verifier(t, trust, Transparent), raw, fault.Time)
		})
	}
	t.Run("another signer than the one that is named", func(t *testing.T) {
		b := f.control().make()
		twin := f.tsaRoot.issue(stampTemplate(true, usageStamping))
		refuses(t, verifier(t, f.trust(), Transparent), b.with(stamps(twin.stamp(stampRequest{over: b.sig, at: forgedAt, embeds: true}))).json(), fault.Time)
	})
}

func TestA11_any_one_time_in_validity_is_accepted(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Transparent)
	at := func(offsets ...time.Duration) order {
		o := f.control()
		o.stamps = nil
		for _, d := range offsets {
			o.stamps = append(o.stamps, forgedAt.Add(d))
		}
		return o
	}
	accepts(t, v, at(0, time.Minute).make().json())
	accepts(t, v, at(9*time.Minute).make().json()) // the last second that is valid
	for name, o := range map[string]order{
		"late":           at(time.Hour),
		"early":          at(-time.Hour),
		"good then late": at(0, time.Hour),
		"late then good": at(time.Hour, 0),
	} {
		t.Run(name, func(t *testing.T) { refuses(t, v, o.make().json(), fault.Time) })
	}
	t.Run("promise good, stamp late", func(t *testing.T) {
		o := f.control1(media2)
		o.stamps = []time.Time{forgedAt.Add(time.Hour)}
		refuses(t, v, o.make().json(), fault.Time)
	})
	t.Run("promise late, stamp good", func(t *testing.T) {
		o := f.control1(media2)
		o.stamps, o.loggedAt = []time.Time{forgedAt}, forgedAt.Add(time.Hour)
		refuses(t, v, o.make().json(), fault.Time)
	})
}

func TestA11_intermediate_expired_before_signing(t *testing.T) {
	f := newForge()
	short := caTemplate("forge-short-lived")
	short.NotAfter = forgedAt.Add(5 * time.Minute)
	middle := f.root.issue(short)
	trust := f.trust()
	trust.CertificateAuthorities = append(trust.CertificateAuthorities, middle.chain("https://fulcio.test", f.root))
	v := verifier(t, trust, Transparent)
	for name, c := range map[string]struct {
		at   []time.Duration
		good bool
	}{
		"before": {[]time.Duration{0, 4 * time.Minute}, true},
		"after":  {[]time.Duration{6 * time.Minute}, false},
		"both":   {[]time.Duration{0, 6 * time.Minute}, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := f.control()
			o.issuer, o.stamps = middle, nil
			for _, d := range c.at {
				o.stamps = append(o.stamps, forgedAt.Add(d))
			}
			if c.good {
				accepts(t, v, o.make().json())
				return
			}
			refuses(t, v, o.make().json(), fault.Time)
		})
	}
}

// Each piece of the trusted root has its own window. The end is inclusive.
func TestA12_trust_root_validity_window(t *testing.T) {
	f := newForge()
	windows := map[string]func(*prototrustroot.TrustedRoot) *protocommon.TimeRange{
		"certificate authority": func(r *prototrustroot.TrustedRoot) *protocommon.TimeRange {
			return r.CertificateAuthorities[0].ValidFor
		},
		"timestamp authority": func(r *prototrustroot.TrustedRoot) *protocommon.TimeRange { return r.TimestampAuthorities[0].ValidFor },
		"log":                 func(r *prototrustroot.TrustedRoot) *protocommon.TimeRange { return r.Tlogs[1].PublicKey.ValidFor },
		"certificate log":     func(r *prototrustroot.TrustedRoot) *protocommon.TimeRange { return r.Ctlogs[0].PublicKey.ValidFor },
	}
	o := f.control() // everything happens in one second
	o.template.NotBefore = forgedAt
	raw := o.make().json()
	for name, window := range windows {
		want := fault.TrustRoot
		if name == "certificate log" {
			want = fault.SCT // sigstore-go passes over such an SCT without a word
		}
		set := func(from, to time.Time) *Verifier {
			trust := f.trust()
			w := window(trust)
			w.Start, w.End = timestamppb.New(from), timestamppb.New(to)
			return verifier(t, trust, Transparent)
		}
		long := forgedAt.AddDate(-1, 0, 0)
		t.Run(name, func(t *testing.T) {
			accepts(t, set(long, forgedAt), raw)
			accepts(t, set(forgedAt, forgedAt), raw)
			refuses(t, set(long, forgedAt.Add(-time.Second)), raw, want)
			refuses(t, set(forgedAt.Add(time.Second), forgedAt.AddDate(1, 0, 0)), raw, want)
			trust := f.trust()
			window(trust).Start = nil
			refusesRoot(t, rootFile(trust))
		})
	}
	t.Run("promise of a log outside its window", func(t *testing.T) {
		trust, raw := f.trust(), f.control1(media3).make().json()
		accepts(t, verifier(t, trust, Transparent), raw)
		trust.Tlogs[0].PublicKey.ValidFor.End = timestamppb.New(forgedAt.Add(-time.Second))
		refuses(t, verifier(t, trust, Transparent), raw, fault.TrustRoot)
	})
	t.Run("authority that ended before the signature", func(t *testing.T) {
		trust := f.trust()
		trust.CertificateAuthorities[0].ValidFor.End = timestamppb.New(forgedAt.Add(-30 * time.Second))
		refuses(t, verifier(t, trust, Transparent), f.control().make().json(), fault.Time)
	})
}

// The verified times are those of authorities, and the first of them counts.
func TestA11_first_witness_counts(t *testing.T) {
	f := newForge()
	o := f.control1(media2)
	o.stamps = []time.Time{forgedAt.Add(2 * time.Minute), forgedAt.Add(3 * time.Minute)}
	got := accepts(t, verifier(t, f.trust(), Transparent), o.make().json())
	if !got.Time().Equal(forgedAt) {
		t.Errorf("time = %v, want the earliest, %v", got.Time(), forgedAt)
	}
}

// A verifier without a requirement for time cannot be made for certificates.
func TestA07_verifier_without_time(t *testing.T) {
	f := newForge()
	trusted := must(ParseTrustedRoot(rootFile(f.trust())))
	for _, r := range []Requirements{{}, {SCTs: 1, Logs: 1}} {
		if v, err := NewVerifier(trusted, r); err == nil || v != nil {
			t.Errorf("verifier for %s = %v, want none", fmt.Sprintf("%+v", r), v)
		}
	}
	if _, err := NewVerifier(nil, Transparent); err == nil {
		t.Error("verifier without a trusted root, want none")
	}
}
