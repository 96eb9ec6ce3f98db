package gate_test

import (
	"fmt"
	"sort"
	"strings"
)

// What the model test writes.

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
