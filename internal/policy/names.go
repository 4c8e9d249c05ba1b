package policy

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// fits reports whether a subject may be called name: one of a's patterns
// matches it, or is the repository of the image or the package that it names.
func (a Artifact) fits(name string) bool {
	forms := nameForms(name)
	return slices.ContainsFunc(a.Subject, func(pattern string) bool {
		return slices.ContainsFunc(forms, func(form string) bool { return pattern == form || subject.Match(pattern, form) })
	})
}

// attests reports whether evidence that calls the subject name can be about a.
// An artifact that a policy knows by digests alone says nothing about names.
func (a Artifact) attests(name string) bool {
	byDigest := !slices.ContainsFunc(a.Subject, func(p string) bool { return !isDigest(p) })
	return name == "" || byDigest || a.fits(name)
}

// nameForms returns the forms of a name that a pattern may be written in: the
// name itself; of an image, its repository; of a package URL (purl-spec), also
// without the escapes, the qualifiers and the version, and, of an image, the
// repository.
func nameForms(name string) []string {
	forms := []string{name}
	if rest, ok := strings.CutPrefix(name, "pkg:"); ok {
		short := before(before(name, "#"), "?")
		forms = append(forms, short)
		plain, err := url.PathUnescape(short)
		if err != nil {
			return forms
		}
		forms = append(forms, plain)
		if i := strings.LastIndexByte(plain, '@'); i > strings.LastIndexByte(plain, '/')+1 {
			forms = append(forms, plain[:i])
			plain = plain[:i]
		}
		if image, ok := strings.CutPrefix(plain, "pkg:docker/"); ok {
			forms = append(forms, image)
			forms = append(forms, onHub(image)...)
		}
		if _, qualifiers, _ := strings.Cut(rest, "?"); strings.HasPrefix(plain, "pkg:oci/") {
			if q, err := url.ParseQuery(qualifiers); err == nil && q.Get("repository_url") != "" {
				forms = append(forms, q.Get("repository_url"))
			}
		}
		return forms
	}
	if image := repository(name); image != "" {
		forms = append(forms, image)
	}
	return forms
}

// onHub returns the full names of an image whose package URL names no registry,
// which means Docker's own (purl-spec, type docker); of any other, nothing.
func onHub(image string) []string {
	host, _, deep := strings.Cut(image, "/")
	if deep && (strings.ContainsAny(host, ".:") || host == "localhost") {
		return nil
	}
	if !deep {
		image = "library/" + image
	}
	return []string{"docker.io/" + image, "index.docker.io/" + image}
}

// sameBase reports whether the name that was handed over and the attested one
// end in the same part: "dist/app" and "app" do, "server" and "server-debug" do
// not. A digest has no name, and a package URL names no file.
func sameBase(handed, attested string) bool {
	if attested == "" || isDigest(handed) || strings.HasPrefix(attested, "pkg:") {
		return true
	}
	return base(handed) == base(attested)
}

// base is the last part of a path, or of the repository of an image.
func base(name string) string {
	if image := repository(name); image != "" {
		name = image
	} else if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') && strings.Contains(name, "/") {
		name = name[:i]
	}
	return path.Base(name)
}

func isDigest(name string) bool {
	alg, _, ok := strings.Cut(name, ":")
	return ok && slices.ContainsFunc(subject.Algorithms, func(a subject.Algorithm) bool { return a.String() == alg })
}

// repository returns the repository of an image that is named with its digest,
// and with a tag or without: "registry/path:tag@sha256:…". Of any other name it
// returns nothing.
func repository(name string) string {
	image, _, ok := strings.Cut(name, "@sha256:")
	if !ok {
		return ""
	}
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		image = image[:i]
	}
	return image
}

func before(s, sep string) string { head, _, _ := strings.Cut(s, sep); return head }

// artifact returns which artifact of the policy a candidate is. The name that
// was handed over decides. Where no pattern fits it (a file in a download
// folder, a line of a checksum list), the attested name does: the names in
// evidence of those who may sign for the artifact, and of nobody else.
func (in Input) artifact(c Candidate) (Artifact, *miss) {
	if a, ok := in.Policy.Artifact(c.Subject.Name); ok {
		return a, nil
	}
	var fit []Artifact
	for _, a := range in.Policy.Artifacts {
		if slices.ContainsFunc(c.Facts, func(f Fact) bool { return in.speaksFor(a, c, f) }) {
			fit = append(fit, a)
		}
	}
	m := &miss{code: fault.SubjectMismatch, reason: fmt.Sprintf("no artifact of the policy is called %q", c.Subject.Name), wanted: in.Policy.names(),
		hint: "name it as the policy does: a file by its path from the top of the repository, an image by its repository; or hand it over as NAME=PATH"}
	switch len(fit) {
	case 1:
		return fit[0], nil
	case 0:
		return Artifact{}, m
	}
	var names []string
	for _, a := range fit {
		names = append(names, a.Name)
	}
	m.reason = fmt.Sprintf("%q may be more than one artifact of the policy, by the names that were attested", c.Subject.Name)
	m.found, m.wanted, m.hint = strings.Join(names, ", "), "exactly one", "say which it is: hand it over as NAME=PATH, with a name that one of them has"
	return Artifact{}, m
}

// speaksFor reports whether f, which is about c, is signed by somebody who may
// sign for a and calls c as a may be called.
func (in Input) speaksFor(a Artifact, c Candidate, f Fact) bool {
	named := slices.ContainsFunc(f.Names, func(n string) bool { return n != "" && a.fits(n) && sameBase(c.Subject.Name, n) })
	if !named {
		return false
	}
	for _, q := range in.requires() {
		for _, s := range q.signers(a) {
			if f.Trust == q.trust(a, s).ID() && q.wants(f.Statement.PredicateType) && s.signed(f) == nil {
				return true
			}
		}
	}
	return false
}

// misnamed says why the names in a piece of evidence are not those of the
// artifact that it is to be about; or nil.
func misnamed(a Artifact, s subject.Subject, f Fact) *miss {
	if len(f.Names) == 0 {
		return nil
	}
	m := &miss{stage: atName, code: fault.SubjectMismatch, line: a.Line,
		reason: "these bytes were attested under another name", found: strings.Join(f.Names, ", ")}
	for _, n := range f.Names {
		switch {
		case !a.attests(n):
			m.wanted = "a name of artifact " + a.Name + ": " + strings.Join(a.Subject, " or ")
			m.hint = "hand over the artifact that was attested as that; if it is this one, add its attested name to subject of artifact " + a.Name
		case !s.Given && !sameBase(s.Name, n):
			m.wanted = "a name that ends in " + base(s.Name)
			m.hint = fmt.Sprintf("hand over what was attested as that; if it is this file, say so: %s=%s", n, s.Name)
		default:
			return nil
		}
	}
	return m
}

// Fits reports whether an artifact of the policy may be called name.
func (p *Policy) Fits(name string) bool {
	return slices.ContainsFunc(p.Artifacts, func(a Artifact) bool { return a.fits(name) })
}
