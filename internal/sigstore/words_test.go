package sigstore

import (
	"strings"
	"testing"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"google.golang.org/protobuf/proto"

	"github.com/sallyport-dev/sallyport/internal/messages"
)

// Every reader says in words for people what kind of file it was given in place of the wanted one.
func TestRead_a_file_of_another_kind_is_told_in_plain_words(t *testing.T) {
	good := rootFile(newForge().trust())
	readers := map[string]func([]byte) error{
		"trusted root":   func(raw []byte) error { _, err := ParseTrustedRoot(raw); return err },
		"signing config": func(raw []byte) error { _, err := ParseSigningConfig(raw); return err },
		"bundle":         func(raw []byte) error { _, err := ParseBundle(raw); return err },
		"key": func(raw []byte) error {
			_, err := NewKeyVerifier(must(ParseTrustedRoot(good)), raw, Requirements{Logs: 1})
			return err
		},
	}
	for what, read := range readers {
		for _, text := range []string{"", "{", "[]", "{}", "null", "<html>", `{"mediaType": 1}`, `{"other": true}`, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"} {
			err := read([]byte(text))
			if err == nil {
				t.Errorf("%q is read as a %s", text, what)
				continue
			}
			messages.Plain(t, err.Error())
			if text == "{}" && (what == "trusted root" || what == "signing config") && !strings.Contains(err.Error(), `has media type "", want "application/vnd.dev.sigstore.`) {
				t.Errorf("%s: err = %v, want the media type that was found, and the one that is wanted", what, err)
			}
		}
	}
	if err := readers["trusted root"](good); err != nil {
		t.Errorf("the trusted root itself: %v", err)
	}
	if err := readers["signing config"]([]byte(signingConfig("https://ca.example", "https://tsa.example"))); err != nil {
		t.Errorf("the signing config itself: %v", err)
	}
}

// Every log of a trusted root has a name for its entries and a key that can be read: without them it would be passed over
// in silence, and its entries would be those of a stranger.
func TestRoot_a_log_without_an_id_or_a_key_that_can_be_read_is_refused(t *testing.T) {
	for name, change := range map[string]func(*prototrustroot.TransparencyLogInstance){
		"no id":  func(l *prototrustroot.TransparencyLogInstance) { l.LogId = nil },
		"no key": func(l *prototrustroot.TransparencyLogInstance) { l.PublicKey.RawBytes = nil },
		"junk":   func(l *prototrustroot.TransparencyLogInstance) { l.PublicKey.RawBytes = []byte("key") },
	} {
		t.Run(name, func(t *testing.T) {
			pb := newForge().trust()
			good := proto.Clone(pb).(*prototrustroot.TrustedRoot)
			change(pb.Tlogs[0])
			refusesRoot(t, rootFile(pb))
			if _, err := ParseTrustedRoot(rootFile(pb)); err != nil && !strings.Contains(err.Error(), "no log id, or no key that can be read") {
				t.Errorf("err = %v", err)
			}
			if _, err := ParseTrustedRoot(rootFile(good)); err != nil {
				t.Errorf("the same root as it was: %v", err)
			}
		})
	}
}
