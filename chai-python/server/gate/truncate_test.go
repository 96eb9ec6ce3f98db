package gate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/pgerr"
)

// TestTruncate: a table is empty afterwards and otherwise as before.
func TestTruncate(t *testing.T) {
	d := openMemory(t)
	d.exec("CREATE TABLE", `CREATE TABLE "Odd one" (id BIGINT PRIMARY KEY, "A b" TEXT NOT NULL DEFAULT 'x', i INT DEFAULT -7, d FLOAT8 DEFAULT 0.5, o BOOL DEFAULT true, y BYTEA, ts TIMESTAMP NOT NULL)`)
	d.exec("CREATE INDEX", `CREATE INDEX "Odd index" ON "Odd one" ("A b")`)
	d.exec("CREATE INDEX", `CREATE INDEX ON "Odd one" (ts)`)
	d.createSessions()
	fill := func() {
		for i := range 30 {
			d.exec("INSERT 0 1", `INSERT INTO "Odd one" (id, ts) VALUES ($1, $2)`, int64(i), after(i))
		}
		d.exec("INSERT 0 1", `INSERT INTO sessions VALUES ('a', '', now())`)
	}
	describeAll := func() string {
		var text strings.Builder
		for _, sql := range []string{`SELECT * FROM information_schema.columns`, `SELECT * FROM pg_indexes`, `SELECT * FROM information_schema.key_column_usage`} {
			r, err := d.run(sql)
			if err != nil {
				t.Fatal(describe(err))
			}
			fmt.Fprintln(&text, r.Rows)
		}
		return text.String()
	}
	fill()
	before := describeAll()
	for range 3 {
		d.exec("TRUNCATE TABLE", `TRUNCATE TABLE ONLY "Odd one", public.sessions, sessions * RESTART IDENTITY CASCADE`)
		d.rows([][]any{{int64(0)}}, `SELECT count(*) FROM "Odd one"`)
		d.rows([][]any{{int64(0)}}, `SELECT count(*) FROM sessions WHERE expiry > '2001-01-01'`)
		if now := describeAll(); now != before {
			t.Fatalf("the tables were\n%s and are\n%s", before, now)
		}
		fill()
		d.rows([][]any{{"x", int64(-7), 0.5, true}}, `SELECT "A b", i, d, o FROM "Odd one" WHERE id = 29`)
		d.rows([][]any{{int64(30)}}, `SELECT count(*) FROM "Odd one" WHERE "A b" = 'x' AND ts IN (SELECT ts FROM "Odd one")`)
	}
	report, err := d.engine.Check(context.Background(), nil)
	if err != nil || !report.OK() {
		t.Errorf("audit: %v %+v", err, report)
	}
	d.fails(pgerr.UndefinedTable, `TRUNCATE sessions, nosuch`)
	d.fails("42809", `TRUNCATE idx_sessions_expiry`)
	d.rows([][]any{{int64(1)}}, `SELECT count(*) FROM sessions`)
}

// TestTruncateIsUndone with its transaction.
func TestTruncateIsUndone(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	d.exec("INSERT 0 1", `INSERT INTO sessions VALUES ('a', '', now())`)
	p, err := d.gate.Prepare(`TRUNCATE sessions`, nil, d.engine.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	failure := fmt.Errorf("stop")
	err = d.engine.Write(context.Background(), engine.WriteRequest{Schema: true, Run: func(w engine.Writer) error {
		if _, err := p.Run(w, nil, d.now, new(gate.Meter)); err != nil {
			t.Fatal(err)
		}
		return failure
	}})
	if err != failure {
		t.Fatal(err)
	}
	d.rows([][]any{{"a"}}, `SELECT token FROM sessions WHERE expiry = now()`)
}

// TestTruncateLasts: the table is there, and what has come since, when the engine is opened again.
func TestTruncateLasts(t *testing.T) {
	dir := t.TempDir()
	t.Run("truncate", func(t *testing.T) {
		d := openDatabase(t, dir, gate.Limits{})
		d.createSessions()
		d.exec("INSERT 0 2", `INSERT INTO sessions VALUES ('a', '', now()), ('b', '', now())`)
		d.exec("TRUNCATE TABLE", `TRUNCATE sessions`)
		d.exec("INSERT 0 1", `INSERT INTO sessions VALUES ('c', '', now())`)
	})
	t.Run("look", func(t *testing.T) {
		d := openDatabase(t, dir, gate.Limits{})
		d.rows([][]any{{"c"}}, `SELECT token FROM sessions WHERE expiry = now()`)
		d.fails(pgerr.NotNullViolation, `INSERT INTO sessions VALUES ('d', NULL, now())`)
	})
}
