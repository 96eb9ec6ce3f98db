package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"chaisqld/engine"
)

// What the fuzz targets of this package share: a server that keeps its tables, and notes its own defects.

const (
	fuzzRows    = "Row a|1|2|0.5|\\x61|2025-01-01 00:00:00|t|m"
	fuzzHeapMax = 512 << 20
)

var fuzzSchema = strings.Join([]string{
	`CREATE TABLE t (k TEXT PRIMARY KEY, i INTEGER, b BIGINT, d DOUBLE PRECISION, y BYTEA, ts TIMESTAMP, o BOOLEAN, "Mixed" TEXT DEFAULT 'x')`,
	`CREATE INDEX t_ts_idx ON t (ts)`,
	`CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMP NOT NULL)`,
	`CREATE INDEX idx_sessions_expiry ON sessions (expiry)`,
	`INSERT INTO t VALUES ('a', 1, 2, 0.5, '\x61', '2025-01-01', true, 'm')`,
}, ";")

// fuzzServer is what one fuzzing process sends all its inputs to.
type fuzzServer struct {
	*testServer
	defects *defectLog
	tables  uint64 // version of the catalogue with the tables as they should be
	inputs  int
}

func startFuzzServer(f *testing.F) *fuzzServer {
	log := &defectLog{}
	s := &fuzzServer{defects: log, testServer: startServer(f, Options{
		Log: slog.New(log), MaxMessageBytes: 1 << 20, LoginTimeout: patience / 4, IdleInTransaction: patience / 4, SendTimeout: patience / 4,
	})}
	c := s.connect(f)
	s.restore(c)
	c.send(&pgproto3.Terminate{})
	return s
}

// restore makes the tables anew.
func (s *fuzzServer) restore(c *client) {
	c.t.Helper()
	for _, table := range s.engine.Catalogue().Tables() {
		c.run(`DROP TABLE "` + strings.ReplaceAll(engine.ShownName(table.Name), `"`, `""`) + `"`)
	}
	c.run(fuzzSchema)
	s.tables = s.engine.Catalogue().Version
}

// settle ends an input: nobody is left, another client is served, the tables are put in order, and nothing of what
// happened was the server's fault.
func (s *fuzzServer) settle(t *testing.T) {
	t.Helper()
	eventually(t, "the connection ends", func() bool { return s.Connections() == 0 })
	c := s.connect(t)
	if s.engine.Catalogue().Version != s.tables {
		s.restore(c)
	}
	c.send(query("SELECT * FROM t; SELECT * FROM sessions"))
	if got := rowsOf(c.untilReady()); len(got) != 1 || got[0] != fuzzRows {
		s.restore(c)
	}
	c.send(&pgproto3.Terminate{})
	c.expect("EOF")
	eventually(t, "the other client leaves", func() bool { return s.Connections() == 0 })
	if defect := s.defects.take(); defect != "" {
		t.Errorf("the server logged: %s", defect)
	}
	if s.inputs++; s.inputs%500 == 0 {
		s.audit(t)
	}
}

// audit looks at what single inputs cannot show.
func (s *fuzzServer) audit(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if report, err := s.engine.Check(ctx, nil); err != nil || !report.OK() {
		t.Errorf("check: %v, %+v", err, report)
	}
	if n := runtime.NumGoroutine(); n > 200 {
		t.Errorf("%d goroutines", n)
	}
	if used := heap(); used > fuzzHeapMax {
		t.Errorf("the heap has %d MB", used>>20)
	}
}

// defectLog keeps what the server logs as an error.
type defectLog struct{ safeBuffer }

func (l *defectLog) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelError
}
func (l *defectLog) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *defectLog) WithGroup(string) slog.Handler      { return l }
func (l *defectLog) Handle(_ context.Context, r slog.Record) error {
	fmt.Fprintln(l, r.Message)
	r.Attrs(func(a slog.Attr) bool { fmt.Fprintln(l, a.Key, a.Value); return true })
	return nil
}

