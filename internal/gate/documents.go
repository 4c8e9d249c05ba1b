package gate

import (
	"context"
	"fmt"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A Keeper is a store that keeps the documents which statements summarise.
type Keeper interface {
	Document(ctx context.Context, about []subject.Subject, d store.Document) (bool, error)
}

// documents looks for the documents that the verified evidence of in only summarises, and writes down which are there.
func (g *Gate) documents(ctx context.Context, in *policy.Input) error {
	found := map[subject.Digest]bool{}
	for i := range in.Candidates {
		c := &in.Candidates[i]
		for _, a := range policy.Apart(*c) {
			there, asked := found[a.Digest]
			if !asked {
				var err error
				if there, err = g.document(ctx, c.Subject, store.Document{Digest: a.Digest, Bytes: int64(a.Bytes)}); err != nil {
					return fmt.Errorf("looking for document %s: %w", a.Digest, err)
				}
				found[a.Digest] = there
			}
			if there && !slices.Contains(c.Documents, a.Digest.Hex()) {
				c.Documents = append(c.Documents, a.Digest.Hex())
			}
		}
	}
	return nil
}

func (g *Gate) document(ctx context.Context, about subject.Subject, d store.Document) (bool, error) {
	for _, s := range g.Stores {
		k, keeps := s.(Keeper)
		if !keeps {
			continue
		}
		if there, err := k.Document(ctx, []subject.Subject{about}, d); there || err != nil {
			return there, err
		}
	}
	return false, nil
}
