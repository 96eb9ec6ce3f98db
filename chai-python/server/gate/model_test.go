package gate_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The model test runs random statements through gate and engine, and through a model that holds rows in a map and
// evaluates everything on all of them. Rows, their order and counts must agree, and the engine's audit must find nothing.

// model is the reference for one table.
type model struct {
	*database
	random  *rand.Rand
	name    string
	columns []modelColumn
	rows    map[any][]any // by key; the key is column 0
}

type modelColumn struct {
	name    string
	kind    string // a key of domains
	notNull bool
	indexed bool
}

var domains = map[string]struct {
	ddl    string
	values []any
}{
	"text":   {"TEXT", []any{"", "a", "A", "b", "ba", "ä", "zz", "it's", "漢字", "a\n", strings.Repeat("x", 119)}},
	"bytea":  {"BYTEA", []any{[]byte{}, []byte{0}, []byte("a"), []byte{0xff}, []byte{0xff, 0}, []byte("'\\"), []byte("ab")}},
	"int":    {"INTEGER", []any{int64(0), int64(1), int64(-1), int64(7), int64(255), int64(65536), int64(-70000), int64(2147483647)}},
	"bigint": {"BIGINT", []any{int64(0), int64(1), int64(-1), int64(300), int64(1 << 40), int64(-1 << 62), int64(9223372036854775807)}},
	"double": {"DOUBLE PRECISION", []any{0.0, 1.0, -1.0, 0.5, 1e300, -2.25, 3.0}},
	"time":   {"TIMESTAMP", []any{after(0), after(1), after(-1), after(60), after(-600), after(1).Add(time.Microsecond), earliest, latest}},
	"bool":   {"BOOLEAN", []any{true, false}},
}

var (
	earliest = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
)

func modelSeed(t *testing.T) uint64 {
	if s := os.Getenv("GATE_MODEL_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return uint64(time.Now().UnixNano())
}

func TestModel(t *testing.T) {
	tables, statements := 24, 250
	if s := os.Getenv("GATE_MODEL_TABLES"); s != "" {
		tables, _ = strconv.Atoi(s)
	}
	seed := modelSeed(t)
	t.Logf("GATE_MODEL_SEED=%d", seed)
	d := openMemory(t)
	for i := range tables {
		m := newModel(d, rand.New(rand.NewPCG(seed, uint64(i))), fmt.Sprintf("m%d", i))
		for range statements {
			m.step()
			if t.Failed() {
				t.Fatalf("table %d of GATE_MODEL_SEED=%d", i, seed)
			}
		}
		m.compareAll()
		m.audit()
		m.exec("DROP TABLE", "DROP TABLE "+m.name)
	}
}

func newModel(d *database, random *rand.Rand, name string) *model {
	m := &model{database: d, random: random, name: name, rows: map[any][]any{}}
	kinds := []string{"text", "bytea", "int", "bigint", "double", "time", "bool"}
	keyKinds := kinds[:6]
	m.columns = []modelColumn{{"k", keyKinds[random.IntN(len(keyKinds))], true, true}}
	for i := range 2 + random.IntN(4) {
		kind := kinds[random.IntN(len(kinds))]
		m.columns = append(m.columns, modelColumn{fmt.Sprintf("c%d", i), kind, random.IntN(2) == 0, random.IntN(2) == 0})
	}
	var parts []string
	for i, c := range m.columns {
		part := c.name + " " + domains[c.kind].ddl
		if i == 0 {
			part += " PRIMARY KEY"
		} else if c.notNull {
			part += " NOT NULL"
		}
		parts = append(parts, part)
	}
	m.exec("CREATE TABLE", "CREATE TABLE "+name+" ("+strings.Join(parts, ", ")+")")
	for i, c := range m.columns {
		if c.indexed && (i > 0 || random.IntN(4) == 0) { // the key itself may have an index as well
			m.exec("CREATE INDEX", fmt.Sprintf("CREATE INDEX ON %s (%s)", name, c.name))
		}
	}
	return m
}

func (m *model) step() {
	m.Helper()
	switch n := m.random.IntN(20); {
	case n < 6:
		m.insert()
	case n < 9:
		m.update()
	case n < 11:
		m.deleteSome()
	case n < 12:
		m.deleteBatch()
	case n < 18:
		m.query()
	default:
		m.aggregates()
	}
}

// statement is SQL text with the arguments it refers to.
type statement struct {
	strings.Builder
	args []any
}

// value writes a value as a parameter or, where it can, as a literal.
func (m *model) value(s *statement, kind string, v any) string {
	if v == nil {
		return "NULL"
	}
	if m.random.IntN(4) == 0 {
		switch v := v.(type) {
		case int64:
			return strconv.FormatInt(v, 10)
		case bool:
			return strconv.FormatBool(v)
		case string:
			return "'" + strings.ReplaceAll(v, "'", "''") + "'"
		case []byte:
			return fmt.Sprintf(`'\x%x'`, v)
		case time.Time:
			return v.Format("'2006-01-02 15:04:05.999999'")
		case float64:
			return strconv.FormatFloat(v, 'e', -1, 64)
		}
	}
	s.args = append(s.args, v)
	return fmt.Sprintf("$%d", len(s.args))
}

func (m *model) pick(kind string) any {
	values := domains[kind].values
	return values[m.random.IntN(len(values))]
}

func (m *model) pickFor(c modelColumn) any {
	if !c.notNull && m.random.IntN(5) == 0 {
		return nil
	}
	return m.pick(c.kind)
}

func mapKey(v any) any {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case time.Time:
		return v.UnixMicro()
	}
	return v
}

// compareAll compares the whole table, and the engine's audit of its indexes.
func (m *model) compareAll() {
	m.Helper()
	r, err := m.run("SELECT * FROM " + m.name + " ORDER BY k")
	if err != nil {
		m.Errorf("reading %s: %v", m.name, err)
		return
	}
	want := m.matching(condition{eval: func([]any) any { return true }})
	sort.Slice(want, func(i, j int) bool { return modelCompare(want[i][0], want[j][0]) < 0 })
	if !sameRows(r.Rows, want) {
		m.Errorf("table %s:\n got %v\nwant %v", m.name, r.Rows, want)
	}
	if m.random.IntN(8) == 0 {
		m.audit()
	}
}

func (m *model) audit() {
	m.Helper()
	report, err := m.engine.Check(context.Background(), nil)
	if err != nil || !report.OK() {
		m.Errorf("audit: %v %+v", err, report)
	}
}

func (m *model) matching(p condition) [][]any {
	var list [][]any
	for _, row := range m.rows {
		if p.eval(row) == true {
			list = append(list, row)
		}
	}
	return list
}

// modelCompare is written apart from the gate's comparison.
func modelCompare(a, b any) int {
	less := func(a, b any) bool {
		switch a := a.(type) {
		case int64:
			if f, ok := b.(float64); ok {
				return float64(a) < f
			}
			return a < b.(int64)
		case float64:
			if n, ok := b.(int64); ok {
				return a < float64(n)
			}
			return a < b.(float64)
		case string:
			return a < b.(string)
		case []byte:
			return string(a) < string(b.([]byte))
		case time.Time:
			return a.Before(b.(time.Time))
		case bool:
			return !a && b.(bool)
		}
		panic(fmt.Sprintf("%T", a))
	}
	switch {
	case less(a, b):
		return -1
	case less(b, a):
		return 1
	}
	return 0
}
