package wire

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"chaisqld/wire/testca"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	testUser     = "alice"
	testPassword = "correct horse battery staple"
)

func testVerifier(t testing.TB, password string) Verifier {
	t.Helper()
	v, err := NewVerifier(password, "sixteen bytes...", minIterations)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// remoteServer is a server that listens on TCP as well.
type remoteServer struct {
	*testServer
	authority *testca.Authority
	address   string
}

func startRemote(t testing.TB, o Options) *remoteServer {
	t.Helper()
	if o.LoginDelay == 0 {
		o.LoginDelay = time.Millisecond
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &remoteServer{testServer: startServer(t, o, tcp.(*net.TCPListener)), authority: testca.New(t), address: tcp.Addr().String()}
	s.certify(s.authority.Issue("localhost", time.Now().Add(time.Hour)))
	return s
}

// certify gives the server a certificate, and its one user.
func (s *remoteServer) certify(certificate tls.Certificate) {
	s.t.Helper()
	a, err := NewAccess(certificate, map[string]Verifier{testUser: testVerifier(s.t, testPassword)}, []byte("secret"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.SetAccess(a)
}

// dsn is what verifies as much as a client can, unless settings say otherwise.
func (s *remoteServer) dsn(settings string) string {
	_, port, _ := net.SplitHostPort(s.address)
	return "host=localhost hostaddr=127.0.0.1 port=" + port + " user=" + testUser + " password='" + testPassword +
		"' dbname=chai sslmode=verify-full sslrootcert=" + s.authority.Path + " connect_timeout=10 " + settings
}

func (s *remoteServer) pgx(t testing.TB, settings string) (*pgx.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	config, err := pgx.ParseConfig(s.dsn(settings))
	if err != nil {
		t.Fatal(err)
	}
	delete(config.RuntimeParams, "hostaddr") // libpq's alone
	c, err := pgx.ConnectConfig(ctx, config)
	if err == nil {
		t.Cleanup(func() { c.Close(context.Background()) })
	}
	return c, err
}

// dialTCP connects without a word.
func (s *remoteServer) dialTCP(t testing.TB) *client {
	t.Helper()
	nc, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	return &client{t: t, nc: nc, f: pgproto3.NewFrontend(nc, nc)}
}

// asksForTLS sends an SSLRequest and gives the answer.
func (c *client) asksForTLS() byte {
	c.t.Helper()
	c.sendBytes(packet(sslRequestCode, ""))
	answer := make([]byte, 1)
	if _, err := c.nc.Read(answer); err != nil {
		c.t.Fatalf("answer to the SSLRequest: %v", err)
	}
	return answer[0]
}

// overTLS gets as far as an encrypted connection.
func (s *remoteServer) overTLS(t testing.TB) *client {
	t.Helper()
	c := s.dialTCP(t)
	if got := c.asksForTLS(); got != 'S' {
		t.Fatalf("answer to the SSLRequest: %q", got)
	}
	if err := c.encrypt(s.authority); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *client) encrypt(a *testca.Authority, protocols ...string) error {
	encrypted := tls.Client(c.nc, &tls.Config{RootCAs: a.Pool(), ServerName: "localhost", NextProtos: protocols})
	if err := encrypted.Handshake(); err != nil {
		return err
	}
	c.nc, c.f = encrypted, pgproto3.NewFrontend(encrypted, encrypted)
	return nil
}
