package wire

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chaisqld/engine"

	"github.com/jackc/pgx/v5/pgproto3"
)

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []Options{
		{MaxConnections: -1}, {MaxMessageBytes: -1}, {MaxStatements: -1}, {MaxPortals: -1},
		{StartupTimeout: -1}, {WriteTimeout: -1}, {LeaseIdle: -1}, {IdleExit: -1},
	} {
		if _, err := NewServer(nil, nil, o); err == nil || !strings.Contains(err.Error(), "-1") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestTooManyConnections(t *testing.T) {
	s := startServer(t, Options{MaxConnections: 2})
	first, second := s.connect(t), s.connect(t)
	third := s.dial(t)
	third.send(startupMessage("user", "tester"))
	third.expect("FATAL 53300", "EOF")
	second.send(&pgproto3.Terminate{})
	second.expect("EOF")
	eventually(t, "room for another", func() bool { return s.Connections() == 1 })
	s.connect(t)
	first.do("", "EmptyQueryResponse", "Ready I")
}

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
	s := startServer(t, Options{LeaseIdle: 200 * time.Millisecond})
	holder, next := lease(t, s), s.connect(t)
	next.send(query("INSERT INTO t VALUES ('held', 2)"))
	holder.expect("FATAL 25P03", "EOF")
	next.expect("INSERT 0 1", "Ready I")
	next.do("BEGIN; SELECT n FROM t", "BEGIN", "Columns n:23/0", "Row 2", "SELECT 1", "Ready T")
	time.Sleep(400 * time.Millisecond) // no writer held: no limit
	next.do("COMMIT", "COMMIT", "Ready I")
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
	c.do("INSERT INTO t VALUES ('x', 1)", "INSERT 0 1", "Ready I")
}

func TestStatementTimeoutBetweenRows(t *testing.T) {
	s := startServer(t, Options{})
	c := s.connect(t)
	c.run("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)")
	for i := range 4 {
		var values []string
		for j := range 1000 {
			values = append(values, fmt.Sprintf("('%d', 1)", i*1000+j))
		}
		c.run("INSERT INTO t VALUES " + strings.Join(values, ","))
	}
	c.run("SET statement_timeout = '1ms'")
	c.do("SELECT n FROM t WHERE n = 2", "ERROR 57014", "Ready I")
	c.do("SELECT 1", "Columns ?column?:23/0", "Row 1", "SELECT 1", "Ready I")
}

func TestIdleExit(t *testing.T) {
	const after = 50 * time.Millisecond
	s := startServer(t, Options{IdleExit: after})
	c := s.connect(t)
	select {
	case <-s.Idle():
		t.Fatal("idle with a client connected")
	case <-time.After(3 * after):
	}
	left := time.Now()
	c.nc.Close()
	select {
	case <-s.Idle():
	case <-time.After(patience):
		t.Fatal("never idle")
	}
	if waited := time.Since(left); waited < after {
		t.Errorf("idle after %s, should be %s", waited, after)
	}
	late := s.dial(t) // after the decision, before the socket is gone
	late.send(startupMessage("user", "tester"))
	late.expect("FATAL 57P03", "EOF")
}

func TestIdleExitWithoutAnyClient(t *testing.T) {
	s := startServer(t, Options{IdleExit: time.Millisecond})
	select {
	case <-s.Idle():
	case <-time.After(patience):
		t.Fatal("never idle")
	}
}

// Clients that keep coming while the server decides to leave are either served
// or told to come again, never left with a bare disconnect.
func TestIdleExitRaces(t *testing.T) {
	for range 8 {
		s := startServer(t, Options{IdleExit: time.Millisecond})
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for {
					nc, err := net.Dial("unix", s.socket())
					if err != nil {
						return // the name is gone: a client would start a server
					}
					if !servedOrRefused(t, nc) {
						return
					}
				}
			})
		}
		<-s.Idle()
		s.stop(patience)
		clients.Wait()
	}
}

