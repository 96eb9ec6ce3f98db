package gate_test

import (
	"fmt"
	"strings"
	"testing"

	"chaisqld/pgerr"
)

func TestViewsDescribeTables(t *testing.T) {
	d := openMemory(t)
	d.exec("CREATE TABLE", `CREATE TABLE notes (id BIGINT PRIMARY KEY, body TEXT NOT NULL DEFAULT 'x', "At" TIMESTAMP)`)
	d.exec("CREATE INDEX", `CREATE INDEX ON notes ("At")`)
	d.exec("CREATE TABLE", `CREATE TABLE other (k TEXT PRIMARY KEY)`)
	for _, test := range []struct{ sql, want string }{
		{`SELECT * FROM information_schema.tables ORDER BY table_name`,
			"[chai public notes BASE TABLE] [chai public other BASE TABLE]"},
		{`SELECT count(*) FROM information_schema.tables`, "[2]"},
		{`SELECT count(*), max(ordinal_position) FROM information_schema.columns AS c WHERE c.table_name = 'notes'`, "[3 3]"},
		{`SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = $1`, "[notes]"},
		{`SELECT column_name, column_default, is_nullable, data_type FROM information_schema.columns
			WHERE table_schema = 'public' AND table_name IN ('notes', 'nosuch') ORDER BY ordinal_position`,
			"[id <nil> NO bigint] [body 'x' NO text] [At <nil> YES timestamp without time zone]"},
		{`SELECT column_name FROM information_schema.columns ORDER BY table_name DESC, ordinal_position DESC LIMIT 2 OFFSET 1`, "[At] [body]"},
		{`SELECT table_name, constraint_name, column_name, ordinal_position FROM information_schema.key_column_usage ORDER BY 1`,
			"[notes notes_pkey id 1] [other other_pkey k 1]"},
		{`SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'notes' ORDER BY 1 DESC`,
			`[notes_pkey CREATE UNIQUE INDEX notes_pkey ON public.notes USING btree (id)] [notes_At_idx CREATE INDEX "notes_At_idx" ON public.notes USING btree ("At")]`},
		{`SELECT count(*) FROM pg_catalog.pg_indexes WHERE tablespace IS NULL`, "[3]"},
	} {
		var args []any
		if strings.Contains(test.sql, "$1") {
			args = []any{"notes"}
		}
		r, err := d.run(test.sql, args...)
		if err != nil {
			t.Errorf("%s: %s", test.sql, describe(err))
			continue
		}
		if got := strings.Trim(fmt.Sprint(r.Rows), "[]"); got != strings.Trim(test.want, "[]") {
			t.Errorf("%s:\n got %s\nwant %s", test.sql, got, test.want)
		}
	}
}

func TestViewsFollowTheSchema(t *testing.T) {
	d := openMemory(t)
	p, err := d.gate.Prepare(`SELECT table_name FROM information_schema.tables`, nil, d.engine.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	d.exec("CREATE TABLE", `CREATE TABLE later (k TEXT PRIMARY KEY)`)
	if r, err := d.runPlan(p); err != nil || fmt.Sprint(r.Rows) != "[[later]]" {
		t.Errorf("%v, %v", r, err)
	}
}

func TestViewsAreReadAlone(t *testing.T) {
	d := openMemory(t)
	d.exec("CREATE TABLE", `CREATE TABLE tables (k TEXT PRIMARY KEY)`)
	for _, sql := range []string{
		`DROP TABLE information_schema.tables`, `DELETE FROM information_schema.tables`, `UPDATE information_schema.tables SET k = 'x'`,
		`INSERT INTO information_schema.tables VALUES ('x')`, `CREATE INDEX ON information_schema.tables (k)`,
		`CREATE TABLE pg_catalog.x (k TEXT PRIMARY KEY)`, `SELECT k FROM nosuch.tables`,
	} {
		d.fails("3F000", sql)
	}
	d.fails(pgerr.UndefinedTable, `DELETE FROM pg_indexes`)
	d.exec("SELECT 0", `SELECT k FROM tables`)
}

// What psql's \d and its like, drivers and object mappers ask.
func TestCatalogueQueriesAreRefusedWithTheReason(t *testing.T) {
	d := openMemory(t)
	for _, test := range []struct{ sql, table string }{
		{`SELECT * FROM pg_class`, "pg_catalog.pg_class"},
		{`SELECT oid FROM "pg_catalog"."pg_class" c WHERE c.relname OPERATOR(pg_catalog.~) '^(t)$' COLLATE pg_catalog.default`, "pg_catalog.pg_class"},
		{`SELECT CASE relkind WHEN 'r' THEN 1 END FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`, "pg_catalog.pg_class"},
		{`SELECT 'FROM pg_catalog.x', pg_catalog.format_type(1, 2) FROM (VALUES (1)) v JOIN pg_catalog.pg_type ON true`, "pg_catalog.pg_type"},
		{`WITH RECURSIVE t AS (SELECT * FROM pg_catalog.pg_range) SELECT 1`, "pg_catalog.pg_range"},
		{`SELECT 1 FROM information_schema.routines`, "information_schema.routines"},
		{`SELECT $1 FROM a, information_schema.routines`, "information_schema.routines"},
	} {
		e := d.fails(pgerr.FeatureNotSupported, test.sql)
		if e.Message != "catalogue queries are not supported: there is no "+test.table || !strings.Contains(e.Hint, "information_schema.tables") || e.Position == 0 {
			t.Errorf("%s: %q at %d, hint %q", test.sql, e.Message, e.Position, e.Hint)
		}
	}
	for sql, code := range map[string]string{
		`SELECT 1 FROM`:                       pgerr.SyntaxError,
		`SELECT 1 FROM pg_catalog.`:           pgerr.SyntaxError,
		`SELECT pg_catalog.nosuch()`:          pgerr.UndefinedFunction,
		`SELECT 1 FROM nosuch`:                pgerr.UndefinedTable,
		`SELECT 'from pg_class' FROM nosuch`:  pgerr.UndefinedTable,
		`SELECT nosuch FROM pg_indexes`:       pgerr.UndefinedColumn,
		`SELECT 1 /* FROM pg_class */ FROM x`: pgerr.UndefinedTable,
	} {
		d.fails(code, sql)
	}
}
