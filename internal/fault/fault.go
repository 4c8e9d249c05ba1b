// Package fault says whose turn it is when there is no answer, and names every
// reason a person can be given.
//
// A fault is the absence of an answer; an answer is a verdict.Verdict. This
// package refuses to turn one into the other: it has no kind that means
// success, and its zero kind is an internal error.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says whose turn it is. The zero Kind is Internal.
type Kind int

// The kinds of fault, with the exit code each ends in (docs/exit-codes.md).
const (
	Internal    Kind = iota // 1: ours
	Usage                   // 2: arguments, configuration, policy file
	Refused                 // 3: what was offered is not acceptable
	Unavailable             // 5: a dependency did not answer; try again
)

// Code is the stable name of a reason. Codes are part of the interface: they
// are never renamed and never reused.
type Code string

// Every code there is. docs/codes.md is written from Codes.
const (
	InternalError    Code = "E_INTERNAL"
	Config           Code = "E_CONFIG"
	Policy           Code = "E_POLICY"
	PolicyVacuous    Code = "E_POLICY_VACUOUS"
	NotAvailable     Code = "E_UNAVAILABLE"
	Malformed        Code = "E_MALFORMED"
	Limit            Code = "E_LIMIT"
	Path             Code = "E_PATH"
	TOCTOU           Code = "E_TOCTOU"
	SubjectMismatch  Code = "E_SUBJECT"
	Statement        Code = "E_STATEMENT"
	Predicate        Code = "E_PREDICATE"
	SignatureInvalid Code = "E_SIG_INVALID"
	Unsupported      Code = "E_UNSUPPORTED"
	Chain            Code = "E_CHAIN"
	SCT              Code = "E_SCT"
	TLog             Code = "E_TLOG"
	Time             Code = "E_TIME"
	TrustRoot        Code = "E_TRUSTROOT"
	Identity         Code = "E_IDENTITY"
	Source           Code = "E_SOURCE"
	Stale            Code = "E_STALE"
	EvidenceMissing  Code = "E_EVIDENCE_MISSING"
	EnvUnprotected   Code = "E_ENV_UNPROTECTED"
	ApprovalMissing  Code = "E_APPROVAL_MISSING"
	ApprovalStale    Code = "E_APPROVAL_STALE"
	ApprovalRejected Code = "E_APPROVAL_REJECTED"
	Duties           Code = "E_SOD"
	Bypass           Code = "E_BYPASS"
	Rollback         Code = "E_ROLLBACK"
	EntryMissing     Code = "E_ENTRY_MISSING"
	BuildState       Code = "E_BUILD_STATE"
	CacheUsed        Code = "E_CACHE"
	Isolation        Code = "E_ISOLATION"
	Lint             Code = "E_LINT"
	Leak             Code = "E_LEAK"
	Inject           Code = "E_INJECT"
	Replay           Code = "E_REPLAY"
	Ledger           Code = "E_LEDGER"
	Authn            Code = "E_AUTHN"
	SSRF             Code = "E_SSRF"
	Report           Code = "E_REPORT"
	Findings         Code = "E_FINDINGS"
	Tests            Code = "E_TESTS"
	Materials        Code = "E_MATERIALS"
	Reproduction     Code = "E_REPRODUCTION"
	DeployingJob     Code = "E_DEPLOYING_JOB"
	Conflict         Code = "E_EVIDENCE_CONFLICT"
	TooEarly         Code = "E_TOO_EARLY"
	Reused           Code = "E_REUSED"
	Weaker           Code = "E_WEAKER"
	Changed          Code = "E_CHANGED"
	Unreviewed       Code = "E_UNREVIEWED"
	Unverified       Code = "E_UNVERIFIED"
	OK               Code = "OK"
)

