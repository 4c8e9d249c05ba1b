package gate

import (
	"context"
	"fmt"
	"regexp"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/store"
)

// Recorded finds where entries into environments are kept: in the platform's own store, or, where it may have none,
// in the OCI repository that the policy of the default branch names. Arguments and other policies have no say in it:
// otherwise somebody could choose a place that lacks some entries.
type Recorded struct {
	At    RecordHome
	Paths []string // where the default branch may have its policy
	Read  func(name string, source []byte) (*policy.Policy, error)
}

// A RecordHome is a repository that may have a store of its own.
type RecordHome interface {
	Branch
	// KeepsBundles reports whether the platform surely has a store for bundles of this repository.
	KeepsBundles(ctx context.Context) (bool, error)
}

// Now returns the name of the OCI repository, without its scheme; "" is the platform's own store.
func (r Recorded) Now(ctx context.Context) (string, error) {
	own, err := r.At.KeepsBundles(ctx)
	if err != nil || own {
		return "", err
	}
	_, _, tip, _, err := r.At.Head(ctx)
	if err != nil {
		return "", err
	}
	for _, path := range r.Paths {
		raw, err := r.At.File(ctx, tip, path)
		if f := fault.Of(err); err != nil && f.Code == fault.Policy {
			continue // the default branch has no policy there
		}
		if err != nil {
			return "", fmt.Errorf("asking where the policy of the default branch keeps entries: %w", err)
		}
		p, err := r.Read("the policy of the default branch", raw)
		if err != nil {
			return "", fault.New(fault.Refused, fault.Policy,
				"merge a policy that can be read, or use a version of sallyport that reads it",
				"the policy of the default branch says where entries are kept, and cannot be read: %w", err)
		}
		if p.RecordStore != "" {
			return p.RecordStore, nil
		}
	}
	return "", nil
}

// Earlier are the stores that policies of the default branch have named before, besides the one that is asked now. Under a
// name that is none, nothing was ever kept.
func (r Recorded) Earlier(ctx context.Context, now Store) ([]Store, error) {
	names, err := r.Before(ctx)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{now.Name(): true}
	var out []Store
	for _, name := range names {
		s, err := store.NewRecords(name, store.OCIOptions{})
		if err == nil && !seen[s.Name()] {
			seen[s.Name()], out = true, append(out, s)
		}
	}
	return out, nil
}

// Before returns the OCI repositories that policies of the default branch have ever named, the newest first. So a
// policy that moves the record takes nothing away.
func (r Recorded) Before(ctx context.Context) ([]string, error) {
	own, err := r.At.KeepsBundles(ctx)
	if err != nil || own {
		return nil, err
	}
	_, _, tip, _, err := r.At.Head(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, path := range r.Paths {
		commits, err := r.At.Versions(ctx, tip, path)
		if err != nil {
			return nil, fmt.Errorf("asking where entries were kept before: %w", err)
		}
		for _, c := range commits {
			raw, err := r.At.File(ctx, c, path)
			if f := fault.Of(err); err != nil && f.Code == fault.Policy {
				continue // the file was not there then
			}
			if err != nil {
				return nil, fmt.Errorf("asking where entries were kept before: %w", err)
			}
			if name := r.storeIn(raw); name != "" {
				out = append(out, name)
			}
		}
	}
	return out, nil
}

// storeKey is what a policy says of where entries are kept. It is for versions that cannot be
// read as a whole: a later program may read less, and what entered is there.
var storeKey = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`record-store["']?[ \t]*:[ \t]*["']?oci://([^\s"'#,}]+)`)
})

// storeIn is the OCI repository that a version of a policy names, or "".
func (r Recorded) storeIn(raw []byte) string {
	if p, err := r.Read("a policy before", raw); err == nil {
		return p.RecordStore
	}
	if key := storeKey().FindSubmatch(raw); key != nil {
		return string(key[1])
	}
	return ""
}
