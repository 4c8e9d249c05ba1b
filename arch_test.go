package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const internal = "github.com/sallyport-dev/sallyport/internal/"

// rooms says, for each room, which of our packages it may import. A package
// that is not here is in nobody's plan of the house (docs/architecture.md).
var rooms = map[string]string{
	// words: pure
	"fault":      "",
	"inputs":     "",
	"file":       "fault",
	"strictjson": "fault",
	"bundlefile": "fault strictjson",
	"yamlnode":   "fault",
	"gitobject":  "fault file",
	"wiring":     "",
	"origin":     "fault",
	"subject":    "fault file strictjson",
	"contents":   "fault strictjson",
	"difference": "fault strictjson",
	"statement":  "fault strictjson subject contents",
	"verdict":    "fault subject",
	"dialect":    "fault strictjson statement",
	"inventory":  "fault strictjson",
	"lockfile":   "fault strictjson yamlnode",
	"policy":     "fault material strictjson yamlnode subject contents statement verdict dialect inventory",
	"change":     "fault policy",
	"finding":    "fault",
	"doctor":     "policy",
	"trial":      "fault subject",
	"codes":      "fault",
	"material":   "fault strictjson",
	"ledger":     "fault strictjson",
	"starter":    "yamlnode",
	// ground
	"client": "fault",
	// proof
	"sigstore": "client fault strictjson bundlefile subject statement",
	// places
	"record":   "fault",
	"store":    "client fault file bundlefile subject",
	"packages": "fault file lockfile",
	// walks
	"attest": "fault subject statement policy sigstore store",
	"build":  "fault file gitobject lockfile material packages record subject yamlnode",
	"gate":   "fault subject contents statement policy verdict sigstore store",
	// doors
	"forges":  "fault gate github gitlab pipelines policy sigstore workflows",
	"idtoken": "client fault strictjson",
	"github":  "client fault file gitobject subject statement dialect policy change finding doctor starter trial store report idtoken",
	"gitlab":  "client fault file gitobject subject statement dialect policy change finding doctor starter trial store report idtoken",
	// readers of what people wrote
	"workflows": "fault finding wiring yamlnode starter",
	"pipelines": "fault finding wiring yamlnode starter",
	// faces
	"report": "fault difference finding material strictjson subject verdict doctor trial",
	"cli": "build ledger difference fault finding material record file gitobject wiring inputs subject statement " +
		"inventory verdict policy doctor starter sigstore store attest forges gate github gitlab idtoken origin " +
		"trial workflows pipelines report codes",
	// tests only
	"golden":   "",
	"labtest":  "",
	"messages": "",
	"raised":   "finding",
}

// words are the rooms that never touch the world.
var words = []string{
	"fault", "strictjson", "bundlefile", "yamlnode", "subject", "contents", "difference", "statement", "verdict",
	"dialect", "inventory", "lockfile", "policy", "change", "finding", "doctor", "origin", "starter", "trial", "codes",
	"material", "ledger",
}

// platformRooms may name the platforms; the file is the one in cli that
// chooses. The table of dialects is about what is written there, and so are the
// wrappers around bundles, the other names of hosts, the flags of other tools,
// the forms of addresses and the beginnings of tokens.
var platformRooms = []string{
	"codes", "dialect", "inventory", "bundlefile", "origin", "attest/secrets.go", "github", "gitlab", "forges",
	"workflows", "pipelines", "inputs", "cli/platform.go", "cli/platform_build.go", "cli/platform_init.go",
	"cli/platform_job.go", "cli/foreign.go", "cli/shapes.go", "labtest",
}

// guests are modules that live in one room each.
var guests = map[string][]string{
	"github.com/sigstore/":                    {"sigstore"},
	"github.com/google/go-github/":            {"github"},
	"github.com/sethvargo/go-githubactions":   {"github"},
	"github.com/xanzy/go-gitlab":              {"gitlab"},
	"github.com/google/go-containerregistry/": {"store"},
	"github.com/goccy/go-yaml":                {"yamlnode"},
	"github.com/rhysd/actionlint":             {"workflows"},
	"github.com/theupdateframework/go-tuf/":   {"sigstore"},
	"github.com/go-jose/go-jose/":             {"github", "idtoken"},
	"github.com/go-json-experiment/json":      {"strictjson"},
	"github.com/secure-systems-lab/":          {"sigstore"},
	"github.com/in-toto/attestation/":         {"sigstore"},
	"google.golang.org/protobuf/":             {"sigstore"},
	"golang.org/x/mod/":                       {"ledger", "lockfile", "packages"},
	"github.com/BurntSushi/toml":              {"lockfile"},
}

type source struct {
	path, room string
	file       *ast.File
	text       []byte
}

func sources(t *testing.T) []source {
	t.Helper()
	files, err := filepath.Glob("internal/*/*.go")
	if err != nil || len(files) < 30 {
		t.Fatalf("found %d files (%v), want the whole house", len(files), err)
	}
	var out []source
	for _, name := range files {
		room := filepath.Base(filepath.Dir(name))
		if strings.HasSuffix(name, "_test.go") || room == "lab" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, source{name, room, f, text})
	}
	return out
}

func (s source) imports() []string {
	var out []string
	for _, i := range s.file.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		out = append(out, path)
	}
	return out
}

func TestRooms_import_only_what_the_plan_allows(t *testing.T) {
	for _, s := range sources(t) {
		may, known := rooms[s.room]
		if !known {
			t.Errorf("%s: package %s is in no room", s.path, s.room)
		}
		for _, path := range s.imports() {
			if dep, ours := strings.CutPrefix(path, internal); ours && !slices.Contains(strings.Fields(may), dep) {
				t.Errorf("%s imports %s, which room %s does not touch", s.path, dep, s.room)
			}
		}
	}
}

