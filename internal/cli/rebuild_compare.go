package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/difference"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/record"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// diffoscope shows what that program says about two files, if it is installed (https://diffoscope.org). Its answer adds
// to ours and changes nothing.
func (r *run) diffoscope(files [2]string) {
	path, err := exec.LookPath("diffoscope")
	if err != nil {
		return
	}
	const patience, most, lines, columns, largest = 20 * time.Second, 64 << 10, 40, 80, 1 << 20
	name := report.Plain(filepath.Base(files[1]))
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Size() > largest {
			r.note("diffoscope was not asked about " + name + ", which is larger than 1 MB: run it by hand")
			return
		}
	}
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	c := exec.CommandContext(ctx, path, "--text", "-", //nolint:gosec // both files are ours
		"--no-progress", "--exclude-directory-metadata=yes", "--max-text-report-size", strconv.Itoa(most),
		files[0], files[1])
	c.Env, _ = r.stripped(nil)
	c.WaitDelay = time.Second
	said, err := c.Output()
	var ended *exec.ExitError
	if err == nil || !errors.As(err, &ended) || ended.ExitCode() != 1 { // 1: the files differ
		r.note("diffoscope said nothing about " + name)
		return
	}
	fmt.Fprintf(r.Stdout, "\ndiffoscope says about %s\n", name)
	all := strings.Split(strings.TrimSpace(r.scrubbed(string(said[:min(len(said), most)]))), "\n")
	if len(all) > 2 && strings.HasPrefix(all[0], "--- ") && strings.HasPrefix(all[1], "+++ ") {
		all = all[2:] // the paths of both files, which are long and end in the name above
	}
	for i, line := range all {
		if i == lines {
			fmt.Fprintf(r.Stdout, "  … and more: run diffoscope by hand\n")
			break
		}
		line = report.Plain(strings.ReplaceAll(line, "\t", "    "))
		if cut := []rune(line); len(cut) > columns-2 {
			line = string(cut[:columns-3]) + "…"
		}
		fmt.Fprintf(r.Stdout, "  %s\n", line)
	}
}

// copied refuses a rebuild whose command has read, linked or moved a product of the first build, under whichever name:
// nothing says then that it was built again.
func (p *plan) copied(result *record.Result) error {
	if p.manifest == "" {
		return nil // both builds are this call's
	}
	for _, x := range p.products {
		for _, top := range []string{p.original, p.source} {
			first := filepath.Join(top, x.Path)
			if dir, err := realDir(first); err == nil { // the command may have taken the file itself away
				first = resolved(filepath.Join(dir, filepath.Base(first)))
			}
			there, err := os.Stat(first)
			is := func(f record.File) bool {
				if f.Path == first && f.Use&(record.Read|record.Execute) != 0 || f.From == first {
					return true
				}
				if err != nil || f.Path == first || f.Digest != x.Digest {
					return false
				}
				other, err := os.Stat(f.Path)
				return err == nil && os.SameFile(there, other) // by a hard link
			}
			if slices.ContainsFunc(result.Files, is) {
				return fault.New(fault.Refused, fault.Materials,
					"find out why: a build that is done again needs nothing of the first one",
					"the command has read %q of the first build", x.Path)
			}
		}
	}
	return nil
}

// notMade begins what is said of a product that the command of a rebuild did not make.
const notMade = "it was not made"

// lying notes which products the source has itself, before anything is built.
func (p *plan) lying(top string) {
	p.before = map[string]os.FileInfo{}
	for _, x := range p.products {
		if info, err := os.Lstat(filepath.Join(top, x.Path)); err == nil {
			p.before[x.Path] = info
		}
	}
}

// untouched reports whether a product still is the file that the source has: then the command has not built it.
func (p *plan) untouched(top, path string) bool {
	was, had := p.before[path]
	if !had {
		return false
	}
	is, err := os.Lstat(filepath.Join(top, path))
	return err == nil && os.SameFile(was, is) && was.Size() == is.Size() && was.ModTime().Equal(is.ModTime())
}

