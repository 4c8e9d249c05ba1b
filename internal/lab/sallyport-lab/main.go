// Command sallyport-lab runs a private Sigstore and two toy platforms on
// loopback, until it is stopped or until the command after "--" has ended.
// It takes flags and signals and makes the exit code; it starts no server
// itself.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sallyport-dev/sallyport/internal/lab"
)

func main() {
	if os.Getenv(lab.RekorVariable) != "" {
		lab.RunRekor()
		return
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// Exit codes besides those of the command: the lab's own trouble, and wrong
// arguments.
const (
	exitTrouble = 125
	exitUsage   = 2
)

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && verbs[args[0]] != nil {
		if err := verbs[args[0]](args[1:], stdout); err != nil {
			fmt.Fprintln(stderr, "sallyport-lab:", err)
			return exitTrouble
		}
		return 0
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	config, command, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return exitUsage
	}
	began := time.Now()
	l, err := lab.Start(context.Background(), config)
	if err != nil {
		fmt.Fprintln(stderr, "sallyport-lab:", err)
		return exitTrouble
	}
	code, err := 0, error(nil)
	if len(command) > 0 {
		code, err = inside(l, config, command, signals)
	} else {
		fmt.Fprintf(stdout, "sallyport-lab: ready in %s; variables in %s\n", time.Since(began).Round(time.Millisecond), l.EnvFile)
		<-signals
	}
	if err = errors.Join(err, l.Stop(context.Background())); err != nil {
		fmt.Fprintln(stderr, "sallyport-lab:", err)
		return exitTrouble
	}
	return code
}

// inside runs the command in l and returns its exit code.
func inside(l *lab.Lab, c lab.Config, command []string, signals <-chan os.Signal) (int, error) {
	env, err := l.CommandEnv(os.Environ(), c.As, c.Claims)
	if err != nil {
		return 0, err
	}
	return lab.Run(command, env, signals)
}

func parse(args []string, stderr io.Writer) (lab.Config, []string, error) {
	var c lab.Config
	flags := flag.NewFlagSet("sallyport-lab", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: sallyport-lab [flags] [-- COMMAND ARGS...]")
		flags.PrintDefaults()
	}
	flags.StringVar(&c.Dir, "dir", "", "write trusted_root.json, signing_config.json and lab.env into `DIR` (default a temporary one)")
	flags.BoolVar(&c.NoReferrers, "no-referrers", false, "serve the registry without the referrers API")
	flags.StringVar(&c.Audience, "audience", "", "the `AUDIENCE` of the job tokens that the certificate authority takes (default sigstore)")
	flags.Func("as", "set the variables of a `RUNNER`: none, github or gitlab (default none)", func(s string) error {
		c.As = lab.Platform(s)
		return c.As.Valid()
	})
	flags.Func("claims", "lay a `JSON` object over the claims of that runner's tokens", func(s string) error {
		return json.Unmarshal([]byte(s), &c.Claims)
	})
	verbose := flags.Bool("verbose", false, "let the servers log on standard error")
	if err := flags.Parse(args); err != nil {
		return c, nil, err
	}
	if *verbose {
		c.Log = stderr
	}
	return c, flags.Args(), nil
}
