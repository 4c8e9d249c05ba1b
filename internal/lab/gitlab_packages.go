package lab

import (
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// What GitLab takes as the name of a generic package, its version and a file.
var (
	packageName    = regexp.MustCompile(`^[A-Za-z0-9._+~-]{1,255}$`)
	packageVersion = regexp.MustCompile(`^[A-Za-z0-9._+-]{1,255}$`)
	packageFile    = regexp.MustCompile(`^[A-Za-z0-9._+~@-]+(/[A-Za-z0-9._+~@-]+)*$`)
)

// validPackage answers a request for a name that GitLab would not take.
func validPackage(w http.ResponseWriter, r *http.Request) bool {
	file := r.PathValue("file")
	if packageName.MatchString(r.PathValue("name")) && packageVersion.MatchString(r.PathValue("version")) &&
		packageFile.MatchString(file) && path.Clean(file) == file && !strings.HasPrefix(file, "..") {
		return true
	}
	writeJSON(w, http.StatusBadRequest, object{"error": "package_name, package_version or file_name is invalid"})
	return false
}

// putFile adds a file, also when there is one of its name: the newest counts.
func (g *gitlab) putFile(w http.ResponseWriter, r *http.Request, p *project) {
	if !validPackage(w, r) {
		return
	}
	status := r.URL.Query().Get("status")
	if !slices.Contains([]string{"", "default", "hidden"}, status) {
		writeJSON(w, http.StatusBadRequest, object{"error": "status does not have a valid value"})
		return
	}
	content, err := readBody(r)
	if err != nil {
		gitLabError(w, http.StatusRequestEntityTooLarge, "413 Request Entity Too Large")
		return
	}
	who := g.visitor(r)
	pkg := g.ensurePackage(p, r.PathValue("name"), r.PathValue("version"), who.user)
	if status != "" {
		pkg.shape["status"] = status
	}
	f := glFile{name: r.PathValue("file"), content: content}
	f.shape = packageFileShape(g.nextID(), pkg.shape["id"], f)
	f.shape["created_at"] = made.Add(time.Duration(len(pkg.files)) * time.Minute)
	if who.as == asJob {
		f.shape["pipelines"] = []object{packagePipelineShape(idIn(g.job["pipeline"]), userOf(g.users[who.user]))}
	}
	pkg.files = append(pkg.files, f)
	if r.URL.Query().Get("select") == "package_file" {
		writeJSON(w, http.StatusCreated, f.shape)
		return
	}
	writeJSON(w, http.StatusCreated, object{"message": "201 Created"})
}

func (g *gitlab) ensurePackage(p *project, name, version string, creator int64) *glPackage {
	if found := p.find(name, version); found != nil {
		return found
	}
	pkg := &glPackage{name: name, version: version, shape: packageShape(g.nextID(), name, version, creator)}
	p.packages = append(p.packages, pkg)
	return pkg
}

func (p *project) find(name, version string) *glPackage {
	for _, pkg := range p.packages {
		if pkg.name == name && pkg.version == version {
			return pkg
		}
	}
	return nil
}

func (g *gitlab) getFile(w http.ResponseWriter, r *http.Request, p *project) {
	if !validPackage(w, r) {
		return
	}
	pkg := p.find(r.PathValue("name"), r.PathValue("version"))
	if pkg == nil {
		gitLabError(w, http.StatusNotFound, "404 Not found")
		return
	}
	for _, f := range slices.Backward(pkg.files) {
		if f.name == r.PathValue("file") {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write(f.content) // the client may be gone
			return
		}
	}
	gitLabError(w, http.StatusNotFound, "404 Not found")
}

// getFileByNumber serves any upload, also one that another of its name lies
// over. Instances before 18.4 have no such endpoint; a fault makes the toy one
// of them. The pattern of its path says less than the path, because two patterns
// of a mux may not overlap without one being the narrower.
func (g *gitlab) getFileByNumber(w http.ResponseWriter, r *http.Request, p *project) {
	if r.PathValue("kind") != "package_files" || r.PathValue("rest") != "download" {
		gitLabError(w, http.StatusNotFound, "404 Not Found")
		return
	}
	for _, pkg := range p.packages {
		for _, f := range pkg.files {
			if pkg.shape["id"] == pathID(r, "pkg") && f.shape["id"] == pathID(r, "number") {
				w.Header().Set("Content-Type", "application/octet-stream")
				_, _ = w.Write(f.content) // the client may be gone
				return
			}
		}
	}
	gitLabError(w, http.StatusNotFound, "404 Not found")
}

// listPackages filters as GitLab does: the version exactly, the name only
// loosely, so that a client must compare it again.
func (g *gitlab) listPackages(w http.ResponseWriter, r *http.Request, p *project) {
	q := r.URL.Query()
	var found []object
	for _, pkg := range p.packages {
		hidden := pkg.shape["status"] == "hidden"
		if q.Has("package_type") && q.Get("package_type") != "generic" ||
			q.Has("package_version") && q.Get("package_version") != pkg.version ||
			!strings.Contains(pkg.name, q.Get("package_name")) ||
			hidden != (q.Get("status") == "hidden") {
			continue
		}
		found = append(found, pkg.shape)
	}
	writeJSON(w, http.StatusOK, g.page(w, r, found))
}

func (g *gitlab) listFiles(w http.ResponseWriter, r *http.Request, p *project) {
	for _, pkg := range p.packages {
		if pkg.shape["id"] != pathID(r, "pkg") {
			continue
		}
		var all []object
		for _, f := range pkg.files {
			all = append(all, f.shape)
		}
		writeJSON(w, http.StatusOK, g.page(w, r, all))
		return
	}
	gitLabError(w, http.StatusNotFound, "404 Package Not Found")
}
