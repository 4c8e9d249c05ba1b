package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

var (
	now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

	alice = person("alice", "12", "approve", 12*time.Minute, "the platform's, that alice started code.example/acme/app/runs/921/attempts/1")
	dana  = person("dana", "14", "approve", 3*time.Hour, "certificate of dana@acme.example by accounts.example.com")
	bob   = without(person("bob", "13", "approve", 4*time.Minute, "the platform's, on run 912"), fault.Duties, "committed commit 4f2a91c, which is part of this release")
	erin  = says(person("erin", "15", "reject", 40*time.Second, "the platform's, on run 912"), "it does not start on arm64")
	mole  = says(without(person("x\n\x1b[32mapproved\x1b[0m, dana", "66", "approve", -time.Hour, "::set-output name=outcome::allow"), fault.Duties, "\u202ewollof ot ::error:: `|<img src=x>"), "\r##[error]x ![](x)")

	agreed = verdict.Finding{Code: fault.OK, Outcome: verdict.Allow, Requirement: "approvals release", Line: 21,
		Reason: "2 of 2: alice, dana; none of them made the change", People: []verdict.Person{alice, dana, bob}}
	safe = verdict.Finding{Code: fault.OK, Outcome: verdict.Allow, Requirement: "approvals security", Line: 23,
		Reason: "1 of 1: frank; none of them made the change", People: []verdict.Person{person("frank", "16", "approve", 50*time.Hour, "the platform's, on run 912")}}
	pending = verdict.Finding{Code: fault.ApprovalMissing, Outcome: verdict.Wait, Requirement: "approvals release", Line: 21, Pending: true,
		Reason: "1 of 2 approvals of group release", People: []verdict.Person{alice, bob}, Eligible: []string{"carol", "dana"},
		Hint: "ask carol or dana to run: sallyport approve --release " + subject.SHA256([32]byte{0xde, 31: 0xed}).String()}
	objected = verdict.Finding{Code: fault.ApprovalRejected, Outcome: verdict.Deny, Requirement: "approvals release", Line: 21,
		Reason: "erin has rejected it", Found: "it does not start on arm64", Hint: "settle it with erin; a rejection stands until it expires",
		People: []verdict.Person{alice, erin}, Eligible: []string{"carol", "dana"}}
	own = verdict.Finding{Code: fault.Duties, Outcome: verdict.Deny, Requirement: "approvals release", Line: 21, Pending: true,
		Reason: "the approval of bob does not count: committed commit 4f2a91c, which is part of this release", Wanted: "2 approvals of group release",
		People: []verdict.Person{bob}, Eligible: []string{"alice", "carol", "dana"}, Hint: pending.Hint}
	broken = verdict.Finding{Code: fault.Bypass, Outcome: verdict.Allow, Requirement: "break-glass", Line: 30,
		Reason: "emergency approval by 2 people, without the usual approvals: payments are down", People: []verdict.Person{says(alice, "payments are down"), says(dana, "payments are down")}}
	crowded = verdict.Finding{Code: fault.ApprovalMissing, Outcome: verdict.Wait, Requirement: "approvals release", Line: 21, Pending: true,
		Reason: "0 of 2 approvals of group release", People: []verdict.Person{mole}, Eligible: []string{"a, dana", "x\u202ey", "`|", "::error::x"}}
)

func person(name, id, decision string, before time.Duration, word string) verdict.Person {
	return verdict.Person{Name: name, Identity: "https://code.example#" + id, Decision: decision, Counted: true, Word: word, Time: now.Add(-before).Format(time.RFC3339)}
}

func without(x verdict.Person, code fault.Code, reason string) verdict.Person {
	x.Counted, x.Code, x.Reason = false, code, reason
	return x
}

func says(x verdict.Person, comment string) verdict.Person {
	x.Comment = comment
	return x
}

// release is n artifacts, each with the same findings.
func release(n int, findings ...verdict.Finding) []verdict.Judgement {
	var out []verdict.Judgement
	for i := range n {
		out = append(out, judged(subject.Subject{Name: fmt.Sprintf("dist/part-%02d", i+1), Digest: subject.SHA256([32]byte{0x10, byte(i)})}, findings...))
	}
	return out
}

