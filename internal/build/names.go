package build

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-dev/sallyport/internal/material"
)

// valid writes bytes that are no UTF-8 as \xff: a JSON text can hold no others, and names that differ stay apart.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&out, `\x%02x`, s[0])
		} else {
			out.WriteString(s[:n])
		}
		s = s[n:]
	}
	return out.String()
}

// apart gives products a number whose names became one name when secrets were hidden: a manifest names each product
// once.
func (k *maker) apart() {
	taken := map[string]bool{}
	for _, p := range k.m.Products {
		taken[p.Path] = true
	}
	seen := map[string]bool{}
	for i := range k.m.Products {
		p := &k.m.Products[i]
		if name := p.Path; seen[name] {
			for n := 2; taken[p.Path]; n++ {
				p.Path = fmt.Sprintf("%s %d", name, n)
			}
			taken[p.Path] = true
		}
		seen[p.Path] = true
	}
	slices.SortStableFunc(k.m.Products, func(a, b material.Product) int { return cmp.Compare(a.Path, b.Path) })
}
