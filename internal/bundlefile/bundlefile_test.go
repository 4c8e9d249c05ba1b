package bundlefile_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/bundlefile"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/messages"
)

func testFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const one = `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{},"n":1}`

var two = strings.Replace(one, `"n":1`, `"n":2`, 1)

// What no two readers differ about is read: white space of any kind, byte order
// marks, one value after another.
func TestRead_bundles_after_each_other(t *testing.T) {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(one), "", " "); err != nil {
		t.Fatal(err)
	}
	windows := strings.ReplaceAll(pretty.String(), "\n", "\r\n")
	for in, want := range map[string][]string{
		"": nil, "\r\n\t\n": nil, one: {""}, one + "\n": {""}, one + "\r\n": {""}, "\ufeff" + one: {""}, "\n\n" +
			one: {""}, pretty.String(): {""}, windows: {""},
		one + "\n" + two: {"line 1", "line 2"}, one + "\r\n\r\n" + two + "\r\n": {"line 1", "line 3"}, one + " " +
			two: {"line 1", "line 1"},
		pretty.String() + "\n" + windows: {"line 1", "line 6"}, "\ufeff" + one + "\n\ufeff" +
			two: {"line 1", "line 2"}, "[" + one + "," + two + "]": {"[0]", "[1]"},
	} {
		got, err := bundlefile.Read([]byte(in))
		if err != nil || len(got) != len(want) {
			t.Errorf("%.60q: %d bundles, %v; want %d", in, len(got), err, len(want))
			continue
		}
		for i, b := range got {
			if b.Where != want[i] || !bytes.Contains(b.JSON, []byte("vnd.dev.sigstore.bundle")) || !json.Valid(b.JSON) {
				t.Errorf("%.60q: bundle %d is at %q: %.40q, want %q", in, i, b.Where, b.JSON, want[i])
			}
		}
	}
}

// Bundles are found in what tools print; the members are named.
func TestRead_wrappers(t *testing.T) {
	for name, want := range map[string]string{
		"rest-attestations.json": "attestations[0].bundle", "npm-attestations-endpoint.json": "attestations[0].bundle",
		"gh-verify-format-json.json": "[0].attestation.bundle", "pypi-publish.attestation": "", "pypi-integrity.json": "attestation_bundles[0].attestations[0]",
	} {
		raw := testFile(t, name)
		got, err := bundlefile.Read(raw)
		if err != nil || len(got) != 1 || got[0].Where != want {
			t.Errorf("%s: %d bundles, %v; want one at %q", name, len(got), err, want)
			continue
		}
		twice, err := bundlefile.Read(bytes.Join([][]byte{raw, raw}, []byte("\n")))
		if err != nil || len(twice) != 2 || twice[0].Where != strings.TrimSuffix("line 1, "+want, ", ") {
			t.Errorf("%s twice: %d bundles, %v", name, len(twice), err)
		}
	}
	for in, want := range map[string]int{
		`{"attestations":[]}`: 0, `{"attestation_bundles":[]}`: 0, `{"attestation_bundles":[{"attestations":[]}]}`: 0, `{"bundle":` + one + `,"repository_id":1}`: 1,
		`{"attestations":[{"bundle":` + one + `},{"bundle":` + two + `}]}`: 2, `{"attestation":{"bundle":` + one +
			`}}`: 1,
	} {
		if got, err := bundlefile.Read([]byte(in)); err != nil || len(got) != want {
			t.Errorf("%.60s: %d bundles, %v; want %d", in, len(got), err, want)
		}
	}
}

