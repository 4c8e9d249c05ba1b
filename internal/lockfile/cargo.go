package lockfile

import "strings"

// cargo reads Cargo.lock, versions 1 to 4 (https://doc.rust-lang.org/cargo/guide/cargo-toml-vs-cargo-lock.html). In
// version 1 the checksums are in a table of their own.
func (b *building) cargo(data []byte) error {
	t, err := tables(data)
	if err != nil {
		return err
	}
	if v, ok := t["version"]; ok && v != int64(1) && v != int64(2) && v != int64(3) && v != int64(4) {
		return malformed("it is of version %v, want 1 to 4", v)
	}
	old, err := t.table("metadata")
	if err != nil {
		return err
	}
	return t.each(func(name, version string, p table) error {
		var source, sum string
		if err := p.texts(map[string]*string{"source": &source, "checksum": &sum}); err != nil {
			return err
		}
		apart, err := old.text("checksum " + name + " " + version + " (" + source + ")")
		if err != nil {
			return err
		}
		if apart == "<none>" {
			apart = ""
		}
		switch {
		case sum == "":
			sum = apart
		case apart != "" && sum != apart:
			return malformed("it has two checksums")
		}
		e := Entry{Name: name, Version: version, URL: address(source), Local: source == ""}
		if sum != "" {
			d, err := colon("sha256:" + sum)
			if err != nil {
				return err
			}
			e.Digests = []Digest{d}
		}
		if version == "" || strings.ContainsAny(name, "/") {
			return malformed("it has no version, or no name of a crate")
		}
		return b.add(e)
	})
}
