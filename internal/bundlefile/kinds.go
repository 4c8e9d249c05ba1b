package bundlefile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// A kind is something that people hand over for a bundle.
type kind struct {
	what string // a phrase
	hint string // the way on, or empty
}

// kinds are JSON objects that are known and no bundles, by members that no other
// kind has.
var kinds = []struct {
	members []string
	begins  string // how the value of the first member begins; "" is anything
	kind
}{
	{[]string{"payloadType", "payload"}, "",
		kind{"a bare DSSE envelope: the certificate and the log entry are not in it",
			"ask the signer for the bundle: cosign writes it with --new-bundle-format, SLSA's generators since 2.1"}},
	{[]string{"_type", "predicateType"}, "",
		kind{"a bare in-toto statement, which nobody signed", "name the bundle that holds it signed"}},
	{[]string{"base64Signature"}, "",
		kind{"a bundle of the old form of cosign (base64Signature, cert, rekorBundle)",
			"sign again with cosign 2.4 or newer and --new-bundle-format"}},
	{[]string{"SignedEntryTimestamp", "Payload"}, "",
		kind{"a log entry in the old form of cosign, without what was signed",
			"sign again with cosign 2.4 or newer and --new-bundle-format"}},
	{[]string{"mediaType"}, `"application/vnd.dev.sigstore.trustedroot`,
		kind{"a Sigstore trusted root", "it says whom to trust; name a bundle here"}},
	{[]string{"mediaType"}, `"application/vnd.dev.sigstore.signingconfig`,
		kind{"a Sigstore signing config", "it says where to sign; name a bundle here"}},
	{[]string{"certificateAuthorities"}, "",
		kind{"a Sigstore trusted root", "it says whom to trust; name a bundle here"}},
	{[]string{"rekorTlogUrls"}, "", kind{"a Sigstore signing config", "it says where to sign; name a bundle here"}},
	{[]string{"bomFormat"}, `"CycloneDX"`,
		kind{"an SBOM (CycloneDX), which nobody signed", "name the signed attestation that holds it"}},
	{[]string{"spdxVersion"}, "",
		kind{"an SBOM (SPDX), which nobody signed", "name the signed attestation that holds it"}},
	{[]string{"@context"}, `"https://spdx.org/`,
		kind{"an SBOM (SPDX 3), which nobody signed", "name the signed attestation that holds it"}},
	{[]string{"provenance_summary"}, "", cloudBuild},
	{[]string{"image_summary"}, "", cloudBuild},
	{[]string{"noteName", "resourceUri"}, "", cloudBuild},
	{[]string{"critical", "optional"}, "",
		kind{"a signed payload as cosign verify prints it, without the signature", "name the bundle itself"}},
	{[]string{"buildDefinition", "runDetails"}, "",
		kind{"a bare SLSA provenance predicate, which nobody signed", "name the bundle that holds it signed"}},
	{[]string{"signed", "signatures"}, "", kind{"signed metadata of TUF or of in-toto before 1.0", "name a bundle"}},
	{[]string{"schemaVersion", "layers"}, "",
		kind{"an OCI manifest", "name the bundle that is its layer, or the image"}},
	{[]string{"schemaVersion", "manifests"}, "", kind{"an OCI index", "name a bundle, or the image"}},
	{[]string{"$schema", "runs"}, "", kind{"findings in SARIF", "name a bundle"}},
	{[]string{"schema", "trustedRoots"}, "",
		kind{"a verdict of Sallyport, not the evidence for one", "name the bundles that it was about"}},
}

var cloudBuild = kind{"provenance of Google Cloud Build as gcloud prints it: signed with keys of Google, and no bundle",
	"Cloud Build publishes no bundle of it; attest the artifact in a job of your own"}

// telling are the names of the members that tell what an object is.
var telling = func() map[string]bool {
	all := map[string]bool{}
	for _, n := range []string{"mediaType", "media_type", "verificationMaterial", "verification_material",
		"dsseEnvelope", "dsse_envelope", "messageSignature",
		"message_signature", "version", "envelope", "attestation_bundles", "attestations", "attestation", "bundle", "bundle_url"} {
		all[n] = true
	}
	for _, k := range kinds {
		for _, n := range k.members {
			all[n] = true
		}
	}
	return all
}()

// kind says what an object is. One that is not known is described.
func (o object) kind() (k kind, known bool) {
	for _, k := range kinds {
		if o.has(k.members...) && bytes.HasPrefix(o.members[k.members[0]], []byte(k.begins)) {
			return k.kind, true
		}
	}
	names := o.names
	if len(names) == 0 {
		return kind{what: "an empty JSON object, no bundle"}, false
	}
	more := ""
	if len(names) > shownNames {
		names, more = names[:shownNames], " and more"
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fault.Text("%.40q", n)
	}
	return kind{what: "a JSON object with " + strings.Join(quoted, ", ") + more + ", no bundle"}, false
}

