package lockfile

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Whatever pnpm-lock.yaml is read here, another reader of YAML finds the same names, versions and digests in it.
func TestE11_another_reader_of_yaml_reads_the_same_of_changed_locks(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	files := real(t)
	compared := 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasPrefix(name, "pnpm") {
			continue
		}
		text := content(t, files[name])
		for range 300 {
			b := changed(r, text)
			l, err := Read("pnpm-lock.yaml", b)
			if err != nil {
				continue
			}
			want, err := otherYAML(b)
			if err != nil {
				continue // a build that reads it has not begun
			}
			compared++
			got := map[string][]Digest{}
			for _, e := range l.Entries {
				got[e.Name+" "+e.Version] = e.Digests
			}
			if !reflect.DeepEqual(got, want) {
				for k := range want {
					if !reflect.DeepEqual(got[k], want[k]) {
						t.Errorf("%s: %q is here %v, there %v", name, k, got[k], want[k])
					}
				}
				for k := range got {
					if _, ok := want[k]; !ok {
						t.Errorf("%s: %q is not there", name, k)
					}
				}
			}
		}
	}
	t.Logf("%d locks compared", compared)
	if compared < 200 {
		t.Errorf("%d locks compared", compared)
	}
}

// otherYAML are the digests of a lock, by name and version.
func otherYAML(b []byte) (map[string][]Digest, error) {
	out := map[string][]Digest{}
	for d := yaml.NewDecoder(strings.NewReader(string(b))); ; {
		var l struct {
			Packages map[string]struct {
				Name, Version string
				Resolution    struct{ Integrity string }
			}
		}
		err := d.Decode(&l)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		for key, p := range l.Packages {
			name, version := pnpmKey(key)
			if p.Name != "" {
				name = p.Name
			}
			if p.Version != "" {
				version = p.Version
			}
			if strings.Contains(version, ":") {
				version = ""
			}
			d, err := sri(p.Resolution.Integrity)
			if err != nil {
				return nil, err
			}
			slices.SortFunc(d, compareDigest)
			out[name+" "+version] = d
		}
	}
}

// The JSON of a lock has each member under the name that other rooms read.
func TestLock_is_the_same_after_it_was_written(t *testing.T) {
	for _, file := range real(t) {
		l := readAs(t, file, string(content(t, file)))
		b, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		var again Lock
		if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(l, again) {
			t.Errorf("%s: written and read it is another one (%v)", file, err)
		}
	}
}
