package lab

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"
)

func (l *Lab) accountsControl(mux *http.ServeMux) {
	a := l.accounts
	mux.HandleFunc("PUT /accounts/people/{email}", a.controlled(a.putPerson))
	mux.HandleFunc("PUT /accounts/next", a.controlled(a.putNext))
	mux.HandleFunc("DELETE /accounts/next", a.controlled(func(*http.Request) error { a.next = nil; return nil }))
	mux.HandleFunc("PUT /accounts/device/{code}", a.controlled(a.putDevice))
	mux.HandleFunc("PUT /accounts/settings", a.controlled(a.putSettings))
	mux.Handle("GET /accounts/idtoken", l.front.door("idtoken", http.HandlerFunc(a.serveIDToken)))
}

// controlled runs f with the state locked.
func (a *accounts) controlled(f func(*http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if err := f(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func (a *accounts) putPerson(r *http.Request) error {
	given := struct {
		Name     string `json:"name"`
		Verified bool   `json:"email_verified"`
		Subject  string `json:"sub"`
	}{Verified: true}
	if err := readJSON(r, &given); err != nil {
		return err
	}
	email := r.PathValue("email")
	if !strings.Contains(email, "@") {
		return fmt.Errorf("email %q, want one with an @", email)
	}
	old, _ := a.find(email)
	a.add(account{email, cmp.Or(given.Name, email), given.Verified, cmp.Or(given.Subject, old.Subject)})
	return nil
}

// answer reads what a person shall have chosen.
func (a *accounts) answer(r *http.Request) (choice, error) {
	var c choice
	if err := readJSON(r, &c); err != nil {
		return c, err
	}
	if _, known := a.find(c.Email); known == c.Deny {
		return c, fmt.Errorf("email %q and deny %v, want a known person or a no", c.Email, c.Deny)
	}
	return c, nil
}

// putNext scripts the click that answers the next authorization. Several are
// used up in the order they were put.
func (a *accounts) putNext(r *http.Request) error {
	c, err := a.answer(r)
	if err == nil {
		a.next = append(a.next, c)
	}
	return err
}

// putDevice scripts what the person does at the device's page.
func (a *accounts) putDevice(r *http.Request) error {
	c, err := a.answer(r)
	if err != nil {
		return err
	}
	d := a.waiting(r.PathValue("code"))
	if d == nil {
		return fmt.Errorf("no device waits with the code %q", r.PathValue("code"))
	}
	d.answer = &c
	return nil
}

// putSettings changes what devices that come from now on are told, in seconds.
func (a *accounts) putSettings(r *http.Request) error {
	s := struct {
		Interval int `json:"interval"`
		Expires  int `json:"expires_in"`
	}{int(a.interval.Seconds()), int(a.life.Seconds())}
	if err := readJSON(r, &s); err != nil {
		return err
	}
	if s.Interval < 1 || s.Expires < 1 {
		return fmt.Errorf("interval %d and expires_in %d, want seconds", s.Interval, s.Expires)
	}
	a.interval, a.life = time.Duration(s.Interval)*time.Second, time.Duration(s.Expires)*time.Second
	return nil
}

// PersonToken returns a token as the accounts would give it to a program that
// a known person logged in to. An empty audience is that of the certificate
// authority; claims are laid over the defaults, and a null claim is left out.
func (l *Lab) PersonToken(email, audience string, claims Claims) (string, error) {
	return l.accounts.tokenFor(email, audience, claims)
}

func (a *accounts) tokenFor(email, audience string, claims Claims) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p, known := a.find(email)
	if !known {
		return "", fmt.Errorf("email %q, want one that is known to the accounts", email)
	}
	return a.token(p, cmp.Or(audience, clientID), "", claims)
}

func (a *accounts) serveIDToken(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	claims, err := claimsOf(q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	token, err := a.tokenFor(q.Get("email"), q.Get("audience"), claims)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	writeText(w, token)
}
