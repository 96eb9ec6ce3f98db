package wire

import (
	"bytes"
	"crypto/tls"
	"net"

	"chaisqld/pgerr"

	"github.com/jackc/pgx/v5/pgproto3"
)

// TLS, which clients on TCP must use and those on a Unix socket cannot. They ask
// for it with an SSLRequest, or begin with it at once (sslnegotiation=direct).

// tlsHandshake is the first byte of TLS. As the first of a start packet's
// length, it would stand for 369 MB.
const tlsHandshake = 0x16

var errNeedsTLS = pgerr.New(pgerr.InvalidAuthorization, "this server takes connections over TCP with TLS only").
	WithHint("Connect with sslmode=verify-full and sslrootcert, or at least sslmode=require.").AsFatal()

// remote says that the client is not on this machine's Unix socket.
func (c *conn) remote() bool {
	_, unix := c.socket.(*net.UnixConn)
	return !unix
}

func (c *conn) encrypted() bool { return c.access != nil }

// answerEncryption serves an SSLRequest on TCP and declines everything else.
func (c *conn) answerEncryption(code uint32) error {
	if code != sslRequestCode || !c.remote() || c.encrypted() {
		return c.answer('N')
	}
	if err := c.answer('S'); err != nil {
		return err
	}
	return c.encrypt(nil)
}

func (c *conn) answer(b byte) error {
	if _, err := c.nc.Write([]byte{b}); err != nil {
		return errOver
	}
	return nil
}

// beginsWithTLS tells whether a client begins with TLS instead of a packet.
func (c *conn) beginsWithTLS(head []byte) bool {
	return head[0] == tlsHandshake && c.remote() && !c.encrypted()
}

// encryptAtOnce serves a client that did not ask. Nobody speaks TLS on this
// port by mistake if the handshake names the protocol, so it has to.
func (c *conn) encryptAtOnce(head []byte) error {
	if err := c.encrypt(head); err != nil {
		return err
	}
	if c.nc.(*tls.Conn).ConnectionState().NegotiatedProtocol != alpnProtocol {
		return violation("TLS without an SSLRequest needs the ALPN protocol %q", alpnProtocol).AsFatal()
	}
	return nil
}

// encrypt goes on with TLS, of which the client has sent head. The packets
// before it were read to the byte: nothing sent in the clear is taken for
// something that came encrypted.
func (c *conn) encrypt(head []byte) error {
	access := c.server.access.Load()
	if access == nil {
		return errOver // only possible before SetAccess
	}
	encrypted := tls.Server(&pushedBack{c.socket, bytes.NewReader(head)}, access.tls)
	if err := encrypted.Handshake(); err != nil {
		c.log.Info("TLS handshake failed", "error", err)
		return errOver
	}
	c.access, c.nc = access, encrypted
	c.backend = pgproto3.NewBackend(encrypted, encrypted)
	return nil
}

// pushedBack gives again what was read from a connection to look at it.
type pushedBack struct {
	net.Conn
	head *bytes.Reader
}

func (p *pushedBack) Read(b []byte) (int, error) {
	if p.head.Len() > 0 {
		return p.head.Read(b)
	}
	return p.Conn.Read(b)
}
