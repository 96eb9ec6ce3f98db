package differential

import (
	"slices"
	"strconv"
	"strings"
)

// valuesQuery makes up a VALUES or a TABLE.
func (g *generator) valuesQuery() string {
	if chance(g.r, 20) {
		g.columns = true
		return g.join("TABLE", pick(g.r, []string{"t", "t", "t", "ONLY t", "t *", "public.t", "nosuch"}), g.window())
	}
	values, width := g.valuesList()
	var order []string
	for i := range width {
		order = append(order, pick(g.r, []string{"", "column"})+strconv.Itoa(i+1)+g.direction())
	}
	if chance(g.r, 50) {
		return g.join(values, g.valuesLimits())
	}
	return g.join(values, "ORDER BY", strings.Join(order, ", "), g.valuesLimits())
}

// valuesLimits are those of rows whose order is settled: as they are written, if nothing else.
func (g *generator) valuesLimits() string {
	limits := g.limits()
	g.s.arbitrary, g.s.ordered = false, true
	return limits
}

func (g *generator) valuesList() (text string, width int) {
	width = 1 + g.r.IntN(3)
	kindsOf := make([]kind, width)
	for i := range kindsOf {
		kindsOf[i] = kind(g.r.IntN(int(kinds)))
	}
	rows := g.list(1+g.r.IntN(3), func() string {
		count := width
		if chance(g.r, 1) {
			count++
		}
		i := -1
		return "(" + g.list(count, func() string {
			i++
			k := kindsOf[i%width]
			if k <= float8 && chance(g.r, 20) {
				k = kind(g.r.IntN(3))
			}
			return pick(g.r, []string{g.expression(k, 1), g.literal(k), g.leaf(k)})
		}) + ")"
	})
	return g.join("VALUES", rows), width
}

// moved are expressions that give every key another one, so that few of those rows are there already.
var moved = [kinds][]string{{"%s + 100", "%s - 7", "- %s"}, {"%s + 1000", "%s - 70"}, {"%s * 2", "%s + 0.25"}, {"%s || 'x'", "'y' || %s", "%s"}, {`%s || '\x01'`}, {"%s"}, {"NOT %s"}}

// insertQuery makes up an INSERT … SELECT. The order in which rows come is settled.
func (g *generator) insertQuery() string {
	g.columns, g.s.anyRow = true, true
	key := g.t.columns[g.t.key]
	places := []int{g.t.key}
	for i := range g.t.columns {
		if i != g.t.key && chance(g.r, 50) {
			places = append(places, i)
		}
	}
	var names, items []string
	for _, i := range places {
		c := g.t.columns[i]
		names = append(names, c.name)
		x := g.argument(c.kind)
		switch {
		case i == g.t.key && chance(g.r, 80):
			g.mayFail()
			x = strings.ReplaceAll(pick(g.r, moved[key.kind]), "%s", key.name)
		case chance(g.r, 15):
			x = g.literal(c.kind)
		}
		items = append(items, x)
	}
	if chance(g.r, 3) {
		names = names[:max(1, len(names)-1)]
	}
	columns := "(" + strings.Join(names, ", ") + ")"
	if chance(g.r, 5) {
		columns = ""
	}
	query := g.insertedQuery(items, key)
	if chance(g.r, 10) {
		query = "(" + query + ")"
	}
	conflict := g.onConflict()
	g.columns = true
	return g.join("INSERT INTO", "t", columns, query, conflict, g.returning())
}

func (g *generator) insertedQuery(items []string, key tableColumn) string {
	list := strings.Join(items, ","+g.gap())
	switch g.r.IntN(10) {
	case 0:
		g.columns = false
		values := make([]string, len(items))
		for i := range values {
			values[i] = g.leaf(g.t.columns[g.r.IntN(len(g.t.columns))].kind)
		}
		return pick(g.r, []string{g.join("SELECT", strings.Join(values, ", ")), g.join("VALUES", "("+strings.Join(values, ", ")+")", "LIMIT 2")})
	case 1:
		by := pick(g.r, g.t.columns).name
		grouped := slices.Clone(items)
		for i := range grouped {
			grouped[i] = pick(g.r, []string{by, "max(" + items[i] + ")", "count(*)"})
		}
		return g.join("SELECT", strings.Join(grouped, ", "), "FROM t", g.where(), "GROUP BY", by, "ORDER BY", by)
	case 2:
		order := make([]string, len(items))
		for i := range order {
			order[i] = strconv.Itoa(i + 1)
		}
		return g.join("SELECT", "DISTINCT", list, "FROM t", g.where(), "ORDER BY", strings.Join(order, ", "))
	}
	g.s.ordered = true
	query := g.join("SELECT", list, "FROM t", g.where(), "ORDER BY", "t."+key.name+g.direction(), g.limits())
	g.s.windowed, g.s.arbitrary = false, false
	return query
}
