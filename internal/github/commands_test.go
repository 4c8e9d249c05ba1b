package github

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

func runnerJob(t *testing.T) (*Job, map[string]string, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	env := map[string]string{
		"GITHUB_REPOSITORY":   "acme/widget",
		"GITHUB_OUTPUT":       filepath.Join(dir, "output"),
		"GITHUB_ENV":          filepath.Join(dir, "env"),
		"GITHUB_PATH":         filepath.Join(dir, "path"),
		"GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary"),
	}
	j, err := FromEnv(func(k string) string { return env[k] })
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	j.Out = &log
	return j, env, &log
}

// parseFile reads a file of outputs as the runner does: whichever of "=" and
// "<<" comes first in a line decides, and a heredoc ends at the first line that
// is the delimiter alone.
func parseFile(s string) (map[string]string, error) {
	out := map[string]string{}
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if line == "" {
			continue
		}
		eq, here := strings.Index(line, "="), strings.Index(line, "<<")
		switch {
		case eq >= 0 && (here < 0 || eq < here):
			out[line[:eq]] = line[eq+1:]
		case here >= 0:
			key, delimiter := line[:here], line[here+2:]
			var value []string
			for i++; i < len(lines) && lines[i] != delimiter; i++ {
				value = append(value, lines[i])
			}
			if i == len(lines) {
				return nil, fmt.Errorf("no end of %q", key)
			}
			out[key] = strings.Join(value, "\n")
		default:
			return nil, fmt.Errorf("line %q", line)
		}
	}
	return out, nil
}

// No value, whatever it holds, sets an output of another name.
func TestK01_value_cannot_set_another_output(t *testing.T) {
	values := []string{
		"", "plain", "a\nverified=true", "a\r\nverified=true", "a\u2028verified=true", "x<<EOF\ntrue\nEOF",
		"a\nghadelimiter_\nverified=true", "a\n_GitHubActionsFileCommandDelimeter_\nverified<<X\ntrue\nX", "\n\n", "a\n", "=", "<<",
	}
	for _, v := range values {
		j, env, _ := runnerJob(t)
		if err := j.Output("digests", v); err != nil {
			t.Fatalf("%q: %v", v, err)
		}
		b, err := os.ReadFile(env["GITHUB_OUTPUT"])
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseFile(string(b))
		if err != nil {
			t.Fatalf("%q: %v", v, err)
		}
		if want := strings.ReplaceAll(v, "\r\n", "\n"); len(got) != 1 || got["digests"] != want {
			t.Errorf("%q: the runner reads %q, want digests=%q alone", v, got, want)
		}
		for _, name := range []string{"GITHUB_ENV", "GITHUB_PATH"} {
			if _, err := os.Stat(env[name]); err == nil {
				t.Errorf("%s was written", name)
			}
		}
	}
}

// The delimiter is new for each output, and a value that has it is refused.
func TestK01_delimiter_in_the_value(t *testing.T) {
	j, env, _ := runnerJob(t)
	if err := j.output("digests", "a\nD\nverified=true", "D"); fault.Of(err).Code != fault.Inject {
		t.Errorf("a value with its delimiter: %v, want E_INJECT", err)
	}
	if err := j.Output("digests", "a\x00b"); fault.Of(err).Code != fault.Inject {
		t.Errorf("a value with NUL: %v, want E_INJECT", err)
	}
	for _, key := range []string{"", "a b", "a=b", "a\nb", "LD_PRELOAD", "a<<b", "-a"} {
		if err := j.Output(key, "v"); fault.Of(err).Code != fault.Inject {
			t.Errorf("key %q: %v, want E_INJECT", key, err)
		}
	}
	if _, err := os.Stat(env["GITHUB_OUTPUT"]); err == nil {
		t.Error("something was written all the same")
	}
	for range 2 {
		if err := j.Output("digests", "v"); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(env["GITHUB_OUTPUT"])
	if err != nil {
		t.Fatal(err)
	}
	if d := regexp.MustCompile(`ghadelimiter_[0-9a-f]{32}`).FindAllString(string(b), -1); len(d) != 4 || d[0] == d[2] {
		t.Errorf("delimiters %q, want two pairs", d)
	}
}

// commands are the commands that the runner would take from a log.
func commands(log string) []string {
	var all []string
	for line := range strings.Lines(strings.ReplaceAll(log, "\r", "\n")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "::") || strings.Contains(line, "##[") {
			all = append(all, line)
		}
	}
	return all
}

// Data in an annotation or a group is text, not a command.
func TestK02_data_is_no_command(t *testing.T) {
	for _, data := range []string{
		"::add-mask::a", "a\n::error::b", "a\r::stop-commands::x", "##[error]x", " ::set-output name=v::true", "::ERROR::x",
		"a%0A::warning::b", "a::b,line=9", "a,title=PASS", "\x1b[2K::error::x", "\u202e",
	} {
		j, _, log := runnerJob(t)
		j.Annotate("error", data, 3, data, data)
		end := j.Group(data)
		end()
		got := commands(log.String())
		if len(got) != 3 || !strings.HasPrefix(got[0], "::error ") || !strings.HasPrefix(got[1], "::group::") || got[2] != "::endgroup::" {
			t.Errorf("%q: the runner takes %q, want one error and one group", data, got)
		}
		if fields := strings.SplitN(strings.TrimPrefix(got[0], "::error "), "::", 2)[0]; strings.Count(fields, "=")-strings.Count(data, "=")*2 > 3 || strings.Count(fields, ",") != 2 {
			t.Errorf("%q: properties %q, want file, line and title", data, fields)
		}
	}
}

