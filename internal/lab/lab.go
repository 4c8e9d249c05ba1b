// Package lab is a private Sigstore and two toy platforms, on loopback, in
// memory: a real certificate authority, transparency log, timestamp authority
// and certificate log with random keys, an issuer of identity tokens, an OCI
// registry, and the few REST endpoints of GitHub and GitLab that Sallyport
// calls. It exists so that every check of the product can be attacked and
// passed offline, under policies that are byte for byte the production ones.
//
// It refuses to be anything more: it listens on 127.0.0.1 only and dials
// nothing else, its certificates say that they are not real, no key outlives
// the process, and it imports none of the product's rooms. The product finds
// it through the standard trusted-root and signing-config files, as it would
// find any private Sigstore, and finds the platforms through a proxy, as it
// would in many companies; nothing in the product knows that a lab exists.
package lab

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// A Config says how a lab is set up. The zero value is a whole lab in a
// temporary directory.
type Config struct {
	// Dir is where the trusted root, the signing config and the env file are
	// written. Empty means a temporary directory that Stop removes.
	Dir string
	// Executable is the program that runs the log when it is started with
	// RekorVariable set; it must call RunRekor. Empty means this program.
	Executable string
	// NoReferrers serves the registry without the referrers API, so that
	// clients fall back to the tag that stands in for it.
	NoReferrers bool
	// Audience is that of the job tokens that the certificate authority takes.
	// Empty means sigstore, as at the public instances.
	Audience string
	// As is the runner whose variables the env file holds.
	As Platform
	// Claims are merged over the default claims of that runner's tokens.
	Claims Claims
	// Log takes the servers' own logs; nil discards them.
	Log io.Writer
}

// A Lab is a running lab. Start makes it and Stop ends it.
type Lab struct {
	// Dir holds TrustedRoot, SigningConfig and EnvFile.
	Dir string
	// TrustedRoot, SigningConfig and EnvFile are paths.
	TrustedRoot, SigningConfig, EnvFile string
	// Control, GitHub and GitLab are base URLs without a trailing slash.
	Control, GitHub, GitLab string
	// Accounts is the issuer's URL of people's tokens.
	Accounts string
	// Registry is the registry's host and port.
	Registry string
	// Authority is the base URL of the certificate authority, and Audience that of
	// the job tokens that it takes.
	Authority, Audience string

	tokens   tokens
	issuers  issuers
	names    namedHosts
	front    *front
	accounts *accounts
	contract *contract
	github   *github
	gitlab   *gitlab
	scratch  string
	stops    []func(context.Context) error
}

// one lab per process: the timestamp authority keeps its signer in a package
// variable, and the issuers are reached by replacing http.DefaultTransport.
var running atomic.Bool

// Start starts every server and writes the files. When it returns without an
// error the lab is ready; the caller then owes it a Stop.
func Start(ctx context.Context, c Config) (*Lab, error) {
	if !running.CompareAndSwap(false, true) {
		return nil, errors.New("a lab is already running in this process")
	}
	quiet(c.Log)
	l := &Lab{front: newFront(), tokens: newTokens()}
	err := l.start(ctx, c)
	if err != nil {
		return nil, errors.Join(err, l.Stop(context.WithoutCancel(ctx)))
	}
	return l, nil
}

// Stop ends what Start began, in reverse order, and removes what it wrote
// outside of Config.Dir.
func (l *Lab) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var errs []error
	for i := len(l.stops) - 1; i >= 0; i-- {
		errs = append(errs, l.stops[i](ctx))
	}
	l.stops = nil
	running.Store(false)
	return errors.Join(errs...)
}

func (l *Lab) onStop(f func(context.Context) error) { l.stops = append(l.stops, f) }

func (l *Lab) start(ctx context.Context, c Config) error {
	if err := l.makeDirs(c.Dir); err != nil {
		return err
	}
	stack, err := l.startStack(ctx, c)
	if err != nil {
		return err
	}
	if err := l.startPlatforms(c); err != nil {
		return err
	}
	if err := l.writeTrust(stack); err != nil {
		return err
	}
	env, err := l.Env(c.As, c.Claims)
	if err != nil {
		return err
	}
	return writeEnv(l.EnvFile, env)
}

