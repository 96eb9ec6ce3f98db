package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"time"

	"chaisqld/pgerr"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Request codes that take the place of a protocol version, and the limit that
// PostgreSQL sets for these packets.
const (
	cancelRequestCode   = 80877102
	sslRequestCode      = 80877103
	gssRequestCode      = 80877104
	maxStartupBytes     = 10_000
	supportedMajor      = 3
	supportedMinor      = 0
	protocolOptionStart = "_pq_."
)

// errOver ends a connection about which nothing more is to be said.
var errOver = errors.New("the connection is over")

// startup greets the client: start packet, who it is, its settings.
func (c *conn) startup() error {
	if err := c.setDeadline(time.Now().Add(c.server.options.LoginTimeout)); err != nil {
		return err
	}
	parameters, err := c.startupParameters()
	if err != nil {
		return err
	}
	c.server.comes(c, introduced)
	if err := c.authenticate(parameters["user"]); err != nil {
		return err
	}
	if err := c.applyStartup(parameters); err != nil {
		return asError(err).AsFatal()
	}
	c.send(&pgproto3.AuthenticationOk{})
	c.reportSettings()
	c.send(&pgproto3.BackendKeyData{ProcessID: c.id, SecretKey: c.cancel.key()})
	c.readyForQuery()
	if err := c.flush(); err != nil {
		return err
	}
	c.started.Store(true)
	return c.clearDeadlines()
}

// startupParameters reads packets until one that is a start packet. Encryption
// can be asked for once each: there is nothing to hide on a Unix socket, and
// over TCP nothing else is served. A cancel request is taken in the clear, as
// older clients send it; its key is worth no more than the statement it stops.
func (c *conn) startupParameters() (map[string]string, error) {
	asked := map[uint32]bool{}
	for {
		code, body, err := c.startupPacket()
		if err != nil {
			return nil, err
		}
		switch {
		case code == cancelRequestCode:
			return nil, c.receivedCancel(code, body)
		case (code == sslRequestCode || code == gssRequestCode) && !asked[code]:
			asked[code] = true
			if err := c.answerEncryption(code); err != nil {
				return nil, err
			}
		case c.remote() && !c.encrypted():
			return nil, errNeedsTLS
		case code>>16 == supportedMajor:
			return c.negotiate(code, body)
		default:
			return nil, pgerr.New(pgerr.FeatureNotSupported, "unsupported frontend protocol %d.%d: the server supports %d.%d",
				code>>16, code&0xffff, supportedMajor, supportedMinor).AsFatal()
		}
	}
}

// startupPacket reads exactly one packet, which has no type byte. A client that
// leaves before its first packet was probing; that is not worth a word.
func (c *conn) startupPacket() (code uint32, body []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(c.nc, head[:]); err != nil {
		return 0, nil, errOver
	}
	if c.beginsWithTLS(head[:]) {
		if err := c.encryptAtOnce(head[:]); err != nil {
			return 0, nil, err
		}
		return c.startupPacket()
	}
	size, code := binary.BigEndian.Uint32(head[:4]), binary.BigEndian.Uint32(head[4:])
	if size < 8 || size > maxStartupBytes {
		return 0, nil, violation("invalid length of startup packet: %d bytes, the limit is %d", size, maxStartupBytes).AsFatal()
	}
	body = make([]byte, size-8)
	if _, err := io.ReadFull(c.nc, body); err != nil {
		return 0, nil, errOver
	}
	return code, body, nil
}

func (c *conn) receivedCancel(code uint32, body []byte) error {
	var m pgproto3.CancelRequest
	if err := m.Decode(append(binary.BigEndian.AppendUint32(nil, code), body...)); err == nil {
		c.server.cancelRequest(&m)
	}
	return errOver
}

// negotiate reads the start packet's parameters. Newer minor versions and
// protocol options are answered with what is supported, as the manual says.
func (c *conn) negotiate(version uint32, body []byte) (map[string]string, error) {
	parameters, err := startupPairs(body)
	if err != nil {
		return nil, err
	}
	var unknown []string
	for name := range parameters {
		if strings.HasPrefix(name, protocolOptionStart) {
			unknown = append(unknown, name)
			delete(parameters, name)
		}
	}
	if version&0xffff > supportedMinor || len(unknown) > 0 {
		c.send(&pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: supportedMinor, UnrecognizedOptions: unknown})
	}
	return parameters, nil
}

func startupPairs(body []byte) (map[string]string, error) {
	malformed := violation("invalid startup packet layout: expected terminator as last byte").AsFatal()
	parameters := map[string]string{}
	for {
		name, rest, found := bytes.Cut(body, []byte{0})
		if !found {
			return nil, malformed
		}
		if len(name) == 0 {
			if len(rest) > 0 {
				return nil, malformed
			}
			return parameters, nil
		}
		value, rest, found := bytes.Cut(rest, []byte{0})
		if !found {
			return nil, malformed
		}
		parameters[string(name)] = string(value)
		body = rest
	}
}

// applyStartup takes the settings out of the start packet. The database's name
// is not checked: a directory holds one.
func (c *conn) applyStartup(parameters map[string]string) error {
	if parameters["replication"] != "" {
		return pgerr.New(pgerr.FeatureNotSupported, "replication is not supported")
	}
	for _, pair := range commandLineSettings(parameters["options"]) {
		if err := c.settings.start(pair.name, pair.value); err != nil {
			return err
		}
	}
	for name, value := range parameters {
		switch name {
		case "user", "database", "options", "replication":
		default:
			if err := c.settings.start(name, value); err != nil {
				return err
			}
		}
	}
	c.settings.user = parameters["user"]
	c.settings.keepAsDefaults()
	return nil
}

// refuse reads the client's start packet, so that its library is ready for an
// answer, and gives the reason. A cancel request is served all the same.
func (c *conn) refuse(reason error) {
	c.socket.SetDeadline(time.Now().Add(refusalTimeout))
	_, err := c.startupParameters()
	if errors.Is(err, errOver) {
		return
	}
	if err == nil {
		err = reason
	}
	c.farewell(err)
}

type settingPair struct{ name, value string }

// commandLineSettings reads "-c name=value" and "--name=value", the only
// command-line options that make sense here; a backslash keeps a space.
func commandLineSettings(options string) []settingPair {
	var pairs []settingPair
	words := optionWords(options)
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch {
		case word == "-c" && i+1 < len(words):
			i++
			word = words[i]
		case strings.HasPrefix(word, "-c"), strings.HasPrefix(word, "--"):
			word = word[2:]
		}
		name, value, _ := strings.Cut(word, "=")
		pairs = append(pairs, settingPair{strings.ReplaceAll(name, "-", "_"), value})
	}
	return pairs
}

func optionWords(options string) []string {
	var words []string
	var word strings.Builder
	inWord, escaped := false, false
	for _, r := range options {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped, inWord = true, true
		case r == ' ' || r == '\t' || r == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}
