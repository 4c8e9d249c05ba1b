package sigstore

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// What people get wrong is told apart, each with its own words, code and next step; and what was changed on the way is
// never blamed on the trusted root.
func TestRejection_tells_mistakes_apart(t *testing.T) {
	f := newForge()
	twin := makeForge()
	control, first := f.control(), f.control1(media2)
	with := func(o order, change func(*order)) forged { change(&o); return o.make() }
	edited := func(b forged, change func(*protobundle.VerificationMaterial)) forged {
		return b.with(func(b *protobundle.Bundle) { change(b.VerificationMaterial) })
	}
	trusting := func(change func(*prototrustroot.TrustedRoot)) *prototrustroot.TrustedRoot {
		r := f.trust()
		change(r)
		return r
	}
	ended := func(l *prototrustroot.TransparencyLogInstance) {
		l.PublicKey.ValidFor.End = timestamppb.New(forgedAt.Add(-time.Hour))
	}
	good, promised := control.make(), first.make()
	foreign := newRekor2("other.test")
	tree := checkpoint{origin: "other.test", size: "2", root: base64.StdEncoding.EncodeToString(make([]byte, 32))}
	promise := edited(promised, func(m *protobundle.VerificationMaterial) { m.TlogEntries[0].InclusionProof = nil })
	promise.MediaType = media1

	const again, get, newest = "", "get the bundle again from where it was made", "take the newest trusted root"
	for name, c := range map[string]struct {
		bundle forged
		trust  *prototrustroot.TrustedRoot
		code   fault.Code
		says   string
		hint   string
		remedy Remedy
	}{
		"another instance": {twin.control().make(), f.trust(), fault.Chain, `issued by "forge-intermediate" of "forge, not real", which is no authority of the trusted root`, again, TrustIssuer},
		"a changed certificate": {edited(good, func(m *protobundle.VerificationMaterial) {
			m.GetCertificate().RawBytes[len(m.GetCertificate().RawBytes)-1] ^= 1
		}), f.trust(),
			fault.SignatureInvalid, `names "forge-intermediate" of "forge, not real" as its authority, whose signature it does not bear`, get, NoRemedy},
		"a changed statement":    {good.with(alter), f.trust(), fault.SignatureInvalid, "the signature does not hold for the statement", get, NoRemedy},
		"a changed signature":    {good.with(flip), f.trust(), fault.SignatureInvalid, "the signature does not hold for the statement", get, NoRemedy},
		"no log entry":           {with(control, func(o *order) { o.logs = nil }), f.trust(), fault.TLog, "bundle has no log entry", again, NoRemedy},
		"an entry of a new log":  {with(control, func(o *order) { o.logs = []*rekor{foreign} }), f.trust(), fault.TLog, "of a log that the trusted root does not name", newest, NoRemedy},
		"a root without logs":    {good, trusting(func(r *prototrustroot.TrustedRoot) { r.Tlogs = nil }), fault.TrustRoot, "the trusted root names no transparency log", again, ExpectNoLogs},
		"a log that had ended":   {good, trusting(func(r *prototrustroot.TrustedRoot) { ended(r.Tlogs[1]) }), fault.TrustRoot, `signed at 2026-06-01T12:00:00Z, when the key of log "https://log.test" had ended`, again, NoRemedy},
		"a promise of such":      {promised, trusting(func(r *prototrustroot.TrustedRoot) { ended(r.Tlogs[0]) }), fault.TrustRoot, `promised at 2026-06-01T12:00:00Z, when the key of log "https://rekor.test" had ended`, again, NoRemedy},
		"a promise and no proof": {promise, f.trust(), fault.TLog, "the log's promise and no inclusion proof", again, AcceptPromise},
		"a broken promise": {edited(promised, func(m *protobundle.VerificationMaterial) {
			m.TlogEntries[0].InclusionPromise.SignedEntryTimestamp[9] ^= 1
		}), f.trust(),
			fault.TLog, "the log's promise does not hold", get, NoRemedy},
		"a promise with another time": {edited(promised, func(m *protobundle.VerificationMaterial) { m.TlogEntries[0].IntegratedTime = 1 }), f.trust(),
			fault.TLog, "the log's promise does not hold for the log entry, which gives its time as 1970-01-01T00:00:01Z: the entry was changed", get, NoRemedy},
		"a changed proof": {edited(good, func(m *protobundle.VerificationMaterial) { m.TlogEntries[0].InclusionProof.Hashes[0][0] ^= 1 }), f.trust(), fault.TLog, "does not lead to its checkpoint", get, NoRemedy},
		"another log's checkpoint": {edited(good, func(m *protobundle.VerificationMaterial) {
			m.TlogEntries[0].InclusionProof.Checkpoint.Envelope = foreign.sign(tree).String()
		}), f.trust(),
			fault.TLog, `is of log "https://log.test", and its checkpoint is of "other.test"`, again, NoRemedy},
		"a checkpoint of a log of that name": {edited(good, func(m *protobundle.VerificationMaterial) {
			tree.origin = "log.test"
			m.TlogEntries[0].InclusionProof.Checkpoint.Envelope = newRekor2("log.test").sign(tree).String()
		}), f.trust(), fault.TLog, "not signed by that log", again, NoRemedy},
		"no time":                  {with(control, func(o *order) { o.stamps = nil }), f.trust(), fault.Time, "bundle has no signed time", "sign it again with a timestamp authority", NoRemedy},
		"a time of somebody else":  {with(control, func(o *order) { o.stamper = twin.tsa }), f.trust(), fault.Time, `timestamp is by another authority than those of the trusted root: a signer certified by "forge-tsa-root"`, newest, NoRemedy},
		"a root without authority": {good, trusting(func(r *prototrustroot.TrustedRoot) { r.TimestampAuthorities = nil }), fault.Time, "the trusted root names no timestamp authority", newest, NoRemedy},
		"an authority that had ended": {good, trusting(func(r *prototrustroot.TrustedRoot) {
			r.TimestampAuthorities[0].ValidFor.End = timestamppb.New(forgedAt.Add(-time.Hour))
		}), fault.TrustRoot, `timestamp is of 2026-06-01T12:00:00Z, when authority "https://tsa.test" was not valid`, again, NoRemedy},
		"a time of other bytes": {good.with(stamps(f.tsa.stamp(stampRequest{over: []byte("x"), at: forgedAt}))), f.trust(), fault.Time, "over other bytes than its signature", get, NoRemedy},
		"a changed timestamp": {edited(good, func(m *protobundle.VerificationMaterial) {
			raw := m.TimestampVerificationData.Rfc3161Timestamps[0].SignedTimestamp
			raw[len(raw)-1] ^= 1
		}), f.trust(), fault.Time, `the signature of authority "https://tsa.test" does not hold for the timestamp`, get, NoRemedy},
		"a certificate that had expired": {with(control, func(o *order) { o.stamps = []time.Time{forgedAt.Add(time.Hour)} }), f.trust(), fault.Time,
			"signed at 2026-06-01T13:00:00Z, and the certificate was valid from 2026-06-01T11:59:00Z to 2026-06-01T12:09:00Z", "sign it again", NoRemedy},
		"an entry after it had expired": {with(first, func(o *order) { o.loggedAt = forgedAt.Add(time.Hour) }), f.trust(), fault.Time,
			"signed at 2026-06-01T13:00:00Z, and the certificate was valid", "sign it again", NoRemedy},
		"no certificate log":        {with(control, func(o *order) { o.ctLogs = nil }), f.trust(), fault.SCT, "certificate has no timestamp of a certificate log", again, NoRemedy},
		"a new certificate log":     {with(control, func(o *order) { o.ctLogs = []*ctLog{{newECKey()}} }), f.trust(), fault.SCT, "logged by a certificate log that the trusted root does not name", newest, NoRemedy},
		"a root without such":       {good, trusting(func(r *prototrustroot.TrustedRoot) { r.Ctlogs = nil }), fault.SCT, "the trusted root names no certificate log", newest, NoRemedy},
		"one that had ended":        {good, trusting(func(r *prototrustroot.TrustedRoot) { ended(r.Ctlogs[0]) }), fault.SCT, `when certificate log "https://ct.test" was not valid`, again, NoRemedy},
		"intermediates in a bundle": {good.with(func(b *protobundle.Bundle) { chain(b, good, f.fulcio) }), f.rootAlone(), fault.Chain, "what stands between root and signer comes from the trusted root alone", again, AcceptIntermediates},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := judge(verifier(t, c.trust, Transparent), c.bundle.json())
			var r *Rejection
			if !errors.As(err, &r) || r.Code != c.code || !strings.Contains(r.Error(), c.says) || r.Remedy != c.remedy {
				t.Fatalf("%v with %+v, want %s, %q and remedy %d", err, r, c.code, c.says, c.remedy)
			}
			if (r.Hint == "") != (c.hint == "") || !strings.HasPrefix(r.Hint, c.hint) {
				t.Errorf("hint = %q, want %q", r.Hint, c.hint)
			}
			if c.hint == get && strings.Contains(r.Error()+r.Hint, "trusted root") {
				t.Errorf("%q, %q: what was changed is blamed on the trusted root", r.Error(), r.Hint)
			}
		})
	}
}

