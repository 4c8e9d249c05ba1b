package serve

import (
	"context"
	"log/slog"

	"github.com/sallyport-dev/sallyport/internal/server/signer"
)

// Sign signs for servers that ask at a socket, with the key in a file, until ctx ends. The state is the file of the
// newest
// checkpoint that was signed.
func Sign(ctx context.Context, key, socket, state string, log *slog.Logger) error {
	private, err := secret(key, "the ledger's key")
	if err != nil {
		return err
	}
	p, err := signer.Open(string(private), state, log)
	if err != nil {
		return err
	}
	defer p.Close()
	l, err := signer.Listen(socket)
	if err != nil {
		return err
	}
	return p.Serve(ctx, l)
}
