package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/xdg-go/scram"
)

// Access is what lets clients in over TCP: the server's certificate and the
// verifiers of its users. It is replaced as a whole, and clients that are
// connecting finish with the one they began with.
type Access struct {
	tls     *tls.Config
	binding scram.ChannelBinding // zero: the certificate's kind has none
	users   map[string]Verifier
	secret  []byte // what the salts of users that do not exist are made from
	doubles int    // iterations for those
}

// alpnProtocol is what PostgreSQL registered for TLS's protocol negotiation.
const alpnProtocol = "postgresql"

// NewAccess takes a certificate with its key, and users with their verifiers.
// secret should stay the same from one start to the next: with it, users that
// do not exist are asked for their password like all others.
func NewAccess(certificate tls.Certificate, users map[string]Verifier, secret []byte) (*Access, error) {
	switch {
	case len(certificate.Certificate) == 0:
		return nil, errors.New("there is no certificate")
	case len(users) == 0:
		return nil, errors.New("there is no user who could log in")
	case len(secret) == 0:
		return nil, errors.New("the secret is empty")
	}
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("cannot read the certificate: %w", err)
	}
	a := &Access{users: users, secret: secret, tls: &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{alpnProtocol},
	}}
	for _, v := range users {
		a.doubles = max(a.doubles, v.credentials.Iters)
	}
	// An error means a signature whose hash RFC 5929 does not settle (Ed25519):
	// without a binding, SCRAM-SHA-256-PLUS is not offered.
	a.binding, _ = scram.NewTLSServerEndpointBinding(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}})
	return a, nil
}

// credentials finds a user's, or makes up those of a user who cannot log in:
// the same salt every time, and keys that no password has. Either way takes the
// same steps.
func (a *Access) credentials(user string) (c scram.StoredCredentials, known bool) {
	double := scram.StoredCredentials{
		KeyFactors: scram.KeyFactors{Salt: string(a.derive("salt", user)[:16]), Iters: a.doubles},
		StoredKey:  a.derive("stored", user),
		ServerKey:  a.derive("server", user),
	}
	if v, ok := a.users[user]; ok {
		return v.credentials, true
	}
	return double, false
}

func (a *Access) derive(purpose, user string) []byte {
	mac := hmac.New(sha256.New, a.secret)
	mac.Write([]byte(purpose + "\x00" + user))
	return mac.Sum(nil)
}

// SetAccess lets clients in over TCP from now on by these rules. Until it is
// called none is.
func (s *Server) SetAccess(a *Access) { s.access.Store(a) }
