package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/cli"
)

// What the doctor tells others about their workflows, it may not have to tell us.
func TestDoctor_finds_nothing_in_this_repository(t *testing.T) {
	var b bytes.Buffer
	c := cli.Command{Version: "test", Getenv: func(string) string { return "" }, Stdout: &b, Stderr: &b}
	if code := c.Run(t.Context(), []string{"doctor", "--offline"}); code != 0 || !strings.Contains(b.String(), "nothing that makes a gate meaningless") {
		t.Errorf("exit code %d, want 0 and nothing found:\n%s", code, b.String())
	}
}
