package statement

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// HistoryV1 is the predicate type of an export: which statements the history of an
// environment consists of.
const HistoryV1 = OwnPredicates + "history/v1"

// ListedEntry is an entry in an export.
type ListedEntry struct {
	Number int    `json:"number"`
	SHA256 string `json:"sha256"`          // of its statement
	State  string `json:"state,omitempty"` // "confirmed" or "failed", if it was known how the deployment ended
}

// ListedWord is something that a person said, in an export.
type ListedWord struct {
	Decision string `json:"decision"`
	SHA256   string `json:"sha256"` // of its statement
	// By is who it was, if the job that made the export asked the platform.
	By *Account `json:"by,omitempty"`
}

// Export is the predicate of an export (shared/history.schema.json): the job that signed
// it had verified everything in it.
type Export struct {
	Target  Target        `json:"environment"`
	Since   string        `json:"since,omitempty"` // RFC 3339, UTC; absent: from the beginning
	Until   string        `json:"until,omitempty"` // RFC 3339, UTC, and not itself; absent: until MadeAt
	Entries []ListedEntry `json:"entries"`         // of the period, the highest number first
	Said    []ListedWord  `json:"said"`            // of the period, by digest
	// Outside are entries that those of the period name and that are not of the period.
	Outside []Link    `json:"outside,omitempty"`
	Missing []Link    `json:"missing,omitempty"` // that entries name, and that the job did not find
	Policy  DigestSet `json:"policy"`            // under which it was verified
	Version string    `json:"version"`           // of the program
	Run     string    `json:"run"`               // that made it, as its certificate has it
	MadeAt  string    `json:"madeAt"`            // RFC 3339, UTC; the signed timestamp is what counts
}

// Exported is an export that was read.
type Exported struct {
	Export
	PolicyDigest subject.Digest
}

// JSON returns e as the predicate of a statement.
func (e Export) JSON() ([]byte, error) {
	if e.Entries == nil {
		e.Entries = []ListedEntry{}
	}
	if e.Said == nil {
		e.Said = []ListedWord{}
	}
	return written(e)
}

// Subjects returns what an export is about: what it is found by, and each statement that
// it lists, or, where these are too many for one statement, their list.
func (e Export) Subjects() ([]subject.Subject, error) {
	out := []subject.Subject{e.Target.Exports()}
	list := sha256.New()
	add := func(name, hex string) error {
		d, err := DigestSet{SHA256: hex}.digest(name)
		if err == nil {
			fmt.Fprintf(list, "%s %s\n", hex, name)
			out = append(out, subject.Subject{Name: name, Digest: d})
		}
		return err
	}
	for _, x := range e.Entries {
		if err := add(fmt.Sprintf("%s%s/%d", entryPrefix, e.Target.Name, x.Number), x.SHA256); err != nil {
			return nil, err
		}
	}
	for _, x := range e.Said {
		if err := add(x.Decision+":"+e.Target.Name, x.SHA256); err != nil {
			return nil, err
		}
	}
	if len(out) > MaxSubjects {
		all := subject.Subject{Name: "list:" + e.Target.Name, Digest: subject.SHA256([32]byte(list.Sum(nil)))}
		out = append(out[:1], all)
	}
	return out, nil
}

// Exported reads s as an export. Its subjects have to be those that its content has.
func (s Statement) Exported() (Exported, error) {
	var out Exported
	if err := s.own(HistoryV1, &out.Export); err != nil {
		return Exported{}, err
	}
	if err := out.whole(); err != nil {
		return Exported{}, err
	}
	subjects, err := out.Subjects()
	if err != nil {
		return Exported{}, err
	}
	if err := s.about(subjects); err != nil {
		return Exported{}, err
	}
	out.PolicyDigest, err = out.Policy.digest("policy")
	return out, err
}

// whole wants what an export is worth nothing without, and each statement once.
func (e Export) whole() error {
	if err := e.Target.findable(); err != nil {
		return err
	}
	bad := func(format string, args ...any) error {
		return fault.New(fault.Refused, fault.Predicate, "", format, args...)
	}
	if e.Run == "" {
		return bad("the export names no run")
	}
	for _, x := range []struct{ name, at string }{{"since", e.Since}, {"until", e.Until}, {"madeAt", e.MadeAt}} {
		if _, err := instant(x.name, cmp.Or(x.at, time.Time{}.Format(time.RFC3339))); err != nil ||
			x.name == "madeAt" && x.at == "" {
			return bad("%s is %q, want a time like 2006-01-02T15:04:05Z", x.name, x.at)
		}
	}
	var seen []string
	for _, x := range e.Entries {
		if x.Number < 1 || x.State != "" && x.State != "confirmed" && x.State != "failed" {
			return bad("the export lists entry %d with the state %q", x.Number, x.State)
		}
		seen = append(seen, x.SHA256)
	}
	for _, x := range e.Said {
		if !slices.Contains([]string{Approve, Reject, Withdraw, Waive}, x.Decision) {
			return bad("the export lists a statement that is %q", x.Decision)
		}
		if err := x.By.whole(); err != nil {
			return err
		}
		seen = append(seen, x.SHA256)
	}
	slices.Sort(seen)
	if len(slices.Compact(slices.Clone(seen))) != len(seen) {
		return bad("the export lists a statement twice")
	}
	for _, l := range slices.Concat(e.Outside, e.Missing) {
		if _, err := (DigestSet{SHA256: l.SHA256}).digest("entry"); err != nil || l.Number < 1 {
			return bad("the export names an entry %d without a number or a digest", l.Number)
		}
	}
	return nil
}
