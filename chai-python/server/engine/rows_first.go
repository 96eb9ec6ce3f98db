package engine

// The first rows along an index, deleted: what a sweep of expired rows does over
// and over. One walk along the index finds their entries; where that index is
// the only one, an entry says all that has to go, and the rows, which lie
// scattered over the table, are not read.

import (
	"bytes"
	"errors"
	"reflect"

	"github.com/cockroachdb/pebble/v2"
)

// openBatch finds the batch of the writer's transaction in its exported field,
// nil when it is not there.
func (c *conn) openBatch() *pebble.Batch {
	v := reflect.ValueOf(c.openSession())
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil
	}
	field := v.Elem().FieldByName("Batch")
	if !field.IsValid() || !field.CanInterface() {
		return nil
	}
	batch, _ := field.Interface().(*pebble.Batch)
	return batch
}

// deleteFirst deletes the first rows along an index, at most limit, whose value
// there is less than below; NULL is not. deleted is how many went. done is false
// when there may be more that only a look at the rows themselves finds.
func (c *conn) deleteFirst(t *Table, column int, below any, limit int, charge func(bytes int) error) (deleted int, done bool, err error) {
	defer c.guard(&err)
	if !c.direct(t) || c.busy || below == nil {
		return 0, false, nil
	}
	x := t.layout.indexOn(column)
	value, ok := appendValue(nil, &t.Columns[column], below)
	if x == nil || !ok {
		return 0, false, nil
	}
	entries, done, err := c.firstEntries(x, appendKeyValue(bytes.Clone(x.prefix), t.Columns[column].Type, value), limit)
	for i, entry := range entries {
		if err != nil || !done {
			break
		}
		if err = charge(2 * len(entry)); err == nil {
			done, err = c.deleteEntry(t, x, entry, i == 0)
		}
		if err == nil && done {
			deleted++
			c.rows.swept.advance(x.prefix, entry)
		}
	}
	return deleted, done && err == nil, err
}

// indexOn finds the index on a column.
func (l *layout) indexOn(column int) *indexLayout {
	for i := range l.indexes {
		if l.indexes[i].column[0] == column {
			return &l.indexes[i]
		}
	}
	return nil
}

// firstEntries reads the first entries of an index, at most limit, before upper.
func (c *conn) firstEntries(x *indexLayout, upper []byte, limit int) (entries [][]byte, ok bool, err error) {
	batch := c.openBatch()
	if batch == nil {
		return nil, false, nil
	}
	lower := c.rows.swept[string(x.prefix)]
	if lower == nil {
		lower = append(bytes.Clone(x.prefix), typeNull+1)
	}
	if chaiComparer.Compare(lower, upper) >= 0 {
		return nil, true, nil
	}
	it, err := batch.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, false, err
	}
	for more := it.First(); more && len(entries) < limit; more = it.Next() {
		entries = append(entries, bytes.Clone(it.Key()))
	}
	return entries, true, it.Close() // which returns the iterator's error
}

// deleteEntry deletes the row that an entry belongs to. done is false, and
// nothing is deleted, where the row says otherwise than the entry. That is
// asked where it costs nothing, where the row has other entries, and with look.
func (c *conn) deleteEntry(t *Table, x *indexLayout, entry []byte, look bool) (done bool, err error) {
	_, key := rowKeyOf(entry, len(x.prefix), 1)
	if !bytes.HasPrefix(key, t.layout.prefix) {
		return false, nil
	}
	c.rows.key = append(c.rows.key[:0], key...)
	if _, known := c.cached(); !known && !look && len(t.layout.indexes) == 1 {
		return true, errors.Join(c.openSession().Delete(entry), c.dropRow(key))
	}
	stored, err := c.stored()
	if err != nil || stored == nil {
		return false, err
	}
	if c.rows.old, err = splitRow(c.rows.old[:0], stored, len(t.Columns)); err != nil {
		return false, nil
	}
	if !bytes.Equal(entry, x.appendEntry(nil, t, c.rows.old, key)) {
		return false, nil
	}
	if whole, err := c.hasEntries(t, c.rows.old, key); !whole || err != nil {
		return false, err
	}
	return true, errors.Join(c.dropEntries(t, c.rows.old, key, nil), c.dropRow(key))
}

// sweptEntries says for an index, by its prefix, before which key it has no
// entries: those that were deleted leave tombstones, and walking over all of
// them again would make each sweep slower than the one before.
type sweptEntries map[string][]byte

func (s *sweptEntries) advance(prefix, entry []byte) {
	if *s == nil {
		*s = make(sweptEntries)
	}
	(*s)[string(prefix)] = entry
}

// put takes a new entry in.
func (s sweptEntries) put(entry []byte) {
	for prefix, first := range s {
		if bytes.HasPrefix(entry, []byte(prefix)) && chaiComparer.Compare(entry, first) < 0 {
			delete(s, prefix)
		}
	}
}

func (t *writeTx) DeleteFirst(table *Table, column int, below any, limit int) (deleted int, done bool, err error) {
	if t.failed != nil {
		return 0, false, t.failed
	}
	if err := checkTable(t.catalogue, table); err != nil {
		return 0, false, t.fail(err)
	}
	if t.alone {
		return 0, false, t.fail(errNotAlone)
	}
	deleted, done, err = t.w.conn.deleteFirst(table, column, below, limit, t.Charge)
	t.dirty = t.dirty || deleted > 0 || err != nil
	return deleted, done, t.fail(err)
}
