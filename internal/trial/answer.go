package trial

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// An Answer is what try says. It decides nothing.
type Answer struct {
	Repository Home     `json:"repository"`
	Token      string   `json:"token"` // the variable that it was from; "" for none
	Releases   []Told   `json:"releases"`
	NotLooked  []string `json:"notLooked"` // in words
	Next       Step     `json:"next"`
}

// Told is what is said of one release.
type Told struct {
	Name       string   `json:"name"`
	Time       string   `json:"time,omitempty"` // RFC 3339, UTC
	Immutable  bool     `json:"immutable"`      // the platform says which files it has, and not who built them
	Digests    int      `json:"withDigest"`
	Looked     int      `json:"lookedAt"`
	Provenance int      `json:"withProvenance"`
	Verified   int      `json:"verified"`
	Starter    int      `json:"starterWouldAllow"`
	Signers    []string `json:"signers,omitempty"`  // in words
	Missing    []string `json:"missing,omitempty"`  // in words
	Deployed   []string `json:"deployed,omitempty"` // environments, and by what they are linked
	Files      []Seen   `json:"files"`
}

// Seen is what is said of one file.
type Seen struct {
	Name   string
	Kind   string
	Digest string // "" where none is known
	Looked bool   // evidence was asked for, and the platform answered
	Judged
}

// MarshalJSON writes the parts that programs read.
func (s Seen) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(struct {
		Name       string     `json:"name"`
		Kind       string     `json:"kind"`
		Digest     string     `json:"digest,omitempty"`
		Looked     bool       `json:"lookedAt"`
		Bundles    int        `json:"bundles"`
		Provenance bool       `json:"provenance"`
		Verified   bool       `json:"verified"`
		Signer     string     `json:"signer,omitempty"`
		Commit     string     `json:"commit,omitempty"`
		Code       fault.Code `json:"code,omitempty"`
		Why        string     `json:"why,omitempty"`
		Starter    bool       `json:"starterWouldAllow"`
		StarterWhy string     `json:"starterWhy,omitempty"`
	}{s.Name, s.Kind, s.Digest, s.Looked, s.Bundles, s.Provenance, s.Verified, s.Signer, s.Commit, s.Code, s.Why,
		s.Starter.Allow, s.Starter.Why})
	if err != nil {
		return nil, fmt.Errorf("writing a file of a release: %w", err)
	}
	return b, nil
}

// A Step is the one thing to do next.
type Step struct {
	Text  string   `json:"text"`
	Lines []string `json:"lines,omitempty"` // to write, where it is about a file
	*Build
}

// sum counts what was seen, and says what is missing.
func (t *Told) sum() {
	for _, s := range t.Files {
		if s.Digest == "" {
			t.Missing = append(t.Missing, s.Name+": "+s.Why)
			continue
		}
		t.Digests++
		if !s.Looked {
			continue
		}
		t.Looked++
		if s.Provenance {
			t.Provenance++
		}
		if s.Starter.Allow {
			t.Starter++
		}
		if s.Verified {
			t.Verified++
			if !slices.Contains(t.Signers, s.Signer) {
				t.Signers = append(t.Signers, s.Signer)
			}
		}
		if why := s.missing(); why != "" {
			t.Missing = append(t.Missing, s.Name+": "+why)
		}
	}
}

// missing says what a file lacks, or "".
func (s Seen) missing() string {
	switch {
	case !s.Verified && s.Listed && !s.Provenance:
		return "no provenance; the platform's release attestation says that the file is of the release, and not who built it"
	case !s.Verified && s.Bundles == 0:
		return "no evidence"
	case !s.Verified:
		return string(s.Code) + " " + s.Why
	case !s.Starter.Allow:
		return string(s.Starter.Code) + " " + s.Starter.Why
	}
	return ""
}

// next is the one thing to do next: the first that stands in the way.
func (w *walk) next(o Options) Step {
	var files []Seen
	for _, r := range w.Releases {
		files = append(files, r.Files...)
	}
	looked := slices.DeleteFunc(slices.Clone(files), func(s Seen) bool { return !s.Looked })
	verified := slices.ContainsFunc(looked, func(s Seen) bool { return s.Verified })
	bad := slices.IndexFunc(looked, func(s Seen) bool { return s.Bundles > 0 && !s.Verified && !(s.Listed && !s.Provenance) })
	strict := slices.IndexFunc(looked, func(s Seen) bool { return s.Verified && !s.Starter.Allow })
	bare := slices.IndexFunc(looked, func(s Seen) bool { return !s.Verified })
	switch {
	case len(w.Releases) == 0 && w.stopped != "":
		return Step{Text: "ask again later, or with a token: " + w.stopped}
	case len(w.Releases) == 0 && len(w.NotLooked) > 0:
		return Step{Text: "ask again with a token that may read the repository: nothing is known about its releases"}
	case len(w.Releases) == 0:
		return attest(o, "the repository has released nothing that can be seen: attest what the next release has")
	case len(looked) == 0 && w.stopped != "":
		return Step{Text: "ask again later, or with a token: " + w.stopped}
	case len(looked) == 0:
		return attest(o, "no file of these releases has a digest here, so nobody can ask for evidence: attest what the next release has")
	case !verified && bad >= 0:
		return Step{Text: "look at " + looked[bad].Name + ": " + cmp.Or(looked[bad].Hint, looked[bad].Why)}
	case !verified:
		return attest(o, "there is no evidence: attest what the next release has, and it can be judged")
	case strict >= 0:
		return Step{Text: "look at " + looked[strict].Name + ": " + cmp.Or(looked[strict].Starter.Hint, looked[strict].Starter.Why)}
	case bare >= 0:
		return attest(o, "attest "+looked[bare].Name+" as well: a gate judges every file that enters")
	}
	return Step{Text: "sallyport init: everything that was looked at would meet the policy that it writes (docs/start.md)"}
}

// attest is the step of adding attest to the job that builds.
func attest(o Options, why string) Step {
	if len(o.Builds) != 1 || o.Lines == nil {
		var names []string
		for _, b := range o.Builds {
			names = append(names, "job "+b.Job+" of "+b.File)
		}
		if len(names) > 0 {
			why += "; it belongs into one of " + strings.Join(names, ", ")
		}
		return Step{Text: why + " (docs/start.md)"}
	}
	b := o.Builds[0]
	return Step{Text: fmt.Sprintf("%s; in job %s of %s:", why, b.Job, b.File), Lines: o.Lines(b), Build: &b}
}
