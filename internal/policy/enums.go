package policy

import (
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// The words for enumerations in the document of an input, by their numbers. They
// are compared by programs, and are never changed.
var (
	stateWords      = []string{"unknown", "missing", "unprotected", "protected"}
	bypassWords     = []string{"unknown", "on", "off"}
	knownWords      = []string{"unanswered", "no", "yes"}
	kindWords       = []string{"unknown", "human", "machine", "unseen", "gone"}
	orderWords      = []string{"unknown", "first", "same", "newer", "older", "diverged", "overtaken"}
	runStateWords   = []string{"unknown", "unfinished", "failed", "succeeded"}
	memberKindWords = []string{"none", "user", "team", "role", "email"}
)

// toWord returns the word for a number.
func toWord[T ~int](x T, words []string) ([]byte, error) {
	if x < 0 || int(x) >= len(words) {
		return nil, fault.Errorf("there is no word for %d among %q", x, words)
	}
	return []byte(words[x]), nil
}

// fromWord sets x to the number of a word. An unknown word is an error and leaves
// zero.
func fromWord[T ~int](x *T, words []string, b []byte) error {
	i := slices.Index(words, string(b))
	*x = T(max(i, 0))
	if i < 0 {
		return fault.Errorf("%q is none of %q", b, words)
	}
	return nil
}

// MarshalText writes the word for s.
func (s State) MarshalText() ([]byte, error) { return toWord(s, stateWords) }

// UnmarshalText reads the word for a state and nothing else.
func (s *State) UnmarshalText(b []byte) error { return fromWord(s, stateWords, b) }

// MarshalText writes the word for y.
func (y Bypass) MarshalText() ([]byte, error) { return toWord(y, bypassWords) }

// UnmarshalText reads the word for an answer and nothing else.
func (y *Bypass) UnmarshalText(b []byte) error { return fromWord(y, bypassWords, b) }

// MarshalText writes the word for k.
func (k Known) MarshalText() ([]byte, error) { return toWord(k, knownWords) }

// UnmarshalText reads the word for an answer and nothing else.
func (k *Known) UnmarshalText(b []byte) error { return fromWord(k, knownWords, b) }

// MarshalText writes the word for k.
func (k Kind) MarshalText() ([]byte, error) { return toWord(k, kindWords) }

// UnmarshalText reads the word for a kind and nothing else.
func (k *Kind) UnmarshalText(b []byte) error { return fromWord(k, kindWords, b) }

// MarshalText writes the word for o.
func (o Order) MarshalText() ([]byte, error) { return toWord(o, orderWords) }

// UnmarshalText reads the word for an order and nothing else.
func (o *Order) UnmarshalText(b []byte) error { return fromWord(o, orderWords, b) }

// MarshalText writes the word for s.
func (s RunState) MarshalText() ([]byte, error) { return toWord(s, runStateWords) }

// UnmarshalText reads the word for a state and nothing else.
func (s *RunState) UnmarshalText(b []byte) error { return fromWord(s, runStateWords, b) }

// MarshalText writes the word for k.
func (k MemberKind) MarshalText() ([]byte, error) { return toWord(k, memberKindWords) }

// UnmarshalText reads the word for a kind and nothing else.
func (k *MemberKind) UnmarshalText(b []byte) error { return fromWord(k, memberKindWords, b) }
