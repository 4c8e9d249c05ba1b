package policy

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// stranger returns an identity that somebody can have who is nobody that the
// pattern's author meant, and that re matches; or "". It is sought among
// identities on the host of the issuer and on those that the pattern names: of other owners, with
// repositories, workflows and refs named as the pattern names its own, because
// anybody can give those names, and among addresses of other domains.
func stranger(re *regexp.Regexp, pattern string, f Forge) string {
	parts := literalParts(pattern)
	owners := []string{"stranger"}
	for _, p := range parts[:min(3, len(parts))] {
		owners = append(owners, p+"-stranger", "stranger-"+p, p+"stranger", "stranger"+p)
	}
	repositories := append([]string{"stranger"}, parts...)
	for i := 1; i < len(parts); i++ {
		repositories = append(repositories, parts[i-1]+"/"+parts[i]) // groups nest
	}
	folder := strings.TrimPrefix(f.Mark, "/") + f.Folder
	workflows := []string{folder + "stranger.yml"}
	for _, p := range parts {
		if strings.HasSuffix(p, ".yml") || strings.HasSuffix(p, ".yaml") {
			workflows = append(workflows, folder+p)
		}
	}
	refs := []string{"refs/heads/main", "refs/heads/stranger", "refs/tags/v1.0.0", "refs/pull/1/merge"}
	for _, run := range literals(pattern) {
		if i := strings.Index(run, "refs/"); i >= 0 && len(refs) < maxParts {
			refs = append(refs, run[i:])
		}
	}
	for _, host := range append(hosts(pattern), f.Host) {
		for _, o := range owners {
			for _, r := range repositories {
				for _, w := range workflows {
					for _, ref := range refs {
						if id := host + "/" + o + "/" + r + "/" + w + "@" + ref; re.MatchString(id) {
							return id
						}
					}
				}
			}
		}
	}
	for _, id := range []string{"", "stranger", "stranger@stranger.example", "https://stranger.example/x", "https://kubernetes.io/namespaces/stranger/serviceaccounts/stranger"} {
		if re.MatchString(id) {
			return id
		}
	}
	for _, p := range parts {
		for _, id := range []string{"stranger@stranger" + p, "stranger@" + p + ".stranger.example", p + "@stranger.example"} {
			if strings.Contains(p, ".") && re.MatchString(id) {
				return id
			}
		}
	}
	return twoOwners(re, pattern)
}

// maxParts bounds how many parts of a pattern are tried as names.
const maxParts = 8

// literalParts returns the texts that a pattern spells out, cut at the marks
// that divide an identity.
func literalParts(pattern string) []string {
	var out []string
	for _, run := range literals(pattern) {
		for _, p := range strings.FieldsFunc(run, func(r rune) bool { return r == '/' || r == '@' || r == ':' }) {
			if len(p) > 1 && len(p) < 100 && !slices.Contains(out, p) && len(out) < maxParts {
				out = append(out, p)
			}
		}
	}
	return out
}

// literals returns the runs of a pattern that stand for themselves, in order.
func literals(pattern string) []string {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	var out []string
	var walk func(*syntax.Regexp)
	walk = func(x *syntax.Regexp) {
		if x.Op == syntax.OpLiteral {
			out = append(out, string(x.Rune))
		}
		for _, s := range x.Sub {
			walk(s)
		}
	}
	walk(re)
	return out
}

// hosts are the addresses of platforms that a pattern could mean.
func hosts(pattern string) []string {
	out := []string{"https://stranger.example"}
	for _, run := range literals(pattern) {
		if _, rest, ok := strings.Cut(run, "://"); ok {
			run = rest
		}
		if host, _, _ := strings.Cut(run, "/"); strings.Contains(host, ".") && !strings.Contains(host, "@") && len(out) < maxParts {
			out = append(out, "https://"+host)
		}
	}
	return out
}

// twoOwners returns an identity that the pattern matches, if its wildcards leave
// open who the owner is: two ways to fill them give two owners. Often such a
// wildcard is a dot without its backslash.
func twoOwners(re *regexp.Regexp, pattern string) string {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return ""
	}
	fill := func(c rune, only int) string {
		n := 0
		return example(tree, func() rune {
			n++
			if only >= 0 && n-1 != only {
				return '.'
			}
			return c
		})
	}
	for only := -1; only < maxWildcards; only++ {
		q, z := fill('q', only), fill('z', only)
		if re.MatchString(q) && re.MatchString(z) && owner(q) != owner(z) {
			return z
		}
	}
	return ""
}

// maxWildcards bounds how many wildcards of a pattern are looked at one by one.
const maxWildcards = 32

// owner is the part of an identity that no stranger on the same platform can
// have: the owner of a workflow, or the domain of an address. A domain without
// a dot is nobody's.
func owner(id string) string {
	if _, rest, ok := strings.Cut(id, "://"); ok {
		parts := strings.SplitN(rest, "/", 3)
		return strings.Join(parts[1:min(2, len(parts))], "/")
	}
	if _, domain, ok := strings.Cut(id, "@"); ok && strings.Contains(domain, ".") {
		return domain
	}
	return ""
}

// example returns a text that the pattern matches, with what fill returns
// wherever the pattern leaves a choice of characters.
func example(x *syntax.Regexp, fill func() rune) string {
	var b strings.Builder
	switch x.Op {
	case syntax.OpLiteral:
		b.WriteString(string(x.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteRune(fill())
	case syntax.OpCharClass:
		b.WriteRune(pick(x.Rune, fill()))
	case syntax.OpAlternate:
		return example(x.Sub[0], fill)
	case syntax.OpQuest, syntax.OpStar, syntax.OpPlus, syntax.OpRepeat, syntax.OpConcat, syntax.OpCapture:
		for range max(1, x.Min) {
			for _, s := range x.Sub {
				b.WriteString(example(s, fill))
			}
			if b.Len() > 4096 {
				break
			}
		}
	}
	return b.String()
}

// pick returns c, if it is in the class, or else the class's first character.
func pick(class []rune, c rune) rune {
	for i := 0; i+1 < len(class); i += 2 {
		if class[i] <= c && c <= class[i+1] {
			return c
		}
	}
	if len(class) > 0 {
		return class[0]
	}
	return c
}
