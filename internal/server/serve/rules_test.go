package serve_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// house is a repository with policies: a commit, with what its folder policies has, is the tip of main.
func (w *world) house(name string, id int, sha string, files map[string]string) {
	w.Helper()
	at := "/github/repos/" + name
	w.lab.Set(w, at, map[string]any{"id": id, "owner_id": 4242, "visibility": "private"})
	w.lab.Set(w, at+"/history", map[string]any{
		"commits": []map[string]any{{"sha": sha, "author": map[string]any{"name": "Alice",
			"email": "alice@acme.example"}}},
		"branches": map[string]string{"main": sha}})
	w.lab.Set(w, at+"/files", map[string]any{"commit": sha, "files": files})
}

func TestG04_a_policy_in_a_repository_of_its_own_counts_as_its_branch_has_it(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "10m")
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(w.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	name, id := w.repo+"-rules", int(w.id)+2_000_000
	files := map[string]string{"rules/app.yaml": read("policy.yaml"),
		"rules/trusted_root.json": read("trusted_root.json")}
	first, second, third := strings.Repeat("1", 40), strings.Repeat("2", 40), strings.Repeat("3", 40)
	w.house(name, id, first, files)
	config := strings.Replace(read("server.yaml"), "{file: policy.yaml,",
		fmt.Sprintf("{git: {repository: %s, id: %d, branch: main, path: rules/app.yaml},", name, id), 1)
	w.write("server.yaml", config)
	if status, said := w.runs("sallyport-server", "--config", "server.yaml"); status != 3 ||
		!strings.Contains(said, "install the app on "+name) {
		t.Errorf("an app that is not installed there: status %d, %s", status, said)
	}
	w.app.Install(t, w.app.Installation, w.repo, name)
	w.write("server.yaml", strings.Replace(config, fmt.Sprint("id: ", id), "id: 5", 1))
	if status, said := w.runs("sallyport-server", "--config", "server.yaml"); status != 3 ||
		!strings.Contains(said, "other repositories than ") {
		t.Errorf("a repository that has the name now: status %d, %s", status, said)
	}
	w.write("server.yaml", config)
	p := w.starts()
	w.run(901)
	w.attests(901, w.url, nil)
	w.lab.Waits(t, w.repo, 901, "production", nil)
	w.answered(901, "approved")

	// What a commit has is read once, however often the branch is looked at.
	pushed := func(tip string) {
		w.app.Deliver(t, "push", map[string]any{"ref": "refs/heads/main", "after": tip, "repository": map[string]any{
			"id": id, "full_name": name, "owner": map[string]any{"id": 4242}}}, nil)
	}
	asked := func(path string) (n int) {
		for _, r := range w.lab.Requests(t) {
			if r.Method == "GET" && strings.HasSuffix(r.Path, "/repos/"+name+path) {
				n++
			}
		}
		return n
	}
	looks := asked("/branches/main")
	for n := range 2 { // when the second look begins, the first one has ended
		pushed(first)
		w.until("the branch is looked at again", func() bool { return asked("/branches/main") > looks+n })
	}
	if files := asked("/contents/rules/app.yaml"); looks == 0 || files != 1 {
		t.Errorf("%d looks at the branch, and the policy was read %d times, want once", looks, files)
	}

	// A push there is a hint, and the branch says what counts.
	files["rules/app.yaml"] = strings.Replace(read("policy.yaml"), "refs: [refs/heads/main]",
		"refs: [refs/heads/release]", 1)
	w.house(name, id, second, files)
	pushed(second)
	w.until("the policy is read again", func() bool {
		return strings.Contains(p.log.String(),
			"the policies were read again")
	})
	w.run(902)
	w.attests(902, w.url, nil)
	w.lab.Waits(t, w.repo, 902, "production", nil)
	if comment := w.answered(902, "rejected"); !strings.Contains(comment, "refs/heads/") {
		t.Errorf("the reason is %q", comment)
	}

	// What is wrong, or names a file that has another digest, leaves the one before.
	files["rules/app.yaml"], files["rules/trusted_root.json"] = read("policy.yaml"), "{}"
	w.house(name, id, third, files)
	pushed(third)
	w.until("the new one is refused", func() bool {
		return strings.Contains(p.log.String(), "a policy was not read again") &&
			strings.Contains(p.log.String(), "E_TRUSTROOT")
	})
	w.run(903)
	w.attests(903, w.url, nil)
	w.lab.Waits(t, w.repo, 903, "production", nil)
	w.answered(903, "rejected")
}
