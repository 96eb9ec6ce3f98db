package wire

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"chaisqld/engine"
	"chaisqld/gate"

	"github.com/jackc/pgx/v5/pgproto3"
)

// lease takes the writer and keeps it.
func lease(t *testing.T, s *testServer) *client {
	t.Helper()
	c := s.connect(t)
	c.run("CREATE TABLE IF NOT EXISTS t (id TEXT PRIMARY KEY, n INTEGER)")
	c.do("BEGIN; INSERT INTO t VALUES ('held', 1)", "BEGIN", "INSERT 0 1", "Ready T")
	return c
}

func TestReadsPassTheLease(t *testing.T) {
	s := startServer(t, Options{})
	holder, reader := lease(t, s), s.connect(t)
	reader.do("SELECT count(*) FROM t", "Columns count:20/0", "Row 0", "SELECT 1", "Ready I")
	reader.do("BEGIN; SELECT count(*) FROM t; COMMIT", "BEGIN", "Columns count:20/0", "Row 0", "SELECT 1", "COMMIT", "Ready I")
	holder.do("COMMIT", "COMMIT", "Ready I")
	reader.do("SELECT count(*) FROM t", "Columns count:20/0", "Row 1", "SELECT 1", "Ready I")
}

func TestLeasePassesOn(t *testing.T) {
	s := startServer(t, Options{})
	holder, next := lease(t, s), s.connect(t)
	next.send(query("UPDATE t SET n = n + 1 WHERE id = 'held'"))
	holder.do("COMMIT", "COMMIT", "Ready I")
	next.expect("UPDATE 1", "Ready I")
}

func TestLeaseEndsWithItsConnection(t *testing.T) {
	s := startServer(t, Options{})
	holder, next := lease(t, s), s.connect(t)
	next.send(query("INSERT INTO t VALUES ('held', 2)"))
	holder.nc.Close()
	next.expect("INSERT 0 1", "Ready I")
}

func TestIdleLeaseIsTakenAway(t *testing.T) {
	s := startServer(t, Options{IdleInTransaction: time.Second})
	reader := s.connect(t)
	reader.run("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)")
	reader.do("BEGIN; SELECT n FROM t", "BEGIN", "Columns n:23/0", "SELECT 0", "Ready T")
	holder, next := lease(t, s), s.connect(t)
	next.send(query("INSERT INTO t VALUES ('held', 2)"))
	holder.expect("FATAL 25P03", "EOF")
	next.expect("INSERT 0 1", "Ready I")
	reader.do("COMMIT", "COMMIT", "Ready I") // it was idle for longer, but held no writer
}

// cancelRequest sends one, as libpq does, on a connection of its own.
func cancelRequest(t *testing.T, s *testServer, id uint32, key []byte) {
	t.Helper()
	c := s.dial(t)
	c.sendBytes(packet(cancelRequestCode, string(binary.BigEndian.AppendUint32(nil, id))+string(key)))
	c.expect("EOF")
}

func keyOf(t *testing.T, s *testServer, c *client) (uint32, []byte) {
	t.Helper()
	c.send(startupMessage("user", "tester"))
	for {
		m, err := c.f.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if k, ok := m.(*pgproto3.BackendKeyData); ok {
			id, key := k.ProcessID, append([]byte(nil), k.SecretKey...)
			c.expect("Ready I")
			return id, key
		}
	}
}

func TestCancelRequest(t *testing.T) {
	s := startServer(t, Options{})
	holder := lease(t, s)
	c := s.dial(t)
	id, key := keyOf(t, s, c)
	cancelRequest(t, s, id, key) // nothing runs: nothing happens
	c.do("SELECT 1", "Columns ?column?:23/0", "Row 1", "SELECT 1", "Ready I")
	c.send(query("INSERT INTO t VALUES ('x', 1)"))
	eventually(t, "the statement waits for the writer", func() bool { return s.find(id).cancel.isBusy() })
	cancelRequest(t, s, id, []byte{key[0] ^ 1, key[1], key[2], key[3]})
	cancelRequest(t, s, id+1000, key)
	if !s.find(id).cancel.isBusy() {
		t.Fatal("a wrong key cancelled the statement")
	}
	cancelRequest(t, s, id, key)
	c.expect("ERROR 57014", "Ready I")
	holder.do("ROLLBACK", "ROLLBACK", "Ready I")
	c.do("INSERT INTO t VALUES ('x', 1)", "INSERT 0 1", "Ready I")
}

func (k *canceler) isBusy() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.busy
}

