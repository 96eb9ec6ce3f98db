package engine

import (
	"context"
	"fmt"
	"testing"
	"time"
)

const sessionsDDL = "CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMP NOT NULL)"
const expiryDDL = "CREATE INDEX IF NOT EXISTS idx_sessions_expiry ON sessions (expiry)"

var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func open(t testing.TB, o Options) *Engine {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	e, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

func createSessions(t testing.TB, e *Engine) {
	t.Helper()
	err := e.Write(context.Background(), WriteRequest{Schema: true, Run: func(w Writer) error {
		if err := w.Define(sessionsDDL); err != nil {
			return err
		}
		return w.Define(expiryDDL)
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func insert(token string, data []byte, expiry time.Time) func(Writer) error {
	return func(w Writer) error {
		return w.Exec("INSERT INTO sessions (token, data, expiry) VALUES ($1, $2, $3)", []any{token, data, expiry})
	}
}

func count(t testing.TB, e *Engine) (n int64) {
	t.Helper()
	err := e.Read(context.Background(), func(r Reader) error {
		return r.Query("SELECT COUNT(*) FROM sessions", nil, func(v []any) error { n = v[0].(int64); return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	e := open(t, Options{Dir: dir})
	createSessions(t, e)
	for i := range 100 {
		if err := e.Write(context.Background(), WriteRequest{Bytes: 100, Run: insert(fmt.Sprint("t", i), []byte("x"), epoch)}); err != nil {
			t.Fatal(err)
		}
		if n := count(t, e); n != int64(i+1) {
			t.Fatalf("count %d after %d inserts", n, i+1)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, Options{Dir: dir})
	if n := count(t, e); n != 100 {
		t.Fatal(n)
	}
	t.Logf("%+v", e.Catalogue().Table("sessions"))
}

func BenchmarkRead(b *testing.B) {
	e := open(b, Options{})
	createSessions(b, e)
	for i := range 1000 {
		if err := e.Write(context.Background(), WriteRequest{Bytes: 100, Run: insert(fmt.Sprint("t", i), []byte("x"), epoch)}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = e.Read(context.Background(), func(r Reader) error {
			return r.Query("SELECT data, expiry FROM sessions WHERE token = $1", []any{"t5"}, func(v []any) error { return nil })
		})
	}
}

func BenchmarkWrite64(b *testing.B) {
	e := open(b, Options{})
	createSessions(b, e)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		id := fmt.Sprintf("%p", pb)
		for i := 0; pb.Next(); i++ {
			if err := e.Write(context.Background(), WriteRequest{Bytes: 100, Run: insert(fmt.Sprint(id, i), []byte("x"), epoch.Add(time.Duration(i)*time.Millisecond))}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
