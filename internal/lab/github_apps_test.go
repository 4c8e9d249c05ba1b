package lab

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// A testApp is an app of one repository, and what came to its webhook.
type testApp struct {
	id      int64
	install int64
	repo    string // /repos/acme/…
	number  int64
	key     *rsa.PrivateKey
	hook    *httptest.Server

	mu   sync.Mutex
	came []arrival
	then int // the status of the webhook's answers
}

type arrival struct {
	header http.Header
	body   []byte
}

var appKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func anApp(t *testing.T, id int64, name string) *testApp {
	t.Helper()
	a := &testApp{id: id, install: id + 1, key: appKey(), then: 202}
	a.repo = aRepo(t, name, `{"unprotected":["production"]}`)
	a.number = decode[struct{ ID int64 }](t, control(t, http.MethodGet, "/github"+a.repo, "")).ID
	a.hook = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.came = append(a.came, arrival{r.Header, b})
		w.WriteHeader(a.then)
	}))
	t.Cleanup(a.hook.Close)
	a.put(t, fmt.Sprintf(`{"%d":[%d]}`, a.install, a.number), `{}`)
	set(t, a.repo, "/environments/production/app", fmt.Sprintf(`{"app":%d}`, id))
	return a
}

// put sets the app anew, with installations and more fields.
func (a *testApp) put(t *testing.T, installations, more string) {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(a.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	s := decode[object](t, []byte(more))
	s["client_id"] = fmt.Sprintf("Iv1.%d", a.id)
	s["key"] = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	s["webhook"] = object{"url": a.hook.URL + "/hook", "secret": "s3cret"}
	s["installations"] = decode[object](t, []byte(installations))
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	control(t, http.MethodPut, fmt.Sprintf("/github/apps/%d", a.id), string(b))
}

// answersWith sets the status of the webhook's answers.
func (a *testApp) answersWith(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.then = status
}

func (a *testApp) arrivals() []arrival {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]arrival{}, a.came...)
}

// jwt is what the app shows of itself, with other claims over the good ones.
func (a *testApp) jwt(t *testing.T, algorithm jose.SignatureAlgorithm, key any, over object) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	b, err := json.Marshal(with(object{"iss": fmt.Sprintf("Iv1.%d", a.id), "iat": now - 60, "exp": now + 540}, over))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(b)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (a *testApp) shown(t *testing.T) string { return a.jwt(t, jose.RS256, a.key, nil) }

// appCall calls the toy with a token.
func appCall(t *testing.T, token, method, path, body string, want int) []byte {
	t.Helper()
	header := map[string]string{"Authorization": "Bearer " + token}
	if body != "" {
		header["Content-Type"] = "application/json"
	}
	resp, b := do(t, call{method, labUnderTest.GitHub + "/api/v3" + path, body, header})
	if resp.status != want {
		t.Errorf("%s %s %s: status %d, want %d: %s", method, path, body, resp.status, want, b)
	}
	return b
}

type tokenAnswer struct {
	Token        string
	Expires      time.Time `json:"expires_at"`
	Permissions  map[string]string
	Repositories []struct{ ID int64 }
}

// token is one for the app's repository.
func (a *testApp) token(t *testing.T) string {
	t.Helper()
	body := fmt.Sprintf(`{"repository_ids":[%d]}`, a.number)
	return decode[tokenAnswer](t, appCall(t, a.shown(t), "POST", a.tokens(), body, 201)).Token
}

func (a *testApp) tokens() string {
	return fmt.Sprintf("/app/installations/%d/access_tokens", a.install)
}

type reachAnswer struct {
	Deployment int64
	Deliveries []deliveryAnswer
}

type deliveryAnswer struct {
	ID         int64
	GUID       string
	Redelivery bool
	Status     int
}

// reaches lets a run reach production.
func (a *testApp) reaches(t *testing.T, run int, how string) reachAnswer {
	t.Helper()
	body := `{"environment":"production"` + how + `}`
	return decode[reachAnswer](t, control(t, "POST", fmt.Sprintf("/github%s/runs/%d/reach", a.repo, run), body))
}

func (a *testApp) answers(t *testing.T, run int) []said {
	t.Helper()
	return decode[[]said](t, control(t, "GET", fmt.Sprintf("/github%s/runs/%d/answers", a.repo, run), ""))
}

