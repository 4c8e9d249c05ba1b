package strictjson

import "fmt"

// word is a type that reads its own texts.
type word int

func (w *word) UnmarshalText(b []byte) error { return fmt.Errorf("%q is not the word", b) }
