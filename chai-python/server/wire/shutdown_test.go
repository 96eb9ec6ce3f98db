package wire

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

func TestIdleExit(t *testing.T) {
	const after = 50 * time.Millisecond
	s := startServer(t, Options{})
	c := s.connect(t)
	s.mu.Lock()
	s.options.IdleExit = after // now, or the server might be idle before its first client has come
	turn := s.idleTurn
	s.mu.Unlock()
	s.leaveIfIdle(turn)
	select {
	case <-s.Idle():
		t.Fatal("idle with a client connected")
	default:
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
	return s.refusal(&conn{})
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
	held, err := s.engine.Lease(t.Context(), nil) // nobody who can be disconnected
	if err != nil {
		t.Fatal(err)
	}
	defer held.Rollback()
	waiting.send(query("INSERT INTO t VALUES ('x', 1)"))
	eventually(t, "the statement waits", func() bool { return s.busy() == 1 })
	s.stop(time.Millisecond)
	waiting.expect("FATAL 57P01", "EOF")
}
