package gitlab

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"unicode"

	"github.com/sallyport-dev/sallyport/internal/fault"
	onDisk "github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/report"
)

// maxDotenv is what GitLab takes of a dotenv report
// (https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsdotenv).
const maxDotenv = 5 << 10

var outputName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`) })

// Output sets a variable for later jobs: output "digests" is SALLYPORT_DIGESTS
// in the dotenv report. The report knows neither quotes nor more than one
// line, and what it sets may be expanded, so other values are refused.
func (j *Job) Output(key, value string) error {
	if !outputName().MatchString(key) {
		return fault.New(fault.Internal, fault.Inject, "", "%q is not the name of an output", key)
	}
	if strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) || r == '$' || r == unicode.ReplacementChar }) {
		return fault.New(fault.Refused, fault.Inject, "", "the value of output %s is not one line of plain text", key)
	}
	return appendLine(j.Outputs, "SALLYPORT_"+strings.ToUpper(strings.ReplaceAll(key, "-", "_"))+"="+value+"\n")
}

func appendLine(name, line string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return unwritten(name, fault.Cause(err))
	}
	old, err := onDisk.Read(name, maxDotenv)
	if errors.Is(err, onDisk.ErrLarge) {
		return fault.New(fault.Usage, fault.Limit, "attest or gate fewer artifacts in one job", "outputs: %w, and GitLab takes no more of a dotenv report", err)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unwritten(name, err)
	}
	if len(old) > 0 && old[len(old)-1] != '\n' {
		line = "\n" + line
	}
	if n := len(old) + len(line); n > maxDotenv {
		return fault.New(fault.Usage, fault.Limit, "attest or gate fewer artifacts in one job", "outputs of %d bytes, GitLab takes at most %d of a dotenv report", n, maxDotenv)
	}
	if err := onDisk.Append(name, line); err != nil {
		return unwritten(name, err)
	}
	return nil
}

// unwritten says that the job was told of a place where no outputs can be.
func unwritten(name string, err error) error {
	return fault.New(fault.Usage, fault.Config, "have SALLYPORT_DOTENV name a file that the job may write to", "outputs cannot be written to %q: %w", name, err)
}

// Summary shows text in a folded section of the job log, which is the only place a job has
// for it. A log shows no Markdown.
func (j *Job) Summary(_, text string) error {
	if text = strings.TrimRight(text, "\n"); text == "" {
		return nil
	}
	end := j.Group("sallyport: more")
	defer end()
	_, err := fmt.Fprintln(j.Out, strings.Map(visible, text))
	return err
}

// visible drops what a log would act on instead of showing it.
func visible(r rune) rune {
	if r == '\n' || unicode.IsPrint(r) {
		return r
	}
	return '\uFFFD'
}

// Annotate prints a message with the place it is about; a job log has no other
// kind of annotation.
func (j *Job) Annotate(level, file string, line int, title, message string) {
	place := ""
	if file != "" {
		place = fmt.Sprintf("%s:%d: ", report.Plain(filepath.Clean(file)), max(line, 1))
	}
	_, _ = fmt.Fprintf(j.Out, "%s: %s%s: %s\n", report.Plain(level), place, report.Plain(title), report.Plain(message))
}

// Group folds what is logged until the returned function is called. The name
// of a section cannot be guessed, so that nothing that is logged can end it.
func (j *Job) Group(title string) func() {
	var nonce [8]byte
	_, _ = rand.Read(nonce[:]) // never fails, crypto/rand says
	name := "sallyport_" + hex.EncodeToString(nonce[:])
	_, _ = fmt.Fprintf(j.Out, "\x1b[0Ksection_start:%d:%s[collapsed=true]\r\x1b[0K%s\n", j.Now().Unix(), name, report.Plain(title))
	return func() {
		_, _ = fmt.Fprintf(j.Out, "\x1b[0Ksection_end:%d:%s\r\x1b[0K\n", j.Now().Unix(), name)
	}
}
