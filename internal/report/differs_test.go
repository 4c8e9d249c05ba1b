package report_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/difference"
	"github.com/sallyport-dev/sallyport/internal/golden"
	"github.com/sallyport-dev/sallyport/internal/report"
)

// packed is a small release: a gzip-compressed tar archive with a program's text in it.
func packed(t *testing.T, at int64, name, text string, order ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, n := range order {
		body := text + " of " + n + "\n"
		h := &tar.Header{Name: n + name, Size: int64(len(body)), Mode: 0o644, ModTime: time.Unix(at, 0), Uname: "build"}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// apart are two releases that differ in several things.
func apart(t *testing.T) difference.Report {
	t.Helper()
	a := packed(
		t,
		1_700_000_000,
		"",
		"built in /home/runner/one at 2026-01-02T10:00:00Z",
		"README",
		"bin/app",
		"lib/x.so",
	)
	b := packed(
		t,
		1_700_000_777,
		"",
		"built in /home/runner/two at 2026-01-02T10:12:57Z",
		"README",
		"lib/x.so",
		"bin/app",
	)
	c := difference.Comparison{Hints: difference.Hints{Paths: [2]string{"/home/runner/one", "/home/runner/two"}}}
	r, err := c.Compare("dist/app.tar.gz", bytes.NewReader(a), bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func folders(t *testing.T) difference.TreeReport {
	t.Helper()
	side := func(at int64, more string) map[string]difference.File {
		return map[string]difference.File{
			"app.tar.gz": bytes.NewReader(packed(t, at, "", "text", "a", "b")),
			"checksums":  strings.NewReader("same"),
			"log.txt": strings.NewReader(
				fmt.Sprintf("built at %s\n", time.Unix(at, 0).UTC().Format(time.RFC3339)),
			),
			"only-" + more: strings.NewReader("x"),
		}
	}
	r, err := difference.Comparison{}.Tree("dist", side(1_700_000_000, "here"), side(1_700_000_777, "there"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The first screen says where the difference is, what it is and what mends it.
func TestDiffers_the_answer_is_on_the_first_screen(t *testing.T) {
	same, err := difference.Compare("app", strings.NewReader("x"), strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	style, err := os.ReadFile("page.css") // every page has it
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"differs.txt":       func(b *bytes.Buffer) error { return report.DiffersText(b, apart(t), report.Screen{}) },
		"differs.html":      func(b *bytes.Buffer) error { return report.DiffersHTML(b, apart(t)) },
		"differs.json":      func(b *bytes.Buffer) error { return report.Document(b, apart(t)) },
		"differs_tree.txt":  func(b *bytes.Buffer) error { return report.DiffersTreeText(b, folders(t), report.Screen{}) },
		"differs_tree.html": func(b *bytes.Buffer) error { return report.DiffersTreeHTML(b, folders(t)) },
		"differs_same.txt":  func(b *bytes.Buffer) error { return report.DiffersText(b, same, report.Screen{}) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		golden.File(
			t,
			"testdata/"+name,
			bytes.Replace(b.Bytes(), style, []byte("/* page.css */\n"), 1),
			*update,
			"go test ./internal/report -update",
		)
		for i, l := range strings.Split(b.String(), "\n") {
			if n := len([]rune(l)); strings.HasSuffix(name, ".txt") && n > 100 {
				t.Errorf("%s:%d has %d columns, want at most 100", name, i+1, n)
			}
		}
	}
}

// Whoever makes an archive chooses the names and the bytes in it.
func TestK01_names_of_members_cannot_draw_a_report(t *testing.T) {
	evil := "x\x1b[2J\u202e<script>alert(1)</script>\u0085\" onload=\"x\nsame      all"
	a := packed(t, 1_700_000_000, evil, evil, "a", "b")
	b := packed(t, 1_700_000_777, evil, evil+evil, "a", "b")
	r, err := difference.Compare(evil, bytes.NewReader(a), bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := difference.Comparison{}.Tree(
		evil,
		map[string]difference.File{evil: bytes.NewReader(a), "z" + evil: bytes.NewReader(a)},
		map[string]difference.File{evil: bytes.NewReader(b), "y" + evil: bytes.NewReader(a)},
	)
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"text":      func(b *bytes.Buffer) error { return report.DiffersText(b, r, report.Screen{}) },
		"HTML":      func(b *bytes.Buffer) error { return report.DiffersHTML(b, r) },
		"JSON":      func(b *bytes.Buffer) error { return report.Document(b, r) },
		"tree text": func(b *bytes.Buffer) error { return report.DiffersTreeText(b, tree, report.Screen{}) },
		"tree HTML": func(b *bytes.Buffer) error { return report.DiffersTreeHTML(b, tree) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\u202e\u0085") {
			t.Errorf("%s has a control character", name)
		}
		if strings.Contains(name, "HTML") &&
			(strings.Contains(b.String(), "<script") || strings.Contains(b.String(), `" onload`)) {
			t.Errorf("%s has markup of a stranger", name)
		}
		if strings.Contains(b.String(), "\nsame  ") {
			t.Errorf("%s has a line that a name has drawn", name)
		}
	}
}

func TestN04_a_dump_on_a_page_shows_each_byte_as_itself(t *testing.T) {
	t.Parallel()
	a, b := strings.NewReader("\x00: a::<b>&\" x\x01"), strings.NewReader("\x00: b::<b>&\" x\x01")
	r, err := difference.Compare("app", a, b)
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := report.DiffersHTML(&page, r); err != nil {
		t.Fatal(err)
	}
	const want = `<td class="text">.:&nbsp;<mark>a</mark>::&lt;b&gt;&amp;&#34;&nbsp;x.</td>`
	if !strings.Contains(page.String(), want) || strings.Contains(page.String(), `\u{`) {
		t.Errorf("want %s in %s", want, page.String())
	}
}

func TestN03_a_page_is_known_as_one_of_ours_by_its_head(t *testing.T) {
	t.Parallel()
	var page bytes.Buffer
	if err := report.DiffersTreeHTML(&page, difference.TreeReport{Name: strings.Repeat("x", 5000)}); err != nil {
		t.Fatal(err)
	}
	if at := strings.Index(page.String(), report.PageMark); at < 0 || at > 900 {
		t.Errorf("the mark is at %d", at)
	}
}
