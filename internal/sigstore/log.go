package sigstore

import (
	"bytes"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tlog"

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
	origin, _, _ := strings.Cut(p.GetCheckpoint().GetEnvelope(), "\n")
	if e.IsRekorV2() && treeID().MatchString(origin) {
		return reject(fault.TLog, "log entry %d has a checkpoint of %q, which is the form of another log version", e.LogIndex(), origin)
	}
	return nil
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
		log, known := logs[hex.EncodeToString([]byte(t.LogKeyID()))]
		if !known {
			continue
		}
		if i := slices.IndexFunc(times, func(at time.Time) bool { return !validAt(log, at) }); i >= 0 {
			return reject(fault.TrustRoot, "signed at %s, when log %q was not valid for the trusted root", stamp(times[i]), log.BaseURL)
		}
	}
	return nil
}

// validAt includes both ends of the period (trusted root specification:
// TimeRange is inclusive).
func validAt(l *root.TransparencyLog, t time.Time) bool {
	return !t.Before(l.ValidityPeriodStart) && (l.ValidityPeriodEnd.IsZero() || !t.After(l.ValidityPeriodEnd))
}
