package trial

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A platform of values: what it lists, and what it lets somebody ask.
type listed struct {
	releases []Release
	deployed []Deployment
	left     int // questions; each Judge takes one. 0: it does not say
	silent   error
	closed   error // of releases alone
}

func (l *listed) Self(context.Context) (Home, error) {
	return Home{URI: "https://code.example/acme/app", ID: "7", Branch: "main", Public: true}, l.silent
}

func (l *listed) LastReleases(context.Context, int) ([]Release, []string, error) {
	return l.releases, nil, l.closed
}

func (l *listed) LastDeployments(context.Context, int) ([]Deployment, error) { return l.deployed, nil }

func (l *listed) Quota() Quota { return Quota{Known: l.left > 0, Left: l.left, Until: time.Unix(0, 0)} }

// A judge of values, by digest.
type known struct {
	*listed
	of    map[string]Judged
	asked []string
	fails error
}

func (k *known) Judge(_ context.Context, s subject.Subject) (Judged, error) {
	k.asked = append(k.asked, s.Digest.String())
	k.left--
	return k.of[s.Digest.String()], k.fails
}

func (k *known) Images(context.Context, string) ([]File, []string) { return nil, nil }

func digest(c string) string { return "sha256:" + strings.Repeat(c, 64) }

var (
	good  = Judged{Bundles: 1, Provenance: true, Verified: true, Signer: "ours", Commit: "c1", Starter: Starter{Allow: true}}
	alien = Judged{Bundles: 1, Provenance: true, Code: fault.Identity, Why: "somebody else", Hint: "ask them"}
	lists = Judged{Bundles: 1, Listed: true, Code: fault.Predicate, Why: "no provenance"}
	none  = Judged{Code: fault.EvidenceMissing, Why: "no evidence is about it"}
)

// look looks at one release with these files.
func look(t *testing.T, l *listed, judged ...Judged) (Answer, *known) {
	t.Helper()
	k := &known{listed: l, of: map[string]Judged{}}
	r := Release{Name: "v1", Tag: "v1", Commit: "c0"}
	for i, j := range judged {
		d := digest(string(rune('a' + i)))
		k.of[d] = j
		r.Files = append(r.Files, File{Name: "f" + string(rune('a'+i)), Kind: "file", Digest: d})
	}
	if l.releases == nil && judged != nil {
		l.releases = []Release{r}
	}
	a, err := Look(t.Context(), l, k, Options{Releases: 3})
	if err != nil {
		t.Fatal(err)
	}
	return a, k
}

func TestTry_a_release_attestation_is_no_provenance(t *testing.T) {
	a, _ := look(t, &listed{}, lists)
	if r := a.Releases[0]; r.Provenance != 0 || r.Verified != 0 || r.Looked != 1 || !strings.Contains(strings.Join(r.Missing, ""), "not who built it") {
		t.Errorf("%+v, want no provenance, and why", r)
	}
	a, _ = look(t, &listed{}, good)
	if r := a.Releases[0]; r.Provenance != 1 || r.Verified != 1 || r.Starter != 1 || len(r.Missing) != 0 {
		t.Errorf("the twin: %+v, want provenance", r)
	}
}

func TestTry_five_questions_are_left_to_others(t *testing.T) {
	for left, asked := range map[int]int{Reserve: 0, Reserve + 1: 1, Reserve + 2: 2, Reserve + 9: 3, 0: 3} {
		a, k := look(t, &listed{left: left}, good, good, good)
		looked := 0
		for _, r := range a.Releases {
			looked += r.Looked
		}
		if len(k.asked) != asked || looked != asked {
			t.Errorf("%d left: %d asked, %d looked at, want %d", left, len(k.asked), looked, asked)
		}
		said := strings.Join(a.NotLooked, "; ")
		what := "fc of v1"
		if asked == 0 {
			what = "releases"
		}
		if stopped := asked < 3; stopped != strings.Contains(said, "left to others") || stopped != strings.Contains(said, what) ||
			asked == 0 != strings.Contains(a.Next.Text, "ask again later") {
			t.Errorf("%d left: not looked at: %s; next: %s", left, said, a.Next.Text)
		}
	}
}

func TestTry_every_file_is_counted(t *testing.T) {
	k := &known{listed: &listed{}, of: map[string]Judged{}}
	r := Release{Name: "v1", Tag: "v1"}
	for i := range maxFiles + 1 {
		d := fmt.Sprintf("sha256:%064x", i)
		k.of[d] = good
		r.Files = append(r.Files, File{Name: d, Kind: "file", Digest: d})
	}
	k.releases = []Release{r}
	a, err := Look(t.Context(), k.listed, k, Options{Releases: 3})
	if err != nil {
		t.Fatal(err)
	}
	if r := a.Releases[0]; len(r.Files) != maxFiles+1 || r.Digests != maxFiles+1 || r.Looked != maxFiles || len(k.asked) != maxFiles {
		t.Errorf("%d files, %d with a digest, %d looked at, %d asked about", len(r.Files), r.Digests, r.Looked, len(k.asked))
	}
}

