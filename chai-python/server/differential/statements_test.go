package differential

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// table is what a round of statements is about. Its name is t.
type table struct {
	columns []tableColumn
	key     int
	indexes []int
}

type tableColumn struct {
	name         string
	kind         kind
	notNull      bool
	defaultValue string
}

// makeTable makes up a table that this server accepts.
func makeTable(r *rand.Rand) *table {
	t := &table{}
	names := []string{"k", "a", "b", "c", "d", "e", "f", "g"}
	for i := range 2 + r.IntN(6) {
		c := tableColumn{name: names[i], kind: kind(r.IntN(int(kinds)))}
		c.notNull = chance(r, 25)
		if c.kind != bytea && c.kind != timestamp && chance(r, 25) {
			c.defaultValue = pick(r, [][]string{{"1", "-5"}, {"2147483648"}, {"1.5", "-2"}, {"'dflt'", "'é'", "''"}, {}, {}, {"true", "FALSE"}}[c.kind])
		}
		t.columns = append(t.columns, c)
	}
	t.key = r.IntN(len(t.columns))
	if t.columns[t.key].kind == boolean { // two rows are few
		t.columns[t.key].kind, t.columns[t.key].defaultValue = int4, ""
	}
	for i := range t.columns {
		if i != t.key && chance(r, 30) {
			t.indexes = append(t.indexes, i)
		}
	}
	return t
}

// create is the statements that make the table.
func (t *table) create() []string {
	var parts []string
	for i, c := range t.columns {
		part := c.name + " " + kindNames[c.kind]
		if c.notNull {
			part += " NOT NULL"
		}
		if c.defaultValue != "" {
			part += " DEFAULT " + c.defaultValue
		}
		if i == t.key {
			part += " PRIMARY KEY"
		}
		parts = append(parts, part)
	}
	list := []string{"CREATE TABLE t (" + strings.Join(parts, ", ") + ")"}
	for _, i := range t.indexes {
		list = append(list, fmt.Sprintf("CREATE INDEX ON t (%s)", t.columns[i].name))
	}
	return list
}

// fill is an INSERT of ordinary rows.
func (t *table) fill(r *rand.Rand) string {
	var values []string
	for i, c := range t.columns {
		v := "'" + strings.ReplaceAll(pick(r, ordinary[c.kind]), "'", "''") + "'"
		if i != t.key && !c.notNull && chance(r, 20) {
			v = "NULL"
		}
		values = append(values, v)
	}
	return "INSERT INTO t VALUES (" + strings.Join(values, ", ") + ") ON CONFLICT DO NOTHING"
}

// makeStatement makes up one statement on the table.
func makeStatement(r *rand.Rand, t *table) *statement {
	s := &statement{mode: mode(r.IntN(int(modes)))}
	s.binaryOut = s.mode != simple && chance(r, 50)
	g := &generator{r: r, t: t, s: s, prefix: "t"}
	switch n := r.IntN(100); {
	case n < 45:
		s.sql = g.query()
	case n < 57:
		s.sql = g.bareSelect()
	case n < 75:
		s.sql, s.writes = g.insert(), true
	case n < 88:
		s.sql, s.writes = g.update(), true
	case n < 93:
		s.sql, s.writes = g.schema(), true
	default:
		s.sql, s.writes = g.delete(), true
	}
	if chance(r, 4) {
		s.sql, s.mutated = mutate(r, s.sql), true
		s.arbitrary, s.ordered = s.arbitrary || s.windowed, false // a comment may have come before ORDER BY
	}
	if chance(r, 3) {
		s.sql += pick(r, []string{";", " ; ", "-- end", "/* end */", ";;"})
	}
	return s
}

func (g *generator) bareSelect() string {
	if chance(g.r, 15) {
		return g.valuesQuery()
	}
	return g.join("SELECT", g.list(1+g.r.IntN(3), func() string { return g.aliased(g.expression(kind(g.r.IntN(int(kinds))), 3)) }))
}

