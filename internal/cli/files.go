package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
)

// content reads a file that a person named, up to a limit.
func content(path string, limit int64) ([]byte, error) {
	b, err := file.Read(path, limit)
	return b, unread(err, fault.Usage)
}

// handedOver reads a file that an earlier job may have made. Beneath the
// working directory no link leads out of it, and nothing but a file is read:
// else whoever made it could have a file of the runner signed, or quoted in an
// error.
func handedOver(path string, limit int64) ([]byte, error) {
	name, ok := beneath(path)
	if !ok {
		return content(path, limit)
	}
	root, err := os.OpenRoot(".")
	if err != nil {
		return nil, usage("the working directory cannot be opened: %w", fault.Cause(err))
	}
	defer root.Close()
	b, err := file.ReadIn(root, name, limit)
	return b, unread(err, fault.Refused)
}

// unread makes a fault of the reason why a file was not read. irregular is
// whose turn it is if there is something else in its place.
func unread(err error, irregular fault.Kind) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, file.ErrLarge):
		return fault.New(fault.Usage, fault.Limit, "", "%w", err)
	case errors.Is(err, fs.ErrNotExist):
		return usage("%w", err)
	case errors.Is(err, file.ErrIrregular) || irregular == fault.Refused:
		return fault.New(irregular, fault.Path, "", "%w", err)
	}
	return usage("%w", err)
}

// beneath returns path as seen from the working directory, if it is written as
// one in it.
func beneath(path string) (string, bool) {
	if !filepath.IsAbs(path) {
		return path, filepath.IsLocal(path)
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", false
	}
	rel, err := filepath.Rel(wd, path)
	return rel, err == nil && filepath.IsLocal(rel)
}
