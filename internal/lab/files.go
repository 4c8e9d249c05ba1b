package lab

import (
	"crypto/sha1" //nolint:gosec // the name of a git object
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
)

// committed are the files that commits have, as somebody has said with
// PUT …/files. A commit that nobody spoke of has none.
type committed map[commitFile]string

type commitFile struct{ commit, path string }

// put reads {"commit": …, "files": {PATH: TEXT}}.
func (c *committed) put(r *http.Request) error {
	var said struct {
		Commit string            `json:"commit"`
		Files  map[string]string `json:"files"`
	}
	if err := readJSON(r, &said); err != nil {
		return err
	}
	if said.Commit == "" {
		return errors.New("commit, want its full name")
	}
	if *c == nil {
		*c = committed{}
	}
	maps.DeleteFunc(*c, func(f commitFile, _ string) bool { return f.commit == said.Commit })
	for name, text := range said.Files {
		(*c)[commitFile{said.Commit, name}] = text
	}
	return nil
}

// blobName is what git calls a file with that content.
func blobName(text string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(text), text)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

// getContents answers a file of a commit. The real one answers a directory, too,
// and follows names of branches.
func (g *github) getContents(w http.ResponseWriter, req *http.Request, r *repo) {
	name, ref := req.PathValue("path"), req.URL.Query().Get("ref")
	text, ok := r.files[commitFile{ref, name}]
	if !ok {
		gitHubNotFound(w)
		return
	}
	self := g.api("/repos/%s/%s/contents/%s?ref=%s", r.owner, r.name, name, url.QueryEscape(ref))
	blob := g.api("/repos/%s/%s/git/blobs/%s", r.owner, r.name, blobName(text))
	page := fmt.Sprintf("https://github.com/%s/%s/blob/%s/%s", r.owner, r.name, ref, name)
	writeJSON(w, http.StatusOK, object{
		"name": path.Base(name), "path": name, "sha": blobName(text), "size": len(text), "type": "file", "encoding": "base64",
		"content": wrapped(base64.StdEncoding.EncodeToString([]byte(text))),
		"url":     self, "git_url": blob, "html_url": page, "download_url": nil,
		"_links": object{"self": self, "git": blob, "html": page},
	})
}

// wrapped breaks text into lines of 60 characters, as GitHub does.
func wrapped(text string) string {
	const width = 60
	out := ""
	for ; len(text) > width; text = text[width:] {
		out += text[:width] + "\n"
	}
	return out + text + "\n"
}

// getRepositoryFile answers a file of a commit
// (https://docs.gitlab.com/api/repository_files/#retrieve-a-file-from-a-repository).
func (g *gitlab) getRepositoryFile(w http.ResponseWriter, r *http.Request, p *project) {
	name, ref := r.PathValue("path"), r.URL.Query().Get("ref")
	text, ok := p.files[commitFile{ref, name}]
	if !ok {
		gitLabError(w, http.StatusNotFound, "404 File Not Found")
		return
	}
	writeJSON(w, http.StatusOK, object{
		"file_name": path.Base(name), "file_path": name, "size": len(text), "encoding": "base64", "ref": ref,
		"content": base64.StdEncoding.EncodeToString([]byte(text)), "blob_id": blobName(text), "commit_id": ref,
		"last_commit_id": ref, "execute_filemode": false,
	})
}
