package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

const sessionsDDL = "CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMP NOT NULL)"
const expiryDDL = "CREATE INDEX IF NOT EXISTS idx_sessions_expiry ON sessions (expiry)"

var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// patient is the hang limit of every test that is not about hanging: a busy machine takes its time.
const patient = time.Minute

func open(t testing.TB, o Options) *Engine {
	t.Helper()
	if o.HangLimit == 0 {
		o.HangLimit = patient
	}
	if o.TransactionTurn == 0 {
		o.TransactionTurn = patient // tests let writes wait behind a lease
	}
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

func BenchmarkRead(b *testing.B) {
	e := sessions(b, Options{})
	err := inBatches(e, 10_000, func(w Writer, i int) error {
		return insert(fmt.Sprintf("%043d", i), make([]byte, 256), epoch.Add(time.Duration(i)*time.Millisecond))(w)
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		err := e.Read(context.Background(), func(r Reader) error {
			return r.Query("SELECT data, expiry FROM sessions WHERE token = $1", []any{fmt.Sprintf("%043d", i%10_000)},
				func([]any) error { return nil })
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteBy64(b *testing.B) {
	e := sessions(b, Options{})
	var clients atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		client := clients.Add(1)
		for i := 0; pb.Next(); i++ {
			token, expiry := fmt.Sprintf("%d-%d", client, i), epoch.Add(time.Duration(i)*time.Millisecond+time.Duration(client)*time.Microsecond)
			if err := e.Write(context.Background(), WriteRequest{Bytes: 300, Run: insert(token, make([]byte, 256), expiry)}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
