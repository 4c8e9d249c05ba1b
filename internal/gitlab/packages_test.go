package gitlab_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gitlab"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A shelf is a project of the lab with one bundle about one subject.
type shelf struct {
	t    *testing.T
	lab  *labtest.Lab
	env  map[string]string
	job  *gitlab.Job
	s    subject.Subject
	good string
}

func newShelf(t *testing.T, id int) *shelf {
	t.Helper()
	l := labtest.Shared(t)
	path := fmt.Sprintf("acme/shelf-%d", id)
	l.Set(t, fmt.Sprintf("/gitlab/projects/%d", id), map[string]any{"path": path})
	env := with(l.As(t, "gitlab", nil), "CI_PROJECT_ID", fmt.Sprint(id), "CI_PROJECT_PATH", path)
	j, _ := job(t, env)
	x := &shelf{t: t, lab: l, env: env, job: j, s: subject.Subject{Digest: subject.SHA256([32]byte{byte(id)})},
		good: fmt.Sprintf(`{"good":%d}`, id)}
	x.put()
	return x
}

// put stores the bundle, as attest does.
func (x *shelf) put() {
	x.t.Helper()
	if _, err := x.job.Evidence().Put(context.Background(),
		store.Record{Subjects: []subject.Subject{x.s}, Bundle: []byte(x.good)}); err != nil {
		x.t.Fatal(err)
	}
}

// upload stores any bytes under any name, as everybody can whose job may write
// to the registry.
func (x *shelf) upload(name, content string) {
	x.t.Helper()
	at := apiOf(x.env) + "/projects/" + x.env["CI_PROJECT_ID"] + "/packages/generic/sallyport-attestations/" + x.s.Digest.Hex() + "/" + name
	req, err := http.NewRequest(http.MethodPut, at, strings.NewReader(content))
	if err != nil {
		x.t.Fatal(err)
	}
	req.Header.Set("Job-Token", x.env["CI_JOB_TOKEN"])
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		x.t.Fatal(err)
	}
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusCreated {
		x.t.Fatalf("upload: %s", resp.Status)
	}
}

// fetch returns what is found, and with how many requests.
func (x *shelf) fetch() (store.Found, int) {
	x.t.Helper()
	x.lab.Unset(x.t, "/requests")
	found, err := x.job.Evidence().Fetch(context.Background(), []subject.Subject{x.s})
	if err != nil {
		x.t.Fatal(err)
	}
	return found, len(x.lab.Requests(x.t))
}

// old makes the instance one that hands over the newest upload of a name only.
func (x *shelf) old() {
	x.lab.Fault(x.t, map[string]any{"target": "gitlab", "match": "/package_files/[0-9]+/download$", "status": 404,
		"times": -1, "body": `{"error":"404 Not Found"}`})
}

func (x *shelf) wants(found store.Found, passed int) {
	x.t.Helper()
	if len(found.Bundles) != 1 || string(found.Bundles[0].Bundle) != x.good || len(found.Covered) != 0 {
		x.t.Errorf("found %+v, want the one good bundle", found)
	}
	n := 0
	for _, p := range found.Passed {
		n += p.Count
	}
	if n != passed {
		x.t.Errorf("passed over %+v, want %d things", found.Passed, passed)
	}
}

// The good path costs a list of packages, a list of files and a download.
func TestPackages_calls(t *testing.T) {
	x := newShelf(t, 61)
	found, calls := x.fetch()
	x.wants(found, 0)
	if calls != 3 {
		t.Errorf("%d calls, want 3", calls)
	}
}

