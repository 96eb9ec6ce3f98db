package differential

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// generator makes up one statement.
type generator struct {
	r       *rand.Rand
	t       *table
	s       *statement
	columns bool   // columns can be named here
	prefix  string // what may qualify them
	inWhere bool
	depth   int // of queries in queries
}

// gap separates tokens.
func (g *generator) gap() string {
	if !chance(g.r, 4) {
		return " "
	}
	return pick(g.r, []string{"  ", "\n", "\t", "\r\n", "\f", "/* */", "/* WHERE k = ' */", "/* /* ' */ -- */", "-- it's\n", " -- \"\n", "/*;*/"})
}

// join puts parts together; empty ones are left out.
func (g *generator) join(parts ...string) string {
	var text strings.Builder
	for _, part := range parts {
		if part == "" {
			continue
		}
		if text.Len() > 0 {
			text.WriteString(g.gap())
		}
		text.WriteString(g.spell(part))
	}
	return text.String()
}

// spell changes the case of a keyword now and then.
func (g *generator) spell(part string) string {
	if strings.Trim(part, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ") == "" && chance(g.r, 10) {
		return strings.ToLower(part)
	}
	return part
}

func (g *generator) list(count int, one func() string) string {
	parts := make([]string, count)
	for i := range parts {
		parts[i] = one()
	}
	return strings.Join(parts, ","+g.gap())
}

// expression writes an expression that is mostly of a kind.
func (g *generator) expression(k kind, depth int) string {
	if chance(g.r, 2) {
		k = kind(g.r.IntN(int(kinds)))
	}
	if depth <= 0 || chance(g.r, 35) {
		return g.leaf(k)
	}
	switch {
	case chance(g.r, 3):
		return g.subquery(k)
	case chance(g.r, 8):
		return g.choice(k, depth-1)
	case k == boolean:
		return g.condition(depth)
	case chance(g.r, 20):
		return g.castTo(k, depth-1)
	case k == text && chance(g.r, 30), k == bytea && chance(g.r, 30):
		return g.concatenation(k, depth-1)
	case k == timestamp && chance(g.r, 3): // not what was asked for
		return pick(g.r, []func(int) string{g.interval, g.date})(depth - 1)
	case k <= float8 && chance(g.r, 70):
		return g.arithmetic(k, depth-1)
	}
	if chance(g.r, 30) {
		return "(" + g.expression(k, depth-1) + ")"
	}
	return g.call(k, depth-1)
}

func (g *generator) leaf(k kind) string {
	g.s.floats = g.s.floats || k == float8
	if g.columns && chance(g.r, 55) {
		if name := g.columnOf(k); name != "" {
			return name
		}
	}
	if g.s.mode != simple && chance(g.r, 40) {
		return g.parameter(k)
	}
	return g.literal(k)
}

func (g *generator) columnOf(k kind) string {
	g.s.floats = g.s.floats || k == float8
	var fitting []string
	for _, c := range g.t.columns {
		if c.kind == k {
			fitting = append(fitting, c.name)
		}
	}
	switch {
	case chance(g.r, 1):
		return pick(g.r, []string{"nosuch", `"Where 1=1 --"`, "other.k", `"K"`, "K"})
	case fitting == nil:
		return ""
	}
	name := pick(g.r, fitting)
	switch g.r.IntN(12) {
	case 0:
		return g.prefix + "." + name
	case 1:
		return strings.ToUpper(name)
	case 2:
		return `"` + name + `"`
	}
	return name
}

// castable are the kinds that casts to one without columns of text succeed from; to text all do.
var castable = [kinds][]kind{int4: {int4, int8, float8, boolean}, int8: {int4, int8, float8}, float8: {int4, int8, float8}, bytea: {bytea}, timestamp: {timestamp}, boolean: {boolean, int4}}

func (g *generator) castTo(k kind, depth int) string {
	g.mayFail()
	g.s.floats = g.s.floats || k == float8
	from := kind(g.r.IntN(int(kinds)))
	if k != text && chance(g.r, 85) {
		from = pick(g.r, castable[k])
	}
	inner := g.expression(from, depth)
	if chance(g.r, 40) {
		return "CAST(" + inner + " AS " + pick(g.r, castNames[k]) + ")"
	}
	return "(" + inner + ")::" + pick(g.r, castNames[k])
}

