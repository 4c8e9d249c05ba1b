package github_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// guarded is a repository whose environment asks an app before it releases a deployment.
type guarded struct {
	t      *testing.T
	lab    *labtest.Lab
	name   string
	number int64
	app    *labtest.App
	door   *github.App
}

func newGuarded(t *testing.T, name string) *guarded {
	t.Helper()
	w := newWorld(t, name)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) }))
	t.Cleanup(hook.Close)
	g := &guarded{t: t, lab: w.lab, name: "acme/" + name, app: w.lab.App(t, hook.URL, "acme/"+name)}
	g.number = w.lab.RepositoryID(t, g.name)
	g.app.Guards(t, g.name, "production")
	g.again()
	return g
}

// again is an app that has no token yet.
func (g *guarded) again() {
	g.t.Helper()
	var err error
	g.door, err = github.NewApp(g.lab.GitHub, "", g.app.ClientID, g.app.Key)
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *guarded) open(run int64) (*github.Waiting, error) {
	return g.door.Waiting(g.t.Context(), g.app.Installation, g.number, g.name, run, "production")
}

// waits lets a run reach the environment and opens what waits there.
func (g *guarded) waits(run int64) *github.Waiting {
	g.t.Helper()
	g.lab.Waits(g.t, g.name, run, "production", nil)
	w, err := g.open(run)
	if err != nil {
		g.t.Fatal(err)
	}
	return w
}

func (g *guarded) still(w *github.Waiting, want bool) {
	g.t.Helper()
	if got, err := w.Still(g.t.Context()); err != nil || got != want {
		g.t.Errorf("still = %v, %v, want %v", got, err, want)
	}
}

func (g *guarded) answer(w *github.Waiting, state, comment string, want bool) {
	g.t.Helper()
	if got, err := w.Answer(g.t.Context(), state, comment); err != nil || got != want {
		g.t.Errorf("answer %q taken = %v, %v, want %v", state, got, err, want)
	}
}

// The app answers what waits, once.
func TestApp_answers_what_waits(t *testing.T) {
	for state, ends := range map[string]bool{"approved": false, "rejected": true} {
		t.Run(state, func(t *testing.T) {
			g := newGuarded(t, "app-"+state)
			w := g.waits(41)
			g.still(w, true)
			if commit, done, err := w.Commit(t.Context()); err != nil || done || len(commit) != 40 {
				t.Errorf("commit = %q, done %v, %v, want a commit of a run that goes on", commit, done, err)
			}
			if tenant, err := w.Tenant(t.Context()); err != nil || tenant == "" || w.Attempt() != 1 {
				t.Errorf("tenant = %q, %v, attempt %d", tenant, err, w.Attempt())
			}
			g.answer(w, "", "the gate looks", true)
			g.still(w, true)
			g.answer(w, state, "the gate has looked", true)
			g.still(w, false)
			g.answer(w, "approved", "again", false)
			g.answer(w, "", "late", false)
			if _, done, err := w.Commit(t.Context()); err != nil || done != ends {
				t.Errorf("done = %v, %v, want %v", done, err, ends)
			}
			heard := g.lab.Answers(t, g.name, 41)
			if len(heard) != 2 || heard[0].State != "" || heard[0].Comment != "the gate looks" ||
				heard[1].State != state ||
				heard[1].App != g.app.ID || heard[1].Environment != "production" || len(heard[1].Deployments) != 1 {
				t.Errorf("answers = %+v, want a note and then %s", heard, state)
			}
			g.app.Set(t, map[string]any{"late": 404})
			g.answer(w, "approved", "again", false)
			g.lab.Contract(t)
		})
	}
}

// A run that is started again is another one, and so is a run that is not there.
func TestApp_another_attempt_waits_for_nothing(t *testing.T) {
	g := newGuarded(t, "app-attempt")
	w := g.waits(42)
	g.lab.Set(t, "/github/repos/"+g.name+"/runs/42/attempts/2", object{"status": "in_progress"})
	if _, done, err := w.Commit(t.Context()); err != nil || !done {
		t.Errorf("done = %v, %v, want the first attempt to be over", done, err)
	}
	_, err := g.open(43)
	wantFault(t, err, fault.Refused, fault.BuildState)
}

