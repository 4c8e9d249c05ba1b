package statement

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/subject"
)

// What came in under watch is about no artifact, so that nobody finds it as a verdict about one; it is
// read only with the subjects that its content has.
func TestG11_what_came_in_under_watch_is_about_no_artifact(t *testing.T) {
	const policy = "version: 1\n"
	e := Entry{Number: 1, Run: "https://code.example/acme/app/runs/7", Source: policy, Input: DigestSet{SHA256: hexA},
		Target:    Target{Issuer: "https://ci.example", Repository: Origin{URI: "https://code.example/acme/app", ID: "1"}, Name: "production", ID: "9"},
		Artifacts: []Admitted{{Artifact: "app", Name: "dist/app", SHA256: hexA}}}
	w := NewWatched(e, "test", subject.Sum([]byte(policy)), "deny", false, time.Unix(1795000000, 0))
	about, err := w.Subjects()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range about {
		if s.Digest.Hex() == hexA {
			t.Errorf("subject %v is the artifact", s)
		}
	}
	read := func(subjects []subject.Subject, edit func(string) string) error {
		b, err := w.JSON()
		if err != nil {
			t.Fatal(err)
		}
		payload, err := New(subjects, WatchedV1, []byte(edit(string(b))))
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(payload)
		if err != nil {
			t.Fatal(err)
		}
		if err := taken(t, schema(t, "watched"), s.Predicate); err != nil && edit(string(b)) == string(b) {
			t.Errorf("the schema: %v", err)
		}
		got, err := s.Entered()
		if err == nil && (!got.Watched || got.Would != "deny" || got.Number != 1) {
			t.Errorf("read %+v, want that it was watched", got)
		}
		return err
	}
	same := func(s string) string { return s }
	if err := read(about, same); err != nil {
		t.Fatal(err)
	}
	artifact := subject.Subject{Name: "dist/app", Digest: subject.Sum([]byte("app"))}
	if read(append([]subject.Subject{artifact}, about...), same) == nil || read(about[:1], same) == nil {
		t.Error("other subjects are taken")
	}
	for old, new := range map[string]string{`"would":"deny"`: `"would":"fine"`, `"number":1`: `"number":2`, `"would":`: `"novel":1,"would":`} {
		if read(about, func(s string) string { return strings.Replace(s, old, new, 1) }) == nil {
			t.Errorf("%s is taken", new)
		}
	}
}
