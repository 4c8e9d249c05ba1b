package lab

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// over lays given over shape and refuses fields that the shape does not have,
// so that a scenario with a slip in it does not pass for the wrong reason.
func over(shape, given object) (object, error) {
	for name := range given {
		if _, ok := shape[name]; !ok {
			return nil, fmt.Errorf("field %q, want one of %q", name, slices.Sorted(maps.Keys(shape)))
		}
	}
	maps.Copy(shape, given)
	return shape, nil
}

// user makes a user known, or changes him, and returns the short form. A user
// is given by his id and what is new about him.
func (g *gitlab) user(v any) (object, error) {
	given, _ := v.(object)
	id := number(given["id"])
	if id <= 0 {
		return nil, fmt.Errorf("user %v, want an object with an id", v)
	}
	known := g.users[id]
	if known == nil {
		known = newUser(id, cmp.Or(text(given["username"]), fmt.Sprint("user", id)))
		known["name"] = cmp.Or(text(given["name"]), text(known["username"]))
	}
	u, err := over(maps.Clone(known), given)
	if err != nil {
		return nil, err
	}
	u["id"] = id
	g.users[id] = u
	return userOf(u), nil
}

func (g *gitlab) putUser(r *http.Request) error {
	var given object
	if err := readJSON(r, &given); err != nil {
		return err
	}
	fields := object{"id": pathID(r, "user")}
	maps.Copy(fields, given)
	_, err := g.user(fields)
	return err
}

// addToken answers a new token of a user, for scenarios in which several
// people act.
func (g *gitlab) addToken(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	id := pathID(r, "user")
	if g.users[id] == nil {
		http.Error(w, "no such user; PUT it first", http.StatusNotFound)
		return
	}
	token := "glpat-lab" + randomHex(16)
	g.personal[token] = id
	writeText(w, token)
}

// members reads a list of users with their levels.
func (g *gitlab) members(list []object) ([]object, error) {
	all := []object{}
	for _, given := range list {
		user, member := object{}, object{}
		for name, v := range given {
			switch name {
			case "access_level", "expires_at", "membership_state":
				member[name] = v
			default:
				user[name] = v
			}
		}
		if _, err := g.user(user); err != nil {
			return nil, err
		}
		m := memberShape(g.users[number(given["id"])], developer)
		maps.Copy(m, member)
		all = append(all, m)
	}
	return all, nil
}

func (g *gitlab) putMembers(p *project, r *http.Request) error {
	var given []object
	if err := readJSON(r, &given); err != nil {
		return err
	}
	all, err := g.members(given)
	if err == nil {
		p.members = all
	}
	return err
}

// ensureGroup returns the group of that id, and makes it if there is none.
func (g *gitlab) ensureGroup(id int64, full string) *glGroup {
	if g.groups[id] == nil {
		g.groups[id] = &glGroup{shape: groupShape(id, full), members: []object{}, protected: []object{}}
	}
	return g.groups[id]
}

// putGroup makes a group or changes what is given of it.
func (g *gitlab) putGroup(r *http.Request) error {
	var s struct {
		Path      string   `json:"path"`
		Parent    int64    `json:"parent_id"`
		Members   []object `json:"members"`
		Invited   []int64  `json:"invited"` // numbers of groups
		Protected []object `json:"protected_environments"`
	}
	if err := readJSON(r, &s); err != nil {
		return err
	}
	id := pathID(r, "group")
	if id <= 0 {
		return fmt.Errorf("group %q, want its id", r.PathValue("group"))
	}
	members, err := g.members(s.Members)
	if err != nil {
		return err
	}
	for _, other := range s.Invited {
		if g.groups[other] == nil {
			return fmt.Errorf("group %d is not there to be invited", other)
		}
	}
	group := g.ensureGroup(id, cmp.Or(s.Path, fmt.Sprint("group-", id)))
	if s.Path != "" {
		group.shape = groupShape(id, s.Path)
	}
	if s.Parent != 0 {
		group.parent, group.shape["parent_id"] = s.Parent, s.Parent
	}
	if s.Members != nil {
		group.members = members
	}
	if s.Invited != nil {
		group.invited = s.Invited
	}
	for _, o := range s.Protected {
		g.complete(o)
	}
	if s.Protected != nil {
		group.protected = s.Protected
	}
	return nil
}

