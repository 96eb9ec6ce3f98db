package wire

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"chaisqld/engine"

	"github.com/jackc/pgx/v5/pgproto3"
)

func TestCheckOfAServedDatabase(t *testing.T) {
	s := startServer(t, Options{})
	c := s.connect(t)
	c.run("SET client_min_messages = warning; CREATE TABLE t (id TEXT PRIMARY KEY, n BIGINT); CREATE INDEX i ON t (n)")
	c.run("INSERT INTO t VALUES ('a', 1), ('b', 2)")
	const report = `{"tables":[{"name":"t","rows":2,"indexes":[{"name":"i","entries":2}]}]}`
	c.do("SELECT chaisqld_check()", "Columns chaisqld_check:25/0", "Row "+report, "SELECT 1", "Ready I")
	c.do("SELECT chaisqld_check() AS r; SELECT 1", "Columns r:25/0", "Row "+report, "SELECT 1", "Columns ?column?:23/0", "Row 1", "SELECT 1", "Ready I")
	c.send(parse("", "SELECT chaisqld_check()"), bind("", ""), describe('P', ""), execute("", 1), execute("", 1), syncing)
	c.expect(parsed, bound, "Columns chaisqld_check:25/0", "Row "+report, "PortalSuspended", "SELECT 1", "Ready I")
}

func TestCheckTellsItsProgress(t *testing.T) {
	s := startServer(t, Options{})
	c := s.connect(t)
	c.run("CREATE TABLE t (id TEXT PRIMARY KEY)")
	c.send(query("SELECT chaisqld_check()"))
	m, err := c.f.Receive()
	notice, ok := m.(*pgproto3.NoticeResponse)
	if err != nil || !ok || notice.Severity != "NOTICE" {
		t.Fatalf("%T, %v", m, err)
	}
	var e engine.ProgressEvent
	if err := json.Unmarshal([]byte(notice.Message), &e); err != nil || e.Progress.Step != "check" || e.Progress.Done != e.Progress.Total {
		t.Errorf("%s: %v", notice.Message, err)
	}
}

func TestMaintenanceRefusals(t *testing.T) {
	s := startServer(t, Options{})
	c := s.connect(t)
	for sql, code := range map[string]string{
		"SELECT chaisqld_backup('/tmp/b')":     "0A000", // this one is in memory
		"SELECT chaisqld_backup(NULL)":         "22004",
		"SELECT chaisqld_backup(7)":            "42883",
		"SELECT chaisqld_backup()":             "42883",
		"SELECT chaisqld_check(*)":             "42883",
		"SELECT chaisqld_check(1)":             "42883",
		"SELECT chaisqld_check(), 1":           "0A000",
		"SELECT chaisqld_check() LIMIT 1":      "0A000",
		"SELECT 1 WHERE chaisqld_check() = ''": "0A000",
		"BEGIN; SELECT chaisqld_check()":       "25001",
	} {
		c.send(query(sql))
		got := c.untilReady()
		if all := strings.Join(got, " "); !strings.Contains(all, "ERROR "+code) {
			t.Errorf("%s: %q, want %s", sql, got, code)
		}
		c.run("ROLLBACK")
	}
}

func TestOnlyTheOwnerMaintains(t *testing.T) {
	s := startRemote(t, Options{})
	conn, err := s.pgx(t, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"SELECT chaisqld_check()", "SELECT chaisqld_backup('/tmp/b')"} {
		if _, err := conn.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s over TCP: %v", sql, err)
		}
	}
}

// watching is a connection whose client is the test.
func watching(t *testing.T) (*conn, *pgproto3.Frontend, net.Conn) {
	server, client := net.Pipe()
	t.Cleanup(func() { server.Close(); client.Close() })
	client.SetDeadline(time.Now().Add(patience))
	s, err := NewServer(nil, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return newConn(s, server), pgproto3.NewFrontend(client, client), client
}

// busy goes on, telling of it, until somebody stops it.
func busy(ctx context.Context, progress engine.Progress) (any, error) {
	for done := int64(0); ctx.Err() == nil; done++ {
		progress("work", done, 0)
		time.Sleep(time.Millisecond)
	}
	return nil, ctx.Err()
}

func TestWhatEndsAnOperation(t *testing.T) {
	for name, test := range map[string]struct {
		act  func(c *conn, client net.Conn)
		want error
	}{
		"cancel request":  {func(c *conn, _ net.Conn) { c.cancel.cancel(errUserCancel) }, errUserCancel},
		"client leaves":   {func(_ *conn, client net.Conn) { client.Close() }, errOver},
		"server shutdown": {func(c *conn, _ net.Conn) { c.drain() }, errAdminShutdown},
	} {
		t.Run(name, func(t *testing.T) {
			c, frontend, client := watching(t)
			result := make(chan error, 1)
			go func() {
				ctx := c.cancel.begin(0)
				defer c.cancel.end()
				_, err := c.watch(ctx, busy)
				result <- err
			}()
			if m, err := frontend.Receive(); err != nil {
				t.Fatalf("%T, %v", m, err)
			}
			test.act(c, client)
			go func() {
				for {
					if _, err := frontend.Receive(); err != nil {
						return
					}
				}
			}()
			select {
			case err := <-result:
				if !errors.Is(err, test.want) {
					t.Errorf("%v, want %v", err, test.want)
				}
			case <-time.After(patience):
				t.Fatal("it goes on")
			}
		})
	}
}

func TestAPanicOfAnOperationIsAnError(t *testing.T) {
	c, _, _ := watching(t)
	_, err := c.watch(t.Context(), func(context.Context, engine.Progress) (any, error) { panic("secret") })
	if err == nil || strings.Contains(err.Error(), "secret") || sqlstate(err) != "XX000" {
		t.Errorf("%v", err)
	}
}