// An upload under the name of a good bundle hides it from the download by name.
// It is read by its number; an instance that cannot do that has bytes that
// somebody else has to bring, and they are named.
func TestD06_an_upload_under_a_bundles_name_hides_nothing(t *testing.T) {
	x := newShelf(t, 62)
	x.upload(bundleName(x.good), "junk")
	found, calls := x.fetch()
	x.wants(found, 1)
	if calls != 3 {
		t.Errorf("%d calls, want 3: what is covered is not asked for by its name", calls)
	}

	x.old()
	found, _ = x.fetch()
	if len(found.Bundles) != 0 || len(found.Covered) != 1 ||
		found.Covered[0].Digest.Hex()+".sigstore.json" != bundleName(x.good) {
		t.Fatalf("on an old instance: found %+v, want the covered bundle named", found)
	}
	err := found.Covered[0].Err
	wantFault(t, err, fault.Refused, fault.SubjectMismatch)
	for _, want := range []string{bundleName(x.good), "2026-01-05T08:01:00Z", `user "`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	for _, want := range []string{"--bundle", `input "bundle"`, "/-/packages/", "18.4"} {
		if hint := fault.Of(err).Hint; !strings.Contains(hint, want) {
			t.Errorf("hint %q does not say %q", hint, want)
		}
	}

	// The twin: the same bytes once more lie on top, and the old instance gives
	// them.
	x.put()
	found, _ = x.fetch()
	x.wants(found, 1)
}

// An upload that comes between the list and the download hides nothing either.
func TestD06_an_upload_in_between(t *testing.T) {
	x := newShelf(t, 63)
	x.lab.Fault(t, map[string]any{"target": "gitlab", "match": "GET .*/packages/generic/", "status": 200,
		"body": "junk", "times": -1})
	found, calls := x.fetch()
	x.wants(found, 0)
	if calls != 4 {
		t.Errorf("%d calls, want 4: by name, and then by number", calls)
	}
	x.old()
	if found, _ = x.fetch(); len(found.Covered) != 1 {
		t.Errorf("found %+v, want the bundle named that cannot be had", found)
	}
}

// What is named by something else than its own digest is junk, and counted.
func TestD06_names_that_are_no_digests(t *testing.T) {
	x := newShelf(t, 64)
	for i := range 3 {
		x.upload(fmt.Sprintf("%d.sigstore.json", i), x.good)
	}
	x.upload(bundleName("other"), x.good)
	x.upload(strings.ToUpper(bundleName(x.good)[:64])+".sigstore.json", x.good)
	x.upload("sbom.spdx.json", "{}")
	x.upload("readme.txt", "hello")
	found, calls := x.fetch()
	x.wants(found, 7)
	if calls != 3 {
		t.Errorf("%d calls, want 3: junk is not downloaded", calls)
	}
	for _, p := range found.Passed {
		if want := map[string]int{"file that is not named by its own digest": 5,
			"file of another suffix": 2}[p.What]; p.Count != want {
			t.Errorf("passed over %+v, want %d", p, want)
		}
	}
}

// The same bundle uploaded as often as anybody likes is one bundle.
func TestPackages_the_same_again_is_the_same(t *testing.T) {
	x := newShelf(t, 65)
	x.put()
	x.put()
	found, calls := x.fetch()
	x.wants(found, 0)
	if calls != 3 {
		t.Errorf("%d calls, want 3", calls)
	}
}

// A file that the registry itself lists, and does not have or has other bytes
// of, is no shorter list.
func TestE06_listed_and_missing(t *testing.T) {
	for name, c := range map[string]struct {
		byName, byNumber int
		code             fault.Code
	}{
		"missing":     {404, 404, fault.Malformed},
		"other bytes": {200, 200, fault.SubjectMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			x := newShelf(t, 66)
			x.lab.Fault(t, map[string]any{"target": "gitlab", "match": "GET .*/packages/generic/", "status": c.byName,
				"body": "junk", "times": -1})
			x.lab.Fault(t, map[string]any{"target": "gitlab", "match": "/download$", "status": c.byNumber,
				"body": "junk", "times": -1})
			_, err := x.job.Evidence().Fetch(context.Background(), []subject.Subject{x.s})
			wantFault(t, err, fault.Refused, c.code)
		})
	}
}

// instance serves a registry that lists what files gives.
func instance(t *testing.T, packages string, files func(page string) (body, next string)) *gitlab.Job {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/packages") {
			fmt.Fprint(w, packages)
			return
		}
		if !strings.HasSuffix(r.URL.Path, "/package_files") {
			t.Errorf("asked for %s, which is too large to be asked for", r.URL.Path)
		}
		body, next := files(r.URL.Query().Get("page"))
		w.Header().Set("X-Next-Page", next)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	j, _ := job(t, map[string]string{"CI_PROJECT_ID": "1", "CI_PROJECT_PATH": "a/b", "CI_SERVER_URL": s.URL,
		"CI_API_V4_URL": s.URL + "/api/v4", "CI_JOB_TOKEN": "t"})
	j.Budget = 5 * time.Second
	return j
}

