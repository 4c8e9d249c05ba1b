package cli

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/starter"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// What a person has to accept by name.
const (
	acceptRunner  = "self-hosted"
	acceptForeign = "foreign-owner"
	acceptRef     = "unprotected-ref"
	acceptLog     = "public-log"
)

// acceptable are all of them.
var acceptable = []string{acceptRunner, acceptForeign, acceptRef, acceptLog, starter.AcceptArtifact, starter.AcceptPermissions}

// read reads the files that the call names.
func (b *beginning) read() error {
	b.given = map[string][]byte{}
	for name, limit := range map[string]int64{"from-bundle": sigstore.MaxBundleBytes, "trusted-root": sigstore.MaxRootBytes, "signing-config": sigstore.MaxRootBytes} {
		if b.run.text(name) == "" {
			continue
		}
		raw, err := content(b.run.text(name), limit)
		if err != nil {
			return err
		}
		b.given[name] = raw
	}
	return nil
}

// evidence reads the identity of a run that is known to be good.
func (b *beginning) evidence() error {
	switch {
	case b.told.FromRun != "" && b.told.FromBundle != "":
		return usage("--from-run and --from-bundle say the same thing: give one of them")
	case b.told.FromRun != "":
		return b.fromRun()
	case b.told.FromBundle != "":
		return b.fromBundle()
	}
	return nil
}

// fromBundle verifies a bundle under the trusted root that the policy will name.
func (b *beginning) fromBundle() error {
	bundle, err := sigstore.ParseBundle(b.given["from-bundle"])
	if err != nil {
		return err
	}
	p, known := forges.Profiles()[cmp.Or(b.sigstore(), "public-good")]
	var root *sigstore.TrustedRoot
	if b.sigstore() == "custom" && b.in.TrustedRoot != "" {
		p.Require = sigstore.Transparent
		root, err = sigstore.ParseTrustedRoot(b.given["trusted-root"])
	} else if known {
		root, err = b.profileRoot(p)
	} else {
		err = usage("--sigstore %s needs --trusted-root", b.in.Sigstore)
	}
	if err != nil {
		return err
	}
	v, err := sigstore.NewVerifier(root, p.Require)
	if err != nil {
		return err
	}
	got, err := v.Verify(bundle)
	if err != nil {
		return fault.New(
			fault.Refused,
			fault.Of(err).Code,
			"take the bundle of a run that is known to be good, and the root that it verifies under",
			"%q: %w",
			b.told.FromBundle,
			err,
		)
	}
	s := got.Signer()
	b.seen = &s
	return b.compare()
}

// fromRun asks the platform about a run.
func (b *beginning) fromRun() error {
	uri := b.told.FromRun
	if !strings.Contains(uri, "/attempts/") && b.forge.Mark == "/" {
		uri = strings.TrimSuffix(uri, "/") + "/attempts/1"
	}
	all, err := b.at.Runs(
		b.ctx,
		[]policy.RunQuery{{Repository: b.forge.Host + "/" + b.home.Repository, URI: uri, Outcome: true}},
	)
	if err != nil {
		return err
	}
	if len(all) != 1 || all[0].State == policy.RunUnknown {
		return fault.New(
			fault.Unavailable,
			fault.NotAvailable,
			"name a run of this repository by the address of its page",
			"the platform does not tell of the run %q",
			b.told.FromRun,
		)
	}
	run := all[0]
	if run.State != policy.Succeeded {
		return fault.New(fault.Refused, fault.BuildState, "name a run that is known to be good", "%s", run.Words)
	}
	b.seen = &statement.Signer{
		Issuer:       b.forge.Issuer,
		Repository:   b.forge.Host + "/" + b.home.Repository,
		RepositoryID: b.home.ID,
		OwnerID:      b.home.OwnerID,
		Ref:          run.Ref,
		Event:        run.Event,
		Commit:       run.Commit,
	}
	if run.Path != "" {
		b.seen.ConfigURI = b.seen.Repository + b.forge.Mark + run.Path + "@" + run.Ref
	}
	return b.compare()
}

// compare shows the evidence beside what the platform says.
func (b *beginning) compare() error {
	s := b.seen
	here := b.forge.Host + "/" + b.home.Repository
	for _, row := range [][3]string{
		{"issuer", s.Issuer, b.forge.Issuer}, {"repository", s.Repository, here},
		{"repository-id", s.RepositoryID, b.home.ID}, {"owner-id", s.OwnerID, b.home.OwnerID},
		{"workflow", s.ConfigURI, "the file of the clone"}, {"ref", s.Ref, "the default branch is " + b.home.Branch},
		{"runner", s.Runner, cmp.Or(b.forge.Runner, "none of its own")},
	} {
		b.say("%-13s evidence: %s; platform: %s", row[0], cmp.Or(row[1], "does not say"), row[2])
	}
	switch {
	case s.Issuer != b.forge.Issuer:
		return fault.New(
			fault.Refused,
			fault.Identity,
			"begin in a clone of the repository that builds",
			"issuer: found %q, wanted %q",
			s.Issuer,
			b.forge.Issuer,
		)
	case s.Repository == here && s.RepositoryID != b.home.ID:
		return fault.New(
			fault.Refused,
			fault.Identity,
			"take the evidence of a run of today's repository",
			"the evidence is of another repository of the same name: found number %s, wanted %s",
			s.RepositoryID,
			b.home.ID,
		)
	}
	return nil
}

