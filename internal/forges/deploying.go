package forges

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/workflows"
)

// Ran is a run whose workflow files can be read.
type Ran interface {
	Workflow(uri string) (repository, path string)
	FileOf(ctx context.Context, repository, commit, path string) ([]byte, error)
	// CalledFiles are the workflows that others of the run call, as the platform resolved them.
	CalledFiles(ctx context.Context) ([]policy.JobPlace, error)
}

// DeployingOnGitHub reads the files of a run that waits at an environment: the one that was started, as the
// certificates of the run name it, and those that it calls. run is the address of the run without an attempt, and
// server that of the server that reads.
func DeployingOnGitHub(ctx context.Context, at Ran, in *policy.Input, run, server string) (*policy.Deploying, error) {
	d := &policy.Deploying{}
	signed, why := started(in, run)
	if why != "" {
		d.Unread, d.Need = why, "let attest or release sign in the run that deploys"
		return d, nil
	}
	top := signed.Signer
	repository, path := at.Workflow(top.ConfigURI)
	_, d.Ref, _ = strings.Cut(top.ConfigURI, "@")
	d.Workflow, d.Issuer, d.RepositoryID = path, top.Issuer, top.RepositoryID
	called, err := at.CalledFiles(ctx)
	if err != nil {
		return nil, err
	}
	env, _ := in.Policy.Environment(in.Environment)
	ask := workflows.Asked{Environment: in.Environment, Watched: env.Mode.At(in.Now) == policy.Watch,
		Server: server, Action: Ours}
	files := append([]policy.JobPlace{{File: repository + "/" + path, Commit: top.ConfigDigest}}, called...)
	for _, f := range files {
		place := placeOf(f)
		raw, err := at.FileOf(ctx, place.Repository, place.Commit, place.Path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err // it may be read later
		}
		var says workflows.Entering
		if err == nil {
			ask.Repository = place.Repository
			says, err = workflows.Deploying(place.Path, raw, ask)
		}
		if err != nil {
			x := fault.Of(err)
			d.Unread, d.Need = place.String()+": "+x.Error(), x.Hint
			continue
		}
		d.Files = append(d.Files, place.String())
		if says.Jobs > 0 {
			d.Jobs = append(d.Jobs, f)
		}
		for _, x := range says.Detours {
			d.Ways = append(d.Ways, policy.Way{At: fmt.Sprintf("%s:%d", place.Path, x.Line), Rule: x.Rule,
				Says: x.Says, Found: x.Found, Wanted: x.Wanted, Hint: x.Hint})
		}
		for _, uses := range says.Calls {
			if !listed(called, place, uses) {
				d.Unread = fmt.Sprintf("%s calls %s, and the platform does not say at which commit", place.Path, uses)
				d.Need = "run it again"
			}
		}
	}
	if len(d.Jobs) == 0 && d.Unread == "" {
		d.Unread = fmt.Sprintf("no job of %s enters %q, as far as the files say",
			strings.Join(d.Files, ", "), in.Environment)
		d.Need = "name the environment in the job as a text"
	}
	return d, nil
}

// placeOf is where a file is: OWNER/NAME/PATH at a commit.
func placeOf(f policy.JobPlace) workflows.Place {
	const parts = 3
	p := append(strings.SplitN(f.File, "/", parts), "", "", "")
	return workflows.Place{Repository: p[0] + "/" + p[1], Path: p[2], Commit: f.Commit}
}

// listed reports whether a workflow that a file calls is among those that the platform says the run calls.
func listed(called []policy.JobPlace, from workflows.Place, uses string) bool {
	file, ref, _ := strings.Cut(uses, "@")
	if local, is := strings.CutPrefix(uses, "./"); is {
		file, ref = from.Repository+"/"+local, ""
	}
	return slices.ContainsFunc(called, func(c policy.JobPlace) bool {
		return strings.EqualFold(c.File, file) && (ref == "" && c.Commit == from.Commit || ref == c.Commit ||
			ref != "" && slices.Contains([]string{ref, "refs/heads/" + ref, "refs/tags/" + ref}, c.Ref))
	})
}

// started is what somebody signed in a run: of the certificates each names the workflow that was started. why says that
// they do not, or not the same one.
func started(in *policy.Input, run string) (top policy.Fact, why string) {
	look := func(all []policy.Fact) {
		for i := range all {
			s, t := all[i].Signer, top.Signer
			if !strings.HasPrefix(s.Run, run+"/attempts/") || s.ConfigURI == "" || s.ConfigDigest == "" {
				continue
			}
			if t.ConfigURI != "" && (t.ConfigURI != s.ConfigURI || t.ConfigDigest != s.ConfigDigest) {
				why = fmt.Sprintf("certificates of the run name the workflow %s at commit %s, and %s at commit %s",
					t.ConfigURI, t.ConfigDigest, s.ConfigURI, s.ConfigDigest)
			}
			top = all[i]
		}
	}
	for i := range in.Candidates {
		look(in.Candidates[i].Facts)
	}
	look(in.Entries.Facts)
	if top.Signer.ConfigURI == "" {
		why = "no certificate of the run says which workflow was started"
	}
	return top, why
}