// complete gives the entries of a scripted protected environment the ids and
// descriptions that they lack.
func (g *gitlab) complete(o object) {
	for name, v := range emptyProtection(text(o["name"])) {
		if _, ok := o[name]; !ok {
			o[name] = v
		}
	}
	for _, list := range []string{"deploy_access_levels", "approval_rules"} {
		if o[list] == nil {
			continue
		}
		all := []object{}
		for _, entry := range objects(o[list]) {
			full := g.entryOf(object{"id": g.nextID()}, entry)
			maps.Copy(full, entry)
			all = append(all, full)
		}
		o[list] = all
	}
}

// fieldsWithUser reads fields of which one may be a user.
func (g *gitlab) fieldsWithUser(r *http.Request) (object, error) {
	var given object
	if err := readJSON(r, &given); err != nil {
		return nil, err
	}
	if given["user"] == nil {
		return given, nil
	}
	u, err := g.user(given["user"])
	given["user"] = u
	return given, err
}

// ensurePipeline returns the pipeline of that id, and makes one if there is none.
func (g *gitlab) ensurePipeline(p *project, id int64) object {
	if p.pipelines[id] == nil {
		p.pipelines[id] = pipelineShape(id, p.id, p.path, userOf(g.users[firstUser]))
	}
	return p.pipelines[id]
}

// putPipeline changes a pipeline, and what its jobs say about it.
func (g *gitlab) putPipeline(p *project, r *http.Request) error {
	given, err := g.fieldsWithUser(r)
	if err != nil {
		return err
	}
	id := pathID(r, "pipeline")
	bridges, scripted := given["bridges"]
	delete(given, "bridges")
	if v, ok := given["variables"]; ok {
		p.given[id] = objects(v)
		delete(given, "variables")
	}
	pipeline, err := over(maps.Clone(g.ensurePipeline(p, id)), given)
	if err != nil {
		return err
	}
	p.pipelines[id] = pipeline
	for _, job := range p.jobs {
		if idIn(job["pipeline"]) == id {
			job["pipeline"] = pipelineOf(pipeline)
		}
	}
	if scripted {
		p.bridges[id] = nil
	}
	for _, b := range objects(bridges) {
		p.bridges[id] = append(p.bridges[id], with(bridgeShape(g.nextID(), pipeline), b))
	}
	return nil
}

// putProjectJob changes a job, and what deployments say about it.
func (g *gitlab) putProjectJob(p *project, r *http.Request) error {
	given, err := g.fieldsWithUser(r)
	if err != nil {
		return err
	}
	id := pathID(r, "job")
	job := p.jobs[id]
	if job == nil {
		job = jobShape(id, g.ensurePipeline(p, 574))
	}
	if short, ok := given["pipeline"].(object); ok {
		pipeline := g.ensurePipeline(p, max(1, number(short["id"])))
		if p.jobs[id] == nil {
			job = jobShape(id, pipeline)
		}
		given["pipeline"] = with(pipelineOf(pipeline), short)
	}
	if job, err = over(maps.Clone(job), given); err != nil {
		return err
	}
	p.jobs[id] = job
	for _, d := range p.deployments {
		if idIn(d.shape["deployable"]) == id {
			d.shape["deployable"] = job
		}
	}
	return nil
}

// ensureDeployment returns the deployment of that id, and makes one to
// staging, by the job of the default tokens, if there is none.
func (g *gitlab) ensureDeployment(p *project, id int64) *glDeployment {
	if p.deployments[id] == nil {
		environment := named(p.environments, "staging")
		if environment == nil {
			environment = environmentOf(g.nextID(), "staging")
		}
		p.deployments[id] = &glDeployment{shape: deploymentShape(id, environment, p.jobs[302]), given: object{}}
	}
	return p.deployments[id]
}

