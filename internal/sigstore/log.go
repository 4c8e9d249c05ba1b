package sigstore

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/transparency-dev/merkle/proof"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// checkEntries makes the checks on log entries that sigstore-go leaves out.
// They need no key.
func checkEntries(entries []*tlog.Entry) error {
	for _, e := range entries {
		if err := checkKind(e); err != nil {
			return err
		}
		if err := checkProof(e); err != nil {
			return err
		}
	}
	return nil
}

// checkKind holds the kind that the bundle gives for an entry against the one
// that the log recorded: sigstore-go compares the former with itself. Bodies
// are canonical JSON (RFC 8785), so both stand at the start.
func checkKind(e *tlog.Entry) error {
	t := e.TransparencyLogEntry()
	k := t.GetKindVersion()
	head := `{"apiVersion":` + strconv.Quote(k.GetVersion()) + `,"kind":` + strconv.Quote(k.GetKind()) + `,`
	if !bytes.HasPrefix(t.GetCanonicalizedBody(), []byte(head)) {
		return reject(fault.TLog, "log entry %d is not of the kind %q version %q that the bundle gives it", t.GetLogIndex(), k.GetKind(), k.GetVersion())
	}
	return nil
}

// treeID is how the first line of a checkpoint ends in logs of the first
// version.
var treeID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(` - [0-9]+$`) })

// checkProof refuses a proof whose index is outside its own tree, and an entry
// of the second version under a checkpoint in the form of the first. An entry
// of the second version is bound to the bundle by its hash alone, and the check
// for the other form does not look at that hash.
func checkProof(e *tlog.Entry) error {
	p := e.TransparencyLogEntry().GetInclusionProof()
	if p == nil {
		return nil
	}
	if p.GetLogIndex() < 0 || p.GetLogIndex() >= p.GetTreeSize() {
		return reject(fault.TLog, "inclusion proof is for entry %d of a tree of %d", p.GetLogIndex(), p.GetTreeSize())
	}
	if first := origin(e); e.IsRekorV2() && treeID().MatchString(first) {
		return reject(fault.TLog, "log entry %d has a checkpoint of %q, which is the form of another log version", e.LogIndex(), first)
	}
	return nil
}

// logged proves that transparency logs of the trusted root hold the signature, which the signer made by how. It returns
// the times at which logs promised to keep it.
func (v *Verifier) logged(e *entity, how scheme) ([]time.Time, error) {
	if v.require.Logs == 0 {
		return nil, nil
	}
	if err := v.checkLogs(e, how); err != nil {
		return nil, err
	}
	found, err := verify.VerifyTlogEntry(e, v.material, v.require.Logs, true)
	if err != nil {
		return nil, v.unlogged(e, err)
	}
	if e.HasInclusionPromise() && len(found) == 0 {
		return nil, older(fault.Time, "the log that promised a time is not one that the trusted root names")
	}
	var times []time.Time
	for _, t := range found {
		times = append(times, t.Time.UTC())
	}
	return times, nil
}

// checkLogs makes the checks before a log's signature is looked at: that there is an entry, that it is of a log that the
// trusted root names, and that it is of a kind in which a signature by how is read.
func (v *Verifier) checkLogs(e *entity, how scheme) error {
	logs := v.material.RekorLogs()
	if len(logs) == 0 {
		return remedied(fault.TrustRoot, ExpectNoLogs, "the trusted root names no transparency log, and a log has to vouch for the signature")
	}
	if len(e.entries) == 0 {
		r := &Rejection{Code: fault.TLog, Err: errors.New("bundle has no log entry, so nothing shows that the signature was logged")}
		if v.keyed {
			r.Remedy = AcceptUnlogged
		}
		return r
	}
	ours := slices.DeleteFunc(slices.Clone(e.entries), func(t *tlog.Entry) bool { return logs[entryLog(t)] == nil })
	if len(ours) == 0 {
		return older(fault.TLog, "log entry is of a log that the trusted root does not name: %s", entryLog(e.entries[0]))
	}
	for _, t := range ours {
		if t.IsRekorV2() && !how.usual {
			return &Rejection{Code: fault.Unsupported, Hint: "sign it again in the usual way of its key",
				Err: fault.Errorf("log entry %d is of a kind in which signatures by %s with %s are not supported", t.LogIndex(), how.name, how.hashName())}
		}
	}
	if i := slices.IndexFunc(e.entries, func(t *tlog.Entry) bool { return !t.HasInclusionProof() }); v.require.Proofs && i >= 0 {
		return remedied(fault.TLog, AcceptPromise, "log entry %d has the log's promise and no inclusion proof", e.entries[i].LogIndex())
	}
	return nil
}

// unlogged says why the log entries of e do not prove that its signature was logged.
func (v *Verifier) unlogged(e *entity, err error) error {
	logs := v.material.RekorLogs()
	leaf := e.content.Certificate()
	for _, t := range e.entries {
		log := logs[entryLog(t)]
		switch at := t.IntegratedTime(); {
		case log == nil:
		case t.HasInclusionPromise() && !validAt(log, at):
			if !promised(t, log) {
				return Changed(fault.TLog, "the log's promise does not hold for the log entry, which gives its time as %s: the entry was changed", stamp(at))
			}
			return notValid(log, at, "promised")
		case t.HasInclusionProof() && otherCheckpoint(t, log):
			return reject(fault.TLog, "log entry %d is of log %q, and its checkpoint is of %q and not signed by that log", t.LogIndex(), logName(log), origin(t))
		case !at.IsZero() && leaf != nil && outside(leaf, at) && strings.Contains(err.Error(), textLate):
			return untimely(path{leaf: leaf}, at)
		}
	}
	for _, x := range entryTexts {
		if strings.Contains(err.Error(), x.text) {
			return Changed(fault.TLog, "%s", x.means)
		}
	}
	var mismatch proof.RootMismatchError
	if errors.As(err, &mismatch) {
		return Changed(fault.TLog, "the inclusion proof of the log entry does not lead to its checkpoint: it is not the entry of this signature, or was changed")
	}
	return Changed(fault.TLog, "the log entry does not prove that the signature was logged")
}

