// Package trial says what a gate would have said of the last releases of a repository, as far as
// somebody can see who has no policy, and perhaps no token.
//
// It walks over what a platform lists and hands each digest to a judge. It refuses to count as
// provenance what only says which files there are, to call absent what was not asked for, and
// to use up what the platform lets somebody ask: it stops before.
package trial

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A Home is the repository.
type Home struct {
	URI    string `json:"uri"` // address of its page
	ID     string `json:"id"`  // number on the platform
	Branch string `json:"branch"`
	Public bool   `json:"public"`
}

// A Release is what the platform lists of one. Commit is empty where only a branch is named.
type Release struct {
	Name      string // its tag, or a package and its version
	Tag       string
	Commit    string
	Time      time.Time
	Immutable bool // the platform itself says which files the release has
	Files     []File
}

// A File is something of a release that has, or should have, a digest.
type File struct {
	Name   string
	Kind   string // "file", "package" or "image"
	Digest string // sha256:HEX; "" where the platform names none
}

// A Deployment says what was deployed where. It names no digest.
type Deployment struct {
	Environment string
	Commit, Ref string
}

// A Quota is what the platform still answers. Its zero is not known.
type Quota struct {
	Known bool
	Left  int
	Until time.Time // when it begins anew
}

// A Platform is asked about one repository.
type Platform interface {
	Self(ctx context.Context) (Home, error)
	// LastReleases returns the newest releases, the newest first, and what could not be seen.
	LastReleases(ctx context.Context, n int) (all []Release, unseen []string, err error)
	LastDeployments(ctx context.Context, n int) ([]Deployment, error)
	// Quota is what the last answer said.
	Quota() Quota
}

// A Judge fetches what evidence there is about one digest, and judges it.
type Judge interface {
	Judge(ctx context.Context, s subject.Subject) (Judged, error)
	// Images are the images of a release, by its tag, and what could not be seen.
	Images(ctx context.Context, tag string) (all []File, unseen []string)
}

// Judged is what was found about one digest.
type Judged struct {
	Bundles    int    // that lie there, whatever they are
	Provenance bool   // one of them verifies and says how it was built, whoever signed it
	Listed     bool   // one is of the platform, and says which files the release has: not who built them
	Verified   bool   // it was built in the repository, by what verifies
	Signer     string // of what verified, in words
	Commit     string // that it was built from
	Code       fault.Code
	Why, Hint  string // if it is not verified
	Starter    Starter
}

// A Starter is what a starter policy would say: one that names this repository, the workflow of the
// evidence, the default branch and the tags.
type Starter struct {
	Allow bool
	Code  fault.Code
	Why   string
	Hint  string
}

// Reserve is how many questions are left to others who ask from the same address.
const Reserve = 5

// Bounds of what is looked at.
const (
	maxFiles       = 20 // of one release
	maxDeployments = 10
)

// Options say how much is looked at.
type Options struct {
	Releases int
	Builds   []Build // jobs of the clone that build, if they are known
	Lines    func(Build) []string
}

// A Build is a job that seems to build.
type Build struct {
	File string `json:"file"`
	Job  string `json:"job"`
}

// walk is one Look.
type walk struct {
	Platform
	Judge
	Answer
	stopped string // why nothing more is asked
}

// Look looks at the last releases of a repository. It returns an error only where nothing
// could be asked.
func Look(ctx context.Context, p Platform, j Judge, o Options) (Answer, error) {
	home, err := p.Self(ctx)
	if err != nil {
		return Answer{}, err
	}
	w := walk{Platform: p, Judge: j, Answer: Answer{Repository: home, Releases: []Told{}, NotLooked: []string{}}}
	var all []Release
	var deployed []Deployment
	if w.asks("releases") {
		var unseen []string
		if all, unseen, err = p.LastReleases(ctx, o.Releases); err != nil {
			w.left("releases: %s", said(err))
		}
		w.NotLooked = append(w.NotLooked, unseen...)
	}
	if w.asks("deployments") {
		if deployed, err = p.LastDeployments(ctx, maxDeployments); err != nil {
			w.left("deployments: %s", said(err))
		}
	}
	for _, r := range all {
		w.Releases = append(w.Releases, w.release(ctx, r, deployed))
	}
	if w.stopped != "" {
		w.left("%s", w.stopped)
	}
	w.Next = w.next(o)
	return w.Answer, nil
}

