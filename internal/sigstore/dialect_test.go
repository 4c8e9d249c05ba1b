package sigstore

import (
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// bytesFields adds the names of the members that are bytes, in a message and in
// those within it.
func bytesFields(m protoreflect.MessageDescriptor, into map[string]bool) {
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		switch f.Kind() {
		case protoreflect.BytesKind:
			into[f.JSONName()] = true
		case protoreflect.MessageKind:
			bytesFields(f.Message(), into)
		}
	}
}

// everyShape is bundles that have, together, every member of bytes that a
// bundle can have, as compact JSON.
func everyShape(f *forge) []string {
	file := f.control()
	file.payload = nil
	both := f.control1(media2)
	both.logs = []*rekor{f.rekor1, f.rekor2}
	var out []string
	for _, o := range []order{f.control(), file, both} {
		out = append(out, compact(o.make().json()))
	}
	return out
}

// Bytes have one spelling, in every member that is bytes; in any other, a
// bundle is refused, and the message names the member.
func TestA22_base64_in_one_spelling(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Interoperable)
	want := map[string]bool{}
	bytesFields((&protobundle.Bundle{}).ProtoReflect().Descriptor(), want)
	seen := map[string]bool{}
	for _, raw := range everyShape(f) {
		accepts(t, v, []byte(raw))
		for name := range want {
			for _, value := range regexp.MustCompile(`"`+name+`":\[?"([^"]+)"`).FindAllStringSubmatch(raw, -1) {
				seen[name] = true
				for how, bad := range misspelled(t, value[1]) {
					t.Run(name+" "+how, func(t *testing.T) {
						changed := strings.Replace(raw, `"`+value[1]+`"`, `"`+bad+`"`, 1)
						refuses(t, v, []byte(changed), fault.Malformed)
						if _, err := ParseBundle([]byte(changed)); err == nil || !strings.Contains(err.Error(), name) {
							t.Errorf("got %v, want it to name %s", err, name)
						}
					})
				}
			}
		}
	}
	if missing := slices.Collect(maps.Keys(want)); len(seen) != len(want) {
		t.Errorf("tried %v, want all of %v", slices.Sorted(maps.Keys(seen)), missing)
	}
}

// misspelled returns a value in the spellings that lax readers take for it.
func misspelled(t *testing.T, value string) map[string]string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		t.Fatalf("%q: %v", value, err)
	}
	out := map[string]string{
		"escaped character": fmt.Sprintf(`\u%04x`, value[0]) + value[1:],
		"escaped slash":     strings.Replace(value, "/", `\/`, 1),
		"space":             value[:4] + " " + value[4:],
		"line break":        value[:4] + `\n` + value[4:],
		"more padding":      value + "====",
		"for URLs":          base64.URLEncoding.EncodeToString(b),
		"padding missing":   base64.RawStdEncoding.EncodeToString(b),
		"dot":               "." + value[1:],
	}
	if n := strings.Count(value, "="); n > 0 {
		at := len(value) - n - 1
		next := digits[strings.IndexByte(digits, value[at])+1]
		out["bits after the end"] = value[:at] + string(next) + value[at+1:]
	}
	maps.DeleteFunc(out, func(_, s string) bool { return s == value })
	return out
}

func TestSpelling_is_the_strict_standard_encoding(t *testing.T) {
	for n := range 40 {
		for i := range 64 {
			b := make([]byte, n)
			for j := range b {
				b[j] = byte(i*37 + j*91)
			}
			if s := base64.StdEncoding.EncodeToString(b); spelling([]byte(s)) != "" {
				t.Errorf("%q: %s", s, spelling([]byte(s)))
			}
		}
	}
	for _, s := range []string{"A", "AA", "AAA", "=", "==", "====", "A===", "AB==", "AAB=", "AA=A", "AA==AAAA",
		"AAA-", "AAA_", " AAA", "AAAé", "AAAA=", "AAAA=="} {
		if spelling([]byte(s)) == "" {
			t.Errorf("%q is taken", s)
		}
	}
}

// A member name with an escape is another spelling of the same bundle.
func TestA22_no_escape_in_a_name(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Interoperable)
	for _, raw := range everyShape(f) {
		for _, m := range regexp.MustCompile(`"(\w+)":`).FindAllStringSubmatch(raw, -1) {
			name := m[1]
			bad := strings.Replace(raw, `"`+name+`":`, fmt.Sprintf(`"\u%04x%s":`, name[0], name[1:]), 1)
			refuses(t, v, []byte(bad), fault.Malformed)
		}
		accepts(t, v, []byte(raw))
	}
}

// What is meant by a name in another spelling is said.
func TestA22_the_right_name_is_said(t *testing.T) {
	raw := compact(newForge().control().make().json())
	for old, c := range map[string][2]string{
		`"dsseEnvelope"`: {`"dsse_envelope"`,
			`want the proto3 JSON name "dsseEnvelope"`}, `"logIndex"`: {`"log_index"`, `want the proto3 JSON name "logIndex"`},
		`"signatures"`: {`"sigs"`, `dsseEnvelope has unknown member "sigs"`},
	} {
		_, err := ParseBundle([]byte(strings.Replace(raw, old, c[0], 1)))
		if err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: got %v, want %s", c[0], err, c[1])
		}
	}
}

// A null is an absent member, as proto3 JSON has it.
func TestBundle_null_is_absent(t *testing.T) {
	f := newForge()
	v := verifier(t, f.trust(), Interoperable)
	o := f.control1(media2)
	raw := compact(o.make().json())
	accepts(t, v, []byte(strings.Replace(raw, `"tlogEntries":`, `"timestampVerificationData":null,"tlogEntries":`, 1)))
	refuses(t, v, []byte(strings.Replace(raw, `"payload":"`, `"payload":null,"x":"`, 1)), fault.Malformed)
}
