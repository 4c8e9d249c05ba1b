// Package origin finds the repository that a clone is of: which host, and which
// path there, its Git remote names.
//
// It reads text that it is handed: the address of a remote, and the files that Git
// keeps such addresses in. It refuses to run git, to ask a host which platform it
// is, and to quote an address: there may be a password in it.
package origin

import (
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A Repository is where a remote points to.
type Repository struct {
	Host string // in lower case; with a port if the address says one for HTTP
	Path string // owner/name, or group/subgroup/name
}

// Server is the address of the host. It is https whatever the remote says: what
// somebody fetches by SSH has its API there.
func (r Repository) Server() string { return "https://" + r.Host }

// URI is the address of the repository's page.
func (r Repository) URI() string { return r.Server() + "/" + r.Path }

// aliases are other names under which a platform serves SSH, for networks in which
// port 22 is closed.
var aliases = map[string]string{"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com"}

const maxPath = 1024 // bytes: twenty groups and a project

// name is the next step where nothing names the repository.
const name = "name the repository by its address, such as https://HOST/OWNER/NAME"

// Parse reads an address as Git has it: https, http, ssh, git, and the form
// USER@HOST:PATH. Two parts of a path are the fewest. The error is a usage fault, and
// never quotes the address.
func Parse(address string) (Repository, error) {
	host, path, err := split(address)
	if err != nil {
		return Repository{}, err
	}
	host = strings.ToLower(host)
	if platform, ok := aliases[host]; ok {
		host = platform
	}
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	if !hosts().MatchString(host) {
		return Repository{}, wrong("the remote names no host")
	}
	if len(path) > maxPath || !paths().MatchString(path) || strings.Contains("/"+path+"/", "/../") ||
		strings.Contains("/"+path+"/", "/./") {
		return Repository{}, wrong("the remote names no owner and repository")
	}
	return Repository{host, path}, nil
}

var (
	hosts = sync.OnceValue(
		func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$`) },
	)
	paths = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){1,20}$`)
	})
)

func split(address string) (host, path string, err error) {
	scheme, _, ok := strings.Cut(address, "://")
	if !ok {
		return scp(address)
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", "", wrong("the remote is no address") // the cause may quote a password
	}
	switch strings.ToLower(scheme) {
	case "https", "http":
		return u.Host, u.Path, nil // the API is at the same port
	case "ssh", "git", "git+ssh", "ssh+git":
		return u.Hostname(), u.Path, nil
	}
	return "", "", wrong("the remote is an address of another kind than https and ssh")
}

// scp reads USER@HOST:PATH. What has a slash before the colon, or one letter, is a
// folder here or on a drive.
func scp(address string) (host, path string, err error) {
	before, path, ok := strings.Cut(address, ":")
	if !ok || strings.ContainsAny(before, `/\`) || len(before) < 2 {
		return "", "", wrong("the remote is a folder, want a host and a path there")
	}
	return before[strings.LastIndexByte(before, '@')+1:], path, nil
}

func wrong(what string) error { return fault.New(fault.Usage, fault.Config, name, "%s", what) }