// listKind says what an array is, unless its first element is or holds a bundle.
func listKind(b []byte) (k kind, known bool) {
	stop := errors.New("one is enough")
	k, known = kind{what: "an empty JSON array, no bundle"}, true
	_ = each(b, func(_ int, v []byte, first strictjson.Kind) error { // stops at once
		k = kind{what: "a JSON array, no bundle"}
		if first != strictjson.Object {
			return stop
		}
		o, err := look(v)
		if err != nil {
			return stop
		}
		_, wraps := o.wrapper()
		if wraps || o.isBundle() {
			known = false
			return stop
		}
		if each, is := o.kind(); is {
			k = kind{"a list: " + each.what, each.hint}
		}
		return stop
	})
	return k, known
}

// magic is how files begin that are known and no JSON.
var magic = []struct {
	begin string
	kind
}{
	{"\x1f\x8b", kind{"a gzip file", "unpack it with gunzip"}},
	{"PK\x03\x04", kind{"a ZIP archive", "unpack it"}},
	{"PK\x05\x06", kind{"an empty ZIP archive", ""}},
	{"\x28\xb5\x2f\xfd", kind{"a Zstandard file", "unpack it with unzstd"}},
	{"\xfd7zXZ\x00", kind{"an xz file", "unpack it with unxz"}},
	{"BZh", kind{"a bzip2 file", "unpack it with bunzip2"}},
	{"\xff\x06\x00\x00sNaPpY", snappy},
	{"\xff\xfe", kind{"text in UTF-16", "save it as UTF-8"}},
	{"\xfe\xff", kind{"text in UTF-16", "save it as UTF-8"}},
	{"-----BEGIN PGP", kind{"a PGP signature or message", "name a Sigstore bundle"}},
	{"-----BEGIN", kind{"a PEM file: a certificate or a key",
		"a bundle holds the certificate that signed; name the bundle"}},
	{"\x30\x82", kind{"a DER file: a certificate, a key or a signature", "name the bundle that holds it"}},
	{"<", kind{"a web page or another XML document, such as that of a login",
		"download the file itself, signed in where that is needed"}},
	{"image_summary:", cloudBuild},
	{"provenance_summary:", cloudBuild},
	{"\x7fELF", kind{"a program", "name the bundle about it"}},
}

var snappy = kind{"a file that is packed with Snappy", "unpack it, or fetch the bundle with gh attestation download"}

// notJSON says what a text is that is no JSON.
func notJSON(text []byte, err error) *Foreign {
	if f := fault.Of(err); f.Code == fault.Limit {
		return &Foreign{Code: f.Code, What: err.Error(), Err: err}
	}
	begin := bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\ufeff")), " \t\r\n")
	for _, m := range magic {
		if bytes.HasPrefix(begin, []byte(m.begin)) {
			return &Foreign{Code: fault.Malformed, What: m.what, Hint: m.hint}
		}
	}
	switch {
	case isSnappy(text):
		return &Foreign{Code: fault.Malformed, What: snappy.what, Hint: snappy.hint}
	case errors.Is(err, strictjson.ErrUnfinished):
		return &Foreign{Code: fault.Malformed, What: "unfinished: " + err.Error() + ": was the download complete?",
			Hint: "download or write it again", Err: err}
	case bytes.ContainsAny(begin[:min(1, len(begin))], "{[\""):
		return &Foreign{Code: fault.Malformed, What: "unreadable JSON: " + strings.TrimPrefix(err.Error(), "JSON: "),
			Err: err}
	case !utf8.Valid(text):
		return &Foreign{Code: fault.Malformed, What: "binary data, no JSON", Err: err}
	}
	line, _, _ := bytes.Cut(begin, []byte("\n"))
	return &Foreign{Code: fault.Malformed,
		What: fault.Text("no JSON: it begins with %.40q", strings.TrimSpace(string(line))), Err: err}
}

// isSnappy reports whether a text is one block of Snappy that holds JSON: the
// length of what it holds, the mark of literal bytes, and then these.
func isSnappy(text []byte) bool {
	n, used := binary.Uvarint(text)
	if used <= 0 || used >= len(text) || n < 2 || n > 1<<32 || text[used]&3 != 0 {
		return false
	}
	at := used + 1
	if extra := int(text[used]>>2) - 59; extra > 0 {
		at += extra // the length of a long literal has bytes of its own
	}
	return at < len(text) && (text[at] == '{' || text[at] == '[')
}
