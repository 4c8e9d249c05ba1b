package cli

import (
	"errors"
	"maps"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
)

// A step is a next step in the words of a command: what is trusted stands in its policy, or in its flags.
type step struct{ policy, flags string }

// steps are those whose words do not depend on what was given.
var steps = map[sigstore.Remedy]step{
	sigstore.AcceptPromise: {
		"attest it again with a client that keeps the proof; log: promise in the policy's trust accepts the log's promise",
		"attest it again with a client that keeps the proof; --log promise accepts the log's promise",
	},
	sigstore.AcceptUnlogged: {
		"log it when it is signed; log: none beside the key in the policy accepts what was never logged",
		"log it when it is signed; --log none accepts what was never logged",
	},
	sigstore.ExpectNoLogs: {
		"take the trusted root that names the instance's logs; transparency: none in the policy's trust is for an instance that has none",
		"take the trusted root that names the instance's logs; --log none is for an instance that has none",
	},
	sigstore.AcceptIntermediates: {
		"put the certificate into the trusted root; intermediates: bundle in the policy's trust takes it from the bundle",
		"put the certificate into the trusted root; --intermediates bundle takes it from the bundle",
	},
}

// next returns the next step that a rejection leads to. p is the policy that says what is trusted; nil: flags say it.
func (r *run) next(x *sigstore.Rejection, p *policy.Policy) string {
	if x.Remedy == sigstore.TrustIssuer {
		return r.otherInstance(issuer(x), p)
	}
	s, ok := steps[x.Remedy]
	switch {
	case !ok:
		return x.Hint
	case p != nil:
		return s.policy
	case x.Remedy == sigstore.AcceptUnlogged && r.in.TrustedRoot != "":
		return s.flags + ", and needs no trusted root"
	default:
		return s.flags
	}
}

// issuer is the known instance whose authority issued the certificate of a rejected bundle, or "".
func issuer(x *sigstore.Rejection) string {
	all := forges.Profiles()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name].Issued(x) {
			return name
		}
	}
	return ""
}

// otherInstance says what to do about evidence of another Sigstore instance than the one that is trusted. name is that
// of the instance, if it is a known one.
func (r *run) otherInstance(name string, p *policy.Policy) string {
	given := r.in.TrustedRoot != ""
	if p != nil {
		return r.otherInPolicy(name, p, given && r.component.Name == "verify")
	}
	switch {
	case name == "" && given:
		return "give the trusted root of the instance that issued the certificate"
	case name == "":
		return "give the trusted root of the instance that issued the certificate with --trusted-root"
	case given && name == r.in.Sigstore:
		return "the certificate is of the instance " + name + ": leave --trusted-root out, or give that instance's own"
	case given:
		return "the certificate is of the instance " + name + ": say --sigstore " + name + ", and leave --trusted-root out or give that instance's own"
	case name == r.in.Sigstore:
		return "the certificate is of the instance " + name + ", whose trusted root here is older: update sallyport"
	case r.in.Offline && !forges.Profiles()[name].Embedded():
		return "the certificate is of the instance " + name + ": say --sigstore " + name + " and give its trusted root with --trusted-root; " +
			"sallyport trust --profile " + name + " writes it down"
	default:
		return "the certificate is of the instance " + name + ": say --sigstore " + name
	}
}

func (r *run) otherInPolicy(name string, p *policy.Policy, given bool) string {
	const again = "attest it again with the Sigstore instance that the policy's trust names"
	named := slices.ContainsFunc(p.Trusts(), func(t policy.Trust) bool { return t.Root == "" && t.Name == name })
	switch {
	case name == "":
		return again + ", or name there the trusted root of the one that issued the certificate: trust: {root: FILE, sha256: HEX}"
	case named && given:
		return "the certificate is of the instance " + name + ", which the policy names: give its trusted root, or none"
	case named:
		return "the certificate is of the instance " + name + ": " + again
	default:
		return "the certificate is of the instance " + name + ": " + again + ", or say there trust: " + name
	}
}

// advised adds the next step to a fault that a rejection led to.
func (r *run) advised(err error, p *policy.Policy) error {
	var x *sigstore.Rejection
	if !errors.As(err, &x) || fault.Of(err).Hint != "" {
		return err
	}
	f := fault.Of(err)
	return fault.New(f.Kind, f.Code, r.next(x, p), "%w", err)
}

// takes reports whether the command at hand has a flag.
func (r *run) takes(name string) bool {
	return slices.ContainsFunc(r.component.Inputs, func(in inputs.Input) bool { return in.Name == name && in.Where.In(inputs.Flag) && !in.Secret })
}

// unfetched adds to the fault of a trusted root that did not come what this command takes in its place.
func (r *run) unfetched(err error) error {
	f := fault.Of(err)
	if err == nil || f.Kind != fault.Unavailable {
		return err
	}
	hint := "try again"
	if r.takes("offline") {
		hint += "; with --offline the snapshot in this binary is used"
	}
	if r.takes("trusted-root") && r.in.TrustedRoot == "" {
		hint += "; --trusted-root takes a file"
	}
	return fault.New(f.Kind, f.Code, hint, "%w", err)
}
