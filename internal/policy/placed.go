package policy

import (
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/statement"
)

// PlaceQuery asks a door whether the job that signed was in an environment, where its
// certificate does not say in which it was.
type PlaceQuery struct {
	Run         string `json:"run"` // address of the run or job, as in the certificate
	Environment string `json:"environment"`
	ID          string `json:"id"`       // number of the environment
	Workflow    string `json:"workflow"` // path of the workflow file
	Commit      string `json:"commit"`   // of that file
}

// Placed is the platform's word about a PlaceQuery.
type Placed struct {
	Query  PlaceQuery `json:"query"`
	Within Known      `json:"within"`
	Why    string     `json:"why"` // why it was not, or why nobody knows, in words
}

// PlaceOf is the question about s, who signed for t, if its certificate leaves one open.
func PlaceOf(t statement.Target, s statement.Signer) (PlaceQuery, bool) {
	if s.Environment != "" || strings.Contains(s.TokenSubject, ":environment:") {
		return PlaceQuery{}, false
	}
	_, path, _ := strings.Cut(s.ConfigURI, s.Repository)
	path, _, _ = strings.Cut(strings.TrimLeft(path, "/"), "@")
	return PlaceQuery{Run: s.Run, Environment: t.Name, ID: t.ID, Workflow: path, Commit: s.ConfigDigest}, true
}

// placed says why a job whose certificate does not name its environment does not count as
// one in it, or nothing.
func (in Input) placed(q PlaceQuery) string {
	const silent = "the certificate does not say in which environment the job was"
	i := slices.IndexFunc(in.Places, func(p Placed) bool { return p.Query == q })
	switch {
	case i < 0:
		return silent
	case in.Places[i].Within != Yes:
		return silent + ": " + orAbsent(in.Places[i].Why)
	}
	return ""
}
