package engine

// Direct rows: one row is read, inserted, changed or deleted by its primary key
// through the session of Chai's own transaction, without a statement that Chai
// would have to parse and plan. The transaction, its batch, its snapshot and
// its commit stay Chai's.
//
// Whatever is not plain is left to Chai: a value that it would convert or
// refuse, a key that is taken, an entry that an index lacks. Then nothing was
// written yet, and the same is done by a statement, which answers as it always did.

import (
	"bytes"
	"errors"
	"reflect"
)

// session is the part of Chai's session that is used, one of the methods that
// its transaction offers at run time.
type session interface {
	Get(key []byte) ([]byte, error)
	Exists(key []byte) (bool, error)
	Put(key, value []byte) error
	Delete(key []byte) error
}

// rowAccess is how one connection reaches rows.
type rowAccess struct {
	notFound error   // what Chai's sessions wrap for a key that is not there; nil: no direct rows
	session  session // of the transaction that is open, once it was needed
	cache    *rowCache
	changes  *rowChanges // of the writer
	whole    bool        // the row read last has all its index entries
	swept    sweptEntries

	key, entry, value []byte   // reused
	old, row          [][]byte // reused
}

// largestBuffer is kept from one row to the next.
const largestBuffer = 64 << 10

// openSession finds the transaction's session in its exported field.
func (c *conn) openSession() session {
	if c.rows.session == nil {
		c.rows.session = reflect.ValueOf(c.tx).Elem().FieldByName("Session").Interface().(session)
	}
	return c.rows.session
}

// direct tells whether a table's rows can be reached without a statement.
func (c *conn) direct(t *Table) bool {
	return c.rows.notFound != nil && t.layout != nil
}

// encodeKey puts the key of a row into rows.key; false for a value that is none.
func (c *conn) encodeKey(t *Table, key any) bool {
	value, ok := appendValue(c.rows.value[:0], &t.Columns[t.layout.key], key)
	c.rows.value = value
	if !ok || key == nil {
		return false
	}
	c.rows.key = t.appendRowKey(c.rows.key[:0], value)
	return true
}

// stored is the row under rows.key, nil when there is none. It is shared.
func (c *conn) stored() ([]byte, error) {
	if row, ok := c.cached(); ok {
		c.rows.whole = row.whole
		return row.stored, nil
	}
	c.rows.whole = false
	value, err := c.openSession().Get(c.rows.key)
	if err != nil && errors.Is(err, c.rows.notFound) {
		return nil, nil
	}
	if err == nil {
		c.remember(value)
	}
	return value, err
}

// getRow reads a row, nil when there is none. done is false when only Chai can.
func (c *conn) getRow(t *Table, key any) (row []any, done bool, err error) {
	defer c.guard(&err)
	if !c.direct(t) || !c.encodeKey(t, key) {
		return nil, false, nil
	}
	if c.busy {
		return nil, false, errBusy
	}
	stored, err := c.stored()
	if err != nil || stored == nil {
		return nil, true, err
	}
	row, done = decodeFound(t.Columns, stored, t.layout.key, key)
	return row, done, nil
}

// insertRow adds a row and its index entries.
func (c *conn) insertRow(t *Table, row []any) (done bool, err error) {
	defer c.guard(&err)
	if !c.direct(t) || c.busy || len(row) != len(t.Columns) || !c.encodeRow(t, row) {
		return false, nil
	}
	if taken, err := c.openSession().Exists(c.rows.key); taken || err != nil {
		return false, err
	}
	return true, c.putRow(t, nil)
}

// encodeRow fills rows.value, rows.row and rows.key.
func (c *conn) encodeRow(t *Table, row []any) (ok bool) {
	r := &c.rows
	r.value = r.value[:0]
	for i, v := range row {
		if r.value, ok = appendValue(r.value, &t.Columns[i], v); !ok {
			return false
		}
	}
	return c.splitValue(t)
}

// splitValue takes rows.value apart into rows.row and makes rows.key of it.
func (c *conn) splitValue(t *Table) bool {
	r := &c.rows
	var err error
	if r.row, err = splitRow(r.row[:0], r.value, len(t.Columns)); err != nil || r.row[t.layout.key][0] == typeNull {
		return false
	}
	r.key = t.appendRowKey(r.key[:0], r.row[t.layout.key])
	return true
}