// mayFail notes that a computation is in the statement.
func (g *generator) mayFail() {
	g.s.computes = true
	g.s.fallible = g.s.fallible || g.inWhere
}

func (g *generator) arithmetic(k kind, depth int) string {
	g.mayFail()
	other := k
	if chance(g.r, 25) {
		other = kind(g.r.IntN(3))
	}
	if chance(g.r, 12) {
		return pick(g.r, []string{"-", "- ", "+", "-(", "- - "}) + g.expression(k, depth)
	}
	x := g.expression(k, depth) + g.gap() + pick(g.r, []string{"+", "-", "*", "/", "%"}) + " " + g.expression(other, depth)
	if chance(g.r, 60) {
		return "(" + x + ")"
	}
	return x
}

// choice takes one of several values, and computes the others or not.
func (g *generator) choice(k kind, depth int) string {
	g.mayFail()
	one := func() string { return g.expression(k, depth) }
	switch g.r.IntN(6) {
	case 0:
		return "COALESCE(" + g.list(1+g.r.IntN(3), one) + ")"
	case 1:
		return "nullif(" + one() + ", " + one() + ")"
	case 2:
		return pick(g.r, []string{"GREATEST", "least"}) + "(" + g.list(1+g.r.IntN(3), one) + ")"
	case 3:
		of := g.kindOfColumn()
		x := "CASE " + g.expression(of, depth) + " WHEN " + g.operand(of, depth) + " THEN " + one()
		return g.join(x, g.rarely("WHEN "+g.operand(of, depth)+" THEN "+one()), g.rarely("ELSE "+one()), "END")
	}
	x := "CASE WHEN " + g.condition(max(depth, 1)) + " THEN " + one()
	return g.join(x, g.rarely("WHEN "+g.condition(1)+" THEN "+one()), pick(g.r, []string{"", "ELSE " + one()}), "END")
}

func (g *generator) concatenation(k kind, depth int) string {
	other := k
	if chance(g.r, 25) {
		other = kind(g.r.IntN(int(kinds)))
	}
	x, y := g.operand(k, depth), g.operand(other, depth)
	if chance(g.r, 50) {
		x, y = y, x
	}
	return "(" + x + " || " + y + ")"
}

// kindOfColumn is that of one of the columns, so that conditions are about them.
func (g *generator) kindOfColumn() kind {
	if g.columns && chance(g.r, 80) {
		return pick(g.r, g.t.columns).kind
	}
	return kind(g.r.IntN(int(kinds)))
}

func (g *generator) condition(depth int) string {
	switch g.r.IntN(21) {
	case 0, 1, 2:
		word := pick(g.r, []string{" AND ", " OR ", " AND "})
		return "(" + g.expression(boolean, depth-1) + word + g.expression(boolean, depth-1) + ")"
	case 3:
		return g.expression(boolean, depth-1) + pick(g.r, []string{" AND ", " OR "}) + g.expression(boolean, depth-1)
	case 4:
		return "NOT " + g.expression(boolean, depth-1)
	case 5, 6:
		return g.expression(g.kindOfColumn(), depth-1) + pick(g.r, []string{" IS NULL", " IS NOT NULL", " ISNULL", " NOTNULL"})
	case 7:
		return "(" + g.expression(boolean, depth-1) + ") IS " + pick(g.r, []string{"", "NOT "}) + pick(g.r, []string{"TRUE", "FALSE", "UNKNOWN"})
	case 8, 9:
		k := g.kindOfColumn()
		return g.expression(k, depth-1) + g.not() + " BETWEEN " + g.operand(k, depth-1) + " AND " + g.operand(k, depth-1)
	case 10, 11:
		k := g.kindOfColumn()
		return g.expression(k, depth-1) + g.not() + " IN (" + g.list(1+g.r.IntN(4), func() string { return g.operand(k, depth-1) }) + ")"
	case 12:
		return g.operand(text, depth-1) + g.not() + pick(g.r, []string{" LIKE ", " LIKE ", " LIKE ", " ILIKE "}) + g.pattern()
	case 20:
		return g.quantified(depth - 1)
	case 14, 15:
		return g.call(boolean, depth-1)
	case 13:
		if chance(g.r, 60) {
			return g.subcondition(depth - 1)
		}
		k := g.kindOfColumn()
		return g.expression(k, depth-1) + " IS " + pick(g.r, []string{"", "NOT "}) + "DISTINCT FROM " + g.operand(k, depth-1)
	}
	k := g.kindOfColumn()
	op := pick(g.r, []string{"=", "=", "=", "<", "<=", ">", ">=", "<>", "!="})
	x, y := g.operand(k, depth-1), g.operand(k, depth-1)
	if chance(g.r, 50) && g.columns {
		if name := g.columnOf(k); name != "" {
			x = name
		}
	}
	if chance(g.r, 25) {
		x, y = y, x
	}
	return x + " " + op + " " + y
}

