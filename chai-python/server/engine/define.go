package engine

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"chaisqld/pgerr"
)

// sharedIndexRows is how many rows a table may have for an index on it to be
// created in a transaction that does other things too. Above 10 MB Chai writes
// a transaction in parts. That a new index survives, killed or rolled back,
// since none of its keys were there before; entries that the transaction has
// deleted or changed elsewhere would be lost. Keys are below 130 bytes each,
// so this many rows stay well under it.
const sharedIndexRows = 10_000

// Integers from 2^31 to 2^32-1 are stored under a type that Chai's key decoder
// takes for 32 bits with a sign: it panics on them in every index it walks, so
// that their rows can be neither found, changed nor deleted.
const firstUnindexable, lastUnindexable = math.MaxInt32 + 1, math.MaxUint32

// Indexable refuses values that must not come into an index, composite primary
// keys and those of one column excepted: they are not decoded.
func Indexable(v any) error {
	if n, ok := v.(int64); ok && n >= firstUnindexable && n <= lastUnindexable {
		return pgerr.New(pgerr.NumericValueOutOfRange, "%d cannot be stored in an indexed column: Chai fails on indexed numbers from %d to %d",
			n, int64(firstUnindexable), int64(lastUnindexable))
	}
	return nil
}

// define runs the statement and reads back what Chai made of it.
func (t *writeTx) define(ddl string, shared bool, check func(value any) error) error {
	before := t.catalogue
	if err := t.mayBuild(ddl, shared, check); err != nil {
		return err
	}
	if err := t.w.conn.exec(ddl, nil); err != nil {
		return err
	}
	definitions, err := readDefinitions(t.w.conn)
	if err != nil {
		return err
	}
	t.version++
	catalogue := parseCatalogue(t.version, definitions)
	if err := survives(t.w.conn, definitions, catalogue); err != nil {
		return err
	}
	t.catalogue = catalogue
	return t.verifyIndexes(before)
}

// mayBuild keeps the building of a large index apart from everything else, and
// lets check see the values.
func (t *writeTx) mayBuild(ddl string, shared bool, check func(value any) error) error {
	name, table, column := createdIndex(ddl)
	of := t.catalogue.Table(table)
	if of == nil || t.catalogue.Index(name) != nil {
		return nil // for Chai to say what is wrong, or that there is nothing to do
	}
	rows, err := t.rowsUpTo(of, sharedIndexRows+1)
	if err != nil {
		return err
	}
	t.built += rows
	large := t.built > sharedIndexRows
	if large && shared {
		return pgerr.New(pgerr.ProgramLimitExceeded, "an index on a table of more than %d rows must be created in a transaction of its own", sharedIndexRows).
			WithHint("Run CREATE INDEX alone, without BEGIN.")
	}
	t.alone = t.alone || large
	if check == nil || of.Column(column) == nil {
		return nil
	}
	return t.w.conn.query(fmt.Sprintf("SELECT %s FROM %s", quoteName(column), quoteName(of.Name)), nil, func(v []any) error { return check(v[0]) })
}

// rowsUpTo counts the rows, no further than it must. (Chai answers an OFFSET
// beyond the last row with the first one.)
func (t *writeTx) rowsUpTo(table *Table, most int) (n int, err error) {
	err = t.w.conn.query(fmt.Sprintf("SELECT %s FROM %s", quoteName(table.PrimaryKey[0]), quoteName(table.Name)), nil, func([]any) error {
		if n++; n >= most {
			return Stop
		}
		return nil
	})
	return n, translate(err)
}

// createdIndex reads the names in CREATE [UNIQUE] INDEX [IF NOT EXISTS] [name]
// ON table (column, ...); column is the first one.
func createdIndex(ddl string) (name, table, column string) {
	p := &ddlParser{tokens: tokenize(ddl)}
	if !p.accept("CREATE", "INDEX") && !p.accept("CREATE", "UNIQUE", "INDEX") {
		return "", "", ""
	}
	p.accept("IF", "NOT", "EXISTS")
	if p.peek() != "ON" {
		name = unquote(p.next())
	}
	p.expect("ON")
	table = unquote(p.next())
	p.expect("(")
	if column = unquote(p.next()); p.problem != "" {
		return "", "", ""
	}
	return name, table, column
}

// verifyIndexes looks at what Chai puts into a new index without a look.
func (t *writeTx) verifyIndexes(before *Catalogue) error {
	for _, table := range t.catalogue.Tables() {
		for _, index := range table.Indexes {
			if before.Index(index.Name) != nil || len(index.Columns) != 1 {
				continue
			}
			if err := t.verifyIndex(table, index); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *writeTx) verifyIndex(table *Table, index Index) error {
	column := table.Column(index.Columns[0])
	if column == nil {
		return nil // a name that survives would have refused
	}
	if column.Type == TypeBigint {
		err := t.w.conn.query(fmt.Sprintf("SELECT %s FROM %s", quoteName(column.Name), quoteName(table.Name)), nil, func(v []any) error { return Indexable(v[0]) })
		if err != nil {
			return err
		}
	}
	if !index.Unique {
		return nil
	}
	var last any
	sql := fmt.Sprintf("SELECT %s FROM %s ORDER BY %[1]s", quoteName(column.Name), quoteName(table.Name))
	served := false
	err := t.w.conn.query("EXPLAIN "+sql, nil, func(v []any) error { served = strings.HasPrefix(text(v[0]), "index.Scan"); return nil })
	if err != nil || !served { // a sort would leave its rows in the database
		return err
	}
	return t.w.conn.query(sql, nil, func(v []any) error {
		if v[0] != nil && equalValues(last, v[0]) {
			return pgerr.New(pgerr.UniqueViolation, "could not create unique index \"%s\": a value of column %s is there more than once", ShownName(index.Name), ShownName(column.Name))
		}
		last = v[0]
		return nil
	})
}

func equalValues(a, b any) bool {
	one, isBytes := a.([]byte)
	two, areBytes := b.([]byte)
	if isBytes && areBytes {
		return slices.Equal(one, two)
	}
	return !isBytes && !areBytes && a == b // timestamps of Chai's have one location
}
