package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxBody is the largest request that the toys and the control API read.
const maxBody = 64 << 20

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client may be gone
}

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, text) //nolint:gosec // the client may be gone, and the type says that it is text
}

// readBody reads a whole request, up to maxBody.
func readBody(r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	if len(b) > maxBody {
		return nil, fmt.Errorf("request is larger than %d bytes", maxBody)
	}
	return b, nil
}

// readJSON reads one JSON value and refuses fields that it does not know.
func readJSON(r *http.Request, v any) error {
	b, err := readBody(r)
	if err != nil {
		return err
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("body is not what this path takes: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("body goes on after its JSON value")
	}
	return nil
}

// credentials returns the scheme of a request's authorization and the secret.
func credentials(r *http.Request) (scheme, secret string) {
	for _, name := range []string{"PRIVATE-TOKEN", "JOB-TOKEN"} {
		if v := r.Header.Get(name); v != "" {
			return name, v
		}
	}
	if scheme, secret, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		return scheme, secret
	}
	if r.Header.Get("Authorization") != "" {
		return "unknown", ""
	}
	return "none", ""
}