func shown(t *testing.T, r report.Record) (text, markdown string) {
	t.Helper()
	var a, b bytes.Buffer
	if err := report.Text(&a, r, report.Screen{}); err != nil {
		t.Fatal(err)
	}
	if err := report.Markdown(&b, r); err != nil {
		t.Fatal(err)
	}
	return a.String(), b.String()
}

func TestText_shows_what_people_said_of_a_whole_release_once(t *testing.T) {
	text, markdown := shown(t, into(guarded, release(10, met, pending)...))
	for _, s := range []string{text, markdown} {
		if n := strings.Count(s, "committed commit 4f2a91c"); n != 1 || !strings.Contains(s, "all 10 artifacts") {
			t.Errorf("the approvals of ten artifacts are shown %d times, want once, for all 10 artifacts:\n%s", n, s)
		}
	}
	mine := pending
	mine.Reason = "0 of 2 approvals of group release"
	text, _ = shown(t, into(guarded, append(release(2, met, pending), judged(artifact, met, mine))...))
	if strings.Contains(text, "for all 3 artifacts") || !strings.Contains(text, "waiting  for 2 of 3 artifacts: dist/part-01, dist/part-02\n") || strings.Count(text, mine.Reason) != 1 {
		t.Errorf("an artifact with another answer is not told apart:\n%s", text)
	}
}

func TestText_says_what_waits_beside_what_is_denied(t *testing.T) {
	text, _ := shown(t, into(guarded, append(release(2, met, pending), judged(artifact, tampered, pending), judged(picture, met, agreed))...))
	if want := "denied   1 of 4 artifacts meet the policy, 2 wait for approval, 1 denied;\n         nothing may be deployed\n"; !strings.HasSuffix(text, want) {
		t.Errorf("text ends in\n%s\nwant %s", text[max(0, len(text)-200):], want)
	}
	text, _ = shown(t, into(guarded, release(500, met, pending)...))
	if n := strings.Count(text, "\n"); n > 100 || !strings.Contains(text, "497 more") {
		t.Errorf("a release of 500 that waits takes %d lines, want its artifacts in short", n)
	}
	text, _ = shown(t, into(guarded, release(500, stranger, pending)...))
	if n := strings.Count(text, "E_IDENTITY"); n != 1 || strings.Contains(text, "dist/part") || !strings.Contains(text, "denied   for all 500 artifacts\n") {
		t.Errorf("500 artifacts with one cause show it %d times, want once with their number:\n%s", n, text)
	}
	text, markdown := shown(t, into(guarded, append(release(40, met, stranger), judged(artifact, tampered))...))
	if n := strings.Count(text, "E_IDENTITY"); n != 1 || !strings.Contains(text, "denied   for 40 of 41 artifacts:") || strings.Count(text, "E_SUBJECT") != 1 {
		t.Errorf("forty with one cause and one with another:\n%s", text)
	}
	if n := strings.Count(markdown, "**40 artifacts**"); n != 1 || strings.Count(markdown, "<summary>40 artifacts</summary>") != 1 || strings.Count(markdown, "`dist/part-40`") != 1 {
		t.Errorf("the summary of forty with one cause:\n%s", markdown)
	}
}

func TestText_an_environment_waits_only_if_nothing_of_it_is_denied(t *testing.T) {
	r := into(pending, judged(artifact, met))
	if text, _ := shown(t, r); !strings.HasPrefix(text, "waiting  nothing may enter \"production\" yet\n") {
		t.Errorf("text = %s, want that the environment waits", text)
	}
	r.Findings = append(r.Findings, open)
	r.Outcome = r.Answer()
	if text, _ := shown(t, r); !strings.HasPrefix(text, "denied   nothing may enter \"production\"\n") {
		t.Errorf("text = %s, want that the environment denies", text)
	}
}

