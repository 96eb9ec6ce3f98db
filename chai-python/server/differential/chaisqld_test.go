package differential

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/wire"

	"github.com/jackc/pgx/v5/pgconn"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// startChaisqld runs this server on an engine in memory.
func startChaisqld(t *testing.T) (dsn string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "differential")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	db, err := engine.Open(t.Context(), engine.Options{Dir: engine.Memory, HangLimit: time.Minute, Fatal: func(reason string) { t.Errorf("engine: %s", reason) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	server, err := wire.NewServer(db, gate.New(gate.Limits{}), wire.Options{Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, ".s.PGSQL.5432"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		server.Shutdown(ctx, listener)
	})
	return "host=" + dir + " port=5432 user=tester dbname=chai sslmode=disable"
}

// bothServers starts and connects to chaisqld and PostgreSQL; without the latter the test is skipped.
func bothServers(t *testing.T) (ours, theirs *pgconn.PgConn) {
	t.Helper()
	postgres := startPostgres(t)
	return connect(t, startChaisqld(t)), connect(t, postgres)
}

// connect tries until the server answers.
func connect(t *testing.T, dsn string) *pgconn.PgConn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		c, err := pgconn.Connect(ctx, dsn)
		if err == nil {
			t.Cleanup(func() { c.Close(context.Background()) })
			return c
		}
		select {
		case <-ctx.Done():
			t.Fatalf("connect: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
