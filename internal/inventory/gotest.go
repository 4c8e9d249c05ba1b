package inventory

import (
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// go test -json (cmd/test2json): a stream of events.

func isGoTest(s strictjson.Shape) bool {
	return s.Has("Action") && (s.Has("Package") || s.Has("ImportPath"))
}

type goEvent struct {
	Time        string
	Action      string
	Package     string
	Test        string
	ImportPath  string
	FailedBuild string
}

// goPackage is one whose tests run.
type goPackage struct {
	Suite
	running map[string]bool
	passed  map[string]bool
	ended   bool
	failed  bool
}

// goReading is what is gathered of a stream.
type goReading struct {
	d        *document
	packages map[string]*goPackage
	order    []string
	builds   map[string]bool // that failed: whether a package failed by it
	unknown  bool            // an action that is not known
}

func readGoTest(d *document) error {
	x := &goReading{d: d, packages: map[string]*goPackage{}, builds: map[string]bool{}}
	r, err := strictjson.NewStream(d.text, limits, "the stream of go test")
	if err != nil {
		return err
	}
	for r.More() {
		var e goEvent
		if err := r.Want(strictjson.Object, "an event of go test"); err != nil {
			return notAlone(err)
		}
		if err := r.Fill(&e); err != nil {
			return notAlone(err)
		}
		if err := x.event(&e); err != nil {
			return err
		}
	}
	x.end()
	return nil
}

// notAlone tells the usual reason for a line that is not an event: another output in the same file.
func notAlone(err error) error {
	f := fault.Of(err)
	return fault.New(f.Kind, f.Code, "keep only the standard output of go test -json in the file",
		"go test -json: %w", err)
}

func (x *goReading) event(e *goEvent) error {
	when, err := moment("Time", e.Time)
	if err != nil {
		return err
	}
	if when.After(x.d.report.Time) {
		x.d.report.Time = when
	}
	switch e.Action {
	case "build-output", "output", "pause", "cont", "attr", "artifacts":
	case "build-fail":
		if _, known := x.builds[e.ImportPath]; !known {
			x.builds[e.ImportPath] = false
		}
		return count(&x.d.bound.components, MaxCases, "builds that failed")
	case "start", "run", "pass", "fail", "skip", "bench":
		p, err := x.pkg(e.Package)
		if err != nil {
			return err
		}
		if e.FailedBuild != "" {
			x.builds[e.FailedBuild] = true
		}
		if e.Test == "" {
			p.event(e.Action)
			return nil
		}
		return x.test(p, e)
	default:
		x.unknown = true
	}
	return nil
}

func (x *goReading) pkg(name string) (*goPackage, error) {
	if name == "" {
		return nil, malformed("an event of go test has no member %q", "Package")
	}
	p := x.packages[name]
	if p == nil {
		if err := count(&x.d.bound.findings, MaxCases, "packages"); err != nil {
			return nil, err
		}
		p = &goPackage{Suite: Suite{Name: name}, running: map[string]bool{}}
		x.packages[name] = p
		x.order = append(x.order, name)
	}
	return p, nil
}

// event notes what happens to a whole package. skip is one without test files.
func (p *goPackage) event(action string) {
	switch action {
	case "start":
		p.ended = false
	case "pass", "skip":
		p.ended = true
	case "fail":
		p.ended, p.failed = true, true
	}
}

func (x *goReading) test(p *goPackage, e *goEvent) error {
	switch e.Action {
	case "run":
		if p.running[e.Test] { // it began again, and never ended
			if err := x.ended(p, e.Test, "fail"); err != nil {
				return err
			}
		}
		p.running[e.Test] = true
		return nil
	case "start":
		return malformed("an event %q of go test names the test %q, want none", e.Action, e.Test)
	}
	delete(p.running, e.Test)
	return x.ended(p, e.Test, e.Action)
}

// ended counts one test.
func (x *goReading) ended(p *goPackage, test, how string) error {
	switch how {
	case "pass":
		if p.passed[test] {
			break // the same test, run or told twice, is one that ran
		}
		if p.passed == nil {
			p.passed = map[string]bool{}
		}
		p.passed[test] = true
		p.Passed++
	case "skip":
		p.Skipped++
	case "bench":
		return nil // a measurement, and no test
	default:
		p.Failed++
		x.tests().failed(p.Name, test)
	}
	return x.d.bound.testCase()
}

func (x *goReading) tests() *Tests {
	if x.d.report.Tests == nil {
		x.d.report.Tests = &Tests{}
	}
	return x.d.report.Tests
}

// end counts what never ended, and what failed without a test that did: a build, a panic, a time limit. The run is
// finished if every package that began has an end. A stream that was cut between two packages looks the same.
func (x *goReading) end() {
	t := x.tests()
	t.Finished = Yes
	if len(x.order) == 0 || x.unknown {
		t.Finished = No
	}
	for _, name := range x.order {
		p := x.packages[name]
		if !p.ended {
			t.Finished = No
		}
		for _, test := range inOrder(p.running) {
			// A benchmark that logs nothing has no end of its own.
			if strings.HasPrefix(test, "Benchmark") && p.ended && !p.failed {
				continue
			}
			p.Failed++
			t.failed(name, test)
		}
		if p.failed && p.Failed == 0 {
			p.Failed++
			t.failed(name, "the package itself")
		}
		t.Suites = append(t.Suites, p.Suite)
	}
	for _, build := range inOrder(x.builds) {
		if !x.builds[build] {
			t.Suites = append(t.Suites, Suite{Name: build, Failed: 1})
			t.failed(build, "the build")
		}
	}
	x.d.report.Document.Format, x.d.report.Tool = "go test -json", Tool{Name: "go test"}
}

func inOrder(m map[string]bool) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
