package wire

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"chaisqld/engine"
	"chaisqld/gate"

	"github.com/jackc/pgx/v5/pgproto3"
)

// patience bounds every wait of these tests.
const patience = 20 * time.Second

// TestMain fails when a test leaves a goroutine of ours behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := lingering(); left != "" && code == 0 {
		fmt.Fprintln(os.Stderr, "goroutines left behind:\n"+left)
		code = 1
	}
	os.Exit(code)
}

func lingering() string {
	var left string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		all := make([]byte, 4<<20)
		all = all[:runtime.Stack(all, true)]
		left = ""
		for _, g := range strings.Split(string(all), "\n\n")[1:] {
			if strings.Contains(g, "chaisqld/wire.") || strings.Contains(g, "chaisqld/engine.") {
				left += g + "\n\n"
			}
		}
		if left == "" {
			break
		}
	}
	return left
}

// testServer is a real server on a real engine in memory.
type testServer struct {
	*Server
	t         testing.TB
	dir       string
	listeners []Listener
	stopped   bool
}

func startServer(t testing.TB, o Options, others ...Listener) *testServer {
	t.Helper()
	return serveDatabase(t, engine.Options{Dir: engine.Memory, IdleInTransaction: o.IdleInTransaction}, o, others...)
}

func serveDatabase(t testing.TB, e engine.Options, o Options, others ...Listener) *testServer {
	t.Helper()
	dir, err := os.MkdirTemp("", "wire")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	e.Fatal = func(reason string) { t.Errorf("engine: %s", reason) }
	if e.HangLimit == 0 {
		e.HangLimit = time.Minute // a busy machine takes its time
	}
	if e.TransactionTurn == 0 {
		e.TransactionTurn = time.Minute
	}
	db, err := engine.Open(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("engine: close: %v", err)
		}
	})
	server, err := NewServer(db, gate.New(gate.Limits{}), o)
	if err != nil {
		t.Fatal(err)
	}
	s := &testServer{Server: server, t: t, dir: dir}
	local, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.socket(), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	s.listeners = append(others, local)
	go s.Serve(s.listeners...)
	t.Cleanup(func() { s.stop(patience) })
	return s
}

func (s *testServer) socket() string { return filepath.Join(s.dir, ".s.PGSQL.5432") }

func (s *testServer) dsn() string {
	return "host=" + s.dir + " port=5432 user=tester dbname=chai sslmode=disable"
}

// stop leaves running statements as long as it is told.
func (s *testServer) stop(wait time.Duration) {
	if s.stopped {
		return
	}
	s.stopped = true
	os.Remove(s.socket())
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	s.Shutdown(ctx, s.listeners...)
}

// eventually waits for a condition that other goroutines bring about.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// client speaks the protocol message by message.
type client struct {
	t  testing.TB
	nc net.Conn
	f  *pgproto3.Frontend
}

// dial connects without a word.
func (s *testServer) dial(t testing.TB) *client {
	t.Helper()
	nc, err := net.Dial("unix", s.socket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	return &client{t: t, nc: nc, f: pgproto3.NewFrontend(nc, nc)}
}

// connect gets as far as the first ReadyForQuery.
func (s *testServer) connect(t testing.TB) *client {
	t.Helper()
	c := s.dial(t)
	c.send(startupMessage("user", "tester"))
	if got := c.untilReady(); got[len(got)-1] != "Ready I" {
		t.Fatalf("startup: %q", got)
	}
	return c
}

func startupMessage(pairs ...string) *pgproto3.StartupMessage {
	m := &pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{}}
	for i := 0; i < len(pairs); i += 2 {
		m.Parameters[pairs[i]] = pairs[i+1]
	}
	return m
}

func (c *client) send(messages ...pgproto3.FrontendMessage) {
	c.t.Helper()
	if err := c.write(messages); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// sendAside sends more than fits into the socket while replies are read; what
// it gives waits until all is sent, before which nothing else may be sent.
func (c *client) sendAside(messages ...pgproto3.FrontendMessage) (wait func()) {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if err := c.write(messages); err != nil {
			c.t.Errorf("send: %v", err) // Fatalf is for the test's own goroutine
		}
	}()
	return func() { <-sent }
}

func (c *client) write(messages []pgproto3.FrontendMessage) error {
	for _, m := range messages {
		c.f.Send(m)
	}
	return c.f.Flush()
}

func (c *client) sendBytes(b []byte) {
	c.t.Helper()
	if _, err := c.nc.Write(b); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// next gives one reply in a short form, "EOF" when there are no more.
func (c *client) next() string {
	m, err := c.f.Receive()
	switch {
	case err == nil:
		return short(m)
	case isTimeout(err):
		c.t.Helper()
		c.t.Fatalf("no reply within %s", patience)
	}
	return "EOF"
}

func (c *client) untilReady() []string {
	c.t.Helper()
	var got []string
	for {
		m := c.next()
		got = append(got, m)
		if m == "EOF" || strings.HasPrefix(m, "Ready") {
			return got
		}
	}
}

// expect compares the next replies.
func (c *client) expect(want ...string) {
	c.t.Helper()
	var got []string
	for range want {
		got = append(got, c.next())
		if got[len(got)-1] == "EOF" {
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		c.t.Fatalf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// do sends a simple query and compares the replies.
func (c *client) do(sql string, want ...string) {
	c.t.Helper()
	c.send(query(sql))
	c.expect(want...)
}

// run sends a simple query that must not fail.
func (c *client) run(sql string) {
	c.t.Helper()
	c.send(query(sql))
	for _, m := range c.untilReady() {
		if strings.HasPrefix(m, "ERROR") || strings.HasPrefix(m, "FATAL") || m == "EOF" {
			c.t.Fatalf("%s: %s", sql, m)
		}
	}
}

// safeBuffer is a log that several goroutines write to.
type safeBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func testLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