// promised reports whether the log made the promise of t, whenever its key counted. Without it, anybody may have written
// the time of the entry.
func promised(t *tlog.Entry, log *root.TransparencyLog) bool {
	always := *log
	always.ValidityPeriodStart, always.ValidityPeriodEnd = t.IntegratedTime(), time.Time{}
	return tlog.VerifySET(t, map[string]*root.TransparencyLog{entryLog(t): &always}) == nil
}

// textLate is sigstore-go's word for a log entry that is younger than the certificate, or older. TestCodes holds it.
const textLate = "integrated time outside certificate validity"

// entryTexts are parts of sigstore-go's errors about log entries, and what each means. TestCodes holds them.
var entryTexts = []struct{ text, means string }{
	{"duplicate tlog entries found", "bundle has one log entry twice"},
	{"transparency log signature does not match", "the log entry records another signature"},
	{"transparency log certificate does not match", "the log entry records a signature under another certificate or key"},
	{"does not match envelope payload hash", "the log entry records a signature over another statement"},
	{"transparency log rekor v1 entry is not", "the log entry is not of a kind that records statements"},
	{"transparency log entry is not a hashedrekord", "the log entry is not of a kind that records files"},
	{"signature on checkpoint did not verify", "the log's signature does not hold for the checkpoint of the log entry, or is missing"},
	{"unverified checkpoint signature", "the log's signature does not hold for the checkpoint of the log entry, or is missing"},
	{"unmarshalling log entry checkpoint", "the checkpoint of the log entry cannot be read"},
	{"proof root hash does not match signed tree head", "the inclusion proof of the log entry is of another checkpoint"},
	{"not enough verified log entries", "the log's promise does not hold for the log entry, or logs are missing"},
}

// otherCheckpoint reports whether the checkpoint of t is another log's: it begins with another name, or bears signatures
// of which none is by the log's key. A log of the first version names its tree there.
func otherCheckpoint(t *tlog.Entry, log *root.TransparencyLog) bool {
	lines := strings.Split(t.TransparencyLogEntry().GetInclusionProof().GetCheckpoint().GetEnvelope(), "\n")
	host, first := "", treeID().MatchString(lines[0])
	if u, err := url.Parse(log.BaseURL); err == nil {
		host = u.Hostname()
	}
	if !first && host != "" && lines[0] != host {
		return true
	}
	want, others := keyHash(host, log.PublicKey, first), false
	for _, line := range lines {
		words := strings.Fields(line)
		if !strings.HasPrefix(line, signatureMark) || len(words) != 3 {
			continue
		}
		sig, err := base64.StdEncoding.DecodeString(words[2])
		if err == nil && bytes.HasPrefix(sig, want) {
			return false
		}
		others = true
	}
	return others
}

// keyHash is the four bytes by which a signature line names a key (C2SP signed-note); of an Ed25519 key of the second
// version, they depend on the log's name.
func keyHash(name string, key crypto.PublicKey, first bool) []byte {
	if !first {
		if n, _, err := note.KeyHash(name, key); err == nil {
			return binary.BigEndian.AppendUint32(nil, n)
		}
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(der)
	return sum[:4]
}

// origin is the first line of t's checkpoint: which log it is of.
func origin(t *tlog.Entry) string {
	first, _, _ := strings.Cut(t.TransparencyLogEntry().GetInclusionProof().GetCheckpoint().GetEnvelope(), "\n")
	return first
}

// entryLog is the id of the log of an entry, in hexadecimal.
func entryLog(t *tlog.Entry) string { return hex.EncodeToString([]byte(t.LogKeyID())) }

func logName(l *root.TransparencyLog) string {
	if l.BaseURL != "" {
		return l.BaseURL
	}
	return hex.EncodeToString(l.ID)
}

// notValid is the rejection of what was done at a time at which a log's key did not count.
func notValid(l *root.TransparencyLog, at time.Time, done string) error {
	if at.Before(l.ValidityPeriodStart) {
		return reject(fault.TrustRoot, "%s at %s, when the key of log %q had not begun: the trusted root counts it from %s", done, stamp(at), logName(l), stamp(l.ValidityPeriodStart))
	}
	return reject(fault.TrustRoot, "%s at %s, when the key of log %q had ended: the trusted root counts it until %s", done, stamp(at), logName(l), stamp(l.ValidityPeriodEnd))
}

// checkLogValidity holds the verified times against the validity of every known
// log of the bundle. sigstore-go does so for promises only; and an entry that it
// did not count must not stand in for one that it did.
func (v *Verifier) checkLogValidity(e *entity, times []time.Time) error {
	if v.require.Logs == 0 {
		return nil
	}
	logs := v.material.RekorLogs()
	for _, t := range e.entries {
		log := logs[entryLog(t)]
		if log == nil {
			continue
		}
		if i := slices.IndexFunc(times, func(at time.Time) bool { return !validAt(log, at) }); i >= 0 {
			return notValid(log, times[i], "signed")
		}
	}
	return nil
}

// validAt includes both ends of the period (trusted root specification:
// TimeRange is inclusive).
func validAt(l *root.TransparencyLog, t time.Time) bool {
	return !t.Before(l.ValidityPeriodStart) && (l.ValidityPeriodEnd.IsZero() || !t.After(l.ValidityPeriodEnd))
}