// Data cannot make the runner blank out the log, which would hide a denial.
func TestK03_data_masks_nothing(t *testing.T) {
	for _, data := range []string{"::add-mask::a", "x\n::add-mask::e", "x\r\n ::ADD-MASK::e", "##[add-mask]e", "::add-mask::\u2028e"} {
		j, env, log := runnerJob(t)
		j.Annotate("error", "", 0, "denied", data)
		j.Group(data)()
		for _, c := range commands(log.String()) {
			if name := strings.ToLower(strings.Trim(c, ":#[ ")); strings.HasPrefix(name, "add-mask") {
				t.Errorf("%q: the runner takes %q", data, c)
			}
		}
		// The verdict also goes to a file, which no mask of the log reaches.
		if err := j.Output("outcome", "denied"); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(env["GITHUB_OUTPUT"]); err != nil || !strings.Contains(string(b), "\ndenied\n") {
			t.Errorf("output %q, %v; want denied", b, err)
		}
	}
	j, _, log := runnerJob(t)
	j.mask("secret")
	if got := commands(log.String()); len(got) != 1 || got[0] != "::add-mask::secret" {
		t.Errorf("the runner takes %q, want our own mask", got)
	}
}

// A summary that is too long keeps its beginning, where the verdict stands.
func TestK05_long_summary_keeps_the_verdict(t *testing.T) {
	j, env, _ := runnerJob(t)
	for range 2 {
		if err := j.Summary("# denied\n"+strings.Repeat("a finding\n", 500_000), ""); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(env["GITHUB_STEP_SUMMARY"])
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > maxSummary || !strings.HasPrefix(string(b), "# denied\n") || !strings.Contains(string(b[len(b)-100:]), "a finding\n\n") {
		t.Errorf("%d bytes, from %q to %q; want at most %d, cut at a line", len(b), b[:20], b[len(b)-80:], maxSummary)
	}
}

// A compressed bundle that is not what it claims is refused before memory is
// spent on it.
func TestO01_compressed_bundle(t *testing.T) {
	good := []byte{10, 1 << 2, 'a', 'b', (8-4)<<2 | 1, 2}
	if got, err := unsnap(good, 100); err != nil || string(got) != "ababababab" {
		t.Errorf("unsnap = %q, %v; want ababababab", got, err)
	}
	for name, in := range map[string][]byte{
		"empty":            {},
		"too long":         {0xff, 0xff, 0xff, 0xff, 0x0f, 0},
		"claims much":      {0xff, 0x7f, 0, 'a'},
		"claims less":      {1, 1 << 2, 'a', 'b'},
		"claims more":      {3, 1 << 2, 'a', 'b'},
		"copy of nothing":  {4, 0<<2 | 1, 1},
		"offset zero":      {5, 0, 'a', 0<<2 | 1, 0},
		"literal cut":      {4, 3 << 2, 'a'},
		"length cut":       {4, 61 << 2, 'a'},
		"offset too large": {5, 0, 'a', 0<<2 | 1, 2},
	} {
		if got, err := unsnap(in, 1<<20); err == nil {
			t.Errorf("%s: unsnap = %q, want an error", name, got)
		}
	}
}

func FuzzO05_compressed_bundle(f *testing.F) {
	f.Add([]byte{10, 1 << 2, 'a', 'b', (8-4)<<2 | 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := unsnap(b, 1<<16)
		if err != nil {
			return
		}
		// Literals alone say the same thing; what was accepted has one meaning.
		again, err := unsnap(literal(out), 1<<16)
		if err != nil || !bytes.Equal(out, again) {
			t.Fatalf("%x: %v, %d bytes; want the same %d bytes", b, err, len(again), len(out))
		}
	})
}

// literal encodes b without compressing it.
func literal(b []byte) []byte {
	n := len(b)
	var out []byte
	for v := n; ; v >>= 7 {
		if v < 0x80 {
			out = append(out, byte(v))
			break
		}
		out = append(out, byte(v)|0x80)
	}
	if n == 0 {
		return out
	}
	out = append(out, 62<<2, byte(n-1), byte((n-1)>>8), byte((n-1)>>16))
	return append(out, b...)
}

// A name in place of the runner's file that is none is the job's mistake, and
// nobody waits for the other end of a pipe.
func TestK01_what_the_runner_reads_is_a_file(t *testing.T) {
	j, env, _ := runnerJob(t)
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, name := range map[string]string{"a named pipe": pipe, "a directory": t.TempDir()} {
		env["GITHUB_OUTPUT"], env["GITHUB_STEP_SUMMARY"] = name, name
		for variable, err := range map[string]error{"GITHUB_OUTPUT": j.Output("digests", "x"), "GITHUB_STEP_SUMMARY": j.Summary("x", "")} {
			if f := fault.Of(err); f.Kind != fault.Usage || !strings.Contains(f.Error(), variable) || !strings.Contains(f.Error(), what) {
				t.Errorf("%s, %s: %v, want it to be of kind Usage and to say so", variable, what, err)
			}
		}
	}
}
