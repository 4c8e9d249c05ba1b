// Package record runs a command and says what it used: the files that it opened, the programs that
// it executed and the places that it connected to.
//
// The recorder watches by the notifications of seccomp (Linux, seccomp_unotify(2)): a watched system call
// waits while the recorder reads its arguments, and goes on. That needs no privilege, and it is a look and no
// wall: another thread can change a path between the look and the kernel's own reading of it. The cut of the
// network is a wall. What a hostile build can hide is in docs/build.md.
//
// It refuses to judge, holds no token, and runs nothing uncut that was to be cut. Three processes take part: the
// caller (Run), the recorder, and the first process of the command; the last two are this program again (Reexec).
// If the recorder ends before the command, the caller ends the command and says why.
package record

import (
	"errors"
	"os"
	"time"
)

// What Run's errors are, where more is known than their text.
var (
	ErrUncut = errors.New("the network could not be cut")              // the command was not executed
	ErrEnded = errors.New("the recorder ended before the command did") // and the command was ended
)

// Options say what is run and how. Command has at least one element, Env is its whole environment.
type Options struct {
	Command []string      `json:"command"`
	Dir     string        `json:"dir"` // absolute; "" is the caller's
	Env     []string      `json:"env"`
	Cut     bool          `json:"cut"`   // the network is cut; where no cut can be made, nothing is run
	Grace   time.Duration `json:"grace"` // how long processes may outlive the command; 0 is a second
	// Patience is how long the command may take; 0 is any time. Then it is ended by a signal.
	Patience time.Duration `json:"patience"`
	MaxFile  int64         `json:"maxFile"` // a larger file is not hashed; 0 is 4 GiB

	// Host and User are another name of the machine and another number of the user, as far as the command can see. Only a cut by
	// a namespace can give them; "" and 0 leave them.
	Host string `json:"host"`
	User int    `json:"user"`

	Umask int `json:"umask"` // of the command; 0 is the caller's

	Stdin, Stdout, Stderr *os.File `json:"-"`
}

func (o *Options) limit() int64 {
	if o.MaxFile == 0 {
		return 4 << 30
	}
	return o.MaxFile
}

// The words about a part of what is watched.
const (
	Observed    = "observed"
	Cut         = "cut"
	NotObserved = "not-observed"
)

// The ways in which a network is cut.
const (
	ByNamespace    = "namespace"     // loopback works inside
	BySocketFilter = "socket-filter" // no socket of the internet can be made, loopback included
)

// A Result is what a command did. Files, Programs and Connections have each name once, in the order in which they
// were first seen.
type Result struct {
	Exit    int       `json:"exit"`             // the exit status; -1 if a signal ended it
	Signal  int       `json:"signal,omitempty"` // the signal that ended it
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`

	Watch       Watch        `json:"watch"`
	Files       []File       `json:"files,omitempty"`
	Programs    []Program    `json:"programs,omitempty"`
	Connections []Connection `json:"connections,omitempty"`

	// NotStarted says why the command was not executed; then there is nothing else. Missing: no program of that name.
	NotStarted string `json:"notStarted,omitempty"`
	Missing    bool   `json:"missing,omitempty"`
}

// Watch says how far a command was watched. A list has each text once, sorted.
type Watch struct {
	Method    string `json:"method"` // "seccomp-notification", or "none"
	Files     string `json:"files"`
	Processes string `json:"processes"`
	Network   string `json:"network"`
	CutBy     string `json:"cutBy,omitempty"`
	Reason    string `json:"reason,omitempty"` // of the first NotObserved

	Events    int      `json:"events"`    // calls that were looked at
	Lost      int      `json:"lost"`      // calls whose arguments could not be read, or that were too many to keep
	Foreign   int      `json:"foreign"`   // calls of another ABI, such as 32-bit ones
	Delegated []string `json:"delegated"` // sockets and pipes of programs outside, which may work for the command
	Around    []string `json:"around"`    // calls by which a program can go round the recorder
	Outlived  []string `json:"outlived"`  // programs that had to be ended after the command

	SameRoot        bool `json:"sameRoot"`        // the command ran as root, as the recorder did
	NoNewPrivileges bool `json:"noNewPrivileges"` // setuid programs, such as sudo, got no other user
}

// How a file was used: bits.
const (
	Read = 1 << iota
	Write
	Execute
	Named // a file got this name by a rename or a link
)

// A Use is a set of the bits Read, Write, Execute and Named.
type Use int

// The states of a file after the command.
const (
	Certain    = "certain"    // it is the file that was opened first, unchanged
	Changed    = "changed"    // it was there before and is another one, or has other content
	Made       = "made"       // it was not there when it was opened first, or was opened to be written
	Gone       = "gone"       // it was there and is not any more, or something else has its name
	Absent     = "absent"     // it was looked for and never there, or where the command may not look
	Irregular  = "irregular"  // a directory, a device, a pipe, a socket, or a file of /proc or /sys
	Unreadable = "unreadable" // it could not be read, or is too large
	Elsewhere  = "elsewhere"  // a process with a view of its own opened it; path and digest are of that moment
)

// A File is a name that the command opened, with what is there after the command.
type File struct {
	Path   string `json:"path"` // absolute, links resolved as far as the path existed
	Use    Use    `json:"use"`
	First  Use    `json:"first"` // its first use; of a file that was not there, nothing was read
	State  string `json:"state"`
	Digest string `json:"digest,omitempty"` // SHA-256, lower-case hexadecimal; only of regular files
	Size   int64  `json:"size,omitempty"`

	// From is where a file was before a rename or a link gave it this name, if the command neither made it nor
	// emptied and wrote it: the first of its names, links resolved. A directory has one as well, and what lies in it
	// came with it.
	From string `json:"from,omitempty"`
}

// A Program is a file that was executed. Count is how often.
type Program struct {
	Path   string   `json:"path"`
	Args   []string `json:"args,omitempty"` // of the first time, shortened; not scrubbed
	Count  int      `json:"count"`
	By     string   `json:"by,omitempty"`     // the program that executed it the first time
	Digest string   `json:"digest,omitempty"` // SHA-256; of a program without a name, taken when it was executed
}

// A Connection is a place to which a program connected or sent. Count is how often.
type Connection struct {
	To    string `json:"to"` // such as "tcp 192.0.2.1:443", "unix:/run/docker.sock"
	Count int    `json:"count"`
	By    string `json:"by,omitempty"`
}

// Probe says what this machine lets a recorder do, by watching a command that does nothing.
func Probe(cut bool) Watch {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return Watch{Files: NotObserved, Processes: NotObserved, Network: NotObserved, Reason: err.Error()}
	}
	defer func() { _ = null.Close() }()
	r, err := Run(
		Options{Command: []string{"true"}, Env: os.Environ(), Cut: cut, Stdin: null, Stdout: null, Stderr: null},
	)
	if err != nil {
		return Watch{Files: NotObserved, Processes: NotObserved, Network: NotObserved, Reason: err.Error()}
	}
	return r.Watch
}
