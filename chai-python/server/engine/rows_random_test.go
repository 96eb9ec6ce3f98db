package engine

// Random tables, values and operations for the comparison of direct rows with Chai.

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

var keyTypes = []Type{TypeText, TypeBigint, TypeInteger, TypeDouble, TypeBytea, TypeTimestamp, TypeBoolean}

// rowTables has a table for each type of key, with every type of column and several indexes.
func rowTables() (ddl []string) {
	for i, key := range keyTypes {
		ddl = append(ddl, fmt.Sprintf("CREATE TABLE t%d (a TEXT NOT NULL, k %s PRIMARY KEY, b BOOLEAN, i INTEGER, n BIGINT, d DOUBLE PRECISION, "+
			"y BYTEA NOT NULL, t TIMESTAMP, z INTEGER DEFAULT 7)", i, key))
		for _, column := range []string{"a", "b", "i", "n", "d", "y", "t"} {
			ddl = append(ddl, fmt.Sprintf("CREATE INDEX t%d_%s ON t%d (%s)", i, column, i, column))
		}
	}
	return ddl
}

// values makes values of a type, those at the edges of their width often.
type values struct{ *rand.Rand }

var edges = []int64{0, 1, -1, 31, 32, -32, -33, 127, 128, -128, -129, 255, 256, 32767, -32768, -32769, 65535, 65536,
	math.MaxInt32, math.MinInt32, math.MaxInt32 + 1, math.MinInt32 - 1, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64, math.MinInt64, 1 << 53, -1 << 53}

func (r values) integer() int64 {
	if r.IntN(3) == 0 {
		return int64(r.Uint64() >> r.IntN(64))
	}
	return edges[r.IntN(len(edges))]
}

// readable keeps out the numbers that Chai itself panics on when it reads them
// from an index on a BIGINT column: it takes four bytes for an INTEGER.
func readable(n int64) int64 {
	if n > math.MaxInt32 && n <= math.MaxUint32 {
		return n << 8
	}
	return n
}

func (r values) text() string {
	alphabet := []string{"a", "b", "ü", "☃", "\x00", "'", "𝄞", strings.Repeat("x", 60)}
	var b strings.Builder
	for range r.IntN(6) {
		b.WriteString(alphabet[r.IntN(len(alphabet))])
	}
	return b.String()
}

func (r values) of(t Type) any {
	switch t {
	case TypeBoolean:
		return r.IntN(2) == 0
	case TypeInteger:
		return int64(int32(r.integer()))
	case TypeBigint:
		return readable(r.integer())
	case TypeDouble:
		special := []float64{0.5, -2.25, 1e300, -1e-300, math.Inf(1), math.Inf(-1), 1 << 62, 1 << 63, -1 << 63}
		if r.IntN(2) == 0 {
			return special[r.IntN(len(special))]
		}
		return float64(r.integer())
	case TypeText:
		return r.text()
	case TypeBytea:
		return []byte(r.text())
	}
	first, last := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro(), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC).UnixMicro()
	instants := []int64{first, first + 1, last, first + r.Int64N(last-first)}
	return time.UnixMicro(instants[r.IntN(len(instants))]).UTC()
}

// column is a value for a column, now and then one that only Chai can judge.
func (r values) column(c *Column) any {
	switch n := r.IntN(400); {
	case n == 0:
		return nil
	case n == 1 && c.Type == TypeInteger:
		return int64(math.MaxInt32 + 1)
	case n == 2 && c.Type == TypeDouble:
		return r.integer()
	case n == 3 && c.Type == TypeTimestamp:
		return time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	case n < 60 && !c.NotNull:
		return nil
	}
	return r.of(c.Type)
}

// operation is one change or look, the same for both databases.
type operation struct {
	kind   int
	table  string
	key    any
	row    []any
	places []int
}

const (
	opInsert = iota
	opUpdate
	opDelete
	opGet
	opSQLInsert
	opSQLDelete
	opSQLSelect
	opKinds
)

func (r values) operation(c *Catalogue, keys map[string][]any) operation {
	t := c.Tables()[r.IntN(len(c.Tables()))]
	pool := keys[t.Name]
	o := operation{kind: r.IntN(opKinds), table: t.Name, key: pool[r.IntN(len(pool))]}
	for i := range t.Columns {
		o.row = append(o.row, r.column(&t.Columns[i]))
		if t.Columns[i].Name == "k" {
			o.row[i] = pool[r.IntN(len(pool))]
		}
	}
	o.places = r.Perm(len(t.Columns))[:1+r.IntN(3)]
	return o
}

// run carries the operation out and tells what it saw.
func (o operation) run(w Writer) (seen []any, err error) {
	t := w.Catalogue().Table(o.table)
	values := make([]any, len(o.places))
	for i, place := range o.places {
		values[i] = o.row[place]
	}
	switch o.kind {
	case opInsert:
		return nil, w.Insert(t, o.row)
	case opUpdate:
		return nil, w.Update(t, o.key, o.places, values)
	case opDelete:
		return nil, w.Delete(t, o.key)
	case opGet:
		return w.Get(t, o.key)
	case opSQLInsert:
		return nil, w.Exec(t.insertSentence(), o.row)
	case opSQLDelete:
		return nil, w.Exec(t.deleteSentence(), []any{o.key})
	}
	return selectRow(w, t, o.key)
}

func rowKeys(r values, c *Catalogue) map[string][]any {
	keys := make(map[string][]any)
	for _, t := range c.Tables() {
		for range 12 {
			keys[t.Name] = append(keys[t.Name], r.of(t.Column("k").Type))
		}
	}
	return keys
}
