package decide

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// conclude turns a verdict into an answer, or says when to look again.
func (d *Decider) conclude(
	ctx context.Context, w keep.Waiting, at Platform, j *judgement, log *slog.Logger,
) (time.Duration, error) {
	age := d.Now().Sub(w.Asked)
	if j == nil {
		nothing := fault.New(fault.Refused, fault.EvidenceMissing, "let attest push it: server: "+d.URL,
			"the run has pushed no evidence about an artifact that the policy names")
		if age < d.Missing {
			return d.untilMissing(age), d.note(ctx, w, at, "waiting: "+told(nothing))
		}
		return 0, d.refuse(ctx, w, nothing, log)
	}
	f := first(j.verdict, j.verdict.Outcome())
	why := said(f.Code, f.Reason, f.Found, f.Hint)
	a := j.verdict.Answer()
	switch {
	case a.Watched && a.Outcome == verdict.Allow:
		return 0, d.answer(ctx, w, at, j, event.Approved, f.Code, a.String(), log)
	case a.Watched:
		return 0, d.answer(ctx, w, at, j, event.Approved, f.Code, a.String()+": "+why, log)
	case a.Allows():
		return 0, d.answer(ctx, w, at, j, event.Approved, "", "allowed", log)
	case a.Outcome == verdict.Wait && age < d.Approval:
		return pace(age, 20, later, rare), d.note(ctx, w, at, "waiting: "+why)
	case j.missing && age < d.Missing:
		return d.untilMissing(age), d.note(ctx, w, at, "waiting: "+why)
	default:
		return 0, d.answer(ctx, w, at, j, event.Rejected, f.Code, why, log)
	}
}

// untilMissing is when to look for evidence again: in time for the answer no.
func (d *Decider) untilMissing(age time.Duration) time.Duration {
	return min(pace(age, 4, soon, often), d.Missing-age+time.Second)
}

// said is what was found, and the next step, as one line.
func said(code fault.Code, reason, found, hint string) string {
	text := string(code) + ": " + reason
	if found != "" {
		text += "; found " + found
	}
	if hint != "" {
		text += "; next: " + hint
	}
	return text
}

// told is a fault as said has it.
func told(err error) string {
	f := fault.Of(err)
	return said(f.Code, f.Error(), "", f.Hint)
}

// answer keeps a decision with its leaf, and sends it.
func (d *Decider) answer(
	ctx context.Context, w keep.Waiting, at Platform, j *judgement,
	a event.Answer, code fault.Code, reason string, log *slog.Logger,
) error {
	x := event.Decision{ID: identifier(), Answer: a, At: d.Now(), Watched: j.verdict.Watched(), Code: string(code),
		Reason: reason, Policy: j.rule.Digest.String(), Input: j.input.String(), Verdict: j.record, Kept: j.kept, Subjects: j.subjects}
	kind := ledger.Judged
	if x.Watched {
		kind = ledger.WouldJudge
	}
	if err := d.decided(ctx, w, x, kind, j.verdict.Answer().String(), subject.Sum(j.record).String(),
		j.rule); err != nil {
		return err
	}
	return d.send(ctx, w, at, x, log)
}

// refuse keeps a rejection that no verdict led to, and sends it where the platform can be asked.
func (d *Decider) refuse(ctx context.Context, w keep.Waiting, why error, log *slog.Logger) error {
	x := event.Decision{ID: identifier(), Answer: event.Rejected, At: d.Now(), Code: string(fault.Of(why).Code),
		Reason: told(why), Verdict: []byte{}, Kept: []byte{}}
	if err := d.decided(ctx, w, x, ledger.Judged, verdict.Deny.String(), "", nil); err != nil {
		return err
	}
	at, err := d.Open(ctx, w.Deployment)
	if err != nil {
		return err
	}
	return d.send(ctx, w, at, x, log)
}

// decided keeps a decision and its leaf together. rule is the policy that it was judged under; nil: there was none.
func (d *Decider) decided(
	ctx context.Context, w keep.Waiting, x event.Decision, kind ledger.Kind, outcome, record string, rule *Rule,
) error {
	return d.Keep.Write(ctx, func(tx *keep.Tx) error {
		if err := d.noted(tx, w, rule); err != nil {
			return err
		}
		leaf := d.leaf(w, kind, x)
		leaf.About.Outcome, leaf.About.Verdict = outcome, record
		n, err := tx.Append(leaf)
		if err != nil {
			return err
		}
		return tx.Decide(w, x, n)
	})
}

// noted writes a leaf where another policy counts for a repository than when it was asked about last. Nothing is
// decided
// under a policy that counts no more.
func (d *Decider) noted(tx *keep.Tx, w keep.Waiting, rule *Rule) error {
	if rule == nil {
		return nil
	}
	digest := rule.Digest.String()
	if rule.Place != "" {
		if err := tx.StillCounts(rule.Place, digest); err != nil {
			return err
		}
	}
	before, err := tx.Policy(w.Repository, digest)
	if err != nil || before == digest {
		return err
	}
	_, err = tx.Append(ledger.Leaf{Kind: ledger.Policy, At: d.Now(), Host: w.Host, Owner: w.Owner,
		Repository: w.Repository.ID, Name: w.Name,
		About: ledger.About{Policy: digest, Before: before, Signer: rule.Signer}})
	return err
}

