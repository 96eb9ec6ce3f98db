package differential

import (
	"slices"
	"strconv"
	"strings"
)

// aggregate makes up the call of an aggregate function.
func (g *generator) aggregate() string {
	k := g.kindOfColumn()
	switch g.r.IntN(14) {
	case 0, 1, 2:
		return "count(*)" + g.filter()
	case 3:
		return "count(" + g.rarely("DISTINCT ") + g.argument(k) + ")" + g.filter()
	case 4, 5, 6:
		return pick(g.r, []string{"min", "max", "MIN"}) + "(" + g.rarely("DISTINCT ") + g.argument(k) + g.argumentOrder() + ")" + g.filter()
	case 7, 8, 9, 10:
		return g.sum()
	case 11:
		return pick(g.r, []string{"bool_and", "bool_or", "every"}) + "(" + g.argument(boolean) + ")" + g.filter()
	case 12:
		return g.joined()
	}
	x := g.aggregate()
	return pick(g.r, []string{x + " + 1", "- " + x, "(" + x + ")::text", "COALESCE(" + x + ", 0)", "max(k), k", "sum(" + x + ")", x + " IS NULL", x + " > " + g.leaf(int4), x + " IN (1, " + g.leaf(int4) + ")"})
}

// argument is mostly a column.
func (g *generator) argument(k kind) string {
	if name := g.columnOf(k); name != "" && chance(g.r, 60) {
		return name
	}
	return g.expression(k, 1)
}

// sum makes up a sum or an average, now and then of what cannot be added up.
func (g *generator) sum() string {
	k := kind(g.r.IntN(3))
	if chance(g.r, 3) {
		k = g.kindOfColumn()
	}
	distinct, order := g.rarely("DISTINCT "), ""
	if distinct == "" {
		g.s.sums = true
		order = g.argumentOrder()
	}
	return pick(g.r, []string{"sum", "avg", "SUM"}) + "(" + distinct + g.argument(k) + order + ")" + g.filter()
}

// joined makes up a string_agg, mostly in an order that is settled.
func (g *generator) joined() string {
	k := text
	if chance(g.r, 30) {
		k = bytea
	}
	x, delimiter := g.argument(k), g.leaf(k)
	switch g.r.IntN(4) {
	case 0:
		return "string_agg(DISTINCT " + x + ", " + delimiter + ")" + g.filter()
	case 1:
		g.s.strings = true
		return "string_agg(" + x + ", " + delimiter + g.argumentOrder() + ")" + g.filter()
	}
	return "string_agg(" + x + ", " + delimiter + " ORDER BY " + g.prefix + "." + g.t.columns[g.t.key].name + g.direction() + ")" + g.filter()
}

func (g *generator) argumentOrder() string {
	if !chance(g.r, 5) {
		return ""
	}
	return " ORDER BY " + g.expression(g.kindOfColumn(), 1) + g.direction()
}

func (g *generator) filter() string {
	if !chance(g.r, 15) {
		return ""
	}
	return " FILTER (WHERE " + g.expression(boolean, 2) + ")"
}

// grouped makes up a SELECT with GROUP BY, HAVING or both.
func (g *generator) grouped(from string) string {
	g.s.anyRow = true
	var by []string
	for range g.r.IntN(3) {
		x := pick(g.r, g.t.columns).name
		if chance(g.r, 25) {
			x = g.expression(g.kindOfColumn(), 2)
		}
		by = append(by, x)
	}
	items := g.list(1+g.r.IntN(3), func() string { return g.aliased(g.groupItem(by)) })
	where := ""
	if chance(g.r, 40) {
		where = g.where()
	}
	written := slices.Clone(by)
	for i := range written {
		if chance(g.r, 4) {
			written[i] = pick(g.r, []string{"1", "2", "n", "k", "9", "'x'", "NULL", "count(*)", `"Mixed"`})
		}
	}
	group, having := "", ""
	if written != nil {
		group = g.join("GROUP BY", strings.Join(written, ", "))
	}
	if chance(g.r, 40) {
		having = g.join("HAVING", g.having(by))
		g.s.fallible = true // whether it is asked before or after the aggregates are computed
	}
	order, limits := g.groupOrder(by), g.limits()
	if limits != "" {
		g.s.fallible = true // aggregates of groups that are left out may be computed or not
	}
	return g.join("SELECT", items, "FROM", from, where, group, having, order, limits)
}

// groupItem is something that may be written about a group, and rarely what may not.
func (g *generator) groupItem(by []string) string {
	switch n := g.r.IntN(20); {
	case n < 9 && len(by) > 0:
		return pick(g.r, by)
	case n == 9 && len(by) > 0:
		g.s.computes = true
		return "(" + pick(g.r, by) + ")" + pick(g.r, []string{" + 1", " IS NULL", "::text", " = " + g.aggregate(), " || 'x'"})
	case n == 10:
		return g.leaf(g.kindOfColumn())
	}
	return g.aggregate()
}

func (g *generator) having(by []string) string {
	g.inWhere = true
	defer func() { g.inWhere = false }()
	x := pick(g.r, []string{"count(*) > 1", "count(*) >= 1", g.aggregate() + " IS NOT NULL", "min(" + g.argument(int4) + ") < " + g.leaf(int4), g.condition(1)})
	if len(by) > 0 && chance(g.r, 50) {
		x = "(" + pick(g.r, by) + ")" + pick(g.r, []string{" IS NOT NULL", " IS NULL", " = " + g.leaf(g.kindOfColumn()), " IN (NULL, " + pick(g.r, by) + ")"})
	}
	if chance(g.r, 20) {
		x += pick(g.r, []string{" AND ", " OR "}) + "count(*) < 3"
	}
	return x
}

// groupOrder sorts groups, mostly by all that they are grouped by, which settles their order.
func (g *generator) groupOrder(by []string) string {
	var list []string
	if chance(g.r, 25) {
		list = append(list, g.groupItem(by)+g.direction())
	}
	all := chance(g.r, 70)
	if all {
		for _, x := range by {
			if strings.IndexFunc(x, notLetter) < 0 { // an output column may have the name
				x = g.prefix + "." + x
			}
			list = append(list, "("+x+")"+g.direction())
		}
	}
	g.s.ordered = all && len(by) > 0
	if list == nil {
		return ""
	}
	return g.join("ORDER BY", strings.Join(list, ", "))
}

func notLetter(c rune) bool { return c < 'a' || c > 'z' }

// distinct makes up a SELECT DISTINCT.
func (g *generator) distinct(from string) string {
	var items, order []string
	for i := range 1 + g.r.IntN(3) {
		items = append(items, g.aliased(g.expression(g.kindOfColumn(), 2)))
		order = append(order, strconv.Itoa(i+1)+g.direction())
	}
	where, by := g.where(), ""
	switch n := g.r.IntN(20); {
	case n == 0:
		by = g.window()
	case n < 16:
		by, g.s.ordered = g.join("ORDER BY", strings.Join(order, ", "), g.limits()), true
		g.s.arbitrary = false
	default:
		by = g.limits()
	}
	return g.join("SELECT", "DISTINCT", strings.Join(items, ", "), "FROM", from, where, by)
}
