package wire

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/lib/pq"
)

// lib/pq, the older of Go's drivers: text format, unnamed statements, and database/sql's pool.
func openPq(t *testing.T, s *testServer, settings string) (context.Context, *sql.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	db, err := sql.Open("postgres", s.dsn()+" "+settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return ctx, db
}

func TestPqEveryType(t *testing.T) {
	s := startServer(t, Options{})
	s.connect(t).run(everyType)
	at := time.Date(2030, 1, 2, 3, 4, 5, 6000, time.UTC)
	for _, settings := range []string{"", "binary_parameters=yes"} {
		ctx, db := openPq(t, s, settings)
		const insert = "INSERT INTO e VALUES ($1, $2, $3, $4, $5, $6, $7)"
		for _, args := range [][]any{
			{settings + "full", []byte{0, 255, '\\'}, at, -7, int64(1) << 40, 0.1, true},
			{settings + "empty", nil, nil, nil, nil, nil, nil},
		} {
			r, err := db.ExecContext(ctx, insert, args...)
			if err != nil {
				t.Fatalf("%q: %v", settings, err)
			}
			if n, err := r.RowsAffected(); n != 1 || err != nil {
				t.Errorf("%q: %d rows, %v", settings, n, err)
			}
		}
		find, err := db.PrepareContext(ctx, "SELECT * FROM e WHERE id = $1")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			var e everyRow
			if err := find.QueryRowContext(ctx, settings+"full").Scan(&e.ID, &e.B, &e.TS, &e.I, &e.L, &e.F, &e.O); err != nil {
				t.Fatal(err)
			}
			if string(e.B) != "\x00\xff\\" || !e.TS.Equal(at) || *e.I != -7 || *e.L != 1<<40 || *e.F != 0.1 || !*e.O {
				t.Errorf("%q: got %+v", settings, e)
			}
			e = everyRow{}
			if err := find.QueryRowContext(ctx, settings+"empty").Scan(&e.ID, &e.B, &e.TS, &e.I, &e.L, &e.F, &e.O); err != nil {
				t.Fatal(err)
			}
			if e.B != nil || e.TS != nil || e.I != nil || e.L != nil || e.F != nil || e.O != nil {
				t.Errorf("%q: got %+v", settings, e)
			}
		}
	}
}

func TestPqTransactionsAndErrors(t *testing.T) {
	s := startServer(t, Options{})
	s.connect(t).run("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)")
	ctx, db := openPq(t, s, "")
	for name, test := range map[string]struct {
		sql  string
		code string
	}{
		"duplicate": {"INSERT INTO t VALUES ('a', 2)", "23505"},
		"syntax":    {"INSERT INTO t VALUE ('a', 2)", "42601"},
		"catalogue": {"SELECT relname FROM pg_class", "0A000"},
		"copy":      {`COPY "t" ("id", "n") FROM STDIN`, "0A000"},
	} {
		tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO t VALUES ($1, 1)", "a"); err != nil {
			t.Fatal(err)
		}
		_, err = tx.ExecContext(ctx, test.sql)
		var e *pq.Error
		if !errors.As(err, &e) || string(e.Code) != test.code {
			t.Errorf("%s: got %v, want SQLSTATE %s", name, err, test.code)
		}
		if err := tx.Rollback(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	var n int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM t").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestPqCancelsByContext(t *testing.T) {
	s := startServer(t, Options{})
	holder := lease(t, s)
	_, db := openPq(t, s, "")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := db.ExecContext(ctx, "INSERT INTO t VALUES ('x', 1)"); err == nil {
		t.Error("the statement ran")
	}
	holder.do("ROLLBACK", "ROLLBACK", "Ready I")
	var n int
	if err := db.QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestPqArrays(t *testing.T) {
	s := startServer(t, Options{})
	s.connect(t).run(everyType)
	s.connect(t).run("INSERT INTO e (id, b, l, f) VALUES ('a', 'x', 2, 3.5)")
	for _, settings := range []string{"", "binary_parameters=yes"} {
		ctx, db := openPq(t, s, settings)
		for sql, list := range map[string]any{
			"id = ANY ($1)": []string{"a", `b"\,`}, "b = ANY ($1)": [][]byte{[]byte("x"), {0}}, "l = ANY ($1)": []int64{2, 3},
			"f = ANY ($1)": []float64{3.5, 0.1}, "id <> ALL ($1)": []string{"b"},
		} {
			var count int
			if err := db.QueryRowContext(ctx, "SELECT count(*) FROM e WHERE "+sql, pq.Array(list)).Scan(&count); err != nil || count != 1 {
				t.Errorf("%q, %s: %d rows, %v", settings, sql, count, err)
			}
		}
	}
}
