package dialect

import (
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// Predicate types of what GitHub signs about an immutable release. The
// certificate names the platform and nothing else; which repository it is about
// is the platform's own claim, in the predicate.
const (
	ReleaseV01 = "https://in-toto.io/attestation/release/v0.1"
	ReleaseV02 = "https://in-toto.io/attestation/release/v0.2"
)

// IsRelease reports whether predicateType is of a platform's release.
func IsRelease(predicateType string) bool {
	return slices.Contains([]string{ReleaseV01, ReleaseV02}, predicateType)
}

// A Release is what a platform says about one of its releases.
type Release struct {
	Repository   string // path on the platform
	RepositoryID string
	Tag          string
}

// ReadRelease reads a release attestation and refuses one whose parts name
// different things: the package URL in it is that of repository and tag, and the
// first subject is that package URL with the commit of the tag.
func ReadRelease(s statement.Statement) (Release, error) {
	t, err := parse(s.Predicate)
	if err != nil {
		return Release{}, err
	}
	values := map[string]string{}
	for _, name := range []string{"repository", "repositoryId", "tag", "purl"} {
		v, diff := t.string(name)
		if diff != nil || v == "" {
			return Release{}, fault.New(fault.Refused, fault.Predicate, "", "the release attestation has no text %q", name)
		}
		values[name] = v
	}
	if id, diff := t.string("packageId"); diff != nil || id != "" && id != values["repositoryId"] {
		return Release{}, fault.New(fault.Refused, fault.Predicate, "", "the release attestation has packageId %.200q and repositoryId %.200q", id, values["repositoryId"])
	}
	if want := "pkg:github/" + values["repository"] + "@" + values["tag"]; values["purl"] != want {
		return Release{}, fault.New(fault.Refused, fault.Predicate, "", "the release attestation has package URL %.200q, want %.200q", values["purl"], want)
	}
	named := slices.ContainsFunc(s.Subject, func(d statement.Descriptor) bool { return d.URI == values["purl"] && d.Digest["sha1"] != "" })
	if !named {
		return Release{}, fault.New(fault.Refused, fault.Predicate, "", "no subject of the release attestation is the tag %.200q with its commit", values["tag"])
	}
	return Release{Repository: values["repository"], RepositoryID: values["repositoryId"], Tag: values["tag"]}, nil
}
