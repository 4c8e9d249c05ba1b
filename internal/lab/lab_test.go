package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// labUnderTest is the one lab of the test process; tests keep apart by names
// of repositories and projects.
var labUnderTest *Lab

func TestMain(m *testing.M) {
	if os.Getenv(RekorVariable) != "" {
		RunRekor()
		return
	}
	os.Exit(inLab(m))
}

func inLab(m *testing.M) int {
	var err error
	labUnderTest, err = Start(context.Background(), Config{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := labUnderTest.Stop(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// A call is a request to one of the lab's servers.
type call struct {
	method, url, body string
	header            map[string]string
}

// A reply is what there is of an answer besides its body.
type reply struct {
	status int
	header http.Header
}

// do makes the call and returns the answer with its body read.
func do(t *testing.T, c call) (reply, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if c.method == "" {
		c.method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, c.method, c.url, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header}, b
}

// control calls the control API and wants a 2xx.
func control(t *testing.T, method, path, body string) []byte {
	t.Helper()
	resp, b := do(t, call{method: method, url: labUnderTest.Control + path, body: body})
	if resp.status/100 != 2 {
		t.Fatalf("%s %s: status %d, want 2xx: %s", method, path, resp.status, b)
	}
	return b
}

func decode[T any](t *testing.T, b []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}
