//go:build contract

package lab

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// The committed cut of the API description is what cut.js makes of the
// package, so that nobody can loosen the contract by hand. It needs the
// package: run "npm ci" in internal/lab/openapi first.
func TestCutIsFresh(t *testing.T) {
	cmd := exec.Command("node", "cut.js")
	cmd.Dir = "openapi"
	cmd.Stderr = os.Stderr
	fresh, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(fresh, gitHubAPI) {
		t.Error("openapi/github.json is not what openapi/cut.js makes of @octokit/openapi; run npm run cut there")
	}
}