// chain puts the signer's certificate of a bundle and others into a chain.
func chain(b *protobundle.Bundle, of forged, list ...*authority) {
	c := &protocommon.X509CertificateChain{Certificates: []*protocommon.X509Certificate{{RawBytes: of.leaf.Raw}}}
	for _, a := range list {
		c.Certificates = append(c.Certificates, &protocommon.X509Certificate{RawBytes: a.cert.Raw})
	}
	b.VerificationMaterial.Content = &protobundle.VerificationMaterial_X509CertificateChain{X509CertificateChain: c}
}

// Of a key, another step helps: to say that nothing of it is logged.
func TestRejection_of_what_a_key_signed(t *testing.T) {
	f := newForge()
	key := newECKey()
	v := must(NewKeyVerifier(must(ParseTrustedRoot(rootFile(f.trust()))), keyFile(key.Public()), Requirements{Logs: 1}))
	b := f.keyed(key)
	accepts(t, v, b.json())
	advises(t, v, b.with(func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries = nil }).json(), AcceptUnlogged)

	r := f.trust()
	r.Tlogs = nil
	_, err := NewKeyVerifier(must(ParseTrustedRoot(rootFile(r))), keyFile(key.Public()), Requirements{Logs: 1})
	var x *Rejection
	if !errors.As(err, &x) || x.Remedy != AcceptUnlogged || fault.Of(err).Code != fault.TrustRoot {
		t.Errorf("error = %v, want %s with its remedy", err, fault.TrustRoot)
	}
}

