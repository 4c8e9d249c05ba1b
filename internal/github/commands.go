package github

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"

	actions "github.com/sethvargo/go-githubactions"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/report"
)

// maxSummary is what the runner takes of one step's summary. It drops a longer
// one whole, with the verdict in it.
const maxSummary = 1 << 20

// actions returns the library's view of the runner. It panics when it cannot
// write, so it is given a writer that can.
func (j *Job) actions(c *http.Client) *actions.Action {
	return actions.New(actions.WithGetenv(actions.GetenvFunc(j.getenv)), actions.WithWriter(unfailing{j.Out}), actions.WithHTTPClient(c))
}

// unfailing hides that a log cannot be written: no decision hangs on a log.
type unfailing struct{ w io.Writer }

func (u unfailing) Write(p []byte) (int, error) {
	_, _ = u.w.Write(p)
	return len(p), nil
}

// mask keeps a secret out of everything that the job logs from here on.
func (j *Job) mask(secret string) { j.actions(nil).AddMask(secret) }

var outputName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`) })

// Output sets an output of the step. The value stands between two lines that
// cannot be guessed, so that no value can end early and set another output.
func (j *Job) Output(key, value string) error {
	if !outputName().MatchString(key) {
		return fault.New(fault.Internal, fault.Inject, "", "%q is not the name of an output", key)
	}
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return fmt.Errorf("output %s: %w", key, err)
	}
	return j.output(key, value, "ghadelimiter_"+hex.EncodeToString(nonce[:]))
}

func (j *Job) output(key, value, delimiter string) error {
	if strings.Contains(value, delimiter) || strings.ContainsRune(value, 0) {
		return fault.New(fault.Refused, fault.Inject, "", "the value of output %s has bytes that the runner would misread", key)
	}
	return j.append("GITHUB_OUTPUT", key+"<<"+delimiter+"\n"+value+"\n"+delimiter+"\n")
}

// Summary adds Markdown to the summary of the step, where the text is not needed. What is too long is cut at
// the end of a line; the beginning, where the verdict stands, stays.
func (j *Job) Summary(markdown, _ string) error {
	const note = "\n… the rest is in the verdict file.\n"
	room := maxSummary
	if info, err := os.Stat(j.getenv("GITHUB_STEP_SUMMARY")); err == nil {
		room -= int(min(info.Size(), maxSummary))
	}
	if len(markdown) > room {
		head := markdown[:max(room-len(note), 0)]
		markdown = head[:strings.LastIndexByte(head, '\n')+1] + note
	}
	if len(markdown) > room {
		return nil
	}
	return j.append("GITHUB_STEP_SUMMARY", markdown)
}

// append writes to a file that the runner reads after the step. A job without
// that file has no place for it, which is not an error: the runner that sets
// the variable is the one that reads the file.
func (j *Job) append(variable, text string) error {
	name := j.getenv(variable)
	if name == "" {
		return nil
	}
	if err := file.Append(name, text); err != nil {
		return fault.New(fault.Usage, fault.Config, "have "+variable+" name a file that the job may write to", "the file that %s names cannot be written: %w", variable, err)
	}
	return nil
}

// Annotate puts a message beside a line of a file. level is "error", "warning"
// or "notice"; anything else is an error.
func (j *Job) Annotate(level, file string, line int, title, message string) {
	fields := actions.CommandProperties{"title": report.Plain(title)}
	if file != "" {
		fields["file"] = report.Plain(path.Clean(file))
		fields["line"] = strconv.Itoa(max(line, 1))
	}
	a := j.actions(nil).WithFieldsMap(fields)
	message = report.Plain(message)
	switch level {
	case "warning":
		a.Warningf("%s", message)
	case "notice":
		a.Noticef("%s", message)
	default:
		a.Errorf("%s", message)
	}
}

// Group folds what is logged until the returned function is called.
func (j *Job) Group(title string) func() {
	a := j.actions(nil)
	a.Group(report.Plain(title))
	return a.EndGroup
}
