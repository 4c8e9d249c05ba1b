package pipelines

import (
	"regexp"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// An answer is what a condition comes to when not every variable is known.
type answer int

const (
	maybe answer = iota
	never
	surely
)

func known(is bool) answer { // the answer to a question that has one
	if is {
		return surely
	}
	return never
}

// A variable is what is known of one: its text, or only whether it has one.
type variable struct {
	state variableState
	text  string
}

type variableState int

const (
	anything variableState = iota // also none
	none                          // it does not exist
	some                          // it has a text, which one is not known
	exactly
)

// mergeRequest returns what a variable is in a pipeline of a merge request. It
// has no branch and no tag; its ref is one that the source of the merge request
// chooses, so a fork can call it main.
func mergeRequest(name string) variable {
	switch name {
	case "CI_PIPELINE_SOURCE":
		return variable{exactly, "merge_request_event"}
	case "CI_COMMIT_REF_PROTECTED":
		return variable{exactly, "false"}
	case "CI_COMMIT_BRANCH", "CI_COMMIT_TAG", "CI_COMMIT_BEFORE_SHA", "CI_COMMIT_TAG_MESSAGE", "CI_PIPELINE_SCHEDULE_DESCRIPTION":
		return variable{state: none}
	case "CI_DEFAULT_BRANCH", "CI_COMMIT_REF_NAME", "CI_COMMIT_REF_SLUG", "CI_COMMIT_SHA", "CI_PROJECT_PATH", "CI_PROJECT_ID",
		"CI_MERGE_REQUEST_ID", "CI_MERGE_REQUEST_IID", "CI_MERGE_REQUEST_EVENT_TYPE", "CI_MERGE_REQUEST_PROJECT_PATH",
		"CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "CI_MERGE_REQUEST_PROJECT_ID":
		return variable{state: some}
	}
	return variable{}
}

// An occasion is a kind of pipeline.
type occasion struct {
	name   string
	lookup func(string) variable
}

// occasions are the kinds of pipelines that rules tell apart. Of merge requests
// no job shall deploy anyway.
var occasions = []occasion{
	{"branches", ofRef("push", "CI_COMMIT_BRANCH", "CI_COMMIT_TAG")},
	{"tags", ofRef("push", "CI_COMMIT_TAG", "CI_COMMIT_BRANCH")},
	{"schedules", ofRef("schedule", "CI_COMMIT_BRANCH", "CI_COMMIT_TAG")},
	{"people who start them", ofRef("web", "CI_COMMIT_BRANCH", "CI_COMMIT_TAG")},
}

// parentPipeline is what starts a pipeline below another one.
const parentPipeline = "parent_pipeline"

var occasionsBelow = []occasion{
	{"branches", ofRef(parentPipeline, "CI_COMMIT_BRANCH", "CI_COMMIT_TAG")},
	{"tags", ofRef(parentPipeline, "CI_COMMIT_TAG", "CI_COMMIT_BRANCH")},
}

// occasions returns the kinds of pipelines that this one may be.
func (p *pipeline) occasions() []occasion {
	if p.parent != nil {
		return occasionsBelow
	}
	return occasions
}

// ofRef returns what a variable is in a pipeline of a branch or a tag.
func ofRef(source, is, not string) func(string) variable {
	return func(name string) variable {
		switch {
		case name == "CI_PIPELINE_SOURCE":
			return variable{exactly, source}
		case name == not || strings.HasPrefix(name, "CI_MERGE_REQUEST_"):
			return variable{state: none}
		case name == is || name == "CI_DEFAULT_BRANCH" || name == "CI_COMMIT_REF_NAME" || name == "CI_COMMIT_SHA" ||
			name == "CI_PROJECT_PATH":
			return variable{state: some}
		}
		return variable{}
	}
}

// lexeme is the next word of a condition.
var lexeme = lazy(`^\s*(\$\{\w+\}|\$\w+|"[^"]*"|'[^']*'|/(?:\\.|[^/\\])+/[a-z]*|null\b|==|!=|=~|!~|&&|\|\||!|\(|\))`)

// maxWords is how long a condition may be; the answer to a longer one is maybe.
const maxWords = 200

// A condition is read by descent: || binds least, then &&, then comparisons.
type condition struct {
	words  []string
	lookup func(string) variable
	broken bool
}

// evaluate returns what the condition comes to with the variables of lookup.
// What cannot be read may be true.
func evaluate(s string, lookup func(string) variable) answer {
	c := &condition{lookup: lookup}
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		m := lexeme().FindStringSubmatch(s)
		if m == nil || len(c.words) >= maxWords {
			return maybe
		}
		c.words = append(c.words, m[1])
		s = s[len(m[0]):]
	}
	a := c.or()
	if c.broken || len(c.words) > 0 {
		return maybe
	}
	return a
}