func TestK04_people_cannot_draw_an_answer(t *testing.T) {
	for _, f := range []verdict.Finding{crowded, {Code: fault.OK, Outcome: verdict.Allow, Requirement: "approvals x\n::error::", Reason: "fine\nallowed", People: []verdict.Person{mole, alice}}} {
		r := into(guarded, judged(artifact, f))
		text, markdown := shown(t, r)
		for _, s := range []string{text, markdown, report.Waiting(r)} {
			for line := range strings.Lines(s) {
				line = strings.TrimSuffix(line, "\n")
				if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("a line of what is shown = %q, want nothing that acts", line)
				}
				if strings.HasPrefix(strings.TrimSpace(line), "approved") && strings.Contains(line, "dana") {
					t.Errorf("a line of what is shown = %q, want no approval that nobody gave", line)
				}
			}
		}
		for line := range strings.Lines(markdown) {
			if n := strings.Count(line, "|"); strings.Count(line, "`")%2 != 0 || strings.HasPrefix(line, "|") && (n < 4 || n > 7) {
				t.Errorf("a line of Markdown = %q, want whole code spans and cells", line)
			}
		}
	}
}

func TestK04_a_name_that_reads_as_two_is_quoted(t *testing.T) {
	f := pending
	f.Eligible = []string{"a, dana", "carol"}
	f.People = []verdict.Person{without(person("dаna", "99", "approve", time.Minute, "w"), fault.Duties, "is not in group release"), alice}
	text, _ := shown(t, into(guarded, judged(artifact, f)))
	for _, want := range []string{`may approve  "a, dana", carol`, "\"dаna\"", "account https://code.example#99", "approved     alice  "} {
		if !strings.Contains(text, want) {
			t.Errorf("text has no %s:\n%s", want, text)
		}
	}
	f.People = []verdict.Person{alice, without(person("alice", "77", "approve", time.Minute, "w"), fault.Duties, "is not in group release")}
	text, _ = shown(t, into(guarded, judged(artifact, f)))
	if !strings.Contains(text, "account https://code.example#12;") || !strings.Contains(text, "account https://code.example#77;") {
		t.Errorf("two people of one name are not told apart:\n%s", text)
	}
}

func TestK05_a_crowd_that_does_not_count_hides_nobody_who_does(t *testing.T) {
	f := pending
	f.People = nil
	for i := range 5000 {
		f.People = append(f.People, without(person(fmt.Sprintf("m%d", i), fmt.Sprint(i), "approve", time.Minute, "w"), fault.Duties, "is not in group release"))
	}
	f.People = append(f.People, alice)
	text, markdown := shown(t, into(guarded, judged(artifact, f)))
	for _, s := range []string{text, markdown} {
		if !strings.Contains(s, "alice") || !strings.Contains(s, "4980 more, who do not count") || strings.Count(s, "\n") > 60 {
			t.Errorf("a crowd of 5000 hides who counts, or is shown in full: %d lines", strings.Count(s, "\n"))
		}
	}
}

func TestI15_what_did_not_count_is_shown_with_what_it_was(t *testing.T) {
	for decision, did := range map[string]string{"approve": "", "reject": "rejected it; ", "withdraw": "withdrew; ", "waive": "waived a role; "} {
		x := verdict.Person{Name: "zoe", Decision: decision, Reason: "is not in group release"}
		text, _ := shown(t, into(guarded, judged(artifact, verdict.Finding{Code: fault.ApprovalMissing, Requirement: "approvals release", Reason: "0 of 1", People: []verdict.Person{x}})))
		if !strings.Contains(text, "zoe    "+did+x.Reason) {
			t.Errorf("%s is shown as\n%s\nwant %q", decision, text, did+x.Reason)
		}
	}
}

func TestD02_nobody_is_shown_as_approving_who_does_not_count(t *testing.T) {
	for _, x := range []verdict.Person{{}, {Decision: "approve"}, {Counted: true}, {Counted: true, Decision: "yes"}, {Counted: true, Decision: "Approve"}} {
		x.Name = "zoe"
		text, _ := shown(t, into(guarded, judged(artifact, verdict.Finding{Code: fault.ApprovalMissing, Requirement: "approvals release", Reason: "0 of 1", People: []verdict.Person{x}})))
		if !strings.Contains(text, "not counted  zoe") {
			t.Errorf("%+v is shown as\n%s\nwant not counted", x, text)
		}
	}
	text, _ := shown(t, into(guarded, judged(artifact, pending)))
	if !strings.Contains(text, "approved     alice") {
		t.Errorf("control: an approval that counts is not shown:\n%s", text)
	}
}

