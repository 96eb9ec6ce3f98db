package wire

import (
	"errors"
	"net"
	"os"
	"strings"
	"time"

	"chaisqld/pgerr"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/xdg-go/scram"
)

// Who the client is: on a Unix socket the kernel knows, over TCP the client
// proves that it knows a password (SCRAM-SHA-256, RFC 5802 and 7677), and that
// nobody stands between the two of us (SCRAM-SHA-256-PLUS).

const (
	scramPlain = "SCRAM-SHA-256"
	scramPlus  = "SCRAM-SHA-256-PLUS"

	maxSASLBytes    = 4 << 10 // of one message, before we know who sends it
	invalidPassword = "28P01"
)

// errWrongPassword is a proof that does not fit, whoever it is from.
var errWrongPassword = errors.New("wrong password")

func (c *conn) authenticate(user string) error {
	if user == "" {
		return pgerr.New(pgerr.InvalidAuthorization, "no PostgreSQL user name specified in startup packet").AsFatal()
	}
	if local, ok := c.socket.(*net.UnixConn); ok {
		if err := checkPeer(local, uint32(os.Geteuid()), c.server.options.AllowUIDs); err != nil {
			return err
		}
		c.server.comes(c, known)
		return nil
	}
	c.backend.SetMaxBodyLen(maxSASLBytes)
	if err := c.scram(user); err != nil {
		return c.refuseLogin(user, err)
	}
	c.backend.SetMaxBodyLen(c.server.options.MaxMessageBytes)
	c.server.comes(c, known)
	return c.backend.SetAuthType(pgproto3.AuthTypeOk)
}

// scram has the client prove that it knows the password.
func (c *conn) scram(user string) error {
	if err := c.ask(&pgproto3.AuthenticationSASL{AuthMechanisms: c.access.mechanisms()}, pgproto3.AuthTypeSASL); err != nil {
		return err
	}
	m, err := saslMessage[*pgproto3.SASLInitialResponse](c)
	if err != nil {
		return err
	}
	talk, err := c.access.conversation(user, m)
	if err != nil {
		return err
	}
	challenge, err := talk.Step(string(m.Data))
	if err != nil {
		return badSCRAM(challenge, err)
	}
	if err := c.ask(&pgproto3.AuthenticationSASLContinue{Data: []byte(challenge)}, pgproto3.AuthTypeSASLContinue); err != nil {
		return err
	}
	proof, err := saslMessage[*pgproto3.SASLResponse](c)
	if err != nil {
		return err
	}
	signature, err := talk.Step(string(proof.Data))
	if err != nil || !talk.Valid() {
		return badSCRAM(signature, err)
	}
	c.send(&pgproto3.AuthenticationSASLFinal{Data: []byte(signature)})
	return nil
}

// ask sends a request and makes the backend expect its answer.
func (c *conn) ask(m pgproto3.BackendMessage, authType uint32) error {
	c.send(m)
	if err := c.flush(); err != nil {
		return err
	}
	return c.backend.SetAuthType(authType)
}

func saslMessage[M pgproto3.FrontendMessage](c *conn) (M, error) {
	var none M
	m, err := c.backend.Receive()
	if err != nil {
		return none, c.startBroken(err)
	}
	if want, ok := m.(M); ok {
		return want, nil
	}
	if _, leaving := m.(*pgproto3.Terminate); leaving {
		return none, errOver
	}
	return none, violation("expected a SASL response, got %T", m).AsFatal()
}

// startBroken is why no message came of a client that is not known yet: one
// that is late is not told.
func (c *conn) startBroken(err error) error {
	if isTimeout(err) {
		return errOver
	}
	return c.broken(err)
}

func (a *Access) mechanisms() []string {
	if a.binding.IsSupported() {
		return []string{scramPlus, scramPlain}
	}
	return []string{scramPlain}
}

// conversation begins the mechanism that the client chose. Its message names a
// user as well, which is ignored, as in PostgreSQL.
func (a *Access) conversation(user string, m *pgproto3.SASLInitialResponse) (*scram.ServerConversation, error) {
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) {
		c, _ := a.credentials(user)
		return c, nil
	})
	if err != nil {
		return nil, err
	}
	switch {
	case m.AuthMechanism == scramPlus && a.binding.IsSupported():
		return server.NewConversationWithChannelBindingRequired(a.binding), nil
	case m.AuthMechanism != scramPlain:
		return nil, violation("client selected an invalid SASL authentication mechanism").AsFatal()
	case strings.HasPrefix(string(m.Data), "p="):
		return nil, violation("malformed SCRAM message: channel binding belongs to %s", scramPlus).AsFatal()
	}
	return server.NewConversationWithChannelBinding(a.binding), nil
}

// badSCRAM tells a wrong password from nonsense. The library's texts quote the
// client and are not passed on.
func badSCRAM(answer string, err error) error {
	switch answer {
	case scram.ErrInvalidProof:
		return errWrongPassword
	case scram.ErrServerDoesSupportChannelBinding, scram.ErrChannelBindingsDontMatch, scram.ErrUnsupportedChannelBindingType:
		return pgerr.New(pgerr.InvalidAuthorization, "SCRAM channel binding check failed").
			WithHint("Somebody may stand between client and server, or the client does not use " + scramPlus + " as it should.").AsFatal()
	}
	return violation("malformed SCRAM message").AsFatal()
}

// refuseLogin keeps a client that failed waiting, so that guessing is slow, and
// tells it nothing of whether the user exists.
func (c *conn) refuseLogin(user string, err error) error {
	if errors.Is(err, errOver) {
		return err
	}
	c.server.comes(c, refused)
	if _, known := c.access.credentials(user); known {
		c.log.Warn("login failed", "user", user, "reason", err.Error())
	} else { // the name may be a password typed into the wrong field
		c.log.Warn("login failed: no such user", "reason", err.Error())
	}
	time.Sleep(c.server.options.LoginDelay)
	if errors.Is(err, errWrongPassword) {
		shown, _ := acceptName(user)
		return pgerr.New(invalidPassword, "password authentication failed for user %q", shown).AsFatal()
	}
	return err
}
