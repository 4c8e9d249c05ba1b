package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Credential is what a registry is shown. Its zero is nobody.
type Credential struct {
	User, Password string
	IdentityToken  string // an OAuth2 refresh token, instead of a password
}

// Keychain finds the credential for a registry host. The zero Credential means
// that there is none; an error means that nobody knows.
type Keychain func(ctx context.Context, host string) (Credential, error)

// DockerConfig reads credentials from the configuration file that "docker
// login" writes, with its credential helpers. getenv finds DOCKER_CONFIG and
// HOME.
func DockerConfig(getenv func(string) string) Keychain {
	return func(ctx context.Context, host string) (Credential, error) {
		dir := getenv("DOCKER_CONFIG")
		if dir == "" {
			dir = filepath.Join(getenv("HOME"), ".docker")
		}
		b, err := os.ReadFile(filepath.Join(dir, "config.json"))
		if errors.Is(err, fs.ErrNotExist) {
			return Credential{}, nil
		}
		if err != nil {
			return Credential{}, fault.New(fault.Usage, fault.Config, "", "registry credentials in %q: %w", dir, cause(err))
		}
		var c dockerConfig
		if err := json.Unmarshal(b, &c); err != nil {
			return Credential{}, fault.New(fault.Usage, fault.Config, "", "registry credentials in %q are not JSON", dir)
		}
		return c.find(ctx, host)
	}
}

type dockerConfig struct {
	Auths map[string]struct {
		Auth, Username, Password, IdentityToken string
	}
	CredHelpers map[string]string
	CredsStore  string
}

func (c dockerConfig) find(ctx context.Context, host string) (Credential, error) {
	names := []string{host, "https://" + host, "https://" + host + "/v1/", "https://" + host + "/v2/"}
	if host == "index.docker.io" {
		names = append(names, "docker.io", "https://docker.io")
	}
	for _, n := range names {
		if h, ok := c.CredHelpers[n]; ok {
			return helper(ctx, h, n)
		}
	}
	for _, n := range names {
		a, ok := c.Auths[n]
		if !ok {
			continue
		}
		if a.Auth == "" && a.Username == "" && a.IdentityToken == "" && c.CredsStore != "" {
			return helper(ctx, c.CredsStore, n)
		}
		cred := Credential{User: a.Username, Password: a.Password, IdentityToken: a.IdentityToken}
		if a.Auth != "" {
			b, err := base64.StdEncoding.DecodeString(a.Auth)
			user, pass, colon := strings.Cut(string(b), ":")
			if err != nil || !colon {
				return Credential{}, fault.New(fault.Usage, fault.Config, "log in again", "the stored credential for %s is not base64 of user and password", host)
			}
			cred.User, cred.Password = user, strings.TrimRight(pass, "\x00")
		}
		return cred, nil
	}
	return Credential{}, nil
}

var helperName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`) })

// helper asks a credential helper, by the protocol of docker's. The helper is
// the one that the person who logged in configured.
func helper(ctx context.Context, name, host string) (Credential, error) {
	if !helperName().MatchString(name) {
		return Credential{}, fault.New(fault.Usage, fault.Config, "", "credential helper %q is not a name", name)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker-credential-"+name, "get") //nolint:gosec // the name was checked, and the person who logged in chose it
	cmd.Stdin, cmd.Stdout = strings.NewReader(host), &out
	if err := cmd.Run(); err != nil {
		if strings.Contains(out.String(), "credentials not found") {
			return Credential{}, nil
		}
		// The helper's own words may hold a secret, so they are not repeated.
		return Credential{}, fault.New(fault.Usage, fault.Config, "log in again", "credential helper %q has no answer for %s", name, host)
	}
	var a struct{ Username, Secret string }
	if err := json.Unmarshal(out.Bytes(), &a); err != nil {
		return Credential{}, fault.New(fault.Usage, fault.Config, "", "credential helper %q did not answer with JSON", name)
	}
	if a.Username == "<token>" {
		return Credential{IdentityToken: a.Secret}, nil
	}
	return Credential{User: a.Username, Password: a.Secret}, nil
}
