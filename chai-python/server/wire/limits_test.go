package wire

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

func TestSlowReaderIsDisconnected(t *testing.T) {
	var log safeBuffer
	s := startServer(t, Options{SendTimeout: 100 * time.Millisecond, Log: testLog(&log)})
	c := s.connect(t)
	c.run("CREATE TABLE t (id TEXT PRIMARY KEY, b BYTEA)")
	c.send(parse("", "INSERT INTO t VALUES ('a', $1)"),
		&pgproto3.Bind{Parameters: [][]byte{make([]byte, 2<<20)}, ParameterFormatCodes: []int16{1}}, execute(""), syncing)
	c.expect(parsed, bound, "INSERT 0 1", "Ready I")
	c.send(query("SELECT b FROM t")) // and nobody reads the 4 MB
	eventually(t, "the connection ends", func() bool { return s.Connections() == 0 })
	if text := log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "limit=100ms") {
		t.Errorf("the log does not tell why:\n%s", text)
	}
}

func TestClientThatOnlySends(t *testing.T) {
	s := startServer(t, Options{SendTimeout: 100 * time.Millisecond, MaxConnections: 1})
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
	const table = "CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)"
	c.run(table)
	const rows = 2*maxBatchSteps + 10
	all := messages(parse("s", "INSERT INTO t VALUES ($1, 1)"))
	want := []string{parsed}
	for i := range rows {
		all = append(all, bind("", "s", fmt.Sprint(i)), execute(""))
		want = append(want, bound, "INSERT 0 1")
	}
	sent := c.sendAside(append(all, syncing)...)
	c.expect(append(want, "Ready I")...)
	sent()
	c.do("SELECT count(*) FROM t", "Columns count:20/0", fmt.Sprint("Row ", rows), "SELECT 1", "Ready I")
	all[len(all)-2] = bind("", "s", "0") // the last of them fails: none stays
	c.run("DROP TABLE t")                // not DELETE: that many rows may take longer than a statement's limit on a busy machine
	c.run(table)
	sent = c.sendAside(append(all[1:], syncing)...)
	got := c.untilReady()
	sent()
	if got[len(got)-2] != "ERROR 23505" {
		t.Errorf("got … %q", got[len(got)-3:])
	}
	c.do("SELECT count(*) FROM t", "Columns count:20/0", "Row 0", "SELECT 1", "Ready I")
}