// updateRow gives the columns at places new values. A row that is not there
// is none to be changed.
func (c *conn) updateRow(t *Table, key any, places []int, values []any) (done bool, err error) {
	defer c.guard(&err)
	old, oldKey, done, err := c.target(t, key)
	if !done || err != nil || old == nil {
		return done, err
	}
	if !c.merge(t, old, places, values) {
		return false, nil
	}
	sameKey := bytes.Equal(oldKey, c.rows.key)
	if !sameKey {
		if taken, err := c.openSession().Exists(c.rows.key); taken || err != nil {
			return false, err
		}
	}
	changed := func(x *indexLayout) bool { return !x.unchanged(old, c.rows.row, sameKey) }
	if whole, err := c.hasEntries(t, old, oldKey); !whole || err != nil {
		return false, err
	}
	if err := c.dropEntries(t, old, oldKey, changed); err != nil {
		return true, err
	}
	if !sameKey {
		if err := c.dropRow(oldKey); err != nil {
			return true, err
		}
	}
	return true, c.putRow(t, changed)
}

// deleteRow takes a row and its index entries out.
func (c *conn) deleteRow(t *Table, key any) (done bool, err error) {
	defer c.guard(&err)
	old, oldKey, done, err := c.target(t, key)
	if !done || err != nil || old == nil {
		return done, err
	}
	if whole, err := c.hasEntries(t, old, oldKey); !whole || err != nil {
		return false, err
	}
	if err := c.dropEntries(t, old, oldKey, nil); err != nil {
		return true, err
	}
	return true, c.dropRow(oldKey)
}

func (c *conn) dropRow(key []byte) error {
	if c.rows.changes != nil {
		c.rows.changes.note(key, cachedRow{})
	}
	return c.openSession().Delete(key)
}

// target reads the row that is to be changed, nil when there is none, and its key.
func (c *conn) target(t *Table, key any) (old [][]byte, oldKey []byte, done bool, err error) {
	if !c.direct(t) || c.busy || !c.encodeKey(t, key) {
		return nil, nil, false, nil
	}
	stored, err := c.stored()
	if err != nil || stored == nil {
		return nil, nil, true, err
	}
	if c.rows.old, err = splitRow(c.rows.old[:0], stored, len(t.Columns)); err != nil {
		return nil, nil, false, nil
	}
	return c.rows.old, bytes.Clone(c.rows.key), true, nil
}

// merge makes the row as it will be: columns that are not changed keep their bytes.
func (c *conn) merge(t *Table, old [][]byte, places []int, values []any) (ok bool) {
	r := &c.rows
	r.value = r.value[:0]
	for i := range t.Columns {
		set := -1
		for j, place := range places {
			if place == i {
				set = j
			}
		}
		if set < 0 {
			r.value = append(r.value, old[i]...)
			ok = old[i][0] != typeNull || !t.Columns[i].NotNull
		} else {
			r.value, ok = appendValue(r.value, &t.Columns[i], values[set])
		}
		if !ok {
			return false
		}
	}
	return c.splitValue(t)
}

// putRow writes the encoded row and its entries in the indexes that chosen
// picks, nil for all. The others are there already.
func (c *conn) putRow(t *Table, chosen func(*indexLayout) bool) error {
	r, s := &c.rows, c.openSession()
	defer r.trim()
	if r.changes != nil {
		r.changes.note(r.key, cachedRow{bytes.Clone(r.value), true})
	}
	if err := s.Put(r.key, r.value); err != nil {
		return err
	}
	return c.eachEntry(t, r.row, r.key, chosen, func(entry []byte) error {
		r.swept.put(entry)
		return s.Put(entry, entryValue)
	})
}

func (c *conn) dropEntries(t *Table, row [][]byte, key []byte, chosen func(*indexLayout) bool) error {
	return c.eachEntry(t, row, key, chosen, c.openSession().Delete)
}

// hasEntries tells whether the indexes have the entries of the row read last.
// Chai refuses to change one whose entry is missing, so that is left to it.
func (c *conn) hasEntries(t *Table, row [][]byte, key []byte) (whole bool, err error) {
	if c.rows.whole {
		return true, nil
	}
	whole = true
	err = c.eachEntry(t, row, key, nil, func(entry []byte) error {
		found, err := c.openSession().Exists(entry)
		whole = whole && found
		return err
	})
	return whole, err
}

func (c *conn) eachEntry(t *Table, row [][]byte, key []byte, chosen func(*indexLayout) bool, do func(entry []byte) error) error {
	for i := range t.layout.indexes {
		x := &t.layout.indexes[i]
		if chosen != nil && !chosen(x) {
			continue
		}
		c.rows.entry = x.appendEntry(c.rows.entry[:0], t, row, key)
		if err := do(c.rows.entry); err != nil {
			return err
		}
	}
	return nil
}

// trim lets the memory of an unusually large row go.
func (r *rowAccess) trim() {
	if cap(r.value) > largestBuffer {
		r.value, r.row = nil, nil
	}
}