// Files up to the limit are all looked at. One more is a fault that says where,
// who uploaded them and how they go away.
func TestO02_as_many_files_as_the_limit(t *testing.T) {
	s := subject.Subject{Digest: subject.SHA256([32]byte{7})}
	packages := fmt.Sprintf(`[{"id":70,"name":"sallyport-attestations","version":%q,"creator_id":12}]`, s.Digest.Hex())
	for n, code := range map[int]fault.Code{store.MaxPerSubject: "", store.MaxPerSubject + 1: fault.Limit} {
		j := instance(t, packages, func(page string) (string, string) {
			var number int
			_, _ = fmt.Sscan(page, &number)
			var all []string
			for i := (number - 1) * 100; i < min(number*100, n); i++ {
				digest := subject.SHA256([32]byte{8, byte(i >> 8), byte(i)}).Hex()
				by := `,"pipelines":[{"user":{"username":"mallory"}}]`
				if i%100 == 0 {
					by = ""
				}
				all = append(all, fmt.Sprintf(`{"id":%d,"file_name":"%s.sigstore.json","file_sha256":%[2]q,"size":17000000%s}`, i+1, digest, by))
			}
			next := ""
			if number*100 < n {
				next = fmt.Sprint(number + 1)
			}
			return "[" + strings.Join(all, ",") + "]", next
		})
		found, err := j.Evidence().Fetch(context.Background(), []subject.Subject{s})
		if code == "" {
			if err != nil || len(found.Passed) != 1 || found.Passed[0].Count != n ||
				found.Passed[0].What != store.TooLarge {
				t.Errorf("at the limit: %+v, %v, want all looked at", found.Passed, err)
			}
			continue
		}
		wantFault(t, err, fault.Refused, code)
		for _, want := range []string{"GitLab packages of a/b", s.Digest.String(), `19800 by user "mallory"`,
			"201 by user number 12"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %q does not say %q", err, want)
			}
		}
		if hint := fault.Of(err).Hint; !strings.Contains(hint, "/-/packages/70") ||
			!strings.Contains(hint, "glab api -X DELETE projects/1/packages/70") {
			t.Errorf("hint %q does not say how to clear it", hint)
		}
	}
}

// A page that is empty although there is a next one was lost.
func TestO02_an_empty_page_of_files_is_a_lost_one(t *testing.T) {
	s := subject.Subject{Digest: subject.SHA256([32]byte{7})}
	packages := fmt.Sprintf(`[{"id":70,"name":"sallyport-attestations","version":%q}]`, s.Digest.Hex())
	for _, c := range []struct {
		empty string
		code  fault.Code
	}{{"", ""}, {"2", fault.Malformed}} {
		j := instance(t, packages, func(page string) (string, string) {
			if page == c.empty {
				return "[]", "3"
			}
			return `[{"id":1,"file_name":"readme"}]`, map[string]string{"1": "2", "2": "3"}[page]
		})
		found, err := j.Evidence().Fetch(context.Background(), []subject.Subject{s})
		if c.code == "" && (err != nil || found.Passed[0].Count != 3) {
			t.Errorf("three pages: %+v, %v, want three files passed over", found, err)
		}
		if c.code != "" {
			wantFault(t, err, fault.Refused, c.code)
		}
	}
}

// An answer to an upload that is no record of the file has stored nothing; one
// whose answer is lost is repeated.
func TestF03_an_upload_without_a_record(t *testing.T) {
	x := newShelf(t, 67)
	record := store.Record{Subjects: []subject.Subject{x.s}, Bundle: []byte(`{"new":1}`)}
	hex := strings.TrimSuffix(bundleName(`{"new":1}`), ".sigstore.json")
	name := hex + ".sigstore.json"
	for body, c := range map[string]struct {
		status int
		code   fault.Code
	}{
		`{}`:                        {200, fault.Malformed},
		`{"message":"201 Created"}`: {201, fault.Malformed},
		``:                          {204, fault.Malformed},
		`null`:                      {201, fault.Malformed},
		`[]`:                        {201, fault.Malformed},
		`{"id":1,"file_name":"other","file_sha256":"` + hex + `"}`:        {201, fault.Malformed},
		`{"id":0,"file_name":"` + name + `","file_sha256":"` + hex + `"}`: {201, fault.Malformed},
		`{"id":1,"file_name":"` + name + `"}`:                             {201, fault.SubjectMismatch},
		`{"id":1,"file_name":"` + name + `","file_sha256":"00"}`:          {201, fault.SubjectMismatch},
		`{"id":1,"file_name":"` + name + `","file_sha256":"` + hex + `"}`: {201, ""},
	} {
		x.lab.Fault(t, map[string]any{"target": "gitlab", "match": "^PUT ", "status": c.status, "body": body})
		_, err := x.job.Evidence().Put(context.Background(), record)
		if c.code == "" && err != nil {
			t.Errorf("%s: %v, want it kept", body, err)
		}
		if c.code != "" {
			wantFault(t, err, fault.Refused, c.code)
		}
	}
	x.lab.Fault(t, map[string]any{"target": "gitlab", "match": "^PUT ", "action": "persist_then_fail", "status": 502})
	if _, err := x.job.Evidence().Put(context.Background(), record); err != nil {
		t.Errorf("after a lost answer: %v, want it kept", err)
	}
	if found, _ := x.fetch(); len(found.Bundles) != 2 {
		t.Errorf("found %+v, want the bundle once beside the other", found)
	}
}