func (a *testApp) state(t *testing.T, id int64) string {
	t.Helper()
	return gitHubGet[[]struct{ State string }](t, fmt.Sprintf("%s/deployments/%d/statuses", a.repo, id))[0].State
}

// An app gets a token for what it asks for, and no more.
func TestGitHubAppToken(t *testing.T) {
	a := anApp(t, 7100, "apptoken")
	other := anApp(t, 7110, "apptokenother")
	asking := func(permission string) string {
		return fmt.Sprintf(`{"repository_ids":[%d],"permissions":{%s}}`, a.number, permission)
	}
	named := func(repo string) string { return fmt.Sprintf(`{"repositories":[%q]}`, path.Base(repo)) }
	body := asking(`"actions":"read"`)
	got := decode[tokenAnswer](t, appCall(t, a.shown(t), "POST", a.tokens(), body, 201))
	if !strings.HasPrefix(got.Token, "ghs_") || len(got.Repositories) != 1 || got.Repositories[0].ID != a.number ||
		len(got.Permissions) != 2 || time.Until(got.Expires) < 59*time.Minute || time.Until(got.Expires) > time.Hour {
		t.Errorf("token = %+v, want one of an hour for repository %d that may read", got, a.number)
	}
	for _, c := range []struct {
		token, method, path, body string
		want                      int
	}{
		{got.Token, "GET", a.repo, "", 200},
		{got.Token, "GET", a.repo + "/actions/runs/1000001", "", 200},
		{got.Token, "GET", a.repo + "/deployments", "", 403},
		{got.Token, "GET", a.repo + "/environments", "", 200},
		{got.Token, "PUT", a.repo + "/environments/production", "{}", 403},
		{got.Token, "GET", other.repo, "", 200}, // it is public
		{got.Token, "PUT", other.repo + "/environments/production", "{}", 404},
		{got.Token, "GET", aRepo(t, "apptokenhidden", `{"visibility":"private"}`), "", 404},
		{got.Token, "GET", a.repo + "/installation", "", 401},
		{got.Token, "GET", "/orgs/acme/teams/x", "", 403},
		{got.Token, "GET", "/users/alice", "", 200},
		{a.shown(t), "GET", a.repo, "", 401},
		{a.shown(t), "GET", a.repo + "/installation", "", 200},
		{a.shown(t), "GET", other.repo + "/installation", "", 404},
		{a.shown(t), "POST", a.tokens(), fmt.Sprintf(`{"repository_ids":[%d]}`, other.number), 422},
		{a.shown(t), "POST", a.tokens(), named(a.repo), 201},
		{a.shown(t), "POST", a.tokens(), named(other.repo), 422},
		{a.shown(t), "POST", a.tokens(), fmt.Sprintf(`{"repositories":["none"],"repository_ids":[%d]}`, a.number), 422},
		{a.shown(t), "POST", a.tokens(), asking(`"contents":"write"`), 422},
		{a.shown(t), "POST", other.tokens(), body, 404},
		{a.shown(t), "POST", a.tokens(), "", 201},
		{labUnderTest.tokens.github, "POST", a.tokens(), body, 401},
		{got.Token, "POST", a.tokens(), body, 401},
	} {
		appCall(t, c.token, c.method, c.path, c.body, c.want)
	}
	given := decode[[]object](t, control(t, "GET", fmt.Sprintf("/github/apps/%d/tokens", a.id), ""))
	if len(given) != 3 || strings.Contains(fmt.Sprint(given), "ghs_") {
		t.Errorf("grants = %v, want three without a token", given)
	}
	a.put(t, `{}`, `{}`)
	appCall(t, got.Token, "PUT", a.repo+"/environments/production", "{}", 404)
	a.put(t, fmt.Sprintf(`{"%d":[%d]}`, a.install, a.number), `{"token_seconds":-5}`)
	appCall(t, a.token(t), "GET", a.repo, "", 401)
	control(t, "DELETE", fmt.Sprintf("/github/apps/%d/tokens", a.id), "")
	appCall(t, got.Token, "GET", a.repo, "", 401)
}

