package policy

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// builtBy compares a signer with a builder, field by field and byte for byte.
// Everything that the platform lets a stranger choose is compared together with
// something it does not: a name with a number, a URI with the issuer's host, a
// ref with its kind.
func builtBy(b Builder, s statement.Signer) *miss {
	home := b.Forge.Host + "/" + b.Repository
	config, ref := workflow(s.ConfigURI)
	steps := []struct {
		code          fault.Code
		what          string
		found, wanted string
		ok            bool
	}{
		{fault.Identity, "issuer", s.Issuer, b.Forge.Issuer, s.Issuer == b.Forge.Issuer},
		{fault.Identity, "kind of signer", s.SANKind, "uri", s.SANKind == "uri"},
		{fault.Identity, "repository", s.Repository, home, s.Repository == home},
		{fault.Identity, "repository-id", s.RepositoryID, b.RepositoryID, s.RepositoryID == b.RepositoryID},
		{fault.Identity, "owner-id", s.OwnerID, b.OwnerID, b.OwnerID == "" || s.OwnerID == b.OwnerID},
		{fault.Identity, "workflow", s.ConfigURI, b.String(), config == home+b.Forge.Mark+b.Workflow},
		{fault.Identity, "signing workflow", s.SignerURI, b.wantSigner(s), s.SignerURI == b.wantSigner(s)},
		{fault.Identity, "subject alternative name", s.SAN, s.SignerURI, s.SAN == s.SignerURI},
		{fault.Identity, "commit of the signing workflow", s.SignerDigest, b.wantDigest(s), s.SignerDigest == b.wantDigest(s)},
		{fault.Identity, "runner", s.Runner, b.Runner, b.Runner != "" && s.Runner == b.Runner},
		{fault.Source, "ref of the workflow", ref, s.Ref, ref == s.Ref},
		{fault.Source, "ref", s.Ref, strings.Join(b.Refs, " or "), matchesAny(b.Refs, s.Ref)},
		{fault.Source, "event", s.Event, strings.Join(b.Events, " or "), slices.Contains(b.Events, s.Event)},
		{fault.Source, "commit", s.Commit, "a full commit", commit().MatchString(s.Commit)},
	}
	for i, x := range steps {
		if !x.ok {
			return &miss{step: i, code: x.code, line: b.Line, reason: "the evidence names another " + x.what, found: orAbsent(x.found), wanted: x.wanted,
				hint: "build it with " + b.String()}
		}
	}
	return nil
}