// putDeployment lays fields over a deployment, also over what the toy would
// say about its approvals. An environment may be given by its name; a job that
// the project has is given by its id.
func (g *gitlab) putDeployment(p *project, r *http.Request) error {
	given, err := g.fieldsWithUser(r)
	if err != nil {
		return err
	}
	environment, _ := given["environment"].(object)
	if name := cmp.Or(text(given["environment"]), text(environment["name"])); name != "" {
		given["environment"] = with(orElse(named(p.environments, name), environmentOf(0, name)), environment)
	}
	d := g.ensureDeployment(p, pathID(r, "deployment"))
	if job, ok := given["deployable"].(object); ok {
		d.shape["deployable"] = orElse(p.jobs[number(job["id"])], with(p.jobs[302], job))
		delete(given, "deployable")
	}
	maps.Copy(d.given, given)
	return nil
}

func orElse(o, otherwise object) object {
	if o == nil {
		return otherwise
	}
	return o
}

// addReview adds a person's word, whether GitLab would have taken it or not.
// It counts for the rule that it names, or for the first that fits.
func (g *gitlab) addReview(p *project, r *http.Request) error {
	var s struct {
		User    object `json:"user"`
		Status  string `json:"status"`
		Comment any    `json:"comment"`
		As      string `json:"represented_as"`
		At      string `json:"created_at"`
	}
	if err := readJSON(r, &s); err != nil {
		return err
	}
	d := p.deployments[pathID(r, "deployment")]
	if d == nil {
		return errors.New("no such deployment; PUT it first")
	}
	user, err := g.user(s.User)
	if err != nil {
		return err
	}
	review := reviewShape(user, cmp.Or(s.Status, "approved"), s.Comment)
	if s.At != "" {
		review["created_at"] = s.At
	}
	rules, _ := g.rulesFor(p, d)
	for _, rule := range rules {
		if s.As == "" && g.fits(rule, p, number(user["id"])) {
			s.As = text(rule["access_level_description"])
		}
	}
	d.reviews = append(d.reviews, glReview{review, s.As})
	return nil
}

// shaped reads a list whose entries are laid over a shape each.
func shaped(r *http.Request, shape func(object) object) ([]object, error) {
	var given []object
	if err := readJSON(r, &given); err != nil {
		return nil, err
	}
	all := []object{}
	for _, fields := range given {
		o, err := over(shape(fields), fields)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

func (g *gitlab) putVariables(p *project, r *http.Request) (err error) {
	p.variables, err = shaped(r, func(object) object { return variableShape() })
	return err
}

func (g *gitlab) putProtectedBranches(p *project, r *http.Request) (err error) {
	p.branches, err = shaped(r, func(o object) object { return protectedBranchShape(g.nextID(), text(o["name"])) })
	return err
}

func (g *gitlab) putProtectedTags(p *project, r *http.Request) (err error) {
	p.tags, err = shaped(r, func(o object) object { return protectedTagShape(g.nextID(), text(o["name"])) })
	return err
}

func (g *gitlab) putLint(p *project, r *http.Request) error {
	var given object
	if err := readJSON(r, &given); err != nil {
		return err
	}
	o, err := over(lintShape(), given)
	if err == nil {
		p.lint = o
	}
	return err
}

// putTier sets the plan that a project is on.
func (g *gitlab) putTier(p *project, r *http.Request) error {
	var s struct {
		Name string `json:"name"`
	}
	if err := readJSON(r, &s); err != nil {
		return err
	}
	if !slices.Contains([]string{free, "premium", "ultimate"}, s.Name) {
		return fmt.Errorf("tier %q, want free, premium or ultimate", s.Name)
	}
	p.tier = s.Name
	return nil
}
