package keep

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
)

// OpenToRead opens a database that a server may be at work on, and changes nothing in it.
func OpenToRead(ctx context.Context, url string) (*Store, error) {
	var s *Store
	if path, is := strings.CutPrefix(url, "sqlite:"); is {
		db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)&_pragma=query_only(1)")
		if err != nil {
			return nil, fault.New(fault.Usage, fault.Config, "", "opening the database: %w", fault.Cause(err))
		}
		s = &Store{DB: db}
	} else {
		var err error
		if s, err = open(ctx, url); err != nil {
			return nil, err
		}
	}
	all, done, err := s.migrations(ctx)
	switch {
	case err != nil && fault.Of(err).Kind == fault.Usage: // another program's database
	case err != nil:
		err = fault.New(fault.Usage, fault.Config, "let database name one that a server of this version has started on",
			"reading the database: %w", withoutSecret(err, url))
	case done < len(all):
		err = fault.New(fault.Usage, fault.Config, "start the server of this version on it once",
			"the database has %d migrations, and this program needs %d", done, len(all))
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// LeafOf is the leaf of an answer: what the ledger has of it.
func (s *Store) LeafOf(ctx context.Context, id string) (l ledger.Leaf, there bool, err error) {
	var body []byte
	err = s.DB.QueryRowContext(ctx, `select l.body from decision d join leaf l on l.n = d.leaf where d.id = $1`, id).
		Scan(&body)
	if errors.Is(err, sql.ErrNoRows) || err == nil && ledger.Hidden(body) {
		return l, false, nil
	}
	if err != nil {
		return l, false, err
	}
	l, err = ledger.ParseLeaf(body)
	return l, err == nil, err
}
