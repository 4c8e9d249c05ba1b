package lab

import (
	"bytes"
	"html/template"
	"net/http"
	"net/url"
)

// A question is what the one page of the provider shows.
type question struct {
	Action  string
	Hidden  url.Values // goes back with the answer
	People  []account
	AskCode bool
	Done    bool
}

// page works without a script: each person is a button of one form.
var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Who are you? · lab accounts</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem}
button,input{font:inherit;display:block;width:100%;box-sizing:border-box;margin:.4rem 0;padding:.6rem;text-align:left}
small{color:#666}</style></head><body>
<h1>{{if .Done}}Thank you{{else if .AskCode}}Your terminal's code{{else}}Who are you?{{end}}</h1>
{{- if .Done}}
<p>You can close this page and go back to the terminal.</p>
{{- else if .AskCode}}
<form method="get" action="{{.Action}}">
<label>Code <input name="user_code" autocomplete="off" autofocus required></label>
<button type="submit">Go on</button>
</form>
{{- else}}
<form method="post" action="{{.Action}}">
{{- range $name, $values := .Hidden}}{{range $values}}
<input type="hidden" name="{{$name}}" value="{{.}}">{{end}}{{end}}
{{- range .People}}
<button type="submit" name="email" value="{{.Email}}">{{.Name}} <small>{{.Email}}</small></button>
{{- end}}
<button type="submit" name="deny" value="1">None of them</button>
</form>
{{- end}}
<p><small>These accounts are not real. They open nothing outside of this lab.</small></p>
</body></html>
`))

func (a *accounts) askWho(w http.ResponseWriter, q question) {
	var b bytes.Buffer
	if err := page.Execute(&b, q); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer") // the address holds state and nonce
	_, _ = w.Write(b.Bytes())               // the client may be gone
}
