package cli

import (
	"strings"

	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/starter"
)

// owners are the code owners of everything, as members of a group. One whose number the
// platform does not tell is left out, and said.
func (b *beginning) owners() (members, notes []string, err error) {
	files, place := codeOwners(b.forge)
	var text []byte
	for _, name := range files {
		if text, err = b.clone.read(name, maxWired); err != nil || text != nil {
			break
		}
	}
	if err != nil {
		return nil, nil, err
	}
	names, others := starter.Owners(text)
	at := b.at.(registry)
	for _, name := range names {
		n := policy.Named{Kind: policy.NamedUser, Host: b.forge.Host, Name: name}
		if strings.Contains(name, "/") {
			n.Kind = policy.NamedTeam
		}
		got, err := at.Number(b.ctx, n)
		if err == nil && !got.Found && n.Kind == policy.NamedUser && b.forge.Mark != "/" {
			n.Kind = policy.NamedTeam // a group of the top has no slash in its path
			if got, err = at.Number(b.ctx, n); got.Found {
				name += "/"
			}
		}
		switch {
		case err != nil && !gate.Silent(b.ctx, err):
			return nil, nil, err
		case err != nil || !got.Found:
			others = append(others, "@"+name)
		default:
			members = append(members, place+":"+name+"#"+got.ID)
		}
	}
	if len(others) > 0 {
		notes = append(
			notes,
			"of the code owners these have no number here, and are left out: "+strings.Join(others, ", "),
		)
	}
	return members, notes, nil
}
