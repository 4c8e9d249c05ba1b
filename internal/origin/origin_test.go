package origin

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

func TestParse_a_remote_names_a_host_and_a_repository(t *testing.T) {
	for address, want := range map[string]Repository{
		"https://github.com/acme/widget.git":             {"github.com", "acme/widget"},
		"https://github.com/acme/widget/":                {"github.com", "acme/widget"},
		"https://alice:s3cret@GitHub.com/acme/widget":    {"github.com", "acme/widget"},
		"HTTPS://github.com/acme/widget":                 {"github.com", "acme/widget"},
		"git@github.com:acme/widget.git":                 {"github.com", "acme/widget"},
		"git@github.com:/acme/widget.git":                {"github.com", "acme/widget"},
		"gitlab.com:acme/widget":                         {"gitlab.com", "acme/widget"},
		"ssh://git@ssh.github.com:443/acme/widget.git":   {"github.com", "acme/widget"},
		"ssh://git@altssh.gitlab.com:443/a/b.git":        {"gitlab.com", "a/b"},
		"ssh://git@gitlab.example:2222/a/b/c/widget.git": {"gitlab.example", "a/b/c/widget"},
		"https://gitlab.example:8443/a/b":                {"gitlab.example:8443", "a/b"},
		"http://127.0.0.1:8080/acme/widget":              {"127.0.0.1:8080", "acme/widget"},
		"git+ssh://git@github.com/acme/.github":          {"github.com", "acme/.github"},
	} {
		if got, err := Parse(address); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", address, got, err, want)
		}
	}
}

func TestParse_what_is_no_repository_of_a_host_is_refused(t *testing.T) {
	for _, address := range []string{
		"", "/srv/git/widget.git", `C:\src\widget`, "C:/src/widget", "../widget", "file:///srv/x/y", "ext::sh -c x",
		"https://github.com/acme", "https:///acme/widget", "https://a:b%zz@h/x/y", "git@github.com:acme",
		"https://github.com/acme/../other/widget", "https://github.com/acme/wid get", "https://github.com/a/\x1b[31m",
		"https://-h.example/a/b", "https://h_.example/a/b", "https://github.com/a//b", "https://[::1]/a/b",
		"https://github.com/" + strings.Repeat("a/", 40) + "b",
	} {
		got, err := Parse(address)
		if err == nil {
			t.Errorf("%q: %v, want an error", address, got)
		} else if f := fault.Of(err); f.Kind != fault.Usage || f.Hint == "" {
			t.Errorf("%q: %v without a next step", address, err)
		}
	}
}

func TestParse_no_message_quotes_a_password(t *testing.T) {
	for _, address := range []string{
		"https://alice:s3cret@github.com/acme", "https://alice:s3cret%zz@github.com/acme/widget",
		"ftp://alice:s3cret@github.com/acme/widget", "alice:s3cret@github.com", "https://alice:s3cret@h_/a/b",
	} {
		if _, err := Parse(address); err == nil || strings.Contains(err.Error()+fault.Of(err).Hint, "s3cret") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestURI_is_https_whatever_the_remote_says(t *testing.T) {
	r, err := Parse("git@gitlab.example:a/b.git")
	if err != nil || r.URI() != "https://gitlab.example/a/b" || r.Server() != "https://gitlab.example" {
		t.Errorf("%v %v %v", r.URI(), r.Server(), err)
	}
}

const clone = `[core]
	repositoryformatversion = 0
	bare # a key alone
[remote "fork"]
	url = git@github.com:me/widget.git
[remote "origin"] ; ours
	fetch = +refs/heads/*:refs/remotes/origin/*
	URL = "https://github.com/acme/widget" # the first one counts
	url = https://github.com/other/widget
[branch "main"]
	remote = origin
`

func TestRemotes_are_read_from_the_files_of_git(t *testing.T) {
	all, err := Remotes([]byte(clone))
	if err != nil || len(all) != 2 || all[0].Name != "fork" || all[0].URI() != "https://github.com/me/widget" {
		t.Fatalf("%+v, %v", all, err)
	}
	if r, err := Usual(all); err != nil || r.URI() != "https://github.com/acme/widget" {
		t.Errorf("usual = %+v, %v, want acme/widget", r, err)
	}
	if r, err := Usual(all[:1]); err != nil || r.Name != "fork" {
		t.Errorf("usual = %+v, %v, want the only one", r, err)
	}
}

func TestRemotes_write_out_the_longest_short_form(t *testing.T) {
	person := "[url \"git@gitlab.example:\"]\n\tinsteadOf = w:\n[url \"https://github.com/acme/\"]\ninsteadOf = w:a/ \n"
	for written, want := range map[string]string{
		"w:a/widget": "https://github.com/acme/widget",
		"w:b/widget": "https://gitlab.example/b/widget",
	} {
		all, err := Remotes([]byte(person), []byte("[remote \"origin\"]\r\n\turl = "+written+"\r\n"))
		if err != nil || len(all) != 1 || all[0].Err != nil || all[0].URI() != want {
			t.Errorf("%s: %+v, %v, want %s", written, all, err, want)
		}
	}
}

func TestUsual_says_what_there_is_instead(t *testing.T) {
	for text, want := range map[string]string{
		"": "no remote",
		"[remote \"a\"]\nurl=h.example:x/y\n[remote \"b\"]\nurl=h.example:x/z": `2 remotes and none is called origin: "a", "b"`,
		"[remote \"origin\"]\nurl = ../widget":                                 "a folder",
	} {
		all, err := Remotes([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Usual(all); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestRemotes_refuse_what_is_no_configuration(t *testing.T) {
	for _, text := range []string{"[remote \"a", "[remote", "[remote \"a\\", "[remote \"a\" x]\nurl=h:x/y", strings.Repeat("#", MaxBytes+1)} {
		if all, err := Remotes([]byte(text)); err == nil {
			t.Errorf("%.20q: %v, want an error", text, all)
		}
	}
}

func TestValues_of_git_have_quotes_and_several_lines(t *testing.T) {
	for text, want := range map[string]string{
		` a b  # c`: "a b", `"a # b " `: "a # b ", "a\\\nb": "ab", `a\"b\\`: `a"b\`, "": "", `a;b`: "a", `" a"`: " a", `\t`: "\t",
	} {
		if got, _ := value(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzRemotes(f *testing.F) {
	f.Add([]byte(clone))
	f.Add([]byte("[a \"\\\"\"]\nb = \"\\\n\\"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, _ := Remotes(text)
		for _, r := range all {
			if again, err := Parse(r.URI()); r.Err == nil && (err != nil || again != r.Repository) {
				t.Errorf("%q is read again as %v, %v", r.URI(), again, err)
			}
		}
	})
}
