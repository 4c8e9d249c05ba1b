package workflows

import (
	"path"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/wiring"
)

// carriers are programs that bring files out of the job.
var carriers = []string{"aws", "gsutil", "gcloud", "az", "gh", "glab", "scp", "rsync", "rclone", "twine", "s3cmd",
	"ncftpput", "oras"}

// burdens are inputs by which actions are told what to publish.
var burdens = []string{"files", "file", "path", "folder", "artifacts", "assets", "source", "asset_paths",
	"publish_dir", "packages-dir"}

// checkNarrower reports jobs that judge some files of a folder and deploy the
// whole folder, where both are written out.
func (f *flow) checkNarrower() {
	for _, j := range f.jobs {
		for _, t := range f.targets(j) {
			for _, k := range append([]*job{j}, f.before(j)...) {
				if g := f.gateIn(k, t, j); g != nil && !g.enters {
					f.narrower(j, *g)
					break // the nearest one says what it is about
				}
			}
		}
	}
}

func (f *flow) narrower(j *job, g gate) {
	folders := f.partly(g)
	if len(folders) == 0 {
		return
	}
	steps := j.Steps
	if g.job == j {
		steps = steps[g.index+1:]
	}
	for _, s := range steps {
		for _, w := range f.carried(j, s) {
			if folder, is := wiring.WholeFolder(w); is && slices.Contains(folders, folder) {
				f.report(finding.SubjectNarrower, s.Pos, detail{severity: finding.Warning,
					found: w + ", and the gate judges " + f.argument(g, "subject"), wanted: "the same files for both"})
				return
			}
		}
	}
}

// partly returns the folders of which a gate judges some files, by their names.
func (f *flow) partly(g gate) []string {
	if f.argument(g, "checksums") != "" {
		return nil
	}
	patterns := strings.Fields(f.argument(g, "subject"))
	if g.call.words != nil {
		patterns = g.call.words
	}
	return wiring.Folders(patterns)
}

// carried returns the words by which a step says which files leave the job.
func (f *flow) carried(j *job, s *actionlint.Step) []string {
	var out []string
	switch e := exec(s).(type) {
	case *actionlint.ExecAction:
		if e.Uses == nil || !f.effective(j, s) {
			return nil
		}
		for _, name := range burdens {
			out = append(out, strings.FieldsFunc(input(e.Inputs, name),
				func(r rune) bool { return strings.ContainsRune(" ,\n\t\r", r) })...)
		}
	case *actionlint.ExecRun:
		for _, c := range f.script(j, e) {
			if slices.Contains(carriers, path.Base(c.words[0])) {
				out = append(out, c.words[1:]...)
			}
		}
	}
	if slices.ContainsFunc(out, func(w string) bool {
		return strings.HasPrefix(w, "!") || strings.Contains(w, "--exclude") || strings.Contains(w, "--include")
	}) {
		return nil // what is left out is not compared
	}
	return out
}