func (g *generator) aliased(x string) string {
	switch g.r.IntN(12) {
	case 0:
		return x + ` AS "x WHERE 'y' --"`
	case 1:
		return x + " AS " + pick(g.r, []string{"k", "X", `"Ω"`, "select", `"a""b"`})
	case 2:
		return x + " " + pick(g.r, []string{"n", `"Mixed"`, "value"})
	}
	return x
}

func (g *generator) query() string {
	g.columns = true
	from := "t"
	if chance(g.r, 20) {
		g.prefix = pick(g.r, []string{"x", `"X y"`, "T2"})
		from = "t " + pick(g.r, []string{"", "AS "}) + g.prefix
	}
	if chance(g.r, 5) {
		from = pick(g.r, []string{"public.t", "T", `"t"`, "ONLY t", "nosuch", `"T"`})
	}
	switch n := g.r.IntN(100); {
	case n < 12:
		return g.join("SELECT", g.list(1+g.r.IntN(3), g.aggregate), "FROM", from, g.where())
	case n < 30:
		return g.grouped(from)
	case n < 37:
		return g.distinct(from)
	}
	return g.join("SELECT", g.items(), "FROM", from, g.where(), g.window())
}

func (g *generator) items() string {
	switch g.r.IntN(4) {
	case 0:
		return "*"
	case 1:
		return g.prefix + ".*, " + g.aliased(g.expression(kind(g.r.IntN(int(kinds))), 2))
	}
	return g.list(1+g.r.IntN(4), func() string { return g.aliased(g.expression(g.kindOfColumn(), 2)) })
}

// window writes ORDER BY, LIMIT and OFFSET.
func (g *generator) window() string {
	var order string
	key := g.t.columns[g.t.key]
	if chance(g.r, 70) {
		var list []string
		for range g.r.IntN(3) {
			x := pick(g.r, g.t.columns).name
			if chance(g.r, 15) {
				x = pick(g.r, []string{"1", "2", "k", "n", "9", "'x'", "0", g.expression(g.kindOfColumn(), 1)})
			}
			list = append(list, x+g.direction())
		}
		if g.s.ordered = chance(g.r, 80); g.s.ordered {
			list = append(list, g.prefix+"."+key.name+g.direction())
		}
		if list != nil {
			order = g.join("ORDER BY", strings.Join(list, ", "))
		}
	}
	return g.join(order, g.limits())
}

// limits writes LIMIT and OFFSET.
func (g *generator) limits() string {
	var limit, offset string
	if chance(g.r, 35) {
		limit = g.join("LIMIT", g.count())
	}
	if chance(g.r, 15) {
		offset = g.join("OFFSET", g.count())
	}
	if limit == "" && chance(g.r, 3) {
		limit = pick(g.r, []string{"FETCH FIRST 2 ROWS ONLY", "FETCH NEXT ROW ONLY", "LIMIT ALL"})
	}
	g.s.fallible = g.s.fallible || g.s.computes && limit+offset != ""
	g.s.windowed = limit+offset != ""
	g.s.arbitrary = g.s.windowed && !g.s.ordered
	if chance(g.r, 10) {
		limit, offset = offset, limit
	}
	return g.join(limit, offset)
}

func (g *generator) direction() string {
	return pick(g.r, []string{"", "", "", " ASC", " DESC", " DESC"}) + pick(g.r, []string{"", "", "", " NULLS FIRST", " NULLS LAST"})
}

func (g *generator) count() string {
	if g.s.mode != simple && chance(g.r, 40) {
		g.s.params = append(g.s.params, param{value: []byte(pick(g.r, []string{"0", "1", "3", "-1", "x", "9223372036854775807"}))})
		return "$" + strconv.Itoa(len(g.s.params))
	}
	return pick(g.r, []string{"0", "1", "2", "3", "5", "100", "NULL", "-1", "1 + 1", "'2'", "2.5", "k", "'x'", "(2)", "2::bigint", "9223372036854775807", "9223372036854775808", "true"})
}

func (g *generator) returning() string {
	if chance(g.r, 55) {
		return ""
	}
	g.columns = true
	return g.join("RETURNING", g.items())
}

