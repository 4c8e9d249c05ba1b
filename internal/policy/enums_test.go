package policy

import (
	"encoding"
	"testing"
)

// Each number of an enumeration has a word, and nothing else is one: a number that
// somebody adds has to get its word, or an input with it could not be kept.
func TestInput_words_of_enumerations(t *testing.T) {
	last := map[encoding.TextMarshaler]encoding.TextMarshaler{
		Protected: State(4), NoBypass: Bypass(3), Yes: Known(3), Gone: Kind(5), Overtaken: Order(7),
		Succeeded: RunState(4), MemberEmail: MemberKind(5),
	}
	for x, beyond := range last {
		if b, err := x.MarshalText(); err != nil || len(b) == 0 {
			t.Errorf("%T(%v) = %q (%v), want a word", x, x, b, err)
		}
		if b, err := beyond.MarshalText(); err == nil {
			t.Errorf("%T(%d) = %q, want an error", beyond, beyond, b)
		}
	}
	for _, into := range []encoding.TextUnmarshaler{new(State), new(Bypass), new(Known), new(Kind), new(Order), new(RunState), new(MemberKind)} {
		for _, s := range []string{"", "PROTECTED", "1", "another"} {
			if err := into.UnmarshalText([]byte(s)); err == nil {
				t.Errorf("%T takes %q for a word", into, s)
			}
		}
	}
}
