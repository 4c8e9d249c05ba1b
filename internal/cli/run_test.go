package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/record"
)

func TestN02_the_next_step_differs_by_why_the_command_did_not_end(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("%w: no namespace", record.ErrUncut), "leave out --no-network"},
		{fmt.Errorf("%w: signal: killed", record.ErrEnded), "run it again"},
		{errors.New("too many open files"), ""},
	} {
		if got := notRunHint(x.err, "leave out --no-network"); !strings.Contains(got, x.want) || (got == "") != (x.want == "") {
			t.Errorf("%v: hint %q, want %q", x.err, got, x.want)
		}
	}
}

func TestN02_the_exit_status_is_the_commands_or_that_of_the_signal(t *testing.T) {
	t.Parallel()
	for want, r := range map[int]record.Result{0: {}, 7: {Exit: 7}, 143: {Exit: -1, Signal: 15}} {
		if got := ended(&r); got != (answer{ran: true, status: want}) {
			t.Errorf("%+v, want status %d", got, want)
		}
	}
}

func TestN02_a_command_is_given_no_variable_that_signs(t *testing.T) {
	for _, name := range append(slices.Clone(signingVariables), "SALLYPORT_TOKEN", "SALLYPORT_ID_TOKEN",
		"SALLYPORT_ROOT", "OTHER_TOKEN") {
		t.Setenv(name, "of "+name)
	}
	t.Setenv("SIGSTORE_ID_TOKEN", "")
	r := atTerminal(t)
	env, taken := r.stripped([]string{"ACTIONS_RUNTIME_TOKEN"})
	for name, kept := range map[string]bool{"ACTIONS_ID_TOKEN_REQUEST_URL": false,
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": false, "SALLYPORT_TOKEN": false,
		"SALLYPORT_ID_TOKEN": false, "ACTIONS_RUNTIME_TOKEN": true, "SALLYPORT_ROOT": true, "OTHER_TOKEN": true} {
		if slices.Contains(env, name+"=of "+name) != kept || slices.Contains(taken, name) == kept {
			t.Errorf("%s: kept %v, taken %q, want kept %v", name, !kept, taken, kept)
		}
	}
	if slices.Contains(env, "SIGSTORE_ID_TOKEN=") || slices.Contains(taken, "SIGSTORE_ID_TOKEN") {
		t.Errorf("an empty token is kept, or told as taken: %q", taken)
	}
}

func TestN02_a_job_that_can_sign_and_builds_is_told_so(t *testing.T) {
	t.Parallel()
	const said = "this job can sign"
	for _, x := range []struct {
		taken []string
		quiet bool
		want  bool
	}{
		{[]string{"ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL"}, false, true},
		{[]string{"SALLYPORT_ID_TOKEN"}, false, true},
		{[]string{"ACTIONS_RUNTIME_TOKEN"}, false, false},
		{nil, false, false},
		{[]string{"SALLYPORT_ID_TOKEN"}, true, false},
	} {
		var out bytes.Buffer
		r := atTerminal(t)
		r.Stderr, r.in.Quiet = &out, x.quiet
		if r.forewarn(x.taken); strings.Contains(out.String(), said) != x.want {
			t.Errorf("%q, quiet %v: %q, want it told: %v", x.taken, x.quiet, out.String(), x.want)
		}
		if user := runtime.GOOS == "linux" && os.Geteuid() != 0; strings.Contains(out.String(), "sudo") != (user &&
			!x.quiet) {
			t.Errorf("%q, as an ordinary user %v: %q", x.taken, user, out.String())
		}
	}
}

