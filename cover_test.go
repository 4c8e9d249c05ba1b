package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/rogpeppe/go-internal/testscript"
)

// cover uploads other bytes under the name of every bundle in the project's
// package registry, as everybody can whose job may write to it. It is a trick
// of hostile_test.go's kind, and wants a step of a job there.
func cover(ts *testscript.TestScript, neg bool, _ []string) {
	project := ts.Getenv("SALLYPORT_LAB_GITLAB") + "/api/v4/projects/" + ts.Getenv("CI_PROJECT_ID") + "/packages"
	ask := func(method, url string, body []byte) []byte {
		req, err := http.NewRequest(method, url, bytes.NewReader(body))
		ts.Check(err)
		req.Header.Set("Job-Token", ts.Getenv("CI_JOB_TOKEN"))
		resp, err := client.Do(req)
		ts.Check(err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		ts.Check(err)
		if resp.StatusCode >= 300 {
			ts.Fatalf("%s %s: %s: %s", method, url, resp.Status, b)
		}
		return b
	}
	var packages []struct {
		ID            int64
		Name, Version string
	}
	ts.Check(json.Unmarshal(ask(http.MethodGet, project, nil), &packages))
	covered := 0
	for _, p := range packages {
		var files []struct {
			Name string `json:"file_name"`
		}
		ts.Check(json.Unmarshal(ask(http.MethodGet, fmt.Sprintf("%s/%d/package_files", project, p.ID), nil), &files))
		for _, f := range files {
			ask(http.MethodPut, fmt.Sprintf("%s/generic/%s/%s/%s", project, p.Name, p.Version, f.Name), []byte("junk"))
			covered++
		}
	}
	if covered == 0 || neg {
		ts.Fatalf("covered %d files", covered)
	}
}
