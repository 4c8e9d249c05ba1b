// Command bench measures sallyport as people run it, process start to exit,
// beside the programs it should not be slower than, and prints one table
// (docs/performance.md).
//
// It refuses to be a test: nothing fails because a machine is busy, and a
// figure counts only beside another one of the same run. It links nothing but
// the standard library, because a child starts with the peak memory of its
// parent.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// bench is one run of the program.
type bench struct {
	dir    string // binaries in bin, and everything that is verified
	rounds int
	only   bool
	cosign string
	before string
	table  table
	identity
	taken times
}

// identity is who signed everything in the lab.
type identity struct{ Identity, Issuer string }

func main() {
	b := bench{}
	flag.StringVar(&b.dir, "dir", "", "`DIR` with the binaries in bin; bundles and files are kept there")
	flag.IntVar(&b.rounds, "rounds", 40, "how often a short command runs")
	flag.StringVar(&b.cosign, "cosign", cachedCosign(), "`FILE` of cosign, to compare with")
	flag.StringVar(&b.before, "before", "", "`FILE` of an older sallyport, to compare with")
	flag.BoolVar(&b.only, "builds", false, "measure builds under the recorder, and nothing else")
	inLab := flag.Bool("in-lab", false, "sign what will be verified; the program calls itself with it")
	flag.Parse()
	do := b.run
	if *inLab {
		do = b.sign
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// cachedCosign is where make interop builds cosign.
func cachedCosign() string {
	cache := os.Getenv("SALLYPORT_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		cache = filepath.Join(user, "sallyport")
	}
	found, err := filepath.Glob(filepath.Join(cache, "cosign-*", "cosign"))
	if err != nil || len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// step is a part of what is measured.
type step struct {
	name string
	do   func() error
}

func (b *bench) run() error {
	recorded := step{"builds under the recorder", b.builds}
	if b.only {
		return b.measure([]step{recorded})
	}
	if err := b.prepare(); err != nil {
		return err
	}
	return b.measure([]step{
		{"start", b.start}, {"one bundle", b.cold}, {"cosign", b.withCosign}, {"a thousand bundles", b.thousand},
		{"a thousand subjects", b.subjects}, {"a warm process", b.warm}, {"a history", b.history}, {"a bundle that strangers bury", b.buried}, {"longer digests", b.longer}, {"a gate", b.gate}, {"an older one", b.beside},
		{"hashing", b.hashing}, {"size", b.size}, recorded, {"signing", b.signed},
	})
}

// measure takes the steps and prints what they found.
func (b *bench) measure(steps []step) error {
	before := load()
	for _, step := range steps {
		fmt.Fprintln(os.Stderr, "bench: measuring", step.name)
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	fmt.Printf("%s/%s, %s, %d processors, load %s before and %s after\n\n", runtime.GOOS, runtime.GOARCH, runtime.Version(), runtime.NumCPU(), before, load())
	return b.table.print(os.Stdout)
}

// load returns how many programs wanted a processor in the last minute. Above
// the number of processors, walls say little and only CPU can be compared.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(b), " ")
	return first
}

// bin returns the path of a program that run.sh has built.
func (b *bench) bin(name string) string { return filepath.Join(b.dir, "bin", name) }

// path returns a path in the directory.
func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// few is how often a command runs that takes a second.
func (b *bench) few() int { return max(3, b.rounds/8) }
