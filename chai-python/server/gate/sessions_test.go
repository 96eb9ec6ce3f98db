package gate_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"chaisqld/gate"
)

// The statements that the session store sends, against a real engine in memory and on disk.
func TestSessionStatements(t *testing.T) {
	for name, dir := range map[string]string{"memory": ":memory:", "directory": t.TempDir()} {
		t.Run(name, func(t *testing.T) { sessionStatements(openDatabase(t, dir, gate.Limits{})) })
	}
}

func sessionStatements(d *database) {
	d.createSessions()
	d.createSessions() // again: nothing happens
	a, b := []byte("a\x00\xff"), []byte{}

	const insert = `INSERT INTO sessions (token, data, expiry) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	d.exec("INSERT 0 1", insert, "t1", a, after(10))
	d.exec("INSERT 0 0", insert, "t1", b, after(20))
	d.exec("INSERT 0 1", `INSERT INTO sessions (token, data, expiry) VALUES ($1, $2, $3) ON CONFLICT (token) DO NOTHING`, "t2", b, after(-1))

	const find = `SELECT data, expiry FROM sessions WHERE token = $1 AND expiry > now()`
	d.rows([][]any{{a, after(10)}}, find, "t1")
	d.rows(nil, find, "t2")
	d.rows(nil, find, "t3")

	const upsert = `INSERT INTO sessions (token, data, expiry) VALUES ($1, $2, $3) ON CONFLICT (token) DO UPDATE SET data = EXCLUDED.data, expiry = EXCLUDED.expiry`
	d.exec("INSERT 0 1", upsert, "t2", a, after(30))
	d.exec("INSERT 0 1", upsert, "t3", b, after(-30))
	d.rows([][]any{{a, after(30)}}, find, "t2")

	const replace = `UPDATE sessions SET data = $1, expiry = $2 WHERE token = $3 AND data = $4 AND expiry > now()`
	d.exec("UPDATE 0", replace, []byte("new"), after(40), "t1", []byte("other"))
	d.exec("UPDATE 1", replace, []byte("new"), after(40), "t1", a)
	d.exec("UPDATE 0", replace, []byte("new"), after(40), "t3", b)

	const touch = `UPDATE sessions SET expiry = $1 WHERE token = $2 AND expiry < $1 AND expiry > now()`
	d.exec("UPDATE 0", touch, after(39), "t1")
	d.exec("UPDATE 1", touch, after(41), "t1")

	d.rows([][]any{{"t1", []byte("new"), after(41)}, {"t2", a, after(30)}},
		`SELECT token, data, expiry FROM sessions WHERE token > $1 AND expiry > now() ORDER BY token LIMIT $2`, "", int64(10))
	d.rows([][]any{{"t2", a, after(30)}},
		`SELECT token, data, expiry FROM sessions WHERE token > $1 AND expiry > now() ORDER BY token LIMIT $2`, "t1", int64(1))
	d.rows([][]any{{int64(3)}}, `SELECT count(*) FROM sessions`)
	d.rows([][]any{{int64(2)}}, `SELECT count(*) FROM sessions WHERE expiry > now()`)
	d.rows([][]any{{after(-30)}}, `SELECT min(expiry) FROM sessions`)
	d.exec("DELETE 1", `DELETE FROM sessions WHERE token = $1`, "t2")
	d.exec("DELETE 0", `DELETE FROM sessions WHERE token = $1`, "t2")
	d.exec("DELETE 1", `DELETE FROM sessions WHERE expiry < $1`, after(0))
	d.exec("DELETE 1", `DELETE FROM sessions`)
	d.rows([][]any{{nil}}, `SELECT min(expiry) FROM sessions`)
	d.rows([][]any{{int64(0)}}, `SELECT count(*) FROM sessions WHERE expiry > now()`)
}

func TestExpiredInBatches(t *testing.T) {
	const outer = `DELETE FROM sessions WHERE expiry < $1 AND token IN (SELECT token FROM sessions WHERE expiry < $1 ORDER BY expiry LIMIT $2)`
	const inner = `DELETE FROM sessions WHERE token IN (SELECT token FROM sessions WHERE expiry < $1 ORDER BY expiry LIMIT $2)`
	const until = `DELETE FROM sessions WHERE expiry <= $1 AND token IN (SELECT token FROM sessions WHERE expiry <= $1 ORDER BY expiry LIMIT $2)`
	const now = `DELETE FROM sessions WHERE expiry < now() AND token IN (SELECT token FROM sessions WHERE expiry < now() ORDER BY expiry LIMIT $1)`
	for _, test := range []struct {
		sql  string
		args []any
	}{{outer, []any{after(0), int64(4)}}, {until, []any{after(-1), int64(4)}}, {inner, []any{after(0), int64(4)}}, {now, []any{int64(4)}}} {
		d := openMemory(t)
		d.createSessions()
		for i := range 20 { // many equal expiries: they must go in the same order as they are counted
			d.exec("INSERT 0 1", `INSERT INTO sessions VALUES ($1, $2, $3)`, fmt.Sprintf("t%02d", i), []byte("x"), after(-1-i%3))
		}
		d.exec("INSERT 0 1", `INSERT INTO sessions VALUES ('live', 'x', $1)`, after(1))
		before := d.exec("SELECT 20", `SELECT token FROM sessions WHERE expiry < now() ORDER BY expiry, token`)
		for n, want := range []int{4, 4, 4, 4, 4, 0} {
			d.exec(fmt.Sprintf("DELETE %d", want), test.sql, test.args...)
			left := d.exec(fmt.Sprintf("SELECT %d", max(0, 16-4*n)), `SELECT token FROM sessions WHERE expiry < now() ORDER BY expiry, token`)
			if gone := 20 - len(left.Rows); len(left.Rows) > 0 && !reflect.DeepEqual(left.Rows, before.Rows[gone:]) {
				t.Fatalf("after %d: not the oldest went: %v", gone, left.Rows)
			}
		}
		d.rows([][]any{{"live"}}, `SELECT token FROM sessions`)
	}
}

func TestPrincipalsAndReaper(t *testing.T) {
	d := openMemory(t)
	d.exec("CREATE TABLE", `CREATE TABLE IF NOT EXISTS session_principals (id TEXT PRIMARY KEY, token TEXT NOT NULL, expiry TIMESTAMP NOT NULL)`)
	d.exec("CREATE INDEX", `CREATE INDEX IF NOT EXISTS idx_sp_token ON session_principals (token)`)
	d.exec("CREATE INDEX", `CREATE INDEX IF NOT EXISTS idx_sp_expiry ON session_principals (expiry)`)
	for i, id := range []string{"p:1", "p:2", "p:3", "q:1"} {
		d.exec("INSERT 0 1", `INSERT INTO session_principals (id, token, expiry) VALUES ($1, $2, $3)`, id, fmt.Sprint("t", i), after(i-1))
	}
	d.rows([][]any{{"t2"}}, `SELECT token FROM session_principals WHERE id > $1 AND id < $2 AND expiry > now() ORDER BY id LIMIT $3`, "p:", "p;", int64(5))
	d.exec("DELETE 1", `DELETE FROM session_principals WHERE token = $1`, "t2")

	d.exec("CREATE TABLE", `CREATE TABLE IF NOT EXISTS session_reaper (name TEXT PRIMARY KEY, finished TIMESTAMP NOT NULL, runs BIGINT NOT NULL, deleted BIGINT NOT NULL, last_deleted BIGINT NOT NULL, seconds DOUBLE PRECISION NOT NULL)`)
	const report = `INSERT INTO session_reaper (name, finished, runs, deleted, last_deleted, seconds) VALUES ('reaper', $1, 1, $2, $2, $3)
		ON CONFLICT (name) DO UPDATE SET finished = EXCLUDED.finished, runs = session_reaper.runs + 1, deleted = session_reaper.deleted + EXCLUDED.deleted,
		last_deleted = EXCLUDED.last_deleted, seconds = EXCLUDED.seconds`
	d.exec("INSERT 0 1", report, after(0), int64(7), 0.5)
	d.exec("INSERT 0 1", report, after(1), int64(3), 0.25)
	d.exec("UPDATE 1", `UPDATE session_reaper SET runs = runs + 1, deleted = deleted + $1 WHERE name = 'reaper'`, int64(5))
	d.rows([][]any{{after(1), int64(3), int64(15), int64(3), 0.25}}, `SELECT finished, runs, deleted, last_deleted, seconds FROM session_reaper WHERE name = $1`, "reaper")
}

func (d *database) rows(want [][]any, sql string, args ...any) {
	d.Helper()
	r, err := d.run(sql, args...)
	if err != nil {
		d.Fatalf("%s %v: %v", sql, args, describe(err))
	}
	if !sameRows(r.Rows, want) {
		d.Fatalf("%s %v:\n got %v\nwant %v", sql, args, r.Rows, want)
	}
}

func sameRows(a, b [][]any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if len(a[i]) != len(b[i]) {
			return false
		}
		for j := range a[i] {
			x, isTime := a[i][j].(time.Time)
			y, both := b[i][j].(time.Time)
			if isTime && both && x.Equal(y) {
				continue
			}
			if !reflect.DeepEqual(a[i][j], b[i][j]) {
				return false
			}
		}
	}
	return true
}
