package wire

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A client that many programs use, in each of its ways of running a statement.
var execModes = map[string]pgx.QueryExecMode{
	"simple":         pgx.QueryExecModeSimpleProtocol,
	"exec":           pgx.QueryExecModeExec,
	"describe":       pgx.QueryExecModeDescribeExec,
	"cache describe": pgx.QueryExecModeCacheDescribe,
	"cache prepared": pgx.QueryExecModeCacheStatement,
}

func connectPgx(t *testing.T, s *testServer, mode pgx.QueryExecMode) (context.Context, *pgx.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	config, err := pgx.ParseConfig(s.dsn())
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = mode
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return ctx, c
}

const everyType = "CREATE TABLE e (id TEXT PRIMARY KEY, b BYTEA, ts TIMESTAMP, i INTEGER, l BIGINT, f DOUBLE PRECISION, o BOOLEAN)"

type everyRow struct {
	ID string
	B  []byte
	TS *time.Time
	I  *int32
	L  *int64
	F  *float64
	O  *bool
}

func TestPgxEveryType(t *testing.T) {
	s := startServer(t, Options{})
	s.connect(t).run(everyType)
	ts, i, l, f, o := time.Date(2030, 1, 2, 3, 4, 5, 6000, time.UTC), int32(-7), int64(1)<<40, 0.1, true
	for name, mode := range execModes {
		t.Run(name, func(t *testing.T) {
			ctx, c := connectPgx(t, s, mode)
			for n, want := range []everyRow{{name + " full", []byte{0, 255, '\\'}, &ts, &i, &l, &f, &o}, {ID: name + " empty"}} {
				tag, err := c.Exec(ctx, "INSERT INTO e VALUES ($1, $2, $3, $4, $5, $6, $7)", want.ID, want.B, want.TS, want.I, want.L, want.F, want.O)
				if err != nil || tag.String() != "INSERT 0 1" {
					t.Fatalf("insert: %s, %v", tag, err)
				}
				for range 2 { // the second time as prepared
					rows, _ := c.Query(ctx, "SELECT * FROM e WHERE id = $1", want.ID)
					got, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[everyRow])
					if err != nil || !equalRows(got, want) {
						t.Fatalf("row %d: got %+v, %v", n, got, err)
					}
				}
			}
		})
	}
}

func equalRows(a, b everyRow) bool {
	flat := func(r everyRow) string {
		if r.TS == nil {
			return fmt.Sprint(r.ID, r.B, r.B == nil, r.TS, r.I, r.L, r.F, r.O)
		}
		return fmt.Sprint(r.ID, r.B, r.B == nil, r.TS.UTC(), *r.I, *r.L, *r.F, *r.O)
	}
	return flat(a) == flat(b)
}

func TestPgxErrorsAndTransactions(t *testing.T) {
	s := startServer(t, Options{})
	s.connect(t).run("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)")
	for name, mode := range execModes {
		t.Run(name, func(t *testing.T) {
			ctx, c := connectPgx(t, s, mode)
			tx, err := c.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(ctx, "INSERT INTO t VALUES ($1, 1)", name); err != nil {
				t.Fatal(err)
			}
			_, err = tx.Exec(ctx, "INSERT INTO t VALUES ($1, 1)", name)
			wantCode(t, err, "23505")
			_, err = tx.Exec(ctx, "SELECT n FROM t WHERE id = $1", name)
			wantCode(t, err, "25P02")
			if status := c.PgConn().TxStatus(); status != 'E' {
				t.Errorf("status %c", status)
			}
			if err := tx.Commit(ctx); !errors.Is(err, pgx.ErrTxCommitRollback) {
				t.Errorf("commit of a failed transaction: %v", err)
			}
			var n int
			if err := c.QueryRow(ctx, "SELECT count(*) FROM t WHERE id = $1", name).Scan(&n); err != nil || n != 0 {
				t.Errorf("%d rows, %v", n, err)
			}
		})
	}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("got %v, want SQLSTATE %s", err, code)
	}
}

