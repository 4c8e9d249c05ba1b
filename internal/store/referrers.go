package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"sync/atomic"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Fetch returns the bundles that refer to the subjects. Subjects that the store
// does not know a repository for have no evidence here.
func (s *OCI) Fetch(ctx context.Context, subjects []subject.Subject) (Found, error) {
	ctx, cancel := client.Within(ctx, s.o.Budget)
	defer cancel()
	return Each(ctx, Unique(subjects), func(ctx context.Context, sub subject.Subject) (Found, error) {
		where := s.where(sub.Digest)
		if where == "" {
			return Found{}, nil
		}
		r, err := s.repository(where)
		if err != nil {
			return Found{}, err
		}
		return s.about(ctx, &visit{repository: r, subject: sub.Digest})
	})
}

// A visit is what is asked of a repository about one subject.
type visit struct {
	*repository
	subject subject.Digest
	read    atomic.Int64 // referrers that may be bundles, of the subject and of its attestation manifests
}

// about returns the bundles that refer to the subject of v or to an attestation
// manifest of it.
//
// Whoever may push can add referrers, and can write anything under a tag. So
// what is no bundle is passed over, whatever is wrong with it. A registry that
// does not answer, or answers with other bytes than it was asked for, is an
// error.
func (s *OCI) about(ctx context.Context, v *visit) (Found, error) {
	index, err := s.index(ctx, v)
	if err != nil {
		return Found{}, err
	}
	found, err := v.image(ctx, index)
	if err != nil {
		return Found{}, err
	}
	if len(found.Bundles) > MaxPerSubject {
		return Found{}, v.tooMany(v.subject, len(found.Bundles))
	}
	if len(found.Bundles) == 0 {
		seen, err := v.otherEvidence(ctx, v.subject)
		if err != nil {
			return Found{}, err
		}
		found.Passed = append(found.Passed, seen...)
	}
	return found, nil
}

// beside reads what refers to d: what the referrers API lists and what the
// fallback tag lists, because a writer may have known only one of them. Entries
// that say that they are something that open does not read are passed over.
func (v *visit) beside(ctx context.Context, d subject.Digest, open opener) (Found, error) {
	listed, _, err := v.referrers(ctx, d)
	if err != nil {
		return Found{}, err
	}
	index, err := v.fallback(ctx, d)
	if err != nil {
		return Found{}, err
	}
	read, passed := v.sift(d, open.may, listed, index)
	if n := v.read.Add(int64(len(read))); n > MaxPerSubject {
		return Found{}, v.tooMany(d, int(n))
	}
	found, err := Each(ctx, read, func(ctx context.Context, e referrer) (Found, error) { return v.open(ctx, e, open.read) })
	if err != nil {
		return Found{}, err
	}
	found.Passed = append(found.Passed, passed...)
	return found, nil
}

// An opener reads referrers of some kinds.
type opener struct {
	may  func(descriptor) bool // an entry may be of such a kind
	read func(context.Context, opened) (Found, error)
}

// bundles is the opener of bundles.
func (v *visit) bundles() opener { return opener{descriptor.mayBeBundle, v.bundlesIn} }

// opened is a referrer that was read.
type opened struct {
	manifest
	digest subject.Digest
	bytes  []byte
}

// tooMany counts over the subject and its attestation manifests; d is where it
// became too many.
func (v *visit) tooMany(d subject.Digest, n int) error {
	of := d.String()
	if d != v.subject {
		of = v.subject.String() + " and its attestation manifests"
	}
	return v.repository.tooMany(d, of, n)
}

func (r *repository) tooMany(d subject.Digest, of string, n int) error {
	hint := fmt.Sprintf(`list them with "oras discover %s@%s", and delete those that are not yours with `+
		`"oras manifest delete"`, r, d)
	return fault.New(fault.Refused, fault.Limit, hint,
		"registry %s lists %d referrers of %s that may be bundles, at most %d are read; it does not say who "+
			"pushed them", r, n, of, MaxPerSubject)
}

