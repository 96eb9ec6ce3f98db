package wire

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Random predicates, about which some things are true whatever they say. Two tables hold the same rows; p has indexes
// and q has none.

var predicateColumns = []struct {
	name, ddl string
	literals  []string
}{
	{"k", "TEXT PRIMARY KEY", []string{"''", "'a'", "'A'", "'row 7'", "'ä'", "'it''s'", "E'\\n'", "'k10'", "'k2'"}},
	{"i", "INTEGER", []string{"0", "1", "-1", "7", "255", "65536", "-2147483648", "2147483647", "0.5", "3000000000", "abs(i)"}},
	{"b", "BIGINT", []string{"0", "1", "-1", "65536", "4294967296", "-9223372036854775808", "9223372036854775807", "2.5"}},
	{"d", "DOUBLE PRECISION", []string{"0", "-0.0", "1", "0.1", "-2.25", "1e300", "1e-300", "'NaN'", "'Infinity'", "'-Infinity'", "round(d)"}},
	{"y", "BYTEA", []string{`''`, `'\x00'`, `'\xff'`, `'\xff00'`, `'\x61'`, `'a'`}},
	{"ts", "TIMESTAMP", []string{"'2001-01-01'", "'2025-01-01 00:00:00.000001'", "'2025-06-01 12:00:00'", "'9999-12-31 23:59:59.999999'", "now()", "'1999-12-31'", "date '2025-06-01'", "(now() - interval '1 day')", "date_trunc('month', ts)", "(ts + interval '1 mon')"}},
	{"o", "BOOLEAN", []string{"true", "false"}},
	{"s", "TEXT", []string{"''", "'a'", "'b'", "'x'", "'%'", "'WHERE'", "'; --'", "'日本'", "lower(s)", "left(k, 1)", "concat(s, i)", "substr(s, 1, 1)"}},
}

// storable tells which of the literals a column can hold here.
var storable = map[string]bool{"0.5": false, "3000000000": false, "2.5": false, "'1999-12-31'": false, "now()": false, "'NaN'": false, "'Infinity'": false, "date '2025-06-01'": false, "(now() - interval '1 day')": false, "date_trunc('month', ts)": false, "(ts + interval '1 mon')": false, "lower(s)": false, "left(k, 1)": false, "concat(s, i)": false, "substr(s, 1, 1)": false, "round(d)": false, "abs(i)": false, "'-Infinity'": false, "-0.0": false}

func createPredicateTables(c *client) {
	var columns, values []string
	for _, column := range predicateColumns {
		columns = append(columns, column.name+" "+column.ddl)
	}
	random := rand.New(rand.NewPCG(5, 6))
	for n := range 40 {
		row := []string{fmt.Sprintf("'k%d'", n)}
		for _, column := range predicateColumns[1:] {
			v := column.literals[random.IntN(len(column.literals))]
			if _, known := storable[v]; known || random.IntN(5) == 0 {
				v = "NULL"
			}
			row = append(row, v)
		}
		values = append(values, "("+strings.Join(row, ", ")+")")
	}
	for _, table := range []string{"p", "q"} {
		c.run("CREATE TABLE " + table + " (" + strings.Join(columns, ", ") + ")")
		c.run("INSERT INTO " + table + " VALUES " + strings.Join(values, ", "))
	}
	for _, column := range predicateColumns[1:7] {
		c.run("CREATE INDEX ON p (" + column.name + ")")
	}
}

// FuzzPredicates: rows are where a predicate is true, where it is false and where it is neither, and nowhere else; with
// and without indexes, sorted and cut, and as many as a change of them says.
func FuzzPredicates(f *testing.F) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 7))
		choices := make([]byte, 60)
		for i := range choices {
			choices[i] = byte(random.Uint32())
		}
		f.Add(choices)
	}
	s := startFuzzServer(f)
	c := s.connect(f)
	createPredicateTables(c)
	c.send(&pgproto3.Terminate{})
	f.Fuzz(func(t *testing.T, choices []byte) {
		x := &predicateTest{T: t, client: s.connect(t), choices: choices}
		x.all = x.keys("SELECT k FROM q ORDER BY k")
		x.check(x.predicate(3))
		x.send(&pgproto3.Terminate{})
		x.expect("EOF")
		if s.inputs++; s.inputs%500 == 0 {
			s.audit(t)
		}
		if defect := s.defects.take(); defect != "" {
			t.Errorf("the server logged: %s", defect)
		}
	})
}

