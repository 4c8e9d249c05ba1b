package report

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
)

// entered is two entries, the newer one under another policy, with names that a reader
// or a spreadsheet could obey.
func entered() []History {
	one := Entered{
		Number:    1,
		Time:      "2026-11-22T12:00:00Z",
		State:     "confirmed",
		Policy:    "sha256:aa",
		Statement: "sha256:bb",
		Artifacts: []Artifact{
			{Artifact: "app", Name: "=cmd|' /C calc'!A0", Digest: "sha256:cc"},
		},
		Approved: []string{"@bob", "carol"},
		Run:      "https://x.example/runs/1",
	}
	two := one
	two.Number, two.Policy, two.Emergency = 2, "sha256:dd", true
	two.Artifacts = []Artifact{
		{
			Artifact: "app",
			Name:     "dist/\x1b[2Japp",
			Digest:   "sha256:ee",
			Commit:   strings.Repeat("1", 40),
			Base:     strings.Repeat("2", 40),
		},
	}
	no := Said{
		Time:     "2026-11-21T12:00:00Z",
		Decision: "reject",
		Who:      "=bob",
		By:       "platform",
		Version:  "v1\x1b[2J",
		Release:  "sha256:ff",
		Artifacts: []Artifact{
			{Name: "+app", Digest: "sha256:cc"},
		},
		Reason:    "::error::\r\n\"freeze\"",
		Signer:    "https://x.example/runs/2",
		Approvers: &Approvers{List: []Approver{{Who: "@carol"}, {Who: "dana", Reason: "wrote\x1b"}}},
	}
	claimed := no
	claimed.By, claimed.Decision, claimed.Counted, claimed.Waives = "statement", "waive", []int{1, 2}, "author\x1b x"
	exported := Exported{
		Time:    "2026-11-23T12:00:00Z",
		Signer:  "https://x.example/\x1b",
		Since:   "2026-11-01T00:00:00Z",
		Entries: 2,
		Said:    1,
	}
	return []History{
		{
			Environment: "production",
			ID:          "1",
			Entries:     []Entered{two, one},
			Said:        []Said{no, claimed},
			Exports:     []Exported{exported},
			Missing:     []string{"entry 3"},
			Unheard:     []string{"sha256:aa of bob"},
			Passed:      []string{"junk"},
		},
	}
}

func TestK01_a_history_obeys_no_name(t *testing.T) {
	var b bytes.Buffer
	if err := HistoryCSV(&b, entered()); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 5 {
		t.Fatalf("rows = %q, %v, want a heading and four", rows, err)
	}
	for _, r := range rows[1:] {
		for _, cell := range r {
			if strings.ContainsAny(cell, "\x1b\r\n") || strings.IndexAny(cell, "=+-@") == 0 {
				t.Errorf("cell %q is a formula or a command", cell)
			}
		}
	}
	if rows[2][6] != "'=cmd|' /C calc'!A0" || rows[2][10] != "'@bob carol" {
		t.Errorf("row = %q, want the names after an apostrophe", rows[2])
	}
	for _, write := range []func(*bytes.Buffer) error{
		func(b *bytes.Buffer) error { return HistoryText(b, entered()) },
		func(b *bytes.Buffer) error { return HistoryJSON(b, entered()) },
	} {
		b.Reset()
		if err := write(&b); err != nil || strings.ContainsRune(b.String(), '\x1b') {
			t.Errorf("%v, and %q has a command of a terminal", err, b.String())
		}
	}
}

func TestHistoryText_says_what_changed_and_what_is_missing(t *testing.T) {
	var b bytes.Buffer
	if err := HistoryText(&b, entered()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"production  2 entries\n", "confirmed, by emergency approval\n", "commit 111111111111, after 222222222222\n",
		"under another policy than before: sha256:dd\n", "  missing  entry 3\n", "  missing  1 statement of a person on which entries rest, the first: sha256:aa\n",
		"  what people said: 2 statements\n", "no to v1", "       by =bob\n", "no entry rests on it\n",
		"could have said yes: @carol; not: dana (wrote", "waiver for v1", "by =bob, as the statement claims\n", "entries 1, 2 rest on it\n",
		"       since 2026-11-01T00:00:00Z\n       it lists 2 entries and 1 statement of a person, and all are here\n", "  does not count  junk\n", "approved by @bob, carol\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("text = %s\nwant %q in it", b.String(), want)
		}
	}
	if n := strings.Count(b.String(), "under another policy"); n != 1 {
		t.Errorf("%d entries are under another policy, want one", n)
	}
}