// Codes explains each code in one line, for docs and for help.
var Codes = map[Code]string{
	InternalError:    "Sallyport itself went wrong; nothing was decided",
	Config:           "an argument, variable or file of the configuration is wrong",
	Policy:           "the policy file is wrong",
	PolicyVacuous:    "the policy requires nothing, so it cannot allow anything",
	NotAvailable:     "a dependency did not answer; nothing was decided",
	Malformed:        "bytes that are not what they claim to be",
	Limit:            "more or larger input than the documented limit",
	Path:             "a path that leaves the tree, or is not a regular file",
	TOCTOU:           "a file or tag changed while it was being looked at",
	SubjectMismatch:  "the artifact is not the one the evidence names",
	Statement:        "the signed payload is not an in-toto statement",
	Predicate:        "the signed predicate is not what the policy requires",
	SignatureInvalid: "the signature does not verify",
	Unsupported:      "a kind of signature that is not read; whether it is genuine is not said",
	Chain:            "the certificate does not chain to the trusted root",
	SCT:              "the certificate was not logged as the trusted root demands",
	TLog:             "the signature was not logged as the trusted root demands",
	Time:             "no trustworthy time of signing, or one outside the certificate's validity",
	TrustRoot:        "the trusted root is unreadable, altered or out of date",
	Identity:         "signed by someone the policy does not name",
	Source:           "built from a source, ref or event the policy does not allow",
	Stale:            "the evidence is older than the policy allows",
	EvidenceMissing:  "no evidence of the kind the policy requires",
	EnvUnprotected:   "the platform does not protect the environment",
	ApprovalMissing:  "not enough people have approved",
	ApprovalStale:    "an approval is void: it is about something else, or out of time",
	ApprovalRejected: "somebody who may has said no",
	Duties:           "an approval of someone who made the change, or who may not approve",
	Bypass:           "the platform's protection was or can be passed by",
	Rollback:         "something newer is in the environment already",
	EntryMissing:     "an entry into the environment, or a statement on a signed list, that has to be there was not found",
	BuildState:       "the run that built it did not succeed",
	CacheUsed:        "a job that led to the signature may have restored a cache",
	Isolation:        "a job that may have signed runs code of the project",
	Lint:             "a workflow, pipeline or setting makes a gate meaningless",
	Leak:             "a credential would have gone to another host",
	Inject:           "a value that would be read as a command",
	Replay:           "a verdict is not the one that its input leads to",
	Ledger:           "a ledger is not what its checkpoints say",
	Authn:            "nobody proved who sent it",
	SSRF:             "an address leads somewhere else than the platform",
	Report:           "a report of a tool does not say what the policy requires of it",
	Findings:         "a vulnerability that the policy does not let pass was found",
	Tests:            "tests failed, did not end, or did not run",
	Materials:        "what went into the build is not what the policy accepts",
	Reproduction:     "the artifact was not built again with the same bytes, or not by those whom the policy names",
	DeployingJob:     "the job that waits does not deploy what was let in, or that cannot be told from its files",
	Reused:           "the run that built it has built another version, which entered before",
	Unreviewed:       "a commit came in without the reviews that the policy asks for",
	Unverified:       "a commit carries no signature that the platform verified",
	Weaker:           "its evidence is weaker than that of what is deployed",
	TooEarly:         "the artifact has not been in the environment before for as long as the policy asks",
	Changed:          "what people install has changed, and the approvers have not approved that",
	Conflict:         "two reports about one artifact do not agree, and the newer one does not show why",
	OK:               "the requirement is met",
}

// pagesAt is where the section about each code is, under its name.
const pagesAt = "https://github.com/sallyport-dev/sallyport/blob/main/docs/codes.md#"

// URL is the address of the page section about c, or "" where there is none.
func (c Code) URL() string {
	if _, known := Codes[c]; !known || c == OK {
		return ""
	}
	return pagesAt + strings.ToLower(string(c))
}

// Fault is an error with the person whose turn it is and, where the place that
// knows it said so, the next step.
type Fault struct {
	Kind Kind
	Code Code
	Hint string // one imperative sentence without a period, or empty
	Err  error
}

// Error returns the phrase without code and hint; those have their own lines.
func (f *Fault) Error() string { return f.Err.Error() }

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// New returns a fault of kind k. format and args are those of fmt.Errorf; what
// the verb %q quotes is cut to MaxQuoted bytes.
func New(k Kind, c Code, hint, format string, args ...any) error {
	bound(args)
	return &Fault{Kind: k, Code: c, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// ErrCredential is wrapped by a fault whose cause is a credential that is not good,
// or not good any more: asking again with it gives the same answer.
var ErrCredential = errors.New("the credential is not good, or not any more")

// Of returns the outermost fault in err's chain. An error that nobody
// classified is ours: Internal.
func Of(err error) Fault {
	var f *Fault
	if errors.As(err, &f) {
		return Fault{Kind: f.Kind, Code: f.Code, Hint: f.Hint, Err: err}
	}
	return Fault{Kind: Internal, Code: InternalError, Err: err}
}

// Recover turns a panic into an internal fault. It is to be deferred by whoever
// reads what strangers wrote, in each goroutine: outside of the first one a
// panic ends the program with a status that means something else.
func Recover(err *error, doing string) {
	if p := recover(); p != nil {
		*err = New(Internal, InternalError, "please report this: https://github.com/sallyport-dev/sallyport/issues", "%s: panic: %v", doing, p)
	}
}