// predicateTest asks about one predicate.
type predicateTest struct {
	*testing.T
	*client
	choices []byte
	all     []string // keys of all rows
	refused bool     // the last statement was: the predicate has no value for some row, or is not supported
	fickle  bool     // whether it has a value depends on what is computed first: one refusal ends the comparing
}

// choose gives a number below n. Choices that have run out are 0, so depth ends.
func (x *predicateTest) choose(n int) int {
	if len(x.choices) == 0 {
		return 0
	}
	c := x.choices[0]
	x.choices = x.choices[1:]
	return int(c) % n
}

func (x *predicateTest) check(p string) {
	whole := x.keys("SELECT k FROM q WHERE " + p + " ORDER BY k")
	if x.refused {
		return
	}
	x.fickle = strings.ContainsAny(p, "+*%/") || strings.Contains(p, " - ") || strings.Contains(p, "abs(")
	x.same(p+" with indexes", x.keys("SELECT k FROM p WHERE "+p+" ORDER BY k"), whole)
	not := x.keys("SELECT k FROM p WHERE NOT (" + p + ")")
	neither := x.keys("SELECT k FROM p WHERE (" + p + ") IS NULL")
	x.same(p+" true, false or null", sorted(whole, not, neither), x.all)
	x.same(p+" as a column", x.keys("SELECT k FROM q WHERE ("+p+") = true ORDER BY k"), whole)
	x.same(p+" counted", x.keys("SELECT count(*) FROM p WHERE "+p), []string{strconv.Itoa(len(whole))})
	x.checkWindow(p)
	x.checkGroups(p, whole)
	x.checkChanges(p, whole)
}

// checkWindow compares a part of the sorted rows with all of them.
func (x *predicateTest) checkWindow(p string) {
	column := predicateColumns[x.choose(len(predicateColumns))].name
	order := " ORDER BY " + column + []string{"", " DESC", " NULLS FIRST", " DESC NULLS LAST"}[x.choose(4)] + ", k"
	all := x.keys("SELECT k FROM q WHERE " + p + order)
	limit, offset := x.choose(12), x.choose(4)
	first := min(offset, len(all))
	x.same(p+order+" cut", x.keys(fmt.Sprintf("SELECT k FROM p WHERE %s%s LIMIT %d OFFSET %d", p, order, limit, offset)), all[first:min(len(all), first+limit)])
	plain := x.keys(fmt.Sprintf("SELECT %s FROM p WHERE %s ORDER BY %s", column, p, column))
	x.same(p+" in order of "+column, plain, x.keys(fmt.Sprintf("SELECT %s FROM q WHERE %s ORDER BY %s", column, p, column)))
}

// checkGroups compares what is said of rows together with the rows.
func (x *predicateTest) checkGroups(p string, whole []string) {
	x.same(p+" as a filter", x.keys("SELECT count(*) FILTER (WHERE "+p+") FROM q"), []string{strconv.Itoa(len(whole))})
	if len(whole) > 0 {
		x.same(p+" joined", x.keys("SELECT string_agg(k, ' ' ORDER BY k) FROM p WHERE "+p), []string{strings.Join(whole, " ")})
	}
	column := predicateColumns[x.choose(len(predicateColumns))].name
	distinct := x.keys(fmt.Sprintf("SELECT DISTINCT %s FROM p WHERE %s ORDER BY %[1]s", column, p))
	x.same(p+" grouped by "+column, x.keys(fmt.Sprintf("SELECT %s FROM q WHERE %s GROUP BY %[1]s ORDER BY %[1]s", column, p)), distinct)
	known := x.keys(fmt.Sprintf("SELECT DISTINCT %s FROM p WHERE (%s) AND %[1]s IS NOT NULL", column, p))
	x.same(p+" counted once by "+column, x.keys(fmt.Sprintf("SELECT count(DISTINCT %s) FROM q WHERE %s", column, p)), []string{strconv.Itoa(len(known))})
}

