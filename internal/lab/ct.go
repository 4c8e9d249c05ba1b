package lab

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/transparency-dev/tessera"
	tposix "github.com/transparency-dev/tessera/storage/posix"
	"github.com/transparency-dev/tesseract"
	"github.com/transparency-dev/tesseract/storage"
	"github.com/transparency-dev/tesseract/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

// A ctLog is the certificate log, from which certificates get their SCTs.
type ctLog struct {
	url string
	key crypto.PublicKey
	pem string
	id  [32]byte // RFC 6962 section 3.2: the hash of the key

	server *server
	cancel context.CancelFunc
}

func (c ctLog) stop(ctx context.Context) error {
	err := c.server.stop(ctx)
	if c.cancel != nil {
		c.cancel()
	}
	return err
}

// startCT starts the log for certificates below root, and for no others.
func startCT(ctx context.Context, scratch string, root *x509.Certificate) (ctLog, error) {
	var c ctLog
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return c, err
	}
	c.key, c.id = key.Public(), sha256.Sum256(der)
	c.pem = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	roots := filepath.Join(scratch, "ct-roots.pem")
	if err := os.WriteFile(roots, certificatesPEM(root), 0o600); err != nil {
		return c, err
	}
	ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	h, err := tesseract.NewLogHandler(ctx, "ct.sallyport.lab", key,
		tesseract.ChainValidationConfig{RootsPEMFile: roots, ExtKeyUsages: "CodeSigning"},
		ctStorage(filepath.Join(scratch, "ct")), 10*time.Second, false, "",
		tesseract.LogHandlerOpts{DedupRL: -1, MaxCertChainBytes: 512 << 10})
	if err != nil {
		return c, fmt.Errorf("starting the certificate log: %w", err)
	}
	c.server, err = listen(h)
	if err == nil {
		c.url = c.server.url
	}
	return c, err
}

func ctStorage(dir string) func(context.Context, note.Signer) (*storage.CTStorage, error) {
	return func(ctx context.Context, s note.Signer) (*storage.CTStorage, error) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		driver, err := tposix.New(ctx, tposix.Config{Path: dir})
		if err != nil {
			return nil, err
		}
		options := tessera.NewAppendOptions().WithCheckpointSigner(s).WithCTLayout().
			WithCheckpointInterval(100*time.Millisecond).WithBatching(64, 10*time.Millisecond)
		appender, _, reader, err := tessera.NewAppender(ctx, driver, options)
		if err != nil {
			return nil, err
		}
		issuers, err := posix.NewIssuerStorage(ctx, dir)
		if err != nil {
			return nil, err
		}
		return storage.NewCTStorage(ctx, &storage.CTStorageOptions{Appender: appender, Reader: reader, IssuerStorage: issuers})
	}
}
