package gitlab

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/idtoken"
)

// maxSlug is the length of CI_COMMIT_REF_SLUG, in bytes.
const maxSlug = 63

// names are the variables whose names a value of an input may have, with what
// the claims of the job's token say in their place. A value that a pipeline does
// not have is empty.
var names = map[string]func(idtoken.Claims) string{
	"CI_COMMIT_SHA":        func(c idtoken.Claims) string { return c["sha"] },
	"CI_COMMIT_SHORT_SHA":  func(c idtoken.Claims) string { return c["sha"][:min(8, len(c["sha"]))] },
	"CI_COMMIT_REF_NAME":   func(c idtoken.Claims) string { return c["ref"] },
	"CI_COMMIT_REF_SLUG":   func(c idtoken.Claims) string { return slug(c["ref"]) },
	"CI_COMMIT_TAG":        func(c idtoken.Claims) string { return ofType(c, "tag") },
	"CI_COMMIT_BRANCH":     func(c idtoken.Claims) string { return ofType(c, "branch") },
	"CI_PROJECT_ID":        func(c idtoken.Claims) string { return c["project_id"] },
	"CI_PROJECT_PATH":      func(c idtoken.Claims) string { return c["project_path"] },
	"CI_PROJECT_NAME":      func(c idtoken.Claims) string { return path.Base(c["project_path"]) },
	"CI_PROJECT_NAMESPACE": func(c idtoken.Claims) string { return path.Dir(c["project_path"]) },
	"CI_PIPELINE_ID":       func(c idtoken.Claims) string { return c["pipeline_id"] },
	"CI_JOB_ID":            func(c idtoken.Claims) string { return c["job_id"] },
}

// ofType is the ref, where it is of that type. A merge request's pipeline is on
// no branch (https://docs.gitlab.com/ci/variables/predefined_variables/).
func ofType(c idtoken.Claims, kind string) string {
	request := c["pipeline_source"] == "merge_request_event" || strings.HasPrefix(c["ref_path"], "refs/merge-requests/")
	if c["ref_type"] != kind || request {
		return ""
	}
	return c["ref"]
}

// slug is a ref as CI_COMMIT_REF_SLUG has it: lower-case, everything but a-z and
// 0-9 a dash, at most 63 bytes, no dash at an end.
func slug(ref string) string {
	s := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(ref))
	return strings.Trim(s[:min(maxSlug, len(s))], "-")
}

// mention matches the name of a variable of GitLab's in a value. What else has a
// dollar is text.
var mention = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$CI_\w*|\$\{CI_[^}]*\}?`) })

// Mentions reports whether text has the name of a variable of GitLab's.
func (j *Job) Mentions(text string) bool { return mention().MatchString(text) }

// Expand puts what the claims of the job's token say in the place of the names
// of variables. With a token these are its claims, which have to be verified by
// the authority that the token is sent to next; without one they are those that Identify has
// verified. The environment is not asked: who starts a pipeline may set it.
func (j *Job) Expand(token, text string) (string, error) {
	c := j.verified
	if token != "" {
		var err error
		if c, err = j.claims(token); err != nil {
			return "", err
		}
	}
	if c == nil {
		return "", fault.New(fault.Usage, fault.Config, askForOne+"; or write the value itself",
			"%q names a variable, and no ID token that is verified says its value", text)
	}
	var failed error
	out := mention().ReplaceAllStringFunc(text, func(s string) string {
		v, err := value(c, s)
		if failed == nil {
			failed = err
		}
		return v
	})
	return out, failed
}

// value is what the claims say in the place of one mention.
func value(c idtoken.Claims, mention string) (string, error) {
	name := strings.TrimPrefix(mention, "$")
	if inner, ok := strings.CutPrefix(name, "{"); ok {
		name = strings.TrimSuffix(inner, "}")
		if "${"+name+"}" != mention {
			return "", fault.New(fault.Usage, fault.Config, "write ${NAME} or $NAME", "%q has no end", mention)
		}
	}
	say, ok := names[name]
	if !ok {
		return "", unlisted(name)
	}
	v := say(c)
	switch {
	case v == "":
		return "", fault.New(fault.Usage, fault.Config,
			"let the job run where it has a value, by rules, or name the artifact in another way",
			"%s has no value: this pipeline is for %s %q", name, c["ref_type"], c["ref"])
	case strings.ContainsFunc(v, special):
		return "", fault.New(fault.Refused, fault.Path, "use $CI_COMMIT_REF_SLUG or $CI_COMMIT_SHORT_SHA",
			"the value of %s is %q, and a character of it would change what is named", name, v)
	}
	return v, nil
}

// special says whether r could be more than a part of a name: in a pattern, in
// NAME=PATH, in NAME@sha256:HEX, or between values.
func special(r rune) bool {
	return strings.ContainsRune("*?[]{}!=@:,\\\"'`$;&|<>()~^", r) || unicode.IsSpace(r) || !unicode.IsPrint(r)
}

// unlisted says what may be named, and what to write instead.
func unlisted(name string) error {
	var all []string
	for n := range names {
		all = append(all, n)
	}
	slices.Sort(all)
	hint := "write the value itself; these may be named: " + strings.Join(all, ", ")
	if name == "CI_REGISTRY_IMAGE" {
		hint = "write the address of your registry and $CI_PROJECT_PATH behind it, as registry.gitlab.com/$CI_PROJECT_PATH"
	}
	return fault.New(fault.Usage, fault.Config, hint, "%s is not in the job's ID token, so nobody vouches for its value",
		fmt.Sprintf("%.100q", name))
}
