package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/origin"
)

// remotes returns the remotes of the clone that a directory lies in. What a person
// keeps for all clones is read as well, as it says what short forms of addresses
// stand for; in a job it is not, because every step before may have written it.
func (r *run) remotes(dir string) ([]origin.Remote, error) {
	top, err := cloneAround(dir)
	if err != nil {
		return nil, err
	}
	git, err := checkout{top: top}.objects()
	if err != nil {
		return nil, fault.New(
			fault.Usage,
			fault.Config,
			nameRepository,
			"the Git directory of %q cannot be opened",
			top,
		)
	}
	defer git.Close()
	own, err := file.ReadIn(git, "config", origin.MaxBytes)
	if err != nil {
		return nil, unread(err, fault.Usage)
	}
	configs := [][]byte{}
	if home := r.Getenv("HOME"); r.platform == nil && filepath.IsAbs(home) {
		for _, path := range []string{filepath.Join(home, ".config", "git", "config"), filepath.Join(home, ".gitconfig")} {
			person, err := file.Read(path, origin.MaxBytes)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, unread(err, fault.Usage)
			}
			configs = append(configs, person)
		}
	}
	return origin.Remotes(append(configs, own)...)
}

// nameRepository is the next step of a person whose clone names no repository.
const nameRepository = "go into a clone of the repository, or name the repository with --repository"

// cloneAround returns the nearest directory from dir outwards that has a .git.
func cloneAround(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fault.New(fault.Usage, fault.Path, nameRepository, "directory %q: %w", dir, fault.Cause(err))
	}
	for at := abs; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fault.New(
				fault.Usage,
				fault.Config,
				nameRepository,
				"%q lies in no clone of a Git repository",
				abs,
			)
		}
	}
}
