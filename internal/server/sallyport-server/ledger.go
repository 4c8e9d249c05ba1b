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
	switch what {
	case "continue":
		var key string
		c, err := configured("ledger continue", args, stderr,
			func(f *flag.FlagSet) { f.StringVar(&key, "key", "", "") })
		if err == nil {
			key, err = typed(key)
		}
		if err != nil {
			return err
		}
		l, err := serve.Continue(ctx, c, key, time.Now())
		if err != nil {
			return err
		}
		last, err := ledger.Parse(l.About.Checkpoint)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "continues %s of %d leaves, of which %d are missing\n", last.Origin, last.Size,
			l.About.Missing)
		if l.About.Reason != "" {
			fmt.Fprintf(stdout, "          %s\n", l.About.Reason)
		}
		return keys(stdout, l)
	case "rotate":
		return rotate(ctx, args, stdout, stderr)
	case "import":
		return imported(ctx, args, stdout, stderr)
	}
	return fault.New(fault.Usage, fault.Config, "sallyport-server help", "ledger %q, want continue, rotate or import",
		fault.Cut(what))
}

// keys prints those that verify the ledger from here on.
func keys(w io.Writer, l ledger.Leaf) error {
	_, err := fmt.Fprintf(w, "before    %s\nkey       %s\n", l.About.Before, l.About.Key)
	return err
}

// typed is a file that the command line names, from where it is typed. The configuration names its own from its folder.
func typed(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return "", fault.New(fault.Usage, fault.Path, "", "the key %q: %w", name, fault.Cause(err))
	}
	return path, nil
}

func rotate(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var before, key string
	c, err := configured("ledger rotate", args, stderr, func(f *flag.FlagSet) {
		f.StringVar(&before, "before", "", "")
		f.StringVar(&key, "key", "", "")
	})
	if err != nil {
		return err
	}
	if before == "" {
		return fault.New(fault.Usage, fault.Config, "name the file of the key that signed until now",
			"rotate needs --before")
	}
	old, err := typed(before)
	if err == nil {
		key, err = typed(key)
	}
	if err != nil {
		return err
	}
	l, err := serve.Rotate(ctx, c, old, key, time.Now())
	if err != nil {
		return err
	}
	return keys(stdout, l)
}

func imported(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var known []string
	var export string
	c, err := configured("ledger import", args, stderr, func(f *flag.FlagSet) {
		f.Func("key", "", func(k string) error { known = append(known, k); return nil })
		f.StringVar(&export, "export", "", "")
	})
	if err != nil {
		return err
	}
	if export == "" {
		return fault.New(fault.Usage, fault.Config, "sallyport-server ledger import --config FILE --export FILE",
			"the export is not named")
	}
	sum, err := serve.Import(ctx, c, export, known)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "imported  %s\nleaves    %d, root %s; %d of them as hashes\n", sum.Checkpoint.Origin,
		sum.Checkpoint.Size, sum.Checkpoint.Root, sum.Hidden)
	return err
}
