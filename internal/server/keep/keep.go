// Package keep is the only room that knows SQL: what a server remembers, in SQLite or PostgreSQL, with one code path.
//
// Rows and the leaves of the ledger that are about them are written in one transaction, so both are there or neither
// is. It refuses to start on a database that a newer server has migrated, and to let two servers write one SQLite file.
// It decides nothing.
package keep

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "modernc.org/sqlite"             // the driver sqlite

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
)

//go:embed migrations/*.sql
var migrations embed.FS

// A Store is an open database.
type Store struct {
	DB     *sql.DB
	Listen *pgxpool.Pool // for notifications; nil: the database is SQLite
	lock   *os.File      // of the SQLite file, for the life of the process
	guard  *guard        // of the ledger; nil: it is not sealed

	Committed func([]ledger.Leaf) // takes leaves when they are committed; nil: they are told to no one
}

// PostgreSQL reports which of the two databases it is.
func (s *Store) PostgreSQL() bool { return s.Listen != nil }

// connections of one server to PostgreSQL.
const connections = 10

// Open opens sqlite:PATH, or a PostgreSQL by its URL, and migrates it. Of several servers that start together on an
// empty database all come up.
func Open(ctx context.Context, url string) (*Store, error) {
	s, err := open(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := s.Migrate(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func open(ctx context.Context, url string) (*Store, error) {
	if path, is := strings.CutPrefix(url, "sqlite:"); is {
		return openSQLite(path)
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, misnamed(err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		_ = db.Close()
		return nil, misnamed(err)
	}
	s := &Store{DB: db, Listen: pool}
	if err := db.PingContext(ctx); err != nil {
		s.Close()
		return nil, fault.New(fault.Unavailable, fault.NotAvailable, "start PostgreSQL, and let this user in",
			"the database does not answer: %w", withoutSecret(err, url))
	}
	return s, nil
}

// misnamed is the fault of a URL. The driver's error could quote its password.
func misnamed(error) error {
	return fault.New(fault.Usage, fault.Config, "write sqlite:/PATH, or postgres://USER@HOST/DATABASE",
		"the database's URL cannot be read")
}

func withoutSecret(err error, url string) error {
	return errors.New(strings.ReplaceAll(err.Error(), url, "(the URL of the database)"))
}

// openSQLite opens a file that no other server has open.
func openSQLite(path string) (*Store, error) {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.New(fault.Usage, fault.Config, "name a file in a directory that the server may write to",
			"opening the database %q: %w", path, fault.Cause(err))
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fault.New(fault.Usage, fault.Config, "stop the other server, or use PostgreSQL for several",
			"another server has %q open", path)
	}
	// Its links are secrets, and what it holds is of all tenants. SQLite gives its other files the same mode.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = errors.Join(f.Chmod(0o600), f.Close())
	}
	if err != nil {
		_ = lock.Close()
		return nil, fault.New(fault.Usage, fault.Config, "name a file that the server may write to",
			"opening the database %q: %w", path, fault.Cause(err))
	}
	// A transaction takes the lock of writers when it begins, and waits for it; else it could fail where it first
	// writes.
	const options = "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"
	db, err := sql.Open("sqlite", "file:"+path+options)
	if err != nil {
		_ = lock.Close()
		return nil, fault.New(fault.Usage, fault.Config, "", "opening the database: %w", fault.Cause(err))
	}
	db.SetMaxOpenConns(1) // as the queue's driver asks
	return &Store{DB: db, lock: lock}, nil
}

// Close ends it. What was not committed is as if it had not been.
func (s *Store) Close() {
	if s.Listen != nil {
		s.Listen.Close()
	}
	_ = s.DB.Close()
	if s.lock != nil {
		_ = s.lock.Close()
	}
}

// Alone runs f while no other server does the same.
func (s *Store) Alone(ctx context.Context, f func() error) error {
	if !s.PostgreSQL() {
		return f() // the file is this process's
	}
	c, err := s.DB.Conn(ctx)
	if err != nil {
		return fault.Errorf("waiting for other servers: %w", err)
	}
	defer func() { _ = c.Close() }()
	const key = 0x5a11_1907 // one number, for all servers
	if _, err := c.ExecContext(ctx, `select pg_advisory_lock($1)`, key); err != nil {
		return fault.Errorf("waiting for other servers: %w", err)
	}
	defer func() { // or it ends with the connection
		_, _ = c.ExecContext(context.WithoutCancel(ctx), `select pg_advisory_unlock($1)`, key)
	}()
	return f()
}

// dialect is a statement for the database at hand: they differ in the names of two types.
func (s *Store) dialect(text string) string {
	if !s.PostgreSQL() {
		return text
	}
	return strings.NewReplacer(" integer", " bigint", " blob", " bytea").Replace(text)
}

// Migrate brings the tables to the form that this server knows. They go forward alone.
func (s *Store) Migrate(ctx context.Context) error {
	return s.Alone(ctx, func() error {
		if _, err := s.DB.ExecContext(ctx, s.dialect(`create table if not exists migration (
			n integer primary key, sha256 text not null, at integer not null)`)); err != nil {
			return fault.Errorf("migrating the database: %w", err)
		}
		all, done, err := s.migrations(ctx)
		if err != nil {
			return err
		}
		for i := done; i < len(all); i++ {
			if err := s.step(ctx, i+1, all[i]); err != nil {
				return fault.Errorf("migration %d of the database: %w", i+1, err)
			}
		}
		return nil
	})
}

// A migration is one step of the tables.
type migration struct{ text, digest string }

// migrations are those that this server knows, of which the database has the first ones. A database that has others is
// refused.
func (s *Store) migrations(ctx context.Context) (all []migration, done int, err error) {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return nil, 0, err
	}
	for _, f := range files {
		text, err := migrations.ReadFile("migrations/" + f.Name())
		if err != nil {
			return nil, 0, err
		}
		sum := sha256.Sum256(text)
		all = append(all, migration{string(text), hex.EncodeToString(sum[:])})
	}
	digests, err := s.migrated(ctx)
	if err != nil {
		return nil, 0, err
	}
	if len(digests) > len(all) {
		return nil, 0, fault.New(fault.Usage, fault.Config, "use the newer server: migrations go forward alone",
			"the database has migration %d, and this server knows %d", len(digests), len(all))
	}
	for i, d := range digests {
		if d != all[i].digest {
			return nil, 0, fault.New(fault.Usage, fault.Config, "use the server that made this database",
				"migration %d of the database is another one than this server's", i+1)
		}
	}
	return all, len(digests), nil
}

func (s *Store) migrated(ctx context.Context) ([]string, error) {
	return list(ctx, s.DB, column[string], `select sha256 from migration order by n`)
}

func (s *Store) step(ctx context.Context, n int, m migration) error {
	tx, err := s.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing, after the commit
	empty := func(t string) bool { return strings.TrimSpace(t) == "" }
	for _, statement := range slices.DeleteFunc(strings.Split(m.text, ";"), empty) {
		if _, err := tx.ExecContext(ctx, s.dialect(statement)); err != nil {
			first, _, _ := strings.Cut(strings.TrimSpace(statement), "\n")
			return fmt.Errorf("%w, in %q", err, first)
		}
	}
	if _, err := tx.ExecContext(ctx, `insert into migration values ($1, $2, $3)`, n, m.digest,
		time.Now().UnixMilli()); err != nil {
		return err
	}
	return tx.Commit()
}
