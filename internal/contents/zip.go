package contents

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// maxZip bounds the archives of which the end is read first, so that all of it has to be at hand.
const maxZip = 128 << 20

// Records of a zip archive (APPNOTE.TXT, 4.3).
const (
	localHeader = "PK\x03\x04"
	descriptor  = "PK\x07\x08"
	directory   = "PK\x01\x02"
	directoryOf = "PK\x05\x06" // its end
)

// knownFlags are those of a file that is not encrypted: how well it is compressed, that its sizes stand
// behind it, that its name is UTF-8.
const knownFlags = uint16(0x0006 | 0x0008 | 0x0800)

// readZip reads the wheel that a zip archive is. Some readers go by the directory at its end, and others
// by the headers of its files; both have to say the same, with nothing between them.
func readZip(in io.Reader) (Package, error) {
	raw, err := io.ReadAll(io.LimitReader(in, maxZip+1))
	if err != nil {
		return Package{}, err
	}
	if len(raw) > maxZip {
		return Package{}, limit("the archive is larger than %d bytes", maxZip)
	}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return Package{}, malformed("its directory cannot be read: %v", err)
	}
	infos := map[string]bool{}
	for _, f := range z.File {
		if dir, _, ok := strings.Cut(f.Name, "/"); ok && strings.HasSuffix(fold(dir), ".dist-info") {
			infos[dir] = true
		}
	}
	if len(infos) == 0 && !bytes.Contains(bytes.ToLower(raw), []byte(".dist-info/")) {
		return notRead("a zip archive that is not a wheel"), nil
	}
	if err := laidOut(raw, z); err != nil {
		return Package{}, err
	}
	switch {
	case len(infos) == 0:
		return notRead("a zip archive that is not a wheel"), nil
	case len(infos) > 1:
		return Package{}, malformed("it has %d folders at its top that end in .dist-info, and a wheel has one", len(infos))
	}
	info := slices.Collect(maps.Keys(infos))[0]
	t := newTree()
	left := int64(maxBytes)
	for _, f := range z.File {
		if err := t.unzip(f, &left); err != nil {
			return Package{}, err
		}
	}
	if err := t.parents(); err != nil {
		return Package{}, err
	}
	if t.manifests[info+"/METADATA"] == nil {
		return Package{}, malformed("it has a folder %q without METADATA", info)
	}
	return t.wheel(info)
}

// laidOut wants the files of an archive to follow each other from its first byte to its directory, with
// the names that the directory has for them, and nothing behind that.
func laidOut(raw []byte, z *zip.Reader) error {
	files := map[string]*zip.File{}
	for _, f := range z.File {
		if files[f.Name] != nil {
			return malformed("%q is in it twice", f.Name)
		}
		files[f.Name] = f
	}
	at := 0
	for range z.File {
		if len(raw) < at+30 || string(raw[at:at+4]) != localHeader {
			return malformed("its files do not follow each other")
		}
		h := raw[at : at+30]
		flags, method := binary.LittleEndian.Uint16(h[6:]), binary.LittleEndian.Uint16(h[8:])
		name := at + 30 + int(binary.LittleEndian.Uint16(h[26:]))
		data := name + int(binary.LittleEndian.Uint16(h[28:]))
		if len(raw) < data {
			return malformed("it ends in the middle of a header")
		}
		f := files[string(raw[at+30:name])]
		if f == nil {
			return malformed("a file in it is not in its directory: %q", valid(string(raw[at+30:name])))
		}
		delete(files, f.Name)
		start, err := f.DataOffset()
		size := int64(f.CompressedSize64)
		if err != nil || start != int64(data) || flags != f.Flags || method != f.Method || size > int64(len(raw)-data) {
			return malformed("%q in it is another one than its directory says", f.Name)
		}
		if flags&^knownFlags != 0 || method != zip.Store && method != zip.Deflate {
			return malformed("%q in it is encrypted, or compressed in a way that not every reader knows", f.Name)
		}
		at = data + int(size)
		if flags&8 == 0 {
			sum, packed, whole := number(h[14:]), number(h[18:]), number(h[22:])
			if sum != uint64(f.CRC32) || packed != uint64(size) || whole != f.UncompressedSize64 {
				return malformed("%q in it is another one than its directory says", f.Name)
			}
			continue
		}
		for _, n := range []int{16, 24, 12, 20} {
			signed := n == 16 || n == 24
			if len(raw) >= at+n+4 && signed == bytes.HasPrefix(raw[at:], []byte(descriptor)) && isRecord(raw[at+n:]) {
				at += n
				break
			}
		}
	}
	end := len(raw) - 22
	if len(files) > 0 || end < at || string(raw[end:end+4]) != directoryOf || raw[end+20] != 0 || raw[end+21] != 0 ||
		number(raw[end+16:]) != uint64(at) || uint64(at)+number(raw[end+12:]) != uint64(end) {
		return malformed("something stands in it between its files, its directory and its end")
	}
	return nil
}