func (l *defectLog) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	l.text.Reset()
	return text
}

// fuzzSeeds are the statements of the session store, and others that show what SQL looks like.
func fuzzSeeds(f *testing.F) []string {
	text, err := os.ReadFile("../testdata/statements.sql")
	if err != nil {
		f.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// How FuzzMessages treats its bytes.
const (
	fuzzStarted = 1 << iota // they come after a proper start
	fuzzFramed              // each part between two bytes 0xfe becomes a message: its type, a true length, its body
)

// FuzzMessages: no bytes make the server panic, hang, keep the writer or grow, what it answers can be read, and it serves
// the next client.
func FuzzMessages(f *testing.F) {
	for _, turns := range sequences {
		var raw, framed []byte
		for _, turn := range turns {
			for _, m := range turn.send {
				one := encodedMessages(f, m)
				raw = append(raw, one...)
				framed = append(append(append(framed, one[0]), one[5:]...), 0xfe)
			}
		}
		f.Add(raw, uint8(fuzzStarted))
		f.Add(framed, uint8(fuzzStarted|fuzzFramed))
	}
	for _, seed := range fuzzSeeds(f) {
		f.Add([]byte("Q"+seed+"\x00\xfeP\x00"+seed+"\x00\x00\x00\xfeB\x00\x00\x00\x00\x00\x01\x00\x00\x00\x011\x00\x00\xfeDP\x00\xfeE\x00\x00\x00\x00\x01\xfeS"), uint8(fuzzStarted|fuzzFramed))
	}
	for _, start := range []string{"user\x00u\x00\x00", "user\x00u\x00options\x00-c a=b --c=d\x00_pq_.x\x00y\x00\x00", "replication\x00true\x00\x00", "", "\x00"} {
		f.Add(append(packet(3<<16|1, start), message('X', 4, "")...), uint8(0))
		f.Add(append(packet(sslRequestCode, ""), packet(3<<16, start)...), uint8(0))
	}
	f.Add(packet(cancelRequestCode, "\x00\x00\x00\x01\x00\x00\x00\x02"), uint8(0))
	f.Add(message('Q', 1<<20+5, "x"), uint8(fuzzStarted))
	s := startFuzzServer(f)
	f.Fuzz(func(t *testing.T, raw []byte, mode uint8) {
		if mode&fuzzFramed != 0 {
			raw = framedMessages(raw)
		}
		c := s.dial(t)
		if mode&fuzzStarted != 0 {
			raw = append(encodedMessages(t, startupMessage("user", "tester")), raw...)
		}
		c.pour(t, raw, mode&fuzzStarted != 0)
		s.settle(t)
	})
}

// framedMessages gives every part its length.
func framedMessages(raw []byte) []byte {
	var all []byte
	for part := range bytes.SplitSeq(raw, []byte{0xfe}) {
		if len(part) > 0 {
			all = binary.BigEndian.AppendUint32(append(all, part[0]), uint32(4+len(part)-1))
			all = append(all, part[1:]...)
		}
	}
	return all
}

// pour sends all bytes, hears all replies, and judges them.
func (c *client) pour(t *testing.T, raw []byte, started bool) {
	t.Helper()
	go func() {
		c.nc.Write(raw) // the server may hang up before
		c.nc.(*net.UnixConn).CloseWrite()
	}()
	if !started { // answers to requests for encryption are no messages
		if _, err := io.Copy(io.Discard, c.nc); isTimeout(err) {
			t.Fatalf("no end within %s", patience)
		}
		c.nc.Close()
		return
	}
	for {
		m, err := c.f.Receive()
		if isTimeout(err) {
			t.Fatalf("no end within %s", patience)
		}
		if err != nil {
			if network := (net.Error)(nil); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &network) {
				t.Errorf("a reply that cannot be read: %v", err)
			}
			break
		}
		if e, ok := m.(*pgproto3.ErrorResponse); ok && e.Code == "XX000" {
			t.Errorf("%s: %s", e.Code, e.Message)
		}
	}
	c.nc.Close()
}
