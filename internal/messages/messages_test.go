package messages_test

import (
	"slices"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/messages"
)

// What nobody should have to read is found, and plain words are left alone.
func TestComplaints(t *testing.T) {
	for _, bad := range []string{
		"reading bundle: %!w(<nil>)", "%!s(MISSING)", "digest is []byte{0x1, 0x2}", "calculated root:\n[12 34 56 78]", "found &{a b}",
		`want \A(?:https://git\.test/)\z`, "matches (?i:x)", `want ^[A-Za-z0-9][A-Za-z0-9 ._/-]*$`, "connect: ECONNREFUSED", "syscall.Errno",
		"dial tcp 127.0.0.1:1: connect: connection refused", "read tcp 1.2.3.4: i/o timeout", "open /etc/x: no such file or directory",
		"stat app: permission denied", "unexpected EOF", "proto: (line 1:2): syntax", "x509: malformed certificate", "asn1: structure error",
		"tls: bad certificate", "sigstore-go says no", `strconv.ParseInt: parsing "x"`, "yaml: line 3", "json: cannot read", "jsontext: invalid", "failed to proto-json unmarshal", "unmarshalling the entry", "goroutine 1 [running]",
		"panic: runtime error: index", "failed to verify log inclusion", "github.com/goccy/go-yaml", "oauth2: cannot fetch token",
		`(line 1:118): invalid value for int64 field logIndex: "9"`, "invalid character 'x' at start of value", `"a" (in "")`, "unknown type *ecdh.PublicKey", `want one of ["a" "b"]`,
		"error parsing regexp: missing closing )", "found a character that cannot start any token", "opening it: no such device or address", "unsupported elliptic curve",
	} {
		if len(messages.Complaints(bad)) == 0 {
			t.Errorf("%q is not found", bad)
		}
	}
	for _, good := range []string{
		`log "https://rekor.test" had ended`, `there is no file "open/app: x"`, "http://127.0.0.1:1234 answered 503", "E_CHAIN  certificate is issued by",
		`certificate-identity-pattern "https://github\.com/acme/[a-z0-9_]+/" matches strangers`, `{"json": true, "time": "2026-11-26T10:00:00Z"}`,
		"built from 4f2a91c, signed 3 min ago", "sallyport: hint: try again", "policy policy.yaml:16", "file artifacts.json: a JSON array", "dist/EOF may not enter", "ref refs/tags/v1.2.3", "100 % of 5 files",
		`want one of "a", "b"`, "reading policy: line 3: unknown key", "cannot be read: malformed certificate",
	} {
		if c := messages.Complaints(good); len(c) > 0 {
			t.Errorf("%q: %v", good, c)
		}
	}
}

func TestHints_and_their_flags(t *testing.T) {
	text := "denied   app\n  found  nothing --bundle\n  fix    give the root with\n         --trusted-root; sallyport trust --profile x\n  policy p.yaml:1\n" +
		"sallyport: reason: x\nsallyport: hint: say --log none, or leave --key out\n"
	want := []string{"give the root with --trusted-root; sallyport trust --profile x", "say --log none, or leave --key out"}
	got := messages.Hints(text)
	if !slices.Equal(got, want) {
		t.Fatalf("hints = %q, want %q", got, want)
	}
	if a, b := messages.Flags(got[0]), messages.Flags(got[1]); !slices.Equal(a, []string{"trusted-root"}) || !slices.Equal(b, []string{"log", "key"}) {
		t.Errorf("flags = %q and %q", a, b)
	}
}
