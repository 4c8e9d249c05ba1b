package keep

import (
	"context"
	"database/sql"
)

// list reads all rows of a query, each with read.
func list[T any](
	ctx context.Context, q queries, read func(row) (T, error), query string, args ...any,
) (all []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // it was read to its end, or the error says why not
	for rows.Next() {
		x, err := read(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, rows.Err()
}

// A row is one of several, or a single one.
type row interface{ Scan(to ...any) error }

var _, _ row = (*sql.Row)(nil), (*sql.Rows)(nil)

// column reads a row of one column.
func column[T any](r row) (x T, err error) {
	err = r.Scan(&x)
	return x, err
}