func TestRooms_guests_stay_in_their_room(t *testing.T) {
	for _, s := range sources(t) {
		for _, path := range s.imports() {
			for prefix, hosts := range guests {
				if strings.HasPrefix(path, prefix) && !slices.Contains(hosts, s.room) {
					t.Errorf("%s imports %s, a guest of %v", s.path, path, hosts)
				}
			}
		}
	}
}

func TestRooms_words_never_touch_the_world(t *testing.T) {
	calls := regexp.MustCompile(`\b(os\.Getenv|os\.LookupEnv|os\.Environ|time\.Now|time\.Since|time\.After|rand\.)`)
	for _, s := range sources(t) {
		if !slices.Contains(words, s.room) {
			continue
		}
		for _, path := range s.imports() {
			if path == "net" || strings.HasPrefix(path, "net/") && path != "net/url" && path != "net/netip" || path == "os/exec" || strings.HasPrefix(path, "math/rand") || path == "syscall" && s.room != "subject" {
				t.Errorf("%s imports %s: a word touches no network, process or chance", s.path, path)
			}
		}
		if m := calls.Find(s.text); m != nil {
			t.Errorf("%s calls %s: a word has no clock and no environment", s.path, m)
		}
	}
}

func TestRooms_platforms_stay_outside(t *testing.T) {
	name := regexp.MustCompile(`(?i)git(hub|lab)`)
	for _, s := range sources(t) {
		if slices.Contains(platformRooms, s.room) || slices.Contains(platformRooms, s.room+"/"+filepath.Base(s.path)) {
			continue
		}
		for i, line := range strings.Split(string(s.text), "\n") {
			line = strings.ReplaceAll(line, "github.com/", "")
			line = strings.ReplaceAll(line, "xanzy/go-gitlab", "")
			if name.MatchString(line) && !allowedName.MatchString(line) {
				t.Errorf("%s:%d names a platform: %s", s.path, i+1, strings.TrimSpace(line))
			}
		}
	}
}

// allowedName are the fields of a library that carry a platform's name, the file of
// its trusted material, and where the schema of a policy lies.
var allowedName = regexp.MustCompile(`raw\.githubusercontent\.com|x\.GithubWorkflow|x\.GithubWorkflowRepository|trust/github\.root\.json|"github\.io", "gitlab\.io"`)

// senders are what package net/http sends requests with.
var senders = []string{"Client", "Transport", "DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm"}

// requests returns what of senders a file uses. A pointer to a client that
// somebody else made is no use of one.
func requests(f *ast.File) []string {
	name := ""
	for _, i := range f.Imports {
		if i.Path.Value == `"net/http"` {
			name = "http"
			if i.Name != nil {
				name = i.Name.Name
			}
		}
	}
	if name == "" {
		return nil
	}
	var out []string
	if name == "." {
		out = append(out, "everything")
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if p, ok := n.(*ast.StarExpr); ok {
			_, isName := p.X.(*ast.SelectorExpr)
			return !isName
		}
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && x.Name == name && slices.Contains(senders, s.Sel.Name) {
			out = append(out, name+"."+s.Sel.Name)
		}
		return true
	})
	return out
}

func TestRooms_only_client_makes_requests(t *testing.T) {
	for _, s := range sources(t) {
		if s.room == "client" || s.room == "labtest" {
			continue
		}
		if used := requests(s.file); len(used) > 0 {
			t.Errorf("%s uses %v; only client makes requests", s.path, used)
		}
	}
}

// The rule sees each way to make a request, and lets a client pass that was
// handed over.
func TestRooms_a_request_is_seen(t *testing.T) {
	for body, want := range map[string]int{
		"var c http.Client": 1, "var c = &http.Client{}": 1, "var c = http.DefaultClient": 1, "var t = http.DefaultTransport": 1,
		"var t = &http.Transport{}": 1, "func f() { http.Get(`x`) }": 1, "func f() { http.PostForm(`x`, nil) }": 1, "var c = new(http.Client)": 1,
		"type x struct{ http.Client }": 1,
		"var c *http.Client":           0, "func f(c *http.Client, r *http.Request) { c.Do(r) }": 0, "var m = http.MethodGet": 0, "type x struct{ *http.Client }": 0,
	} {
		for _, head := range []string{"import \"net/http\"\n", "import web \"net/http\"\n"} {
			if strings.Contains(head, "web") {
				body = strings.ReplaceAll(body, "http.", "web.")
			}
			f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\n"+head+body, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := requests(f); len(got) != want {
				t.Errorf("%s: seen %v, want %d", body, got, want)
			}
		}
	}
}

func TestRooms_only_main_ends_the_program(t *testing.T) {
	ends := regexp.MustCompile(`\b(os\.Exit|log\.Fatal\w*|panic)\(`)
	for _, s := range sources(t) {
		if m := ends.Find(s.text); m != nil {
			t.Errorf("%s calls %s; only main does", s.path, m)
		}
	}
}

func TestRooms_every_package_says_what_it_refuses(t *testing.T) {
	docs := map[string]string{}
	for _, s := range sources(t) {
		if s.file.Doc != nil {
			docs[s.room] += s.file.Doc.Text()
		}
	}
	for room := range rooms {
		if _, err := os.Stat("internal/" + room); err != nil {
			continue
		}
		if d := docs[room]; !strings.HasPrefix(d, "Package "+room) || !strings.Contains(d, "refuse") {
			t.Errorf("package %s does not say what it is for and what it refuses: %q", room, d)
		}
	}
}
