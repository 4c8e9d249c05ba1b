package lab

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	_ "embed" // the configuration below

	ctclient "github.com/google/certificate-transparency-go/client"
	"github.com/google/certificate-transparency-go/jsonclient"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	fulcioca "github.com/sigstore/fulcio/pkg/ca"
	"github.com/sigstore/fulcio/pkg/ca/baseca"
	"github.com/sigstore/fulcio/pkg/config"
	gateway "github.com/sigstore/fulcio/pkg/generated/protobuf"
	fulcioserver "github.com/sigstore/fulcio/pkg/server"
	v1 "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore/pkg/signature"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

//go:embed fulcio.yaml
var fulcioConfig []byte

// startFulcio starts the certificate authority and returns its URL and how to
// stop it. The shipped server's own start-up wants signals, a second port and
// log.Fatal; this is its HTTP gateway without them.
func startFulcio(ctx context.Context, a authority, s *stack, f *front) (string, func(context.Context) error, error) {
	nothing := func(context.Context) error { return nil }
	cfg, err := readFulcioConfig(s.accounts, s.audience)
	if err != nil {
		return "", nothing, err
	}
	h, err := fulcioHandler(context.WithoutCancel(ctx), cfg, a, s.ct)
	if err != nil {
		return "", nothing, fmt.Errorf("starting the certificate authority: %w", err)
	}
	served, err := listen(f.door("fulcio", h))
	if err != nil {
		return "", nothing, err
	}
	return served.url, served.stop, nil
}

// readFulcioConfig reads the configuration, which asks every issuer for its
// keys. Fulcio goes on without an issuer that does not answer and only logs
// it, so each is looked up again here.
func readFulcioConfig(accounts, audience string) (*config.FulcioConfig, error) {
	filled := bytes.ReplaceAll(fulcioConfig, []byte("${ACCOUNTS}"), []byte(accounts))
	cfg, err := config.Read(bytes.ReplaceAll(filled, []byte("${AUDIENCE}"), []byte(audience)))
	if err != nil {
		return nil, fmt.Errorf("reading the certificate authority's configuration: %w", err)
	}
	for _, issuer := range []string{gitHubIssuer, gitLabIssuer, otherIssuer, accounts} {
		if _, ok := cfg.GetVerifier(issuer); !ok {
			return nil, fmt.Errorf("the certificate authority got no keys from issuer %q", issuer)
		}
	}
	return cfg, nil
}

func fulcioHandler(ctx context.Context, cfg *config.FulcioConfig, a authority, ct ctLog) (http.Handler, error) {
	algorithms, err := signature.NewAlgorithmRegistryConfig([]v1.PublicKeyDetails{
		v1.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
		v1.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384,
		v1.PublicKeyDetails_PKIX_ED25519,
	})
	if err != nil {
		return nil, err
	}
	log, err := ctclient.New(ct.url, http.DefaultClient, jsonclient.Options{PublicKey: ct.pem})
	if err != nil {
		return nil, err
	}
	ca := &baseca.BaseCA{SignerWithChain: &fulcioca.SignerCerts{Certs: a.chain(), Signer: a.intermediate.key}}
	mux := runtime.NewServeMux(runtime.WithMetadata(bearerToken), runtime.WithForwardResponseOption(statusCode))
	srv := fulcioserver.NewGRPCCAServer(log, ca, algorithms, fulcioserver.NewIssuerPool(cfg))
	if err := gateway.RegisterCAHandlerServer(ctx, mux, srv); err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(config.With(r.Context(), cfg)))
	}), nil
}

func bearerToken(_ context.Context, r *http.Request) metadata.MD {
	return metadata.Pairs(fulcioserver.MetadataOIDCTokenKey, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
}

// statusCode answers with the status that the server put into its metadata,
// which the gateway alone would drop.
func statusCode(ctx context.Context, w http.ResponseWriter, _ proto.Message) error {
	md, ok := runtime.ServerMetadataFromContext(ctx)
	if !ok {
		return nil
	}
	for name := range w.Header() {
		if strings.HasPrefix(name, "Grpc-") {
			w.Header().Del(name)
		}
	}
	codes := md.HeaderMD.Get(fulcioserver.HTTPResponseCodeMetadataKey)
	if len(codes) == 0 {
		return nil
	}
	code, err := strconv.Atoi(codes[0])
	if err != nil {
		return fmt.Errorf("status %q of the certificate authority: %w", codes[0], err)
	}
	w.WriteHeader(code)
	return nil
}