func TestI12_an_emergency_approval_is_seen_in_what_is_allowed(t *testing.T) {
	r := into(guarded, judged(artifact, met, broken))
	text, markdown := shown(t, r)
	if !r.Outcome.Allows() || !strings.Contains(text, "E_BYPASS") || !strings.Contains(markdown, "| ✅ allowed: [**E_BYPASS**](") {
		t.Errorf("an emergency approval is not shown:\n%s\n%s", text, markdown)
	}
	text, markdown = shown(t, into(guarded, judged(artifact, met, agreed)))
	if strings.Contains(text+markdown, "E_BYPASS") || !strings.Contains(markdown, "| ✅ allowed |") {
		t.Errorf("control: an emergency approval is shown where none is:\n%s\n%s", text, markdown)
	}
}

func TestWaiting_is_one_line(t *testing.T) {
	for _, x := range []struct {
		r    report.Record
		want string
	}{
		{into(guarded, release(10, met, pending)...), "1 of 2 approvals of group release; may approve: carol, dana"},
		{into(guarded, judged(artifact, met, agreed)), ""},
		{into(guarded, judged(artifact, objected)), ""},
		{into(guarded, judged(artifact, pending, crowded)), "1 of 2 approvals of group release; may approve: carol, dana · 0 of 2 approvals of group release; may approve: \"a, dana\", " +
			"\"x\\u{202e}y\", \"`|\", \"\\u{3a}:error::x\""},
	} {
		if got := report.Waiting(x.r); got != x.want {
			t.Errorf("waiting = %q, want %q", got, x.want)
		}
	}
}

func TestK01_no_command_is_offered_that_a_shell_would_read_otherwise(t *testing.T) {
	for _, hint := range []string{"run: sallyport approve; curl e.example", "run: sallyport approve $(id)", "run: sallyport a\nb", "run: sallyport approve `id`", "run: sallyport a > b", "run: sallyport  a|b"} {
		f := pending
		f.Hint = hint
		text, markdown := shown(t, into(guarded, judged(artifact, f)))
		if strings.Contains(text, "\n                 sallyport") || strings.Contains(markdown, "```") {
			t.Errorf("hint %q is shown as a command to copy:\n%s\n%s", hint, text, markdown)
		}
	}
	text, markdown := shown(t, into(guarded, judged(artifact, pending)))
	if want := "sallyport approve --release sha256:de"; !strings.Contains(text, "\n                 "+want) || !strings.Contains(markdown, "  ```\n  "+want) {
		t.Errorf("control: the command to approve has no line of its own:\n%s\n%s", text, markdown)
	}
}

func TestAges_count_from_the_time_of_the_record(t *testing.T) {
	for before, want := range map[time.Duration]string{
		0: "0 s ago", 59 * time.Second: "59 s ago", time.Minute: "1 min ago", 2*time.Hour - 1: "119 min ago", 2 * time.Hour: "2 h ago",
		48*time.Hour - 1: "47 h ago", 48 * time.Hour: "2 days ago", -time.Second: "in the future",
	} {
		x := alice
		x.Time = now.Add(-before).Format(time.RFC3339Nano)
		f := pending
		f.People = []verdict.Person{x}
		if text, _ := shown(t, into(guarded, judged(artifact, f))); !strings.Contains(text, "approved     alice  "+want+"  ") {
			t.Errorf("%v before: %s\nwant %q", before, text, want)
		}
	}
	r := into(guarded, judged(artifact, pending))
	r.At = ""
	if text, _ := shown(t, r); !strings.Contains(text, "alice  2026-11-22T11:48:00Z\n") {
		t.Errorf("without a time to count from: %s\nwant the time itself", text)
	}
}
