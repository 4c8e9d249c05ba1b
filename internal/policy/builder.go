package policy

import (
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// builtBy compares a signer with a builder, field by field and byte for byte.
// Everything that the platform lets a stranger choose is compared together with
// something it does not: a name with a number, a URI with the issuer's host, a
// ref with its kind.
func builtBy(b Builder, s statement.Signer) *miss {
	home := b.Forge.Host + "/" + b.Repository
	config := home + b.Forge.Mark + b.Workflow
	wantSigner, wantDigest := b.signer(s)
	// The answers come first: most signers agree, and the words about those are not read.
	ok := [...]bool{
		s.Issuer == b.Forge.Issuer,
		s.SANKind == "uri",
		s.Repository == home,
		s.RepositoryID == b.RepositoryID,
		b.OwnerID == "" || s.OwnerID == b.OwnerID,
		s.ConfigURI == config || strings.HasPrefix(s.ConfigURI, config+"@"),
		b.signsAs(s),
		s.SAN == s.SignerURI,
		b.SignerMoves && wantDigest == "" || s.SignerDigest == wantDigest && wantDigest != "",
		b.Runner != "" && s.Runner == b.Runner,
		s.ConfigURI == config+"@"+s.Ref,
		matchesAny(b.Refs, s.Ref),
		slices.Contains(b.Events, s.Event),
		isCommit(s.Commit),
		!b.Forge.OwnConfig || s.ConfigDigest == s.Commit,
	}
	i := slices.Index(ok[:], false)
	if i < 0 {
		return nil
	}
	steps := [len(ok)]struct {
		code               fault.Code
		what               string
		found, wanted, fix string
	}{
		{fault.Identity, "issuer", s.Issuer, b.Forge.Issuer, "build it on the platform that issuer names"},
		{fault.Identity, "kind of signer", s.SANKind, "uri", "sign it in a job of " + b.Repository + ", not as a person"},
		{fault.Identity, "repository", s.Repository, home, "build it in " + b.Repository},
		{fault.Identity, "repository-id", s.RepositoryID, b.RepositoryID,
			"find out why " + b.Repository + " has another number: it was deleted and made anew, or repository-id is wrong"},
		{fault.Identity, "owner-id", s.OwnerID, b.OwnerID,
			"find out whether " + b.Repository + " went to another owner, or correct owner-id"},
		{fault.Identity, "workflow", s.ConfigURI, b.Repository + " " + b.Workflow,
			b.folderFix(s) + "build it with workflow " + b.Workflow + " (key workflow)"},
		{fault.Identity, "signing workflow", s.SignerURI, wantSigner, b.signerFix(s)},
		{fault.Identity, "subject alternative name", s.SAN, s.SignerURI,
			"find out which authority issues certificates whose name is not their workflow's"},
		{fault.Identity, "commit of the signing workflow", s.SignerDigest, wantDigest,
			"find out what changed in the signing workflow; once it is reviewed, pin its commit with signer-digest"},
		{fault.Identity, "runner", s.Runner, b.Runner, "build it on a runner of class " + b.Runner + " (key runner)"},
		{fault.Source, "ref of the workflow", refOf(s, config), s.Ref,
			"let the workflow run on the ref that it builds: an event about another ref does not"},
		{fault.Source, "ref", s.Ref, strings.Join(b.Refs, " or "), "build it on a ref that refs names"},
		{fault.Source, "event", s.Event, strings.Join(b.Events, " or "), b.eventFix(s)},
		{fault.Source, "commit", s.Commit, "a full commit id of 40 or 64 digits",
			"find out which authority issues certificates without a full commit"},
		{fault.Source, "commit of the configuration", s.ConfigDigest, s.Commit,
			"build it with the configuration of the commit that is built"},
	}
	x := steps[i]
	return &miss{stage: atSigner, agreed: i, code: x.code, line: b.Line,
		reason: "the evidence names another " + x.what, found: orAbsent(x.found), wanted: x.wanted,
		hint: near(x.found, x.wanted) + x.fix}
}

// isCommit reports whether s is a full commit id, as the shape commit has it. It is asked of every fact.
func isCommit(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// refOf is the ref of the workflow at config. It is what follows the path, and
// not what follows an "@": refs have some too.
func refOf(s statement.Signer, config string) string {
	return strings.TrimPrefix(s.ConfigURI, config+"@")
}

// signer is which workflow has to have signed, and its commit: the one that
// built, or the one that the policy names.
func (b Builder) signer(s statement.Signer) (uri, digest string) {
	switch named, _, pinned := strings.Cut(b.Signer, "@"); {
	case b.Signer == "":
		return s.ConfigURI, s.ConfigDigest
	case !pinned: // of the same repository: it is of the commit that is built
		return b.Forge.Host + "/" + b.Repository + b.Forge.Mark + strings.TrimPrefix(strings.TrimPrefix(named, b.Repository+"/"), "./") + "@" + s.Ref, s.Commit
	default:
		return b.Forge.Host + "/" + b.Signer, b.SignerDigest
	}
}

// signsAs reports whether the signing workflow is the wanted one. Who names its
// commit means that commit, by whatever ref it was called; a ref that may move
// may be a pattern.
func (b Builder) signsAs(s statement.Signer) bool {
	want, _ := b.signer(s)
	if s.SignerURI == want {
		return want != ""
	}
	path, ref, ok := strings.Cut(want, "@")
	called, found := strings.CutPrefix(s.SignerURI, path+"@refs/")
	if !ok || !found {
		return false
	}
	return commit.MatchString(ref) || b.SignerMoves && subject.Match(ref, "refs/"+called)
}

func (b Builder) signerFix(s statement.Signer) string {
	switch {
	case b.Signer == "" && s.SignerURI != "":
		return "sign it in the workflow that builds it; if a reusable workflow is to sign, name it and its commit with the key signer: " + bare(strings.TrimPrefix(s.SignerURI, b.Forge.Host+"/"))
	default:
		return "sign it with " + b.Signer + ", or correct the key signer"
	}
}

// folderFix points at a workflow that a policy names without its folder.
func (b Builder) folderFix(s statement.Signer) string { return b.leftOut(s, "the policy") }

// leftOut says that where, which names the workflow, leaves out its folder.
func (b Builder) leftOut(s statement.Signer, where string) string {
	if b.Forge.Folder != "" && strings.HasPrefix(s.ConfigURI, b.Forge.Host+"/"+b.Repository+b.Forge.Mark+b.Forge.Folder+b.Workflow+"@") {
		return where + " leaves out the folder " + b.Forge.Folder + "; "
	}
	return ""
}

func (b Builder) eventFix(s statement.Signer) string {
	if slices.Contains(b.Forge.Children, s.Event) {
		return "build it in a pipeline of its own: a child or downstream pipeline takes its variables from another"
	}
	return "start the build with " + strings.Join(b.Events, " or ") + " (key events)"
}

// near says in which small way two values differ, for the eye that takes them
// for the same; or nothing. It is the beginning of a next step.
func near(found, wanted string) string {
	switch {
	case found == wanted:
		return "" // they differ in something else than what is shown
	case strings.EqualFold(found, wanted):
		return "only the letter case differs; "
	case strings.Trim(found, "/") == strings.Trim(wanted, "/"):
		return "only a slash differs; "
	case strings.TrimPrefix(strings.TrimPrefix(found, "https://"), "http://") == strings.TrimPrefix(strings.TrimPrefix(wanted, "https://"), "http://"):
		return "only the scheme differs; "
	}
	return ""
}

func orAbsent(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func matchesAny(patterns []string, ref string) bool {
	full := strings.HasPrefix(ref, "refs/heads/") || strings.HasPrefix(ref, "refs/tags/")
	return full && slices.ContainsFunc(patterns, func(p string) bool { return p == ref || subject.Match(p, ref) })
}

// builderID is the builder.id that the policy names, in full.
func (b Builder) builderID() string {
	if b.Builder == "" || strings.HasPrefix(b.Builder, "https://") {
		return b.Builder
	}
	return b.Forge.Host + "/" + b.Builder
}
