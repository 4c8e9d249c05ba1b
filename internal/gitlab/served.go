package gitlab

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gitobject"
)

// maxServed bounds what git sends: the tip of a branch and the folders on the way to one file.
const maxServed = 64 << 20

// A served is the default branch as the project's git address serves it, for a job whose own token
// may clone and may not ask the API for files. It speaks protocol version 2 of git
// (gitprotocol-v2(5), gitprotocol-pack(5)).
type served struct {
	http   *http.Client
	base   string // address of the repository
	branch string // full name of the default branch
	commit string // that it is at
}

// git finds out where the default branch is.
func (j *Job) git(ctx context.Context) (*served, error) {
	if j.session == "" || j.server == nil {
		return nil, fault.New(fault.Unavailable, fault.NotAvailable, readFile, "this job has no token that may fetch")
	}
	login := base64.StdEncoding.EncodeToString([]byte("gitlab-ci-token:" + j.session))
	s := &served{base: j.web("") + ".git", http: client.New(client.Options{
		Base: j.server, Credential: http.Header{"Authorization": {"Basic " + login}},
		Away: client.RefuseAway, MaxBody: maxServed, Budget: j.Budget,
	})}
	able, err := s.ask(ctx, http.MethodGet, "/info/refs?service=git-upload-pack", nil)
	if err != nil {
		return nil, err
	}
	if said := strings.Join(able, ""); !strings.Contains(said, "version 2\n") || !strings.Contains(said, "filter") {
		return nil, s.odd("it does not serve version 2 of git's protocol with filters")
	}
	refs, err := s.ask(ctx, http.MethodPost, "/git-upload-pack", gitRequest("ls-refs", "symrefs", "ref-prefix HEAD"))
	if err != nil {
		return nil, err
	}
	for _, line := range refs {
		words := strings.Fields(line)
		if len(words) == 3 && words[1] == "HEAD" && gitobject.IsCommit(words[0]) {
			s.commit, s.branch = words[0], strings.TrimPrefix(words[2], "symref-target:")
		}
	}
	if s.commit == "" || !strings.HasPrefix(s.branch, "refs/heads/") {
		return nil, s.odd("it names no default branch")
	}
	return s, nil
}

// file returns a file of the tip. Each object on the way to it is held to its name.
func (s *served) file(ctx context.Context, name string) ([]byte, error) {
	depth := len(strings.Split(path.Clean(name), "/"))
	tip, err := s.fetch(ctx, s.commit, "deepen 1", fmt.Sprintf("filter combine:blob:none+tree:%d", depth))
	if err != nil {
		return nil, err
	}
	width := len(s.commit) / 2
	tree, err := gitobject.Sent(width, tip)
	if err != nil {
		return nil, s.odd(err.Error())
	}
	blob, err := tree.Blob(s.commit, name)
	if errors.Is(err, gitobject.ErrNoFile) {
		return nil, fault.New(fault.Refused, fault.Policy, "commit the file", "%s has no %q at commit %s", s.base, name, s.commit)
	}
	if err != nil {
		return nil, s.odd(err.Error())
	}
	content, err := s.fetch(ctx, blob)
	if err != nil {
		return nil, err
	}
	if tree, err = gitobject.Sent(width, content); err != nil {
		return nil, s.odd(err.Error())
	}
	body, err := tree.Content(blob)
	if err != nil {
		return nil, s.odd(err.Error())
	}
	return body, nil
}

// fetch asks for one object, and returns the pack that is sent.
func (s *served) fetch(ctx context.Context, object string, more ...string) ([]byte, error) {
	args := append([]string{"no-progress", "ofs-delta", "want " + object}, more...)
	lines, err := s.ask(ctx, http.MethodPost, "/git-upload-pack", gitRequest("fetch", append(args, "done")...))
	if err != nil {
		return nil, err
	}
	var pack bytes.Buffer
	sent := false
	for _, l := range lines {
		switch {
		case !sent:
			sent = l == "packfile\n"
		case l != "" && l[0] == 1: // the band of data; 2 is progress
			pack.WriteString(l[1:])
		case l != "" && l[0] == 3:
			return nil, s.odd("it ended with an error")
		}
	}
	if !sent {
		return nil, s.odd("it sent no pack")
	}
	return pack.Bytes(), nil
}

// ask sends one request and returns the lines of the answer.
func (s *served) ask(ctx context.Context, method, rest string, body []byte) ([]string, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.base+rest, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking GitLab: %w", err)
	}
	req.Header.Set("Git-Protocol", "version=2")
	if body != nil {
		req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, client.Unanswered("the git address of the project", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, client.Status("the git address of the project", resp.StatusCode, readFile)
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, client.Unanswered("the git address of the project", err)
	}
	return pktLines(raw)
}

// odd is the fault of an answer that is not git's.
func (s *served) odd(what string) error {
	return fault.New(fault.Unavailable, fault.NotAvailable, readFile, "the git address %s answered, and %s", s.base, what)
}

// gitRequest is a command of version 2 with its arguments.
func gitRequest(command string, args ...string) []byte {
	var b bytes.Buffer
	line := func(s string) { fmt.Fprintf(&b, "%04x%s\n", len(s)+5, s) }
	line("command=" + command)
	b.WriteString("0001")
	for _, a := range args {
		line(a)
	}
	b.WriteString("0000")
	return b.Bytes()
}

// pktLines divides an answer (gitprotocol-common(5), "pkt-line Format"). What ends or divides a
// message is left out.
func pktLines(raw []byte) ([]string, error) {
	var out []string
	for len(raw) > 0 {
		var size [2]byte
		if len(raw) < 4 {
			return nil, errPkt
		}
		if _, err := hex.Decode(size[:], raw[:4]); err != nil {
			return nil, errPkt
		}
		n := int(binary.BigEndian.Uint16(size[:]))
		switch {
		case n < 4:
			raw = raw[4:]
			continue
		case n > len(raw):
			return nil, errPkt
		}
		out, raw = append(out, string(raw[4:n])), raw[n:]
	}
	return out, nil
}

var errPkt = fault.New(fault.Unavailable, fault.NotAvailable, readFile, "the git address of the project answered with something that is not git's")

// mayNotAsk reports whether an answer of the API is one that the job's own token gets, which is all
// there is.
func (j *Job) mayNotAsk(err error) bool {
	return j.access == "" && (hidden(err) || fault.Of(err).Code == fault.Policy)
}

// Head is that of the project. Where the job's own token is all there is, git says it.
func (j *Job) Head(ctx context.Context) (repository, id, head, ref string, err error) {
	repository, id, head, ref, err = j.Repo.Head(ctx)
	if err == nil || !j.mayNotAsk(err) {
		return repository, id, head, ref, err
	}
	s, failed := j.git(ctx)
	if failed != nil {
		return "", "", "", "", failed
	}
	return j.web(""), j.id, s.commit, s.branch, nil
}

// File is a file of a commit. Where the job's own token is all there is, git sends it, of the tip of
// the default branch alone.
func (j *Job) File(ctx context.Context, commit, name string) ([]byte, error) {
	b, err := j.Repo.File(ctx, commit, name)
	if err == nil || !j.mayNotAsk(err) {
		return b, err
	}
	s, failed := j.git(ctx)
	if failed != nil || s.commit != commit {
		return nil, err
	}
	return s.file(ctx, name)
}
