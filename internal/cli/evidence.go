package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/gate"
	places "github.com/sallyport-dev/sallyport/internal/store"
)

// localBundles is where attest leaves bundles when nobody says otherwise.
const localBundles = ".sallyport/bundles"

// stores returns where evidence is looked for: every bundle that was named and
// every store that was asked for. There has to be one.
func (r *run) stores(c chosen) ([]gate.Store, error) {
	var out []gate.Store
	for _, b := range r.in.Bundle {
		out = append(out, places.Dir{Path: b})
	}
	names := r.in.Store
	if len(out) > 0 && slices.Equal(names, []string{"auto"}) && r.at == nil {
		return out, nil
	}
	for _, name := range names {
		s, err := r.store(name, c)
		if err != nil {
			return nil, err
		}
		for _, x := range s {
			out = append(out, x)
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Usage, fault.Config, "name bundles with --bundle, or stores with --store", "there is no place to look for evidence in")
	}
	return out, nil
}

// sinks returns where attest stores bundles besides the local directory.
func (r *run) sinks(c chosen) ([]attest.Sink, error) {
	var out []attest.Sink
	for _, name := range r.in.Store {
		s, err := r.store(name, c)
		if err != nil {
			return nil, err
		}
		for _, x := range s {
			if d, ok := x.(places.Dir); !ok || d.Path != r.in.BundleDir && d.Path != localBundles {
				out = append(out, x)
			}
		}
	}
	return out, nil
}

// store returns the stores that one name stands for.
func (r *run) store(name string, c chosen) ([]store, error) {
	dir, isDir := strings.CutPrefix(name, "dir:")
	switch {
	case isDir && dir != "":
		return []store{places.Dir{Path: dir}}, nil
	case name == "auto":
		return r.autoStores(c), nil
	case r.in.Offline:
		return nil, usage("--store %q needs a connection, and --offline forbids one", name)
	case name == "oci" && c.oci != nil:
		return []store{c.oci}, nil
	case name == "oci":
		return nil, usage("--store oci needs a subject that is an image")
	case r.at != nil && name == r.at.storeName():
		return []store{r.at.evidence()}, nil
	case r.takes("repository") && r.in.Repository == "" && r.at == nil:
		return nil, fault.New(fault.Usage, fault.Config, "name the repository whose evidence is there: --repository HOST/OWNER/NAME",
			"--store %q is not auto, oci or dir:PATH, and no repository says which platform is asked", name)
	case r.takes("repository") && r.at != nil:
		return nil, fault.New(fault.Usage, fault.Config, "leave --store out, or name the store of "+r.at.Name(),
			"--store %q is not the one of the platform that has %s", name, r.at.Name())
	}
	return nil, usage("--store %q is not auto, oci, dir:PATH or the platform that runs this job", name)
}

// autoStores are the platform's own store, the registries of the images, and
// what attest left in this directory.
func (r *run) autoStores(c chosen) []store {
	var out []store
	if _, err := os.Stat(localBundles); err == nil {
		out = append(out, places.Dir{Path: localBundles})
	}
	if r.in.Offline {
		return out
	}
	if r.at != nil {
		out = append(out, r.at.evidence())
	}
	if c.oci != nil {
		out = append(out, c.oci)
	}
	return out
}

// remove deletes what an earlier run left, so that nobody reads an old answer
// when there is no new one.
func remove(paths ...string) (failed error) {
	for _, p := range paths {
		if err := file.Vacant(p); err != nil {
			failed = errors.Join(failed, unwritable(err))
		} else if err := os.Remove(p); err != nil && !os.IsNotExist(err) {
			failed = errors.Join(failed, usage("the answer of an earlier run, %q, cannot be removed: %w", p,
				fault.Cause(err)))
		}
	}
	return failed
}

func unwritable(err error) error {
	return fault.New(fault.Usage, fault.Path,
		"name another file: a new one, or a regular file that may be replaced", "%w", err)
}

// write writes a file that appears whole or not at all.
func write(path string, b []byte) error {
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = file.Replace(path, b)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, file.ErrIrregular):
		return unwritable(err)
	}
	return unwritten(path, err)
}

// unwritten is the fault of a file that could not be written. A full disk, or one that is
// read only, is a fault of the machine: the call was right.
func unwritten(path string, err error) error {
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO} {
		if errors.Is(err, cause) {
			return fault.New(fault.Unavailable, fault.NotAvailable, "make room on the disk, or name a place that can be written", "writing %q: %w", path, fault.Cause(err))
		}
	}
	return usage("writing %q: %w", path, fault.Cause(err))
}
