// Package push takes evidence from the runs that made it: a token proves which run asks, and a bundle is kept if it
// verifies under the policy of that repository and is of that run.
//
// Everything that is kept follows from the verified statement and its certificate. It refuses what somebody else
// signed, and what the policy has no use for, so that strangers fill nothing.
package push

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/idtoken"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/decide"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Limits: how many bundles are kept of one run, how many of a repository in a day whose signers its policy does not
// name, how many come in one request, and how many words of one signer are kept about one release.
const (
	MaxOfRun     = 500
	MaxOfOthers  = 1000
	MaxOfRequest = 50
	MaxOfSigner  = 20
)

// A Host is a platform whose runs may push.
type Host struct {
	Host   string   // https://github.com
	Issuer string   // of its jobs' tokens
	Keys   *url.URL // another place that may publish its keys; nil: the issuer's own
}

// A Taker takes evidence. Its fields are set once.
type Taker struct {
	Keep     *keep.Store
	Rule     func(event.Repository) (*decide.Rule, error)
	Trust    func(context.Context, *decide.Rule) *gate.Trust
	Hosts    []Host
	Audience string // the server's own address
	Now      func() time.Time
	OfRun    int // MaxOfRun
	OfOthers int // MaxOfOthers
	OfSigner int // MaxOfSigner
	// AtWork refuses a run that has ended.
	AtWork func(ctx context.Context, r Run) error
	// Wake has the deployments of a run looked at, or, with 0, all that wait in the repository.
	Wake func(tx *keep.Tx, r event.Repository, run int64) error
}

// A Run is who asks, as their token says it.
type Run struct {
	event.Repository
	Run     int64
	Attempt int
	id      string
	issuer  string
	until   time.Time
}

// Who verifies a token, and says which run it is of. The policy's repository is known by its number.
func (t *Taker) Who(ctx context.Context, token string) (Run, error) {
	var host Host
	claims, err := idtoken.Verify(ctx, token, idtoken.Wanted{
		Audience: t.Audience, Now: t.Now(), Texts: []string{"jti", "repository", "repository_id",
			"repository_owner_id", "run_id", "run_attempt"},
		Numbers: []string{"exp"},
		Issuer: func(issuer string) bool {
			i := slices.IndexFunc(t.Hosts, func(h Host) bool { return h.Issuer == issuer })
			if i >= 0 {
				host = t.Hosts[i]
			}
			return i >= 0
		},
	})
	if err != nil {
		f := fault.Of(err)
		if f.Kind == fault.Unavailable {
			return Run{}, err
		}
		return Run{}, fault.New(fault.Refused, fault.Authn, "ask for an ID token whose audience is "+t.Audience,
			"the token proves nothing here: %w", err)
	}
	run, bad := strconv.ParseInt(claims["run_id"], 10, 64)
	attempt, worse := strconv.Atoi(claims["run_attempt"])
	until, worst := strconv.ParseInt(claims["exp"], 10, 64)
	if bad != nil || worse != nil || worst != nil || claims["jti"] == "" || claims["repository_id"] == "" {
		return Run{}, fault.New(fault.Refused, fault.Authn, "ask for it in a job", "the token names no run")
	}
	return Run{Repository: event.Repository{Host: host.Host, ID: claims["repository_id"],
		Owner: claims["repository_owner_id"], Name: claims["repository"]},
		Run: run, Attempt: attempt, id: claims["jti"], issuer: claims["iss"], until: time.Unix(until, 0)}, nil
}

// Take keeps the bundles of a run, and returns how many are new. An error beside that says which bundle was refused
// first; what is good is kept. A request counts once, by the identifier of its token.
func (t *Taker) Take(ctx context.Context, who Run, bundles [][]byte) (fresh int, err error) {
	if len(bundles) > MaxOfRequest {
		return 0, fault.New(fault.Refused, fault.Limit, "push them in several requests",
			"%d bundles, want %d at most", len(bundles), MaxOfRequest)
	}
	rule, err := t.Rule(who.Repository)
	if err != nil {
		return 0, err
	}
	if rule == nil {
		return 0, fault.New(fault.Refused, fault.Policy,
			"name a policy for the repository in the server's configuration",
			"the server has no policy for repository %s", who.ID)
	}
	verifiers, _, err := rule.Roots(t.Now(), t.Trust(ctx, rule))
	if err != nil {
		return 0, err
	}
	var all []keep.Evidence
	var refused error // the first one: what else is good is kept, such as beside what an earlier run has left on a runner
	for i, b := range bundles {
		e, err := evidence(rule, verifiers, who, b)
		if err != nil {
			refused = cmp.Or(refused, fault.Errorf("bundle %d: %w", i+1, err))
			continue
		}
		all = append(all, e)
	}
	if len(all) == 0 && refused != nil {
		return 0, refused
	}
	if len(all) > 0 { // what is not kept asks the platform nothing
		if err := t.AtWork(ctx, who); err != nil {
			return 0, err
		}
	}
	err = t.Keep.Write(ctx, func(tx *keep.Tx) error {
		if first, err := tx.Used(who.issuer, who.id, who.until); err != nil || !first {
			if err == nil {
				err = fault.New(fault.Refused, fault.Authn, "ask for another token for each request",
					"the token was used before")
			}
			return err
		}
		n, err := tx.Count(who.Repository, who.Run)
		if err != nil {
			return err
		}
		others, err := tx.CountOthers(who.Repository, t.Now().Add(-24*time.Hour))
		if err != nil {
			return err
		}
		fresh = 0
		for _, e := range all {
			if !e.Named && others >= t.OfOthers { // what those push whom the policy names is kept all the same
				refused = cmp.Or(refused, fault.New(fault.Refused, fault.Limit,
					"let the policy name who signs it, or push it tomorrow",
					"the repository has pushed %d bundles in a day whose signers its policy does not name", others))
				continue
			}
			first, err := tx.Keep(e)
			if err != nil {
				return err
			}
			if !first {
				continue
			}
			if !e.Named {
				others++
			}
			if fresh++; n+fresh > t.OfRun {
				return fault.New(fault.Refused, fault.Limit, "attest in several runs",
					"the run pushes more than %d bundles", t.OfRun)
			}
			if _, err := tx.Append(leaf(e, t.Now())); err != nil {
				return err
			}
		}
		if fresh > 0 {
			return t.Wake(tx, who.Repository, who.Run)
		}
		return nil
	})
	return fresh, cmp.Or(err, refused)
}