// servedOrRefused reports whether the server served; it fails the test when it
// did neither.
func servedOrRefused(t *testing.T, nc net.Conn) bool {
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	c := &client{t: t, nc: nc, f: pgproto3.NewFrontend(nc, nc)}
	c.f.Send(startupMessage("user", "tester"))
	if err := c.f.Flush(); err != nil {
		t.Errorf("start packet: %v", err)
		return false
	}
	for {
		m, err := c.f.Receive()
		if err != nil {
			t.Errorf("neither served nor refused: %v", err)
			return false
		}
		switch got := short(m); got {
		case "Ready I":
			return true
		case "FATAL 57P03", "FATAL 57P01":
			return false
		}
	}
}

func TestShutdownLetsStatementsFinish(t *testing.T) {
	s := startServer(t, Options{})
	idle, holder, waiting := s.connect(t), lease(t, s), s.connect(t)
	waiting.send(query("INSERT INTO t VALUES ('x', 1)"))
	eventually(t, "the statement waits", func() bool { return s.busy() == 1 })
	stopped := make(chan struct{})
	go func() { defer close(stopped); s.stop(patience) }()
	idle.expect("FATAL 57P01", "EOF")
	holder.expect("FATAL 57P01", "EOF") // idle in its transaction, which frees the writer
	waiting.expect("INSERT 0 1", "Ready I", "FATAL 57P01", "EOF")
	<-stopped
}

func TestShutdownDuringStartup(t *testing.T) {
	s := startServer(t, Options{})
	silent, slow := s.dial(t), s.dial(t)
	start := packet(3<<16, "user\x00u\x00\x00")
	slow.sendBytes(start[:5])
	eventually(t, "both are there", func() bool { return s.Connections() == 2 })
	stopped := make(chan struct{})
	go func() { defer close(stopped); s.stop(patience) }()
	eventually(t, "the server leaves", func() bool { return s.refusalNow() != nil })
	slow.sendBytes(start[5:])
	if got := slow.untilReady(); got[len(got)-1] != "Ready I" {
		t.Errorf("got %q", got)
	}
	slow.expect("FATAL 57P01", "EOF")
	silent.expect("EOF")
	<-stopped
}

func (s *testServer) refusalNow() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusal()
}

func (s *testServer) busy() int {
	n := 0
	s.each(func(c *conn) {
		if c.cancel.isBusy() {
			n++
		}
	})
	return n
}

func TestShutdownCancelsWhatDoesNotEnd(t *testing.T) {
	s := startServer(t, Options{})
	waiting := s.connect(t)
	waiting.run("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)")
	held, err := s.engine.Lease(t.Context()) // nobody who can be disconnected
	if err != nil {
		t.Fatal(err)
	}
	defer held.Rollback()
	waiting.send(query("INSERT INTO t VALUES ('x', 1)"))
	eventually(t, "the statement waits", func() bool { return s.busy() == 1 })
	s.stop(time.Millisecond)
	waiting.expect("FATAL 57P01", "EOF")
}

func TestPanicClosesOnlyItsConnection(t *testing.T) {
	var log safeBuffer
	var broken atomic.Bool
	s := startServer(t, Options{Log: testLog(&log), Now: func() time.Time {
		if broken.Load() {
			panic("secret-value")
		}
		return time.Now()
	}})
	c, other := s.connect(t), s.connect(t)
	c.do("BEGIN", "BEGIN", "Ready T")
	broken.Store(true)
	c.send(query("SELECT 'secret-literal'"))
	c.expect("FATAL XX000", "EOF")
	broken.Store(false)
	other.do("SELECT 1", "Columns ?column?:23/0", "Row 1", "SELECT 1", "Ready I")
	eventually(t, "the connection ends", func() bool { return s.Connections() == 1 })
	if text := log.String(); !strings.Contains(text, "panic in a connection") || strings.Contains(text, "secret") {
		t.Errorf("log: %s", text)
	}
}

