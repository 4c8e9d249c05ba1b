package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// row is one line of the table.
type row struct {
	what, measured, against, aim, met string
}

// table is what the program prints, once.
type table []row

// fact adds a figure that has no aim.
func (t *table) fact(what, measured, against string) {
	*t = append(*t, row{what, measured, against, "-", "-"})
}

// atMost adds a figure that should not be larger than aim.
func (t *table) atMost(what string, got, aim float64, unit, against string) {
	met := "no"
	if got <= aim {
		met = "yes"
	}
	*t = append(*t, row{what, number(got) + unit, against, "<= " + number(aim) + unit, met})
}

// ratio adds a comparison of two programs in one run.
func (t *table) ratio(what string, got, other time.Duration, aim float64, name string) {
	r := float64(got) / float64(other)
	met := "no"
	if r <= aim {
		met = "yes"
	}
	*t = append(*t, row{what, span(got), fmt.Sprintf("%s %s, ratio %.2f", name, span(other), r), "<= " + number(aim), met})
}

func (t table) print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "what\tmeasured\tagainst, in the same run\taim\tmet")
	for _, r := range t {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", r.what, r.measured, r.against, r.aim, r.met)
	}
	return tw.Flush()
}

func number(f float64) string {
	if f >= 100 {
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprintf("%.3g", f)
}

func span(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}
