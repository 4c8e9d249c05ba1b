package serve_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/labtest"
)

// scraped are the metrics of a server, by name and labels.
func (w *world) scraped(address string) map[string]float64 {
	w.Helper()
	resp, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		w.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	for _, secret := range []string{w.repo, fmt.Sprintf("%q", fmt.Sprint(w.id)), `"4242"`, "ghs_"} {
		if strings.Contains(string(b), secret) {
			w.Errorf("%q is in the metrics", secret)
		}
	}
	all := map[string]float64{}
	for line := range strings.Lines(string(b)) {
		if name, value, is := strings.Cut(strings.TrimSpace(line), " "); is && name != "#" {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				w.Fatalf("%q: %v", line, err)
			}
			all[name] = v
		}
	}
	return all
}

func TestMetrics_say_what_an_operator_watches(t *testing.T) {
	t.Parallel()
	worlds(t, "10m", func(w *world) {
		at := "127.0.0.1:" + labtest.FreePort(w)
		w.write("server.yaml", w.read("server.yaml")+fmt.Sprintf("metrics: %q\n", at))
		p := w.starts()
		is := func(name string, want float64) {
			w.Helper()
			var all map[string]float64
			w.until(name+" is right", func() bool { all = w.scraped(at); return all[name] == want })
		}
		is("sallyport_ledger_fit", 1)
		is("sallyport_ledger_leaves", 1)
		is("sallyport_undecided_deployments", 0)
		is("sallyport_oldest_undecided_seconds", 0)
		is(`sallyport_pushes_total{outcome="refused"}`, 0)
		w.run(151)
		w.run(152)
		w.attests(151, w.url, nil)
		w.push("no token")
		w.lab.Waits(w, w.repo, 151, "production", nil)
		w.answered(151, "approved")
		w.lab.Waits(w, w.repo, 152, "production", nil)
		is(`sallyport_decisions_total{code="",outcome="allow"}`, 1)
		is(`sallyport_pushes_total{outcome="kept"}`, 1)
		is(`sallyport_pushes_total{outcome="refused"}`, 1)
		is("sallyport_undecided_deployments", 1)
		is(`sallyport_platform_requests_left{host="https://github.com"}`, 999)
		w.until("the job of the one that waits is in the queue", func() bool {
			n := 0.0
			for name, v := range w.scraped(at) {
				if strings.HasPrefix(name, "sallyport_queue_jobs{") {
					n += v
				}
			}
			return n > 0
		})
		is("sallyport_bypassed_deployments_total", 0)
		if all := w.scraped(at); all["sallyport_oldest_undecided_seconds"] <= 0 ||
			all["sallyport_oldest_undecided_seconds"] > 60 {
			w.Errorf("the oldest waits for %v s", all["sallyport_oldest_undecided_seconds"])
		}
		w.run(153)
		w.lab.Set(w, "/github/repos/"+w.repo+"/deployments", []map[string]any{{"id": 77, "environment": "production",
			"sha": commit, "ref": "main", "statuses": []map[string]any{{"state": "in_progress"}}}})
		w.app.Deliver(w, "deployment_status", map[string]any{"action": "created",
			"deployment_status": map[string]any{"state": "in_progress"},
			"deployment":        map[string]any{"id": 77, "sha": commit, "ref": "main", "environment": "production"},
			"installation":      map[string]any{"id": w.app.Installation},
			"workflow_run":      map[string]any{"id": 153, "run_attempt": 1},
			"repository": map[string]any{"id": w.id, "full_name": w.repo,
				"owner": map[string]any{"id": 4242}}}, nil)
		is("sallyport_bypassed_deployments_total", 1)

		good := w.read("policy.yaml")
		for name, change := range map[string]string{"policy.yaml": "", "server.yaml": w.read("server.yaml")} {
			w.write(name, "version: 9\n")
			_ = p.cmd.Process.Signal(syscall.SIGHUP)
			is("sallyport_policy_reload_failed", 1)
			if name == "policy.yaml" {
				change = good
			}
			w.write(name, change)
			_ = p.cmd.Process.Signal(syscall.SIGHUP)
			is("sallyport_policy_reload_failed", 0)
		}
		if status, _ := w.get("/metrics", ""); status != http.StatusNotFound {
			w.Errorf("the world is told metrics: status %d", status)
		}
	})
}