// What an app shows of itself has to be signed by its key, and for ten minutes at most.
func TestGitHubAppShown(t *testing.T) {
	a := anApp(t, 7120, "appshown")
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	for name, c := range map[string]struct {
		token string
		want  int
	}{
		"good":        {a.shown(t), 200},
		"its number":  {a.jwt(t, jose.RS256, a.key, object{"iss": a.id}), 200},
		"as text":     {a.jwt(t, jose.RS256, a.key, object{"iss": fmt.Sprint(a.id)}), 200},
		"another key": {a.jwt(t, jose.RS256, foreign, nil), 401},
		"another app": {a.jwt(t, jose.RS256, a.key, object{"iss": "Iv1.none"}), 401},
		"no app":      {a.jwt(t, jose.RS256, a.key, object{"iss": ""}), 401},
		"PS256":       {a.jwt(t, jose.PS256, a.key, nil), 401},
		"HS256":       {a.jwt(t, jose.HS256, []byte(strings.Repeat("k", 32)), nil), 401},
		"over":        {a.jwt(t, jose.RS256, a.key, object{"exp": now - 1}), 401},
		"too long":    {a.jwt(t, jose.RS256, a.key, object{"exp": now + 660}), 401},
		"long":        {a.jwt(t, jose.RS256, a.key, object{"iat": now - 120}), 401},
		"the future":  {a.jwt(t, jose.RS256, a.key, object{"iat": now + 30}), 401},
		"no times":    {a.jwt(t, jose.RS256, a.key, object{"iat": nil, "exp": nil}), 401},
		"no JWT":      {"a.b.c", 401},
	} {
		t.Run(name, func(t *testing.T) { appCall(t, c.token, "GET", "/app/hook/deliveries", "", c.want) })
	}
}

// A run that reaches an environment waits there, and the app is asked.
func TestGitHubAppIsAsked(t *testing.T) {
	a := anApp(t, 7130, "appasked")
	set(t, a.repo, "/runs/55", `{"event":"workflow_dispatch","actor":{"login":"bob","id":88}}`)
	got := a.reaches(t, 55, "")
	came := a.arrivals()
	if len(came) != 1 || len(got.Deliveries) != 1 || got.Deliveries[0].Status != 202 {
		t.Fatalf("reach = %+v and %d arrivals, want one that was answered with 202", got, len(came))
	}
	m := hmac.New(sha256.New, []byte("s3cret"))
	m.Write(came[0].body)
	for name, want := range map[string]string{
		"X-GitHub-Event": "deployment_protection_rule", "X-GitHub-Delivery": got.Deliveries[0].GUID,
		"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(m.Sum(nil)), "Content-Type": "application/json",
	} {
		if have := came[0].header.Get(name); have != want {
			t.Errorf("%s = %q, want %q", name, have, want)
		}
	}
	p := decode[object](t, came[0].body)
	callback := labUnderTest.GitHub + "/api/v3" + a.repo + "/actions/runs/55/deployment_protection_rule"
	if p["action"] != "requested" || p["deployment_callback_url"] != callback || p["event"] != "workflow_dispatch" ||
		idOf(p["deployment"].(object)) != got.Deployment || idOf(p["installation"].(object)) != a.install ||
		p["sender"].(object)["login"] != "bob" || idOf(p["repository"].(object)) != a.number {
		t.Errorf("event = %s", came[0].body)
	}
	pending := gitHubGet[[]object](t, a.repo+"/actions/runs/55/pending_deployments")
	if len(pending) != 1 || a.state(t, got.Deployment) != "pending" {
		t.Errorf("pending = %v, state %s", pending, a.state(t, got.Deployment))
	}
	if run := gitHubGet[runAnswer](t, a.repo+"/actions/runs/55"); run.Status != "waiting" {
		t.Errorf("run = %+v, want it to wait", run)
	}
}

