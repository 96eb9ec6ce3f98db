package wire

import (
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// BenchmarkFind is a find by primary key as a driver sends it once the
// statement is prepared: Bind, Describe, Execute, Sync, one packet each way.
func BenchmarkFind(b *testing.B) {
	s := startServer(b, Options{})
	c := s.connect(b)
	c.run("CREATE TABLE t (id TEXT PRIMARY KEY, b BYTEA, ts TIMESTAMP)")
	c.send(messages(parse("put", "INSERT INTO t VALUES ($1, $2, now())"), bind("", "put", "key", strings.Repeat("x", 256)), execute(""),
		parse("find", "SELECT b, ts FROM t WHERE id = $1"), syncing)...)
	c.expect(parsed, bound, "INSERT 0 1", parsed, "Ready I")
	request := encodedMessages(b, bind("", "find", "key"), describe('P', ""), execute(""), syncing)
	exchange(b, c.nc, request)
}

// BenchmarkEcho is what the socket and the protocol cost without a statement.
func BenchmarkEcho(b *testing.B) {
	s := startServer(b, Options{})
	exchange(b, s.connect(b).nc, encodedMessages(b, &pgproto3.Sync{}))
}

func exchange(b *testing.B, nc net.Conn, request []byte) {
	reply := make([]byte, 64<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := nc.Write(request); err != nil {
			b.Fatal(err)
		}
		for last := byte(0); last != 'I'; {
			n, err := nc.Read(reply)
			if err != nil {
				b.Fatal(err)
			}
			last = reply[n-1] // of ReadyForQuery
		}
	}
}
