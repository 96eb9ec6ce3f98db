package gate_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"chaisqld/engine"
	"chaisqld/gate"
)

// recorder notes the sentences that reach the engine, the operations on single rows included, and asks Chai how it would run each SELECT.
type recorder struct {
	engine.Writer
	tb        testing.TB
	sentences []string
	unsafe    []string
}

var leaking = regexp.MustCompile(`TempTreeSort|union|Aggregate\(.*GROUP`)

func (r *recorder) note(sql string, args []any) {
	line := sql
	for _, a := range args {
		line += fmt.Sprintf(" ‹%v›", show(a))
	}
	r.sentences = append(r.sentences, line)
}

func show(v any) string {
	if b, ok := v.([]byte); ok {
		return fmt.Sprintf("%x", b)
	}
	if t, ok := v.(interface{ Format(string) string }); ok {
		return t.Format("15:04:05.999999")
	}
	return fmt.Sprint(v)
}

func (r *recorder) Query(sql string, args []any, row func([]any) error) error {
	r.note(sql, args)
	err := r.Writer.Query("EXPLAIN "+sql, args, func(values []any) error {
		if plan := fmt.Sprint(values...); leaking.MatchString(plan) {
			r.unsafe = append(r.unsafe, sql+" is run as "+plan)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.Writer.Query(sql, args, row)
}

func (r *recorder) Exec(sql string, args []any) error {
	r.note(sql, args)
	return r.Writer.Exec(sql, args)
}

func (r *recorder) Get(t *engine.Table, key any) ([]any, error) {
	r.note("get "+t.Name, []any{key})
	return r.Writer.Get(t, key)
}

func (r *recorder) Insert(t *engine.Table, row []any) error {
	r.note("insert "+t.Name, row)
	return r.Writer.Insert(t, row)
}

func (r *recorder) Update(t *engine.Table, key any, places []int, values []any) error {
	r.note(fmt.Sprint("update ", t.Name, places), append(values[:len(values):len(values)], key))
	return r.Writer.Update(t, key, places, values)
}

func (r *recorder) Delete(t *engine.Table, key any) error {
	r.note("delete "+t.Name, []any{key})
	return r.Writer.Delete(t, key)
}

func (r *recorder) DeleteFirst(t *engine.Table, column int, below any, limit int) (int, bool, error) {
	r.note(fmt.Sprintf("delete first %d %s[%d]", limit, t.Name, column), []any{below})
	return r.Writer.DeleteFirst(t, column, below, limit)
}

func (r *recorder) Define(ddl string) error {
	r.note(ddl, nil)
	return r.Writer.Define(ddl)
}

func (r *recorder) DefineIndex(ddl string, check func(any) error) error {
	r.note(ddl, nil)
	return r.Writer.DefineIndex(ddl, check)
}

// record runs a statement and gives the sentences that it became.
func (d *database) record(sql string, args ...any) []string {
	d.Helper()
	p, err := d.gate.Prepare(sql, nil, d.engine.Catalogue())
	if err != nil {
		d.Fatalf("%s: %v", sql, describe(err))
	}
	var sentences []string
	err = d.engine.Write(context.Background(), engine.WriteRequest{Schema: p.Access == gate.Schema, Run: func(w engine.Writer) error {
		r := &recorder{Writer: w, tb: d}
		var on engine.Reader = r
		if p.Access == gate.Read {
			on = struct{ engine.Reader }{r}
		}
		_, err := p.Run(on, args, d.now, new(gate.Meter))
		sentences = r.sentences
		for _, line := range r.unsafe {
			d.Errorf("%s: %s", sql, line)
		}
		return err
	}})
	if err != nil {
		d.Fatalf("%s: %v", sql, describe(err))
	}
	return sentences
}

func parsed(text string, t gate.Type) any {
	v, err := gate.ParseText(text, t)
	if err != nil {
		panic(err)
	}
	return v
}

func TestSentences(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	d.exec("CREATE TABLE", `CREATE TABLE n (k BIGINT PRIMARY KEY, v INTEGER, w DOUBLE PRECISION NOT NULL DEFAULT 0.5)`)
	d.exec("CREATE INDEX", `CREATE INDEX ON n (v)`)
	d.exec("INSERT 0 3", `INSERT INTO sessions VALUES ('a', '\x01', $1), ('b', '\x02', $2), ('c', '\x03', $2)`, after(-1), after(1))
	for _, test := range []struct {
		sql  string
		args []any
		want string
	}{
		// one key
		{`SELECT data FROM sessions WHERE token = $1`, []any{"x"}, `get sessions ‹x›`},
		{`SELECT data FROM sessions WHERE $1 = token AND now() < expiry`, []any{"x"}, `get sessions ‹x›`},
		{`SELECT * FROM sessions WHERE token = 'x' AND token = 'y'`, nil, `get sessions ‹x›`},
		{`SELECT * FROM sessions WHERE token IN ('x', $1, 'x')`, []any{"y"}, `get sessions ‹x›` + "\n" + `get sessions ‹y›`},
		{`SELECT * FROM sessions WHERE token = NULL`, nil, ``},
		// arrays
		{`SELECT data FROM sessions WHERE token = ANY ($1)`, []any{gate.Array{"y", nil, "x", "y"}}, `get sessions ‹y›` + "\n" + `get sessions ‹x›`},
		{`SELECT data FROM sessions WHERE token = ANY ('{x,y}')`, nil, `get sessions ‹x›` + "\n" + `get sessions ‹y›`},
		{`SELECT data FROM sessions WHERE token = ANY (ARRAY['x', $1])`, []any{"y"}, `get sessions ‹x›` + "\n" + `get sessions ‹y›`},
		{`SELECT data FROM sessions WHERE token = ANY ($1)`, []any{gate.Array{}}, ``},
		{`SELECT data FROM sessions WHERE token = ANY ($1)`, []any{nil}, ``},
		{`SELECT v FROM n WHERE k = ANY ($1::int[]::bigint[])`, []any{gate.Array{int64(2), int64(1)}}, `get n ‹2›` + "\n" + `get n ‹1›`},
		{`SELECT v FROM n WHERE k = ANY ($1::numeric[])`, []any{gate.Array{parsed("2.0", gate.Numeric), parsed("2.5", gate.Numeric)}}, `get n ‹2›`},
		{`SELECT v FROM n WHERE v = ANY ($1)`, []any{gate.Array{int64(2), nil}}, `SELECT "k", "v" FROM "n" WHERE "v" = $1 ‹2›`},
		{`SELECT data FROM sessions WHERE token <> ALL ($1)`, []any{gate.Array{"x"}}, `SELECT "token", "data" FROM "sessions"`},
		{`DELETE FROM sessions WHERE token = ANY ($1)`, []any{gate.Array{"nosuch"}}, `get sessions ‹nosuch›`},
		// ranges
		{`SELECT token FROM sessions WHERE $1 < token ORDER BY token LIMIT 5`, []any{"x"}, `SELECT "token" FROM "sessions" WHERE "token" > $1 ORDER BY "token" ‹x›`},
		{`SELECT token FROM sessions WHERE token BETWEEN 'a' AND 'b' ORDER BY token DESC`, nil, `SELECT "token" FROM "sessions" WHERE "token" <= $1 ORDER BY "token" DESC ‹b›`},
		{`SELECT token FROM sessions WHERE token > 'a' AND token < 'b' AND expiry > now()`, nil, `SELECT "token", "expiry" FROM "sessions" WHERE "token" > $1 ORDER BY "token" ‹a›`},
		{`SELECT token FROM sessions WHERE expiry <= now() ORDER BY expiry`, nil, `SELECT "token", "expiry" FROM "sessions" WHERE "expiry" <= $1 ORDER BY "expiry" ‹12:00:00.123456›`},
		{`SELECT token FROM sessions WHERE expiry < now() - interval '30 days 1 hour'`, nil, `SELECT "token", "expiry" FROM "sessions" WHERE "expiry" < $1 ORDER BY "expiry" ‹11:00:00.123456›`},
		{`SELECT count(*) FROM sessions WHERE expiry < date_trunc('hour', localtimestamp) - $1 * interval '1 hour'`, []any{2.0}, `SELECT COUNT(*) FROM "sessions" WHERE "expiry" < $1 ‹10:00:00›`},
		{`SELECT data FROM sessions WHERE token = lower($1) || left('bc', 1)`, []any{"A"}, `get sessions ‹ab›`},
		{`SELECT token FROM sessions WHERE expiry < date '2025-01-01' + 1`, nil, `SELECT "token", "expiry" FROM "sessions" WHERE "expiry" < $1 ORDER BY "expiry" ‹00:00:00›`},
		{`SELECT token FROM sessions WHERE expiry = CURRENT_DATE`, nil, `SELECT "token", "expiry" FROM "sessions" WHERE "expiry" = $1 ‹00:00:00›`},
		{`SELECT token FROM sessions ORDER BY expiry DESC LIMIT 1`, nil, `SELECT "token", "expiry" FROM "sessions" ORDER BY "expiry" DESC`},
		{`SELECT token FROM sessions WHERE expiry > '1990-01-01' ORDER BY expiry`, nil, `SELECT "token", "expiry" FROM "sessions" WHERE "expiry" >= $1 ORDER BY "expiry" ‹00:00:00›`},
		{`SELECT k FROM n ORDER BY v`, nil, `SELECT "k", "v" FROM "n"`}, // NULLs come last: sorted here
		{`SELECT k FROM n WHERE v > 1 ORDER BY v`, nil, `SELECT "k", "v" FROM "n" WHERE "v" > $1 ORDER BY "v" ‹1›`},
		{`SELECT k FROM n WHERE v > 1.5`, nil, `SELECT "k", "v" FROM "n" WHERE "v" >= $1 ORDER BY "v" ‹2›`},
		{`SELECT k FROM n WHERE v > -1.5 AND v <= 2.0`, nil, `SELECT "k", "v" FROM "n" WHERE "v" >= $1 ORDER BY "v" ‹-1›`},
		{`SELECT k FROM n WHERE v < -1.5`, nil, `SELECT "k", "v" FROM "n" WHERE "v" <= $1 ORDER BY "v" ‹-2›`},
		{`SELECT k FROM n WHERE v < $1::numeric`, []any{parsed("2.00", gate.Numeric)}, `SELECT "k", "v" FROM "n" WHERE "v" < $1 ORDER BY "v" ‹2›`},
		{`SELECT k FROM n WHERE v > 1e30`, nil, ``},
		{`SELECT k FROM n WHERE k < 1e30`, nil, `SELECT "k" FROM "n" WHERE "k" <= $1 ORDER BY "k" ‹9223372036854775807›`},
		{`SELECT v FROM n WHERE k = $1::numeric`, []any{parsed("5.0", gate.Numeric)}, `get n ‹5›`},
		{`SELECT v FROM n WHERE k = 1.5`, nil, ``},
		{`SELECT k FROM n WHERE k > 1 OR v = 2`, nil, `SELECT "k", "v" FROM "n"`},
		// the whole table
		{`SELECT token FROM sessions WHERE data = $1`, []any{[]byte{1}}, `SELECT "token", "data" FROM "sessions"`},
		{`SELECT token FROM sessions WHERE 1 = 0`, nil, ``},
		{`SELECT token FROM sessions ORDER BY data LIMIT 1`, nil, `SELECT "token", "data" FROM "sessions"`},
		{`SELECT token FROM sessions LIMIT 0`, nil, ``},
		// aggregates
		{`SELECT count(*) FROM sessions`, nil, `SELECT COUNT(*) FROM "sessions"`},
		{`SELECT count(*) FROM sessions WHERE expiry > now()`, nil, `SELECT COUNT(*) FROM "sessions" WHERE "expiry" > $1 ‹12:00:00.123456›`},
		{`SELECT count(*) FROM sessions WHERE expiry > now() AND data = $1`, []any{[]byte{1}}, `SELECT "data", "expiry" FROM "sessions" WHERE "expiry" > $1 ORDER BY "expiry" ‹12:00:00.123456›`},
		{`SELECT min(expiry) FROM sessions`, nil, `SELECT "expiry" FROM "sessions" ORDER BY "expiry"`},
		{`SELECT max(token) FROM sessions WHERE token < 'q'`, nil, `SELECT "token" FROM "sessions" WHERE "token" < $1 ORDER BY "token" DESC ‹q›`},
		{`SELECT min(v) FILTER (WHERE k > 1) FROM n`, nil, `SELECT "k", "v" FROM "n"`},
		{`SELECT v, count(*), sum(w) FROM n GROUP BY v HAVING v > 1 AND count(*) > 1`, nil, `SELECT "v", "w" FROM "n" WHERE "v" > $1 ORDER BY "v" ‹1›`},
		{`SELECT token, max(expiry) FROM sessions GROUP BY token HAVING token = 'x'`, nil, `get sessions ‹x›`},
		{`SELECT data FROM sessions WHERE token IN (SELECT max(token) FROM sessions GROUP BY data)`, nil,
			`SELECT "token", "data" FROM "sessions"` + "\n" + `get sessions ‹a›` + "\n" + `get sessions ‹b›` + "\n" + `get sessions ‹c›`},
		{`SELECT DISTINCT expiry FROM sessions ORDER BY expiry LIMIT 1`, nil, `SELECT "expiry" FROM "sessions" ORDER BY "expiry"`},
		// writes
		{`INSERT INTO n (v, k) VALUES (NULL, 1)`, nil, `insert n ‹1› ‹<nil>› ‹0.5›`},
		{`INSERT INTO n VALUES (1, 2) ON CONFLICT DO NOTHING`, nil, `get n ‹1›`},
		{`INSERT INTO n VALUES (1, 2) ON CONFLICT (k) DO UPDATE SET v = excluded.v`, nil,
			`get n ‹1›` + "\n" + `update n[1] ‹2› ‹1›`},
		{`INSERT INTO n SELECT k + 1, v FROM n WHERE k = 1`, nil, `get n ‹1›` + "\n" + `insert n ‹2› ‹2› ‹0.5›`},
		{`UPDATE sessions SET expiry = $1 WHERE token = 'a' AND expiry < $1`, []any{after(3)},
			`get sessions ‹a›` + "\n" + `update sessions[2] ‹12:03:00.123456› ‹a›`},
		{`DELETE FROM sessions WHERE token = 'b'`, nil, `get sessions ‹b›` + "\n" + `delete sessions ‹b›`},
		{`DELETE FROM sessions WHERE expiry < '2001-02-03' AND token IN (SELECT token FROM sessions WHERE expiry < '2001-02-03' ORDER BY expiry LIMIT 9)`, nil,
			`delete first 9 sessions[2] ‹00:00:00›`},
		{`DELETE FROM sessions WHERE expiry < now() - interval '24 years' AND token IN (SELECT token FROM sessions WHERE expiry < now() - interval '24 years' ORDER BY expiry LIMIT 9)`, nil,
			`delete first 9 sessions[2] ‹12:00:00.123456›`},
		{`DELETE FROM sessions WHERE expiry <= '2001-02-03' AND token IN (SELECT token FROM sessions WHERE expiry <= '2001-02-03' ORDER BY expiry LIMIT 9)`, nil,
			`delete first 9 sessions[2] ‹00:00:00.000001›`},
		{`DELETE FROM sessions WHERE expiry > now() AND token IN (SELECT token FROM sessions WHERE expiry > now() ORDER BY expiry LIMIT 9)`, nil,
			`SELECT "token", "expiry" FROM "sessions" WHERE "expiry" > $1 ORDER BY "expiry" ‹12:00:00.123456›` + "\n" + `delete sessions ‹c›` + "\n" + `delete sessions ‹a›`},
		{`DELETE FROM sessions WHERE token IN (SELECT token FROM sessions WHERE expiry > now() ORDER BY expiry DESC LIMIT 9)`, nil,
			`SELECT "token", "expiry" FROM "sessions" WHERE "expiry" > $1 ORDER BY "expiry" DESC ‹12:00:00.123456›`},
		// schema
		{`CREATE TABLE x (a VARCHAR, b FLOAT8 DEFAULT -1, c BOOL DEFAULT true NOT NULL, d TIMESTAMP(6) WITHOUT TIME ZONE, e INT8, f INT4 DEFAULT '7', g TEXT DEFAULT 'é', PRIMARY KEY (a))`, nil,
			`CREATE TABLE "x" ("a" TEXT PRIMARY KEY, "b" DOUBLE PRECISION DEFAULT -1, "c" BOOLEAN NOT NULL DEFAULT true, "d" TIMESTAMP, "e" BIGINT, "f" INTEGER DEFAULT 7, "g" TEXT DEFAULT 'é')`},
		{`CREATE INDEX ON x (e)`, nil, `CREATE INDEX "x_e_idx" ON "x" ("e")`},
		{`CREATE INDEX ON x (e)`, nil, `CREATE INDEX "x_e_idx1" ON "x" ("e")`},
		{`TRUNCATE x`, nil, `DROP TABLE "x"` + "\n" +
			`CREATE TABLE "x" ("a" TEXT PRIMARY KEY, "b" DOUBLE PRECISION DEFAULT -1, "c" BOOLEAN NOT NULL DEFAULT true, "d" TIMESTAMP, "e" BIGINT, "f" INTEGER DEFAULT 7, "g" TEXT DEFAULT 'é')` + "\n" +
			`CREATE INDEX "x_e_idx" ON "x" ("e")` + "\n" + `CREATE INDEX "x_e_idx1" ON "x" ("e")`},
		{`DROP INDEX x_e_idx1`, nil, `DROP INDEX "x_e_idx1"`},
		{`DROP TABLE IF EXISTS x, y`, nil, `DROP TABLE "x"`},
	} {
		if got := strings.Join(d.record(test.sql, test.args...), "\n"); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.sql, got, test.want)
		}
	}
}

// The test above is worth nothing if the recorder does not see what Chai would do wrong.
func TestRecorderSeesSorts(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	err := d.engine.Read(context.Background(), func(r engine.Reader) error {
		return r.Query(`EXPLAIN SELECT "token" FROM "sessions" ORDER BY "data"`, nil, func(values []any) error {
			if plan := fmt.Sprint(values...); !leaking.MatchString(plan) {
				t.Errorf("a sort is explained as %s", plan)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}
