package serve_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/server/serve"
	"github.com/sallyport-dev/sallyport/internal/server/signer"
)

// configuration is one in which every mapping is in use.
const configuration = `version: 1
url: https://sallyport.example.com
listen: 127.0.0.1:8787
metrics: 127.0.0.1:9187
database: sqlite:server.db
missing-evidence: 10m
ledger: {name: sallyport.example.com/ledger, key: ledger.key}
platforms:
  - {host: https://github.com, app: a, key: app.pem, webhook-secret: webhook.secret}
  - {host: https://github.example.com, app: a, key: app.pem, webhook-secret: other.secret}
policies:
  - {host: https://github.com, file: app.yaml, repositories: [7777]}
  - {host: https://github.com, git: {repository: acme/policies, id: 9999, branch: main, path: app.yaml}, owners: [501]}
tenants:
  - {host: https://github.com, owner: 501, read-token: tenant.token}
`

func TestJ08_each_mistake_in_a_configuration_is_refused_with_its_place(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.yaml")
	read := func(text string) error {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := serve.ReadConfig(path)
		return err
	}
	if err := read(configuration); err != nil {
		t.Fatal(err)
	}
	_, public, _, err := signer.Generate("sallyport.example.com/ledger")
	if err != nil {
		t.Fatal(err)
	}
	_, another, _, err := signer.Generate("sallyport.example.com/other")
	if err != nil {
		t.Fatal(err)
	}
	if err := read(strings.Replace(configuration, "key: ledger.key", "signer: at.socket, public-key: "+public,
		1)); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ from, to, want string }{
		{"version: 1\n", "", "version is missing"},
		{"version: 1", "version: [1]", "1:10: version is empty, or something else than a text"},
		{"version: 1", "version: &a 1", "anchors, aliases and tags are not read"},
		{"version: 1", "version: 1\nversion: 1", `2:1: the configuration has the key "version" twice`},
		{"tenants:", "---\ntenants:", "holds 2 documents, want one"},
		{"url: https://sallyport.example.com\n", "", "url is missing"},
		{"url: https:", "url: http:", `2:6: url "http://sallyport.example.com", want https and a host alone`},
		{"example.com\nlisten", "example.com/at\nlisten", "want https and a host alone"},
		{"example.com\nlisten", "example.com?at\nlisten", "want https and a host alone"},
		{"url: https://", "url: https://me@", "want https and a host alone"},
		{"listen: 127.0.0.1:8787", "listen: 127.0.0.1", `listen "127.0.0.1", want HOST:PORT`},
		{"metrics: 127.0.0.1:9187", "metrics: 127.0.0.1", `metrics "127.0.0.1", want HOST:PORT`},
		{"metrics: 127.0.0.1:9187", "metrics: 127.0.0.1:8787", "and another than listen"},
		{"database: sqlite:server.db\n", "", "database is missing"},
		{"evidence: 10m", "evidence: 61m", `missing-evidence "61m", want a time from 1s to 1h`},
		{"evidence: 10m", "evidence: 999ms", `missing-evidence "999ms", want a time from 1s to 1h`},
		{"evidence: 10m", "evidence: soon", `missing-evidence "soon", want a time from 1s to 1h`},
		{"com/ledger, key: ledger.key", "com/ledger", "ledger: key is missing"},
		{"key: ledger.key", "key: ledger.key, signer: signer.socket, public-key: " + public,
			"ledger: key and signer, want one of them"},
		{"key: ledger.key", "signer: signer.socket", "ledger: public-key is missing"},
		{"key: ledger.key", "key: ledger.key, public-key: " + public, "public-key is for a signer, and there is none"},
		{"key: ledger.key", "signer: signer.socket, public-key: a+b+c",
			`public-key "a+b+c", want one of the ledger "sallyport.example.com/ledger"`},
		{"key: ledger.key", "signer: signer.socket, public-key: " + another, "want one of the ledger"},
		{"name: sallyport.example.com/ledger, ", "", "ledger: name is missing"},
		{"name: sallyport.example.com/ledger", "name: a+b", `ledger: name "a+b", want one without a space and a plus`},
		{"app: a, key: app.pem, webhook-secret: webhook.secret", "app: a, key: app.pem", "webhook-secret is missing"},
		{"app: a, key: app.pem, webhook-secret: w", "key: app.pem, webhook-secret: w", "app is missing"},
		{"host: https://github.com, app", "app", "host is missing"},
		{"key: app.pem, webhook-secret: w", "webhook-secret: w", "key is missing"},
		{"host: https://github.com, file", "file", "the policy names no host, and there are 2 platforms"},
		{"host: https://github.com, file", "host: https://gitlab.com, file", "which is none of the platforms"},
		{"file: app.yaml, ", "", "file is missing"},
		{"git: {", "file: b.yaml, git: {", "a policy is a file, in git or in a registry, and this one is in 2 places"},
		{", repositories: [7777]", "", "the policy is for no repository"},
		{"repositories: [7777]", "repositories: []", "the policy is for no repository"},
		{"repositories: [7777]", "repositories: 7777", "repositories is something else than a list"},
		{"[7777]", "[-7777]", `repositories: "-7777", want a number`},
		{"[7777]", "[0]", `repositories: "0", want a number`},
		{"[7777]", "[[7777]]", "want a number"},
		{"[7777]", "[07777]", `repositories: "07777", want a number`}, // it would be the number of no repository
		{"[7777]", "[+7777]", `repositories: "+7777", want a number`},
		{"[7777]", "[7777, 7777]", "repository 7777 of https://github.com has a policy in line 12 already"},
		{"owners: [501]", "repositories: [7777]", "repository 7777 of https://github.com has a policy in line 12 already"},
		{"owners: [501]", "owners: [501, 501]", "owner 501 of https://github.com has a policy in line 13 already"},
		{"repository: acme/policies, ", "", "git: repository is missing"},
		{"acme/policies", "policies", `git: repository "policies", want owner/name`},
		{"acme/policies", "acme/policies/x", `git: repository "acme/policies/x", want owner/name`},
		{"id: 9999, ", "", "git: id is missing"},
		{"id: 9999", "id: many", `git: id "many", want a number`},
		{"id: 9999", "id: 0", `git: id "0", want a number`},
		{"branch: main, ", "", "git: branch is missing"},
		{"branch: main", "branch: refs/heads/main", "want the name of a branch"},
		{", path: app.yaml", "", "git: path is missing"},
		{"path: app.yaml", "path: ../app.yaml", "want one below the repository's top"},
		{"path: app.yaml", "path: /app.yaml", "want one below the repository's top"},
		{"path: app.yaml", "path: a//app.yaml", "want one below the repository's top"},
		{", read-token: tenant.token", "", "read-token is missing"},
		{"owner: 501, read", "read", "owner is missing"},
		{"owner: 501, read", "owner: 0501, read", `owner: "0501", want a number`},
		{"host: https://github.com, owner", "owner", "the tenant names no host, and there are 2 platforms"},
		{"tenants:", "tenants: {}\nother:", "tenants is something else than a list"},
	} {
		text := strings.Replace(configuration, x.from, x.to, 1)
		if text == configuration {
			t.Fatalf("the configuration has no %q", x.from)
		}
		if err := read(text); err == nil || fault.Of(err).Kind != fault.Usage ||
			!strings.Contains(err.Error(), x.want) {
			t.Errorf("%q: got %v, want %q", x.to, err, x.want)
		}
	}
	if err := read("version: 1\n"); err == nil || !strings.Contains(err.Error(), "platforms names none") {
		t.Errorf("without platforms: got %v", err)
	}
	if err := read("- 1\n"); err == nil || !strings.Contains(err.Error(), "the configuration is something else than") {
		t.Errorf("a list: got %v", err)
	}
	for _, url := range []string{"http://127.0.0.1:80", "http://localhost", "https://a.example/"} {
		if err := read(strings.Replace(configuration, "https://sallyport.example.com\n", url+"\n", 1)); err != nil {
			t.Errorf("%s: got %v", url, err)
		}
	}
}