// An attestation of PyPI is a bundle in another form; nothing of it is lost, and
// nothing is added.
func TestRead_PyPI_attestation_is_converted_exactly(t *testing.T) {
	var from struct {
		Material struct {
			Certificate string            `json:"certificate"`
			Entries     []json.RawMessage `json:"transparency_entries"`
		} `json:"verification_material"`
		Envelope struct{ Statement, Signature string } `json:"envelope"`
	}
	raw := testFile(t, "pypi-publish.attestation")
	if err := json.Unmarshal(raw, &from); err != nil {
		t.Fatal(err)
	}
	got, err := bundlefile.Read(raw)
	if err != nil {
		t.Fatal(err)
	}
	entry := new(bytes.Buffer)
	if err := json.Compact(entry, from.Material.Entries[0]); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"certificate":{"rawBytes":%q},"tlogEntries":[%s]},`+
		`"dsseEnvelope":{"payload":%q,"payloadType":"application/vnd.in-toto+json","signatures":[{"sig":%q}]}}`,
		from.Material.Certificate, entry, from.Envelope.Statement, from.Envelope.Signature)
	compact := new(bytes.Buffer)
	if err := json.Compact(compact, got[0].JSON); err != nil || compact.String() != want {
		t.Errorf("got %.300s, %v, want %.300s", compact, err, want)
	}
}

func refuses(t *testing.T, name, in string, code fault.Code, says ...string) {
	t.Helper()
	got, err := bundlefile.Read([]byte(in))
	var f *bundlefile.Foreign
	if !errors.As(err, &f) || got != nil {
		t.Errorf("%s: %d bundles, %v; want it refused", name, len(got), err)
		return
	}
	if f.Code != code || len(f.Error()) > 1500 {
		t.Errorf("%s: got %s %.300v, want %s", name, f.Code, err, code)
	}
	messages.Plain(t, f.Error(), f.Hint)
	for _, s := range says {
		if !strings.Contains(f.Error()+"; "+f.Hint, s) {
			t.Errorf("%s: got %q, hint %q; want it to say %q", name, f.Error(), f.Hint, s)
		}
	}
}

// One bad value makes the whole unreadable, and it is said where it stands.
func TestB10_one_bad_value_denies(t *testing.T) {
	for name, c := range map[string]struct{ in, says string }{
		"truncated":      {one + "\n" + two[:40], "line 2"},
		"two on a line":  {one + two, "no white space"},
		"comma between":  {one + ",\n" + two, "unreadable JSON"},
		"an array among": {one + "\n[]\n" + two, "line 2: an empty JSON array"},
		"a number":       {one + "\n42", "line 2: a JSON number"},
		"an object":      {one + "\n{\"a\":1}", `line 2: a JSON object with "a", no bundle`},
		"a member is none": {`{"attestations":[{"bundle":` + one + `},{"bundle":null,"bundle_url":"https://x"}]}`,
			"attestations[1]: no bundle, only the address of one"},
		"an element":   {"[" + one + `,{"a":1}]`, "[1]: a JSON object"},
		"a name twice": {`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","a":1,"a":1}`, "duplicate"},
		"hidden twice": {`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","a":{"b":1,"\u0062":1}}`,
			"duplicate"},
		"not UTF-8": {`{"a":"` + "\xff" + `"}`, "UTF-8"},
		"zero byte": {one + "\x00", "white space"},
	} {
		refuses(t, name, c.in, fault.Malformed, c.says)
	}
	if got, err := bundlefile.Read([]byte(one + "\n" + two)); err != nil || len(got) != 2 {
		t.Errorf("the good ones: %d, %v", len(got), err)
	}
}

