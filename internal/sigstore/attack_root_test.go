package sigstore

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Of two entries about one log, the order would say which one counts; one key under two ids would count twice.
func TestA06_a_log_is_named_once(t *testing.T) {
	type instance = prototrustroot.TransparencyLogInstance
	f := newForge()
	log := func() *instance {
		return logInstance("https://log.test", newECKey().Public(), protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256)
	}
	clone := func(l *instance) *instance { return proto.Clone(l).(*instance) }
	one := log()
	otherKey, otherID, otherPeriod, otherAddress := log(), clone(one), clone(one), clone(one)
	otherKey.LogId = one.LogId
	otherID.LogId = log().LogId
	otherPeriod.PublicKey.ValidFor.End = timestamppb.New(forgedAt.AddDate(1, 0, 0))
	otherAddress.BaseUrl = "https://log2.test"

	private := must(rsa.GenerateKey(rand.Reader, 2048))
	pkix := logInstance("https://log.test", private.Public(), protocommon.PublicKeyDetails_PKIX_RSA_PKCS1V15_2048_SHA256)
	pkcs1 := clone(pkix)
	pkcs1.PublicKey.KeyDetails = protocommon.PublicKeyDetails_PKCS1_RSA_PKCS1V5 //nolint:staticcheck // roots have it
	pkcs1.PublicKey.RawBytes = x509.MarshalPKCS1PublicKey(&private.PublicKey)
	pkcs1.LogId = log().LogId

	kinds := map[string]func(*prototrustroot.TrustedRoot, []*instance){
		"transparency log": func(r *prototrustroot.TrustedRoot, l []*instance) { r.Tlogs = append(r.Tlogs, l...) },
		"certificate log":  func(r *prototrustroot.TrustedRoot, l []*instance) { r.Ctlogs = append(r.Ctlogs, l...) },
	}
	for kind, add := range kinds {
		for name, c := range map[string]struct {
			list []*instance
			good bool
		}{
			"two logs":                                {[]*instance{one, log()}, true},
			"one log, twice the same":                 {[]*instance{one, clone(one)}, true},
			"one id for two keys":                     {[]*instance{one, otherKey}, false},
			"one id for two keys, another between":    {[]*instance{one, log(), otherKey}, false},
			"one key under two ids":                   {[]*instance{one, otherID}, false},
			"one key under two ids, another between":  {[]*instance{one, log(), otherID}, false},
			"one key under two ids, in two encodings": {[]*instance{pkix, pkcs1}, false},
			"one log with two periods":                {[]*instance{one, otherPeriod}, false},
			"one log at two addresses":                {[]*instance{one, otherAddress}, false},
		} {
			backwards := slices.Clone(c.list)
			slices.Reverse(backwards)
			for order, list := range map[string][]*instance{"forwards": c.list, "backwards": backwards} {
				t.Run(kind+", "+name+", "+order, func(t *testing.T) {
					trust := f.trust()
					add(trust, list)
					if !c.good {
						refusesRoot(t, rootFile(trust))
						return
					}
					if _, err := ParseTrustedRoot(rootFile(trust)); err != nil {
						t.Errorf("control is refused: %v", err)
					}
				})
			}
		}
	}
}

// Two addresses of one timestamp authority are refused in both orders, and its renewal is not.
func TestA06_a_timestamp_authority_has_one_address(t *testing.T) {
	f := newForge()
	for name, c := range map[string]struct {
		first, second string
		good          bool
	}{
		"renewed": {"https://tsa.test", "https://tsa.test", true}, "renamed": {"https://tsa.test", "https://tsa2.test", false},
		"renamed, backwards": {"https://tsa2.test", "https://tsa.test", false},
	} {
		t.Run(name, func(t *testing.T) {
			trust := f.trust()
			trust.TimestampAuthorities = []*prototrustroot.CertificateAuthority{f.tsa.chain(c.first, f.tsaRoot), f.tsa.chain(c.second, f.tsaRoot)}
			trust.TimestampAuthorities[0].ValidFor.End = timestamppb.New(forgedAt.Add(time.Hour))
			if !c.good {
				refusesRoot(t, rootFile(trust))
				return
			}
			if _, err := ParseTrustedRoot(rootFile(trust)); err != nil {
				t.Errorf("control is refused: %v", err)
			}
		})
	}
}

// The last certificate of an authority is what everything is measured by, so another order is another root.
func TestA14_certificates_of_an_authority_stand_in_order(t *testing.T) {
	f := newForge()
	middle := f.root.issue(caTemplate("forge-middle"))
	issuer := middle.issue(caTemplate("forge-issuer"))
	o := f.control()
	o.issuer = issuer
	raw := o.make().json()
	rootOf := func(list ...*authority) *prototrustroot.TrustedRoot {
		trust := f.trust()
		trust.CertificateAuthorities = []*prototrustroot.CertificateAuthority{list[0].chain("https://fulcio.test", list[1:]...)}
		return trust
	}
	accepts(t, verifier(t, rootOf(issuer, middle, f.root), Transparent), raw)
	for name, list := range map[string][]*authority{
		"backwards": {f.root, middle, issuer}, "root in the middle": {issuer, f.root, middle}, "root first": {f.root, issuer, middle},
		"another root": {issuer, middle, newRootAuthority("forge-root")}, "without what stands between": {issuer, f.root},
	} {
		t.Run(name, func(t *testing.T) { refusesRoot(t, rootFile(rootOf(list...))) })
	}
	t.Run("timestamp authority, backwards", func(t *testing.T) {
		trust := f.trust()
		trust.TimestampAuthorities[0] = f.tsaRoot.chain("https://tsa.test", f.tsa)
		refusesRoot(t, rootFile(trust))
	})
}