// asks reports whether there is enough left to ask for something, and says where there is not.
func (w *walk) asks(what string) bool {
	if w.stopped == "" {
		w.stopped = w.spent()
	}
	if w.stopped != "" {
		w.left("%s", what)
	}
	return w.stopped == ""
}

func (w *walk) left(format string, args ...any) {
	w.NotLooked = append(w.NotLooked, fmt.Sprintf(format, args...))
}

// spent says why no more may be asked, or "".
func (w *walk) spent() string {
	q := w.Quota()
	if !q.Known || q.Left > Reserve {
		return ""
	}
	return fmt.Sprintf("the platform answers %d more questions until %s, which are left to others at this address",
		q.Left, q.Until.UTC().Add(time.Minute-1).Truncate(time.Minute).Format("15:04 UTC"))
}

func (w *walk) release(ctx context.Context, r Release, deployed []Deployment) Told {
	out := Told{Name: r.Name, Immutable: r.Immutable, Files: []Seen{}}
	if !r.Time.IsZero() {
		out.Time = r.Time.UTC().Format(time.RFC3339)
	}
	files := slices.DeleteFunc(slices.Clone(r.Files), func(f File) bool { return beside(f.Name) })
	images, unseen := w.Images(ctx, r.Tag)
	w.NotLooked = append(w.NotLooked, unseen...)
	files = append(files, images...)
	for i, f := range files {
		if i == maxFiles {
			w.left("%d more files of %s", len(files)-maxFiles, r.Name)
		}
		if i >= maxFiles {
			out.Files = append(out.Files, unseenFile(f))
			continue
		}
		out.Files = append(out.Files, w.file(ctx, r, f))
	}
	out.sum()
	for _, d := range deployed {
		if how := linked(d, r, out.Files); how != "" {
			out.Deployed = append(out.Deployed, d.Environment+", by its "+how)
		}
	}
	slices.Sort(out.Deployed)
	out.Deployed = slices.Compact(out.Deployed)
	return out
}

// unseenFile is a file about which nobody was asked.
func unseenFile(f File) Seen {
	s := Seen{Name: f.Name, Kind: f.Kind, Digest: f.Digest}
	if f.Digest == "" {
		s.Why = "the platform names no digest of it"
	} else if _, err := subject.ParseDigest(f.Digest); err != nil {
		s.Digest, s.Why = "", "the platform names a digest that is none"
	}
	return s
}

// file judges one file, unless too little is left to ask.
func (w *walk) file(ctx context.Context, r Release, f File) Seen {
	s := unseenFile(f)
	d, err := subject.ParseDigest(s.Digest)
	if err != nil {
		return s
	}
	if !w.asks(f.Name + " of " + r.Name) {
		return s
	}
	got, err := w.Judge.Judge(ctx, subject.Subject{Name: d.String(), Digest: d})
	if err != nil {
		w.left("%s of %s: %s", f.Name, r.Name, said(err))
		if fault.Of(err).Kind == fault.Unavailable {
			w.stopped = "nothing more was asked after that: " + said(err)
		}
		return s
	}
	s.Looked, s.Judged = true, got
	return s
}

// suffixes are those of files that stand beside what is released and are not it.
var suffixes = []string{".sig", ".asc", ".pem", ".sbom.json", ".intoto.jsonl", ".sigstore", ".sigstore.json", ".sha256", ".sha256sum",
	".sha512", ".sha512sum", ".sha1", ".md5"}

// beside reports whether a file only speaks about others: a signature, an inventory or a list
// of checksums.
func beside(name string) bool {
	name = strings.ToLower(name)
	if slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) }) {
		return true
	}
	base := strings.TrimSuffix(name, ".txt")
	return strings.HasSuffix(base, "checksums") || strings.HasSuffix(base, "sha256sums") || strings.HasSuffix(base, "sha512sums")
}

// linked says how a deployment leads to a release: a deployment names no digest, so it
// may have been of other files.
func linked(d Deployment, r Release, files []Seen) string {
	ref := strings.TrimPrefix(d.Ref, "refs/tags/")
	switch {
	case r.Tag != "" && ref == r.Tag:
		return "tag"
	case d.Commit == "":
		return ""
	case r.Commit == d.Commit, slices.ContainsFunc(files, func(s Seen) bool { return s.Verified && s.Commit == d.Commit }):
		return "commit"
	}
	return ""
}

func said(err error) string {
	f := fault.Of(err)
	return f.Error()
}
