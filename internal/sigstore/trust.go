package sigstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

//go:embed trust/public-good.trusted_root.json
var publicGoodRoot []byte

//go:embed trust/github.root.json
var unloggedTUFRoot []byte

// snapshotDate is when the embedded trusted root was taken (trust/README.md).
var snapshotDate = time.Date(2026, 11, 5, 0, 0, 0, 0, time.UTC)

// An embedded snapshot ages: a log key may be retired or added. It is used with
// a warning after SnapshotWarn and refused after SnapshotMax.
const (
	SnapshotWarn = 120 * 24 * time.Hour
	SnapshotMax  = 365 * 24 * time.Hour
)

// A Profile is a Sigstore instance that is known by name.
type Profile struct {
	Name    string       // as in the policy and on the command line
	Require Requirements // what its bundles bring
	mirror  string       // TUF repository
	tufRoot func() []byte
	target  string
	offline []byte // embedded snapshot of the trusted root, or nil
	// organization is how the certificate authority calls itself, where there is no snapshot to know it by.
	organization string
	signing      func() *root.SigningConfig
}

// PublicGood is the instance that the Sigstore project runs for everybody.
func PublicGood() Profile {
	return Profile{
		Name: "public-good", Require: Transparent, mirror: tuf.DefaultMirror, tufRoot: tuf.DefaultRoot,
		target: "trusted_root.json", offline: publicGoodRoot, signing: publicGoodSigning,
	}
}

// Embedded reports whether a snapshot of the trusted root is in this binary.
func (p Profile) Embedded() bool { return p.offline != nil }

// TUF says where a trusted root comes from when it is not a file.
type TUF struct {
	Offline bool      // open no socket: use the embedded snapshot
	Mirror  string    // another repository, or empty
	Root    []byte    // its TUF root; required with Mirror
	Cache   string    // directory of the local copy
	Now     time.Time // for the age of the snapshot

	Note func(string) // takes what a person should know about the local copy; may be nil
}

// TrustedRoot returns the profile's trusted root: over TUF, or offline from the
// snapshot in this binary.
func (p Profile) TrustedRoot(ctx context.Context, o TUF) (*TrustedRoot, error) {
	if o.Mirror != "" && len(o.Root) == 0 {
		return nil, fault.New(fault.Usage, fault.Config, "give its root.json with --tuf-root",
			"TUF mirror %q has no TUF root to start from", o.Mirror)
	}
	if o.Offline {
		return p.snapshot(o.Now)
	}
	raw, err := p.fetch(ctx, o)
	if err != nil {
		return nil, err
	}
	return ParseTrustedRoot(raw)
}

// Fetch returns the bytes of the profile's current trusted_root.json over TUF,
// to be written down for offline use.
func (p Profile) Fetch(ctx context.Context, o TUF) ([]byte, error) { return p.fetch(ctx, o) }

// fetch gives the local copy up where it is broken or none can be kept. For no
// other reason: the copy is what tells a repository that was rolled back.
func (p Profile) fetch(ctx context.Context, o TUF) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, tufBudget)
	defer cancel()
	o = p.mend(o)
	raw, err := p.update(ctx, o)
	if o.Cache != "" && onDisk(err) {
		o.note("no local copy of the TUF repository of %s can be kept in %q, so a repository that is rolled back "+
			"is not noticed: %v", p.Name, o.Cache, fault.Cause(err))
		o.Cache = ""
		return p.update(ctx, o)
	}
	return raw, err
}

func (p Profile) update(ctx context.Context, o TUF) ([]byte, error) {
	opts := &tuf.Options{CachePath: o.Cache, CacheValidity: 1}
	opts.RepositoryBaseURL, opts.Root = p.repository(o)
	if !confidential(opts.RepositoryBaseURL) {
		return nil, fault.New(fault.Usage, fault.Config, "", "TUF mirror is %q, want https", opts.RepositoryBaseURL)
	}
	opts = opts.WithContext(ctx)
	opts.DisableLocalCache = o.Cache == ""
	opts.Fetcher = fetcher{ctx}
	client, err := tuf.New(opts)
	if err != nil {
		return nil, tufFault(p, err)
	}
	raw, err := client.GetTarget(p.target)
	if err != nil {
		return nil, tufFault(p, err)
	}
	return raw, nil
}

// tufFault tells a repository that does not answer from one that answers with
// what TUF forbids: expired, rolled back, mixed or badly signed metadata.
func tufFault(p Profile, err error) error {
	var status *metadata.ErrDownloadHTTP
	var f *fault.Fault
	switch {
	case errors.As(err, &f) && f.Kind == fault.Unavailable:
		return fault.New(fault.Unavailable, fault.TrustRoot, "try again", "trusted root of %q over TUF: %w", p.Name, f)
	case errors.As(err, &status):
		return fault.New(fault.Unavailable, fault.TrustRoot, "try again", "trusted root of %q over TUF: %w", p.Name, fault.Cause(err))
	default:
		return rootFault("trusted root of %q over TUF: %w", p.Name, fault.Cause(err))
	}
}

func (p Profile) snapshot(now time.Time) (*TrustedRoot, error) {
	if p.offline == nil {
		return nil, fault.New(fault.Usage, fault.TrustRoot,
			fmt.Sprintf("write it down once with `sallyport trust --profile %s --output FILE` and give it with --trusted-root", p.Name),
			"no snapshot of the trusted root of %q is embedded", p.Name)
	}
	if age := now.Sub(snapshotDate); age > SnapshotMax {
		return nil, rootFault("the embedded trusted root is of %s, %d days old; at most %d are allowed",
			snapshotDate.Format(time.DateOnly), int(age.Hours()/24), int(SnapshotMax.Hours()/24))
	}
	r, err := ParseTrustedRoot(p.offline)
	if err != nil {
		return nil, err
	}
	r.snapshot = snapshotDate
	return r, nil
}
