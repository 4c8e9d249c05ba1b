package cli

import (
	"strings"
	"testing"
)

// What a key signed and nobody logged is accepted where --log none says so, and then every report shows it; by default it
// is refused, and the denial says which flag accepts it.
func TestA03_what_a_key_signed_and_nobody_logged_is_accepted_by_name(t *testing.T) {
	d := newDesk(t)
	d.write("b.json", d.bundle(inToto, stated()))
	verify := func(bundle string, more ...string) (int, string) {
		code, said := d.run(false, append([]string{"verify", "--offline", "--key", "key.pub", "--bundle", bundle}, append(more, "app")...)...)
		return code, strings.Join(strings.Fields(said), " ")
	}
	for format, want := range map[string]string{"text": "accepted: never logged", "json": `"never logged"`, "markdown": "accepted: `never logged`"} {
		if code, said := verify("b.json", "--log", "none", "--format", format); code != 0 || !strings.Contains(said, want) {
			t.Errorf("as %s: exit code %d, want 0 and %s in %s", format, code, want, said)
		}
	}
	if code, said := verify("b.json"); code != 3 || !strings.Contains(said, "E_TLOG") || !strings.Contains(said, "--log none accepts what was never logged") {
		t.Errorf("by default: exit code %d, want 3 and the flag; said %s", code, said)
	}
	other := newDesk(t) // another key
	other.write("other.json", d.bundle(inToto, stated()))
	d = other
	if code, said := verify("other.json", "--log", "none"); code != 3 || !strings.Contains(said, "E_SIG_INVALID") || !strings.Contains(said, "give the key that made the signature") {
		t.Errorf("by another key: exit code %d, want 3 and E_SIG_INVALID; said %s", code, said)
	}
}

// A flag that nothing would use is refused, and not passed over.
func TestA14_where_certificates_of_a_bundle_cannot_count_the_flag_is_refused(t *testing.T) {
	d := newDesk(t)
	d.write("b.json", d.bundle(inToto, stated()))
	d.write("p.yaml", goodPolicy)
	for name, args := range map[string][]string{"a key": {"--key", "key.pub", "--log", "none"}, "a policy": {"--policy", "p.yaml"}} {
		args = append([]string{"verify", "--offline", "--bundle", "b.json"}, args...)
		if code, said := d.run(false, append(args, "--intermediates", "bundle", "app")...); code != 2 || !strings.Contains(said, "--intermediates") {
			t.Errorf("%s: exit code %d, want 2; said %s", name, code, said)
		}
		if code, said := d.run(false, append(args, "app")...); code == 2 {
			t.Errorf("%s: without the flag: exit code %d; said %s", name, code, said)
		}
	}
}
