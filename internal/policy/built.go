package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// Built is where something has to have been built, when flags say it and no policy
// file does. One of Repository and Owner is set; what else is empty is not asked.
type Built struct {
	Forge        Forge
	Repository   string // path on the platform
	RepositoryID string
	Owner        string // path on the platform
	Workflow     string // path in the repository
	// Signer is the workflow that has to have signed, as OWNER/NAME/PATH, and perhaps
	// @REF behind. Without it, only a workflow of the repository itself may have, or of the
	// owner where no repository is named.
	Signer string
	// Predicate is the type of the predicate; "" is SLSA provenance of every known version.
	Predicate string
	// Entered is the environment that the artifact has to have entered: the evidence is then the entry that the job there
	// has signed. "": it is not asked.
	Entered string
	// Own is the trust of the platform's own Sigstore instance, which has no log. It
	// counts for repositories that are not public; "" where there is none.
	Own string
}

// home is the address of the repository, or of the owner.
func (b Built) home() string { return b.Forge.Host + "/" + cmp.Or(b.Repository, b.Owner) }

// Names reports whether a certificate that nobody has verified could be of b, by a text
// that it holds.
func (b Built) Names(holds func(string) bool) bool { return holds(b.home()) }

// wanted is who has to have signed, in words.
func (b Built) wanted() string {
	if b.Signer != "" {
		return b.Forge.Host + "/" + b.Signer + " for " + b.home()
	}
	return "a workflow of " + b.home()
}

// trait is one thing that is compared.
type trait struct {
	code                      fault.Code
	what, found, wanted, hint string
	ok                        bool
}

// signed says in what the signer of a fact differs, or nil. e names them besides, or
// nobody. Names that a stranger may choose are compared together with the issuer.
func (b Built) signed(e Expectation, f Fact) *miss {
	s := f.Signer
	for i, x := range b.traits(e, s) {
		if !x.ok {
			return &miss{stage: atSigner, agreed: i, code: cmp.Or(x.code, fault.Identity),
				reason: "the evidence names another " + x.what, found: orAbsent(x.found), wanted: x.wanted,
				hint: near(x.found, x.wanted) + x.hint}
		}
	}
	// The platform's own authority writes into a certificate who may see the repository. What
	// is public and signed there was kept out of the log that everybody can watch.
	if b.Own != "" && f.Trust == b.Own && s.Visibility != "private" && s.Visibility != "internal" {
		return &miss{stage: atTrust, code: fault.TLog, found: orAbsent(s.Visibility), wanted: "private or internal",
			reason: "the evidence is signed under the platform's own Sigstore instance, which has no log, for a repository that is public",
			hint:   "sign it with the public-good instance; --sigstore " + b.Own + " accepts the platform's own for every repository"}
	}
	return nil
}

func (b Built) traits(e Expectation, s statement.Signer) []trait {
	host := b.Forge.Host + "/"
	config := host + b.Repository + b.Forge.Mark + b.Workflow
	all := []trait{
		{"", "issuer", s.Issuer, b.Forge.Issuer, "ask for it on the platform that built it",
			s.Issuer == b.Forge.Issuer},
		{"", "kind of signer", s.SANKind, "uri", "ask for the person who signed, without a repository", s.SANKind == "uri"},
		{"", "repository", s.Repository, host + b.Repository, "ask for that repository, if it is the right one",
			b.Repository == "" || s.Repository == host+b.Repository},
		{"", "repository-id", s.RepositoryID, b.RepositoryID,
			"find out why the repository has another number: it was deleted and made anew, or another one is meant",
			b.RepositoryID == "" || s.RepositoryID == b.RepositoryID},
		{"", "owner", s.OwnerURI, host + b.Owner, "ask for that owner, if it is the right one",
			b.Owner == "" || s.OwnerURI == host+b.Owner},
		{"", "workflow", s.ConfigURI, config, b.folderLeftOut(s) + "ask for that workflow, if it is the right one",
			b.Workflow == "" || strings.HasPrefix(s.ConfigURI, config+"@")},
	}
	return append(all, b.signer(e, s)...)
}