func TestPgxBatch(t *testing.T) {
	s := startServer(t, Options{})
	s.connect(t).run("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)")
	for name, mode := range execModes {
		t.Run(name, func(t *testing.T) {
			ctx, c := connectPgx(t, s, mode)
			var batch pgx.Batch
			for i := range 50 {
				batch.Queue("INSERT INTO t VALUES ($1, $2)", fmt.Sprint(name, i), i)
			}
			batch.Queue("SELECT count(*) FROM t WHERE id > $1", name)
			results := c.SendBatch(ctx, &batch)
			for range 50 {
				if tag, err := results.Exec(); err != nil || tag.RowsAffected() != 1 {
					t.Fatalf("%s, %v", tag, err)
				}
			}
			var n int
			if err := results.QueryRow().Scan(&n); err != nil || n < 50 {
				t.Errorf("%d rows, %v", n, err)
			}
			if err := results.Close(); err != nil {
				t.Error(err)
			}
			batch = pgx.Batch{}
			batch.Queue("DELETE FROM t WHERE id > $1", "")
			batch.Queue("INSERT INTO t VALUES ($1, 1), ($1, 1)", "twice")
			wantCode(t, c.SendBatch(ctx, &batch).Close(), "23505")
			if err := c.QueryRow(ctx, "SELECT count(*) FROM t").Scan(&n); err != nil || n < 50 {
				t.Errorf("the failed batch left %d rows, %v", n, err)
			}
		})
	}
}

// pgx's pipeline asks for replies with Flush, in the middle of a transaction.
func TestPgxPipelineFlushes(t *testing.T) {
	s := startServer(t, Options{})
	s.connect(t).run("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)")
	ctx, c := connectPgx(t, s, pgx.QueryExecModeExec)
	p := c.PgConn().StartPipeline(ctx)
	p.SendQueryParams("INSERT INTO t VALUES ('a', 1)", nil, nil, nil, nil)
	p.SendFlushRequest()
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	results, err := p.GetResults()
	if err != nil {
		t.Fatal(err)
	}
	if tag, err := results.(*pgconn.ResultReader).Close(); err != nil || tag.String() != "INSERT 0 1" {
		t.Fatalf("%s, %v", tag, err)
	}
	p.SendQueryParams("INSERT INTO t VALUES ('a', 1)", nil, nil, nil, nil)
	if err := p.Sync(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, p.Close(), "23505")
	var n int
	if err := c.QueryRow(ctx, "SELECT count(*) FROM t").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestPgxCancelsByContext(t *testing.T) {
	s := startServer(t, Options{})
	holder := lease(t, s)
	_, c := connectPgx(t, s, pgx.QueryExecModeExec)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Exec(ctx, "INSERT INTO t VALUES ('x', 1)"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	holder.do("ROLLBACK", "ROLLBACK", "Ready I")
	eventually(t, "the connection ends", func() bool { return s.Connections() <= 2 })
}

// Counters that many clients raise at once come out exact, whichever way the
// clients run their statements.
func TestPgxConcurrentCounters(t *testing.T) {
	s := startServer(t, Options{})
	s.connect(t).run("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER); INSERT INTO t VALUES ('a', 0)")
	const rounds = 30
	var clients sync.WaitGroup
	for _, mode := range execModes {
		ctx, c := connectPgx(t, s, mode)
		clients.Go(func() {
			for i := range rounds {
				if err := increment(ctx, c, i%2 == 0); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	clients.Wait()
	want := fmt.Sprint("Row ", rounds*len(execModes))
	s.connect(t).do("SELECT n FROM t", "Columns n:23/0", want, "SELECT 1", "Ready I")
}

func increment(ctx context.Context, c *pgx.Conn, inTransaction bool) error {
	const sql = "UPDATE t SET n = n + 1 WHERE id = $1"
	if !inTransaction {
		_, err := c.Exec(ctx, sql, "a")
		return err
	}
	return pgx.BeginTxFunc(ctx, c, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(tx pgx.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, "SELECT n FROM t WHERE id = $1", "a").Scan(&n); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE t SET n = $1 WHERE id = $2", n+1, "a")
		return err
	})
}

func TestPgxArrays(t *testing.T) {
	s := startServer(t, Options{})
	s.connect(t).run(everyType)
	s.connect(t).run("INSERT INTO e (id, b, ts, i, l, f, o) VALUES ('a', 'x', '2030-01-02', 1, 2, 3.5, true)")
	for name, mode := range execModes {
		ctx, c := connectPgx(t, s, mode)
		for sql, list := range map[string]any{
			"id = ANY ($1)": []string{"a", `b"\,`}, "b = ANY ($1)": [][]byte{[]byte("x"), {0}}, "i = ANY ($1)": []int32{1, 2}, "l = ANY ($1)": []int64{2},
			"f = ANY ($1)": []float64{3.5, 0.1}, "ts = ANY ($1::timestamp[])": []time.Time{time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)},
			"o = ANY ($1)": []bool{true}, "id <> ALL ($1)": []string{"b"}, "i <> ALL ($1)": []int32{},
		} {
			var count int
			if err := c.QueryRow(ctx, "SELECT count(*) FROM e WHERE "+sql, list).Scan(&count); err != nil || count != 1 {
				t.Errorf("%s, %s: %d rows, %v", name, sql, count, err)
			}
		}
	}
}