// checkChanges changes rows, looks, and takes it back.
func (x *predicateTest) checkChanges(p string, whole []string) {
	x.replies("BEGIN")
	x.same(p+" updated", x.replies("UPDATE p SET s = s WHERE " + p)[:1], []string{fmt.Sprint("UPDATE ", len(whole))})
	x.same(p+" deleted", x.replies("DELETE FROM p WHERE " + p)[:1], []string{fmt.Sprint("DELETE ", len(whole))})
	x.same(p+" left", sorted(x.keys("SELECT k FROM p"), whole), x.all)
	x.replies("ROLLBACK")
	x.fickle = false // what follows must hold in any case
	x.same(p+" rolled back", x.keys("SELECT k FROM p ORDER BY k"), x.all)
}

// replies gives what a statement is answered, and notes whether it was refused.
func (x *predicateTest) replies(sql string) []string {
	x.T.Helper()
	got := x.ask(x.T, query(sql))
	x.refused = x.fickle && x.refused || slices.ContainsFunc(got, func(m string) bool { return strings.HasPrefix(m, "ERROR") })
	return got
}

// keys gives the rows of a query.
func (x *predicateTest) keys(sql string) []string {
	x.T.Helper()
	var keys []string
	for _, m := range x.replies(sql) {
		if row, isRow := strings.CutPrefix(m, "Row "); isRow {
			keys = append(keys, row)
		}
	}
	return keys
}

// same compares what the last statement gave.
func (x *predicateTest) same(what string, got, want []string) {
	x.T.Helper()
	if x.fickle && x.refused {
		return
	}
	if x.refused || !slices.Equal(got, want) {
		x.Errorf("%s: got %q (refused: %t), want %q", what, got, x.refused, want)
	}
}

func sorted(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return all
}

// predicate writes one.
func (x *predicateTest) predicate(depth int) string {
	n := x.choose(12)
	if depth == 0 {
		n %= 7
	}
	column := predicateColumns[x.choose(len(predicateColumns))]
	value := func() string { return x.value(column.name, column.literals) }
	switch n {
	case 1:
		return column.name + []string{" IS NULL", " IS NOT NULL"}[x.choose(2)]
	case 2:
		values := []string{value()}
		for range x.choose(4) {
			values = append(values, value())
		}
		return fmt.Sprintf("%s %s (%s)", value(), []string{"IN", "NOT IN"}[x.choose(2)], strings.Join(values, ", "))
	case 3:
		return fmt.Sprintf("%s %s %s AND %s", column.name, []string{"BETWEEN", "NOT BETWEEN"}[x.choose(2)], value(), value())
	case 4:
		return "o IS " + []string{"TRUE", "NOT TRUE", "FALSE", "NOT FALSE", "NULL"}[x.choose(5)]
	case 5:
		return []string{"o", "true", "false", "NULL", "1 = 1", "o = NULL"}[x.choose(6)]
	case 7, 8:
		return fmt.Sprintf("(%s) AND (%s)", x.predicate(depth-1), x.predicate(depth-1))
	case 9, 10:
		return fmt.Sprintf("(%s) OR (%s)", x.predicate(depth-1), x.predicate(depth-1))
	case 11:
		return fmt.Sprintf("NOT (%s)", x.predicate(depth-1))
	}
	return fmt.Sprintf("%s %s %s", value(), []string{"=", "<>", "<", "<=", ">", ">="}[x.choose(6)], value())
}

// value is mostly the column, or a literal that can be compared with it.
func (x *predicateTest) value(name string, literals []string) string {
	switch n := x.choose(8); {
	case n < 3:
		return name
	case n == 3:
		return "NULL"
	case n == 4 && (name == "i" || name == "b" || name == "d"):
		return fmt.Sprintf("(%s %s %d)", name, []string{"+", "-", "*", "%", "/"}[x.choose(5)], x.choose(4))
	}
	return literals[x.choose(len(literals))]
}
