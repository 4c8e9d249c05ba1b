//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// thirdParty are actions of others that a sample builds with, and what does the same
// work without a network or an engine. Each is a repository of its own.
var thirdParty = map[string]string{
	"actions/setup-go":   "name: stand-in\nruns:\n  using: composite\n  steps: [{shell: bash, run: go version}]\n",
	"actions/setup-node": "name: stand-in\nruns:\n  using: composite\n  steps: [{shell: bash, run: npm --version}]\n",
	"goreleaser/goreleaser-action": "name: stand-in\ninputs: {args: {required: true}}\nruns:\n  using: composite\n  steps:\n" +
		"    - shell: bash\n      run: mkdir -p dist && tar czf dist/hello_1.2.3.tar.gz main.go\n",
	"docker/build-push-action": "name: stand-in\ninputs: {tags: {required: true}, push: {required: true}}\n" +
		"outputs: {digest: {value: '${{ steps.push.outputs.digest }}'}}\nruns:\n  using: composite\n  steps:\n" +
		"    - shell: bash\n      id: push\n      env: {TAGS: '${{ inputs.tags }}'}\n      run: |\n" + indented(pushImage),
}

// pushImage pushes an image of one file, as its registry wants it.
const pushImage = `name=${TAGS%:*} tag=${TAGS##*:}; host=${name%%/*} repo=${name#*/}; dir=$(mktemp -d)
blob() {
  digest=sha256:$(sha256sum <"$1" | cut -d' ' -f1)
  at=$(curl -fsS -D - -o /dev/null -X POST "http://$host/v2/$repo/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
  case $at in /*) at=http://$host$at ;; esac
  case $at in *\?*) at="$at&" ;; *) at="$at?" ;; esac
  curl -fsS -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$1" "${at}digest=$digest"
}
tar cf "$dir/layer.tar" Dockerfile; diff=sha256:$(sha256sum <"$dir/layer.tar" | cut -d' ' -f1); gzip -n "$dir/layer.tar"
blob "$dir/layer.tar.gz"; layer=$digest
printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["%s"]}}' "$diff" >"$dir/config"
blob "$dir/config"; config=$digest
type=application/vnd.oci.image
printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json","digest":"%s","size":%d},"layers":[{"mediaType":"%s.layer.v1.tar+gzip","digest":"%s","size":%d}]}' \
  $type $type "$config" "$(wc -c <"$dir/config")" $type "$layer" "$(wc -c <"$dir/layer.tar.gz")" >"$dir/manifest"
curl -fsS -o /dev/null -X PUT -H "Content-Type: $type.manifest.v1+json" --data-binary "@$dir/manifest" "http://$host/v2/$repo/manifests/$tag"
echo "digest=sha256:$(sha256sum <"$dir/manifest" | cut -d' ' -f1)" >>"$GITHUB_OUTPUT"
`

// coloured are the colours of a terminal.
var coloured = regexp.MustCompile("\x1b\\[[0-9;]*m")

func indented(text string) string {
	return "        " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n        ") + "\n"
}

// A sample that somebody has, and init: what was written gates in watch mode without
// editing, in a real client, and remove gives the sample back.
func TestInit_what_was_written_watches(t *testing.T) {
	t.Parallel()
	for _, c := range clients {
		for _, sample := range []string{"go", "node", "image"} {
			t.Run(c.name+"/"+sample, func(t *testing.T) {
				t.Parallel()
				r := newSample(t, c.name, sample)
				before := textFiles(t, r.dir)
				more := []string{}
				if c.name+sample == "gitlabimage" { // a registry that is not the project's own
					more = []string{"--job", "build", "--subject", "oci://" + r.lab.Registry + "/acme/" + r.name + ":$CI_COMMIT_SHA"}
				}
				r.sallyport(t, c.name, "init", append(more, "--use", r.suite.release, "--yes", "--environment", "production", "--sigstore", "custom", "--network", "inherit",
					"--authority", r.lab.Env["SALLYPORT_LAB_AUTHORITY"], "--trusted-root", filepath.Join(r.lab.Dir, "trusted_root.json"),
					"--signing-config", filepath.Join(r.lab.Dir, "signing_config.json"))...)
				r.known(t, c.name)
				got := c.run(t, r)
				for _, want := range []string{"WATCH    this is no gate", "would be let into \"production\""} {
					if got.exit != 0 || !strings.Contains(coloured.ReplaceAllString(got.log, ""), want) {
						t.Errorf("exit %d, jobs %v, and the log lacks %q", got.exit, got.jobs, want)
					}
				}
				must(t, os.RemoveAll(filepath.Join(r.dir, ".gitlab-ci-local")))
				_ = os.Remove(filepath.Join(r.dir, "expanded.yml"))
				r.sallyport(t, c.name, "remove", "--yes")
				for name, text := range before {
					if b, err := os.ReadFile(name); !strings.Contains(name, "/.git/") && (err != nil || string(b) != text) {
						t.Errorf("%s is not what it was: %v", name, err)
					}
				}
				if t.Failed() {
					t.Logf("%s", got.log)
				}
			})
		}
	}
}

