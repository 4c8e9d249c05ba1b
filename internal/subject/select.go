package subject

import (
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A Selection is what a command line asks about, before anything was read.
type Selection struct {
	Patterns []string  // files, directories and globs, for Files
	Images   []Image   // images in a registry
	Layouts  []string  // directories, for Layout
	Given    []Given   // files that the call gives a name to
	Digests  []Subject // artifacts that are known by digest alone
}

// Given is a file with the name that evidence and policy call it by.
type Given struct{ Name, Path string }

// Parse sorts args by their form, never by what they lead to:
//
//	sha256:HEX          an artifact by digest; also sha384:HEX and sha512:HEX
//	oci-layout://DIR    an OCI image layout in a directory
//	oci://REFERENCE     an image in a registry, by tag or digest
//	NAME@sha256:HEX     an image in a registry, by digest
//	NAME=PATH           the file at PATH, under the name NAME
//	anything else       a file, a directory or a glob
//
// A path with "=" in it is written with "./" in front. An argument given twice
// counts once.
func Parse(args []string) (Selection, error) {
	var s Selection
	for _, arg := range args {
		if err := s.add(arg); err != nil {
			return Selection{}, err
		}
	}
	if len(args) == 0 {
		return Selection{}, usage("no subject is named")
	}
	return s, nil
}

func (s *Selection) add(arg string) error {
	if arg == "" {
		return usage("a subject is empty, want a file, glob, image or digest")
	}
	scheme, rest, hasScheme := strings.Cut(arg, "://")
	switch {
	case hasScheme && scheme == "oci-layout":
		return s.addLayout(arg, rest)
	case hasScheme && scheme == "oci":
		return s.addImage(rest)
	case hasScheme:
		return usage("subject %q has scheme %q, want %q or %q", arg, scheme, "oci", "oci-layout")
	case namesDigest(arg):
		return s.addDigest(arg)
	case namesDigest(arg[strings.LastIndexByte(arg, '@')+1:]):
		return s.addImage(arg)
	case strings.Contains(arg, "=") && !strings.HasPrefix(arg, "./") && !strings.HasPrefix(arg, "-"):
		return s.addGiven(arg)
	}
	if !slices.Contains(s.Patterns, arg) {
		s.Patterns = append(s.Patterns, arg)
	}
	return nil
}

func (s *Selection) addLayout(arg, dir string) error {
	if dir == "" {
		return usage("subject %q names no directory", arg)
	}
	if !slices.Contains(s.Layouts, dir) {
		s.Layouts = append(s.Layouts, dir)
	}
	return nil
}

func (s *Selection) addImage(ref string) error {
	img, err := ParseImage(ref)
	if err != nil {
		return err
	}
	same := func(other Image) bool { return other.String() == img.String() }
	if !slices.ContainsFunc(s.Images, same) {
		s.Images = append(s.Images, img)
	}
	return nil
}

func (s *Selection) addDigest(arg string) error {
	d, err := ParseAnyDigest(arg)
	if err != nil {
		return usage("subject: %w", err)
	}
	sub := Subject{Name: arg, Digest: d}
	if !slices.Contains(s.Digests, sub) {
		s.Digests = append(s.Digests, sub)
	}
	return nil
}

// addGiven takes NAME=PATH apart. NAME is what evidence and policy call the file;
// it may be anything that can be shown, a package URL too.
func (s *Selection) addGiven(arg string) error {
	name, path, _ := strings.Cut(arg, "=")
	switch {
	case name == "" || path == "":
		return usage("subject %.200q, want NAME=PATH with both; a path that has \"=\" in it is written with \"./\" in front", arg)
	case strings.ContainsAny(path, meta):
		return usage("subject %.200q gives one name to a glob", arg)
	}
	if err := checkShown(name); err != nil {
		return err
	}
	g := Given{Name: name, Path: path}
	if !slices.Contains(s.Given, g) {
		s.Given = append(s.Given, g)
	}
	return nil
}

// namesDigest reports whether s starts like a digest of any common algorithm,
// so that one that is not SHA-256 is refused instead of sought as a file.
func namesDigest(s string) bool {
	alg, _, ok := strings.Cut(strings.ToLower(s), ":")
	if !ok {
		return false
	}
	bits, isSHA := strings.CutPrefix(alg, "sha")
	return alg == "md5" || isSHA && bits != "" && strings.Trim(bits, "0123456789-_") == ""
}

func usage(format string, args ...any) error {
	return fault.New(fault.Usage, fault.Config, "", format, args...)
}