func packed(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(one)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// block is Snappy's form of a text that it cannot make shorter.
func block(s string) string {
	out := binary.AppendUvarint(nil, uint64(len(s)))
	out = append(out, 61<<2) // a literal whose length has two bytes
	out = binary.LittleEndian.AppendUint16(out, uint16(len(s)-1))
	return string(out) + s
}

// What people hand over for a bundle is named for what it is, with the way on.
func TestRead_names_what_is_no_bundle(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		says []string
	}{
		"bare DSSE": {string(testFile(t, "bare-dsse.jsonl")),
			[]string{"bare DSSE envelope", "--new-bundle-format"}},
		"DSSE lines": {string(testFile(t, "bare-dsse.jsonl")) + "\n" +
			string(testFile(t, "bare-dsse.jsonl")), []string{"line 1: a bare DSSE envelope"}},
		"statement":     {`{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"x","predicate":{}}`, []string{"bare in-toto statement", "nobody signed"}},
		"gzip":          {packed(t), []string{"gzip", "gunzip"}},
		"zip":           {"PK\x03\x04\x14\x00", []string{"ZIP"}},
		"zstd":          {"\x28\xb5\x2f\xfd\x04", []string{"Zstandard"}},
		"xz":            {"\xfd7zXZ\x00\x00", []string{"xz"}},
		"snappy frames": {"\xff\x06\x00\x00sNaPpY\x01", []string{"Snappy"}},
		"snappy block":  {block(one + strings.Repeat(" ", 300)), []string{"Snappy", "gh attestation download"}},
		"PEM":           {"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", []string{"PEM"}},
		"PGP":           {"-----BEGIN PGP SIGNATURE-----\n", []string{"PGP"}},
		"DER":           {"\x30\x82\x01\x02", []string{"DER"}},
		"UTF-16":        {"\xff\xfe{\x00}\x00", []string{"UTF-16", "UTF-8"}},
		"unfinished": {one[:50],
			[]string{"ends in the middle of a value, at byte 50", "was the download complete?"}},
		"unfinished string": {one[:20], []string{"at byte 20", "was the download complete?"}},
		"Cloud Build": {string(testFile(t, "cloud-build.json")),
			[]string{"Google Cloud Build", "keys of Google", "no bundle"}},
		"Cloud Build's lists": {`[{"build":{},"envelope":{},"kind":"BUILD","noteName":"x","resourceUri":"y"}]`,
			[]string{"a list: provenance of Google Cloud Build"}},
		"Cloud Build in YAML": {"image_summary:\n  digest: sha256:00\n", []string{"Google Cloud Build"}},
		"cosign's old bundle": {`{"base64Signature":"MEU=","cert":"LS0t","rekorBundle":{}}`,
			[]string{"old form of cosign", "--new-bundle-format"}},
		"cosign verify": {`[{"critical":{"identity":{}},"optional":null}]`, nil},
		"trusted root": {`{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","tlogs":[]}`,
			[]string{"trusted root"}},
		"signing config": {`{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}`,
			[]string{"signing config"}},
		"CycloneDX": {`{"bomFormat":"CycloneDX","specVersion":"1.6"}`, []string{"SBOM (CycloneDX)"}},
		"SPDX":      {`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT"}`, []string{"SBOM (SPDX)"}},
		"SPDX 3": {`{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[]}`,
			[]string{"SBOM (SPDX 3)"}},
		"login page":       {"<!DOCTYPE html>\n<html><title>Sign in</title>", []string{"web page", "login"}},
		"login after BOM":  {"\ufeff  <html>", []string{"web page"}},
		"array":            {`[{"name":"app.tgz","path":"dist/app.tgz"}]`, []string{"a JSON array, no bundle"}},
		"array of numbers": {`[1,2]`, []string{"a JSON array, no bundle"}},
		"object": {`{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}`,
			[]string{`a JSON object with "a", "b", "c", "d", "e" and more, no bundle`}},
		"empty object": {`{}`, []string{"an empty JSON object"}},
		"string":       {`"MEUCIQ"`, []string{"a JSON string, no bundle"}},
		"predicate":    {`{"buildDefinition":{},"runDetails":{}}`, []string{"SLSA provenance predicate"}},
		"verdict": {`{"schema":"https://sallyport.dev/schemas/verdict/v1","trustedRoots":[]}`,
			[]string{"verdict of Sallyport"}},
		"TUF":       {`{"signatures":[],"signed":{}}`, []string{"TUF"}},
		"manifest":  {`{"schemaVersion":2,"config":{},"layers":[]}`, []string{"OCI manifest"}},
		"words":     {"hello there\nworld\n", []string{`no JSON: it begins with "hello there"`}},
		"checksums": {strings.Repeat("0", 64) + "  app\n", nil},
		"binary":    {"\x01\x02\x80\xff", []string{"binary data"}},
		"deep":      {`{"a":` + strings.Repeat("[", 5000), nil},
	} {
		code := fault.Malformed
		if name == "deep" {
			code = fault.Limit
		}
		refuses(t, name, c.in, code, c.says...)
	}
}

