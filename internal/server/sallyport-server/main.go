// Command sallyport-server answers a platform that asks before it releases a deployment (docs/server.md).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/server/serve"
	"github.com/sallyport-dev/sallyport/internal/server/signer"
	"github.com/sallyport-dev/sallyport/internal/store"
)

// version is set when a release is built.
var version = "source"

func main() {
	// What lives long is small, so that the usual share of it would have the collector at work all the time.
	const share = 400 // percent
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(share)
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// Exit statuses, as those of sallyport (docs/exit-codes.md).
const (
	statusInternal    = 1
	statusUsage       = 2
	statusRefused     = 3
	statusUnavailable = 5
)

func run(args []string, stdout, stderr io.Writer) int {
	err := command(args, stdout, stderr)
	if err == nil {
		return 0
	}
	f := fault.Of(err)
	report.Fault(stderr, f, "")
	switch f.Kind {
	case fault.Usage:
		return statusUsage
	case fault.Refused:
		return statusRefused
	case fault.Unavailable:
		return statusUnavailable
	default:
		return statusInternal
	}
}

const usage = `sallyport-server answers a platform that asks before it releases a deployment.

  sallyport-server --config server.yaml            serve
  sallyport-server key --name NAME --out FILE      make the key that signs the ledger; its public part is printed;
                                                   --state FILE: for a signer, what it begins with
  sallyport-server signer --key FILE --socket PATH --state FILE  sign for servers that do not have the key themselves
  sallyport-server app manifest --name NAME --url URL   what GitHub's page for making an app takes
  sallyport-server explain ID --config FILE        judge an answer again from what was kept with it
  sallyport-server ledger continue --config FILE   begin a new origin: the database was put back, or the key is lost
  sallyport-server ledger rotate --config FILE --before OLDKEY   change the key that signs the ledger; both commands take
                                                   --key FILE where a signer has the key
  sallyport-server ledger import --config FILE --export FILE     put an export into an empty database; --key KEY names a
                                                   key that signed before
  sallyport-server version
`

func command(args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return fault.New(fault.Usage, fault.Config, "sallyport-server --config server.yaml",
			"neither a command nor a configuration is named")
	}
	switch {
	case args[0] == "version", args[0] == "--version":
		fmt.Fprintf(stdout, "sallyport-server %s\n", version)
		return nil
	case args[0] == "help", args[0] == "--help", args[0] == "-h":
		fmt.Fprint(stdout, usage)
		return nil
	case args[0] == "key":
		return key(args[1:], stdout, stderr)
	case args[0] == "signer":
		return signs(args[1:], stderr)
	case len(args) > 1 && args[0] == "app" && args[1] == "manifest":
		return manifest(args[2:], stdout, stderr)
	case args[0] == "explain":
		return explain(args[1:], stdout, stderr)
	case len(args) > 1 && args[0] == "ledger":
		return mend(args[1], args[2:], stdout, stderr)
	case !strings.HasPrefix(args[0], "-"):
		return fault.New(fault.Usage, fault.Config, "sallyport-server help", "there is no command %q",
			fault.Cut(strings.Join(args[:min(len(args), 2)], " ")))
	}
	return serving(args, stderr)
}

// flags are those of one command. A mistake in them is told as a fault.
func flags(name string, stderr io.Writer, args []string, define func(*flag.FlagSet)) error {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	define(f)
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stderr, usage)
		return fault.New(fault.Usage, fault.Config, "", "nothing was done")
	}
	if err == nil && f.NArg() > 0 {
		err = fmt.Errorf("%q stands without a flag", fault.Cut(f.Arg(0)))
	}
	if err != nil {
		return fault.New(fault.Usage, fault.Config, "sallyport-server help", "%w", err)
	}
	return nil
}

func key(args []string, stdout, stderr io.Writer) error {
	var name, out, state string
	err := flags("key", stderr, args, func(f *flag.FlagSet) {
		f.StringVar(&name, "name", "", "")
		f.StringVar(&out, "out", "", "")
		f.StringVar(&state, "state", "", "")
	})
	if err != nil {
		return err
	}
	if name == "" || out == "" {
		return fault.New(fault.Usage, fault.Config,
			"sallyport-server key --name sallyport.example.com/ledger --out ledger.key", "key needs --name and --out")
	}
	private, public, empty, err := signer.Generate(name)
	if err != nil {
		return err
	}
	if err := fresh(out, private+"\n"); err != nil {
		return err
	}
	if state != "" {
		if err := fresh(state, empty); err != nil {
			return err
		}
	}
	fmt.Fprintln(stdout, public)
	return nil
}

// fresh writes a file that is not there yet.
func fresh(path, text string) error {
	w, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fault.New(fault.Usage, fault.Config, "name a new file: keys and states are never overwritten",
			"writing %q: %w", path, fault.Cause(err))
	}
	_, err = io.WriteString(w, text)
	if err = errors.Join(err, w.Close()); err != nil {
		return fault.Errorf("writing %q: %w", path, fault.Cause(err))
	}
	return nil
}

// signs signs for servers, until it is told to end.
func signs(args []string, stderr io.Writer) error {
	var key, socket, state string
	err := flags("signer", stderr, args, func(f *flag.FlagSet) {
		f.StringVar(&key, "key", "", "")
		f.StringVar(&socket, "socket", "", "")
		f.StringVar(&state, "state", "", "")
	})
	if err != nil {
		return err
	}
	if key == "" || socket == "" || state == "" {
		return fault.New(fault.Usage, fault.Config,
			"sallyport-server signer --key ledger.key --socket /run/sallyport-signer/socket --state ledger.state",
			"signer needs --key, --socket and --state")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return serve.Sign(ctx, key, socket, state, slog.New(slog.NewJSONHandler(stderr, nil)))
}

func manifest(args []string, stdout, stderr io.Writer) error {
	var name, url string
	err := flags("app manifest", stderr, args, func(f *flag.FlagSet) {
		f.StringVar(&name, "name", "Sallyport", "")
		f.StringVar(&url, "url", "", "")
	})
	if err != nil {
		return err
	}
	if url == "" {
		return fault.New(fault.Usage, fault.Config,
			"sallyport-server app manifest --url https://sallyport.example.com", "app manifest needs --url")
	}
	url = strings.TrimSuffix(url, "/")
	if _, err := store.NewServer(url, nil); err != nil {
		return err // deliveries would come over a connection that others can read
	}
	b, err := github.Manifest(name, url, serve.Door)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s\n", b)
	return nil
}

func serving(args []string, stderr io.Writer) error {
	var config string
	err := flags("sallyport-server", stderr, args, func(f *flag.FlagSet) { f.StringVar(&config, "config", "", "") })
	if err != nil {
		return err
	}
	if config == "" {
		return fault.New(fault.Usage, fault.Config, "sallyport-server --config server.yaml",
			"the configuration is not named")
	}
	c, err := serve.ReadConfig(config)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	s, err := serve.Open(ctx, c, version, log)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fault.New(fault.Usage, fault.Config, "let listen name an address that is free", "listening: %w",
			fault.Cause(err))
	}
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	go func() {
		for range reload {
			_ = s.Reread(ctx, config) // it logs what is wrong
		}
	}()
	return s.Run(ctx, l)
}
