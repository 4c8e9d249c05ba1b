package report

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// maxCell bounds a cell, in bytes: spreadsheets hold no more.
const maxCell = 32_000

// columns are those of HistoryCSV. What one kind of row does not have is empty.
var columns = []string{
	"environment", "kind", "time", "number", "state", "artifact", "name", "digest", "commit", "base", "approved",
	"others", "makers", "emergency", "run", "policy", "statement", "version", "release", "who", "by", "waives", "reason",
	"counted", "could-approve",
}

// HistoryCSV writes one table: a row for each artifact of each entry, and of each
// statement of a person, whose kind is the decision. A cell that a spreadsheet would read
// as a formula begins with an apostrophe.
func HistoryCSV(w io.Writer, all []History) error {
	c := csv.NewWriter(w)
	if err := c.Write(columns); err != nil {
		return fmt.Errorf("writing the history: %w", err)
	}
	for _, h := range all {
		var rows []map[string]string
		for _, e := range h.Entries {
			rows = append(rows, e.rows()...)
		}
		for _, x := range h.Said {
			rows = append(rows, x.rows()...)
		}
		slices.SortStableFunc(rows, func(a, b map[string]string) int { return cmp.Compare(b["time"], a["time"]) })
		for _, r := range rows {
			r["environment"] = h.Environment
			if err := c.Write(cells(r)); err != nil {
				return fmt.Errorf("writing the history: %w", err)
			}
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("writing the history: %w", err)
	}
	return nil
}

// cells are those of one row, of which no reader makes anything but text.
func cells(r map[string]string) []string {
	var out []string
	for _, name := range columns {
		cell := Plain(r[name])
		if len(cell) > maxCell {
			cell = strings.ToValidUTF8(cell[:maxCell], "") + "…"
		}
		if strings.IndexAny(cmp.Or(r[name], " "), "=+-@\t\r") == 0 {
			cell = "'" + cell
		}
		out = append(out, cell)
	}
	return out
}

// rows are those of an entry.
func (e Entered) rows() []map[string]string {
	var out []map[string]string
	for _, a := range e.Artifacts {
		out = append(out, map[string]string{
			"kind": e.kind(), "number": strconv.Itoa(e.Number), "time": e.Time, "state": e.State,
			"artifact": a.Artifact, "name": a.Name, "digest": a.Digest, "commit": a.Commit, "base": a.Base,
			"approved": strings.Join(e.Approved, " "), "others": strings.Join(e.Others, " "),
			"makers": strings.Join(e.Makers, " "), "emergency": strconv.FormatBool(e.Emergency), "run": e.Run,
			"policy": e.Policy, "statement": e.Statement, "could-approve": e.Approvers.cell(),
		})
	}
	return out
}

// rows are those of what a person said.
func (x Said) rows() []map[string]string {
	var counted []string
	for _, n := range x.Counted {
		counted = append(counted, strconv.Itoa(n))
	}
	var out []map[string]string
	for _, a := range x.Artifacts {
		out = append(out, map[string]string{
			"kind": x.Decision, "time": x.Time, "name": a.Name, "digest": a.Digest, "run": x.Signer, "policy": x.Policy,
			"emergency": strconv.FormatBool(x.Decision == "emergency"),
			"statement": x.Statement, "version": x.Version, "release": x.Release, "who": x.Who, "by": x.By,
			"waives": x.Waives, "reason": x.Reason, "counted": strings.Join(counted, " "),
			"could-approve": x.Approvers.cell(),
		})
	}
	return out
}
