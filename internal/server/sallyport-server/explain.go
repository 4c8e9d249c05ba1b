package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/server/serve"
)

// explain judges an answer again and shows what that comes to.
func explain(args []string, stdout, stderr io.Writer) error {
	id := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		id, args = args[0], args[1:]
	}
	if id == "" {
		return fault.New(fault.Usage, fault.Config, "sallyport-server explain ID --config FILE", "explain needs an ID")
	}
	format := "text"
	c, err := configured("explain "+id, args, stderr,
		func(f *flag.FlagSet) { f.StringVar(&format, "format", format, "") })
	if err != nil {
		return err
	}
	if format != "text" && format != "json" {
		return fault.New(fault.Usage, fault.Config, "", "format %q, want text or json", fault.Cut(format))
	}
	d, rec, err := serve.Explain(context.Background(), c, id)
	if err != nil {
		return err
	}
	if format == "json" {
		return report.JSON(stdout, rec)
	}
	if err := report.Text(stdout, rec, report.Screen{}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "answered  %s at %s\njudged again: the same\n", d.Answer,
		d.At.UTC().Format(time.RFC3339))
	return err
}