func (g *generator) insert() string {
	if chance(g.r, 20) {
		return g.insertQuery()
	}
	places := g.r.Perm(len(g.t.columns))
	if chance(g.r, 70) {
		places = slices.Sorted(slices.Values(places))
	}
	if chance(g.r, 30) {
		places = places[:1+g.r.IntN(len(places))]
	}
	if chance(g.r, 70) && !slices.Contains(places, g.t.key) {
		places = append(places, g.t.key)
	}
	names := make([]string, len(places))
	for i, p := range places {
		names[i] = g.t.columns[p].name
	}
	if chance(g.r, 2) {
		names = append(names, pick(g.r, []string{"nosuch", names[0], `"K"`}))
	}
	columns := "(" + strings.Join(names, ", ") + ")"
	if chance(g.r, 15) {
		columns, places = "", places[:0]
		for i := range g.t.columns {
			places = append(places, i)
		}
	}
	if chance(g.r, 2) {
		places = places[1:]
	}
	if len(places) == 0 {
		return g.join("INSERT INTO", "t", "DEFAULT VALUES")
	}
	rows := g.list(1+g.r.IntN(3), func() string { return "(" + g.values(places) + ")" })
	return g.join("INSERT INTO", pick(g.r, []string{"t", "t", "t", "public.t", "t AS t"}), columns, "VALUES", rows, g.onConflict(), g.returning())
}

func (g *generator) values(places []int) string {
	i := -1
	return g.list(len(places), func() string {
		i++
		if chance(g.r, 5) {
			return "DEFAULT"
		}
		return g.expression(g.t.columns[places[i]].kind, g.r.IntN(8)/6)
	})
}

func (g *generator) onConflict() string {
	key := g.t.columns[g.t.key].name
	g.columns = true
	switch g.r.IntN(6) {
	case 0:
		return "ON CONFLICT DO NOTHING"
	case 1:
		return "ON CONFLICT (" + key + ") DO NOTHING"
	case 2, 3:
		x := "ON CONFLICT (" + key + ") DO UPDATE SET " + g.assignments(true)
		if chance(g.r, 30) {
			x += " WHERE " + g.qualified(g.condition(2))
		}
		return x
	}
	if chance(g.r, 3) {
		return pick(g.r, []string{"ON CONFLICT (nosuch) DO NOTHING", "ON CONFLICT DO UPDATE SET a = 1", "ON CONFLICT (k, a) DO NOTHING"})
	}
	return ""
}

// qualified leaves it to chance whether a column is ambiguous between the table and EXCLUDED.
func (g *generator) qualified(x string) string {
	if g.prefix == "t" {
		return x
	}
	return strings.ReplaceAll(x, g.prefix+".", "t.")
}

func (g *generator) assignments(conflict bool) string {
	var list []string
	places := g.r.Perm(len(g.t.columns))
	for _, i := range places[:1+g.r.IntN(min(3, len(places)))] {
		c := g.t.columns[i]
		if i == g.t.key {
			if chance(g.r, 70) {
				continue
			}
			g.s.setsKey = true
		}
		x := g.expression(c.kind, g.r.IntN(3))
		switch {
		case conflict && chance(g.r, 60):
			x = pick(g.r, []string{"EXCLUDED.", "excluded."}) + c.name
		case conflict:
			x = "t." + c.name
		case chance(g.r, 5):
			x = "DEFAULT"
		}
		list = append(list, c.name+" = "+x)
	}
	if list == nil || chance(g.r, 1) {
		list = append(list, pick(g.r, []string{"nosuch = 1", g.t.columns[0].name + " = DEFAULT"}))
		g.s.setsKey = true
	}
	return strings.Join(list, ","+g.gap())
}

func (g *generator) update() string {
	g.columns, g.s.anyRow = true, true
	return g.join("UPDATE", "t", "SET", g.assignments(false), g.where(), g.returning())
}

func (g *generator) delete() string {
	g.columns = true
	return g.join("DELETE FROM", "t", g.where(), g.returning())
}
