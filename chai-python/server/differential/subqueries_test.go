package differential

import "strings"

// within is the generator of a query inside of another one, whose columns it does not name.
func (g *generator) within(table bool) *generator {
	inner := *g
	inner.prefix, inner.columns, inner.inWhere, inner.depth = "t", table, table, g.depth+1
	return &inner
}

// subquery makes up a query that is a value: the same one in whatever order rows are read. Now and then it has several rows.
func (g *generator) subquery(k kind) string {
	g.s.anyRow = true   // it may fail before another part of the statement does, or after it
	g.s.fallible = true // whether its value is asked for
	if g.depth == 2 {
		return g.literal(k)
	}
	if chance(g.r, 30) {
		g = g.within(false)
		return "(" + pick(g.r, []string{"SELECT " + g.expression(k, 1), "SELECT " + g.literal(k) + " AS n", "VALUES (" + g.literal(k) + ")", "SELECT " + g.leaf(k) + " WHERE " + g.condition(1)}) + ")"
	}
	g = g.within(true)
	key := "t." + g.t.columns[g.t.key].name
	x := g.argument(k)
	switch n := g.r.IntN(10); {
	case n < 4:
		if k != boolean && k != bytea {
			x = pick(g.r, []string{"min", "max"}) + "(" + x + ")"
		} else {
			x = "count(*)"
		}
		return "(" + g.join("SELECT", x, "FROM t", g.where()) + ")"
	case n < 9:
		return "(" + g.join("SELECT", x, "FROM t", g.where(), "ORDER BY", key+g.direction(), "LIMIT 1", pick(g.r, []string{"", "", "OFFSET 1"})) + ")"
	}
	return "(" + g.join("SELECT", x, "FROM t", g.where()) + ")"
}

// subcondition makes up EXISTS and IN with a query.
func (g *generator) subcondition(depth int) string {
	g.s.anyRow = true
	if g.depth == 2 {
		return g.literal(boolean)
	}
	inner := g.within(true)
	if chance(g.r, 40) {
		query := inner.join("SELECT", pick(g.r, []string{"", "1", "*", inner.leaf(int4)}), "FROM t", inner.where(), pick(g.r, []string{"", "", "LIMIT 1", "LIMIT 0", "OFFSET 1"}))
		return pick(g.r, []string{"", "", "NOT "}) + "EXISTS (" + query + ")"
	}
	k := g.kindOfColumn()
	query := inner.join("SELECT", inner.argument(k), "FROM t", inner.where())
	switch g.r.IntN(6) {
	case 0:
		query = inner.join("SELECT", "DISTINCT", inner.argument(k), "FROM t", inner.where())
	case 1:
		inner = g.within(false)
		var rows []string
		for range 1 + g.r.IntN(3) {
			rows = append(rows, pick(g.r, []string{"(" + inner.literal(k) + ")", "(" + inner.literal(k) + ")", "(NULL)"}))
		}
		query = "VALUES " + strings.Join(rows, ", ")
	}
	return g.operand(k, depth) + g.not() + " IN (" + query + ")"
}
