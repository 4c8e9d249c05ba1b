package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// said runs a command, and returns its status and what it writes.
func said(args ...string) (status int, stdout, stderr string) {
	var out, bad bytes.Buffer
	status = run(args, &out, &bad)
	return status, out.String(), bad.String()
}

func TestCommands_that_are_incomplete_do_nothing_and_say_what_is_missing(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	config := `version: 1
url: https://sallyport.example.com
database: sqlite:server.db
ledger: {name: sallyport.example.com/ledger, key: ledger.key}
platforms: [{host: https://github.com, app: a, key: app.pem, webhook-secret: webhook.secret}]
`
	if err := os.WriteFile("server.yaml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		args   string
		status int
		want   string
	}{
		{"", 2, "neither a command nor a configuration is named"},
		{"serve", 2, `there is no command "serve"`},
		{"ledger", 2, `there is no command "ledger"`},
		{"app", 2, `there is no command "app"`},
		{"--config", 2, "flag needs an argument"},
		{"--config=", 2, "the configuration is not named"},
		{"--config none.yaml", 2, `reading "none.yaml"`},
		{"--config server.yaml more", 2, `"more" stands without a flag`},
		{"--help-me", 2, "help-me"},
		{"key --name a", 2, "key needs --name and --out"},
		{"key --out new.key", 2, "key needs --name and --out"},
		{"key --name a+b --out new.key", 2, `the name "a+b" cannot be one of a ledger`},
		{"key --name a --out none/new.key", 2, "none/new.key"},
		{"key --name a --out server.yaml", 2, "name a new file: keys and states are never overwritten"},
		{"signer", 2, "signer needs --key, --socket and --state"},
		{"signer --key a --socket b", 2, "signer needs --key, --socket and --state"},
		{"signer --key none.key --socket b --state c", 2, "the ledger's key \"none.key\""},
		{"app manifest", 2, "app manifest needs --url"},
		{"app manifest --url http://sallyport.example.com", 2, "want https and a host alone"},
		{"explain", 2, "explain needs an ID"},
		{"explain --config server.yaml", 2, "explain needs an ID"},
		{"explain x", 2, "the configuration is not named"},
		{"explain x --config server.yaml --format xml", 2, `format "xml", want text or json`},
		{"explain x --config server.yaml", 2, "reading the database"}, // there is none, and none is made
		{"ledger restore --config server.yaml", 2, `ledger "restore", want continue, rotate or import`},
		{"ledger continue", 2, "the configuration is not named"},
		{"ledger continue --config server.yaml", 2, "the ledger's key"},
		{"ledger continue --config server.yaml --key new.key", 2, "--key is for a ledger with a signer"},
		{"ledger rotate --config server.yaml", 2, "rotate needs --before"},
		{"ledger rotate --config server.yaml --before old.key", 2, "the ledger's key"},
		{"ledger import --config server.yaml", 2, "the export is not named"},
		{"ledger import --config server.yaml --export none.jsonl", 2, `opening the export "none.jsonl"`},
	} {
		status, out, bad := said(strings.Fields(x.args)...)
		if status != x.status || !strings.Contains(bad, x.want) || out != "" {
			t.Errorf("%s: status %d, %q, %q; want %d and %q", x.args, status, out, bad, x.status, x.want)
		}
	}
	files, err := filepath.Glob("*")
	if err != nil || len(files) != 1 {
		t.Errorf("there are %v, %v", files, err)
	}
	if b, err := os.ReadFile("server.yaml"); err != nil || string(b) != config {
		t.Errorf("the configuration is %q, %v", b, err)
	}
}

func TestCommands_make_a_key_that_only_its_user_reads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.key")
	status, public, bad := said("key", "--name", "sallyport.example.com/ledger", "--out", path)
	if status != 0 || !strings.HasPrefix(public, "sallyport.example.com/ledger+") || bad != "" {
		t.Fatalf("status %d, %q, %q", status, public, bad)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	private, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(private), "PRIVATE+KEY+") {
		t.Errorf("it is not a key, %v", err)
	}
	status, _, _ = said("key", "--name", "sallyport.example.com/ledger", "--out", path)
	if b, err := os.ReadFile(path); status != 2 || err != nil || !bytes.Equal(b, private) {
		t.Errorf("it was overwritten: status %d, %v", status, err)
	}
}

func TestCommands_say_what_there_is(t *testing.T) {
	for _, args := range []string{"help", "--help", "-h"} {
		if status, out, _ := said(args); status != 0 || out != usage {
			t.Errorf("%s: status %d, %q", args, status, out)
		}
	}
	for _, args := range []string{"version", "--version"} {
		if status, out, _ := said(args); status != 0 || out != "sallyport-server "+version+"\n" {
			t.Errorf("%s: status %d, %q", args, status, out)
		}
	}
	if status, out, bad := said("app", "manifest", "--url", "https://sallyport.example.com/"); status != 0 ||
		!strings.Contains(out, `"url": "https://sallyport.example.com/hooks/github"`) {
		t.Errorf("status %d, %q, %q", status, out, bad)
	}
}
