package forges

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/workflows"
)

// Ran is a run whose workflow files can be read.
type Ran interface {
	Workflow(uri string) (repository, path string)
	FileOf(ctx context.Context, repository, commit, path string) ([]byte, error)
	// CalledFiles are the workflows that others of the run call: owner/name, path and commit.
	CalledFiles(ctx context.Context) ([][3]string, error)
}

// DeployingOnGitHub reads the files of a run that waits at an environment: the one that was started, as the certificates
// of the run name it, and those that it calls. run is the address of the run without an attempt.
func DeployingOnGitHub(ctx context.Context, at Ran, in *policy.Input, run string) (*policy.Deploying, error) {
	d := &policy.Deploying{}
	top, why := started(in, run)
	if why != "" {
		d.Unread, d.Need = why, "let attest or release sign in the run that deploys"
		return d, nil
	}
	called, err := at.CalledFiles(ctx)
	if err != nil {
		return nil, err
	}
	var first [3]string
	first[0], first[1] = at.Workflow(top[0])
	first[2] = top[1]
	want := workflows.Want{Action: Ours}
	env, _ := in.Policy.Environment(in.Environment)
	watched := env.Mode.At(in.Now) == policy.Watch
	jobs := 0
	for _, f := range append([][3]string{first}, called...) {
		place := workflows.Place{Repository: f[0], Path: f[1], Commit: f[2]}
		raw, err := at.FileOf(ctx, place.Repository, place.Commit, place.Path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err // it may be read later
		}
		n := 0
		var found []workflows.Detour
		if err == nil {
			want.Repository = place.Repository
			n, found, err = workflows.Deploying(place.Path, raw, in.Environment, watched, want)
		}
		if err != nil {
			x := fault.Of(err)
			d.Unread, d.Need = place.String()+": "+x.Error(), x.Hint
			continue
		}
		jobs += n
		d.Files = append(d.Files, place.String())
		for _, x := range found {
			d.Ways = append(d.Ways, policy.Way{At: fmt.Sprintf("%s:%d", place.Path, x.Line), Rule: x.Rule,
				Says: x.Says, Found: x.Found, Wanted: x.Wanted, Hint: x.Hint})
		}
	}
	if jobs == 0 && d.Unread == "" {
		d.Unread = fmt.Sprintf("no job of %s enters %q, as far as the files say", strings.Join(d.Files, ", "), in.Environment)
		d.Need = "name the environment in the job as a text"
	}
	return d, nil
}

// started is the workflow that was started, as certificates of the run name it: its address and its commit. why says
// that they do not.
func started(in *policy.Input, run string) (top [2]string, why string) {
	look := func(all []policy.Fact) {
		for i := range all {
			s := &all[i].Signer
			if !strings.HasPrefix(s.Run, run+"/attempts/") || s.ConfigURI == "" || s.ConfigDigest == "" {
				continue
			}
			one := [2]string{s.ConfigURI, s.ConfigDigest}
			if top != [2]string{} && top != one {
				why = fmt.Sprintf("certificates of the run name the workflow %s at commit %s, and %s at commit %s",
					top[0], top[1], one[0], one[1])
			}
			top = one
		}
	}
	for i := range in.Candidates {
		look(in.Candidates[i].Facts)
	}
	look(in.Entries.Facts)
	if top == [2]string{} {
		why = "no certificate of the run says which workflow was started"
	}
	return top, why
}