// referrers asks the referrers API. supported is false if the registry has
// none. A list of which a page is lost is no list.
func (r *repository) referrers(ctx context.Context, d subject.Digest) (list []descriptor, supported bool, err error) {
	asked := map[string]bool{}
	at := r.url("/referrers/%s", d)
	for page := 1; at != ""; page++ {
		if page > maxPages || len(list) > maxListed {
			return nil, true, r.tooMany(d, d.String(), len(list))
		}
		asked[at] = true
		resp, b, err := r.do(ctx, call{method: http.MethodGet, url: at, header: map[string]string{"Accept": typeIndex}})
		if err != nil {
			return nil, false, err
		}
		if page == 1 && noReferrers(resp) {
			return nil, false, nil
		}
		if resp.StatusCode == http.StatusNotFound {
			return nil, true, r.lostPage(page, d)
		}
		if resp.StatusCode != http.StatusOK {
			return nil, false, r.wrong(resp)
		}
		index, err := r.parseManifest(b, typeIndex)
		if err != nil {
			return nil, true, err
		}
		list = append(list, index.Manifests...)
		if at, err = r.next(resp); err != nil {
			return nil, true, err
		}
		if at != "" && (len(index.Manifests) == 0 || asked[at]) {
			return nil, true, r.lostPage(page+1, d)
		}
	}
	return list, true, nil
}

func (r *repository) lostPage(page int, d subject.Digest) error {
	return fault.New(fault.Refused, fault.Malformed, "", "registry %s lost page %d of the referrers of %s", r, page, d)
}

// noReferrers recognises a registry without the API; the specification says
// 404, some say 405 or 406.
func noReferrers(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable:
		return true
	}
	return false
}

// fallbackTag is the tag under which referrers are listed where the API is
// missing (OCI distribution specification 1.1, referrers tag schema).
func fallbackTag(d subject.Digest) string { return "sha256-" + d.Hex() }

// fallbackIndex is what the fallback tag names; the zero is nothing.
type fallbackIndex struct {
	manifest        // empty, unless it is an index
	etag     string // for a conditional write
	found    bool   // the tag exists
	isIndex  bool
}

// fallback reads the fallback tag. Whoever may push can let it name anything;
// what is no index lists nothing.
func (r *repository) fallback(ctx context.Context, d subject.Digest) (fallbackIndex, error) {
	b, found, err := r.manifest(ctx, fallbackTag(d))
	if err != nil || !found {
		return fallbackIndex{}, err
	}
	index := fallbackIndex{etag: b.etag, found: true}
	var m manifest
	if json.Unmarshal(b.bytes, &m) != nil || m.SchemaVersion != 2 {
		return index, nil
	}
	if m.MediaType == typeIndex || m.MediaType == "" && b.mediaType == typeIndex {
		index.manifest, index.isIndex = m, true
	}
	return index, nil
}

// A referrer is an entry of a list that may be a bundle.
type referrer struct {
	descriptor
	byRegistry bool // the registry itself lists it, so it must have it
}

// sift tells what has to be read from what says itself that it is something
// else. Of several entries for one digest, one that may be a bundle is enough.
func (r *repository) sift(
	d subject.Digest, may func(descriptor) bool, listed []descriptor, index fallbackIndex,
) (read []referrer, passed []Passed) {
	if index.found && !index.isIndex {
		what := "manifest under the tag " + fallbackTag(d) + ", which is no list of referrers"
		passed = append(passed, Passed{Source: r.source(), What: what, Count: 1})
	}
	at, foreign := map[string]int{}, map[string]descriptor{}
	for i, e := range slices.Concat(listed, index.Manifests) {
		if !may(e) {
			foreign[e.Digest] = e
			continue
		}
		if _, seen := at[e.Digest]; !seen {
			at[e.Digest] = len(read)
			read = append(read, referrer{descriptor: e, byRegistry: i < len(listed)})
		}
	}
	for digest, e := range foreign {
		if _, alsoRead := at[digest]; !alsoRead {
			passed = append(passed, Passed{Source: r.source(), What: kind(e.ArtifactType), Count: 1})
		}
	}
	sort.Slice(read, func(a, b int) bool { return read[a].Digest < read[b].Digest })
	return read, passed
}

// unspecific are artifact types that do not say what an artifact is. Some
// registries report the type of a manifest's config in the place of its
// artifact type.
var unspecific = []string{"", typeEmpty, "application/vnd.oci.image.config.v1+json",
	"application/vnd.docker.container.image.v1+json"}

func (d descriptor) mayBeBundle() bool {
	return strings.HasPrefix(d.ArtifactType, bundlePrefix) || slices.Contains(unspecific, d.ArtifactType)
}

