package material

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// ReproductionType is the predicate type of a reproduction: an artifact was built again.
const ReproductionType = "https://sallyport.dev/reproduction/v1"

// A Reproduction says what came out when a build was done again. Every member is written.
type Reproduction struct {
	Rebuilder string     `json:"rebuilder"` // the program
	Manifest  string     `json:"manifest"`  // SHA-256 of the manifest that was followed; "": none
	Commit    string     `json:"commit"`    // of the source
	Command   []string   `json:"command"`
	Started   time.Time  `json:"started"`
	Ended     time.Time  `json:"ended"`
	Machine   Machine    `json:"machine"`
	Network   string     `json:"network"` // "cut", "observed" or "not-observed" while it built
	Artifacts []Rebuilt  `json:"artifacts"`
	Varied    []Varied   `json:"varied"`    // what was made different on purpose
	Same      []NotMoved `json:"notVaried"` // what could not be
}

// Rebuilt is one artifact of both builds.
type Rebuilt struct {
	Name   string `json:"name"`
	Was    string `json:"was"`    // SHA-256 of the first build's
	Is     string `json:"is"`     // of the rebuild's; "": it was not made
	First  string `json:"first"`  // where they differ first, in words; "" if they are the same
	Causes []Fix  `json:"causes"` // the known ones
}

// Fix is a cause of a difference, and what mends it.
type Fix struct {
	Cause string `json:"cause"`
	Fix   string `json:"fix"`
}

// Varied is a property of a build that was another one.
type Varied struct {
	What string `json:"what"` // such as "directory"
	Was  string `json:"was"`
	Is   string `json:"is"`
}

// NotMoved is a property that could not be varied, and why.
type NotMoved struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Reproduced reports whether an artifact came out with the same bytes, under each of its names. known is false where
// the rebuild is not about it.
func (r *Reproduction) Reproduced(digest string) (same, known bool) {
	same = true
	for _, a := range r.Artifacts {
		if a.Was == digest {
			same, known = same && a.Is == digest, true
		}
	}
	return same && known, known
}

// JSON is the one form of a reproduction (RFC 8785).
func (r *Reproduction) JSON() ([]byte, error) {
	c := *r
	c.Command, c.Artifacts = written(c.Command), slices.Clone(written(c.Artifacts))
	c.Varied, c.Same = written(c.Varied), written(c.Same)
	for i := range c.Artifacts {
		c.Artifacts[i].Causes = written(c.Artifacts[i].Causes)
	}
	c.Started, c.Ended = c.Started.UTC().Truncate(time.Millisecond), c.Ended.UTC().Truncate(time.Millisecond)
	b, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return strictjson.Canonical(json.RawMessage(b))
}

// ReadReproduction reads a reproduction as Read reads a manifest.
func ReadReproduction(b []byte) (Reproduction, error) {
	if len(b) > MaxBytes {
		return Reproduction{}, fault.New(
			fault.Refused,
			fault.Limit,
			"",
			"a reproduction of %d bytes, at most %d are read",
			len(b),
			MaxBytes,
		)
	}
	var r Reproduction
	if err := strictjson.DecodeExact(b, maxDepth, "a reproduction", &r); err != nil {
		return r, err
	}
	given, err := strictjson.Canonical(json.RawMessage(b))
	if err != nil {
		return r, err
	}
	own, err := r.JSON()
	switch {
	case err != nil:
		return r, err
	case !bytes.Equal(given, own):
		return r, malformed("the reproduction is not as it was written: %s", firstDifference(given, own))
	case len(r.Artifacts) == 0:
		return r, malformed("a reproduction is about no artifact")
	case !isCommit(r.Commit):
		return r, malformed("a reproduction is of commit %q, want 40 or 64 hexadecimal digits", r.Commit)
	case len(r.Command) == 0:
		return r, malformed("the command of a reproduction is empty")
	case r.Manifest != "" && !isHex(r.Manifest):
		return r, malformed("a reproduction follows the manifest %q, want 64 hexadecimal digits", r.Manifest)
	case !slices.Contains([]string{IsObserved, IsCut, IsNotObserved}, r.Network):
		return r, malformed("a reproduction has the network %q, want observed, cut or not-observed", r.Network)
	}
	for _, a := range r.Artifacts {
		if !isHex(a.Was) || a.Is != "" && !isHex(a.Is) {
			return r, malformed(
				"artifact %q of a reproduction: digests %q and %q, want 64 hexadecimal digits",
				a.Name,
				a.Was,
				a.Is,
			)
		}
	}
	return r, nil
}
