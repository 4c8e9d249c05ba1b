package cli

import (
	"strings"

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
	name, err := r.recordPlace(at).Now(r.ctx)
	if err != nil || name == "" {
		return at.evidence(), err
	}
	return places.NewRecords(name, places.OCIOptions{})
}

func (r *run) recordPlace(at door) gate.Recorded {
	return gate.Recorded{At: r.behind(at), Paths: r.policyPaths(), Read: r.parsed}
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

// recordsBefore are the OCI repositories that policies of the default branch named before,
// besides the one that is asked.
func (r *run) recordsBefore(at door) ([]gate.Store, error) {
	return r.recordPlace(at).Earlier(r.ctx, r.recordsAt)
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