func TestN02_how_much_was_watched_is_told_after_the_command(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		o     material.Observed
		quiet bool
		want  string
		never string
	}{
		{o: material.Observed{Files: "observed", Processes: "observed", Network: "observed"},
			want: "build manifest m.json, ", never: "not all was watched"},
		{o: material.Observed{Files: "observed", Processes: "observed", Network: "cut", CutBy: record.BySocketFilter,
			Reason: "x"}, want: "so loopback is cut too: x", never: "not all was watched"},
		{o: material.Observed{Files: "not-observed", Processes: "not-observed", Network: "cut",
			CutBy: record.BySocketFilter, Reason: "x"}, want: "not all was watched: x", never: "loopback"},
		{o: material.Observed{Files: "observed", Processes: "observed", Network: "not-observed", Reason: "x"},
			want: "not all was watched: x", never: "loopback"},
		{o: material.Observed{Files: "not-observed", Processes: "not-observed", Network: "not-observed",
			Reason: "macOS"}, want: "not all was watched: macOS", never: "loopback"},
		{o: material.Observed{Files: "not-observed", Reason: "macOS"}, quiet: true, never: "sallyport"},
	} {
		var out bytes.Buffer
		r := atTerminal(t)
		r.Stderr, r.in.Quiet = &out, x.quiet
		r.summarised(&material.Manifest{Observation: x.o}, runInputs{Record: "m.json"})
		if !strings.Contains(out.String(), x.want) || strings.Contains(out.String(), x.never) {
			t.Errorf("%+v: %s", x.o, out.String())
		}
	}
}

