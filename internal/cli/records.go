package cli

import (
	"fmt"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
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
	_, _, commit, _, err := at.Head(r.ctx)
	path := r.policyPath()
	if err != nil || path == "" {
		return at.evidence(), err
	}
	raw, err := at.File(r.ctx, commit, path)
	if f := fault.Of(err); err != nil && f.Code == fault.Policy {
		return at.evidence(), nil // the default branch has no policy, so that none names another place
	}
	if err != nil {
		return nil, fmt.Errorf("asking where the policy of the default branch keeps entries: %w", err)
	}
	p, err := r.parsed("the policy of the default branch", raw)
	if err != nil {
		return nil, fault.New(fault.Refused, fault.Policy, "merge a policy that can be read, or use a version of sallyport that reads it",
			"the policy of the default branch says where entries are kept, and cannot be read: %w", err)
	}
	if p.RecordStore == "" {
		return at.evidence(), nil
	}
	return places.NewRecords(p.RecordStore, places.OCIOptions{})
}

// recordsBefore are the OCI repositories that policies of the default branch named before, besides
// the one that is asked: whoever moves the record takes no policy in force away.
func (r *run) recordsBefore() ([]gate.Store, error) {
	own, err := r.at.KeepsBundles(r.ctx)
	path := r.policyPath()
	if err != nil || own || path == "" {
		return nil, err
	}
	_, _, tip, _, err := r.at.Head(r.ctx)
	if err != nil {
		return nil, err
	}
	commits, err := r.at.Versions(r.ctx, tip, path)
	if err != nil {
		return nil, fmt.Errorf("asking where entries were kept before: %w", err)
	}
	seen := map[string]bool{r.recordsAt.Name(): true}
	var out []gate.Store
	for _, c := range commits {
		raw, err := r.at.File(r.ctx, c, path)
		if f := fault.Of(err); err != nil && f.Code == fault.Policy {
			continue // the file was not there then
		}
		if err != nil {
			return nil, err
		}
		p, err := r.parsed("the policy of commit "+c, raw)
		if err != nil || p.RecordStore == "" {
			continue // nothing entered under a policy that nobody can read
		}
		s, err := places.NewRecords(p.RecordStore, places.OCIOptions{})
		if err != nil {
			return nil, err
		}
		if !seen[s.Name()] {
			seen[s.Name()], out = true, append(out, s)
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
