package engine

import (
	"context"
	"log/slog"
)

// cancelEvery is how many rows are read between two looks at the context.
const cancelEvery = 64

// reader is the Reader of one read transaction, valid while fn runs.
type reader struct {
	conn *conn
	ctx  context.Context
	log  *slog.Logger
}

func (r *reader) Catalogue() *Catalogue { return r.conn.generation.catalogue }

func (r *reader) Query(sql string, args []any, row func(values []any) error) error {
	if err := r.ctx.Err(); err != nil {
		return canceled(r.ctx)
	}
	n := 0
	err := r.conn.query(sql, args, func(values []any) error {
		if n++; n%cancelEvery == 0 && r.ctx.Err() != nil {
			return canceled(r.ctx)
		}
		return row(values)
	})
	return r.fail(err)
}

// fail translates an error, and marks the connection unless the row function made it.
func (r *reader) fail(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := err.(rowError); !ok {
		r.conn.doubtful = true
		logPanic(r.log, err)
	}
	return translate(err)
}

func (r *reader) Get(t *Table, key any) ([]any, error) {
	if err := checkTable(r.Catalogue(), t); err != nil {
		return nil, err
	}
	row, done, err := r.conn.getRow(t, key)
	if done || err != nil {
		return row, r.fail(err)
	}
	return selectRow(r, t, key)
}

// runReader calls fn on a connection of a generation; a panic in fn is an error.
func runReader(ctx context.Context, log *slog.Logger, c *conn, fn func(Reader) error) (err error) {
	c.reader = reader{conn: c, ctx: ctx, log: log}
	defer func() {
		if p := recover(); p != nil {
			c.broken = true
			err = newPanicError(p)
			logPanic(log, err)
			err = translate(err)
		}
	}()
	return fn(&c.reader)
}
