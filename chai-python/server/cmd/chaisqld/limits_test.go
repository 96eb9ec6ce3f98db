package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"chaisqld/engine"
	"chaisqld/wire"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// limitedServer takes its limits from the environment, as a unit file gives them.
func limitedServer(t *testing.T, settings ...string) string {
	t.Helper()
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		t.Setenv("CHAISQLD_"+name, value)
	}
	dir := filepath.Join(shortDir(t), "db")
	start(t, dir, "--dir", dir)
	execute(t, connect(t, dir), "CREATE TABLE t (id TEXT PRIMARY KEY, v BYTEA)")
	return dir
}

func wantState(t *testing.T, err error, code string) {
	t.Helper()
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("got %v, want SQLSTATE %s", err, code)
	}
}

func try(t *testing.T, c *pgx.Conn, sql string, args ...any) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := c.Exec(ctx, sql, args...)
	return err
}

func TestLimitOfConnections(t *testing.T) {
	dir := limitedServer(t, "MAX_CONNECTIONS=2")
	connect(t, dir)
	_, err := dial(t.Context(), dir)
	wantState(t, err, "53300")
}

func TestLimitOfMessages(t *testing.T) {
	dir := limitedServer(t, "MAX_MESSAGE_BYTES=100000")
	c := connect(t, dir)
	if err := try(t, c, "INSERT INTO t VALUES ('a', $1)", make([]byte, 90_000)); err != nil {
		t.Errorf("below the limit: %v", err)
	}
	wantState(t, try(t, c, "INSERT INTO t VALUES ('b', $1)", make([]byte, 100_001)), "54000")
	if !c.IsClosed() {
		t.Error("the connection goes on in the middle of a message")
	}
}

func TestLimitOfStatements(t *testing.T) {
	c := connect(t, limitedServer(t, "MAX_STATEMENTS=3"))
	for i := range 4 {
		_, err := c.Prepare(t.Context(), fmt.Sprint("s", i), "SELECT 1")
		if i < 3 && err != nil {
			t.Fatal(err)
		}
		if i == 3 {
			wantState(t, err, "53400")
		}
	}
}

func TestLimitsOfMemory(t *testing.T) {
	for limit, code := range map[string]string{"CONNECTION_MEMORY=2000000": "54000", "MEMORY=2000000": "53200"} {
		t.Run(limit, func(t *testing.T) {
			c := connect(t, limitedServer(t, limit))
			execute(t, c, "INSERT INTO t VALUES ('a', $1)", make([]byte, 1_000_000))
			wantState(t, try(t, c, "INSERT INTO t VALUES ('b', $1)", make([]byte, 3_900_000)), code)
			execute(t, c, "DELETE FROM t")
		})
	}
}

func TestLimitOfTransactions(t *testing.T) {
	c := connect(t, limitedServer(t, "MAX_TRANSACTION_BYTES=10000"))
	execute(t, c, "BEGIN")
	execute(t, c, "INSERT INTO t VALUES ('a', $1)", make([]byte, 6000))
	wantState(t, try(t, c, "INSERT INTO t VALUES ('b', $1)", make([]byte, 6000)), "54000")
	execute(t, c, "ROLLBACK")
	wantState(t, try(t, c, "INSERT INTO t VALUES ('b', $1)", make([]byte, 12000)), "54000")
	execute(t, c, "INSERT INTO t VALUES ('b', $1)", make([]byte, 6000))
}

// Every flag's value arrives in the options of the engine or of the connections.
func TestLimitsReachTheirOptions(t *testing.T) {
	var f limitFlags
	flags := reflect.ValueOf(&f).Elem()
	for i := range flags.NumField() {
		flags.Field(i).SetInt(int64(1_000_003 + i))
	}
	arrived := map[int64]bool{int64(f.MaxConnections + ownReads): true}
	for _, o := range []reflect.Value{reflect.ValueOf(f.limitEngine(engine.Options{})), reflect.ValueOf(f.limitWire(wire.Options{}))} {
		for i := range o.NumField() {
			if o.Field(i).CanInt() {
				arrived[o.Field(i).Int()] = true
			}
		}
	}
	for i := range flags.NumField() {
		if !arrived[flags.Field(i).Int()] {
			t.Errorf("nobody keeps --%s", flagName(flags.Type().Field(i).Name))
		}
	}
}

