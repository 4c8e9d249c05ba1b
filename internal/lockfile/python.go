package lockfile

import "strings"

// uv reads uv.lock (https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile), version 1.
func (b *building) uv(data []byte) error {
	t, err := tables(data)
	if err != nil {
		return err
	}
	if v := t["version"]; v != int64(1) {
		return malformed("it is of version %v, want 1", v)
	}
	return t.each(func(name, version string, p table) error {
		e := Entry{Name: normalized(name), Version: version}
		source, err := p.table("source")
		if err != nil {
			return err
		}
		if err := e.from(source, "registry", "git", "url"); err != nil {
			return err
		}
		if err := e.local(source, "editable", "virtual", "path", "directory"); err != nil {
			return err
		}
		files, err := p.list("wheels")
		if err != nil {
			return err
		}
		sdist, err := p.table("sdist")
		if err != nil {
			return err
		}
		if sdist != nil {
			files = append(files, sdist)
		}
		if err := e.hashed(files); err != nil {
			return err
		}
		return b.add(e)
	})
}

// from takes the address from the first of several members.
func (e *Entry) from(source table, names ...string) error {
	for _, name := range names {
		s, err := source.text(name)
		if err != nil {
			return err
		}
		if s != "" {
			e.URL = address(s)
			return nil
		}
	}
	return nil
}

// local takes the folder from one of several members.
func (e *Entry) local(source table, names ...string) error {
	for _, name := range names {
		s, err := source.text(name)
		if err != nil {
			return err
		}
		if s != "" {
			e.URL, e.Local = s, true
		}
	}
	return nil
}

// hashed adds the digests of files, each of which has one or none.
func (e *Entry) hashed(files []table) error {
	for _, f := range files {
		h, err := f.text("hash")
		if err != nil {
			return err
		}
		if h == "" {
			continue
		}
		d, err := colon(h)
		if err != nil {
			return err
		}
		e.Digests = append(e.Digests, d)
	}
	return nil
}

// poetry reads poetry.lock (https://python-poetry.org/docs/basic-usage/), versions 1 and 2. Before version 2 the
// digests are in a table of their own, by name.
func (b *building) poetry(data []byte) error {
	t, err := tables(data)
	if err != nil {
		return err
	}
	meta, err := t.table("metadata")
	if err != nil {
		return err
	}
	if v, err := meta.text("lock-version"); err != nil || !strings.HasPrefix(v, "1.") && !strings.HasPrefix(v, "2.") {
		return malformed("it is of version %q, want 1 or 2", v)
	}
	apart, err := meta.table("files")
	if err != nil {
		return err
	}
	return t.each(func(name, version string, p table) error {
		e := Entry{Name: normalized(name), Version: version}
		source, err := p.table("source")
		if err != nil {
			return err
		}
		if err := e.from(source, "url"); err != nil {
			return err
		}
		kind, err := source.text("type")
		if err != nil {
			return err
		}
		if e.Local = kind == "directory" || kind == "file"; kind == "git" {
			commit, err := source.text("resolved_reference")
			if err != nil {
				return err
			}
			e.URL += "#" + commit
		}
		for _, t := range []struct {
			in   table
			name string
		}{{p, "files"}, {apart, name}} {
			files, err := t.in.list(t.name)
			if err != nil {
				return err
			}
			if err := e.hashed(files); err != nil {
				return err
			}
		}
		return b.add(e)
	})
}
