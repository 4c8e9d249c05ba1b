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
	"subject":    "fault file strictjson",
	"statement":  "fault strictjson subject",
	"verdict":    "fault subject",
	"dialect":    "fault strictjson statement",
	"policy":     "fault yamlnode subject statement verdict dialect",
	// proof
	"sigstore": "fault strictjson bundlefile subject statement",
	"doctor":   "fault policy",
	// places
	"store": "fault file bundlefile subject",
	// walks
	"attest": "fault subject statement policy sigstore store",
	"gate":   "fault subject statement policy verdict sigstore store",
	// doors
	"idtoken": "fault strictjson",
	"github":  "fault file subject statement dialect policy doctor store report idtoken",
	"gitlab":  "fault subject statement dialect policy doctor store report idtoken",
	// readers of what people wrote
	"workflows": "fault yamlnode",
	"pipelines": "fault yamlnode",
	// faces
	"report": "fault subject verdict doctor",
	"cli":    "fault file inputs subject statement verdict policy doctor sigstore store attest gate github gitlab workflows pipelines report",
	// tests only
	"labtest": "",
}

// words are the rooms that never touch the world.
var words = []string{"fault", "strictjson", "bundlefile", "yamlnode", "subject", "statement", "verdict", "dialect", "policy"}

// platformRooms may name the platforms; the file is the one in cli that
// chooses. The table of dialects is about what is written there, and so are the
// wrappers around bundles.
var platformRooms = []string{"dialect", "bundlefile", "github", "gitlab", "workflows", "pipelines", "inputs", "cli/platform.go", "labtest"}

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
	"github.com/go-json-experiment/json":      {"strictjson"},
	"github.com/secure-systems-lab/":          {"sigstore"},
	"github.com/in-toto/attestation/":         {"sigstore"},
	"google.golang.org/protobuf/":             {"sigstore"},
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
			if path == "net" || strings.HasPrefix(path, "net/") && path != "net/url" || path == "os/exec" || strings.HasPrefix(path, "math/rand") || path == "syscall" && s.room != "subject" {
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

// allowedName are the fields of a library that carry a platform's name, and
// the file of its trusted material.
var allowedName = regexp.MustCompile(`x\.GithubWorkflow|x\.GithubWorkflowRepository|trust/github\.root\.json|"github\.io", "gitlab\.io"`)

func TestRooms_only_main_ends_the_program(t *testing.T) {
	ends := regexp.MustCompile(`\b(os\.Exit|log\.Fatal\w*|panic)\(`)
	for _, s := range sources(t) {
		if m := ends.Find(s.text); m != nil {
			t.Errorf("%s calls %s; only main does", s.path, m)
		}
	}
}

func TestRooms_one_yes_and_one_number(t *testing.T) {
	allows := regexp.MustCompile(`Outcome:\s*verdict\.Allow`)
	var yes []string
	for _, s := range sources(t) {
		for range allows.FindAll(s.text, -1) {
			yes = append(yes, s.path)
		}
	}
	if !slices.Equal(yes, []string{"internal/policy/evaluate.go"}) {
		t.Errorf("a finding allows in %v, want one place in internal/policy/evaluate.go", yes)
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
