package gate_test

import (
	"fmt"
	"strings"
)

// condition is a predicate as SQL and as a function of a row; the function gives true, false or nil for NULL.
type condition struct {
	sql  string
	eval func(row []any) any
}

func (c condition) where() string {
	if c.sql == "" {
		return ""
	}
	return " WHERE " + c.sql
}

// predicate makes a random condition, now and then none.
func (m *model) predicate(s *statement, depth int) condition {
	if m.random.IntN(8) == 0 {
		return condition{"", func([]any) any { return true }}
	}
	return m.condition(s, depth)
}

func (m *model) condition(s *statement, depth int) condition {
	c := m.random.IntN(len(m.columns))
	n := m.random.IntN(14)
	if depth == 0 {
		n = min(n, 9)
	}
	switch n {
	case 6:
		return m.in(s, c)
	case 7:
		return m.between(s, c)
	case 8:
		return m.null(c)
	case 9:
		return m.constant()
	case 10, 11, 12:
		return m.chain(s, depth, n == 12)
	case 13:
		inner := m.condition(s, depth-1)
		return condition{"NOT (" + inner.sql + ")", func(row []any) any { return negate(inner.eval(row)) }}
	}
	return m.comparison(s, c, []string{"=", "<>", "<", "<=", ">", ">="}[n])
}

func negate(v any) any {
	if v == nil {
		return nil
	}
	return !v.(bool)
}

// comparison compares a column with a value, at times with the value on the left, now() or another column.
func (m *model) comparison(s *statement, c int, op string) condition {
	column := m.columns[c]
	v := m.pick(column.kind)
	text := ""
	other := -1
	switch {
	case column.kind == "time" && m.random.IntN(3) == 0:
		v, text = testNow, "now()"
	case m.random.IntN(10) == 0:
		for i := range m.columns {
			if i != c && m.columns[i].kind == column.kind {
				other, text = i, m.columns[i].name
			}
		}
	case m.random.IntN(30) == 0:
		v = nil
		text = "NULL"
	case m.random.IntN(12) == 0 && (column.kind == "int" || column.kind == "bigint"):
		v, text = 0.5, "0.5"
	case m.random.IntN(12) == 0 && column.kind == "double":
		v, text = int64(1), "1"
	case m.random.IntN(20) == 0 && column.kind == "time":
		v, text = earliest.AddDate(-2, 0, 0), "'1999-01-01'"
	}
	if text == "" {
		text = m.value(s, column.kind, v)
	}
	eval := func(row []any) any {
		right := v
		if other >= 0 {
			right = row[other]
		}
		if row[c] == nil || right == nil {
			return nil
		}
		order := modelCompare(row[c], right)
		return map[string]bool{"=": order == 0, "<>": order != 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[op]
	}
	if m.random.IntN(3) == 0 {
		mirrored := map[string]string{"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}[op]
		return condition{text + " " + mirrored + " " + column.name, eval}
	}
	return condition{column.name + " " + op + " " + text, eval}
}

func (m *model) in(s *statement, c int) condition {
	column := m.columns[c]
	var parts []string
	var values []any
	for range 1 + m.random.IntN(4) {
		var v any
		if m.random.IntN(10) > 0 {
			v = m.pick(column.kind)
		}
		values, parts = append(values, v), append(parts, m.value(s, column.kind, v))
	}
	negated := m.random.IntN(3) == 0
	op := " IN ("
	if negated {
		op = " NOT IN ("
	}
	return condition{column.name + op + strings.Join(parts, ", ") + ")", func(row []any) any {
		result := any(false)
		for _, v := range values {
			switch {
			case row[c] == nil:
				return nil
			case v == nil:
				if result == false {
					result = nil
				}
			case modelCompare(row[c], v) == 0:
				result = true
			}
		}
		if negated {
			return negate(result)
		}
		return result
	}}
}

func (m *model) between(s *statement, c int) condition {
	column := m.columns[c]
	low, high := m.pick(column.kind), m.pick(column.kind)
	sql := fmt.Sprintf("%s BETWEEN %s AND %s", column.name, m.value(s, column.kind, low), m.value(s, column.kind, high))
	return condition{sql, func(row []any) any {
		if row[c] == nil {
			return nil
		}
		return modelCompare(row[c], low) >= 0 && modelCompare(row[c], high) <= 0
	}}
}

func (m *model) null(c int) condition {
	if m.random.IntN(2) == 0 {
		return condition{m.columns[c].name + " IS NULL", func(row []any) any { return row[c] == nil }}
	}
	return condition{m.columns[c].name + " IS NOT NULL", func(row []any) any { return row[c] != nil }}
}

func (m *model) constant() condition {
	switch m.random.IntN(3) {
	case 0:
		return condition{"1 = 0", func([]any) any { return false }}
	case 1:
		return condition{"NULL IS NULL", func([]any) any { return true }}
	}
	return condition{"'a' < 'b'", func([]any) any { return true }}
}

func (m *model) chain(s *statement, depth int, or bool) condition {
	var terms []condition
	var parts []string
	for range 2 + m.random.IntN(2) {
		t := m.condition(s, depth-1)
		terms, parts = append(terms, t), append(parts, "("+t.sql+")")
	}
	op := " AND "
	if or {
		op = " OR "
	}
	return condition{strings.Join(parts, op), func(row []any) any {
		result := any(!or)
		for _, t := range terms {
			switch t.eval(row) {
			case or:
				return or
			case nil:
				result = nil
			}
		}
		return result
	}}
}
