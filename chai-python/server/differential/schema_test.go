package differential

import (
	"strings"
)

// schema makes up a statement on the schema. Tables are p and q; t is left alone but for its indexes.
func (g *generator) schema() string {
	if chance(g.r, 4) {
		return g.join("TRUNCATE", g.rarely("TABLE"), pick(g.r, []string{"t", "p", "t, t", "ONLY t", "p, q", "nosuch", "i1", "public.t"}), g.rarely("RESTART IDENTITY"), g.rarely("CASCADE"))
	}
	switch g.r.IntN(10) {
	case 0, 1, 2, 3:
		return g.createTable()
	case 4, 5, 6:
		return g.createIndex()
	case 7:
		return g.join("DROP INDEX", g.rarely("IF EXISTS"), pick(g.r, []string{"i1", "i1", "p_a_idx", "t_a_idx", "nosuch", "i1, i2", `"I1"`}), g.rarely("CASCADE"))
	}
	return g.join("DROP TABLE", g.rarely("IF EXISTS"), pick(g.r, []string{"p", "p", "q", "p, q", "nosuch", "public.p", `"P"`, `"order"`, "index", `"p q"`, "i1"}), g.rarely("RESTRICT"))
}

func (g *generator) rarely(word string) string {
	if chance(g.r, 25) {
		return word
	}
	return ""
}

func (g *generator) createTable() string {
	count, key := 1+g.r.IntN(4), g.r.IntN(3)
	names := []string{"a", "b", "c", "d"}
	var parts []string
	for i := range count {
		name := names[i]
		if chance(g.r, 4) {
			name = pick(g.r, []string{`"Mixed"`, "A", `"where 1=1"`, `"a""b"`, "b", "é", "select", "value", "key", "text", "timestamp", "index", `"order"`, `"Key"`, "__chai_x", `"__q_key"`})
		}
		part := name + " " + g.columnType()
		for range g.r.IntN(3) {
			part += " " + g.columnConstraint()
		}
		if key == 0 && i == 0 {
			part += " PRIMARY KEY"
		}
		parts = append(parts, part)
	}
	switch {
	case key == 1 || chance(g.r, 5):
		parts = append(parts, pick(g.r, []string{"PRIMARY KEY (a)", "PRIMARY KEY (a)", "PRIMARY KEY (b)", "PRIMARY KEY (a, b)", "PRIMARY KEY (nosuch)", "PRIMARY KEY (a, a)"}))
	case chance(g.r, 5):
		parts = append(parts, pick(g.r, []string{"UNIQUE (a)", "CHECK (a IS NOT NULL)", "FOREIGN KEY (a) REFERENCES t"}))
	}
	return g.join("CREATE TABLE", g.rarely("IF NOT EXISTS"), pick(g.r, []string{"p", "p", "p", "q", "public.p", "t", `"P"`, `"order"`, "index", `"p q"`, "i1"}), "("+strings.Join(parts, ", ")+")")
}

func (g *generator) columnType() string {
	if chance(g.r, 8) {
		return pick(g.r, []string{"numeric", "varchar(10)", "serial", "timestamptz", "smallint", "real", "nosuch", "text[]", "char", "json", "date", "timestamp(3)", "float(53)", "timestamp(6)"})
	}
	return pick(g.r, []string{"INTEGER", "int", "int4", "BIGINT", "int8", "DOUBLE PRECISION", "float8", "float", "TEXT", "varchar", "character varying", "BYTEA", "TIMESTAMP",
		"timestamp without time zone", "BOOLEAN", "bool"})
}

func (g *generator) columnConstraint() string {
	switch g.r.IntN(6) {
	case 0, 1:
		return "NOT NULL"
	case 2:
		return "NULL"
	case 3, 4:
		return "DEFAULT " + pick(g.r, []string{"1", "-2", "'x'", "1.5", "true", "NULL", "''", "1 + 1", "(2)", "now()", "'2025-01-01'", "'12'::int", "a", "$1", "'it''s'", "1e20", "3000000000"})
	}
	return pick(g.r, []string{"UNIQUE", "CHECK (a > 0)", "REFERENCES t", "PRIMARY KEY", "NOT NULL"})
}

func (g *generator) createIndex() string {
	unique := ""
	if chance(g.r, 5) {
		unique = "UNIQUE "
	}
	name := pick(g.r, []string{"", "", "i1", "i1", "i2", "t", `"I1"`, "key", `"é i"`, "IF NOT EXISTS i1"})
	columns := pick(g.r, []string{"(a)", "(a)", "(b)", "(a DESC)", "(a ASC)", "(nosuch)", "(a, b)", "(lower(a))", "(a NULLS FIRST)", `("A")`, "(key)", `("order")`})
	return g.join("CREATE "+unique+"INDEX", name, "ON", pick(g.r, []string{"p", "p", "p", "q", "t", "nosuch", "public.p", `"P"`, `"order"`, "index"}), columns)
}