// compare holds what came out against the products of the first build.
func (p *plan) compare(
	result *record.Result,
	v variation,
	top string,
) (material.Reproduction, difference.TreeReport, error) {
	rep := material.Reproduction{
		Manifest: p.manifest,
		Commit:   p.commit,
		Command:  p.command,
		Started:  result.Started,
		Ended:    result.Ended,
		Network:  result.Watch.Network,
	}
	first, second := map[string]difference.File{}, map[string]difference.File{}
	var open []*os.File
	defer func() {
		for _, f := range open {
			_ = f.Close() // it was read
		}
	}()
	take := func(in map[string]difference.File, name, path, digest string) string {
		f, size, sum := opened(path)
		if f == nil {
			return ""
		}
		open = append(open, f)
		if digest == "" || digest == sum {
			in[name] = sized{f, size}
		}
		return sum
	}
	for _, x := range p.products {
		again := material.Rebuilt{Name: x.Path, Was: x.Digest}
		if filepath.IsLocal(x.Path) && !p.untouched(top, x.Path) {
			again.Is = take(second, x.Path, filepath.Join(top, x.Path), "")
			if again.Is == x.Digest {
				first[x.Path] = second[x.Path]
			} else {
				take(first, x.Path, filepath.Join(p.original, x.Path), x.Digest)
			}
		}
		rep.Artifacts = append(rep.Artifacts, again)
	}
	tree, err := difference.Comparison{Hints: p.hints(v)}.Tree("the products of both builds", first, second)
	if err != nil {
		return rep, tree, err
	}
	for i := range rep.Artifacts {
		a := &rep.Artifacts[i]
		d := slices.IndexFunc(tree.Different, func(x difference.Report) bool { return x.Name == a.Name })
		switch {
		case a.Is == a.Was:
		case a.Is == "" && p.untouched(top, a.Name):
			a.First = notMade + ": the commit has a file there, and the command has not written it"
		case a.Is == "":
			a.First = notMade
		case d < 0:
			a.First = "the first build's file is not here to compare with"
		case tree.Different[d].First != nil:
			s := tree.Different[d].First
			a.First = strings.Join(s.Path, " › ") + ": " + s.Says
			for _, c := range tree.Different[d].Causes {
				a.Causes = append(a.Causes, material.Fix{Cause: c.Says, Fix: c.Fix})
			}
		}
	}
	for _, d := range tree.Different {
		if _, here := first[d.Name]; here {
			p.differing = [2]string{filepath.Join(p.original, d.Name), filepath.Join(top, d.Name)}
			break
		}
	}
	rep.Varied, rep.Same = v.told(result)
	rep.Same = append(rep.Same, sharedCaches(p.env(v))...)
	return rep, tree, nil
}

type sized struct {
	*os.File
	size int64
}

func (s sized) Size() int64 { return s.size }

// opened opens a regular file and hashes it; nil if there is none.
func opened(path string) (*os.File, int64, string) {
	f, err := file.Open(path)
	if err != nil {
		return nil, 0, ""
	}
	info, err := f.Stat()
	if err == nil {
		var sums subject.Sums
		if sums, err = subject.SumAll(f); err == nil {
			return f, info.Size(), sums[0].Hex()
		}
	}
	_ = f.Close() // it is told as not there
	return nil, 0, ""
}

func (p *plan) hints(v variation) difference.Hints {
	host, _ := os.Hostname()
	first := p.original
	if abs, err := filepath.Abs(first); err == nil {
		first = abs
	}
	return difference.Hints{
		Paths: [2]string{first, v.dir},
		Host:  [2]string{host, v.host},
		User:  [2]string{os.Getenv("USER"), v.env["USER"]},
	}
}

// told says what was another one, and what could not be.
func (v variation) told(result *record.Result) (moved []material.Varied, same []material.NotMoved) {
	add := func(what, was, is string) { moved = append(moved, material.Varied{What: what, Was: was, Is: is}) }
	add("directory", "", v.dir)
	add("home", "", v.home)
	add("time", "", result.Started.UTC().Format(time.RFC3339))
	for _, n := range []string{"TZ", "LC_ALL", "USER"} {
		add(n, os.Getenv(n), v.env[n])
	}
	add("umask", "", fmt.Sprintf("%04o", v.umask))
	add("order of files", "", "the other one, where the file system keeps it")
	if result.Watch.CutBy == record.ByNamespace {
		host, _ := os.Hostname()
		add("host name", host, v.host)
		add("user number", fmt.Sprint(os.Geteuid()), fmt.Sprint(v.user))
	} else {
		same = append(same, material.NotMoved{What: "host name and user number",
			Why: "no namespace: " + cmp.Or(result.Watch.Reason, "the network was not cut")})
	}
	same = append(
		same,
		material.NotMoved{
			What: "clock",
			Why:  "the clock of a statically linked program cannot be moved without root; the rebuild ran later",
		},
		material.NotMoved{What: "kernel and processor", Why: "the same machine; rebuild on another runner as well"},
	)
	return moved, same
}

