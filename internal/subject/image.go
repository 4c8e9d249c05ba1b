package subject

import (
	"strconv"
	"strings"
)

// An Image is a reference to an image in a registry. It has a tag, a digest or
// both; with a digest, the tag is a label.
type Image struct {
	Repository string // registry host, port if any, and path
	Tag        string // empty if there is none
	Digest     *Digest
}

// Limits of a reference (OCI Distribution Specification, pulling manifests).
const (
	maxRepository = 255
	maxTag        = 128
)

// String returns the reference that ParseImage reads.
func (i Image) String() string {
	s := i.Repository
	if i.Tag != "" {
		s += ":" + i.Tag
	}
	if i.Digest != nil {
		s += "@" + i.Digest.String()
	}
	return s
}

// ParseImage reads HOST[:PORT]/PATH[:TAG][@sha256:HEX]. It guesses nothing: the
// registry must be named, and so must a tag or a digest.
func ParseImage(ref string) (Image, error) {
	var img Image
	rest, digest, hasDigest := strings.Cut(ref, "@")
	if hasDigest {
		d, err := ParseDigest(digest)
		if err != nil {
			return Image{}, usage("image %q: %w", ref, err)
		}
		img.Digest = &d
	}
	slash := strings.LastIndexByte(rest, '/')
	if colon := strings.LastIndexByte(rest, ':'); slash >= 0 && colon > slash {
		rest, img.Tag = rest[:colon], rest[colon+1:]
		if !validTag(img.Tag) {
			return Image{}, usage("image %q has tag %q, want at most %d letters, digits, dots, dashes and underscores", ref, img.Tag, maxTag)
		}
	}
	img.Repository = rest
	if img.Tag == "" && img.Digest == nil {
		return Image{}, usage("image %q has neither tag nor digest", ref)
	}
	if err := checkRepository(ref, rest); err != nil {
		return Image{}, err
	}
	return img, nil
}

func checkRepository(ref, repository string) error {
	host, path, ok := strings.Cut(repository, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return usage("image %q names no registry, want host/path", ref)
	}
	if len(repository) > maxRepository {
		return usage("image %q has a name of %d bytes, at most %d are allowed", ref, len(repository), maxRepository)
	}
	if !validHost(host) {
		return usage("image %q has registry %q, want a lower-case host name and an optional port", ref, host)
	}
	for part := range strings.SplitSeq(path, "/") {
		if !validPathComponent(part) {
			return usage("image %q has path component %q, want lower-case letters and digits with single separators", ref, part)
		}
	}
	return nil
}

func validHost(hostport string) bool {
	host, port, hasPort := strings.Cut(hostport, ":")
	if n, err := strconv.ParseUint(port, 10, 16); hasPort && (err != nil || n == 0 || strconv.FormatUint(n, 10) != port) {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, lowerOrDigit+"-") != "" {
			return false
		}
	}
	return true
}

const lowerOrDigit = "abcdefghijklmnopqrstuvwxyz0123456789"

// validPathComponent wants runs of letters and digits, separated by one dot, one
// or two underscores, or any number of dashes.
func validPathComponent(s string) bool {
	for {
		rest := strings.TrimLeft(s, lowerOrDigit)
		if rest == s {
			return false
		}
		if rest == "" {
			return true
		}
		s = strings.TrimLeft(rest, "._-")
		sep := rest[:len(rest)-len(s)]
		if sep != "." && sep != "_" && sep != "__" && strings.Trim(sep, "-") != "" || sep == "" {
			return false
		}
	}
}

func validTag(s string) bool {
	if s == "" || len(s) > maxTag || s[0] == '.' || s[0] == '-' {
		return false
	}
	return strings.Trim(strings.ToLower(s), lowerOrDigit+"._-") == "" && isASCII(s)
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}
