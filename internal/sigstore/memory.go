package sigstore

import (
	"sync"

	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Limits of what a verifier remembers, so that a server's memory is bounded.
const (
	maxRemembered      = 256
	maxRememberedBytes = 64 << 10 // of one bundle
)

// memory is what a verifier has found to verify. Under one trusted root and one set of requirements the same bytes
// verify again: times are those that the bundle proves, and not those of the clock. What does not verify is forgotten.
type memory struct {
	mu   sync.Mutex
	seen map[subject.Digest]Verified
}

// Remember lets v verify the same bytes once, for a program that sees them again and again.
func (v *Verifier) Remember() { v.memory = &memory{seen: map[subject.Digest]Verified{}} }

func (m *memory) find(b Bundle) (v Verified, is bool) {
	if m == nil {
		return v, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v, is = m.seen[b.bytes]
	return v, is
}

func (m *memory) keep(b Bundle, v Verified) {
	if m == nil || b.size > maxRememberedBytes {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.seen) >= maxRemembered {
		clear(m.seen)
	}
	m.seen[b.bytes] = v
}