// reproduced writes what came out, shows it, and answers.
func (r *run) reproduced(
	in rebuildInputs,
	rep *material.Reproduction,
	tree difference.TreeReport,
) (answer, error) {
	if err := r.vacateOutputs(); err != nil {
		return answer{}, err
	}
	b, err := rep.JSON()
	if err != nil {
		return answer{}, err
	}
	if in.Reproduction != "" && !in.Check {
		if err := write(in.Reproduction, append(b, '\n')); err != nil {
			return answer{}, err
		}
	}
	if in.HTML != "" {
		if err := writePage(in.HTML, func(w *bytes.Buffer) error {
			var page bytes.Buffer
			err := report.DiffersTreeHTML(&page, tree)
			_, _ = w.WriteString(r.scrubbed(page.String())) // it never fails
			return err
		}); err != nil {
			return answer{}, err
		}
	}
	same := 0
	for _, a := range rep.Artifacts {
		if a.Is == a.Was {
			same++
		}
	}
	if err := r.showRebuild(rep, tree, same); err != nil {
		return answer{}, err
	}
	lacks := slices.ContainsFunc(rep.Artifacts, func(a material.Rebuilt) bool { return a.Is == "" })
	if same < len(rep.Artifacts) && in.Accept && !in.Check && !lacks {
		r.note("other bytes came out: the reproduction says so, and the gate decides what follows")
		return done, nil
	}
	if same < len(rep.Artifacts) {
		hint := "mend the first cause that is shown, and build both again"
		switch {
		case lacks:
			hint = "find out why a product was not made: the output of the command is above; a rebuild has an empty " +
				"home, and no network"
		case tree.Same:
			hint = "name with --original the directory in which the first build's products lie, to see where they " +
				"differ"
		}
		return answer{}, fault.New(
			fault.Refused,
			fault.Reproduction,
			hint,
			"%d of %d products came out with the same bytes",
			same,
			len(rep.Artifacts),
		)
	}
	return done, nil
}

// scrubbed is a text without the values of this job's secrets: a product may hold one, and a report shows its bytes.
func (r *run) scrubbed(text string) string { return fault.Scrubber(r.allSecrets(nil)...)(text) }

func (r *run) showRebuild(rep *material.Reproduction, tree difference.TreeReport, same int) error {
	if r.in.Format == "json" {
		return report.Document(r.Stdout, struct {
			Reproduction *material.Reproduction `json:"reproduction"`
			Difference   difference.TreeReport  `json:"difference"`
		}{rep, tree})
	}
	var text bytes.Buffer
	for _, a := range rep.Artifacts {
		word := "same   "
		if a.Is != a.Was {
			word = "differs"
		}
		fmt.Fprintf(&text, "%s  %s\n", word, report.Plain(a.Name))
		if strings.HasPrefix(a.First, notMade) || strings.HasPrefix(a.First, "the first build's") {
			fmt.Fprintf(&text, "         %s\n", a.First)
		}
	}
	if !tree.Same { // else nothing is here to compare with
		fmt.Fprintln(&text)
		if err := report.DiffersTreeText(&text, tree, r.screen()); err != nil {
			return err
		}
	}
	fmt.Fprintf(&text, "\nreproduced %d of %d products, of commit %s\n", same, len(rep.Artifacts), rep.Commit)
	said := r.scrubbed(text.String())
	if _, err := io.WriteString(r.Stdout, said); err != nil {
		return err
	}
	return r.onPage(said)
}

// onPage shows a text on the page of the job, if there is one.
func (r *run) onPage(text string) error {
	if r.platform == nil {
		return nil
	}
	return r.platform.Summary("```text\n"+strings.ReplaceAll(text, "```", "'''")+"```\n", "")
}
