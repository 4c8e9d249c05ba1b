package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/material"
)

// mostConcerns is how many things to look at a text has; the page and the JSON have all.
const mostConcerns = 20

// ManifestLines tells the least that a person wants to know of a build manifest, in a few short lines.
func ManifestLines(m *material.Manifest) []string {
	lines := []string{
		watched(m.Observation),
		fmt.Sprintf(
			"%s read, %s %% explained; %s, %s",
			counted(m.Explained.Files, "file"),
			share(m.Explained),
			counted(len(m.Packages), "package"),
			counted(len(m.Products), "product"),
		),
	}
	concerns := m.Concerns()
	for i, c := range concerns {
		if i == 5 {
			lines = append(lines, fmt.Sprintf("and %d more: sallyport manifest show", len(concerns)-i))
			break
		}
		lines = append(lines, c)
	}
	return lines
}

func share(e material.Explained) string {
	if e.Files == 0 {
		return "0.0"
	}
	s := e.Share()
	return strconv.Itoa(s/10) + "." + strconv.Itoa(s%10)
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// watched says in one line how far a build was watched.
func watched(o material.Observed) string {
	network := "network " + o.Network
	if o.CutBy != "" {
		network += " (" + o.CutBy + ")"
	}
	if o.Files == material.IsNotObserved {
		return "files and programs were not observed; " + network
	}
	said := "files and programs observed; " + network
	for _, x := range []struct {
		n    int
		what string
	}{{o.Lost, "lost"}, {o.Foreign, "of another ABI"}} {
		if x.n > 0 {
			said += fmt.Sprintf("; %d %s", x.n, x.what)
		}
	}
	return said
}

// Manifest writes a build manifest for people at a terminal.
func Manifest(w io.Writer, m *material.Manifest) error {
	p := &printer{w: w}
	for _, row := range manifestRows(m) {
		label := fmt.Sprintf("%-11s ", row[0])
		for _, text := range row[1:] {
			p.wrapped(label, Plain(text))
			label = strings.Repeat(" ", 12)
		}
	}
	concerns := m.Concerns()
	for i, c := range concerns {
		if i == 0 {
			p.line("look at")
		}
		if i == mostConcerns {
			p.line("  and %d more: --format json has all", len(concerns)-i)
			break
		}
		p.hanging("  ", "    ", Plain(c))
	}
	return p.err
}

// manifestRows are a label and its texts each, as the text and the page show them.
func manifestRows(m *material.Manifest) [][]string {
	rows := [][]string{
		append([]string{"command"}, strings.Split(strings.Join(m.Command, " "), "\n")...),
		{"ended", ending(m)},
		{"recorded by", m.Recorder + ", in " + m.RecordedBy},
		{"watched", watched(m.Observation)},
		{"source", sourceLine(m.Source)},
		{
			"materials",
			fmt.Sprintf(
				"%s outside of the output, %s %% explained",
				counted(m.Explained.Files, "file"),
				share(m.Explained),
			),
			m.Counts(),
		},
		{"packages", m.PackageCounts()},
	}
	row := func(label string, n int, text func(i int) string) {
		r := []string{label}
		for i := range n {
			if i == mostConcerns {
				r = append(r, fmt.Sprintf("and %d more", n-i))
				break
			}
			r = append(r, text(i))
		}
		if n > 0 {
			rows = append(rows, r)
		}
	}
	row("toolchains", len(m.Toolchains), func(i int) string {
		t := m.Toolchains[i]
		if t.Version == "" {
			return t.Name + ", no version known"
		}
		return t.Name + " " + t.Version + ", said by " + t.Said
	})
	row("locks", len(m.Locks), func(i int) string {
		l := m.Locks[i]
		return fmt.Sprintf(
			"%s: %s%s",
			material.Name(l.Path),
			l.State,
			map[bool]string{true: ", " + counted(l.Entries, "package")}[l.State == material.LockRead],
		)
	})
	row("actions", len(m.Actions), func(i int) string { return material.Name(m.Actions[i].Name) })
	row("images", len(m.Images), func(i int) string { return material.Name(m.Images[i].Name) })
	row("hosts", len(m.Hosts),
		func(i int) string { return material.Name(m.Hosts[i].To) + ", by " + material.Name(m.Hosts[i].By) })
	row("products", len(m.Products), func(i int) string {
		x := m.Products[i]
		return fmt.Sprintf("%s, %s, sha256:%s", material.Name(x.Path), counted(int(x.Size), "byte"), x.Digest)
	})
	return rows
}

func ending(m *material.Manifest) string {
	how := "exit " + strconv.Itoa(m.Exit)
	if m.Signal != 0 {
		how = "signal " + strconv.Itoa(m.Signal)
	}
	return fmt.Sprintf(
		"%s after %s, at %s, on %s/%s",
		how,
		m.Ended.Sub(m.Started).Round(10*time.Millisecond),
		m.Ended.UTC().Format(time.RFC3339),
		m.Machine.OS,
		m.Machine.Arch,
	)
}

func sourceLine(s material.Source) string {
	switch {
	case s.Commit == "":
		return "not known: " + s.Reason
	case s.Reason != "":
		return "commit " + s.Commit + ": " + s.Reason
	case !s.Clean:
		return "commit " + s.Commit + ", and " + counted(len(s.Dirty), "file") + " of it changed"
	}
	return "commit " + s.Commit + ", unchanged"
}

// ManifestDiff writes what differs between the inputs of two builds.
func ManifestDiff(w io.Writer, all []material.Change) error {
	p := &printer{w: w}
	if len(all) == 0 {
		p.line("the inputs of both builds are the same, and so are their products")
		return p.err
	}
	last := ""
	for _, c := range all {
		if c.What != last {
			p.line("%s", Plain(c.What))
			last = c.What
		}
		p.hanging("  ", "    ", Plain(strings.TrimPrefix(c.String(), c.What+" ")))
	}
	return p.err
}
