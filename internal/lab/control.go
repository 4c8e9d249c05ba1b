package lab

import (
	"net/http"
)

// controlHandler is the lab's own API: tokens, faults, records, and what the
// toys hold. It is on loopback and needs no secret, except that the GitHub
// token endpoint checks the request token, as a runner's does.
func (l *Lab) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /github/idtoken", l.front.door("idtoken", http.HandlerFunc(l.serveGitHubToken)))
	mux.Handle("GET /gitlab/idtoken", l.front.door("idtoken", http.HandlerFunc(l.serveGitLabToken)))
	mux.HandleFunc("GET /env", l.serveEnv)
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, l.front.seen()) })
	mux.HandleFunc("DELETE /requests", answerNoContent(l.front.forget))
	mux.HandleFunc("POST /faults", l.addFault)
	mux.HandleFunc("DELETE /faults", answerNoContent(l.front.clear))
	mux.HandleFunc("GET /contract", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, l.contract.violations()) })
	mux.HandleFunc("DELETE /contract", answerNoContent(l.contract.forget))
	l.accountsControl(mux)
	l.github.control(mux)
	l.gitlab.control(mux)
	return mux
}

func answerNoContent(f func()) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		f()
		w.WriteHeader(http.StatusNoContent)
	}
}

func (l *Lab) addFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	err := readJSON(r, &f)
	if err == nil {
		err = l.front.add(f)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// serveEnv answers what lab.env would hold for another runner or other claims.
func (l *Lab) serveEnv(w http.ResponseWriter, r *http.Request) {
	claims, err := claimsOf(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	env, err := l.Env(Platform(r.URL.Query().Get("as")), claims)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeText(w, shellLines(env))
}