func (d *Decider) leaf(w keep.Waiting, kind ledger.Kind, x event.Decision) ledger.Leaf {
	const most = 500
	return ledger.Leaf{Kind: kind, At: d.Now(), Host: w.Host, Owner: w.Owner, Repository: w.Repository.ID,
		Name: w.Name, About: ledger.About{
			Run: strconv.FormatInt(w.Run, 10), Attempt: w.Attempt, Environment: w.Environment,
			Deployment: strconv.FormatInt(w.ID, 10), Commit: w.Commit, Subjects: x.Subjects,
			Outcome: string(x.Answer), Code: x.Code, Reason: cut(x.Reason, most),
			Policy: x.Policy, Input: x.Input, Decision: x.ID}}
}

// send posts what the row says, and keeps that it arrived. An answer whose leaf no checkpoint outside of the database
// covers is not sent: nobody could prove later that it was given.
func (d *Decider) send(ctx context.Context, w keep.Waiting, at Platform, x event.Decision, log *slog.Logger) error {
	if err := d.Keep.Fit(ctx); err != nil {
		return fault.New(fault.Unavailable, fault.NotAvailable, fault.Of(err).Hint,
			"the answer is not sent yet: %w", err)
	}
	if x.Answer == event.Approved {
		if waits, err := at.Still(ctx); err != nil || !waits {
			if err == nil {
				err = d.ends(ctx, w, at, log)
			}
			return asked(err)
		}
	}
	taken, err := at.Answer(ctx, string(x.Answer), d.comment(x))
	if err != nil {
		return err
	}
	if !taken { // a platform that is wrong for a moment says that too
		waits, err := d.waits(ctx, w, at)
		if err != nil {
			return err
		}
		if waits {
			return fault.New(fault.Unavailable, fault.NotAvailable,
				"see whether the app's rule is still on in the environment",
				"the platform took no answer about a deployment that waits")
		}
	}
	log.Info("a deployment was answered", "answer", x.Answer, "code", x.Code, "taken", taken)
	return d.arrived(ctx, w, x, taken, keep.IsAnswered)
}

// waits reports whether a deployment waits, as both the run and the deployment itself say.
func (d *Decider) waits(ctx context.Context, w keep.Waiting, at Platform) (bool, error) {
	if still, err := at.Still(ctx); err != nil || !still {
		return false, asked(err)
	}
	waits, _, err := at.Waits(ctx, w.ID)
	return waits, err
}

// arrived keeps with its leaf, once, that the platform took an answer, or that it waits for none any more.
func (d *Decider) arrived(ctx context.Context, w keep.Waiting, x event.Decision, taken bool, state keep.State) error {
	return d.Keep.Write(ctx, func(tx *keep.Tx) error {
		first, err := tx.Arrived(w, x.ID, d.Now(), state)
		if err != nil || !first {
			return err
		}
		leaf := d.leaf(w, ledger.Answered, x)
		if !taken { // an answer that was lost on its way back had arrived, or somebody cancelled the run
			leaf.About.Reason = "the platform waited for no answer any more"
		}
		_, err = tx.Append(leaf)
		return err
	})
}

// ends closes a deployment of which the platform waits for no answer any more.
func (d *Decider) ends(ctx context.Context, w keep.Waiting, at Platform, log *slog.Logger) error {
	_, began, err := at.Waits(ctx, w.ID)
	if err != nil {
		return err
	}
	return d.close(ctx, w, began, log)
}

// close notes that the platform waits for no answer any more. One that is kept had perhaps arrived. What has begun in
// an environment of a policy without an approval is written down.
func (d *Decider) close(ctx context.Context, w keep.Waiting, began bool, log *slog.Logger) error {
	x, kept, err := d.Keep.Decision(ctx, w)
	if err != nil {
		return err
	}
	if kept && x.Arrived.IsZero() && !(began && x.Answer == event.Rejected) {
		return d.arrived(ctx, w, x, false, keep.IsClosed)
	}
	return d.Keep.Write(ctx, func(tx *keep.Tx) error {
		if released, err := tx.Released(w.Unit); err != nil {
			return err
		} else if began && !released {
			log.Error("a deployment began without an approval: somebody passed the rule by, or switched it off")
			if _, err := tx.Append(d.leaf(w, ledger.Bypassed, event.Decision{})); err != nil {
				return err
			}
		}
		return tx.Attempted(w, w.Attempt, keep.IsClosed)
	})
}

// maxNotes is how many notes a deployment is given before its answer. GitHub takes ten with it.
const maxNotes = 8

// note tells people what is waited for, once for each change.
func (d *Decider) note(ctx context.Context, w keep.Waiting, at Platform, text string) error {
	if w.Told == text || w.Notes >= maxNotes {
		return nil
	}
	if _, err := at.Answer(ctx, "", comment(text)); err != nil {
		return nil //nolint:nilerr // a note that does not arrive changes nothing
	}
	return d.Keep.Write(ctx, func(tx *keep.Tx) error { return tx.Noted(w, text) })
}

func (d *Decider) comment(x event.Decision) string {
	link := ""
	if d.URL != "" && len(x.Verdict) > 0 {
		link = "\n\n" + strings.TrimSuffix(d.URL, "/") + "/v1/decisions/" + x.ID
	}
	return comment("sallyport: "+string(x.Answer)+": "+x.Reason) + link
}

// comment is a text as a platform shows it: without markup, mentions and pictures of its own, and short enough.
func comment(text string) string {
	const most = 900 // of 1,024; a link follows
	text = strings.NewReplacer("<", "‹", ">", "›", "@", "@\u200b", "[", "⟦", "]", "⟧", "`", "'", "\n", " ", "\r", " ").Replace(report.Plain(text))
	return cut(text, most)
}

// cut shortens a text to a number of bytes, at a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	text = text[:most-len("…")]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text + "…"
}

func identifier() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // it never fails (crypto/rand)
	return hex.EncodeToString(b)
}
