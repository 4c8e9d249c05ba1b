package lab

import (
	"io"
	"log"
	"net/http"

	"github.com/google/go-containerregistry/pkg/registry"
)

// newRegistry returns an OCI registry in memory. Without the referrers API it
// answers 404 there, as several real ones do, and a client has to keep the
// fallback tag.
func newRegistry(c Config) http.Handler {
	return registry.New(registry.WithReferrersSupport(!c.NoReferrers), registry.Logger(log.New(io.Discard, "", 0)))
}
