package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// client talks to a lab that runs. It follows redirects, as a browser does.
var client = &http.Client{Timeout: 30 * time.Second}

// verbs are what can be asked of a running lab without another HTTP client: "ask METHOD PATH [JSON]" of the control API
// that SALLYPORT_LAB names, "commit FILE…", which puts files into the commit of the job that it runs in, "app KEY
// SECRET
// REPOSITORY ENVIRONMENT", which makes a GitHub App that the environment asks and writes its private key and its
// webhook's secret into files, "visit URL", which is a browser that looks at nothing, and "balance ADDRESS SERVER…",
// which
// is a load balancer.
var verbs = map[string]func(args []string, stdout io.Writer) error{
	"ask": ask, "commit": commit, "app": app, "visit": visit, "balance": balance,
}

func ask(args []string, stdout io.Writer) error {
	if len(args) < 2 || len(args) > 3 {
		return fmt.Errorf("usage: sallyport-lab ask METHOD PATH [JSON]")
	}
	body := strings.NewReader(strings.Join(args[2:], ""))
	req, err := http.NewRequest(args[0], os.Getenv("SALLYPORT_LAB")+args[1], body) //nolint:gosec // the lab of this job
	if err != nil {
		return err
	}
	return send(req, stdout)
}

func commit(args []string, stdout io.Writer) error {
	at, sha := "/github/repos/"+os.Getenv("GITHUB_REPOSITORY"), os.Getenv("GITHUB_SHA")
	if os.Getenv("GITLAB_CI") == "true" {
		at, sha = "/gitlab/projects/"+os.Getenv("CI_PROJECT_ID"), os.Getenv("CI_COMMIT_SHA")
	}
	files := map[string]string{}
	for _, name := range args {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(filepath.Clean(name))] = string(text)
	}
	if len(files) == 0 || sha == "" {
		return fmt.Errorf("usage, in a job: sallyport-lab commit FILE…")
	}
	body, err := json.Marshal(map[string]any{"commit": sha, "files": files})
	if err != nil {
		return err
	}
	return ask([]string{http.MethodPut, at + "/files", string(body)}, stdout)
}

// app prints what a shell reads: the app's client ID, and a port of this machine that is free, where its webhook goes.
func app(args []string, stdout io.Writer) error {
	if len(args) != 4 { //nolint:mnd // see the usage
		return fmt.Errorf("usage: sallyport-lab app KEY SECRET REPOSITORY ENVIRONMENT")
	}
	const bits, id, installation, client = 2048, 41, 42, "Iv23liOFTHELAB"
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	secret := rand.Text()
	for name, text := range map[string]string{args[0]: string(private), args[1]: secret} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return err
	}
	var held strings.Builder
	if err := ask([]string{http.MethodGet, "/github/repos/" + args[2]}, &held); err != nil {
		return err
	}
	var repository struct{ ID int64 }
	if err := json.Unmarshal([]byte(held.String()), &repository); err != nil {
		return err
	}
	made, err := json.Marshal(map[string]any{"client_id": client,
		"key":           string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		"webhook":       map[string]string{"url": "http://" + address + "/hooks/github", "secret": secret},
		"installations": map[string][]int64{strconv.Itoa(installation): {repository.ID}}})
	if err != nil {
		return err
	}
	guard := fmt.Sprintf("/github/repos/%s/environments/%s/app", args[2], args[3])
	err = errors.Join(ask([]string{http.MethodPut, "/github/apps/" + strconv.Itoa(id), string(made)}, io.Discard),
		ask([]string{http.MethodPut, guard, fmt.Sprintf(`{"app":%d}`, id)}, io.Discard))
	if err == nil {
		fmt.Fprintf(stdout, "app=%s address=%s\n", client, address)
	}
	return err
}

func visit(args []string, _ io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: sallyport-lab visit URL")
	}
	req, err := http.NewRequest(http.MethodGet, args[0], nil) //nolint:gosec // what a browser does
	if err != nil {
		return err
	}
	return send(req, io.Discard)
}

func send(req *http.Request, out io.Writer) error {
	resp, err := client.Do(req) //nolint:gosec // see above
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 4096)) // what there is of it explains enough
		return fmt.Errorf("%s %s: %s: %s", req.Method, req.URL.Path, resp.Status, b)
	}
	_, err = io.Copy(out, resp.Body)
	return err
}
