package gate_test

import (
	"context"
	"fmt"
	"testing"

	"chaisqld/engine"
	"chaisqld/gate"
)

// scouted runs a statement in two steps, and something else in between.
func (d *database) scouted(sql string, between func(), args ...any) *gate.Result {
	d.Helper()
	p, err := d.gate.Prepare(sql, nil, d.engine.Catalogue())
	if err != nil {
		d.Fatal(describe(err))
	}
	if !p.Scouts() {
		d.Fatalf("%s does not look beforehand", sql)
	}
	ctx, m := context.Background(), new(gate.Meter)
	var found *gate.Found
	if err := d.engine.Read(ctx, func(r engine.Reader) (err error) {
		found, err = p.Find(r, args, d.now, m)
		return err
	}); err != nil {
		d.Fatal(describe(err))
	}
	if nothing := found.Nothing(); nothing != nil {
		return nothing
	}
	between()
	var result *gate.Result
	if err := d.engine.Write(ctx, engine.WriteRequest{Run: func(w engine.Writer) (err error) {
		result, err = found.Run(w, args, d.now, m)
		return err
	}}); err != nil {
		d.Fatal(describe(err))
	}
	return result
}

// TestRowsThatChangeBetweenLookingAndWriting are looked at again, as PostgreSQL's READ COMMITTED does.
func TestRowsThatChangeBetweenLookingAndWriting(t *testing.T) {
	for name, test := range map[string]struct {
		sql, between, tag string
		args              []any
		rows              string
	}{
		"nothing happens":     {`UPDATE t SET n = n + 10 WHERE n < 3`, ``, "UPDATE 2", nil, "[[1 11 a] [2 12 b] [3 3 c]]"},
		"one is gone":         {`UPDATE t SET n = n + 10 WHERE n < 3`, `DELETE FROM t WHERE id = 1`, "UPDATE 1", nil, "[[2 12 b] [3 3 c]]"},
		"one is not meant":    {`UPDATE t SET n = n + 10 WHERE n < 3`, `UPDATE t SET n = 5 WHERE id = 1`, "UPDATE 1", nil, "[[1 5 a] [2 12 b] [3 3 c]]"},
		"one is other":        {`UPDATE t SET n = n + 10 WHERE n < 3`, `UPDATE t SET n = 0 WHERE id = 1`, "UPDATE 2", nil, "[[1 10 a] [2 12 b] [3 3 c]]"},
		"one has come":        {`UPDATE t SET n = n + 10 WHERE n < $1`, `INSERT INTO t VALUES (0, 0, 'z')`, "UPDATE 2", []any{int64(3)}, "[[0 0 z] [1 11 a] [2 12 b] [3 3 c]]"},
		"a deletion":          {`DELETE FROM t WHERE n < 3 RETURNING id`, `UPDATE t SET n = 5 WHERE id = 1`, "DELETE 1", nil, "[[1 5 a] [3 3 c]]"},
		"an inner SELECT":     {`UPDATE t SET n = 9 WHERE s IN (SELECT s FROM t WHERE n = 1)`, `UPDATE t SET n = 2 WHERE id = 1`, "UPDATE 1", nil, "[[1 9 a] [2 2 b] [3 3 c]]"},
		"a scalar SELECT":     {`UPDATE t SET n = (SELECT max(n) FROM t) WHERE id < 3`, `UPDATE t SET n = 9 WHERE id = 3`, "UPDATE 2", nil, "[[1 3 a] [2 3 b] [3 9 c]]"},
		"a scalar for a key":  {`UPDATE t SET n = (SELECT max(n) FROM t) WHERE id = 1`, `UPDATE t SET n = 9 WHERE id = 3`, "UPDATE 1", nil, "[[1 3 a] [2 2 b] [3 9 c]]"},
		"a key by EXISTS":     {`DELETE FROM t WHERE id = 1 AND EXISTS (SELECT FROM t WHERE n = 3)`, `DELETE FROM t WHERE id = 3`, "DELETE 1", nil, "[[2 2 b]]"},
		"a deletion by NOT":   {`DELETE FROM t WHERE s NOT IN (SELECT s FROM t WHERE n > 1)`, `DELETE FROM t WHERE id = 2`, "DELETE 1", nil, "[[3 3 c]]"},
		"values to insert":    {`INSERT INTO t VALUES (4, (SELECT max(n) FROM t), 'd'), (5, (SELECT count(*) FROM t), 'e')`, `DELETE FROM t WHERE n = 3`, "INSERT 0 2", nil, "[[1 1 a] [2 2 b] [4 3 d] [5 3 e]]"},
		"one if none is":      {`INSERT INTO t SELECT 4, 4, 'd' WHERE NOT EXISTS (SELECT FROM t WHERE n = 4)`, `INSERT INTO t VALUES (5, 4, 'e')`, "INSERT 0 1", nil, "[[1 1 a] [2 2 b] [3 3 c] [4 4 d] [5 4 e]]"},
		"a deletion by one":   {`DELETE FROM t WHERE id IN (SELECT id FROM t WHERE n < 3)`, `DELETE FROM t WHERE id = 1`, "DELETE 1", nil, "[[3 3 c]]"},
		"the table changed":   {`UPDATE t SET n = n + 10 WHERE n < 3`, `CREATE INDEX ON t (n)`, "UPDATE 2", nil, "[[1 11 a] [2 12 b] [3 3 c]]"},
		"rows to insert":      {`INSERT INTO t SELECT id + 10, n, s FROM t WHERE n < 3`, `DELETE FROM t WHERE id = 1`, "INSERT 0 2", nil, "[[2 2 b] [3 3 c] [11 1 a] [12 2 b]]"},
		"one to insert came":  {`INSERT INTO t SELECT id + 10, n, s FROM t WHERE n < 3 ON CONFLICT DO NOTHING`, `INSERT INTO t VALUES (11, 5, 'z')`, "INSERT 0 1", nil, "[[1 1 a] [2 2 b] [3 3 c] [11 5 z] [12 2 b]]"},
		"nothing to insert":   {`INSERT INTO t SELECT id + 10, n, s FROM t WHERE n > 3`, `DELETE FROM t`, "INSERT 0 0", nil, "[[1 1 a] [2 2 b] [3 3 c]]"},
		"insert, changed":     {`INSERT INTO t SELECT id + 10, n, s FROM t WHERE n < 2`, `CREATE INDEX ON t (n)`, "INSERT 0 1", nil, "[[1 1 a] [2 2 b] [3 3 c] [11 1 a]]"},
		"there are no rows":   {`UPDATE t SET n = 1 WHERE n = 99`, `DELETE FROM t`, "UPDATE 0", nil, "[[1 1 a] [2 2 b] [3 3 c]]"},
		"there is none to go": {`DELETE FROM t WHERE n = 99 RETURNING id`, `DELETE FROM t`, "DELETE 0", nil, "[[1 1 a] [2 2 b] [3 3 c]]"},
	} {
		t.Run(name, func(t *testing.T) {
			d := openMemory(t)
			d.exec("CREATE TABLE", `CREATE TABLE t (id INT PRIMARY KEY, n INT, s TEXT)`)
			d.exec("INSERT 0 3", `INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')`)
			r := d.scouted(test.sql, func() {
				if test.between != "" {
					if _, err := d.run(test.between); err != nil {
						t.Fatal(describe(err))
					}
				}
			}, test.args...)
			if r.Tag != test.tag {
				t.Errorf("tag %s, want %s", r.Tag, test.tag)
			}
			all, err := d.run(`SELECT * FROM t ORDER BY id`)
			if err != nil || fmt.Sprint(all.Rows) != test.rows {
				t.Errorf("rows %v, %v, want %s", all.Rows, err, test.rows)
			}
		})
	}
}