// A bad attestation of PyPI is not made a good bundle.
func TestA22_PyPI_attestation_that_is_not_exact(t *testing.T) {
	good := string(testFile(t, "pypi-publish.attestation"))
	for name, c := range map[string][2]string{
		"another version":     {`"version": 1`, `"version": 2`},
		"version as text":     {`"version": 1`, `"version": "1"`},
		"no version":          {`"version": 1,`, ``},
		"a member more":       {`"version": 1`, `"version": 1, "publisher": {}`},
		"more in envelope":    {`"envelope": {`, `"envelope": {"payloadType": "text/plain",`},
		"more in material":    {`"verification_material": {`, `"verification_material": {"chain": [],`},
		"no certificate":      {`"certificate"`, `"cert"`},
		"no signature":        {`"signature"`, `"sig"`},
		"member twice":        {`"version": 1`, `"version": 1, "version": 1`},
		"injected into value": {`"version": 1`, `"version": 1, "envelope": {}`},
	} {
		bad := strings.Replace(good, c[0], c[1], 1)
		if bad == good {
			t.Fatalf("%s: %q is not in the fixture", name, c[0])
		}
		refuses(t, name, bad, fault.Malformed)
	}
	if got, err := bundlefile.Read([]byte(good)); err != nil || len(got) != 1 {
		t.Errorf("the good one: %d, %v", len(got), err)
	}
}

func TestO02_files_are_bounded(t *testing.T) {
	large := strings.Replace(one, `"n":1`, `"n":"`+strings.Repeat("x", bundlefile.MaxBundleBytes-len(one)-1)+`"`, 1)
	if got, err := bundlefile.Read([]byte(large)); err != nil || len(got) != 1 ||
		len(large) != bundlefile.MaxBundleBytes {
		t.Errorf("the largest, %d bytes: %v", len(large), err)
	}
	refuses(t, "a byte more", strings.Replace(large, "xx", "xxx", 1), fault.Limit)
	small := `{"mediaType":"application/vnd.dev.sigstore.bundle"}` + "\n"
	if got, err := bundlefile.Read([]byte(strings.Repeat(small, bundlefile.MaxBundles))); err != nil ||
		len(got) != bundlefile.MaxBundles {
		t.Errorf("the most: %d, %v", len(got), err)
	}
	refuses(t, "one more", strings.Repeat(small, bundlefile.MaxBundles+1), fault.Limit)
}

func TestName_knows_what_is_no_bundle(t *testing.T) {
	for _, name := range []string{"rest-attestations.json", "gh-verify-format-json.json", "pypi-integrity.json",
		"pypi-publish.attestation", "bare-dsse.jsonl", "cloud-build.json"} {
		raw := testFile(t, name)
		if what, known := bundlefile.Name(raw); !known || what == "" {
			t.Errorf("%s: %q, %v", name, what, known)
		}
	}
	for _, s := range []string{one, `{"a":1}`, "hello", one[:30], one + two} {
		if what, known := bundlefile.Name([]byte(s)); known {
			t.Errorf("%.30q is %s", s, what)
		}
	}
	if what, known := bundlefile.Name([]byte(packed(t))); !known || what != "a gzip file" {
		t.Errorf("gzip is %q, %v", what, known)
	}
}

// FuzzRead: whatever is returned is one object of JSON, and reading it again
// gives it.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		f.Add(testFile(f, filepath.Base(name)))
	}
	for _, s := range []string{one, one + "\n" + two, "[" + one + "]", "\ufeff" + one, "\x1f\x8b", block(one)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		found, err := bundlefile.Read(text)
		var foreign *bundlefile.Foreign
		if err != nil && (!errors.As(err, &foreign) || foreign.What == "" || found != nil) {
			t.Fatalf("%d bundles and %v", len(found), err)
		}
		_, _ = bundlefile.Name(text) // does not panic
		for _, b := range found {
			again, err := bundlefile.Read(b.JSON)
			if err != nil || len(again) != 1 || !bytes.Equal(again[0].JSON, b.JSON) {
				t.Fatalf("%q is read as %q, %v", b.JSON, again, err)
			}
		}
	})
}
