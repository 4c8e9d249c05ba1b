package sigstore

import (
	"time"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
)

// Unnamed instances are given as files. An instance whose certificates and
// signatures are not logged is named by the door of the platform that runs it:
// NewUnlogged is what that door calls.

// Endpoints are where an instance signs.
type Endpoints struct {
	Fulcio       string // base URL
	TSA          string // full URL
	Organization string // of the certificate authority, as its certificates have it (X.520 organizationName)
}

// NewUnlogged returns the profile of an instance without logs, whose trusted
// root comes from the TUF repository at mirror. Only one TUF root of that kind
// is embedded.
func NewUnlogged(name, mirror string, e Endpoints) Profile {
	return Profile{
		Name: name, Require: Unlogged, mirror: mirror, tufRoot: func() []byte { return unloggedTUFRoot },
		organization: e.Organization,
		target:       "trusted_root.json", signing: func() *root.SigningConfig { return unloggedSigning(e) },
	}
}

// service is one endpoint of major version 1, for ever.
func service(url string) []root.Service {
	return []root.Service{{URL: url, MajorAPIVersion: 1, ValidityPeriodStart: time.Unix(0, 0)}}
}

var (
	anyOne = root.ServiceConfiguration{Selector: prototrustroot.ServiceSelector_ANY}
	none   = root.ServiceConfiguration{}
)

func publicGoodSigning() *root.SigningConfig {
	c, _ := root.NewSigningConfig(root.SigningConfigMediaType02, service("https://fulcio.sigstore.dev"), nil,
		service("https://rekor.sigstore.dev"), anyOne, service("https://timestamp.sigstore.dev/api/v1/timestamp"), anyOne)
	return c
}

func unloggedSigning(e Endpoints) *root.SigningConfig {
	c, _ := root.NewSigningConfig(root.SigningConfigMediaType02, service(e.Fulcio), nil, nil, none, service(e.TSA), anyOne)
	return c
}