// Known instances are told by the keys of the embedded root, where there is one, and a namesake is none of them.
func TestProfile_issued(t *testing.T) {
	github := NewUnlogged("github", "https://tuf-repo.github.com", Endpoints{Organization: "GitHub, Inc."})
	rejected := func(raw []byte, root *TrustedRoot) *Rejection {
		_, err := must(NewVerifier(root, Interoperable)).Verify(must(ParseBundle(raw)))
		var r *Rejection
		if !errors.As(err, &r) || r.Remedy != TrustIssuer {
			t.Fatalf("error = %v, want a foreign certificate", err)
		}
		return r
	}
	ours, public := must(ParseTrustedRoot(rootFile(newForge().trust()))), must(ParseTrustedRoot(publicGoodRoot))
	namesake := makeForge()
	template := caTemplate("sigstore-intermediate")
	template.Subject.Organization = []string{"sigstore.dev"}
	namesake.fulcio = namesake.root.issue(template)
	for name, c := range map[string]struct {
		r              *Rejection
		public, github bool
	}{
		"public-good":               {rejected(testFile(t, "npm-2.1.0.v0.3.sigstore.json"), ours), true, false},
		"public-good, older":        {rejected(testFile(t, "reusable-workflow.sigstore.json"), ours), true, false},
		"of an instance":            {rejected(testFile(t, "unlogged.sigstore.json"), public), false, true},
		"of its releases":           {rejected(testFile(t, "unlogged-release.sigstore.json"), public), false, true},
		"nobody's":                  {rejected(newForge().control().make().json(), public), false, false},
		"namesake of public-good":   {rejected(namesake.control().make().json(), public), false, false},
		"no rejection of that kind": {&Rejection{}, false, false},
	} {
		if p, g := PublicGood().Issued(c.r), github.Issued(c.r); p != c.public || g != c.github {
			t.Errorf("%s: public-good %v, github %v; want %v, %v", name, p, g, c.public, c.github)
		}
	}
}
