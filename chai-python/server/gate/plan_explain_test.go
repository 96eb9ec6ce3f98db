package gate_test

import (
	"strings"
	"testing"

	"chaisqld/gate"
	"chaisqld/pgerr"
)

// TestExplain: what is told is what the plan does.
func TestExplain(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	d.exec("CREATE TABLE", `CREATE TABLE "T t" (id INT PRIMARY KEY, n INT, s TEXT)`)
	for sql, want := range map[string]string{
		`SELECT data FROM sessions WHERE token = $1`: `
Look-up in sessions: token by 1 value`,
		`SELECT data FROM sessions WHERE token IN ('a', 'b') AND expiry > now() AND $1::bool ORDER BY expiry DESC`: `
Sort in memory by expiry
  ->  Look-up in sessions: token by 2 values
        Filter: 1 condition asked once, before reading
        Filter: 1 condition asked for each row that is read`,
		`SELECT token FROM sessions WHERE expiry >= $1 AND expiry < now() ORDER BY expiry DESC LIMIT 5`: `
Limit: ends reading when there are enough rows
  ->  Range of sessions by index idx_sessions_expiry: expiry >= … and expiry < …, backwards`,
		`SELECT token FROM sessions ORDER BY data, 1 || '' LIMIT 5 OFFSET 1`: `
Limit and Offset: of rows that were all read
  ->  Sort in memory by data, an expression
        ->  Whole table sessions`,
		`SELECT token FROM sessions WHERE token > 'a' ORDER BY token`: `
Range of sessions: token > …`,
		`SELECT DISTINCT data FROM sessions`: `
Distinct, with all rows in memory
  ->  Whole table sessions`,
		`SELECT s, count(*) FROM "T t" WHERE n = 1 GROUP BY s HAVING count(*) > 1 ORDER BY 2`: `
Sort in memory by an expression
  ->  Groups in memory by s
        Filter: HAVING is asked for each group
        ->  Whole table T t
              Filter: 1 condition asked for each row that is read`,
		`SELECT max(expiry) FROM sessions`: `
Aggregate of all rows
  The first row settles it
  ->  Whole table sessions by index idx_sessions_expiry, in the order of expiry, backwards
        Filter: 1 condition asked for each row that is read`,
		`SELECT 1 WHERE EXISTS (SELECT FROM "T t" WHERE id = (VALUES (1), (2)))`: `
One row, from no table
  Filter: asked once
  ->  Inner SELECT 1, run once before, for EXISTS
        ->  Look-up in T t: id by 1 value
              ->  Inner SELECT 2, run once before, as a value
                    ->  Values: 2 rows`,
		`SELECT count(*) FROM information_schema.tables WHERE table_name = 'x'`: `
Aggregate of all rows
  ->  View tables, made from the catalogue
        Filter: 1 condition asked for each row that is read`,
		`UPDATE "T t" SET n = 1 WHERE n NOT IN (SELECT 1)`: `
Update of T t
  ->  Whole table T t
        Filter: 1 condition asked for each row that is read
  ->  Inner SELECT 1, run once before, for IN
        ->  One row, from no table`,
		`DELETE FROM sessions WHERE token IN (SELECT token FROM sessions WHERE expiry < now() ORDER BY expiry LIMIT 9)`: `
Delete from sessions
  Rows are deleted as the inner SELECT finds them
  ->  Limit: ends reading when there are enough rows
        ->  Range of sessions by index idx_sessions_expiry: expiry < …`,
		`DELETE FROM "T t" WHERE id IN (SELECT n FROM "T t")`: `
Delete from T t
  ->  Look-ups in T t: id by each value of an inner SELECT
  ->  Inner SELECT 1, run once before, for IN
        ->  Whole table T t`,
		`INSERT INTO "T t" VALUES (1, 2, 'x'), (2, 3, 'y') ON CONFLICT (id) DO UPDATE SET n = 1`: `
Insert into T t
  On conflict: DO UPDATE, found by key id
  ->  Values: 2 rows`,
		`INSERT INTO "T t" TABLE "T t"`: `
Insert into T t
  ->  Whole table T t`,
	} {
		var args []any
		switch {
		case strings.Contains(sql, "$1::bool"):
			args = []any{true}
		case strings.Contains(sql, "token = $1"):
			args = []any{"a"}
		case strings.Contains(sql, "$1"):
			args = []any{testNow}
		}
		r, err := d.run(`EXPLAIN `+sql, args...)
		if err != nil {
			t.Errorf("%s: %s", sql, describe(err))
			continue
		}
		got := ""
		for _, row := range r.Rows {
			got += "\n" + row[0].(string)
		}
		if got != want || r.Tag != "EXPLAIN" {
			t.Errorf("%s: %s:%s\nwant:%s", sql, r.Tag, got, want)
		}
	}
	d.rows([][]any{{int64(0)}}, `SELECT count(*) FROM "T t"`)
}

// TestExplainTakesWhatItExplains: a wrong statement fails as itself, and another catalogue has it looked at again.
func TestExplainTakesWhatItExplains(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	d.fails(pgerr.UndefinedColumn, `EXPLAIN SELECT nosuch FROM sessions`)
	d.fails(pgerr.UndefinedTable, `EXPLAIN DELETE FROM nosuch`)
	p, err := d.gate.Prepare(`EXPLAIN (SELECT token FROM sessions WHERE expiry < now())`, nil, d.engine.Catalogue())
	if err != nil {
		t.Fatal(describe(err))
	}
	if len(p.Columns) != 1 || p.Columns[0] != (gate.Column{Name: "QUERY PLAN", Type: gate.Text}) {
		t.Errorf("columns %v", p.Columns)
	}
	for _, want := range []string{"Range of sessions by index idx_sessions_expiry: expiry < …", "Whole table sessions"} {
		if r, err := d.runPlan(p); err != nil || r.Rows[0][0] != want {
			t.Errorf("%v, %v, want %s", r, err, want)
		}
		if _, err := d.run(`DROP INDEX IF EXISTS idx_sessions_expiry`); err != nil {
			t.Fatal(err)
		}
	}
}
