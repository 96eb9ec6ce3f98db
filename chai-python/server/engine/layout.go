package engine

import "bytes"

// layout says where a table's rows and index entries are in Pebble. A table
// without one is reached through SQL alone.
type layout struct {
	prefix  []byte // of the rows' keys
	key     int    // place of the primary key
	indexes []indexLayout
}

type indexLayout struct {
	prefix []byte
	column [1]int // place of the indexed column
}

// newLayout models the plain table: a primary key of one column and plain
// indexes of one column. Whatever else a table has is left to Chai.
func newLayout(t *Table) *layout {
	if t.Unsupported != "" || t.unreadable != "" || len(t.PrimaryKey) != 1 || t.namespace == 0 {
		return nil
	}
	l := &layout{prefix: intKey(t.namespace), key: t.place(t.PrimaryKey[0])}
	if l.key < 0 {
		return nil
	}
	for i := range t.Indexes {
		x := &t.Indexes[i]
		if x.Unique || x.unreadable != "" || len(x.Columns) != 1 || x.namespace == 0 {
			return nil
		}
		place := t.place(x.Columns[0])
		if place < 0 {
			return nil
		}
		l.indexes = append(l.indexes, indexLayout{intKey(x.namespace), [1]int{place}})
	}
	return l
}

func (t *Table) place(column string) int {
	for i := range t.Columns {
		if t.Columns[i].Name == column {
			return i
		}
	}
	return -1
}

// appendRowKey appends the key of the row whose primary key is stored as value.
func (t *Table) appendRowKey(dst, value []byte) []byte {
	return appendKeyValue(append(dst, t.layout.prefix...), t.Columns[t.layout.key].Type, value)
}

// appendEntry appends the key of a row's entry in an index.
func (x *indexLayout) appendEntry(dst []byte, t *Table, row [][]byte, key []byte) []byte {
	return appendEntry(dst, x.prefix, x.column[:], t, row, key)
}

// unchanged tells whether a row's entry in an index stays as it is.
func (x *indexLayout) unchanged(old, row [][]byte, sameKey bool) bool {
	return sameKey && bytes.Equal(old[x.column[0]], row[x.column[0]])
}
