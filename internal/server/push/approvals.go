package push

import (
	"context"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/server/decide"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// words are what people say about releases.
var words = []string{statement.ApprovalV1, statement.WaiverV1}

// Said keeps the words of a person about a release, with no token: the signature says who speaks. It is kept if the
// policy of the repository names that signer and the repository has signed the release, and counts by the rules of the
// gate alone. What a stranger sends is refused before any signature is verified.
func (t *Taker) Said(ctx context.Context, r event.Repository, rule *decide.Rule, raw []byte) (fresh bool, err error) {
	wanted := rule.Wanted()
	filter := sigstore.NewFilter(wanted.Values, wanted.Names)
	if _, seen := sigstore.Peek(raw, filter.Match); !seen {
		return false, unnamed()
	}
	verifiers, _, err := rule.Roots(t.Now(), t.Trust(ctx, rule))
	if err != nil {
		return false, err
	}
	v, err := gate.Verified(verifiers, raw)
	if err != nil {
		return false, err
	}
	if !rule.Names(v.Signer()) {
		return false, unnamed()
	}
	e, err := kept(r, raw, v)
	if err != nil {
		return false, err
	}
	e.Named = true
	if !slices.Contains(words, e.Type) {
		return false, fault.New(fault.Refused, fault.Predicate, "push it in the run that signed it",
			"a statement of the type %q, want an approval", e.Type)
	}
	err = t.Keep.Write(ctx, func(tx *keep.Tx) error {
		if there, err := tx.Knows(r, statement.ReleaseV1, e.About); err != nil || !there {
			if err == nil {
				err = fault.New(fault.Refused, fault.EvidenceMissing,
					"let the job that makes the release push it: server",
					"the repository has pushed no release that it is about")
			}
			return err
		}
		n, err := tx.CountOf(r, e.Signer, e.About)
		if err != nil {
			return err
		}
		if fresh, err = tx.Keep(e); err != nil || !fresh {
			return err
		}
		if n >= t.OfSigner {
			return fault.New(fault.Refused, fault.Limit, "withdraw what does not count any more in one word",
				"%d words of this signer about the release are kept", n)
		}
		if _, err = tx.Append(leaf(e, t.Now())); err != nil {
			return err
		}
		return t.Wake(tx, r, 0)
	})
	return fresh && err == nil, err
}

func unnamed() error {
	return fault.New(fault.Refused, fault.Identity, "let the policy name them in a group",
		"the server's policy names no such signer")
}
