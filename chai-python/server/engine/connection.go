package engine

import (
	"context"
	"database/sql/driver"
	"io"
)

// chaiConn is what Chai's driver offers on a connection. database/sql stays
// out of the way: a panic inside it can leave its own locks held.
type chaiConn interface {
	driver.Conn
	driver.QueryerContext
	driver.ExecerContext
	driver.ConnBeginTx
	driver.ConnPrepareContext
}

// conn is one connection to Chai and the transaction that is open on it. One
// goroutine at a time may use it. Every call recovers from Chai's panics.
type conn struct {
	chai     chaiConn
	tx       driver.Tx
	broken   bool // a panic or a failed rollback: it must not be used again
	doubtful bool // of a reader: a statement failed, so its transaction is not given to others
	busy     bool // a result is being read

	generation *generation // of a reader: the snapshot that tx reads
	use        readUse     // of a reader: what it was taken for
	reader     reader      // of a reader: the handle given to fn

	rows rowAccess

	args []driver.NamedValue // reused
	dest []driver.Value      // reused
	row  []any               // reused
}

func connect(connector driver.Connector) (c *conn, err error) {
	defer recoverTo(&err)
	dc, err := connector.Connect(context.Background())
	if err != nil {
		return nil, err
	}
	return &conn{chai: dc.(chaiConn)}, nil
}

func (c *conn) begin(readOnly bool) (err error) {
	defer c.guard(&err)
	c.rows.session = nil
	c.tx, err = c.chai.BeginTx(context.Background(), driver.TxOptions{ReadOnly: readOnly})
	return err
}

func (c *conn) commit() (err error) {
	defer c.guard(&err)
	c.rows.session = nil
	if err = c.tx.Commit(); err == nil {
		c.tx = nil
	}
	return err
}

// rollback ends the transaction. Chai cannot commit one that only reads, so
// this is also how a read ends.
func (c *conn) rollback() (err error) {
	defer c.guard(&err)
	if c.tx == nil {
		return nil
	}
	c.rows.session, c.rows.swept = nil, nil
	if err = c.tx.Rollback(); err != nil {
		c.broken = true
		return err
	}
	c.tx = nil
	return nil
}

func (c *conn) close() (err error) {
	defer c.guard(&err)
	c.tx, c.rows.session = nil, nil
	return c.chai.Close()
}

func (c *conn) exec(sql string, args []any) (err error) {
	defer c.guard(&err)
	if err = c.ready(args); err != nil {
		return err
	}
	c.rows.swept = nil
	_, err = c.chai.ExecContext(context.Background(), sql, c.args)
	return err
}

// query reads a statement's rows to the end, or until row returns an error.
func (c *conn) query(sql string, args []any, row func([]any) error) (err error) {
	defer c.guard(&err)
	if err = c.ready(args); err != nil {
		return err
	}
	rows, err := c.chai.QueryContext(context.Background(), sql, c.args)
	if err != nil {
		return err
	}
	c.busy = true
	defer func() { // deferred, because row may end its goroutine
		c.busy = false
		if closeErr := rows.Close(); err == nil {
			err = closeErr
		}
	}()
	return c.eachRow(rows, row)
}

// eachRow recovers by itself, so that the rows are closed after a panic as well.
func (c *conn) eachRow(rows driver.Rows, row func([]any) error) (err error) {
	defer c.guard(&err)
	n := len(rows.Columns())
	c.dest, c.row = resize(c.dest, n), resize(c.row, n)
	for {
		err := rows.Next(c.dest)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for i, v := range c.dest {
			c.row[i] = fromChai(v)
		}
		if err := row(c.row); err != nil {
			return rowError{err}
		}
	}
}

// rowError carries what the row function returned past the translation of Chai's errors.
type rowError struct{ error }

// ready fills the arguments and refuses a statement while another one's rows are being read.
func (c *conn) ready(args []any) error {
	if c.busy {
		return errBusy
	}
	c.args = resize(c.args, len(args))
	for i, a := range args {
		v, err := toChai(a)
		if err != nil {
			return err
		}
		c.args[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return nil
}

// guard turns a panic into an error and marks the connection.
func (c *conn) guard(err *error) {
	if p := recover(); p != nil {
		c.broken = true
		*err = newPanicError(p)
	}
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// parse asks Chai whether it can read a statement. Nothing is run: to run what
// was prepared is what must never be done with Chai.
func (c *conn) parse(sql string) (err error) {
	defer c.guard(&err)
	statement, err := c.chai.PrepareContext(context.Background(), sql)
	if err != nil {
		return err
	}
	return statement.Close()
}

// columns returns the names of a query's columns.
func (c *conn) columns(sql string) (names []string, err error) {
	defer c.guard(&err)
	if err = c.ready(nil); err != nil {
		return nil, err
	}
	rows, err := c.chai.QueryContext(context.Background(), sql, c.args)
	if err != nil {
		return nil, err
	}
	return rows.Columns(), rows.Close()
}
