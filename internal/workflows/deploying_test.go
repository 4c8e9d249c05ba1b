package workflows_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/workflows"
)

// deploys is a workflow whose job enters production behind a gate that asks a server. GATE, BEFORE, JOB and TOP are
// places for what a test adds.
const deploys = `on: push
permissions: {}
TOP
jobs:
  deploy:
    runs-on: ubuntu-24.04
    environment: production
    permissions: {contents: read, id-token: write, actions: read, deployments: read, attestations: read}
JOB
    steps:
BEFORE
      - uses: sallyport-dev/sallyport@9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605
        with: {subject: app, environment: production, server: "https://sallyport.example.com"GATE}
      - run: ./deploy.sh app
AFTER
`

func TestG04_what_a_server_finds_in_the_file_of_a_job_that_deploys(t *testing.T) {
	for _, x := range []struct{ what, place, text, rule string }{
		{"nothing", "TOP", "", ""},
		{"memory for Node, and what others read", "JOB",
			"    env: {NODE_OPTIONS: --max-old-space-size=4096 --no-warnings, ENV: x, JAVA_TOOL_OPTIONS: -Xmx1g}", ""},
		{"usual shells", "JOB", "    defaults: {run: {shell: bash}}", ""},
		{"a step behind the gate may have anything", "AFTER", "        env: {PATH: /tmp}\n        shell: python3 {0}", ""},
		{"Node is told to run a file", "JOB", "    env: {NODE_OPTIONS: --max-old-space-size=4096 --require ./x.js}",
			"gate-environment"},
		{"so it is for the whole file", "TOP", "env: {BASH_ENV: ./x.sh}", "gate-environment"},
		{"so it is for the step of the gate", "GATE", "}\n        env: {ld_preload: ./x.so", "gate-environment"},
		{"so it is for a step before", "BEFORE", "      - run: echo hello\n        env: {PATH: /tmp}", "gate-environment"},
		{"variables that nobody can read", "JOB", "    env: ${{ fromJSON(inputs.env) }}", "gate-environment"},
		{"a shell of the file", "TOP", "defaults: {run: {shell: ./x.sh}}", "gate-shell"},
		{"a shell of the job", "JOB", "    defaults: {run: {shell: \"bash x.sh {0}\"}}", "gate-shell"},
		{"a shell of a step before", "BEFORE", "      - run: echo hello\n        shell: ./x.sh {0}", "gate-shell"},
		{"a policy", "GATE", ", policy: evil.yaml", "gate-elsewhere"},
		{"a branch of a policy", "GATE", ", policy-ref: evil", "gate-elsewhere"},
	} {
		text := deploys
		for _, place := range []string{"TOP", "JOB", "BEFORE", "GATE", "AFTER"} {
			add := ""
			if place == x.place {
				add = x.text
			}
			text = strings.Replace(text, place, add, 1)
		}
		out, err := workflows.Deploying("w.yml", []byte(text), workflows.Asked{Environment: "production",
			Server: "https://sallyport.example.com", Action: "sallyport-dev/sallyport", Repository: "acme/app"})
		if err != nil || out.Jobs != 1 {
			t.Errorf("%s: %+v, %v", x.what, out, err)
		}
		found := ""
		for _, d := range out.Detours {
			if d.Line < 1 || d.Says == "" || d.Hint == "" {
				t.Errorf("%s: %+v says too little", x.what, d)
			}
			if d.Rule == x.rule {
				found = x.rule
			}
		}
		if found != x.rule || x.rule == "" && len(out.Detours) > 0 {
			t.Errorf("%s: %+v, want %q", x.what, out.Detours, x.rule)
		}
	}
}

func TestG04_a_gate_that_asks_another_server_or_none_is_found(t *testing.T) {
	text := strings.NewReplacer("TOP", "", "JOB", "", "BEFORE", "", "GATE", "", "AFTER", "").Replace(deploys)
	for server, want := range map[string]int{"https://sallyport.example.com": 0, "https://other.example.com": 1} {
		out, err := workflows.Deploying("w.yml", []byte(text), workflows.Asked{Environment: "production", Server: server,
			Action: "sallyport-dev/sallyport", Repository: "acme/app"})
		if err != nil || len(out.Detours) != want {
			t.Errorf("%s: %+v, %v; want %d", server, out, err, want)
		}
	}
	none := strings.Replace(text, ", server: \"https://sallyport.example.com\"", "", 1)
	out, err := workflows.Deploying("w.yml", []byte(none), workflows.Asked{Environment: "production",
		Server: "https://sallyport.example.com", Action: "sallyport-dev/sallyport", Repository: "acme/app"})
	if err != nil || len(out.Detours) != 1 || out.Detours[0].Found != "server: none" {
		t.Errorf("none: %+v, %v", out, err)
	}
	called := "on: push\njobs:\n  a:\n    uses: ./.github/workflows/x.yml\n  b:\n    uses: acme/b/.github/workflows/y.yml@v1\n"
	out, err = workflows.Deploying("w.yml", []byte(called), workflows.Asked{Environment: "production"})
	if err != nil || out.Jobs != 0 || strings.Join(out.Calls, " ") != "./.github/workflows/x.yml acme/b/.github/workflows/y.yml@v1" {
		t.Errorf("calls: %+v, %v", out, err)
	}
}
