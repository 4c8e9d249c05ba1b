package sigstore

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Time limits of one TUF file and of one request to a signing service.
const (
	fetchTimeout = 10 * time.Second
	signTimeout  = 30 * time.Second
	signBudget   = 120 * time.Second
)

// fetcher downloads TUF files within a time and a size. What they hold is
// signed; from where they may come, Profile.fetch says.
type fetcher struct {
	ctx    context.Context // go-tuf's interface has no parameter for it
	client *http.Client
}

func newFetcher(ctx context.Context) *fetcher {
	return &fetcher{ctx: ctx, client: &http.Client{Timeout: fetchTimeout}}
}

// DownloadFile implements the interface of go-tuf.
func (f *fetcher) DownloadFile(address string, maxLength int64, _ time.Duration) ([]byte, error) {
	req, err := http.NewRequestWithContext(f.ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, &metadata.ErrDownloadHTTP{StatusCode: res.StatusCode, URL: address}
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxLength+1))
	if err != nil {
		return nil, &url.Error{Op: "Get", URL: address, Err: err} // as Do has it, for who tells silence from garbage
	}
	if int64(len(b)) > maxLength {
		return nil, &metadata.ErrDownloadLengthMismatch{Msg: fmt.Sprintf("%s is larger than %d bytes", address, maxLength)}
	}
	return b, nil
}