func leaf(e keep.Evidence, now time.Time) ledger.Leaf {
	kind, environment := ledger.Attested, ""
	switch {
	case slices.Contains(words, e.Type):
		kind = ledger.Approved
	case e.Entered != "":
		kind, environment = ledger.Entered, e.Entered
	case e.Left != "":
		kind, environment = ledger.Left, e.Left
	}
	l := ledger.Leaf{Kind: kind, At: now, Host: e.Host, Owner: e.Owner, Repository: e.ID, Name: e.Name,
		About: ledger.About{Run: strconv.FormatInt(e.Run, 10), Attempt: e.Attempt, Type: e.Type, Signer: e.Signer,
			Environment: environment, Evidence: e.Digest}}
	const most = 100
	for _, s := range e.About[:min(len(e.About), most)] {
		l.About.Subjects = append(l.About.Subjects, s.Digest)
	}
	return l
}

// evidence verifies one bundle, which has to be of the run that pushes it.
func evidence(
	rule *decide.Rule, verifiers map[string]*sigstore.Verifier, who Run, raw []byte,
) (keep.Evidence, error) {
	v, err := gate.Verified(verifiers, raw)
	if err != nil {
		return keep.Evidence{}, err
	}
	s := v.Signer()
	run := who.Host + "/" + who.Name + "/actions/runs/" + strconv.FormatInt(who.Run, 10) + "/attempts/"
	attempt, of := strings.CutPrefix(s.Run, run)
	n, bad := strconv.Atoi(attempt)
	if s.RepositoryID != who.ID || !of || bad != nil || n > who.Attempt {
		return keep.Evidence{}, fault.New(fault.Refused, fault.Identity, "push it in the run that signed it",
			"the certificate is of the run %q of repository %q, and run %d of repository %s pushes it",
			s.Run, s.RepositoryID, who.Run, who.ID)
	}
	e, err := kept(who.Repository, raw, v)
	e.Run, e.Attempt, e.Named = who.Run, n, rule.Expects(s)
	return e, err
}

// kept is what is kept of a verified bundle.
func kept(r event.Repository, raw []byte, v sigstore.Verified) (keep.Evidence, error) {
	st, ok := v.Statement()
	if !ok {
		return keep.Evidence{}, fault.New(fault.Refused, fault.Unsupported, "",
			"a signature over a file, want one over a statement")
	}
	e := keep.Evidence{Repository: r, Digest: subject.Sum(raw).String(), Type: st.PredicateType,
		Signer: v.Signer().SAN, At: v.Time(), Body: raw}
	// A job in another environment, or in none, lets nothing in: that is evidence as any other (policy.Chain).
	if x, err := st.Entered(); err == nil && !x.Watched && within(v.Signer(), x.Target.Name) {
		e.Entered = x.Target.Name
	}
	if x, err := st.Ending(); err == nil && x.Outcome == statement.OutcomeFailed && within(v.Signer(), x.Target.Name) {
		e.Left = x.Target.Name
	}
	for _, d := range st.Subject {
		for _, x := range d.Digests() {
			if strings.HasPrefix(x.String(), "sha256:") {
				e.About = append(e.About, keep.Subject{Digest: x.String(), Name: d.Name})
			}
		}
	}
	return e, nil
}

// within reports whether a certificate says that its job was in an environment.
func within(s statement.Signer, environment string) bool {
	return s.Environment == environment ||
		s.Environment == "" && strings.HasSuffix(s.TokenSubject, ":environment:"+environment)
}
