package cli

import (
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/idtoken"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
)

// publicAudience is the audience of the tokens that the known instances take.
const publicAudience = "sigstore"

// identityToken asks the job for a token, once it is certain who may be sent it.
// Where the token itself says which known instance fits the repository, it is
// read first, and sent to that one alone.
func (r *run) identityToken() (string, error) {
	name := r.in.Sigstore
	if name == "auto" && r.in.SigningConfig != "" {
		name = "custom"
	}
	if _, err := r.signingConfig(name); err != nil {
		return "", err
	}
	return r.platform.IDToken(r.ctx, r.in.Audience)
}

// known refuses inputs that only a custom instance can have.
func (r *run) known(name string) error {
	for _, x := range []struct{ input, is, want string }{
		{"audience", r.in.Audience, publicAudience}, {"authority", r.in.Authority, ""},
	} {
		if x.is != x.want {
			return usage("--%s belongs to --sigstore custom, not to %s", x.input, name)
		}
	}
	return nil
}

// addressed refuses to send an identity token to a certificate authority that a
// file names and nothing else. A server that gets a token for the audience of the
// known instances can ask these for a certificate in the job's name, and every step
// before this one may have written the file.
func (r *run) addressed(c *sigstore.SigningConfig) error {
	audience, own := r.in.Audience, strings.TrimSuffix(r.in.Authority, "/")
	for _, address := range c.Authorities() {
		switch {
		case own != "" && address != own:
			return fault.New(fault.Refused, fault.Identity,
				"find out who changed the signing config, or what the address of the instance is",
				"the signing config names the certificate authority %q, and the input authority %q", address, own)
		case own == "" && audience == publicAudience && !publicAuthority(address):
			return fault.New(fault.Usage, fault.Config,
				"say audience: NAME, if the authority takes tokens for an audience of its own; or authority: "+address+", if you know it",
				"only a file names the certificate authority %q, and a token for the audience %q would pass at the public ones too", address, audience)
		}
	}
	return nil
}

// publicAuthority reports whether a known instance issues certificates at address.
func publicAuthority(address string) bool {
	for _, p := range forges.Profiles() {
		for _, a := range p.SigningConfig().Authorities() {
			if a == address {
				return true
			}
		}
	}
	return false
}

// forAudience refuses a person's token for another audience than the one that is
// asked for.
func (r *run) forAudience(token string) (string, error) {
	want := r.in.Audience
	ok, found, err := idtoken.For(token, want)
	if err == nil && !ok {
		err = fault.New(fault.Refused, fault.Identity,
			"get one for that audience, or say audience: NAME for a custom instance that takes another",
			"the identity token's %s, want %q alone", found, want)
	}
	if err != nil {
		return "", err
	}
	return token, nil
}
