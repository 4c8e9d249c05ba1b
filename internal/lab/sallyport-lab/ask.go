package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// client talks to a lab that runs. It follows redirects, as a browser does.
var client = &http.Client{Timeout: 30 * time.Second}

// verbs are what can be asked of a running lab by somebody who has no other
// HTTP client: "ask METHOD PATH [JSON]" of the control API that SALLYPORT_LAB
// names, "commit FILE…", which puts files into the commit of the job that it runs
// in, and "visit URL", which is a browser that looks at nothing.
var verbs = map[string]func(args []string, stdout io.Writer) error{"ask": ask, "commit": commit, "visit": visit}

func ask(args []string, stdout io.Writer) error {
	if len(args) < 2 || len(args) > 3 {
		return fmt.Errorf("usage: sallyport-lab ask METHOD PATH [JSON]")
	}
	req, err := http.NewRequest(args[0], os.Getenv("SALLYPORT_LAB")+args[1], strings.NewReader(strings.Join(args[2:], ""))) //nolint:gosec // the lab that runs this
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
