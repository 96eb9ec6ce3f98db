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

	"chaisqld/gate"
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
		if i > 0 && c.indexed {
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

func (m *model) insert() {
	m.Helper()
	s := &statement{}
	count := 1 + m.random.IntN(3)
	conflict := m.random.IntN(3)
	var rows [][]any
	var texts []string
	for range count {
		row, parts := make([]any, len(m.columns)), make([]string, len(m.columns))
		for i, c := range m.columns {
			row[i] = m.pickFor(c)
			parts[i] = m.value(s, c.kind, row[i])
		}
		rows, texts = append(rows, row), append(texts, "("+strings.Join(parts, ", ")+")")
	}
	sql := "INSERT INTO " + m.name + " VALUES " + strings.Join(texts, ", ")
	updated := m.columns[1:]
	switch conflict {
	case 1:
		sql += " ON CONFLICT DO NOTHING"
	case 2:
		var sets []string
		for _, c := range updated {
			sets = append(sets, c.name+" = excluded."+c.name)
		}
		sql += " ON CONFLICT (k) DO UPDATE SET " + strings.Join(sets, ", ")
	}
	next, written, wantErr := m.expectInsert(rows, conflict)
	r, err := m.run(sql+" RETURNING *", s.args...)
	if (err != nil) != wantErr {
		m.Errorf("%s %v: error %v, want one: %v", sql, s.args, err, wantErr)
		return
	}
	if err != nil {
		return
	}
	m.rows = next
	if r.Tag != fmt.Sprintf("INSERT 0 %d", len(written)) || !sameRows(r.Rows, written) {
		m.Errorf("%s %v: %s %v, want %v", sql, s.args, r.Tag, r.Rows, written)
	}
}

// expectInsert gives the rows after an INSERT, those that it returns, and whether it fails.
func (m *model) expectInsert(rows [][]any, conflict int) (next map[any][]any, written [][]any, fails bool) {
	next = map[any][]any{}
	for k, row := range m.rows {
		next[k] = row
	}
	touched := map[any]bool{}
	for _, row := range rows {
		k := mapKey(row[0])
		_, exists := next[k]
		switch {
		case exists && conflict == 1:
			continue
		case exists && (conflict == 0 || touched[k]):
			return nil, nil, true
		}
		touched[k] = true
		next[k] = row
		written = append(written, row)
	}
	return next, written, false
}

func (m *model) update() {
	m.Helper()
	s := &statement{}
	c := 1 + m.random.IntN(len(m.columns)-1)
	column := m.columns[c]
	v := m.pickFor(column)
	set := column.name + " = " + m.value(s, column.kind, v)
	change := func(row []any) any { return v }
	if n, ok := v.(int64); ok && column.kind == "int" && m.random.IntN(2) == 0 {
		n %= 100
		s.args = nil
		set = fmt.Sprintf("%s = %s / 2 + %d", column.name, column.name, n)
		change = func(row []any) any {
			if row[c] == nil {
				return nil
			}
			return row[c].(int64)/2 + n
		}
	}
	p := m.predicate(s, 3)
	sql := "UPDATE " + m.name + " SET " + set + p.where()
	matching := m.matching(p)
	r, err := m.run(sql, s.args...)
	if err != nil {
		m.Errorf("%s %v: %v", sql, s.args, describe(err))
		return
	}
	if want := fmt.Sprintf("UPDATE %d", len(matching)); r.Tag != want {
		m.Errorf("%s %v: %s, want %s", sql, s.args, r.Tag, want)
	}
	for _, row := range matching {
		changed := append([]any(nil), row...)
		changed[c] = change(row)
		m.rows[mapKey(row[0])] = changed
	}
	m.compareAll()
}

func (m *model) deleteSome() {
	m.Helper()
	s := &statement{}
	p := m.predicate(s, 3)
	sql := "DELETE FROM " + m.name + p.where()
	matching := m.matching(p)
	r, err := m.run(sql, s.args...)
	if err != nil {
		m.Errorf("%s %v: %v", sql, s.args, describe(err))
		return
	}
	if want := fmt.Sprintf("DELETE %d", len(matching)); r.Tag != want {
		m.Errorf("%s %v: %s, want %s", sql, s.args, r.Tag, want)
	}
	for _, row := range matching {
		delete(m.rows, mapKey(row[0]))
	}
	m.compareAll()
}

// deleteBatch deletes the first rows in some order. Which of several equal ones go is left to the database.
func (m *model) deleteBatch() {
	m.Helper()
	s := &statement{}
	c := m.random.IntN(len(m.columns))
	column := m.columns[c]
	p := m.comparison(s, c, []string{"<", "<=", ">", ">="}[m.random.IntN(4)])
	limit := 1 + m.random.IntN(4)
	where := "k IN (SELECT k FROM " + m.name + " WHERE " + p.sql + " ORDER BY " + column.name + fmt.Sprintf(" LIMIT %d)", limit)
	if m.random.IntN(2) == 0 {
		where = p.sql + " AND " + where
	}
	sql := "DELETE FROM " + m.name + " WHERE " + where
	matching := m.matching(p)
	sort.Slice(matching, func(i, j int) bool { return modelCompare(matching[i][c], matching[j][c]) < 0 })
	want := min(limit, len(matching))
	r, err := m.run(sql, s.args...)
	if err != nil {
		m.Errorf("%s %v: %v", sql, s.args, describe(err))
		return
	}
	if tag := fmt.Sprintf("DELETE %d", want); r.Tag != tag {
		m.Errorf("%s %v: %s, want %s", sql, s.args, r.Tag, tag)
	}
	m.takeGone(sql, s.args, matching, c, want)
}

// takeGone removes from the model what is gone from the table, and checks that only first rows are.
func (m *model) takeGone(sql string, args []any, matching [][]any, c, want int) {
	m.Helper()
	left := map[any]bool{}
	for _, row := range m.exec(fmt.Sprintf("SELECT %d", len(m.rows)-want), "SELECT k FROM "+m.name).Rows {
		left[mapKey(row[0])] = true
	}
	for i, row := range matching {
		if left[mapKey(row[0])] {
			continue
		}
		if want == 0 || modelCompare(row[c], matching[want-1][c]) > 0 {
			m.Errorf("%s %v: row %d of %d went: %v", sql, args, i, want, row)
		}
		delete(m.rows, mapKey(row[0]))
	}
	m.compareAll()
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
	report, err := m.engine.Check(context.Background())
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

func (m *model) query() {
	m.Helper()
	s := &statement{}
	p := m.predicate(s, 3)
	order, keys := m.order()
	sql := "SELECT * FROM " + m.name + p.where() + order
	want := m.matching(p)
	sort.SliceStable(want, func(i, j int) bool { return modelLess(want[i], want[j], keys) })
	skip, count := 0, len(want)
	if m.random.IntN(2) == 0 {
		count = m.random.IntN(6)
		sql += fmt.Sprintf(" LIMIT %d", count)
	}
	if m.random.IntN(4) == 0 {
		skip = m.random.IntN(3)
		sql += fmt.Sprintf(" OFFSET %d", skip)
	}
	r, err := m.run(sql, s.args...)
	if err != nil {
		m.Errorf("%s %v: %v", sql, s.args, describe(err))
		return
	}
	first := min(skip, len(want))
	m.compareOrdered(sql, s.args, r, want, want[first:min(len(want), first+count)], keys)
}

// compareOrdered checks that the rows are some of those matching, with the sort keys that are wanted in this order.
func (m *model) compareOrdered(sql string, args []any, r *gate.Result, matching, window [][]any, keys []modelKey) {
	m.Helper()
	if len(r.Rows) != len(window) {
		m.Errorf("%s %v: %d rows, want %d:\n got %v\nwant %v", sql, args, len(r.Rows), len(window), r.Rows, window)
		return
	}
	unused := map[any][]any{}
	for _, row := range matching {
		unused[mapKey(row[0])] = row
	}
	for i, row := range r.Rows {
		k := mapKey(row[0])
		if !sameRows([][]any{row}, [][]any{unused[k]}) {
			m.Errorf("%s %v: row %v does not match, or was given twice", sql, args, row)
			return
		}
		delete(unused, k)
		if modelLess(row, window[i], keys) || modelLess(window[i], row, keys) {
			m.Errorf("%s %v: row %d is %v, want one like %v", sql, args, i, row, window[i])
		}
	}
}

type modelKey struct {
	column                 int
	descending, nullsFirst bool
}

func (m *model) order() (string, []modelKey) {
	var keys []modelKey
	var parts []string
	for range m.random.IntN(3) {
		c := m.random.IntN(len(m.columns))
		key := modelKey{column: c}
		part := m.columns[c].name
		if m.random.IntN(2) == 0 {
			part += " DESC"
			key.descending, key.nullsFirst = true, true
		}
		if m.random.IntN(4) == 0 {
			key.nullsFirst = !key.nullsFirst
			part += map[bool]string{true: " NULLS FIRST", false: " NULLS LAST"}[key.nullsFirst]
		}
		keys, parts = append(keys, key), append(parts, part)
	}
	if keys == nil {
		return "", nil
	}
	return " ORDER BY " + strings.Join(parts, ", "), keys
}

func modelLess(a, b []any, keys []modelKey) bool {
	for _, k := range keys {
		x, y := a[k.column], b[k.column]
		if x == nil || y == nil {
			if (x == nil) == (y == nil) {
				continue
			}
			return (x == nil) == k.nullsFirst
		}
		if c := modelCompare(x, y); c != 0 {
			return (c < 0) != k.descending
		}
	}
	return false
}

func (m *model) aggregates() {
	m.Helper()
	s := &statement{}
	p := m.predicate(s, 2)
	c := m.random.IntN(len(m.columns))
	name := m.columns[c].name
	matching := m.matching(p)
	var least, most any
	filled := int64(0)
	for _, row := range matching {
		v := row[c]
		if v == nil {
			continue
		}
		filled++
		if least == nil || modelCompare(v, least) < 0 {
			least = v
		}
		if most == nil || modelCompare(v, most) > 0 {
			most = v
		}
	}
	list, want := "count(*)", []any{int64(len(matching))}
	ordered := m.columns[c].kind != "bool" && m.columns[c].kind != "bytea"
	switch n := m.random.IntN(5); {
	case n == 1:
		list, want = "count("+name+")", []any{filled}
	case n == 2 && ordered:
		list, want = "min("+name+")", []any{least}
	case n == 3 && ordered:
		list, want = "max("+name+")", []any{most}
	case n == 4 && ordered:
		list, want = fmt.Sprintf("max(%s), count(*), min(%s), count(%s)", name, name, name), []any{most, int64(len(matching)), least, filled}
	}
	sql := "SELECT " + list + " FROM " + m.name + p.where()
	r, err := m.run(sql, s.args...)
	if err != nil {
		m.Errorf("%s %v: %v", sql, s.args, describe(err))
		return
	}
	if !sameRows(r.Rows, [][]any{want}) {
		m.Errorf("%s %v: got %v, want %v", sql, s.args, r.Rows, want)
	}
}