func TestStatementTimeout(t *testing.T) {
	s := startServer(t, Options{})
	holder, c := lease(t, s), s.connect(t)
	c.do("SET statement_timeout = 50", "SET", "Ready I")
	c.do("INSERT INTO t VALUES ('x', 1)", "ERROR 57014", "Ready I")
	c.do("BEGIN; INSERT INTO t VALUES ('x', 1)", "BEGIN", "ERROR 57014", "Ready E")
	c.do("ROLLBACK; BEGIN ISOLATION LEVEL SERIALIZABLE", "ROLLBACK", "ERROR 57014", "Ready I")
	holder.do("ROLLBACK", "ROLLBACK", "Ready I")
	c.run("RESET statement_timeout")
	c.do("INSERT INTO t VALUES ('x', 1)", "INSERT 0 1", "Ready I")
}

// A statement that finds its rows before it has the writer may decide on what
// is over by then. Where transactions are serial, single ones are so too.
func TestSingleStatementsAreSerialWhereTransactionsAre(t *testing.T) {
	s := startServer(t, Options{})
	holder, c := lease(t, s), s.connect(t)
	c.run("SET lock_timeout = 50")
	for _, isolation := range []string{"SERIALIZABLE", "REPEATABLE READ"} {
		c.run("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL " + isolation)
		c.do("DELETE FROM t WHERE n = 99", "ERROR 55P03", "Ready I")
		c.do("INSERT INTO t SELECT 'x', 1 FROM t WHERE n = 99", "ERROR 55P03", "Ready I")
	}
	c.run("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED")
	c.do("DELETE FROM t WHERE n = 99", "DELETE 0", "Ready I")
	holder.do("ROLLBACK", "ROLLBACK", "Ready I")
}

// Long statements are planned where long reads are run, so that they leave a
// processor to short ones; those who have the writer need not wait.
func TestLongStatementsArePlannedInTheLane(t *testing.T) {
	s := startServer(t, Options{})
	holder, c := lease(t, s), s.connect(t)
	long := func(name string) string { return "SELECT 1 AS " + name + strings.Repeat(", 1", 1000) }
	c.run(long("known"))
	c.run("SET statement_timeout = 50")
	for range max(runtime.GOMAXPROCS(0)-1, 1) {
		m := gate.NewMeter(s.lane, nil, 0)
		m.Begin(context.Background())
		defer m.End()
		if err := m.EnterLane(); err != nil {
			t.Fatal(err)
		}
	}
	c.do(long("strange"), "ERROR 57014", "Ready I")
	c.run(long("known"))
	c.do("SELECT 1", "Columns ?column?:23/0", "Row 1", "SELECT 1", "Ready I")
	holder.run(long("other"))
}

// The server's own limit holds whatever the client sets, and one statement's
// time is not the next one's.
func TestStatementTimeLimit(t *testing.T) {
	const limit = 500 * time.Millisecond
	s := serveDatabase(t, engine.Options{Dir: engine.Memory, IdleInTransaction: time.Minute, TransactionTime: time.Minute}, Options{StatementTimeout: limit})
	c := s.connect(t)
	c.run("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)")
	held, err := s.engine.Lease(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, own := range []string{"0", "1h", "20ms"} {
		c.run("SET statement_timeout = '" + own + "'")
		began := time.Now()
		c.do("INSERT INTO t VALUES ('x', 1)", "ERROR 57014", "Ready I")
		if took := time.Since(began); took > patience/4 || own != "20ms" && took < limit {
			t.Errorf("statement_timeout %s: %s", own, took)
		}
	}
	c.run("RESET statement_timeout")
	for range 4 {
		time.Sleep(limit / 3)
		c.do("SELECT 1", "Columns ?column?:23/0", "Row 1", "SELECT 1", "Ready I")
	}
	held.Rollback()
	c.do("INSERT INTO t VALUES ('x', 1)", "INSERT 0 1", "Ready I")
}

func TestStatementTimeoutBetweenRows(t *testing.T) {
	s := startServer(t, Options{})
	c := s.connect(t)
	c.run("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)")
	for i := range 16 {
		var values []string
		for j := range 1000 {
			values = append(values, fmt.Sprintf("('%d', 1)", i*1000+j))
		}
		c.run("INSERT INTO t VALUES " + strings.Join(values, ","))
	}
	c.run("SET statement_timeout = '1ms'")
	c.do("SELECT n FROM t WHERE n = 2", "ERROR 57014", "Ready I")
	c.run("RESET statement_timeout")
	c.do("SELECT 1", "Columns ?column?:23/0", "Row 1", "SELECT 1", "Ready I")
}