func TestLogsHoldNoValues(t *testing.T) {
	var log safeBuffer
	s := startServer(t, Options{Log: testLog(&log)})
	c := s.connect(t)
	c.run("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)")
	c.do("INSERT INTO t VALUES ('secret-literal', 1)", "INSERT 0 1", "Ready I")
	c.do("INSERT INTO t VALUES ('secret-literal', 1)", "ERROR 23505", "Ready I")
	c.do("SELECT 'secret-literal'::integer", "ERROR 22P02", "Ready I")
	c.send(messages(whole("SELECT id FROM t WHERE n = $1", "secret-parameter"), syncing)...)
	c.expect(parsed, "ERROR 22P02", "Ready I")
	c.do("SELECT 'secret-literal", "ERROR 42601", "Ready I")
	if text := log.String(); strings.Contains(text, "secret") || !strings.Contains(text, "23505") {
		t.Errorf("log: %s", text)
	}
}

func TestSlowReaderIsDisconnected(t *testing.T) {
	s := startServer(t, Options{WriteTimeout: 100 * time.Millisecond})
	c := s.connect(t)
	c.run("CREATE TABLE t (id TEXT PRIMARY KEY, b BYTEA)")
	c.send(parse("", "INSERT INTO t VALUES ('a', $1)"),
		&pgproto3.Bind{Parameters: [][]byte{make([]byte, 2<<20)}, ParameterFormatCodes: []int16{1}}, execute(""), syncing)
	c.expect(parsed, bound, "INSERT 0 1", "Ready I")
	c.send(query("SELECT b FROM t")) // and nobody reads the 4 MB
	eventually(t, "the connection ends", func() bool { return s.Connections() == 0 })
}

func TestClientThatOnlySends(t *testing.T) {
	s := startServer(t, Options{WriteTimeout: 100 * time.Millisecond, MaxConnections: 1})
	c := s.connect(t)
	endless, err := query("SELECT 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'").Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := c.nc.Write(endless); err != nil {
			break
		}
	}
	eventually(t, "the connection ends", func() bool { return s.Connections() == 0 })
	s.connect(t)
}

func TestHalfClosedClientGetsItsReplies(t *testing.T) {
	s := startServer(t, Options{})
	c := s.connect(t)
	c.send(query("SELECT 1"))
	if err := c.nc.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.expect("Columns ?column?:23/0", "Row 1", "SELECT 1", "Ready I", "EOF")
	if _, err := c.nc.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
}

func TestLimitsOfAConnection(t *testing.T) {
	s := startServer(t, Options{MaxStatements: 2, MaxPortals: 2})
	c := s.connect(t)
	c.send(parse("a", "SELECT 1"), parse("b", "SELECT 1"), syncing, parse("c", "SELECT 1"), syncing)
	c.expect(parsed, parsed, "Ready I", "ERROR 53400", "Ready I")
	c.send(closing('S', "a"), parse("c", "SELECT 1"), bind("p", "b"), bind("q", "b"), bind("r", "b"), syncing)
	c.expect(closed, parsed, bound, bound, "ERROR 53400", "Ready I")
}

// A batch that outgrows its limits goes on in a transaction that is held.
func TestLongPipeline(t *testing.T) {
	s := startServer(t, Options{})
	c := s.connect(t)
	c.run("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)")
	const rows = 2*maxBatchSteps + 10
	all := messages(parse("s", "INSERT INTO t VALUES ($1, 1)"))
	want := []string{parsed}
	for i := range rows {
		all = append(all, bind("", "s", fmt.Sprint(i)), execute(""))
		want = append(want, bound, "INSERT 0 1")
	}
	done := make(chan struct{})
	go func() { defer close(done); c.send(append(all, syncing)...) }()
	c.expect(append(want, "Ready I")...)
	<-done
	c.do("SELECT count(*) FROM t", "Columns count:20/0", fmt.Sprint("Row ", rows), "SELECT 1", "Ready I")
	all[len(all)-2] = bind("", "s", "0") // the last of them fails: none stays
	c.run("DELETE FROM t")
	go c.send(append(all[1:], syncing)...)
	got := c.untilReady()
	if got[len(got)-2] != "ERROR 23505" {
		t.Errorf("got … %q", got[len(got)-3:])
	}
	c.do("SELECT count(*) FROM t", "Columns count:20/0", "Row 0", "SELECT 1", "Ready I")
}

var _ engine.Reader = watchedReader{}
var _ engine.Writer = watchedWriter{}
