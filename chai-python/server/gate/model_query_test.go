package gate_test

import (
	"fmt"
	"sort"
	"strings"

	"chaisqld/gate"
)

// What the model test reads: rows in an order, a window of them, and aggregates.

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