// TestWhatIsFoundAtOnceIsNotLookedFor: a row by its key, and the reaper's pages.
func TestWhatIsFoundAtOnceIsNotLookedFor(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	for _, sql := range []string{
		`UPDATE sessions SET data = '' WHERE token = 'a'`, `DELETE FROM sessions WHERE token IN ('a', 'b') AND data = ''`,
		`DELETE FROM sessions WHERE token IN (SELECT token FROM sessions WHERE expiry < now() ORDER BY expiry LIMIT 9)`,
		`INSERT INTO sessions VALUES ('a', '', now())`, `INSERT INTO sessions SELECT 'a', '', now()`, `INSERT INTO sessions VALUES ('a', ''::bytea, now()) LIMIT 1`,
		`INSERT INTO sessions VALUES ('a', (SELECT data FROM sessions WHERE token = 'b'), now())`, `UPDATE sessions SET data = (SELECT data FROM sessions WHERE token = 'b') WHERE token = 'a'`,
		`INSERT INTO sessions SELECT 'b', data, expiry FROM sessions WHERE token = 'a'`, `SELECT token FROM sessions`,
	} {
		p, err := d.gate.Prepare(sql, nil, d.engine.Catalogue())
		if err != nil || p.Scouts() {
			t.Errorf("%s: %v, looked for beforehand", sql, err)
		}
	}
}