func (g *generator) not() string {
	if chance(g.r, 20) {
		return " NOT"
	}
	return ""
}

// operand is an expression that needs no parentheses; a number of another width or family now and then.
func (g *generator) operand(k kind, depth int) string {
	if k <= float8 && chance(g.r, 15) {
		k = kind(g.r.IntN(3))
	}
	if chance(g.r, 75) {
		return g.leaf(k)
	}
	return "(" + g.expression(k, depth) + ")"
}

func (g *generator) pattern() string {
	g.mayFail() // a pattern that ends with an escape does, where it is reached
	p := pick(g.r, []string{"%", "_", "a%", "%a", "%b%", "_b", "", "a", `\%`, `\\`, `back\\%`, `\`, "%\\", "é", "_🜁", "it's", "A%", "%%", "_%_", "a_%", "% %", `\a`})
	if g.s.mode != simple && chance(g.r, 30) {
		g.s.params = append(g.s.params, param{value: []byte(p)})
		return "$" + strconv.Itoa(len(g.s.params))
	}
	text := quoteText(g.r, p)
	if chance(g.r, 20) {
		text += " ESCAPE " + quoteText(g.r, pick(g.r, []string{"", "!", `\`, "a", "%", "xy", "é"}))
	}
	return text
}

// where writes a WHERE clause, or none.
func (g *generator) where() string {
	if chance(g.r, 15) {
		return ""
	}
	g.inWhere = true
	defer func() { g.inWhere = false }()
	var x string
	switch g.r.IntN(10) {
	case 0, 1, 2:
		key := g.t.columns[g.t.key]
		x = fmt.Sprintf("%s %s %s", key.name, pick(g.r, []string{"=", "=", "=", ">", "<="}), g.leaf(key.kind))
		if chance(g.r, 40) {
			x += " AND " + g.condition(2)
		}
	case 3, 4:
		c := pick(g.r, g.t.columns)
		x = c.name + " >= " + g.leaf(c.kind) + " AND " + c.name + " < " + g.leaf(c.kind)
	case 5:
		x = g.inSelect()
	default:
		x = g.expression(boolean, 3)
	}
	return g.join("WHERE", x)
}

// inSelect makes up a condition that finds rows by what an inner SELECT gives.
func (g *generator) inSelect() string {
	key := g.t.columns[g.t.key]
	c := key
	if chance(g.r, 25) {
		c = pick(g.r, g.t.columns)
	}
	inner := *g
	inner.prefix = "t"
	x := "SELECT " + c.name + " FROM t"
	if chance(g.r, 70) {
		x += " WHERE " + inner.condition(2)
	}
	if chance(g.r, 60) {
		x += " ORDER BY " + pick(g.r, []string{key.name, c.name + ", " + key.name, c.name + " DESC, " + key.name})
		x += " LIMIT " + strconv.Itoa(g.r.IntN(4))
	}
	x = pick(g.r, []string{key.name, c.name}) + g.not() + " IN (" + x + ")"
	if chance(g.r, 30) {
		x += " AND " + g.condition(1)
	}
	return x
}