// A token is for one repository, with what the app needs there, and is used again.
func TestJ07_a_token_is_for_one_repository_and_no_more_than_is_needed(t *testing.T) {
	g := newGuarded(t, "app-one")
	other := newWorld(t, "app-one-other")
	g.app.Install(t, g.app.Installation, g.name, "acme/"+other.name)
	for run := range int64(3) {
		g.waits(50 + run)
	}
	given := g.app.Grants(t)
	if len(given) != 1 || given[0].Installation != g.app.Installation || len(given[0].Repositories) != 1 ||
		given[0].Repositories[0] != g.number {
		t.Fatalf("tokens = %+v, want one for repository %d", given, g.number)
	}
	for name, level := range given[0].Permissions {
		if level != "read" && name != "deployments" {
			t.Errorf("the token may %s %s", level, name)
		}
	}
	_, err := g.door.Waiting(t.Context(), g.app.Installation, g.lab.RepositoryID(t, "acme/"+other.name),
		"acme/"+other.name, 1000001, "production")
	if given := g.app.Grants(t); err != nil || len(given) != 2 || given[0].Repositories[0] == given[1].Repositories[0] {
		t.Errorf("tokens = %+v, %v, want one for each repository", given, err)
	}
}

func TestJ07_an_installation_that_does_not_hold_the_repository_gets_no_token(t *testing.T) {
	g, stranger := newGuarded(t, "app-held"), newGuarded(t, "app-stranger")
	g.lab.Waits(t, g.name, 44, "production", nil)
	elsewhere := g.app.Installation + 1
	g.app.Install(t, elsewhere, stranger.name)
	for name, installation := range map[string]int64{
		"of another repository": elsewhere, "of another app": stranger.app.Installation, "of nobody": 5,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := g.door.Waiting(t.Context(), installation, g.number, g.name, 44, "production")
			wantFault(t, err, fault.Refused, fault.Authn)
		})
	}
	_, err := stranger.door.Waiting(t.Context(), g.app.Installation, g.number, g.name, 44, "production")
	wantFault(t, err, fault.Refused, fault.Authn)
	if heard, given := g.lab.Answers(t, g.name, 44), g.app.Grants(t); len(heard)+len(given) != 0 {
		t.Errorf("answers = %+v, tokens = %+v, want none", heard, given)
	}
	if w, err := g.open(44); err != nil {
		t.Error(err)
	} else {
		g.still(w, true)
	}
}

// An app that may not answer for an environment is told so.
func TestJ07_an_app_that_the_environment_does_not_ask_answers_nothing(t *testing.T) {
	g, other := newGuarded(t, "app-asked"), newGuarded(t, "app-not-asked")
	other.app.Install(t, other.app.Installation, g.name)
	g.lab.Waits(t, g.name, 45, "production", nil)
	w, err := other.door.Waiting(t.Context(), other.app.Installation, g.number, g.name, 45, "production")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Answer(t.Context(), "approved", "")
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
	if heard := g.lab.Answers(t, g.name, 45); len(heard) != 0 {
		t.Errorf("answers = %+v, want none", heard)
	}
}

// The number and the name of a repository have to be of the same one.
func TestJ07_a_repository_that_has_another_number_or_name_is_refused(t *testing.T) {
	g := newGuarded(t, "app-named")
	other := newWorld(t, "app-named-other")
	g.app.Install(t, g.app.Installation, g.name, "acme/"+other.name)
	g.lab.Waits(t, g.name, 46, "production", nil)
	_, err := g.door.Waiting(t.Context(), g.app.Installation, g.number, "acme/"+other.name, 1000001, "production")
	wantFault(t, err, fault.Refused, fault.Source)

	answers := func(id int64, name string) {
		body, err := json.Marshal(object{"id": id, "full_name": name, "default_branch": "main"})
		if err != nil {
			t.Fatal(err)
		}
		g.lab.Fault(t, object{"target": "github", "match": "^GET /api/v3/repos/" + g.name + "$", "status": 200,
			"headers": map[string]string{"Content-Type": "application/json"}, "body": string(body)})
	}
	answers(g.number+1, g.name)
	_, err = g.open(46)
	wantFault(t, err, fault.Refused, fault.Source)
	answers(g.number, "acme/renamed")
	_, err = g.open(46)
	wantFault(t, err, fault.Refused, fault.Malformed)

	g.lab.Set(t, "/github/repos/"+g.name, object{"id": g.number + 1})
	g.again()
	_, err = g.open(46)
	wantFault(t, err, fault.Refused, fault.Authn)
	g.lab.Set(t, "/github/repos/"+g.name, object{"id": g.number})
	if _, err := g.open(46); err != nil {
		t.Error(err)
	}
}

