package cli

import (
	"crypto/rand"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// approvers says who could have approved when somebody decides, and why others
// could not. Only where repository, stores and log are known to be private does
// the statement hold the list; elsewhere it holds how many, and a digest.
func (r *run) approvers(x *proposal, token string) ([]statement.Approvers, error) {
	secret := r.private(*x, token)
	var out []statement.Approvers
	for _, in := range x.inputs {
		a := statement.Approvers{Environment: in.Environment}
		for _, c := range policy.Approvers(in) {
			a.List = append(a.List, statement.Approver{Group: c.Group, Host: c.Account.Host, ID: c.Account.ID, Reason: c.Reason})
			if c.Reason == "" {
				a.May++
			} else {
				a.MayNot++
			}
		}
		if !secret && len(a.List) > 0 {
			var salt [16]byte
			_, _ = rand.Read(salt[:]) // never fails
			hidden, list, err := a.Hidden(salt)
			if err != nil {
				return nil, err
			}
			a, x.lists = hidden, append(x.lists, list)
		}
		out = append(out, a)
	}
	return out, nil
}

// private reports whether nobody but the members of a repository reads what is
// signed here: the token says that the repository is private, the bundle is kept
// on the platform or on this machine, and the log is not a public one. What is
// not known is public.
func (r *run) private(x proposal, token string) bool {
	if r.platform == nil || r.platform.Visibility(token) != "private" {
		return false
	}
	for _, s := range r.in.Store {
		if s == "auto" && x.chosen.oci == nil {
			continue // an image's registry may be public
		}
		if s != r.platform.storeName() && !strings.HasPrefix(s, "dir:") {
			return false
		}
	}
	signing, err := r.signingConfig(r.instanceName(true))
	return err == nil && !signing.Public()
}
