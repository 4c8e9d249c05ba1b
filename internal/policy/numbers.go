package policy

import (
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// A Named is a name in a policy file that a number belongs to: names change hands, and
// only the number is compared.
type Named struct {
	Kind  NamedKind
	Host  string // base URL of the platform that the name is of
	Name  string // as that platform writes it, without the number
	ID    string // the number that stands there, or ""
	Owner string // of a repository: the number of its owner that stands there, or ""
	Line  int
	Forge Forge // of a repository: the platform behind its issuer

	at   *yamlnode.Node // the name
	key  *yamlnode.Node // of a repository: the key before the name
	in   *yamlnode.Node // of a repository: the mapping
	owns bool           // the mapping may say the owner's number
}

// NamedKind is what a name is the name of. The zero kind is nothing.
type NamedKind int

// The kinds of names.
const (
	NamedRepository NamedKind = iota + 1
	NamedUser
	NamedTeam
)

// String returns the word for people.
func (k NamedKind) String() string {
	return map[NamedKind]string{NamedRepository: "repository", NamedUser: "account", NamedTeam: "team or group"}[k]
}

// A Number is what a platform says about a name: the number of what has it, and the name as
// the platform writes it now. Found is false where nothing has the name, or nothing
// that may be seen.
type Number struct {
	Found bool
	ID    string
	Owner string // of a repository: its owner's number
	Name  string
}

// Numbers are the names of a policy file, in the order of the file. The file may lack
// numbers, so it need not be one that Read takes.
type Numbers struct {
	All     []Named
	Version string // as the file says it

	raw  []byte
	root *yamlnode.Node
}

// ReadNumbers finds the names in a policy file. file is its name, for messages. It
// complains about what is not YAML, or not YAML with one meaning; about everything else
// Read does.
func ReadNumbers(raw []byte, file string, w Words) (*Numbers, error) {
	r := &reader{file: fault.Cut(file), words: w}
	root := r.parse(raw)
	if root == nil || len(r.complaints) > 0 {
		return nil, fault.New(fault.Usage, r.code(), "", "%s", r.told())
	}
	if r.newer(root.Get("version")) {
		return nil, fault.New(fault.Usage, fault.Policy, "update sallyport", "%s", r.told())
	}
	out := &Numbers{raw: raw, root: root, Version: root.Get("version").Str()}
	for _, a := range fieldsOf(root.Get("artifacts")) {
		out.workflows(a.Value.Get("built-by"), w)
	}
	out.workflows(root.Get("approve-in"), w)
	for _, e := range fieldsOf(root.Get("environments")) {
		for _, q := range fieldsOf(e.Value.Get("requires")) {
			out.workflows(q.Value.Get("signed-by"), w)
		}
	}
	for _, g := range fieldsOf(root.Get("groups")) {
		out.members(g.Value.Get("members"), w)
	}
	for _, p := range fieldsOf(root.Get("people")) {
		out.members(p.Value, w)
	}
	agents := root.Get("agents")
	if agents != nil && agents.Kind == yamlnode.Map {
		agents = agents.Get("also")
	}
	out.members(agents, w)
	return out, nil
}

func fieldsOf(n *yamlnode.Node) []yamlnode.Field {
	if n == nil || n.Kind != yamlnode.Map {
		return nil
	}
	return n.Fields
}

func itemsOf(n *yamlnode.Node) []*yamlnode.Node {
	if n == nil || n.Kind != yamlnode.List {
		return nil
	}
	return n.Items
}

// workflows adds the repositories of a list of workflows and of releases.
func (o *Numbers) workflows(list *yamlnode.Node, w Words) {
	for _, m := range itemsOf(list) {
		forge, known := w.Forge(m.Get("issuer").Str())
		if !known {
			continue
		}
		for _, key := range []string{"repository", "releases-of"} {
			f, ok := m.Field(key)
			if !ok || !repositoryPath.MatchString(f.Value.Str()) {
				continue
			}
			o.All = append(
				o.All,
				Named{Kind: NamedRepository, Host: forge.Host, Forge: forge, Name: f.Value.Str(), Line: line(f.Value),
					ID: m.Get("repository-id").
						Str(),
					Owner: m.Get("owner-id").Str(), at: f.Value, key: f.Key, in: m, owns: key == "repository"},
			)
		}
	}
}

// members adds the accounts and teams of a list. Addresses and roles have no number.
func (o *Numbers) members(list *yamlnode.Node, w Words) {
	for _, n := range itemsOf(list) {
		where, rest, ok := strings.Cut(n.Str(), ":")
		if !ok || where == "email" || strings.HasPrefix(rest, "@") || w.Place == nil {
			continue
		}
		p, known := w.Place(where)
		name, id, _ := strings.Cut(rest, "#")
		x := Named{Kind: NamedUser, Host: p.Host, Name: strings.TrimSuffix(name, "/"), ID: id, Line: line(n), at: n}
		shape := accountName()
		if strings.Contains(name, "/") {
			x.Kind, shape = NamedTeam, teamName()
		}
		if known && shape.MatchString(name) {
			o.All = append(o.All, x)
		}
	}
}

// Lacks reports whether a number is missing beside the name.
func (n Named) Lacks() bool { return n.ID == "" }

// Write returns the file with the numbers that are missing and known, beside their
// names, and every other byte as it is. known has, in the order of All, what the platform
// says. The owner's number comes with that of a repository. A number
// that stands there stays. What cannot be written without another meaning is an error.
func (o *Numbers) Write(known []Number) ([]byte, error) {
	lines := yamlnode.NewLines(o.raw)
	var edits []yamlnode.Insertion
	want := growth{fields: map[*yamlnode.Node][]yamlnode.Field{}, texts: map[*yamlnode.Node]string{}}
	for i, n := range o.All {
		if !n.Lacks() || i >= len(known) || !number.MatchString(known[i].ID) {
			continue
		}
		end, ok := lines.End(n.at)
		if !ok {
			return nil, o.misplaced(n)
		}
		if n.Kind != NamedRepository {
			if q := o.raw[end-1]; q == '"' || q == '\'' {
				end--
			}
			edits = append(edits, yamlnode.Insertion{At: end, Text: "#" + known[i].ID})
			want.texts[n.at] = n.at.Text + "#" + known[i].ID
			continue
		}
		text := [][2]string{{"repository-id", known[i].ID}}
		if n.owns && n.Owner == "" && number.MatchString(known[i].Owner) {
			text = append(text, [2]string{"owner-id", known[i].Owner})
		}
		for _, t := range text {
			edits = append(edits, o.beside(n, lines, end, t))
			want.fields[n.key] = append(want.fields[n.key], yamlnode.Field{Name: t[0],
				Key:   &yamlnode.Node{Kind: yamlnode.Scalar, Text: t[0]},
				Value: &yamlnode.Node{Kind: yamlnode.Scalar, Text: t[1]}})
		}
	}
	out := yamlnode.Insert(o.raw, edits)
	r := &reader{file: "the policy"}
	if got := r.parse(out); got == nil || !yamlnode.Equal(got, want.of(o.root)) {
		return nil, fault.New(fault.Usage, fault.Policy, "write the numbers by hand",
			"the numbers cannot be written beside the names without a change of what the file says")
	}
	return out, nil
}

// beside is the insertion of a key and its value behind the name of a repository: on a line
// of its own, or in the same brackets.
func (o *Numbers) beside(n Named, lines yamlnode.Lines, end int, text [2]string) yamlnode.Insertion {
	if n.in.Flow {
		return yamlnode.Insertion{At: end, Text: ", " + text[0] + ": " + text[1]}
	}
	at := lines.After(n.at.Line)
	if at == len(o.raw) && at > 0 && o.raw[at-1] != '\n' {
		return yamlnode.Insertion{At: at, Text: "\n" + strings.Repeat(" ", n.key.Column-1) + text[0] + ": " + text[1]}
	}
	return yamlnode.Insertion{At: at, Text: strings.Repeat(" ", n.key.Column-1) + text[0] + ": " + text[1] + "\n"}
}

func (o *Numbers) misplaced(n Named) error {
	return fault.New(fault.Usage, fault.Policy, "write the name on one line, in plain text",
		"line %d: the place of %s %q cannot be found in the text", n.Line, n.Kind, n.Name)
}

// growth is what a file shall say more.
type growth struct {
	fields map[*yamlnode.Node][]yamlnode.Field // behind the entry of a key
	texts  map[*yamlnode.Node]string           // in the place of a scalar's text
}

// of returns a copy of n that has grown.
func (g growth) of(n *yamlnode.Node) *yamlnode.Node {
	c := *n
	if t, ok := g.texts[n]; ok {
		c.Text = t
	}
	c.Items, c.Fields = nil, nil
	for _, i := range n.Items {
		c.Items = append(c.Items, g.of(i))
	}
	for _, f := range n.Fields {
		c.Fields = append(c.Fields, yamlnode.Field{Name: f.Name, Key: f.Key, Value: g.of(f.Value)})
		c.Fields = append(c.Fields, g.fields[f.Key]...)
	}
	return &c
}