// A token that is given for other repositories than the one that was asked about is not used.
func TestJ07_a_token_for_other_repositories_is_not_used(t *testing.T) {
	g := newGuarded(t, "app-wide")
	for _, body := range []object{
		{}, {"token": "ghs_x"}, {"token": "ghs_x", "repositories": []object{}},
		{"token": "ghs_x", "repositories": []object{{"id": g.number + 1}}},
		{"token": "ghs_x", "repositories": []object{{"id": g.number}, {"id": g.number + 1}}},
	} {
		g.given(body)
		_, err := g.open(1000001)
		wantFault(t, err, fault.Refused, fault.Malformed)
	}
}

// given is what the API answers next to who asks for a token.
func (g *guarded) given(body object) {
	g.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		g.t.Fatal(err)
	}
	g.lab.Fault(g.t, object{"target": "github", "match": "^POST .*/access_tokens$", "status": 201, "body": string(b)})
}

func TestJ05_no_error_shows_a_token_of_the_app(t *testing.T) {
	g := newGuarded(t, "app-secret")
	g.lab.Waits(t, g.name, 47, "production", nil)
	const secret = "ghs_0123456789abcdef0123456789abcdef0123"
	for _, x := range []object{
		{"status": 401}, {"status": 403}, {"status": 404}, {"status": 200, "body": "no JSON"}, {"status": 200,
			"body": "[]"},
		{"status": 301, "headers": map[string]string{"Location": "https://127.0.0.1:1/" + secret}},
	} {
		g.again()
		g.given(object{"token": secret, "expires_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
			"repositories": []object{{"id": g.number}}})
		if x["body"] == nil {
			x["body"] = `{"message":"` + secret + `"}`
		}
		x["target"], x["match"] = "github", "^GET /api/v3/repos/"
		g.lab.Fault(t, x)
		_, err := g.open(47)
		g.lab.Unset(t, "/faults")
		if err == nil {
			t.Errorf("%v: no error", x)
			continue
		}
		if said := err.Error() + fault.Of(err).Hint; strings.Contains(said, secret) || strings.Contains(said, "eyJ") {
			t.Errorf("%v: %s", x, said)
		}
	}
}

// A token that somebody has taken back is asked for anew, and one that ends soon too.
func TestApp_token_is_asked_for_anew_when_it_is_worth_nothing(t *testing.T) {
	g := newGuarded(t, "app-revoked")
	g.waits(48)
	g.app.Revoke(t)
	_, err := g.open(48)
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
	if _, err := g.open(48); err != nil {
		t.Errorf("after the token was taken back: %v", err)
	}
	g.app.Revoke(t)
	g.app.Set(t, map[string]any{"token_seconds": 200})
	g.again()
	for range 2 {
		if _, err := g.open(48); err != nil {
			t.Fatal(err)
		}
	}
	if given := g.app.Grants(t); len(given) != 2 {
		t.Errorf("%d tokens, want one for each of two times", len(given))
	}
}

