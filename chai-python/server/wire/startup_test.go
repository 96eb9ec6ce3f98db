package wire

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// packet is a start packet: length, code, body.
func packet(code uint32, body string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
	return append(binary.BigEndian.AppendUint32(b, code), body...)
}

func TestStartup(t *testing.T) {
	s := startServer(t, Options{Version: "1.2.3"})
	c := s.dial(t)
	c.send(startupMessage("user", "tester", "database", "chai", "application_name", "test\x01", "client_encoding", "utf-8",
		"options", `-c TimeZone=UTC --statement-timeout=3s -cDateStyle=ISO,\ DMY`))
	got := c.untilReady()
	for _, want := range []string{
		"AuthenticationOk", "server_version=15.0 (chaisqld 1.2.3)", "server_encoding=UTF8", "client_encoding=UTF8", "DateStyle=ISO, DMY",
		"TimeZone=UTC", "integer_datetimes=on", "standard_conforming_strings=on", "IntervalStyle=postgres", "application_name=test?",
		"is_superuser=off", "in_hot_standby=off", "default_transaction_read_only=off", "session_authorization=tester", "BackendKeyData",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s in %q", want, got)
		}
	}
	c.do("SHOW statement_timeout", "Columns statement_timeout:25/0", "Row 3s", "SHOW", "Ready I")
	c.do("SET statement_timeout = 0; RESET statement_timeout; SHOW statement_timeout", "SET", "RESET", "Columns statement_timeout:25/0", "Row 3s", "SHOW", "Ready I")
}

func TestStartupDeclinesEncryption(t *testing.T) {
	s := startServer(t, Options{})
	c := s.dial(t)
	for _, code := range []uint32{gssRequestCode, sslRequestCode} {
		c.sendBytes(packet(code, ""))
		answer := make([]byte, 1)
		if _, err := c.nc.Read(answer); err != nil || answer[0] != 'N' {
			t.Fatalf("got %q, %v", answer, err)
		}
	}
	c.send(startupMessage("user", "tester"))
	if got := c.untilReady(); got[len(got)-1] != "Ready I" {
		t.Fatalf("got %q", got)
	}
}

func TestStartupNegotiatesDown(t *testing.T) {
	s := startServer(t, Options{})
	c := s.dial(t)
	c.sendBytes(packet(3<<16|2, "user\x00tester\x00_pq_.new\x001\x00\x00"))
	m, err := c.f.Receive()
	n, ok := m.(*pgproto3.NegotiateProtocolVersion)
	if err != nil || !ok || n.NewestMinorProtocol != 0 || fmt.Sprint(n.UnrecognizedOptions) != "[_pq_.new]" {
		t.Fatalf("got %#v, %v", m, err)
	}
	if got := c.untilReady(); got[len(got)-1] != "Ready I" {
		t.Fatalf("got %q", got)
	}
}

func TestStartupRefusals(t *testing.T) {
	s := startServer(t, Options{})
	for name, test := range map[string]struct {
		packet []byte
		want   string
	}{
		"no user":                  {packet(3<<16, "database\x00chai\x00\x00"), "FATAL 28000"},
		"old protocol":             {packet(2<<16, ""), "FATAL 0A000"},
		"future protocol":          {packet(4<<16, ""), "FATAL 0A000"},
		"replication":              {packet(3<<16, "user\x00u\x00replication\x00true\x00\x00"), "FATAL 0A000"},
		"unknown setting":          {packet(3<<16, "user\x00u\x00nosuch\x001\x00\x00"), "FATAL 42704"},
		"bad setting":              {packet(3<<16, "user\x00u\x00options\x00-c client_encoding=latin1\x00\x00"), "FATAL 22023"},
		"fixed setting":            {packet(3<<16, "user\x00u\x00server_version\x009\x00\x00"), "FATAL 55P02"},
		"no terminator":            {packet(3<<16, "user\x00u\x00"), "FATAL 08P01"},
		"odd number of strings":    {packet(3<<16, "user\x00"), "FATAL 08P01"},
		"bytes after terminator":   {packet(3<<16, "user\x00u\x00\x00x"), "FATAL 08P01"},
		"too short":                {[]byte("\x00\x00\x00\x04\x00\x03\x00\x00"), "FATAL 08P01"},
		"too long":                 {[]byte("\x7f\xff\xff\xff\x00\x03\x00\x00"), "FATAL 08P01"},
		"HTTP":                     {[]byte("GET / HTTP/1.1\r\n\r\n"), "FATAL 08P01"},
		"encryption asked twice":   {append(packet(sslRequestCode, ""), packet(sslRequestCode, "")...), "FATAL 0A000"},
		"malformed cancel request": {packet(cancelRequestCode, "x"), "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dial(t)
			c.sendBytes(test.packet)
			if name == "encryption asked twice" {
				c.nc.Read(make([]byte, 1))
			}
			c.expect(test.want)
		})
	}
	s.connect(t).do("SELECT 1", "Columns ?column?:23/0", "Row 1", "SELECT 1", "Ready I")
}

func TestStartupHasADeadline(t *testing.T) {
	s := startServer(t, Options{LoginTimeout: time.Second})
	c := s.connect(t) // the deadline is for the start alone
	silent, slow := s.dial(t), s.dial(t)
	slow.sendBytes(packet(3<<16, "user\x00u\x00\x00")[:10])
	silent.expect("EOF")
	slow.expect("EOF")
	c.do("", "EmptyQueryResponse", "Ready I")
}

func TestCommandLineOptions(t *testing.T) {
	for options, want := range map[string]string{
		"":                               "[]",
		"-c a=1 --b-c=2  -cd=3":          "[{a 1} {b_c 2} {d 3}]",
		`-c a=one\ two\\three`:           `[{a one two\three}]`,
		"--a=x=y":                        "[{a x=y}]",
		" \t-c geqo=off\n":               "[{geqo off}]",
		"-c":                             "[{ }]",
		"-c search_path=public,\\ other": "[{search_path public, other}]",
	} {
		if got := strings.TrimSpace(fmt.Sprint(commandLineSettings(options))); got != want {
			t.Errorf("%q: got %s, want %s", options, got, want)
		}
	}
}

func TestPeerAllowed(t *testing.T) {
	for _, test := range []struct {
		peer, own uint32
		want      bool
	}{{1000, 1000, true}, {0, 1000, true}, {1001, 1000, false}, {1000, 0, false}, {0, 0, true}, {65534, 0, false}, {33, 1000, true}} {
		if got := peerAllowed(test.peer, test.own, []uint32{33}); got != test.want {
			t.Errorf("user %d at a server of %d: %v", test.peer, test.own, got)
		}
	}
}

func TestPeerIsAskedOfTheKernel(t *testing.T) {
	s := startServer(t, Options{})
	c := s.connect(t)
	defer c.nc.Close()
	s.each(func(c *conn) {
		if err := checkPeer(c.socket.(*net.UnixConn), 1<<31, nil); err == nil && !runsAsRoot() {
			t.Error("a stranger was let in")
		}
		if err := checkPeer(c.socket.(*net.UnixConn), 1<<31, []uint32{ownUID()}); err != nil {
			t.Errorf("somebody named was kept out: %v", err)
		}
		if err := checkPeer(c.socket.(*net.UnixConn), ownUID(), nil); err != nil {
			t.Errorf("the owner was kept out: %v", err)
		}
	})
}

func ownUID() uint32   { return uint32(os.Geteuid()) }
func runsAsRoot() bool { return os.Geteuid() == 0 }
