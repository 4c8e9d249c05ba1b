// Command sallyport binds artifacts to the workflow that built them, and lets
// them into an environment only if their evidence verifies under a policy.
//
// A signal ends it at once: what it writes appears whole or not at all, so
// there is nothing to tidy up, and no answer is not a yes.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/sallyport-dev/sallyport/internal/cli"
	"github.com/sallyport-dev/sallyport/internal/record"
)

// version is set by the release build; a build from source says so itself.
var version = "source"

func main() {
	if status, is := record.Reexec(); is {
		os.Exit(status)
	}
	// A verification allocates little and often; collecting less often trades
	// a few megabytes for a twentieth of its time (docs/performance.md).
	debug.SetGCPercent(400)
	c := cli.Command{Version: version, Getenv: os.Getenv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	os.Exit(c.Run(context.Background(), os.Args[1:]))
}
