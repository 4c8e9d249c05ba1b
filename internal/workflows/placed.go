package workflows

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Outside returns the jobs of a workflow file that may have an identity and are surely not
// in the environment called name: whoever runs in one of them could sign as the workflow.
// A job that calls another workflow counts, because its jobs are in another file.
func Outside(path string, raw []byte, name string) (jobs []string, err error) {
	defer fault.Recover(&err, "reading "+path)
	w, errs, err := parse(path, raw)
	if err != nil {
		return nil, err
	}
	if len(errs) > 0 {
		return nil, unreadable(path, errs)
	}
	for id, j := range w.Jobs {
		p := j.Permissions
		if p == nil {
			p = w.Permissions
		}
		in := j.Environment != nil && j.Environment.Name != nil && j.Environment.Name.Value == name
		if grants(p) && (!in || j.WorkflowCall != nil) {
			jobs = append(jobs, id)
		}
	}
	slices.Sort(jobs)
	return jobs, nil
}

// Told says in words why a workflow does not show that its job was in an environment.
func Told(path string, jobs []string) string {
	return fmt.Sprintf(
		"%s gives id-token: write to jobs outside of it too (%s), and the certificate does not say which job signed",
		path,
		strings.Join(jobs, ", "),
	)
}
