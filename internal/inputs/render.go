package inputs

import (
	"bytes"
	"embed"
	"fmt"
	"strings"
	"text/template"
)

//go:embed templates
var templates embed.FS

// Release is what the written files take from elsewhere in the tree. One
// platform fetches a component's file and nothing else of our commit, so its
// components carry the installer and the digests inside them.
type Release struct {
	Installer []byte // shared/install.sh
	Record    []byte // shared/release.txt
}

// Files returns every file that is written from the table, by its path in the
// repository.
func Files(r Release) (map[string][]byte, error) {
	script, err := inline(r)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	var pages []page
	for _, c := range All() {
		pages = append(pages, page{c})
		if c.Where.In(GitHub) {
			if files[actionPath(c)], err = render("action.yml.tmpl", action{c}); err != nil {
				return nil, err
			}
			if files[mainPath(c)], err = render("main.js.tmpl", action{c}); err != nil {
				return nil, err
			}
		}
		if c.Where.In(GitLab) {
			if files["templates/"+c.Name+"/template.yml"], err = render(componentTemplate(c), component{c, script}); err != nil {
				return nil, err
			}
		}
	}
	files["docs/inputs.md"], err = render("inputs.md.tmpl", pages)
	return files, err
}

func componentTemplate(c Component) string {
	if c.Within {
		return "enter.yml.tmpl"
	}
	return "template.yml.tmpl"
}

func render(name string, data any) ([]byte, error) {
	t, err := template.New(name).Delims("<<", ">>").Funcs(template.FuncMap{
		"scalar": scalar,
		"js":     literal,
		"join":   func(s []string) string { return strings.Join(s, ", ") },
		"cell":   func(s string) string { return strings.ReplaceAll(s, "|", `\|`) },
	}).ParseFS(templates, "templates/"+name, "templates/inputs.yml.tmpl")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// inline returns the installer as it stands inside a component: with the
// release record in place of the path to it, as one function that prints the
// path of the binary.
func inline(r Release) (string, error) {
	before, rest, opened := strings.Cut(string(r.Installer), "# <here>\n")
	_, after, closed := strings.Cut(rest, "# </here>\n")
	if !opened || !closed {
		return "", fmt.Errorf("the installer has no lines %q and %q", "# <here>", "# </here>")
	}
	record := strings.TrimRight(string(r.Record), "\n")
	if strings.Contains(record, "'") {
		return "", fmt.Errorf("the release record has a quote")
	}
	here := "release() { printf '%s\\n' '" + record + "'; }\nbuild() { fail 2 'this commit records no release; pin the commit of a release'; }\n"
	before = strings.TrimPrefix(before, "#!/bin/sh\n")
	return "# Install sallyport, checked by the digest that this component carries.\nsallyport_install() (\n" + before + here + after + ")\nsallyport=$(sallyport_install)\n", nil
}

// scalar writes s as a YAML scalar on one line.
func scalar(s string) string {
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// literal writes s as a JavaScript string.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`).Replace(s) + "'"
}

func on(place Where, all []Input) []Input {
	var some []Input
	for _, i := range all {
		if i.Where.In(place) {
			some = append(some, i)
		}
	}
	return some
}

func outputsOn(place Where, all []Output) []Output {
	var some []Output
	for _, o := range all {
		if o.Where.In(place) {
			some = append(some, o)
		}
	}
	return some
}
