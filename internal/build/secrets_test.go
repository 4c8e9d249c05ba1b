package build_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/build"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/material"
	"github.com/sallyport-dev/sallyport/internal/record"
)

// mark is in every secret of the table.
const mark = "7hunter2Hunter2hunter2Hunter2hunter27"

// ofJob is a secret that the job knows. A part of it is found too, so it has nothing in common with mark.
const ofJob = "correct-horse-battery-staple"

// leaks reports whether a text has a secret.
func leaks(text string) bool { return strings.Contains(text, mark) || strings.Contains(text, ofJob) }

// shapes are values that are secrets by themselves, wherever they stand.
var shapes = []string{
	"ghp_" + mark, "gho_" + mark, "ghu_" + mark, "ghs_" + mark, "ghr_" + mark, "github_pat_11A_" + mark,
	"glpat-" + mark, "glrt-t1_" + mark, "gldt-" + mark, "glcbt-" + mark, "glptt-" + mark, "glft-" + mark,
	"npm_" + mark, "pypi-AgEIcHlwaS5vcmc" + mark, "xoxb-" + mark, "xoxp-" + mark, "xoxa-" + mark, "sk-" + mark,
	"sk_live_" + mark,
	"AIza" + mark, "dckr_pat_" + mark, "hvs." + mark, "eyJhbGciOiJIUzI1NiJ9.eyJ" + mark + ".x",
	"-----BEGIN RSA PRIVATE KEY-----\n" + mark, "-----BEGIN OPENSSH PRIVATE KEY-----\n" + mark,
	"-----BEGIN PGP PRIVATE KEY BLOCK-----\n" + mark,
	"https://me:" + mark + "@example.com/x", "postgres://:" + mark + "@db/x", "redis://u:" + mark + "@cache:6379",
	"amqp://u:" + mark + "@queue",
	"git+https://oauth2:" + mark + "@example.com/a.git", "Authorization: Bearer " + mark, "bearer " + mark, ofJob,
}

// names give a value that has no shape of its own.
var names = []string{
	"--password=%s", "-Dsigning.password=%s", "--token=%s", "API_KEY=%s", "client_secret=%s",
	"export NPM_TOKEN=%s; npm publish", "make A=1 DEPLOY_TOKEN=%s all",
	"PASSPHRASE='%s' gpg --sign", `MY_PASSWORD="%s" ./build`, "X-Api-Key: %s", "PRIVATE-TOKEN: %s",
	"Cookie: session=%s", "Authorization: Basic %s",
	`{"password": "%s"}`, `{"auth":"%s"}`, "//registry.example/:_authToken=%s", "//registry.example/:_password=%s",
	"--set credentials.value=%s",
	"mysql --password %s", "deploy --api-key %s now", "curl -u me:%s https://example.com", "curl --user me:%s x",
	`-DAPI_KEY="%s"`, "-ldflags=-X main.token=%s",
	"aws_secret_access_key = %s", "TWINE_PASSWORD=%s",
}

// pairs are a flag and the argument after it.
var pairs = []string{
	"--password", "--token", "--api-key", "--client-secret", "-passphrase", "--auth", "-u", "--user", "--proxy-user",
}

func TestF07_no_secret_is_in_a_manifest_or_its_log(t *testing.T) {
	var commands [][]string
	for _, s := range shapes {
		commands = append(
			commands,
			[]string{"tool", s},
			[]string{"tool", "--x=" + s},
			[]string{"tool", "--x", s},
			[]string{"sh", "-c", "echo a; tool " + s + " b"},
		)
	}
	for _, n := range names {
		s := fmt.Sprintf(n, mark)
		commands = append(commands, []string{"tool", s}, []string{"sh", "-c", s}, []string{"tool", "-H", s})
	}
	for _, p := range pairs {
		commands = append(commands, []string{"tool", p, "me:" + mark})
	}
	if n := len(shapes) + len(names) + len(pairs); n < 60 {
		t.Fatalf("%d shapes, want 60", n)
	}
	for _, c := range commands {
		kept := written(t, c, nil)
		if leaks(kept) {
			t.Errorf("%q is kept: %s", c, kept)
		}
		if kept = written(t, []string{"make"}, []string{"CFLAGS=" + strings.Join(c[1:], " ")}); leaks(kept) {
			t.Errorf("CFLAGS of %q is kept: %s", c, kept)
		}
	}
	for _, name := range []string{"GITHUB_PAT", "DB_PASSWORD", "SECRET", "AWS_SESSION", "ANYTHING"} {
		if kept := written(t, []string{"make"}, []string{name + "=" + mark}); leaks(kept) {
			t.Errorf("%s is kept: %s", name, kept)
		}
	}
}

func TestF07_what_is_no_secret_is_kept(t *testing.T) {
	for _, c := range [][]string{
		{"go", "build", "-trimpath", "-ldflags=-s -w -X main.version=v1.2.3", "./..."}, {"sh", "-c",
			"make A=1 all; echo done: yes"}, {"gcc", "-DVERSION=\"1.2\"", "-o", "a", "a.c"},
		{"npm", "run", "build", "--", "--mode", "production"}, {"curl", "https://example.com:8080/a?b=c"}, {"docker",
			"run", "-u", "1000", "image:latest"}, {"sort", "-u", "words"},
		{"sh", "-c", "read the token and go on"},
	} {
		kept := written(t, c, []string{"CFLAGS=-O2 -DVERSION=3", "SOURCE_DATE_EPOCH=1700000000"})
		if strings.Contains(kept, "[hidden]") || !strings.Contains(kept, "-DVERSION=3") ||
			!strings.Contains(kept, "1700000000") {
			t.Errorf("%q: a part is hidden: %s", c, kept)
		}
	}
}

// paths are files whose names have what a command has.
func paths(command []string) (all []record.File) {
	for _, w := range command {
		for _, s := range shapes { // a name has no meaning beside its shape
			if strings.Contains(w, s) && !strings.ContainsAny(w, "\n") {
				all = append(
					all,
					record.File{
						Path:   "/home/" + w + "/x",
						Use:    record.Read,
						First:  record.Read,
						State:  record.Certain,
						Digest: sum(nil),
					},
				)
			}
		}
	}
	return all
}

// written are the bytes of a manifest and its log, of a build with a command and an environment.
func written(t *testing.T, command, env []string) string {
	t.Helper()
	known := []string{ofJob}
	m, log, err := build.Manifest(build.Run{
		Command: command, Env: env, Dir: "/", Machine: material.Machine{},
		Result: &record.Result{
			Files:       paths(command),
			Programs:    []record.Program{{Path: "/bin/tool", Args: command, Count: 1}},
			Connections: []record.Connection{{To: "tcp 192.0.2.1:443", Count: 1, By: "/bin/tool"}},
		},
		Hidden:  func(name, value string) bool { return attest.Secret(name, value, known) },
		Scrub:   func(text string) string { return fault.Scrub(text, known...) },
		Version: func(string, ...string) string { return "" },
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + string(log)
}

func sum(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }
