package wire

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []Options{
		{MaxConnections: -1}, {MaxUnauthenticated: -1}, {MaxMessageBytes: -1}, {MaxStatements: -1}, {MaxPortals: -1},
		{LoginTimeout: -1}, {LoginDelay: -1}, {StatementTimeout: -1}, {SendTimeout: -1}, {IdleInTransaction: -1}, {IdleExit: -1},
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