func orAbsent(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// workflow splits a workflow URI at its last "@", before which a path and after
// which a ref stands. A path with an "@" of its own compares unequal to
// anything a policy can name.
func workflow(uri string) (path, ref string) {
	i := strings.LastIndexByte(uri, '@')
	if i < 0 {
		return uri, ""
	}
	return uri[:i], uri[i+1:]
}

// wantSigner is the workflow that has to have signed: the one that built, or
// the one that the policy names as signer.
func (b Builder) wantSigner(s statement.Signer) string {
	if b.Signer == "" {
		return s.ConfigURI
	}
	return b.Forge.Host + "/" + b.Signer
}

func (b Builder) wantDigest(s statement.Signer) string {
	if b.Signer == "" {
		return s.ConfigDigest
	}
	return b.SignerDigest
}

func matchesAny(patterns []string, ref string) bool {
	full := strings.HasPrefix(ref, "refs/heads/") || strings.HasPrefix(ref, "refs/tags/")
	return full && slices.ContainsFunc(patterns, func(p string) bool { return subject.Match(p, ref) })
}

// content checks what the statement says against who signed it. A provenance is
// written in the job; the certificate is not.
func content(b Builder, q Requirement, f Fact) *miss {
	const step = 50
	if f.Statement.Type != statement.TypeV1 {
		return &miss{step: step, code: fault.Statement, line: q.Line, reason: "the statement is of another version", found: f.Statement.Type, wanted: statement.TypeV1}
	}
	if q.PredicateType != statement.ProvenanceV1 {
		return nil
	}
	p, err := f.Statement.Provenance()
	if err != nil {
		return &miss{step: step, code: fault.Of(err).Code, line: q.Line, reason: "the provenance cannot be read", found: err.Error(), wanted: "SLSA provenance v1"}
	}
	for _, c := range []func(Builder, Requirement, statement.Signer, statement.Provenance) *miss{builderID, invocation, source, parameters} {
		if m := c(b, q, f.Signer, p); m != nil {
			m.step, m.line = step, q.Line
			return m
		}
	}
	return nil
}

func builderID(b Builder, _ Requirement, s statement.Signer, p statement.Provenance) *miss {
	id := p.RunDetails.Builder.ID
	if id == s.SignerURI || strings.HasPrefix(id, b.Forge.Host+"/") && b.Forge.Mark == "//" {
		return nil
	}
	return &miss{code: fault.Predicate, reason: "the provenance names another builder than the certificate", found: id, wanted: s.SignerURI}
}

func invocation(b Builder, _ Requirement, s statement.Signer, p statement.Provenance) *miss {
	id := strings.Trim(string(p.RunDetails.Metadata.InvocationID), `"`)
	// Some platforms state the number of the job where the certificate has its
	// address; there the number is the address's last part, and not the
	// attempt of a run.
	if id != "" && (id == s.Run || b.Forge.Mark == "//" && s.Run == s.Repository+"/-/jobs/"+id) {
		return nil
	}
	return &miss{code: fault.Source, reason: "the provenance names another run than the certificate", found: orAbsent(id), wanted: s.Run}
}

// source wants the commit of the certificate among the materials, and no other
// commit of that repository.
func source(_ Builder, _ Requirement, s statement.Signer, p statement.Provenance) *miss {
	found := "no commit"
	seen := false
	for _, d := range p.BuildDefinition.ResolvedDependencies {
		uri := strings.TrimPrefix(d.URI, "git+")
		if uri != s.Repository && !strings.HasPrefix(uri, s.Repository+"@") {
			continue
		}
		if d.Digest["gitCommit"] != s.Commit {
			found, seen = orAbsent(d.Digest["gitCommit"]), false
			break
		}
		seen = true
	}
	if seen {
		return nil
	}
	return &miss{code: fault.Source, reason: "the provenance names another commit than the certificate", found: found, wanted: s.Commit}
}

func parameters(b Builder, q Requirement, _ statement.Signer, p statement.Provenance) *miss {
	allowed, ok := b.Forge.Parameters[p.BuildDefinition.BuildType]
	if !ok {
		return &miss{code: fault.Predicate, reason: "the provenance is of an unknown build type", found: p.BuildDefinition.BuildType, wanted: "a build type of " + b.Forge.Host}
	}
	known := slices.Concat(allowed, q.Inputs)
	keys, err := parameterKeys(p.BuildDefinition.ExternalParameters, allowed)
	if err != nil {
		return &miss{code: fault.Malformed, reason: "the provenance's parameters cannot be read", found: err.Error()}
	}
	for _, k := range keys {
		if !slices.Contains(known, k) {
			return &miss{code: fault.Source, reason: "the build was given a parameter that the policy does not know", found: orAbsent(k), wanted: strings.Join(known, ", "),
				hint: "build it without that parameter"}
		}
	}
	return nil
}

// parameterKeys returns the names of a build's parameters. Where the platform
// names members of one, as "name.member", the members are among them.
func parameterKeys(raw []byte, allowed []string) ([]string, error) {
	keys, err := statement.Keys(raw)
	if err != nil {
		return nil, err
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		return nil, err
	}
	for _, k := range slices.Clone(keys) {
		if !slices.ContainsFunc(allowed, func(a string) bool { return strings.HasPrefix(a, k+".") }) {
			continue
		}
		members, err := statement.Keys(values[k])
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			keys = append(keys, k+"."+m)
		}
	}
	return keys, nil
}
