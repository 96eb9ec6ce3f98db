package engine

// The second half of an audit: an index against its table. Equal digests end
// it after one walk; only where they differ every row and entry is looked up.

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// index walks an index and compares it with what the rows say.
func (a *audit) index(t *Table, x *auditedIndex, report *TableReport) error {
	var have digest
	var last []byte
	partial, err := a.walk(a.catalogue.namespace(x.Name), &x.report.Problems, func(key, _ []byte) {
		a.add(&have, key)
		values, row := rowKeyOf(key, len(x.prefix), len(x.columns))
		if x.Unique && len(values) > 0 && bytes.Equal(values, last) && !hasNull(values) {
			note(&x.report.Problems, ProblemDuplicate, row, "")
		}
		last = append(last[:0], values...)
	})
	x.report.Entries = have.count
	if err != nil || have == x.want || partial || report.partial {
		return err // of what could not be read, nobody can say what is missing
	}
	twice := a.duplicates(t, x)
	err = a.missing(t, x, func(entry, row []byte) error {
		note(&x.report.Problems, ProblemMissing, row, "")
		return twice(entry, row)
	})
	if err != nil {
		return err
	}
	return a.stray(t, x, func(_, row []byte) error {
		note(&x.report.Problems, ProblemStray, row, "")
		return nil
	})
}

// duplicates looks whether an entry that is missing in a unique index may come
// into it: while it was missing, Chai let other rows have the same values.
func (a *audit) duplicates(t *Table, x *auditedIndex) func(entry, row []byte) error {
	seen := make(map[uint64]bool)
	return func(entry, row []byte) error {
		values, _ := rowKeyOf(entry, len(x.prefix), len(x.columns))
		if !x.Unique || hasNull(values) {
			return nil
		}
		hash := maphash.Bytes(a.seeds[0], values)
		taken, err := seen[hash], error(nil)
		if seen[hash] = true; !taken {
			taken, err = a.taken(t, x, values)
		}
		if taken {
			note(&x.report.Problems, ProblemDuplicate, row, "")
		}
		return err
	}
}

// taken tells whether a row has these values and its right entry in the index.
func (a *audit) taken(t *Table, x *auditedIndex, values []byte) (found bool, err error) {
	first := append(slices.Clone(x.prefix), values...)
	it, err := a.db.NewIter(&pebble.IterOptions{LowerBound: first, UpperBound: append(slices.Clone(first), 0xff)})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid() && !found; it.Next() {
		_, key := rowKeyOf(it.Key(), len(x.prefix), len(x.columns))
		if found, err = a.agrees(t, x, it.Key(), key); err != nil {
			return false, err
		}
	}
	return found, nil
}

// hasNull: in a unique index values with a null may stand more than once.
func hasNull(values []byte) bool {
	for len(values) > 0 {
		if values[0] == typeNull {
			return true
		}
		values = values[valueWidth(values):]
	}
	return false
}

// missing finds the entries that an index should have and has not.
func (a *audit) missing(t *Table, x *auditedIndex, found func(entry, row []byte) error) error {
	var buffer [][]byte
	return a.each(t.Name, func(key, value []byte) error {
		row, err := splitRow(buffer[:0], value, len(t.Columns))
		if err != nil {
			return nil // noted already
		}
		buffer = row
		entry := appendEntry(nil, x.prefix, x.columns, t, row, key)
		if _, ok, err := a.get(entry); err != nil || ok {
			return err
		}
		return found(entry, key)
	})
}

// stray finds the entries that an index has and should not have; row is nil
// where an entry names none.
func (a *audit) stray(t *Table, x *auditedIndex, found func(entry, row []byte) error) error {
	return a.each(x.Name, func(entry, _ []byte) error {
		_, key := rowKeyOf(entry, len(x.prefix), len(x.columns))
		if right, err := a.agrees(t, x, entry, key); err != nil || right {
			return err
		}
		return found(entry, key)
	})
}

// agrees tells whether the row of an entry has the values of the entry, or nobody can tell.
func (a *audit) agrees(t *Table, x *auditedIndex, entry, key []byte) (bool, error) {
	if key == nil {
		return false, nil
	}
	value, ok, err := a.get(key)
	if err != nil || !ok {
		return false, err
	}
	row, err := splitRow(nil, value, len(t.Columns))
	return err != nil || bytes.Equal(entry, appendEntry(nil, x.prefix, x.columns, t, row, key)), nil
}

// each visits a table or an index again; what cannot be read was noted the first time.
func (a *audit) each(name string, visit func(key, value []byte) error) error {
	var stopped error
	err := eachPair(a.db, a.catalogue.namespace(name), func(key, value []byte) error {
		if stopped = a.step(key, value); stopped == nil {
			stopped = visit(key, value)
		}
		return stopped
	})
	if stopped == nil {
		err = nil
	}
	return err
}

func (a *audit) get(key []byte) (value []byte, ok bool, err error) {
	value, closer, err := a.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("%w: %s", ErrDamaged, firstLine(err))
	}
	return slices.Clone(value), true, closer.Close()
}
