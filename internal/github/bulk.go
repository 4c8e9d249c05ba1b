package github

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

const (
	maxBulk      = 1024 // digests of one question: the most that the API takes
	maxBulkPages = 50   // of its answer
)

// bulk asks for all subjects at once, at the repository's owner, and keeps what
// is this repository's. It returns nil where the API cannot do that, where the
// repository's number is not known, and where nothing at all was found: the API
// leaves out what may not be seen, so that emptiness has to be asked for in the
// place that would say so.
func (a *Attestations) bulk(ctx context.Context, subjects []subject.Subject) (map[string][]attestation, error) {
	id, err := strconv.ParseInt(a.repo.id, 10, 64)
	var digests []string
	for _, s := range subjects {
		if d := s.Digest.String(); !slices.Contains(digests, d) {
			digests = append(digests, d)
		}
	}
	if err != nil || id <= 0 || len(digests) < 2 {
		return nil, nil
	}
	out := map[string][]attestation{}
	for chunk := range slices.Chunk(digests, maxBulk) {
		ok, err := a.chunk(ctx, chunk, id, out)
		if err != nil || !ok {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// chunk asks for as many digests as one question takes; ok is false if the API
// has no such question, or too much to answer.
func (a *Attestations) chunk(
	ctx context.Context, digests []string, id int64, out map[string][]attestation,
) (ok bool, err error) {
	asked := map[string]bool{}
	at := cursor{perPage: perPage}
	for range maxBulkPages {
		page, ok, err := a.bulkPage(ctx, digests, at)
		if tooLarge(err) && at.perPage > 1 {
			at.perPage /= 10 // large bundles fill a page of a hundred beyond the limit of an answer
			continue
		}
		if err != nil {
			return false, err
		}
		if !ok && at.after != "" {
			return false, fault.New(fault.Refused, fault.Malformed, "", "%s lost a page of bundles", a.Name())
		}
		if !ok {
			return false, nil
		}
		entries := 0
		for _, d := range digests {
			entries += len(page.Subjects[d])
			for _, f := range page.Subjects[d] {
				if f.RepositoryID == id {
					out[d] = append(out[d], f)
				}
			}
			if len(out[d]) > store.MaxPerSubject {
				return false, nil // the repository itself is asked, and says so
			}
		}
		if !page.Info.HasNext {
			return true, nil
		}
		if page.Info.Next == "" || asked[page.Info.Next] {
			return false, fault.New(fault.Refused, fault.Malformed, "",
				"%s have another page of bundles and do not name it", a.Name())
		}
		if entries == 0 {
			return false, fault.New(fault.Refused, fault.Malformed, "", "%s lost a page of bundles", a.Name())
		}
		asked[page.Info.Next], at.after = true, page.Info.Next
	}
	return false, nil // the owner's other repositories could fill it: this one is asked alone, where they cannot
}

type bulkPage struct {
	Subjects map[string][]attestation `json:"attestations_subject_digests"`
	Info     struct {
		HasNext bool   `json:"has_next"`
		Next    string `json:"next"`
	} `json:"page_info"`
}

// bulkPage asks at the organization, and at the user if there is none of that
// name. Who may not ask there may still ask the repository.
func (a *Attestations) bulkPage(ctx context.Context, digests []string, at cursor) (bulkPage, bool, error) {
	for _, kind := range a.repo.known.owners() {
		path := kind + "/" + a.repo.owner + "/attestations/bulk-list?" + at.query()
		req, err := a.repo.gh().NewRequest(http.MethodPost, path, map[string][]string{"subject_digests": digests})
		if err != nil {
			return bulkPage{}, false, fmt.Errorf("asking GitHub: %w", err)
		}
		var page bulkPage
		_, err = a.repo.send(ctx, req, &page)
		switch status := statusOf(err); {
		case err == nil && page.Subjects == nil:
			return bulkPage{}, false, client.Proxied("the GitHub API", "without a list of attestations")
		case err == nil:
			a.repo.known.own(kind)
			return page, true, nil
		case status == http.StatusNotFound, status == http.StatusUnauthorized, status == http.StatusForbidden:
		case status != 0:
			return bulkPage{}, false, a.repo.notTold(status, readEvidence)
		default:
			return bulkPage{}, false, a.repo.unanswered(err)
		}
	}
	return bulkPage{}, false, nil
}
