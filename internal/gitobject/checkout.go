package gitobject

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/file"
)

const maxPointer = 4 << 10 // bytes of a file that says where a directory is

// Directories are where a checkout keeps what is its own, such as HEAD, and what it shares with other working trees of
// the repository, such as the objects (gitrepository-layout(5)). The error is ErrLost where there is no repository.
func Directories(top string) (own, shared string, err error) {
	own = filepath.Join(top, ".git")
	info, err := os.Lstat(own)
	if err != nil {
		return "", "", fmt.Errorf("%w: there is no repository", ErrLost)
	}
	if info.Mode().IsRegular() {
		b, err := file.Read(own, maxPointer)
		to, ok := strings.CutPrefix(strings.TrimSpace(string(b)), "gitdir: ")
		if err != nil || !ok {
			return "", "", fmt.Errorf("%w: the file .git names no directory", ErrLost)
		}
		if own = to; !filepath.IsAbs(own) {
			own = filepath.Join(top, to)
		}
	}
	b, err := file.Read(filepath.Join(own, "commondir"), maxPointer)
	if err != nil {
		return own, own, nil
	}
	if shared = strings.TrimSpace(string(b)); !filepath.IsAbs(shared) {
		shared = filepath.Join(own, shared)
	}
	return own, shared, nil
}
