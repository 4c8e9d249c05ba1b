package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"
)

// Commands of scenarios about who a job is and where its platform answers:
//
//	token VARIABLE github|gitlab AUDIENCE [CLAIMS]  an ID token, signed by the platform's issuer
//	other [ANSWER]  set OTHER to the address of another server, which answers everything with ANSWER
//	unasked         nobody has asked the other server anything
func init() {
	commands["token"], commands["other"], commands["unasked"], commands["lie"] = setToken, otherServer, unasked, lie
}

func setToken(ts *testscript.TestScript, neg bool, args []string) {
	s := on(ts)
	claims := s.selfClaims(args[1])
	if len(args) > 3 {
		ts.Check(json.Unmarshal([]byte(strings.Join(args[3:], " ")), &claims))
	}
	c, err := json.Marshal(claims)
	ts.Check(err)
	q := url.Values{"audience": {args[2]}, "claims": {base64.RawURLEncoding.EncodeToString(c)}}
	req, err := http.NewRequest(http.MethodGet, s.lab.Control+"/"+args[1]+"/idtoken?"+q.Encode(), nil)
	ts.Check(err)
	if args[1] == "github" {
		b, err := s.control(http.MethodGet, "/env?as=github", "")
		ts.Check(err)
		for line := range strings.Lines(string(b)) {
			if secret, ok := strings.CutPrefix(strings.TrimSpace(line), "ACTIONS_ID_TOKEN_REQUEST_TOKEN="); ok {
				req.Header.Set("Authorization", "Bearer "+strings.Trim(secret, "'"))
			}
		}
	}
	resp, err := client.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if resp.StatusCode != http.StatusOK {
		ts.Fatalf("asking for a token: %s: %s", resp.Status, b)
	}
	text := string(b)
	var wrapped struct{ Value string }
	if json.Unmarshal(b, &wrapped) == nil {
		text = wrapped.Value
	}
	ts.Setenv(args[0], text)
}

// others are the servers of scenarios that nobody shall ask, by their address.
var others sync.Map

func otherServer(ts *testscript.TestScript, neg bool, args []string) {
	var asked atomic.Int64
	answer := strings.Join(args, " ")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, answer) // who asked may be gone
	}))
	ts.Defer(server.Close)
	others.Store(server.URL, &asked)
	ts.Setenv("OTHER", server.URL)
}

func unasked(ts *testscript.TestScript, neg bool, args []string) {
	asked, ok := others.Load(ts.Getenv("OTHER"))
	if !ok {
		ts.Fatalf("there is no other server")
	}
	if n := asked.(*atomic.Int64).Load(); (n > 0) != neg {
		ts.Fatalf("the other server was asked %d times", n)
	}
}
