package server_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	own    = "github.com/sallyport-dev/sallyport/internal/server/"
	common = "github.com/sallyport-dev/sallyport/internal/"
)

// rooms says, for each room, which others of the server it may import (docs/architecture.md).
var rooms = map[string]string{
	"event": "", "hook": "event", "keep": "event", "queue": "keep", "decide": "event keep", "push": "decide event keep",
	"serve": "decide event hook keep metric push queue signer", "signer": "", "sallyport-server": "serve signer", "pgtest": "", "metric": "",
	"chaos": "", "image": "",
}

// guests are modules that live in one room each.
var guests = map[string][]string{
	"database/sql":                   {"keep", "queue", "pgtest"},
	"github.com/jackc/pgx/":          {"keep", "pgtest"},
	"modernc.org/sqlite":             {"keep"},
	"github.com/riverqueue/":         {"queue"},
	"golang.org/x/crypto/x509roots/": {"sallyport-server"},
	"net/http":                       {"hook", "metric", "serve"},
	"golang.org/x/mod/sumdb/note":    {"signer"},
	"github.com/prometheus/":         {"metric"},
	common + "cli":                   nil,
	common + "labtest":               nil,
	"github.com/google/go-github/":   nil,
}

func TestRooms_of_the_server_only_look_down(t *testing.T) {
	files, err := filepath.Glob("*/*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d files, %v", len(files), err)
	}
	for _, name := range files {
		room := filepath.Dir(name)
		allowed, known := rooms[room]
		if !known {
			t.Errorf("the room %q is in no plan", room)
		}
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path, _ := strconv.Unquote(i.Path.Value) // the parser has read it
			if rest, is := strings.CutPrefix(path, own); is && !slices.Contains(strings.Fields(allowed), rest) {
				t.Errorf("%s imports %s", name, rest)
			}
			for guest, in := range guests {
				if strings.HasPrefix(path, guest) && !slices.Contains(in, room) {
					t.Errorf("%s imports %s, which belongs to %v", name, path, in)
				}
			}
		}
	}
}
