package sigstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/sallyport-dev/sallyport/internal/client"
)

// tufBudget is the time of one update: a root may have been renewed often, and
// each renewal is a file of its own.
const tufBudget = 2 * time.Minute

// fetcher downloads TUF files within a time and a size. What they hold is
// signed; from where they may come, Profile.update says.
type fetcher struct {
	ctx context.Context // go-tuf's interface has no parameter for it
}

// DownloadFile implements the interface of go-tuf.
func (f fetcher) DownloadFile(address string, maxLength int64, _ time.Duration) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(f.ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := client.New(client.Options{Away: client.AnonymousAway, MaxBody: max(maxLength, 1)}).Do(req)
	switch {
	case errors.Is(err, client.ErrTooLarge):
		msg := fmt.Sprintf("%s is larger than %d bytes", address, maxLength)
		return nil, &metadata.ErrDownloadLengthMismatch{Msg: msg}
	case err != nil:
		return nil, client.Unanswered("TUF repository "+u.Host, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, &metadata.ErrDownloadHTTP{StatusCode: res.StatusCode, URL: address}
	}
	return io.ReadAll(res.Body)
}