func number(b []byte) uint64 { return uint64(binary.LittleEndian.Uint32(b)) }

func isRecord(b []byte) bool {
	return bytes.HasPrefix(b, []byte(localHeader)) || bytes.HasPrefix(b, []byte(directory))
}

// unzip reads one file. left is how many bytes all that follow may have.
func (t *tree) unzip(f *zip.File, left *int64) error {
	name := strings.TrimSuffix(f.Name, "/")
	if err := spelled(name); err != nil {
		return err
	}
	mode := f.Mode()
	folder := strings.HasSuffix(f.Name, "/")
	key := fold(name)
	switch file, known := t.folded[key]; {
	case known && (file || !folder):
		return malformed("%q is in it twice, or in two ways to write it", name)
	case !folder && !mode.IsRegular():
		return malformed("%q in it is a link or a device", name)
	case len(name) > maxName || len(t.order) >= maxFiles:
		return limit("it has more than %d files, or names of more than %d bytes", maxFiles, maxName)
	}
	if t.folded[key] = !folder; folder {
		return nil
	}
	r, err := f.Open()
	if err != nil {
		return malformed("%q in it cannot be read: %v", name, err)
	}
	defer r.Close()
	kept := isMetadata(name)
	h := sha256.New()
	var head bytes.Buffer
	most := int64(16)
	if kept {
		most = maxManifest + 1
	}
	n, err := io.Copy(io.MultiWriter(h, &head), io.LimitReader(r, min(most, *left+1)))
	if err == nil {
		var more int64
		more, err = io.Copy(h, io.LimitReader(r, *left-n+1))
		n += more
	}
	if *left -= n; err == nil && *left >= 0 && kept && n <= maxManifest {
		t.kept += int(n)
	}
	switch {
	case err != nil:
		return malformed("%q in it cannot be read: %v", name, err)
	case *left < 0 || kept && n > maxManifest || t.kept > maxManifests:
		return limit("it has more than %d bytes, or its metadata has more than %d", int64(maxBytes), maxManifest)
	}
	if kept {
		t.manifests[name] = bytes.Clone(head.Bytes())
	}
	x := &File{Path: name, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}
	x.Why = executable(name, head.Bytes(), int64(mode.Perm()))
	t.keep(x)
	return nil
}

// isMetadata reports whether a file of a wheel is read and not only counted.
func isMetadata(name string) bool {
	dir, base, _ := strings.Cut(name, "/")
	if strings.HasSuffix(dir, ".dist-info") {
		return base == "METADATA" || base == "entry_points.txt"
	}
	end := path.Ext(fold(name))
	return (end == ".pth" || end == ".py" || end == ".pyw") && landing(name).starts()
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

const tailSize = 256 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > 2*tailSize {
		t.b = bytes.Clone(t.b[len(t.b)-tailSize:])
	}
	return len(p), nil
}

// holdsWheel reports whether what was written ends as a wheel does: readers of zip archives look there
// first.
func (t *tail) holdsWheel() bool {
	return bytes.Contains(t.b, []byte(directoryOf)) && bytes.Contains(bytes.ToLower(t.b), []byte(".dist-info/"))
}
