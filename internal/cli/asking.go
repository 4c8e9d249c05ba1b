package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/report"
)

// An interview asks what no fact and no flag has said. Where nobody sits at a terminal it
// collects the flags instead, so that a person is told all of them at once.
type interview struct {
	r     *run
	in    *bufio.Reader
	asked int
	lacks []string // flags
}

// maxAsked is how many questions init asks at most.
const maxAsked = 5

// ask returns the answer to a question; "" where nobody answers, and then over names the
// flag. of is what may be answered, and empty for anything.
func (i *interview) ask(flag, question string, of ...string) (string, error) {
	lack := func() (string, error) {
		i.lacks = append(i.lacks, "--"+flag+" ("+question+hinted(of)+")")
		return "", nil
	}
	f, isFile := i.r.stdin().(*os.File)
	if !isFile || !terminal(f) || i.asked == maxAsked {
		return lack()
	}
	i.asked++
	fmt.Fprintf(i.r.Stderr, "%s%s", report.Plain(question), report.Plain(hinted(of)))
	fmt.Fprint(i.r.Stderr, "\n> ")
	if i.in == nil {
		i.in = bufio.NewReader(io.LimitReader(f, 64<<10))
	}
	line, err := i.in.ReadString('\n')
	if err != nil && line == "" {
		return lack()
	}
	line = strings.TrimSpace(line)
	if line == "" || len(of) > 0 && !slices.Contains(of, line) {
		return "", usage("--%s %q is no answer to: %s%s", flag, line, question, hinted(of))
	}
	return line, nil
}

func hinted(of []string) string {
	if len(of) == 0 {
		return ""
	}
	return " [" + strings.Join(of, ", ") + "]"
}

// over is the error of an interview in which something was not answered.
func (i *interview) over() error {
	if len(i.lacks) == 0 {
		return nil
	}
	return fault.New(fault.Usage, fault.Config, "say it with these flags, or run it at a terminal",
		"nobody is there to answer: %s", strings.Join(i.lacks, "; "))
}