func (c *condition) peek() string {
	if len(c.words) == 0 {
		return ""
	}
	return c.words[0]
}

func (c *condition) next() string {
	w := c.peek()
	if w == "" {
		c.broken = true
		return ""
	}
	c.words = c.words[1:]
	return w
}

func (c *condition) or() answer {
	a := c.and()
	for c.peek() == "||" {
		c.next()
		b := c.and()
		switch {
		case a == surely || b == surely:
			a = surely
		case a == maybe || b == maybe:
			a = maybe
		}
	}
	return a
}

func (c *condition) and() answer {
	a := c.term()
	for c.peek() == "&&" {
		c.next()
		b := c.term()
		switch {
		case a == never || b == never:
			a = never
		case a == maybe || b == maybe:
			a = maybe
		}
	}
	return a
}

func (c *condition) term() answer {
	switch c.peek() {
	case "!":
		c.next()
		return not(c.term())
	case "(":
		c.next()
		a := c.or()
		if c.next() != ")" {
			c.broken = true
		}
		return a
	}
	left := c.operand()
	switch op := c.peek(); op {
	case "==":
		c.next()
		return equal(left, c.operand())
	case "!=":
		c.next()
		return not(equal(left, c.operand()))
	case "=~":
		c.next()
		return c.matches(left, c.next())
	case "!~":
		c.next()
		return not(c.matches(left, c.next()))
	}
	return truthy(left)
}

func not(a answer) answer {
	switch a {
	case never:
		return surely
	case surely:
		return never
	}
	return maybe
}

func (c *condition) operand() variable {
	w := c.next()
	switch {
	case w == "null":
		return variable{state: none}
	case strings.HasPrefix(w, "$"):
		return c.lookup(strings.Trim(w, "${}"))
	case strings.HasPrefix(w, `"`), strings.HasPrefix(w, "'"):
		return variable{exactly, w[1 : len(w)-1]}
	}
	c.broken = true
	return variable{}
}

func truthy(v variable) answer {
	switch v.state {
	case none:
		return never
	case some:
		return surely
	case exactly:
		return known(v.text != "")
	}
	return maybe
}

func equal(a, b variable) answer {
	switch {
	case a.state == anything || b.state == anything:
		return maybe
	case a.state == none || b.state == none:
		return known(a.state == b.state)
	case a.state == exactly && b.state == exactly:
		return known(a.text == b.text)
	case a.state == exactly && a.text == "", b.state == exactly && b.text == "":
		return never
	}
	return maybe
}

func (c *condition) matches(v variable, w string) answer {
	end := strings.LastIndexByte(w, '/')
	if !strings.HasPrefix(w, "/") || end < 1 {
		return maybe // the pattern is a variable
	}
	if v.state == none {
		return never
	}
	if v.state != exactly {
		return maybe
	}
	flags := ""
	if strings.Contains(w[end:], "i") {
		flags = "(?i)"
	}
	r, err := regexp.Compile(flags + strings.ReplaceAll(w[1:end], `\/`, "/"))
	if err != nil {
		return maybe
	}
	return known(r.MatchString(v.text))
}

// reach returns whether rules let a job, or the workflow, into a pipeline: the
// first rule that applies decides.
func reach(rules []*node, lookup func(string) variable) answer {
	out := never
	for _, r := range rules {
		if r.Kind != yamlnode.Map {
			return maybe
		}
		a := surely
		if cond := r.Get("if"); cond != nil {
			a = evaluate(cond.Str(), lookup)
		}
		if a == surely && (r.Get("changes") != nil || r.Get("exists") != nil) {
			a = maybe
		}
		switch in := r.Get("when").Str() != "never"; {
		case a == surely && in:
			return surely
		case a == surely:
			return out
		case a == maybe && in:
			out = maybe
		}
	}
	return out
}
