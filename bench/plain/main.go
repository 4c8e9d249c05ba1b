// Command plain is the smallest client of sigstore-go that verifies what
// sallyport verifies: a file against a bundle, offline, with certificate
// timestamps, log entries and signed times required. The benchmarks compare
// with it in the same run. Without arguments it does nothing, which is what
// a program that links the verifier costs to start.
//
// It refuses to be a tool: it reads one bundle format loosely, as sigstore-go
// does, and says only whether the file verifies.
package main

import (
	"fmt"
	"os"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

func main() {
	if len(os.Args) == 1 {
		return
	}
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: plain ROOT BUNDLE IDENTITY ISSUER FILE")
		os.Exit(2)
	}
	if err := check(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]); err != nil {
		fmt.Fprintln(os.Stderr, "plain:", err)
		os.Exit(3)
	}
}

func check(rootFile, bundleFile, identity, issuer, file string) error {
	trusted, err := root.NewTrustedRootFromPath(rootFile)
	if err != nil {
		return err
	}
	b, err := bundle.LoadJSONFromPath(bundleFile)
	if err != nil {
		return err
	}
	v, err := verify.NewVerifier(trusted,
		verify.WithSignedCertificateTimestamps(1), verify.WithTransparencyLog(1), verify.WithSignedTimestamps(1))
	if err != nil {
		return err
	}
	who, err := verify.NewShortCertificateIdentity(issuer, "", identity, "")
	if err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = v.Verify(b, verify.NewPolicy(verify.WithArtifact(f), verify.WithCertificateIdentity(who)))
	return err
}
