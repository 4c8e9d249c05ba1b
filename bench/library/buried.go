package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A bundle is the JSON of one, to be changed.
type bundle = map[string]any

// junk are the ways to bury a bundle: each changes a copy of it.
var junk = map[string]func(b bundle, leaf string, n int) error{
	// another's certificate
	"foreign": func(b bundle, leaf string, n int) error {
		material(b)["certificate"] = bundle{"rawBytes": leaf}
		return restate(b, func(st bundle) { st["predicate"] = bundle{"n": n} })
	},
	// the right certificate, under which the signature does not hold
	"copied": func(b bundle, _ string, n int) error {
		return restate(b, func(st bundle) { st["predicate"] = bundle{"n": n} })
	},
	// the right signature, with a log entry that proves nothing
	"spoilt": func(b bundle, _ string, n int) error {
		entries, ok := material(b)["tlogEntries"].([]any)
		if !ok || len(entries) == 0 {
			return errors.New("the bundle has no log entry")
		}
		proof, ok := entries[0].(bundle)["inclusionProof"].(bundle)
		if !ok {
			return errors.New("the log entry has no proof")
		}
		proof["rootHash"] = base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%032d", n))
		return nil
	},
	// the right signature and log entry, with a timestamp that nobody made
	"unstamped": func(b bundle, _ string, n int) error {
		data, _ := material(b)["timestampVerificationData"].(bundle)
		list, _ := data["rfc3161Timestamps"].([]any)
		if len(list) == 0 {
			return errors.New("the bundle has no timestamp")
		}
		stamp, _ := list[0].(bundle)
		text, _ := stamp["signedTimestamp"].(string)
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return err
		}
		copy(der[len(der)-8:], fmt.Appendf(nil, "%08d", n)) // in its signature
		stamp["signedTimestamp"] = base64.StdEncoding.EncodeToString(der)
		return nil
	},
	// a file that is known by a longer digest alone
	"sha512": func(b bundle, _ string, n int) error {
		sum := sha512.Sum512(fmt.Append(nil, n))
		return restate(b, func(st bundle) {
			st["subject"] = []any{bundle{"name": "junk", "digest": bundle{"sha512": hex.EncodeToString(sum[:])}}}
		})
	},
}

func material(b bundle) bundle { m, _ := b["verificationMaterial"].(bundle); return m }

// restate changes the signed statement of b; the signature no longer holds.
func restate(b bundle, edit func(bundle)) error {
	envelope, _ := b["dsseEnvelope"].(bundle)
	text, _ := envelope["payload"].(string)
	payload, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	var st bundle
	if err := json.Unmarshal(payload, &st); err != nil {
		return err
	}
	edit(st)
	if payload, err = json.Marshal(st); err != nil {
		return err
	}
	envelope["payload"] = base64.StdEncoding.EncodeToString(payload)
	return nil
}

// bury writes a folder with a bundle and n pieces of junk, a thousand to a file,
// in an order that is the same each time and puts the bundle in the middle.
func bury(kind, count, bundleFile, out string) error {
	n, err := strconv.Atoi(count)
	if err != nil || junk[kind] == nil {
		return fmt.Errorf("%q pieces of %q", count, kind)
	}
	raw, err := os.ReadFile(bundleFile)
	if err != nil {
		return err
	}
	leaf, err := stranger()
	if err != nil {
		return err
	}
	var lines []string
	for i := range n {
		var b bundle
		if err := json.Unmarshal(raw, &b); err != nil {
			return err
		}
		if err := junk[kind](b, leaf, i); err != nil {
			return err
		}
		line, err := json.Marshal(b)
		if err != nil {
			return err
		}
		lines = append(lines, string(line))
	}
	lines = slices.Insert(lines, n/2, strings.TrimSpace(string(raw)))
	if err := os.MkdirAll(out, 0o750); err != nil {
		return err
	}
	i := 0
	for part := range slices.Chunk(lines, 1000) {
		name := filepath.Join(out, fmt.Sprintf("%03d.jsonl", i))
		i++
		if err := os.WriteFile(name, []byte(strings.Join(part, "\n")+"\n"), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// stranger is a certificate of nobody, in base64.
func stranger() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), EmailAddresses: []string{"stranger@example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return base64.StdEncoding.EncodeToString(der), err
}

// buried prints what it costs to read a file of bundles, and to find the one in
// it that is about its own first subject.
func buried(rootFile, bundleFile, file string) error {
	v, err := verifier(rootFile)
	if err != nil {
		return err
	}
	good, err := verified(rootFile, bundleFile)
	if err != nil {
		return err
	}
	st, _ := good.Statement()
	d, err := subject.ParseHex(st.Subject[0].Digest["sha256"])
	if err != nil {
		return err
	}
	subjects := []subject.Subject{{Name: st.Subject[0].Name, Digest: d}}
	began := cpu()
	evidence, err := gate.Collect(context.Background(), []gate.Store{store.Dir{Path: file}}, subjects)
	if err != nil {
		return err
	}
	read := cpu()
	found, err := gate.Verify(subjects, evidence, gate.Checker{Waits: signedLike(good.Signer()), Verifiers: map[string]*sigstore.Verifier{"": v}})
	if err != nil {
		return err
	}
	if len(found[0].Facts) != 1 {
		return fmt.Errorf("%d bundles verify, want the one", len(found[0].Facts))
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]int64{"bundles": int64(len(evidence.Items)), "read": int64(read - began), "verify": int64(cpu() - read)})
}

// signedLike waits for the bundles of one signer's repository.
func signedLike(s statement.Signer) func(sigstore.Glimpse) bool {
	return sigstore.NewFilter([]string{s.Repository}, nil).Match
}

// cpu is the processor time of this process so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