func TestLimitOfPortals(t *testing.T) {
	c := connect(t, limitedServer(t, "MAX_PORTALS=1"))
	if _, err := c.Prepare(t.Context(), "s", "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	p := c.PgConn().Frontend()
	for _, name := range []string{"a", "b"} {
		p.SendBind(&pgproto3.Bind{DestinationPortal: name, PreparedStatement: "s"})
	}
	p.SendSync(&pgproto3.Sync{})
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	for {
		m, err := p.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := m.(*pgproto3.ErrorResponse); ok {
			wantState(t, pgconn.ErrorResponseToPgError(e), "53400")
			return
		}
	}
}

// failure repeats a statement until it fails.
func failure(t *testing.T, c *pgx.Conn, sql string) (err error) {
	t.Helper()
	waitUntil(t, sql+" fails", func() bool { err = try(t, c, sql); return err != nil })
	return err
}

func TestLimitsOfTransactionTime(t *testing.T) {
	dir := limitedServer(t, "TRANSACTION_TIME=200ms", "READ_TRANSACTION_TIME=200ms", "TRANSACTION_TURN=1h")
	for begin, work := range map[string]string{"BEGIN": "DELETE FROM t", "BEGIN READ ONLY": "SELECT id FROM t"} {
		c := connect(t, dir)
		execute(t, c, begin)
		wantState(t, failure(t, c, work), "25P04")
	}
}

// A transaction gives way to others, who do not fail because of it.
func TestLimitOfTransactionTurn(t *testing.T) {
	dir := limitedServer(t, "TRANSACTION_TURN=200ms")
	holder, c := connect(t, dir), connect(t, dir)
	execute(t, holder, "BEGIN")
	execute(t, holder, "INSERT INTO t VALUES ('a', '')")
	execute(t, c, "INSERT INTO t VALUES ('a', '')")
	wantState(t, try(t, holder, "INSERT INTO t VALUES ('b', '')"), "40001")
}

func TestLimitOfReadTransactions(t *testing.T) {
	dir := limitedServer(t, "MAX_READ_TRANSACTIONS=1")
	holder, c := connect(t, dir), connect(t, dir)
	for _, client := range []*pgx.Conn{holder, c} {
		execute(t, client, "BEGIN READ ONLY")
	}
	execute(t, holder, "SELECT id FROM t")
	wantState(t, try(t, c, "SELECT id FROM t"), "53400")
	execute(t, c, "ROLLBACK")
	execute(t, c, "SELECT id FROM t")
}

// While one client holds the writer, others wait for as long as the limits say:
// that of waiting, or that of the statement.
func TestLimitsOfWaiting(t *testing.T) {
	for limit, code := range map[string]string{"WRITER_WAIT=200ms": "55P03", "STATEMENT_TIMEOUT=200ms": "57014"} {
		t.Run(limit, func(t *testing.T) {
			dir := limitedServer(t, limit)
			holder, c := connect(t, dir), connect(t, dir)
			execute(t, holder, "BEGIN")
			execute(t, holder, "INSERT INTO t VALUES ('a', '')")
			began := time.Now()
			wantState(t, try(t, c, "INSERT INTO t VALUES ('b', '')"), code)
			if took := time.Since(began); took < 200*time.Millisecond || took > 4*time.Second {
				t.Errorf("after %s", took)
			}
			execute(t, c, "SELECT id FROM t")
			execute(t, holder, "COMMIT")
			execute(t, c, "INSERT INTO t VALUES ('b', '')")
		})
	}
}

func TestLimitsOfIdleTransactions(t *testing.T) {
	const limit = time.Second
	dir := limitedServer(t, "IDLE_IN_TRANSACTION=1s", "IDLE_READ_TRANSACTION=1s")
	tests := []struct{ name, begin, work, code string }{
		{"read, but might write", "BEGIN", "SELECT id FROM t", ""},
		{"nothing", "BEGIN READ ONLY", "SELECT 1", ""},
		{"written", "BEGIN", "INSERT INTO t VALUES ('a', '')", "25P03"},
		{"read only", "BEGIN READ ONLY", "SELECT id FROM t", "25P03"},
	}
	var clients []*pgx.Conn
	for _, test := range tests {
		c := connect(t, dir)
		execute(t, c, test.begin)
		execute(t, c, test.work)
		clients = append(clients, c)
	}
	time.Sleep(limit + limit/2) // the point is to be idle for longer than the limit
	for i, test := range tests {
		if test.code == "" {
			execute(t, clients[i], "SELECT id FROM t")
			continue
		}
		var err error
		waitUntil(t, test.name+": its end", func() bool {
			if err = listen(t, clients[i]); err == nil {
				err = try(t, clients[i], "SELECT 1 FROM t WHERE id = 'none'")
			}
			return err != nil
		})
		wantState(t, err, test.code)
	}
	execute(t, connect(t, dir), "INSERT INTO t VALUES ('a', '')") // what was begun is rolled back, and the writer free
}

// listen gives what the server has said without being asked: an error before it hung up.
func listen(t *testing.T, c *pgx.Conn) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := c.WaitForNotification(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

func TestLimitOfLogins(t *testing.T) {
	f := newRemoteFiles(t)
	t.Setenv("CHAISQLD_MAX_UNAUTHENTICATED", "1")
	t.Setenv("CHAISQLD_LOGIN_TIMEOUT", "2s")
	dir := filepath.Join(shortDir(t), "db")
	s := start(t, dir, append(f.flags(), "--dir", dir, "--listen", "tcp://127.0.0.1:0")...)
	knocking := f.knock(s)
	knocking.SetReadDeadline(time.Now().Add(patience))
	if n, err := knocking.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("who only knocks got %d bytes, %v", n, err)
	}
	for range 2 {
		silent := f.knock(s)
		if _, err := f.login(s, "alice", "secret"); err != nil {
			t.Errorf("beside one who only knocks: %v", err)
		}
		silent.Close()
	}
}

// Every limit has a flag with a default in its help, and nonsense is refused.
func TestLimitFlags(t *testing.T) {
	_, help := command(t, "serve", "--help")
	help = strings.Join(strings.Fields(help), " ")
	limits := reflect.TypeFor[limitFlags]()
	for i := range limits.NumField() {
		field := limits.Field(i)
		flag := "--" + flagName(field.Name)
		_, after, found := strings.Cut(help, flag+"=")
		if !found || !strings.Contains(after[:strings.Index(after+" --", " --")], "Default: ") {
			t.Errorf("%s: no default in the help", flag)
		}
		negative := "-1"
		if field.Type == reflect.TypeFor[time.Duration]() {
			negative = "-1s"
		}
		for _, nonsense := range []string{negative, "x"} {
			code, out := command(t, "--dir", filepath.Join(shortDir(t), "db"), flag+"="+nonsense)
			if code != exitUsage || !strings.Contains(out, flag) {
				t.Errorf("%s=%s: %d %q", flag, nonsense, code, out)
			}
		}
	}
	for _, flag := range []string{"--max-connections=0", "--max-message-bytes=1000", "--connection-memory=1000000", "--memory=1000000", "--max-transaction-bytes=5000000", "--statement-timeout=0s"} {
		if code, out := command(t, "--dir", filepath.Join(shortDir(t), "db"), flag); code != exitUsage || !strings.Contains(out, flag[:strings.Index(flag, "=")]) {
			t.Errorf("%s: %d %q", flag, code, out)
		}
	}
}

// flagName is how kong writes a field's name.
func flagName(field string) string {
	var b strings.Builder
	for i, r := range field {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// Whatever clients send as values, keys, passwords or in statements, and
// whatever of it fails, stays out of the log.
func TestLogShowsNoValues(t *testing.T) {
	const canary = "c4n4ry"
	f := newRemoteFiles(t)
	f.setPassword("alice", canary+"-password")
	dir := filepath.Join(shortDir(t), "db")
	s := start(t, dir, append(f.flags(), "--dir", dir, "--listen", "tcp://127.0.0.1:0", "--log-level", "debug", "--max-message-bytes", "65536",
		"--max-transaction-bytes", "20000", "--idle-in-transaction", "500ms", "--transaction-turn", "1h")...)
	c, err := f.login(s, "alice", canary+"-password")
	if err != nil {
		t.Fatal(err)
	}
	f.login(s, "alice", canary+"-wrong")
	f.login(s, canary+"-user", "x")
	execute(t, c, "CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER, v BYTEA)")
	execute(t, c, "INSERT INTO t VALUES ($1, 1, $2)", canary, []byte(canary))
	large := bytes.Repeat([]byte(canary), 5000)
	for _, test := range []struct {
		sql  string
		args []any
	}{
		{"INSERT INTO t VALUES ($1, 1, $2)", []any{canary, []byte(canary)}},
		{"INSERT INTO t VALUES ($1, 1, '')", []any{strings.Repeat(canary, 100)}},
		{"INSERT INTO t VALUES ('x', 1, $1)", []any{large}},
		{"INSERT INTO t VALUES ('" + canary + "', 1, '')", nil},
		{"SELECT '" + canary + "'::integer", nil},
		{"SELECT '" + canary, nil},
		{"SELECT " + canary + " FROM " + canary, nil},
		{"UPDATE t SET n = $1 WHERE id = $2", []any{"x" + canary, canary}},
		{"SET application_name = '" + canary + "'; SELECT nosuch", nil},
		{"SET timezone = '" + canary + "'", nil},
		{"SELECT id FROM t WHERE id = '" + canary + "' AND v = '\\x" + canary + "'", nil},
	} {
		if err := try(t, c, test.sql, append([]any{pgx.QueryExecModeExec}, test.args...)...); err == nil && len(test.args) > 0 {
			t.Errorf("%s did not fail", test.sql)
		}
	}
	execute(t, c, "BEGIN")
	execute(t, c, "INSERT INTO t VALUES ($1, 1, '')", canary+"-held")
	try(t, connect(t, dir), "INSERT INTO t VALUES ($1, 1, '')", canary+"-waiting")
	waitUntil(t, "the idle transaction ends", func() bool { return strings.Contains(s.out.String(), "25P03") })
	try(t, connect(t, dir), "INSERT INTO t VALUES ('y', 1, $1)", bytes.Repeat([]byte(canary), 20_000))
	s.stop()
	s.wait()
	log := s.out.String()
	for _, code := range []string{"23505", "54000", "22P02", "42601", "login failed"} {
		if !strings.Contains(log, code) {
			t.Errorf("the run did not get to %s", code)
		}
	}
	for line := range strings.Lines(log) {
		if strings.Contains(strings.ToLower(line), canary) || strings.Contains(line, fmt.Sprintf("%x", canary)) {
			t.Errorf("logged: %s", line)
		}
	}
}