// newSample makes a repository of a sample, as somebody has it who knows nothing of us.
func newSample(t *testing.T, platform, sample string) *run {
	t.Helper()
	r := newRun(t, platform+"-init-"+sample, scenario{}, variants[0])
	must(t, os.RemoveAll(r.dir))
	must(t, copyTree(filepath.Join("init", sample), r.dir))
	if sample == "image" {
		r.edit(t, ".github/workflows/release.yml", "REGISTRY", r.lab.Registry)
		r.edit(t, ".gitlab-ci.yml", "REGISTRY", r.lab.Registry)
		must(t, write(filepath.Join(r.dir, "push.sh"), pushImage))
	}
	if platform == "github" {
		_ = os.Remove(filepath.Join(r.dir, ".gitlab-ci.yml"))
		r.lab.Set(t, "/github/repos/acme/"+r.name, object{"id": r.id, "owner_id": 4242, "visibility": "public", "protected": []string{"production"}})
	} else {
		must(t, os.RemoveAll(filepath.Join(r.dir, ".github")))
		r.lab.Set(t, "/gitlab/projects/"+strconv.Itoa(r.id), object{"path": "acme/" + r.name, "protected": []string{"production"}})
	}
	release := r.suite.release // init asks the platform for the commit that the steps shall use
	r.lab.Set(t, "/github/repos/sallyport-dev/sallyport/history", object{"commits": []object{{"sha": release, "message": "x", "author": object{"login": "alice", "id": 77}}},
		"branches": object{"main": release}, "pulls": []object{}, "activity": []object{}})
	r.lab.Set(t, "/gitlab/projects/4000000/history", object{"branches": object{"main": release}, "commits": []object{{"id": release, "parent_ids": []string{}}}, "events": []object{}})
	_, err := commit(r.dir, "sample")
	must(t, err)
	return r
}

// known commits what was written, and has the platform know it as its default branch.
func (r *run) known(t *testing.T, platform string) {
	t.Helper()
	var err error
	r.sha, err = commit(r.dir, "a gate that watches")
	must(t, err)
	policy, err := os.ReadFile(filepath.Join(r.dir, ".sallyport/policy.yaml"))
	must(t, err)
	files := object{"commit": r.sha, "files": object{".sallyport/policy.yaml": string(policy)}}
	if platform == "github" {
		at := "/github/repos/acme/" + r.name
		r.lab.Set(t, at+"/history", object{"commits": []object{{"sha": r.sha, "message": "x", "author": object{"login": "alice", "id": 77}}},
			"branches": object{"main": r.sha}, "pulls": []object{}, "activity": []object{}})
		r.lab.Set(t, at+"/files", files)
		return
	}
	at := "/gitlab/projects/" + strconv.Itoa(r.id)
	r.lab.Set(t, at+"/history", object{"branches": object{"main": r.sha}, "commits": []object{{"id": r.sha, "parent_ids": []string{}}}, "events": []object{}})
	r.lab.Set(t, at+"/files", files)
}

// sallyport runs a command as a person in the clone, with the token that a person has.
func (r *run) sallyport(t *testing.T, platform, command string, args ...string) {
	t.Helper()
	args = append([]string{command, "--root", r.dir}, args...)
	if command == "init" {
		args = append(args, "--repository", "https://"+platform+".com/acme/"+r.name)
	}
	job, env := r.lab.As(t, platform, nil), r.environ(t)
	for name, value := range r.lab.As(t, "none", nil) {
		if !strings.HasPrefix(name, "SALLYPORT_") || strings.HasPrefix(name, "SALLYPORT_LAB") {
			env = append(env, name+"="+value)
		}
	}
	token := job["GITHUB_TOKEN"]
	if platform == "gitlab" {
		token = job["GITLAB_TOKEN"]
	}
	binaries, err := filepath.Glob(filepath.Join(r.suite.dir, "releases", version, "sallyport_*_amd64"))
	if more, _ := filepath.Glob(filepath.Join(r.suite.dir, "releases", version, "sallyport_*_arm64")); len(binaries) == 0 {
		binaries = more
	}
	if err != nil || len(binaries) == 0 {
		t.Fatalf("no binary: %v", err)
	}
	cmd := exec.Command(binaries[0], args...)
	cmd.Dir = r.dir
	cmd.Env = append(env, "SALLYPORT_TOKEN="+token)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sallyport %s: %v\n%s", strings.Join(args, " "), err, b)
	}
}