// An answer counts for all deployments of the run that wait at the environment.
func TestGitHubAppAnswers(t *testing.T) {
	a := anApp(t, 7140, "appanswers")
	rule := func(run int) string {
		return fmt.Sprintf("%s/actions/runs/%d/deployment_protection_rule", a.repo, run)
	}
	note := `{"environment_name":"production","comment":"looking"}`
	approved := `{"environment_name":"production","state":"approved","comment":"ok"}`
	rejected := `{"environment_name":"production","state":"rejected"}`
	first, second, third := a.reaches(t, 61, ""), a.reaches(t, 61, ""), a.reaches(t, 62, "")
	token := a.token(t)
	appCall(t, token, "POST", rule(61), note, 204)
	appCall(t, token, "POST", rule(61), approved, 204)
	appCall(t, token, "POST", rule(61), approved, 422)
	appCall(t, token, "POST", rule(61), rejected, 422)
	appCall(t, token, "POST", rule(61), note, 422)
	appCall(t, token, "POST", rule(62), rejected, 204)
	appCall(t, token, "POST", rule(63), approved, 404)
	for id, want := range map[int64]string{
		first.Deployment: "in_progress", second.Deployment: "in_progress", third.Deployment: "failure",
	} {
		if got := a.state(t, id); got != want {
			t.Errorf("deployment %d: %s, want %s", id, got, want)
		}
	}
	for run, want := range map[string]string{"61": "in_progress", "62": "completed"} {
		if got := gitHubGet[runAnswer](t, a.repo+"/actions/runs/"+run); got.Status != want {
			t.Errorf("run %s: %s, want %s", run, got.Status, want)
		}
		if left := gitHubGet[[]object](t, a.repo+"/actions/runs/"+run+"/pending_deployments"); len(left) != 0 {
			t.Errorf("run %s: %v waits", run, left)
		}
	}
	heard := a.answers(t, 61)
	if len(heard) != 2 || heard[0].State != "" || heard[0].Comment != "looking" || heard[1].State != "approved" ||
		heard[1].App != a.id || heard[1].Installation != a.install || len(heard[1].Deployments) != 2 {
		t.Errorf("answers = %+v, want a note and an approval of both", heard)
	}
	a.put(t, fmt.Sprintf(`{"%d":[%d]}`, a.install, a.number), `{"late":404}`)
	appCall(t, a.token(t), "POST", rule(61), approved, 404)
}

// Only the app that owns the rule may answer, with the permission for it.
func TestGitHubAppMayAnswer(t *testing.T) {
	a, other := anApp(t, 7150, "appmay"), anApp(t, 7160, "appmayother")
	a.reaches(t, 71, "")
	rule := a.repo + "/actions/runs/71/deployment_protection_rule"
	const approved = `{"environment_name":"production","state":"approved"}`
	other.put(t, fmt.Sprintf(`{"%d":[%d,%d]}`, other.install, other.number, a.number), `{}`)
	less := fmt.Sprintf(`{"repository_ids":[%d],"permissions":{"deployments":"read"}}`, a.number)
	both := fmt.Sprintf(`{"repository_ids":[%d]}`, a.number)
	for token, want := range map[string]int{
		labUnderTest.tokens.github: 403,
		a.shown(t):                 401,
		decode[tokenAnswer](t, appCall(t, a.shown(t), "POST", a.tokens(), less, 201)).Token:         403,
		decode[tokenAnswer](t, appCall(t, other.shown(t), "POST", other.tokens(), both, 201)).Token: 403,
	} {
		appCall(t, token, "POST", rule, approved, want)
	}
	if heard := a.answers(t, 71); len(heard) != 0 {
		t.Errorf("answers = %+v, want none", heard)
	}
}

// J09: there are ten notes of a deployment, each of 1024 characters.
func TestJ09_an_eleventh_note_and_a_long_one_are_refused(t *testing.T) {
	a := anApp(t, 7170, "appnotes")
	a.reaches(t, 81, "")
	token, rule := a.token(t), a.repo+"/actions/runs/81/deployment_protection_rule"
	say := func(comment, more string, want int) {
		t.Helper()
		appCall(t, token, "POST", rule, `{"environment_name":"production","comment":"`+comment+`"`+more+`}`, want)
	}
	say(strings.Repeat("ü", 1025), "", 422)
	say("", "", 422)
	for range 10 {
		say(strings.Repeat("ü", 1024), "", 204)
	}
	say("eleven", "", 422)
	say(strings.Repeat("x", 1025), `,"state":"approved"`, 422)
	say("ok", `,"state":"approved"`, 204)
	if heard := a.answers(t, 81); len(heard) != 11 {
		t.Errorf("%d answers, want 11", len(heard))
	}
}