// kind is what people call an artifact of a type that is not a bundle's.
func kind(artifactType string) string {
	switch t, _, _ := strings.Cut(artifactType, ";"); {
	case strings.HasPrefix(t, "application/vnd.dev.cosign.artifact.sig."),
		t == "application/vnd.dev.cosign.simplesigning.v1+json":
		return cosignSignature
	case strings.HasPrefix(t, "application/vnd.dev.cosign.artifact.att."):
		return cosignAttestation
	case t == typeDSSE:
		return "DSSE envelope without a bundle around it"
	case t == "application/vnd.in-toto+json":
		return "in-toto statement without a bundle around it"
	case t == typeAttestation:
		return "attestation manifest without a statement about this image"
	case t == "":
		return "referrer without a bundle"
	}
	return "referrer of type " + fault.Quote(artifactType)
}

// open reads the manifest that e points to. What the manifest is, its own bytes
// say; the list may say anything.
func (r *repository) open(
	ctx context.Context, e referrer, read func(context.Context, opened) (Found, error),
) (Found, error) {
	d, err := subject.ParseDigest(e.Digest)
	if err != nil {
		return r.pass("referrer without a sha256 digest"), nil
	}
	b, found, err := r.manifest(ctx, d.String())
	if isLimit(err) {
		return r.pass("referrer of more bytes than a manifest may have"), nil
	}
	if err != nil {
		return Found{}, err
	}
	if !found && e.byRegistry {
		return Found{}, fault.New(fault.Refused, fault.Malformed, "", "registry %s lists %s and does not have it", r, d)
	}
	if !found {
		return r.pass("referrer that is listed and missing"), nil
	}
	o := opened{digest: d, bytes: b.bytes}
	if json.Unmarshal(b.bytes, &o.manifest) != nil {
		return r.pass("referrer that is no manifest"), nil
	}
	return read(ctx, o)
}

// bundlesIn returns the bundles that a referrer holds.
func (r *repository) bundlesIn(ctx context.Context, o opened) (Found, error) {
	layers := o.bundleLayers()
	if len(layers) == 0 {
		return r.pass(kind(o.typeOf())), nil
	}
	if len(layers) > maxLayers {
		return r.pass(fmt.Sprintf("referrer of more than %d bundles", maxLayers)), nil
	}
	var all Found
	for _, l := range layers {
		bundle, why, err := r.blob(ctx, l, "bundle")
		if err != nil {
			return Found{}, err
		}
		if why != "" {
			all.Passed = append(all.Passed, Passed{Source: r.source(), What: why, Count: 1})
			continue
		}
		source := fmt.Sprintf("registry %s@%s", r, o.digest)
		all.Bundles = append(all.Bundles, Evidence{Bundle: bundle, Source: source})
	}
	return all, nil
}

// source is where something is that is passed over: not which of thousands it
// is.
func (r *repository) source() string { return "registry " + r.String() }

// pass is a single thing that is passed over.
func (r *repository) pass(what string) Found {
	return Found{Passed: []Passed{{Source: r.source(), What: what, Count: 1}}}
}

func isLimit(err error) bool { return errors.Is(err, client.ErrTooLarge) }

func (m manifest) bundleLayers() []descriptor {
	var out []descriptor
	for _, l := range m.Layers {
		only := strings.HasPrefix(m.ArtifactType, bundlePrefix) && len(m.Layers) == 1
		if strings.HasPrefix(l.MediaType, bundlePrefix) || only {
			out = append(out, l)
		}
	}
	return out
}

// typeOf is the best that a manifest says about what it is.
func (m manifest) typeOf() string {
	if m.ArtifactType != "" {
		return m.ArtifactType
	}
	if len(m.Layers) > 0 {
		return m.Layers[0].MediaType
	}
	if m.Config != nil {
		return m.Config.MediaType
	}
	return ""
}

// union returns the descriptors of a and b, each digest once, in the order of
// digests.
func union(a, b []descriptor) []descriptor {
	seen := map[string]bool{}
	var out []descriptor
	for _, d := range append(append([]descriptor(nil), a...), b...) {
		if !seen[d.Digest] {
			seen[d.Digest] = true
			out = append(out, d)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Digest < out[j].Digest })
	return out
}
