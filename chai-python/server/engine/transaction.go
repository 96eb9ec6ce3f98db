package engine

import (
	"chaisqld/pgerr"
)

var errNotAlone = pgerr.New(pgerr.ProgramLimitExceeded, "the creation of an index on a large table must be alone in its transaction").
	WithHint("Run CREATE INDEX alone, without BEGIN.")

// writeTx is the Writer that requests and leases are given.
type writeTx struct {
	w         *writer
	committed *Catalogue // what readers see
	catalogue *Catalogue // with the transaction's own DDL
	version   uint64     // of the newest catalogue, rolled back ones included
	schema    bool       // Define is allowed
	dirty     bool       // there is something to commit
	charged   int        // bytes announced
	built     int        // index entries made for rows that were there
	alone     bool       // it builds a large index: nothing else may be in it
	failed    error      // the first failure of the request that runs
	changes   rowChanges // for the row cache
}

func (t *writeTx) reset() {
	t.catalogue, t.dirty, t.charged, t.built, t.alone, t.changes = t.committed, false, 0, 0, false, rowChanges{}
}

// run calls fn with the transaction; a panic or a failed statement fails it.
func (t *writeTx) run(fn func(Writer) error, schema bool) (err error) {
	t.failed, t.schema = nil, schema
	defer func() {
		if p := recover(); p != nil {
			err = newPanicError(p)
			logPanic(t.w.log, err)
			err = translate(err)
		}
	}()
	if err := fn(t); err != nil {
		return err
	}
	return t.failed
}

// fail remembers the first failure: a failed statement is half done, so the
// transaction must not be committed even if the request takes no notice.
func (t *writeTx) fail(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := err.(rowError); ok {
		return translate(err)
	}
	logPanic(t.w.log, err)
	err = translate(err)
	if t.failed == nil {
		t.failed = err
	}
	return err
}

func (t *writeTx) Catalogue() *Catalogue { return t.catalogue }

func (t *writeTx) Query(sql string, args []any, row func(values []any) error) error {
	if t.failed != nil {
		return t.failed
	}
	return t.fail(t.w.conn.query(sql, args, row))
}

func (t *writeTx) Exec(sql string, args []any) error {
	if t.failed != nil {
		return t.failed
	}
	if t.alone {
		return t.fail(errNotAlone)
	}
	t.dirty = true
	t.changes.forget()
	return t.fail(t.w.conn.exec(sql, args))
}

func (t *writeTx) Get(table *Table, key any) ([]any, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	if err := checkTable(t.catalogue, table); err != nil {
		return nil, t.fail(err)
	}
	row, done, err := t.w.conn.getRow(table, key)
	if done || err != nil {
		return row, t.fail(err)
	}
	return selectRow(t, table, key)
}

func (t *writeTx) Insert(table *Table, row []any) error {
	return t.change(table, func() (bool, error) { return t.w.conn.insertRow(table, row) },
		func() error { return t.Exec(table.insertSentence(), row) })
}

func (t *writeTx) Update(table *Table, key any, places []int, values []any) error {
	return t.change(table, func() (bool, error) { return t.w.conn.updateRow(table, key, places, values) },
		func() error {
			return t.Exec(table.updateSentence(places), append(values[:len(values):len(values)], key))
		})
}

func (t *writeTx) Delete(table *Table, key any) error {
	return t.change(table, func() (bool, error) { return t.w.conn.deleteRow(table, key) },
		func() error { return t.Exec(table.deleteSentence(), []any{key}) })
}

// change tries the direct way, then the statement.
func (t *writeTx) change(table *Table, direct func() (done bool, err error), statement func() error) error {
	if t.failed != nil {
		return t.failed
	}
	if err := checkTable(t.catalogue, table); err != nil {
		return t.fail(err)
	}
	if t.alone {
		return t.fail(errNotAlone)
	}
	t.dirty = true
	done, err := direct()
	if done || err != nil {
		return t.fail(err)
	}
	return statement()
}

func (t *writeTx) Define(ddl string) error { return t.DefineIndex(ddl, nil) }

func (t *writeTx) DefineIndex(ddl string, check func(value any) error) error {
	if !t.schema {
		return t.fail(pgerr.New(pgerr.InternalError, "a schema change came in a request that does not say so"))
	}
	if t.failed != nil {
		return t.failed
	}
	if t.alone {
		return t.fail(errNotAlone)
	}
	shared := t.dirty
	t.dirty = true
	t.changes.forget()
	t.w.watchdog.work(&t.w.limits.schema)
	return t.fail(translate(t.define(ddl, shared, check)))
}

func (t *writeTx) Charge(bytes int) error {
	t.charged += bytes
	if t.charged <= t.w.o.MaxTransactionBytes {
		return nil
	}
	return t.fail(pgerr.New(pgerr.ProgramLimitExceeded, "transaction of %d bytes is too large, the limit is %d", t.charged, t.w.o.MaxTransactionBytes).
		WithHint("Write less in one transaction."))
}