func (l *Lab) makeDirs(dir string) error {
	scratch, err := os.MkdirTemp("", "sallyport-lab-")
	if err != nil {
		return fmt.Errorf("making the lab's directory: %w", err)
	}
	l.scratch = scratch
	l.onStop(func(context.Context) error { return os.RemoveAll(scratch) })
	if dir == "" {
		dir = filepath.Join(scratch, "files")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the lab's directory: %w", err)
	}
	l.Dir = dir
	l.TrustedRoot = filepath.Join(dir, "trusted_root.json")
	l.SigningConfig = filepath.Join(dir, "signing_config.json")
	l.EnvFile = filepath.Join(dir, "lab.env")
	return nil
}

// A stack is the private Sigstore, as far as the trust files name it.
type stack struct {
	since    time.Time
	chain    []*x509.Certificate // of the certificate authority, root last
	fulcio   string
	accounts string
	audience string
	tsa      tsa
	rekor    *rekor
	ct       ctLog
}

// startStack starts what does not depend on another server side by side, and
// the certificate authority, which needs the issuers and the certificate log,
// after it.
func (l *Lab) startStack(ctx context.Context, c Config) (*stack, error) {
	s := &stack{since: time.Now().Add(-time.Minute).Truncate(time.Second)}
	ca, err := newAuthority("certificate authority", x509.ExtKeyUsageCodeSigning, s.since)
	if err != nil {
		return nil, err
	}
	s.chain = ca.chain()
	g, gctx := errgroup.WithContext(ctx)
	var people *server
	g.Go(func() (err error) { l.issuers, err = newIssuers(); return })
	g.Go(func() (err error) { l.accounts, people, err = startAccounts(l.front); return })
	g.Go(func() (err error) { s.ct, err = startCT(ctx, l.scratch, ca.root.cert); return })
	g.Go(func() (err error) { s.tsa, err = startTSA(l.scratch, s.since, l.front); return })
	g.Go(func() (err error) { s.rekor, err = startRekor(gctx, l.scratch, c, l.front); return })
	err = g.Wait()
	l.onStop(people.stop)
	l.onStop(s.ct.stop)
	l.onStop(s.tsa.stop)
	l.onStop(s.rekor.stop)
	if err != nil {
		return nil, err
	}
	l.Accounts, s.accounts = people.url, people.url
	l.Audience = cmp.Or(c.Audience, clientID)
	s.audience = l.Audience
	l.onStop(l.issuers.answerInProcess())
	url, stop, err := startFulcio(ctx, ca, s, l.front)
	l.onStop(stop)
	s.fulcio, l.Authority = url, url
	return s, err
}

func (l *Lab) startPlatforms(c Config) error {
	l.contract = newContract()
	l.github = newGitHub(l.tokens, l.contract)
	l.onStop(l.github.stop)
	l.gitlab = newGitLab(l.tokens, l.contract)
	registry, err := l.serve("registry", newRegistry(c))
	if err != nil {
		return err
	}
	l.Registry = registry[len("http://"):]
	github := l.front.door("github", l.github.handler())
	gitlab := l.front.door("gitlab", l.gitlab.handler())
	if l.GitHub, err = l.behind(github); err != nil {
		return err
	}
	if l.GitLab, err = l.behind(gitlab); err != nil {
		return err
	}
	l.github.open(l.GitHub)
	l.gitlab.open(l.GitLab)
	if err := l.startNames(github, gitlab); err != nil {
		return err
	}
	control, err := listen(l.controlHandler())
	if err != nil {
		return err
	}
	l.Control = control.url
	l.onStop(control.stop)
	return nil
}

// serve serves h behind the front door, where faults and records are.
func (l *Lab) serve(target string, h http.Handler) (string, error) {
	return l.behind(l.front.door(target, h))
}

// behind serves h, which has its door.
func (l *Lab) behind(h http.Handler) (string, error) {
	s, err := listen(h)
	if err != nil {
		return "", err
	}
	l.onStop(s.stop)
	return s.url, nil
}
