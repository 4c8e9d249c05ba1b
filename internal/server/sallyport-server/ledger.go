package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/serve"
)

// configured reads the flags of a command that works on the database of a configuration.
func configured(name string, args []string, stderr io.Writer, more func(*flag.FlagSet)) (*serve.Config, error) {
	var config string
	err := flags(name, stderr, args, func(f *flag.FlagSet) {
		f.StringVar(&config, "config", "", "")
		more(f)
	})
	if err != nil {
		return nil, err
	}
	if config == "" {
		return nil, fault.New(fault.Usage, fault.Config, "sallyport-server "+name+" --config server.yaml",
			"the configuration is not named")
	}
	return serve.ReadConfig(config)
}

// mend changes the ledger itself, while no server runs on it.
func mend(what string, args []string, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var before string
	var do func(c *serve.Config) (ledger.Leaf, error)
	switch what {
	case "continue":
		do = func(c *serve.Config) (ledger.Leaf, error) { return serve.Continue(ctx, c, time.Now()) }
	case "rotate":
		do = func(c *serve.Config) (ledger.Leaf, error) {
			if before == "" {
				return ledger.Leaf{}, fault.New(fault.Usage, fault.Config, "name the file of the key that signed until now",
					"rotate needs --before")
			}
			old, err := filepath.Abs(before) // what the command line names is named from where it is typed
			if err != nil {
				return ledger.Leaf{}, fault.New(fault.Usage, fault.Path, "", "the key before: %w", fault.Cause(err))
			}
			return serve.Rotate(ctx, c, old, time.Now())
		}
	default:
		return fault.New(fault.Usage, fault.Config, "sallyport-server help", "ledger %q, want continue or rotate",
			fault.Cut(what))
	}
	c, err := configured("ledger "+what, args, stderr, func(f *flag.FlagSet) {
		if what == "rotate" {
			f.StringVar(&before, "before", "", "")
		}
	})
	if err != nil {
		return err
	}
	l, err := do(c)
	if err != nil {
		return err
	}
	if l.Kind == ledger.Continued {
		last, err := ledger.Parse(l.About.Checkpoint)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "continues %s of %d leaves, of which %d are missing\n", last.Origin, last.Size,
			l.About.Missing)
		if l.About.Reason != "" {
			fmt.Fprintf(stdout, "          %s\n", l.About.Reason)
		}
	}
	fmt.Fprintf(stdout, "before    %s\nkey       %s\n", l.About.Before, l.About.Key)
	return nil
}
