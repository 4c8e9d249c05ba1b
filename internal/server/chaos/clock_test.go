package chaos_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// clock writes an overlay for go build by which the wall clock of the server can be stepped, without a line for tests
// in it. Timers and durations go on as after a real step. Go reads the clock without a library that could be replaced.
func clock(dir string) (overlay string, err error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	source := filepath.Join(strings.TrimSpace(string(out)), "src/time/time.go")
	text, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	const now = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	const step = "// Step is added to the wall clock's seconds.\nvar Step func() int64\n\n"
	changed := strings.Replace(string(text), now, step+now+"\tif Step != nil {\n\t\tsec += Step()\n\t}\n", 1)
	if changed == string(text) {
		return "", errors.New("time.Now has another form than the overlay knows")
	}
	main, err := filepath.Abs("../sallyport-server")
	if err != nil {
		return "", err
	}
	files := map[string]string{source: changed, filepath.Join(main, "zz_clock.go"): stepper}
	replace := map[string]string{}
	for name, text := range files {
		replace[name] = filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(replace[name], []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, b, 0o600)
}

// stepper is a file beside main.go: SIGUSR1 steps the clock to the seconds in a file.
const stepper = `package main

import (
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func init() {
	var step atomic.Int64
	read := func() {
		b, _ := os.ReadFile(os.Getenv("CLOCK_STEP"))
		n, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		step.Store(n)
	}
	read()
	time.Step = step.Load
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	go func() {
		for range c {
			read()
		}
	}()
}
`
