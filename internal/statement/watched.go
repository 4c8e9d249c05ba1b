package statement

import (
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// WatchedV1 is the predicate type of what a job in an environment says of what came in while
// the environment was only watched. It has a place in the chain of entries and is none: it is
// about no artifact, so that no verifier finds it as a verdict about one.
const WatchedV1 = OwnPredicates + "watched/v1"

// Watched is the predicate of such a statement (shared/watched.schema.json).
type Watched struct {
	Version      string    `json:"version"`      // of the program that judged
	TimeVerified string    `json:"timeVerified"` // RFC 3339, UTC
	Policy       DigestSet `json:"policy"`
	Would        string    `json:"would"`  // the outcome that nobody was held to: "allow", "wait" or "deny"
	Agreed       bool      `json:"agreed"` // whom the policy in force asks has agreed to this one
	Entry        Entry     `json:"entry"`
}

// NewWatched returns the predicate of e under a policy, reached by version of the program at a
// time. would is the outcome that nobody was held to.
func NewWatched(e Entry, version string, policy subject.Digest, would string, agreed bool, at time.Time) Watched {
	return Watched{version, at.UTC().Format(time.RFC3339), DigestSet{SHA256: policy.Hex()}, would, agreed, e}
}

// JSON returns w as the predicate of a statement.
func (w Watched) JSON() ([]byte, error) { return written(w) }

// Subjects returns what w is found by, and nothing else.
func (w Watched) Subjects() ([]subject.Subject, error) { return w.Entry.marks(), nil }

// watched reads s as what came in while an environment was watched.
func (s Statement) watched() (Entered, error) {
	var w Watched
	if err := s.own(WatchedV1, &w); err != nil {
		return Entered{}, err
	}
	if err := w.Entry.whole(); err != nil {
		return Entered{}, err
	}
	switch w.Would {
	case "allow", "wait", "deny":
	default:
		return Entered{}, fault.New(fault.Refused, fault.Predicate, "", "would is %q, want allow, wait or deny", w.Would)
	}
	if err := s.about(w.Entry.marks()); err != nil {
		return Entered{}, err
	}
	out := Entered{Entry: w.Entry, Version: w.Version, Watched: true, Agreed: w.Agreed, Would: w.Would}
	return out, out.under(w.Policy, w.TimeVerified)
}
