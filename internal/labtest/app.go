package labtest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"sync/atomic"
	"testing"
)

// App is a GitHub App at the toy, which environments ask before they release a deployment.
type App struct {
	ID           int64
	ClientID     string
	Key          []byte // the private key, in PEM, as GitHub hands it out
	Secret       string // of its webhook
	Installation int64  // the first one

	lab           *Lab
	public        string
	hook          string
	installations map[string][]int64
	fields        map[string]any
}

// Workflow is a workflow file whose job enters production behind a gate, which asks the server SERVER for its policy.
const Workflow = `on: {push: {branches: [main]}}
permissions: {}
jobs:
  build:
    runs-on: ubuntu-24.04
    permissions: {contents: read, id-token: write, attestations: write}
    outputs: {artifacts: "${{ steps.attest.outputs.artifacts }}"}
    steps:
      - run: make
      - id: attest
        uses: sallyport-dev/sallyport/actions/attest@9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605
        with: {subject: app}
  deploy:
    needs: build
    runs-on: ubuntu-24.04
    environment: production
    permissions: {contents: read, id-token: write, actions: read, deployments: read, attestations: read}
    steps:
      - uses: sallyport-dev/sallyport@9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605
        with: {subject: app, environment: production, server: SERVER}
      - run: ./deploy.sh app
`

// apps numbers the apps of a test binary, each with room for its installations.
var apps atomic.Int64

// App makes an app whose webhook is at an address, with an installation that holds some
// repositories ("acme/widget"). The app is gone after the test.
func (l *Lab) App(t testing.TB, hook string, repositories ...string) *App {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatalf("making a key: %v", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatalf("making a key: %v", err)
	}
	id := 700_000 + 100*apps.Add(1)
	a := &App{
		ID: id, ClientID: fmt.Sprintf("Iv23li%d", id),
		Secret: fmt.Sprintf("the secret of %d", id), Installation: id + 1,
		Key:    pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
		public: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		lab:    l, hook: hook, installations: map[string][]int64{}, fields: map[string]any{},
	}
	a.Install(t, a.Installation, repositories...)
	t.Cleanup(func() { l.Unset(t, a.path("")) })
	return a
}

func (a *App) path(s string) string { return fmt.Sprintf("/github/apps/%d%s", a.ID, s) }

// Install says which repositories an installation of the app holds. The number has to be
// one that no other app has: Installation, or one of the next ninety.
func (a *App) Install(t testing.TB, installation int64, repositories ...string) {
	t.Helper()
	held := []int64{}
	for _, name := range repositories {
		held = append(held, a.lab.RepositoryID(t, name))
	}
	a.installations[fmt.Sprint(installation)] = held
	a.put(t)
}

// Set changes fields of the app, as the control API has them.
func (a *App) Set(t testing.TB, fields map[string]any) {
	t.Helper()
	maps.Copy(a.fields, fields)
	a.put(t)
}

// Hook says where the webhook is from now on, and which secret it has.
func (a *App) Hook(t testing.TB, address, secret string) {
	t.Helper()
	a.hook, a.Secret = address, secret
	a.put(t)
}

func (a *App) put(t testing.TB) {
	t.Helper()
	all := map[string]any{
		"client_id": a.ClientID, "key": a.public, "webhook": map[string]string{"url": a.hook, "secret": a.Secret},
		"installations": a.installations,
	}
	maps.Copy(all, a.fields)
	a.lab.Set(t, a.path(""), all)
}

// Guards makes the app a rule of an environment, which is made if it is not there.
func (a *App) Guards(t testing.TB, repository, environment string) {
	t.Helper()
	a.lab.Set(t, "/github/repos/"+repository+"/environments/"+environment+"/app", map[string]any{"app": a.ID})
}

// Revoke makes all tokens of the app bad.
func (a *App) Revoke(t testing.TB) {
	t.Helper()
	a.lab.Unset(t, a.path("/tokens"))
}

// Grant is what the app was given a token for.
type Grant struct {
	Installation int64
	Repositories []int64
	Permissions  map[string]string
}

// Grants returns what the app was given tokens for, the oldest first.
func (a *App) Grants(t testing.TB) []Grant {
	t.Helper()
	return decoded[[]Grant](t, a.lab.get(t, a.path("/tokens"), ""))
}

// Delivery is an attempt to deliver an event to an app.
type Delivery struct {
	ID, App       int64
	GUID          string
	Event, Action string
	Redelivery    bool
	Status        int // of the answer; 502 and 504: there was none; 0: not delivered yet, or never
	Body          json.RawMessage
}

// Deliveries returns what was delivered to the app, or was lost, the oldest first.
func (a *App) Deliveries(t testing.TB) []Delivery {
	t.Helper()
	return decoded[[]Delivery](t, a.lab.get(t, a.path("/deliveries"), ""))
}

// Deliver tells the app of any event. errand says how, as the lab's README has it; nil is
// the good way.
func (a *App) Deliver(t testing.TB, event string, body any, errand map[string]any) []Delivery {
	t.Helper()
	all := map[string]any{"event": event, "body": body}
	maps.Copy(all, errand)
	return decoded[Reached](t, a.lab.send(t, http.MethodPost, a.path("/deliver"), all)).Deliveries
}

// Reached is what came of a run that reached an environment.
type Reached struct {
	Deployment int64
	Deliveries []Delivery
}

// Waits lets a run reach an environment that asks an app, and returns when the app was
// told. errand says how, as the lab's README has it; nil is the good way.
func (l *Lab) Waits(t testing.TB, repository string, run int64, environment string, errand map[string]any) Reached {
	t.Helper()
	all := map[string]any{"environment": environment}
	maps.Copy(all, errand)
	path := fmt.Sprintf("/github/repos/%s/runs/%d/reach", repository, run)
	return decoded[Reached](t, l.send(t, http.MethodPost, path, all))
}

// Answer is what an app said of deployments; a note has no state.
type Answer struct {
	App, Installation           int64
	Environment, State, Comment string
	Deployments                 []int64
}

// Answers returns what apps have said of a run, the oldest first. What the toy refused is
// not among it.
func (l *Lab) Answers(t testing.TB, repository string, run int64) []Answer {
	t.Helper()
	return decoded[[]Answer](t, l.get(t, fmt.Sprintf("/github/repos/%s/runs/%d/answers", repository, run), ""))
}

// RepositoryID returns the number of a repository at the toy GitHub.
func (l *Lab) RepositoryID(t testing.TB, repository string) int64 {
	t.Helper()
	return decoded[struct{ ID int64 }](t, l.get(t, "/github/repos/"+repository, "")).ID
}

func decoded[T any](t testing.TB, b []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("reading the lab's answer: %v", err)
	}
	return v
}
