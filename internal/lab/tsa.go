package lab

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"time"

	tsaserver "github.com/sigstore/timestamp-authority/v2/pkg/server"
	"github.com/spf13/viper"
)

// timestampPolicy is the policy that Sigstore's timestamp authorities state.
const timestampPolicy = "1.3.6.1.4.1.57264.2"

// A tsa is the timestamp authority.
type tsa struct {
	url    string              // the whole URL that a request is posted to
	chain  []*x509.Certificate // leaf first, root last
	server *server
}

func (t tsa) stop(ctx context.Context) error { return t.server.stop(ctx) }

// startTSA starts the shipped server's handler with a chain of the lab's own.
// The server reads its settings from viper's globals and keeps its signer in a
// package variable, which is why a process has one lab at most.
func startTSA(scratch string, since time.Time, f *front) (tsa, error) {
	var t tsa
	a, err := newAuthority("timestamp authority", x509.ExtKeyUsageTimeStamping, since)
	if err != nil {
		return t, err
	}
	leaf, err := a.timestampLeaf(since)
	if err != nil {
		return t, err
	}
	t.chain = append([]*x509.Certificate{leaf.cert}, a.chain()...)
	key, err := privateKeyPEM(leaf.key)
	if err != nil {
		return t, err
	}
	keyFile, chainFile := filepath.Join(scratch, "tsa.key"), filepath.Join(scratch, "tsa.pem")
	if err := os.WriteFile(keyFile, key, 0o600); err != nil {
		return t, err
	}
	if err := os.WriteFile(chainFile, certificatesPEM(t.chain...), 0o600); err != nil {
		return t, err
	}
	for name, value := range map[string]any{
		"timestamp-signer": "file", "timestamp-signer-hash": "sha256",
		"file-signer-key-path": keyFile, "certificate-chain-path": chainFile,
		"default-policy-oid": timestampPolicy, "accepted-policy-oids": []string{timestampPolicy},
		"enforce-intermediate-eku": true,
	} {
		viper.Set(name, value)
	}
	api := tsaserver.NewRestAPIServer("127.0.0.1", 0, []string{"http"}, false, 10*time.Second, 10*time.Second)
	t.server, err = listen(f.door("tsa", api.GetHandler()))
	if err == nil {
		t.url = t.server.url + "/api/v1/timestamp"
	}
	return t, err
}
