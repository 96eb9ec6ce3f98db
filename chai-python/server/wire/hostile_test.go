package wire

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// message is one protocol message, with a length that may lie.
func message(kind byte, length int, body string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(length)), body...)
}

func encodedMessages(t testing.TB, list ...pgproto3.FrontendMessage) []byte {
	t.Helper()
	var all []byte
	for _, m := range list {
		var err error
		if all, err = m.Encode(all); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// What breaks the protocol ends the connection with a reason; others go on.
func TestMalformedMessages(t *testing.T) {
	s := startServer(t, Options{MaxMessageBytes: 1 << 20})
	bystander := s.connect(t)
	for name, test := range map[string]struct {
		bytes []byte
		want  []string
	}{
		"unknown type":                   {message('!', 4, ""), []string{"FATAL 08P01", "EOF"}},
		"zero type":                      {message(0, 4, ""), []string{"FATAL 08P01", "EOF"}},
		"password out of place":          {message('p', 5, "\x00"), []string{"FATAL 08P01", "EOF"}},
		"negative length":                {message('Q', -1, ""), []string{"FATAL 08P01", "EOF"}},
		"length below its own size":      {message('Q', 3, ""), []string{"FATAL 08P01", "EOF"}},
		"too long":                       {message('Q', 1<<20+5, "SELECT"), []string{"FATAL 54000", "EOF"}},
		"longest length":                 {message('d', 1<<31-1, "x"), []string{"FATAL 54000", "EOF"}},
		"query without terminator":       {message('Q', 5, "x"), []string{"FATAL 08P01", "EOF"}},
		"parse without anything":         {message('P', 4, ""), []string{"FATAL 08P01", "EOF"}},
		"parse that promises types":      {message('P', 12, "\x00x\x00\xff\xff\x00\x00\x00"), []string{"FATAL 08P01", "EOF"}},
		"bind that promises parameters":  {message('B', 12, "\x00\x00\x00\x00\xff\xff\x00\x00"), []string{"FATAL 08P01", "EOF"}},
		"bind with a negative parameter": {message('B', 16, "\x00\x00\x00\x00\x00\x01\x80\x00\x00\x00\x00\x00"), []string{"FATAL 08P01", "EOF"}},
		"bind that promises formats":     {message('B', 8, "\x00\x00\xff\xff"), []string{"FATAL 08P01", "EOF"}},
		"describe without a name":        {message('D', 5, "S"), []string{"FATAL 08P01", "EOF"}},
		"execute without a limit":        {message('E', 5, "\x00"), []string{"FATAL 08P01", "EOF"}},
		"close without a kind":           {message('C', 4, ""), []string{"FATAL 08P01", "EOF"}},
		"second start packet":            {packet(3<<16, "user\x00u\x00\x00"), []string{"FATAL 08P01", "EOF"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.connect(t)
			c.sendBytes(test.bytes)
			c.nc.(*net.UnixConn).CloseWrite()
			c.expect(test.want...)
		})
	}
	bystander.do("SELECT 1", "Columns ?column?:23/0", "Row 1", "SELECT 1", "Ready I")
}

// A client is told that its message is too long even while it is sending it.
func TestOversizedMessageWhileSending(t *testing.T) {
	s := startServer(t, Options{MaxMessageBytes: 1 << 10})
	c := s.connect(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.nc.Write(message('Q', 32<<20, strings.Repeat("x", 32<<20)))
	}()
	c.expect("FATAL 54000")
	c.nc.Close()
	<-done
}

// Every prefix of a conversation, cut off, leaves the server as it was.
func TestTruncatedConversations(t *testing.T) {
	s := startServer(t, Options{})
	setup := s.connect(t)
	setup.run("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)")
	talk := append(encodedMessages(t, startupMessage("user", "u")), encodedMessages(t, messages(
		whole("INSERT INTO t VALUES ($1, 1)", "cut"), describe('P', ""), flushing, query("ROLLBACK"), closing('S', ""))...)...)
	for cut := range talk {
		nc, err := net.Dial("unix", s.socket())
		if err != nil {
			t.Fatal(err)
		}
		nc.SetDeadline(time.Now().Add(patience))
		if _, err := nc.Write(talk[:cut]); err != nil {
			t.Fatal(err)
		}
		nc.Close()
	}
	eventually(t, "all of them end", func() bool { return s.Connections() == 1 })
	setup.do("SELECT count(*) FROM t", "Columns count:20/0", "Row 0", "SELECT 1", "Ready I")
}

// Messages in any order, some of them nonsense, never take the server down nor
// leave the writer held.
func TestShuffledMessages(t *testing.T) {
	s := startServer(t, Options{})
	setup := s.connect(t)
	setup.run("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)")
	list := messages(whole("INSERT INTO t VALUES ($1, 1)", "x"), whole("BEGIN"), whole("COMMIT"), whole("ROLLBACK"),
		whole("SELECT * FROM t"), parse("s", "SELECT n FROM t WHERE id = $1"), bind("p", "s", "x"), execute("p", 1), describe('S', "s"), describe('P', "p"),
		closing('S', "s"), closing('P', "p"), syncing, flushing, query("SELECT 1; DELETE FROM t"), query("BEGIN; DELETE FROM t"), query("nonsense"),
		whole("CREATE TABLE v (id TEXT PRIMARY KEY)"), whole("DROP TABLE v"), whole("SET application_name = 'x'"), whole("DISCARD ALL"),
		&pgproto3.CopyData{}, &pgproto3.FunctionCall{})
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		c := s.connect(t)
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		go func() {
			for { // a client that never reads would be another test
				if _, err := c.f.Receive(); err != nil {
					return
				}
			}
		}()
		c.sendBytes(encodedMessages(t, append(list[:len(list):len(list)], &pgproto3.Terminate{})...))
		eventually(t, "the connection ends", func() bool { return s.Connections() == 1 })
	}
	setup.run("DELETE FROM t")
}

// Random bytes, after a valid start and in place of it.
func TestRandomBytes(t *testing.T) {
	s := startServer(t, Options{})
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 200 {
		noise := make([]byte, 1+random.IntN(2000))
		for j := range noise {
			noise[j] = byte(random.Uint32())
		}
		if i%4 == 1 { // a plausible head makes it further in
			noise[0] = "QPBDECHSXpfdcF"[random.IntN(14)]
			binary.BigEndian.PutUint32(append(noise[:1], 0, 0, 0, 0)[1:], uint32(len(noise)-1))
		}
		c := s.dial(t)
		if i%2 == 1 {
			c.send(startupMessage("user", "u"))
		}
		c.nc.Write(noise) // the server may have hung up already
		c.nc.(*net.UnixConn).CloseWrite()
		for {
			if _, err := c.f.Receive(); err != nil {
				break
			}
		}
		c.nc.Close()
	}
	s.connect(t).do("SELECT 1", "Columns ?column?:23/0", "Row 1", "SELECT 1", "Ready I")
}

// Lengths that are announced but not sent must not cost memory, nor must
// clients that announce and stay.
func TestAnnouncedLengthsCostNoMemory(t *testing.T) {
	s := startServer(t, Options{MaxConnections: 100})
	before := heap()
	for range 50 {
		c := s.connect(t)
		c.sendBytes(message('Q', 8<<20, "SELECT"))
	}
	for range 50 {
		s.dial(t).sendBytes([]byte("\x00\x00\x27\x10\x00\x03\x00\x00"))
	}
	eventually(t, "all are there", func() bool { return s.Connections() == 100 })
	if grown := heap() - before; grown > 1<<30 {
		t.Errorf("heap grew by %d MB", grown>>20)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}