// signer compares who signed. A workflow of another repository signs for this one where it
// is called as a reusable one; it has to be named.
func (b Built) signer(e Expectation, s statement.Signer) []trait {
	host := b.Forge.Host + "/"
	who := trait{what: "signing workflow", found: s.SignerURI, wanted: "a workflow of " + b.home(),
		hint: "if that workflow is to sign for it, name it: --signer " + bare(strings.TrimPrefix(s.SignerURI, host))}
	switch _, _, pinned := strings.Cut(b.Signer, "@"); {
	case b.Signer != "" && pinned:
		who.ok, who.wanted, who.hint = s.SignerURI == host+b.Signer, host+b.Signer, "ask for that workflow with its whole ref, if it is the right one"
	case b.Signer != "":
		who.ok, who.wanted, who.hint = strings.HasPrefix(s.SignerURI, host+b.Signer+"@"), host+b.Signer, "ask for that workflow, if it is the right one"
	case e.Identity != "" || e.Pattern != nil:
		who.ok = true // the identity says who signs
	case b.Repository != "":
		who.ok = strings.HasPrefix(s.SignerURI, b.home()+b.Forge.Mark)
	default:
		who.ok = strings.HasPrefix(s.SignerURI, b.home()+"/")
	}
	san := trait{what: "subject alternative name", found: s.SAN, wanted: s.SignerURI, ok: s.SAN == s.SignerURI,
		hint: "find out which authority issues certificates whose name is not their workflow's"}
	exact := trait{what: "signer", found: s.SAN, wanted: e.Identity + e.Written, ok: e.Identity == "" && e.Pattern == nil || e.Waits(s),
		hint: cmp.Or(e.slip(s), "ask for that signer, if it is the right one")}
	return []trait{who, san, exact}
}

// folderLeftOut points at a workflow that is named without its folder.
func (b Built) folderLeftOut(s statement.Signer) string {
	return Builder{Forge: b.Forge, Repository: b.Repository, Workflow: b.Workflow}.leftOut(s, "the name")
}

// states says why what a fact states is not what is asked for, or nil. A provenance that
// contradicts its own certificate states nothing.
func (b Built) states(f Fact) *miss {
	kind := f.Statement.PredicateType
	switch {
	case b.Predicate != "" && kind != b.Predicate:
		return &miss{stage: atContent, code: fault.Predicate, reason: "the evidence is of another type",
			found: kind, wanted: b.Predicate, hint: "ask for that type, if it is the one that is meant"}
	case b.Predicate == "" && !dialect.IsProvenance(kind):
		return &miss{stage: atContent, code: fault.Predicate, reason: "the evidence says nothing about how it was built",
			found: kind, wanted: "SLSA provenance", hint: "attest it in the job that builds; --predicate-type asks for evidence of another type"}
	case b.Entered != "":
		return b.entered(f)
	case !dialect.IsProvenance(kind):
		return nil
	}
	d := b.contradiction(f)
	if d == nil {
		return nil
	}
	return &miss{stage: atContent, agreed: 1, code: d.Code, reason: d.Reason, found: d.Found, wanted: d.Wanted,
		hint: "judge it with --policy: a policy says what may be accepted of its builder"}
}

// entered says why a fact is not the entry of a job in the environment, or nil. Only the certificate can say in which
// environment a job was: the platform is not asked here.
func (b Built) entered(f Fact) *miss {
	bad := func(code fault.Code, reason, found, wanted, hint string) *miss {
		return &miss{stage: atContent, code: code, reason: reason, found: orAbsent(found), wanted: wanted, hint: hint}
	}
	e, err := f.Statement.Entered()
	if err != nil {
		why := fault.Of(err)
		return bad(why.Code, "the evidence is not an entry into an environment", why.Error(), "an entry into "+b.Entered, "hand over the bundle that the gate or enter has signed")
	}
	s := f.Signer
	switch {
	case e.Watched:
		return bad(fault.EntryMissing, "it came in while the environment was only watched, so no gate has let it in", "mode: watch", "an entry", "let it in by a gate that enforces")
	case e.Target.Name != b.Entered:
		return bad(fault.EntryMissing, "the entry is into another environment", e.Target.Name, b.Entered, "ask for that environment, if it is the one that is meant")
	case e.Target.Issuer != s.Issuer || e.Target.Repository.ID != s.RepositoryID || e.Run != s.Run:
		return bad(fault.Identity, "the entry says that it is of another run or repository than its certificate", e.Run, s.Run, "find out who signed it")
	case s.Environment != b.Entered && !strings.HasSuffix(s.TokenSubject, ":environment:"+b.Entered):
		return bad(fault.Identity, "the certificate does not say that the job was in the environment", s.Environment, b.Entered,
			"sallyport history asks the platform where the job was")
	}
	return nil
}