func TestN02_a_build_begins_at_the_checkout_that_the_platform_made_or_at_the_nearest(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(top, "left/by/a/step")
	for _, dir := range []string{filepath.Join(top, ".git"), filepath.Join(top, "left/.git"), below} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got := checkoutOf(below); got != filepath.Join(top, "left") {
		t.Errorf("the nearest is %q", got)
	}
	if got := checkoutOf(filepath.Join(top, "other")); got != top {
		t.Errorf("of a folder beside it: %q", got)
	}
	t.Chdir(below)
	if s := atTerminal(t).begins(below); s.top != filepath.Join(top, "left") || s.dir != below {
		t.Errorf("at a terminal: %+v", s)
	}
	job := in(inputs.GitHub, "GITHUB_WORKSPACE", top)
	p, err := choosePlatform(job, inputs.Component{})
	if err != nil {
		t.Fatal(err)
	}
	if s := (&run{Command: job, platform: p}).begins(below); s.top != top {
		t.Errorf("in a job: %+v, want the outermost, %s", s, top)
	}
	none := t.TempDir()
	t.Chdir(none)
	job = in(inputs.GitHub, "GITHUB_WORKSPACE", none)
	if p, err = choosePlatform(job, inputs.Component{}); err != nil {
		t.Fatal(err)
	}
	if s := (&run{Command: job, platform: p}).begins(none); s.top != "" || s.commit != "" {
		t.Errorf("in a job without a checkout: %+v", s)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(below, link); err != nil {
		t.Fatal(err)
	}
	if got := resolved(link); got != below {
		t.Errorf("a link is resolved to %q", got)
	}
	if absent := filepath.Join(top, "absent"); resolved(absent) != absent {
		t.Errorf("what is not there is %q", resolved(absent))
	}
}

func TestN02_a_record_is_written_where_it_was_opened_and_nowhere_else(t *testing.T) {
	t.Parallel()
	m := &material.Manifest{RecordedBy: material.ByOwnJob, Command: []string{"make"},
		Observation: material.Observed{Files: "observed", Processes: "observed", Network: "observed"}}
	for name, x := range map[string]struct {
		before, during func(t *testing.T, at string)
		opens, writes  bool
	}{
		"a new one": {opens: true, writes: true},
		"in the place of an earlier one": {before: func(t *testing.T, at string) {
			laid(t, at, strings.Repeat("long ",
				1000))
		}, opens: true, writes: true},
		"in the place of a link": {before: func(t *testing.T, at string) { linked(t, at) }},
		"beside a link":          {before: func(t *testing.T, at string) { linked(t, at+".log") }},
		"replaced by the command": {during: func(t *testing.T, at string) { take(t, at); laid(t, at, "{}") },
			opens: true},
		"taken away by the command": {during: func(t *testing.T, at string) { take(t, at) }, opens: true, writes: true},
		"taken away with its directory": {during: func(t *testing.T, at string) {
			if err := os.RemoveAll(filepath.Dir(at)); err != nil {
				t.Fatal(err)
			}
		}, opens: true, writes: true},
		"with a link for its directory": {during: func(t *testing.T, at string) {
			if err := errors.Join(os.RemoveAll(filepath.Dir(at)), os.Symlink(t.TempDir(),
				filepath.Dir(at))); err != nil {
				t.Fatal(err)
			}
		}, opens: true},
		"with a file for its directory": {during: func(t *testing.T, at string) {
			if err := os.RemoveAll(filepath.Dir(at)); err != nil {
				t.Fatal(err)
			}
			laid(t, filepath.Dir(at), "x")
		}, opens: true},
		"with another log": {during: func(t *testing.T, at string) {
			take(t, at+".log")
			laid(t,
				at+".log", "")
		}, opens: true},
		"linked by the command": {during: func(t *testing.T, at string) { take(t, at); linked(t, at) },
			opens: true},
	} {
		at := filepath.Join(t.TempDir(), "r/m.json")
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if x.before != nil {
			x.before(t, at)
		}
		f, err := openRecord(at)
		if (err == nil) != x.opens {
			t.Errorf("%s: %v, want it opened: %v", name, err, x.opens)
		}
		if err != nil {
			if _, there := os.Lstat(at); name == "beside a link" && there == nil {
				t.Errorf("%s: an empty manifest is left", name)
			}
			continue
		}
		if x.during != nil {
			x.during(t, at)
		}
		if err := f.write(m, []byte("log\n")); (err == nil) != x.writes || err != nil &&
			fault.Of(err).Code != fault.Path {
			t.Errorf("%s: %v, want it written: %v", name, err, x.writes)
		}
		f.close()
		if b, err := os.ReadFile(at); x.writes && (err != nil || !bytes.HasPrefix(b, []byte("{")) ||
			!bytes.HasSuffix(b, []byte("}\n"))) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

func TestN02_a_manifest_that_its_readers_refuse_is_not_written(t *testing.T) {
	t.Parallel()
	at := filepath.Join(t.TempDir(), "m.json")
	f, err := openRecord(at)
	if err != nil {
		t.Fatal(err)
	}
	twice := material.Product{Path: "app", Digest: digestOf("a")}
	err = f.write(&material.Manifest{RecordedBy: material.ByOwnJob, Command: []string{"make"},
		Products:    []material.Product{twice, twice},
		Observation: material.Observed{Files: "observed", Processes: "observed", Network: "observed"}}, nil)
	if fault.Of(err).Code != fault.Malformed || !strings.Contains(err.Error(), "listed twice") {
		t.Errorf("%v", err)
	}
	f.close()
	f.discard()
	for _, path := range []string{at, at + ".log"} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	}
}

func laid(t *testing.T, at, text string) {
	t.Helper()
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func take(t *testing.T, at string) {
	t.Helper()
	if err := os.Remove(at); err != nil {
		t.Fatal(err)
	}
}

// linked makes a link to a file that stays empty.
func linked(t *testing.T, at string) {
	t.Helper()
	victim := filepath.Join(t.TempDir(), "victim")
	laid(t, victim, "")
	if err := os.Symlink(victim, at); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if b, err := os.ReadFile(victim); err != nil || len(b) > 0 {
			t.Errorf("what a link led to has %q, %v", b, err)
		}
	})
}

func TestN03_manifest_is_told_which_files_to_show(t *testing.T) {
	t.Parallel()
	for _, of := range [][]string{{"show"}, {"diff", "a.json"}, {"show", "a.json", "b.json"}, {"a.json"}, {"x",
		"a.json"}, {"diff"}} {
		if _, err := manifestCommand(atTerminal(t), manifestInputs{Of: of}); fault.Of(err).Kind != fault.Usage ||
			!strings.Contains(err.Error(), "manifest diff FILE FILE") {
			t.Errorf("%q: %v, want how it is called", of, err)
		}
	}
	at := filepath.Join(t.TempDir(), "m.json")
	m := material.Manifest{RecordedBy: material.ByOwnJob, Command: []string{"make"},
		Observation: material.Observed{Files: "observed", Processes: "observed", Network: "observed"}}
	b, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	laid(t, at, string(b)+"\n")
	for _, x := range []struct {
		of     []string
		format string
		want   string
	}{
		{[]string{"show", at}, "text", "make"}, {[]string{at, "show"}, "text", "make"}, {[]string{"show", at}, "json",
			string(b) + "\n"},
		{[]string{"diff", at, at}, "json", "[]\n"}, {[]string{at, at, "diff"}, "text", "same"},
	} {
		var out bytes.Buffer
		r := atTerminal(t)
		r.Stdout, r.in.Format = &out, x.format
		if _, err := manifestCommand(r, manifestInputs{Of: x.of}); err != nil || !strings.Contains(out.String(),
			x.want) {
			t.Errorf("%q as %s: %s, %v, want %q", x.of, x.format, out.String(), err, x.want)
		}
	}
	page := filepath.Join(t.TempDir(), "page.html")
	for of, want := range map[string]string{"show": "make", "diff": "Two builds"} {
		files := map[string][]string{"show": {"show", at}, "diff": {"diff", at, at}}[of]
		if _, err := manifestCommand(atTerminal(t), manifestInputs{Of: files, HTML: page}); err != nil {
			t.Error(err)
		}
		if b, err := os.ReadFile(page); err != nil || !bytes.Contains(b, []byte(want)) {
			t.Errorf("%s: the page has no %q: %v", of, want, err)
		}
	}
}

func TestD17_a_runner_that_cannot_give_what_a_policy_asks_of_a_recorder_is_told(t *testing.T) {
	t.Parallel()
	seen := record.Watch{Files: record.Observed, Network: record.Cut, CutBy: record.ByNamespace}
	for name, x := range map[string]struct {
		watched, cut bool
		edit         func(*record.Watch)
		want         string
	}{
		"all that is asked for": {watched: true, cut: true},
		"no recorder": {watched: true, edit: func(w *record.Watch) {
			w.Files,
				w.Reason = record.NotObserved, "no seccomp"
		}, want: "no seccomp"},
		"no recorder, and no reason": {watched: true,
			edit: func(w *record.Watch) { w.Files = record.NotObserved }, want: "not observed"},
		"no recorder, which none asks for": {cut: true, edit: func(w *record.Watch) { w.Files = record.NotObserved }},
		"no cut": {cut: true, edit: func(w *record.Watch) {
			w.Network, w.CutBy,
				w.Reason = record.Observed, "", "no namespace"
		}, want: "no namespace"},
		"no cut, and no reason": {cut: true, edit: func(w *record.Watch) {
			w.Network,
				w.CutBy = record.Observed, ""
		}, want: "no cut"},
		"no cut, which none asks for": {watched: true, edit: func(w *record.Watch) {
			w.Network,
				w.CutBy = record.Observed, ""
		}},
		"a cut by a filter": {cut: true, edit: func(w *record.Watch) {
			w.CutBy,
				w.Reason = record.BySocketFilter, "no namespace"
		}, want: "cuts loopback too: no namespace"},
		"a filter, and no cut asked for": {watched: true,
			edit: func(w *record.Watch) { w.CutBy = record.BySocketFilter }},
	} {
		w := seen
		if x.edit != nil {
			x.edit(&w)
		}
		all := unwatched(x.watched, x.cut, w)
		if x.want == "" && len(all) != 0 || x.want != "" && (len(all) != 1 || all[0].Rule != finding.BuildUnwatched ||
			!strings.HasSuffix(all[0].Found, x.want)) {
			t.Errorf("%s: %+v, want %q", name, all, x.want)
		}
	}
}