// Many who ask about one repository share one request, and nobody waits for another repository.
func TestApp_a_slow_token_holds_up_its_own_repository_only(t *testing.T) {
	g := newGuarded(t, "app-slow")
	other := newWorld(t, "app-quick")
	quick := g.app.Installation + 1
	g.app.Install(t, quick, "acme/"+other.name)
	g.lab.Fault(t, object{"target": "github", "delay_ms": 2000,
		"match": fmt.Sprintf("^POST /api/v3/app/installations/%d/", g.app.Installation)})
	var all sync.WaitGroup
	began := time.Now()
	for range 6 {
		all.Go(func() {
			if _, err := g.open(1000001); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(200 * time.Millisecond)
	number := g.lab.RepositoryID(t, "acme/"+other.name)
	_, err := g.door.Waiting(t.Context(), quick, number, "acme/"+other.name, 1000001, "production")
	if took := time.Since(began); err != nil || took > 1800*time.Millisecond {
		t.Errorf("the other repository took %s, %v", took, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = g.door.Waiting(ctx, g.app.Installation, g.number, g.name, 1000001, "production")
	if err == nil || time.Since(began) > 1900*time.Millisecond {
		t.Errorf("who waits no longer: %v after %s", err, time.Since(began))
	}
	all.Wait()
	if given := g.app.Grants(t); len(given) != 2 {
		t.Errorf("%d tokens, want one for each of two repositories", len(given))
	}
}

func TestJ09_a_note_too_many_and_a_long_one_are_not_taken(t *testing.T) {
	g := newGuarded(t, "app-notes")
	w := g.waits(49)
	g.answer(w, "", strings.Repeat("ü", github.MaxComment+1), false)
	for range 10 {
		g.answer(w, "", strings.Repeat("ü", github.MaxComment), true)
	}
	g.answer(w, "", "eleven", false)
	g.answer(w, "approved", strings.Repeat("x", github.MaxComment+1), false)
	g.still(w, true)
	g.answer(w, "rejected", "enough", true)
}

// Both forms of a key do, and what is no key of an app says so.
func TestApp_keys(t *testing.T) {
	g := newGuarded(t, "app-keys")
	block, _ := pem.Decode(g.app.Key)
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	public := x509.MarshalPKCS1PublicKey(&key.PublicKey)
	file := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	for name, good := range map[string][]byte{"PKCS#1": g.app.Key, "PKCS#8": file("PRIVATE KEY", pkcs8)} {
		for _, id := range []string{g.app.ClientID, fmt.Sprint(g.app.ID)} {
			door, err := github.NewApp(g.lab.GitHub, g.lab.GitHub+"/api/v3", id, good)
			if err == nil {
				_, err = door.Waiting(t.Context(), g.app.Installation, g.number, g.name, 1000001, "production")
			}
			if err != nil {
				t.Errorf("%s of %s: %v", name, id, err)
			}
		}
	}
	for name, bad := range map[string][]byte{
		"nothing": nil, "no PEM": []byte("key"), "half": file("RSA PRIVATE KEY", block.Bytes[:len(block.Bytes)/2]),
		"a curve": file("PRIVATE KEY", ec), "public": file("RSA PUBLIC KEY", public),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := github.NewApp(g.lab.GitHub, "", g.app.ClientID, bad)
			wantFault(t, err, fault.Usage, fault.Config)
		})
	}
	for _, c := range []struct{ server, api, id string }{
		{g.lab.GitHub, "", ""}, {"http://forge.example", "", "1"}, {g.lab.GitHub, "no URL", "1"},
	} {
		_, err := github.NewApp(c.server, c.api, c.id, g.app.Key)
		wantFault(t, err, fault.Usage, fault.Config)
	}
}

// Another app's key, another app's ID and a wrong clock are told apart from a missing installation.
func TestApp_that_is_not_believed_is_told_what_to_compare(t *testing.T) {
	g, other := newGuarded(t, "app-believed"), newGuarded(t, "app-other")
	for name, mend := range map[string]func(){
		"key":  func() { g.door, _ = github.NewApp(g.lab.GitHub, "", g.app.ClientID, other.app.Key) },
		"ID":   func() { g.door, _ = github.NewApp(g.lab.GitHub, "", "Iv1.none", g.app.Key) },
		"late": func() { g.door.Now = func() time.Time { return time.Now().Add(-time.Hour) } },
		"soon": func() { g.door.Now = func() time.Time { return time.Now().Add(time.Hour) } },
	} {
		t.Run(name, func(t *testing.T) {
			g.again()
			mend()
			_, err := g.open(1000001)
			wantFault(t, err, fault.Unavailable, fault.NotAvailable)
			if hint := fault.Of(err).Hint; !strings.Contains(hint, "private key") || !strings.Contains(hint, "clock") {
				t.Errorf("hint = %q", hint)
			}
		})
	}
}

// Of two deployments that wait in one environment of a run, each is told apart.
func TestJ08_a_deployment_that_was_answered_does_not_wait_while_another_one_does(t *testing.T) {
	g := newGuarded(t, "app-two")
	first := g.lab.Waits(t, g.name, 44, "production", nil).Deployment
	w, err := g.open(44)
	if err != nil {
		t.Fatal(err)
	}
	is := func(deployment int64, want bool) {
		t.Helper()
		if got, began, err := w.Waits(t.Context(), deployment); err != nil || got != want || began == want {
			t.Errorf("deployment %d waits: %v, began: %v, %v, want %v", deployment, got, began, err, want)
		}
	}
	is(first, true)
	g.answer(w, "approved", "the gate has looked", true)
	second := g.lab.Waits(t, g.name, 44, "production", nil).Deployment
	g.still(w, true)
	is(first, false)
	is(second, true)
	if got, began, err := w.Waits(t.Context(), 1); err != nil || !got || began {
		t.Errorf("one of which nothing is told: %v, %v, %v", got, began, err)
	}
}

// The files of another repository are read with a token for that repository and for nothing else.
func TestJ07_files_of_a_called_workflow_are_read_with_a_token_that_reads_files_there_alone(t *testing.T) {
	g := newGuarded(t, "app-caller")
	const commit = "9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"
	for name, id := range map[string]int64{"acme/app-called": 881, "acme/app-elsewhere": 882, "other/app-called": 883} {
		g.lab.Set(t, "/github/repos/"+name, object{"id": id, "visibility": "private"})
		g.lab.Set(t, "/github/repos/"+name+"/files", object{"commit": commit, "files": object{"w.yml": name}})
	}
	g.app.Install(t, g.app.Installation, g.name, "acme/app-called")
	w := g.waits(45)
	if raw, err := w.FileOf(t.Context(), "acme/app-called", commit, "w.yml"); err != nil ||
		string(raw) != "acme/app-called" {
		t.Errorf("%q, %v", raw, err)
	}
	for _, name := range []string{"acme/app-elsewhere", "other/app-called"} {
		if _, err := w.FileOf(t.Context(), name, commit, "w.yml"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want that it is not there", name, err)
		}
	}
	given := 0
	for _, x := range g.app.Grants(t) {
		if slices.Equal(x.Repositories, []int64{881}) {
			given++
			if len(x.Permissions) != 2 || x.Permissions["contents"] != "read" || x.Permissions["metadata"] != "read" {
				t.Errorf("the token may %v", x.Permissions)
			}
		}
	}
	if given != 1 {
		t.Errorf("%d tokens for the called repository, want one", given)
	}
	repo, err := g.door.Files(t.Context(), "acme/app-called", 881)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := repo.FileOf(t.Context(), "acme/app-called", commit, "w.yml"); err != nil ||
		string(raw) != "acme/app-called" {
		t.Errorf("%q, %v", raw, err)
	}
	_, err = g.door.Files(t.Context(), "acme/app-called", 5)
	wantFault(t, err, fault.Refused, fault.Malformed)
	_, err = g.door.Files(t.Context(), "acme/app-elsewhere", 882)
	wantFault(t, err, fault.Refused, fault.Authn)
}

// asked counts the questions about a path of the repository.
func (g *guarded) asked(part string) (n int) {
	g.t.Helper()
	for _, r := range g.lab.Requests(g.t) {
		if strings.HasPrefix(r.Path, "/api/v3/repos/"+g.name+part) {
			n++
		}
	}
	return n
}

const ofCommit = "9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"

// reads reads a workflow of a repository as the one that waits.
func (g *guarded) reads(repository string) error {
	g.t.Helper()
	w, err := g.open(1000001)
	if err != nil {
		return err
	}
	body, err := w.FileOf(g.t.Context(), repository, ofCommit, ".github/workflows/deploy.yml")
	if err == nil && string(body) != "on: push" {
		g.t.Errorf("the file of %s is %q", repository, body)
	}
	return err
}

func (g *guarded) has(repository string, more object) {
	g.t.Helper()
	if len(more) > 0 {
		g.lab.Set(g.t, "/github/repos/"+repository, more)
	}
	g.lab.Set(g.t, "/github/repos/"+repository+"/files",
		object{"commit": ofCommit, "files": object{".github/workflows/deploy.yml": "on: push"}})
}

func TestApp_a_file_of_a_commit_is_asked_for_once(t *testing.T) {
	g := newGuarded(t, "app-files")
	g.has(g.name, nil)
	for range 3 { // each is a run that waits, which begins with nothing
		if err := g.reads(g.name); err != nil {
			t.Fatal(err)
		}
	}
	if n := g.asked("/contents/"); n != 1 {
		t.Errorf("it was asked for %d times, want once", n)
	}
}

// A file that was not there is asked for again.
func TestApp_a_file_that_is_not_shown_is_not_kept(t *testing.T) {
	g := newGuarded(t, "app-no-file")
	if err := g.reads(g.name); err == nil {
		t.Fatal("the file is there")
	}
	g.has(g.name, nil)
	if err := g.reads(g.name); err != nil {
		t.Error(err)
	}
}

// Two repositories of one app, of which one may read a third: the other is shown nothing of what it has read.
func TestJ07_what_one_repository_has_read_no_other_is_shown(t *testing.T) {
	g := newGuarded(t, "app-reader")
	owner := g.lab.RepositoryID(t, g.name)
	hidden := "acme/app-hidden"
	g.has(hidden, object{"id": owner + 500_000, "visibility": "private"})
	g.app.Install(t, g.app.Installation, g.name, hidden)
	if err := g.reads(hidden); err != nil {
		t.Fatal(err)
	}
	other := newWorld(t, "app-stranger")
	g.app.Install(t, g.app.Installation+1, "acme/"+other.name)
	g.name, g.number = "acme/"+other.name, g.lab.RepositoryID(t, "acme/"+other.name)
	g.app.Installation++
	if err := g.reads(hidden); err == nil {
		t.Error("a repository of another installation was shown what somebody else has read")
	}
}

// Where the app's access to a repository is taken back, what it has read there is gone as well.
func TestJ07_what_a_token_has_read_is_forgotten_with_it(t *testing.T) {
	g := newGuarded(t, "app-forgets")
	g.has(g.name, nil)
	if err := g.reads(g.name); err != nil {
		t.Fatal(err)
	}
	g.app.Revoke(t)
	if err := g.reads(g.name); err == nil {
		t.Fatal("the token is good")
	}
	if err := g.reads(g.name); err != nil {
		t.Fatal(err)
	}
	if n := g.asked("/contents/"); n != 2 {
		t.Errorf("the file was asked for %d times, want once with each token", n)
	}
}

// The list of a repository's runs is large, and says nothing more about the run that waits.
func TestApp_the_run_that_waits_is_not_looked_for_in_the_list_of_runs(t *testing.T) {
	g := newGuarded(t, "app-run")
	w := g.waits(41)
	if _, err := w.Environment(t.Context(), "production"); err != nil { // as a gate asks first
		t.Fatal(err)
	}
	address := g.lab.GitHub + "/" + g.name + "/actions/runs/41/attempts/1"
	all, err := w.Runs(t.Context(), []policy.RunQuery{{URI: address}})
	if err != nil || len(all) != 1 || !all[0].Own || all[0].Commit == "" {
		t.Fatalf("%+v, %v; want the run that asks", all, err)
	}
	for _, r := range g.lab.Requests(t) {
		if r.Path == "/api/v3/repos/"+g.name+"/actions/runs" {
			t.Errorf("the list of runs was asked for: %s", r.Query)
		}
	}
	if all, err = w.Runs(t.Context(), []policy.RunQuery{{URI: strings.Replace(address, "41/attempts/1",
		"41/attempts/2", 1)}}); err != nil ||
		all[0].Commit != "" {
		t.Errorf("%+v, %v; want that attempt 2 is not there", all, err)
	}
}

// One delivery that the platform does not send again holds up no other, and is not counted as sent.
func TestJ08_a_delivery_that_is_not_sent_again_is_told_and_the_others_are(t *testing.T) {
	g := newGuarded(t, "app-again")
	for run := range int64(3) {
		g.lab.Waits(t, g.name, 51+run, "production", object{"how": "lost"})
	}
	all := g.app.Deliveries(t)
	if len(all) != 3 {
		t.Fatalf("deliveries %+v, want three that were lost", all)
	}
	g.lab.Fault(t, object{"target": "github", "status": 422,
		"match": fmt.Sprintf("^POST /api/v3/app/hook/deliveries/%d/attempts$", all[1].ID)})
	n, err := g.door.Redeliver(t.Context())
	if n != 2 {
		t.Errorf("%d deliveries are sent again, want 2", n)
	}
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
}

// A busy organisation is told of more than a page holds between two looks.
func TestJ08_a_delivery_that_was_lost_is_found_behind_pages_of_others(t *testing.T) {
	g := newGuarded(t, "app-pages")
	g.lab.Waits(t, g.name, 61, "production", object{"how": "lost"})
	const more = 120 // a page has 100
	for range more {
		g.app.Deliver(t, "push", object{"ref": "refs/heads/main"}, nil)
	}
	pages := func() (n int) {
		for _, r := range g.lab.Requests(t) {
			if r.Method == http.MethodGet && r.Path == "/api/v3/app/hook/deliveries" {
				n++
			}
		}
		return n
	}
	before := pages()
	if n, err := g.door.Redeliver(t.Context()); err != nil || n != 1 {
		t.Fatalf("%d deliveries are sent again, %v; want the one that was lost", n, err)
	}
	if n := pages() - before; n != 2 {
		t.Errorf("%d pages were read, want 2", n)
	}
	if n, err := g.door.Redeliver(t.Context()); err != nil || n != 0 {
		t.Errorf("it arrived, and %d are sent again, %v", n, err)
	}
}