// said is what an entry says besides of what has a digest, for people.
func (b Built) said(f Fact, digest string) string {
	e, err := f.Statement.Entered()
	if b.Entered == "" || err != nil {
		return ""
	}
	out := fmt.Sprintf("entry %d into %s, policy %s, input sha256:%s", e.Number, e.Target.Name, e.Policy, e.Input.SHA256)
	if e.Verdict.SHA256 != "" {
		out += ", verdict sha256:" + e.Verdict.SHA256
	}
	i := slices.IndexFunc(e.Artifacts, func(a statement.Admitted) bool { return a.SHA256 == digest })
	if i >= 0 && len(e.Artifacts[i].Met) > 0 {
		out += ", met: " + strings.Join(e.Artifacts[i].Met, ", ")
	}
	return out
}

// contradiction is what a provenance says and its certificate does not. A builder that has
// its own name for itself may have the one of the signer that is asked for.
func (b Built) contradiction(f Fact) *dialect.Difference {
	want := dialect.Policy{Forge: b.Forge.Kind, Any: true}
	_, d := dialect.Compare(f.Statement.PredicateType, f.Statement.Predicate, f.Signer, want)
	if d == nil || !strings.Contains(b.Signer, "@") {
		return d
	}
	want.Builder = b.Forge.Host + "/" + b.Signer
	if _, again := dialect.Compare(f.Statement.PredicateType, f.Statement.Predicate, f.Signer, want); again == nil {
		return nil
	}
	return d
}

// check says why a fact is not what is asked for, or nil.
func (b Built) check(e Expectation, f Fact) *miss {
	if f.Keyed {
		return &miss{stage: atSigner, code: fault.Identity, reason: "the evidence is signed with a key",
			found: "a key", wanted: b.wanted(), hint: "--key FILE takes what a key signed"}
	}
	if m := b.signed(e, f); m != nil {
		return m
	}
	return b.states(f)
}

// unasked tells, in words, what nobody asked about the evidence.
func (b Built) unasked() []string {
	var out []string
	for _, x := range []struct{ flag, is, what string }{
		{"--repository", b.Repository, "which repository of the owner built it"},
		{"--workflow", b.Workflow, "which workflow built it"},
		{"--repository-id", b.RepositoryID, "which number the repository has"},
	} {
		if x.is == "" {
			out = append(out, fmt.Sprintf("%s (%s)", x.what, x.flag))
		}
	}
	return append(out, "which ref it was built from, by what event, on which kind of runner, and how its run ended (a policy asks)")
}

// renumbered tells of each repository whose name stands in evidence with several numbers: the
// name was given up and taken again, so two repositories, and perhaps two owners, built it.
func renumbered(all []verdict.Judgement) (out []string) {
	numbers := map[string][]string{}
	for _, j := range all {
		for _, e := range j.Evidence {
			if e.RepositoryID != "" && !slices.Contains(numbers[e.Repository], e.RepositoryID) {
				numbers[e.Repository] = append(numbers[e.Repository], e.RepositoryID)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		if list := slices.Sorted(slices.Values(numbers[name])); len(list) > 1 {
			out = append(out, fmt.Sprintf("%s has %d numbers in this evidence (%s): its name was given up and taken again; "+
				"say with --repository-id which one is meant", name, len(list), strings.Join(list, ", ")))
		}
	}
	return out
}

// origin fills what an answer says of where something was built.
func origin(e *verdict.Evidence, s statement.Signer) {
	e.Repository, e.RepositoryID = s.Repository, s.RepositoryID
	e.Ref, e.Event, e.Runner = s.Ref, s.Event, s.Runner
}

// Tells says what evidence with a predicate type is about: how something was built, or which
// files a platform says that a release has. The second says nothing about who built them.
func Tells(predicateType string) (built, listed bool) {
	return dialect.IsProvenance(predicateType), dialect.IsRelease(predicateType)
}
