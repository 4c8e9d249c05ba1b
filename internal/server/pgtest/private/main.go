// Command private runs a PostgreSQL of its own until its standard input ends, and prints the URL of an empty database
// in
// it. make demo starts two servers on one where PostgreSQL is installed.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/sallyport-dev/sallyport/internal/server/pgtest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	s, err := pgtest.Start(false)
	if err != nil {
		return err
	}
	defer s.Stop()
	url, err := s.Database("demo")
	if err != nil {
		return err
	}
	fmt.Println(url)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
