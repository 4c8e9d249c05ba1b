// Package event is what a server is asked and told, as plain values: deployments that wait, the units that they belong
// to, and what becomes of them.
//
// A repository is a host and a number in every key: names change hands. An event is a hint to ask the platform again,
// and proves nothing. The package touches no network, clock or database.
package event

import (
	"fmt"
	"time"
)

// A Repository is one on a host.
type Repository struct {
	Host  string // https://github.com
	ID    string // number
	Owner string // number of the account that it belongs to: the tenant
	Name  string // owner/name, for people and for addresses
}

// Key names a repository wherever something is kept of it.
func (r Repository) Key() string { return r.Host + " " + r.ID }

// A Unit is what is decided about: one environment, in one attempt of a run.
type Unit struct {
	Repository
	Run         int64
	Attempt     int
	Environment string
}

// String is a unit for people and logs.
func (u Unit) String() string {
	return fmt.Sprintf("%s run %d attempt %d into %q", u.Name, u.Run, u.Attempt, u.Environment)
}

// A Deployment is one that waits for an answer. Deployments of a unit are answered together by the platform, and judged
// each by itself.
type Deployment struct {
	Unit
	ID           int64 // number on the platform
	Installation int64 // of the app, which the event names
	Commit, Ref  string
	Asked        time.Time // when the server heard of it first
}

// An Answer is what the platform is told.
type Answer string

// The answers. A deployment without one waits.
const (
	Approved Answer = "approved"
	Rejected Answer = "rejected"
)

// A Decision is an answer, and what it rests on.
type Decision struct {
	ID       string // 128 random bits, in hexadecimal; the link in a status note holds it
	Of       Repository
	Answer   Answer
	At       time.Time
	Watched  bool   // the environment is only watched: it is approved whatever the verdict is
	Code     string // of the finding that it is rejected for
	Reason   string // in words, for the status note
	Policy   string // digest
	Input    string // digest of the input that was judged
	Verdict  []byte // the document that people read
	Kept     []byte // the input, from which the verdict can be judged again
	Subjects []string
	Arrived  time.Time // the platform took it; zero: that is not known
}
