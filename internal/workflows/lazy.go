package workflows

import (
	"regexp"
	"sync"
)

// lazy compiles a pattern when it is first asked for: most commands ask for
// none of them. It is not inlined, because each copy would cost as much as what it is
// called by.
//
//go:noinline
func lazy(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
