package wire

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// authority is a certificate authority made for one test.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	path string // of its certificate
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, key: key, path: filepath.Join(t.TempDir(), "ca.crt")}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = a.sign(template, template, key.Public())
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
	if err := os.WriteFile(a.path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) sign(template, parent *x509.Certificate, key any) *x509.Certificate {
	a.t.Helper()
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, key, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// issue makes a server's certificate for a host name.
func (a *authority) issue(host string, notAfter time.Time) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	cert := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: notAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.cert, key.Public())
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// selfSigned is a certificate whose kind has no channel binding.
func selfSigned(t testing.TB) tls.Certificate {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: private}
}

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
	authority *authority
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
	s := &remoteServer{testServer: startServer(t, o, tcp.(*net.TCPListener)), authority: newAuthority(t), address: tcp.Addr().String()}
	s.certify(s.authority.issue("localhost", time.Now().Add(time.Hour)))
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
		"' dbname=chai sslmode=verify-full sslrootcert=" + s.authority.path + " connect_timeout=10 " + settings
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

func (c *client) encrypt(a *authority, protocols ...string) error {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	encrypted := tls.Client(c.nc, &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: protocols})
	if err := encrypted.Handshake(); err != nil {
		return err
	}
	c.nc, c.f = encrypted, pgproto3.NewFrontend(encrypted, encrypted)
	return nil
}
