package lab

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// tokens are the secrets of one lab. They open nothing else.
type tokens struct {
	request string // asks for an identity token
	github  string // the toy's API
	gitlab  string // the toy's API, a person's token
	job     string // the toy's API, the job's token
}

func newTokens() tokens {
	return tokens{"lab-request-" + randomHex(16), "ghs_lab" + randomHex(16), "glpat-lab" + randomHex(16), "glcbt-lab" + randomHex(16)}
}

// ofJob is the job's token for the job that claims name: what GET /job answers
// to it follows from it.
func (t tokens) ofJob(c Claims) string {
	b, err := json.Marshal(map[string]string{
		"project": c.text("job_project_id"), "job": c.text("job_id"), "pipeline": c.text("pipeline_id"), "ref": c.text("ref"), "type": c.text("ref_type"), "sha": c.text("sha"),
	})
	if err != nil {
		return t.job // text is always JSON
	}
	return t.job + "." + base64.RawURLEncoding.EncodeToString(b)
}

// jobOf reads what ofJob wrote.
func (t tokens) jobOf(token string) (map[string]string, bool) {
	secret, rest, _ := strings.Cut(token, ".")
	var c map[string]string
	if b, err := base64.RawURLEncoding.DecodeString(rest); err != nil || rest != "" && json.Unmarshal(b, &c) != nil {
		return nil, false
	}
	return c, is(secret, t.job)
}

// is reports whether got is the secret want, which must not be empty.
func is(got, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}

// The lives of the platforms' tokens.
const (
	gitHubTokenLife = 5 * time.Minute
	gitLabTokenLife = time.Hour
)

// GitHubToken returns a token as GitHub's issuer would sign it for a job. An
// empty audience means the owner's URL, as there; claims are laid over the
// defaults, and a null claim is left out.
func (l *Lab) GitHubToken(audience string, claims Claims) (string, error) {
	c := gitHubClaims(claims)
	if audience == "" {
		audience = "https://github.com/" + c.text("repository_owner")
	}
	return l.issuers.github.mint(Claims{"aud": audience}.with(c), claims, gitHubTokenLife)
}

// GitLabToken is GitHubToken for a GitLab job, whose audience has no default.
func (l *Lab) GitLabToken(audience string, claims Claims) (string, error) {
	return l.issuers.gitlab.mint(Claims{"aud": audience}.with(gitLabClaims(claims)), claims, gitLabTokenLife)
}

func (l *Lab) serveGitHubToken(w http.ResponseWriter, r *http.Request) {
	if _, token := credentials(r); !is(token, l.tokens.request) {
		http.Error(w, "the request token is wrong", http.StatusUnauthorized)
		return
	}
	claims, err := claimsOf(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	token, err := l.GitHubToken(r.URL.Query().Get("audience"), claims)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"value": token})
}

func (l *Lab) serveGitLabToken(w http.ResponseWriter, r *http.Request) {
	claims, err := claimsOf(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	token, err := l.GitLabToken(r.URL.Query().Get("audience"), claims)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeText(w, token)
}

// claimsOf reads the claims parameter: base64url, padded or not, of an object.
func claimsOf(q url.Values) (Claims, error) {
	raw := q.Get("claims")
	if raw == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(raw, "="))
	if err != nil {
		return nil, fmt.Errorf("claims %q, want base64url: %w", raw, err)
	}
	var c Claims
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("claims %q, want a JSON object: %w", b, err)
	}
	return c, nil
}

func (c Claims) query() (string, error) {
	b, err := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(b), err
}