// Where an environment has reviewers too, both are asked.
func TestGitHubAppAndReviewers(t *testing.T) {
	a := anApp(t, 7180, "appreview")
	control(t, http.MethodPut, "/github/token", `{"login":"bob","id":88}`)
	defer control(t, http.MethodPut, "/github/token", `{"login":"alice","id":77}`)
	control(t, http.MethodPut, "/github"+a.repo, `{"protected":["production"]}`)
	got := a.reaches(t, 91, "")
	path := a.repo + "/actions/runs/91/pending_deployments"
	rule := a.repo + "/actions/runs/91/deployment_protection_rule"
	appCall(t, a.token(t), "POST", rule, `{"environment_name":"production","state":"approved"}`, 204)
	pending := gitHubGet[[]struct{ Environment struct{ ID int64 } }](t, path)
	if len(pending) != 1 || a.state(t, got.Deployment) != "pending" {
		t.Fatalf("pending = %v, want it to wait for a reviewer", pending)
	}
	review := fmt.Sprintf(`{"environment_ids":[%d],"state":"approved","comment":"ok"}`, pending[0].Environment.ID)
	gitHubStatus(t, http.MethodPost, path, review, 200)
	if left := gitHubGet[[]object](t, path); len(left) != 0 || a.state(t, got.Deployment) != "in_progress" {
		t.Errorf("%v waits, deployment is %s", left, a.state(t, got.Deployment))
	}
}

// A delivery can go wrong in each way that a receiver has to bear.
func TestGitHubAppErrands(t *testing.T) {
	a := anApp(t, 7190, "apperrands")
	good := func(x arrival) bool {
		m := hmac.New(sha256.New, []byte("s3cret"))
		m.Write(x.body)
		return x.header.Get("X-Hub-Signature-256") == "sha256="+hex.EncodeToString(m.Sum(nil))
	}
	for i, c := range []struct {
		how                  string
		came, signed, listed int
		bodies               int
	}{
		{``, 1, 1, 1, 1},
		{`,"how":"twice"`, 2, 2, 2, 1},
		{`,"how":"late","delay_ms":50`, 1, 1, 1, 1},
		{`,"how":"lost"`, 0, 0, 1, 0},
		{`,"how":"unsent"`, 0, 0, 0, 0},
		{`,"how":"forged"`, 1, 0, 1, 1},
		{`,"how":"changed"`, 2, 2, 2, 2},
		{`,"how":"changed","other":{"environment":"staging"}`, 2, 2, 2, 2},
		{`,"fields":{"deployment":null,"installation":{"id":5}}`, 1, 1, 1, 1},
	} {
		before, listed := len(a.arrivals()), a.listed(t)
		got := a.reaches(t, 200+i, c.how)
		end := time.Now().Add(5 * time.Second)
		for len(a.arrivals())-before < c.came && time.Now().Before(end) {
			time.Sleep(10 * time.Millisecond)
		}
		for a.listed(t)-listed < c.listed && time.Now().Before(end) {
			time.Sleep(10 * time.Millisecond)
		}
		signed, bodies := 0, map[string]bool{}
		for _, x := range a.arrivals()[before:] {
			bodies[string(x.body)] = true
			if good(x) {
				signed++
			}
			if x.header.Get("X-GitHub-Delivery") != got.Deliveries[0].GUID {
				t.Errorf("%s: GUID %q, want %q", c.how, x.header.Get("X-GitHub-Delivery"), got.Deliveries[0].GUID)
			}
		}
		n, more := len(a.arrivals())-before, a.listed(t)-listed
		if n != c.came || signed != c.signed || len(bodies) != c.bodies || more != c.listed {
			t.Errorf("%s: %d came, %d signed, %d bodies, %d listed, want %+v", c.how, n, signed, len(bodies), more, c)
		}
	}
	all := a.arrivals()
	last := decode[object](t, all[len(all)-1].body)
	if at := last["installation"].(object); last["deployment"] != nil || idOf(at) != 5 || at["node_id"] == nil {
		t.Errorf("event = %v, want no deployment and the installation 5", last)
	}
	body := `{"event":"push","body":{"ref":"refs/heads/main"}}`
	control(t, "POST", fmt.Sprintf("/github/apps/%d/deliver", a.id), body)
	if all := a.arrivals(); all[len(all)-1].header.Get("X-GitHub-Event") != "push" {
		t.Error("the push did not come")
	}
}

