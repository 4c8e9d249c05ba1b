// Package pgtest starts a private PostgreSQL for tests, on a socket in a directory of its own. It ends with the process
// that started it. It refuses to skip: where PostgreSQL is not installed, it says which package to install.
package pgtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
)

// Main starts a server in postgres, runs the tests of a package, and stops it. It is what a TestMain calls, and returns
// the exit status.
func Main(m *testing.M, postgres **Server) int {
	var err error
	if *postgres, err = Start(false); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { (*postgres).Stop() }()
	return m.Run()
}

// Server is a running PostgreSQL.
type Server struct {
	Dir  string // its data, socket and log lie below it
	bin  string
	cred *syscall.Credential
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// Start makes a cluster and starts it. durable keeps what is committed over a power cut; without it tests are faster.
func Start(durable bool) (*Server, error) {
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is good
	if len(bins) == 0 {
		return nil, errors.New("PostgreSQL is not here: install the package postgresql")
	}
	number := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(path))) // 0 sorts first
		return n
	}
	slices.SortFunc(bins, func(a, b string) int { return number(a) - number(b) })
	// The path of a socket has 107 bytes at most, and the user postgres has to get through every directory above it.
	dir, err := os.MkdirTemp("/tmp", "pg")
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, bin: bins[len(bins)-1]}
	if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(u.Uid) // on Linux they are numbers
		gid, _ := strconv.Atoi(u.Gid)
		s.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
	}
	initdb := s.command("initdb", "-D", dir+"/data", "-U", "sallyport", "-A", "trust", "-E", "UTF8",
		"--locale=C.UTF-8", "--no-sync", "--no-instructions")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return s, s.Run(durable)
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, name), args...) //nolint:gosec // names of this file
	c.Dir = s.Dir
	c.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	return c
}

// Run starts the server on its cluster, and waits until it answers.
func (s *Server) Run(durable bool) error {
	on := map[bool]string{true: "on", false: "off"}[durable]
	s.cmd = s.command("postgres", "-D", s.Dir+"/data", "-k", s.Dir, "-c", "listen_addresses=", "-c", "fsync="+on,
		"-c", "full_page_writes="+on, "-c", "recovery_init_sync_method=syncfs", "-c", "max_connections=100")
	s.cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	log, err := os.OpenFile(s.Dir+"/log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the server has its own
	s.cmd.Stdout, s.cmd.Stderr = log, log
	began := make(chan error, 1)
	done, c := make(chan struct{}), s.cmd
	s.done = done
	go func() {
		defer close(done)
		// The process ends with the thread that started it, and threads end with what others have locked to them.
		runtime.LockOSThread()
		err := c.Start()
		began <- err
		if err == nil {
			_ = c.Wait()
		}
	}()
	if err := <-began; err != nil {
		return err
	}
	db, err := sql.Open("pgx", s.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	const patience = 30 * time.Second
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if err = db.PingContext(context.Background()); err == nil {
			return nil
		}
		if s.ended() || time.Now().After(end) {
			said, _ := os.ReadFile(s.Dir + "/log")
			return fmt.Errorf("postgres has ended, or does not answer in %v: %w\n%s", patience, err, said)
		}
	}
}

func (s *Server) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// URL is that of a database.
func (s *Server) URL(database string) string {
	return "host=" + s.Dir + " user=sallyport dbname=" + database + " sslmode=disable"
}

// Database makes an empty one, and returns its URL.
func (s *Server) Database(name string) (string, error) {
	db, err := sql.Open("pgx", s.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	_, err = db.Exec(`create database "` + name + `"`)
	return s.URL(name), err
}

// Copy makes a copy of a database without connections, and returns its URL.
func (s *Server) Copy(name, to string) (string, error) {
	db, err := sql.Open("pgx", s.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	_, err = db.Exec(`create database "` + to + `" template "` + name + `"`)
	return s.URL(to), err
}

// Dump is a backup of a database, as pg_dump writes it.
func (s *Server) Dump(name string) ([]byte, error) {
	c := s.command("pg_dump", "-h", s.Dir, "-U", "sallyport", name)
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("pg_dump: %w", err)
	}
	return out, nil
}

// Restore makes a database again from a backup, also one that is there.
func (s *Server) Restore(name string, dump []byte) error {
	db, err := sql.Open("pgx", s.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(`drop database if exists "` + name + `" with (force)`); err != nil {
		return err
	}
	if _, err := s.Database(name); err != nil {
		return err
	}
	c := s.command("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", s.Dir, "-U", "sallyport", name)
	c.Stdin = bytes.NewReader(dump)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("psql: %w\n%s", err, out)
	}
	return nil
}

// Kill is a power cut.
func (s *Server) Kill() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	<-s.done
}

// Stop ends the server and removes everything.
func (s *Server) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	<-s.done
	_ = os.RemoveAll(s.Dir)
}