func TestTry_a_platform_that_falls_silent_is_asked_no_more(t *testing.T) {
	l := &listed{releases: []Release{{Name: "v1", Files: []File{{Name: "a", Digest: digest("a")}, {Name: "b", Digest: digest("b")}}}}}
	k := &known{listed: l, fails: fault.New(fault.Unavailable, fault.NotAvailable, "", "down")}
	a, err := Look(t.Context(), l, k, Options{})
	if err != nil || len(k.asked) != 1 || a.Releases[0].Looked != 0 || !strings.Contains(strings.Join(a.NotLooked, ";"), "a of v1: down") {
		t.Errorf("%d asked, %+v, %v", len(k.asked), a, err)
	}
}

func TestTry_only_a_repository_that_nobody_can_ask_about_is_an_error(t *testing.T) {
	down := errors.New("down")
	if _, err := Look(t.Context(), &listed{silent: down}, &known{listed: &listed{}}, Options{}); !errors.Is(err, down) {
		t.Errorf("%v, want %v", err, down)
	}
	a, _ := look(t, &listed{closed: fault.New(fault.Unavailable, fault.NotAvailable, "", "closed")})
	if len(a.NotLooked) != 1 || !strings.Contains(a.Next.Text, "token") {
		t.Errorf("%+v, want that releases were not seen, and a token as the next step", a)
	}
}

func TestTry_files_that_speak_about_others_are_left_out(t *testing.T) {
	for name, left := range map[string]bool{
		"app.tar.gz": false, "app.tar.gz.sig": true, "app.asc": true, "app.pem": true, "app.sbom.json": true, "app.json": false,
		"app.intoto.jsonl": true, "app.sigstore.json": true, "checksums.txt": true, "app_1.0_checksums.txt": true,
		"SHA256SUMS": true, "SHA256SUMS.txt": true, "app.sha256": true, "checksum-tool": false, "sums.txt": false,
	} {
		if beside(name) != left {
			t.Errorf("%s: left out is %t, want %t", name, beside(name), left)
		}
	}
}

func TestTry_a_deployment_is_linked_by_commit_and_tag_alone(t *testing.T) {
	l := &listed{deployed: []Deployment{
		{Environment: "by-tag", Ref: "v1", Commit: "x"}, {Environment: "by-full-tag", Ref: "refs/tags/v1"}, {Environment: "of-release", Commit: "c0"},
		{Environment: "of-evidence", Commit: "c1"}, {Environment: "neither", Ref: "v10", Commit: "c2"}, {Environment: "nothing"},
	}}
	a, _ := look(t, l, good)
	want := "by-full-tag, by its tag; by-tag, by its tag; of-evidence, by its commit; of-release, by its commit"
	if got := strings.Join(a.Releases[0].Deployed, "; "); got != want {
		t.Errorf("deployed = %s, want %s", got, want)
	}
	// What did not verify says nothing of a commit.
	bad := alien
	bad.Commit = "c1"
	if a, _ = look(t, &listed{deployed: []Deployment{{Environment: "x", Commit: "c1"}}}, bad); len(a.Releases[0].Deployed) != 0 {
		t.Errorf("deployed = %s, want nothing", a.Releases[0].Deployed)
	}
}

func TestTry_says_one_next_step(t *testing.T) {
	strict := good
	strict.Starter = Starter{Code: fault.Source, Why: "another ref", Hint: "build it on main"}
	for want, judged := range map[string][]Judged{
		"sallyport init":                      {good, good},
		"look at fa: ask them":                {alien, none},
		"there is no evidence: attest":        {none, lists},
		"look at fb: build it on main":        {good, strict, none},
		"attest fb as well":                   {good, none},
		"the repository has released nothing": nil,
	} {
		a, _ := look(t, &listed{}, judged...)
		if !strings.HasPrefix(a.Next.Text, want) {
			t.Errorf("next = %q, want %q", a.Next.Text, want)
		}
	}
	lines := func(b Build) []string { return []string{"attest in " + b.Job} }
	l := &listed{}
	one, err := Look(t.Context(), l, &known{listed: l}, Options{Builds: []Build{{"ci.yml", "build"}}, Lines: lines})
	if err != nil || one.Next.Build == nil || one.Next.Lines[0] != "attest in build" || !strings.Contains(one.Next.Text, "job build of ci.yml") {
		t.Errorf("next = %+v, %v, want lines for the only job that builds", one.Next, err)
	}
	two, err := Look(t.Context(), l, &known{listed: l}, Options{Builds: []Build{{"ci.yml", "a"}, {"ci.yml", "b"}}, Lines: lines})
	if err != nil || two.Next.Build != nil || !strings.Contains(two.Next.Text, "job a of ci.yml, job b of ci.yml") {
		t.Errorf("next = %+v, %v, want both jobs, and lines for none", two.Next, err)
	}
}

func TestTry_what_has_no_digest_is_told(t *testing.T) {
	l := &listed{releases: []Release{{Name: "v1", Files: []File{{Name: "a"}, {Name: "b", Digest: "sha256:zz"}}}}}
	a, k := look(t, l)
	if r := a.Releases[0]; len(k.asked) != 0 || r.Digests != 0 || len(r.Missing) != 2 {
		t.Errorf("%+v, want no digest and two that are missing", r)
	}
	if !strings.HasPrefix(a.Next.Text, "no file of these releases has a digest here") {
		t.Errorf("next = %q", a.Next.Text)
	}
}