// listed is how many deliveries the app is told of.
func (a *testApp) listed(t *testing.T) int {
	t.Helper()
	return len(decode[[]object](t, appCall(t, a.shown(t), "GET", "/app/hook/deliveries?per_page=100", "", 200)))
}

// What was lost is listed as failed, and comes once more when the app asks for it.
func TestGitHubAppRedelivers(t *testing.T) {
	a := anApp(t, 7200, "appagain")
	lost := a.reaches(t, 300, `,"how":"lost"`)
	a.answersWith(503)
	a.reaches(t, 301, "")
	a.answersWith(202)
	a.reaches(t, 302, "")
	type item struct {
		ID     int64
		GUID   string
		Code   int  `json:"status_code"`
		Again  bool `json:"redelivery"`
		Action string
	}
	list := func(query string) []item {
		return decode[[]item](t, appCall(t, a.shown(t), "GET", "/app/hook/deliveries"+query, "", 200))
	}
	if all := list(""); len(all) != 3 || all[0].Code != 202 || all[1].Code != 503 || all[2].Code != 502 ||
		all[2].GUID != lost.Deliveries[0].GUID || all[2].Action != "requested" {
		t.Fatalf("deliveries = %+v, want the newest first", all)
	}
	if failed := list("?status=failure"); len(failed) != 2 {
		t.Errorf("failed = %+v, want two", failed)
	}
	header := map[string]string{"Authorization": "Bearer " + a.shown(t)}
	resp, b := do(t, call{url: labUnderTest.GitHub + "/api/v3/app/hook/deliveries?per_page=2", header: header})
	next := linkTo(resp, "next")
	if first := decode[[]item](t, b); len(first) != 2 || next == "" {
		t.Fatalf("page = %+v, next %q", first, next)
	}
	_, query, _ := strings.Cut(next, "?")
	rest := list("?" + query)
	if len(rest) != 1 || rest[0].Code != 502 {
		t.Fatalf("second page = %+v, want what was lost", rest)
	}
	appCall(t, a.shown(t), "POST", fmt.Sprintf("/app/hook/deliveries/%d/attempts", rest[0].ID), "", 202)
	appCall(t, a.shown(t), "POST", "/app/hook/deliveries/1/attempts", "", 404)
	for end := time.Now().Add(5 * time.Second); len(list("")) < 4 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if all := list(""); len(all) != 4 || !all[0].Again || all[0].GUID != rest[0].GUID || all[0].Code != 202 ||
		all[0].ID == rest[0].ID {
		t.Errorf("deliveries = %+v, want the lost one again", all)
	}
}

// An app that is not installed cannot answer, so it is refused as a rule.
func TestGitHubAppControlRefuses(t *testing.T) {
	a := anApp(t, 7210, "appcontrol")
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/github" + a.repo + "/runs/5/reach", `{"environment":"none"}`, 400},
		{"POST", "/github" + a.repo + "/runs/5/reach", `{"environment":"production","how":"wrong"}`, 400},
		{"POST", "/github" + a.repo + "none/runs/5/reach", `{"environment":"production"}`, 400},
		{"PUT", "/github" + a.repo + "/environments/production/app", `{"app":1}`, 400},
		{"PUT", "/github/apps/7211", `{"key":"none"}`, 400},
		{"GET", "/github/apps/1/deliveries", "", 404},
		{"GET", "/github" + a.repo + "none", "", 404},
		{"GET", "/github" + a.repo + "none/runs/5/answers", "", 404},
	} {
		if resp, b := do(t, call{c.method, labUnderTest.Control + c.path, c.body, nil}); resp.status != c.want {
			t.Errorf("%s %s %s: status %d, want %d: %s", c.method, c.path, c.body, resp.status, c.want, b)
		}
	}
	a.put(t, `{"7212":[1]}`, `{}`)
	reach := labUnderTest.Control + "/github" + a.repo + "/runs/5/reach"
	if resp, b := do(t, call{"POST", reach, `{"environment":"production"}`, nil}); resp.status != 400 {
		t.Errorf("not installed: status %d, want 400: %s", resp.status, b)
	}
}
