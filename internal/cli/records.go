package cli

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
	places "github.com/sallyport-dev/sallyport/internal/store"
)

// records is where entries into environments are kept: the platform's own store, or, where
// it may have none, the OCI repository that the policy of the default branch names. No
// argument and no other policy says where, so that nobody chooses one that lacks some.
// nil: they are not looked for.
func (r *run) records(at door) (store, error) {
	if at == nil || r.in.Offline {
		return nil, nil
	}
	if r.recordsAt != nil {
		return r.recordsAt, nil
	}
	s, err := r.recordStore(at)
	if err == nil {
		r.recordsAt = s
	}
	return s, err
}

func (r *run) recordStore(at door) (store, error) {
	own, err := at.KeepsBundles(r.ctx)
	if err != nil || own {
		return at.evidence(), err
	}
	_, _, tip, _, err := at.Head(r.ctx)
	if err != nil {
		return nil, err
	}
	for _, path := range r.policyPaths() {
		raw, err := at.File(r.ctx, tip, path)
		if f := fault.Of(err); err != nil && f.Code == fault.Policy {
			continue // the default branch has no policy there
		}
		if err != nil {
			return nil, fmt.Errorf("asking where the policy of the default branch keeps entries: %w", err)
		}
		p, err := r.parsed("the policy of the default branch", raw)
		if err != nil {
			return nil, fault.New(fault.Refused, fault.Policy,
				"merge a policy that can be read, or use a version of sallyport that reads it",
				"the policy of the default branch says where entries are kept, and cannot be read: %w", err)
		}
		if p.RecordStore != "" {
			return places.NewRecords(p.RecordStore, places.OCIOptions{})
		}
	}
	return at.evidence(), nil
}

// policyPaths are where the default branch may have its policy: where the one at hand is, and
// where one is as a rule. A policy somewhere else makes nobody look past the usual one.
func (r *run) policyPaths() []string {
	out := []string{policy.UsualPath}
	if path := r.policyPath(); path != "" && path != policy.UsualPath {
		out = append(out, path)
	}
	return out
}

// storeKey is what a policy says of where entries are kept. It is for versions that cannot be
// read as a whole: a later program may read less, and what entered is there.
var storeKey = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`record-store["']?[ \t]*:[ \t]*["']?oci://([^\s"'#,}]+)`)
})

// storeIn is the OCI repository that a version of a policy names, or "".
func (r *run) storeIn(raw []byte) string {
	if p, err := r.parsed("a policy before", raw); err == nil {
		return p.RecordStore
	}
	if key := storeKey().FindSubmatch(raw); key != nil {
		return string(key[1])
	}
	return ""
}

// recordsBefore are the OCI repositories that policies of the default branch named before,
// besides the one that is asked. So a policy that moves the record takes nothing away.
func (r *run) recordsBefore(at door) ([]gate.Store, error) {
	own, err := at.KeepsBundles(r.ctx)
	if err != nil || own {
		return nil, err
	}
	_, _, tip, _, err := at.Head(r.ctx)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{r.recordsAt.Name(): true}
	var out []gate.Store
	for _, path := range r.policyPaths() {
		commits, err := at.Versions(r.ctx, tip, path)
		if err != nil {
			return nil, fmt.Errorf("asking where entries were kept before: %w", err)
		}
		for _, c := range commits {
			raw, err := at.File(r.ctx, c, path)
			if f := fault.Of(err); err != nil && f.Code == fault.Policy {
				continue // the file was not there then
			}
			if err != nil {
				return nil, fmt.Errorf("asking where entries were kept before: %w", err)
			}
			name := r.storeIn(raw)
			if name == "" {
				continue
			}
			s, err := places.NewRecords(name, places.OCIOptions{})
			if err == nil && !seen[s.Name()] { // under a name that is none, nothing was ever kept
				seen[s.Name()], out = true, append(out, s)
			}
		}
	}
	return out, nil
}

// orNameStore adds to the next step of an entry that was not stored what helps where the
// platform may have no store.
func (r *run) orNameStore(hint string) string {
	_, named := r.recordsAt.(*places.Records)
	if own, err := r.platform.KeepsBundles(r.ctx); own || err != nil || named {
		return hint
	}
	const step = "where the plan keeps no attestations, name an OCI repository in the policy of the default branch: record-store: oci://HOST/PATH"
	return strings.TrimPrefix(hint+"; "+step, "; ")
}
