// Command sallyport binds artifacts to the workflow that built them, and lets
// them into an environment only if their evidence verifies under a policy.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/sallyport-dev/sallyport/internal/cli"
)

// version is set by the release build; a build from source says so itself.
var version = "source"

func main() {
	// A verification allocates little and often; collecting less often trades
	// a few megabytes for a fifth of its time (docs/performance.md).
	debug.SetGCPercent(400)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Command{Version: version, Getenv: os.Getenv, Stdout: os.Stdout, Stderr: os.Stderr}.Run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