// workflow is the file that the evidence names.
func (b *beginning) workflow() string {
	_, rest, _ := strings.Cut(strings.TrimPrefix(b.seen.ConfigURI, "https://"), b.seenMark())
	file, _, _ := strings.Cut(rest, "@")
	return file
}

func (b *beginning) seenMark() string {
	if b.forge.Mark == "/" {
		return strings.TrimPrefix(b.seen.Repository, "https://") + "/"
	}
	return b.forge.Mark
}

// accept asks about what would be dangerous to write in silence.
func (b *beginning) accept() error {
	if b.text.Runner = b.job.Runner; b.seen != nil && b.seen.Runner != "" && b.seen.Runner != b.forge.Runner {
		b.text.Runner = b.seen.Runner
	}
	if b.forge.Runner == "" {
		b.text.Runner = acceptRunner // nobody else operates any
		if err := b.must(acceptRunner, "all runners of "+b.forge.Host+" are your own, and who operates one can sign as this workflow"); err != nil {
			return err
		}
	} else if b.text.Runner != "" {
		if err := b.must(acceptRunner, "it was built on a runner of class "+b.text.Runner+", and who operates that can sign as this workflow"); err != nil {
			return err
		}
	}
	if b.seen != nil && b.seen.Repository != b.forge.Host+"/"+b.home.Repository {
		if err := b.must(acceptForeign, "the evidence is of "+b.seen.Repository+", which is not this repository"); err != nil {
			return err
		}
	}
	if b.home.Private && b.sigstore() == "public-good" {
		if err := b.must(acceptLog, "the public log would show the names and commits of a private repository, for ever"); err != nil {
			return err
		}
	}
	b.text.Refs = b.job.Refs
	if b.seen != nil && b.seen.Ref != "" {
		b.text.Refs = []string{b.seen.Ref}
	}
	return b.refs()
}

// refs asks the platform whether the refs of the builds are protected.
func (b *beginning) refs() error {
	var open []string
	// A private repository without environments is on the plan that protects no refs either.
	none := b.home.NoPlan && b.home.Private && b.forge.Mark == "/"
	for _, ref := range b.text.Refs {
		bare, err := b.bare(ref, none)
		if err != nil {
			return err
		}
		if bare {
			open = append(open, ref)
		}
	}
	if len(open) == 0 {
		return nil
	}
	why := strings.Join(open, ", ") + " is not protected: whoever may write builds there without a second person"
	if none {
		b.text.OpenRefs = true
		why += " (this plan protects no refs)"
	}
	return b.must(acceptRef, why)
}

// bare reports whether the platform says that nothing protects a ref. Of a pattern of tags one
// is asked for that it fits, at the tip of the default branch, as a gate would ask.
func (b *beginning) bare(ref string, none bool) (bool, error) {
	q := policy.RefQuery{Repository: b.forge.Host + "/" + b.home.Repository, ID: b.home.ID, Ref: ref}
	tag := strings.HasPrefix(ref, "refs/tags/")
	if tag {
		q.Ref = strings.ReplaceAll(ref, "*", "0.0.0")
		var err error
		if _, _, q.Head, _, err = b.at.Head(b.ctx); err != nil {
			if gate.Silent(b.ctx, err) {
				return false, nil // the doctor says it
			}
			return false, err
		}
	}
	if strings.ContainsAny(q.Ref, "*?[") {
		return false, nil
	}
	a, err := b.at.Ref(b.ctx, q)
	if err != nil {
		return false, err
	}
	if tag {
		return a.Protected == policy.No && !a.OnProtected() && a.Why == "", nil
	}
	return a.Protected == policy.No || none && a.Protected != policy.Yes, nil
}

// must is content with what --accept names, or a person's yes.
func (b *beginning) must(word, why string) error {
	if slices.Contains(b.told.Accept, word) {
		b.notes = append(b.notes, "accepted: "+why)
		return nil
	}
	a, err := b.talk.ask("accept", why+"; accept "+word+"?", word, "no")
	if err == nil && a == "no" {
		err = fault.New(fault.Usage, fault.Config, "mend it, or accept it by name: --accept "+word, "%s", why)
	}
	return err
}
